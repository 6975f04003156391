/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <errno.h>

#include "flow/region.h"

static void memory_is_zero_large_enough_and_on_whole_pages(void **state)
{
	static const size_t sizes[] = {1, 4096, 5000, 2 << 20, (2 << 20) + 1, 5 << 20};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (int node = -1; node <= 0; node++) {
			struct fb_region r;
			const uint8_t *bytes;

			assert_int_equal(fb_region_map(sizes[i], node, &r), 0);
			assert_true(r.bytes >= sizes[i]);
			assert_int_equal((uintptr_t)r.base % 4096, 0);
			if (sizes[i] >= 2 << 20)
				assert_int_equal((uintptr_t)r.base % (2 << 20), 0);
			bytes = r.base;
			for (size_t at = 0; at < r.bytes; at++)
				assert_true(bytes[at] == 0);
			fb_region_unmap(&r);
			assert_null(r.base);
			fb_region_unmap(&r);
		}
	}
}

static void a_node_that_does_not_exist_is_no_obstacle(void **state)
{
	struct fb_region r;

	(void)state;
	assert_int_equal(fb_region_map(1 << 20, 1000, &r), 0);
	fb_region_unmap(&r);
	assert_int_equal(fb_region_map(1 << 20, 100000, &r), 0);
	fb_region_unmap(&r);
}

static void what_cannot_be_had_is_refused(void **state)
{
	struct fb_region r = {.bytes = 77};

	(void)state;
	assert_int_equal(fb_region_map(0, -1, &r), -EINVAL);
	assert_int_equal(fb_region_map(SIZE_MAX, -1, &r), -ENOMEM);
	assert_int_equal(fb_region_map((size_t)1 << 50, -1, &r), -ENOMEM);
	assert_int_equal(r.bytes, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zero_large_enough_and_on_whole_pages),
		cmocka_unit_test(a_node_that_does_not_exist_is_no_obstacle),
		cmocka_unit_test(what_cannot_be_had_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
