#include "cli/readers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/memory.h"
#include "cli/path.h"
#include "cli/say.h"

/* ---- the table ---- */

#define FIELD(path) offsetof(reader_options, path)

static const key idx_keys[] = {
    {"images", KEY_FILE, FIELD(idx.images), .required = true, .help = "IDX file of values, plain or gzip"},
    {"labels", KEY_FILE, FIELD(idx.labels), .help = "IDX file of labels"},
};

static int load_idx(rv_dataset *out, rv_context *context, const reader_options *o)
{
    return rv_read_idx(out, context, o->idx.images, o->idx.labels);
}

static const key csv_keys[] = {
    {"file", KEY_FILE, FIELD(csv.file), .required = true, .help = "numbers, one example a line"},
    {"label_column", KEY_INT, FIELD(csv.label_column), .standard = "-1",
     .help = "column of the label from 0, negative from the end"},
};

static int load_csv(rv_dataset *out, rv_context *context, const reader_options *o)
{
    return rv_read_csv(out, context, o->csv.file, o->csv.label_column);
}

static const key npy_keys[] = {
    {"values", KEY_FILE, FIELD(npy.values), .required = true,
     .help = "NumPy array of values (examples, ...); file.npz:name for a member of an archive"},
    {"labels", KEY_FILE, FIELD(npy.labels), .help = "NumPy array of labels (examples)"},
    {"targets", KEY_FILE, FIELD(npy.targets),
     .help = "NumPy array of targets of a regression: (examples, n), or (examples, steps, n) for every step"},
};

static int load_npy(rv_dataset *out, rv_context *context, const reader_options *o)
{
    const int rc = rv_read_npy(out, context, o->npy.values, o->npy.labels);
    return rc < 0 || !o->npy.targets ? rc : rv_read_npy_targets(out, context, o->npy.targets);
}

static const key shd_keys[] = {
    {"file", KEY_FILE, FIELD(shd.file), .required = true, .help = "HDF5 file with spikes/times, spikes/units, labels"},
    {"num_units", KEY_COUNT, FIELD(shd.desc.num_units), .standard = "700", .min = 1, .help = "neurons of the input"},
    {"time_scale", KEY_NUMBER, FIELD(shd.desc.time_scale), .positive = true, .standard = "1000",
     .help = "ms per unit of time"},
};

static int load_shd(rv_dataset *out, rv_context *context, const reader_options *o)
{
    return rv_read_shd(out, context, o->shd.file, &o->shd.desc);
}

static const key spike_files_keys[] = {
    {"times", KEY_FILE, FIELD(spike_files.times), .required = true,
     .help = "NumPy list of float32, ms, ascending in each example; mapped, not read: may be larger than memory"},
    {"ids", KEY_FILE, FIELD(spike_files.ids), .required = true,
     .help = "NumPy list of uint16 (uint32 beyond 65536 neurons), mapped too"},
    {"offsets", KEY_FILE, FIELD(spike_files.offsets), .required = true,
     .help = "NumPy list of integers: where the spikes of each example begin, and where the last one's end"},
    {"labels", KEY_FILE, FIELD(spike_files.labels), .help = "NumPy list of integers, a label for each example"},
    {"num_neurons", KEY_COUNT, FIELD(spike_files.num_neurons), .required = true, .min = 1,
     .help = "neurons of the input"},
};

static int load_spike_files(rv_dataset *out, rv_context *context, const reader_options *o)
{
    return rv_read_spike_files(out, context, &o->spike_files);
}

static const char *const polarities[] = {
    [RV_POLARITY_BOTH] = "both",
    [RV_POLARITY_MERGE] = "merge",
    [RV_POLARITY_ON] = "on",
    [RV_POLARITY_OFF] = "off",
    NULL,
};

