/* SPDX-License-Identifier: BSD-3-Clause */

#include "flow/table.h"

#include <errno.h>

#include "flow/adopt.h"
#include "flow/change.h"
#include "flow/layout.h"
#include "flow/lookup.h"

/*
 * The two families share every function below: those named _as are inlined twice, once for each.
 */
#define BY_FAMILY(t, call, ...)                                                                    \
	((t)->family == FB_IPV4 ? call(t, FB_IPV4, __VA_ARGS__) : call(t, FB_IPV6, __VA_ARGS__))

const char *const fb_flow_state_names[FB_FLOW_STATE_COUNT] = {
	[FB_FLOW_FREE] = "free",
	[FB_FLOW_OPENING] = "opening",
	[FB_FLOW_ESTABLISHED] = "established",
	[FB_FLOW_CLOSING] = "closing",
	[FB_FLOW_RESET] = "reset",
	[FB_FLOW_PROXY_OPENING] = "proxy-opening",
	[FB_FLOW_PROXIED] = "proxied",
	[FB_FLOW_PROXY_CLOSING] = "proxy-closing",
	[FB_FLOW_UDP_NEW] = "udp-new",
	[FB_FLOW_UDP] = "udp",
	[FB_FLOW_COOKIE_WAIT] = "cookie-wait",
	[FB_FLOW_COOKIE_ECHOED] = "cookie-echoed",
	[FB_FLOW_ASSOCIATED] = "associated",
	[FB_FLOW_SHUTDOWN] = "shutdown",
	[FB_FLOW_CLOSED] = "closed",
};

/* head and index, and the records too unless they lie elsewhere. */
static struct fb_flow_table *create(enum fb_family family, uint32_t capacity,
				    const struct fb_hash_secret *secret, int numa_node,
				    const struct fb_region *records)
{
	const size_t n_homes = ((size_t)capacity + FB_FLOW_PER_HOME - 1) / FB_FLOW_PER_HOME;
	const size_t head_bytes = RTE_ALIGN_CEIL(sizeof(struct fb_flow_table), 128);
	/* An even number of lines: an IPv6 record's two are then a pair to 128-byte prefetchers. */
	const size_t index_bytes =
		RTE_ALIGN_CEIL((n_homes + FB_FLOW_REACH) * sizeof(struct fb_flow_bucket), 128);
	struct fb_flow_table *t;
	struct fb_region region;
	int err;

	if ((family != FB_IPV4 && family != FB_IPV6) || capacity == 0 || capacity > 1U << 30 ||
	    (records != NULL && records->bytes < fb_flow_records_bytes(family, capacity))) {
		errno = EINVAL;
		return NULL;
	}
	err = fb_region_map(head_bytes + index_bytes +
				    (records == NULL ? fb_flow_records_bytes(family, capacity) : 0),
			    numa_node, &region);
	if (err != 0) {
		errno = -err;
		return NULL;
	}
	t = region.base;
	t->buckets = (struct fb_flow_bucket *)((uint8_t *)region.base + head_bytes);
	t->records = records != NULL ? records->base :
				       (uint8_t *)region.base + head_bytes + index_bytes;
	t->secret = *secret;
	t->n_homes = (uint32_t)n_homes;
	t->capacity = capacity;
	t->family = family;
	t->free_head = FB_FLOW_NO_PLACE;
	for (uint32_t q = 0; q < FB_QUEUE_COUNT; q++) {
		t->queues[q].oldest = FB_FLOW_NO_PLACE;
		t->queues[q].youngest = FB_FLOW_NO_PLACE;
	}
	t->region = region;
	if (records != NULL)
		t->kept = *records;
	return t;
}

struct fb_flow_table *fb_flow_table_create(enum fb_family family, uint32_t capacity,
					   const struct fb_hash_secret *secret, int numa_node)
{
	return create(family, capacity, secret, numa_node, NULL);
}

struct fb_flow_table *fb_flow_table_create_in(enum fb_family family, uint32_t capacity,
					      const struct fb_hash_secret *secret, int numa_node,
					      const struct fb_region *records)
{
	return create(family, capacity, secret, numa_node, records);
}

void fb_flow_table_free(struct fb_flow_table *t)
{
	struct fb_region region;

	if (t == NULL)
		return;
	fb_region_unmap(&t->kept);
	region = t->region; /* the table lies in it */
	fb_region_unmap(&region);
}

uint32_t fb_flow_count(const struct fb_flow_table *t)
{
	return t->count;
}

uint32_t fb_flow_capacity(const struct fb_flow_table *t)
{
	return t->capacity;
}

size_t fb_flow_table_bytes(const struct fb_flow_table *t)
{
	return t->region.bytes + t->kept.bytes;
}

uint32_t fb_flow_high_water(const struct fb_flow_table *t)
{
	return t->high_water;
}

