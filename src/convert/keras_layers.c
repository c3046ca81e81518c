/* Kinds of Keras layers.
 *
 * BatchNormalization behind a layer without an activation that nobody else takes is folded into it: with s = gamma /
 * sqrt(variance + epsilon),
 *   weight <- weight s,  bias <- (bias - mean) s + beta
 * Elsewhere it is an ADD of one source, with these as its weight and bias; so is a ReLU of what others take without one.
 * Flatten keeps the order (height, width, channels), as Keras's own does where it is told the data's order of axes; where
 * it is not, of channels-first data, the rows of the dense layer behind it are put in order here. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "convert/keras_reader.h"

#define MAX_NEURONS ((size_t)1 << 28)

static bool same_shape(const size_t a[3], const size_t b[3])
{
    return memcmp(a, b, 3 * sizeof *a) == 0;
}

/* ---- the input ---- */

int rv_keras_take_input(rv_keras_reader *r, const json_t *shape, rv_keras_tensor *out)
{
    const size_t num = json_array_size(shape);
    size_t dims[3] = {1, 1, 1};
    if (r->has_shape)
        return rv_keras_refuse(r, "a second input, which is not converted");
    if (num < 2 || num > 4)
        return rv_keras_refuse(r, "an input must have 1 to 3 dimensions");
    for (size_t i = 1; i < num; i++)
        if (!(dims[i - 1] = rv_keras_size(json_array_get(shape, i))))
            return rv_keras_refuse(r, "the input's shape must be whole numbers");
    r->has_shape = true;
    r->ann->channels_first = r->channels_first && num == 4;
    *out = (rv_keras_tensor){.is_flat = num == 2, .shared = r->shared};
    if (num == 2)
        memcpy(out->shape, (size_t[3]){1, 1, dims[0]}, sizeof out->shape);
    else if (r->ann->channels_first)
        memcpy(out->shape, (size_t[3]){dims[1], dims[2], dims[0]}, sizeof out->shape);
    else
        memcpy(out->shape, dims, sizeof out->shape);
    memcpy(r->ann->shape, out->shape, sizeof out->shape);
    return rv_ann_size(out->shape) <= MAX_NEURONS ? RV_OK : rv_keras_refuse(r, "the input is too large");
}

/* ---- new layers ---- */

/* A layer behind in (num), whose output has the shape of the input until it is set. */
static int add_layer(rv_keras_reader *r, rv_ann_kind kind, const rv_keras_tensor *in, size_t num, rv_ann_layer **out)
{
    rv_ann *ann = r->ann;
    rv_ann_layer *layers = rv_realloc(ann->context, ann->layers, ann->num_layers + 1, sizeof *layers, "layers");
    if (!layers)
        return RV_ERR_MEMORY;
    ann->layers = layers;
    *out = &layers[ann->num_layers++];
    **out = (rv_ann_layer){.kind = kind, .size = {1, 1}, .strides = {1, 1}, .num_sources = num};
    for (size_t i = 0; i < num; i++)
        (*out)->sources[i] = in[i].activations;
    memcpy((*out)->in, in->shape, sizeof in->shape);
    memcpy((*out)->out, in->shape, sizeof in->shape);
    (*out)->name = rv_format(ann->context, "%s", r->name);
    return (*out)->name ? RV_OK : RV_ERR_MEMORY;
}

/* What the last layer yields. */
static void yield(const rv_keras_reader *r, const rv_keras_tensor *in, bool is_flat, rv_keras_tensor *out)
{
    *out = *in;
    out->activations = r->ann->num_layers;
    memcpy(out->shape, r->ann->layers[r->ann->num_layers - 1].out, sizeof out->shape);
    out->is_flat = is_flat;
    out->chw = in->chw && is_flat && in->is_flat;
    out->shared = r->shared;
}

/* An ADD, with the weight 1 and the bias 0 of each channel. */
static int add_sum(rv_keras_reader *r, const rv_keras_tensor *in, size_t num, rv_keras_tensor *out)
{
    rv_ann_layer *l;
    const int error = add_layer(r, RV_ANN_ADD, in, num, &l);
    if (error)
        return error;
    l->weight = rv_alloc(r->ann->context, l->out[2], sizeof *l->weight, "weights");
    l->bias = rv_alloc(r->ann->context, l->out[2], sizeof *l->bias, "biases");
    for (size_t c = 0; l->weight && c < l->out[2]; c++)
        l->weight[c] = 1;
    yield(r, in, in->is_flat, out);
    return l->weight && l->bias ? RV_OK : RV_ERR_MEMORY;
}

