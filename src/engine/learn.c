/* LEARN: from the gradients of a batch to new numbers.
 *
 * Where nothing needs a gradient whole, a row is summed and handed to its optimiser while it is in cache. A global norm
 * or an accumulation over batches takes two passes over the rows: gradients first, then steps. Squares are summed within
 * a row, then over the rows in the plan's order, by one thread, so that the norm does not depend on who did what. Deep R
 * adds L1 to its rows of the gradient, before anything looks at them, and rewires after the steps. */
#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/threads.h"
#include "engine/engine.h"

#define ROWS_AT_ONCE 8 /* rows of weights a worker takes at a time */

typedef struct learning {
    rv_engine *engine;
    size_t batch_num;
    bool make;    /* gradients, of the batch's sums */
    bool step;    /* optimisers */
    double scale; /* of gradients (or accumulated ones) in the step */
    rv_work work; /* rows of all connections, one after the other */
} learning;

static bool has_two_passes(const rv_learning *l)
{
    return l->clip_norm > 0 || l->accumulate > 1;
}

/* ---- gradients ---- */

static bool has_l1(const rv_plan_connection *c, const rv_plan_parameter *p)
{
    return c && c->deep_r && p == &c->weight && c->deep_r->l1_strength > 0;
}

/* A row of the batch's gradient; NULL where it is and was always 0 and no optimiser cares. `square` gets the sum of the
 * squares of what the next step would learn from. */
static const float *make_row(const learning *l, const rv_worker *worker, const rv_plan_connection *c,
                             rv_plan_parameter *p, size_t row, const float *factor, double *square)
{
    const rv_kernels *kernels = l->engine->model->kernels;
    const size_t begin = rv_row_begin(&p->rows, row), n = rv_row_padded(&p->rows, row);
    float *gradient = p->gradient ? p->gradient + begin : worker->row;
    bool any = rv_gradient_row(l->engine, worker, c, p, row, factor, gradient);
    if (!any)
        memset(gradient, 0, n * sizeof *gradient);
    if (has_l1(c, p)) {
        rv_deep_r_add_l1(l->engine, c, row, gradient);
        any = true;
    }
    if (any) {
        const float num = (float)l->batch_num;
        p->moving[row] = 1;
        if (p->accumulated)
            kernels->weigh_rows(p->accumulated + begin, gradient, n, &num, 1, n);
    } else if (!p->moving[row] && p->optimiser->optimiser.model->rests) {
        return NULL;
    }
    if (square)
        *square = kernels->sum_squares(p->accumulated ? p->accumulated + begin : gradient, n);
    return gradient;
}

/* ---- steps ---- */

static void step_row(const learning *l, const rv_worker *worker, rv_plan_parameter *p, size_t row,
                     const float *gradient)
{
    const rv_compiled_network *model = l->engine->model;
    const rv_plan_optimiser *optimiser = p->optimiser;
    const size_t begin = rv_row_begin(&p->rows, row), n = rv_row_padded(&p->rows, row);
    rv_optimiser_row r = {
        .n = n,
        .w = p->value + begin,
        .g = p->accumulated ? p->accumulated + begin : gradient,
        .constant = optimiser->constant,
        .isa = (int)model->context->isa,
    };
    for (int i = 0; i < optimiser->optimiser.model->num_moments; i++)
        r.moment[i] = p->moment[i] + begin;
    if (l->scale != 1) {
        model->kernels->scale(worker->scaled, r.g, (float)l->scale, n);
        r.g = worker->scaled;
    }
    if (model->learning.clip_value > 0) {
        model->kernels->clip(worker->scaled, r.g, (float)model->learning.clip_value, n);
        r.g = worker->scaled;
    }
    rv_optimiser_learn(&optimiser->optimiser, &r, rv_row_length(&p->rows, row));
    if (p->accumulated)
        memset(p->accumulated + begin, 0, n * sizeof(float));
}

static void learn_parameter(const learning *l, const rv_worker *worker, const rv_plan_connection *c,
                            rv_plan_parameter *p, size_t row, const float *factor, double *square)
{
    const float *gradient =
        l->make ? make_row(l, worker, c, p, row, factor, square) : p->gradient + rv_row_begin(&p->rows, row);
    const bool rests = !p->moving[row] && p->optimiser->optimiser.model->rests;
    if (l->step && !rests)
        step_row(l, worker, p, row, gradient);
}

/* ---- rows of connections ---- */

/* Delays come first: their gradient is weighed with the weights that were in use. squares: two of the row. */
static void learn_row(const learning *l, const rv_worker *worker, rv_plan_connection *c, size_t row, double *squares)
{
    static const float one = 1;
    const rv_plan_group *group = &l->engine->model->populations[c->target].groups[c->group];
    const size_t begin = rv_row_begin(&c->links.rows, row), n = rv_row_padded(&c->links.rows, row);
    if (c->delay_parameter.optimiser)
        learn_parameter(l, worker, c, &c->delay_parameter, row, c->weight.value + begin, squares ? &squares[0] : NULL);
    if (c->delay_parameter.optimiser && l->step) {
        float *delay = c->delay_parameter.value + begin;
        for (size_t j = 0; j < n; j++)
            delay[j] = delay[j] < 0 ? 0 : delay[j] > (float)c->max_delay ? (float)c->max_delay : delay[j];
        rv_plan_round_delays(c, row, 1);
    }
    if (c->weight.optimiser)
        learn_parameter(l, worker, c, &c->weight, row, c->weighed ? &one : group->factor,
                        squares ? &squares[1] : NULL);
    if (c->deep_r && l->step)
        rv_deep_r_note(c, row);
}

