/* Deep R: what is rewired, what never changes, and that it learns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/files.h"
#include "support/training_task.h"

#define INPUTS 60
#define HIDDEN 40
#define CLASSES 3
#define EXAMPLES 48
#define STEPS 30
#define CONNECTIONS 3

/* How a network of in -> hid (rewired), hid -> hid (rewired), hid -> out is described and trained. */
typedef struct trial {
    bool eprop, online;
    double p; /* density; default 0.1 */
    double l1; /* default: the library's */
    size_t accumulate;
    double clip_norm;
    int num_threads;
    rv_schedule schedule;
    size_t epochs;
    const char *save, *resume; /* folders of checkpoints */
} trial;

typedef struct setup {
    trial of;
    rv_context *context;
    rv_network *network;
    rv_population *in, *hid, *out;
    rv_connection *connections[CONNECTIONS];
    rv_compiled_network *model;
    rv_spikes *spikes;
    int32_t labels[EXAMPLES];
} setup;

/* Who is connected to whom, and how strongly. */
typedef struct synapses {
    size_t num;
    uint32_t *pre, *post;
    float *g;
} synapses;

static void must(const setup *s, int code)
{
    if (code < 0)
        fail_msg("%d: %s", code, rv_last_error(s->context));
}

/* Class c: the inputs 20 c .. 20 c + 19 spike, each at a time of its own that differs by example. */
static void add_data(setup *s)
{
    must(s, rv_spikes_create(&s->spikes, s->context, INPUTS));
    for (int e = 0; e < EXAMPLES; e++) {
        double times[20];
        int32_t ids[20];
        s->labels[e] = e % CLASSES;
        for (int k = 0; k < 20; k++) {
            ids[k] = 20 * s->labels[e] + k;
            times[k] = (7 * k + 3 * e) % 20;
        }
        must(s, rv_spikes_append(s->spikes, times, ids, 20));
    }
}

static void connect(setup *s, int i, rv_population *from, rv_population *to, double p, double mean, double sd)
{
    must(s, rv_connection_add(&s->connections[i], s->network, from, to,
                              &(rv_connection_desc){
                                  .connectivity = rv_fixed_probability(
                                      (rv_fixed_probability_desc){.p = p, .weight = rv_normal(mean, sd)}),
                                  .synapse = s->of.eprop ? rv_delta()
                                                         : rv_exponential((rv_exponential_params){.tau = rv_const(5)}),
                              }));
}

static void create(setup *s, const trial *of)
{
    const double p = of->p > 0 ? of->p : 0.1;
    *s = (setup){.of = *of};
    assert_int_equal(rv_context_create(&s->context, &(rv_context_desc){.seed = 3, .seed_given = true,
                                                                       .num_threads = of->num_threads}), 0);
    must(s, rv_network_create(&s->network, s->context, of->eprop ? RV_EPROP_DEFAULTS : RV_EVENTPROP_DEFAULTS));
    must(s, rv_population_add(&s->in, s->network,
                              &(rv_population_desc){.name = "in", .shape = {INPUTS}, .neuron = rv_spike_input()}));
    must(s, rv_population_add(
                &s->hid, s->network,
                &(rv_population_desc){.name = "hid", .shape = {HIDDEN},
                                      .neuron = rv_leaky_integrate_fire((rv_lif){.v_thresh = rv_const(0.6)})}));
    must(s, rv_population_add(
                &s->out, s->network,
                &(rv_population_desc){.name = "out", .shape = {CLASSES},
                                      .neuron = rv_leaky_integrate((rv_li){.readout = rv_avg_var()})}));
    connect(s, 0, s->in, s->hid, p, 1, 0.5);
    connect(s, 1, s->hid, s->hid, p, 0, 0.2);
    connect(s, 2, s->hid, s->out, 1, 0, 0.3);
    add_data(s);
}