/* ---- activations ---- */

/* Behind a tensor, which the activation becomes. */
static int activate(rv_keras_reader *r, const char *activation, rv_keras_tensor *at)
{
    if (strcmp(activation, "softmax") == 0)
        at->ended = true;
    else if (strcmp(activation, "relu") != 0 && strcmp(activation, "linear") != 0)
        return rv_keras_refuse(r, "its activation is neither relu, linear nor a last softmax");
    if (strcmp(activation, "relu") != 0 || (at->activations && !rv_ann_is_signed(r->ann, at->activations))) {
        at->shared = at->shared || r->shared;
        return RV_OK;
    }
    if (!at->activations || at->shared) {
        const rv_keras_tensor in = *at;
        const int error = add_sum(r, &in, 1, at);
        if (error)
            return error;
    }
    r->ann->layers[at->activations - 1].relu = true;
    at->shared = at->shared || r->shared;
    return RV_OK;
}

/* ---- Dense and Conv2D ---- */

/* Kernel and bias, then the activation. */
static int finish_weights(rv_keras_reader *r, rv_ann_layer *l, int num_dims, const size_t *shape)
{
    int error = rv_keras_file_weight(&l->weight, r->file, r->name, r->key, "kernel", 0, num_dims, shape);
    if (!error && rv_keras_flag(r->config, "use_bias", true))
        error = rv_keras_file_weight(&l->bias, r->file, r->name, r->key, "bias", 1, 1, &l->out[2]);
    else if (!error && !(l->bias = rv_alloc(r->ann->context, l->out[2], sizeof *l->bias, "biases")))
        error = RV_ERR_MEMORY;
    return error;
}

static int finish_activation(rv_keras_reader *r, rv_keras_tensor *out)
{
    const json_t *activation = json_object_get(r->config, "activation");
    if (activation && !json_is_string(activation))
        return rv_keras_refuse(r, "its activation is an object");
    const bool shared = out->shared;
    out->shared = false; /* before the activation nobody else sees it */
    const int error = activate(r, activation ? json_string_value(activation) : "linear", out);
    out->shared = shared;
    return error;
}

