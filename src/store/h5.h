/* Using HDF5 from a library: it keeps global state, prints errors by itself, and may be built without threads. */
#ifndef RV_STORE_H5_H
#define RV_STORE_H5_H

#include "rv_config.h"

#if RV_HAVE_HDF5

#include <hdf5.h>
#include <stdbool.h>

typedef struct rv_h5_scope {
    H5E_auto2_t print; /* how errors were printed before */
    void *print_user;
} rv_h5_scope;

/* All calls of HDF5 stand between these two: one thread at a time, and silent. */
void rv_h5_begin(rv_h5_scope *scope);
void rv_h5_end(const rv_h5_scope *scope);

/* Whether a type is a common number: an integer of 1, 2, 4 or 8 bytes or an IEEE float of 2, 4 or 8, all bits in use,
 * in either byte order. Converting other types, of a damaged file, is beyond what HDF5 1.10 survives. */
bool rv_h5_is_number(hid_t type);

#endif
#endif
