/* Spike trains in NumPy files, mapped into memory: what is not needed now need not be in it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/dataset.h"
#include "data/spikes.h"
#include "store/ndarray.h"
#include "store/npy_header.h"

#define MAX_NEURONS_16 65536

/* ---- read ---- */

/* Checks the header of a list and says where its elements begin: *offset from the file's start, *num of them. */
static int read_header(size_t *offset, size_t *num, rv_context *context, const char *path, rv_dtype dtype,
                       const char *type_name)
{
    rv_source *source = NULL;
    rv_npy_header header;
    int rc = rv_source_open(&source, context, path);
    const uint64_t all = rc < 0 ? 0 : rv_source_left(source);
    if (rc >= 0)
        rc = rv_npy_header_read(&header, source);
    if (rc >= 0) {
        const uint64_t left = rv_source_left(source);
        if (header.dtype != dtype || header.is_half || header.swapped || header.num_dims != 1)
            rc = rv_fail(context, RV_ERR_FORMAT, "%s: expected a list of %s in this machine's byte order", path,
                         type_name);
        else if (left / header.file_size < header.shape[0])
            rc = rv_fail(context, RV_ERR_FORMAT, "%s: ends before its %zu elements do", path, header.shape[0]);
        else if ((all - left) % sizeof(float) != 0)
            rc = rv_fail(context, RV_ERR_FORMAT, "%s: its elements are not aligned", path);
        *offset = (size_t)(all - left);
        *num = header.shape[0];
    }
    rv_source_close(source);
    return rc;
}

/* Maps the elements of a list. */
static int map_list(rv_mapping *out, size_t *num, rv_context *context, const char *path, rv_dtype dtype,
                    const char *type_name)
{
    const size_t element = dtype == RV_UINT16 ? sizeof(uint16_t) : sizeof(uint32_t); /* and float32 */
    size_t offset = 0;
    struct stat info = {0};
    int rc = read_header(&offset, num, context, path, dtype, type_name);
    if (rc < 0)
        return rc;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *base = fd >= 0 && fstat(fd, &info) == 0 && info.st_size > 0
                     ? mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0)
                     : MAP_FAILED;
    const int reason = errno;
    if (fd >= 0)
        close(fd);
    if (base == MAP_FAILED)
        return rv_fail(context, RV_ERR_FILE, "%s: cannot be mapped: %s", path, strerror(reason));
    if ((size_t)info.st_size < offset + *num * element) { /* since its header was read */
        munmap(base, (size_t)info.st_size);
        return rv_fail(context, RV_ERR_FILE, "%s: has become shorter", path);
    }
    madvise(base, (size_t)info.st_size, MADV_RANDOM); /* examples come in any order, and are announced */
    *out = (rv_mapping){.base = base, .bytes = (size_t)info.st_size, .first = (const char *)base + offset};
    return RV_OK;
}

/* Offsets ascend from 0 to the number of spikes. From the library's allocator. */
static int read_offsets(uint64_t **out, size_t *num_examples, rv_context *context, const char *path, size_t num_spikes)
{
    rv_ndarray array;
    int rc = rv_npy_read(&array, context, path);
    if (rc < 0)
        return rc;
    if (!rv_dtype_is_integer(array.dtype) || array.num_dims != 1 || array.size < 1)
        rc = rv_fail(context, RV_ERR_FORMAT, "%s: expected a list of integers, one more than there are examples", path);
    else if (!(*out = rv_alloc(context, array.size, sizeof **out, path)))
        rc = RV_ERR_MEMORY;
    for (size_t i = 0; rc >= 0 && i < array.size; i++) {
        const double value = rv_ndarray_get(&array, i), before = i > 0 ? (double)(*out)[i - 1] : 0;
        if (!(value >= before && value <= (double)num_spikes) || (i == 0 && value != 0))
            rc = rv_fail(context, RV_ERR_FORMAT, "%s: offset %zu must be %s%.0f and <= %zu, got %.0f", path, i,
                         i > 0 ? ">= " : "", before, num_spikes, value);
        else
            (*out)[i] = (uint64_t)value;
    }
    *num_examples = rc < 0 ? 0 : array.size - 1;
    rv_ndarray_clear(&array);
    return rc;
}

