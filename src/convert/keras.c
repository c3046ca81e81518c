/* The architecture of a Keras model, which is JSON, as a chain of layers.
 *
 * BatchNormalization after a layer without an activation is folded into it: with s = gamma / sqrt(variance + epsilon),
 *   weight <- weight s,  bias <- (bias - mean) s + beta
 * Flatten keeps the order (height, width, channels), as Keras's own does where it is told the data's order of axes; where
 * it is not, of channels-first data, the rows of the dense layer behind it are put in order here. */
#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "convert/ann.h"
#include "convert/keras_file.h"

#define MAX_SIZE ((size_t)1 << 16) /* of an axis, a kernel, a layer's channels */
#define MAX_NEURONS ((size_t)1 << 28)
#define MAX_NAME 128
#define MAX_CLASSES 32

typedef struct reader {
    rv_ann *ann;
    rv_keras_file *file;
    const char *path;
    size_t shape[3]; /* of what the layers so far give */
    bool has_shape, is_flat, channels_first;
    bool chw; /* flattened as (channels, height, width), of the shape before */
    size_t before[3];
    bool ended; /* by a softmax */

    const char *class_name, *name;
    const json_t *config;
    char key[MAX_NAME]; /* "dense_1": its place among the layers of its class */
    struct {
        char name[MAX_NAME];
        int count;
    } classes[MAX_CLASSES];
    int num_classes;
} reader;

static int refuse(const reader *r, const char *reason)
{
    return rv_fail(r->ann->context, RV_ERR_UNSUPPORTED, "%s: layer '%s' (%s): %s", r->path, r->name, r->class_name,
                   reason);
}

/* ---- JSON ---- */

static const char *text_of(const json_t *object, const char *key, const char *standard)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : standard;
}

static bool flag_of(const json_t *object, const char *key, bool standard)
{
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_boolean_value(value) : standard;
}

/* A size of 1 .. MAX_SIZE; 0 if it is none. */
static size_t size_of(const json_t *value)
{
    const json_int_t n = json_integer_value(value);
    return n >= 1 && n <= (json_int_t)MAX_SIZE ? (size_t)n : 0;
}

/* "kernel_size": [5, 5] or 5; the standard where it is not there or null. */
static bool pair_of(const json_t *object, const char *key, const size_t standard[2], size_t out[2])
{
    const json_t *value = json_object_get(object, key);
    const bool pair = json_is_array(value) && json_array_size(value) == 2;
    for (size_t i = 0; i < 2; i++)
        out[i] = !value || json_is_null(value) ? standard[i] : size_of(pair ? json_array_get(value, i) : value);
    return out[0] && out[1];
}

/* ---- layers ---- */

/* "Conv2D" as "conv2d", "conv2d_1", ..., as Keras names the weights in a .keras file. */
static void find_key(reader *r)
{
    char snake[MAX_NAME - 16];
    size_t n = 0;
    const char *c = r->class_name;
    for (size_t i = 0; c[i] && n + 2 < sizeof snake; i++) {
        const bool starts = isupper((unsigned char)c[i]) && i && (islower((unsigned char)c[i - 1]));
        const bool inner = isupper((unsigned char)c[i]) && i && islower((unsigned char)c[i + 1]) &&
                           !isdigit((unsigned char)c[i - 1]);
        if (starts || inner)
            snake[n++] = '_';
        snake[n++] = (char)tolower((unsigned char)c[i]);
    }
    snake[n] = '\0';
    int k = 0;
    while (k < r->num_classes && strcmp(r->classes[k].name, snake) != 0)
        k++;
    if (k == r->num_classes && k < MAX_CLASSES)
        strcpy(r->classes[r->num_classes++].name, snake);
    const int count = k < MAX_CLASSES ? r->classes[k].count++ : 0;
    if (count)
        snprintf(r->key, sizeof r->key, "%s_%d", snake, count);
    else
        snprintf(r->key, sizeof r->key, "%s", snake);
}

/* An input shape without its batch: {height, width[, channels]}, {channels, height, width} or {n}. */
static int take_shape(reader *r, const json_t *shape)
{
    const size_t num = json_array_size(shape);
    size_t dims[3] = {1, 1, 1};
    if (num < 2 || num > 4)
        return refuse(r, "an input must have 1 to 3 dimensions");
    for (size_t i = 1; i < num; i++)
        if (!(dims[i - 1] = size_of(json_array_get(shape, i))))
            return refuse(r, "the input's shape must be whole numbers");
    r->is_flat = num == 2;
    r->has_shape = true;
    if (num == 2)
        memcpy(r->shape, (size_t[3]){1, 1, dims[0]}, sizeof r->shape);
    else if (num == 4 && r->channels_first)
        memcpy(r->shape, (size_t[3]){dims[1], dims[2], dims[0]}, sizeof r->shape);
    else
        memcpy(r->shape, dims, sizeof r->shape);
    if (r->channels_first && num == 4 && dims[0] > 1)
        return refuse(r, "channels-first data of several channels are not converted");
    memcpy(r->ann->shape, r->shape, sizeof r->shape);
    return rv_ann_size(r->shape) <= MAX_NEURONS ? RV_OK : refuse(r, "the input is too large");
}

