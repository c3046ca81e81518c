#include "cli/schema.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/name.h"
#include "cli/doc.h"
#include "cli/say.h"
#include "cli/suggest.h"

/* ---- single values ---- */

static int fault_value(const node *where, const char *expected)
{
    char path[NODE_PATH_SIZE], shown[NODE_PATH_SIZE];
    return fault_at(where, "%s must be %s, got %s", node_path(where, path), expected, node_shown(where, shown));
}

int schema_expect(const node *where, node_kind kind)
{
    static const char *const expected[] = {"one value", "a list", "a table"};
    return where->kind == kind ? STATUS_OK : fault_value(where, expected[kind]);
}

static bool is_plain(const node *n)
{
    return n->kind == NODE_SCALAR && !n->quoted && *n->text;
}

int schema_number(const node *scalar, double *out)
{
    char *end;
    if (!is_plain(scalar))
        return fault_value(scalar, "a number");
    *out = strtod(scalar->text, &end);
    if (*end || !isfinite(*out))
        return fault_value(scalar, *end ? "a number" : "a finite number");
    return STATUS_OK;
}

/* Decimal digits and nothing else. */
static bool parse_whole(const char *text, unsigned long long *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return isdigit((unsigned char)*text) && *end == '\0' && errno == 0;
}

static int fault_whole(const node *where, bool bounded, size_t min)
{
    char expected[64];
    snprintf(expected, sizeof expected, bounded ? "a whole number >= %zu" : "a whole number", min);
    return fault_value(where, expected);
}

int schema_count(const node *scalar, size_t min, size_t *out)
{
    unsigned long long whole;
    if (!is_plain(scalar) || !parse_whole(scalar->text, &whole) || whole < min || whole > SIZE_MAX / 2)
        return fault_whole(scalar, true, min);
    *out = (size_t)whole;
    return STATUS_OK;
}

static int read_int(const node *scalar, size_t min, int *out)
{
    const bool negative = is_plain(scalar) && *scalar->text == '-';
    unsigned long long whole;
    if (!is_plain(scalar) || !parse_whole(scalar->text + negative, &whole) || whole > INT_MAX ||
        (min > 0 && (negative || whole < min)))
        return fault_whole(scalar, min > 0, min);
    *out = negative ? -(int)whole : (int)whole;
    return STATUS_OK;
}

static int read_seed(const node *scalar, uint64_t *out)
{
    unsigned long long whole;
    if (!is_plain(scalar) || !parse_whole(scalar->text, &whole))
        return fault_value(scalar, "a whole number from 0 to 2^64 - 1");
    *out = whole;
    return STATUS_OK;
}

