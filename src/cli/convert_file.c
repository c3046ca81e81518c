/* A converted network as a folder: model.yaml, an experiment file, and its arrays beside it. */
#include "cli/convert_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/doc.h"
#include "cli/memory.h"
#include "cli/path.h"
#include "cli/say.h"

#define IF_TIMESTEPS "300"

typedef struct writer {
    rv_context *context;
    const rv_snn *snn;
    const char *folder;
    FILE *file; /* model.yaml */
} writer;

static int write_array(const writer *w, const char *name, rv_dtype type, const void *data, size_t size)
{
    char *path = format_text("%s/%s.npy", w->folder, name);
    const rv_ndarray array = {
        .dtype = type, .num_dims = 1, .shape = {size}, .size = size, .data = (void *)(uintptr_t)data};
    const int rc = rv_npy_write(w->context, path, &array);
    free(path);
    return rc < 0 ? fault_library(NULL, w->context, rc) : STATUS_OK;
}

/* Names of layers may hold slashes; names of files may not. */
static char *file_name(const char *name, const char *suffix)
{
    char *text = format_text("%s%s", name, suffix);
    for (char *c = text; *c; c++)
        if (*c == '/')
            *c = '.';
    return text;
}

/* ---- populations ---- */

static void write_input(const writer *w, const rv_snn_population *p)
{
    static const char *const inputs[] = {"integrate_fire_input", "poisson_input", "binary_spike_input"};
    const rv_convert_desc *desc = &w->snn->desc;
    const bool few_spike = desc->to == RV_CONVERT_FEW_SPIKE;
    fprintf(w->file, "        type: %s\n", few_spike ? "few_spike_relu_input" : inputs[desc->input]);
    if (few_spike)
        fprintf(w->file, "        k: %zu\n        alpha: %.17g\n", desc->k, p->alpha);
    else if (desc->input == RV_CONVERT_INPUT_INTEGRATE_FIRE)
        fprintf(w->file, "        v_thresh: %.17g\n        relative_reset: true\n", p->alpha);
    if (desc->signed_input)
        fprintf(w->file, "        %s: true\n", few_spike ? "signed_input" : "signed_spikes");
}

static int write_population(const writer *w, const rv_snn_population *p)
{
    fprintf(w->file, "    \"%s\":\n      shape: [%zu, %zu, %zu]\n      neuron:\n", p->name, p->shape[0], p->shape[1],
            p->shape[2]);
    if (p->is_input)
        write_input(w, p);
    else if (w->snn->desc.to == RV_CONVERT_FEW_SPIKE)
        fprintf(w->file, "        type: few_spike_relu\n        k: %zu\n        alpha: %.17g\n", w->snn->desc.k,
                p->alpha);
    else
        fprintf(w->file, "        type: integrate_fire\n        v_thresh: %g\n        relative_reset: true\n",
                p->is_output ? RV_SNN_NEVER : 1);
    if (p->is_output)
        fprintf(w->file, "        readout: var\n");
    if (!p->bias)
        return STATUS_OK;
    char *name = file_name(p->name, "-bias");
    const int status = write_array(w, name, RV_FLOAT32, p->bias, rv_ann_size(p->shape));
    fprintf(w->file, "        bias: {npy: \"%s.npy\"}\n", name);
    free(name);
    return status;
}

/* ---- connections ---- */

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

/* One array of a connection, and the line that names it. */
static int write_connection_array(const writer *w, const rv_snn_connection *c, const char *key, const char *suffix,
                                  rv_dtype type, const void *data)
{
    char *name = file_name(c->name, suffix);
    const int status = write_array(w, name, type, data, c->num_weights);
    fprintf(w->file, "        %s: {npy: \"%s.npy\"}\n", key, name);
    free(name);
    return status;
}

static int write_connection(const writer *w, const rv_snn_connection *c)
{
    int status = STATUS_OK;
    fprintf(w->file, "    - name: \"%s\"\n      source: \"%s\"\n      target: \"%s\"\n      connectivity:\n", c->name,
            w->snn->populations[c->source].name, w->snn->populations[c->target].name);
    if (c->layer) {
        write_layer(w->file, c->layer);
    } else {
        fprintf(w->file, "        type: sparse\n");
        status = write_connection_array(w, c, "pre_ind", "-pre_ind", RV_UINT32, c->pre_ind);
        if (!status)
            status = write_connection_array(w, c, "post_ind", "-post_ind", RV_UINT32, c->post_ind);
    }
    if (!status && c->num_weights)
        status = write_connection_array(w, c, "weight", "-g", RV_FLOAT32, c->weight);
    return status;
}

/* ---- the file ---- */

/* The section `data`, shown without its siblings. */
static int write_data(FILE *file, node *section)
{
    node *alone = node_create(NODE_TABLE, NULL, 0), *next = section->next;
    alone->first = alone->last = section;
    section->next = NULL;
    const bool good = doc_write(file, alone);
    section->next = next;
    alone->first = alone->last = NULL;
    node_free(alone);
    return good ? STATUS_OK : fault("cannot write the section data");
}

static int write_experiment(const writer *w, const converted_file *as)
{
    const rv_snn *snn = w->snn;
    int status = STATUS_OK;
    fprintf(w->file, "# Converted from %s.\n\n", as->model);
    if (as->data)
        status = write_data(w->file, as->data);
    else
        fputs("# Say here what to evaluate on: root, encoder, test.\ndata: {encoder: {type: values, scale: 1}}\n",
              w->file);
    fputs("\nnetwork:\n  populations:\n", w->file);
    for (size_t i = 0; i < snn->num_populations && !status; i++)
        status = write_population(w, &snn->populations[i]);
    fputs("  connections:\n", w->file);
    for (size_t i = 0; i < snn->num_connections && !status; i++)
        status = write_connection(w, &snn->connections[i]);
    if (snn->desc.to == RV_CONVERT_FEW_SPIKE)
        fprintf(w->file, "\ncompiler: {type: few_spike, k: %zu, batch_size: 64}\n", snn->desc.k);
    else
        fprintf(w->file, "\ncompiler: {type: inference, example_timesteps: %s, batch_size: 64}\n",
                as->timesteps ? as->timesteps : IF_TIMESTEPS);
    return status;
}

int converted_file_write(rv_context *context, const rv_snn *snn, const converted_file *as)
{
    writer w = {.context = context, .snn = snn, .folder = as->folder};
    if (mkdir(as->folder, 0777) && errno != EEXIST)
        return fault("cannot make the folder '%s': %s", as->folder, strerror(errno));
    char *path = format_text("%s/model.yaml", as->folder);
    w.file = fopen(path, "w");
    int status = w.file ? write_experiment(&w, as) : fault("cannot write '%s': %s", path, strerror(errno));
    if (w.file && (ferror(w.file) | fclose(w.file)) && !status)
        status = fault("cannot write '%s': %s", path, strerror(errno));
    if (!status)
        note("%zu populations in %s", snn->num_populations, path);
    free(path);
    return status;
}
