/* Reading the architecture of a Keras model, which is JSON: keras.c follows the graph, keras_layers.c knows the kinds of
 * layers. */
#ifndef RV_CONVERT_KERAS_READER_H
#define RV_CONVERT_KERAS_READER_H

#include <jansson.h>

#include "convert/ann.h"
#include "convert/keras_file.h"

#define RV_KERAS_MAX_NAME 128
#define RV_KERAS_MAX_CLASSES 32

/* What flows from layer to layer. */
typedef struct rv_keras_tensor {
    size_t activations; /* of the network, as sources count */
    size_t shape[3];    /* height, width, channels; {1, 1, n} if flat */
    bool is_flat;
    bool chw; /* flattened as (channels, height, width), of the shape before */
    size_t before[3];
    bool shared; /* several layers take the activations, or the model yields them too */
    bool ended;  /* by a softmax */
} rv_keras_tensor;

typedef struct rv_keras_reader {
    rv_ann *ann;
    rv_keras_file *file;
    const char *path;
    bool channels_first, has_shape;

    /* the layer at hand */
    const char *class_name, *name;
    const json_t *config;
    char key[RV_KERAS_MAX_NAME]; /* "dense_1": its place among the layers of its class */
    bool shared;                 /* its output */

    struct {
        char name[RV_KERAS_MAX_NAME];
        int count;
    } classes[RV_KERAS_MAX_CLASSES];
    int num_classes;
} rv_keras_reader;

/* RV_ERR_UNSUPPORTED: "<path>: layer '<name>' (<class>): <reason>". */
int rv_keras_refuse(const rv_keras_reader *r, const char *reason);

/* JSON: what an object has under a key, or the standard. */
const char *rv_keras_text(const json_t *object, const char *key, const char *standard);
bool rv_keras_flag(const json_t *object, const char *key, bool standard);
/* A size of 1 .. 65536; 0 if it is none. */
size_t rv_keras_size(const json_t *value);
/* "kernel_size": [5, 5] or 5; the standard where it is not there or null. */
bool rv_keras_pair(const json_t *object, const char *key, const size_t standard[2], size_t out[2]);

/* The input, of a shape without its batch: {height, width[, channels]}, {channels, height, width} or {n}. */
int rv_keras_take_input(rv_keras_reader *r, const json_t *shape, rv_keras_tensor *out);
/* The layer at hand: what it makes of in (num), as new layers of the network or changes to the last ones. */
int rv_keras_take_layer(rv_keras_reader *r, const rv_keras_tensor *in, size_t num, rv_keras_tensor *out);

#endif
