#include "cli/experiment.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/memory.h"
#include "cli/path.h"
#include "cli/ranks.h"
#include "cli/say.h"

typedef struct experiment_table {
    uint64_t seed;
    int threads;
    node *data, *network, *compiler, *outputs, *training, *callbacks, *validation_callbacks, *run;
} experiment_table;

#define FIELD(name) offsetof(experiment_table, name)

const key experiment_keys[] = {
    {"seed", KEY_SEED, FIELD(seed), .help = "of all randomness; default: RV_SEED, else 0"},
    {"threads", KEY_INT, FIELD(threads), .min = 1,
     .help = "results do not depend on it; default: RV_NUM_THREADS, else all processors"},
    {"data", KEY_NODE, FIELD(data), .required = true, .help = "sets of examples"},
    {"network", KEY_NODE, FIELD(network), .required = true, .help = "populations and connections, or layers"},
    {"compiler", KEY_NODE, FIELD(compiler), .standard = "{}", .help = "how the network runs and learns"},
    {"outputs", KEY_NODE, FIELD(outputs), .standard = "{}",
     .help = "table of output populations; default: those with a readout"},
    {"training", KEY_NODE, FIELD(training), .standard = "{}", .help = "how long, in which order"},
    {"callbacks", KEY_NODE, FIELD(callbacks), .standard = "[batch_progress_bar, checkpoint]",
     .help = "list of callbacks of training"},
    {"validation_callbacks", KEY_NODE, FIELD(validation_callbacks), .standard = "[batch_progress_bar]",
     .help = "list of callbacks of validation, and of 'ranvier evaluate'"},
    {"run", KEY_NODE, FIELD(run), .standard = "{}", .help = "where results go"},
};
const size_t num_experiment_keys = COUNT_OF(experiment_keys);

typedef struct run_table {
    const char *folder;
} run_table;

const key run_keys[] = {
    {"folder", KEY_TEXT, offsetof(run_table, folder),
     .help = "default runs/NAME, NAME being that of the file; where it is taken, NAME-2, NAME-3, ..."},
};
const size_t num_run_keys = COUNT_OF(run_keys);

/* ---- open ---- */

static int read_tree(experiment *e, const char *operand, const options *given)
{
    e->path = path_is_folder(operand) ? path_join(operand, "experiment.yaml") : copy_text(operand);
    e->folder = path_folder(e->path);
    int status = doc_read_file(&e->root, e->path);
    for (size_t i = 0; i < given->num_settings && !status; i++)
        status = doc_set(e->root, &given->settings[i]);
    return status;
}

static int create_context(experiment *e, const experiment_table *table)
{
    const node *seed = node_find(e->root, "seed");
    const rv_context_desc desc = {
        .seed = table->seed,
        .seed_given = seed != NULL,
        .num_threads = table->threads ? table->threads : ranks_default_threads(),
        .log = log_line,
        .log_user = &e->verbose,
    };
    const int rc = rv_context_create(&e->context, &desc);
    if (rc < 0)
        return fault_library(e->root, e->context, rc);
    const int status = ranks_join(e->context);
    if (status)
        return status;
    if (!seed) { /* it may come from the environment: the resolved experiment names it */
        char text[24];
        snprintf(text, sizeof text, "%llu", (unsigned long long)rv_context_seed(e->context));
        node_append(e->root, "seed", node_scalar(text, NULL, 0));
    }
    return STATUS_OK;
}

static int read_run(experiment *e, node *where)
{
    run_table table = {0};
    const int status = schema_read(where, &KEY_PART(run_keys, &table), 1);
    if (!status && !table.folder) {
        char *name = path_stem(e->path), *folder = path_join("runs", name);
        node_put(where, "folder", node_scalar(folder, NULL, 0));
        free(folder);
        free(name);
    }
    const node *folder = node_find(where, "folder");
    e->run_folder = folder ? folder->text : NULL;
    return status;
}

