#include "cli/training_section.h"

const key training_keys[] = {
    {"num_epochs", KEY_COUNT, offsetof(training_section, num_epochs), .standard = "10", .min = 1,
     .help = "how often the training set is presented"},
    {"start_epoch", KEY_COUNT, offsetof(training_section, start_epoch), .standard = "0",
     .help = "number of the first epoch"},
    {"shuffle", KEY_FLAG, offsetof(training_section, shuffle), .standard = "true",
     .help = "present the examples in a new order in every epoch"},
    {"validation_split", KEY_NUMBER, offsetof(training_section, validation_split), .standard = "0",
     .help = "part of the training set that is kept for validation, >= 0 and < 1"},
    {"validation_split_shuffled", KEY_FLAG, offsetof(training_section, validation_split_shuffled), .standard = "false",
     .help = "draw that part at random; else it is the last one"},
};
const size_t num_training_keys = COUNT_OF(training_keys);

int training_section_read(training_section *out, node *where)
{
    *out = (training_section){.where = where};
    return schema_read(where, &KEY_PART(training_keys, out), 1);
}
