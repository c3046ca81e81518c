/* A small network with random weights and input spikes, ready to be compiled: what tests of training share. */
#ifndef SUPPORT_TRAINING_TASK_H
#define SUPPORT_TRAINING_TASK_H

#include <ranvier.h>

typedef enum training_rule {
    TRAINING_EVENTPROP = 0,
    TRAINING_EPROP, /* of LIF neurons */
    TRAINING_EPROP_ADAPTIVE,
} training_rule;

typedef struct training_task_desc {
    training_rule rule;
    bool online; /* e-prop's form with traces */
    size_t inputs, hidden, outputs, examples, timesteps;
    double regularisation;   /* lambda of both signs */
    double spikes_per_input; /* mean number in an example */
    bool deep_r;             /* the first two connections are sparse and rewired */
    bool delays;             /* of up to 6 steps on the first two connections */
    bool learn_delays;       /* of the first connection */
    bool first_spikes;       /* outputs spike, and the loss is of the times of their first spikes */
    bool demanding;          /* a loss per timestep, biases that learn, AdamW, clipping, steps of two batches */
    uint64_t seed;
    int num_threads;
    const char *isa;
    rv_schedule schedule;
    bool forget_gradients; /* "Gradient" cannot be read */
} training_task_desc;

typedef struct training_task {
    training_task_desc desc;
    rv_context *context;
    rv_network *network;
    rv_population *in, *hid, *out;
    rv_connection *connections[3]; /* in -> hid, hid -> hid, hid -> out */
    rv_spikes *spikes;
    int32_t *labels; /* (examples) */
    rv_loss loss;    /* of the data; zeroed = the default; may be set once the task is created */
} training_task;

/* Creates everything but the compiled network; the same for the same description, whatever threads and isa are.
 * Returns 0 or a negative code; free the task in any event. */
int training_task_create(training_task *task, const training_task_desc *desc);
void training_task_free(training_task *task);

int training_task_compile(rv_compiled_network **out, const training_task *task, size_t batch_size);

/* Spikes, the task's or others, with the task's labels. */
rv_data training_task_data(const training_task *task, const rv_spikes *spikes);

/* All weights, or all gradients (name "g", "Gradient"), one connection after the other: *out is freed by the caller. */
int training_task_get(float **out, size_t *size, const training_task *task, const rv_compiled_network *model,
                      const char *name);
int training_task_set(const training_task *task, rv_compiled_network *model, const char *name, const float *values);

/* ||a - b|| / ||b|| */
double relative_error(const float *a, const float *b, size_t size);
/* FNV-1a, continued from hash; start with 0. */
uint64_t hash_bytes(uint64_t hash, const void *data, size_t size);

#endif
