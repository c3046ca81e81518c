#include "cli/recorded.h"

#include <stdlib.h>
#include <string.h>

#include "cli/memory.h"
#include "cli/path.h"
#include "store/folder.h"

/* Where the arrays of one recorder go: prefix "runs/x/recorded/hidden". */
typedef struct sink {
    rv_context *context;
    const char *prefix;
} sink;

static int write_array(const sink *to, const char *what, rv_dtype dtype, const size_t *shape, int num_dims, void *data)
{
    rv_ndarray array = {.dtype = dtype, .num_dims = num_dims, .size = 1, .data = data};
    for (int i = 0; i < num_dims; i++) {
        array.shape[i] = shape[i];
        array.size *= shape[i];
    }
    char *path = format_text("%s-%s.npy", to->prefix, what);
    const int rc = rv_npy_write(to->context, path, &array);
    free(path);
    return rc;
}

static int write_positions(const sink *to, const rv_entries *entries)
{
    int64_t *numbers = make(entries->num, sizeof *numbers);
    for (size_t i = 0; i < entries->num; i++)
        numbers[i] = (int64_t)entries->items[i].example;
    int rc = write_array(to, "examples", RV_INT64, &entries->num, 1, numbers);
    for (size_t i = 0; i < entries->num; i++)
        numbers[i] = (int64_t)entries->items[i].epoch;
    if (rc >= 0)
        rc = write_array(to, "epochs", RV_INT64, &entries->num, 1, numbers);
    free(numbers);
    return rc;
}

static int write_spikes(const sink *to, const rv_entries *entries)
{
    const size_t num_offsets = entries->num + 1;
    int64_t *offsets = make(num_offsets, sizeof *offsets);
    for (size_t i = 0; i < entries->num; i++)
        offsets[i + 1] = offsets[i] + (int64_t)entries->items[i].num;
    const size_t num = (size_t)offsets[entries->num];
    double *times = make(num, sizeof *times);
    int32_t *ids = make(num, sizeof *ids);
    for (size_t i = 0; i < entries->num; i++) {
        const rv_entry *entry = &entries->items[i];
        if (entry->num > 0) {
            memcpy(times + offsets[i], entry->times, entry->num * sizeof *times);
            memcpy(ids + offsets[i], entry->ids, entry->num * sizeof *ids);
        }
    }
    int rc = write_array(to, "offsets", RV_INT64, &num_offsets, 1, offsets);
    if (rc >= 0)
        rc = write_array(to, "times", RV_FLOAT64, &num, 1, times);
    if (rc >= 0)
        rc = write_array(to, "ids", RV_INT32, &num, 1, ids);
    free(offsets);
    free(times);
    free(ids);
    return rc;
}

/* All entries of a recorder of values have one shape. */
static int write_values(const sink *to, const rv_entries *entries)
{
    size_t shape[4] = {entries->num, entries->shape[0], entries->shape[1], entries->shape[2]}, each = 1;
    for (int d = 0; d < entries->num_dims; d++)
        each *= entries->shape[d];
    float *values = make(entries->num * each, sizeof *values);
    for (size_t i = 0; i < entries->num && each > 0; i++)
        memcpy(values + i * each, entries->items[i].values, each * sizeof *values);
    const int rc = write_array(to, "values", RV_FLOAT32, shape, entries->num_dims + 1, values);
    free(values);
    return rc;
}

static int write_entries(const sink *to, const rv_entries *entries)
{
    const int rc = write_positions(to, entries);
    if (rc < 0)
        return rc;
    return entries->num_dims > 0 ? write_values(to, entries) : write_spikes(to, entries);
}

int recorded_save(rv_context *context, const char *folder, const rv_result *result, const callback_list *list,
                  bool validation)
{
    char *subfolder = path_join(folder, "recorded");
    int rc = list->num_recorded ? rv_folder_make(context, subfolder) : RV_OK;
    for (size_t i = 0; i < list->num_recorded && rc >= 0; i++) {
        const char *key_name = list->recorded[i];
        const rv_entries *entries =
            validation ? rv_result_validation_data(result, key_name) : rv_result_data(result, key_name);
        char *prefix = format_text("%s/%s%s", subfolder, list->prefix, key_name);
        if (entries)
            rc = write_entries(&(sink){.context = context, .prefix = prefix}, entries);
        free(prefix);
    }
    free(subfolder);
    return rc;
}
