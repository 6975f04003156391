/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Half-open flows, oldest first: a doubly linked list by places through the records. A record that is
 * in none has link == older, both a place or zero; one that is alone has "no place" in both.
 */

#include "flow/queue.h"

#include <assert.h>

#include "flow/layout.h"
#include "flow/lookup.h"

void fb_flow_enqueue(struct fb_flow_table *t, struct fb_flow *flow)
{
	const enum fb_family family = (enum fb_family)t->family;
	const enum fb_flow_queue q = fb_flow_queue_of(flow->proto);
	const uint32_t place = fb_flow_place(t, family, flow);

	assert(!fb_flow_is_queued(flow));
	flow->older = t->queues[q].youngest;
	flow->link = FB_FLOW_NO_PLACE;
	if (flow->older == FB_FLOW_NO_PLACE)
		t->queues[q].oldest = place;
	else
		fb_flow_record(t, family, flow->older)->link = place;
	t->queues[q].youngest = place;
	t->queues[q].count++;
}

void fb_flow_dequeue(struct fb_flow_table *t, struct fb_flow *flow)
{
	const enum fb_family family = (enum fb_family)t->family;
	const enum fb_flow_queue q = fb_flow_queue_of(flow->proto);

	if (!fb_flow_is_queued(flow))
		return;
	if (flow->older == FB_FLOW_NO_PLACE)
		t->queues[q].oldest = flow->link;
	else
		fb_flow_record(t, family, flow->older)->link = flow->link;
	if (flow->link == FB_FLOW_NO_PLACE)
		t->queues[q].youngest = flow->older;
	else
		fb_flow_record(t, family, flow->link)->older = flow->older;
	t->queues[q].count--;
	flow->link = 0;
	flow->older = 0;
}

struct fb_flow *fb_flow_oldest(const struct fb_flow_table *t, enum fb_flow_queue queue)
{
	const uint32_t place = t->queues[queue].oldest;

	return place != FB_FLOW_NO_PLACE ? fb_flow_record(t, (enum fb_family)t->family, place)
					 : NULL;
}

void fb_flow_prefetch_oldest(const struct fb_flow_table *t, enum fb_flow_queue queue, uint32_t n)
{
	const enum fb_family family = (enum fb_family)t->family;
	uint32_t place = t->queues[queue].oldest;

	for (; n > 0 && place != FB_FLOW_NO_PLACE; n--) {
		const struct fb_flow *flow = fb_flow_record(t, family, place);

		for (uint32_t dir = FB_DIR_CLIENT; dir <= FB_DIR_ENDPOINT; dir++)
			fb_flow_prefetch_index(
				t, fb_flow_hash_key_as(t, family,
						       fb_flow_key(flow, family,
								   (enum fb_flow_dir)dir),
						       flow->proto));
		place = flow->link;
	}
}

uint32_t fb_flow_queued(const struct fb_flow_table *t, enum fb_flow_queue queue)
{
	return t->queues[queue].count;
}
