/* CONVERSION: trained artificial networks from files as spiking ones (mlGeNN: ml_genn_tf's converters).
 *
 * Read are Keras models, .h5 and .keras, Sequential and Functional: Dense, Conv2D, MaxPooling2D, AveragePooling2D,
 * GlobalAveragePooling2D, Add, BatchNormalization, Flatten, Activation and ReLU, with biases, padding and strides; Dropout
 * and a last softmax are left out. Whatever else a model has is refused by the name of its layer. docs/from_mlgenn.md
 * says what becomes of each. */
#ifndef RANVIER_CONVERT_H
#define RANVIER_CONVERT_H

#include <ranvier/network.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum rv_conversion {
    RV_CONVERT_FEW_SPIKE = 0, /* for rv_compile_few_spike (mlGeNN: FewSpike) */
    RV_CONVERT_IF,            /* integrate-and-fire, for rv_compile_inference (mlGeNN: Simple, DataNorm) */
} rv_conversion;

/* What an IF network is fed through; the values are the data's, 0 to 1 for all but INTEGRATE_FIRE. */
typedef enum rv_convert_input {
    RV_CONVERT_INPUT_INTEGRATE_FIRE = 0, /* IntegrateFireInput: as many spikes as the value says */
    RV_CONVERT_INPUT_POISSON,            /* PoissonInput */
    RV_CONVERT_INPUT_BINARY,             /* BinarySpikeInput: a spike in every step where the value is > 0 */
} rv_convert_input;

typedef struct rv_convert_desc {
    rv_conversion to;
    size_t k;               /* few-spike: digits of an activation, 1 .. 64, even with signed_input; default 12 */
    double alpha;           /* few-spike, without norm_values: size of an activation, > 0; default 25 (the input: 1) */
    bool signed_input;      /* data may be negative; not with INTEGRATE_FIRE inputs; default false */
    rv_convert_input input; /* IF */
    const float
        *norm_values; /* (num_norm_values / size of the input, size of the input) examples: layers are scaled by
                                 their largest activations over them (mlGeNN: norm_data); default NULL = not scaled */
    size_t num_norm_values;
} rv_convert_desc;

/* A network to be compiled, owned by the caller (rv_network_free), with its first and its last population. Populations
 * are named as the model's layers, images are (height, width, channels), in the data and in norm_values too, even where
 * the model's were (channels, height, width): rv_channels_last orders them. Readouts are Var.
 * Errors: RV_ERR_FILE; RV_ERR_FORMAT: "<path>: the file is damaged"; RV_ERR_UNSUPPORTED names the layer and says why;
 * RV_ERR_VALUE; RV_ERR_SHAPE if norm_values are not whole examples. */
typedef struct rv_converted {
    rv_network *network;
    rv_population *input, *output;
} rv_converted;
RV_API int rv_convert_keras(rv_converted *out, rv_context *context, const char *path, const rv_convert_desc *desc);

/* Orders images (num, channels, height, width) in place as (num, height, width, channels). Errors: RV_ERR_MEMORY. */
RV_API int rv_channels_last(rv_context *context, float *values, size_t num, size_t channels, size_t height,
                            size_t width);

#ifdef __cplusplus
}
#endif
#endif