/* The population that data.input names, or the only input. */
static int find_input(experiment *e)
{
    size_t num = 0;
    if (e->data.input) {
        e->input = network_section_population(&e->network, node_find(e->data.where, "input"), e->data.input);
        return e->input ? STATUS_OK : STATUS_FAILED;
    }
    for (size_t i = 0; i < rv_network_num_populations(e->network.network); i++) {
        rv_population *population = rv_network_population(e->network.network, i);
        if (rv_neuron_model_fed(rv_population_neuron(population)->model) != RV_FED_BY_CONNECTIONS) {
            e->input = population;
            num++;
        }
    }
    if (num == 0)
        return fault_at(e->network.where, "the network has no input (SpikeInput, ...) to feed the data into");
    if (num > 1)
        return fault_at(e->data.where, "the network has %zu inputs: data.input must name the one that is fed", num);
    return STATUS_OK;
}

int experiment_open(experiment *out, const char *operand, const options *given)
{
    experiment_table table = {0};
    rv_defaults defaults = RV_CLASS_DEFAULTS;
    *out = (experiment){.verbose = given->verbose};
    int status = read_tree(out, operand, given);
    if (!status)
        status = schema_read(out->root, &KEY_PART(experiment_keys, &table), 1);
    if (!status)
        status = create_context(out, &table);
    if (!status)
        status = compiler_section_defaults(table.compiler, &defaults);
    if (!status)
        status = network_section_read(&out->network, table.network, out->context, defaults, out->folder);
    if (!status)
        status = outputs_section_read(&out->outputs, table.outputs, &out->network, out->context);
    if (!status)
        status = compiler_section_read(&out->compiler, table.compiler, out->context);
    if (!status)
        status = training_section_read(&out->training, table.training);
    if (!status)
        status = read_run(out, table.run);
    if (!status)
        status = data_section_read(&out->data, table.data, out->folder);
    if (!status)
        status = find_input(out);
    out->callbacks_where = table.callbacks;
    out->validation_callbacks_where = table.validation_callbacks;
    return status;
}

int experiment_read_callbacks(experiment *e, const char *folder, const char *prefix)
{
    const int status = callback_list_read(&e->callbacks, e->callbacks_where, &e->network, folder, "");
    if (status)
        return status;
    return callback_list_read(&e->validation_callbacks, e->validation_callbacks_where, &e->network, folder, prefix);
}

void experiment_clear(experiment *e)
{
    callback_list_clear(&e->callbacks);
    callback_list_clear(&e->validation_callbacks);
    rv_compiled_network_free(e->model);
    network_section_clear(&e->network);
    data_section_clear(&e->data);
    rv_context_free(e->context);
    node_free(e->root);
    free(e->folder);
    free(e->path);
    *e = (experiment){0};
}

/* ---- load, compile ---- */

/* Whether a loaded set fits the network. The library checks this too; here the set's line is known. */
static int check_set(const experiment *e, const data_set *set)
{
    const rv_neuron_model *model = rv_population_neuron(e->input)->model;
    const rv_spikes *spikes = set->content.spikes;
    const size_t inputs = spikes ? rv_spikes_num_neurons(spikes) : set->content.num_inputs;
    const size_t neurons = rv_population_size(e->input);
    char path[NODE_PATH_SIZE];
    node_path(set->where, path);
    if ((rv_neuron_model_fed(model) == RV_FED_SPIKES) != (spikes != NULL))
        return fault_at(set->where, "%s: the data are %s, but population '%s' (%s) takes %s", path,
                        spikes ? "spikes" : "values", rv_population_name(e->input), rv_neuron_model_name(model),
                        spikes ? "values: data.encoder: values" : "spikes");
    if (spikes ? inputs != neurons : inputs % neurons != 0) /* values may be several frames */
        return fault_at(set->where, "%s: an example has %zu inputs, but population '%s' has %zu neurons", path, inputs,
                        rv_population_name(e->input), neurons);
    for (size_t i = 0; i < e->outputs.num; i++) {
        const rv_population *output = e->outputs.items[i].population;
        if (set->content.targets && set->content.num_targets != rv_population_size(output))
            return fault_at(set->where, "%s: there are targets for %zu neurons, but population '%s' has %zu", path,
                            set->content.num_targets, rv_population_name(output), rv_population_size(output));
        if ((size_t)set->content.num_classes > rv_population_size(output))
            return fault_at(set->where, "%s: labels go up to %d, but population '%s' has %zu neurons", path,
                            (int)set->content.num_classes - 1, rv_population_name(output), rv_population_size(output));
    }
    return STATUS_OK;
}

