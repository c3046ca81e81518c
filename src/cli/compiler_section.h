/* PLAN: the section `compiler` of an experiment. */
#ifndef RV_CLI_COMPILER_SECTION_H
#define RV_CLI_COMPILER_SECTION_H

#include "cli/learning_section.h"

typedef struct compiler_section {
    node *where;
    bool learns;            /* a compiler that trains */
    bool auto_steps;        /* example_timesteps: auto */
    bool eprop;             /* by e-prop, else by EventProp */
    bool few_spike;         /* converted networks; does not train */
    size_t k;               /* few_spike: timesteps of a layer */
    rv_eventprop_desc desc; /* of other compilers: the first three fields */
    rv_inference_desc inference_desc; /* but for what desc has */
    rv_eprop_desc eprop_desc;
    learning_keys learning;
    node *regularisations, *delay_learn_conns; /* by names that the network will know; NULL = none */
} compiler_section;

/* Keys by compiler, for help: 0 = all compilers, 1.. the rows of compiler_at. */
extern const key compiler_keys[];
extern const size_t num_compiler_keys;
/* By index, for help; NULL past the end. */
const variant *compiler_at(size_t index);

/* The defaults of models that go with the section's compiler, for the network that is read before the rest. */
int compiler_section_defaults(node *where, rv_defaults *out);
int compiler_section_read(compiler_section *out, node *where, rv_context *context);
/* Settles `example_timesteps: auto` in the tree too: as many as there are targets for, 0 = there are none, or up to the
 * latest spike of the data (ms), < 0 = they have no spikes. */
int compiler_section_settle(compiler_section *section, double latest_time, size_t target_steps);
/* Compiles for training, or for inference if `learn` is false; e-prop's outputs are read out as it learnt them, so it
 * compiles in either case. */
int compiler_section_compile(rv_compiled_network **out, const compiler_section *section, rv_network *network,
                             rv_context *context, bool learn);

#endif