static const key nmnist_keys[] = {
    {"index", KEY_FILE, FIELD(nmnist.index), .required = true, .help = "text file of two columns, sample and class"},
    {"folder", KEY_FILE, FIELD(nmnist.folder), .required = true,
     .help = "folder of the recordings, SAMPLE.bs2 or .bin"},
    {"width", KEY_COUNT, FIELD(nmnist.desc.width), .standard = "34", .min = 1, .help = "of the sensor, in pixels"},
    {"height", KEY_COUNT, FIELD(nmnist.desc.height), .standard = "34", .min = 1, .help = "of the sensor, in pixels"},
    {"time_scale", KEY_NUMBER, FIELD(nmnist.desc.time_scale), .positive = true, .standard = "0.001",
     .help = "ms per unit of time"},
    {"polarity", KEY_CHOICE, FIELD(nmnist.polarity), .standard = "both", .choices = polarities,
     .help = "both, merge, on or off"},
    {"dt", KEY_NUMBER, FIELD(nmnist.desc.dt), .positive = true, .standard = "1",
     .help = "ms; the step that histogram_thresh counts in"},
    {"histogram_thresh", KEY_INT, FIELD(nmnist.desc.histogram_thresh), .standard = "0",
     .help = "n: one spike per pixel and step with more than n events, -1: with any; 0: every event is a spike"},
};

static int load_nmnist(rv_dataset *out, rv_context *context, const reader_options *o)
{
    rv_nmnist desc = o->nmnist.desc;
    desc.polarity = (rv_polarity)o->nmnist.polarity;
    return rv_read_nmnist(out, context, o->nmnist.index, o->nmnist.folder, &desc);
}

static const key yin_yang_keys[] = {
    {"num_examples", KEY_COUNT, FIELD(yin_yang.num_examples), .required = true, .min = 1,
     .help = "how many points to draw"},
    {"seed", KEY_SEED, FIELD(yin_yang.seed), .standard = "0",
     .help = "makes a split: give train and test different ones"},
    {"r_small", KEY_NUMBER, FIELD(yin_yang.r_small), .positive = true, .standard = "0.1",
     .help = "radius of the dots"},
    {"r_big", KEY_NUMBER, FIELD(yin_yang.r_big), .positive = true, .standard = "0.5", .help = "radius of the disc"},
};

static int load_yin_yang(rv_dataset *out, rv_context *context, const reader_options *o)
{
    return rv_generate_yin_yang(out, context, &o->yin_yang);
}

static const key pattern_generation_keys[] = {
    {"num_examples", KEY_COUNT, FIELD(pattern_generation.num_examples), .standard = "1", .min = 1,
     .help = "how many, all the same"},
    {"num_inputs", KEY_COUNT, FIELD(pattern_generation.num_inputs), .standard = "20", .min = 1,
     .help = "neurons of the clock"},
    {"num_groups", KEY_COUNT, FIELD(pattern_generation.num_groups), .standard = "5", .min = 1,
     .help = "parts of the clock, which spike one after the other"},
    {"num_outputs", KEY_COUNT, FIELD(pattern_generation.num_outputs), .standard = "3", .min = 1,
     .help = "sinusoids: the first has one period, the second two, ..."},
    {"duration", KEY_NUMBER, FIELD(pattern_generation.duration), .positive = true, .standard = "1000",
     .help = "ms of an example"},
    {"interval", KEY_NUMBER, FIELD(pattern_generation.interval), .positive = true, .standard = "10",
     .help = "ms between two spikes of a neuron"},
    {"dt", KEY_NUMBER, FIELD(pattern_generation.dt), .positive = true, .standard = "1",
     .help = "ms; the step that targets are for, the compiler's"},
};

static int load_pattern_generation(rv_dataset *out, rv_context *context, const reader_options *o)
{
    return rv_generate_pattern_generation(out, context, &o->pattern_generation);
}

static const key store_recall_keys[] = {
    {"num_examples", KEY_COUNT, FIELD(store_recall.num_examples), .required = true, .min = 1,
     .help = "how many to draw"},
    {"seed", KEY_SEED, FIELD(store_recall.seed), .standard = "0",
     .help = "makes a split: give train and test different ones"},
    {"num_inputs", KEY_COUNT, FIELD(store_recall.num_inputs), .standard = "40", .min = 4,
     .help = "a quarter each shows 0, shows 1, tells to store it, and to recall it"},
    {"cue", KEY_NUMBER, FIELD(store_recall.cue), .positive = true, .standard = "100",
     .help = "ms that the value is shown, and that the command to recall it lasts"},
    {"delay", KEY_NUMBER, FIELD(store_recall.delay), .positive = true, .standard = "1000",
     .help = "ms of silence between them"},
    {"rate", KEY_NUMBER, FIELD(store_recall.rate), .positive = true, .standard = "100",
     .help = "Hz of an input that is at work"},
    {"dt", KEY_NUMBER, FIELD(store_recall.dt), .positive = true, .standard = "1",
     .help = "ms; spikes are at multiples of it"},
};

