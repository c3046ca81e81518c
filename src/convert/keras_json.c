#include <string.h>

#include "base/error.h"
#include "convert/keras_reader.h"

#define MAX_SIZE 65536 /* of an axis, a kernel, a layer's channels */

int rv_keras_refuse(const rv_keras_reader *r, const char *reason)
{
    return rv_fail(r->ann->context, RV_ERR_UNSUPPORTED, "%s: layer '%s' (%s): %s", r->path, r->name, r->class_name,
                   reason);
}

const char *rv_keras_text(const json_t *object, const char *key, const char *standard)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : standard;
}

bool rv_keras_flag(const json_t *object, const char *key, bool standard)
{
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_boolean_value(value) : standard;
}

size_t rv_keras_size(const json_t *value)
{
    const json_int_t n = json_integer_value(value);
    return n >= 1 && n <= MAX_SIZE ? (size_t)n : 0;
}

bool rv_keras_pair(const json_t *object, const char *key, const size_t standard[2], size_t out[2])
{
    const json_t *value = json_object_get(object, key);
    const bool pair = json_is_array(value) && json_array_size(value) == 2;
    for (size_t i = 0; i < 2; i++)
        out[i] = !value || json_is_null(value) ? standard[i] : rv_keras_size(pair ? json_array_get(value, i) : value);
    return out[0] && out[1];
}