/* A new layer of the chain. */
static int add_layer(reader *r, rv_ann_kind kind, rv_ann_layer **out)
{
    rv_ann *ann = r->ann;
    if (!r->has_shape)
        return refuse(r, "the model does not say the shape of its input");
    rv_ann_layer *layers = rv_realloc(ann->context, ann->layers, ann->num_layers + 1, sizeof *layers, "layers");
    if (!layers)
        return RV_ERR_MEMORY;
    ann->layers = layers;
    *out = &layers[ann->num_layers++];
    **out = (rv_ann_layer){.kind = kind, .size = {1, 1}, .strides = {1, 1}};
    memcpy((*out)->in, r->shape, sizeof r->shape);
    (*out)->name = rv_format(ann->context, "%s", r->name);
    return (*out)->name ? RV_OK : RV_ERR_MEMORY;
}

static int take_activation(reader *r, rv_ann_layer *layer, const char *activation)
{
    if (strcmp(activation, "relu") == 0)
        layer->relu = true;
    else if (strcmp(activation, "softmax") == 0)
        r->ended = true;
    else if (strcmp(activation, "linear") != 0)
        return refuse(r, "its activation is neither relu, linear nor a last softmax");
    return RV_OK;
}

/* Kernel and bias, and the activation. */
static int finish_weights(reader *r, rv_ann_layer *l, int num_dims, const size_t *shape)
{
    const json_t *activation = json_object_get(r->config, "activation");
    int error = rv_keras_file_weight(&l->weight, r->file, r->name, r->key, "kernel", 0, num_dims, shape);
    if (!error && flag_of(r->config, "use_bias", true))
        error = rv_keras_file_weight(&l->bias, r->file, r->name, r->key, "bias", 1, 1, &l->out[2]);
    else if (!error && !(l->bias = rv_alloc(r->ann->context, l->out[2], sizeof *l->bias, "biases")))
        error = RV_ERR_MEMORY;
    if (!error && activation && !json_is_string(activation))
        error = refuse(r, "its activation is an object");
    return error ? error : take_activation(r, l, activation ? json_string_value(activation) : "linear");
}

/* Rows given as (channels, height, width) into the order (height, width, channels). */
static int order_rows(const reader *r, rv_ann_layer *l)
{
    const size_t targets = l->out[2], area = r->before[0] * r->before[1], channels = r->before[2];
    float *rows = rv_alloc(r->ann->context, area * channels * targets, sizeof *rows, "weights of a Keras layer");
    if (!rows)
        return RV_ERR_MEMORY;
    for (size_t c = 0; c < channels; c++)
        for (size_t p = 0; p < area; p++)
            memcpy(rows + (p * channels + c) * targets, l->weight + (c * area + p) * targets, targets * sizeof *rows);
    rv_free(l->weight);
    l->weight = rows;
    return RV_OK;
}

static int read_dense(reader *r)
{
    rv_ann_layer *l;
    const size_t units = size_of(json_object_get(r->config, "units"));
    if (!units)
        return refuse(r, "units must be a whole number");
    if (!r->is_flat)
        return refuse(r, "a Dense layer needs a Flatten before it");
    int error = add_layer(r, RV_ANN_DENSE, &l);
    if (error)
        return error;
    memcpy(l->out, (size_t[3]){1, 1, units}, sizeof l->out);
    error = finish_weights(r, l, 2, (size_t[2]){rv_ann_size(l->in), units});
    if (!error && r->chw)
        error = order_rows(r, l);
    r->chw = false;
    return error;
}

