/* What readouts, losses and metrics are. */
#ifndef RV_OUTPUTS_MODEL_H
#define RV_OUTPUTS_MODEL_H

#include <ranvier/outputs.h>

/* One step of an output population of one example. Arrays have n_pad floats. */
typedef struct rv_readout_step {
    size_t n_pad;
    const float *v;      /* voltage after the step; NULL where the model has none */
    const uint32_t *ids; /* (num) who spiked */
    size_t num;
    uint32_t t;
    float weight; /* weight(t) */
} rv_readout_step;

struct rv_readout_model {
    const char *name;
    const char *help;
    bool needs_spikes; /* of a population that spikes; else its voltage is read */
    int num_state;     /* arrays of n_pad floats */
    /* Weight of step t of num_steps. OPTIONAL, default 1. */
    double (*weight)(uint32_t t, uint32_t num_steps);
    void (*begin)(float *state, size_t n_pad);
    void (*step)(float *state, const rv_readout_step *step);
    /* out (n) from state */
    void (*value)(float *out, const float *state, size_t n, size_t n_pad, uint32_t num_steps);
    /* EventProp: the drive of step t on the adjoint of the outputs, from `base`, the drive of a plain average; NULL:
     * no rule. constant_drive: it equals base in every step and is not called. */
    bool constant_drive;
    void (*drive)(float *drive, const float *base, const float *state, size_t n_pad, uint32_t t, uint32_t num_steps);
};

struct rv_loss_model {
    const char *name;
    /* The loss of one example; minus its derivative by the readout into g (n), unless NULL. */
    double (*loss)(const float *readout, size_t n, int32_t label, double temperature, float *g);
};

struct rv_metric_model {
    const char *name;
    const char *report; /* how it is called in metrics: "accuracy" */
    double (*value)(const float *readout, size_t n, int32_t label); /* of one example; the metric is the mean */
};

#endif
