/* BatchProgressBar on a terminal: what is left on the screen, and how wide the lines were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/tiny.h"

#define MAX_COLUMNS 256
#define MAX_ROWS 32

static tiny t;
static int master = -1, standard_error = -1;

static int set_up(void **state)
{
    (void)state;
    setenv("TERM", "xterm", 1);
    setenv("LC_ALL", "C", 1);
    tiny_create(&t, 1, true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tiny_free(&t);
    return 0;
}

static void set_columns(unsigned short columns)
{
    assert_int_equal(ioctl(master, TIOCSWINSZ, &(struct winsize){.ws_row = 24, .ws_col = columns}), 0);
}

/* Makes standard error a terminal of that many columns. */
static void open_terminal(unsigned short columns)
{
    int slave;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    set_columns(columns);
    fflush(stderr);
    standard_error = dup(STDERR_FILENO);
    dup2(slave, STDERR_FILENO);
    close(slave);
}

/* What has been written to the terminal since it was opened; it is closed. */
static char *close_terminal(void)
{
    static char written[1 << 16];
    size_t used = 0;
    fflush(stderr);
    dup2(standard_error, STDERR_FILENO); /* the last one: reading now ends with an error */
    close(standard_error);
    for (ssize_t more; (more = read(master, written + used, sizeof written - 1 - used)) > 0;)
        used += (size_t)more;
    close(master);
    written[used] = '\0';
    return written;
}

/* A screen that knows carriage return, newline and "erase the rest of the line". */
typedef struct screen {
    char row[MAX_ROWS][MAX_COLUMNS + 1];
    size_t num_rows; /* begun */
    size_t widest;   /* columns of the longest line, also if it was overwritten */
} screen;

static void show(screen *s, const char *text)
{
    size_t column = 0;
    memset(s, 0, sizeof *s);
    s->num_rows = 1;
    for (; *text; text++) {
        char *row = s->row[s->num_rows - 1];
        if (*text == '\n') {
            s->num_rows++;
            assert_true(s->num_rows < MAX_ROWS);
        } else if (*text == '\r') {
            column = 0;
        } else if (!strncmp(text, "\033[K", 3)) {
            memset(row + column, 0, MAX_COLUMNS - column);
            text += 2;
        } else {
            assert_true(*text >= 0x20 && *text < 0x7F && column < MAX_COLUMNS);
            row[column++] = *text;
            s->widest = column > s->widest ? column : s->widest;
        }
    }
}

static bool begins(const char *line, const char *start)
{
    return !strncmp(line, start, strlen(start));
}

static void an_epoch_leaves_one_line_with_the_metrics_of_its_validation(void **state)
{
    (void)state;
    static screen s;
    rv_result *result = NULL;
    const rv_train_desc desc = {.data = tiny_data(&t), .num_epochs = 2, .validation = tiny_data(&t)};
    open_terminal(200);
    const int rc = rv_train(&result, t.model, &desc);
    const char *written = close_terminal();
    TINY_OK(&t, rc);
    rv_result_free(result);

    show(&s, written);
    assert_int_equal(s.num_rows, 3);
    assert_true(begins(s.row[0], "Epoch 0: 100%|####"));
    assert_true(begins(s.row[1], "Epoch 1: 100%|####"));
    assert_string_equal(s.row[2], "");
    assert_int_equal(s.widest, 198);
    for (int i = 0; i < 2; i++) {
        assert_non_null(strstr(s.row[i], "#| 3/3 [00:0"));
        assert_non_null(strstr(s.row[i], "it/s, loss="));
        assert_non_null(strstr(s.row[i], ", val_accuracy="));
    }
    assert_non_null(strstr(written, "\rEpoch 0:   0%|"));
    assert_non_null(strstr(written, "\rEpoch 0 validation:   0%|"));
    assert_non_null(strstr(written, "\rEpoch 0 validation: 100%|"));
}

static int shrink(void *user, size_t epoch, const rv_metrics *metrics)
{
    (void)user;
    (void)epoch;
    (void)metrics;
    set_columns(60);
    return 0;
}

