/* Kernels of single arrays and of populations against plain loops, with every instruction set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/isa.h"
#include "kernels/kernels.h"
#include "neurons/leaky_integrate.h"
#include "neurons/leaky_integrate_fire.h"
#include "neurons/registry.h"
#include "support/wired.h"
#include "support/words.h"

#define DRAWS 300
#define MOST 208 /* neurons, padded to 16 */
#define STEPS 64
#define GUARD 0xdeadbeef

static rv_isa best;
static uint64_t random_state = 11;

static size_t draw_size(void)
{
    return 16 * (1 + wired_random(&random_state, MOST / 16));
}

static void fill(float *x, size_t n, double low, double high)
{
    words_fill(x, n, low, high, &random_state);
}

/* ---- arrays ---- */

static void a_decay_is_rounded_in_every_step(void **state)
{
    static float x[MOST] __attribute__((aligned(64))), factor[MOST] __attribute__((aligned(64)));
    static float expected[MOST], out[MOST] __attribute__((aligned(64)));
    (void)state;
    for (int draw = 0; draw < DRAWS; draw++) {
        const size_t n = draw_size(), num = wired_random(&random_state, 70);
        fill(x, MOST, -2, 2);
        fill(factor, MOST, 0, 1);
        memcpy(expected, x, sizeof x);
        for (size_t k = 0; k < num; k++)
            for (size_t j = 0; j < n; j++)
                expected[j] *= factor[j];
        for (int isa = RV_ISA_BASE; isa <= (int)best; isa++) {
            memcpy(out, x, sizeof x);
            rv_kernels_for((rv_isa)isa)->decay(out, x, factor, n, num);
            words_equal("decay", (rv_isa)isa, out, expected, MOST);
        }
    }
}

static void bits_become_ids_in_ascending_order(void **state)
{
    (void)state;
    for (int draw = 0; draw < DRAWS; draw++) {
        const size_t n = draw_size();
        const uint32_t rarity = 1 + (draw % 4 ? wired_random(&random_state, 100) : 0); /* 1: all */
        uint64_t words[MOST / 64 + 1] = {0};
        uint32_t expected[MOST], ids[MOST + 1];
        size_t num = 0;
        for (uint32_t j = 0; j < n; j++)
            if (wired_random(&random_state, rarity) == 0) {
                words[j / 64] |= (uint64_t)1 << j % 64;
                expected[num++] = j;
            }
        for (int isa = RV_ISA_BASE; isa <= (int)best; isa++) {
            ids[n] = GUARD;
            assert_int_equal(rv_kernels_for((rv_isa)isa)->bits_to_ids(ids, words, n), num);
            words_equal("bits_to_ids", (rv_isa)isa, ids, expected, num);
            assert_int_equal(ids[n], GUARD);
        }
    }
}

/* ---- populations ---- */

/* One population with one synapse group, and what its kernels leave. */
typedef struct population {
    float state[2][MOST], coeff[LIF_NUM_COEFFS][MOST], beta[MOST], scale[MOST], in_syn[MOST];
    float arrived[STEPS][MOST]; /* in_syn after the arrivals of those steps that have any */
    float crossing[STEPS][MOST], v[STEPS][MOST];
    uint64_t fired[STEPS * ((MOST + 63) / 64)];
    uint32_t ids[MOST + 1];
    float picked[MOST + 1];
    float *states[2], *coeffs[LIF_NUM_COEFFS], *in_syns[1], *scales[1];
    size_t mask;
    uint64_t steps; /* that have arrivals */
    size_t num_steps;
    rv_neuron_step step;
} population;

static population drawn __attribute__((aligned(64))), at __attribute__((aligned(64)));

/* In the range of a model's coefficients; `like`: the same for all neurons. */
static void draw_coefficient(float *x, bool like, double low, double high)
{
    fill(x, MOST, low, high);
    for (size_t j = 1; like && j < MOST; j++)
        x[j] = x[0];
}

