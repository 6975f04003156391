/* SPDX-License-Identifier: BSD-3-Clause */

#include "table/sources.h"

#include <stdlib.h>
#include <string.h>

#include "table/part.h"

#define FIRST_BUCKETS 64

/* The keys of each level are padded to whole lines with what no address comes after. */
#define PADDING UINT64_MAX

/* ---- search ---- */

static uint64_t half(const struct fb_addr *addr, size_t from)
{
	rte_be64_t be;

	memcpy(&be, addr->bytes + from, sizeof(be));
	return rte_be_to_cpu_64(be);
}

/*
 * How many keys are at most x: down the tree, a line on each level. Only if x is the greatest number of
 * all does padding count, and is cut off.
 */
static uint32_t count_up_to(const struct fb_source_set *set, uint64_t x)
{
	uint32_t at = 0; /* line of the level */
	uint32_t n = 0;

	for (uint32_t level = set->n_levels; level-- > 0;) {
		const uint64_t *line = set->levels[level] + (size_t)at * FB_SOURCES_FAN;

		n = 0;
		for (uint32_t i = 0; i < FB_SOURCES_FAN; i++)
			n += line[i] <= x;
		if (n == 0)
			return 0;
		n += at * FB_SOURCES_FAN;
		if (n > set->counts[level])
			n = set->counts[level];
		at = n - 1;
	}
	return n;
}

/* Among ranges whose higher half is the client's: the last that begins at or before it, + 1. */
static uint32_t count_among(const struct fb_source_set *set, uint32_t from, uint32_t to, uint64_t low)
{
	while (from < to) {
		uint32_t mid = from + (to - from) / 2;

		if (set->ranges[mid].first[1] <= low)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* The last range that begins at or before the client is the only one that can hold it. */
bool fb_source_set_contains(const struct fb_source_set *set, const struct fb_addr *addr)
{
	uint64_t high = half(addr, 0);
	uint64_t low = half(addr, 8);
	uint32_t n = count_up_to(set, set->by_high ? high : low);
	const struct fb_source_range *range;

	if (set->by_high && n > 0 && set->ranges[n - 1].first[0] == high)
		n = count_among(set, high > 0 ? count_up_to(set, high - 1) : 0, n, low);
	if (n == 0)
		return false;
	range = &set->ranges[n - 1];
	return high < range->last[0] || (high == range->last[0] && low <= range->last[1]);
}

/* ---- sets ---- */

static uint32_t lines_of(uint32_t n)
{
	return (n + FB_SOURCES_FAN - 1) / FB_SOURCES_FAN;
}

/* Keys of all levels together, in whole lines. */
static size_t count_keys(uint32_t n)
{
	size_t keys = 0;

	do {
		keys += (size_t)lines_of(n) * FB_SOURCES_FAN;
		n = lines_of(n);
	} while (n > 1);
	return keys;
}

static void fill_level(uint64_t *keys, uint32_t n)
{
	for (uint32_t i = n; i < lines_of(n) * FB_SOURCES_FAN; i++)
		keys[i] = PADDING;
}

static void fill_levels(struct fb_source_set *set, uint64_t *keys)
{
	uint32_t n = set->n;

	for (uint32_t i = 0; i < n; i++)
		keys[i] = set->ranges[i].first[set->by_high ? 0 : 1];
	for (;;) {
		uint64_t *next = keys + (size_t)lines_of(n) * FB_SOURCES_FAN;

		fill_level(keys, n);
		set->counts[set->n_levels] = n;
		set->levels[set->n_levels++] = keys;
		n = lines_of(n);
		if (n <= 1)
			return;
		for (uint32_t i = 0; i < n; i++)
			next[i] = keys[(size_t)i * FB_SOURCES_FAN];
		keys = next;
	}
}

static struct fb_source_set *make(const struct fb_source_range *ranges, uint32_t n)
{
	size_t n_keys = count_keys(n);
	size_t head = (sizeof(struct fb_source_set) + FB_PART_ALIGN - 1) / FB_PART_ALIGN * FB_PART_ALIGN;
	struct fb_source_set *set =
		fb_part_alloc(head + n_keys * sizeof(uint64_t) + n * sizeof(*ranges));
	uint64_t *keys;

	if (set == NULL)
		return NULL;
	keys = (uint64_t *)((char *)set + head);
	memcpy(keys + n_keys, ranges, n * sizeof(*ranges));
	set->n = n;
	set->by_high = ranges[n - 1].first[0] != 0;
	set->ranges = (const struct fb_source_range *)(keys + n_keys);
	fill_levels(set, keys);
	return set;
}

bool fb_source_set_equal(const struct fb_source_set *set, const struct fb_source_range *ranges,
		      uint32_t n)
{
	return n == (set != NULL ? set->n : 0) &&
	       (n == 0 || memcmp(set->ranges, ranges, n * sizeof(*ranges)) == 0);
}

static int grow(struct fb_source_sets *sets)
{
	uint32_t n_buckets = sets->buckets != NULL ? (sets->mask + 1) * 2 : FIRST_BUCKETS;
	struct fb_source_set **buckets;

	if (sets->buckets != NULL && sets->n <= sets->mask)
		return 0;
	buckets = calloc(n_buckets, sizeof(struct fb_source_set *));
	if (buckets == NULL)
		return sets->buckets != NULL ? 0 : -1;
	for (uint32_t i = 0; sets->buckets != NULL && i <= sets->mask; i++) {
		while (sets->buckets[i] != NULL) {
			struct fb_source_set *set = sets->buckets[i];

			sets->buckets[i] = set->chain;
			set->chain = buckets[set->hash & (n_buckets - 1)];
			buckets[set->hash & (n_buckets - 1)] = set;
		}
	}
	free(sets->buckets);
	sets->buckets = buckets;
	sets->mask = n_buckets - 1;
	return 0;
}

struct fb_source_set *fb_source_set_hold(struct fb_source_sets *sets, const struct fb_hash_secret *secret,
				      const struct fb_source_range *ranges, uint32_t n)
{
	uint64_t hash = fb_hash_bytes(secret, ranges, n * sizeof(*ranges));
	struct fb_source_set *set;

	if (grow(sets) != 0)
		return NULL;
	for (set = sets->buckets[hash & sets->mask]; set != NULL; set = set->chain) {
		if (set->hash == hash && fb_source_set_equal(set, ranges, n))
			return fb_source_set_share(set);
	}
	set = make(ranges, n);
	if (set == NULL)
		return NULL;
	set->owner = sets;
	set->hash = hash;
	set->n_users = 1;
	set->chain = sets->buckets[hash & sets->mask];
	sets->buckets[hash & sets->mask] = set;
	sets->n++;
	return set;
}

struct fb_source_set *fb_source_set_share(struct fb_source_set *set)
{
	set->n_users++;
	return set;
}

void fb_source_set_release(struct fb_source_set *set)
{
	struct fb_source_set **link;

	if (set == NULL || --set->n_users > 0)
		return;
	link = &set->owner->buckets[set->hash & set->owner->mask];
	while (*link != set)
		link = &(*link)->chain;
	*link = set->chain;
	set->owner->n--;
	fb_part_free(set);
}

void fb_source_sets_fini(struct fb_source_sets *sets)
{
	free(sets->buckets);
	*sets = (struct fb_source_sets){0};
}
