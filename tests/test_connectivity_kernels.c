/* The kernels of every connectivity model against the dense matrix, in double; and every instruction set bit for bit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/wired.h"

#define DRAWS 400
#define RING_ROWS 9 /* delays are below 7 */
#define LONG 100000 /* floats that hold any result of a draw */

/* What the kernels of one instruction set make of one draw. */
typedef struct results {
    float acc[LONG], back[LONG], gradient[LONG], weighed[LONG], row_sum[LONG], ring[LONG], back_delayed[LONG],
        gradient_delayed[LONG];
} results;

/* What they are given: everything aligned, and noise wherever it must not matter. */
typedef struct input {
    float acc[LONG], decay[LONG], x[LONG], factor[LONG], ring[LONG];
    uint32_t *ids; /* (num) spiking sources, ascending */
    size_t num;
    uint8_t *touched;
} input;

static input in __attribute__((aligned(64)));
static results out[4] __attribute__((aligned(64)));
static rv_context *context;

static void draw_input(const wired *w, uint64_t *random)
{
    const size_t n_pad = w->links.n_pad;
    for (size_t j = 0; j < n_pad + 64; j++) {
        in.acc[j] = wired_uniform(random);
        in.decay[j] = wired_uniform(random);
        in.x[j] = wired_uniform(random);
        in.factor[j] = w->connectivity.model->mixes_targets ? -5 : j < w->ends.num_target ? wired_uniform(random) : 0;
    }
    for (size_t j = 0; j < RING_ROWS * n_pad; j++)
        in.ring[j] = wired_uniform(random);
    in.num = 0;
    in.ids = calloc(w->ends.num_source, sizeof *in.ids);
    in.touched = calloc(w->links.rows.num + 1, 1);
    const uint32_t rarity = wired_random(random, 4) + 1;
    for (uint32_t i = 0; i < w->ends.num_source; i++)
        if (wired_random(random, rarity) == 0)
            in.ids[in.num++] = i;
}

static void free_input(void)
{
    free(in.ids);
    free(in.touched);
}

static void run(const wired *w, const rv_connectivity_ops *ops, size_t t, results *r)
{
    const rv_links *l = &w->links;
    rv_ring pending = {r->ring, RING_ROWS, l->n_pad}, x = {in.ring, RING_ROWS, l->n_pad};
    for (size_t k = 0; k < l->rows.size + 16; k++) /* sums start from flags, not from what is there */
        r->gradient[k] = r->gradient_delayed[k] = (float)NAN;
    memcpy(r->acc, in.acc, sizeof r->acc);
    memcpy(r->ring, in.ring, sizeof r->ring);
    memset(r->back, 0, sizeof r->back);
    memset(r->back_delayed, 0, sizeof r->back_delayed);
    ops->forward(l, r->acc, in.acc, in.decay, in.ids, in.num);
    ops->back(l, r->back, in.ids, in.num, in.x);
    memset(in.touched, 0, l->rows.num);
    ops->gradient(l, r->gradient, in.touched, in.ids, in.num, in.x);
    for (size_t row = 0; row < l->rows.num; row++) {
        const size_t begin = rv_row_begin(&l->rows, row);
        if (!in.touched[row])
            memset(r->gradient + begin, 0, rv_row_padded(&l->rows, row) * sizeof(float));
        ops->weigh(l, r->weighed + begin, row, r->gradient + begin, in.factor);
        if (ops->row_sum)
            for (uint32_t k = 0; k < 2; k++) /* rows 2, 0, 2, the second time added to what is there */
                for (size_t j = 0; j < rv_row_padded(&l->rows, row); j += 16)
                    ops->row_sum(l, r->row_sum + begin, k > 0, row, j, j + 16, in.ring, l->n_pad,
                                 (const uint32_t[]){2, 0, 2} + k, k + 1);
    }
    if (!ops->forward_delayed)
        return;
    ops->forward_delayed(l, &pending, t, in.ids, in.num);
    ops->back_delayed(l, r->back_delayed, in.ids, in.num, &x, t);
    memset(in.touched, 0, l->rows.num);
    ops->gradient_delayed(l, r->gradient_delayed, in.touched, in.ids, in.num, &x, t);
    for (size_t row = 0; row < l->rows.num; row++)
        if (!in.touched[row])
            memset(r->gradient_delayed + rv_row_begin(&l->rows, row), 0,
                   rv_row_padded(&l->rows, row) * sizeof(float));
}

