/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/order.h"

#include <stdlib.h>
#include <string.h>

#define DIGITS sizeof(uint64_t)

/* Insertion up to here: keys are alike for a few at most, where they are what they are meant to be. */
#define FEW 8

struct comparison {
	fb_order_compare_fn *compare;
	const void *things;
};

static int compare_places(const void *left, const void *right, void *arg)
{
	const struct fb_order *a = left;
	const struct fb_order *b = right;
	const struct comparison *c = arg;

	return c->compare(c->things, a->place, b->place);
}

void fb_order_sort_alike(struct fb_order *v, uint32_t n, fb_order_compare_fn *compare,
			 const void *things)
{
	struct comparison comparison = {compare, things};

	if (n > FEW) {
		qsort_r(v, n, sizeof(*v), compare_places, &comparison);
		return;
	}
	for (uint32_t i = 1; i < n; i++) {
		const struct fb_order one = v[i];
		uint32_t k = i;

		for (; k > 0 && compare(things, v[k - 1].place, one.place) > 0; k--)
			v[k] = v[k - 1];
		v[k] = one;
	}
}

struct fb_order *fb_order_sort(struct fb_order *v, struct fb_order *other, uint32_t n)
{
	uint32_t begins[DIGITS][256] = {{0}};
	uint64_t unlike = 0;

	for (uint32_t i = 0; i < n; i++) {
		unlike |= v[i].key ^ v[0].key;
		for (size_t d = 0; d < DIGITS; d++)
			begins[d][v[i].key >> (8 * d) & 0xff]++;
	}
	/* The last byte first: what is equal in one keeps its order. */
	for (size_t d = 0; d < DIGITS; d++) {
		struct fb_order *sorted = other;
		uint32_t begin = 0;

		if ((unlike >> (8 * d) & 0xff) == 0)
			continue;
		for (uint32_t k = 0; k < 256; k++) {
			uint32_t count = begins[d][k];

			begins[d][k] = begin;
			begin += count;
		}
		for (uint32_t i = 0; i < n; i++)
			sorted[begins[d][v[i].key >> (8 * d) & 0xff]++] = v[i];
		other = v;
		v = sorted;
	}
	return v;
}
