/* PopulationTimer: what each population cost, at the end of a run. */
#include <ranvier/callbacks.h>

#include <string.h>

#include "base/alloc.h"
#include "callbacks/line.h"
#include "store/log_file.h"

typedef struct population_timer {
    rv_population_timer_desc desc;
    rv_context *context;
    rv_run *run;
} population_timer;

static int create(void **user, const rv_callback *self, rv_context *context)
{
    population_timer *state = *user = rv_alloc(context, 1, sizeof *state, "a PopulationTimer");
    if (!state)
        return RV_ERR_MEMORY;
    memcpy(&state->desc, self->config.bytes, sizeof state->desc);
    state->context = context;
    return RV_OK;
}

static int set_params(void *user, rv_run *run)
{
    population_timer *state = user;
    state->run = run;
    if (!state->desc.path)
        return rv_error_set(state->context, RV_ERR_ARGUMENT, "a PopulationTimer needs a path");
    const int rc = rv_run_claim_file(run, state->desc.path, "PopulationTimer");
    return rc == RV_OK ? rv_run_measure_populations(run) : rc;
}

/* A row for each population. */
static int make_table(const population_timer *state, rv_line *table)
{
    const rv_network *network = rv_compiled_network_network(rv_run_compiled_network(state->run));
    int rc = rv_line_add(table, "population,arrivals,neurons,backward\n");
    for (size_t i = 0; i < rv_network_num_populations(network) && rc == RV_OK; i++) {
        const rv_population *population = rv_network_population(network, i);
        rv_population_times t;
        if ((rc = rv_run_population_times(state->run, population, &t)) == RV_OK)
            rc = rv_line_add(table, "%s,%.6f,%.6f,%.6f\n", rv_population_name(population), t.arrivals, t.neurons,
                             t.backward);
    }
    return rc;
}

static int on_end(void *user, const rv_metrics *metrics)
{
    (void)metrics;
    const population_timer *state = user;
    rv_line table = {.context = state->context};
    rv_log_file *file = NULL;
    if (rv_run_rank(state->run) != 0)
        return RV_OK;
    int rc = make_table(state, &table);
    if (rc == RV_OK)
        rc = rv_log_file_open(&file, state->context, state->desc.path, 0);
    if (rc == RV_OK)
        rc = rv_log_file_write(file, table.data, table.size);
    rv_log_file_close(file);
    rv_line_clear(&table);
    return rc;
}

rv_callback rv_population_timer(rv_population_timer_desc desc)
{
    _Static_assert(sizeof desc <= RV_CALLBACK_CONFIG, "the description must fit into a callback");
    rv_callback callback = {
        .name = "PopulationTimer",
        .create = create,
        .destroy = rv_free,
        .set_params = set_params,
        .on_train_end = on_end,
        .on_test_end = on_end,
    };
    memcpy(callback.config.bytes, &desc, sizeof desc);
    return callback;
}
