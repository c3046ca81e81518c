/* A conversion under way. */
#ifndef RV_CONVERT_SNN_BUILDER_H
#define RV_CONVERT_SNN_BUILDER_H

#include "convert/snn.h"

typedef struct rv_snn_builder {
    rv_snn *snn;
    const rv_ann *ann;
    const double *norms;
    size_t *population; /* (layers + 1) of the activations; SIZE_MAX = they have none */
    double *scale;      /* (layers + 1) what its spikes stand for: IF, one; few-spike, alpha */
    int error;          /* sticky */
} rv_snn_builder;

/* Its number; 0 after an error. */
size_t rv_snn_add_population(rv_snn_builder *b, const char *name, const size_t shape[3], double alpha);
/* Weights, and for sparse connections (layer NULL) ids, of num synapses; NULL after an error. */
rv_snn_connection *rv_snn_add_connection(rv_snn_builder *b, size_t source, size_t target, const rv_ann_layer *layer,
                                         size_t num);

/* Pools of a population: the population that yields them. */
size_t rv_snn_add_max_pool(rv_snn_builder *b, const rv_ann_layer *l, size_t source, double alpha);
size_t rv_snn_add_padded_mean(rv_snn_builder *b, const rv_ann_layer *l, size_t source, double alpha);

#endif
