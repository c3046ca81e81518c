/* .h5 is one HDF5 file: the architecture is an attribute of its root, the weights are in the group model_weights. .keras is
 * a zip archive: config.json, and model.weights.h5 with the weights in the group layers. */
#include "convert/keras_scan.h"

#include "store/h5.h"
#include "store/isolate.h"

#if RV_HAVE_HDF5

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#define MAX_CONFIG ((uint64_t)1 << 26) /* bytes of JSON */
#define MAX_RATIO 1032                 /* of what deflate makes smaller */
#define MAX_NAME 1024
#define MAX_DEPTH 12 /* of groups in groups */
#define MAX_OBJECTS 65536

typedef struct scan {
    int fd;
    const rv_keras_scan *of;
    size_t num_objects;
    char name[MAX_NAME]; /* path of the object at hand */
} scan;

static void put(const scan *s, rv_keras_record record, const char *name, const void *data)
{
    rv_isolated_write(s->fd, &record, sizeof record);
    rv_isolated_write(s->fd, name, record.name_bytes);
    rv_isolated_write(s->fd, data, record.data_bytes);
}

static void put_config(const scan *s, const char *text)
{
    put(s, (rv_keras_record){.kind = RV_KERAS_CONFIG, .data_bytes = strlen(text)}, NULL, text);
}

/* The last record. */
__attribute__((format(printf, 2, 3), noreturn)) static void fail(const scan *s, const char *format, ...)
{
    char reason[MAX_NAME];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    put(s, (rv_keras_record){.kind = RV_KERAS_FAULT, .data_bytes = strlen(reason)}, NULL, reason);
    _exit(0);
}

/* ---- weights ---- */

/* A dataset of numbers in 1 to 4 dimensions; others are no weights of a layer that is converted. */
static void put_array(const scan *s, hid_t set)
{
    rv_keras_record record = {.kind = RV_KERAS_ARRAY, .name_bytes = strlen(s->name)};
    const hid_t space = H5Dget_space(set), type = H5Dget_type(set);
    const int num_dims = H5Sget_simple_extent_ndims(space);
    hsize_t dims[RV_KERAS_MAX_DIMS];
    if (num_dims < 1 || num_dims > RV_KERAS_MAX_DIMS || H5Sget_simple_extent_dims(space, dims, NULL) != num_dims ||
        !rv_h5_is_number(type))
        return;
    record.num_dims = (uint32_t)num_dims;
    record.data_bytes = sizeof(float);
    for (int d = 0; d < num_dims; d++) {
        record.shape[d] = dims[d];
        if (__builtin_mul_overflow(record.data_bytes, dims[d], &record.data_bytes))
            fail(s, "'%s' is too large", s->name);
    }
    if (record.data_bytes / MAX_RATIO > s->of->bytes * sizeof(float))
        fail(s, "'%s' claims %zu numbers", s->name, (size_t)(record.data_bytes / sizeof(float)));
    void *data = malloc(record.data_bytes + 1);
    if (!data || H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        fail(s, "'%s' cannot be read", s->name);
    put(s, record, s->name, data);
    free(data);
    H5Sclose(space);
    H5Tclose(type);
}

static void walk(scan *s, hid_t group, int depth);

/* Number i of a group. */
static void visit(scan *s, hid_t group, hsize_t i, int depth)
{
    const size_t before = strlen(s->name);
    const ssize_t length = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, NULL, 0, H5P_DEFAULT);
    if (length < 1 || before + (size_t)length + 2 > MAX_NAME)
        return;
    s->name[before] = '/';
    H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, s->name + before + 1, (size_t)length + 1,
                       H5P_DEFAULT);
    const hid_t object = H5Oopen(group, s->name + before + 1, H5P_DEFAULT);
    const H5I_type_t type = object < 0 ? H5I_BADID : H5Iget_type(object);
    if (type == H5I_DATASET)
        put_array(s, object);
    else if (type == H5I_GROUP)
        walk(s, object, depth + 1);
    if (object >= 0)
        H5Oclose(object);
    s->name[before] = '\0';
}

