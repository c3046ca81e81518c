/* Filters as Python and NumPy mean them, resolved to flat ids.
 *
 * Every kind is first written as a list of ids per axis; one that does not look at axes is a list on the one axis of
 * the flattened array. Marking what they select in an array of flags then sorts the selection and drops duplicates. */
#include "train/filter.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"

/* What is selected of one axis. */
typedef struct axis_list {
    size_t size;   /* elements of the axis */
    size_t stride; /* flat ids from one element to the next */
    uint32_t *ids; /* (num) in the order given, not yet flat */
    size_t num;
    bool paired; /* walked together with the other paired axes; else combined with all of them */
} axis_list;

/* Whom an error is about: `what` and, for a filter of axes, which of them. */
typedef struct subject {
    rv_context *context;
    const char *what;
    char axis[32]; /* ", axis 1", or "" */
} subject;

/* start:stop:step with Python's defaults filled in and the bounds clamped, as slice.indices(size) does. */
typedef struct slice_range {
    int64_t start, step;
    size_t num;
} slice_range;

/* Reads up to three integers between colons. Numbers of more than 64 bits saturate, which clamping makes exact. */
static bool parse_parts(const char *text, int64_t part[3], bool given[3])
{
    int count = 0;
    for (;; text++) {
        char *end;
        part[count] = strtoll(text, &end, 10);
        given[count] = end != text;
        count++;
        for (text = end; isspace((unsigned char)*text); text++)
            ;
        if (*text != ':' || count == 3)
            return *text == '\0' && count > 1;
    }
}

static int64_t clamp_bound(int64_t bound, int64_t size, int64_t lowest, int64_t highest)
{
    if (bound < 0)
        bound += size;
    return bound < lowest ? lowest : bound > highest ? highest : bound;
}

static int parse_slice(const subject *about, const char *text, size_t size, slice_range *out)
{
    int64_t part[3] = {0, 0, 1};
    bool given[3] = {false, false, false};

    if (!text)
        return rv_fail(about->context, RV_ERR_FILTER, "%s%s: the slice is NULL, expected 'start:stop:step'",
                       about->what, about->axis);
    if (!parse_parts(text, part, given))
        return rv_fail(about->context, RV_ERR_FILTER, "%s%s: expected a slice 'start:stop:step', got '%s'",
                       about->what, about->axis, text);
    int64_t step = given[2] ? part[2] : 1;
    if (step == 0)
        return rv_fail(about->context, RV_ERR_FILTER, "%s%s: the step of slice '%s' must not be 0", about->what,
                       about->axis, text);
    if (step == INT64_MIN) /* so that it can be negated */
        step = -INT64_MAX;

    const int64_t n = (int64_t)size;
    const int64_t lowest = step < 0 ? -1 : 0;
    const int64_t highest = step < 0 ? n - 1 : n;
    const int64_t first = given[0] ? clamp_bound(part[0], n, lowest, highest) : step < 0 ? highest : lowest;
    const int64_t stop = given[1] ? clamp_bound(part[1], n, lowest, highest) : step < 0 ? lowest : highest;
    const int64_t distance = step < 0 ? first - stop : stop - first;
    out->start = first;
    out->step = step;
    out->num = distance > 0 ? (size_t)((distance - 1) / (step < 0 ? -step : step) + 1) : 0;
    return RV_OK;
}

static int fail_index(const subject *about, int64_t index, size_t size)
{
    if (size == 0)
        return rv_fail(about->context, RV_ERR_FILTER, "%s%s: index %" PRId64 " is out of range, there is nothing",
                       about->what, about->axis, index);
    return rv_fail(about->context, RV_ERR_FILTER, "%s%s: index %" PRId64 " is out of range, expected -%zu to %zu",
                   about->what, about->axis, index, size, size - 1);
}

static int make_room(const subject *about, size_t count, axis_list *axis)
{
    axis->ids = rv_alloc(about->context, count, sizeof *axis->ids, "a filter");
    return axis->ids ? RV_OK : RV_ERR_MEMORY;
}

