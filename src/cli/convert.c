/* ranvier convert MODEL: an artificial network becomes a spiking one, as an experiment file and its weights. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/convert_file.h"
#include "cli/data_section.h"
#include "cli/memory.h"
#include "cli/path.h"
#include "cli/program.h"
#include "cli/say.h"

#define NORM_EXAMPLES 1000 /* of the data that scale the layers */

typedef struct conversion {
    rv_context *context;
    node *root;    /* of --data; NULL = none */
    node *data_at; /* its section data */
    data_section data;
    rv_convert_desc desc;
    rv_ann *ann;
    rv_snn *snn;
} conversion;

/* ---- data ---- */

/* The section `data` of an experiment file, or of a file that has nothing else. */
static int read_data(conversion *c, const char *path)
{
    const int status = doc_read_file(&c->root, path);
    if (status)
        return status;
    if (!(c->data_at = node_find(c->root, "data")))
        return fault_at(c->root, "data is missing");
    char *folder = path_folder(path);
    const int read = data_section_read(&c->data, c->data_at, folder);
    free(folder);
    return read;
}

/* The first examples of the training set, or of the test set where there is none, by whose activations layers are
 * scaled. */
static int load_norm_values(conversion *c)
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
    c->desc.norm_values = set->content.values;
    c->desc.num_norm_values = set->content.num_examples * set->content.num_inputs;
    return STATUS_OK;
}

/* Whether the data's examples are the model's input, with its channels last. */
static int check_shape(const conversion *c)
{
    const data_set *set = &c->data.sets[c->data.sets[SET_TRAIN].where ? SET_TRAIN : SET_TEST];
    const size_t *is = set->content.shape, *model = c->ann->shape, size = rv_ann_size(model);
    if (set->content.num_inputs != size)
        return fault_at(set->where, "an example has %zu values, the model takes %zu", set->content.num_inputs, size);
    if (c->ann->channels_first && model[2] > 1 && is[2] && memcmp(is, model, 3 * sizeof *is) != 0)
        return fault_at(set->where,
                        "images are (%zu, %zu, %zu), and must be (height, width, channels), here (%zu, %zu, %zu): "
                        "data.encoder.channels_first: true turns those around that the model was made for",
                        is[0], is[1], is[2], model[0], model[1], model[2]);
    return STATUS_OK;
}

/* ---- the command line ---- */

/* "few-spike" of (num) texts; -1 if it is none of them. */
static int choose(const char *given, const char *const *texts, int num)
{
    for (int i = 0; i < num; i++)
        if (strcmp(given, texts[i]) == 0)
            return i;
    return -1;
}

static bool is_count(const char *text, size_t *out)
{
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    *out = (size_t)number;
    return *text >= '0' && *text <= '9' && !*end && !errno && number >= 1 && number <= 1000000;
}

static bool is_number(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && !*end;
}

static int take_options(rv_convert_desc *desc, const options *given)
{
    static const char *const kinds[] = {"few-spike", "if"}, *const inputs[] = {"integrate-fire", "poisson", "binary"};
    const int to = given->to ? choose(given->to, kinds, 2) : -1;
    const int input = given->input ? choose(given->input, inputs, 3) : 0;
    size_t timesteps;
    if (!given->operand || !given->out)
        return fault_usage("convert", "convert needs MODEL and --out DIR");
    if (to < 0)
        return fault_usage("convert", "--to must be few-spike or if");
    if (input < 0 || (given->input && to == RV_CONVERT_FEW_SPIKE))
        return fault_usage("convert", "--input must be integrate-fire, poisson or binary, and needs --to if");
    if (given->norm && (strcmp(given->norm, "data") != 0 || !given->data))
        return fault_usage("convert", "--norm must be data, and needs --data FILE");
    if (given->timesteps && (to == RV_CONVERT_FEW_SPIKE || !is_count(given->timesteps, &timesteps)))
        return fault_usage("convert", "--timesteps must be a whole number, and needs --to if");
    if (given->k && (to != RV_CONVERT_FEW_SPIKE || !is_count(given->k, &desc->k)))
        return fault_usage("convert", "--k must be a whole number, and needs --to few-spike");
    if (given->alpha && (to != RV_CONVERT_FEW_SPIKE || !is_number(given->alpha, &desc->alpha)))
        return fault_usage("convert", "--alpha must be a number, and needs --to few-spike");
    desc->to = (rv_conversion)to;
    desc->input = (rv_convert_input)input;
    desc->signed_input = given->signed_input;
    return STATUS_OK;
}

