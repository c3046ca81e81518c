/* What becomes of gradients: the rules of the optimisers, in double on the gradients that were read; clamps, clipping,
 * accumulation over batches, connections with an optimiser of their own or none. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/training_task.h"

#define MAX_BATCHES 16

static const training_task_desc small = {
    .inputs = 12, .hidden = 20, .outputs = 4, .examples = 12, .timesteps = 40, .spikes_per_input = 2, .seed = 1};

/* An epoch with one compiled network: weights before, and gradients and weights of every batch. */
typedef struct epoch {
    training_task task;
    rv_compiled_network *model;
    float *before, *gradients[MAX_BATCHES], *weights[MAX_BATCHES]; /* (size) of all connections */
    size_t num_batches, size;
} epoch;

static void succeed(const epoch *e, int code)
{
    if (code < 0)
        fail_msg("%s", rv_last_error(e->task.context));
}

static int on_batch_end(void *user, size_t batch, const rv_metrics *metrics)
{
    epoch *const e = user;
    (void)metrics;
    assert_true(batch < MAX_BATCHES);
    e->num_batches = batch + 1;
    /* those of single connections that do not learn cannot be read, and are not asked for */
    const int code = training_task_get(&e->weights[batch], &e->size, &e->task, e->model, "g");
    return code < 0 || e->gradients[0] == NULL
               ? code
               : training_task_get(&e->gradients[batch], &e->size, &e->task, e->model, "Gradient");
}

static void begin(epoch *e, const training_task_desc *desc)
{
    *e = (epoch){0};
    succeed(e, training_task_create(&e->task, desc));
}

/* Compiles and trains; reads: gradients too. */
static void train(epoch *e, rv_eventprop_desc desc, bool reads)
{
    static float wanted;
    rv_result *result = NULL;
    desc.example_timesteps = e->task.desc.timesteps;
    desc.keep_gradients = reads;
    succeed(e, rv_compile_eventprop(&e->model, e->task.network, &desc));
    succeed(e, training_task_get(&e->before, &e->size, &e->task, e->model, "g"));
    e->gradients[0] = reads ? &wanted : NULL;
    const rv_callback callback = {.name = "observer", .user = e, .on_batch_end = on_batch_end};
    succeed(e, rv_train(&result, e->model,
                        &(rv_train_desc){.data = training_task_data(&e->task, e->task.spikes),
                                         .num_epochs = 1,
                                         .shuffle = RV_OFF,
                                         .callbacks = &callback,
                                         .num_callbacks = 1}));
    rv_result_free(result);
}

static void end(epoch *e)
{
    for (size_t b = 0; b < e->num_batches; b++) {
        free(e->gradients[b]);
        free(e->weights[b]);
    }
    free(e->before);
    rv_compiled_network_free(e->model);
    training_task_free(&e->task);
}

static const float *last(const epoch *e)
{
    return e->weights[e->num_batches - 1];
}

static void about(double found, double expected, size_t i, const char *what)
{
    if (!(fabs(found - expected) <= 2e-6 * fmax(1, fabs(expected))))
        fail_msg("%s %zu is %.9g, expected %.9g", what, i, found, expected);
}

/* ---- the rules ---- */

typedef struct rule {
    double w, m, v;
} rule;

static void adam(rule *r, double g, double n, double decay)
{
    r->w -= 1e-2 * decay * r->w;
    r->m = 0.9 * r->m + 0.1 * g;
    r->v = 0.999 * r->v + 0.001 * g * g;
    r->w -= 1e-2 * (r->m / (1 - pow(0.9, n))) / (sqrt(r->v / (1 - pow(0.999, n))) + 1e-8);
}

static void sgd(rule *r, double g, double n, double momentum)
{
    (void)n;
    r->m = momentum * r->m + g;
    r->w -= 1e-2 * r->m;
}

/* The same spikes without those of input 3, whose weights then never have a gradient. */
static void silence_an_input(epoch *e)
{
    rv_spikes *spikes = NULL;
    succeed(e, rv_spikes_create(&spikes, e->task.context, small.inputs));
    for (size_t i = 0; i < small.examples; i++) {
        double times[200];
        int32_t ids[200];
        size_t left = 0;
        const size_t num = rv_spikes_count(e->task.spikes, i);
        assert_in_range(num, 1, 200);
        succeed(e, rv_spikes_get(e->task.spikes, i, times, ids));
        for (size_t k = 0; k < num; k++)
            if (ids[k] != 3) {
                times[left] = times[k];
                ids[left++] = ids[k];
            }
        succeed(e, rv_spikes_append(spikes, times, ids, left));
    }
    rv_spikes_free(e->task.spikes);
    e->task.spikes = spikes;
}