struct fb_flow *fb_flow_at(const struct fb_flow_table *t, uint32_t place)
{
	struct fb_flow *flow;

	if (place >= t->high_water)
		return NULL;
	flow = fb_flow_record(t, t->family, place);
	return flow->state == FB_FLOW_FREE ? NULL : flow;
}

/* Put an entry into the first bucket with room, from home on. */
int fb_flow_link_entry(struct fb_flow_table *t, struct fb_flow_hash hash, uint32_t entry)
{
	struct fb_flow_bucket *home = &t->buckets[hash.home];

	for (struct fb_flow_bucket *b = home; b <= home + FB_FLOW_REACH; b++) {
		if (b->used == FB_FLOW_FULL)
			continue;
		fb_flow_take_slot(b, hash, entry);
		for (struct fb_flow_bucket *passed = home; passed < b; passed++)
			passed->spilled++;
		return 0;
	}
	return -ENOSPC;
}

void fb_flow_unlink_entry(struct fb_flow_table *t, struct fb_flow_hash hash, uint32_t entry)
{
	struct fb_flow_bucket *home = &t->buckets[hash.home];

	for (struct fb_flow_bucket *b = home; b <= home + FB_FLOW_REACH; b++) {
		for (uint32_t mask = fb_flow_match(b, fb_flow_sig(hash)); mask != 0; mask &= mask - 1) {
			const uint32_t slot = (uint32_t)__builtin_ctz(mask);

			if (b->entry[slot] != entry)
				continue;
			b->used ^= (uint16_t)(mask & -mask);
			for (struct fb_flow_bucket *passed = home; passed < b; passed++)
				passed->spilled--;
			return;
		}
	}
	assert(false && "a flow in use has both its keys in the index");
}

static __rte_always_inline bool taken_as(const struct fb_flow_table *t, enum fb_family family,
					 const struct fb_tuple *tuple)
{
	enum fb_flow_dir dir;

	return fb_flow_find_as(t, family, tuple, fb_flow_hash_tuple_as(t, family, tuple), &dir) !=
	       NULL;
}

bool fb_flow_taken(const struct fb_flow_table *t, const struct fb_tuple *tuple)
{
	return BY_FAMILY(t, taken_as, tuple);
}

static __rte_always_inline int insert_as(struct fb_flow_table *t, enum fb_family family,
					 const struct fb_tuple *client,
					 struct fb_flow_hash client_hash,
					 const struct fb_tuple *reply,
					 struct fb_flow_hash reply_hash, uint32_t now_ms,
					 struct fb_flow **ret)
{
	const uint32_t place = t->free_head != FB_FLOW_NO_PLACE ? t->free_head : t->high_water;
	enum fb_flow_dir dir;

	if (fb_flow_find_as(t, family, reply, reply_hash, &dir) != NULL ||
	    memcmp(client, reply, fb_flow_key_len(family)) == 0)
		return -EEXIST;
	if (place == t->capacity)
		return -ENOSPC;
	if (fb_flow_link_entry(t, client_hash, place << 1 | FB_DIR_CLIENT) != 0)
		return -ENOSPC;
	if (fb_flow_link_entry(t, reply_hash, place << 1 | FB_DIR_ENDPOINT) != 0) {
		fb_flow_unlink_entry(t, client_hash, place << 1 | FB_DIR_CLIENT);
		return -ENOSPC;
	}
	*ret = fb_flow_take_record(t, family, place, client, reply, now_ms);
	return 0;
}

int fb_flow_insert_any(struct fb_flow_table *t, const struct fb_tuple *client,
		       struct fb_flow_hash client_hash, const struct fb_tuple *reply,
		       struct fb_flow_hash reply_hash, uint32_t now_ms, struct fb_flow **ret)
{
	return BY_FAMILY(t, insert_as, client, client_hash, reply, reply_hash, now_ms, ret);
}

int fb_flow_insert(struct fb_flow_table *t, const struct fb_tuple *client,
		   const struct fb_tuple *reply, uint32_t now_ms, struct fb_flow **ret)
{
	return fb_flow_insert_any(t, client, fb_flow_hash_tuple(t, client), reply,
				  fb_flow_hash_tuple(t, reply), now_ms, ret);
}

void fb_flow_remove(struct fb_flow_table *t, struct fb_flow *flow)
{
	struct fb_flow_hashes hashes;

	fb_flow_prefetch_keys(t, flow, &hashes);
	fb_flow_remove_as(t, (enum fb_family)t->family, flow, &hashes);
}

struct fb_tuple fb_flow_client_key(const struct fb_flow_table *t, const struct fb_flow *flow)
{
	return fb_flow_tuple(flow, t->family, FB_DIR_CLIENT);
}

struct fb_tuple fb_flow_reply_key(const struct fb_flow_table *t, const struct fb_flow *flow)
{
	return fb_flow_tuple(flow, t->family, FB_DIR_ENDPOINT);
}
