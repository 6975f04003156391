/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_TABLE_SOURCES_H
#define FB_TABLE_SOURCES_H

/*
 * Who may be a client: sets of address ranges, any number of them.
 *
 * Services with the same ranges share one set, whatever snapshot they are of: an allow list that
 * 10,000 Services repeat is kept once. A set costs 41 bytes a range and is immutable.
 *
 * A search goes down a tree of fan-out 8 whose nodes are cache lines of the ranges' first addresses (of
 * IPv4 the whole, of IPv6 the higher half): 6 lines for 10,000 ranges. Where IPv6 ranges share their
 * higher half, the rest is searched for among those.
 *
 * Thread: control makes, shares and frees; any worker searches.
 */

#include "base/hash.h"
#include "table/spec.h"

#define FB_SOURCES_FAN 8
#define FB_SOURCES_LEVELS 11 /* 8^11 is more than a count can be */

struct fb_source_set {
	/* Level 0 are the ranges' keys; the next one has the first key of each line of it. */
	const uint64_t *levels[FB_SOURCES_LEVELS];
	uint32_t counts[FB_SOURCES_LEVELS]; /* keys of a level, without the padding */
	uint32_t n_levels;
	uint32_t n;
	bool by_high; /* keys are the higher halves, which IPv4 has none of */
	const struct fb_source_range *ranges;
	/* Control only. */
	struct fb_source_sets *owner;
	struct fb_source_set *chain;
	uint64_t hash;
	uint32_t n_users;
};

/* All sets of a table, by what they hold. Zero is empty. */
struct fb_source_sets {
	struct fb_source_set **buckets;
	uint32_t mask;
	uint32_t n;
};

/**
 * The set of these ranges, the one there is or a new one, with one user more.
 *
 * @param ranges  ascending, apart from each other; at least one
 * @return NULL: no memory
 */
struct fb_source_set *fb_source_set_hold(struct fb_source_sets *sets, const struct fb_hash_secret *secret,
				      const struct fb_source_range *ranges, uint32_t n);
/** One user more of a set. */
struct fb_source_set *fb_source_set_share(struct fb_source_set *set);
/** One user less; the last one frees. NULL is fine. */
void fb_source_set_release(struct fb_source_set *set);
/** When no set is left. */
void fb_source_sets_fini(struct fb_source_sets *sets);

bool fb_source_set_equal(const struct fb_source_set *set, const struct fb_source_range *ranges,
		      uint32_t n);

/** Is an address in one of the ranges? Thread: any. */
bool fb_source_set_contains(const struct fb_source_set *set, const struct fb_addr *addr);

#endif