static void follow(rv_optimiser optimiser, void (*step)(rule *, double, double, double), double parameter)
{
    epoch e;
    size_t idle = 0;
    begin(&e, &small);
    silence_an_input(&e);
    train(&e, (rv_eventprop_desc){.batch_size = 3, .optimiser = optimiser}, true);
    for (size_t i = 0; i < e.size; i++) {
        rule r = {.w = (double)e.before[i]};
        bool moved = false;
        for (size_t b = 0; b < e.num_batches; b++) {
            step(&r, (double)e.gradients[b][i], (double)b + 1, parameter);
            about((double)e.weights[b][i], r.w, i, "weight");
            moved |= e.gradients[b][i] != 0;
        }
        idle += !moved;
    }
    assert_in_range(idle, small.hidden, e.size - 100);
    end(&e);
}

static void adam_follows_its_rule(void **state)
{
    (void)state;
    follow(rv_adam(1e-2), adam, 0);
}

static void adamw_decays_weights_that_never_had_a_gradient_too(void **state)
{
    (void)state;
    follow(rv_adamw(1e-2, 0.3), adam, 0.3);
}

static void sgd_follows_its_rule(void **state)
{
    (void)state;
    follow(rv_sgd(1e-2, 0), sgd, 0);
    follow(rv_sgd(1e-2, 0.9), sgd, 0.9);
}

static void a_clamp_keeps_weights_in_their_range(void **state)
{
    epoch free_one, clamped;
    size_t inside = 0, at_bounds = 0;
    rv_optimiser optimiser = rv_sgd(1, 0);
    (void)state;
    begin(&free_one, &small);
    train(&free_one, (rv_eventprop_desc){.batch_size = 12, .optimiser = optimiser}, false);
    begin(&clamped, &small);
    optimiser.clamp = true;
    optimiser.clamp_min = -0.1;
    optimiser.clamp_max = 0.25;
    train(&clamped, (rv_eventprop_desc){.batch_size = 12, .optimiser = optimiser}, false);
    for (size_t i = 0; i < clamped.size; i++) {
        const float w = last(&clamped)[i], x = last(&free_one)[i];
        const float expected = x < -0.1F ? -0.1F : x > 0.25F ? 0.25F : x;
        if (w != expected && last(&free_one)[i] != free_one.before[i])
            fail_msg("weight %zu is %.9g, expected %.9g", i, (double)w, (double)expected);
        at_bounds += w == -0.1F || w == 0.25F;
        inside += w > -0.1F && w < 0.25F;
    }
    assert_true(at_bounds > 10 && inside > 10);
    end(&free_one);
    end(&clamped);
}

/* ---- clipping and accumulation ---- */

static void clipping_by_value_cuts_every_element(void **state)
{
    epoch e;
    size_t cut = 0;
    const double limit = 1e-4;
    (void)state;
    begin(&e, &small);
    train(&e, (rv_eventprop_desc){.batch_size = 12, .optimiser = rv_sgd(1, 0), .clip_value = limit}, true);
    for (size_t i = 0; i < e.size; i++) {
        const double g = (double)e.gradients[0][i], clipped = fmax(-limit, fmin(limit, g));
        about((double)last(&e)[i], (double)e.before[i] - clipped, i, "weight");
        cut += fabs(g) > limit;
    }
    assert_true(cut > 10 && cut < e.size - 10);
    end(&e);
}

static double norm_of(const float *g, size_t size)
{
    double sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += (double)g[i] * (double)g[i];
    return sqrt(sum);
}

static void clipping_by_norm_scales_all_connections_alike(void **state)
{
    epoch e;
    (void)state;
    begin(&e, &small);
    train(&e, (rv_eventprop_desc){.batch_size = 12, .optimiser = rv_sgd(1, 0)}, true);
    const double norm = norm_of(e.gradients[0], e.size);
    end(&e);
    for (int i = 0; i < 2; i++) { /* below the norm, where it bites, and above it */
        const double limit = i == 0 ? norm / 3 : norm * 1.01, scale = i == 0 ? 1.0 / 3 : 1;
        begin(&e, &small);
        train(&e, (rv_eventprop_desc){.batch_size = 12, .optimiser = rv_sgd(1, 0), .clip_norm = limit}, true);
        about(norm_of(e.gradients[0], e.size), norm, 0, "norm of what is read");
        for (size_t k = 0; k < e.size; k++)
            about((double)last(&e)[k], (double)e.before[k] - scale * (double)e.gradients[0][k], k, "weight");
        end(&e);
    }
}

