/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Half-open flows, oldest first: a doubly linked list by places through the records. A record that is
 * in none has link == older, both a place or zero; one that is alone has "no place" in both.
 */

#include "flow/queue.h"

#include <assert.h>

#include "flow/layout.h"

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
