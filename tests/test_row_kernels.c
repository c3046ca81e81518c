/* Kernels of rows and of lists of spikes against plain loops, with every instruction set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/isa.h"
#include "kernels/kernels.h"
#include "support/wired.h"
#include "support/words.h"

#define DRAWS 300
#define MOST 592  /* targets, padded to 16: every cut into registers, more than once */
#define ROWS 40   /* of a matrix */
#define LISTS 3   /* that are added at once */
#define SPIKES 30 /* of a list */
#define STEPS 64

static rv_isa best;
static uint64_t random_state = 17;

static float matrix[LISTS][ROWS * MOST] __attribute__((aligned(64)));
static float from[MOST] __attribute__((aligned(64))), decay[MOST] __attribute__((aligned(64)));

static size_t draw_size(void)
{
    return 16 * (1 + wired_random(&random_state, MOST / 16));
}

static void draw_matrices(void)
{
    for (size_t l = 0; l < LISTS; l++)
        words_fill(matrix[l], ROWS * MOST, -1, 1, &random_state);
    words_fill(from, MOST, -1, 1, &random_state);
    words_fill(decay, MOST, 0, 1, &random_state);
}

static void draw_ids(uint32_t *ids, size_t num)
{
    for (size_t k = 0; k < num; k++)
        ids[k] = wired_random(&random_state, ROWS);
}

static void add_plainly(float *sum, const float *rows, size_t stride, const uint32_t *ids, size_t num, size_t n)
{
    for (size_t k = 0; k < num; k++)
        for (size_t j = 0; j < n; j++)
            sum[j] += rows[ids[k] * stride + j];
}

static void lists_are_added_one_spike_after_the_other(void **state)
{
    static float expected[MOST], out[MOST] __attribute__((aligned(64)));
    uint32_t ids[LISTS][SPIKES];
    (void)state;
    draw_matrices();
    for (int draw = 0; draw < DRAWS; draw++) {
        const size_t n = draw_size(), num_lists = wired_random(&random_state, LISTS + 1);
        const float *by = draw % 3 ? decay : NULL;
        rv_spike_rows lists[LISTS];
        for (size_t j = 0; j < n; j++)
            expected[j] = by ? from[j] * by[j] : from[j];
        for (size_t l = 0; l < num_lists; l++) {
            lists[l] = (rv_spike_rows){matrix[l], n, ids[l], wired_random(&random_state, SPIKES + 1)};
            draw_ids(ids[l], lists[l].num);
            add_plainly(expected, matrix[l], n, ids[l], lists[l].num, n);
        }
        for (int isa = RV_ISA_BASE; isa <= (int)best; isa++) {
            const bool in_place = draw % 2;
            memcpy(out, from, sizeof out);
            rv_kernels_for((rv_isa)isa)->add_lists(out, in_place ? out : from, by, lists, num_lists, n);
            words_equal("add_lists", (rv_isa)isa, out, expected, n);
            words_equal("add_lists, behind the end", (rv_isa)isa, out + n, from + n, MOST - n);
        }
    }
}

static void a_sum_of_rows_begins_with_zero_or_with_what_is_there(void **state)
{
    static float expected[MOST], out[MOST] __attribute__((aligned(64)));
    uint32_t ids[SPIKES];
    (void)state;
    draw_matrices();
    for (int draw = 0; draw < DRAWS; draw++) {
        const size_t end = draw_size(), begin = 16 * wired_random(&random_state, (uint32_t)(end / 16));
        const size_t num = wired_random(&random_state, SPIKES + 1);
        const bool add = draw % 2;
        draw_ids(ids, num);
        memcpy(expected, from, sizeof expected);
        for (size_t j = begin; j < end && !add; j++)
            expected[j] = 0;
        add_plainly(expected + begin, matrix[0] + begin, MOST, ids, num, end - begin);
        for (int isa = RV_ISA_BASE; isa <= (int)best; isa++) {
            memcpy(out, from, sizeof out);
            rv_kernels_for((rv_isa)isa)->sum_rows(out, add, matrix[0], MOST, ids, num, begin, end);
            words_equal("sum_rows", (rv_isa)isa, out, expected, MOST);
        }
    }
}

static float joined(const float *const *rows, size_t num, size_t j)
{
    return num == 1 ? rows[0][j] : joined(rows, num / 2, j) + joined(rows + num / 2, num / 2, j);
}

