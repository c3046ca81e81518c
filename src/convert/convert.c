/* From a file to a network that can be compiled. */
#include <ranvier/convert.h>

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "convert/snn.h"

int rv_channels_last(rv_context *context, float *values, size_t num, size_t channels, size_t height, size_t width)
{
    const size_t area = height * width, size = channels * area;
    float *image = rv_alloc(context, size, sizeof *image, "an image");
    if (!image)
        return RV_ERR_MEMORY;
    for (size_t e = 0; e < num; e++, values += size) {
        for (size_t c = 0; c < channels; c++)
            for (size_t p = 0; p < area; p++)
                image[p * channels + c] = values[c * area + p];
        memcpy(values, image, size * sizeof *image);
    }
    rv_free(image);
    return RV_OK;
}

static int find_norms(double **out, const rv_ann *ann, const rv_convert_desc *desc)
{
    const size_t size = rv_ann_size(ann->shape);
    if (!desc->norm_values)
        return RV_OK;
    if (!desc->num_norm_values || desc->num_norm_values % size)
        return rv_fail(ann->context, RV_ERR_SHAPE, "norm_values: %zu numbers are no examples of %zu",
                       desc->num_norm_values, size);
    if (!(*out = rv_alloc(ann->context, ann->num_layers + 1, sizeof **out, "largest activations")))
        return RV_ERR_MEMORY;
    return rv_ann_norms(*out, ann, desc->norm_values, desc->num_norm_values / size);
}

int rv_snn_read(rv_snn **out, rv_ann **ann, rv_context *context, const char *path, const rv_convert_desc *desc)
{
    double *norms = NULL;
    *out = NULL;
    int error = rv_keras_read(ann, context, path);
    if (!error)
        error = find_norms(&norms, *ann, desc);
    if (!error)
        error = rv_snn_convert(out, *ann, desc, norms);
    rv_free(norms);
    return error;
}

/* ---- as a network ---- */

static rv_neuron input_neuron(const rv_snn *snn, const rv_snn_population *p)
{
    const rv_flag is_signed = snn->desc.signed_input ? RV_ON : RV_OFF;
    const rv_input_frames still = {0};
    if (snn->desc.to == RV_CONVERT_FEW_SPIKE)
        return rv_few_spike_relu_input(
            (rv_few_spike_input){.k = snn->desc.k, .alpha = rv_const(p->alpha), .signed_input = is_signed});
    if (snn->desc.input == RV_CONVERT_INPUT_POISSON)
        return rv_poisson_input(is_signed, still);
    if (snn->desc.input == RV_CONVERT_INPUT_BINARY)
        return rv_binary_spike_input(is_signed, still);
    return rv_integrate_fire_input((rv_if){.v_thresh = rv_const(p->alpha), .relative_reset = RV_ON}, still);
}

static rv_neuron neuron_of(const rv_snn *snn, const rv_snn_population *p)
{
    const rv_readout readout = p->is_output ? rv_var() : (rv_readout){0};
    const rv_value bias = p->bias ? rv_array(p->bias, rv_ann_size(p->shape)) : rv_const(0);
    if (p->is_input)
        return input_neuron(snn, p);
    if (snn->desc.to == RV_CONVERT_FEW_SPIKE)
        return rv_few_spike_relu(
            (rv_few_spike){.k = snn->desc.k, .alpha = rv_const(p->alpha), .bias = bias, .readout = readout});
    return rv_integrate_fire((rv_if){.v_thresh = rv_const(p->is_output ? RV_SNN_NEVER : 1),
                                     .bias = bias,
                                     .relative_reset = RV_ON,
                                     .readout = readout});
}

static rv_connectivity connectivity_of(const rv_snn_connection *c)
{
    const rv_ann_layer *l = c->layer;
    const rv_value weight = c->weight ? rv_array(c->weight, c->num_weights) : rv_const(0);
    if (!l)
        return rv_sparse((rv_sparse_desc){
            .pre_ind = c->pre_ind, .post_ind = c->post_ind, .num_synapses = c->num_weights, .weight = weight});
    if (l->kind == RV_ANN_DENSE)
        return rv_dense(weight);
    if (l->kind == RV_ANN_AVG_POOL2D)
        return rv_avg_pool2d((rv_avg_pool2d_desc){.pool_size = {l->size[0], l->size[1]},
                                                  .pool_strides = {l->strides[0], l->strides[1]}});
    return rv_conv2d((rv_conv2d_desc){.weight = weight,
                                      .filters = l->out[2],
                                      .conv_size = {l->size[0], l->size[1]},
                                      .conv_strides = {l->strides[0], l->strides[1]},
                                      .conv_padding = l->same ? RV_PADDING_SAME : RV_PADDING_VALID});
}

static int add_all(rv_converted *out, const rv_snn *snn)
{
    int error = RV_OK;
    for (size_t i = 0; i < snn->num_populations && !error; i++) {
        const rv_snn_population *p = &snn->populations[i];
        rv_population *added;
        error = rv_population_add(&added, out->network,
                                  &(rv_population_desc){.name = p->name,
                                                        .shape = {p->shape[0], p->shape[1], p->shape[2]},
                                                        .neuron = neuron_of(snn, p)});
        if (p->is_input)
            out->input = added;
        if (p->is_output)
            out->output = added;
    }
    for (size_t i = 0; i < snn->num_connections && !error; i++) {
        const rv_snn_connection *c = &snn->connections[i];
        rv_connection *added;
        error = rv_connection_add(&added, out->network, rv_network_population(out->network, c->source),
                                  rv_network_population(out->network, c->target),
                                  &(rv_connection_desc){.name = c->name, .connectivity = connectivity_of(c)});
    }
    return error;
}

int rv_convert_keras(rv_converted *out, rv_context *context, const char *path, const rv_convert_desc *desc)
{
    rv_snn *snn = NULL;
    rv_ann *ann = NULL;
    *out = (rv_converted){0};
    int error = rv_snn_read(&snn, &ann, context, path, desc ? desc : &(rv_convert_desc){0});
    if (!error)
        error = rv_network_create(&out->network, context, RV_CLASS_DEFAULTS);
    if (!error)
        error = add_all(out, snn);
    if (error) {
        rv_network_free(out->network);
        *out = (rv_converted){0};
    }
    rv_snn_free(snn);
    rv_ann_free(ann);
    return error;
}
