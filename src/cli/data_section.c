#include "cli/data_section.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/path.h"
#include "cli/say.h"

/* What the table of the section says. */
typedef struct data_table {
    const char *root, *input;
    node *encoder;
    node *sets[NUM_SETS];
} data_table;

const key data_keys[] = {
    {"root", KEY_FILE, offsetof(data_table, root), .standard = ".",
     .help = "folder that data files are named from, itself from the experiment's folder (with --set: from here)"},
    {"input", KEY_TEXT, offsetof(data_table, input), .help = "population that is fed; default: the only input"},
    {"encoder", KEY_NODE, offsetof(data_table, encoder), .help = "how values become spikes; not for sets of spikes"},
    {"train", KEY_NODE, offsetof(data_table, sets[SET_TRAIN]), .help = "set to learn from"},
    {"validation", KEY_NODE, offsetof(data_table, sets[SET_VALIDATION]), .help = "set evaluated after every epoch"},
    {"test", KEY_NODE, offsetof(data_table, sets[SET_TEST]), .help = "set evaluated in the end"},
};
const size_t num_data_keys = COUNT_OF(data_keys);

const key data_set_keys[] = {
    {"limit", KEY_COUNT, 0, .min = 1, .help = "use the first N examples only; default: all"},
};
const size_t num_data_set_keys = COUNT_OF(data_set_keys);

const char *set_name(set_id id)
{
    static const char *const names[] = {"train", "validation", "test"};
    return names[id];
}

/* The folder of data files, which the tree then names absolutely. A root given on the command line starts where the
 * user stands, as any path typed there. */
static void resolve_root(data_section *out, const char *root, const char *folder)
{
    node *at = node_find(out->where, "root");
    const bool typed = at->source && at->line == 0;
    char *found = path_join(typed ? "." : folder, root);
    out->root = path_absolute(found);
    free(found);
    node_put(out->where, "root", node_scalar(out->root, at->source, at->line));
}

static int read_set(data_section *out, set_id id, node *where)
{
    data_set *set = &out->sets[id];
    const key_part common = {.keys = data_set_keys, .num = num_data_set_keys, .out = &set->limit};
    set->where = where;
    int status = reader_read(where, &common, &set->read, &set->options);
    if (!status)
        status = reader_resolve_files(where, set->read, &set->options, out->root);
    else
        set->read = NULL; /* texts are not owned yet */
    return status;
}

int data_section_read(data_section *out, node *where, const char *folder)
{
    data_table table = {0};
    *out = (data_section){.where = where};
    int status = schema_read(where, &KEY_PART(data_keys, &table), 1);
    if (!status)
        resolve_root(out, table.root, folder);
    if (!status && table.encoder)
        status = encoder_read(table.encoder, &out->encode, &out->encoder_options);
    out->encoder_where = table.encoder;
    out->input = table.input;
    for (set_id id = 0; id < NUM_SETS && !status; id++)
        if (table.sets[id])
            status = read_set(out, id, table.sets[id]);
    return status;
}

static int encode_set(data_section *section, data_set *set, rv_context *context)
{
    char path[NODE_PATH_SIZE];
    node_path(set->where, path);
    if (set->content.spikes)
        return section->encode
                   ? fault_at(section->encoder_where, "data.encoder: the data of %s are spikes already", path)
                   : STATUS_OK;
    if (!section->encode)
        return fault_at(set->where, "the data of %s are values: data.encoder must say how they become spikes, or be 'values' "
                        "where the input takes values", path);
    const int rc = section->encode->encode(&set->content, context, &section->encoder_options);
    return rc < 0 ? fault_library(section->encoder_where, context, rc) : STATUS_OK;
}

static int load_set(data_section *section, set_id id, rv_context *context)
{
    data_set *set = &section->sets[id];
    int rc = set->read->load(&set->content, context, &set->options);
    if (rc == 0 && set->limit)
        rc = rv_dataset_truncate(&set->content, set->limit);
    if (rc < 0)
        return fault_library(set->where, context, rc);
    char path[NODE_PATH_SIZE];
    if (set->content.num_examples == 0)
        return fault_at(set->where, "%s has no examples", node_path(set->where, path));
    if (!set->content.labels && !set->content.targets)
        return fault_at(set->where, "%s has no labels", node_path(set->where, path));
    return encode_set(section, set, context);
}

int data_section_load(data_section *section, rv_context *context, unsigned wanted)
{
    int status = STATUS_OK;
    for (set_id id = 0; id < NUM_SETS && !status; id++)
        if ((wanted & 1U << id) && section->sets[id].where)
            status = load_set(section, id, context);
    return status;
}

void data_section_clear(data_section *section)
{
    for (set_id id = 0; id < NUM_SETS; id++) {
        data_set *set = &section->sets[id];
        rv_dataset_clear(&set->content);
        if (set->read)
            reader_options_clear(set->read, &set->options);
    }
    free(section->root);
    memset(section, 0, sizeof *section);
}

size_t data_section_target_steps(const data_section *section)
{
    size_t steps = 0;
    for (set_id id = 0; id < NUM_SETS; id++)
        if (section->sets[id].content.num_target_steps > 1)
            steps = section->sets[id].content.num_target_steps;
    return steps;
}

double data_section_latest_time(const data_section *section)
{
    double latest = -1;
    for (set_id id = 0; id < NUM_SETS; id++)
        if (section->sets[id].content.spikes)
            latest = fmax(latest, rv_spikes_latest_time(section->sets[id].content.spikes));
    return latest;
}
