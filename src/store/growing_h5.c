/* Growing arrays as datasets of one HDF5 file, flushed after every batch.
 *
 * The file is written in HDF5's mode of a single writer and many readers (SWMR): what is in it is whole at every moment,
 * for readers and after a kill alike. A writer that was killed leaves its mark on the file, and a note of the file's size
 * that may be too small; whoever goes on puts both right, as h5clear does. */
#include "store/growing.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/h5.h"

#if RV_HAVE_HDF5

#define CHUNK_SIZE 262144 /* bytes of a dataset that are kept together, about */

typedef struct h5_file {
    int lock; /* a descriptor, locked against other writers: HDF5's own lock ends where readers are let in */
    hid_t file;
    hid_t sets[RV_GROWING_MAX_ARRAYS];
} h5_file;

static hid_t type_of(rv_dtype dtype)
{
    switch (dtype) {
    case RV_FLOAT32:
        return H5T_NATIVE_FLOAT;
    case RV_FLOAT64:
        return H5T_NATIVE_DOUBLE;
    case RV_INT32:
        return H5T_NATIVE_INT32;
    default:
        return H5T_NATIVE_INT64;
    }
}

static int fail(rv_growing *growing, const char *what)
{
    return rv_fail(growing->context, RV_ERR_FILE, "%s: %s (is the disk full, or is it open elsewhere?)", growing->path,
                   what);
}

static int h5_open(rv_growing *growing)
{
    h5_file *own = growing->own = rv_alloc(growing->context, 1, sizeof *own, growing->path);
    if (!own)
        return RV_ERR_MEMORY;
    own->file = -1;
    own->lock = -1;
    for (int i = 0; i < RV_GROWING_MAX_ARRAYS; i++)
        own->sets[i] = -1;
    return rv_growing_check_file(growing->context, growing->path);
}

/* Whole rows, or part of one, of about CHUNK_SIZE bytes. */
static void choose_chunk(const rv_growing *growing, int i, hsize_t *chunk)
{
    const rv_growing_array *array = &growing->arrays[i];
    const size_t row = growing->row_bytes[i] ? growing->row_bytes[i] : 1;
    chunk[0] = row < CHUNK_SIZE ? CHUNK_SIZE / row : 1;
    size_t bytes = row;
    for (int d = 1; d < array->num_dims; d++) {
        chunk[d] = array->shape[d] ? array->shape[d] : 1;
        while (bytes > CHUNK_SIZE && chunk[d] > 1) {
            bytes = bytes / chunk[d] * ((chunk[d] + 1) / 2);
            chunk[d] = (chunk[d] + 1) / 2;
        }
    }
}

static hid_t create_set(const rv_growing *growing, int i)
{
    const h5_file *own = growing->own;
    const rv_growing_array *array = &growing->arrays[i];
    hsize_t dims[RV_GROWING_MAX_DIMS] = {0}, most[RV_GROWING_MAX_DIMS] = {H5S_UNLIMITED}, chunk[RV_GROWING_MAX_DIMS];
    for (int d = 1; d < array->num_dims; d++)
        dims[d] = most[d] = array->shape[d];
    choose_chunk(growing, i, chunk);
    const hid_t space = H5Screate_simple(array->num_dims, dims, most), list = H5Pcreate(H5P_DATASET_CREATE);
    hid_t set = -1;
    if (space >= 0 && list >= 0 && H5Pset_chunk(list, array->num_dims, chunk) >= 0 &&
        H5Pset_obj_track_times(list, false) >= 0)
        set = H5Dcreate2(own->file, array->name, type_of(array->dtype), space, H5P_DEFAULT, list, H5P_DEFAULT);
    H5Pclose(list);
    H5Sclose(space);
    return set;
}

/* Cuts a dataset to so many rows; it must be what was written. */
static hid_t open_set(const rv_growing *growing, int i, uint64_t rows)
{
    const h5_file *own = growing->own;
    const rv_growing_array *array = &growing->arrays[i];
    const hid_t set = H5Dopen2(own->file, array->name, H5P_DEFAULT);
    const hid_t space = set >= 0 ? H5Dget_space(set) : -1;
    hsize_t dims[RV_GROWING_MAX_DIMS] = {0};
    bool same = space >= 0 && H5Sget_simple_extent_ndims(space) == array->num_dims &&
                H5Sget_simple_extent_dims(space, dims, NULL) == array->num_dims && dims[0] >= rows;
    for (int d = 1; same && d < array->num_dims; d++)
        same = dims[d] == array->shape[d];
    dims[0] = rows;
    if (same)
        same = H5Dset_extent(set, dims) >= 0;
    if (space >= 0)
        H5Sclose(space);
    if (same || set < 0)
        return set;
    H5Dclose(set);
    return -1;
}

/* Locks of an open file, which readers' HDF5 knows nothing of; where a file system has none, there is none. */
static int lock(rv_growing *growing)
{
    h5_file *own = growing->own;
    own->lock = open(growing->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (own->lock < 0)
        return rv_fail(growing->context, RV_ERR_FILE, "%s: cannot be written: %m", growing->path);
#ifdef F_OFD_SETLK
    const struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(own->lock, F_OFD_SETLK, &whole) != 0 && (errno == EAGAIN || errno == EACCES))
        return rv_fail(growing->context, RV_ERR_FILE, "%s: is being written by another recorder or program",
                       growing->path);
#endif
    return RV_OK;
}

/* A property of HDF5's own tools, where this version has it. */
static bool set_flag(hid_t list, const char *name)
{
    const hbool_t on = true;
    return H5Pexist(list, name) <= 0 || H5Pset(list, name, &on) >= 0;
}

