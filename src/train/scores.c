/* Losses and metrics of an epoch: means over its examples, summed in the order of presentation. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "train/run.h"

static size_t count_own(const rv_engine *engine)
{
    size_t num = 0;
    for (int o = 0; o < engine->num_targets; o++)
        num += 1 + (size_t)engine->targets[o].num_metrics;
    return num;
}

#define NAME_SIZE 64

/* "loss", "accuracy", with prefix "val_" in a validation */
static void set_item(rv_scores *scores, size_t i, const char *output, const char *prefix, const char *name)
{
    char *text = scores->names + i * NAME_SIZE;
    snprintf(text, NAME_SIZE, "%s%s", prefix, name);
    scores->items[i] = (rv_metric_value){output, text, NAN};
}

int rv_scores_create(rv_run *run)
{
    rv_scores *scores = &run->scores;
    const rv_engine *engine = run->engine;
    const char *prefix = run->kind == RV_RUN_VALIDATE ? "val_" : "";
    scores->num_own = count_own(engine);
    scores->num_all = scores->num_own + (run->validation ? run->validation->scores.num_own : 0);
    scores->items = rv_alloc(run->context, scores->num_all, sizeof *scores->items, "metrics");
    scores->sums = rv_alloc(run->context, scores->num_own, sizeof *scores->sums, "metrics");
    scores->names = rv_alloc(run->context, scores->num_all, NAME_SIZE, "metrics");
    if (!scores->items || !scores->sums || !scores->names)
        return RV_ERR_MEMORY;
    size_t i = 0;
    for (int o = 0; o < engine->num_targets; o++) {
        const char *output = run->model->populations[engine->targets[o].population].population->name;
        set_item(scores, i++, output, prefix, "loss");
        for (int m = 0; m < engine->targets[o].num_metrics; m++)
            set_item(scores, i++, output, prefix, engine->targets[o].metrics[m]->report);
    }
    for (size_t k = 0; i < scores->num_all; i++, k++) {
        const rv_metric_value *item = &run->validation->scores.items[k];
        set_item(scores, i, item->output, "", item->name);
    }
    return RV_OK;
}

void rv_scores_clear(rv_scores *scores)
{
    rv_free(scores->items);
    rv_free(scores->sums);
    rv_free(scores->names);
    *scores = (rv_scores){0};
}

void rv_scores_reset(rv_scores *scores)
{
    scores->count = 0;
    for (size_t i = 0; i < scores->num_own; i++)
        scores->sums[i] = 0;
    for (size_t i = 0; i < scores->num_all; i++)
        scores->items[i].value = NAN;
}

void rv_scores_add(rv_run *run)
{
    rv_scores *scores = &run->scores;
    const rv_engine *engine = run->engine;
    for (size_t e = 0; e < run->batch_count; e++) {
        const rv_example *example = &engine->examples[e];
        size_t i = 0;
        for (int o = 0; o < engine->num_targets; o++) {
            scores->sums[i++] += example->losses[o];
            for (int m = 0; m < engine->targets[o].num_metrics; m++)
                scores->sums[i++] += example->metrics[o * RV_MAX_TARGET_METRICS + m];
        }
    }
    scores->count += run->batch_count;
    for (size_t i = 0; i < scores->num_own; i++)
        scores->items[i].value = scores->sums[i] / (double)scores->count;
}

int rv_metrics_get(const rv_metrics *metrics, const char *name, double *value)
{
    for (size_t i = 0; metrics && i < metrics->num; i++) {
        const rv_metric_value *item = &metrics->items[i];
        const size_t length = strlen(item->output);
        if (!strcmp(item->name, name) ||
            (!strncmp(name, item->output, length) && name[length] == '.' && !strcmp(name + length + 1, item->name))) {
            *value = item->value;
            return RV_OK;
        }
    }
    return RV_ERR_NAME;
}
