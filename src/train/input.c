/* One input's data: what they must be, and how many examples they hold. */
#include <math.h>

#include "base/error.h"
#include "data/spikes.h"
#include "train/run.h"

static int check_spikes(rv_context *context, const rv_feed_input *input)
{
    const char *name = input->population->name;
    if (!input->spikes)
        return rv_fail(context, RV_ERR_DATA, "input '%s': spikes are required", name);
    if (rv_spikes_num_neurons(input->spikes) != input->population->size)
        return rv_fail(context, RV_ERR_SHAPE, "input '%s' has %zu neurons, its data have %zu", name,
                       input->population->size, rv_spikes_num_neurons(input->spikes));
    return RV_OK;
}

static int check_values(rv_context *context, const rv_feed_input *input)
{
    const char *name = input->population->name;
    if (!input->values)
        return rv_fail(context, RV_ERR_DATA, "input '%s': %s takes values, and they are required", name,
                       input->population->neuron.model->name);
    if (input->num_values % input->example_size)
        return rv_fail(context, RV_ERR_SHAPE,
                       "input '%s' has %zu values, expected a multiple of %zu: %zu neurons x %zu input_frames", name,
                       input->num_values, input->example_size, input->population->size,
                       input->example_size / input->population->size);
    for (size_t i = 0; i < input->num_values; i++)
        if (!isfinite(input->values[i]))
            return rv_fail(context, RV_ERR_DATA, "input '%s': value %zu of example %zu must be finite, got %g", name,
                           i % input->example_size, i / input->example_size, (double)input->values[i]);
    return RV_OK;
}

int rv_feed_input_make(rv_feed_input *out, const rv_compiled_network *model, const rv_input *input)
{
    const rv_plan_population *p = rv_plan_find_population(model, input->population);
    if (!p || !p->model->is_input)
        return rv_fail(model->context, RV_ERR_ARGUMENT, "input '%s' is not an input population of this network",
                       input->population->name);
    *out = (rv_feed_input){
        .population = input->population,
        .spikes = input->spikes,
        .values = input->values,
        .num_values = input->num_values,
        .example_size = p->model->takes_values ? p->num_frames * p->n : 0,
    };
    return RV_OK;
}

int rv_feed_input_check(const rv_feed_input *input, rv_context *context)
{
    return input->example_size ? check_values(context, input) : check_spikes(context, input);
}

size_t rv_feed_input_examples(const rv_feed_input *input)
{
    return input->example_size ? input->num_values / input->example_size : rv_spikes_num_examples(input->spikes);
}
