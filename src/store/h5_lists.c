/* HDF5 keeps of a list only its length and where it lies in a "global heap": objects by number in collections, which
 * may be anywhere in the file. The library (1.10) trusts lengths, numbers and sizes that it finds there, and a damaged
 * file makes it write beyond its buffers. So it is asked for the descriptions and the references only; the heap is
 * read here. HDF5 File Format Specification, III.E (global heap) and IV.B (references to it). */
#include "store/h5_lists.h"

#if RV_HAVE_HDF5

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/error.h"

#define MAX_EXPANSION 1032   /* bytes that deflate makes of one at most */
#define MAX_OBJECTS 65536    /* of a collection: their numbers have 16 bits */
#define CONTIGUOUS_ROWS 4096 /* references that are read at a time where there are no chunks */

typedef struct heap_object {
    uint32_t generation; /* of the collection that has it; others do not have it */
    uint32_t at;         /* offset of its header in the collection */
} heap_object;

struct rv_h5_lists {
    rv_context *context;
    const char *path, *name;
    int fd;
    uint64_t file_size;               /* bytes */
    uint64_t base;                    /* bytes before the address 0 */
    size_t address_size, length_size; /* bytes of an address and of a length in this file */

    hid_t dataset, properties;
    hid_t number;       /* the type of the numbers in the file */
    size_t number_size; /* bytes */
    size_t count;

    /* references: length (4 bytes), address of a collection, number of an object (4 bytes) */
    bool is_chunked;
    uint64_t offset; /* of the first reference in the file, if not chunked; HADDR_UNDEF: all lists are empty */
    size_t reference_size;
    size_t rows;  /* references read at a time */
    size_t first; /* the first one that is in memory */
    bool is_loaded;
    unsigned char *references; /* (rows, reference_size) */
    unsigned char *packed;     /* a compressed chunk */
    size_t packed_capacity;

    /* the collection in memory */
    uint64_t address; /* 0 = none */
    unsigned char *collection;
    size_t collection_size, collection_capacity;
    heap_object *objects; /* (MAX_OBJECTS), by number */
    uint32_t generation;  /* of the collection: one more with each that is read */

    double *values; /* the numbers of one list, at first as in the file */
    size_t values_capacity;
};

static int fail_damaged(const rv_h5_lists *lists)
{
    return rv_fail(lists->context, RV_ERR_FORMAT, "%s: %s: the file is damaged", lists->path, lists->name);
}

static int fail_layout(const rv_h5_lists *lists, const char *detail)
{
    return rv_fail(lists->context, RV_ERR_FORMAT, "%s: %s: %s", lists->path, lists->name, detail);
}

static uint64_t little_endian(const unsigned char *bytes, size_t size)
{
    uint64_t number = 0;
    while (size-- > 0)
        number = number << 8 | bytes[size];
    return number;
}

