#include "ceiling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "compile/plan.h"

static int make_lists(bench_spikes *out, const rv_entries *entries, const bench_workload *w)
{
    const size_t lists = rv_spikes_num_examples(w->spikes) * w->timesteps;
    const double dt = w->dt > 0 ? w->dt : 1;
    for (size_t i = 0; i < entries->num; i++)
        out->num += entries->items[i].num;
    out->ids = malloc((out->num + 4) * sizeof *out->ids);
    out->begin = calloc(lists + 1, sizeof *out->begin);
    if (!out->ids || !out->begin)
        return RV_ERR_MEMORY;
    size_t at = 0, list = 0;
    for (size_t i = 0; i < entries->num; i++) {
        const rv_entry *const e = &entries->items[i];
        for (size_t s = 0; s < e->num; s++) {
            const size_t mine = i * w->timesteps + (size_t)lround(e->times[s] / dt);
            while (list < mine)
                out->begin[++list] = at;
            out->ids[at++] = (uint32_t)e->ids[s];
        }
    }
    while (list < lists)
        out->begin[++list] = at;
    return 0;
}

static int record(bench_ceiling *out, rv_context *context)
{
    const bench_workload *const w = out->workload;
    rv_result *result = NULL;
    int code = bench_model_create(&out->model, w, 1, BENCH_INFERENCE, NULL, context);
    if (code < 0)
        return code;
    const rv_callback recorders[] = {
        rv_spike_recorder((rv_spike_recorder_desc){.population = out->model.in, .key = "input"}),
        rv_spike_recorder((rv_spike_recorder_desc){.population = out->model.hid, .key = "hidden"}),
    };
    code = rv_predict(&result, out->model.compiled,
                      &(rv_evaluate_desc){.data = bench_data(&out->model, w->spikes, w->labels),
                                          .callbacks = recorders,
                                          .num_callbacks = 2});
    if (code < 0)
        rv_error_set(context, code, rv_last_error(out->model.context));
    if (code >= 0)
        code = make_lists(&out->input, rv_result_data(result, "input"), w);
    if (code >= 0)
        code = make_lists(&out->hidden, rv_result_data(result, "hidden"), w);
    rv_result_free(result);
    return code;
}

static const bench_spikes *spikes_of(const bench_ceiling *c, int connection)
{
    return connection == BENCH_IN_HID ? &c->input : &c->hidden;
}

static const rv_plan_connection *plan_of(const bench_ceiling *c, int connection)
{
    return c->model.connections[connection] ? rv_plan_find_connection(c->model.compiled, c->model.connections[connection])
                                            : NULL;
}

/* Synapses that the spikes of a connection's source meet. */
static double count_events(const bench_ceiling *c, int connection)
{
    const rv_plan_connection *const plan = plan_of(c, connection);
    const bench_spikes *const spikes = spikes_of(c, connection);
    double events = 0;
    for (size_t k = 0; k < spikes->num; k++)
        events += (double)plan->connection->connectivity.model->synapses(&plan->links, spikes->ids[k], NULL, NULL);
    return events;
}

int bench_ceiling_create(bench_ceiling *out, const bench_workload *workload, rv_context *context)
{
    size_t widest = 0;
    *out = (bench_ceiling){.workload = workload, .num_rows = 1};
    int code = record(out, context);
    for (int c = 0; c < BENCH_CONNECTIONS && code >= 0; c++) {
        const rv_plan_connection *const plan = plan_of(out, c);
        if (!plan)
            continue;
        const int kind = plan->delays ? BENCH_DELAYED : BENCH_PLAIN;
        const double events = count_events(out, c);
        out->events[kind] += events;
        out->events_back[kind] += events * (c == BENCH_IN_HID ? 1 : 2);
        widest = plan->links.n_pad > widest ? plan->links.n_pad : widest;
        if (plan->delays && plan->max_delay + 1 > out->num_rows)
            out->num_rows = plan->max_delay + 1;
    }
    const size_t most = out->input.num + out->hidden.num + 4;
    out->acc = code >= 0 ? aligned_alloc(64, out->num_rows * widest * sizeof *out->acc) : NULL;
    out->dots = code >= 0 ? malloc(most * sizeof *out->dots) : NULL;
    if (code < 0)
        return code;
    if (!out->acc || !out->dots)
        return RV_ERR_MEMORY;
    memset(out->acc, 0, out->num_rows * widest * sizeof *out->acc);
    return 0;
}

/* Seconds for the spikes of all connections of a kind. */
static double walk(const bench_ceiling *ceiling, int kind, bool gather)
{
    const size_t num_lists = rv_spikes_num_examples(ceiling->workload->spikes) * ceiling->workload->timesteps;
    const rv_plan_connection *plans[BENCH_CONNECTIONS];
    for (int c = 0; c < BENCH_CONNECTIONS; c++) {
        plans[c] = plan_of(ceiling, c);
        if (plans[c] && (plans[c]->delays != NULL) != (kind == BENCH_DELAYED))
            plans[c] = NULL;
    }
    const double start = rv_clock_seconds();
    for (size_t t = 0; t < num_lists; t++) {
        for (int c = 0; c < BENCH_CONNECTIONS; c++) {
            const bench_spikes *const spikes = spikes_of(ceiling, c);
            const size_t begin = spikes->begin[t], num = spikes->begin[t + 1] - begin;
            if (!plans[c] || num == 0)
                continue;
            const rv_links *const links = &plans[c]->links;
            const rv_ring ring = {ceiling->acc, ceiling->num_rows, links->n_pad};
            if (kind == BENCH_PLAIN)
                plans[c]->ops->forward(links, ceiling->acc, ceiling->acc, NULL, spikes->ids + begin, num);
            else if (gather)
                plans[c]->ops->back_delayed(links, ceiling->dots, spikes->ids + begin, num, &ring, t);
            else
                plans[c]->ops->forward_delayed(links, &ring, t, spikes->ids + begin, num);
        }
    }
    return rv_clock_seconds() - start;
}

bench_floor bench_ceiling_run(const bench_ceiling *c)
{
    bench_floor out = {0};
    if (c->events[BENCH_PLAIN] > 0) {
        const double rows = walk(c, BENCH_PLAIN, false);
        out.forward += rows;
        out.training += rows * (1 + c->events_back[BENCH_PLAIN] / c->events[BENCH_PLAIN]);
    }
    if (c->events[BENCH_DELAYED] > 0) {
        const double scatter = walk(c, BENCH_DELAYED, false), gather = walk(c, BENCH_DELAYED, true);
        out.forward += scatter;
        out.training += scatter + gather * c->events_back[BENCH_DELAYED] / c->events[BENCH_DELAYED];
    }
    return out;
}

void bench_ceiling_free(bench_ceiling *ceiling)
{
    free(ceiling->input.ids);
    free(ceiling->input.begin);
    free(ceiling->hidden.ids);
    free(ceiling->hidden.begin);
    free(ceiling->acc);
    free(ceiling->dots);
    bench_model_free(&ceiling->model);
    *ceiling = (bench_ceiling){0};
}