int schema_flag(const node *scalar, bool *out)
{
    static const char *const words[] = {"true", "yes", "on", "false", "no", "off"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (is_plain(scalar) && strcasecmp(scalar->text, words[i]) == 0) {
            *out = i < 3;
            return STATUS_OK;
        }
    return fault_value(scalar, "true or false");
}

int schema_text(const node *scalar, const char **out)
{
    if (scalar->kind != NODE_SCALAR || node_is_null(scalar))
        return fault_value(scalar, "a text");
    *out = scalar->text;
    return STATUS_OK;
}

static int read_choice(const node *scalar, const char *const *choices, int *out)
{
    const char *text = NULL;
    size_t num = 0;
    const int status = schema_text(scalar, &text);
    if (status)
        return status;
    for (; choices[num]; num++)
        if (rv_name_equal(choices[num], text)) {
            *out = (int)num;
            return STATUS_OK;
        }
    return fault_unknown(scalar, scalar->key ? scalar->key : "value", text, NULL, choices, num);
}

static int read_value(node *value, const key *k, void *field)
{
    bool flag = false;
    int status = STATUS_OK;
    switch (k->kind) {
    case KEY_NODE:
        *(node **)field = value;
        break;
    case KEY_TEXT:
    case KEY_FILE:
        status = schema_text(value, field);
        break;
    case KEY_COUNT:
        status = schema_count(value, k->min, field);
        break;
    case KEY_INT:
        status = read_int(value, k->min, field);
        break;
    case KEY_SEED:
        status = read_seed(value, field);
        break;
    case KEY_NUMBER:
        status = schema_number(value, field);
        if (!status && k->positive && !(*(double *)field > 0))
            status = fault_value(value, "a number > 0");
        break;
    case KEY_FLAG:
        status = schema_flag(value, &flag);
        *(rv_flag *)field = flag ? RV_ON : RV_OFF;
        break;
    case KEY_CHOICE:
        status = read_choice(value, k->choices, field);
        break;
    }
    return status;
}

/* ---- tables ---- */

static size_t gather_names(const key_part *parts, size_t num_parts, const char **names, size_t max)
{
    size_t num = 0;
    for (size_t p = 0; p < num_parts; p++)
        for (size_t k = 0; k < parts[p].num && num < max; k++)
            names[num++] = parts[p].keys[k].name;
    return num;
}

/* From here on a key has one name. */
static int rename_keys(node *table, const key_part *parts, size_t num_parts)
{
    for (size_t p = 0; p < num_parts; p++)
        for (const key *k = parts[p].keys; k < parts[p].keys + parts[p].num; k++) {
            node *value = k->mlgenn ? node_find(table, k->mlgenn) : NULL;
            if (value && node_find(table, k->name))
                return fault_at(value, "'%s' is given twice, as '%s' and as '%s'", k->name, k->name, k->mlgenn);
            if (value)
                node_rename(value, k->name);
        }
    return STATUS_OK;
}

static int refuse_unknown(const node *table, const key_part *parts, size_t num_parts)
{
    const char *names[64];
    const size_t num = gather_names(parts, num_parts, names, COUNT_OF(names));
    for (const node *child = table->first; child; child = child->next) {
        size_t i = 0;
        while (i < num && strcmp(names[i], child->key) != 0)
            i++;
        char path[NODE_PATH_SIZE];
        if (i == num)
            return fault_unknown(child, "key", child->key, node_path(table, path), names, num);
    }
    return STATUS_OK;
}

static int read_key(node *table, const key *k, void *out)
{
    node *value = node_find(table, k->name);
    if (value && node_is_null(value)) {
        node_remove(value);
        value = NULL;
    }
    if (!value && k->standard) {
        const int status = doc_read_text(&value, k->standard, NULL);
        if (status)
            return status;
        node_append(table, k->name, value);
    }
    char path[NODE_PATH_SIZE];
    if (!value && k->required)
        return fault_at(table, "%s needs the key '%s': %s", node_path(table, path), k->name, k->help);
    return value ? read_value(value, k, (unsigned char *)out + k->offset) : STATUS_OK;
}

int schema_read(node *table, const key_part *parts, size_t num_parts)
{
    int status = schema_expect(table, NODE_TABLE);
    if (!status)
        status = rename_keys(table, parts, num_parts);
    if (!status)
        status = refuse_unknown(table, parts, num_parts);
    for (size_t p = 0; p < num_parts; p++)
        for (size_t k = 0; k < parts[p].num && !status; k++)
            status = read_key(table, &parts[p].keys[k], parts[p].out);
    return status;
}

/* ---- typed entries ---- */

const node *schema_type(node *entry)
{
    char path[NODE_PATH_SIZE];
    const char *text;
    if (entry->kind == NODE_SCALAR && !node_is_null(entry))
        node_wrap(entry, "type");
    const node *type = node_find(entry, "type");
    if (entry->kind != NODE_TABLE)
        fault_value(entry, "a name or a table with a type");
    else if (!type)
        fault_at(entry, "%s needs the key 'type'", node_path(entry, path));
    else if (schema_text(type, &text) == STATUS_OK)
        return type;
    return NULL;
}

int schema_choose(node *entry, const variant *first_row, size_t stride, size_t num_rows)
{
    const char *names[64];
    const node *type = schema_type(entry);
    if (!type)
        return -1;
    for (size_t i = 0; i < num_rows && i < COUNT_OF(names); i++) {
        const variant *row = (const variant *)(const void *)((const unsigned char *)first_row + i * stride);
        if (rv_name_equal(row->name, type->text))
            return (int)i;
        names[i] = row->name;
    }
    char path[NODE_PATH_SIZE];
    fault_unknown(type, "type", type->text, node_path(entry, path), names, num_rows);
    return -1;
}

int schema_read_variant(node *entry, const variant *row, void *options, const key_part *common)
{
    static const key type_key[] = {{.name = "type", .kind = KEY_TEXT, .required = true, .help = "what it is"}};
    const char *type;
    const key_part parts[] = {
        KEY_PART(type_key, &type),
        {.keys = row->keys, .num = row->num_keys, .out = options},
        common ? *common : (key_part){0},
    };
    return schema_read(entry, parts, COUNT_OF(parts));
}
