/* What an artificial network becomes: populations and connections, described as an experiment file would.
 *
 * Every layer behind which there is a ReLU is a population, and so are pools of them and the output. A layer without one
 * may be negative, which spikes cannot say: it is no population, but synapses into those that add it to something, with
 * its bias added to theirs. So y = ReLU(x + BN(Conv(ReLU(BN(Conv(x)))))) is two populations and three connections.
 *
 * Few-spike: a ReLU is one FewSpikeRelu, a bias its bias, all exact but for the k digits of each activation.
 *
 * Maximum pooling: max(a, b) = a + ReLU(b - a). The difference of two numbers of k digits of one alpha is such a number
 * again if it is not negative, so few-spike neurons take maxima without any further error; a pool is a tournament, each
 * round of which is a population of ReLUs, and a last population that sums up the winner. Sums of up to 16 digits and the
 * 8 of alpha fit float32, so nothing rounds.
 *
 * IF: a ReLU is an IntegrateFire neuron with a relative reset, its rate the activation divided by that of the layer's norm
 * (the largest over some data, or 1); a bias is a current in every step. Weights from layer k to layer l are multiplied
 * with norm(k) / norm(l), biases with 1 / norm(l) (Diehl et al. 2015). The maximum is taken in the same way, of rates; it
 * is an approximation: a difference that was positive for a moment has already spiked. */
#ifndef RV_CONVERT_SNN_H
#define RV_CONVERT_SNN_H

#include <ranvier/convert.h>

#include "convert/ann.h"

typedef struct rv_snn_population {
    char *name;
    size_t shape[3]; /* height, width, channels */
    bool is_input, is_output;
    double alpha; /* few-spike: of its digits; IF inputs: the threshold */
    float *bias;  /* (size), or NULL = 0 */
} rv_snn_population;

typedef struct rv_snn_connection {
    char *name; /* unique */
    size_t source, target;
    const rv_ann_layer *layer; /* Dense, Conv2D or average pool, with the weights below; NULL: sparse */
    float *weight;             /* (num_weights); NULL for a pool */
    size_t num_weights;
    uint32_t *pre_ind, *post_ind; /* sparse: (num_weights) */
} rv_snn_connection;

typedef struct rv_snn {
    rv_context *context;
    rv_convert_desc desc; /* with its defaults in */
    rv_snn_population *populations;
    size_t num_populations;
    rv_snn_connection *connections;
    size_t num_connections;
} rv_snn;

/* The threshold of neurons that add up and never spike. */
#define RV_SNN_NEVER 1e30

/* Reads the model, works out norms and describes the network, which borrows *ann; both are freed by the caller.
 * Errors: as rv_convert_keras. */
int rv_snn_read(rv_snn **out, rv_ann **ann, rv_context *context, const char *path, const rv_convert_desc *desc);
/* norms: (layers + 1) the largest activations of the input and of every layer; NULL = alpha 25, but 1 for the input
 * (few-spike), 1 (IF). */
int rv_snn_convert(rv_snn **out, const rv_ann *ann, const rv_convert_desc *desc, const double *norms);
void rv_snn_free(rv_snn *snn);

#endif
