#include "store/npy_header.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

#define MAGIC "\x93NUMPY"
#define MAGIC_LENGTH 6
#define ALIGNMENT 64     /* of the first element in the file */
#define GROWTH_DIGITS 21 /* room NumPy leaves for the growing dimension */
#define MAX_LENGTH 65536 /* bytes of a dictionary that describes real numbers; NumPy itself stops at 10,000 */

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE '<'
#else
#define NATIVE '>'
#endif

static const struct {
    char kind; /* 'f', 'i', 'u', 'b' as in a type string */
    char size; /* bytes, as a digit */
    rv_dtype dtype;
} types[] = {
    {'f', '4', RV_FLOAT32}, {'f', '8', RV_FLOAT64}, {'i', '1', RV_INT8},  {'u', '1', RV_UINT8},
    {'i', '2', RV_INT16},   {'u', '2', RV_UINT16},  {'i', '4', RV_INT32}, {'u', '4', RV_UINT32},
    {'i', '8', RV_INT64},   {'u', '8', RV_UINT64},  {'b', '1', RV_BOOL},  {'f', '2', RV_FLOAT32},
};

/* ---- reading the dictionary: the little of Python's syntax that NumPy writes ---- */

static void skip_spaces(const char **at)
{
    while (isspace((unsigned char)**at))
        (*at)++;
}

static bool accept(const char **at, const char *token)
{
    skip_spaces(at);
    const size_t length = strlen(token);
    if (strncmp(*at, token, length) != 0)
        return false;
    *at += length;
    return true;
}

/* A quoted string without escapes; it stays in the text. */
static bool parse_string(const char **at, const char **out, size_t *length)
{
    skip_spaces(at);
    const char quote = **at;
    if (quote != '\'' && quote != '"')
        return false;
    const char *end = strchr(*at + 1, quote);
    if (!end || memchr(*at, '\\', (size_t)(end - *at)))
        return false;
    *out = *at + 1;
    *length = (size_t)(end - *out);
    *at = end + 1;
    return true;
}

static bool parse_size(const char **at, size_t *out)
{
    skip_spaces(at);
    if (!isdigit((unsigned char)**at))
        return false;
    for (*out = 0; isdigit((unsigned char)**at); (*at)++)
        if (!rv_multiply(*out, 10, out) || __builtin_add_overflow(*out, (size_t)(**at - '0'), out))
            return false;
    if (**at == 'L') /* a long integer of Python 2 */
        (*at)++;
    return true;
}

static bool parse_bool(const char **at, bool *out)
{
    *out = accept(at, "True");
    return *out || accept(at, "False");
}

/* "()", "(3,)", "(3, 4)". num_dims counts on where the shape has no room, so that it can be reported. */
static bool parse_shape(const char **at, rv_npy_header *header)
{
    size_t size;
    if (!accept(at, "("))
        return false;
    for (header->num_dims = 0; !accept(at, ")"); header->num_dims++) {
        if (header->num_dims > 0 && !accept(at, ","))
            return false;
        if (header->num_dims > 0 && accept(at, ")"))
            return true;
        if (!parse_size(at, &size))
            return false;
        if (header->num_dims < RV_NDARRAY_MAX_DIMS)
            header->shape[header->num_dims] = size;
    }
    return header->num_dims != 1; /* "(3)" is not a tuple */
}

static bool parse_type(const char *text, size_t length, rv_npy_header *header)
{
    if (length != 3 || !strchr("<>=|", text[0]))
        return false;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (text[1] == types[i].kind && text[2] == types[i].size) {
            header->dtype = types[i].dtype;
            header->file_size = (size_t)(types[i].size - '0');
            header->is_half = types[i].kind == 'f' && types[i].size == '2';
            header->swapped = (text[0] == '<' || text[0] == '>') && text[0] != NATIVE && header->file_size > 1;
            return true;
        }
    return false;
}

static int fail_syntax(rv_source *source, const char *detail)
{
    return rv_fail(rv_source_context(source), RV_ERR_FORMAT, "%s: not a .npy file: %s", rv_source_name(source),
                   detail);
}

enum {
    DESCR = 1,
    FORTRAN_ORDER = 2,
    SHAPE = 4,
    ALL_ENTRIES = 7
};

/* One "key: value"; which one is set in *found, where it must not be yet. */
static int parse_entry(rv_npy_header *header, rv_source *source, const char **at, unsigned *found)
{
    const char *key, *type;
    size_t key_length, type_length;
    unsigned entry = 0;

    if (!parse_string(at, &key, &key_length) || !accept(at, ":"))
        return fail_syntax(source, "its header is damaged");
    if (key_length == 5 && strncmp(key, "descr", 5) == 0) {
        entry = DESCR;
        if (!parse_string(at, &type, &type_length))
            return rv_fail(rv_source_context(source), RV_ERR_FORMAT, "%s: holds records, expected real numbers",
                           rv_source_name(source));
        if (!parse_type(type, type_length, header))
            return rv_fail(rv_source_context(source), RV_ERR_FORMAT,
                           "%s: holds elements of type '%.*s', expected real numbers", rv_source_name(source),
                           (int)(type_length < 32 ? type_length : 32), type);
    } else if (key_length == 13 && strncmp(key, "fortran_order", 13) == 0) {
        entry = parse_bool(at, &header->fortran_order) ? FORTRAN_ORDER : 0;
    } else if (key_length == 5 && strncmp(key, "shape", 5) == 0) {
        entry = parse_shape(at, header) ? SHAPE : 0;
    }
    if (entry == 0 || (*found & entry))
        return fail_syntax(source, "its header is damaged");
    *found |= entry;
    return RV_OK;
}

