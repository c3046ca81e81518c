#include "store/h5.h"

#if RV_HAVE_HDF5

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void rv_h5_begin(rv_h5_scope *scope)
{
    pthread_mutex_lock(&lock);
    H5Eget_auto2(H5E_DEFAULT, &scope->print, &scope->print_user);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void rv_h5_end(const rv_h5_scope *scope)
{
    H5Eset_auto2(H5E_DEFAULT, scope->print, scope->print_user);
    pthread_mutex_unlock(&lock);
}

static bool is_ieee_float(hid_t type, size_t size)
{
    static const struct {
        size_t size, exponent, mantissa; /* bytes, bits, bits */
    } formats[] = {{2, 5, 10}, {4, 8, 23}, {8, 11, 52}};
    size_t sign, exponent_at, exponent, mantissa_at, mantissa;

    if (H5Tget_fields(type, &sign, &exponent_at, &exponent, &mantissa_at, &mantissa) < 0)
        return false;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (size == formats[i].size)
            return mantissa_at == 0 && mantissa == formats[i].mantissa && exponent_at == mantissa &&
                   exponent == formats[i].exponent && sign == mantissa + exponent;
    return false;
}

bool rv_h5_is_number(hid_t type)
{
    const H5T_class_t class = type >= 0 ? H5Tget_class(type) : H5T_NO_CLASS;
    if (class != H5T_INTEGER && class != H5T_FLOAT)
        return false;
    const size_t size = H5Tget_size(type);
    const H5T_order_t order = H5Tget_order(type);
    if (H5Tget_precision(type) != 8 * size || H5Tget_offset(type) != 0 ||
        (order != H5T_ORDER_LE && order != H5T_ORDER_BE))
        return false;
    return class == H5T_FLOAT ? is_ieee_float(type, size) : size == 1 || size == 2 || size == 4 || size == 8;
}

#endif
