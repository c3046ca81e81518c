/* Losses and metrics of an epoch: means over its examples, summed in the order of presentation. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "outputs/model.h"
#include "train/run.h"

#define NAME_SIZE (RV_REPORT_SIZE + sizeof "val_")

static size_t size_of(const rv_engine *engine, const rv_target *target)
{
    return engine->model->populations[target->population].n;
}

static void count_own(rv_scores *scores, const rv_engine *engine)
{
    for (int o = 0; o < engine->num_targets; o++) {
        const rv_target *target = &engine->targets[o];
        scores->num_own += 1 + (size_t)target->num_metrics;
        scores->num_sums++;
        for (int m = 0; m < target->num_metrics; m++)
            scores->num_sums += rv_metric_num_sums(&target->metrics[m], size_of(engine, target));
    }
}

/* "loss", "accuracy", with prefix "val_" in a validation */
static rv_metric_value *set_item(rv_scores *scores, size_t i, const char *output, const char *prefix, const char *name)
{
    char *text = scores->names + i * NAME_SIZE;
    snprintf(text, NAME_SIZE, "%s%s", prefix, name);
    scores->items[i] = (rv_metric_value){.output = output, .name = text, .value = (double)NAN};
    return &scores->items[i];
}

static void set_items(rv_run *run, const char *prefix)
{
    const rv_engine *engine = run->engine;
    rv_scores *scores = &run->scores;
    double *sums = scores->sums;
    size_t i = 0;
    for (int o = 0; o < engine->num_targets; o++) {
        const rv_target *target = &engine->targets[o];
        const char *output = run->model->populations[target->population].population->name;
        set_item(scores, i++, output, prefix, "loss");
        sums++;
        for (int m = 0; m < target->num_metrics; m++) {
            char report[RV_REPORT_SIZE];
            const size_t num = rv_metric_num_sums(&target->metrics[m], size_of(engine, target));
            rv_metric_report(&target->metrics[m], report);
            rv_metric_value *item = set_item(scores, i++, output, prefix, report);
            if (target->metrics[m].model->num_sums) {
                item->sums = sums;
                item->num_sums = num;
            }
            sums += num;
        }
    }
    for (size_t k = 0; i < scores->num_all; i++, k++) {
        const rv_metric_value *item = &run->validation->scores.items[k];
        rv_metric_value *copy = set_item(scores, i, item->output, "", item->name);
        copy->sums = item->sums;
        copy->num_sums = item->num_sums;
    }
}

int rv_scores_create(rv_run *run)
{
    rv_scores *scores = &run->scores;
    count_own(scores, run->engine);
    scores->num_all = scores->num_own + (run->validation ? run->validation->scores.num_all : 0);
    scores->items = rv_alloc(run->context, scores->num_all, sizeof *scores->items, "metrics");
    scores->sums = rv_alloc(run->context, scores->num_sums, sizeof *scores->sums, "metrics");
    scores->names = rv_alloc(run->context, scores->num_all, NAME_SIZE, "metrics");
    if (!scores->items || !scores->sums || !scores->names)
        return RV_ERR_MEMORY;
    set_items(run, run->kind == RV_RUN_VALIDATE ? "val_" : "");
    return RV_OK;
}

void rv_scores_clear(rv_scores *scores)
{
    rv_free(scores->items);
    rv_free(scores->sums);
    rv_free(scores->names);
    rv_free(scores->labels);
    *scores = (rv_scores){0};
}

void rv_scores_reset(rv_scores *scores)
{
    scores->count = 0;
    for (size_t i = 0; i < scores->num_sums; i++)
        scores->sums[i] = 0;
    for (size_t i = 0; i < scores->num_all; i++)
        scores->items[i].value = (double)NAN;
}

/* Adds what one example left of a metric; returns the sums of the next. */
static double *add_metric(const rv_metric *metric, size_t n, double *sums, const double *values)
{
    if (metric->model->add)
        metric->model->add(sums, values, n, metric->param);
    else
        sums[0] += values[0];
    return sums + rv_metric_num_sums(metric, n);
}

static void add_example(rv_scores *scores, const rv_engine *engine, const rv_example *example)
{
    double *sums = scores->sums;
    for (int o = 0; o < engine->num_targets; o++) {
        const rv_target *target = &engine->targets[o];
        const double *left = example->scores + (size_t)o * RV_SCORES;
        *sums++ += left[0];
        for (int m = 0; m < target->num_metrics; m++)
            sums = add_metric(&target->metrics[m], size_of(engine, target), sums, left + 1 + m * RV_MAX_METRIC_VALUES);
    }
}

void rv_scores_add(rv_run *run)
{
    rv_scores *scores = &run->scores;
    const rv_engine *engine = run->engine;
    for (size_t e = 0; e < run->batch_count; e++)
        add_example(scores, engine, &engine->examples[e]);
    scores->count += run->batch_count;
    const double *sums = scores->sums;
    rv_metric_value *item = scores->items;
    for (int o = 0; o < engine->num_targets; o++) {
        const rv_target *target = &engine->targets[o];
        const size_t n = size_of(engine, target);
        item++->value = *sums++ / (double)scores->count;
        for (int m = 0; m < target->num_metrics; m++) {
            const rv_metric *metric = &target->metrics[m];
            item++->value = metric->model->result ? metric->model->result(sums, n, metric->param)
                                                  : sums[0] / (double)scores->count;
            sums += rv_metric_num_sums(metric, n);
        }
    }
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
