/* SPDX-License-Identifier: BSD-3-Clause */

/* Needs a reserved page of 1 GB, and one of 2 MB. */

#include "unit.h"

#include <stdio.h>

#include "flow/region.h"

#define GIGANTIC "/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages"
#define HUGE	 "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"

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

static void pages_of_a_gigabyte_are_used_and_given_back(void **state)
{
	const size_t bytes = ((size_t)1 << 30) + 4096;
	const unsigned long before = read_number(GIGANTIC);
	struct fb_region r;
	uint8_t *p;

	(void)state;
	assert_int_equal(fb_region_map(bytes, -1, &r), 0);
	assert_int_equal(read_number(GIGANTIC), before - 1);
	assert_int_equal(r.bytes, ((size_t)1 << 30) + (2 << 20));
	p = r.base;
	for (size_t at = 0; at < r.bytes; at += 4096) {
		assert_int_equal(p[at], 0);
		p[at] = 1;
	}
	fb_region_unmap(&r);
	assert_int_equal(read_number(GIGANTIC), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_of_a_gigabyte_are_used_and_given_back),
	};

	if (read_number(GIGANTIC) == 0 || read_number(HUGE) == 0) {
		(void)printf("1..0 # SKIP no free huge pages of 1 GB and 2 MB\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
