/* Callbacks that trigger groups of custom updates: the library's own, by name. */
#include "cli/callback_kinds.h"
#include "cli/number_filter.h"

#define FIELD(name) CALLBACK_FIELD(name)

const key custom_update_keys[] = {
    {"name", KEY_TEXT, FIELD(name), .required = true,
     .help = "of the group: Reset, ZeroOutPost, GradientLearn, GradientBatchReduce, ZeroGradient, Softmax1, ..."},
    {"filter", KEY_NODE, FIELD(filter),
     .help = "at which numbers: one, a list, or a slice \"start:stop:step\"; default: at all", .mlgenn = "filter_fn"},
};

static int make(callback_scope *scope, const callback_entry *entry, rv_callback (*callback)(rv_custom_update_on_desc))
{
    rv_custom_update_on_desc desc = {.name = entry->name};
    const int status = number_filter_read(entry->filter, &scope->list->store, &desc.filter_fn, &desc.user);
    if (!status)
        callback_list_add(scope->list, callback(desc));
    return status;
}

int make_custom_update_on_batch_begin(callback_scope *scope, const callback_entry *entry)
{
    return make(scope, entry, rv_custom_update_on_batch_begin);
}

int make_custom_update_on_batch_end(callback_scope *scope, const callback_entry *entry)
{
    return make(scope, entry, rv_custom_update_on_batch_end);
}

int make_custom_update_on_timestep_begin(callback_scope *scope, const callback_entry *entry)
{
    return make(scope, entry, rv_custom_update_on_timestep_begin);
}

int make_custom_update_on_timestep_end(callback_scope *scope, const callback_entry *entry)
{
    return make(scope, entry, rv_custom_update_on_timestep_end);
}

int make_custom_update_on_epoch_begin(callback_scope *scope, const callback_entry *entry)
{
    return make(scope, entry, rv_custom_update_on_epoch_begin);
}

int make_custom_update_on_epoch_end(callback_scope *scope, const callback_entry *entry)
{
    return make(scope, entry, rv_custom_update_on_epoch_end);
}
