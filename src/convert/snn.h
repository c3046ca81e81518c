/* What an artificial network becomes: populations and connections, described as an experiment file would.
 *
 * Few-spike: a ReLU is one FewSpikeRelu, a bias its bias, all exact but for the k digits of each activation.
 *
 * Maximum pooling: max(a, b) = a + ReLU(b - a). The difference of two numbers of k digits of one alpha is such a number
 * again if it is not negative, so few-spike neurons take maxima without any further error; a pool is a tournament, each
 * round of which is a population of ReLUs, and a last population that sums up the winner. Sums of up to 16 digits and the
 * 8 of alpha fit float32, so nothing rounds.
 *
 * IF: a ReLU is an IntegrateFire neuron with a relative reset, its rate the activation divided by that of the layer's norm
 * (the largest over some data, or 1); a bias is a current in every step. Weights and biases of layer l are multiplied
 * with norm(l - 1) / norm(l) and 1 / norm(l). The maximum is taken in the same way, of rates; it is an approximation: a
 * difference that was positive for a moment has already spiked. */
#ifndef RV_CONVERT_SNN_H
#define RV_CONVERT_SNN_H

#include "convert/ann.h"

typedef enum rv_snn_kind { RV_SNN_FEW_SPIKE = 0, RV_SNN_IF } rv_snn_kind;

typedef struct rv_snn_population {
    char *name;
    size_t shape[3]; /* height, width, channels */
    bool is_input, is_output;
    double alpha; /* FEW_SPIKE: of its digits */
    float *bias;  /* (size), or NULL = 0 */
} rv_snn_population;

typedef struct rv_snn_connection {
    size_t source, target;
    const rv_ann_layer *layer; /* Dense, Conv2D or average pool, with the weights below; NULL: sparse */
    float *weight;             /* (num_weights); NULL for a pool */
    size_t num_weights;
    uint32_t *pre_ind, *post_ind; /* sparse: (num_weights) */
} rv_snn_connection;

typedef struct rv_snn {
    rv_context *context;
    rv_snn_kind kind;
    rv_snn_population *populations;
    size_t num_populations;
    rv_snn_connection *connections;
    size_t num_connections;
} rv_snn;

/* norms: (layers + 1) the largest activations of the input and of every layer, see rv_ann_norms; NULL = alpha 25 but 1 for
 * the input (few-spike), 1 (IF). The network borrows ann. */
int rv_snn_convert(rv_snn **out, const rv_ann *ann, rv_snn_kind kind, const double *norms);
void rv_snn_free(rv_snn *snn);

/* Over examples (num, size of the input). norms (layers + 1). */
int rv_ann_norms(double *norms, const rv_ann *ann, const float *values, size_t num);

#endif
