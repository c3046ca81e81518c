/* Values and initializers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "base/name.h"
#include "values/value.h"

static rv_context *context;

static int make_context(void **state)
{
    (void)state;
    return rv_context_create(&context, &(rv_context_desc){.seed = 7, .seed_given = true});
}

static int free_context(void **state)
{
    (void)state;
    rv_context_free(context);
    return 0;
}

static void fills(rv_value value, uint32_t object, uint32_t param, float *out, size_t n)
{
    if (rv_value_fill(context, &value, 2.5, object, param, out, n, "population 'a': tau_mem") < 0)
        fail_msg("%s", rv_last_error(context));
}

static void refuses(rv_value value, size_t n, int code, const char *message)
{
    float out[100];
    rv_value copy;
    assert_int_equal(rv_value_fill(context, &value, 2.5, 0, 0, out, n, "population 'a': tau_mem"), code);
    assert_string_equal(rv_last_error(context), message);
    if (code != RV_ERR_SHAPE && !(value.kind == RV_VALUE_ARRAY && value.array)) {
        assert_int_equal(rv_value_copy(context, &copy, &value, "population 'a': tau_mem"), code);
        assert_string_equal(rv_last_error(context), message);
        assert_int_equal(copy.kind, RV_VALUE_DEFAULT);
    }
}

static void a_zeroed_value_is_the_default_and_a_constant_the_same_everywhere(void **state)
{
    float out[5];
    (void)state;
    fills((rv_value){0}, 0, 0, out, 5);
    for (int i = 0; i < 5; i++)
        assert_true(out[i] == 2.5F);
    fills(rv_const(0), 0, 0, out, 5);
    for (int i = 0; i < 5; i++)
        assert_true(out[i] == 0);
    fills(rv_const(0.1), 0, 0, out, 0);
}

static void an_array_is_copied(void **state)
{
    float data[] = {1, 2, 3}, out[3];
    rv_value copy;
    rv_value value = rv_array(data, 3);
    (void)state;
    assert_int_equal(rv_value_copy(context, &copy, &value, "x"), 0);
    data[1] = 9;
    fills(copy, 0, 0, out, 3);
    assert_true(out[0] == 1 && out[1] == 2 && out[2] == 3);
    rv_value_clear(&copy);
    assert_int_equal(copy.kind, RV_VALUE_DEFAULT);
    rv_value_clear(&copy);
}

static void bad_values_are_errors_that_name_the_parameter(void **state)
{
    static const float bad[] = {1, NAN, 3};
    (void)state;
    refuses(rv_const(NAN), 3, RV_ERR_VALUE, "population 'a': tau_mem must be a finite float32, got nan");
    refuses(rv_const(1e39), 3, RV_ERR_VALUE, "population 'a': tau_mem must be a finite float32, got 1e+39");
    refuses(rv_array(bad, 3), 3, RV_ERR_VALUE, "population 'a': tau_mem: element 1 must be finite, got nan");
    refuses(rv_array(bad, 3), 4, RV_ERR_SHAPE, "population 'a': tau_mem: the array has 3 elements, expected 4");
    refuses(rv_array(NULL, 3), 3, RV_ERR_ARGUMENT, "population 'a': tau_mem: the array is NULL");
    refuses(rv_normal(0, -1), 3, RV_ERR_VALUE, "population 'a': tau_mem: Normal: sd must be >= 0");
    refuses(rv_normal(INFINITY, 1), 3, RV_ERR_VALUE, "population 'a': tau_mem: Normal: mean must be finite, got inf");
    refuses(rv_uniform(1, 0), 3, RV_ERR_VALUE, "population 'a': tau_mem: Uniform: min must be <= max");
    refuses((rv_value){.kind = 77}, 3, RV_ERR_ARGUMENT, "population 'a': tau_mem: unknown kind of value 77");
    refuses(rv_initialize(NULL, NULL), 3, RV_ERR_ARGUMENT,
            "population 'a': tau_mem: an initializer needs a name and a sample function");
}

static void a_default_need_not_be_finite(void **state)
{
    float out[1];
    (void)state;
    assert_int_equal(rv_value_fill(context, &(rv_value){0}, INFINITY, 0, 0, out, 1, "x"), 0);
    assert_true(out[0] == INFINITY);
}

static void normal_and_uniform_have_their_moments(void **state)
{
    enum {
        NUM = 200000
    };
    static float out[NUM];
    double sum = 0, squares = 0;
    (void)state;
    fills(rv_normal(3, 2), 1, 2, out, NUM);
    for (int i = 0; i < NUM; i++) {
        sum += out[i];
        squares += (out[i] - 3.0) * (out[i] - 3.0);
    }
    assert_true(fabs(sum / NUM - 3) < 5 * 2 / sqrt(NUM));
    assert_true(fabs(squares / NUM - 4) < 5 * 4 * sqrt(2.0 / NUM));

    float least = 10, most = -10;
    fills(rv_uniform(-1, 3), 1, 2, out, NUM);
    sum = 0;
    for (int i = 0; i < NUM; i++) {
        sum += out[i];
        least = fminf(least, out[i]);
        most = fmaxf(most, out[i]);
    }
    assert_true(least >= -1 && least < -0.999F && most <= 3 && most > 2.999F);
    assert_true(fabs(sum / NUM - 1) < 5 * 4 / sqrt(12.0 * NUM));
    fills(rv_uniform(2, 2), 1, 2, out, 3);
    assert_true(out[0] == 2 && out[2] == 2);
}

static void random_elements_belong_to_object_parameter_and_place(void **state)
{
    float a[100], b[100];
    rv_context *other;
    (void)state;
    fills(rv_normal(0, 1), 1, 2, a, 100);
    fills(rv_normal(0, 1), 1, 2, b, 50);
    assert_memory_equal(a, b, 50 * sizeof *a);
    fills(rv_normal(0, 1), 2, 2, b, 100);
    assert_memory_not_equal(a, b, sizeof a);
    fills(rv_normal(0, 1), 1, 3, b, 100);
    assert_memory_not_equal(a, b, sizeof a);

    const rv_value value = rv_normal(0, 1);
    assert_int_equal(rv_context_create(&other, &(rv_context_desc){.seed = 8, .seed_given = true}), 0);
    assert_int_equal(rv_value_fill(other, &value, 0, 1, 2, b, 100, "x"), 0);
    assert_memory_not_equal(a, b, sizeof a);
    rv_context_free(other);
}

/* Users' own: param[0] + param[1] in every element. */
static double add(const double *param, const uint32_t random[4])
{
    (void)random;
    return param[0] + param[1];
}

