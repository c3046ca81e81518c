/* Custom updates as they are planned: variables that were added for them, and what their references resolve to. */
#ifndef RV_COMPILE_CUSTOM_UPDATE_H
#define RV_COMPILE_CUSTOM_UPDATE_H

#include <ranvier/custom_update.h>

#include "compile/plan.h"

/* A variable that was added. */
struct rv_plan_variable {
    char *name;
    bool single;
    size_t size;  /* numbers, padded */
    size_t state; /* of each example: offset in the block; RV_NONE = all share one, in data */
    float *data;  /* (size) a connection's: laid out as the weights */
    float initial;
    rv_plan_variable *next;
};

typedef enum rv_reference_kind {
    RV_REFERENCE_SHARED,  /* by name, of all examples */
    RV_REFERENCE_STATE,   /* offset in the block */
    RV_REFERENCE_ISYN,    /* what the neurons integrate */
    RV_REFERENCE_READOUT, /* what is made of the readout's state so far */
} rv_reference_kind;

typedef struct rv_plan_reference {
    rv_reference_kind kind;
    rv_access access;
    bool single;
    uint32_t population;                /* STATE, ISYN, READOUT */
    size_t offset;                      /* STATE */
    const rv_readout_variable *readout; /* READOUT */
    rv_variable shared;                 /* SHARED */
} rv_plan_reference;

struct rv_plan_update {
    char *group;
    rv_plan_reference references[RV_MAX_REFERENCES];
    int num_references;
    size_t n;         /* elements */
    bool per_example; /* it is about all elements of every example */
    void (*update)(const rv_update_step *step);
    void *user;
    rv_plan_update *next; /* in the order of adding */
};

/* The groups of the library itself, of which engine/library_update.c is the other half. */
typedef enum rv_library_group {
    RV_GROUP_RESET,
    RV_GROUP_ZERO_OUT_POST,
    RV_GROUP_GRADIENT_LEARN,
    RV_GROUP_GRADIENT_BATCH_REDUCE,
    RV_GROUP_ZERO_GRADIENT,
    RV_GROUP_SOFTMAX1,
    RV_GROUP_SOFTMAX2,
    RV_GROUP_SOFTMAX3,
    RV_NUM_LIBRARY_GROUPS,
} rv_library_group;

/* Finds a group: *library the library's own, or RV_NUM_LIBRARY_GROUPS where it is the user's; *of_state whether it is about
 * the state of examples. Errors: RV_ERR_NAME lists those there are. */
int rv_plan_find_group(const rv_compiled_network *model, const char *group, rv_library_group *library, bool *of_state);

/* Variables that were added to a connection, once it has other synapses: as when they were added. */
int rv_plan_renew_variables(rv_compiled_network *model, rv_plan_connection *connection);

#endif
