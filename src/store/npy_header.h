/* The header of .npy files: magic, version, and a Python dictionary of type, order and shape. The format is NumPy
 * Enhancement Proposal 1 and numpy.lib.format. */
#ifndef RV_STORE_NPY_HEADER_H
#define RV_STORE_NPY_HEADER_H

#include "store/ndarray.h"
#include "store/source.h"

typedef struct rv_npy_header {
    rv_dtype dtype;     /* of the array in memory */
    size_t file_size;   /* bytes of one element in the file: 2 for float16, which becomes float32 */
    bool is_half;       /* float16 */
    bool swapped;       /* the file has the other byte order */
    bool fortran_order; /* first index fastest */
    int num_dims;
    size_t shape[RV_NDARRAY_MAX_DIMS];
} rv_npy_header;

/* Reads the header and leaves the source at the first element. RV_ERR_FORMAT for what is no .npy file, and
 * for types that are not real numbers. */
int rv_npy_header_read(rv_npy_header *out, rv_source *source);

/* The most bytes rv_npy_header_format writes. */
#define RV_NPY_HEADER_SIZE 512

/* Writes the header of an array in C order, byte for byte as NumPy (1.24) does, and returns its length, a multiple of
 * 64. The length does not depend on shape[0]: of a growing array the header can be written again. */
size_t rv_npy_header_format(char out[RV_NPY_HEADER_SIZE], rv_dtype dtype, int num_dims, const size_t *shape);

#endif
