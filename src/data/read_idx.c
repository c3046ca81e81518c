/* MNIST's IDX format: 0, 0, type, number of dimensions, the dimensions as 32 bits, the elements; all big-endian. Plain
 * or compressed with gzip. */
#include <ranvier/data.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/dataset.h"

#define MAX_EXPANSION 1032 /* bytes that deflate makes of one at most */
#define BLOCK 65536        /* bytes that are read and converted at a time; a multiple of every element's size */

typedef struct idx_file {
    rv_context *context;
    const char *path;
    gzFile file;
    unsigned char type;
    size_t size; /* bytes of one element */
    int num_dims;
    size_t shape[RV_MAX_DIMS + 1];
    size_t count; /* elements */
} idx_file;

static size_t element_size(unsigned char type)
{
    switch (type) {
    case 0x08: /* unsigned byte */
    case 0x09: /* signed byte */
        return 1;
    case 0x0B: /* short */
        return 2;
    case 0x0C: /* int */
    case 0x0D: /* float */
        return 4;
    case 0x0E: /* double */
        return 8;
    default:
        return 0;
    }
}

static double element(unsigned char type, size_t size, const unsigned char *bytes)
{
    uint64_t bits = 0;
    uint32_t bits32;
    float single;
    double real;

    for (size_t i = 0; i < size; i++)
        bits = bits << 8 | bytes[i];
    bits32 = (uint32_t)(bits & 0xFFFFFFFFU);
    switch (type) {
    case 0x08:
        return (double)bits;
    case 0x09:
        return (int8_t)bytes[0];
    case 0x0B:
        return (int16_t)bits32;
    case 0x0C:
        return (int32_t)bits32;
    case 0x0D:
        memcpy(&single, &bits32, sizeof single);
        return (double)single;
    default:
        memcpy(&real, &bits, sizeof real);
        return real;
    }
}

/* Exactly `bytes` bytes. */
static int read_bytes(idx_file *idx, unsigned char *out, size_t bytes)
{
    const int got = gzread(idx->file, out, (unsigned)bytes);
    int code;
    if (got >= 0 && (size_t)got == bytes)
        return RV_OK;
    const char *reason = gzerror(idx->file, &code);
    if (code == Z_ERRNO)
        return rv_fail(idx->context, RV_ERR_FILE, "%s: cannot read: %m", idx->path);
    return rv_fail(idx->context, RV_ERR_FORMAT, "%s: %s", idx->path,
                   code == Z_OK || code == Z_BUF_ERROR ? "ends too early" : reason);
}

/* What the header claims must fit what the file can hold before anything is allocated for it. */
static int check_size(idx_file *idx)
{
    struct stat info;
    size_t bytes = idx->size;
    bool fits = true;

    if (stat(idx->path, &info) != 0)
        return rv_fail(idx->context, RV_ERR_FILE, "%s: cannot read: %m", idx->path);
    idx->count = 1;
    for (int i = 0; i < idx->num_dims; i++) {
        fits = fits && rv_multiply(bytes, idx->shape[i], &bytes);
        idx->count *= idx->shape[i];
    }
    if (!fits || bytes / (gzdirect(idx->file) ? 1 : MAX_EXPANSION) > (uint64_t)info.st_size)
        return rv_fail(idx->context, RV_ERR_FORMAT, "%s: ends too early: its header claims more than it can hold",
                       idx->path);
    return RV_OK;
}

static int read_header(idx_file *idx)
{
    unsigned char bytes[4 * (RV_MAX_DIMS + 1)];
    int rc = read_bytes(idx, bytes, 4);
    if (rc < 0)
        return rc;
    idx->type = bytes[2];
    idx->size = element_size(idx->type);
    idx->num_dims = bytes[3];
    if (bytes[0] != 0 || bytes[1] != 0 || idx->size == 0)
        return rv_fail(idx->context, RV_ERR_FORMAT, "%s: not an IDX file: it starts with %02x %02x %02x %02x",
                       idx->path, bytes[0], bytes[1], bytes[2], bytes[3]);
    if (idx->num_dims < 1 || idx->num_dims > RV_MAX_DIMS + 1)
        return rv_fail(idx->context, RV_ERR_FORMAT, "%s: has %d dimensions, expected 1 to %d", idx->path,
                       idx->num_dims, RV_MAX_DIMS + 1);
    if ((rc = read_bytes(idx, bytes, 4 * (size_t)idx->num_dims)) < 0)
        return rc;
    for (int i = 0; i < idx->num_dims; i++)
        idx->shape[i] = (size_t)bytes[4 * i] << 24 | (size_t)bytes[4 * i + 1] << 16 | (size_t)bytes[4 * i + 2] << 8 |
                        (size_t)bytes[4 * i + 3];
    return check_size(idx);
}