static int run_conversion(conversion *c, const options *given)
{
    int rc = rv_context_create(&c->context, NULL), status = STATUS_OK;
    if (rc < 0)
        return fault_library(NULL, c->context, rc);
    if (given->data)
        status = read_data(c, given->data);
    if (!status && given->norm)
        status = load_norm_values(c);
    if (status)
        return status;
    rc = rv_snn_read(&c->snn, &c->ann, c->context, given->operand, &c->desc);
    if (c->ann && c->desc.norm_values) /* says more than the library about data that do not fit */
        status = check_shape(c);
    if (!status && rc < 0)
        status = fault_library(NULL, c->context, rc);
    const converted_file file = {
        .folder = given->out, .model = given->operand, .data = c->data_at, .timesteps = given->timesteps};
    return status ? status : converted_file_write(c->context, c->snn, &file);
}

static int convert(const options *given)
{
    conversion c = {0};
    int status = take_options(&c.desc, given);
    if (!status)
        status = run_conversion(&c, given);
    rv_snn_free(c.snn);
    rv_ann_free(c.ann);
    data_section_clear(&c.data);
    node_free(c.root);
    rv_context_free(c.context);
    return status;
}

static const option convert_options[] = {
    {.name = "to",
     .argument = "KIND",
     .kind = OPTION_TEXT,
     .offset = offsetof(options, to),
     .help = "few-spike, or if: integrate-and-fire"},
    {.name = "out",
     .letter = 'o',
     .argument = "DIR",
     .kind = OPTION_TEXT,
     .offset = offsetof(options, out),
     .help = "folder for model.yaml and its weights"},
    {.name = "data",
     .argument = "FILE",
     .kind = OPTION_TEXT,
     .offset = offsetof(options, data),
     .help = "experiment file whose section data goes into model.yaml"},
    {.name = "norm",
     .argument = "data",
     .kind = OPTION_TEXT,
     .offset = offsetof(options, norm),
     .help = "scale layers by their largest activations over the\nfirst 1000 examples of that data"},
    {.name = "signed-input",
     .offset = offsetof(options, signed_input),
     .help = "data may be negative (if: with --input poisson or binary)"},
    {.name = "k",
     .argument = "N",
     .kind = OPTION_TEXT,
     .offset = offsetof(options, k),
     .help = "few-spike: binary digits of an activation; default 12"},
    {.name = "alpha",
     .argument = "A",
     .kind = OPTION_TEXT,
     .offset = offsetof(options, alpha),
     .help = "few-spike without --norm: size of an activation; default 25"},
    {.name = "timesteps",
     .argument = "N",
     .kind = OPTION_TEXT,
     .offset = offsetof(options, timesteps),
     .help = "if: of an example; default 300"},
    {.name = "input",
     .argument = "KIND",
     .kind = OPTION_TEXT,
     .offset = offsetof(options, input),
     .help = "if: integrate-fire (default), poisson or binary"},
    OPTION_ROW_QUIET,
    OPTION_ROW_HELP,
};

const command convert_command = {
    .name = "convert",
    .operand = "MODEL",
    .summary = "turn a Keras model into a spiking network",
    .description = "Writes DIR/model.yaml, an experiment file, and its weights: a Sequential or Functional\n"
                   "model of Keras (.h5 or .keras) as few-spike or integrate-and-fire neurons. 'ranvier\n"
                   "evaluate DIR/model.yaml' runs it.",
    .options = convert_options,
    .num_options = sizeof convert_options / sizeof convert_options[0],
    .run = convert,
};
