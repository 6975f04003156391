/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BASE_ORDER_H
#define FB_BASE_ORDER_H

/*
 * Sorting many things, of which 8 bytes of the key tell nearly all apart: by one byte of these after the
 * other (bytes that all have alike cost nothing), and by comparison among those that are still alike. The
 * things themselves stay where they are. Of twenty thousand addresses it takes a tenth of what qsort() does.
 *
 * Thread: any.
 */

#include <stdint.h>

struct fb_order {
	uint64_t key;
	uint32_t place; /* of the thing */
};

/**
 * Sort by key; what has the same key keeps its order.
 *
 * @param other  room for as many
 * @return v or other, whichever has them now
 */
struct fb_order *fb_order_sort(struct fb_order *v, struct fb_order *other, uint32_t n);

/** One past those that have the key of the one at i. */
static inline uint32_t fb_order_alike_end(const struct fb_order *v, uint32_t i, uint32_t n)
{
	const uint64_t key = v[i].key;

	while (++i < n && v[i].key == key)
		;
	return i;
}

/** As for qsort(), of two places. */
typedef int fb_order_compare_fn(const void *things, uint32_t a, uint32_t b);

/** Sort by comparison; of things whose keys are alike. */
void fb_order_sort_alike(struct fb_order *v, uint32_t n, fb_order_compare_fn *compare,
			 const void *things);

#endif
