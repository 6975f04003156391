/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_FLOW_SHIFT_H
#define FB_FLOW_SHIFT_H

/*
 * What a flow carries whose connection was accepted here, by a cookie, before its endpoint accepted it
 * (datapath/proxy.c): by how much the endpoint's numbers are others than those that its client was told. The two
 * fields lie where half-open flows have their neighbours in the queue, and such a flow is in none.
 *
 * The difference of timestamps is a multiple of 32 by choice, which leaves room for the window's: at most
 * 14 either way (RFC 7323, 2.3).
 *
 * Before that, in FB_FLOW_PROXY_OPENING, there is not yet a difference: the number that the client was told
 * stands in `packets`, of which there are none that count, and what its options said in the bits of flags that
 * are for later.
 *
 * Thread: the owning worker.
 */

#include <stdbool.h>
#include <stdint.h>

#include "flow/table.h"
#include "net/tcp_shift.h"

/* One comparison tells all of the proxy's states. */
_Static_assert(FB_FLOW_PROXY_OPENING + 3 == FB_FLOW_STATE_COUNT, "the last ones");

#define FB_FLOW_SHIFT_TS_STEP 32
#define FB_FLOW_SHIFT_WINDOW  14

static inline bool fb_flow_is_shifted(const struct fb_flow *flow)
{
	return flow->state == FB_FLOW_PROXIED || flow->state == FB_FLOW_PROXY_CLOSING;
}

/**
 * Whether the two fields hold a shift, or the zero of a flow that never had one: then they mean no queue.
 * FB_FLOW_RESET is for both.
 */
static inline bool fb_flow_keeps_shift(const struct fb_flow *flow)
{
	return fb_flow_is_shifted(flow) || flow->state == FB_FLOW_RESET;
}

/** By how much the endpoint's sequence numbers are others to its client; the flow keeps a shift. */
static inline uint32_t fb_flow_seq_shift(const struct fb_flow *flow)
{
	return flow->link;
}

/** The flow's, which is shifted. */
static inline struct fb_tcp_shift fb_flow_shift(const struct fb_flow *flow)
{
	return (struct fb_tcp_shift){
		.seq = flow->link,
		.ts = flow->older & ~(uint32_t)(FB_FLOW_SHIFT_TS_STEP - 1),
		.window = (int8_t)((int)(flow->older & (FB_FLOW_SHIFT_TS_STEP - 1)) -
				   FB_FLOW_SHIFT_WINDOW),
	};
}

/** Be shifted from now on. The flow is in no queue, and shift->ts a multiple of FB_FLOW_SHIFT_TS_STEP. */
static inline void fb_flow_shift_begin(struct fb_flow *flow, const struct fb_tcp_shift *shift)
{
	flow->link = shift->seq;
	flow->older = shift->ts | (uint32_t)(shift->window + FB_FLOW_SHIFT_WINDOW);
	flow->packets = 0;
	flow->flags &= (uint8_t)~(FB_FLOW_FIN_CLIENT | FB_FLOW_FIN_ENDPOINT | FB_FLOW_SYN_ENDPOINT |
				  FB_FLOW_HEARD_CLIENT | FB_FLOW_HEARD_ENDPOINT);
	fb_flow_begin(flow, FB_FLOW_PROXIED);
}

/* What the client's SYN said: FB_TCP_WSCALE_NONE or its window scale, and whether it had timestamps. */
#define FB_FLOW_SAID_TIMESTAMPS 0x10

/** A flow that was just inserted: its client was told isn, and said so. Before fb_flow_begin(). */
static inline void fb_flow_proxy_begin(struct fb_flow *flow, uint32_t isn, uint8_t said)
{
	flow->packets = isn;
	flow->flags |= (uint8_t)((said & 0x1f) << 1);
}

static inline uint32_t fb_flow_proxy_isn(const struct fb_flow *flow)
{
	return flow->packets;
}

static inline uint8_t fb_flow_proxy_said(const struct fb_flow *flow)
{
	return flow->flags >> 1 & 0x1f;
}

_Static_assert((FB_FLOW_FIN_CLIENT | FB_FLOW_FIN_ENDPOINT | FB_FLOW_SYN_ENDPOINT |
		FB_FLOW_HEARD_CLIENT | FB_FLOW_HEARD_ENDPOINT) == 0x1f << 1,
	       "what it said lies in these");

#endif
