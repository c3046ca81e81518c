#include "convert/keras_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "convert/keras_scan.h"
#include "store/h5.h"
#include "store/isolate.h"

/* One array, in the scan's bytes. */
typedef struct array {
    rv_keras_record record;
    const char *name; /* (record.name_bytes) no 0 behind it */
    const unsigned char *data;
} array;

struct rv_keras_file {
    rv_context *context;
    const char *path;     /* borrowed */
    unsigned char *bytes; /* of the scan */
    size_t size;
    char *config;
    array *arrays;
    size_t num_arrays, capacity;
};

#if RV_HAVE_HDF5

#define CPU_SECONDS 10              /* of a processor that any scan may take */
#define BYTES_PER_SECOND (1U << 21) /* and what must be read in each further one */

/* One record of the scan, which a damaged file may have made anything. */
static int take_record(rv_keras_file *file, const rv_keras_record *record, const unsigned char *data)
{
    rv_context *context = file->context;
    if (record->kind == RV_KERAS_FAULT)
        return rv_fail(context, RV_ERR_FORMAT, "%s: %.*s", file->path, (int)record->data_bytes,
                       (const char *)data + record->name_bytes);
    if (record->kind == RV_KERAS_CONFIG && !file->config) {
        file->config = rv_alloc(context, record->data_bytes + 1, 1, "architecture of a Keras model");
        if (file->config)
            memcpy(file->config, data + record->name_bytes, record->data_bytes);
        return file->config ? RV_OK : RV_ERR_MEMORY;
    }
    uint64_t bytes = sizeof(float);
    bool fits = record->kind == RV_KERAS_ARRAY && record->num_dims <= RV_KERAS_MAX_DIMS;
    for (uint32_t d = 0; fits && d < record->num_dims; d++)
        fits = !__builtin_mul_overflow(bytes, record->shape[d], &bytes);
    if (!fits || bytes != record->data_bytes)
        return rv_fail(context, RV_ERR_FORMAT, "%s: the file is damaged", file->path);
    if (rv_grow(context, &file->arrays, &file->capacity, file->num_arrays + 1, sizeof *file->arrays,
                "arrays of a file"))
        return RV_ERR_MEMORY;
    file->arrays[file->num_arrays++] =
        (array){.record = *record, .name = (const char *)data, .data = data + record->name_bytes};
    return RV_OK;
}

static int index_records(rv_keras_file *file)
{
    size_t at = 0;
    int error = RV_OK;
    while (at < file->size && !error) {
        rv_keras_record record;
        const size_t left = file->size - at;
        if (left >= sizeof record)
            memcpy(&record, file->bytes + at, sizeof record);
        if (left < sizeof record || record.name_bytes > left - sizeof record ||
            record.data_bytes > left - sizeof record - record.name_bytes)
            return rv_fail(file->context, RV_ERR_FORMAT, "%s: the file is damaged", file->path);
        error = take_record(file, &record, file->bytes + at + sizeof record);
        at += sizeof record + record.name_bytes + record.data_bytes;
    }
    if (!error && !file->config)
        error = rv_fail(file->context, RV_ERR_FORMAT, "%s: the file is damaged", file->path);
    return error;
}

int rv_keras_file_open(rv_keras_file **out, rv_context *context, const char *path)
{
    struct stat stat_of;
    rv_h5_scope scope;
    *out = NULL;
    if (stat(path, &stat_of))
        return rv_fail(context, RV_ERR_FILE, "%s: %s", path, strerror(errno));
    if (!S_ISREG(stat_of.st_mode))
        return rv_fail(context, RV_ERR_FILE, "%s: not a file", path);
    rv_keras_file *file = rv_alloc(context, 1, sizeof *file, "Keras file");
    if (!file)
        return RV_ERR_MEMORY;
    *file = (rv_keras_file){.context = context, .path = path};
    const rv_keras_scan scan = {.path = path, .bytes = (uint64_t)stat_of.st_size};
    rv_h5_begin(&scope); /* no other thread is inside HDF5 when the child is made */
    int error = rv_isolate(&file->bytes, &file->size, context, path, rv_keras_scan_run, &scan,
                           rv_keras_scan_bound(&scan), CPU_SECONDS + (unsigned)(scan.bytes / BYTES_PER_SECOND));
    rv_h5_end(&scope);
    if (!error)
        error = index_records(file);
    if (error)
        rv_keras_file_close(file);
    else
        *out = file;
    return error;
}

