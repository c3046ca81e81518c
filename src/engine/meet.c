/* The terms of the gradient's sum as a sweep back comes upon them: a spike adds the row of its targets that it met to the
 * slots of its weights. Negative spikes, which sent minus the weight and are the last of a step, subtract it. */
#include "engine/engine.h"

static void negate(float *x, size_t n)
{
    for (size_t j = 0; j < n; j++)
        x[j] = -x[j];
}

/* s - x is -(-s + x) exactly, so connectivity need not know. Rows that hold nothing yet count as 0. */
static void subtract_delayed(const rv_plan_connection *c, float *slots, uint8_t *touched, const uint32_t *ids,
                             size_t num, const rv_ring *rows, size_t t)
{
    for (size_t k = 0; k < num; k++) {
        const size_t number = rv_links_row(&c->links, ids[k]), n = rv_row_padded(&c->links.rows, number);
        float *row = slots + rv_row_begin(&c->links.rows, number);
        negate(row, touched[number] ? n : 0);
        c->ops->gradient_delayed(&c->links, slots, touched, &ids[k], 1, rows, t);
        negate(row, n);
    }
}

void rv_gradient_meet(const rv_engine *engine, const rv_worker *worker, const rv_example *example,
                      const rv_plan_connection *c, const rv_plan_parameter *p, size_t leaf, uint32_t t,
                      const rv_ring *rows, const float *factor)
{
    const rv_tape *tape = &example->tapes[c->source];
    const uint32_t *ids = tape->ids + tape->offset[t];
    const size_t num = tape->offset[t + 1] - tape->offset[t], met = t + engine->model->rule->meets;
    const size_t num_negative = tape->negative ? tape->offset[t + 1] - tape->negative[t] : 0;
    if (!num || !rv_gradient_meets(p) || (!c->delays && met + c->delay >= engine->model->num_steps))
        return;
    float *slots = p->slots + leaf * p->rows.size;
    uint8_t *touched = p->touched + leaf * p->rows.num;
    if (c->delays) {
        c->ops->gradient_delayed(&c->links, slots, touched, ids, num - num_negative, rows, met);
        subtract_delayed(c, slots, touched, ids + num - num_negative, num_negative, rows, met);
        return;
    }
    const float *row = rv_ring_row(rows, met + c->delay);
    if (factor) {
        engine->model->kernels->multiply(worker->row, row, factor, c->links.n_pad);
        row = worker->row;
    }
    c->ops->gradient(&c->links, slots, touched, ids, num - num_negative, row);
    if (!num_negative)
        return;
    for (size_t j = 0; j < c->links.n_pad; j++)
        worker->row[j] = -row[j];
    c->ops->gradient(&c->links, slots, touched, ids + num - num_negative, num_negative, worker->row);
}
