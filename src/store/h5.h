/* Using HDF5 from a library: it keeps global state, prints errors by itself, and may be built without threads. */
#ifndef RV_STORE_H5_H
#define RV_STORE_H5_H

#include "rv_config.h"

#if RV_HAVE_HDF5

#include <hdf5.h>

typedef struct rv_h5_scope {
    H5E_auto2_t print; /* how errors were printed before */
    void *print_user;
} rv_h5_scope;

/* All calls of HDF5 stand between these two: one thread at a time, and silent. */
void rv_h5_begin(rv_h5_scope *scope);
void rv_h5_end(const rv_h5_scope *scope);

#endif
#endif
