/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DATAPATH_LIMIT_H
#define FB_DATAPATH_LIMIT_H

/*
 * Rates of new flows, by source and by service: token buckets of a second's depth, 8 bytes each.
 * Thread: the worker whose buckets they are.
 */

#include <stdbool.h>
#include <stdint.h>

/* All zero: nobody came yet. */
struct fb_bucket {
	uint32_t spent; /* thousandths of a flow */
	uint32_t last_ms;
};

/* A source's; four on a cache line. */
struct fb_source_bucket {
	uint64_t key; /* hash of the prefix; 0: not in use */
	struct fb_bucket bucket;
};

_Static_assert(sizeof(struct fb_source_bucket) == 16, "four on a line");

#define FB_LIMIT_PER_LINE 4
/* A power of two. 1 MiB for a worker, and only where sources have a limit. */
#define FB_LIMIT_SOURCES 65536

/** What was spent and has not come back yet. */
static inline uint32_t fb_bucket_owes(const struct fb_bucket *b, uint32_t rate, uint32_t now_ms)
{
	const uint64_t back = (uint64_t)(now_ms - b->last_ms) * rate;

	return b->spent > back ? b->spent - (uint32_t)back : 0;
}

/** Take one flow of rate per second (at most 10^6), and as many at once. @return whether it was there */
static inline bool fb_bucket_take(struct fb_bucket *b, uint32_t rate, uint32_t now_ms)
{
	const uint32_t spent = fb_bucket_owes(b, rate, now_ms);

	b->last_ms = now_ms;
	b->spent = spent;
	if ((uint64_t)spent + 1000 > (uint64_t)rate * 1000)
		return false;
	b->spent = spent + 1000;
	return true;
}

/**
 * The bucket of a source: its own, or a fresh one, for which a full line gives up the one that owes least.
 * Cost: one line.
 *
 * @param sources  FB_LIMIT_SOURCES of them, beginning on a cache line
 * @param key      not 0
 */
struct fb_bucket *fb_limit_source(struct fb_source_bucket *sources, uint64_t key, uint32_t rate,
				  uint32_t now_ms);

#endif
