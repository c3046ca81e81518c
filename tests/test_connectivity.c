/* Describing connectivity: shapes, options by name, wrong input, the order of listed synapses, saving and loading. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ranvier.h>

#include "support/files.h"

static rv_context *context;
static rv_network *network;

static int make_network(void **state)
{
    (void)state;
    const int code = rv_context_create(&context, &(rv_context_desc){.seed = 1, .seed_given = true});
    return code ? code : rv_network_create(&network, context, RV_EVENTPROP_DEFAULTS);
}

static int free_network(void **state)
{
    (void)state;
    rv_network_free(network);
    rv_context_free(context);
    return 0;
}

static void ok(int code)
{
    if (code < 0)
        fail_msg("%s", rv_last_error(context));
}

static void fails(int code, int expected, const char *message)
{
    assert_int_equal(code, expected);
    assert_string_equal(rv_last_error(context), message);
}

static rv_population *add_input(const char *name, size_t a, size_t b, size_t c)
{
    rv_population *p = NULL;
    ok(rv_population_add(&p, network,
                         &(rv_population_desc){.name = name, .shape = {a, b, c}, .neuron = rv_spike_input()}));
    return p;
}

static rv_population *add_lif(const char *name, const size_t shape[RV_MAX_DIMS])
{
    rv_population *p = NULL;
    rv_population_desc desc = {.name = name, .neuron = rv_leaky_integrate_fire((rv_lif){.scale_i = RV_DEFAULT})};
    if (shape)
        memcpy(desc.shape, shape, sizeof desc.shape);
    ok(rv_population_add(&p, network, &desc));
    return p;
}

static int join(rv_connection **out, rv_population *source, rv_population *target, rv_connectivity connectivity)
{
    return rv_connection_add(out, network, source, target,
                             &(rv_connection_desc){.name = "c", .connectivity = connectivity});
}

/* ---- shapes ----------------------------------------------------------------------------------------------------- */