int experiment_load(experiment *e, unsigned wanted)
{
    if (e->compiler.auto_steps) /* the same number of steps, whichever set is asked for */
        wanted = (1U << NUM_SETS) - 1;
    int status = data_section_load(&e->data, e->context, wanted);
    for (set_id id = 0; id < NUM_SETS && !status; id++)
        if (e->data.sets[id].content.num_examples)
            status = check_set(e, &e->data.sets[id]);
    return status ? status : compiler_section_settle(&e->compiler, data_section_latest_time(&e->data),
                                                     data_section_target_steps(&e->data));
}

int experiment_compile(experiment *e, bool learn)
{
    return compiler_section_compile(&e->model, &e->compiler, e->network.network, e->context, learn);
}

rv_data experiment_data(const experiment *e, set_id id)
{
    const rv_dataset *content = &e->data.sets[id].content;
    rv_data data = {0};
    if (!content->num_examples)
        return data;
    data.inputs[0] = (rv_input){.population = e->input, .spikes = content->spikes};
    if (!content->spikes) {
        data.inputs[0].values = content->values;
        data.inputs[0].num_values = content->num_examples * content->num_inputs;
    }
    for (size_t i = 0; i < e->outputs.num; i++) {
        data.outputs[i] = e->outputs.items[i];
        data.outputs[i].labels = content->labels;
        data.outputs[i].num_labels = content->labels ? content->num_examples : 0;
        data.outputs[i].targets = content->targets;
        data.outputs[i].num_targets = content->num_examples * content->num_target_steps * content->num_targets;
    }
    return data;
}

rv_train_desc experiment_train_desc(const experiment *e)
{
    return (rv_train_desc){
        .data = experiment_data(e, SET_TRAIN),
        .num_epochs = e->training.num_epochs,
        .start_epoch = e->training.start_epoch,
        .shuffle = e->training.shuffle,
        .callbacks = e->callbacks.items,
        .num_callbacks = e->callbacks.num,
        .no_callbacks = e->callbacks.num == 0,
        .validation = experiment_data(e, SET_VALIDATION),
        .validation_split = e->training.validation_split,
        .validation_split_shuffled = e->training.validation_split_shuffled,
        .validation_callbacks = e->validation_callbacks.items,
        .num_validation_callbacks = e->validation_callbacks.num,
        .no_validation_callbacks = e->validation_callbacks.num == 0,
    };
}

int experiment_fault(const experiment *e, int code)
{
    const node *where = NULL;
    switch (code) {
    case RV_ERR_DATA:
    case RV_ERR_LABEL:
    case RV_ERR_SPIKE:
        where = e->data.where;
        break;
    case RV_ERR_SHAPE:
    case RV_ERR_NETWORK:
        where = e->network.where;
        break;
    case RV_ERR_VALUE:
        where = e->training.where;
        break;
    case RV_ERR_TAPE:
        where = e->compiler.where;
        break;
    case RV_ERR_NAME:
    case RV_ERR_FILTER:
        where = e->callbacks_where;
        break;
    default:
        break;
    }
    return fault_library(where, e->context, code);
}
