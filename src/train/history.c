/* The metrics of every epoch so far, whatever becomes of the scores they were copied from. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/state.h"
#include "train/run.h"

int rv_history_create(rv_history *history, rv_run *run)
{
    const rv_scores *scores = &run->scores;
    history->context = run->context;
    history->num_metrics = scores->num_all;
    history->items = rv_alloc(run->context, scores->num_all, sizeof *history->items, "history");
    history->names = rv_alloc(run->context, 2 * scores->num_all, sizeof *history->names, "history");
    if (!history->items || !history->names)
        return RV_ERR_MEMORY;
    for (size_t i = 0; i < scores->num_all; i++) {
        const rv_metric_value *item = &scores->items[i];
        char *name = history->names[2 * i], *label = history->names[2 * i + 1];
        snprintf(name, RV_LABEL_SIZE, "%s", item->name);
        snprintf(label, RV_LABEL_SIZE, "%s", item->label);
        history->items[i] = *item;
        history->items[i].name = name;
        history->items[i].label = label;
        history->num_sums += item->num_sums;
    }
    return RV_OK;
}

/* Items and the sums they point to, in one piece that rv_free frees. */
static rv_metric_value *new_items(rv_history *history)
{
    const size_t head = history->num_metrics * sizeof(rv_metric_value);
    rv_metric_value *items =
        rv_alloc(history->context, head + history->num_sums * sizeof(double), 1, "history");
    if (items && history->num_metrics)
        memcpy(items, history->items, head);
    return items;
}

/* value[i * stride] is that of metric i, sums of all metrics follow each other. */
static int add(rv_history *history, const double *values, const double *sums)
{
    const int error = rv_grow(history->context, &history->epochs, &history->max_epochs, history->num_epochs + 1,
                              sizeof *history->epochs, "history");
    rv_metric_value *items = error ? NULL : new_items(history);
    if (!items)
        return RV_ERR_MEMORY;
    double *kept = (double *)(items + history->num_metrics);
    for (size_t i = 0; i < history->num_metrics; i++) {
        const size_t num = items[i].num_sums;
        items[i].value = values[i];
        if (num > 0)
            items[i].sums = memcpy(kept, sums, num * sizeof *sums);
        kept += num;
        sums += num;
    }
    history->epochs[history->num_epochs++] = (rv_metrics){history->num_metrics, items};
    return RV_OK;
}

/* Values and sums of an epoch into flat arrays, (num_metrics) and (num_sums). */
static void flatten(const rv_history *history, const rv_metric_value *items, double *values, double *sums)
{
    for (size_t i = 0; i < history->num_metrics; i++) {
        values[i] = items[i].value;
        if (items[i].num_sums > 0)
            memcpy(sums, items[i].sums, items[i].num_sums * sizeof *sums);
        sums += items[i].num_sums;
    }
}

int rv_history_add(rv_history *history, const rv_scores *scores, bool finished)
{
    double *flat = rv_alloc(history->context, history->num_metrics + history->num_sums, sizeof *flat, "history");
    if (!flat)
        return RV_ERR_MEMORY;
    flatten(history, scores->items, flat, flat + history->num_metrics);
    const int error = add(history, flat, flat + history->num_metrics);
    rv_free(flat);
    history->num_finished += finished && !error;
    return error;
}

/* ---- in checkpoints ---- */

/* All labels, a line each, (size) characters without a 0 at the end. */
static char *join_labels(const rv_history *history, size_t *size)
{
    char *text = rv_alloc(history->context, history->num_metrics, sizeof *history->names, "history");
    *size = 0;
    for (size_t i = 0; text && i < history->num_metrics; i++)
        *size += (size_t)sprintf(text + *size, "%s\n", history->items[i].label);
    return text;
}

int rv_history_put(const rv_history *history, rv_state *state)
{
    size_t size;
    const size_t num = history->num_epochs;
    char *labels = join_labels(history, &size);
    double *values = rv_alloc(history->context, num * history->num_metrics, sizeof *values, "history");
    double *sums = rv_alloc(history->context, num * history->num_sums, sizeof *sums, "history");
    int error = labels && values && sums ? rv_state_set_scope(state, "history/") : RV_ERR_MEMORY;
    for (size_t e = 0; !error && e < num; e++)
        flatten(history, history->epochs[e].items, values + e * history->num_metrics, sums + e * history->num_sums);
    if (!error)
        error = rv_state_put(state, "labels", RV_UINT8, labels, size);
    if (!error)
        error = rv_state_put(state, "values", RV_FLOAT64, values, num * history->num_metrics);
    if (!error)
        error = rv_state_put(state, "sums", RV_FLOAT64, sums, num * history->num_sums);
    rv_free(sums);
    rv_free(values);
    rv_free(labels);
    return error;
}

static int check_labels(const rv_history *history, rv_state *state)
{
    size_t size;
    char *labels = join_labels(history, &size);
    const rv_ndarray *saved = labels ? rv_state_find(state, "labels") : NULL;
    int error = labels ? RV_OK : RV_ERR_MEMORY;
    if (!error && (!saved || saved->dtype != RV_UINT8 || saved->size != size ||
                   memcmp(saved->data, labels, size) != 0))
        error = rv_fail(history->context, RV_ERR_CHECKPOINT,
                        "resume: metrics were '%.*s' when the checkpoint was made and are '%.*s' now",
                        saved && saved->dtype == RV_UINT8 ? (int)saved->size : 0,
                        saved ? (const char *)saved->data : "", (int)size, labels);
    rv_free(labels);
    return error;
}

int rv_history_get(rv_history *history, rv_state *state)
{
    int error = rv_state_set_scope(state, "history/");
    if (!error)
        error = check_labels(history, state);
    const rv_ndarray *values = error ? NULL : rv_state_find(state, "values");
    const rv_ndarray *sums = error ? NULL : rv_state_find(state, "sums");
    if (error)
        return error;
    const size_t num = values && history->num_metrics ? values->size / history->num_metrics : 0;
    if (!values || !sums || values->dtype != RV_FLOAT64 || sums->dtype != RV_FLOAT64 ||
        values->size != num * history->num_metrics || sums->size != num * history->num_sums)
        return rv_fail(history->context, RV_ERR_CHECKPOINT, "resume: the history in the checkpoint is damaged");
    for (size_t e = 0; !error && e < num; e++)
        error = add(history, (const double *)values->data + e * history->num_metrics,
                    (const double *)sums->data + e * history->num_sums);
    history->num_finished = history->num_epochs;
    return error;
}

void rv_history_clear(rv_history *history)
{
    for (size_t i = 0; i < history->num_epochs; i++) {
        union {
            const rv_metric_value *constant;
            void *memory;
        } items = {history->epochs[i].items};
        rv_free(items.memory);
    }
    rv_free(history->epochs);
    rv_free(history->items);
    rv_free(history->names);
    *history = (rv_history){0};
}