static int compile(setup *s)
{
    const rv_connection *const rewired[] = {s->connections[0], s->connections[1]};
    const trial *t = &s->of;
    if (t->eprop)
        return rv_compile_eprop(&s->model, s->network,
                                &(rv_eprop_desc){.example_timesteps = STEPS, .batch_size = 8,
                                                 .optimiser = rv_adam(0.01), .accumulate = t->accumulate,
                                                 .clip_norm = t->clip_norm, .online = t->online,
                                                 .schedule = t->schedule, .deep_r_conns = rewired,
                                                 .num_deep_r_conns = 2, .deep_r_l1_strength = t->l1,
                                                 .deep_r_record_rewirings = true});
    return rv_compile_eventprop(&s->model, s->network,
                                &(rv_eventprop_desc){.example_timesteps = STEPS, .batch_size = 8,
                                                     .optimiser = rv_adam(0.01), .accumulate = t->accumulate,
                                                     .clip_norm = t->clip_norm, .schedule = t->schedule,
                                                     .deep_r_conns = rewired, .num_deep_r_conns = 2,
                                                     .deep_r_l1_strength = t->l1, .deep_r_record_rewirings = true});
}

static void destroy(setup *s)
{
    rv_compiled_network_free(s->model);
    rv_spikes_free(s->spikes);
    rv_network_free(s->network);
    rv_context_free(s->context);
}

static synapses get(const setup *s, int connection)
{
    synapses out = {0};
    const rv_variable g = {.connection = s->connections[connection], .name = "g"};
    must(s, rv_variable_size(s->model, g, &out.num));
    out.pre = malloc((out.num + 1) * sizeof *out.pre);
    out.post = malloc((out.num + 1) * sizeof *out.post);
    out.g = malloc((out.num + 1) * sizeof *out.g);
    must(s, rv_variable_get(s->model, g, out.g, out.num));
    must(s, rv_connection_synapses(s->model, s->connections[connection], out.pre, out.post, out.num));
    return out;
}

static void drop(synapses *x)
{
    free(x->pre);
    free(x->post);
    free(x->g);
    *x = (synapses){0};
}

static uint64_t hash_synapses(const setup *s)
{
    uint64_t hash = 0;
    for (int i = 0; i < CONNECTIONS; i++) {
        synapses x = get(s, i);
        hash = hash_bytes(hash, x.pre, x.num * sizeof *x.pre);
        hash = hash_bytes(hash, x.post, x.num * sizeof *x.post);
        hash = hash_bytes(hash, x.g, x.num * sizeof *x.g);
        drop(&x);
    }
    return hash;
}

/* What was recorded of every step. */
static uint64_t hash_records(const setup *s)
{
    uint64_t hash = 0;
    for (int i = 0; i < 2; i++) {
        const rv_rewirings *records;
        size_t num;
        must(s, rv_rewirings_get(s->model, s->connections[i], &records, &num));
        hash = hash_bytes(hash, records, num * sizeof *records);
    }
    return hash;
}

/* Trains, and returns the accuracy of the last epoch. */
static double train(setup *s, const rv_callback *watcher)
{
    rv_result *result = NULL;
    double accuracy = 0;
    rv_callback callbacks[2];
    size_t num = 0;
    if (watcher)
        callbacks[num++] = *watcher;
    if (s->of.save)
        callbacks[num++] = rv_checkpoint((rv_checkpoint_desc){.folder = s->of.save, .resumable = 1});
    must(s, rv_train(&result, s->model,
                     &(rv_train_desc){
                         .data = {.inputs = {{.population = s->in, .spikes = s->spikes}},
                                  .outputs = {{.population = s->out, .labels = s->labels, .num_labels = EXAMPLES}}},
                         .num_epochs = s->of.epochs ? s->of.epochs : 4,
                         .resume_from = s->of.resume,
                         .callbacks = callbacks,
                         .num_callbacks = num,
                         .no_callbacks = num == 0,
                     }));
    must(s, rv_metrics_get(rv_result_metrics(result), "accuracy", &accuracy));
    rv_result_free(result);
    return accuracy;
}

