/* The encoders that an experiment's `data.encoder` may name by `type`. A new one is a row of the table. */
#ifndef RV_CLI_ENCODERS_H
#define RV_CLI_ENCODERS_H

#include "cli/schema.h"

typedef union encoder_options {
    rv_linear_latency linear_latency;
    rv_log_latency log_latency;
    rv_poisson poisson;
    struct {
        rv_time_code desc;
        rv_flag add_bias;
    } time;
    struct {
        double scale;
        rv_flag channels_first;
    } values;
} encoder_options;

typedef struct encoder {
    variant base;
    int (*encode)(rv_dataset *dataset, rv_context *context, const encoder_options *options);
} encoder;

/* By index, for help; NULL past the end. */
const encoder *encoder_at(size_t index);
int encoder_read(node *where, const encoder **row, encoder_options *options);

#endif