static void accumulated_batches_are_one_large_batch(void **state)
{
    epoch large, parts;
    (void)state;
    begin(&large, &small);
    train(&large, (rv_eventprop_desc){.batch_size = 12, .optimiser = rv_sgd(20, 0)}, false);
    begin(&parts, &small);
    train(&parts, (rv_eventprop_desc){.batch_size = 5, .optimiser = rv_sgd(20, 0), .accumulate = 3}, false);
    assert_int_equal(parts.num_batches, 3); /* of 5, 5 and 2 */
    assert_memory_equal(parts.weights[1], parts.before, parts.size * sizeof(float));
    for (size_t i = 0; i < parts.size; i++)
        about((double)last(&parts)[i], (double)last(&large)[i], i, "weight");
    assert_true(relative_error(last(&large), large.before, large.size) > 1e-3);
    end(&large);
    end(&parts);
}

/* 12 examples in batches of 2, four of which make a step: the other two make one at the end. */
static void what_is_left_at_the_end_of_an_epoch_is_learnt_from(void **state)
{
    epoch e;
    uint64_t steps;
    float *after;
    size_t size;
    (void)state;
    begin(&e, &small);
    train(&e, (rv_eventprop_desc){.batch_size = 2, .optimiser = rv_sgd(1, 0), .accumulate = 4, .clip_norm = 1e-3},
          false);
    assert_memory_equal(e.weights[2], e.before, e.size * sizeof(float));
    assert_memory_equal(e.weights[5], e.weights[3], e.size * sizeof(float));
    succeed(&e, rv_optimiser_steps(e.model, &steps));
    assert_int_equal(steps, 2);
    succeed(&e, training_task_get(&after, &size, &e.task, e.model, "g"));
    double sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += pow((double)after[i] - (double)last(&e)[i], 2);
    about(sqrt(sum), 1e-3, 0, "the clipped step's length");
    free(after);
    end(&e);
}

/* ---- single connections ---- */

static void a_connection_may_have_an_optimiser_of_its_own(void **state)
{
    epoch e;
    (void)state;
    begin(&e, &small);
    const rv_connection_optimiser own[] = {{e.task.connections[2], rv_sgd(0.5, 0)},
                                           {e.task.connections[0], rv_sgd(0, 0)}};
    train(&e,
          (rv_eventprop_desc){.batch_size = 12,
                              .optimiser = rv_sgd(0.25, 0),
                              .connection_optimisers = own,
                              .num_connection_optimisers = 2},
          true);
    const size_t first = small.inputs * small.hidden, second = first + small.hidden * small.hidden;
    for (size_t i = 0; i < e.size; i++) {
        const double alpha = i < first ? 0 : i < second ? 0.25 : 0.5;
        about((double)last(&e)[i], (double)e.before[i] - alpha * (double)e.gradients[0][i], i, "weight");
    }
    const char *const names[] = {"optimiser", rv_connection_name(e.task.connections[2]),
                                 rv_connection_name(e.task.connections[0])};
    for (size_t i = 0; i < 3; i++) {
        double alpha;
        assert_string_equal(rv_compiled_network_optimiser(e.model, i), names[i]);
        succeed(&e, rv_named_optimiser_param_set(e.model, names[i], "alpha", 0.125 * (double)(i + 1)));
        succeed(&e, rv_named_optimiser_param_get(e.model, names[i], "alpha", &alpha));
        assert_true(alpha == 0.125 * (double)(i + 1));
    }
    assert_null(rv_compiled_network_optimiser(e.model, 3));
    double alpha;
    succeed(&e, rv_optimiser_param_get(e.model, "alpha", &alpha));
    assert_true(alpha == 0.125);
    assert_int_equal(rv_named_optimiser_param_get(e.model, "nobody", "alpha", &alpha), RV_ERR_NAME);
    assert_int_equal(rv_named_optimiser_param_get(e.model, "optimiser", "beta1", &alpha), RV_ERR_NAME);
    end(&e);
}

static double tenfold(void *user, size_t number, double current)
{
    (void)user, (void)number;
    return 10 * current;
}