static void rows_join_half_by_half(void **state)
{
    static float expected[MOST], out[MOST] __attribute__((aligned(64)));
    (void)state;
    draw_matrices();
    for (int draw = 0; draw < DRAWS; draw++) {
        const size_t n = draw_size(), num = (size_t)1 << draw % 4;
        const float *rows[RV_MAX_LEAVES];
        for (size_t k = 0; k < num; k++)
            rows[k] = matrix[k % LISTS] + wired_random(&random_state, ROWS) * MOST;
        memcpy(expected, from, sizeof expected);
        for (size_t j = 0; j < n; j++)
            expected[j] = joined(rows, num, j);
        for (int isa = RV_ISA_BASE; isa <= (int)best; isa++) {
            memcpy(out, from, sizeof out);
            rv_kernels_for((rv_isa)isa)->join_rows(out, rows, num, n);
            words_equal("join_rows", (rv_isa)isa, out, expected, MOST);
        }
    }
}

/* Steps of a list: how many spikes each has, by a rarity that leaves some draws silent. */
static void draw_steps(uint32_t *offset, uint32_t *ids, size_t num_steps, uint32_t rarity)
{
    offset[0] = 0;
    for (size_t k = 0; k < num_steps; k++)
        offset[k + 1] = offset[k] + (wired_random(&random_state, rarity) ? 0 : wired_random(&random_state, 4));
    draw_ids(ids, offset[num_steps]);
}

static void steps_of_a_block_are_added_as_if_one_by_one(void **state)
{
    static float expected[STEPS][MOST], out[STEPS * MOST] __attribute__((aligned(64)));
    uint32_t ids[LISTS][STEPS * 4], offset[LISTS][STEPS + 1];
    (void)state;
    draw_matrices();
    for (int draw = 0; draw < DRAWS; draw++) {
        const size_t n = draw_size(), num_lists = 1 + wired_random(&random_state, LISTS);
        const size_t num_steps = 1 + wired_random(&random_state, STEPS);
        float sum[MOST];
        uint64_t arrived = 0;
        rv_spike_steps lists[LISTS];
        for (size_t l = 0; l < num_lists; l++) {
            const size_t late = wired_random(&random_state, 3) ? wired_random(&random_state, 5) : STEPS + 1;
            lists[l] = (rv_spike_steps){matrix[l], n, ids[l], offset[l], late};
            draw_steps(offset[l], ids[l], STEPS, 1U << draw % 8);
        }
        memcpy(sum, from, sizeof sum);
        for (size_t k = 0; k < num_steps; k++) {
            for (size_t j = 0; j < n; j++)
                sum[j] *= decay[j];
            for (size_t l = 0; l < num_lists; l++)
                if (k >= lists[l].late) {
                    const uint32_t *at = &offset[l][k - lists[l].late];
                    add_plainly(sum, matrix[l], n, ids[l] + at[0], at[1] - at[0], n);
                    arrived |= (uint64_t)(at[1] > at[0]) << k;
                }
            memcpy(expected[k], sum, sizeof sum);
        }
        for (int isa = RV_ISA_BASE; isa <= (int)best; isa++) {
            memset(out, 0, sizeof out);
            const uint64_t got =
                rv_kernels_for((rv_isa)isa)->add_steps(out, from, decay, lists, num_lists, num_steps, n);
            if (got != arrived)
                fail_msg("add_steps, instruction set %d: steps %016llx, expected %016llx", isa,
                         (unsigned long long)got, (unsigned long long)arrived);
            for (size_t k = 0; k < num_steps; k++)
                if (arrived >> k & 1)
                    words_equal("add_steps", (rv_isa)isa, out + k * n, expected[k], n);
        }
    }
}

