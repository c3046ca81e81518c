/* ranvier data FILE --out DIR: the data sets of an experiment as spikes in NumPy files, which training maps instead of
 * reading them (docs/data.md). */
#include "cli/program.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/experiment.h"
#include "cli/path.h"
#include "cli/say.h"
#include "store/folder.h"

static const char *const parts[] = {"times", "ids", "offsets", "labels"};
#define NUM_PARTS (sizeof parts / sizeof parts[0])

/* "DIR/train-times.npy" */
static char *make_path(const char *folder, set_id id, const char *part)
{
    char name[64];
    snprintf(name, sizeof name, "%s-%s.npy", set_name(id), part);
    return path_join(folder, name);
}

static int check_set(const data_set *set)
{
    char path[NODE_PATH_SIZE];
    node_path(set->where, path);
    if (!set->content.spikes)
        return fault_at(set->where, "%s: the data are values, and data.encoder makes no spikes of them", path);
    if (set->content.targets)
        return fault_at(set->where, "%s: files of spikes hold labels, but no targets", path);
    return STATUS_OK;
}

static int write_set(const experiment *e, set_id id, const char *folder)
{
    const data_set *set = &e->data.sets[id];
    char *paths[NUM_PARTS];
    for (size_t i = 0; i < NUM_PARTS; i++)
        paths[i] = make_path(folder, id, parts[i]);
    const int rc = rv_write_spike_files(&set->content, e->context,
                                        &(rv_spike_files){.times = paths[0],
                                                          .ids = paths[1],
                                                          .offsets = paths[2],
                                                          .labels = paths[3],
                                                          .num_neurons = rv_spikes_num_neurons(set->content.spikes)});
    for (size_t i = 0; i < NUM_PARTS; i++)
        free(paths[i]);
    return rc < 0 ? experiment_fault(e, rc) : STATUS_OK;
}

/* The section `data` that reads the files. */
static void print_section(const experiment *e, const char *folder)
{
    char *root = path_absolute(folder);
    printf("data:\n  root: %s\n", root);
    free(root);
    if (e->data.input)
        printf("  input: %s\n", e->data.input);
    for (set_id id = 0; id < NUM_SETS; id++) {
        if (!e->data.sets[id].where)
            continue;
        printf("  %s:\n    type: spike_files\n    num_neurons: %zu\n", set_name(id),
               rv_spikes_num_neurons(e->data.sets[id].content.spikes));
        for (size_t i = 0; i < NUM_PARTS; i++)
            printf("    %s: %s-%s.npy\n", parts[i], set_name(id), parts[i]);
    }
}

static int data(const options *given)
{
    experiment e = {0};
    if (!given->operand || !given->out)
        return fault_usage("data", "data needs FILE and --out DIR");
    int status = experiment_open(&e, given->operand, given);
    if (!status)
        status = experiment_load(&e, 1U << SET_TRAIN | 1U << SET_VALIDATION | 1U << SET_TEST);
    for (set_id id = 0; id < NUM_SETS && !status; id++)
        if (e.data.sets[id].where)
            status = check_set(&e.data.sets[id]);
    if (!status) {
        const int rc = rv_folder_make(e.context, given->out);
        status = rc < 0 ? experiment_fault(&e, rc) : STATUS_OK;
    }
    for (set_id id = 0; id < NUM_SETS && !status; id++)
        if (e.data.sets[id].where)
            status = write_set(&e, id, given->out);
    if (!status)
        print_section(&e, given->out);
    experiment_clear(&e);
    return status;
}

static const option data_options[] = {
    {.name = "out",
     .letter = 'o',
     .argument = "DIR",
     .kind = OPTION_TEXT,
     .offset = offsetof(options, out),
     .help = "folder for the files, made where it is missing"},
    OPTION_ROW_SET,
    OPTION_ROW_SEED,
    OPTION_ROW_VERBOSE,
    OPTION_ROW_HELP,
};

const command data_command = {
    .name = "data",
    .operand = "FILE",
    .summary = "write the data sets of an experiment as spikes in NumPy files",
    .description = "Reads and encodes the data sets of an experiment, writes their spikes to NumPy files, and\n"
                   "prints the section 'data' that reads them (type 'spike_files'). Such files are mapped, and\n"
                   "may be larger than memory.",
    .options = data_options,
    .num_options = sizeof data_options / sizeof data_options[0],
    .run = data,
};
