/* Where examples come from: data checked against the network, and binned to timesteps. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/context.h"
#include "base/error.h"
#include "base/philox.h"
#include "data/spikes.h"
#include "train/bin.h"
#include "train/run.h"

static bool is_input(const rv_population *population)
{
    return population->neuron.model->is_input;
}

/* ---- checks ---- */

static int check_spikes(const rv_feed *feed, const rv_feed_input *input)
{
    rv_context *context = feed->model->context;
    const char *name = input->population->name;
    if (!input->spikes)
        return rv_fail(context, RV_ERR_DATA, "input '%s': spikes are required", name);
    if (rv_spikes_num_neurons(input->spikes) != input->population->size)
        return rv_fail(context, RV_ERR_SHAPE, "input '%s' has %zu neurons, its data have %zu", name,
                       input->population->size, rv_spikes_num_neurons(input->spikes));
    return RV_OK;
}

static int check_values(const rv_feed *feed, const rv_feed_input *input)
{
    rv_context *context = feed->model->context;
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

static size_t examples_of(const rv_feed_input *input)
{
    return input->example_size ? input->num_values / input->example_size : rv_spikes_num_examples(input->spikes);
}

static int check_input(const rv_feed *feed, const rv_feed_input *input)
{
    const int error = input->example_size ? check_values(feed, input) : check_spikes(feed, input);
    if (error)
        return error;
    if (examples_of(input) != examples_of(&feed->inputs[0]))
        return rv_fail(feed->model->context, RV_ERR_SHAPE,
                       "input '%s' has %zu examples, expected %zu as the first input", input->population->name,
                       examples_of(input), examples_of(&feed->inputs[0]));
    return RV_OK;
}

static int check_data(rv_feed *feed, bool labels_required)
{
    int error = RV_OK;
    for (int i = 0; !error && i < feed->num_inputs; i++)
        error = check_input(feed, &feed->inputs[i]);
    if (error)
        return error;
    feed->num_examples = examples_of(&feed->inputs[0]);
    if (feed->num_examples > UINT32_MAX)
        return rv_fail(feed->model->context, RV_ERR_DATA, "more than 4294967295 examples");
    for (int i = 0; !error && i < feed->num_outputs; i++)
        error = rv_feed_check_output(feed, &feed->outputs[i], labels_required);
    return error;
}

/* Numbers of one example of an input that takes values; 0 for others. */
static size_t example_size(const rv_feed *feed, const rv_population *population)
{
    const rv_plan_population *p = &feed->model->populations[population->index];
    return p->model->takes_values ? p->num_frames * p->n : 0;
}

static int check_ports(rv_feed *feed, const rv_data *data)
{
    rv_context *context = feed->model->context;
    const rv_network *network = feed->model->network;
    for (; feed->num_inputs < RV_MAX_PORTS && data->inputs[feed->num_inputs].population; feed->num_inputs++) {
        const rv_input *input = &data->inputs[feed->num_inputs];
        if (input->population->network != network || !is_input(input->population))
            return rv_fail(context, RV_ERR_ARGUMENT, "input '%s' is not an input population of this network",
                           input->population->name);
        for (int i = 0; i < feed->num_inputs; i++)
            if (feed->inputs[i].population == input->population)
                return rv_fail(context, RV_ERR_ARGUMENT, "input '%s' is given twice", input->population->name);
        feed->inputs[feed->num_inputs] = (rv_feed_input){
            .population = input->population,
            .spikes = input->spikes,
            .values = input->values,
            .num_values = input->num_values,
            .example_size = example_size(feed, input->population),
        };
    }
    for (int i = 0; i < RV_MAX_PORTS && data->outputs[i].population; i++) {
        const int error = rv_feed_add_output(feed, &data->outputs[i]);
        if (error)
            return error;
    }
    for (size_t i = 0; i < network->num_populations; i++) {
        bool fed = !is_input(network->populations[i]);
        for (int k = 0; k < feed->num_inputs; k++)
            fed |= feed->inputs[k].population == network->populations[i];
        if (!fed)
            return rv_fail(context, RV_ERR_DATA, "input '%s' gets no data", network->populations[i]->name);
    }
    return feed->num_inputs ? RV_OK : rv_fail(context, RV_ERR_DATA, "the data have no inputs");
}

/* ---- binning ---- */

static void put(void *array, bool wide, size_t i, uint32_t x)
{
    if (wide)
        ((uint32_t *)array)[i] = x;
    else
        ((uint16_t *)array)[i] = (uint16_t)x;
}

static uint32_t get(const void *array, bool wide, size_t i)
{
    return wide ? ((const uint32_t *)array)[i] : ((const uint16_t *)array)[i];
}

static int bin_input(rv_feed *feed, rv_feed_input *input)
{
    rv_compiled_network *model = feed->model;
    rv_binned *b = &input->binned;
    rv_binner binner;
    size_t total = 0, capacity = 0;
    uint64_t left_out = 0;
    for (size_t i = 0; i < feed->num_examples; i++)
        total += rv_spikes_count(input->spikes, i);
    b->wide_steps = model->num_steps > UINT16_MAX + 1U;
    b->wide_ids = input->population->size > UINT16_MAX + 1U;
    int error = rv_binner_create(&binner, model->context, input->population->size, model->num_steps, model->dt);
    if (error)
        return error;
    b->offset = rv_alloc(model->context, feed->num_examples + 1, sizeof *b->offset, "offsets of binned spikes");
    b->steps = rv_alloc(model->context, total, b->wide_steps ? 4 : 2, "binned spikes");
    b->ids = rv_alloc(model->context, total, b->wide_ids ? 4 : 2, "binned spikes");
    if (!b->offset || !b->steps || !b->ids)
        error = RV_ERR_MEMORY;
    for (size_t i = 0; !error && i < feed->num_examples; i++) {
        error = rv_binner_run(&binner, input->spikes, i);
        for (size_t k = 0; !error && k < binner.num; k++) {
            put(b->steps, b->wide_steps, capacity + k, rv_binned_step(binner.keys[k]));
            put(b->ids, b->wide_ids, capacity + k, rv_binned_id(binner.keys[k]));
        }
        left_out += binner.left_out;
        capacity += binner.num;
        if (!error)
            b->offset[i + 1] = capacity;
    }
    rv_binner_clear(&binner);
    if (!error && left_out)
        rv_log(model->context, RV_LOG_WARNING,
               "input '%s': %llu of %zu spikes come later than example_timesteps = %u and are left out",
               input->population->name, (unsigned long long)left_out, total, model->num_steps);
    return error;
}

int rv_feed_create(rv_feed **out, rv_compiled_network *model, const rv_data *data, bool learns, bool labels_required)
{
    *out = NULL;
    rv_feed *feed = rv_alloc(model->context, 1, sizeof *feed, "feed");
    if (!feed)
        return RV_ERR_MEMORY;
    feed->model = model;
    feed->learns = learns;
    feed->next_batch = data->next_batch;
    feed->next_batch_user = data->next_batch_user;
    int error = check_ports(feed, data);
    if (!error && !feed->next_batch) {
        error = check_data(feed, labels_required);
        for (int i = 0; !error && i < feed->num_inputs; i++)
            if (!feed->inputs[i].example_size)
                error = bin_input(feed, &feed->inputs[i]);
    }
    if (error) {
        rv_feed_free(feed);
        return error;
    }
    *out = feed;
    return RV_OK;
}

void rv_feed_free(rv_feed *feed)
{
    if (!feed)
        return;
    for (int i = 0; i < feed->num_inputs; i++) {
        rv_free(feed->inputs[i].binned.offset);
        rv_free(feed->inputs[i].binned.steps);
        rv_free(feed->inputs[i].binned.ids);
    }
    rv_free(feed);
}

int rv_feed_next(rv_feed *feed, size_t batch, size_t batch_size, bool labels_required)
{
    rv_input inputs[RV_MAX_PORTS] = {0};
    rv_output outputs[RV_MAX_PORTS] = {0};
    for (int i = 0; i < feed->num_inputs; i++)
        inputs[i].population = feed->inputs[i].population;
    for (int i = 0; i < feed->num_outputs; i++)
        outputs[i].population = feed->outputs[i].population;
    const int got = feed->next_batch(feed->next_batch_user, batch, inputs, outputs);
    if (got <= 0)
        return got;
    for (int i = 0; i < feed->num_inputs; i++) {
        feed->inputs[i].spikes = inputs[i].spikes;
        feed->inputs[i].values = inputs[i].values;
        feed->inputs[i].num_values = inputs[i].num_values;
    }
    for (int i = 0; i < feed->num_outputs; i++) {
        feed->outputs[i].labels = outputs[i].labels;
        feed->outputs[i].num_labels = outputs[i].num_labels;
        feed->outputs[i].targets = outputs[i].targets;
        feed->outputs[i].num_targets = outputs[i].num_targets;
    }
    const int error = check_data(feed, labels_required);
    if (error)
        return error;
    if (feed->num_examples < 1 || feed->num_examples > batch_size)
        return rv_fail(feed->model->context, RV_ERR_DATA, "batch %zu must have 1 to %zu examples, got %zu", batch,
                       batch_size, feed->num_examples);
    return 1;
}

/* ---- loading ---- */

/* steps ascending; ids in order */
static int load_binned(const rv_engine *engine, const rv_plan_population *p, rv_tape *tape, const rv_binned *b,
                       size_t index)
{
    const size_t begin = b->offset[index], num = b->offset[index + 1] - begin;
    const int error = rv_tape_reserve(engine, p, tape, 0, num + 1);
    if (error)
        return error;
    for (size_t k = 0; k < num; k++)
        tape->ids[k] = get(b->ids, b->wide_ids, begin + k);
    uint32_t k = 0;
    for (uint32_t t = 0; t < engine->model->num_steps; t++) {
        tape->offset[t] = k;
        while (k < num && get(b->steps, b->wide_steps, begin + k) == t)
            k++;
    }
    tape->offset[engine->model->num_steps] = k;
    return RV_OK;
}

static int load_keys(const rv_engine *engine, const rv_plan_population *p, rv_tape *tape, const rv_binner *binner)
{
    const int error = rv_tape_reserve(engine, p, tape, 0, binner->num + 1);
    uint32_t k = 0;
    for (uint32_t t = 0; !error && t < engine->model->num_steps; t++) {
        tape->offset[t] = k;
        for (; k < binner->num && rv_binned_step(binner->keys[k]) == t; k++)
            tape->ids[k] = rv_binned_id(binner->keys[k]);
    }
    tape->offset[engine->model->num_steps] = k;
    return error;
}

/* Spikes binned as they are needed: an iterator's, or transformed ones. */
static int load_unbinned(const rv_feed *feed, const rv_engine *engine, const rv_feed_input *input,
                         const rv_plan_population *p, rv_example *example)
{
    rv_context *context = feed->model->context;
    rv_binner binner;
    int error = rv_binner_create(&binner, context, p->n, feed->model->num_steps, feed->model->dt);
    if (!error && !feed->transform)
        error = rv_binner_run(&binner, input->spikes, example->index);
    if (!error && feed->transform) {
        uint32_t random[4];
        rv_random(rv_context_seed(context), RV_RANDOM_TRANSFORM, rv_population_object(input->population),
                  example->epoch, example->index, random);
        error = rv_binner_run_transformed(&binner, input->spikes, example->index, feed->transform_capacity,
                                          feed->transform, feed->transform_user, input->population, example->epoch,
                                          random);
    }
    if (!error)
        error = load_keys(engine, p, &example->tapes[input->population->index], &binner);
    rv_binner_clear(&binner);
    return error;
}

static int load_input(const rv_feed *feed, const rv_engine *engine, const rv_feed_input *input, rv_example *example)
{
    const uint32_t population = input->population->index;
    const rv_plan_population *p = &feed->model->populations[population];
    if (input->example_size) {
        example->values[population] = input->values + example->index * input->example_size;
        return RV_OK;
    }
    if (feed->transform || feed->next_batch)
        return load_unbinned(feed, engine, input, p, example);
    return load_binned(engine, p, &example->tapes[population], &input->binned, example->index);
}

int rv_feed_load(const rv_feed *feed, const rv_engine *engine, rv_example *example)
{
    int error = RV_OK;
    for (int i = 0; !error && i < feed->num_inputs; i++)
        error = load_input(feed, engine, &feed->inputs[i], example);
    return error;
}

size_t rv_feed_memory(const rv_feed *feed)
{
    size_t bytes = sizeof *feed;
    for (int i = 0; i < feed->num_inputs; i++) {
        const rv_binned *b = &feed->inputs[i].binned;
        if (b->offset)
            bytes += (feed->num_examples + 1) * sizeof *b->offset +
                     b->offset[feed->num_examples] * ((b->wide_steps ? 4U : 2U) + (b->wide_ids ? 4U : 2U));
    }
    return bytes;
}
