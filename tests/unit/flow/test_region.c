/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <errno.h>
#include <stdio.h>

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

static unsigned long read_number(const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned long n = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%lu", &n) != 1)
		n = 0;
	(void)fclose(f);
	return n;
}

/* Needs a reserved page of 1 GB, and one of 2 MB. */
static void pages_of_a_gigabyte_are_used_and_given_back(void **state)
{
	static const char gigantic[] =
		"/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages";
	static const char huge[] = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
	const size_t bytes = ((size_t)1 << 30) + 4096;
	const unsigned long before = read_number(gigantic);
	struct fb_region r;
	uint8_t *p;

	(void)state;
	if (before == 0 || read_number(huge) == 0)
		skip();
	assert_int_equal(fb_region_map(bytes, -1, &r), 0);
	assert_int_equal(read_number(gigantic), before - 1);
	assert_int_equal(r.bytes, ((size_t)1 << 30) + (2 << 20));
	p = r.base;
	for (size_t at = 0; at < r.bytes; at += 4096) {
		assert_int_equal(p[at], 0);
		p[at] = 1;
	}
	fb_region_unmap(&r);
	assert_int_equal(read_number(gigantic), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zero_large_enough_and_on_whole_pages),
		cmocka_unit_test(a_node_that_does_not_exist_is_no_obstacle),
		cmocka_unit_test(what_cannot_be_had_is_refused),
		cmocka_unit_test(pages_of_a_gigabyte_are_used_and_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
