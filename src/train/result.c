/* What a run leaves: the history of its metrics, what callbacks recorded, predictions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "train/run.h"

/* What one callback recorded. */
typedef struct record {
    char key[24]; /* its index, where it gave no key */
    const char *name;
    const rv_entries *entries;
} record;

typedef struct record_list {
    record *items;
    size_t num;
    rv_hooks hooks; /* whose memory the entries are */
} record_list;

struct rv_result {
    rv_context *context;
    rv_network *network; /* names of outputs are its */
    rv_history history;
    rv_metrics empty;
    bool stopped;
    record_list recorded, validation;
    float *predictions[RV_MAX_PORTS];
    const rv_population *outputs[RV_MAX_PORTS];
    size_t num_predictions;
};

int rv_result_create(rv_result **out, rv_run *run)
{
    rv_result *result = rv_alloc(run->context, 1, sizeof *result, "result");
    *out = result;
    if (!result)
        return RV_ERR_MEMORY;
    result->context = run->context;
    result->network = rv_network_retain(run->model->network);
    return RV_OK;
}

/* Takes over the callbacks that have data; the others go with the run. */
static int ask(rv_result *result, record_list *records, rv_run *run)
{
    rv_hooks *const hooks = &run->hooks, *const taken = &records->hooks;
    records->items = rv_alloc(result->context, hooks->num, sizeof *records->items, "recorded data");
    taken->callbacks = rv_alloc(result->context, hooks->num, sizeof *taken->callbacks, "recorded data");
    taken->created = rv_alloc(result->context, hooks->num, sizeof *taken->created, "recorded data");
    if (!records->items || !taken->callbacks || !taken->created)
        return RV_ERR_MEMORY;
    taken->num = hooks->num;
    for (size_t i = 0; i < hooks->num; i++) {
        const rv_callback *callback = &hooks->callbacks[i];
        record *r = &records->items[records->num];
        *r = (record){.name = NULL};
        if (!callback->get_data)
            continue;
        taken->callbacks[i] = *callback;
        taken->created[i] = hooks->created[i];
        hooks->created[i] = false;
        const int error = callback->get_data(callback->user, &r->name, &r->entries);
        if (error < 0)
            return rv_last_error(result->context)[0]
                       ? error
                       : rv_fail(result->context, error, "callback %s: get_data failed with code %d",
                                 callback->name ? callback->name : "Callback", error);
        snprintf(r->key, sizeof r->key, "%zu", i);
        records->num++;
    }
    return RV_OK;
}

int rv_result_finish(rv_result *result, rv_run *run)
{
    result->stopped = atomic_load(&run->stop);
    result->history = run->history;
    run->history = (rv_history){0};
    for (int o = 0; run->predictions && o < run->engine->num_targets; o++) {
        result->predictions[o] = run->predictions[o];
        result->outputs[o] = run->feed->outputs[o].population;
        run->predictions[o] = NULL;
    }
    result->num_predictions = run->num_predictions;
    int error = ask(result, &result->recorded, run);
    if (run->validation) {
        const int failed = ask(result, &result->validation, run->validation);
        error = error ? error : failed;
    }
    return error;
}

static void clear_records(record_list *records)
{
    rv_free(records->items);
    rv_hooks_clear(&records->hooks);
}

void rv_result_free(rv_result *result)
{
    if (!result)
        return;
    clear_records(&result->recorded);
    clear_records(&result->validation);
    rv_history_clear(&result->history);
    for (int o = 0; o < RV_MAX_PORTS; o++)
        rv_free(result->predictions[o]);
    rv_network_free(result->network);
    rv_free(result);
}

size_t rv_result_num_epochs(const rv_result *result)
{
    return result->history.num_finished;
}

const rv_metrics *rv_result_history(const rv_result *result, size_t epoch)
{
    return epoch < result->history.num_epochs ? &result->history.epochs[epoch] : NULL;
}

const rv_metrics *rv_result_metrics(const rv_result *result)
{
    const rv_history *history = &result->history;
    return history->num_epochs ? &history->epochs[history->num_epochs - 1] : &result->empty;
}

bool rv_result_stopped(const rv_result *result)
{
    return result->stopped;
}

static const char *key_of(const record *r)
{
    return r->name ? r->name : r->key;
}

static const rv_entries *find(const record_list *records, const char *key)
{
    for (size_t i = 0; i < records->num; i++)
        if (!strcmp(key_of(&records->items[i]), key))
            return records->items[i].entries;
    return NULL;
}

const rv_entries *rv_result_data(const rv_result *result, const char *key)
{
    return find(&result->recorded, key);
}

const rv_entries *rv_result_validation_data(const rv_result *result, const char *key)
{
    return find(&result->validation, key);
}

const char *rv_result_key(const rv_result *result, size_t index)
{
    return index < result->recorded.num ? key_of(&result->recorded.items[index]) : NULL;
}

const float *rv_result_prediction(const rv_result *result, const rv_population *output, size_t *num_examples)
{
    for (int o = 0; o < RV_MAX_PORTS; o++)
        if (result->outputs[o] == output && output) {
            *num_examples = result->num_predictions;
            return result->predictions[o];
        }
    return NULL;
}