/* What kernels and pools share: sizes, strides, padding, and the shape that follows. */
static int place(reader *r, rv_ann_layer *l, const char *size, const char *strides, bool global)
{
    const char *padding = text_of(r->config, "padding", "valid");
    const size_t one[2] = {1, 1};
    l->same = strcmp(padding, "same") == 0;
    if (!l->same && strcmp(padding, "valid") != 0)
        return refuse(r, "its padding is neither valid nor same");
    if (global)
        memcpy(l->size, l->in, sizeof l->size);
    else if (!pair_of(r->config, size, (size_t[2]){0, 0}, l->size))
        return refuse(r, "its size must be one or two whole numbers");
    if (!pair_of(r->config, strides, l->kind == RV_ANN_CONV2D ? one : l->size, l->strides))
        return refuse(r, "its strides must be one or two whole numbers");
    for (int a = 0; a < 2; a++) {
        if (!l->same && l->in[a] < l->size[a])
            return refuse(r, "it is larger than what it looks at");
        l->out[a] = ((l->same ? l->in[a] : l->in[a] - l->size[a] + 1) + l->strides[a] - 1) / l->strides[a];
    }
    return l->out[0] * l->out[1] * l->out[2] <= MAX_NEURONS ? RV_OK : refuse(r, "it is too large");
}

static int read_conv2d(reader *r)
{
    rv_ann_layer *l;
    size_t dilation[2];
    const json_t *groups = json_object_get(r->config, "groups");
    if (r->is_flat || !pair_of(r->config, "dilation_rate", (size_t[2]){1, 1}, dilation) || dilation[0] * dilation[1] != 1)
        return refuse(r, "needs data in two dimensions, and no dilation");
    if (groups && json_integer_value(groups) != 1)
        return refuse(r, "groups are not converted");
    int error = add_layer(r, RV_ANN_CONV2D, &l);
    if (error)
        return error;
    if (!(l->out[2] = size_of(json_object_get(r->config, "filters"))))
        return refuse(r, "filters must be a whole number");
    error = place(r, l, "kernel_size", "strides", false);
    return error ? error : finish_weights(r, l, 4, (size_t[4]){l->size[0], l->size[1], l->in[2], l->out[2]});
}

static int read_pool(reader *r, rv_ann_kind kind, bool global)
{
    rv_ann_layer *l = NULL;
    if (r->is_flat)
        return refuse(r, "needs data in two dimensions");
    if (r->ann->num_layers && !r->ann->layers[r->ann->num_layers - 1].relu)
        return refuse(r, "what it pools may be negative, which spikes cannot say: put the ReLU before it");
    int error = add_layer(r, kind, &l);
    if (error)
        return error;
    if (error)
        return error;
    l->relu = true; /* its input is not negative */
    l->out[2] = l->in[2];
    error = place(r, l, "pool_size", "strides", global);
    if (!error && kind == RV_ANN_AVG_POOL2D && l->same)
        return refuse(r, "an average pool with padding is not converted");
    if (!error && global && flag_of(r->config, "keepdims", false))
        return refuse(r, "keepdims is not converted");
    return error;
}

static int read_batch_normalization(reader *r)
{
    rv_ann_layer *l = r->ann->num_layers ? &r->ann->layers[r->ann->num_layers - 1] : NULL;
    const bool scales = flag_of(r->config, "scale", true), centers = flag_of(r->config, "center", true);
    const json_t *epsilon = json_object_get(r->config, "epsilon");
    float *number[4] = {NULL}; /* gamma, beta, mean, variance */
    static const char *const names[] = {"gamma", "beta", "moving_mean", "moving_variance"};
    int error = RV_OK, index = 0;
    if (!l || !l->weight || l->relu || r->ended)
        return refuse(r, "it must follow a Dense or Conv2D layer without activation");
    const size_t n = l->out[2], rows = (l->kind == RV_ANN_DENSE ? rv_ann_size(l->in) : l->size[0] * l->size[1] * l->in[2]);
    for (int i = 0; i < 4 && !error; i++)
        if ((i != 0 || scales) && (i != 1 || centers))
            error = rv_keras_file_weight(&number[i], r->file, r->name, r->key, names[i], index++, 1, &n);
    for (size_t f = 0; f < n && !error; f++) {
        const double variance = (double)number[3][f] + (epsilon ? json_number_value(epsilon) : 1e-3);
        const double s = (scales ? (double)number[0][f] : 1) / sqrt(variance);
        l->bias[f] = (float)(((double)l->bias[f] - (double)number[2][f]) * s + (centers ? (double)number[1][f] : 0));
        for (size_t i = 0; i < rows; i++)
            l->weight[i * n + f] = (float)((double)l->weight[i * n + f] * s);
        if (!isfinite(s))
            error = refuse(r, "a variance is not positive");
    }
    for (int i = 0; i < 4; i++)
        rv_free(number[i]);
    return error;
}