/* alpha of all optimisers is scheduled, each from its own value, or that of the one that is named */
static void a_schedule_is_for_all_optimisers_or_for_one(void **state)
{
    (void)state;
    for (int named = 0; named < 2; named++) {
        epoch e;
        rv_result *result = NULL;
        double alpha[2];
        begin(&e, &small);
        const rv_connection_optimiser own = {e.task.connections[2], rv_sgd(0.5, 0)};
        const char *const name = rv_connection_name(own.connection);
        succeed(&e, rv_compile_eventprop(&e.model, e.task.network,
                                         &(rv_eventprop_desc){.example_timesteps = small.timesteps,
                                                              .connection_optimisers = &own,
                                                              .num_connection_optimisers = 1}));
        const rv_callback callback = rv_optimiser_param_schedule((rv_optimiser_param_schedule_desc){
            .param_name = "alpha", .func = tenfold, .optimiser = named ? name : NULL});
        succeed(&e, rv_train(&result, e.model,
                             &(rv_train_desc){.data = training_task_data(&e.task, e.task.spikes),
                                              .num_epochs = 2,
                                              .callbacks = &callback,
                                              .num_callbacks = 1}));
        succeed(&e, rv_optimiser_param_get(e.model, "alpha", &alpha[0]));
        succeed(&e, rv_named_optimiser_param_get(e.model, name, "alpha", &alpha[1]));
        about(alpha[0], named ? 0.001 : 0.1, 0, "alpha");
        about(alpha[1], 50, 1, "alpha");
        rv_result_free(result);
        end(&e);
    }
}

/* in -> hid -> out, of which the first is frozen or not; all read. */
typedef struct chain {
    rv_context *context;
    rv_network *network;
    rv_layer in, hid, out;
    rv_compiled_network *model;
    rv_spikes *spikes;
    float before[2][32], after[2][32];
} chain;

static void must(const chain *c, int code)
{
    if (code < 0)
        fail_msg("%s", rv_last_error(c->context));
}

static void read_chain(const chain *c, float weights[2][32])
{
    const rv_connection *const connections[] = {c->hid.connection, c->out.connection};
    for (int i = 0; i < 2; i++)
        must(c, rv_variable_get(c->model, (rv_variable){.connection = connections[i], .name = "g"}, weights[i],
                                i == 0 ? 32 : 16));
}

static void train_chain(chain *c, bool frozen)
{
    static const double times[] = {1, 2, 3, 4, 6, 8};
    static const int32_t ids[] = {0, 1, 2, 3, 0, 2};
    static const int32_t label = 1;
    const rv_synapse synapse = rv_exponential((rv_exponential_params){.tau = rv_const(5)});
    rv_result *result = NULL;
    *c = (chain){0};
    must(c, rv_context_create(&c->context, &(rv_context_desc){.seed_given = true, .num_threads = 1}));
    must(c, rv_network_create(&c->network, c->context, RV_EVENTPROP_DEFAULTS));
    must(c, rv_input_layer_add(&c->in, c->network, &(rv_layer_desc){.shape = {4}, .neuron = rv_spike_input()}));
    must(c, rv_layer_add(&c->hid, c->network,
                         &(rv_layer_desc){.shape = {8},
                                          .neuron = rv_leaky_integrate_fire((rv_lif){.tau_mem = rv_const(20)}),
                                          .connectivity = rv_dense(rv_uniform(1, 3)),
                                          .synapse = synapse,
                                          .frozen = frozen}));
    must(c, rv_layer_add(&c->out, c->network,
                         &(rv_layer_desc){.shape = {2},
                                          .neuron = rv_leaky_integrate((rv_li){.readout = rv_avg_var()}),
                                          .connectivity = rv_dense(rv_normal(0, 1)),
                                          .synapse = synapse}));
    must(c, rv_compile_eventprop(&c->model, c->network,
                                 &(rv_eventprop_desc){.example_timesteps = 20, .keep_gradients = true}));
    must(c, rv_spikes_create(&c->spikes, c->context, 4));
    must(c, rv_spikes_append(c->spikes, times, ids, 6));
    read_chain(c, c->before);
    must(c, rv_train(&result, c->model,
                     &(rv_train_desc){
                         .data = {.inputs = {{.population = c->in.population, .spikes = c->spikes}},
                                  .outputs = {{.population = c->out.population, .labels = &label, .num_labels = 1}}},
                         .num_epochs = 5,
                         .no_callbacks = true}));
    rv_result_free(result);
    read_chain(c, c->after);
}

static void free_chain(chain *c)
{
    rv_compiled_network_free(c->model);
    rv_network_free(c->network);
    rv_spikes_free(c->spikes);
    rv_context_free(c->context);
}

