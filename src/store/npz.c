/* The zip format is that of PKWARE's APPNOTE 6.3: for every member a local header and its bytes, at the end a directory
 * of all of them. Sizes and offsets always stand in the 64-bit extra fields (4.5.3), whatever they are. */
#include "store/npz.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/atomic_file.h"
#include "store/npy_header.h"

#define VERSION 45     /* 4.5: 64-bit fields */
#define MADE_BY_UNIX 3
#define UTF8 0x0800    /* of the flags: how names are encoded */
#define NO_DATE 0x0021 /* 1980-01-01, the first there is */
#define IN_EXTRA UINT32_MAX
#define ATTRIBUTES (0100644U << 16) /* a file, rw-r--r-- */

typedef struct member {
    char *name; /* with ".npy" */
    uint32_t crc;
    uint64_t size, offset; /* bytes; of the local header in the file */
} member;

struct rv_npz {
    rv_context *context;
    rv_atomic_file *file;
    member *members;
    size_t num, capacity;
};

/* A record of the format, filled field by field, little endian. */
typedef struct record {
    unsigned char bytes[64];
    size_t size;
} record;

static void put(record *r, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        r->bytes[r->size++] = (unsigned char)(value >> 8 * i);
}

static void put2(record *r, uint16_t value)
{
    put(r, value, 2);
}

static void put4(record *r, uint32_t value)
{
    put(r, value, 4);
}

static void put8(record *r, uint64_t value)
{
    put(r, value, 8);
}

static int write_record(rv_npz *npz, const record *r)
{
    return rv_atomic_file_write(npz->file, r->bytes, r->size);
}

/* What local header and directory have in common, from "version needed" to the length of the name. */
static void put_member(record *r, const member *m)
{
    put2(r, VERSION);
    put2(r, UTF8);
    put2(r, 0); /* stored */
    put2(r, 0); /* time */
    put2(r, NO_DATE);
    put4(r, m->crc);
    put4(r, IN_EXTRA); /* compressed size */
    put4(r, IN_EXTRA); /* size */
    put2(r, (uint16_t)strlen(m->name));
}

static int write_local_header(rv_npz *npz, const member *m)
{
    record head = {.size = 0}, extra = {.size = 0};
    put4(&head, 0x04034b50);
    put_member(&head, m);
    put2(&head, 20); /* bytes of extra */
    put2(&extra, 1);
    put2(&extra, 16);
    put8(&extra, m->size);
    put8(&extra, m->size);
    int rc = write_record(npz, &head);
    if (rc == RV_OK)
        rc = rv_atomic_file_write(npz->file, m->name, strlen(m->name));
    return rc < 0 ? rc : write_record(npz, &extra);
}

static int write_directory_entry(rv_npz *npz, const member *m)
{
    record head = {.size = 0}, extra = {.size = 0};
    put4(&head, 0x02014b50);
    put2(&head, MADE_BY_UNIX << 8 | VERSION);
    put_member(&head, m);
    put2(&head, 28); /* bytes of extra */
    put2(&head, 0);  /* comment */
    put2(&head, 0);  /* disk */
    put2(&head, 0);  /* internal attributes */
    put4(&head, ATTRIBUTES);
    put4(&head, IN_EXTRA); /* offset */
    put2(&extra, 1);
    put2(&extra, 24);
    put8(&extra, m->size);
    put8(&extra, m->size);
    put8(&extra, m->offset);
    int rc = write_record(npz, &head);
    if (rc == RV_OK)
        rc = rv_atomic_file_write(npz->file, m->name, strlen(m->name));
    return rc < 0 ? rc : write_record(npz, &extra);
}