static int open_idx(idx_file *idx, rv_context *context, const char *path)
{
    *idx = (idx_file){.context = context, .path = path};
    errno = 0;
    idx->file = gzopen(path, "rbe");
    if (!idx->file && errno == 0)
        return rv_fail_memory(context, BLOCK, path);
    if (!idx->file)
        return rv_fail(context, RV_ERR_FILE, "%s: cannot open: %m", path);
    return read_header(idx);
}

typedef int (*element_fn)(rv_dataset *dataset, const idx_file *idx, size_t i, double x);

/* Reads all elements, and sees that the file ends there. */
static int for_each_element(idx_file *idx, rv_dataset *dataset, element_fn fn)
{
    unsigned char block[BLOCK];
    int rc;

    for (size_t i = 0; i < idx->count;) {
        const size_t left = idx->count - i;
        const size_t num = left < BLOCK / idx->size ? left : BLOCK / idx->size;
        if ((rc = read_bytes(idx, block, num * idx->size)) < 0)
            return rc;
        for (size_t j = 0; j < num; j++, i++)
            if ((rc = fn(dataset, idx, i, element(idx->type, idx->size, block + j * idx->size))) < 0)
                return rc;
    }
    const int more = gzread(idx->file, block, 1);
    int code;
    gzerror(idx->file, &code);
    if (more == 0 && code == Z_BUF_ERROR) /* the elements are there, but not the end of the compressed stream */
        return rv_fail(idx->context, RV_ERR_FORMAT, "%s: ends too early", idx->path);
    if (more != 0)
        return rv_fail(idx->context, RV_ERR_FORMAT, "%s: goes on after its %zu elements, or is damaged", idx->path,
                       idx->count);
    return RV_OK;
}

static int set_value(rv_dataset *dataset, const idx_file *idx, size_t i, double x)
{
    return rv_dataset_set_value(dataset, idx->context, i, x, idx->path);
}

static int set_label(rv_dataset *dataset, const idx_file *idx, size_t i, double x)
{
    return rv_dataset_set_label(dataset, idx->context, i, x, idx->path);
}

static int read_values(rv_dataset *out, rv_context *context, const char *path)
{
    static const size_t one[] = {1}; /* a list of numbers is one input an example */
    idx_file idx;
    int rc = open_idx(&idx, context, path);
    if (rc < 0)
        goto out;
    const bool is_list = idx.num_dims == 1;
    if ((rc = rv_dataset_start(out, context, idx.shape[0], is_list ? 1 : idx.num_dims - 1,
                               is_list ? one : idx.shape + 1, path)) == RV_OK &&
        (rc = rv_dataset_add_values(out, context, path)) == RV_OK)
        rc = for_each_element(&idx, out, set_value);
out:
    if (idx.file)
        gzclose(idx.file);
    return rc;
}

static int read_labels(rv_dataset *out, rv_context *context, const char *path)
{
    idx_file idx;
    int rc = open_idx(&idx, context, path);
    if (rc < 0)
        goto out;
    if (idx.num_dims != 1 || idx.count != out->num_examples) {
        rc = rv_fail(context, RV_ERR_SHAPE, "%s: has %zu labels in %d dimension(s), expected %zu in 1", path,
                     idx.count, idx.num_dims, out->num_examples);
        goto out;
    }
    if ((rc = rv_dataset_add_labels(out, context, path)) == RV_OK)
        rc = for_each_element(&idx, out, set_label);
out:
    if (idx.file)
        gzclose(idx.file);
    return rc;
}

int rv_read_idx(rv_dataset *out, rv_context *context, const char *images, const char *labels)
{
    memset(out, 0, sizeof *out);
    int rc = read_values(out, context, images);
    if (rc == RV_OK && labels)
        rc = read_labels(out, context, labels);
    if (rc < 0)
        rv_dataset_clear(out);
    return rc;
}
