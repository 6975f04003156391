/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <stdalign.h>
#include <string.h>

#include "alloc_fail.h"
#include "model/arena.h"

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
	struct fb_arena arena = FB_ARENA_INIT;
	unsigned char *pieces[200];

	(void)state;
	for (unsigned int i = 0; i < 200; i++) {
		pieces[i] = fb_arena_alloc(&arena, i, 1);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
		for (unsigned int j = 0; j < i; j++)
			assert_int_equal(pieces[i][j], 0);
		memset(pieces[i], (int)i, i);
	}
	for (unsigned int i = 1; i < 200; i++)
		assert_int_equal(pieces[i][i - 1], i);
	fb_arena_fini(&arena);
	assert_int_equal(alloc_fail_live(), 0);
}

static void a_size_that_overflows_is_no_memory(void **state)
{
	struct fb_arena arena = FB_ARENA_INIT;

	(void)state;
	assert_null(fb_arena_alloc(&arena, SIZE_MAX / 2, 4));
	assert_null(fb_arena_alloc(&arena, SIZE_MAX, 1));
	fb_arena_fini(&arena);
}

static void a_piece_larger_than_a_chunk_is_whole(void **state)
{
	struct fb_arena arena = FB_ARENA_INIT;
	char *piece = fb_arena_alloc(&arena, 100000, 1);

	(void)state;
	assert_non_null(piece);
	memset(piece, 'x', 100000);
	assert_string_equal(fb_arena_strdup(&arena, "after"), "after");
	assert_string_equal(fb_arena_strdup(&arena, NULL), "");
	fb_arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
		cmocka_unit_test(a_size_that_overflows_is_no_memory),
		cmocka_unit_test(a_piece_larger_than_a_chunk_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
