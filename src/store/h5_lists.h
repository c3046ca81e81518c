/* Lists of numbers of variable length in an HDF5 file. */
#ifndef RV_STORE_H5_LISTS_H
#define RV_STORE_H5_LISTS_H

#include <ranvier/base.h>

#include "store/h5.h"

#if RV_HAVE_HDF5

/* One data set of lists, (count). Open and used between rv_h5_begin and rv_h5_end. */
typedef struct rv_h5_lists rv_h5_lists;

/* The data set `name` of an open file, whose path is `path`. RV_ERR_FORMAT if it is missing or something else than one
 * dimension of lists of numbers, RV_ERR_UNSUPPORTED if it is stored in an unusual way. */
int rv_h5_lists_open(rv_h5_lists **out, rv_context *context, const char *path, hid_t file, const char *name);
void rv_h5_lists_close(rv_h5_lists *lists);

size_t rv_h5_lists_count(const rv_h5_lists *lists);

/* List i, borrowed until the next call; ascending i is fastest. RV_ERR_FORMAT if the file is damaged there. */
int rv_h5_lists_read(rv_h5_lists *lists, size_t i, const double **values, size_t *num);

#endif
#endif
