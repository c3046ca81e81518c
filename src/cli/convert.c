/* ranvier convert MODEL: an artificial network becomes a spiking one, as an experiment file and its weights. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/data_section.h"
#include "cli/memory.h"
#include "cli/path.h"
#include "cli/program.h"
#include "cli/say.h"
#include "convert/snn.h"

#define NORM_EXAMPLES 1000 /* of the data that scale the layers */
#define FEW_SPIKE_K 12
#define IF_TIMESTEPS 300

typedef struct conversion {
    rv_context *context;
    const char *folder; /* --out */
    node *root;         /* of --data; NULL = none */
    data_section data;
    rv_ann *ann;
    rv_snn *snn;
    FILE *file;
} conversion;

/* ---- data ---- */

static const key experiment_data[] = {{"data", KEY_NODE, 0, .required = true, .help = "sets of examples"}};

/* The section `data` of an experiment file, or of a file that has nothing else. */
static int read_data(conversion *c, const char *path)
{
    node *where = NULL;
    int status = doc_read_file(&c->root, path);
    if (!status && !(where = node_find(c->root, experiment_data[0].name)))
        return fault_at(c->root, "data is missing");
    char *folder = path_folder(path);
    if (!status)
        status = data_section_read(&c->data, where, folder);
    free(folder);
    return status;
}

/* Largest activations over the training set, or the test set where there is none. */
static int find_norms(conversion *c, double *norms)
{
    const set_id id = c->data.sets[SET_TRAIN].where ? SET_TRAIN : SET_TEST;
    data_set *set = &c->data.sets[id];
    if (!set->where)
        return fault_at(c->root, "--norm data needs data.train or data.test");
    if (set->limit == 0 || set->limit > NORM_EXAMPLES)
        set->limit = NORM_EXAMPLES;
    const int status = data_section_load(&c->data, c->context, 1U << id);
    if (status)
        return status;
    if (set->content.spikes)
        return fault_at(set->where, "a conversion needs values: data.encoder: values");
    if (set->content.num_inputs != rv_ann_size(c->ann->shape))
        return fault_at(set->where, "an example has %zu values, the model takes %zu", set->content.num_inputs,
                        rv_ann_size(c->ann->shape));
    const int rc = rv_ann_norms(norms, c->ann, set->content.values, set->content.num_examples);
    return rc < 0 ? fault_library(NULL, c->context, rc) : STATUS_OK;
}

/* ---- the file ---- */

static int write_array(conversion *c, const char *name, rv_dtype type, const void *data, size_t size)
{
    char *path = format_text("%s/%s.npy", c->folder, name);
    const rv_ndarray array = {
        .dtype = type, .num_dims = 1, .shape = {size}, .size = size, .data = (void *)(uintptr_t)data};
    const int rc = rv_npy_write(c->context, path, &array);
    free(path);
    return rc < 0 ? fault_library(NULL, c->context, rc) : STATUS_OK;
}

static void write_neuron(conversion *c, const rv_snn_population *p)
{
    const char *input = p->is_input ? "_input" : "";
    fprintf(c->file, "      neuron:\n");
    if (c->snn->kind == RV_SNN_FEW_SPIKE)
        fprintf(c->file, "        type: few_spike_relu%s\n        k: %d\n        alpha: %.17g\n", input, FEW_SPIKE_K,
                p->alpha);
    else /* an output adds up, and never spikes */
        fprintf(c->file, "        type: integrate_fire%s\n        v_thresh: %s\n        relative_reset: true\n", input,
                p->is_output ? "1e30" : "1");
    if (p->is_output)
        fprintf(c->file, "        readout: var\n");
}

static int write_population(conversion *c, const rv_snn_population *p)
{
    fprintf(c->file, "    \"%s\":\n      shape: [%zu, %zu, %zu]\n", p->name, p->shape[0], p->shape[1], p->shape[2]);
    write_neuron(c, p);
    if (!p->bias)
        return STATUS_OK;
    char *name = format_text("%s-bias", p->name);
    const int status = write_array(c, name, RV_FLOAT32, p->bias, rv_ann_size(p->shape));
    fprintf(c->file, "        bias: {npy: \"%s.npy\"}\n", name);
    free(name);
    return status;
}

static void write_layer(FILE *file, const rv_ann_layer *l)
{
    if (l->kind == RV_ANN_DENSE)
        fprintf(file, "        type: dense\n");
    else if (l->kind == RV_ANN_CONV2D)
        fprintf(file,
                "        type: conv2d\n        filters: %zu\n        conv_size: [%zu, %zu]\n"
                "        conv_strides: [%zu, %zu]\n        conv_padding: %s\n",
                l->out[2], l->size[0], l->size[1], l->strides[0], l->strides[1], l->same ? "same" : "valid");
    else
        fprintf(file, "        type: avg_pool2d\n        pool_size: [%zu, %zu]\n        pool_strides: [%zu, %zu]\n",
                l->size[0], l->size[1], l->strides[0], l->strides[1]);
}

static int write_connection(conversion *c, const rv_snn_connection *connection)
{
    const char *source = c->snn->populations[connection->source].name;
    const char *target = c->snn->populations[connection->target].name;
    char *stem = format_text("%s-%s", source, target), *name = format_text("%s-g", stem);
    int status = STATUS_OK;
    fprintf(c->file, "    - source: \"%s\"\n      target: \"%s\"\n      connectivity:\n", source, target);
    if (connection->layer) {
        write_layer(c->file, connection->layer);
    } else {
        char *pre = format_text("%s-pre_ind", stem), *post = format_text("%s-post_ind", stem);
        fprintf(c->file, "        type: sparse\n        pre_ind: {npy: \"%s.npy\"}\n        post_ind: {npy: \"%s.npy\"}\n",
                pre, post);
        status = write_array(c, pre, RV_UINT32, connection->pre_ind, connection->num_weights);
        if (!status)
            status = write_array(c, post, RV_UINT32, connection->post_ind, connection->num_weights);
        free(post);
        free(pre);
    }
    if (!status && connection->num_weights) {
        fprintf(c->file, "        weight: {npy: \"%s.npy\"}\n", name);
        status = write_array(c, name, RV_FLOAT32, connection->weight, connection->num_weights);
    }
    free(name);
    free(stem);
    return status;
}

