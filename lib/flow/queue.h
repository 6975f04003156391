/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_FLOW_QUEUE_H
#define FB_FLOW_QUEUE_H

/*
 * Which flows are half open, and the queues of those: whoever looks, and changes nothing.
 *
 * Half open is who has not heard of the other side, as far as can be seen from here: whatever a flood
 * of forged sources makes, and every honest flow for the first moment of its life. Thread: the owning
 * worker.
 */

#include <netinet/in.h>
#include <stdbool.h>

#include "flow/layout.h"
#include "flow/shift.h"
#include "flow/table.h"

static inline bool fb_flow_is_half_open(const struct fb_flow *flow)
{
	const uint32_t half_open = 1u << FB_FLOW_OPENING | 1u << FB_FLOW_UDP_NEW |
				   1u << FB_FLOW_COOKIE_WAIT | 1u << FB_FLOW_COOKIE_ECHOED |
				   1u << FB_FLOW_PROXY_OPENING;

	return (half_open >> flow->state & 1) != 0;
}

/* In a queue nobody has the same neighbour on both sides, but who is alone in it. Who keeps a shift is in none. */
static inline bool fb_flow_is_queued(const struct fb_flow *flow)
{
	return !fb_flow_keeps_shift(flow) &&
	       (flow->link != flow->older || flow->link == UINT32_MAX);
}

static inline enum fb_flow_queue fb_flow_queue_of(uint8_t proto)
{
	return proto == IPPROTO_UDP ? FB_QUEUE_UDP : FB_QUEUE_CONNECTIONS;
}

/** How many are half open. */
static inline uint32_t fb_flow_queued(const struct fb_flow_table *t, enum fb_flow_queue queue)
{
	return t->queues[queue].count;
}

static inline struct fb_flow *fb_flow_in_queue(const struct fb_flow_table *t, uint32_t place)
{
	return place != FB_FLOW_NO_PLACE ? fb_flow_record(t, (enum fb_family)t->family, place)
					 : NULL;
}

/** The flow that has been half open for longest, or NULL. */
static inline struct fb_flow *fb_flow_oldest(const struct fb_flow_table *t,
					     enum fb_flow_queue queue)
{
	return fb_flow_in_queue(t, t->queues[queue].oldest);
}

/** The next in the queue of one that is in it, or NULL. */
static inline struct fb_flow *fb_flow_younger(const struct fb_flow_table *t,
					      const struct fb_flow *flow)
{
	return fb_flow_in_queue(t, flow->link);
}

#endif