static const char *check_add(const double *param)
{
    return param[0] < 100 ? NULL : "a must be < 100";
}

static void users_initializers_work_as_the_built_in_ones(void **state)
{
    static const rv_initializer adder = {.name = "Adder",
                                         .num_params = 2,
                                         .param_name = {"a", "b"},
                                         .param_default = {1, 2},
                                         .sample = add,
                                         .check = check_add};
    float out[2];
    (void)state;
    fills(rv_initialize(&adder, NULL), 0, 0, out, 2);
    assert_true(out[0] == 3 && out[1] == 3);
    fills(rv_initialize(&adder, (double[]){5, 6}), 0, 0, out, 2);
    assert_true(out[1] == 11);
    refuses(rv_initialize(&adder, (double[]){100, 6}), 2, RV_ERR_VALUE,
            "population 'a': tau_mem: Adder: a must be < 100");
    rv_initializer broken = adder;
    broken.num_params = 5;
    refuses(rv_initialize(&broken, (double[]){1, 2, 3, 4, 5}), 2, RV_ERR_ARGUMENT,
            "population 'a': tau_mem: initializer Adder has 5 parameters, expected 0 to 4");
    broken.num_params = 2;
    broken.check = NULL;
    fills(rv_initialize(&broken, (double[]){100, 6}), 0, 0, out, 2);
    const rv_value huge = rv_initialize(&broken, (double[]){1e200, 0});
    assert_int_equal(rv_value_fill(context, &huge, 0, 0, 0, out, 2, "x"), RV_ERR_VALUE);
}

static void initializers_are_found_in_camel_and_snake_case(void **state)
{
    (void)state;
    assert_string_equal(rv_initializer_by_name("Normal")->name, "Normal");
    assert_string_equal(rv_initializer_by_name("normal")->name, "Normal");
    assert_string_equal(rv_initializer_by_name("uniform")->name, "Uniform");
    assert_null(rv_initializer_by_name("Norma"));
    assert_null(rv_initializer_by_name(""));
    assert_null(rv_initializer_by_name(NULL));
    assert_true(rv_name_equal("LeakyIntegrateFire", "leaky_integrate_fire"));
    assert_true(rv_name_equal("FewSpikeRelu", "FewSpikeRelu"));
    assert_false(rv_name_equal("LeakyIntegrate", "leaky_integrate_fire"));
    assert_false(rv_name_equal("LeakyIntegrateFire", "leaky_integrate"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zeroed_value_is_the_default_and_a_constant_the_same_everywhere),
        cmocka_unit_test(an_array_is_copied),
        cmocka_unit_test(bad_values_are_errors_that_name_the_parameter),
        cmocka_unit_test(a_default_need_not_be_finite),
        cmocka_unit_test(normal_and_uniform_have_their_moments),
        cmocka_unit_test(random_elements_belong_to_object_parameter_and_place),
        cmocka_unit_test(users_initializers_work_as_the_built_in_ones),
        cmocka_unit_test(initializers_are_found_in_camel_and_snake_case),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
