#include "cli/topics.h"

#include <stdio.h>

#include "cli/callbacks_section.h"
#include "cli/experiment.h"
#include "cli/schedules.h"

static const variant *reader_variant(size_t index)
{
    const reader *row = reader_at(index);
    return row ? &row->base : NULL;
}

static const variant *encoder_variant(size_t index)
{
    const encoder *row = encoder_at(index);
    return row ? &row->base : NULL;
}

/* A section has keys of its own, then those of each row of a registry; either may be missing. */
typedef struct section {
    const char *title;
    const char *help;
    const key *keys;
    const size_t *num_keys;
    const variant *(*row)(size_t index);
} section;

static const section sections[] = {
    {"the file", "a table of sections", experiment_keys, &num_experiment_keys, NULL},
    {"data", NULL, data_keys, &num_data_keys, NULL},
    {"data set", "data.train, data.validation and data.test, each of one of the types below", data_set_keys,
     &num_data_set_keys, reader_variant},
    {"encoder", NULL, NULL, NULL, encoder_variant},
    {"network", NULL, network_keys, &num_network_keys, NULL},
    {"network.layers", "each", layer_keys, &num_layer_keys, NULL},
    {"network.populations", "each", population_keys, &num_population_keys, NULL},
    {"network.connections", "each", connection_keys, &num_connection_keys, NULL},
    {"compiler", "every type", compiler_keys, &num_compiler_keys, compiler_at},
    {"outputs", "each, by name of a population", output_keys, &num_output_keys, NULL},
    {"training", NULL, training_keys, &num_training_keys, NULL},
    {"callback", NULL, NULL, NULL, callback_at},
    {"schedule", "of an OptimiserParamSchedule", NULL, NULL, schedule_at},
    {"run", NULL, run_keys, &num_run_keys, NULL},
};

bool topic_at(size_t index, topic *out)
{
    for (size_t i = 0; i < COUNT_OF(sections); i++) {
        const section *s = &sections[i];
        if (s->keys && index-- == 0) {
            *out = (topic){.help = s->help, .keys = s->keys, .num_keys = *s->num_keys};
            snprintf(out->title, sizeof out->title, "%s", s->title);
            return true;
        }
        const variant *row;
        for (size_t r = 0; s->row && (row = s->row(r)); r++)
            if (index-- == 0) {
                *out = (topic){.help = row->help, .keys = row->keys, .num_keys = row->num_keys};
                snprintf(out->title, sizeof out->title, "%s of type %s", s->title, row->name);
                return true;
            }
    }
    return false;
}
