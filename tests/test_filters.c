/* Filters: what is an error, and what each message says. That selections are NumPy's is checked by test_filters.py,
 * which runs this program as `test_filters --resolve`: a line "SHAPE FILTER" in, the ids or "error CODE" out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "train/filter.h"

#define MAX_LINE 65536
#define MAX_INDICES 4096

static rv_context *context;

static int make_context(void **state)
{
    (void)state;
    return rv_context_create(&context, NULL);
}

static int free_context(void **state)
{
    (void)state;
    rv_context_free(context);
    return 0;
}

/* The filter must select exactly `expected` from an array of the shape. */
static void selects(rv_filter filter, const size_t *shape, int num_dims, const uint32_t *expected, size_t num_expected)
{
    uint32_t *ids;
    size_t num;
    const int rc = rv_filter_resolve(context, &filter, shape, num_dims, "x", &ids, &num);
    if (rc < 0)
        fail_msg("%s", rv_last_error(context));
    assert_non_null(ids);
    assert_int_equal(num, num_expected);
    for (size_t i = 0; i < num; i++)
        assert_int_equal(ids[i], expected[i]);
    rv_free(ids);
}

#define SELECTS(filter, shape, ...)                                                                                   \
    selects(filter, shape, (int)(sizeof(shape) / sizeof *(shape)), (const uint32_t[]){__VA_ARGS__},                   \
            sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

/* The filter must be refused with exactly this message. */
static void refuses(rv_filter filter, const size_t *shape, int num_dims, const char *message)
{
    uint32_t *ids;
    size_t num;
    assert_int_equal(rv_filter_resolve(context, &filter, shape, num_dims, "neurons of 'hidden'", &ids, &num),
                     RV_ERR_FILTER);
    assert_null(ids);
    assert_string_equal(rv_last_error(context), message);
}

static const size_t line[] = {10}, plane[] = {4, 5};

static void a_copied_index_filter_still_selects_its_index(void **state)
{
    (void)state;
    rv_filter filter, *original = malloc(sizeof *original);
    *original = rv_index(-3);
    filter = *original;
    memset(original, 0, sizeof *original);
    free(original);
    SELECTS(filter, line, 7);
    SELECTS(rv_index(0), line, 0);
}

static void a_zeroed_filter_selects_all(void **state)
{
    (void)state;
    SELECTS((rv_filter){0}, line, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
}

static void indices_are_sorted_and_duplicates_ignored(void **state)
{
    (void)state;
    const int64_t indices[] = {9, 2, -1, 2, -10};
    SELECTS(rv_indices(indices, 5), line, 0, 2, 9);
}

static void selecting_nothing_is_legal(void **state)
{
    (void)state;
    const size_t none[] = {0};
    const bool mask[10] = {false};
    selects(rv_indices(NULL, 0), line, 1, NULL, 0);
    selects(rv_mask(mask, 10), line, 1, NULL, 0);
    selects(rv_slice("5:5"), line, 1, NULL, 0);
    selects(rv_all(), none, 1, NULL, 0);
    selects(rv_mask(NULL, 0), none, 1, NULL, 0);
    selects(rv_slice("::"), none, 1, NULL, 0);
}

static void a_filter_without_axes_speaks_of_flat_ids(void **state)
{
    (void)state;
    SELECTS(rv_slice("3:17:6"), plane, 3, 9, 15);
    SELECTS(rv_index(-1), plane, 19);
}

static void index_lists_of_several_axes_are_paired(void **state)
{
    (void)state;
    const size_t image[] = {28, 28};
    const int64_t both[] = {16, 20};
    const rv_filter paired[] = {rv_indices(both, 2), rv_indices(both, 2)};
    SELECTS(rv_axes(paired, 2), image, 16 * 28 + 16, 20 * 28 + 20);
    const rv_filter repeated[] = {rv_index(1), rv_indices(both, 2)};
    SELECTS(rv_axes(repeated, 2), image, 28 + 16, 28 + 20);
    const rv_filter combined[] = {rv_slice(":2"), rv_indices(both, 2)};
    SELECTS(rv_axes(combined, 2), image, 16, 20, 28 + 16, 28 + 20);
}

static void axes_that_are_left_out_are_taken_whole(void **state)
{
    (void)state;
    const rv_filter first[] = {rv_index(2)};
    SELECTS(rv_axes(first, 1), plane, 10, 11, 12, 13, 14);
}

static void bounds_of_slices_beyond_64_bits_are_clamped_as_in_python(void **state)
{
    (void)state;
    SELECTS(rv_slice("7:99999999999999999999"), line, 7, 8, 9);
    SELECTS(rv_slice("-99999999999999999999:2"), line, 0, 1);
    SELECTS(rv_slice("::-99999999999999999999"), line, 9);
    SELECTS(rv_slice(" 1 : +8 : 3 "), line, 1, 4, 7);
}

static void an_index_out_of_range_is_refused(void **state)
{
    (void)state;
    const size_t none[] = {0};
    const int64_t indices[] = {0, -11};
    const rv_filter axes[] = {rv_all(), rv_index(5)};
    refuses(rv_index(10), line, 1, "neurons of 'hidden': index 10 is out of range, expected -10 to 9");
    refuses(rv_indices(indices, 2), line, 1, "neurons of 'hidden': index -11 is out of range, expected -10 to 9");
    refuses(rv_axes(axes, 2), plane, 2, "neurons of 'hidden', axis 1: index 5 is out of range, expected -5 to 4");
    refuses(rv_index(0), none, 1, "neurons of 'hidden': index 0 is out of range, there is nothing");
    refuses(rv_index(INT64_MIN), line, 1,
            "neurons of 'hidden': index -9223372036854775808 is out of range, expected -10 to 9");
}

static void a_mask_of_another_size_is_refused(void **state)
{
    (void)state;
    const bool mask[10] = {true};
    refuses(rv_mask(mask, 9), line, 1, "neurons of 'hidden': the mask has 9 elements, expected 10");
    refuses(rv_mask(mask, 10), plane, 2, "neurons of 'hidden': the mask has 10 elements, expected 20");
}

static void a_slice_that_is_none_is_refused(void **state)
{
    (void)state;
    refuses(rv_slice("::0"), line, 1, "neurons of 'hidden': the step of slice '::0' must not be 0");
    static const char *const wrong[] = {"",      "5",  ":::",  "1:2:3:4", "a:b", "1:2x",
                                        "1 2:3", "-:", "1.5:", "0x1:",    ":\n;"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char message[128];
        snprintf(message, sizeof message, "neurons of 'hidden': expected a slice 'start:stop:step', got '%s'",
                 wrong[i]);
        for (char *c = message; *c; c++)
            *c = *c == '\n' ? '?' : *c; /* no message has a second line */
        refuses(rv_slice(wrong[i]), line, 1, message);
    }
}

static void lists_that_cannot_be_paired_are_refused(void **state)
{
    (void)state;
    const int64_t indices[] = {0, 1, 2};
    const rv_filter axes[] = {rv_indices(indices, 3), rv_indices(indices, 2)};
    refuses(rv_axes(axes, 2), plane, 2,
            "neurons of 'hidden': axes 0 and 1 select 3 and 2 elements, which cannot be paired; expected the same "
            "number, or 1");
}

static void axes_of_another_number_or_kind_are_refused(void **state)
{
    (void)state;
    const rv_filter inner[] = {rv_all(), rv_all(), rv_all()};
    const rv_filter nested[] = {rv_axes(inner, 1)};
    refuses(rv_axes(inner, 3), plane, 2, "neurons of 'hidden': the filter has 3 axes, expected at most 2");
    refuses(rv_axes(nested, 1), plane, 2, "neurons of 'hidden', axis 0: a filter of axes inside a filter of axes");
    refuses((rv_filter){.kind = (rv_filter_kind)17}, line, 1, "neurons of 'hidden': 17 is not a kind of filter");
}

static void missing_lists_are_refused(void **state)
{
    (void)state;
    refuses(rv_indices(NULL, 1), line, 1, "neurons of 'hidden': the list of 1 indices is NULL");
    refuses(rv_mask(NULL, 10), line, 1, "neurons of 'hidden': the mask is NULL");
    refuses(rv_slice(NULL), line, 1, "neurons of 'hidden': the slice is NULL, expected 'start:stop:step'");
    refuses(rv_axes(NULL, 2), plane, 2, "neurons of 'hidden': the list of 2 axes is NULL");
}

static void more_elements_than_ids_are_refused(void **state)
{
    (void)state;
    const size_t huge[] = {SIZE_MAX / 2, 3}, large[] = {65536, 65536};
    refuses(rv_all(), huge, 2, "neurons of 'hidden': there are more than 2^32 - 1 to select from");
    refuses(rv_all(), large, 2, "neurons of 'hidden': there are more than 2^32 - 1 to select from");
}

static void running_out_of_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    const rv_filter axes[] = {rv_slice("::2"), rv_index(1)};
    const rv_filter filter = rv_axes(axes, 2);
    uint32_t *ids = NULL;
    size_t num;
    int rc = RV_ERR_MEMORY;
    long allowed = 0;
    for (; rc == RV_ERR_MEMORY; allowed++) {
        rv_alloc_fail_after(allowed);
        rc = rv_filter_resolve(context, &filter, plane, 2, "x", &ids, &num);
        assert_true((rc == RV_OK) == (ids != NULL));
    }
    rv_alloc_fail_after(-1);
    assert_int_equal(rc, RV_OK);
    assert_true(allowed > 2); /* the hook did reach it */
    rv_free(ids);
}

/* Reads "index -3", "slice ::2", "indices 1,-2", "mask 0101", "all" or "axes F;F;F" into *out; axes may hold no
 * axes. Lists go to `indices` and `mask`, of MAX_INDICES each. */
static rv_filter read_filter(char *text, int64_t *indices, bool *mask)
{
    char *argument = strchr(text, ' ');
    size_t num = 0;
    if (argument)
        *argument++ = '\0';
    if (!strcmp(text, "index"))
        return rv_index(atoll(argument));
    if (!strcmp(text, "slice"))
        return rv_slice(argument);
    if (!strcmp(text, "indices")) {
        for (char *c = strtok(argument, ","); c && num < MAX_INDICES; c = strtok(NULL, ","))
            indices[num++] = atoll(c);
        return rv_indices(indices, num);
    }
    if (!strcmp(text, "mask")) {
        for (; argument[num]; num++)
            mask[num] = argument[num] == '1';
        return rv_mask(mask, num);
    }
    return rv_all();
}

static void resolve_line(char *text)
{
    static int64_t indices[RV_MAX_DIMS][MAX_INDICES];
    static bool mask[RV_MAX_DIMS][MAX_LINE];
    rv_filter axes[RV_MAX_DIMS];
    size_t shape[RV_MAX_DIMS], num_axes = 0, num;
    uint32_t *ids;
    int num_dims = 0;

    text[strcspn(text, "\n")] = '\0';
    do
        shape[num_dims++] = strtoul(text, &text, 10);
    while (*text++ == ',');
    rv_filter filter;
    if (!strncmp(text, "axes", 4)) {
        for (char *part = strchr(text, ' '); part && num_axes < RV_MAX_DIMS; num_axes++) {
            char *const end = strchr(++part, ';');
            if (end)
                *end = '\0'; /* for good: slices are borrowed */
            axes[num_axes] = read_filter(part, indices[num_axes], mask[num_axes]);
            part = end;
        }
        filter = rv_axes(axes, num_axes);
    } else {
        filter = read_filter(text, indices[0], mask[0]);
    }

    const int rc = rv_filter_resolve(context, &filter, shape, num_dims, "x", &ids, &num);
    if (rc < 0) {
        printf("error %d\n", rc);
        return;
    }
    for (size_t i = 0; i < num; i++)
        printf(i ? " %u" : "%u", ids[i]);
    putchar('\n');
    rv_free(ids);
}

static int resolve_lines(void)
{
    static char text[MAX_LINE];
    if (rv_context_create(&context, NULL) < 0)
        return 1;
    while (fgets(text, sizeof text, stdin))
        resolve_line(text);
    rv_context_free(context);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--resolve"))
        return resolve_lines();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copied_index_filter_still_selects_its_index),
        cmocka_unit_test(a_zeroed_filter_selects_all),
        cmocka_unit_test(indices_are_sorted_and_duplicates_ignored),
        cmocka_unit_test(selecting_nothing_is_legal),
        cmocka_unit_test(a_filter_without_axes_speaks_of_flat_ids),
        cmocka_unit_test(index_lists_of_several_axes_are_paired),
        cmocka_unit_test(axes_that_are_left_out_are_taken_whole),
        cmocka_unit_test(bounds_of_slices_beyond_64_bits_are_clamped_as_in_python),
        cmocka_unit_test(an_index_out_of_range_is_refused),
        cmocka_unit_test(a_mask_of_another_size_is_refused),
        cmocka_unit_test(a_slice_that_is_none_is_refused),
        cmocka_unit_test(lists_that_cannot_be_paired_are_refused),
        cmocka_unit_test(axes_of_another_number_or_kind_are_refused),
        cmocka_unit_test(missing_lists_are_refused),
        cmocka_unit_test(more_elements_than_ids_are_refused),
        cmocka_unit_test(running_out_of_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