static uint64_t trained(const trial *of)
{
    setup s;
    create(&s, of);
    must(&s, compile(&s));
    train(&s, NULL);
    const uint64_t hash = hash_synapses(&s) ^ hash_records(&s);
    destroy(&s);
    return hash;
}

static rv_rewirings sum_of_rewirings(const setup *s, int connection, size_t *num)
{
    const rv_rewirings *records;
    rv_rewirings sum = {0, 0};
    must(s, rv_rewirings_get(s->model, s->connections[connection], &records, num));
    for (size_t i = 0; i < *num; i++) {
        sum.done += records[i].done;
        sum.failed += records[i].failed;
    }
    return sum;
}

/* ---- what never changes ---- */

typedef struct watch {
    setup *s;
    synapses before[CONNECTIONS];
    size_t gone[CONNECTIONS]; /* places that lost their synapse */
} watch;

static void check_order(const synapses *x)
{
    for (size_t k = 1; k < x->num; k++)
        if (x->pre[k] < x->pre[k - 1] || (x->pre[k] == x->pre[k - 1] && x->post[k] <= x->post[k - 1]))
            fail_msg("synapse %zu, %u to %u, comes after %u to %u", k, x->pre[k], x->post[k], x->pre[k - 1],
                     x->post[k - 1]);
}

/* Both are in order: one walk finds what they share. */
static size_t check_signs(const synapses *a, const synapses *b)
{
    size_t gone = 0, j = 0;
    for (size_t k = 0; k < a->num; k++) {
        while (j < b->num && (b->pre[j] < a->pre[k] || (b->pre[j] == a->pre[k] && b->post[j] < a->post[k])))
            j++;
        if (j == b->num || b->pre[j] != a->pre[k] || b->post[j] != a->post[k])
            gone++;
        else if (a->g[k] * b->g[j] < 0)
            fail_msg("the weight from %u to %u went from %g to %g", a->pre[k], a->post[k], (double)a->g[k],
                     (double)b->g[j]);
    }
    return gone;
}

static int check_batch(void *user, size_t batch, const rv_metrics *metrics)
{
    (void)batch, (void)metrics;
    watch *w = user;
    for (int i = 0; i < 2; i++) {
        synapses now = get(w->s, i);
        assert_int_equal(now.num, w->before[i].num);
        check_order(&now);
        w->gone[i] += check_signs(&w->before[i], &now);
        for (size_t k = 0; k < now.num; k++)
            if (i == 1 && now.pre[k] == now.post[k])
                fail_msg("neuron %u is connected to itself", now.pre[k]);
        drop(&w->before[i]);
        w->before[i] = now;
    }
    return 0;
}

static void keeps_its_promises(const trial *of)
{
    setup s;
    watch w = {.s = &s};
    const rv_callback watcher = {.name = "Watch", .user = &w, .on_batch_end = check_batch};
    size_t num;
    create(&s, of);
    must(&s, compile(&s));
    for (int i = 0; i < 2; i++)
        w.before[i] = get(&s, i);
    train(&s, &watcher);
    for (int i = 0; i < 2; i++) {
        const rv_rewirings sum = sum_of_rewirings(&s, i, &num);
        assert_int_equal(num, (of->epochs ? of->epochs : 4) * 6 / (of->accumulate ? of->accumulate : 1));
        assert_int_equal(sum.failed, 0);
        assert_in_range(w.gone[i], 1, sum.done);
        drop(&w.before[i]);
    }
    destroy(&s);
}

static void synapses_keep_their_number_order_and_signs(void **state)
{
    (void)state;
    keeps_its_promises(&(trial){.epochs = 12});
    keeps_its_promises(&(trial){.epochs = 6, .schedule = RV_SCHEDULE_SLOTS, .num_threads = 2});
    keeps_its_promises(&(trial){.epochs = 6, .accumulate = 2, .clip_norm = 0.1});
    keeps_its_promises(&(trial){.eprop = true, .epochs = 6});
    keeps_its_promises(&(trial){.eprop = true, .online = true, .epochs = 6});
}

/* ---- the same bits ---- */

