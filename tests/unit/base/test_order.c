/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/order.h"

enum { MOST = 3000 };

/* A key, and what tells apart those who share it. */
struct thing {
	uint64_t key;
	uint32_t rest;
};

static int compare_rest(const void *things, uint32_t a, uint32_t b)
{
	const struct thing *v = things;

	return (v[a].rest > v[b].rest) - (v[a].rest < v[b].rest);
}

static int compare_things(const void *left, const void *right)
{
	const struct thing *a = left;
	const struct thing *b = right;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return (a->rest > b->rest) - (a->rest < b->rest);
}

/* Against qsort(). @param mask  the bits in which keys may differ */
static void assert_sorted(uint32_t n, uint64_t mask)
{
	static struct thing things[MOST];
	static struct thing sorted[MOST];
	static struct fb_order order[2 * MOST];
	uint64_t random = n + mask;
	struct fb_order *got;

	for (uint32_t i = 0; i < n; i++) {
		random = fb_hash_mix(random + 1, UINT64_C(0x9e3779b97f4a7c15));
		things[i].key = (random & mask) | (UINT64_C(0x0123456789abcdef) & ~mask);
		things[i].rest = (uint32_t)fb_hash_mix(random, UINT64_C(0xd6e8feb86659fd93));
		order[i] = (struct fb_order){things[i].key, i};
	}
	memcpy(sorted, things, n * sizeof(*things));
	qsort(sorted, n, sizeof(*sorted), compare_things);
	got = fb_order_sort(order, order + MOST, n);
	for (uint32_t i = 0, end; i < n; i = end) {
		end = fb_order_alike_end(got, i, n);
		/* Stable, until compared. */
		for (uint32_t k = i + 1; k < end; k++)
			assert_true(got[k - 1].place < got[k].place);
		fb_order_sort_alike(got + i, end - i, compare_rest, things);
	}
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(got[i].key, sorted[i].key);
		assert_int_equal(things[got[i].place].rest, sorted[i].rest);
	}
}

static void it_is_the_order_of_qsort(void **state)
{
	static const uint32_t ns[] = {1, 2, 7, 256, MOST};
	/* All unlike; many alike; all alike; the first and the last byte, and some between. */
	static const uint64_t masks[] = {UINT64_MAX,
					 0x3ff,
					 0,
					 UINT64_C(0xff000000000000ff),
					 UINT64_C(0x0000ffff00000000),
					 UINT64_C(0x8000000000000000)};

	(void)state;
	for (size_t i = 0; i < sizeof(ns) / sizeof(ns[0]); i++) {
		for (size_t k = 0; k < sizeof(masks) / sizeof(masks[0]); k++)
			assert_sorted(ns[i], masks[k]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_the_order_of_qsort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