static int read_labels(rv_dataset *out, rv_context *context, const char *path)
{
    rv_ndarray array;
    int rc = rv_npy_read(&array, context, path);
    if (rc < 0)
        return rc;
    if (!rv_dtype_is_integer(array.dtype) || array.num_dims != 1 || array.size != out->num_examples)
        rc = rv_fail(context, RV_ERR_SHAPE, "%s: expected a list of %zu integers, a label for each example", path,
                     out->num_examples);
    else
        rc = rv_dataset_add_labels(out, context, path);
    for (size_t i = 0; rc >= 0 && i < array.size; i++)
        rc = rv_dataset_set_label(out, context, i, rv_ndarray_get(&array, i), path);
    rv_ndarray_clear(&array);
    return rc;
}

static int check_files(rv_context *context, const rv_spike_files *files)
{
    if (!files->times || !files->ids || !files->offsets)
        return rv_fail(context, RV_ERR_ARGUMENT, "spike files: times, ids and offsets must be named");
    if (files->num_neurons < 1 || files->num_neurons > INT32_MAX)
        return rv_fail(context, RV_ERR_ARGUMENT, "spike files: num_neurons must be 1 to %d, got %zu", INT32_MAX,
                       files->num_neurons);
    return RV_OK;
}

int rv_read_spike_files(rv_dataset *out, rv_context *context, const rv_spike_files *files)
{
    const bool wide = files->num_neurons > MAX_NEURONS_16;
    rv_mapping times = {0}, ids = {0};
    uint64_t *offsets = NULL;
    size_t num_times = 0, num_ids = 0, num_examples = 0;
    memset(out, 0, sizeof *out);
    int rc = check_files(context, files);
    if (rc >= 0)
        rc = map_list(&times, &num_times, context, files->times, RV_FLOAT32, "float32");
    if (rc >= 0)
        rc = map_list(&ids, &num_ids, context, files->ids, wide ? RV_UINT32 : RV_UINT16, wide ? "uint32" : "uint16");
    if (rc >= 0 && num_ids != num_times)
        rc = rv_fail(context, RV_ERR_SHAPE, "%s: has %zu ids, expected %zu, one for each time", files->ids, num_ids,
                     num_times);
    if (rc >= 0)
        rc = read_offsets(&offsets, &num_examples, context, files->offsets, num_times);
    if (rc >= 0)
        rc = rv_dataset_start(out, context, num_examples, 1, &files->num_neurons, files->times);
    if (rc >= 0) {
        rc = rv_spikes_create_mapped(&out->spikes, context, files->num_neurons, offsets, num_examples, &times, &ids);
        if (rc >= 0) {
            offsets = NULL; /* the spikes' now, with the mappings */
            times.base = ids.base = NULL;
        }
    }
    if (rc >= 0 && files->labels)
        rc = read_labels(out, context, files->labels);
    rv_free(offsets);
    rv_mapping_end(&times);
    rv_mapping_end(&ids);
    if (rc < 0)
        rv_dataset_clear(out);
    return rc;
}

/* ---- write ---- */

static int write_list(rv_context *context, const char *path, rv_dtype dtype, const void *data, size_t num)
{
    union {
        const void *constant;
        void *data;
    } u = {data}; /* writing only reads */
    const rv_ndarray array = {.dtype = dtype, .num_dims = 1, .shape = {num}, .size = num, .data = u.data};
    return path ? rv_npy_write(context, path, &array) : RV_OK;
}

int rv_write_spike_files(const rv_dataset *dataset, rv_context *context, const rv_spike_files *files)
{
    const float *times = NULL;
    const uint16_t *ids16 = NULL;
    const uint32_t *ids32 = NULL;
    const uint64_t *offsets;
    int rc = check_files(context, files);
    if (rc >= 0 && (!dataset->spikes || rv_spikes_num_neurons(dataset->spikes) != files->num_neurons))
        rc = rv_fail(context, RV_ERR_ARGUMENT, "spike files: the data set must have spikes of %zu neurons",
                     files->num_neurons);
    if (rc < 0)
        return rc;
    const size_t num = rv_spikes_all(dataset->spikes, &offsets, &times, &ids16, &ids32);
    rc = write_list(context, files->times, RV_FLOAT32, times, num);
    if (rc >= 0)
        rc = ids32 ? write_list(context, files->ids, RV_UINT32, ids32, num)
                   : write_list(context, files->ids, RV_UINT16, ids16, num);
    if (rc >= 0)
        rc = write_list(context, files->offsets, RV_UINT64, offsets, dataset->num_examples + 1);
    if (rc >= 0 && files->labels && dataset->labels)
        rc = write_list(context, files->labels, RV_INT32, dataset->labels, dataset->num_examples);
    return rc;
}