#else

int rv_keras_file_open(rv_keras_file **out, rv_context *context, const char *path)
{
    *out = NULL;
    return rv_fail(context, RV_ERR_UNSUPPORTED, "%s: this build cannot read HDF5", path);
}

#endif

void rv_keras_file_close(rv_keras_file *file)
{
    if (!file)
        return;
    rv_free(file->arrays);
    rv_free(file->config);
    rv_free(file->bytes);
    rv_free(file);
}

const char *rv_keras_file_config(const rv_keras_file *file)
{
    return file->config;
}

/* ---- weights ---- */

static bool is_named(const array *a, const char *path)
{
    const size_t length = strlen(path);
    return a->record.name_bytes == length && memcmp(path, a->name, length) == 0;
}

/* "model_weights/<layer>/.../kernel" of .h5, with ":0" behind it before Keras 3. */
static bool is_below(const array *a, const char *layer, const char *variable)
{
    static const char group[] = "model_weights/";
    const size_t size = a->record.name_bytes, head = sizeof group - 1, name = strlen(layer), tail = strlen(variable);
    const size_t end = size > 2 && memcmp(a->name + size - 2, ":0", 2) == 0 ? size - 2 : size;
    return end >= head + name + 1 + tail && memcmp(a->name, group, head) == 0 &&
           memcmp(a->name + head, layer, name) == 0 && a->name[head + name] == '/' && a->name[end - tail - 1] == '/' &&
           memcmp(a->name + end - tail, variable, tail) == 0;
}

/* "layers/dense_1/vars/0" of .keras, which newer versions name by the layer; NULL if there is none. */
static const array *find_weight(const rv_keras_file *file, const char *layer, const char *key, const char *variable,
                                int index)
{
    char path[1024];
    for (int form = 0; form < 3; form++) {
        snprintf(path, sizeof path, "layers/%s/vars/%d", form == 0 ? key : layer, index);
        for (size_t i = 0; i < file->num_arrays; i++)
            if (form < 2 ? is_named(&file->arrays[i], path) : is_below(&file->arrays[i], layer, variable))
                return &file->arrays[i];
    }
    return NULL;
}

static int copy_weight(float **out, const rv_keras_file *file, const array *a, const char *layer, const char *variable,
                       int num_dims, const size_t *shape)
{
    bool fits = a->record.num_dims == (uint32_t)num_dims;
    size_t size = 1;
    for (int d = 0; d < num_dims && fits; d++) {
        fits = a->record.shape[d] == shape[d];
        size *= shape[d];
    }
    if (!fits)
        return rv_fail(file->context, RV_ERR_FORMAT, "%s: layer '%s': %s has not the shape that its layer needs",
                       file->path, layer, variable);
    if (!(*out = rv_alloc(file->context, size, sizeof **out, "weights of a Keras layer")))
        return RV_ERR_MEMORY;
    memcpy(*out, a->data, size * sizeof **out);
    for (size_t i = 0; i < size; i++)
        if (!__builtin_isfinite((*out)[i]))
            return rv_fail(file->context, RV_ERR_FORMAT, "%s: layer '%s': %s [%zu] is not finite", file->path, layer,
                           variable, i);
    return RV_OK;
}

int rv_keras_file_weight(float **out, const rv_keras_file *file, const char *layer, const char *key,
                         const char *variable, int index, int num_dims, const size_t *shape)
{
    const array *a = find_weight(file, layer, key, variable, index);
    if (a)
        return copy_weight(out, file, a, layer, variable, num_dims, shape);
    return rv_fail(file->context, RV_ERR_FORMAT, "%s: layer '%s': no weights '%s'", file->path, layer, variable);
}