/* Rows given as (channels, height, width) into the order (height, width, channels). */
static int order_rows(const rv_keras_reader *r, rv_ann_layer *l, const size_t before[3])
{
    const size_t targets = l->out[2], area = before[0] * before[1], channels = before[2];
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

static int take_dense(rv_keras_reader *r, const rv_keras_tensor *in, rv_keras_tensor *out)
{
    rv_ann_layer *l;
    const size_t units = rv_keras_size(json_object_get(r->config, "units"));
    if (!units)
        return rv_keras_refuse(r, "units must be a whole number");
    if (!in->is_flat)
        return rv_keras_refuse(r, "a Dense layer needs a Flatten before it");
    int error = add_layer(r, RV_ANN_DENSE, in, 1, &l);
    if (error)
        return error;
    memcpy(l->out, (size_t[3]){1, 1, units}, sizeof l->out);
    error = finish_weights(r, l, 2, (size_t[2]){rv_ann_size(l->in), units});
    if (!error && in->chw)
        error = order_rows(r, l, in->before);
    yield(r, in, true, out);
    out->chw = false;
    return error ? error : finish_activation(r, out);
}

/* What kernels and pools share: sizes, strides, padding, and the shape that follows. */
static int place(rv_keras_reader *r, rv_ann_layer *l, const char *size, const char *strides, bool global)
{
    const char *padding = rv_keras_text(r->config, "padding", "valid");
    const size_t one[2] = {1, 1};
    l->same = strcmp(padding, "same") == 0;
    if (!l->same && strcmp(padding, "valid") != 0)
        return rv_keras_refuse(r, "its padding is neither valid nor same");
    if (global)
        memcpy(l->size, l->in, sizeof l->size);
    else if (!rv_keras_pair(r->config, size, (size_t[2]){0, 0}, l->size))
        return rv_keras_refuse(r, "its size must be one or two whole numbers");
    if (!rv_keras_pair(r->config, strides, l->kind == RV_ANN_CONV2D ? one : l->size, l->strides))
        return rv_keras_refuse(r, "its strides must be one or two whole numbers");
    for (int a = 0; a < 2; a++) {
        if (!l->same && l->in[a] < l->size[a])
            return rv_keras_refuse(r, "it is larger than what it looks at");
        l->out[a] = ((l->same ? l->in[a] : l->in[a] - l->size[a] + 1) + l->strides[a] - 1) / l->strides[a];
    }
    return l->out[0] * l->out[1] * l->out[2] <= MAX_NEURONS ? RV_OK : rv_keras_refuse(r, "it is too large");
}

static int take_conv2d(rv_keras_reader *r, const rv_keras_tensor *in, rv_keras_tensor *out)
{
    rv_ann_layer *l;
    size_t dilation[2];
    const json_t *groups = json_object_get(r->config, "groups");
    if (in->is_flat || !rv_keras_pair(r->config, "dilation_rate", (size_t[2]){1, 1}, dilation) ||
        dilation[0] * dilation[1] != 1)
        return rv_keras_refuse(r, "needs data in two dimensions, and no dilation");
    if (groups && json_integer_value(groups) != 1)
        return rv_keras_refuse(r, "groups are not converted");
    int error = add_layer(r, RV_ANN_CONV2D, in, 1, &l);
    if (error)
        return error;
    if (!(l->out[2] = rv_keras_size(json_object_get(r->config, "filters"))))
        return rv_keras_refuse(r, "filters must be a whole number");
    error = place(r, l, "kernel_size", "strides", false);
    if (!error)
        error = finish_weights(r, l, 4, (size_t[4]){l->size[0], l->size[1], l->in[2], l->out[2]});
    yield(r, in, false, out);
    return error ? error : finish_activation(r, out);
}

/* ---- pools ---- */

static int take_pool(rv_keras_reader *r, rv_ann_kind kind, bool global, const rv_keras_tensor *in,
                     rv_keras_tensor *out)
{
    rv_ann_layer *l = NULL;
    if (in->is_flat)
        return rv_keras_refuse(r, "needs data in two dimensions");
    int error = add_layer(r, kind, in, 1, &l);
    if (error)
        return error;
    l->relu = true; /* its input is not negative */
    error = place(r, l, "pool_size", "strides", global);
    yield(r, in, global && !rv_keras_flag(r->config, "keepdims", false), out);
    return error;
}

/* ---- BatchNormalization ---- */

/* gamma, beta, mean and variance of n channels, as scale and shift. */
static int read_normalization(rv_keras_reader *r, size_t n, double *scale, double *shift)
{
    static const char *const names[] = {"gamma", "beta", "moving_mean", "moving_variance"};
    const bool given[4] = {rv_keras_flag(r->config, "scale", true), rv_keras_flag(r->config, "center", true), true,
                           true};
    const json_t *epsilon = json_object_get(r->config, "epsilon");
    float *number[4] = {NULL};
    int error = RV_OK, index = 0;
    for (int i = 0; i < 4 && !error; i++)
        if (given[i])
            error = rv_keras_file_weight(&number[i], r->file, r->name, r->key, names[i], index++, 1, &n);
    for (size_t c = 0; c < n && !error; c++) {
        const double variance = (double)number[3][c] + (epsilon ? json_number_value(epsilon) : 1e-3);
        scale[c] = (number[0] ? (double)number[0][c] : 1) / sqrt(variance);
        shift[c] = (number[1] ? (double)number[1][c] : 0) - (double)number[2][c] * scale[c];
        if (!isfinite(scale[c]))
            error = rv_keras_refuse(r, "a variance is not positive");
    }
    for (int i = 0; i < 4; i++)
        rv_free(number[i]);
    return error;
}

/* Whether it normalises what is kept as channels. */
static bool is_over_channels(const rv_keras_reader *r, const rv_keras_tensor *in)
{
    const json_t *axis = json_object_get(r->config, "axis");
    if (json_is_array(axis) && json_array_size(axis) == 1)
        axis = json_array_get(axis, 0);
    const json_int_t number = axis ? json_integer_value(axis) : -1;
    if (in->is_flat)
        return (number == 1 || number == -1) && !in->chw;
    return r->channels_first ? number == 1 || number == -3 : number == 3 || number == -1;
}

static int take_batch_normalization(rv_keras_reader *r, const rv_keras_tensor *in, rv_keras_tensor *out)
{
    const size_t n = in->shape[2];
    if (!is_over_channels(r, in))
        return rv_keras_refuse(r, "its axis is not that of the channels");
    rv_ann_layer *before = in->activations ? &r->ann->layers[in->activations - 1] : NULL;
    int error = RV_OK;
    *out = *in;
    if (!before || before->relu || in->shared || !same_shape(in->shape, before->out))
        error = add_sum(r, in, 1, out);
    if (error)
        return error;
    rv_ann_layer *l = &r->ann->layers[out->activations - 1];
    double *scale = rv_alloc(r->ann->context, 2 * n, sizeof *scale, "batch normalisation");
    error = scale ? read_normalization(r, n, scale, scale + n) : RV_ERR_MEMORY;
    for (size_t c = 0; c < n && !error; c++) {
        l->bias[c] = (float)((double)l->bias[c] * scale[c] + scale[n + c]);
        for (size_t i = 0; i < rv_ann_rows(l); i++)
            l->weight[i * n + c] = (float)((double)l->weight[i * n + c] * scale[c]);
    }
    out->shared = r->shared;
    rv_free(scale);
    return error;
}

/* ---- the rest ---- */

static int take_add(rv_keras_reader *r, const rv_keras_tensor *in, size_t num, rv_keras_tensor *out)
{
    for (size_t i = 1; i < num; i++)
        if (!same_shape(in[i].shape, in->shape) || in[i].is_flat != in->is_flat || in[i].chw != in->chw)
            return rv_keras_refuse(r, "what it adds has different shapes");
    return add_sum(r, in, num, out);
}

static void flatten(const rv_keras_reader *r, rv_keras_tensor *at)
{
    if (at->is_flat)
        return;
    at->chw = r->channels_first && strcmp(rv_keras_text(r->config, "data_format", ""), "channels_first") != 0;
    memcpy(at->before, at->shape, sizeof at->before);
    memcpy(at->shape, (size_t[3]){1, 1, rv_ann_size(at->shape)}, sizeof at->shape);
    at->is_flat = true;
}

static int take_relu(rv_keras_reader *r, rv_keras_tensor *at)
{
    static const char *const keys[] = {"negative_slope", "threshold"};
    for (int i = 0; i < 2; i++)
        if (json_number_value(json_object_get(r->config, keys[i])) != 0)
            return rv_keras_refuse(r, "a negative_slope or threshold is not converted");
    if (json_is_number(json_object_get(r->config, "max_value")))
        return rv_keras_refuse(r, "max_value is not converted");
    return activate(r, "relu", at);
}

static bool is_any(const char *name, const char *const *names)
{
    while (*names && strcmp(name, *names) != 0)
        names++;
    return *names;
}

/* Layers with weights and pools, which spikes must reach. */
static int take_weighted(rv_keras_reader *r, const rv_keras_tensor *in, rv_keras_tensor *out)
{
    const char *c = r->class_name;
    if (rv_ann_is_signed(r->ann, in->activations))
        return rv_keras_refuse(r, "what it takes may be negative, which spikes cannot say: put a ReLU before it");
    if (strcmp(c, "Dense") == 0)
        return take_dense(r, in, out);
    if (strcmp(c, "Conv2D") == 0)
        return take_conv2d(r, in, out);
    if (strcmp(c, "MaxPooling2D") == 0)
        return take_pool(r, RV_ANN_MAX_POOL2D, false, in, out);
    return take_pool(r, RV_ANN_AVG_POOL2D, strcmp(c, "GlobalAveragePooling2D") == 0, in, out);
}

int rv_keras_take_layer(rv_keras_reader *r, const rv_keras_tensor *in, size_t num, rv_keras_tensor *out)
{
    static const char *const ignored[] = {
        "Dropout", "SpatialDropout2D", "GaussianDropout", "GaussianNoise", "AlphaDropout", "ActivityRegularization",
        NULL};
    static const char *const weighted[] = {
        "Dense", "Conv2D", "MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D", NULL};
    const char *c = r->class_name;
    for (size_t i = 0; i < num; i++)
        if (in[i].ended && !is_any(c, ignored))
            return rv_keras_refuse(r, "a softmax before it, which only the last layer may have");
    if (strcmp(c, "Add") == 0)
        return take_add(r, in, num, out);
    if (num != 1)
        return rv_keras_refuse(r, "this kind of layer is not converted, or not with several inputs");
    if (is_any(c, weighted))
        return take_weighted(r, in, out);
    if (strcmp(c, "BatchNormalization") == 0)
        return take_batch_normalization(r, in, out);
    *out = *in;
    out->shared = in->shared || r->shared;
    if (is_any(c, ignored))
        return RV_OK;
    if (strcmp(c, "Flatten") == 0) {
        flatten(r, out);
        return RV_OK;
    }
    out->shared = in->shared;
    if (strcmp(c, "Activation") == 0)
        return activate(r, rv_keras_text(r->config, "activation", ""), out);
    if (strcmp(c, "ReLU") == 0)
        return take_relu(r, out);
    if (strcmp(c, "Softmax") == 0)
        return activate(r, "softmax", out);
    return rv_keras_refuse(r, "this kind of layer is not converted");
}
