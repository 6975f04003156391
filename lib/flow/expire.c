/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Ageing by a clock hand: records are read in order, so the hand costs a line each at memory
 * bandwidth, and nothing has to be kept up to date per packet. Those that are due are freed a few
 * later, each while the index lines of those behind it, which lie anywhere, are on the way.
 */

#include "flow/layout.h"
#include "flow/lookup.h"
#include "flow/table.h"

#define BEHIND 16 /* two index lines each: more would only queue for the core's line fill buffers */
#define AHEAD 32 /* records: half a page, since most of them are looked at for a moment only */

/* Flows that will be freed; the n-th at n % BEHIND. */
struct due {
	struct fb_flow *flow[BEHIND];
	struct fb_flow_hashes hashes[BEHIND];
};

static inline void release(struct fb_flow_table *t, const struct due *due, uint32_t n,
			   const struct fb_flow_expiry *told)
{
	struct fb_flow *flow = due->flow[n % BEHIND];

	if (told->gone != NULL)
		told->gone(told->arg, flow);
	fb_flow_remove_hashes(t, flow, &due->hashes[n % BEHIND]);
}

/* Signed, so that a record touched a moment after `now` was read is not four billion ms old. */
static bool is_due(const struct fb_flow *flow, uint32_t now_ms,
		   const struct fb_flow_timeouts *timeouts)
{
	return flow->state != FB_FLOW_FREE &&
	       (int64_t)(int32_t)(now_ms - flow->last_use_ms) > (int64_t)timeouts->ms[flow->state];
}

uint32_t fb_flow_expire(struct fb_flow_table *t, uint32_t now_ms,
			const struct fb_flow_timeouts *timeouts, uint32_t n_records,
			const struct fb_flow_expiry *told)
{
	static const struct fb_flow_expiry nobody;
	const enum fb_family family = (enum fb_family)t->family;
	struct due due;
	uint32_t n_due = 0;

	if (told == NULL)
		told = &nobody;
	for (uint32_t n = RTE_MIN(n_records, t->high_water); n > 0; n--) {
		struct fb_flow *flow = fb_flow_record(t, family, t->hand);

		rte_prefetch0((uint8_t *)flow + ((size_t)AHEAD << fb_flow_record_shift(family)));
		if (++t->hand == t->high_water)
			t->hand = 0;
		if (!is_due(flow, now_ms, timeouts)) {
			if (unlikely(flow->state == FB_FLOW_PROXY_OPENING) && told->opening != NULL)
				told->opening(told->arg, family, flow);
			continue;
		}
		if (n_due >= BEHIND)
			release(t, &due, n_due - BEHIND, told);
		due.flow[n_due % BEHIND] = flow;
		fb_flow_prefetch_keys(t, flow, &due.hashes[n_due % BEHIND]);
		if (told->due != NULL)
			told->due(told->arg, flow);
		n_due++;
	}
	for (uint32_t n = n_due - RTE_MIN(n_due, (uint32_t)BEHIND); n < n_due; n++)
		release(t, &due, n, told);
	return n_due;
}
