#include "convert/keras_file.h"

#include <ranvier/store.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/h5.h"

#if RV_HAVE_HDF5

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zip.h>

#define MAX_CONFIG ((size_t)1 << 26) /* bytes of JSON */
#define MAX_MEMBER ((size_t)1 << 32) /* bytes of an archive's member */
#define MAX_RATIO 1032               /* of what deflate makes smaller */
#define MAX_PATH 1024

struct rv_keras_file {
    rv_context *context;
    const char *path; /* borrowed */
    rv_h5_scope scope;
    hid_t h5;
    bool is_archive;
    char *config;
    void *image; /* of .keras: the HDF5 file */
    size_t bytes;
};

static int fail(const rv_keras_file *file, const char *reason)
{
    return rv_fail(file->context, RV_ERR_FORMAT, "%s: %s", file->path, reason);
}

/* ---- .keras ---- */

/* A member of an archive, with a 0 after it. */
static int read_member(const rv_keras_file *file, zip_t *archive, const char *name, size_t limit, void **out,
                       size_t *bytes)
{
    zip_stat_t stat;
    zip_stat_init(&stat);
    if (zip_stat(archive, name, 0, &stat) || !(stat.valid & ZIP_STAT_SIZE) || !(stat.valid & ZIP_STAT_COMP_SIZE))
        return rv_fail(file->context, RV_ERR_FORMAT, "%s: no '%s' in the archive", file->path, name);
    if (stat.size > limit || stat.comp_size > file->bytes || stat.size / MAX_RATIO > stat.comp_size)
        return rv_fail(file->context, RV_ERR_FORMAT, "%s: '%s' claims %zu bytes", file->path, name, (size_t)stat.size);
    char *data = rv_alloc(file->context, (size_t)stat.size + 1, 1, "member of a Keras file");
    if (!data)
        return RV_ERR_MEMORY;
    zip_file_t *member = zip_fopen(archive, name, 0);
    const zip_int64_t got = member ? zip_fread(member, data, stat.size) : -1;
    if (member)
        zip_fclose(member);
    if (got != (zip_int64_t)stat.size) {
        rv_free(data);
        return rv_fail(file->context, RV_ERR_FORMAT, "%s: '%s' is damaged", file->path, name);
    }
    *out = data;
    *bytes = (size_t)stat.size;
    return RV_OK;
}

static int open_archive(rv_keras_file *file)
{
    int code;
    size_t bytes;
    void *config = NULL;
    zip_t *archive = zip_open(file->path, ZIP_RDONLY, &code);
    if (!archive)
        return fail(file, "not a Keras file");
    int error = read_member(file, archive, "config.json", MAX_CONFIG, &config, &bytes);
    file->config = config;
    if (!error)
        error = read_member(file, archive, "model.weights.h5", MAX_MEMBER, &file->image, &bytes);
    zip_discard(archive);
    if (error)
        return error;
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (H5Pset_fapl_core(access, (size_t)1 << 16, false) >= 0 && H5Pset_file_image(access, file->image, bytes) >= 0)
        file->h5 = H5Fopen("model.weights.h5", H5F_ACC_RDONLY, access);
    H5Pclose(access);
    file->bytes = bytes;
    return file->h5 < 0 ? fail(file, "model.weights.h5 is not an HDF5 file") : RV_OK;
}

/* ---- .h5 ---- */

/* The object that describes a model, where a text of JSON begins; NULL if it does not. */
static json_t *parse_config(const char *text, size_t bytes)
{
    json_t *root = json_loadb(text, bytes, JSON_DISABLE_EOF_CHECK, NULL);
    if (json_is_string(json_object_get(root, "class_name")) && json_object_get(root, "config"))
        return root;
    json_decref(root);
    return NULL;
}

/* HDF5 1.10 does not survive reading a text of variable length from a damaged file. Such a text lies in the file in one
 * piece, so it is looked for there. */
static int find_config(rv_keras_file *file)
{
    FILE *stream = fopen(file->path, "rb");
    char *data = stream ? rv_alloc(file->context, file->bytes + 1, 1, "Keras file") : NULL;
    const size_t bytes = data ? fread(data, 1, file->bytes, stream) : 0;
    json_t *root = NULL;
    for (size_t at = 0; at < bytes && !root; at++)
        if (data[at] == '{' && data[at + 1] == '"')
            root = parse_config(data + at, bytes - at < MAX_CONFIG ? bytes - at : MAX_CONFIG);
    if (stream)
        fclose(stream);
    rv_free(data);
    char *text = root ? json_dumps(root, 0) : NULL;
    json_decref(root);
    file->config = text ? rv_format(file->context, "%s", text) : NULL;
    free(text);
    return file->config ? RV_OK : fail(file, "model_config is damaged");
}

/* The attribute model_config, a text of fixed or of variable length. */
static int read_config(rv_keras_file *file)
{
    int error = fail(file, "no attribute model_config: not a Keras model with its architecture");
    const hid_t attribute = H5Aopen(file->h5, "model_config", H5P_DEFAULT);
    if (attribute < 0)
        return error;
    const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    const size_t size = H5Tget_size(type);
    if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1) {
        error = fail(file, "model_config is not a text");
    } else if (H5Tis_variable_str(type) > 0) {
        error = find_config(file);
    } else if (size <= file->bytes && (file->config = rv_alloc(file->context, size + 1, 1, "model_config"))) {
        error = H5Aread(attribute, type, file->config) < 0 ? fail(file, "model_config is damaged") : RV_OK;
    }
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(attribute);
    return error;
}