static int compare_ids(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Different ids, in any order or ascending. */
static void draw_step(uint32_t *ids, size_t num, bool ascending)
{
    static uint32_t next;
    for (size_t k = 0; k < num; k++)
        ids[k] = (next = next % 100000 + 1 + wired_random(&random_state, 50)) * 2654435761U % 0x7fffffff;
    if (ascending)
        qsort(ids, num, sizeof *ids, compare_ids);
}

/* Of num sorted ids the first of each stays, and others move on; returns how many stay. */
static size_t keep_first(uint32_t *ids, size_t num, uint32_t *moved, size_t *num_moved)
{
    size_t kept = 0;
    *num_moved = 0;
    for (size_t k = 0; k < num; k++)
        if (kept && ids[kept - 1] == ids[k])
            moved[(*num_moved)++] = ids[k];
        else
            ids[kept++] = ids[k];
    return kept;
}

static void steps_are_sorted_up_to_one_that_the_kernel_leaves(void **state)
{
    enum {
        MOST_IDS = STEPS * 40
    };
    static uint32_t ids[MOST_IDS + 16], expected[MOST_IDS + 16], out[MOST_IDS + 16 + 5], end[STEPS], offset[STEPS + 1];
    static uint32_t ends[STEPS + 1], late[40], moved[2 * MOST_IDS];
    size_t stopped = 0, shared = 0;
    (void)state;
    for (int draw = 0; draw < DRAWS; draw++) {
        const size_t first = wired_random(&random_state, 3), start = wired_random(&random_state, 5);
        size_t used = 0, stop = STEPS, sorted = start, num_late = 0;
        for (size_t t = 0; t < STEPS; t++) {
            const bool many = wired_random(&random_state, 20) == 0;
            const size_t num = many ? 17 + wired_random(&random_state, 20) : wired_random(&random_state, 17);
            const bool ascending = wired_random(&random_state, 4) == 0 || (many && draw % 3);
            draw_step(ids + used, num, ascending);
            for (int again = 0; again < 3 && num > 1 && wired_random(&random_state, 40) == 0; again++)
                ids[used + wired_random(&random_state, (uint32_t)(num - 1))] = ids[used + num - 1];
            if (t < first) {
                end[t] = (uint32_t)(used += num);
                continue;
            }
            const size_t all = num + num_late;
            uint32_t *const step = expected + sorted;
            memcpy(step, ids + used, num * sizeof *ids);
            memcpy(step + num, late, num_late * sizeof *ids);
            qsort(step, all, sizeof *ids, compare_ids);
            const bool in_order = !num_late && !memcmp(step, ids + used, num * sizeof *ids);
            end[t] = (uint32_t)(used += num);
            if (stop < STEPS)
                continue;
            const size_t was_late = num_late, kept = keep_first(step, all, late, &num_late);
            if (all > 16 && (!in_order || num_late)) {
                stop = t;
                num_late = was_late;
                continue;
            }
            shared += was_late && num_late;
            sorted += kept;
            ends[t + 1] = (uint32_t)sorted;
        }
        stopped += stop < STEPS;
        for (int isa = RV_ISA_BASE; isa <= (int)best; isa++) {
            rv_step_sort sort = {ids, end, STEPS, out, offset, moved, 0};
            memset(offset, 0xff, sizeof offset);
            offset[first] = (uint32_t)start;
            assert_int_equal(rv_kernels_for((rv_isa)isa)->sort_steps(&sort, first), stop);
            words_equal("sort_steps", (rv_isa)isa, out + start, expected + start, sorted - start);
            for (size_t t = first; t < stop; t++)
                assert_int_equal(offset[t + 1], ends[t + 1]);
            assert_int_equal(sort.num_moved, num_late);
        }
    }
    assert_in_range(stopped, DRAWS / 4, DRAWS - DRAWS / 20);
    assert_true(shared > 0);
}

static void steps_end_after_their_last_spike(void **state)
{
    static uint32_t steps[300], end[STEPS + 1], expected[STEPS];
    (void)state;
    for (int draw = 0; draw < DRAWS; draw++) {
        const size_t num = wired_random(&random_state, 300);
        bool ascends = true;
        uint32_t step = 0;
        for (size_t k = 0; k < num; k++) {
            step += wired_random(&random_state, 8) == 0;
            steps[k] = step < STEPS ? step : STEPS;
        }
        if (num > 1 && draw % 4 == 0)
            steps[wired_random(&random_state, (uint32_t)num - 1)] = steps[num - 1];
        for (size_t k = 1; k < num; k++)
            ascends &= steps[k] >= steps[k - 1];
        for (size_t t = 0; t < STEPS; t++) {
            expected[t] = 0;
            for (size_t k = 0; k < num; k++)
                expected[t] += steps[k] <= t;
        }
        for (int isa = RV_ISA_BASE; isa <= (int)best; isa++) {
            memset(end, 0xff, sizeof end);
            assert_int_equal(rv_kernels_for((rv_isa)isa)->ends_of(end, STEPS, steps, num), ascends);
            if (ascends)
                words_equal("ends_of", (rv_isa)isa, end, expected, STEPS);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_added_one_spike_after_the_other),
        cmocka_unit_test(a_sum_of_rows_begins_with_zero_or_with_what_is_there),
        cmocka_unit_test(rows_join_half_by_half),
        cmocka_unit_test(steps_of_a_block_are_added_as_if_one_by_one),
        cmocka_unit_test(steps_are_sorted_up_to_one_that_the_kernel_leaves),
        cmocka_unit_test(steps_end_after_their_last_spike),
    };
    best = rv_isa_best();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
