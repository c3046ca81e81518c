/* The HDF5 reader where memory or HDF5 is missing. What it reads is checked by test_shd.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <ranvier/data.h>

#include "base/alloc.h"
#include "rv_config.h"
#include "support/files.h"

#if RV_HAVE_HDF5
#include <hdf5.h>
#endif

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

#if RV_HAVE_HDF5

static void write_lists(hid_t file, const char *name, const hvl_t *lists, hsize_t num, hid_t number)
{
    const hid_t type = H5Tvlen_create(number), space = H5Screate_simple(1, &num, NULL);
    const hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    const hid_t dataset = H5Dcreate2(file, name, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, lists) >= 0);
    H5Dclose(dataset);
    H5Pclose(links);
    H5Sclose(space);
    H5Tclose(type);
}

/* Two examples, of two spikes and of none. */
static const char *write_shd(void)
{
    double times[] = {0.25, 0.5};
    int units[] = {699, 3};
    const hvl_t time_lists[] = {{2, times}, {0, NULL}}, unit_lists[] = {{2, units}, {0, NULL}};
    const char *path = test_path("shd.h5");
    const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    write_lists(file, "spikes/times", time_lists, 2, H5T_NATIVE_DOUBLE);
    write_lists(file, "spikes/units", unit_lists, 2, H5T_NATIVE_INT);
    H5Fclose(file);
    return path;
}

static void running_out_of_memory_is_an_error_without_leaks(void **state)
{
    const char *path = write_shd();
    rv_dataset d;
    int rc = RV_ERR_MEMORY;
    (void)state;
    for (long n = 0; rc != 0; n++) {
        rv_alloc_fail_after(n);
        rc = rv_read_shd(&d, context, path, NULL);
        rv_alloc_fail_after(-1);
        if (rc != 0 && rc != RV_ERR_MEMORY)
            fail_msg("%s", rv_last_error(context));
        if (rc != 0)
            assert_null(d.spikes);
    }
    double times[2];
    int32_t ids[2];
    assert_int_equal(rv_spikes_count(d.spikes, 1), 0);
    assert_int_equal(rv_spikes_get(d.spikes, 0, times, ids), 0);
    assert_true(times[0] == 250 && ids[0] == 699 && times[1] == 500 && ids[1] == 3);
    rv_dataset_clear(&d);
}

static void nothing_of_hdf5_stays_open(void **state)
{
    rv_dataset d;
    (void)state;
    assert_int_equal(rv_read_shd(&d, context, write_shd(), NULL), 0);
    rv_dataset_clear(&d);
    assert_true(rv_read_shd(&d, context, test_text("bad.h5", "no"), NULL) < 0);
    assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
}

#else

static void a_build_without_hdf5_says_so(void **state)
{
    rv_dataset d;
    (void)state;
    assert_int_equal(rv_read_shd(&d, context, "shd.h5", NULL), RV_ERR_UNSUPPORTED);
    assert_string_equal(rv_last_error(context), "shd.h5: this build has no HDF5");
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#if RV_HAVE_HDF5
        cmocka_unit_test(running_out_of_memory_is_an_error_without_leaks),
        cmocka_unit_test(nothing_of_hdf5_stays_open),
#else
        cmocka_unit_test(a_build_without_hdf5_says_so),
#endif
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
