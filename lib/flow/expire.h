/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_FLOW_EXPIRE_H
#define FB_FLOW_EXPIRE_H

/*
 * Ageing by a clock hand: records are read in order, so the hand costs a line each at memory
 * bandwidth, and nothing has to be kept up to date per packet. Those that are due are freed a few
 * later, each while the index lines of those behind it, which lie anywhere, are on the way.
 *
 * Inlined, and with it what it calls for each flow. Thread: the owning worker.
 */

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_prefetch.h>

#include "flow/change.h"
#include "flow/layout.h"
#include "flow/lookup.h"
#include "flow/table.h"

/** What fb_flow_expire() tells its caller of flows, each of it optional; must not change the table. */
struct fb_flow_expiry {
	/* Will be freed, in a little while: time to ask for memory. */
	void (*due)(void *arg, const struct fb_flow *flow);
	/* Is about to be freed. */
	void (*gone)(void *arg, const struct fb_flow *flow);
	/* Is in FB_FLOW_PROXY_OPENING, and stays. */
	void (*opening)(void *arg, enum fb_family family, struct fb_flow *flow);
	void *arg;
};

#define FB_FLOW_BEHIND 16 /* two index lines each: more would only queue for the core's line fill buffers */
#define FB_FLOW_AHEAD 32 /* records: half a page, since most of them are looked at for a moment only */

/* Flows that will be freed; the n-th at n % FB_FLOW_BEHIND. */
struct fb_flow_due {
	struct fb_flow *flow[FB_FLOW_BEHIND];
	struct fb_flow_hashes hashes[FB_FLOW_BEHIND];
};

static __rte_always_inline void fb_flow_release(struct fb_flow_table *t, enum fb_family family,
						const struct fb_flow_due *due, uint32_t n,
						const struct fb_flow_expiry *told)
{
	struct fb_flow *flow = due->flow[n % FB_FLOW_BEHIND];

	if (told->gone != NULL)
		told->gone(told->arg, flow);
	fb_flow_remove_as(t, family, flow, &due->hashes[n % FB_FLOW_BEHIND]);
}

/* Signed, so that a record touched a moment after `now` was read is not four billion ms old. */
static inline bool fb_flow_is_due(const struct fb_flow *flow, uint32_t now_ms,
		   const struct fb_flow_timeouts *timeouts)
{
	return flow->state != FB_FLOW_FREE &&
	       (int64_t)(int32_t)(now_ms - flow->last_use_ms) > (int64_t)timeouts->ms[flow->state];
}

/**
 * Look at the next n_records of the table, in a circle, and free those that have been idle for
 * longer than their state's timeout. The worker calls it once per burst with a small n, so that the
 * whole used part of the table is seen about once a second; records past the highest one ever used
 * are not visited.
 *
 * @param told  may be NULL
 * @return how many were freed
 */
static __rte_always_inline uint32_t fb_flow_expire_as(struct fb_flow_table *t, enum fb_family family,
						      uint32_t now_ms,
						      const struct fb_flow_timeouts *timeouts,
						      uint32_t n_records,
						      const struct fb_flow_expiry *told)
{
	static const struct fb_flow_expiry nobody;
	struct fb_flow_due due;
	uint32_t n_due = 0;

	if (told == NULL)
		told = &nobody;
	for (uint32_t n = RTE_MIN(n_records, t->high_water); n > 0; n--) {
		struct fb_flow *flow = fb_flow_record(t, family, t->hand);

		rte_prefetch0((uint8_t *)flow + ((size_t)FB_FLOW_AHEAD << fb_flow_record_shift(family)));
		if (++t->hand == t->high_water)
			t->hand = 0;
		if (!fb_flow_is_due(flow, now_ms, timeouts)) {
			if (unlikely(flow->state == FB_FLOW_PROXY_OPENING) && told->opening != NULL)
				told->opening(told->arg, family, flow);
			continue;
		}
		if (n_due >= FB_FLOW_BEHIND)
			fb_flow_release(t, family, &due, n_due - FB_FLOW_BEHIND, told);
		due.flow[n_due % FB_FLOW_BEHIND] = flow;
		fb_flow_prefetch_keys_as(t, family, flow, &due.hashes[n_due % FB_FLOW_BEHIND]);
		if (told->due != NULL)
			told->due(told->arg, flow);
		n_due++;
	}
	for (uint32_t n = n_due - RTE_MIN(n_due, (uint32_t)FB_FLOW_BEHIND); n < n_due; n++)
		fb_flow_release(t, family, &due, n, told);
	return n_due;
}

static __rte_always_inline uint32_t fb_flow_expire(struct fb_flow_table *t, uint32_t now_ms,
						   const struct fb_flow_timeouts *timeouts,
						   uint32_t n_records,
						   const struct fb_flow_expiry *told)
{
	return t->family == FB_IPV4
		       ? fb_flow_expire_as(t, FB_IPV4, now_ms, timeouts, n_records, told)
		       : fb_flow_expire_as(t, FB_IPV6, now_ms, timeouts, n_records, told);
}

#endif