static void a_target_without_a_shape_gets_the_one_that_is_implied(void **state)
{
    (void)state;
    const rv_value w = rv_const(1);
    const struct {
        rv_connectivity connectivity;
        size_t shape[RV_MAX_DIMS];
    } cases[] = {
        {rv_one_to_one(w), {12, 11, 2}},
        {rv_conv2d((rv_conv2d_desc){.weight = w, .filters = 7, .conv_size = {3, 4}}), {10, 8, 7}},
        {rv_conv2d((rv_conv2d_desc){.weight = w, .filters = 7, .conv_size = {3}, .conv_strides = {2}}), {5, 5, 7}},
        {rv_conv2d((rv_conv2d_desc){.weight = w, .filters = 7, .conv_size = {3}, .conv_strides = {2, 3},
                                    .conv_padding = RV_PADDING_SAME}), {6, 4, 7}},
        {rv_conv2d((rv_conv2d_desc){.weight = w, .filters = 7, .conv_size = {3}, .flatten = true}), {10 * 9 * 7}},
        {rv_conv2d_transpose((rv_conv2d_desc){.weight = w, .filters = 3, .conv_size = {3}, .conv_strides = {2}}),
         {25, 23, 3}},
        {rv_conv2d_transpose((rv_conv2d_desc){.weight = w, .filters = 3, .conv_size = {3}, .conv_strides = {2},
                                              .conv_padding = RV_PADDING_SAME}), {24, 22, 3}},
        {rv_avg_pool2d((rv_avg_pool2d_desc){.pool_size = {2}}), {6, 5, 2}},
        {rv_avg_pool2d((rv_avg_pool2d_desc){.pool_size = {3}, .pool_strides = {1}, .flatten = true}), {10 * 9 * 2}},
        {rv_avg_pool_conv2d((rv_avg_pool_conv2d_desc){.weight = w, .pool_size = {2}, .filters = 5, .conv_size = {3}}),
         {4, 3, 5}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[2][20];
        size_t shape[RV_MAX_DIMS];
        rv_connection *connection = NULL;
        snprintf(name[0], sizeof name[0], "in%zu", i);
        snprintf(name[1], sizeof name[1], "out%zu", i);
        rv_population *in = add_input(name[0], 12, 11, 2), *out = add_lif(name[1], NULL);
        assert_int_equal(rv_population_size(out), 0);
        ok(rv_connection_add(&connection, network, in, out,
                             &(rv_connection_desc){.connectivity = cases[i].connectivity}));
        rv_population_shape(out, shape);
        assert_memory_equal(shape, cases[i].shape, sizeof shape);
    }
}

static void layers_take_their_shapes_from_one_another(void **state)
{
    (void)state;
    rv_layer in, conv, pool, out;
    rv_compiled_network *model = NULL;
    const rv_neuron lif = rv_leaky_integrate_fire((rv_lif){.scale_i = RV_DEFAULT});
    ok(rv_input_layer_add(&in, network, &(rv_layer_desc){.neuron = rv_spike_input(), .shape = {28, 28, 1}}));
    ok(rv_layer_add(&conv, network, &(rv_layer_desc){.neuron = lif, .connectivity = rv_conv2d((rv_conv2d_desc){
                                                         .weight = rv_normal(0, 1), .filters = 16, .conv_size = {5}})}));
    ok(rv_layer_add(&pool, network, &(rv_layer_desc){.neuron = lif, .connectivity = rv_avg_pool2d((rv_avg_pool2d_desc){
                                                         .pool_size = {2}, .flatten = true})}));
    ok(rv_layer_add(&out, network,
                    &(rv_layer_desc){.neuron = lif, .shape = {10}, .connectivity = rv_dense(rv_normal(0, 1))}));
    assert_int_equal(rv_population_size(conv.population), 24 * 24 * 16);
    assert_int_equal(rv_population_size(pool.population), 12 * 12 * 16);
    ok(rv_compile_inference(&model, network, &(rv_inference_desc){.example_timesteps = 5}));
    rv_compiled_network_free(model);
}

static void shapes_that_do_not_fit_are_refused_by_name(void **state)
{
    (void)state;
    rv_connection *c = NULL;
    rv_compiled_network *model = NULL;
    rv_population *in = add_input("in", 8, 8, 2), *flat = add_input("flat", 128, 0, 0), *out = add_lif("out", NULL);
    rv_population *fixed = add_lif("fixed", (const size_t[RV_MAX_DIMS]){6, 6, 3});
    const rv_conv2d_desc conv = {.weight = rv_const(1), .filters = 3, .conv_size = {3}};
    rv_conv2d_desc wrong = conv;
    fails(join(&c, in, out, rv_dense(rv_const(1))), RV_ERR_SHAPE,
          "connection 'c': target 'out' has no shape, and Dense implies none");
    fails(join(&c, flat, out, rv_conv2d(conv)), RV_ERR_SHAPE,
          "connection 'c': the source must have the shape {height, width, channels}, got 1 dimension");
    wrong.conv_size[0] = 9;
    fails(join(&c, in, out, rv_conv2d(wrong)), RV_ERR_SHAPE, "connection 'c': a kernel of height 9 does not fit on 8");
    wrong = conv;
    wrong.filters = 4;
    fails(join(&c, in, fixed, rv_conv2d(wrong)), RV_ERR_SHAPE,
          "connection 'c': target 'fixed' must have the shape 6 x 6 x 4, as Conv2D implies, got 6 x 6 x 3");
    wrong = conv;
    wrong.flatten = true;
    fails(join(&c, in, fixed, rv_conv2d(wrong)), RV_ERR_SHAPE,
          "connection 'c': target 'fixed' must have the shape 108, as Conv2D implies, got 6 x 6 x 3");
    wrong = conv;
    wrong.weight = rv_array((const float[]){1, 2, 3}, 3);
    fails(join(&c, in, out, rv_conv2d(wrong)), RV_ERR_SHAPE,
          "connection 'c': weight must have 54 elements, got an array of 3");
    assert_int_equal(rv_population_size(out), 0); /* a connection that fails leaves no shape behind */
    fails(join(&c, out, fixed, rv_dense(rv_const(1))), RV_ERR_SHAPE,
          "connection to 'fixed': source 'out' has no shape yet, expected one, or a connection to it first");
    fails(rv_compile_inference(&model, network, &(rv_inference_desc){.example_timesteps = 5}), RV_ERR_NETWORK,
          "population 'out': shape is required: no connection implies one");
    ok(join(&c, in, fixed, rv_conv2d(conv)));
}

static void arrays_per_neuron_are_held_against_a_shape_that_comes_later(void **state)
{
    (void)state;
    rv_connection *c = NULL;
    rv_population *in = add_input("in", 4, 4, 1), *out = NULL;
    const float v_thresh[] = {1, 2, 3};
    ok(rv_population_add(&out, network, &(rv_population_desc){.name = "out", .neuron = rv_leaky_integrate_fire((rv_lif){
                                                                  .v_thresh = rv_array(v_thresh, 3)})}));
    fails(join(&c, in, out, rv_one_to_one(rv_const(1))), RV_ERR_SHAPE,
          "population 'out': v_thresh must have 16 elements, got an array of 3");
    assert_int_equal(rv_population_size(out), 0);
}

static void options_out_of_range_are_refused_by_name(void **state)
{
    (void)state;
    rv_connection *c = NULL;
    rv_population *in = add_input("in", 8, 8, 2), *out = add_lif("out", (const size_t[RV_MAX_DIMS]){5});
    const uint32_t pre[] = {0, 3, 0}, post[] = {1, 4, 1}, far[] = {0, 5, 1};
    rv_sparse_desc sparse = {.pre_ind = pre, .post_ind = post, .num_synapses = 3, .weight = rv_const(1)};
    fails(join(&c, in, out, rv_sparse(sparse)), RV_ERR_VALUE, "connection 'c': synapses 0 and 2 both lead from 0 to 1");
    sparse.post_ind = far;
    fails(join(&c, in, out, rv_sparse(sparse)), RV_ERR_VALUE, "connection 'c': post_ind of synapse 1 must be < 5, got 5");
    sparse.pre_ind = NULL;
    fails(join(&c, in, out, rv_sparse(sparse)), RV_ERR_ARGUMENT, "connection 'c': pre_ind and post_ind are required");
    fails(join(&c, in, out, rv_fixed_probability((rv_fixed_probability_desc){.p = 1.5, .weight = rv_const(1)})),
          RV_ERR_VALUE, "connection 'c': p must be >= 0 and <= 1, got 1.5");
    fails(join(&c, in, out, rv_avg_pool_dense2d((rv_avg_pool_dense2d_desc){.weight = rv_const(1)})), RV_ERR_VALUE,
          "connection 'c': pool_size must be >= 1, got 0, 0");
    fails(join(&c, in, out, rv_conv2d((rv_conv2d_desc){.weight = rv_const(1), .conv_size = {3}})), RV_ERR_VALUE,
          "connection 'c': filters must be >= 1, got 0");
    fails(join(&c, in, out, rv_one_to_one((rv_value){0})), RV_ERR_SHAPE,
          "connection 'c': target 'out' must have the shape 8 x 8 x 2, as OneToOne implies, got 5");
}

static void convolutions_have_one_delay_for_all(void **state)
{
    (void)state;
    rv_connection *c = NULL;
    rv_compiled_network *model = NULL;
    rv_population *in = add_input("in", 4, 4, 1), *out = add_lif("out", NULL);
    const float delays[] = {1, 2, 3, 4};
    ok(join(&c, in, out, rv_conv2d((rv_conv2d_desc){.weight = rv_const(1), .filters = 1, .conv_size = {2},
                                                    .delay = rv_array(delays, 4)})));
    fails(rv_compile_inference(&model, network, &(rv_inference_desc){.example_timesteps = 5}), RV_ERR_UNSUPPORTED,
          "connection 'c': Conv2D has no delays per synapse");
}

/* ---- by name ---------------------------------------------------------------------------------------------------- */

static void options_are_set_by_name(void **state)
{
    (void)state;
    rv_connectivity c;
    rv_connection *connection = NULL;
    const double five = 5, pair[] = {3, 2}, half = 0.5, many[] = {1, 2, 3};
    const uint32_t ids[] = {0, 1};
    ok(rv_connectivity_by_name(&c, context, "conv2d"));
    c.weight = rv_const(1);
    ok(rv_connectivity_set(&c, context, "filters", &five, 1));
    ok(rv_connectivity_set(&c, context, "conv_size", pair, 2));
    ok(rv_connectivity_set_text(&c, context, "conv_padding", "same"));
    rv_population *out = add_lif("out", NULL);
    ok(join(&connection, add_input("in", 6, 6, 1), out, c));
    assert_int_equal(rv_population_size(out), 6 * 6 * 5);
    fails(rv_connectivity_set(&c, context, "pool_size", &five, 1), RV_ERR_NAME,
          "Conv2D has no option 'pool_size', expected one of: filters, conv_size, conv_strides, conv_padding, flatten");
    fails(rv_connectivity_set(&c, context, "filters", &half, 1), RV_ERR_VALUE,
          "Conv2D: filters must be a whole number >= 1, got 0.5");
    fails(rv_connectivity_set(&c, context, "conv_size", many, 3), RV_ERR_VALUE,
          "Conv2D: conv_size must be one or two whole numbers >= 1, got 3 numbers");
    fails(rv_connectivity_set_text(&c, context, "conv_padding", "reflect"), RV_ERR_VALUE,
          "Conv2D: conv_padding must be valid or same, got reflect");
    fails(rv_connectivity_set_indices(&c, context, "filters", ids, 2), RV_ERR_VALUE,
          "Conv2D: filters must be a whole number >= 1, got a list of ids");
    fails(rv_connectivity_by_name(&c, context, "Toeplitz"), RV_ERR_NAME,
          "unknown connectivity 'Toeplitz', expected one of: Dense, OneToOne, FixedProbability, Sparse, Conv2D, "
          "Conv2DTranspose, AvgPool2D, AvgPoolConv2D, AvgPoolDense2D");
    ok(rv_connectivity_by_name(&c, context, "Sparse"));
    ok(rv_connectivity_set_indices(&c, context, "pre_ind", ids, 2));
    fails(rv_connectivity_set_indices(&c, context, "post_ind", ids, 1), RV_ERR_SHAPE,
          "Sparse: pre_ind and post_ind must be of one size, got 2 and 1");
}

static void every_option_in_a_table_can_be_set(void **state)
{
    (void)state;
    const rv_connectivity_model *model;
    const uint32_t id = 0;
    const double one = 1;
    for (int i = 0; (model = rv_connectivity_model_at(i)); i++) {
        int num = 0;
        const rv_option *options = rv_connectivity_model_options(model, &num);
        rv_connectivity c;
        ok(rv_connectivity_by_name(&c, context, rv_connectivity_model_name(model)));
        for (int k = 0; k < num; k++) {
            const rv_option *o = &options[k];
            assert_true(o->name[0] && o->help[0] && (o->required || o->standard[0]));
            ok(o->kind == RV_OPTION_PADDING   ? rv_connectivity_set_text(&c, context, o->name, "valid")
               : o->kind == RV_OPTION_INDICES ? rv_connectivity_set_indices(&c, context, o->name, &id, 1)
                                              : rv_connectivity_set(&c, context, o->name, &one, 1));
        }
    }
}

/* ---- listed synapses -------------------------------------------------------------------------------------------- */

static rv_variable g_of(const rv_connection *c)
{
    return (rv_variable){.connection = c, .name = "g"};
}

static void listed_synapses_are_read_back_sorted(void **state)
{
    (void)state;
    const uint32_t pre[] = {2, 0, 2, 0, 1}, post[] = {1, 3, 0, 0, 2};
    const float weights[] = {21, 3, 20, 0.5F, 12}, sorted[] = {0.5F, 3, 12, 20, 21};
    const uint32_t sorted_pre[] = {0, 0, 1, 2, 2}, sorted_post[] = {0, 3, 2, 0, 1};
    rv_connection *c = NULL;
    rv_compiled_network *model = NULL;
    rv_population *in = add_input("in", 3, 0, 0), *out = add_lif("out", (const size_t[RV_MAX_DIMS]){4});
    float g[5];
    uint32_t i[5], j[5];
    ok(join(&c, in, out, rv_sparse((rv_sparse_desc){.pre_ind = pre, .post_ind = post, .num_synapses = 5,
                                                    .weight = rv_array(weights, 5)})));
    ok(rv_compile_inference(&model, network, &(rv_inference_desc){.example_timesteps = 5}));
    ok(rv_variable_get(model, g_of(c), g, 5));
    ok(rv_connection_synapses(model, c, i, j, 5));
    assert_memory_equal(g, sorted, sizeof g);
    assert_memory_equal(i, sorted_pre, sizeof i);
    assert_memory_equal(j, sorted_post, sizeof j);
    g[4] = 7;
    ok(rv_variable_set(model, g_of(c), g, 5));
    g[4] = 0;
    ok(rv_variable_get(model, g_of(c), g, 5));
    assert_true(g[4] == 7);
    fails(rv_connection_synapses(model, c, i, j, 4), RV_ERR_SHAPE, "connection 'c' has 5 synapses, got room for 4");
    rv_compiled_network_free(model);
}

static void drawn_synapses_belong_to_the_seed(void **state)
{
    (void)state;
    rv_connection *c = NULL;
    size_t sizes[3];
    for (int run = 0; run < 3; run++) {
        rv_context *other = NULL;
        rv_network *n = NULL;
        rv_population *ends[2];
        rv_compiled_network *model = NULL;
        ok(rv_context_create(&other, &(rv_context_desc){.seed = run == 2 ? 8 : 7, .seed_given = true}));
        ok(rv_network_create(&n, other, RV_CLASS_DEFAULTS));
        ok(rv_population_add(&ends[0], n, &(rv_population_desc){.shape = {100}, .neuron = rv_spike_input()}));
        ok(rv_population_add(&ends[1], n, &(rv_population_desc){.shape = {100},
                                                                .neuron = rv_leaky_integrate((rv_li){.scale_i = RV_DEFAULT})}));
        ok(rv_connection_add(&c, n, ends[0], ends[1],
                             &(rv_connection_desc){.connectivity = rv_fixed_probability(
                                                       (rv_fixed_probability_desc){.p = 0.3, .weight = rv_const(1)})}));
        ok(rv_compile_inference(&model, n, &(rv_inference_desc){.example_timesteps = 5}));
        ok(rv_variable_size(model, g_of(c), &sizes[run]));
        rv_compiled_network_free(model);
        rv_network_free(n);
        rv_context_free(other);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_int_not_equal(sizes[0], sizes[2]);
}

/* ---- saving and loading ------------------------------------------------------------------------------------------ */

/* in -> hid: 20 % of all pairs, drawn with the network's seed; hid -> out: a pool, which is never saved. */
typedef struct saved_network {
    rv_context *context;
    rv_network *network;
    rv_connection *sparse;
    rv_compiled_network *model;
} saved_network;

static void saved_network_describe(saved_network *s, uint64_t seed)
{
    rv_population *in, *hid, *out;
    rv_connection *pool;
    const rv_neuron li = rv_leaky_integrate((rv_li){.readout = rv_avg_var()});
    *s = (saved_network){0};
    ok(rv_context_create(&s->context, &(rv_context_desc){.seed = seed, .seed_given = true}));
    ok(rv_network_create(&s->network, s->context, RV_EVENTPROP_DEFAULTS));
    ok(rv_population_add(&in, s->network, &(rv_population_desc){.shape = {30}, .neuron = rv_spike_input()}));
    ok(rv_population_add(&hid, s->network, &(rv_population_desc){.shape = {4, 4, 2},
                                                                 .neuron = rv_leaky_integrate_fire((rv_lif){.scale_i = RV_DEFAULT})}));
    ok(rv_population_add(&out, s->network, &(rv_population_desc){.neuron = li}));
    ok(rv_connection_add(&s->sparse, s->network, in, hid,
                         &(rv_connection_desc){.name = "sparse",
                                               .connectivity = rv_fixed_probability((rv_fixed_probability_desc){
                                                   .p = 0.2, .weight = rv_normal(0, 1)}),
                                               .synapse = rv_exponential((rv_exponential_params){.scale_i = RV_DEFAULT})}));
    ok(rv_connection_add(&pool, s->network, hid, out,
                         &(rv_connection_desc){.name = "pool",
                                               .connectivity = rv_avg_pool2d((rv_avg_pool2d_desc){.pool_size = {2}}),
                                               .synapse = rv_exponential((rv_exponential_params){.scale_i = RV_DEFAULT})}));
}

static void saved_network_compile(saved_network *s)
{
    if (rv_compile_eventprop(&s->model, s->network, &(rv_eventprop_desc){.example_timesteps = 5}) < 0)
        fail_msg("%s", rv_last_error(s->context));
}

static void saved_network_free(saved_network *s)
{
    rv_compiled_network_free(s->model);
    rv_network_free(s->network);
    rv_context_free(s->context);
}

static void same_synapses(const saved_network *a, const saved_network *b)
{
    size_t num, other;
    ok(rv_variable_size(a->model, g_of(a->sparse), &num));
    ok(rv_variable_size(b->model, g_of(b->sparse), &other));
    assert_int_equal(num, other);
    float *g = calloc(2 * num, sizeof *g);
    uint32_t *ids = calloc(4 * num, sizeof *ids);
    ok(rv_variable_get(a->model, g_of(a->sparse), g, num));
    ok(rv_variable_get(b->model, g_of(b->sparse), g + num, num));
    ok(rv_connection_synapses(a->model, a->sparse, ids, ids + num, num));
    ok(rv_connection_synapses(b->model, b->sparse, ids + 2 * num, ids + 3 * num, num));
    assert_memory_equal(g, g + num, num * sizeof *g);
    assert_memory_equal(ids, ids + 2 * num, 2 * num * sizeof *ids);
    free(g);
    free(ids);
}

static void saved_synapses_are_loaded_into_either_kind_of_network(void **state)
{
    const char *const keys[] = {"3"};
    const char *const folder = test_path("both");
    saved_network a, b, c;
    (void)state;
    const rv_serialiser serialiser = rv_numpy_serialiser(folder);
    saved_network_describe(&a, 1);
    saved_network_compile(&a);
    ok(rv_compiled_network_save(a.model, &serialiser, keys, 1));

    saved_network_describe(&b, 2); /* other synapses are drawn */
    saved_network_compile(&b);
    if (rv_compiled_network_load(b.model, &serialiser, keys, 1) < 0)
        fail_msg("%s", rv_last_error(b.context));
    same_synapses(&a, &b);

    saved_network_describe(&c, 3);
    if (rv_network_load(c.network, &serialiser, keys, 1) < 0)
        fail_msg("%s", rv_last_error(c.context));
    saved_network_compile(&c);
    same_synapses(&a, &c);
    saved_network_free(&a);
    saved_network_free(&b);
    saved_network_free(&c);
}

static void connectivity_can_be_saved_alone(void **state)
{
    const char *const folder = test_path("alone");
    saved_network a;
    (void)state;
    const rv_serialiser serialiser = rv_numpy_serialiser(folder);
    saved_network_describe(&a, 1);
    saved_network_compile(&a);
    ok(rv_compiled_network_save_connectivity(a.model, &serialiser, NULL, 0));
    assert_true(test_exists(test_path("alone/sparse-pre_ind.npy")));
    assert_true(test_exists(test_path("alone/sparse-post_ind.npy")));
    assert_false(test_exists(test_path("alone/sparse-g.npy")));
    assert_false(test_exists(test_path("alone/pool-pre_ind.npy")));
    saved_network_free(&a);
}

/* A serialiser that has everything but the sources of synapses. */
static int forget_sources(void *user, rv_context *c, const char *const *keys, size_t num_keys, rv_ndarray *out)
{
    const rv_serialiser *to = user;
    if (!strcmp(keys[num_keys - 1], "pre_ind"))
        return rv_error_set(c, RV_ERR_CHECKPOINT, "there is no pre_ind");
    return to->deserialise(to->user, c, keys, num_keys, out);
}

/* Weights whose synapses were drawn with another seed would be taken for those of this one. */
static void drawn_synapses_must_come_with_their_weights(void **state)
{
    const char *const folder = test_path("incomplete"), *const keys[] = {"3"};
    saved_network a;
    (void)state;
    rv_serialiser whole = rv_numpy_serialiser(folder);
    const rv_serialiser incomplete = {.name = "incomplete", .user = &whole, .deserialise = forget_sources};
    saved_network_describe(&a, 1);
    saved_network_compile(&a);
    ok(rv_compiled_network_save(a.model, &whole, keys, 1));
    assert_int_equal(rv_compiled_network_load(a.model, &incomplete, keys, 1), RV_ERR_CHECKPOINT);
    assert_int_equal(rv_network_load(a.network, &incomplete, keys, 1), RV_ERR_CHECKPOINT);
    ok(rv_compiled_network_load(a.model, &whole, keys, 1));
    saved_network_free(&a);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static size_t memory_with(size_t num_convolutions, bool learns)
{
    rv_network *n = NULL;
    rv_population *in = NULL, *out = NULL;
    rv_compiled_network *model = NULL;
    rv_connection *c = NULL;
    const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    ok(rv_network_create(&n, context, RV_EVENTPROP_DEFAULTS));
    ok(rv_population_add(&in, n, &(rv_population_desc){.shape = {112, 112, 64}, .neuron = rv_spike_input()}));
    ok(rv_population_add(&out, n, &(rv_population_desc){.neuron = rv_leaky_integrate((rv_li){.readout = rv_avg_var()})}));
    for (size_t i = 0; i < num_convolutions; i++) {
        char name[32];
        snprintf(name, sizeof name, "c%zu", i);
        ok(rv_connection_add(&c, n, in, out,
                             &(rv_connection_desc){.name = name,
                                                   .connectivity = rv_conv2d((rv_conv2d_desc){
                                                       .weight = rv_normal(0, 1), .filters = 64, .conv_size = {3},
                                                       .conv_padding = RV_PADDING_SAME}),
                                                   .synapse = rv_exponential((rv_exponential_params){.scale_i = RV_DEFAULT})}));
    }
    if (learns)
        ok(rv_compile_eventprop(&model, n, &(rv_eventprop_desc){.example_timesteps = 2}));
    else
        ok(rv_compile_inference(&model, n, &(rv_inference_desc){.example_timesteps = 2}));
    const size_t bytes = mallinfo2().uordblks + mallinfo2().hblkhd - before;
    rv_compiled_network_free(model);
    rv_network_free(n);
    return bytes;
}

/* What eight more of them take; the populations, which are there anyway, are 800,000 neurons. */
static void a_large_convolution_takes_the_memory_of_its_kernel(void **state)
{
    const size_t kernel = 3 * 3 * 64 * 64 * sizeof(float);
    (void)state;
    if (mallinfo2().uordblks == 0) {
        print_message("# a sanitizer's allocator does not say how much is taken\n");
        skip();
    }
    for (int learns = 0; learns < 2; learns++) {
        const size_t each = (memory_with(9, learns) - memory_with(1, learns)) / 8;
        print_message("# a 3 x 3 x 64 x 64 convolution on 112 x 112 that %s: %zu bytes, its kernel %zu\n",
                      learns ? "learns" : "stays", each, kernel);
        assert_in_range(each, kernel / 2, (learns ? 6 : 2) * kernel); /* weights; two moments and a sum */
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_network, free_network)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_target_without_a_shape_gets_the_one_that_is_implied),
        TEST(layers_take_their_shapes_from_one_another),
        TEST(shapes_that_do_not_fit_are_refused_by_name),
        TEST(arrays_per_neuron_are_held_against_a_shape_that_comes_later),
        TEST(options_out_of_range_are_refused_by_name),
        TEST(convolutions_have_one_delay_for_all),
        TEST(options_are_set_by_name),
        TEST(every_option_in_a_table_can_be_set),
        TEST(listed_synapses_are_read_back_sorted),
        TEST(drawn_synapses_belong_to_the_seed),
        TEST(saved_synapses_are_loaded_into_either_kind_of_network),
        TEST(connectivity_can_be_saved_alone),
        TEST(drawn_synapses_must_come_with_their_weights),
        TEST(a_large_convolution_takes_the_memory_of_its_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
