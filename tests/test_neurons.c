/* Every neuron model of the registry that runs by itself: a population whose parameters differ from neuron to neuron
 * does what as many populations of one neuron do, on every instruction set. The equations are held against numpy by
 * test_reference.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/population.h"

#define N 67 /* more than a word of spikes, and no multiple of anything */
#define T 60

static float input[3][T][N]; /* examples, frames */

static double uniform(unsigned *state, double min, double max)
{
    *state = *state * 1664525U + 1013904223U;
    return min + (max - min) * (*state >> 8) / 16777216.0;
}

static int fill_input(void **state)
{
    (void)state;
    unsigned random = 1;
    for (int e = 0; e < 3; e++)
        for (int t = 0; t < T; t++)
            for (int j = 0; j < N; j++)
                input[e][t][j] = (float)uniform(&random, -0.4, 0.8);
    return 0;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* a number that makes sense for a parameter of this name */
static double draw(const rv_param *param, unsigned *random)
{
    if (!strcmp(param->name, "tau_refrac"))
        return uniform(random, -4, 6) < 0 ? 0 : uniform(random, 1, 5);
    if (starts_with(param->name, "tau"))
        return uniform(random, 3, 30);
    if (starts_with(param->name, "v_thresh"))
        return uniform(random, 0.3, 1);
    return uniform(random, -0.2, 0.2);
}

/* Parameters of all neurons (parameters, N), and one neuron of the model with them: all, or only neuron `which`. */
static rv_neuron dressed(const rv_neuron_model *model, float (*values)[N], unsigned flags, int which)
{
    int num, flag = 0;
    rv_neuron neuron = {.model = model};
    const rv_param *params = rv_neuron_model_params(model, &num);
    for (int i = 0; i < num; i++) {
        if (params[i].kind == RV_PARAM_VALUE)
            neuron.value[i] = which < 0 ? rv_array(values[i], N) : rv_const((double)values[i][which]);
        else if (params[i].kind == RV_PARAM_FLAG)
            neuron.value[i] = rv_const(flags >> flag++ & 1);
        else if (!strcmp(params[i].name, "input_frames"))
            neuron.value[i] = rv_const(T);
    }
    return neuron;
}

static bool runs_by_itself(const rv_neuron_model *model)
{
    return rv_neuron_model_fed(model) != RV_FED_SPIKES && !starts_with(rv_neuron_model_name(model), "FewSpike");
}

static bool has_variable(const rv_neuron_model *model)
{
    int num;
    const rv_param *params = rv_neuron_model_params(model, &num);
    for (int i = 0; i < num; i++)
        if (!strcmp(params[i].name, "v"))
            return true;
    return false;
}

static unsigned num_variants(const rv_neuron_model *model)
{
    int num, flags = 0;
    const rv_param *params = rv_neuron_model_params(model, &num);
    for (int i = 0; i < num; i++)
        flags += params[i].kind == RV_PARAM_FLAG;
    return 1U << flags;
}

static population_record record(rv_neuron neuron, int which, const run_manner *manner)
{
    static float one[3][T];
    population_desc desc = {
        .neuron = neuron, .n = N, .values = &input[0][0][0], .num_values = 3 * T * N, .timesteps = T};
    population_record r;
    if (which >= 0) {
        for (int e = 0; e < 3; e++)
            for (int t = 0; t < T; t++)
                one[e][t] = input[e][t][which];
        desc.n = 1;
        desc.values = &one[0][0];
        desc.num_values = 3 * T;
    }
    if (has_variable(neuron.model))
        desc.var = "V";
    if (population_run(&r, &desc, manner) < 0)
        fail_msg("%s", r.error);
    return r;
}

/* what neuron j did among the others is what `alone` did */
static void compare(const population_record *all, const population_record *alone, uint32_t j, const char *name,
                    unsigned flags)
{
    size_t k = 0;
    for (size_t e = 0; e < all->num_examples && all->offset; e++)
        for (size_t i = all->offset[e]; i < all->offset[e + 1]; i++) {
            if (all->id[i] != j)
                continue;
            if (k >= alone->offset[e + 1] || alone->step[k] != all->step[i])
                fail_msg("%s, flags %x, neuron %u, example %zu: spikes in step %u among others, not alone", name,
                         flags, j, e, all->step[i]);
            k++;
        }
    if (k != alone->num_spikes)
        fail_msg("%s, flags %x, neuron %u: %zu spikes among others, %zu alone", name, flags, j, k, alone->num_spikes);
    for (size_t i = 0; i < alone->num_values; i++)
        if (memcmp(&alone->values[i], &all->values[i * N + j], sizeof(float)))
            fail_msg("%s, flags %x, neuron %u: V %.9g among others, %.9g alone", name, flags, j,
                     (double)all->values[i * N + j], (double)alone->values[i]);
}

static void a_population_with_parameters_per_neuron_is_populations_of_one_neuron(void **state)
{
    (void)state;
    static float values[RV_MAX_PARAMS][N];
    unsigned random = 7;
    size_t spikes = 0;
    const rv_neuron_model *model;
    for (int m = 0; (model = rv_neuron_model_at(m)); m++) {
        int num;
        const rv_param *params = rv_neuron_model_params(model, &num);
        for (unsigned flags = 0; runs_by_itself(model) && has_variable(model) && flags < num_variants(model);
             flags++) {
            for (int i = 0; i < num; i++)
                for (int j = 0; j < N; j++)
                    values[i][j] = (float)draw(&params[i], &random);
            population_record all = record(dressed(model, values, flags, -1), -1, &(run_manner){.batch_size = 3});
            spikes += all.num_spikes;
            for (int j = 0; j < N; j += 6) {
                population_record alone = record(dressed(model, values, flags, j), j, &(run_manner){0});
                compare(&all, &alone, (uint32_t)j, rv_neuron_model_name(model), flags);
                population_record_clear(&alone);
            }
            population_record_clear(&all);
        }
    }
    assert_true(spikes > 1000);
}

#if defined(__x86_64__)
static void all_instruction_sets_give_the_same_bits(void **state)
{
    (void)state;
    static float values[RV_MAX_PARAMS][N];
    static const char *const isas[] = {"v2", "v3", "v4"};
    const int num_isas = __builtin_cpu_supports("avx512dq") ? 3 : __builtin_cpu_supports("avx2") ? 2 : 1;
    unsigned random = 9;
    const rv_neuron_model *model;
    for (int m = 0; (model = rv_neuron_model_at(m)); m++) {
        int num;
        const rv_param *params = rv_neuron_model_params(model, &num);
        for (unsigned flags = 0; runs_by_itself(model) && flags < num_variants(model); flags++) {
            uint64_t hash[3];
            for (int i = 0; i < num; i++)
                for (int j = 0; j < N; j++)
                    values[i][j] = (float)draw(&params[i], &random);
            for (int i = 0; i < num_isas; i++) {
                population_record r = record(dressed(model, values, flags, -1), -1, &(run_manner){.isa = isas[i]});
                hash[i] = population_record_hash(&r);
                population_record_clear(&r);
                if (hash[i] != hash[0])
                    fail_msg("%s, flags %x: %s and v2 differ", rv_neuron_model_name(model), flags, isas[i]);
            }
        }
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_population_with_parameters_per_neuron_is_populations_of_one_neuron),
#if defined(__x86_64__)
        cmocka_unit_test(all_instruction_sets_give_the_same_bits),
#endif
    };
    return cmocka_run_group_tests(tests, fill_input, NULL);
}
