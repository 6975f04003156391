/* SPDX-License-Identifier: BSD-3-Clause */

#include "affinity/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_atomic.h>
#include <rte_branch_prediction.h>
#include <rte_common.h>

#define SET_ENTRIES  8
#define PER_CAPACITY 2 /* entries for each client: then a set has four of its eight in the mean */

#define PROVEN (UINT32_C(1) << 31)

/* value: identity << 32 | PROVEN | end_s. A zeroed entry is free. */
struct entry {
	uint64_t key;
	uint64_t value;
} __attribute__((aligned(16)));

struct set {
	struct entry v[SET_ENTRIES];
} __attribute__((aligned(128)));

_Static_assert(sizeof(struct set) == 128, "two lines side by side");
_Static_assert(sizeof(struct entry) == sizeof(rte_int128_t), "swapped whole");

struct fb_affinity {
	struct set *sets;
	uint32_t n_sets;
	struct fb_hash_secret secret;
	struct fb_region region;
};

static size_t n_sets_of(uint32_t capacity)
{
	return ((size_t)capacity * PER_CAPACITY + SET_ENTRIES - 1) / SET_ENTRIES;
}

uint64_t fb_affinity_bytes(uint32_t capacity)
{
	return n_sets_of(capacity) * sizeof(struct set);
}

struct fb_affinity *fb_affinity_create_in(uint32_t capacity, const struct fb_hash_secret *secret,
					  const struct fb_region *sets)
{
	struct fb_affinity *t;

	if (capacity == 0 || capacity > UINT32_C(1) << 28 ||
	    sets->bytes < fb_affinity_bytes(capacity)) {
		errno = EINVAL;
		return NULL;
	}
	t = aligned_alloc(64, RTE_ALIGN_CEIL(sizeof(*t), 64));
	if (t == NULL)
		return NULL;
	*t = (struct fb_affinity){
		.sets = sets->base,
		.n_sets = (uint32_t)n_sets_of(capacity),
		.secret = *secret,
		.region = *sets,
	};
	return t;
}

struct fb_affinity *fb_affinity_create(uint32_t capacity, const struct fb_hash_secret *secret,
				       int numa_node)
{
	struct fb_affinity *t;
	struct fb_region region;
	int err;

	if (capacity == 0 || capacity > UINT32_C(1) << 28) {
		errno = EINVAL;
		return NULL;
	}
	err = fb_region_map(fb_affinity_bytes(capacity), numa_node, &region);
	if (err != 0) {
		errno = -err;
		return NULL;
	}
	t = fb_affinity_create_in(capacity, secret, &region);
	if (t == NULL)
		fb_region_unmap(&region);
	return t;
}

void fb_affinity_free(struct fb_affinity *t)
{
	if (t == NULL)
		return;
	fb_region_unmap(&t->region);
	free(t);
}

uint64_t fb_affinity_key(const struct fb_affinity *t, uint32_t service_id,
			 const struct fb_addr *client)
{
	uint64_t w[2];
	uint64_t key;

	memcpy(w, client->bytes, sizeof(w));
	key = fb_hash_2(&t->secret, fb_hash_2(&t->secret, w[0], w[1]), service_id);
	return key != 0 ? key : 1;
}

static struct set *set_of(const struct fb_affinity *t, uint64_t key)
{
	return &t->sets[fb_hash_reduce((uint32_t)(key >> 32), t->n_sets)];
}

/*
 * Both words of one moment. An entry changes hands only when it has ended or loses to another client, and
 * cannot come back to its first owner within the few nanoseconds between these loads.
 */
static bool load(const struct entry *e, struct entry *ret)
{
	uint64_t again;

	ret->key = __atomic_load_n(&e->key, __ATOMIC_ACQUIRE);
	ret->value = __atomic_load_n(&e->value, __ATOMIC_ACQUIRE);
	again = __atomic_load_n(&e->key, __ATOMIC_ACQUIRE);
	return likely(again == ret->key);
}

static uint32_t end_of(uint64_t value)
{
	return (uint32_t)value & ~PROVEN;
}

static uint64_t value_of(const struct fb_affinity_entry *entry)
{
	return (uint64_t)entry->ep_id << 32 | (entry->proven ? PROVEN : 0) | entry->end_s;
}

bool fb_affinity_lookup(const struct fb_affinity *t, uint64_t key, uint32_t now_s,
			struct fb_affinity_entry *ret)
{
	const struct set *set = set_of(t, key);

	for (int i = 0; i < SET_ENTRIES; i++) {
		struct entry e;

		if (__atomic_load_n(&set->v[i].key, __ATOMIC_RELAXED) != key ||
		    !load(&set->v[i], &e) || e.key != key)
			continue;
		if (end_of(e.value) <= now_s)
			return false;
		*ret = (struct fb_affinity_entry){
			.ep_id = (uint32_t)(e.value >> 32),
			.end_s = end_of(e.value),
			.proven = (e.value & PROVEN) != 0,
		};
		return true;
	}
	return false;
}

/* How gladly an entry is given away: larger is rather; 0 is not at all. */
static uint64_t spare(const struct entry *e, uint32_t now_s)
{
	if (e->key == 0)
		return UINT64_MAX;
	if (end_of(e->value) <= now_s)
		return UINT64_MAX - 1;
	/* Of those not proven the one that ends first. */
	return e->value & PROVEN ? 0 : UINT32_MAX - end_of(e->value);
}

static int swap(struct entry *at, const struct entry *from, uint64_t key, uint64_t value)
{
	rte_int128_t expected = {.val = {from->key, from->value}};
	const rte_int128_t wanted = {.val = {key, value}};

	return rte_atomic128_cmp_exchange((rte_int128_t *)at, &expected, &wanted, 0,
					  __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
		       ? 0
		       : -EAGAIN;
}

int fb_affinity_keep(struct fb_affinity *t, uint64_t key, const struct fb_affinity_entry *seen,
		     const struct fb_affinity_entry *entry, uint32_t now_s)
{
	struct set *set = set_of(t, key);
	struct entry victim = {0};
	uint64_t most = 0;
	int place = -1;

	for (int i = 0; i < SET_ENTRIES; i++) {
		struct entry e;

		if (!load(&set->v[i], &e))
			return -EAGAIN;
		if (e.key == key) {
			bool has_ended = end_of(e.value) <= now_s;

			if (seen != NULL ? e.value != value_of(seen) : !has_ended)
				return -EAGAIN;
			return swap(&set->v[i], &e, key, value_of(entry));
		}
		if (spare(&e, now_s) > most) {
			most = spare(&e, now_s);
			victim = e;
			place = i;
		}
	}
	if (place < 0)
		return -ENOSPC;
	return swap(&set->v[place], &victim, key, value_of(entry));
}
