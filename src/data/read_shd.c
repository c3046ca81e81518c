/* HDF5 files laid out as the Spiking Heidelberg Digits: spikes/times and spikes/units hold one list of variable length
 * per example, labels one number. */
#include <ranvier/data.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/dataset.h"
#include "data/spikes.h"
#include "store/h5.h"

#if RV_HAVE_HDF5

#define ROWS 64 /* examples read at a time */

/* One of the three data sets, open for reading. */
typedef struct column {
    const char *name;
    hid_t dataset;
    hid_t space;    /* in the file */
    hid_t type;     /* in memory: number, or list of numbers */
    hsize_t length; /* examples */
} column;

typedef struct shd_file {
    rv_context *context;
    const char *path;
    double time_scale; /* ms per unit */
    hid_t file;
    column times, units, labels;
    double *scaled; /* ms, the spikes of one example */
    size_t scaled_capacity;
    int32_t *ids;
    size_t ids_capacity;
} shd_file;

static int fail_column(const shd_file *shd, const column *c, const char *detail)
{
    return rv_fail(shd->context, RV_ERR_FORMAT, "%s: %s: %s", shd->path, c->name, detail);
}

/* Lists of numbers if is_list, else numbers; labels may be missing. */
static int open_column(shd_file *shd, column *c, bool is_list, hid_t number, hsize_t max_length)
{
    int rc = RV_OK;
    hid_t stored = -1, base = -1;

    c->dataset = H5Dopen2(shd->file, c->name, H5P_DEFAULT);
    if (c->dataset < 0)
        return fail_column(shd, c, "there is no such data set");
    c->space = H5Dget_space(c->dataset);
    stored = H5Dget_type(c->dataset);
    base = is_list && stored >= 0 && H5Tget_class(stored) == H5T_VLEN ? H5Tget_super(stored) : H5Tcopy(stored);
    const H5T_class_t class = H5Tget_class(base);
    if (c->space < 0 || H5Sget_simple_extent_ndims(c->space) != 1 ||
        H5Sget_simple_extent_dims(c->space, &c->length, NULL) != 1 || c->length > max_length)
        rc = fail_column(shd, c, "expected one dimension, of a length that fits the file");
    else if ((is_list && H5Tget_class(stored) != H5T_VLEN) || (class != H5T_INTEGER && class != H5T_FLOAT))
        rc = fail_column(shd, c, is_list ? "expected lists of numbers (variable length)" : "expected numbers");
    c->type = is_list ? H5Tvlen_create(number) : H5Tcopy(number);
    H5Tclose(base);
    H5Tclose(stored);
    return rc;
}

static void close_column(const column *c)
{
    if (c->type > 0)
        H5Tclose(c->type);
    if (c->space > 0)
        H5Sclose(c->space);
    if (c->dataset > 0)
        H5Dclose(c->dataset);
}

/* Rows start .. start + num - 1 into out; *selection is the memory space, closed by the caller. */
static int read_rows(const shd_file *shd, const column *c, hsize_t start, hsize_t num, hid_t *selection, void *out)
{
    *selection = H5Screate_simple(1, &num, NULL);
    if (*selection < 0 || H5Sselect_hyperslab(c->space, H5S_SELECT_SET, &start, NULL, &num, NULL) < 0 ||
        H5Dread(c->dataset, c->type, *selection, c->space, H5P_DEFAULT, out) < 0)
        return fail_column(shd, c, "cannot be read, the file is damaged");
    return RV_OK;
}

static int append_example(shd_file *shd, rv_spikes *spikes, const hvl_t *times, const hvl_t *units)
{
    const size_t example = rv_spikes_num_examples(spikes);
    const double *time = times->p;
    const int64_t *unit = units->p;
    int rc;

    if (times->len != units->len)
        return rv_fail(shd->context, RV_ERR_FORMAT, "%s: example %zu has %zu times and %zu units", shd->path, example,
                       times->len, units->len);
    if ((rc = rv_grow(shd->context, &shd->scaled, &shd->scaled_capacity, times->len, sizeof *shd->scaled, shd->path)) <
            0 ||
        (rc = rv_grow(shd->context, &shd->ids, &shd->ids_capacity, times->len, sizeof *shd->ids, shd->path)) < 0)
        return rc;
    for (size_t i = 0; i < times->len; i++) {
        shd->scaled[i] = time[i] * shd->time_scale;
        if (!(shd->scaled[i] >= 0) || !isfinite((float)shd->scaled[i]))
            return rv_fail(shd->context, RV_ERR_SPIKE, "%s: example %zu: spike %zu: the time must be >= 0, got %g",
                           shd->path, example, i, time[i]);
        if (unit[i] < 0 || (uint64_t)unit[i] >= rv_spikes_num_neurons(spikes))
            return rv_fail(shd->context, RV_ERR_SPIKE,
                           "%s: example %zu: spike %zu: the unit must be 0 to %zu, got %lld", shd->path, example, i,
                           rv_spikes_num_neurons(spikes) - 1, (long long)unit[i]);
        shd->ids[i] = (int32_t)unit[i];
    }
    return rv_spikes_append(spikes, shd->scaled, shd->ids, times->len);
}