static void expect(const wired *w, const char *what, size_t at, double got, double expected)
{
    if (!(fabs(got - expected) <= 1e-5 * (1 + fabs(expected))))
        fail_msg("%s, %zu sources, %zu targets, %zu filters: %s %zu is %g, expected %g", w->connectivity.model->name,
                 w->ends.num_source, w->ends.num_target, w->connectivity.filters, what, at, got, expected);
}

/* ---- in double, from the list of synapses ---- */

/* Sums over the synapses of all spikes: gradients of the places, and what flows back. */
static void check_sums(const wired *w, const results *r, size_t t)
{
    const rv_connectivity_model *m = w->connectivity.model;
    const size_t size = w->links.rows.size;
    double *gradient = calloc(size + 1, sizeof *gradient), *delayed = calloc(size + 1, sizeof *delayed);
    uint32_t *target_of = calloc(size + 1, sizeof *target_of);
    for (size_t k = 0; k < in.num; k++) {
        const size_t num = m->synapses(&w->links, in.ids[k], NULL, NULL);
        uint32_t *targets = calloc(num + 1, sizeof *targets);
        size_t *places = calloc(num + 1, sizeof *places);
        double back = 0, back_delayed = 0;
        m->synapses(&w->links, in.ids[k], targets, places);
        for (size_t s = 0; s < num; s++) {
            const double scale = (double)w->links.scale, weight = scale * (double)w->weight[places[s]];
            back += weight * (double)in.x[targets[s]];
            gradient[places[s]] += scale * (double)in.x[targets[s]];
            target_of[places[s]] = targets[s];
            if (w->delay) {
                const double x = (double)in.ring[(t + w->delay[places[s]]) % RING_ROWS * w->links.n_pad + targets[s]];
                back_delayed += weight * x;
                delayed[places[s]] += x;
            }
        }
        expect(w, "back", k, (double)r->back[k], back);
        expect(w, "back_delayed", k, (double)r->back_delayed[k], back_delayed);
        free(targets);
        free(places);
    }
    for (size_t row = 0; row < w->links.rows.num; row++) {
        const size_t begin = rv_row_begin(&w->links.rows, row);
        for (size_t k = begin; k < begin + rv_row_padded(&w->links.rows, row); k++) {
            const bool is_there = k < begin + rv_row_length(&w->links.rows, row);
            const double factor = (double)in.factor[m->mixes_targets ? 0 : target_of[k]];
            expect(w, "weighed", k, (double)r->weighed[k], is_there ? factor * gradient[k] : 0);
            if (is_there)
                expect(w, "gradient", k, (double)r->gradient[k], gradient[k]);
            if (is_there && w->delay)
                expect(w, "gradient_delayed", k, (double)r->gradient_delayed[k], delayed[k]);
        }
    }
    free(gradient);
    free(delayed);
    free(target_of);
}

static void check_forward(const wired *w, const results *r, size_t t)
{
    const size_t n = w->ends.num_target;
    double *delays = calloc(w->ends.num_source * n + 1, sizeof *delays);
    double *matrix = wired_matrix(w, delays);
    double *ring = calloc(RING_ROWS * w->links.n_pad + 1, sizeof *ring);
    for (size_t k = 0; k < RING_ROWS * w->links.n_pad; k++)
        ring[k] = (double)in.ring[k];
    for (size_t j = 0; j < n; j++) {
        double acc = (double)in.acc[j] * (double)in.decay[j];
        for (size_t k = 0; k < in.num; k++) {
            const size_t at = in.ids[k] * n + j;
            acc += matrix[at];
            ring[(t + (size_t)delays[at]) % RING_ROWS * w->links.n_pad + j] += matrix[at];
        }
        expect(w, "acc", j, (double)r->acc[j], acc);
    }
    for (size_t k = 0; w->delay && k < RING_ROWS * w->links.n_pad; k++)
        if (k % w->links.n_pad < n)
            expect(w, "ring", k, (double)r->ring[k], ring[k]);
    for (size_t j = w->links.n_pad; j < w->links.n_pad + 64; j++) /* what lies behind is somebody else's */
        assert_true(r->acc[j] == in.acc[j]);
    free(delays);
    free(matrix);
    free(ring);
}