static void draw_population(bool fires)
{
    const bool like = wired_random(&random_state, 2);
    draw_coefficient(drawn.beta, like, 0.5, 1);
    draw_coefficient(drawn.scale, like, 0.8, 1.2);
    for (int c = 0; c < LIF_NUM_COEFFS; c++)
        draw_coefficient(drawn.coeff[c], like, -0.3, 1);
    if (fires) {
        draw_coefficient(drawn.coeff[LIF_V_THRESH], like, 0.5, 1);
        draw_coefficient(drawn.coeff[LIF_TAU_REFRAC], like, 0, 4);
    }
    fill(drawn.state[0], MOST, -0.5, 0.5);
    fill(drawn.state[1], MOST, -1, 2);
    fill(drawn.in_syn, MOST, -0.5, 1.2);
    fill(drawn.arrived[0], STEPS * MOST, -0.5, 1.2);
    for (size_t j = 0; !like && j < MOST; j += 3) { /* zero has a sign too */
        drawn.state[0][j] = drawn.in_syn[j] = drawn.coeff[fires ? LIF_V_THRESH : LI_BIAS][j] = -0.0F;
        for (size_t k = 0; k < STEPS; k++)
            drawn.arrived[k][j] = -0.0F;
    }
    drawn.mask = like ? 15 : SIZE_MAX;
    drawn.num_steps = 1 + wired_random(&random_state, STEPS);
    drawn.steps = 0;
    for (size_t k = 0; k < drawn.num_steps; k++)
        drawn.steps |= (uint64_t)(wired_random(&random_state, 3) == 0) << k;
    drawn.step = (rv_neuron_step){.n = 1, .end = draw_size(), .num_groups = 1, .dt = 1};
}

/* The drawn one, ready to be stepped. */
static rv_neuron_step *start(void)
{
    memcpy(&at, &drawn, sizeof at);
    for (int k = 0; k < 2; k++)
        at.states[k] = at.state[k];
    for (int c = 0; c < LIF_NUM_COEFFS; c++)
        at.coeffs[c] = at.coeff[c];
    at.in_syns[0] = at.in_syn;
    at.scales[0] = at.scale;
    at.step.state = at.states;
    at.step.coeff = (const float *const *)at.coeffs;
    at.step.in_syn = (const float *const *)at.in_syns;
    at.step.in_scale = (const float *const *)at.scales;
    at.step.mask = &at.mask;
    at.step.ids = at.ids;
    at.step.crossing = at.picked;
    return &at.step;
}

/* in_syn after the arrivals of step k */
static void arrive(size_t k)
{
    const bool arrived = at.steps >> k & 1;
    for (size_t j = 0; j < at.step.end; j++)
        at.in_syn[j] = arrived ? at.arrived[k][j] : at.in_syn[j] * at.beta[j];
}

/* One step of LIF neurons by its equations; returns how many fire. */
static size_t step_plainly(int mode, uint32_t *ids, float *crossing)
{
    float *const *c = at.coeffs;
    size_t num = 0;
    for (size_t j = 0; j < at.step.end; j++) {
        float *v = &at.state[LIF_V][j], *refrac = &at.state[LIF_REFRAC_TIME][j];
        const float after = c[LIF_ALPHA][j] * *v + c[LIF_GAIN][j] * (at.in_syn[j] * at.scale[j]);
        const bool blocked = mode != LIF_FREE && *refrac > 0;
        if (!blocked || mode != LIF_REFRAC_HOLDS)
            *v = after;
        if (blocked)
            *refrac -= at.step.dt;
        if (!(*v >= c[LIF_V_THRESH][j]) || (mode != LIF_FREE && *refrac > 0))
            continue;
        ids[num] = (uint32_t)j;
        crossing[num++] = 0.0F + at.in_syn[j] - *v;
        *v = c[LIF_RESET_KEEP][j] * *v + c[LIF_RESET_TO][j];
        if (mode != LIF_FREE)
            *refrac = c[LIF_TAU_REFRAC][j];
    }
    return num;
}

/* Ids and crossings are picked from registers, one after the other. */
static void a_step_lists_those_who_fire(void **state)
{
    static population plain;
    size_t fired = 0;
    (void)state;
    for (int draw = 0; draw < DRAWS; draw++) {
        const int mode = draw % LIF_NUM_MODES;
        uint32_t ids[MOST];
        float crossing[MOST] = {0};
        draw_population(true);
        start();
        arrive(0);
        const size_t num = step_plainly(mode, ids, crossing);
        memcpy(&plain, &at, sizeof at);
        fired += num;
        for (int isa = RV_ISA_BASE; isa <= (int)best; isa++) {
            const rv_neuron_step *step = start();
            arrive(0);
            at.ids[step->end] = GUARD;
            at.picked[step->end] = 77;
            assert_int_equal(rv_leaky_integrate_fire_model.ops((rv_isa)isa)->forward[mode](step), num);
            words_equal("ids", (rv_isa)isa, at.ids, ids, num);
            words_equal("crossings", (rv_isa)isa, at.picked, crossing, num);
            words_equal("V", (rv_isa)isa, at.state[LIF_V], plain.state[LIF_V], MOST);
            if (mode != LIF_FREE)
                words_equal("RefracTime", (rv_isa)isa, at.state[LIF_REFRAC_TIME], plain.state[LIF_REFRAC_TIME], MOST);
            assert_true(at.ids[step->end] == GUARD && at.picked[step->end] == 77);
        }
    }
    assert_true(fired > 100);
}