static void bits_do_not_depend_on_threads_or_schedule(void **state)
{
    (void)state;
    for (int eprop = 0; eprop < 2; eprop++) {
        trial t = {.eprop = eprop, .num_threads = 1, .schedule = RV_SCHEDULE_ROWS};
        const uint64_t expected = trained(&t);
        assert_true(trained(&t) == expected);
        for (t.num_threads = 1; t.num_threads <= 3; t.num_threads++)
            for (t.schedule = RV_SCHEDULE_SLOTS; t.schedule <= RV_SCHEDULE_ROWS; t.schedule++)
                if (trained(&t) != expected)
                    fail_msg("%s: other bits with %d threads and schedule %d", eprop ? "e-prop" : "EventProp",
                             t.num_threads, (int)t.schedule);
    }
}

static void a_resumed_run_goes_on_with_the_same_synapses(void **state)
{
    (void)state;
    for (int eprop = 0; eprop < 2; eprop++) {
        const char *folder = test_path(eprop ? "eprop" : "eventprop");
        const trial straight = {.eprop = eprop, .epochs = 5};
        const trial first = {.eprop = eprop, .epochs = 2, .save = folder};
        const trial second = {.eprop = eprop, .epochs = 5, .resume = folder};
        trained(&first);
        assert_true(trained(&second) == trained(&straight));
    }
}

static void saved_synapses_come_back_with_their_weights(void **state)
{
    (void)state;
    const char *const keys[] = {"end"};
    const rv_serialiser files = rv_numpy_serialiser(test_path("saved"));
    setup a, b;
    create(&a, &(trial){0});
    create(&b, &(trial){0});
    must(&a, compile(&a));
    must(&b, compile(&b));
    const uint64_t start = hash_synapses(&a);
    train(&a, NULL);
    must(&a, rv_compiled_network_save(a.model, &files, keys, 1));
    must(&b, rv_compiled_network_load(b.model, &files, keys, 1));
    assert_true(hash_synapses(&a) != start);
    assert_true(hash_synapses(&b) == hash_synapses(&a));
    train(&b, NULL); /* what was loaded can be rewired */
    assert_true(hash_synapses(&b) != hash_synapses(&a));
    destroy(&a);
    destroy(&b);
}

/* ---- what is recorded ---- */

/* The history's sums of every epoch are those of its steps; what is left over in its last step counts too. */
static void the_history_counts_rewirings_by_epoch(void **state)
{
    (void)state;
    setup s;
    rv_result *result;
    const rv_rewirings *records;
    size_t num;
    create(&s, &(trial){.accumulate = 4});
    must(&s, compile(&s));
    must(&s, rv_train(&result, s.model,
                      &(rv_train_desc){
                          .data = {.inputs = {{.population = s.in, .spikes = s.spikes}},
                                   .outputs = {{.population = s.out, .labels = s.labels, .num_labels = EXAMPLES}}},
                          .num_epochs = 6, .no_callbacks = true}));
    must(&s, rv_rewirings_get(s.model, s.connections[0], &records, &num));
    assert_int_equal(num, 6 * 2); /* of 6 batches: 4, and 2 */
    size_t total = 0;
    for (size_t epoch = 0; epoch < 6; epoch++) {
        const rv_metrics *metrics = rv_result_history(result, epoch);
        double done = -1, failed = -1;
        for (size_t i = 0; i < metrics->num; i++) {
            if (!strcmp(metrics->items[i].label, "Conn_in_hid.rewirings"))
                done = metrics->items[i].value;
            if (!strcmp(metrics->items[i].label, "Conn_in_hid.failed_rewirings"))
                failed = metrics->items[i].value;
        }
        assert_true(done == (double)(records[2 * epoch].done + records[2 * epoch + 1].done));
        assert_true(failed == 0);
        total += (size_t)done;
    }
    assert_true(total > 0);
    rv_result_free(result);
    destroy(&s);
}

/* ---- where there is no room ---- */

