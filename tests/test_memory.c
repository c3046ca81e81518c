/* Allocation, growth, arenas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/arena.h"

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

static void memory_is_zeroed_and_never_null(void **state)
{
    (void)state;
    unsigned char *bytes = rv_alloc(context, 1000, 3, "bytes");
    for (int i = 0; i < 3000; i++)
        assert_int_equal(bytes[i], 0);
    rv_free(bytes);
    void *nothing = rv_alloc(context, 0, 8, "nothing");
    assert_non_null(nothing);
    rv_free(nothing);
    rv_free(NULL);
}

static void sizes_that_overflow_are_out_of_memory(void **state)
{
    (void)state;
    assert_null(rv_alloc(context, SIZE_MAX / 2, 3, "weights of 'a'"));
    assert_string_equal(rv_last_error(context),
                        "out of memory: weights of 'a' needs more bytes than can be addressed");
    assert_null(rv_alloc(context, (size_t)1 << 60, 1, "weights of 'b'"));
    assert_string_equal(rv_last_error(context), "out of memory: weights of 'b' needs 1152921504606846976 bytes");
}

static void growing_keeps_what_is_there_and_is_amortised(void **state)
{
    int *list = NULL;
    size_t capacity = 0, moves = 0;
    (void)state;
    for (int i = 0; i < 100000; i++) {
        const size_t before = capacity;
        assert_int_equal(rv_grow(context, &list, &capacity, (size_t)i + 1, sizeof *list, "list"), 0);
        moves += capacity != before;
        list[i] = i;
    }
    for (int i = 0; i < 100000; i++)
        assert_int_equal(list[i], i);
    assert_in_range(moves, 1, 40);

    const size_t before = capacity;
    const int *where = list;
    assert_int_equal(rv_grow(context, &list, &capacity, SIZE_MAX / 2, sizeof *list, "list"), RV_ERR_MEMORY);
    assert_int_equal(capacity, before);
    assert_ptr_equal(list, where);
    rv_free(list);
}

static void the_hook_fails_one_allocation(void **state)
{
    (void)state;
    rv_alloc_fail_after(1);
    void *first = rv_alloc(context, 1, 8, "first");
    assert_non_null(first);
    assert_null(rv_alloc(context, 1, 8, "second"));
    assert_string_equal(rv_last_error(context), "out of memory: second needs 8 bytes");
    void *third = rv_alloc(context, 1, 8, "third");
    assert_non_null(third);
    rv_free(first);
    rv_free(third);
    rv_alloc_fail_after(0);
    assert_null(rv_format(context, "%d", 5));
}

static void strings_are_formatted_whole(void **state)
{
    (void)state;
    char *text = rv_format(context, "%0500d|%s", 7, "end");
    assert_int_equal(strlen(text), 504);
    assert_string_equal(text + 499, "7|end");
    rv_free(text);
}

static void arena_memory_is_aligned_zeroed_and_apart(void **state)
{
    rv_arena *arena;
    unsigned char *buffers[300];
    (void)state;
    assert_int_equal(rv_arena_create(&arena, context, 4096, "test arena"), 0);
    for (size_t i = 0; i < 300; i++) {
        const size_t size = i * 37 % 9000; /* some larger than a chunk, some 0 */
        buffers[i] = rv_arena_alloc(arena, size, 1);
        assert_int_equal((uintptr_t)buffers[i] % RV_ALIGNMENT, 0);
        for (size_t j = 0; j < size; j++)
            assert_int_equal(buffers[i][j], 0);
        memset(buffers[i], (int)(i % 251 + 1), size);
    }
    for (size_t i = 0; i < 300; i++)
        for (size_t j = 0; j < i * 37 % 9000; j++)
            assert_int_equal(buffers[i][j], i % 251 + 1);
    assert_string_equal(rv_arena_strdup(arena, "name"), "name");
    rv_arena_free(arena);
    rv_arena_free(NULL);
}

static void an_arena_tells_what_it_holds(void **state)
{
    rv_arena *arena;
    (void)state;
    assert_int_equal(rv_arena_create(&arena, context, 0, "test arena"), 0);
    const size_t empty = rv_arena_bytes(arena);
    assert_in_range(empty, 1, 1000);
    rv_arena_alloc(arena, 100, 4);
    const size_t one = rv_arena_bytes(arena);
    assert_in_range(one, (1 << 20), (1 << 20) + 1000);
    rv_arena_alloc(arena, 1000, 4);
    assert_int_equal(rv_arena_bytes(arena), one);
    rv_arena_alloc(arena, 3 << 20, 1);
    assert_in_range(rv_arena_bytes(arena), 4 << 20, (4 << 20) + 2000);
    const size_t before = rv_arena_bytes(arena);
    rv_arena_alloc(arena, 1000, 4); /* what is left of the first chunk is not lost to the large buffer */
    assert_int_equal(rv_arena_bytes(arena), before);
    rv_arena_free(arena);
}

static void an_arena_that_cannot_grow_says_so_and_stays_whole(void **state)
{
    rv_arena *arena;
    (void)state;
    assert_int_equal(rv_arena_create(&arena, context, 4096, "state of the network"), 0);
    char *text = rv_arena_strdup(arena, "kept");
    assert_null(rv_arena_alloc(arena, SIZE_MAX / 4, 8));
    assert_string_equal(rv_last_error(context),
                        "out of memory: state of the network needs more bytes than can be addressed");
    assert_null(rv_arena_alloc(arena, SIZE_MAX - 64, 1));
    assert_null(rv_arena_alloc(arena, SIZE_MAX - 200, 1));
    rv_alloc_fail_after(0);
    assert_null(rv_arena_alloc(arena, 10000, 1));
    assert_string_equal(rv_last_error(context), "out of memory: state of the network needs 10048 bytes");
    assert_non_null(rv_arena_alloc(arena, 10000, 1));
    assert_string_equal(text, "kept");
    rv_arena_free(arena);
    rv_alloc_fail_after(0);
    assert_int_equal(rv_arena_create(&arena, context, 0, "arena"), RV_ERR_MEMORY);
    assert_null(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_never_null),
        cmocka_unit_test(sizes_that_overflow_are_out_of_memory),
        cmocka_unit_test(growing_keeps_what_is_there_and_is_amortised),
        cmocka_unit_test(the_hook_fails_one_allocation),
        cmocka_unit_test(strings_are_formatted_whole),
        cmocka_unit_test(arena_memory_is_aligned_zeroed_and_apart),
        cmocka_unit_test(an_arena_tells_what_it_holds),
        cmocka_unit_test(an_arena_that_cannot_grow_says_so_and_stays_whole),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