/* The three entries, each once, in any order. */
static int parse_dictionary(rv_npy_header *header, rv_source *source, const char *at)
{
    unsigned found = 0;
    bool closed = false;
    int rc;

    if (!accept(&at, "{"))
        return fail_syntax(source, "its header is not a dictionary");
    while (!closed) {
        if ((rc = parse_entry(header, source, &at, &found)) < 0)
            return rc;
        const bool comma = accept(&at, ",");
        closed = accept(&at, "}");
        if (!comma && !closed)
            return fail_syntax(source, "its header is damaged");
    }
    skip_spaces(&at);
    if (found != ALL_ENTRIES || *at)
        return fail_syntax(source, "its header is damaged");
    if (header->num_dims > RV_NDARRAY_MAX_DIMS)
        return rv_fail(rv_source_context(source), RV_ERR_FORMAT, "%s: has %d dimensions, at most %d are supported",
                       rv_source_name(source), header->num_dims, RV_NDARRAY_MAX_DIMS);
    return RV_OK;
}

int rv_npy_header_read(rv_npy_header *out, rv_source *source)
{
    unsigned char start[MAGIC_LENGTH + 2];
    unsigned char bytes[4] = {0};
    int rc;

    memset(out, 0, sizeof *out);
    if (rv_source_left(source) < sizeof start)
        return fail_syntax(source, "it is too short");
    if ((rc = rv_source_read(source, start, sizeof start)) < 0)
        return rc;
    if (memcmp(start, MAGIC, MAGIC_LENGTH) != 0)
        return fail_syntax(source, "it does not start with \\x93NUMPY");
    const unsigned version = start[MAGIC_LENGTH];
    if (version < 1 || version > 3)
        return rv_fail(rv_source_context(source), RV_ERR_FORMAT, "%s: .npy version %u, expected 1, 2 or 3",
                       rv_source_name(source), version);
    if ((rc = rv_source_read(source, bytes, version == 1 ? 2 : 4)) < 0)
        return rc;
    const size_t length = bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
    if (length > rv_source_left(source) || length > MAX_LENGTH)
        return fail_syntax(source, "its header is longer than the file or 64 KiB");

    char *text = rv_alloc(rv_source_context(source), length + 1, 1, "the header of a .npy file");
    if (!text)
        return RV_ERR_MEMORY;
    if ((rc = rv_source_read(source, text, length)) == RV_OK)
        rc = parse_dictionary(out, source, text);
    rv_free(text);
    return rc;
}

/* ---- writing ---- */

/* The tuple as Python prints it; returns its length. */
static int format_shape(char *out, size_t size, int num_dims, const size_t *shape)
{
    int used = snprintf(out, size, "(");
    for (int i = 0; i < num_dims; i++)
        used += snprintf(out + used, size - (size_t)used, "%s%zu", i ? ", " : "", shape[i]);
    return used + snprintf(out + used, size - (size_t)used, "%s)", num_dims == 1 ? "," : "");
}

size_t rv_npy_header_format(char out[RV_NPY_HEADER_SIZE], rv_dtype dtype, int num_dims, const size_t *shape)
{
    char tuple[RV_NDARRAY_MAX_DIMS * 22 + 4];
    const size_t prefix = MAGIC_LENGTH + 4;
    size_t type = 0;

    while (types[type].dtype != dtype)
        type++;
    format_shape(tuple, sizeof tuple, num_dims, shape);
    size_t length = prefix;
    length += (size_t)snprintf(out + length, RV_NPY_HEADER_SIZE - length,
                               "{'descr': '%c%c%c', 'fortran_order': False, 'shape': %s, }",
                               types[type].size == '1' ? '|' : NATIVE, types[type].kind, types[type].size, tuple);

    /* blanks: what the first dimension may still grow, then up to the alignment, at least one place of it, with the
     * newline */
    size_t blanks = num_dims > 0 ? (size_t)(GROWTH_DIGITS - snprintf(tuple, sizeof tuple, "%zu", shape[0])) : 0;
    blanks += ALIGNMENT - (length + blanks + 1) % ALIGNMENT;
    memset(out + length, ' ', blanks);
    length += blanks;
    out[length++] = '\n';

    memcpy(out, MAGIC "\x01", MAGIC_LENGTH + 2); /* version 1.0: the 0 of the string is the minor number */
    out[MAGIC_LENGTH + 2] = (char)((length - prefix) & 0xFF);
    out[MAGIC_LENGTH + 3] = (char)((length - prefix) >> 8);
    return length;
}
