/* How the numbers of a connection (weights, gradients, moments, delays...) lie in rows. A row starts on a cache line and
 * is padded to a multiple of 16 floats. Where rows may grow and shrink (Deep R), they start further apart than that. */
#ifndef RV_KERNELS_ROWS_H
#define RV_KERNELS_ROWS_H

#include <stddef.h>
#include <stdint.h>

typedef struct rv_rows {
    size_t num;            /* rows */
    size_t size;           /* floats of all of them */
    size_t stride, length; /* floats from row to row, numbers in a row; 0 where rows differ */
    const size_t *begin;   /* (num + 1) where they differ: first float of each row */
    const uint32_t *lengths; /* (num) and numbers in it */
} rv_rows;

/* Rows that are all alike; neither num * length nor the floats must overflow. */
static inline rv_rows rv_rows_uniform(size_t num, size_t length)
{
    const size_t stride = (length + 15) / 16 * 16;
    return (rv_rows){.num = num, .size = num * stride, .stride = stride, .length = length};
}

/* First float of a row; of row num: the end. */
static inline size_t rv_row_begin(const rv_rows *rows, size_t row)
{
    return rows->begin ? rows->begin[row] : row * rows->stride;
}

/* Numbers of a row, without padding. */
static inline size_t rv_row_length(const rv_rows *rows, size_t row)
{
    return rows->lengths ? rows->lengths[row] : rows->length;
}

/* Floats of a row that are in use. */
static inline size_t rv_row_padded(const rv_rows *rows, size_t row)
{
    return rows->lengths ? ((size_t)rows->lengths[row] + 15) / 16 * 16 : rows->stride;
}

#endif