static int write_end(rv_npz *npz, uint64_t directory)
{
    const uint64_t end = rv_atomic_file_size(npz->file);
    record r = {.size = 0}, tail = {.size = 0};
    put4(&r, 0x06064b50);
    put8(&r, 44); /* bytes that follow */
    put2(&r, MADE_BY_UNIX << 8 | VERSION);
    put2(&r, VERSION);
    put4(&r, 0); /* disks */
    put4(&r, 0);
    put8(&r, npz->num);
    put8(&r, npz->num);
    put8(&r, end - directory);
    put8(&r, directory);
    put4(&tail, 0x07064b50);
    put4(&tail, 0);
    put8(&tail, end);
    put4(&tail, 1);
    put4(&tail, 0x06054b50); /* the end that older programs look for: all of it is above */
    put2(&tail, 0);
    put2(&tail, 0);
    put2(&tail, UINT16_MAX);
    put2(&tail, UINT16_MAX);
    put4(&tail, IN_EXTRA);
    put4(&tail, IN_EXTRA);
    put2(&tail, 0);
    const int rc = write_record(npz, &r);
    return rc < 0 ? rc : write_record(npz, &tail);
}

static void destroy(rv_npz *npz)
{
    for (size_t i = 0; i < npz->num; i++)
        rv_free(npz->members[i].name);
    rv_free(npz->members);
    rv_free(npz);
}

int rv_npz_create(rv_npz **out, rv_context *context, const char *path)
{
    *out = NULL;
    rv_npz *npz = rv_alloc(context, 1, sizeof *npz, "an archive to write");
    if (!npz)
        return RV_ERR_MEMORY;
    npz->context = context;
    const int rc = rv_atomic_file_open(&npz->file, context, path);
    if (rc < 0) {
        destroy(npz);
        return rc;
    }
    *out = npz;
    return RV_OK;
}

static uint32_t checksum(const char *header, size_t length, const rv_ndarray *array)
{
    const unsigned char *data = array->data;
    size_t left = array->size * rv_dtype_size(array->dtype);
    uLong crc = crc32(crc32(0, Z_NULL, 0), (const Bytef *)header, (uInt)length);
    for (size_t n; left > 0; left -= n, data += n) {
        n = left < INT_MAX ? left : INT_MAX;
        crc = crc32(crc, data, (uInt)n);
    }
    return (uint32_t)crc;
}

int rv_npz_add(rv_npz *npz, const char *name, const rv_ndarray *array)
{
    char header[RV_NPY_HEADER_SIZE];
    const size_t bytes = array->size * rv_dtype_size(array->dtype);
    const size_t length = rv_npy_header_format(header, array->dtype, array->num_dims, array->shape);
    int rc = rv_grow(npz->context, &npz->members, &npz->capacity, npz->num + 1, sizeof *npz->members, "an archive");
    if (rc < 0)
        return rc;
    member *m = &npz->members[npz->num];
    *m = (member){
        .name = rv_format(npz->context, "%s.npy", name),
        .crc = checksum(header, length, array),
        .size = length + bytes,
        .offset = rv_atomic_file_size(npz->file),
    };
    if (!m->name)
        return RV_ERR_MEMORY;
    npz->num++;
    if (strlen(m->name) > UINT16_MAX)
        return rv_fail(npz->context, RV_ERR_ARGUMENT, "the name of an array in an archive must be shorter");
    if ((rc = write_local_header(npz, m)) < 0 || (rc = rv_atomic_file_write(npz->file, header, length)) < 0)
        return rc;
    return rv_atomic_file_write(npz->file, array->data, bytes);
}

int rv_npz_commit(rv_npz *npz)
{
    const uint64_t directory = rv_atomic_file_size(npz->file);
    int rc = RV_OK;
    for (size_t i = 0; rc == RV_OK && i < npz->num; i++)
        rc = write_directory_entry(npz, &npz->members[i]);
    if (rc == RV_OK)
        rc = write_end(npz, directory);
    if (rc < 0) {
        rv_npz_abort(npz);
        return rc;
    }
    rc = rv_atomic_file_commit(npz->file);
    destroy(npz);
    return rc;
}

void rv_npz_abort(rv_npz *npz)
{
    if (!npz)
        return;
    rv_atomic_file_abort(npz->file);
    destroy(npz);
}