static int load_store_recall(rv_dataset *out, rv_context *context, const reader_options *o)
{
    return rv_generate_store_recall(out, context, &o->store_recall);
}

static const reader readers[] = {
    {{"idx", idx_keys, COUNT_OF(idx_keys), "MNIST's IDX files"}, load_idx},
    {{"csv", csv_keys, COUNT_OF(csv_keys), "text, one example a line"}, load_csv},
    {{"npy", npy_keys, COUNT_OF(npy_keys), "NumPy arrays"}, load_npy},
    {{"shd", shd_keys, COUNT_OF(shd_keys), "spikes in HDF5, as the Spiking Heidelberg Digits"}, load_shd},
    {{"spike_files", spike_files_keys, COUNT_OF(spike_files_keys), "spikes in NumPy files, mapped into memory"},
     load_spike_files},
    {{"nmnist", nmnist_keys, COUNT_OF(nmnist_keys), "event camera recordings, as N-MNIST"}, load_nmnist},
    {{"yin_yang", yin_yang_keys, COUNT_OF(yin_yang_keys), "the Yin-Yang set, drawn from seeds"}, load_yin_yang},
    {{"pattern_generation", pattern_generation_keys, COUNT_OF(pattern_generation_keys),
      "a clock of spikes, and sinusoids to draw by it: targets for every step"},
     load_pattern_generation},
    {{"store_recall", store_recall_keys, COUNT_OF(store_recall_keys), "delayed recall of one bit, drawn from seeds"},
     load_store_recall},
};

/* ---- working with it ---- */

const reader *reader_at(size_t index)
{
    return index < COUNT_OF(readers) ? &readers[index] : NULL;
}

int reader_read(node *where, const key_part *common, const reader **row, reader_options *options)
{
    const int index = schema_choose(where, &readers[0].base, sizeof readers[0], COUNT_OF(readers));
    if (index < 0)
        return STATUS_FAILED;
    *row = &readers[index];
    return schema_read_variant(where, &(*row)->base, options, common);
}

static const char **file_field(const reader *row, reader_options *options, size_t k)
{
    return (const char **)(void *)((unsigned char *)options + row->base.keys[k].offset);
}

/* Whether a file or folder can be read; of "file.npz:name" the file. On failure errno tells. */
static bool can_read(const char *path)
{
    const char *member = strstr(path, ".npz:");
    char *file = member ? format_text("%.*s", (int)(member - path) + 4, path) : copy_text(path);
    const bool good = access(file, R_OK) == 0;
    free(file);
    return good;
}

int reader_resolve_files(const node *where, const reader *row, reader_options *options, const char *root)
{
    int status = STATUS_OK;
    for (size_t k = 0; k < row->base.num_keys; k++) {
        const char **field = file_field(row, options, k);
        if (row->base.keys[k].kind != KEY_FILE || !*field)
            continue;
        *field = path_join(root, *field);
        if (!status && !can_read(*field)) {
            const int reason = errno;
            const node *at = node_find(where, row->base.keys[k].name);
            char path[NODE_PATH_SIZE];
            status = fault_at(at, "%s: cannot read '%s': %s (data.root is '%s'; --set data.root=FOLDER names another)",
                              node_path(at, path), *field, strerror(reason), root);
        }
    }
    return status;
}

void reader_options_clear(const reader *row, reader_options *options)
{
    for (size_t k = 0; k < row->base.num_keys; k++)
        if (row->base.keys[k].kind == KEY_FILE)
            free((void *)(uintptr_t)*file_field(row, options, k));
    memset(options, 0, sizeof *options);
}