int rv_keras_file_open(rv_keras_file **out, rv_context *context, const char *path)
{
    struct stat stat_of;
    *out = NULL;
    if (stat(path, &stat_of) || !S_ISREG(stat_of.st_mode))
        return rv_fail(context, RV_ERR_FILE, "%s: not a file that can be read", path);
    rv_keras_file *file = rv_alloc(context, 1, sizeof *file, "Keras file");
    if (!file)
        return RV_ERR_MEMORY;
    *file = (rv_keras_file){.context = context, .path = path, .h5 = -1, .bytes = (size_t)stat_of.st_size};
    rv_h5_begin(&file->scope);
    file->h5 = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    file->is_archive = file->h5 < 0;
    const int error = file->is_archive ? open_archive(file) : read_config(file);
    if (error)
        rv_keras_file_close(file);
    else
        *out = file;
    return error;
}

void rv_keras_file_close(rv_keras_file *file)
{
    if (!file)
        return;
    if (file->h5 >= 0)
        H5Fclose(file->h5);
    rv_h5_end(&file->scope);
    rv_free(file->image);
    rv_free(file->config);
    rv_free(file);
}

/* ---- weights ---- */

/* H5Dopen, of a path whose groups may be missing; < 0 if there is none. */
static hid_t open_weight(const rv_keras_file *file, const char *layer, const char *key, const char *variable, int index)
{
    char path[MAX_PATH];
    hid_t set = -1;
    for (int form = 0; form < 5 && set < 0; form++) {
        int length = MAX_PATH;
        if (form == 0 && file->is_archive)
            length = snprintf(path, sizeof path, "layers/%s/vars/%d", key, index);
        else if (form == 1 && file->is_archive)
            length = snprintf(path, sizeof path, "layers/%s/vars/%d", layer, index);
        else if (form == 2 && !file->is_archive)
            length = snprintf(path, sizeof path, "model_weights/%s/%s/%s:0", layer, layer, variable);
        else if (form == 3 && !file->is_archive)
            length = snprintf(path, sizeof path, "model_weights/%s/%s", layer, variable);
        else if (form == 4 && !file->is_archive)
            length = snprintf(path, sizeof path, "model_weights/%s/sequential/%s/%s", layer, layer, variable);
        if (length < MAX_PATH)
            set = H5Dopen2(file->h5, path, H5P_DEFAULT);
    }
    return set;
}

static bool has_shape(hid_t space, int num_dims, const size_t *shape)
{
    hsize_t dims[H5S_MAX_RANK];
    if (H5Sget_simple_extent_ndims(space) != num_dims || H5Sget_simple_extent_dims(space, dims, NULL) != num_dims)
        return false;
    for (int d = 0; d < num_dims; d++)
        if (dims[d] != shape[d])
            return false;
    return true;
}

static int read_set(float **out, const rv_keras_file *file, hid_t set, const char *layer, const char *variable,
                    int num_dims, const size_t *shape)
{
    const hid_t space = H5Dget_space(set), type = H5Dget_type(set);
    size_t size = 1;
    bool fits = has_shape(space, num_dims, shape) && rv_h5_is_number(type);
    for (int d = 0; d < num_dims; d++)
        fits = rv_multiply(size, shape[d], &size) && fits;
    fits = fits && size / MAX_RATIO <= file->bytes;
    H5Sclose(space);
    H5Tclose(type);
    if (!fits)
        return rv_fail(file->context, RV_ERR_FORMAT, "%s: layer '%s': %s has not the shape or type that its layer needs",
                       file->path, layer, variable);
    if (!(*out = rv_alloc(file->context, size, sizeof **out, "weights of a Keras layer")))
        return RV_ERR_MEMORY;
    bool good = H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, *out) >= 0;
    for (size_t i = 0; good && i < size; i++)
        good = __builtin_isfinite((*out)[i]);
    return good ? RV_OK
                : rv_fail(file->context, RV_ERR_FORMAT, "%s: layer '%s': %s cannot be read as finite numbers", file->path,
                          layer, variable);
}

int rv_keras_file_weight(float **out, rv_keras_file *file, const char *layer, const char *key, const char *variable,
                         int index, int num_dims, const size_t *shape)
{
    const hid_t set = open_weight(file, layer, key, variable, index);
    if (set < 0)
        return rv_fail(file->context, RV_ERR_FORMAT, "%s: layer '%s': no weights '%s'", file->path, layer, variable);
    const int error = read_set(out, file, set, layer, variable, num_dims, shape);
    H5Dclose(set);
    return error;
}

#else

int rv_keras_file_open(rv_keras_file **out, rv_context *context, const char *path)
{
    *out = NULL;
    return rv_fail(context, RV_ERR_UNSUPPORTED, "%s: this build cannot read HDF5", path);
}

void rv_keras_file_close(rv_keras_file *file)
{
    (void)file;
}

int rv_keras_file_weight(float **out, rv_keras_file *file, const char *layer, const char *key, const char *variable,
                         int index, int num_dims, const size_t *shape)
{
    (void)out, (void)file, (void)layer, (void)key, (void)variable, (void)index, (void)num_dims, (void)shape;
    return RV_ERR_UNSUPPORTED;
}

#endif

const char *rv_keras_file_config(const rv_keras_file *file)
{
#if RV_HAVE_HDF5
    return file->config;
#else
    (void)file;
    return "";
#endif
}
