/* HDF5 files laid out as the Spiking Heidelberg Digits: spikes/times and spikes/units hold one list of variable length
 * per example, labels one number. */
#include <ranvier/data.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/dataset.h"
#include "data/spikes.h"
#include "store/h5_lists.h"

#if RV_HAVE_HDF5

typedef struct shd_file {
    rv_context *context;
    const char *path;
    double time_scale; /* ms per unit */
    hid_t file;
    rv_h5_lists *times, *units;
    double *scaled; /* ms, the spikes of one example */
    size_t scaled_capacity;
    int32_t *ids;
    size_t ids_capacity;
} shd_file;

/* Checks and converts the spikes of one example, num times and as many units. */
static int convert(shd_file *shd, const rv_spikes *spikes, const double *times, const double *units, size_t num)
{
    const size_t example = rv_spikes_num_examples(spikes);
    const size_t num_units = rv_spikes_num_neurons(spikes);
    int rc;

    if ((rc = rv_grow(shd->context, &shd->scaled, &shd->scaled_capacity, num, sizeof *shd->scaled, shd->path)) < 0 ||
        (rc = rv_grow(shd->context, &shd->ids, &shd->ids_capacity, num, sizeof *shd->ids, shd->path)) < 0)
        return rc;
    for (size_t i = 0; i < num; i++) {
        shd->scaled[i] = times[i] * shd->time_scale;
        if (!(shd->scaled[i] >= 0) || !isfinite((float)shd->scaled[i]))
            return rv_fail(shd->context, RV_ERR_SPIKE, "%s: example %zu: spike %zu: the time must be >= 0, got %g",
                           shd->path, example, i, times[i]);
        if (!(units[i] >= 0 && units[i] < (double)num_units) || units[i] != (double)(int32_t)units[i])
            return rv_fail(shd->context, RV_ERR_SPIKE, "%s: example %zu: spike %zu: the unit must be 0 to %zu, got %g",
                           shd->path, example, i, num_units - 1, units[i]);
        shd->ids[i] = (int32_t)units[i];
    }
    return RV_OK;
}

static int read_spikes(shd_file *shd, rv_spikes *spikes)
{
    const double *times, *units;
    size_t num_times, num_units;
    int rc;

    for (size_t i = 0; i < rv_h5_lists_count(shd->times); i++) {
        if ((rc = rv_h5_lists_read(shd->times, i, &times, &num_times)) < 0 ||
            (rc = rv_h5_lists_read(shd->units, i, &units, &num_units)) < 0)
            return rc;
        if (num_times != num_units)
            return rv_fail(shd->context, RV_ERR_FORMAT, "%s: example %zu has %zu times and %zu units", shd->path, i,
                           num_times, num_units);
        if ((rc = convert(shd, spikes, times, units, num_times)) < 0 ||
            (rc = rv_spikes_append(spikes, shd->scaled, shd->ids, num_times)) < 0)
            return rc;
    }
    rv_spikes_trim(spikes);
    return RV_OK;
}

static int take_labels(const shd_file *shd, rv_dataset *out, hid_t dataset, hid_t space, hid_t type)
{
    hsize_t length = 0;
    int rc = RV_OK;

    if (H5Sget_simple_extent_ndims(space) != 1 || H5Sget_simple_extent_dims(space, &length, NULL) != 1 ||
        !rv_h5_is_number(type))
        return rv_fail(shd->context, RV_ERR_FORMAT, "%s: labels: expected numbers in one dimension", shd->path);
    if (length != out->num_examples)
        return rv_fail(shd->context, RV_ERR_SHAPE, "%s: has %zu lists of times and %llu labels", shd->path,
                       out->num_examples, (unsigned long long)length);

    double *labels = rv_alloc(shd->context, out->num_examples, sizeof *labels, shd->path);
    if (!labels)
        return RV_ERR_MEMORY;
    if (H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, labels) < 0)
        rc = rv_fail(shd->context, RV_ERR_FORMAT, "%s: labels: the file is damaged", shd->path);
    else
        rc = rv_dataset_add_labels(out, shd->context, shd->path);
    for (size_t i = 0; i < out->num_examples && rc == RV_OK; i++)
        rc = rv_dataset_set_label(out, shd->context, i, labels[i], shd->path);
    rv_free(labels);
    return rc;
}

/* Labels may be missing. */
static int read_labels(const shd_file *shd, rv_dataset *out)
{
    if (H5Lexists(shd->file, "labels", H5P_DEFAULT) <= 0)
        return RV_OK;
    const hid_t dataset = H5Dopen2(shd->file, "labels", H5P_DEFAULT);
    const hid_t space = H5Dget_space(dataset);
    const hid_t type = H5Dget_type(dataset);
    const int rc = take_labels(shd, out, dataset, space, type);
    H5Tclose(type);
    H5Sclose(space);
    H5Dclose(dataset);
    return rc;
}

static int read_file(shd_file *shd, rv_dataset *out, size_t num_units)
{
    int rc;

    shd->file = H5Fopen(shd->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (shd->file < 0)
        return rv_fail(shd->context, RV_ERR_FILE, "%s: cannot open, or not an HDF5 file", shd->path);
    if ((rc = rv_h5_lists_open(&shd->times, shd->context, shd->path, shd->file, "spikes/times")) < 0 ||
        (rc = rv_h5_lists_open(&shd->units, shd->context, shd->path, shd->file, "spikes/units")) < 0)
        return rc;
    const size_t num_examples = rv_h5_lists_count(shd->times);
    if (rv_h5_lists_count(shd->units) != num_examples)
        return rv_fail(shd->context, RV_ERR_SHAPE, "%s: has %zu lists of times and %zu of units", shd->path,
                       num_examples, rv_h5_lists_count(shd->units));
    if ((rc = rv_dataset_start(out, shd->context, num_examples, 1, &num_units, shd->path)) < 0 ||
        (rc = rv_spikes_create(&out->spikes, shd->context, num_units)) < 0 || (rc = read_spikes(shd, out->spikes)) < 0)
        return rc;
    return read_labels(shd, out);
}

int rv_read_shd(rv_dataset *out, rv_context *context, const char *path, const rv_shd *desc)
{
    shd_file shd = {
        .context = context,
        .path = path,
        .time_scale = desc && desc->time_scale != 0 ? desc->time_scale : 1000,
        .file = -1,
    };
    rv_h5_scope scope;

    memset(out, 0, sizeof *out);
    if (!isfinite(shd.time_scale) || shd.time_scale < 0)
        return rv_fail(context, RV_ERR_VALUE, "%s: time_scale must be > 0 ms, got %g", path, shd.time_scale);

    rv_h5_begin(&scope);
    const int rc = read_file(&shd, out, desc && desc->num_units ? desc->num_units : 700);
    rv_h5_lists_close(shd.times);
    rv_h5_lists_close(shd.units);
    if (shd.file >= 0)
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
