#include "cli/report.h"

#include <stdlib.h>
#include <string.h>

#include "cli/memory.h"

void report_metrics(const char *set, const rv_metrics *metrics)
{
    for (size_t i = 0; i < metrics->num; i++) {
        const rv_metric_value *m = &metrics->items[i];
        const bool validation = strncmp(m->name, "val_", 4) == 0;
        const int before = (int)(strlen(m->label) - strlen(m->name)); /* "hidden." of "hidden.val_rate" */
        printf("%s %.*s%s: %.4f\n", validation ? "validation" : set, before, m->label,
               validation ? m->name + 4 : m->name, m->value);
    }
}

const char *report_bytes(char text[16], size_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double amount = (double)bytes;
    size_t unit = 0;
    while (amount >= 1000 && unit + 1 < COUNT_OF(units)) {
        amount /= 1000;
        unit++;
    }
    snprintf(text, 16, unit ? "%.1f %s" : "%.0f %s", amount, units[unit]);
    return text;
}

static size_t count_spikes(const rv_spikes *spikes)
{
    size_t sum = 0;
    for (size_t i = 0; i < rv_spikes_num_examples(spikes); i++)
        sum += rv_spikes_count(spikes, i);
    return sum;
}

/* What is asked for: "10 classes", "3 targets in 1000 steps". */
static char *describe_answers(const rv_dataset *set)
{
    if (!set->targets)
        return format_text("%d classes", (int)set->num_classes);
    return format_text("%zu targets in %zu step%s", set->num_targets, set->num_target_steps,
                       set->num_target_steps == 1 ? "" : "s");
}

void report_data(FILE *stream, const experiment *e)
{
    for (set_id id = 0; id < NUM_SETS; id++) {
        const rv_dataset *set = &e->data.sets[id].content;
        char bytes[16];
        char *answers = describe_answers(set);
        if (set->num_examples && !set->spikes)
            fprintf(stream, "%-10s  %zu examples, %zu values each, %s, %s\n", set_name(id), set->num_examples,
                    set->num_inputs, answers,
                    report_bytes(bytes, set->num_examples * set->num_inputs * sizeof *set->values));
        if (set->spikes)
            fprintf(stream, "%-10s  %zu examples, %zu inputs, %s, %.1f spikes an example, the latest at %g ms, %s\n",
                    set_name(id), set->num_examples, rv_spikes_num_neurons(set->spikes), answers,
                    (double)count_spikes(set->spikes) / (double)set->num_examples, rv_spikes_latest_time(set->spikes),
                    report_bytes(bytes, rv_spikes_memory(set->spikes)));
        free(answers);
    }
}

char *report_sizes(const rv_network *network)
{
    char *text = copy_text("");
    for (size_t i = 0; i < rv_network_num_populations(network); i++) {
        char *longer =
            format_text("%s%s%zu", text, i ? "-" : "", rv_population_size(rv_network_population(network, i)));
        free(text);
        text = longer;
    }
    return text;
}
