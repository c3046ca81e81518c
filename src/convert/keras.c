/* The graph of a Keras model. A Sequential model is a chain; in a Functional one each layer names those whose output it
 * takes, which stand before it in the file. */
#include <ctype.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "convert/keras_reader.h"

#define MAX_LAYERS 4096

/* The outputs of the layers so far, by the layer's name. */
typedef struct outputs {
    struct {
        const char *name; /* of the JSON */
        rv_keras_tensor tensor;
    } * all;
    size_t num;
} outputs;

/* "Conv2D" as "conv2d", "conv2d_1", ..., as Keras names the weights in a .keras file. */
static void find_key(rv_keras_reader *r)
{
    char snake[RV_KERAS_MAX_NAME - 16];
    size_t n = 0;
    const char *c = r->class_name;
    for (size_t i = 0; c[i] && n + 2 < sizeof snake; i++) {
        const bool starts = isupper((unsigned char)c[i]) && i && (islower((unsigned char)c[i - 1]));
        const bool inner =
            isupper((unsigned char)c[i]) && i && islower((unsigned char)c[i + 1]) && !isdigit((unsigned char)c[i - 1]);
        if (starts || inner)
            snake[n++] = '_';
        snake[n++] = (char)tolower((unsigned char)c[i]);
    }
    snake[n] = '\0';
    int k = 0;
    while (k < r->num_classes && strcmp(r->classes[k].name, snake) != 0)
        k++;
    if (k == r->num_classes && k < RV_KERAS_MAX_CLASSES)
        strcpy(r->classes[r->num_classes++].name, snake);
    const int count = k < RV_KERAS_MAX_CLASSES ? r->classes[k].count++ : 0;
    if (count)
        snprintf(r->key, sizeof r->key, "%s_%d", snake, count);
    else
        snprintf(r->key, sizeof r->key, "%s", snake);
}

static void set_layer(rv_keras_reader *r, const json_t *layer)
{
    r->class_name = rv_keras_text(layer, "class_name", "?");
    r->config = json_object_get(layer, "config");
    r->name = rv_keras_text(r->config, "name", rv_keras_text(layer, "name", "?"));
    r->shared = false;
    find_key(r);
}

/* The shape of the input that a layer says, with its batch; NULL if it does not. */
static const json_t *find_shape(const rv_keras_reader *r)
{
    const json_t *shape = json_object_get(r->config, "batch_shape");
    return shape ? shape : json_object_get(r->config, "batch_input_shape");
}

/* ---- references: [name, node, output], anywhere in the lists of Keras 2 and the objects of Keras 3 ---- */

/* The layer that is referred to, or NULL. */
static const char *reference(const json_t *json, json_int_t *node)
{
    const json_t *number = json_array_get(json, 1);
    const char *name = json_string_value(json_array_get(json, 0));
    if (!name || !json_is_integer(number))
        return NULL;
    *node = json_integer_value(number);
    return name;
}

typedef int (*reference_fn)(void *user, const char *name, json_int_t node);

static int each_reference(const json_t *json, reference_fn visit, void *user)
{
    json_int_t node;
    size_t i;
    const char *key, *name = reference(json, &node);
    json_t *child;
    int error = name ? visit(user, name, node) : RV_OK;
    if (!name && json_is_array(json))
        json_array_foreach(json, i, child) if (!error) error = each_reference(child, visit, user);
    if (json_is_object(json))
        json_object_foreach((json_t *)(uintptr_t)json, key, child) if (!error) error =
            each_reference(child, visit, user);
    return error;
}

typedef struct count {
    const char *name;
    size_t num;
} count;

static int count_reference(void *user, const char *name, json_int_t node)
{
    count *c = user;
    (void)node;
    c->num += strcmp(name, c->name) == 0;
    return RV_OK;
}

/* How many layers take the output of one, the model's own output counted. */
static size_t count_uses(const json_t *config, const json_t *layers, const char *name)
{
    count c = {.name = name};
    size_t i;
    const json_t *layer;
    json_array_foreach(layers, i, layer) each_reference(json_object_get(layer, "inbound_nodes"), count_reference, &c);
    each_reference(json_object_get(config, "output_layers"), count_reference, &c);
    return c.num;
}

typedef struct gathering {
    const rv_keras_reader *reader;
    const outputs *outputs;
    rv_keras_tensor in[RV_ANN_MAX_SOURCES];
    size_t num;
} gathering;

static int gather_reference(void *user, const char *name, json_int_t node)
{
    gathering *g = user;
    size_t i = 0;
    if (node != 0)
        return rv_keras_refuse(g->reader, "it takes a layer that is used more than once");
    if (g->num == RV_ANN_MAX_SOURCES)
        return rv_keras_refuse(g->reader, "it has too many inputs");
    while (i < g->outputs->num && strcmp(g->outputs->all[i].name, name) != 0)
        i++;
    if (i == g->outputs->num)
        return rv_keras_refuse(g->reader, "it takes a layer that is not before it");
    g->in[g->num++] = g->outputs->all[i].tensor;
    return RV_OK;
}

/* ---- the two kinds of models ---- */