static int flatten(reader *r)
{
    r->chw = r->channels_first && !r->is_flat && strcmp(text_of(r->config, "data_format", ""), "channels_first") != 0;
    memcpy(r->before, r->shape, sizeof r->before);
    memcpy(r->shape, (size_t[3]){1, 1, rv_ann_size(r->shape)}, sizeof r->shape);
    r->is_flat = true;
    return RV_OK;
}

static int read_activation(reader *r, const char *activation)
{
    if (!r->ann->num_layers)
        return refuse(r, "there is no layer before it");
    return take_activation(r, &r->ann->layers[r->ann->num_layers - 1], activation);
}

static int dispatch(reader *r)
{
    const char *c = r->class_name;
    if (strcmp(c, "InputLayer") == 0 || strcmp(c, "Dropout") == 0)
        return RV_OK;
    if (strcmp(c, "Flatten") == 0)
        return flatten(r);
    if (r->ended)
        return refuse(r, "a softmax before it, which only the last layer may have");
    if (strcmp(c, "Dense") == 0)
        return read_dense(r);
    if (strcmp(c, "Conv2D") == 0)
        return read_conv2d(r);
    if (strcmp(c, "MaxPooling2D") == 0)
        return read_pool(r, RV_ANN_MAX_POOL2D, false);
    if (strcmp(c, "AveragePooling2D") == 0)
        return read_pool(r, RV_ANN_AVG_POOL2D, false);
    if (strcmp(c, "GlobalAveragePooling2D") == 0)
        return read_pool(r, RV_ANN_AVG_POOL2D, true);
    if (strcmp(c, "BatchNormalization") == 0)
        return read_batch_normalization(r);
    if (strcmp(c, "Activation") == 0)
        return read_activation(r, text_of(r->config, "activation", ""));
    if (strcmp(c, "ReLU") == 0)
        return json_is_real(json_object_get(r->config, "max_value")) ? refuse(r, "max_value is not converted")
                                                                      : read_activation(r, "relu");
    if (strcmp(c, "Softmax") == 0)
        return read_activation(r, "softmax");
    return refuse(r, "this kind of layer is not converted");
}

static int read_layer(reader *r, const json_t *layer)
{
    r->class_name = text_of(layer, "class_name", "?");
    r->config = json_object_get(layer, "config");
    r->name = text_of(r->config, "name", "?");
    if (strcmp(text_of(r->config, "data_format", ""), "channels_first") == 0)
        r->channels_first = true;
    find_key(r);
    const json_t *shape = json_object_get(r->config, "batch_shape");
    if (!shape)
        shape = json_object_get(r->config, "batch_input_shape");
    const size_t before = r->ann->num_layers;
    int error = shape && !r->has_shape ? take_shape(r, shape) : RV_OK;
    if (!error)
        error = dispatch(r);
    if (!error && r->ann->num_layers > before)
        memcpy(r->shape, r->ann->layers[before].out, sizeof r->shape);
    if (!error && strcmp(r->class_name, "GlobalAveragePooling2D") == 0)
        r->is_flat = true;
    return error;
}

/* Whether any layer says channels_first: the input, which comes first, does not. */
static bool is_channels_first(const json_t *layers)
{
    size_t i;
    const json_t *layer;
    json_array_foreach(layers, i, layer)
        if (strcmp(text_of(json_object_get(layer, "config"), "data_format", ""), "channels_first") == 0)
            return true;
    return false;
}

static int read_model(reader *r, const json_t *root)
{
    const json_t *config = json_object_get(root, "config"), *layers, *layer;
    rv_context *context = r->ann->context;
    size_t i;
    if (strcmp(text_of(root, "class_name", ""), "Sequential") != 0)
        return rv_fail(context, RV_ERR_UNSUPPORTED, "%s: only Sequential models are converted, got '%s'", r->path,
                       text_of(root, "class_name", "?"));
    layers = json_is_array(config) ? config : json_object_get(config, "layers"); /* the first is of Keras < 2.2.3 */
    r->channels_first = is_channels_first(layers);
    json_array_foreach(layers, i, layer) {
        const int error = read_layer(r, layer);
        if (error)
            return error;
    }
    if (!r->ann->num_layers)
        return rv_fail(context, RV_ERR_FORMAT, "%s: the model has no layers", r->path);
    for (i = 0; i + 1 < r->ann->num_layers; i++)
        if (!r->ann->layers[i].relu)
            return rv_fail(context, RV_ERR_UNSUPPORTED, "%s: layer '%s' has no ReLU, which all but the last layer need",
                           r->path, r->ann->layers[i].name);
    return RV_OK;
}

int rv_keras_read(rv_ann **out, rv_context *context, const char *path)
{
    reader r = {.path = path};
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
