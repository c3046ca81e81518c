#include "cli/doc.h"

#include <stdint.h>
#include <string.h>
#include <yaml.h>

/* libyaml wants unsigned text that it does not change. */
static yaml_char_t *yaml_text(const char *text)
{
    return (yaml_char_t *)(uintptr_t)text;
}

static bool emit_scalar(yaml_emitter_t *emitter, const char *text, bool quoted)
{
    yaml_event_t event;
    return yaml_scalar_event_initialize(&event, NULL, NULL, yaml_text(text), (int)strlen(text), !quoted, 1,
                                        quoted ? YAML_SINGLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE) &&
           yaml_emitter_emit(emitter, &event);
}

static bool only_scalars(const node *parent)
{
    for (const node *child = parent->first; child; child = child->next)
        if (child->kind != NODE_SCALAR)
            return false;
    return true;
}

static bool emit_node(yaml_emitter_t *emitter, const node *n);

static bool emit_list(yaml_emitter_t *emitter, const node *list)
{
    yaml_event_t event;
    if (!yaml_sequence_start_event_initialize(
            &event, NULL, NULL, 1, only_scalars(list) ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE) ||
        !yaml_emitter_emit(emitter, &event))
        return false;
    for (const node *child = list->first; child; child = child->next)
        if (!emit_node(emitter, child))
            return false;
    return yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static bool emit_table(yaml_emitter_t *emitter, const node *table)
{
    yaml_event_t event;
    if (!yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
                                             table->first ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE) ||
        !yaml_emitter_emit(emitter, &event))
        return false;
    for (const node *child = table->first; child; child = child->next)
        if (!emit_scalar(emitter, child->key, false) || !emit_node(emitter, child))
            return false;
    return yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static bool emit_node(yaml_emitter_t *emitter, const node *n)
{
    switch (n->kind) {
    case NODE_SCALAR:
        return emit_scalar(emitter, n->text, n->quoted);
    case NODE_LIST:
        return emit_list(emitter, n);
    case NODE_TABLE:
        return emit_table(emitter, n);
    }
    return false;
}

bool doc_write(FILE *stream, const node *root)
{
    yaml_emitter_t emitter;
    yaml_event_t event;
    if (!yaml_emitter_initialize(&emitter))
        return false;
    yaml_emitter_set_output_file(&emitter, stream);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, 100);
    const bool good = yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
                      yaml_emitter_emit(&emitter, &event) &&
                      yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
                      yaml_emitter_emit(&emitter, &event) && emit_node(&emitter, root) &&
                      yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(&emitter, &event) &&
                      yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(&emitter, &event);
    yaml_emitter_delete(&emitter);
    return good && !ferror(stream);
}
