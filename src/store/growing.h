/* Arrays on disk that grow along their first dimension while a run goes on: files "<path>-<name>.npy", which NumPy can
 * read at any time, or, if the path ends in .h5 or .hdf5, the datasets of one HDF5 file. */
#ifndef RV_STORE_GROWING_H
#define RV_STORE_GROWING_H

#include <ranvier/store.h>

#define RV_GROWING_MAX_ARRAYS 5
#define RV_GROWING_MAX_DIMS 4

typedef struct rv_growing_array {
    const char *name;
    rv_dtype dtype;
    int num_dims;                      /* >= 1 */
    size_t shape[RV_GROWING_MAX_DIMS]; /* the first one is not used */
} rv_growing_array;

typedef struct rv_growing rv_growing;

/* Sees that the files can be written, and touches nothing. Errors here and below: RV_ERR_FILE naming file and reason;
 * RV_ERR_UNSUPPORTED where there is no HDF5. */
int rv_growing_open(rv_growing **out, rv_context *context, const char *path, const rv_growing_array *arrays, int num);

/* Makes missing folders, and starts with empty arrays, or, if rows (num) is not NULL, behind so many rows of what is
 * there; what comes after them is cut off. RV_ERR_CHECKPOINT if there are fewer, or of another type or shape. Files that
 * somebody else holds open here are an error. */
int rv_growing_begin(rv_growing *growing, const uint64_t *rows);

/* Sets aside room on the disk for so many more rows, where that can be done; RV_ERR_FILE if there is not as much. */
int rv_growing_reserve(rv_growing *growing, int array, uint64_t num_rows);

/* Rows into array `array`; readers see them after the next publish. */
int rv_growing_append(rv_growing *growing, int array, const void *data, size_t num_rows);
/* Whether rows of this path's arrays may be written in any order, by several threads at once; such rows lie behind those
 * that are there, and count when they are all written and the array is advanced by their number. */
bool rv_growing_has_any_order(const char *path);
int rv_growing_write_at(rv_growing *growing, int array, uint64_t row, const void *data, size_t num_rows);
void rv_growing_advance(rv_growing *growing, int array, size_t num_rows);
/* What readers see grows, array by array in their order. */
int rv_growing_publish(rv_growing *growing);
/* What was published is on the disk, too. */
int rv_growing_sync(rv_growing *growing);
uint64_t rv_growing_rows(const rv_growing *growing, int array);

/* Frees it. NULL is legal. */
int rv_growing_close(rv_growing *growing);

/* ---- for the formats ---- */

typedef struct rv_growing_format {
    int (*open)(rv_growing *growing); /* only looks */
    int (*begin)(rv_growing *growing, const uint64_t *rows);
    int (*reserve)(rv_growing *growing, int array, uint64_t bytes); /* OPTIONAL */
    int (*append)(rv_growing *growing, int array, const void *data, size_t num_rows);
    int (*write_at)(rv_growing *growing, int array, uint64_t row, const void *data, size_t num_rows); /* OPTIONAL */
    void (*advance)(rv_growing *growing, int array, size_t num_rows); /* with write_at */
    int (*publish)(rv_growing *growing);
    int (*sync)(rv_growing *growing);
    int (*close)(rv_growing *growing); /* frees its own, also what is half made */
} rv_growing_format;

struct rv_growing {
    rv_context *context;
    const rv_growing_format *format;
    char *path;
    rv_growing_array arrays[RV_GROWING_MAX_ARRAYS];
    char names[RV_GROWING_MAX_ARRAYS][32];
    size_t row_bytes[RV_GROWING_MAX_ARRAYS];
    uint64_t rows[RV_GROWING_MAX_ARRAYS]; /* appended */
    int num;
    void *own; /* the format's */
};

extern const rv_growing_format rv_growing_npy, rv_growing_h5;

/* Whether a file can be written, as far as one sees without doing it. */
int rv_growing_check_file(rv_context *context, const char *path);
/* Makes it, or opens it to be written, locked against others: the descriptor, or a negative code. */
int rv_growing_open_file(rv_context *context, const char *path);

#endif