static void a_frozen_connection_keeps_its_weights_while_others_learn(void **state)
{
    chain learns, frozen;
    float gradient[32];
    (void)state;
    train_chain(&learns, false);
    train_chain(&frozen, true);
    assert_memory_equal(frozen.before, learns.before, sizeof learns.before);
    assert_memory_not_equal(learns.after[0], learns.before[0], sizeof learns.before[0]);
    assert_memory_equal(frozen.after[0], frozen.before[0], sizeof frozen.before[0]);
    assert_memory_not_equal(frozen.after[1], frozen.before[1], sizeof frozen.before[1]);
    assert_true(rv_variable_get(frozen.model, (rv_variable){.connection = frozen.hid.connection, .name = "Gradient"},
                                gradient, 32) < 0);
    free_chain(&learns);
    free_chain(&frozen);
}

/* ---- what is wrong is found when the network is compiled ---- */

static void refuse(rv_eventprop_desc desc, int code, const char *text)
{
    epoch e;
    begin(&e, &small);
    desc.example_timesteps = 10;
    const int found = rv_compile_eventprop(&e.model, e.task.network, &desc);
    if (found != code || !strstr(rv_last_error(e.task.context), text))
        fail_msg("code %d with '%s', expected %d with '%s'", found, rv_last_error(e.task.context), code, text);
    end(&e);
}

static void wrong_options_are_found_at_set_up(void **state)
{
    epoch other;
    rv_optimiser reversed = rv_adam(0.1);
    (void)state;
    begin(&other, &small);
    const rv_connection_optimiser foreign = {other.task.connections[0], rv_adam(0.1)};
    reversed.clamp = true;
    reversed.clamp_min = 1;
    refuse((rv_eventprop_desc){.clip_norm = -1}, RV_ERR_VALUE, "EventProp: clip_value and clip_norm must be >= 0");
    refuse((rv_eventprop_desc){.clip_value = (double)NAN}, RV_ERR_VALUE, "clip_value");
    refuse((rv_eventprop_desc){.optimiser = rv_sgd(-1, 0)}, RV_ERR_VALUE, "EventProp: optimiser: alpha must be >= 0");
    refuse((rv_eventprop_desc){.optimiser = rv_sgd(1, 1)}, RV_ERR_VALUE, "momentum");
    refuse((rv_eventprop_desc){.optimiser = reversed}, RV_ERR_VALUE, "clamp_min must be <= clamp_max, got 1 and 0");
    refuse((rv_eventprop_desc){.connection_optimisers = &foreign, .num_connection_optimisers = 1}, RV_ERR_ARGUMENT,
           "connection_optimisers: a connection is of another network");
    refuse((rv_eventprop_desc){.num_connection_optimisers = 1}, RV_ERR_ARGUMENT, "connection_optimisers is NULL");
    end(&other);
}

static void clamps_are_set_by_name(void **state)
{
    epoch e;
    rv_optimiser o;
    (void)state;
    begin(&e, &small);
    succeed(&e, rv_optimiser_by_name(&o, e.task.context, "adamw"));
    assert_false(o.clamp);
    succeed(&e, rv_optimiser_set(&o, e.task.context, "clamp_min", 0));
    assert_true(o.clamp && o.clamp_min == 0 && isinf(o.clamp_max));
    assert_int_equal(rv_optimiser_set(&o, e.task.context, "clamp", 0), RV_ERR_NAME);
    assert_string_equal(rv_optimiser_model_at(2)->name, "SGD");
    end(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adam_follows_its_rule),
        cmocka_unit_test(adamw_decays_weights_that_never_had_a_gradient_too),
        cmocka_unit_test(sgd_follows_its_rule),
        cmocka_unit_test(a_clamp_keeps_weights_in_their_range),
        cmocka_unit_test(clipping_by_value_cuts_every_element),
        cmocka_unit_test(clipping_by_norm_scales_all_connections_alike),
        cmocka_unit_test(accumulated_batches_are_one_large_batch),
        cmocka_unit_test(what_is_left_at_the_end_of_an_epoch_is_learnt_from),
        cmocka_unit_test(a_connection_may_have_an_optimiser_of_its_own),
        cmocka_unit_test(a_schedule_is_for_all_optimisers_or_for_one),
        cmocka_unit_test(a_frozen_connection_keeps_its_weights_while_others_learn),
        cmocka_unit_test(wrong_options_are_found_at_set_up),
        cmocka_unit_test(clamps_are_set_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