static int list_indices(const subject *about, const int64_t *indices, size_t num, axis_list *axis)
{
    if (!indices && num > 0)
        return rv_fail(about->context, RV_ERR_FILTER, "%s%s: the list of %zu indices is NULL", about->what,
                       about->axis, num);
    if (make_room(about, num, axis) < 0)
        return RV_ERR_MEMORY;
    const int64_t size = (int64_t)axis->size;
    for (size_t i = 0; i < num; i++) {
        if (indices[i] < -size || indices[i] >= size)
            return fail_index(about, indices[i], axis->size);
        axis->ids[i] = (uint32_t)(indices[i] < 0 ? indices[i] + size : indices[i]);
    }
    axis->num = num;
    axis->paired = true;
    return RV_OK;
}

static int list_mask(const subject *about, const bool *mask, size_t num, axis_list *axis)
{
    if (num != axis->size)
        return rv_fail(about->context, RV_ERR_FILTER, "%s%s: the mask has %zu elements, expected %zu", about->what,
                       about->axis, num, axis->size);
    if (!mask && num > 0)
        return rv_fail(about->context, RV_ERR_FILTER, "%s%s: the mask is NULL", about->what, about->axis);
    if (make_room(about, num, axis) < 0)
        return RV_ERR_MEMORY;
    for (size_t i = 0; i < num; i++)
        if (mask[i])
            axis->ids[axis->num++] = (uint32_t)i;
    axis->paired = true; /* NumPy takes a mask for the list of its true elements */
    return RV_OK;
}

static int list_range(const subject *about, slice_range range, axis_list *axis)
{
    if (make_room(about, range.num, axis) < 0)
        return RV_ERR_MEMORY;
    for (size_t i = 0; i < range.num; i++)
        axis->ids[i] = (uint32_t)(range.start + (int64_t)i * range.step);
    axis->num = range.num;
    return RV_OK;
}

/* Lists what `filter` selects of an axis whose size and stride are set. */
static int list_axis(const subject *about, const rv_filter *filter, axis_list *axis)
{
    slice_range all = {0, 1, axis->size};
    int rc;

    switch (filter->kind) {
    case RV_FILTER_ALL:
        return list_range(about, all, axis);
    case RV_FILTER_INDEX:
        return list_indices(about, &filter->single, 1, axis);
    case RV_FILTER_INDICES:
        return list_indices(about, filter->indices, filter->num, axis);
    case RV_FILTER_MASK:
        return list_mask(about, filter->mask, filter->num, axis);
    case RV_FILTER_SLICE:
        rc = parse_slice(about, filter->slice, axis->size, &all);
        return rc < 0 ? rc : list_range(about, all, axis);
    case RV_FILTER_AXES:
        return rv_fail(about->context, RV_ERR_FILTER, "%s%s: a filter of axes inside a filter of axes", about->what,
                       about->axis);
    }
    return rv_fail(about->context, RV_ERR_FILTER, "%s%s: %d is not a kind of filter", about->what, about->axis,
                   (int)filter->kind);
}

/* The common length of the paired axes; lists of one element are repeated. */
static int pair_axes(const subject *about, const axis_list *axes, int num_axes, size_t *num_pairs)
{
    const axis_list *longest = NULL;
    *num_pairs = 1;
    for (int k = 0; k < num_axes; k++) {
        if (!axes[k].paired || axes[k].num == 1)
            continue;
        if (longest && axes[k].num != longest->num)
            return rv_fail(about->context, RV_ERR_FILTER,
                           "%s: axes %d and %d select %zu and %zu elements, which cannot be paired; expected the "
                           "same number, or 1",
                           about->what, (int)(longest - axes), k, longest->num, axes[k].num);
        longest = &axes[k];
        *num_pairs = longest->num;
    }
    return RV_OK;
}

/* Flags every element of the remaining axes that belongs to one pair. */
static void flag_selected(bool *selected, const axis_list *axes, int num_axes, size_t pair, size_t id)
{
    if (num_axes == 0) {
        selected[id] = true;
        return;
    }
    const size_t first = axes->paired && axes->num > 1 ? pair : 0;
    const size_t last = axes->paired ? first + 1 : axes->num;
    for (size_t i = first; i < last; i++)
        flag_selected(selected, axes + 1, num_axes - 1, pair, id + axes->ids[i] * axes->stride);
}

