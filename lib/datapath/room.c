/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Room for a new flow where there is none: half-open flows go, the oldest first. Whoever is established
 * stays.
 *
 * In the share of its kind a flood so pushes out what it made itself: an honest connection is half open
 * for a round trip, and the share is many round trips long.
 */

#include <assert.h>

#include "datapath/stages.h"
#include "flow/change.h"
#include "flow/queue.h"

/* A packet of the burst waits for its flow to be rewritten. */
static __rte_unused bool is_in_hand(const struct fb_burst *b, const struct fb_flow *flow)
{
	for (uint16_t k = 0; k < b->n_hits; k++)
		if (b->flows[b->hits[k]] == flow)
			return true;
	return false;
}

/* Out of all numbers, before it is removed. */
static void leave(struct fb_worker *w, struct fb_flow *flow, enum fb_evicted why)
{
	/* Only then may this burst's hits have a packet of it. */
	if (unlikely(flow->last_use_ms == w->now_ms))
		fb_stage_rewrite(w, &w->burst);
	assert(!is_in_hand(&w->burst, flow));
	fb_flow_uncount(w, flow);
	w->counters.flows_evicted[why]++;
}

void fb_room_evict(struct fb_worker *w, enum fb_family family, struct fb_flow *flow,
		   enum fb_evicted why)
{
	leave(w, flow, why);
	fb_flow_remove(w->flows[family], flow);
	w->burst.n_leaving = 0; /* the record may be another flow's soon */
}

void fb_room_in_share(struct fb_worker *w, enum fb_family family, uint8_t proto)
{
	const enum fb_flow_queue q = fb_flow_queue_of(proto);
	struct fb_flow_table *t = w->flows[family];
	struct fb_burst *b = &w->burst;

	/*
	 * Flows that open anew in their old record are not asked, so there can be more than the share; two
	 * at a time bring it back.
	 */
	for (int i = 0; i < 2 && fb_flow_queued(t, q) >= w->half_open_most[family]; i++) {
		struct fb_flow *flow = fb_flow_oldest(t, q);
		const struct fb_leaving *l = &b->leaving[b->n_left];

		leave(w, flow, FB_EVICTED_SHARE);
		if (likely(b->n_left < b->n_leaving && l->flow == flow)) {
			fb_flow_remove_as(t, family, flow, &l->hashes);
			b->n_left++;
		} else {
			fb_flow_remove(t, flow);
			b->n_leaving = 0;
		}
	}
}

bool fb_room_in_table(struct fb_worker *w, enum fb_family family, uint8_t proto)
{
	const enum fb_flow_queue own = fb_flow_queue_of(proto);
	struct fb_flow *oldest = fb_flow_oldest(w->flows[family], own);

	if (oldest == NULL)
		oldest = fb_flow_oldest(w->flows[family],
					own == FB_QUEUE_UDP ? FB_QUEUE_CONNECTIONS : FB_QUEUE_UDP);
	if (oldest == NULL)
		return false;
	fb_room_evict(w, family, oldest, FB_EVICTED_TABLE);
	return true;
}