/* What steps leave in `at`, who fired in them as bits and their crossings by neuron. */
static void take_steps(const rv_neuron_ops *ops, int variant, uint64_t *fired_steps)
{
    const size_t words = rv_fired_words(at.step.end);
    memset(at.fired, 0, sizeof at.fired);
    *fired_steps = 0;
    for (size_t k = 0; k < at.num_steps; k++) {
        arrive(k);
        const size_t num = ops->forward[variant](&at.step);
        for (size_t i = 0; i < num; i++) {
            at.fired[k * words + at.ids[i] / 64] |= (uint64_t)1 << at.ids[i] % 64;
            at.crossing[k][at.ids[i]] = at.picked[i];
        }
        *fired_steps |= (uint64_t)(num > 0) << k;
        memcpy(at.v[k], at.state[0], sizeof at.v[k]);
    }
}

static void compare_run(const population *steps, rv_isa isa, bool fires)
{
    const size_t end = at.step.end, words = rv_fired_words(end);
    words_equal("state", isa, at.state, steps->state, 2 * MOST);
    words_equal("in_syn", isa, at.in_syn, steps->in_syn, MOST);
    for (size_t k = 0; k < at.num_steps; k++)
        words_equal("V of a step", isa, (const float *)at.v + k * end, steps->v[k], end);
    if (fires)
        words_equal("bits", isa, at.fired, steps->fired, 2 * at.num_steps * words);
    for (size_t k = 0; k < at.num_steps && fires; k++)
        for (size_t j = 0; j < end; j++)
            if (steps->fired[k * words + j / 64] >> j % 64 & 1)
                words_equal("crossing", isa, (const float *)at.crossing + k * end + j, &steps->crossing[k][j], 1);
}

/* Runs take rows of in_syn, of V and of crossings one `end` after the other. */
static void take_run(const rv_neuron_ops *ops, int variant, bool fires, uint64_t *fired_steps)
{
    static float in_syn[STEPS * MOST] __attribute__((aligned(64)));
    rv_neuron_run run = {.step = &at.step,
                         .num_steps = at.num_steps,
                         .state_in_syn = at.in_syn,
                         .arrived = at.steps,
                         .in_syn = in_syn,
                         .beta = at.beta,
                         .fired = fires ? at.fired : NULL,
                         .fired_steps = ~(uint64_t)0,
                         .crossing = fires ? at.crossing[0] : NULL,
                         .v = at.v[0]};
    for (size_t k = 0; k < STEPS; k++)
        memcpy(in_syn + k * at.step.end, at.arrived[k], at.step.end * sizeof(float));
    memset(at.fired, 0xff, sizeof at.fired);
    ops->run[variant](&run);
    *fired_steps = run.fired_steps;
}

static void a_run_is_its_steps(void **state)
{
    static population steps;
    size_t runs_that_fire = 0;
    (void)state;
    for (int draw = 0; draw < DRAWS; draw++) {
        const bool fires = draw % 4;
        const int variant = fires ? draw % 4 - 1 : 0;
        const rv_neuron_model *model = fires ? &rv_leaky_integrate_fire_model : &rv_leaky_integrate_model;
        uint64_t expected, fired;
        draw_population(fires);
        start();
        take_steps(model->ops(RV_ISA_BASE), variant, &expected);
        memcpy(&steps, &at, sizeof at);
        runs_that_fire += expected != 0;
        for (int isa = RV_ISA_BASE; isa <= (int)best; isa++) {
            start();
            take_run(model->ops((rv_isa)isa), variant, fires, &fired);
            if (fired != expected)
                fail_msg("instruction set %d: steps %016llx fired, expected %016llx", isa, (unsigned long long)fired,
                         (unsigned long long)expected);
            compare_run(&steps, (rv_isa)isa, fires);
        }
    }
    assert_true(runs_that_fire > DRAWS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decay_is_rounded_in_every_step),
        cmocka_unit_test(bits_become_ids_in_ascending_order),
        cmocka_unit_test(a_step_lists_those_who_fire),
        cmocka_unit_test(a_run_is_its_steps),
    };
    best = rv_isa_best();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