static void lines_follow_the_width_of_the_terminal(void **state)
{
    (void)state;
    static screen s;
    rv_result *result = NULL;
    const rv_callback callbacks[] = {rv_batch_progress_bar(), {.name = "Shrink", .on_epoch_end = shrink}};
    const rv_train_desc desc = {.data = tiny_data(&t), .num_epochs = 2, .callbacks = callbacks, .num_callbacks = 2};
    open_terminal(120);
    const int rc = rv_train(&result, t.model, &desc);
    char *written = close_terminal();
    TINY_OK(&t, rc);
    rv_result_free(result);

    show(&s, written);
    assert_int_equal(strlen(s.row[0]), 118);
    char *second = strchr(written, '\n');
    assert_non_null(second);
    show(&s, second + 1);
    assert_true(s.widest <= 58);
    assert_true(begins(s.row[0], "Epoch 1: 00:0"));
}

static void a_test_leaves_one_line(void **state)
{
    (void)state;
    static screen s;
    rv_result *result = NULL;
    const rv_evaluate_desc desc = {.data = tiny_data(&t)};
    open_terminal(100);
    const int rc = rv_evaluate(&result, t.model, &desc);
    const char *written = close_terminal();
    TINY_OK(&t, rc);
    rv_result_free(result);
    show(&s, written);
    assert_int_equal(s.num_rows, 2);
    assert_true(begins(s.row[0], "Test: 100%|###"));
}

static int stop_late(void *user, size_t batch, const rv_metrics *metrics)
{
    (void)user;
    (void)metrics;
    return batch == 1;
}

static void a_stopped_epoch_shows_what_there_is(void **state)
{
    (void)state;
    static screen s;
    rv_result *result = NULL;
    const rv_callback callbacks[] = {rv_batch_progress_bar(),
                                     {.name = "Stop", .on_batch_end = stop_late},
                                     rv_firing_rate((rv_firing_rate_desc){.population = t.hidden})};
    const rv_train_desc desc = {.data = tiny_data(&t),
                                .num_epochs = 2,
                                .callbacks = callbacks,
                                .num_callbacks = 3,
                                .validation = tiny_data(&t)};
    open_terminal(120);
    const int rc = rv_train(&result, t.model, &desc);
    const char *written = close_terminal();
    TINY_OK(&t, rc);
    rv_result_free(result);
    show(&s, written);
    assert_int_equal(s.num_rows, 2);
    assert_true(begins(s.row[0], "Epoch 0:  67%|####"));
    assert_non_null(strstr(s.row[0], "accuracy="));
    assert_non_null(strstr(s.row[0], ", hidden.rate="));
    assert_null(strstr(s.row[0], "nan"));
}

static int fail_late(void *user, size_t batch, const rv_metrics *metrics)
{
    (void)user;
    (void)metrics;
    return batch == 1 ? -7 : 0;
}

static void after_a_failure_the_next_line_is_free(void **state)
{
    (void)state;
    static screen s;
    rv_result *result = NULL;
    const rv_callback callbacks[] = {rv_batch_progress_bar(), {.name = "Fail", .on_batch_end = fail_late}};
    const rv_train_desc desc = {.data = tiny_data(&t), .num_epochs = 2, .callbacks = callbacks, .num_callbacks = 2};
    open_terminal(100);
    const int rc = rv_train(&result, t.model, &desc);
    const char *written = close_terminal();
    assert_int_equal(rc, -7);
    rv_result_free(result);
    show(&s, written);
    assert_int_equal(s.num_rows, 2);
    assert_true(begins(s.row[0], "Epoch 0: "));
    assert_string_equal(s.row[1], "");
}

static void a_dumb_terminal_gets_plain_lines(void **state)
{
    (void)state;
    rv_result *result = NULL;
    const rv_evaluate_desc desc = {.data = tiny_data(&t)};
    setenv("TERM", "dumb", 1);
    open_terminal(100);
    const int rc = rv_evaluate(&result, t.model, &desc);
    const char *written = close_terminal();
    TINY_OK(&t, rc);
    rv_result_free(result);
    assert_true(begins(written, "Test: 100% 3/3 ["));
    assert_null(strchr(written, '\033'));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_epoch_leaves_one_line_with_the_metrics_of_its_validation),
        TEST(lines_follow_the_width_of_the_terminal),
        TEST(a_test_leaves_one_line),
        TEST(a_stopped_epoch_shows_what_there_is),
        TEST(after_a_failure_the_next_line_is_free),
        TEST(a_dumb_terminal_gets_plain_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