static void check_row_sums(const wired *w, const results *r)
{
    const rv_connectivity_model *m = w->connectivity.model;
    for (uint32_t i = 0; m->ops(context->isa)->row_sum && i < w->ends.num_source; i++) {
        const size_t num = m->synapses(&w->links, i, NULL, NULL);
        uint32_t *targets = calloc(num + 1, sizeof *targets);
        size_t *places = calloc(num + 1, sizeof *places);
        m->synapses(&w->links, i, targets, places);
        for (size_t s = 0; s < num; s++) {
            const float *x = in.ring + targets[s];
            expect(w, "row_sum", places[s], (double)r->row_sum[places[s]],
                   2 * (double)x[2 * w->links.n_pad] + (double)x[0]);
        }
        free(targets);
        free(places);
    }
}

static void compare(const wired *w, const results *a, const results *b, rv_isa isa)
{
    const size_t rows = w->links.rows.size * sizeof(float), targets = w->links.n_pad * sizeof(float);
    const struct {
        const char *what;
        const float *a, *b;
        size_t bytes;
    } parts[] = {
        {"forward", a->acc, b->acc, targets},
        {"back", a->back, b->back, in.num * sizeof(float)},
        {"weighed gradient", a->weighed, b->weighed, rows},
        {"row sum", a->row_sum, b->row_sum, w->connectivity.model->ops(isa)->row_sum ? rows : 0},
        {"delayed forward", a->ring, b->ring, RING_ROWS * targets},
        {"delayed back", a->back_delayed, b->back_delayed, in.num * sizeof(float)},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (memcmp(parts[i].a, parts[i].b, parts[i].bytes) != 0)
            fail_msg("%s: %s of %s differs from that of %s", w->connectivity.model->name, parts[i].what,
                     rv_isa_name(isa), rv_isa_name(context->isa));
}

static void kernels_agree_with_the_dense_matrix_on_every_instruction_set(void **state)
{
    uint64_t random = 99;
    int num[NUM_WIRED_MODELS] = {0};
    (void)state;
    for (int draw = 0; draw < DRAWS; draw++) {
        const int model = draw % NUM_WIRED_MODELS;
        const size_t t = wired_random(&random, 30);
        wired w;
        if (!wired_make(&w, context, model, &random, draw % 2))
            continue;
        if (w.links.rows.size + 16 < LONG && RING_ROWS * w.links.n_pad < LONG && w.ends.num_source < 1000) {
            draw_input(&w, &random);
            for (int isa = RV_ISA_BASE; isa <= (int)context->isa; isa++) {
                w.links.kernels = rv_kernels_for((rv_isa)isa);
                run(&w, w.connectivity.model->ops((rv_isa)isa), t, &out[isa]);
            }
            check_forward(&w, &out[context->isa], t);
            check_sums(&w, &out[context->isa], t);
            check_row_sums(&w, &out[context->isa]);
            for (int isa = RV_ISA_V2; isa < (int)context->isa; isa++)
                compare(&w, &out[isa], &out[context->isa], (rv_isa)isa);
            free_input();
            num[model]++;
        }
        wired_free(&w);
    }
    for (int model = 0; model < NUM_WIRED_MODELS; model++)
        assert_in_range(num[model], 10, DRAWS);
}

/* What users write comes back, whatever the rows are. */
static void packing_and_unpacking_is_the_identity(void **state)
{
    uint64_t random = 3;
    (void)state;
    for (int draw = 0; draw < DRAWS; draw++) {
        wired w;
        if (!wired_make(&w, context, draw % NUM_WIRED_MODELS, &random, draw % 2))
            continue;
        float *flat = calloc(w.wiring->num_weights + 1, sizeof *flat);
        rv_links_unpack(&w.links, w.connectivity.model, flat, w.weight);
        assert_memory_equal(flat, w.flat, w.wiring->num_weights * sizeof *flat);
        free(flat);
        wired_free(&w);
    }
}

static int make_context(void **state)
{
    (void)state;
    return rv_context_create(&context, &(rv_context_desc){.seed = 5, .seed_given = true});
}

static int free_context(void **state)
{
    (void)state;
    rv_context_free(context);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_agree_with_the_dense_matrix_on_every_instruction_set),
        cmocka_unit_test(packing_and_unpacking_is_the_identity),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
