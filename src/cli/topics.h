/* All keys of an experiment file, section by section, for help and man page. */
#ifndef RV_CLI_TOPICS_H
#define RV_CLI_TOPICS_H

#include "cli/schema.h"

typedef struct topic {
    char title[64];   /* "data set of type idx" */
    const char *help; /* one line, or NULL */
    const key *keys;
    size_t num_keys;
} topic;

/* By index; false past the end. */
bool topic_at(size_t index, topic *out);

#endif