static int write_experiment(conversion *c, const char *model)
{
    int status = STATUS_OK;
    fprintf(c->file, "# Converted from %s.\n\n", model);
    if (c->root) {
        node *data = node_create(NODE_TABLE, NULL, 0), *section = node_find(c->root, "data");
        data->first = data->last = section; /* shown without its siblings */
        node *next = section->next;
        section->next = NULL;
        if (!doc_write(c->file, data))
            status = fault("cannot write the section data");
        section->next = next;
        data->first = data->last = NULL;
        node_free(data);
    } else {
        fputs("# Say here what to evaluate on: root, encoder, test.\ndata: {encoder: {type: values, scale: 1}}\n", c->file);
    }
    fputs("\nnetwork:\n  populations:\n", c->file);
    for (size_t i = 0; i < c->snn->num_populations && !status; i++)
        status = write_population(c, &c->snn->populations[i]);
    fputs("  connections:\n", c->file);
    for (size_t i = 0; i < c->snn->num_connections && !status; i++)
        status = write_connection(c, &c->snn->connections[i]);
    if (c->snn->kind == RV_SNN_FEW_SPIKE)
        fprintf(c->file, "\ncompiler: {type: few_spike, k: %d, batch_size: 64}\n", FEW_SPIKE_K);
    else
        fprintf(c->file, "\ncompiler: {type: inference, example_timesteps: %d, batch_size: 64}\n", IF_TIMESTEPS);
    return status;
}

static int write_all(conversion *c, const char *model)
{
    if (mkdir(c->folder, 0777) && errno != EEXIST)
        return fault("cannot make the folder '%s': %s", c->folder, strerror(errno));
    char *path = format_text("%s/model.yaml", c->folder);
    c->file = fopen(path, "w");
    int status = c->file ? write_experiment(c, model) : fault("cannot write '%s': %s", path, strerror(errno));
    if (c->file && (ferror(c->file) | fclose(c->file)) && !status)
        status = fault("cannot write '%s': %s", path, strerror(errno));
    if (!status)
        note("%zu populations in %s", c->snn->num_populations, path);
    free(path);
    return status;
}

static int run_conversion(conversion *c, const options *given, rv_snn_kind kind)
{
    double *norms = NULL;
    int rc = rv_context_create(&c->context, NULL);
    if (rc >= 0)
        rc = rv_keras_read(&c->ann, c->context, given->operand);
    int status = rc < 0 ? fault_library(NULL, c->context, rc) : STATUS_OK;
    if (!status && given->data)
        status = read_data(c, given->data);
    if (!status && given->norm) {
        norms = make(c->ann->num_layers + 1, sizeof *norms);
        status = find_norms(c, norms);
    }
    if (!status && (rc = rv_snn_convert(&c->snn, c->ann, kind, norms)) < 0)
        status = fault_library(NULL, c->context, rc);
    free(norms);
    return status ? status : write_all(c, given->operand);
}

static int convert(const options *given)
{
    conversion c = {.folder = given->out};
    const bool few_spike = given->to && strcmp(given->to, "few-spike") == 0;
    if (!given->operand || !given->out)
        return fault_usage("convert", "convert needs MODEL and --out DIR");
    if (!few_spike && (!given->to || strcmp(given->to, "if") != 0))
        return fault_usage("convert", "--to must be few-spike or if");
    if (given->norm && (strcmp(given->norm, "data") != 0 || !given->data))
        return fault_usage("convert", "--norm must be data, and needs --data FILE");
    const int status = run_conversion(&c, given, few_spike ? RV_SNN_FEW_SPIKE : RV_SNN_IF);
    data_section_clear(&c.data);
    node_free(c.root);
    rv_snn_free(c.snn);
    rv_ann_free(c.ann);
    rv_context_free(c.context);
    return status;
}

static const option convert_options[] = {
    {.name = "to", .argument = "KIND", .kind = OPTION_TEXT, .offset = offsetof(options, to),
     .help = "few-spike, or if: integrate-and-fire"},
    {.name = "out", .letter = 'o', .argument = "DIR", .kind = OPTION_TEXT, .offset = offsetof(options, out),
     .help = "folder for model.yaml and its weights"},
    {.name = "data", .argument = "FILE", .kind = OPTION_TEXT, .offset = offsetof(options, data),
     .help = "experiment file whose section data goes into model.yaml"},
    {.name = "norm", .argument = "data", .kind = OPTION_TEXT, .offset = offsetof(options, norm),
     .help = "scale layers by their largest activations over the\nfirst 1000 examples of that data"},
    OPTION_ROW_QUIET,
    OPTION_ROW_HELP,
};

const command convert_command = {
    .name = "convert",
    .operand = "MODEL",
    .summary = "turn a Keras model into a spiking network",
    .description = "Writes DIR/model.yaml, an experiment file, and its weights: a Sequential model of Keras\n"
                   "(.h5 or .keras) as few-spike or integrate-and-fire neurons. 'ranvier evaluate\n"
                   "DIR/model.yaml' runs it.",
    .options = convert_options,
    .num_options = sizeof convert_options / sizeof convert_options[0],
    .run = convert,
};