static void walk(scan *s, hid_t group, int depth)
{
    H5G_info_t info;
    if (depth > MAX_DEPTH || H5Gget_info(group, &info) < 0)
        return;
    for (hsize_t i = 0; i < info.nlinks; i++) {
        if (++s->num_objects > MAX_OBJECTS)
            fail(s, "more than %d objects", MAX_OBJECTS);
        visit(s, group, i, depth);
    }
}

static void put_weights(scan *s, hid_t file, const char *group)
{
    const hid_t root = H5Gopen2(file, group, H5P_DEFAULT);
    if (root < 0) /* a model whose layers have none */
        return;
    snprintf(s->name, sizeof s->name, "%s", group);
    walk(s, root, 0);
}

/* ---- .h5 ---- */

/* The attribute model_config, a text of fixed or of variable length. */
static void put_attribute(const scan *s, hid_t file)
{
    const hid_t attribute = H5Aopen(file, "model_config", H5P_DEFAULT);
    if (attribute < 0)
        fail(s, "no attribute model_config: not a Keras model with its architecture");
    const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    const size_t size = H5Tget_size(type);
    char *text = NULL;
    if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1)
        fail(s, "model_config is not a text");
    const bool is_variable = H5Tis_variable_str(type) > 0;
    if (!is_variable && (size > s->of->bytes || !(text = calloc(size + 1, 1))))
        fail(s, "model_config claims %zu bytes", size);
    if (H5Aread(attribute, type, is_variable ? (void *)&text : text) < 0 || !text || strlen(text) > MAX_CONFIG)
        fail(s, "model_config is damaged");
    put_config(s, text);
}

/* ---- .keras ---- */

/* A member of an archive, with a 0 after it. */
static void *read_member(const scan *s, zip_t *archive, const char *name, uint64_t limit, size_t *bytes)
{
    zip_stat_t stat;
    zip_stat_init(&stat);
    if (zip_stat(archive, name, 0, &stat) || !(stat.valid & ZIP_STAT_SIZE) || !(stat.valid & ZIP_STAT_COMP_SIZE))
        fail(s, "no '%s' in the archive", name);
    if (stat.size > limit || stat.comp_size > s->of->bytes || stat.size / MAX_RATIO > stat.comp_size)
        fail(s, "'%s' claims %zu bytes", name, (size_t)stat.size);
    char *data = calloc((size_t)stat.size + 1, 1);
    zip_file_t *member = data ? zip_fopen(archive, name, 0) : NULL;
    if (!member || zip_fread(member, data, stat.size) != (zip_int64_t)stat.size)
        fail(s, "'%s' is damaged", name);
    *bytes = (size_t)stat.size;
    return data;
}

static void scan_archive(scan *s)
{
    int code;
    size_t bytes;
    zip_t *archive = zip_open(s->of->path, ZIP_RDONLY, &code);
    if (!archive)
        fail(s, "not a Keras file");
    put_config(s, read_member(s, archive, "config.json", MAX_CONFIG, &bytes));
    void *image = read_member(s, archive, "model.weights.h5", UINT64_MAX, &bytes);
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    hid_t file = -1;
    if (H5Pset_fapl_core(access, (size_t)1 << 16, false) >= 0 && H5Pset_file_image(access, image, bytes) >= 0)
        file = H5Fopen("model.weights.h5", H5F_ACC_RDONLY, access);
    if (file < 0)
        fail(s, "model.weights.h5 is not an HDF5 file");
    put_weights(s, file, "layers");
}

size_t rv_keras_scan_bound(const rv_keras_scan *of)
{
    uint64_t bound;
    const bool overflows = __builtin_mul_overflow(of->bytes, (uint64_t)MAX_RATIO * sizeof(float), &bound);
    return overflows || bound > SIZE_MAX - MAX_CONFIG ? SIZE_MAX : (size_t)(bound + MAX_CONFIG);
}

void rv_keras_scan_run(int fd, const void *user)
{
    scan s = {.fd = fd, .of = user};
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    const hid_t file = H5Fopen(s.of->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0) {
        scan_archive(&s);
    } else {
        put_attribute(&s, file);
        put_weights(&s, file, "model_weights");
    }
}

#endif
