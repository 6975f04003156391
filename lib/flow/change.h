/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_FLOW_CHANGE_H
#define FB_FLOW_CHANGE_H

/*
 * A flow comes, waits half open, and goes: the usual case of each, inlined into the packet path. What is not usual
 * (a full bucket, a key that may be there already, a record that nobody had yet) is table.c's.
 *
 * Thread: the owning worker.
 */

#include <assert.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_prefetch.h>

#include "flow/layout.h"
#include "flow/lookup.h"
#include "flow/queue.h"

/* Into the lowest slot that is free; there is one. */
static __rte_always_inline void fb_flow_take_slot(struct fb_flow_bucket *b, struct fb_flow_hash hash,
						  uint32_t entry)
{
	const uint32_t slot = (uint32_t)__builtin_ctz(~(uint32_t)b->used);

	b->sig[slot] = fb_flow_sig(hash);
	b->entry[slot] = entry;
	b->used |= (uint16_t)(b->used + 1);
}

/* The record of a free place, which the index leads to already. The next flow's is asked for. */
static __rte_always_inline struct fb_flow *
fb_flow_take_record(struct fb_flow_table *t, enum fb_family family, uint32_t place,
		    const struct fb_tuple *client, const struct fb_tuple *reply, uint32_t now_ms)
{
	struct fb_flow *flow = fb_flow_record(t, family, place);
	const uint32_t next_free = flow->link;

	*flow = (struct fb_flow){.proto = client->proto, .last_use_ms = now_ms};
	memcpy(fb_flow_key(flow, family, FB_DIR_CLIENT), client, fb_flow_key_len(family));
	memcpy(fb_flow_key(flow, family, FB_DIR_ENDPOINT), reply, fb_flow_key_len(family));
	if (unlikely(place == t->high_water)) {
		t->high_water++;
	} else {
		t->free_head = next_free;
		rte_prefetch0(fb_flow_record(t, family, next_free)); /* no place is no fault */
	}
	t->count++;
	return flow;
}

/* table.c: in any case. */
int fb_flow_insert_any(struct fb_flow_table *t, const struct fb_tuple *client,
		       struct fb_flow_hash client_hash, const struct fb_tuple *reply,
		       struct fb_flow_hash reply_hash, uint32_t now_ms, struct fb_flow **ret);

/** fb_flow_insert() for who has both keys' hashes (flow/lookup.h) already, and has asked for their index lines. */
static __rte_always_inline int
fb_flow_insert_as(struct fb_flow_table *t, enum fb_family family, const struct fb_tuple *client,
		       struct fb_flow_hash client_hash, const struct fb_tuple *reply,
		       struct fb_flow_hash reply_hash, uint32_t now_ms, struct fb_flow **ret)
{
	struct fb_flow_bucket *at_client = &t->buckets[client_hash.home];
	struct fb_flow_bucket *at_reply = &t->buckets[reply_hash.home];
	const uint32_t place = t->free_head;

	/* Two keys of one home may be the same. */
	if (unlikely(place == FB_FLOW_NO_PLACE || at_client == at_reply ||
		     at_client->used == FB_FLOW_FULL || at_reply->used == FB_FLOW_FULL ||
		     at_reply->spilled != 0 ||
		     fb_flow_match(at_reply, fb_flow_sig(reply_hash)) != 0))
		return fb_flow_insert_any(t, client, client_hash, reply, reply_hash, now_ms, ret);
	fb_flow_take_slot(at_client, client_hash, place << 1 | FB_DIR_CLIENT);
	fb_flow_take_slot(at_reply, reply_hash, place << 1 | FB_DIR_ENDPOINT);
	*ret = fb_flow_take_record(t, family, place, client, reply, now_ms);
	return 0;
}

/**
 * Put a flow that is half open (fb_flow_is_half_open() in flow/queue.h) behind the others of its kind;
 * it must not be in a queue. fb_flow_remove() takes it out, and so does this one's twin, which does
 * nothing to a flow that is in none.
 * Cost: the record behind which it goes, and of leaving: the records beside it.
 */
static __rte_always_inline void fb_flow_enqueue_as(struct fb_flow_table *t, enum fb_family family,
						   struct fb_flow *flow)
{
	struct fb_flow_queued *q = &t->queues[fb_flow_queue_of(flow->proto)];
	const uint32_t place = fb_flow_place(t, family, flow);
	const uint32_t older = q->youngest;

	assert(!fb_flow_is_queued(flow));
	flow->older = older;
	flow->link = FB_FLOW_NO_PLACE;
	if (unlikely(older == FB_FLOW_NO_PLACE))
		q->oldest = place;
	else
		fb_flow_record(t, family, older)->link = place;
	q->youngest = place;
	q->count++;
}

static __rte_always_inline void fb_flow_dequeue_as(struct fb_flow_table *t, enum fb_family family,
						   struct fb_flow *flow)
{
	struct fb_flow_queued *q = &t->queues[fb_flow_queue_of(flow->proto)];
	const uint32_t older = flow->older;
	const uint32_t younger = flow->link;

	if (!fb_flow_is_queued(flow))
		return;
	if (older == FB_FLOW_NO_PLACE)
		q->oldest = younger;
	else
		fb_flow_record(t, family, older)->link = younger;
	if (unlikely(younger == FB_FLOW_NO_PLACE))
		q->youngest = older;
	else
		fb_flow_record(t, family, younger)->older = older;
	q->count--;
	flow->link = 0;
	flow->older = 0;
}

static inline void fb_flow_enqueue(struct fb_flow_table *t, struct fb_flow *flow)
{
	fb_flow_enqueue_as(t, (enum fb_family)t->family, flow);
}

static inline void fb_flow_dequeue(struct fb_flow_table *t, struct fb_flow *flow)
{
	fb_flow_dequeue_as(t, (enum fb_family)t->family, flow);
}

static __rte_always_inline void fb_flow_leave_slot(struct fb_flow_table *t, struct fb_flow_hash hash,
						   uint32_t entry)
{
	struct fb_flow_bucket *home = &t->buckets[hash.home];
	const uint32_t mask = fb_flow_match(home, fb_flow_sig(hash));

	if (likely(mask != 0) && likely(home->entry[__builtin_ctz(mask)] == entry))
		home->used ^= (uint16_t)(mask & -mask);
	else
		fb_flow_unlink_entry(t, hash, entry);
}

/** fb_flow_remove() for who has the hashes already: flow/lookup.h, fb_flow_prefetch_keys(). */
static __rte_always_inline void fb_flow_remove_as(struct fb_flow_table *t, enum fb_family family,
						  struct fb_flow *flow,
						  const struct fb_flow_hashes *hashes)
{
	const uint32_t place = fb_flow_place(t, family, flow);

	fb_flow_leave_slot(t, hashes->key[FB_DIR_CLIENT], place << 1 | FB_DIR_CLIENT);
	fb_flow_leave_slot(t, hashes->key[FB_DIR_ENDPOINT], place << 1 | FB_DIR_ENDPOINT);
	fb_flow_dequeue_as(t, family, flow);
	flow->state = FB_FLOW_FREE;
	flow->link = t->free_head;
	t->free_head = place;
	t->count--;
}

#endif