/* One block of examples. HDF5 allocates the lists, and takes them back in any case. */
static int read_block(shd_file *shd, rv_spikes *spikes, hsize_t start, hsize_t num)
{
    hvl_t times[ROWS] = {{0}}, units[ROWS] = {{0}};
    hid_t times_space = -1, units_space = -1;
    int rc;

    if ((rc = read_rows(shd, &shd->times, start, num, &times_space, times)) == RV_OK)
        rc = read_rows(shd, &shd->units, start, num, &units_space, units);
    for (hsize_t i = 0; i < num && rc == RV_OK; i++)
        rc = append_example(shd, spikes, &times[i], &units[i]);
    if (times_space >= 0) {
        H5Dvlen_reclaim(shd->times.type, times_space, H5P_DEFAULT, times);
        H5Sclose(times_space);
    }
    if (units_space >= 0) {
        H5Dvlen_reclaim(shd->units.type, units_space, H5P_DEFAULT, units);
        H5Sclose(units_space);
    }
    return rc;
}

static int read_labels(shd_file *shd, rv_dataset *out)
{
    double block[ROWS] = {0};
    hid_t space = -1;
    int rc = rv_dataset_add_labels(out, shd->context, shd->path);

    for (hsize_t start = 0; start < out->num_examples && rc == RV_OK; start += ROWS) {
        const hsize_t left = out->num_examples - start;
        const hsize_t num = left < ROWS ? left : ROWS;
        rc = read_rows(shd, &shd->labels, start, num, &space, block);
        if (space >= 0)
            H5Sclose(space);
        for (hsize_t i = 0; i < num && rc == RV_OK; i++)
            rc = rv_dataset_set_label(out, shd->context, (size_t)(start + i), block[i], shd->path);
    }
    return rc;
}

static int open_columns(shd_file *shd)
{
    hsize_t size; /* bytes; a file holds at least one byte of every example */
    int rc;

    if (H5Fget_filesize(shd->file, &size) < 0)
        return rv_fail(shd->context, RV_ERR_FORMAT, "%s: is damaged", shd->path);
    if ((rc = open_column(shd, &shd->times, true, H5T_NATIVE_DOUBLE, size)) < 0 ||
        (rc = open_column(shd, &shd->units, true, H5T_NATIVE_INT64, size)) < 0)
        return rc;
    if (H5Lexists(shd->file, shd->labels.name, H5P_DEFAULT) > 0 &&
        (rc = open_column(shd, &shd->labels, false, H5T_NATIVE_DOUBLE, size)) < 0)
        return rc;
    const bool has_labels = shd->labels.dataset > 0;
    if (shd->units.length != shd->times.length || (has_labels && shd->labels.length != shd->times.length))
        return rv_fail(shd->context, RV_ERR_SHAPE, "%s: has %llu times, %llu units and %llu labels", shd->path,
                       (unsigned long long)shd->times.length, (unsigned long long)shd->units.length,
                       (unsigned long long)shd->labels.length);
    return RV_OK;
}

static int read_file(shd_file *shd, rv_dataset *out, size_t num_units)
{
    int rc;

    shd->file = H5Fopen(shd->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (shd->file < 0)
        return rv_fail(shd->context, RV_ERR_FILE, "%s: cannot open, or not an HDF5 file", shd->path);
    if ((rc = open_columns(shd)) < 0 ||
        (rc = rv_dataset_start(out, shd->context, (size_t)shd->times.length, 1, &num_units, shd->path)) < 0 ||
        (rc = rv_spikes_create(&out->spikes, shd->context, num_units)) < 0)
        return rc;
    for (hsize_t start = 0; start < shd->times.length; start += ROWS) {
        const hsize_t left = shd->times.length - start;
        if ((rc = read_block(shd, out->spikes, start, left < ROWS ? left : ROWS)) < 0)
            return rc;
    }
    rv_spikes_trim(out->spikes);
    return shd->labels.dataset > 0 ? read_labels(shd, out) : RV_OK;
}

int rv_read_shd(rv_dataset *out, rv_context *context, const char *path, const rv_shd *desc)
{
    shd_file shd = {
        .context = context,
        .path = path,
        .time_scale = desc && desc->time_scale != 0 ? desc->time_scale : 1000,
        .times = {.name = "spikes/times"},
        .units = {.name = "spikes/units"},
        .labels = {.name = "labels"},
    };
    rv_h5_scope scope;

    memset(out, 0, sizeof *out);
    if (!isfinite(shd.time_scale) || shd.time_scale < 0)
        return rv_fail(context, RV_ERR_VALUE, "%s: time_scale must be > 0 ms, got %g", path, shd.time_scale);

    rv_h5_begin(&scope);
    const int rc = read_file(&shd, out, desc && desc->num_units ? desc->num_units : 700);
    close_column(&shd.times);
    close_column(&shd.units);
    close_column(&shd.labels);
    if (shd.file > 0)
        H5Fclose(shd.file);
    rv_h5_end(&scope);
    rv_free(shd.scaled);
    rv_free(shd.ids);
    if (rc < 0)
        rv_dataset_clear(out);
    return rc;
}

#else

int rv_read_shd(rv_dataset *out, rv_context *context, const char *path, const rv_shd *desc)
{
    (void)desc;
    memset(out, 0, sizeof *out);
    return rv_fail(context, RV_ERR_UNSUPPORTED, "%s: this build has no HDF5", path);
}

#endif