static hid_t open_file(const char *path, hid_t access)
{
    if (!set_flag(access, "clear_status_flags") || !set_flag(access, "skip_eof_check"))
        return -1;
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, access);
    if (file >= 0 && H5Fincrement_filesize(file, 0) < 0) {
        H5Fclose(file);
        return -1;
    }
    return file;
}

/* No times are noted, so that the same arrays are the same bytes. */
static hid_t create_file(const char *path, hid_t access)
{
    const hid_t list = H5Pcreate(H5P_FILE_CREATE);
    hid_t file = -1;
    if (list >= 0 && H5Pset_obj_track_times(list, false) >= 0)
        file = H5Fcreate(path, H5F_ACC_TRUNC, list, access);
    H5Pclose(list);
    return file;
}

static int begin_sets(rv_growing *growing, const uint64_t *rows)
{
    h5_file *own = growing->own;
    for (int i = 0; i < growing->num; i++) {
        own->sets[i] = rows ? open_set(growing, i, rows[i]) : create_set(growing, i);
        if (own->sets[i] < 0)
            return rows ? rv_fail(
                              growing->context, RV_ERR_CHECKPOINT,
                              "%s: is not the file that was written: dataset '%s' has fewer than %llu rows, or others",
                              growing->path, growing->arrays[i].name, (unsigned long long)rows[i])
                        : fail(growing, "a dataset cannot be made");
    }
    return H5Fstart_swmr_write(own->file) >= 0 ? RV_OK : fail(growing, "cannot be written while it is read");
}

static int h5_begin(rv_growing *growing, const uint64_t *rows)
{
    h5_file *own = growing->own;
    rv_h5_scope scope;
    int rc = lock(growing);
    if (rc < 0)
        return rc;
    rv_h5_begin(&scope);
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access >= 0 && H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_LATEST) >= 0)
        own->file = rows ? open_file(growing->path, access) : create_file(growing->path, access);
    H5Pclose(access);
    rc = own->file >= 0 ? begin_sets(growing, rows) : fail(growing, rows ? "cannot be opened" : "cannot be created");
    rv_h5_end(&scope);
    return rc;
}

static int h5_append(rv_growing *growing, int array, const void *data, size_t num_rows)
{
    const h5_file *own = growing->own;
    const rv_growing_array *a = &growing->arrays[array];
    hsize_t dims[RV_GROWING_MAX_DIMS], first[RV_GROWING_MAX_DIMS] = {growing->rows[array]};
    rv_h5_scope scope;
    rv_h5_begin(&scope);
    for (int d = 1; d < a->num_dims; d++)
        dims[d] = a->shape[d];
    dims[0] = growing->rows[array] + num_rows;
    bool done = H5Dset_extent(own->sets[array], dims) >= 0;
    dims[0] = num_rows;
    const hid_t memory = H5Screate_simple(a->num_dims, dims, NULL), space = H5Dget_space(own->sets[array]);
    done = done && memory >= 0 && space >= 0 &&
           H5Sselect_hyperslab(space, H5S_SELECT_SET, first, NULL, dims, NULL) >= 0 &&
           H5Dwrite(own->sets[array], type_of(a->dtype), memory, space, H5P_DEFAULT, data) >= 0;
    if (memory >= 0)
        H5Sclose(memory);
    if (space >= 0)
        H5Sclose(space);
    rv_h5_end(&scope);
    return done ? RV_OK : fail(growing, "cannot write");
}

static int h5_publish(rv_growing *growing)
{
    const h5_file *own = growing->own;
    rv_h5_scope scope;
    rv_h5_begin(&scope);
    const bool done = H5Fflush(own->file, H5F_SCOPE_LOCAL) >= 0;
    rv_h5_end(&scope);
    return done ? RV_OK : fail(growing, "cannot write");
}

static int h5_sync(rv_growing *growing)
{
    const h5_file *own = growing->own;
    int rc = h5_publish(growing), *fd = NULL;
    rv_h5_scope scope;
    rv_h5_begin(&scope);
    if (rc == RV_OK && (H5Fget_vfd_handle(own->file, H5P_DEFAULT, (void **)&fd) < 0 || !fd || fsync(*fd) != 0))
        rc = fail(growing, "cannot sync");
    rv_h5_end(&scope);
    return rc;
}

static int h5_close(rv_growing *growing)
{
    h5_file *own = growing->own;
    rv_h5_scope scope;
    bool done = true;
    if (!own)
        return RV_OK;
    rv_h5_begin(&scope);
    for (int i = 0; i < growing->num; i++)
        if (own->sets[i] >= 0)
            done &= H5Dclose(own->sets[i]) >= 0;
    if (own->file >= 0)
        done &= H5Fclose(own->file) >= 0;
    rv_h5_end(&scope);
    if (own->lock >= 0)
        close(own->lock);
    rv_free(own);
    return done ? RV_OK : fail(growing, "cannot close");
}

const rv_growing_format rv_growing_h5 = {
    .open = h5_open,
    .begin = h5_begin,
    .append = h5_append,
    .publish = h5_publish,
    .sync = h5_sync,
    .close = h5_close,
};

#else

static int no_hdf5(rv_growing *growing)
{
    return rv_fail(growing->context, RV_ERR_UNSUPPORTED, "%s: this build has no HDF5; without .h5 it is .npy files",
                   growing->path);
}

static int nothing(rv_growing *growing)
{
    (void)growing;
    return RV_OK;
}

const rv_growing_format rv_growing_h5 = {.open = no_hdf5, .close = nothing};

#endif
