/* Error codes, texts and details. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/context.h"
#include "base/error.h"
#include "base/threads.h"

static rv_context *context;

static int make_context(void **state)
{
    (void)state;
    return rv_context_create(&context, &(rv_context_desc){.num_threads = 4});
}

static int free_context(void **state)
{
    (void)state;
    rv_context_free(context);
    return 0;
}

static const struct {
    int code;
    const char *name, *text;
} codes[] = {
#define X(name, number, text) {name, #name, text},
    RV_ERRORS(X)
#undef X
};
static const size_t num_codes = sizeof codes / sizeof codes[0];

static void every_number_has_a_text(void **state)
{
    (void)state;
    for (int code = -5000; code <= 5000; code++) {
        const char *expected = code >= 0 ? "success" : "unknown error";
        for (size_t i = 0; i < num_codes; i++)
            if (codes[i].code == code)
                expected = codes[i].text;
        assert_string_equal(rv_strerror(code), expected);
    }
    assert_string_equal(rv_strerror(INT_MIN), "unknown error");
    assert_string_equal(rv_strerror(INT_MAX), "success");
}

static void error_numbers_are_pinned_and_differ(void **state)
{
    (void)state;
    assert_int_equal(RV_ERR_MEMORY, -1);
    assert_int_equal(RV_ERR_VALUE, -101);
    assert_int_equal(RV_ERR_SPIKE, -202);
    assert_int_equal(RV_ERR_CHECKPOINT, -302);
    assert_int_equal(RV_ERR_CALLBACK, -400);
    for (size_t i = 0; i < num_codes; i++)
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(codes[i].code, codes[j].code);
            assert_string_not_equal(codes[i].text, codes[j].text);
        }
}

static void the_detail_is_what_failed_last(void **state)
{
    (void)state;
    rv_context *fresh;
    assert_int_equal(rv_context_create(&fresh, NULL), 0);
    assert_string_equal(rv_last_error(fresh), "");
    assert_int_equal(rv_fail(fresh, RV_ERR_VALUE, "population '%s': got %g", "hidden", -5.0), RV_ERR_VALUE);
    assert_string_equal(rv_last_error(fresh), "population 'hidden': got -5");
    assert_int_equal(rv_error_set(fresh, RV_ERR_CALLBACK, "100% mine"), RV_ERR_CALLBACK);
    assert_string_equal(rv_last_error(fresh), "100% mine");
    assert_int_equal(rv_error_set(fresh, RV_ERR_CALLBACK, NULL), RV_ERR_CALLBACK);
    assert_string_equal(rv_last_error(fresh), "");
    rv_context_free(fresh);
    assert_string_equal(rv_last_error(NULL), "");
    assert_int_equal(rv_fail(NULL, RV_ERR_VALUE, "nobody listens"), RV_ERR_VALUE);
}

static void the_detail_may_quote_the_detail_before(void **state)
{
    (void)state;
    rv_fail(context, RV_ERR_VALUE, "inner");
    rv_fail(context, RV_ERR_VALUE, "outer: %s", rv_last_error(context));
    assert_string_equal(rv_last_error(context), "outer: inner");
}

static void the_detail_is_one_printable_line(void **state)
{
    (void)state;
    rv_fail(context, RV_ERR_FILE, "a\nb\033[31mc\x7f: \xC3\xA9");
    assert_string_equal(rv_last_error(context), "a?b?[31mc?: \xC3\xA9");
}

static void a_long_detail_is_cut_between_characters(void **state)
{
    char text[4000];
    (void)state;
    /* two-byte characters, at an even and at an odd place */
    for (int shift = 0; shift < 2; shift++) {
        memset(text, 'x', (size_t)shift);
        for (size_t i = (size_t)shift; i + 2 < sizeof text; i += 2)
            memcpy(text + i, "\xC3\xA9", 3);
        rv_fail(context, RV_ERR_FILE, "%s", text);
        const char *cut = rv_last_error(context);
        const size_t length = strlen(cut);
        assert_in_range(length, RV_ERROR_SIZE - 3, RV_ERROR_SIZE - 1);
        assert_string_equal(cut + length - 3, "...");
        assert_int_equal((unsigned char)cut[length - 4], 0xA9);
        assert_memory_equal(cut, text, length - 3);
    }
}

static void fail_often(void *arg, int worker)
{
    (void)arg;
    for (int i = 0; i < 2000; i++)
        rv_fail(context, RV_ERR_VALUE, worker % 2 ? "%0300d" : "%0200d", 0);
}

static void workers_that_fail_together_leave_one_whole_detail(void **state)
{
    (void)state;
    rv_parallel(context, fail_often, NULL);
    const size_t length = strlen(rv_last_error(context));
    assert_true(length == 200 || length == 300);
}

static void keep_line(void *user, rv_log_level level, const char *message)
{
    snprintf(user, 100, "%d %s", (int)level, message);
}

static void the_log_gets_whole_lines(void **state)
{
    char line[100] = "";
    rv_context *talkative;
    (void)state;
    assert_int_equal(rv_context_create(&talkative, &(rv_context_desc){.log = keep_line, .log_user = line}), 0);
    rv_log(talkative, RV_LOG_WARNING, "%d spikes\nleft out", 3);
    assert_string_equal(line, "1 3 spikes?left out");
    rv_context_free(talkative);
    rv_log(context, RV_LOG_INFO, "dropped");
    rv_log(NULL, RV_LOG_INFO, "dropped");
}

static void the_version_is_three_numbers(void **state)
{
    int a, b, c, end = 0;
    (void)state;
    assert_int_equal(sscanf(rv_version(), "%d.%d.%d%n", &a, &b, &c, &end), 3);
    assert_int_equal(rv_version()[end], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_has_a_text),
        cmocka_unit_test(error_numbers_are_pinned_and_differ),
        cmocka_unit_test(the_detail_is_what_failed_last),
        cmocka_unit_test(the_detail_may_quote_the_detail_before),
        cmocka_unit_test(the_detail_is_one_printable_line),
        cmocka_unit_test(a_long_detail_is_cut_between_characters),
        cmocka_unit_test(workers_that_fail_together_leave_one_whole_detail),
        cmocka_unit_test(the_log_gets_whole_lines),
        cmocka_unit_test(the_version_is_three_numbers),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