static int read_chain(rv_keras_reader *r, const json_t *config, const json_t *layers, rv_keras_tensor *at)
{
    size_t i;
    const json_t *layer;
    json_array_foreach(layers, i, layer)
    {
        int error = RV_OK;
        set_layer(r, layer);
        const json_t *shape = find_shape(r);
        if (!shape)
            shape = json_object_get(config, "build_input_shape");
        if (!r->has_shape && !shape)
            return rv_keras_refuse(r, "the model does not say the shape of its input");
        if (!r->has_shape)
            error = rv_keras_take_input(r, shape, at);
        const rv_keras_tensor in = *at;
        if (!error && strcmp(r->class_name, "InputLayer") != 0)
            error = rv_keras_take_layer(r, &in, 1, at);
        if (error)
            return error;
    }
    return RV_OK;
}

static int read_node(rv_keras_reader *r, const json_t *layer, const outputs *known, rv_keras_tensor *out)
{
    gathering g = {.reader = r, .outputs = known};
    const json_t *nodes = json_object_get(layer, "inbound_nodes");
    if (strcmp(r->class_name, "InputLayer") == 0)
        return rv_keras_take_input(r, find_shape(r), out);
    if (json_array_size(nodes) != 1)
        return rv_keras_refuse(r, "it is used more than once, or not at all");
    const int error = each_reference(nodes, gather_reference, &g);
    if (error)
        return error;
    return g.num ? rv_keras_take_layer(r, g.in, g.num, out) : rv_keras_refuse(r, "it has no input");
}

static int read_graph(rv_keras_reader *r, const json_t *config, const json_t *layers, rv_keras_tensor *at)
{
    outputs known = {0};
    size_t i;
    const json_t *layer;
    int error = RV_OK;
    if (!(known.all = rv_alloc(r->ann->context, json_array_size(layers), sizeof *known.all, "layers")))
        return RV_ERR_MEMORY;
    json_array_foreach(layers, i, layer) if (!error)
    {
        set_layer(r, layer);
        r->shared = count_uses(config, layers, r->name) > 1;
        error = read_node(r, layer, &known, &known.all[i].tensor);
        known.all[i].name = r->name;
        known.num++;
    }
    gathering g = {.reader = r, .outputs = &known};
    if (!error)
        error = each_reference(json_object_get(config, "output_layers"), gather_reference, &g);
    if (!error && g.num != 1)
        error = rv_fail(r->ann->context, RV_ERR_UNSUPPORTED, "%s: the model has %zu outputs, one is converted",
                        r->path, g.num);
    *at = g.in[0];
    rv_free(known.all);
    return error;
}

/* Whether any layer says channels_first: the input, which comes first, does not. */
static bool is_channels_first(const json_t *layers)
{
    size_t i;
    const json_t *layer;
    json_array_foreach(layers, i, layer) if (strcmp(rv_keras_text(json_object_get(layer, "config"), "data_format", ""),
                                                    "channels_first") == 0) return true;
    return false;
}

static int read_model(rv_keras_reader *r, const json_t *root)
{
    const json_t *config = json_object_get(root, "config");
    /* the first is of Keras < 2.2.3 */
    const json_t *layers = json_is_array(config) ? config : json_object_get(config, "layers");
    const char *class_name = rv_keras_text(root, "class_name", "?");
    const bool chain = strcmp(class_name, "Sequential") == 0;
    rv_context *context = r->ann->context;
    rv_keras_tensor at = {0};
    if (!chain && strcmp(class_name, "Functional") != 0 && strcmp(class_name, "Model") != 0)
        return rv_fail(context, RV_ERR_UNSUPPORTED, "%s: Sequential and Functional models are converted, got '%s'",
                       r->path, class_name);
    if (json_array_size(layers) > MAX_LAYERS)
        return rv_fail(context, RV_ERR_UNSUPPORTED, "%s: %zu layers, at most %d are converted", r->path,
                       json_array_size(layers), MAX_LAYERS);
    r->channels_first = is_channels_first(layers);
    const int error = (chain ? read_chain : read_graph)(r, config, layers, &at);
    if (!error && !at.activations)
        return rv_fail(context, RV_ERR_FORMAT, "%s: the model has no layers", r->path);
    r->ann->output = at.activations;
    return error;
}

int rv_keras_read(rv_ann **out, rv_context *context, const char *path)
{
    rv_keras_reader r = {.path = path, .class_name = "?", .name = "?"};
    *out = NULL;
    if (!(r.ann = rv_alloc(context, 1, sizeof *r.ann, "artificial network")))
        return RV_ERR_MEMORY;
    r.ann->context = context;
    int error = rv_keras_file_open(&r.file, context, path);
    json_t *root = error ? NULL : json_loads(rv_keras_file_config(r.file), 0, NULL);
    if (!error && !root)
        error = rv_fail(context, RV_ERR_FORMAT, "%s: the model's architecture is not JSON", path);
    if (!error)
        error = read_model(&r, root);
    json_decref(root);
    rv_keras_file_close(r.file);
    if (error)
        rv_ann_free(r.ann);
    else
        *out = r.ann;
    return error;
}
