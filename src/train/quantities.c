/* Names of what is measured: labels of metrics, quantities that callbacks add, and who monitors what. All of it is
 * settled once every callback has been set up, so that their order in the list does not matter. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "comm/communicator.h"
#include "train/run.h"

struct rv_quantity {
    rv_run *run;
    const char *owner; /* name of the population, or of what else it is about */
    char name[64];     /* "rate", "val_rate" */
    size_t index;  /* of its item */
    rv_quantity *next;
};

struct rv_monitor {
    rv_run *run;
    const char *who; /* of the callback, for messages */
    char name[RV_LABEL_SIZE];
    size_t index; /* of the item it watches */
    rv_monitor *next;
};

static int check_open(const rv_run *run, const char *what)
{
    return run->scores.labels ? rv_fail(run->context, RV_ERR_STATE, "%s can only be added in set_params", what)
                              : RV_OK;
}

int rv_quantity_add_of(rv_quantity **out, rv_run *run, const char *owner, const char *name)
{
    *out = NULL;
    rv_quantity **end = &run->quantities, *quantity;
    char full[sizeof quantity->name];
    const int length = snprintf(full, sizeof full, "%s%s", run->kind == RV_RUN_VALIDATE ? "val_" : "",
                                name ? name : "");
    if (!name || !*name || strchr(name, '.') || length >= (int)sizeof full)
        return rv_fail(run->context, RV_ERR_NAME, "'%s' cannot be the name of a quantity", name ? name : "(null)");
    for (; *end; end = &(*end)->next)
        if (!strcmp((*end)->owner, owner) && !strcmp((*end)->name, full))
            return rv_fail(run->context, RV_ERR_NAME, "quantity '%s.%s' is added twice", owner, full);
    quantity = *end = *out = rv_alloc(run->context, 1, sizeof *quantity, "a quantity");
    if (!quantity)
        return RV_ERR_MEMORY;
    quantity->run = run;
    quantity->owner = owner;
    memcpy(quantity->name, full, sizeof full);
    run->scores.num_added++;
    return RV_OK;
}

int rv_quantity_add(rv_quantity **out, rv_run *run, const rv_population *population, const char *name)
{
    *out = NULL;
    const int error = check_open(run, "quantities");
    if (error)
        return error;
    if (!population || population->network != run->model->network)
        return rv_fail(run->context, RV_ERR_ARGUMENT, "quantity '%s' needs a population of this network",
                       name ? name : "(null)");
    return rv_quantity_add_of(out, run, population->name, name);
}

void rv_quantity_set(rv_quantity *quantity, double value)
{
    quantity->run->scores.items[quantity->index].value = value;
}

int rv_monitor_add(rv_monitor **out, rv_run *run, const char *name)
{
    *out = NULL;
    int error = check_open(run, "monitors");
    if (!error && (!name || !*name || strlen(name) >= RV_LABEL_SIZE))
        error = rv_fail(run->context, RV_ERR_NAME, "a monitor needs the name of a quantity, as 'val_loss'");
    if (error)
        return error;
    rv_monitor **end = &run->monitors;
    while (*end)
        end = &(*end)->next;
    rv_monitor *monitor = *end = *out = rv_alloc(run->context, 1, sizeof *monitor, "a monitor");
    if (!monitor)
        return RV_ERR_MEMORY;
    monitor->run = run;
    monitor->who = run->setting_up;
    snprintf(monitor->name, sizeof monitor->name, "%s", name);
    return RV_OK;
}

double rv_monitor_value(const rv_monitor *monitor)
{
    return monitor->run->scores.items[monitor->index].value;
}

/* ---- once all callbacks are set up ---- */

/* ", name" at the end of text[size], without the comma where it is the first */
static void append(char *text, size_t size, const char *name)
{
    const size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s", used ? ", " : "", name);
}

static bool is_called(const rv_metric_value *item, const char *name)
{
    const size_t length = strlen(item->output);
    return !strcmp(item->label, name) || !strcmp(item->name, name) ||
           (!strncmp(item->output, name, length) && name[length] == '.' && !strcmp(item->name, name + length + 1));
}

static int resolve(rv_monitor *monitor)
{
    const rv_scores *scores = &monitor->run->scores;
    char all[512] = "", found[512] = "";
    size_t num_found = 0;
    for (size_t i = 0; i < scores->num_all; i++) {
        append(all, sizeof all, scores->items[i].label);
        if (!is_called(&scores->items[i], monitor->name))
            continue;
        append(found, sizeof found, scores->items[i].label);
        monitor->index = i;
        num_found++;
    }
    if (num_found == 1)
        return RV_OK;
    return rv_fail(monitor->run->context, RV_ERR_NAME, "%s: nothing %s '%s', expected one of: %s",
                   monitor->who ? monitor->who : "monitor", num_found ? "single is called" : "is called",
                   monitor->name, num_found ? found : all);
}

/* Own ones have the output's name in front where there are several outputs; added ones always have the population's. */
static void set_labels(rv_run *run)
{
    rv_scores *scores = &run->scores;
    const bool several = run->engine->num_targets > 1;
    const size_t num_validated = run->validation ? run->validation->scores.num_all : 0;
    for (size_t i = 0; i < scores->num_all; i++) {
        rv_metric_value *item = &scores->items[i];
        char *label = scores->labels + i * RV_LABEL_SIZE;
        item->label = label;
        if (i >= scores->num_own && i < scores->num_own + num_validated)
            snprintf(label, RV_LABEL_SIZE, "%s", run->validation->scores.items[i - scores->num_own].label);
        else if (i < scores->num_own && !several)
            snprintf(label, RV_LABEL_SIZE, "%s", item->name);
        else
            snprintf(label, RV_LABEL_SIZE, "%s.%s", item->output, item->name);
    }
}

int rv_quantities_settle(rv_run *run)
{
    rv_scores *scores = &run->scores;
    const size_t first = scores->num_all, num = first + scores->num_added;
    rv_metric_value *items = rv_realloc(run->context, scores->items, num, sizeof *items, "metrics");
    if (!items)
        return RV_ERR_MEMORY;
    scores->items = items;
    scores->num_all = num;
    rv_quantity *quantity = run->quantities;
    for (size_t i = first; i < num; i++, quantity = quantity->next) {
        quantity->index = i;
        items[i] =
            (rv_metric_value){.output = quantity->owner, .name = quantity->name, .value = (double)NAN};
    }
    scores->labels = rv_alloc(run->context, num, RV_LABEL_SIZE, "metrics");
    if (!scores->labels)
        return RV_ERR_MEMORY;
    set_labels(run);
    int error = RV_OK;
    for (rv_monitor *monitor = run->monitors; !error && monitor; monitor = monitor->next)
        error = resolve(monitor);
    return error;
}

int rv_quantities_share(rv_run *run)
{
    rv_scores *scores = &run->scores;
    int error = RV_OK;
    for (size_t i = scores->num_all - scores->num_added; !error && i < scores->num_all; i++)
        error = rv_comm_broadcast(run->context, &scores->items[i].value, sizeof scores->items[i].value);
    return error;
}

void rv_quantities_free(rv_run *run)
{
    for (rv_quantity *next, *quantity = run->quantities; quantity; quantity = next) {
        next = quantity->next;
        rv_free(quantity);
    }
    for (rv_monitor *next, *monitor = run->monitors; monitor; monitor = next) {
        next = monitor->next;
        rv_free(monitor);
    }
}