/* hid -> hid has room for itself nowhere but on its diagonal, which stays free. */
static void a_full_matrix_keeps_its_synapses_and_counts_failures(void **state)
{
    (void)state;
    const trial t = {.p = 1, .l1 = 0.5, .epochs = 8};
    setup s;
    size_t num;
    create(&s, &t);
    must(&s, compile(&s));
    train(&s, NULL);
    for (int i = 0; i < 2; i++) {
        const rv_rewirings sum = sum_of_rewirings(&s, i, &num);
        synapses x = get(&s, i);
        assert_int_equal(sum.done, 0);
        assert_true(sum.failed > 0);
        assert_int_equal(x.num, i == 0 ? INPUTS * HIDDEN : HIDDEN * (HIDDEN - 1));
        check_order(&x);
        drop(&x);
    }
    destroy(&s);
}

/* ---- learning ---- */

static void a_tenth_of_the_synapses_learns_to_classify(void **state)
{
    (void)state;
    for (int eprop = 0; eprop < 2; eprop++) {
        setup s;
        create(&s, &(trial){.eprop = eprop, .l1 = 1e-5, .epochs = 40});
        must(&s, compile(&s));
        const double accuracy = train(&s, NULL);
        if (accuracy < 0.95)
            fail_msg("%s: accuracy %g", eprop ? "e-prop" : "EventProp", accuracy);
        destroy(&s);
    }
}

/* ---- errors ---- */

static void what_cannot_be_rewired_is_refused(void **state)
{
    (void)state;
    setup s;
    const rv_rewirings *records;
    size_t num;
    create(&s, &(trial){0});
    rv_population *more;
    rv_connection *dense;
    must(&s, rv_population_add(&more, s.network,
                               &(rv_population_desc){.name = "more", .shape = {4},
                                                     .neuron = rv_leaky_integrate((rv_li){.readout = rv_avg_var()})}));
    must(&s, rv_connection_add(&dense, s.network, s.hid, more,
                               &(rv_connection_desc){.connectivity = rv_dense(rv_const(0.1)),
                                                     .synapse = rv_exponential((rv_exponential_params){.tau = rv_const(5)})}));
    const rv_connection *const wrong[] = {dense}, *const twice[] = {s.connections[0], s.connections[0]};
    rv_eventprop_desc desc = {.example_timesteps = STEPS, .deep_r_conns = wrong, .num_deep_r_conns = 1};
    assert_int_equal(rv_compile_eventprop(&s.model, s.network, &desc), RV_ERR_UNSUPPORTED);
    assert_non_null(strstr(rv_last_error(s.context), "Dense"));
    desc.deep_r_conns = twice;
    desc.num_deep_r_conns = 2;
    assert_int_equal(rv_compile_eventprop(&s.model, s.network, &desc), RV_ERR_ARGUMENT);
    assert_non_null(strstr(rv_last_error(s.context), "twice"));
    desc.delay_learn_conns = twice;
    desc.num_delay_learn_conns = desc.num_deep_r_conns = 1;
    assert_int_equal(rv_compile_eventprop(&s.model, s.network, &desc), RV_ERR_UNSUPPORTED);
    desc.num_delay_learn_conns = desc.num_deep_r_conns = 0;
    must(&s, rv_compile_eventprop(&s.model, s.network, &desc));
    assert_int_equal(rv_rewirings_get(s.model, s.connections[0], &records, &num), RV_ERR_STATE);
    destroy(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(synapses_keep_their_number_order_and_signs),
        cmocka_unit_test(bits_do_not_depend_on_threads_or_schedule),
        cmocka_unit_test(a_resumed_run_goes_on_with_the_same_synapses),
        cmocka_unit_test(saved_synapses_come_back_with_their_weights),
        cmocka_unit_test(the_history_counts_rewirings_by_epoch),
        cmocka_unit_test(a_full_matrix_keeps_its_synapses_and_counts_failures),
        cmocka_unit_test(a_tenth_of_the_synapses_learns_to_classify),
        cmocka_unit_test(what_cannot_be_rewired_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