static int read_at(const rv_h5_lists *lists, uint64_t offset, void *out, size_t bytes)
{
    unsigned char *to = out;
    if (offset > lists->file_size || bytes > lists->file_size - offset)
        return fail_damaged(lists);
    while (bytes > 0) {
        const ssize_t got = pread(lists->fd, to, bytes, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return rv_fail(lists->context, RV_ERR_FILE, "%s: cannot read: %m", lists->path);
        if (got == 0)
            return fail_damaged(lists);
        to += got;
        offset += (uint64_t)got;
        bytes -= (size_t)got;
    }
    return RV_OK;
}

/* ---- open ---- */

static int open_file(rv_h5_lists *lists, hid_t file)
{
    struct stat info;
    hsize_t base = 0;

    lists->fd = open(lists->path, O_RDONLY | O_CLOEXEC);
    if (lists->fd < 0 || fstat(lists->fd, &info) != 0)
        return rv_fail(lists->context, RV_ERR_FILE, "%s: cannot open: %m", lists->path);
    lists->file_size = (uint64_t)info.st_size;

    const hid_t properties = H5Fget_create_plist(file);
    const bool good = properties >= 0 && H5Pget_sizes(properties, &lists->address_size, &lists->length_size) >= 0 &&
                      H5Pget_userblock(properties, &base) >= 0 && lists->address_size <= 8 && lists->length_size <= 8;
    H5Pclose(properties);
    lists->base = base;
    lists->reference_size = 4 + lists->address_size + 4;
    return good ? RV_OK : fail_damaged(lists);
}

static int open_type(rv_h5_lists *lists)
{
    const hid_t stored = H5Dget_type(lists->dataset);
    if (stored >= 0 && H5Tget_class(stored) == H5T_VLEN)
        lists->number = H5Tget_super(stored);
    H5Tclose(stored);
    if (!rv_h5_is_number(lists->number))
        return fail_layout(lists, "expected lists of numbers (variable length)");
    lists->number_size = H5Tget_size(lists->number);
    return RV_OK;
}

/* A file holds at least one byte of every example, also of empty ones, and of every reference of a chunk. */
static int open_space(rv_h5_lists *lists)
{
    hsize_t length = 0, chunk = CONTIGUOUS_ROWS;

    const hid_t space = H5Dget_space(lists->dataset);
    const bool good = space >= 0 && H5Sget_simple_extent_ndims(space) == 1 &&
                      H5Sget_simple_extent_dims(space, &length, NULL) == 1 && length <= lists->file_size;
    H5Sclose(space);
    if (!good)
        return fail_layout(lists, "expected one dimension, of a length that fits the file");
    lists->count = (size_t)length;

    lists->properties = H5Dget_create_plist(lists->dataset);
    const H5D_layout_t layout = lists->properties >= 0 ? H5Pget_layout(lists->properties) : H5D_LAYOUT_ERROR;
    lists->is_chunked = layout == H5D_CHUNKED;
    if (!lists->is_chunked && layout != H5D_CONTIGUOUS)
        return rv_fail(lists->context, RV_ERR_UNSUPPORTED, "%s: %s: stored neither contiguously nor in chunks",
                       lists->path, lists->name);
    if (lists->is_chunked && (H5Pget_chunk(lists->properties, 1, &chunk) != 1 || chunk < 1 ||
                              chunk / MAX_EXPANSION > lists->file_size / lists->reference_size))
        return fail_damaged(lists);
    lists->offset = lists->is_chunked ? HADDR_UNDEF : H5Dget_offset(lists->dataset);
    lists->rows = (size_t)chunk;
    return RV_OK;
}

int rv_h5_lists_open(rv_h5_lists **out, rv_context *context, const char *path, hid_t file, const char *name)
{
    int rc;

    *out = NULL;
    rv_h5_lists *lists = rv_alloc(context, 1, sizeof *lists, path);
    if (!lists)
        return RV_ERR_MEMORY;
    *lists = (rv_h5_lists){.context = context, .path = path, .name = name, .properties = -1, .number = -1};
    lists->fd = -1;
    lists->dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (lists->dataset < 0)
        rc = fail_layout(lists, "there is no such data set");
    else if ((rc = open_file(lists, file)) == RV_OK && (rc = open_space(lists)) == RV_OK &&
             (rc = open_type(lists)) == RV_OK) {
        lists->references = rv_alloc(context, lists->rows, lists->reference_size, path);
        lists->objects = rv_alloc(context, MAX_OBJECTS, sizeof *lists->objects, path);
        rc = lists->references && lists->objects ? RV_OK : RV_ERR_MEMORY;
    }
    if (rc < 0) {
        rv_h5_lists_close(lists);
        return rc;
    }
    *out = lists;
    return RV_OK;
}

void rv_h5_lists_close(rv_h5_lists *lists)
{
    if (!lists)
        return;
    if (lists->number >= 0)
        H5Tclose(lists->number);
    if (lists->properties >= 0)
        H5Pclose(lists->properties);
    if (lists->dataset >= 0)
        H5Dclose(lists->dataset);
    if (lists->fd >= 0)
        close(lists->fd);
    rv_free(lists->references);
    rv_free(lists->packed);
    rv_free(lists->collection);
    rv_free(lists->objects);
    rv_free(lists->values);
    rv_free(lists);
}

size_t rv_h5_lists_count(const rv_h5_lists *lists)
{
    return lists->count;
}

/* ---- references ---- */

/* Undoes HDF5's shuffle filter: bytes 0 of all elements, then bytes 1, ... */
static void unshuffle(const unsigned char *from, unsigned char *to, size_t count, size_t size)
{
    for (size_t byte = 0; byte < size; byte++)
        for (size_t i = 0; i < count; i++)
            to[i * size + byte] = *from++;
}

/* Undoes the filters of a chunk, last one first. `size` is how many bytes of `packed` there are; the result goes to
 * references. */
static int unfilter(rv_h5_lists *lists, size_t size, uint32_t skipped)
{
    const size_t expected = lists->rows * lists->reference_size;
    const int num_filters = H5Pget_nfilters(lists->properties);
    unsigned char *from = lists->packed, *to = lists->references;
    int rc = RV_OK;

    unsigned char *spare = rv_alloc(lists->context, expected, 1, lists->path);
    if (!spare)
        return RV_ERR_MEMORY;
    for (int i = num_filters; i-- > 0 && rc == RV_OK;) {
        unsigned flags;
        size_t num_values = 0;
        const H5Z_filter_t filter =
            H5Pget_filter2(lists->properties, (unsigned)i, &flags, &num_values, NULL, 0, NULL, NULL);
        uLongf length = (uLongf)expected;
        if (skipped >> i & 1)
            continue;
        if (filter == H5Z_FILTER_DEFLATE) {
            if (uncompress(to, &length, from, size) != Z_OK || length != expected)
                rc = fail_damaged(lists);
        } else if (filter == H5Z_FILTER_SHUFFLE && size == expected) {
            unshuffle(from, to, lists->rows, lists->reference_size);
        } else {
            rc = rv_fail(lists->context, RV_ERR_UNSUPPORTED,
                         "%s: %s: stored with a filter other than deflate and shuffle", lists->path, lists->name);
        }
        size = expected;
        from = to;
        to = to == spare ? lists->references : spare;
    }
    if (rc == RV_OK && size != expected)
        rc = fail_damaged(lists);
    if (rc == RV_OK && from != lists->references)
        memcpy(lists->references, from, expected);
    rv_free(spare);
    return rc;
}

/* The chunk of reference lists->first; the lists of one that was never written are empty. */
static int load_chunk(rv_h5_lists *lists, size_t num)
{
    const size_t expected = lists->rows * lists->reference_size;
    const hsize_t first = lists->first;
    haddr_t where = HADDR_UNDEF;
    hsize_t size = 0; /* what H5Dread_chunk will write; H5Dget_chunk_storage_size may say less */
    unsigned mask;
    uint32_t skipped = 0;
    int rc;

    if (H5Dget_chunk_info_by_coord(lists->dataset, &first, &mask, &where, &size) < 0)
        return fail_damaged(lists);
    if (where == HADDR_UNDEF) {
        memset(lists->references, 0, num * lists->reference_size);
        return RV_OK;
    }
    if (size > lists->file_size || expected / MAX_EXPANSION > size)
        return fail_damaged(lists);
    if ((rc = rv_grow(lists->context, &lists->packed, &lists->packed_capacity, (size_t)size, 1, lists->path)) < 0)
        return rc;
    if (H5Dread_chunk(lists->dataset, H5P_DEFAULT, &first, &skipped, lists->packed) < 0)
        return fail_damaged(lists);
    return unfilter(lists, (size_t)size, skipped);
}

/* Makes sure that the reference of list i is in memory, and returns it. */
static int load_reference(rv_h5_lists *lists, size_t i, const unsigned char **reference)
{
    int rc = RV_OK;
    const size_t first = i / lists->rows * lists->rows;

    if (!lists->is_loaded || first != lists->first) {
        const size_t left = lists->count - first;
        const size_t num = left < lists->rows ? left : lists->rows;
        lists->first = first;
        lists->is_loaded = false;
        if (lists->is_chunked)
            rc = load_chunk(lists, num);
        else if (lists->offset == HADDR_UNDEF)
            memset(lists->references, 0, num * lists->reference_size);
        else
            rc = read_at(lists, lists->offset + first * lists->reference_size, lists->references,
                         num * lists->reference_size);
        lists->is_loaded = rc == RV_OK;
    }
    *reference = lists->references + (i - first) * lists->reference_size;
    return rc;
}

/* ---- heap ---- */

/* Notes where the objects of the collection start: number (2 bytes), reference count (2), 0 (4), size, content, all
 * padded to 8 bytes. Number 0 is the free space at the end. */
static int index_objects(rv_h5_lists *lists, size_t header)
{
    size_t at = header;

    lists->generation++;
    while (at <= lists->collection_size && lists->collection_size - at >= header) {
        const unsigned char *object = lists->collection + at;
        const size_t number = (size_t)little_endian(object, 2);
        const uint64_t size = little_endian(object + 8, lists->length_size);
        if (number == 0)
            break;
        if (size > lists->collection_size - at - header || at > UINT32_MAX ||
            lists->objects[number].generation == lists->generation)
            return fail_damaged(lists);
        lists->objects[number] = (heap_object){.generation = lists->generation, .at = (uint32_t)at};
        at += header + (size_t)((size + 7) & ~(uint64_t)7);
    }
    return RV_OK;
}

/* Reads a collection: "GCOL", version 1, 0 (3 bytes), its size, its objects. */
static int load_collection(rv_h5_lists *lists, uint64_t address)
{
    const size_t header = 8 + (lists->length_size + 7) / 8 * 8; /* of the collection, and of an object */
    unsigned char start[16];
    int rc;

    lists->address = 0;
    if (address > lists->file_size || lists->base > lists->file_size)
        return fail_damaged(lists);
    if ((rc = read_at(lists, lists->base + address, start, header)) < 0)
        return rc;
    const uint64_t size = little_endian(start + 8, lists->length_size);
    if (memcmp(start, "GCOL\1", 5) != 0 || size < header || size > lists->file_size)
        return fail_damaged(lists);
    lists->collection_size = (size_t)size;
    if ((rc = rv_grow(lists->context, &lists->collection, &lists->collection_capacity, lists->collection_size, 1,
                      lists->path)) < 0 ||
        (rc = read_at(lists, lists->base + address, lists->collection, lists->collection_size)) < 0 ||
        (rc = index_objects(lists, header)) < 0)
        return rc;
    lists->address = address;
    return RV_OK;
}

int rv_h5_lists_read(rv_h5_lists *lists, size_t i, const double **values, size_t *num)
{
    const size_t header = 8 + (lists->length_size + 7) / 8 * 8;
    const unsigned char *reference;
    int rc;

    *values = NULL;
    *num = 0;
    if ((rc = load_reference(lists, i, &reference)) < 0)
        return rc;
    const size_t length = (size_t)little_endian(reference, 4);
    const uint64_t address = little_endian(reference + 4, lists->address_size);
    const uint64_t number = little_endian(reference + 4 + lists->address_size, 4);
    if (length == 0 || address == 0)
        return RV_OK;

    if (address != lists->address && (rc = load_collection(lists, address)) < 0)
        return rc;
    if (number >= MAX_OBJECTS || lists->objects[number].generation != lists->generation)
        return fail_damaged(lists);
    const unsigned char *object = lists->collection + lists->objects[number].at;
    if (length > little_endian(object + 8, lists->length_size) / lists->number_size)
        return fail_damaged(lists);
    if ((rc = rv_grow(lists->context, &lists->values, &lists->values_capacity, length, sizeof *lists->values,
                      lists->path)) < 0)
        return rc;
    memcpy(lists->values, object + header, length * lists->number_size);
    if (H5Tconvert(lists->number, H5T_NATIVE_DOUBLE, length, lists->values, NULL, H5P_DEFAULT) < 0)
        return fail_layout(lists, "its numbers cannot be converted");
    *values = lists->values;
    *num = length;
    return RV_OK;
}

#endif
