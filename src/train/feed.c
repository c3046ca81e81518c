/* Where examples come from: data checked against the network, and binned to timesteps as a worker takes them. */
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

static int check_input(const rv_feed *feed, const rv_feed_input *input)
{
    const int error = rv_feed_input_check(input, feed->model->context);
    if (error)
        return error;
    const size_t num = rv_feed_input_examples(input), expected = rv_feed_input_examples(&feed->inputs[0]);
    if (num != expected)
        return rv_fail(feed->model->context, RV_ERR_SHAPE, "input '%s' has %zu examples, expected %zu as the first input",
                       input->population->name, num, expected);
    return RV_OK;
}

static int check_data(rv_feed *feed, bool labels_required)
{
    int error = RV_OK;
    for (int i = 0; !error && i < feed->num_inputs; i++)
        error = check_input(feed, &feed->inputs[i]);
    if (error)
        return error;
    feed->num_examples = rv_feed_input_examples(&feed->inputs[0]);
    if (feed->num_examples > UINT32_MAX)
        return rv_fail(feed->model->context, RV_ERR_DATA, "more than 4294967295 examples");
    for (int i = 0; !error && i < feed->num_outputs; i++)
        error = rv_feed_check_output(feed, &feed->outputs[i], labels_required);
    return error;
}

static int check_ports(rv_feed *feed, const rv_data *data)
{
    rv_context *context = feed->model->context;
    const rv_network *network = feed->model->network;
    for (; feed->num_inputs < RV_MAX_PORTS && data->inputs[feed->num_inputs].population; feed->num_inputs++) {
        const rv_input *input = &data->inputs[feed->num_inputs];
        const int error = rv_feed_input_make(&feed->inputs[feed->num_inputs], feed->model, input);
        if (error)
            return error;
        for (int i = 0; i < feed->num_inputs; i++)
            if (feed->inputs[i].population == input->population)
                return rv_fail(context, RV_ERR_ARGUMENT, "input '%s' is given twice", input->population->name);
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

/* ---- set-up ---- */

static void warn_of_late_spikes(const rv_feed *feed, const rv_feed_input *input)
{
    const rv_compiled_network *model = feed->model;
    const double end = model->num_steps * model->dt;
    size_t late = 0, total = 0;
    if (rv_spikes_latest_time(input->spikes) <= end - model->dt)
        return;
    for (size_t i = 0; i < feed->num_examples; i++) {
        late += rv_binner_count_late(&feed->binners[0], input->spikes, i);
        total += rv_spikes_count(input->spikes, i);
        rv_spikes_release(input->spikes, i);
    }
    if (late)
        rv_log(model->context, RV_LOG_WARNING,
               "input '%s': %zu of %zu spikes come later than the example's end at %g ms and are left out",
               input->population->name, late, total, end);
}

/* A binner for each worker, with room for any example where the data are known: workers that come late to a batch
 * allocate nothing in it. */
static int make_binners(rv_feed *feed)
{
    rv_context *context = feed->model->context;
    size_t num_neurons = 0, num_spikes = 0;
    for (int i = 0; i < feed->num_inputs; i++) {
        const rv_feed_input *input = &feed->inputs[i];
        if (!input->example_size && input->population->size > num_neurons)
            num_neurons = input->population->size;
        if (input->spikes && rv_spikes_max_count(input->spikes) > num_spikes)
            num_spikes = rv_spikes_max_count(input->spikes);
    }
    feed->binners = rv_alloc(context, (size_t)context->num_threads, sizeof *feed->binners, "binning");
    int error = feed->binners ? RV_OK : RV_ERR_MEMORY;
    for (int i = 0; !error && i < context->num_threads; i++) {
        error = rv_binner_create(&feed->binners[i], context, num_neurons, feed->model->num_steps, feed->model->dt);
        if (!error && num_spikes)
            error = rv_binner_reserve(&feed->binners[i], num_spikes);
    }
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
    if (!error && !feed->next_batch)
        error = check_data(feed, labels_required);
    if (!error)
        error = make_binners(feed);
    for (int i = 0; !error && !feed->next_batch && i < feed->num_inputs; i++)
        if (!feed->inputs[i].example_size)
            warn_of_late_spikes(feed, &feed->inputs[i]);
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
    for (int i = 0; feed->binners && i < feed->model->context->num_threads; i++)
        rv_binner_clear(&feed->binners[i]);
    rv_free(feed->binners);
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

static int load_spikes(const rv_feed *feed, const rv_engine *engine, const rv_feed_input *input, rv_example *example,
                       rv_binner *binner)
{
    const uint32_t population = input->population->index;
    const rv_binner_target to = {engine, &feed->model->populations[population], &example->tapes[population], 0};
    if (!feed->transform)
        return rv_binner_run(binner, input->spikes, example->index, &to);
    uint32_t random[4];
    rv_random(rv_context_seed(feed->model->context), RV_RANDOM_TRANSFORM, rv_population_object(input->population),
              example->epoch, example->index, random);
    return rv_binner_run_transformed(binner, input->spikes, example->index, feed->transform_capacity, feed->transform,
                                     feed->transform_user, example->epoch, random, &to);
}

int rv_feed_load(const rv_feed *feed, const rv_engine *engine, rv_example *example, int worker)
{
    int error = RV_OK;
    for (int i = 0; !error && i < feed->num_inputs; i++) {
        const rv_feed_input *input = &feed->inputs[i];
        if (input->example_size)
            example->values[input->population->index] = input->values + example->index * input->example_size;
        else
            error = load_spikes(feed, engine, input, example, &feed->binners[worker]);
    }
    return error;
}

void rv_feed_announce(const rv_feed *feed, size_t index)
{
    for (int i = 0; i < feed->num_inputs; i++)
        if (feed->inputs[i].spikes)
            rv_spikes_expect(feed->inputs[i].spikes, index);
}

void rv_feed_release(const rv_feed *feed, size_t index)
{
    for (int i = 0; i < feed->num_inputs; i++)
        if (feed->inputs[i].spikes)
            rv_spikes_release(feed->inputs[i].spikes, index);
}
