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

#endif
