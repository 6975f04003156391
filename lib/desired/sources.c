/* SPDX-License-Identifier: BSD-3-Clause */

#include "desired/sources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define IPV4_OFFSET_BITS 96 /* of an IPv4 address in struct fb_addr */

static uint64_t half(const struct fb_addr *addr, size_t from)
{
	rte_be64_t be;

	memcpy(&be, addr->bytes + from, sizeof(be));
	return rte_be_to_cpu_64(be);
}

/* The bits of half a word that lie past len_bits of the whole. */
static uint64_t bits_past(unsigned int len_bits, unsigned int half_begins)
{
	if (len_bits <= half_begins)
		return UINT64_MAX;
	return len_bits - half_begins >= 64 ? 0 : UINT64_MAX >> (len_bits - half_begins);
}

static struct fb_source_range range_of(const struct fb_prefix *prefix, enum fb_family family)
{
	unsigned int len = prefix->len_bits + (family == FB_IPV4 ? IPV4_OFFSET_BITS : 0);
	struct fb_source_range range;

	range.first[0] = half(&prefix->addr, 0);
	range.first[1] = half(&prefix->addr, 8);
	range.last[0] = range.first[0] | bits_past(len, 0);
	range.last[1] = range.first[1] | bits_past(len, 64);
	return range;
}

static int compare(const void *left, const void *right)
{
	const struct fb_source_range *a = left;
	const struct fb_source_range *b = right;

	if (a->first[0] != b->first[0])
		return a->first[0] < b->first[0] ? -1 : 1;
	if (a->first[1] != b->first[1])
		return a->first[1] < b->first[1] ? -1 : 1;
	return 0;
}

/* Does b begin at or before the number that follows a's last? b does not begin before a. */
static bool touches(const struct fb_source_range *a, const struct fb_source_range *b)
{
	uint64_t next_low = a->last[1] + 1;
	uint64_t next_high = a->last[0] + (next_low == 0);

	if (next_low == 0 && next_high == 0)
		return true;
	return b->first[0] < next_high || (b->first[0] == next_high && b->first[1] <= next_low);
}

static bool ends_later(const struct fb_source_range *a, const struct fb_source_range *b)
{
	return a->last[0] > b->last[0] || (a->last[0] == b->last[0] && a->last[1] > b->last[1]);
}

static uint32_t sort_and_unite(struct fb_source_range *v, uint32_t n)
{
	uint32_t kept = 0;

	if (n > 0)
		qsort(v, n, sizeof(*v), compare);
	for (uint32_t i = 0; i < n; i++) {
		if (kept == 0 || !touches(&v[kept - 1], &v[i]))
			v[kept++] = v[i];
		else if (ends_later(&v[i], &v[kept - 1]))
			memcpy(v[kept - 1].last, v[i].last, sizeof(v[i].last));
	}
	return kept;
}

int desired_sources(struct fb_arena *arena, const struct fb_model_service *service,
		    enum fb_family family, const struct fb_source_range **ret, uint32_t *ret_n)
{
	struct fb_source_range *v = fb_arena_alloc(arena, service->n_source_ranges, sizeof(*v));
	bool everybody = false;
	uint32_t n = 0;

	if (v == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < service->n_source_ranges; i++) {
		const struct fb_prefix *prefix = &service->source_ranges[i];

		if (fb_addr_family(&prefix->addr) != family)
			continue;
		everybody |= prefix->len_bits == 0;
		v[n++] = range_of(prefix, family);
	}
	*ret = v;
	*ret_n = everybody ? 0 : sort_and_unite(v, n);
	return 0;
}
