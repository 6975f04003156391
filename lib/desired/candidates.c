/* SPDX-License-Identifier: BSD-3-Clause */

#include "desired/candidates.h"

#include <stdlib.h>
#include <string.h>

#include "base/order.h"

/* From here on numbers are sorted (base/order.h) faster than by comparison. */
#define MANY 256

/* By address and port; the better standing of the same endpoint comes first. */
static int compare(const void *left, const void *right)
{
	const struct desired_candidate *a = left;
	const struct desired_candidate *b = right;
	int order = memcmp(&a->addr, &b->addr, sizeof(a->addr));

	if (order != 0)
		return order;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	if (a->standing != b->standing)
		return (int)a->standing - (int)b->standing;
	/* Kubernetes says nothing about which counts; here it is not the order of the text. */
	if (a->place != b->place)
		return (int)b->place - (int)a->place;
	order = strcmp(a->node_name, b->node_name);
	if (order != 0)
		return order;
	/* What is listed by several slices is alike, and yet known apart. */
	return (a->node_name > b->node_name) - (a->node_name < b->node_name);
}

static int compare_places(const void *things, uint32_t a, uint32_t b)
{
	const struct desired_candidate *v = things;

	return compare(&v[a], &v[b]);
}

/* As a number in the order of compare(). */
static unsigned __int128 number_of(const struct fb_addr *addr)
{
	uint64_t words[2];

	memcpy(words, addr->bytes, sizeof(words));
	return (unsigned __int128)rte_be_to_cpu_64(words[0]) << 64 | rte_be_to_cpu_64(words[1]);
}

/* The 8 bytes of addresses from where they begin to differ, and the port where it is among these. */
static void take_keys(const struct desired_candidate *v, uint32_t n, struct fb_order *order)
{
	const unsigned __int128 first = number_of(&v[0].addr);
	unsigned __int128 unlike = 1;
	int alike_bits;

	for (uint32_t i = 0; i < n; i++)
		unlike |= number_of(&v[i].addr) ^ first;
	alike_bits = (uint64_t)(unlike >> 64) != 0 ? __builtin_clzll((uint64_t)(unlike >> 64))
						   : 64 + __builtin_clzll((uint64_t)unlike);
	for (uint32_t i = 0; i < n; i++) {
		unsigned __int128 key = number_of(&v[i].addr) << alike_bits;

		if (alike_bits >= 16)
			key |= (unsigned __int128)v[i].port << (alike_bits - 16);
		order[i] = (struct fb_order){(uint64_t)(key >> 64), i};
	}
}

/* Where it is worth the trouble, and there is memory. @return whether they are sorted */
static bool sort_many(struct desired_candidate *v, uint32_t n)
{
	struct fb_order *order = n >= MANY ? malloc(2 * n * sizeof(*order)) : NULL;
	struct desired_candidate *sorted = order != NULL ? malloc(n * sizeof(*sorted)) : NULL;
	struct fb_order *in_order;

	if (sorted != NULL) {
		take_keys(v, n, order);
		in_order = fb_order_sort(order, order + n, n);
		for (uint32_t i = 0, end; i < n; i = end) {
			end = fb_order_alike_end(in_order, i, n);
			if (end - i > 1)
				fb_order_sort_alike(in_order + i, end - i, compare_places, v);
		}
		for (uint32_t i = 0; i < n; i++)
			sorted[i] = v[in_order[i].place];
		memcpy(v, sorted, n * sizeof(*v));
	}
	free(sorted);
	free(order);
	return sorted != NULL;
}

void desired_order(struct desired_candidate *v, uint32_t n)
{
	if (n > 0 && !sort_many(v, n))
		qsort(v, n, sizeof(*v), compare);
}

static inline bool is_same_endpoint(const struct desired_candidate *a,
				    const struct desired_candidate *b)
{
	return a->port == b->port && fb_addr_equal(&a->addr, &b->addr);
}

bool desired_are_distinct(const struct desired_candidate *v, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++) {
		if (is_same_endpoint(&v[i - 1], &v[i]))
			return false;
	}
	return true;
}

uint32_t desired_sort(struct desired_candidate *v, uint32_t n)
{
	desired_order(v, n);
	return desired_keep_best(v, n);
}

uint32_t desired_keep_best(struct desired_candidate *v, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (kept > 0 && is_same_endpoint(&v[kept - 1], &v[i]))
			continue;
		if (kept != i)
			v[kept] = v[i];
		kept++;
	}
	return kept;
}

/* The first at or after a place that does not come before one. Steps double first: changes are mostly near each other. */
static uint32_t find_from(const struct desired_candidate *v, uint32_t from, uint32_t n,
			  const struct desired_candidate *one)
{
	uint32_t step = 1;
	uint32_t to = from;

	while (to < n && compare(&v[to], one) < 0) {
		from = to + 1;
		to += step;
		step *= 2;
	}
	to = to < n ? to : n;
	while (from < to) {
		uint32_t mid = from + (to - from) / 2;

		if (compare(&v[mid], one) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* What lies between two places of a list. */
static uint32_t append(struct desired_candidate *to, uint32_t n, const struct desired_candidate *v,
		       uint32_t from, uint32_t end)
{
	if (end > from)
		memcpy(&to[n], &v[from], (end - from) * sizeof(*to));
	return n + end - from;
}

uint32_t desired_replace(const struct desired_candidates *from,
			 const struct desired_candidates *gone,
			 const struct desired_candidates *come, struct desired_candidate *ret)
{
	uint32_t n = 0;
	uint32_t at = 0;
	uint32_t g = 0;
	uint32_t k = 0;

	while (g < gone->n || k < come->n) {
		const bool leaves = k == come->n ||
				    (g < gone->n && compare(&gone->v[g], &come->v[k]) <= 0);
		const struct desired_candidate *next = leaves ? &gone->v[g++] : &come->v[k++];
		const uint32_t end = find_from(from->v, at, from->n, next);

		n = append(ret, n, from->v, at, end);
		at = leaves ? end + 1 : end;
		if (!leaves)
			ret[n++] = *next;
	}
	return append(ret, n, from->v, at, from->n);
}