static void learn_worker(void *arg, int worker)
{
    learning *l = arg;
    rv_engine *engine = l->engine;
    const rv_compiled_network *model = engine->model;
    size_t begin, end;
    while (rv_work_take_range(&l->work, worker, ROWS_AT_ONCE, &begin, &end)) {
        size_t first = 0;
        for (uint32_t i = 0; i < model->num_connections; i++) {
            rv_plan_connection *c = &model->connections[i];
            for (size_t row = begin > first ? begin : first; row < end && row < first + c->links.rows.num; row++)
                learn_row(l, &engine->workers[worker], c, row - first,
                          engine->squares && l->make ? engine->squares + 2 * row : NULL);
            first += c->links.rows.num;
        }
    }
}

/* Biases are few: each is a row, learnt by the caller's thread. */
static void learn_bias(const learning *l, rv_plan_population *p, double *square)
{
    if (!p->bias.optimiser)
        return;
    learn_parameter(l, &l->engine->workers[0], NULL, &p->bias, 0, p->bias_factor, l->make ? square : NULL);
    if (l->step)
        rv_plan_update_coefficients(l->engine->model, p);
}

static int learn_all(learning *l)
{
    rv_engine *engine = l->engine;
    const rv_compiled_network *model = engine->model;
    const size_t num_rows = rv_gradient_num_rows(model);
    rv_work_init(&l->work, num_rows, engine->num_threads);
    rv_parallel(model->context, learn_worker, l);
    for (uint32_t i = 0; i < model->num_populations; i++)
        learn_bias(l, &model->populations[i], engine->squares ? engine->squares + 2 * num_rows + i : NULL);
    return l->step ? rv_deep_r_rewire(engine) : RV_OK;
}

/* ---- a batch ---- */

static void begin_step(rv_compiled_network *model)
{
    for (size_t i = 0; i < model->num_optimisers; i++) {
        rv_plan_optimiser *o = &model->optimisers[i];
        rv_optimiser_next(&o->optimiser, &o->state, o->constant);
    }
}

static size_t num_squares(const rv_compiled_network *model)
{
    return 2 * rv_gradient_num_rows(model) + model->num_populations;
}

/* The norm of what the step learns from, which is `scale` times what the squares are of. */
static double global_norm(const rv_engine *engine, double scale)
{
    const size_t num = num_squares(engine->model);
    double sum = 0;
    for (size_t i = 0; i < num; i++)
        sum += engine->squares[i];
    return scale * sqrt(sum);
}

/* The second pass. */
static int step_all(rv_engine *engine)
{
    rv_compiled_network *model = engine->model;
    const rv_learning *d = &model->learning;
    learning l = {.engine = engine, .step = true, .scale = 1};
    if (d->accumulate > 1)
        l.scale = 1 / (double)model->accumulated[1];
    if (d->clip_norm > 0) {
        const double norm = global_norm(engine, l.scale);
        l.scale *= norm > d->clip_norm ? d->clip_norm / norm : 1;
    }
    model->accumulated[0] = model->accumulated[1] = 0;
    begin_step(model);
    return learn_all(&l);
}

int rv_gradient_learn(rv_engine *engine, size_t batch_num)
{
    rv_compiled_network *model = engine->model;
    const bool two_passes = has_two_passes(&model->learning);
    learning l = {.engine = engine, .batch_num = batch_num, .make = true, .step = !two_passes, .scale = 1};
    int error = rv_gradient_begin(engine, batch_num);
    if (error)
        return error;
    if (!two_passes)
        begin_step(model);
    if (engine->squares)
        memset(engine->squares, 0, num_squares(model) * sizeof *engine->squares);
    error = learn_all(&l);
    if (error || !two_passes)
        return error;
    model->accumulated[0]++;
    model->accumulated[1] += batch_num;
    if (model->accumulated[0] >= model->learning.accumulate)
        return step_all(engine);
    return RV_OK;
}

static double square_of(const rv_engine *engine, const rv_plan_parameter *p, size_t row)
{
    const float *x = p->accumulated ? p->accumulated : p->gradient;
    return x ? engine->model->kernels->sum_squares(x + rv_row_begin(&p->rows, row), rv_row_padded(&p->rows, row)) : 0;
}

/* Squares of what has gathered, which a run that was resumed has not made itself, or of gradients that others changed. */
static void sum_squares(rv_engine *engine)
{
    const rv_compiled_network *model = engine->model;
    double *square = engine->squares;
    for (uint32_t i = 0; i < model->num_connections; i++)
        for (size_t row = 0; row < model->connections[i].links.rows.num; row++) {
            *square++ = square_of(engine, &model->connections[i].delay_parameter, row);
            *square++ = square_of(engine, &model->connections[i].weight, row);
        }
    for (uint32_t i = 0; i < model->num_populations; i++)
        *square++ = square_of(engine, &model->populations[i].bias, 0);
}

int rv_gradient_flush(rv_engine *engine)
{
    const rv_compiled_network *model = engine->model;
    if (!engine->learn || model->learning.accumulate <= 1 || !model->accumulated[0])
        return RV_OK;
    if (engine->squares)
        sum_squares(engine);
    return step_all(engine);
}

int rv_gradient_learn_kept(rv_engine *engine)
{
    const rv_compiled_network *model = engine->model;
    if (model->learning.accumulate > 1)
        return rv_gradient_flush(engine);
    if (engine->squares)
        sum_squares(engine);
    return step_all(engine);
}