static int collect(const subject *about, const axis_list *axes, int num_axes, size_t total, uint32_t **out,
                   size_t *num)
{
    size_t num_pairs, count = 0;
    int rc = pair_axes(about, axes, num_axes, &num_pairs);
    if (rc < 0)
        return rc;
    bool *selected = rv_alloc(about->context, total, sizeof *selected, "a filter");
    if (!selected)
        return RV_ERR_MEMORY;
    for (size_t pair = 0; pair < num_pairs; pair++)
        flag_selected(selected, axes, num_axes, pair, 0);

    for (size_t id = 0; id < total; id++)
        count += selected[id];
    uint32_t *ids = rv_alloc(about->context, count, sizeof *ids, "a filter");
    if (!ids) {
        rv_free(selected);
        return RV_ERR_MEMORY;
    }
    *out = ids;
    *num = count;
    for (size_t id = 0; id < total; id++)
        if (selected[id])
            *ids++ = (uint32_t)id;
    rv_free(selected);
    return RV_OK;
}

/* Product of the shape; ids are 32 bits wide. */
static int count_elements(const subject *about, const size_t *shape, int num_dims, size_t *total)
{
    *total = 1;
    for (int k = 0; k < num_dims; k++)
        if (!rv_multiply(*total, shape[k], total) || *total > UINT32_MAX)
            return rv_fail(about->context, RV_ERR_FILTER, "%s: there are more than 2^32 - 1 to select from",
                           about->what);
    return RV_OK;
}

int rv_filter_resolve(rv_context *context, const rv_filter *filter, const size_t *shape, int num_dims,
                      const char *what, uint32_t **out, size_t *num)
{
    static const rv_filter all;
    axis_list axes[RV_MAX_DIMS] = {0};
    subject about = {.context = context, .what = what};
    const bool by_axis = filter->kind == RV_FILTER_AXES;
    size_t total;
    int rc;

    *out = NULL;
    *num = 0;
    if ((rc = count_elements(&about, shape, num_dims, &total)) < 0)
        return rc;
    if (by_axis && filter->num > (size_t)num_dims)
        return rv_fail(context, RV_ERR_FILTER, "%s: the filter has %zu axes, expected at most %d", what, filter->num,
                       num_dims);
    if (by_axis && !filter->axes && filter->num > 0)
        return rv_fail(context, RV_ERR_FILTER, "%s: the list of %zu axes is NULL", what, filter->num);

    const int num_axes = by_axis ? num_dims : 1;
    size_t stride = 1;
    for (int k = num_axes - 1; k >= 0; k--) {
        axes[k].size = by_axis ? shape[k] : total;
        axes[k].stride = stride;
        stride *= axes[k].size;
    }
    for (int k = 0; k < num_axes; k++) {
        if (by_axis)
            snprintf(about.axis, sizeof about.axis, ", axis %d", k);
        const rv_filter *part = !by_axis ? filter : (size_t)k < filter->num ? &filter->axes[k] : &all;
        if ((rc = list_axis(&about, part, &axes[k])) < 0)
            goto out;
    }
    rc = collect(&about, axes, num_axes, total, out, num);

out:
    for (int k = 0; k < num_axes; k++)
        rv_free(axes[k].ids);
    return rc;
}

rv_filter rv_all(void)
{
    return (rv_filter){.kind = RV_FILTER_ALL};
}

rv_filter rv_index(int64_t index)
{
    return (rv_filter){.kind = RV_FILTER_INDEX, .single = index};
}

rv_filter rv_indices(const int64_t *indices, size_t num)
{
    return (rv_filter){.kind = RV_FILTER_INDICES, .indices = indices, .num = num};
}

rv_filter rv_mask(const bool *mask, size_t num)
{
    return (rv_filter){.kind = RV_FILTER_MASK, .mask = mask, .num = num};
}

rv_filter rv_slice(const char *slice)
{
    return (rv_filter){.kind = RV_FILTER_SLICE, .slice = slice};
}

rv_filter rv_axes(const rv_filter *axes, size_t num)
{
    return (rv_filter){.kind = RV_FILTER_AXES, .axes = axes, .num = num};
}
