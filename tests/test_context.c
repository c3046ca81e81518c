/* What a context takes from its caller, the environment and the machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/context.h"

static int clear_environment(void **state)
{
    (void)state;
    unsetenv("RV_SEED");
    unsetenv("RV_NUM_THREADS");
    unsetenv("RV_SPLIT");
    unsetenv("RV_ISA");
    return 0;
}

/* Creation must fail with this code, and say why. */
static void refuses(const rv_context_desc *desc, int code, const char *message)
{
    rv_context *context = NULL;
    assert_int_equal(rv_context_create(&context, desc), code);
    assert_non_null(context);
    assert_string_equal(rv_last_error(context), message);
    rv_context_free(context);
}

static void defaults_are_seed_0_and_the_best_of_the_machine(void **state)
{
    rv_context *context;
    (void)state;
    assert_int_equal(rv_context_create(&context, NULL), 0);
    assert_int_equal(rv_context_seed(context), 0);
    assert_in_range(rv_context_num_threads(context), 1, RV_MAX_THREADS);
    assert_string_equal(rv_context_isa(context), rv_isa_name(rv_isa_best()));
    rv_context_free(context);
    rv_context_free(NULL);
    assert_int_equal(rv_context_create(NULL, NULL), RV_ERR_ARGUMENT);
}

static void the_environment_sets_what_the_caller_does_not(void **state)
{
    rv_context *context;
    (void)state;
    setenv("RV_SEED", "18446744073709551615", 1);
    setenv("RV_NUM_THREADS", "3", 1);
    setenv("RV_ISA", "base", 1);
    assert_int_equal(rv_context_create(&context, NULL), 0);
    assert_true(rv_context_seed(context) == UINT64_MAX);
    assert_int_equal(rv_context_num_threads(context), 3);
    assert_string_equal(rv_context_isa(context), "base");
    rv_context_free(context);

    const rv_context_desc desc = {.seed_given = true, .num_threads = 5, .isa = rv_isa_name(rv_isa_best())};
    assert_int_equal(rv_context_create(&context, &desc), 0);
    assert_int_equal(rv_context_seed(context), 0);
    assert_int_equal(rv_context_num_threads(context), 5);
    assert_string_equal(rv_context_isa(context), desc.isa);
    rv_context_free(context);
}

static void an_empty_variable_counts_as_unset(void **state)
{
    rv_context *context;
    (void)state;
    setenv("RV_SEED", "", 1);
    setenv("RV_NUM_THREADS", "", 1);
    setenv("RV_ISA", "", 1);
    assert_int_equal(rv_context_create(&context, NULL), 0);
    assert_int_equal(rv_context_seed(context), 0);
    rv_context_free(context);
}

static void hexadecimal_seeds_are_read(void **state)
{
    rv_context *context;
    (void)state;
    setenv("RV_SEED", "0xfF", 1);
    assert_int_equal(rv_context_create(&context, NULL), 0);
    assert_int_equal(rv_context_seed(context), 255);
    rv_context_free(context);
}

static void bad_variables_are_errors_that_quote_them(void **state)
{
    (void)state;
    static const char *const bad_seeds[] = {"-1", "1x", " 1", "18446744073709551616", "0x", "1e3"};
    for (size_t i = 0; i < sizeof bad_seeds / sizeof bad_seeds[0]; i++) {
        rv_context *context;
        setenv("RV_SEED", bad_seeds[i], 1);
        assert_int_equal(rv_context_create(&context, NULL), RV_ERR_ENVIRONMENT);
        assert_non_null(strstr(rv_last_error(context), bad_seeds[i]));
        rv_context_free(context);
    }
    unsetenv("RV_SEED");
    setenv("RV_NUM_THREADS", "0", 1);
    refuses(NULL, RV_ERR_ENVIRONMENT, "RV_NUM_THREADS must be a number from 1 to 4096, got '0'");
    unsetenv("RV_NUM_THREADS");
    setenv("RV_ISA", "sse9", 1);
    refuses(NULL, RV_ERR_ENVIRONMENT, "RV_ISA must be base, x86-64-v2, x86-64-v3 or x86-64-v4, got 'sse9'");
    unsetenv("RV_ISA");
    setenv("RV_SPLIT", "sometimes", 1);
    refuses(NULL, RV_ERR_ENVIRONMENT, "RV_SPLIT must be auto, never or always, got 'sometimes'");
}

static void bad_arguments_are_errors(void **state)
{
    (void)state;
    refuses(&(rv_context_desc){.num_threads = -1}, RV_ERR_ARGUMENT,
            "num_threads must be 1 to 4096, or 0 for the default, got -1");
    refuses(&(rv_context_desc){.isa = "v5"}, RV_ERR_ARGUMENT,
            "isa must be base, x86-64-v2, x86-64-v3 or x86-64-v4, got 'v5'");
}

static void instruction_sets_have_long_and_short_names(void **state)
{
    (void)state;
    assert_int_equal(rv_isa_parse("base"), RV_ISA_BASE);
    assert_int_equal(rv_isa_parse("x86-64-v2"), RV_ISA_V2);
    assert_int_equal(rv_isa_parse("v3"), RV_ISA_V3);
    assert_int_equal(rv_isa_parse("v4"), RV_ISA_V4);
    assert_int_equal(rv_isa_parse("x86-64-"), -1);
    assert_int_equal(rv_isa_parse("V3"), -1);
    assert_int_equal(rv_isa_parse(""), -1);
}

static void an_instruction_set_the_machine_lacks_is_an_error(void **state)
{
    (void)state;
    if (rv_isa_best() == RV_ISA_V4) {
        print_message("this machine has every instruction set\n");
        skip();
    }
    rv_context *context;
    assert_int_equal(rv_context_create(&context, &(rv_context_desc){.isa = "v4"}), RV_ERR_ARGUMENT);
    assert_non_null(strstr(rv_last_error(context), "this machine does not have x86-64-v4, its best is "));
    rv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(defaults_are_seed_0_and_the_best_of_the_machine, clear_environment),
        cmocka_unit_test_setup(the_environment_sets_what_the_caller_does_not, clear_environment),
        cmocka_unit_test_setup(an_empty_variable_counts_as_unset, clear_environment),
        cmocka_unit_test_setup(hexadecimal_seeds_are_read, clear_environment),
        cmocka_unit_test_setup(bad_variables_are_errors_that_quote_them, clear_environment),
        cmocka_unit_test_setup(bad_arguments_are_errors, clear_environment),
        cmocka_unit_test(instruction_sets_have_long_and_short_names),
        cmocka_unit_test_setup(an_instruction_set_the_machine_lacks_is_an_error, clear_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
