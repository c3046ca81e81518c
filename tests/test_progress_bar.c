/* The progress bar's line, character by character. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "callbacks/bar.h"

#define VALUE(output_name, metric_name, x)                                                                            \
    {                                                                                                                 \
        .output = output_name, .name = metric_name, .label = metric_name, .value = x                                  \
    }

static const rv_metric_value values[] = {VALUE("out", "loss", 0.1234), VALUE("out", "accuracy", 0.95671)};
static const rv_metrics metrics = {2, values};
static const rv_metric_value all_values[] = {
    VALUE("out", "loss", 0.1234),
    VALUE("out", "accuracy", 0.95671),
    VALUE("out", "val_loss", 0.2345),
    VALUE("out", "val_accuracy", 0.93451),
};
static const rv_metrics all_metrics = {4, all_values};

static const rv_bar halfway = {
    .description = "Epoch 3",
    .done = 50,
    .total = 120,
    .elapsed = 1.2135,
    .rate = 41.2,
    .metrics = &metrics,
};

static size_t columns_of(const char *line)
{
    size_t columns = 0;
    for (; *line; line++)
        columns += ((unsigned char)*line & 0xC0) != 0x80;
    return columns;
}

static void shows(rv_bar bar, size_t width, const char *expected)
{
    char line[RV_BAR_SIZE];
    const size_t length = rv_bar_format(line, &bar, width);
    assert_string_equal(line, expected);
    assert_int_equal(length, strlen(line));
}

static void the_bar_fills_the_line(void **state)
{
    (void)state;
    shows(halfway, 87, "Epoch 3:  42%|####1     | 50/120 [00:01<00:01, 41.20it/s, loss=0.1234, accuracy=0.9567]");
    shows(halfway, 97,
          "Epoch 3:  42%|########3           | 50/120 [00:01<00:01, 41.20it/s, loss=0.1234, accuracy=0.9567]");
}

static void blocks_show_eighths(void **state)
{
    (void)state;
    rv_bar bar = halfway;
    bar.unicode = true;
    shows(bar, 87, "Epoch 3:  42%|████▏     | 50/120 [00:01<00:01, 41.20it/s, loss=0.1234, accuracy=0.9567]");
    bar.done = 120;
    shows(bar, 88, "Epoch 3: 100%|██████████| 120/120 [00:01<00:00, 41.20it/s, loss=0.1234, accuracy=0.9567]");
}

static void nothing_done_is_an_empty_bar(void **state)
{
    (void)state;
    shows((rv_bar){.description = "Test", .total = 7}, 47, "Test:   0%|              | 0/7 [00:00<?, ?it/s]");
}

static void without_a_total_there_is_no_bar(void **state)
{
    (void)state;
    rv_bar bar = halfway;
    bar.total = 0;
    shows(bar, 100, "Epoch 3: 50it [00:01, 41.20it/s, loss=0.1234, accuracy=0.9567]");
}

static void more_batches_than_the_total_are_as_without_one(void **state)
{
    (void)state;
    rv_bar bar = halfway;
    bar.done = 121;
    shows(bar, 100, "Epoch 3: 121it [00:01, 41.20it/s, loss=0.1234, accuracy=0.9567]");
}

static void a_line_without_limit_has_no_bar(void **state)
{
    (void)state;
    shows(halfway, 0, "Epoch 3:  42% 50/120 [00:01<00:01, 41.20it/s, loss=0.1234, accuracy=0.9567]");
}

static void a_narrow_line_loses_the_bar_then_its_end(void **state)
{
    (void)state;
    shows(halfway, 82, "Epoch 3:  42%|##   | 50/120 [00:01<00:01, 41.20it/s, loss=0.1234, accuracy=0.9567]");
    shows(halfway, 81, "Epoch 3:  42% 50/120 [00:01<00:01, 41.20it/s, loss=0.1234, accuracy=0.9567]");
    shows(halfway, 75, "Epoch 3:  42% 50/120 [00:01<00:01, 41.20it/s, loss=0.1234, accuracy=0.9567]");
    shows(halfway, 40, "Epoch 3:  42% 50/120 [00:01<00:01, 41.20");
    shows(halfway, 1, "E");
}

static void a_finished_narrow_line_keeps_the_metrics(void **state)
{
    (void)state;
    rv_bar bar = halfway;
    bar.done = 120;
    bar.finished = true;
    bar.metrics = &all_metrics;
    shows(bar, 126,
          "Epoch 3: 100%|##########| 120/120 [00:01<00:00, 41.20it/s, loss=0.1234, accuracy=0.9567, "
          "val_loss=0.2345, val_accuracy=0.9345]");
    shows(bar, 114,
          "Epoch 3: 100% 120/120 [00:01<00:00, 41.20it/s, loss=0.1234, accuracy=0.9567, val_loss=0.2345, "
          "val_accuracy=0.9345]");
    shows(bar, 113, "Epoch 3: 00:01, 41.20it/s, loss=0.1234, accuracy=0.9567, val_loss=0.2345, val_accuracy=0.9345");
    shows(bar, 90, "Epoch 3: 00:01, loss=0.1234, accuracy=0.9567, val_loss=0.2345, val_accuracy=0.9345");
    shows(bar, 80, "Epoch 3: loss=0.1234, accuracy=0.9567, val_loss=0.2345, val_accuracy=0.9345");
    shows(bar, 30, "Epoch 3: loss=0.1234, accuracy");
}

static void slow_batches_show_seconds_each(void **state)
{
    (void)state;
    rv_bar bar = {.description = "Test", .done = 3, .total = 2000, .elapsed = 6, .rate = 0.5};
    shows(bar, 0, "Test:   0% 3/2000 [00:06<1:06:34,  2.00s/it]");
    bar.rate = 1;
    shows(bar, 0, "Test:   0% 3/2000 [00:06<33:17,  1.00it/s]");
    bar.elapsed = 360000;
    shows(bar, 0, "Test:   0% 3/2000 [100:00:00<33:17,  1.00it/s]");
}

static void metrics_are_shown_by_their_labels(void **state)
{
    (void)state;
    const rv_metric_value items[] = {{.output = "left", .name = "loss", .label = "left.loss", .value = 1},
                                     {.output = "right", .name = "loss", .label = "right.loss", .value = 2},
                                     {.output = "right", .name = "accuracy", .label = "right.accuracy", .value = NAN}};
    const rv_metrics several = {3, items};
    shows((rv_bar){.description = "Test", .metrics = &several}, 0,
          "Test: 0it [00:00, ?it/s, left.loss=1.0000, right.loss=2.0000, right.accuracy=nan]");
}

static void small_and_large_numbers_keep_their_digits(void **state)
{
    (void)state;
    const rv_metric_value items[] = {VALUE("o", "a", 0), VALUE("o", "b", 1.5e-7), VALUE("o", "c", -123456789.0), VALUE("o", "d", 99.5)};
    const rv_metrics some = {4, items};
    shows((rv_bar){.description = "Test", .metrics = &some}, 0,
          "Test: 0it [00:00, ?it/s, a=0.0000, b=1.500e-07, c=-1.235e+08, d=99.5000]");
}

static void names_cannot_move_the_cursor(void **state)
{
    (void)state;
    const rv_metric_value items[] = {VALUE("o", "\033[2J\nx", 1)};
    const rv_metrics hostile = {1, items};
    shows((rv_bar){.description = "Test", .metrics = &hostile}, 0, "Test: 0it [00:00, ?it/s, ?[2J?x=1.0000]");
}

static void no_line_is_wider_than_asked_for_nor_ends_inside_a_character(void **state)
{
    (void)state;
    const rv_metric_value items[] = {VALUE("ausgäng", "größe", 1), VALUE("αβγδ", "löss", 2)};
    const rv_metrics named = {2, items};
    for (size_t width = 1; width < 2500; width++)
        for (int kind = 0; kind < 8; kind++) {
            char line[RV_BAR_SIZE];
            rv_bar bar = halfway;
            bar.metrics = &named;
            bar.unicode = kind & 1;
            bar.finished = kind & 2;
            bar.total = kind & 4 ? 0 : bar.total;
            const size_t length = rv_bar_format(line, &bar, width);
            assert_int_equal(length, strlen(line));
            if (columns_of(line) > width)
                fail_msg("%zu columns for a width of %zu: %s", columns_of(line), width, line);
            const char *rest = line;
            while (*rest) { /* every sequence has the length that its first byte announces */
                const unsigned char first = (unsigned char)*rest++;
                const int more = first < 0x80 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
                for (int i = 0; i < more; i++, rest++)
                    assert_int_equal((unsigned char)*rest & 0xC0, 0x80);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bar_fills_the_line),
        cmocka_unit_test(blocks_show_eighths),
        cmocka_unit_test(nothing_done_is_an_empty_bar),
        cmocka_unit_test(without_a_total_there_is_no_bar),
        cmocka_unit_test(more_batches_than_the_total_are_as_without_one),
        cmocka_unit_test(a_line_without_limit_has_no_bar),
        cmocka_unit_test(a_narrow_line_loses_the_bar_then_its_end),
        cmocka_unit_test(a_finished_narrow_line_keeps_the_metrics),
        cmocka_unit_test(slow_batches_show_seconds_each),
        cmocka_unit_test(metrics_are_shown_by_their_labels),
        cmocka_unit_test(small_and_large_numbers_keep_their_digits),
        cmocka_unit_test(names_cannot_move_the_cursor),
        cmocka_unit_test(no_line_is_wider_than_asked_for_nor_ends_inside_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
