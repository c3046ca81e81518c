/* What is in a Keras file, as a stream of records: HDF5 is asked in a child process (store/isolate.h), since version 1.10
 * neither survives nor leaves alone what it should not in damaged files. */
#ifndef RV_CONVERT_KERAS_SCAN_H
#define RV_CONVERT_KERAS_SCAN_H

#include <ranvier/base.h>

#define RV_KERAS_MAX_DIMS 4

typedef enum rv_keras_record_kind {
    RV_KERAS_CONFIG = 1, /* data: the architecture, JSON */
    RV_KERAS_ARRAY,      /* name: its path in the file; data: float32 */
    RV_KERAS_FAULT,      /* data: why the file cannot be read; nothing follows */
} rv_keras_record_kind;

/* Each is followed by its name and its data. Nothing is aligned. */
typedef struct rv_keras_record {
    uint32_t kind, num_dims;
    uint64_t shape[RV_KERAS_MAX_DIMS];
    uint64_t name_bytes, data_bytes;
} rv_keras_record;

typedef struct rv_keras_scan {
    const char *path;
    uint64_t bytes; /* of the file */
} rv_keras_scan;

/* The most that any scan yields. */
size_t rv_keras_scan_bound(const rv_keras_scan *of);

/* An rv_isolated_fn; user: an rv_keras_scan. */
void rv_keras_scan_run(int fd, const void *user);

#endif
