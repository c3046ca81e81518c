/* FILES OUT: NumPy files and serialisers. Every file is written beside its target, synced and renamed, so that a
 * reader sees the old file or the new one, whole. */
#ifndef RANVIER_STORE_H
#define RANVIER_STORE_H

#include <ranvier/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RV_NDARRAY_MAX_DIMS 8

typedef enum rv_dtype {
    RV_FLOAT32 = 1,
    RV_FLOAT64,
    RV_INT8,
    RV_UINT8,
    RV_INT16,
    RV_UINT16,
    RV_INT32,
    RV_UINT32,
    RV_INT64,
    RV_UINT64,
    RV_BOOL,
} rv_dtype;

/* Bytes of one element; 0 if dtype is unknown. */
RV_API size_t rv_dtype_size(rv_dtype dtype);

/* An array in C order. Read ones are owned by the caller and freed with rv_ndarray_clear. */
typedef struct rv_ndarray {
    rv_dtype dtype;
    int num_dims;
    size_t shape[RV_NDARRAY_MAX_DIMS];
    size_t size; /* number of elements */
    void *data;
} rv_ndarray;
RV_API void rv_ndarray_clear(rv_ndarray *array);

/* Reads or writes a .npy file exactly as NumPy does (versions 1 to 3; either byte order; Fortran order is turned into
 * C order). "file.npz:name" reads a member of an archive. Errors: RV_ERR_FILE, RV_ERR_FORMAT with file and reason. */
RV_API int rv_npy_read(rv_ndarray *out, rv_context *context, const char *path);
RV_API int rv_npy_write(rv_context *context, const char *path, const rv_ndarray *array);

/* Where weights and checkpoints go. Keys name an array: {"4", "Conn_Pop0_Pop1", "g"} is epoch 4's weight of that
 * connection. Built-in ones and users' own look the same. Functions return 0 or a negative RV_ERR_*; the detail goes
 * to the context with rv_error_set. */
typedef struct rv_serialiser {
    const char *name;
    void *user; /* handed to both functions */
    int (*serialise)(void *user, rv_context *context, const char *const *keys, size_t num_keys,
                     const rv_ndarray *array);
    /* *out is owned by the caller. RV_ERR_CHECKPOINT where there is no such array. */
    int (*deserialise)(void *user, rv_context *context, const char *const *keys, size_t num_keys, rv_ndarray *out);

    /* OPTIONAL, for checkpoints of several arrays, whose keys all begin with these: */
    /* before the first is written: what was there under these keys is not valid any more; */
    int (*begin)(void *user, rv_context *context, const char *const *keys, size_t num_keys);
    /* after the last one: names (num_names) are their other keys, joined with '-'; */
    int (*commit)(void *user, rv_context *context, const char *const *keys, size_t num_keys, const char *const *names,
                  size_t num_names);
    /* before the first is read: RV_ERR_CHECKPOINT unless all of them are there, as they were written. */
    int (*verify)(void *user, rv_context *context, const char *const *keys, size_t num_keys);
} rv_serialiser;

/* mlGeNN's Numpy serialiser: `folder/<key>-<key>-....npy`; the folder is made when first written to. `folder` must
 * outlive the serialiser (it is its user pointer). A checkpoint is whole or not there: its sizes and checksums are in
 * `<key>-manifest.json`, renamed last, and it is only read if its files agree with that. As first key "latest" and
 * "best" are read as the checkpoints that they mark. */
RV_API rv_serialiser rv_numpy_serialiser(const char *folder);
/* The same for folders of mlGeNN, which have no manifests. */
RV_API rv_serialiser rv_foreign_numpy_serialiser(const char *folder);

/* ---- state --------------------------------------------------------------------------------------------------------- */

/* What a run, and each of its callbacks, keeps through a kill and resume: named arrays. Callbacks are handed one in
 * their hooks save and load, in which they have names of their own. */
typedef struct rv_state rv_state;

/* Copies `size` elements. Errors: RV_ERR_NAME if there is one of this name. */
RV_API int rv_state_put(rv_state *state, const char *name, rv_dtype dtype, const void *data, size_t size);
/* Copies them back. Errors: RV_ERR_CHECKPOINT unless there is one of this name, type and size. */
RV_API int rv_state_get(rv_state *state, const char *name, rv_dtype dtype, void *data, size_t size);
/* Number of elements. Errors: RV_ERR_CHECKPOINT. */
RV_API int rv_state_size(rv_state *state, const char *name, size_t *size);

#ifdef __cplusplus
}
#endif
#endif
