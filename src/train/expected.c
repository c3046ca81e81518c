/* What outputs are held against: labels and targets, losses and metrics, checked. */
#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "outputs/model.h"
#include "train/run.h"

static size_t num_over_time(const rv_feed *feed, const rv_feed_output *output)
{
    return feed->num_examples * feed->model->num_steps * output->population->size;
}

static bool is_over_time(const rv_feed *feed, const rv_feed_output *output)
{
    return output->targets && feed->model->num_steps > 1 && output->num_targets == num_over_time(feed, output);
}

/* ---- checks ---- */

static int check_labels(const rv_feed *feed, const rv_feed_output *output)
{
    rv_context *context = feed->model->context;
    const char *name = output->population->name;
    if (output->num_labels != feed->num_examples)
        return rv_fail(context, RV_ERR_SHAPE, "output '%s' has %zu labels for %zu examples", name, output->num_labels,
                       feed->num_examples);
    for (size_t i = 0; i < feed->num_examples; i++)
        if (output->labels[i] < 0 || (size_t)output->labels[i] >= output->population->size)
            return rv_fail(context, RV_ERR_LABEL, "output '%s': label of example %zu must be >= 0 and < %zu, got %d",
                           name, i, output->population->size, output->labels[i]);
    return RV_OK;
}

static int check_targets(const rv_feed *feed, const rv_feed_output *output)
{
    rv_context *context = feed->model->context;
    const char *name = output->population->name;
    const size_t n = output->population->size, num = output->num_targets;
    if (num != feed->num_examples * n && num != num_over_time(feed, output))
        return rv_fail(context, RV_ERR_SHAPE,
                       "output '%s' has %zu targets, expected %zu (examples) x %zu (neurons), or x %u (timesteps) too",
                       name, num, feed->num_examples, n, feed->model->num_steps);
    for (size_t i = 0; i < num; i++)
        if (!isfinite(output->targets[i]))
            return rv_fail(context, RV_ERR_DATA, "output '%s': target %zu must be finite, got %g", name, i,
                           (double)output->targets[i]);
    return RV_OK;
}

/* Somebody who looks at the output asks for labels (or targets): who? NULL = nobody. */
static const char *who_needs(const rv_feed_output *output, bool targets)
{
    if (output->loss.model->needs_targets == targets)
        return output->loss.model->name;
    for (int m = 0; m < output->num_metrics; m++)
        if (output->metrics[m].model->needs_targets == targets)
            return output->metrics[m].model->name;
    return NULL;
}

int rv_feed_check_output(const rv_feed *feed, const rv_feed_output *output, bool required)
{
    rv_context *context = feed->model->context;
    const char *name = output->population->name;
    const char *const for_labels = who_needs(output, false), *const for_targets = who_needs(output, true);
    int error = output->labels ? check_labels(feed, output) : RV_OK;
    if (!error && output->targets)
        error = check_targets(feed, output);
    if (!error && required && for_labels && !output->labels)
        error = rv_fail(context, RV_ERR_DATA, "output '%s': labels are required by %s", name, for_labels);
    if (!error && required && for_targets && !output->targets)
        error = rv_fail(context, RV_ERR_DATA, "output '%s': targets are required by %s", name, for_targets);
    if (!error && feed->learns && output->population->neuron.model->spikes && output->loss.model->needs_targets &&
        is_over_time(feed, output))
        error = rv_fail(context, RV_ERR_SHAPE,
                        "output '%s' spikes: its targets must be %zu (examples) x %zu (neurons), got some for every "
                        "timestep",
                        name, feed->num_examples, output->population->size);
    return error;
}

/* ---- describing ---- */

static int resolve(const rv_feed *feed, rv_feed_output *out, const rv_output *output)
{
    char what[RV_NAME_SIZE + 16];
    rv_context *context = feed->model->context;
    snprintf(what, sizeof what, "output '%s'", out->population->name);
    out->loss = output->loss;
    int error = rv_loss_resolve(context, &out->loss, output->targets && !output->labels, what);
    for (int m = 0; !error && m < RV_MAX_METRICS && output->metrics[m].model; m++) {
        out->metrics[out->num_metrics++] = output->metrics[m];
        error = rv_metric_check(context, &output->metrics[m], what);
    }
    if (!error && !out->num_metrics)
        out->metrics[out->num_metrics++] =
            out->loss.model->needs_targets ? rv_mean_square_error_metric() : rv_sparse_categorical_accuracy();
    const rv_readout readout = out->population->neuron.readout;
    if (!error && out->loss.model->needs_spike_times && !readout->spike_times)
        error = rv_fail(context, RV_ERR_NETWORK, "%s: %s needs the readout FirstSpikeTime, got %s", what,
                        out->loss.model->name, readout->name);
    return error;
}

int rv_feed_add_output(rv_feed *feed, const rv_output *output)
{
    rv_context *context = feed->model->context;
    if (output->population->network != feed->model->network || !output->population->neuron.readout)
        return rv_fail(context, RV_ERR_ARGUMENT, "output '%s' is not a population of this network with a readout",
                       output->population->name);
    for (int i = 0; i < feed->num_outputs; i++)
        if (feed->outputs[i].population == output->population)
            return rv_fail(context, RV_ERR_ARGUMENT, "output '%s' is given twice", output->population->name);
    rv_feed_output *out = &feed->outputs[feed->num_outputs++];
    *out = (rv_feed_output){
        .population = output->population,
        .labels = output->labels,
        .num_labels = output->num_labels,
        .targets = output->targets,
        .num_targets = output->num_targets,
    };
    return resolve(feed, out, output);
}

/* ---- for the engine ---- */

/* Whether V in every step may be looked at. An iterator shows its targets' shape only later. */
static bool keeps_trace(const rv_feed *feed, const rv_feed_output *output)
{
    const bool spikes = output->population->neuron.model->spikes;
    return (feed->model->learning.per_timestep_loss && !spikes) ||
           (who_needs(output, true) && (feed->next_batch || is_over_time(feed, output)));
}

void rv_feed_set_targets(const rv_feed *feed, rv_engine_options *options)
{
    options->num_targets = feed->num_outputs;
    for (int o = 0; o < feed->num_outputs; o++) {
        const rv_feed_output *output = &feed->outputs[o];
        rv_target *target = &options->targets[o];
        target->population = output->population->index;
        target->loss = output->loss;
        target->num_metrics = output->num_metrics;
        for (int m = 0; m < output->num_metrics; m++)
            target->metrics[m] = output->metrics[m];
        target->keeps_trace = keeps_trace(feed, output);
    }
}

void rv_feed_expect(const rv_feed *feed, rv_example *example)
{
    for (int o = 0; o < feed->num_outputs; o++) {
        const rv_feed_output *output = &feed->outputs[o];
        rv_expected *expected = &example->expected[o];
        expected->over_time = is_over_time(feed, output);
        expected->label = output->labels ? output->labels[example->index] : -1;
        expected->targets = output->targets;
        if (output->targets)
            expected->targets +=
                example->index * output->population->size * (expected->over_time ? feed->model->num_steps : 1);
    }
}
