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
 * Before that, in FB_FLOW_PROXY_OPENING, there is not yet a difference, but a SYN that may have to be sent again. What
 * it said lies where nothing else counts so long:
 *
 *     packets             the number that the client was told, of which there are none
 *     l4_delta, ip_delta  the client's own number. No packet is translated, and both follow from the keys:
 *                         fb_proxy_settle() in datapath/proxy_open.c
 *     ep_epoch            a bit that no epoch has, so that every packet looks its endpoint up; the client's
 *                         timestamp, in whole steps as it goes to the endpoint; SACK; how often it was asked again
 *     flags               window scale and whether there are timestamps, in bits that are for later
 *
 * Thread: the owning worker.
 */

#include <stdbool.h>
#include <stdint.h>

#include "flow/table.h"
#include "net/tcp_option.h"
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

/** Whether a flow can keep it. */
static inline bool fb_flow_shift_fits(const struct fb_tcp_shift *shift)
{
	return shift->ts % FB_FLOW_SHIFT_TS_STEP == 0 && shift->window >= -FB_FLOW_SHIFT_WINDOW &&
	       shift->window <= FB_FLOW_SHIFT_WINDOW;
}

/** Of a flow that will be shifted and is in no queue; the shift fits. */
static inline void fb_flow_shift_set(struct fb_flow *flow, const struct fb_tcp_shift *shift)
{
	flow->link = shift->seq;
	flow->older = shift->ts | (uint32_t)(shift->window + FB_FLOW_SHIFT_WINDOW);
}

/* What a connection begins with whose client has shown itself. */
struct fb_flow_opening {
	uint32_t isn;  /* the client's initial number */
	uint32_t told; /* ours, as it knows it: the cookie */
	struct fb_tcp_options said; /* of its SYN, without what the cookie says */
};

#define FB_FLOW_OPENING_MARK	   UINT32_C(0x80000000)
#define FB_FLOW_OPENING_SACK	   0x08
#define FB_FLOW_OPENING_AGAIN	   0x07
#define FB_FLOW_OPENING_SAID	   (0x1f << 1) /* of flags */
#define FB_FLOW_OPENING_TIMESTAMPS (0x10 << 1)

_Static_assert((FB_FLOW_FIN_CLIENT | FB_FLOW_FIN_ENDPOINT | FB_FLOW_SYN_ENDPOINT |
		FB_FLOW_HEARD_CLIENT | FB_FLOW_HEARD_ENDPOINT) == FB_FLOW_OPENING_SAID,
	       "what it said lies in these");

/** A flow that is, or is about to be, in FB_FLOW_PROXY_OPENING, and in which all else is set: it begins (again) so. */
static inline void fb_flow_opening_begin(struct fb_flow *flow, const struct fb_flow_opening *o)
{
	const uint32_t said = o->said.wscale | (o->said.timestamps ? 0x10u : 0);

	flow->packets = o->told;
	flow->l4_delta = (uint16_t)(o->isn >> 16);
	flow->ip_delta = (uint16_t)o->isn;
	flow->ep_epoch = FB_FLOW_OPENING_MARK | o->said.tsval / FB_FLOW_SHIFT_TS_STEP << 4 |
			 (o->said.sack ? FB_FLOW_OPENING_SACK : 0);
	flow->flags = (uint8_t)((flow->flags & ~FB_FLOW_OPENING_SAID) | said << 1);
}

/** What it began with; the timestamp is at most FB_FLOW_SHIFT_TS_STEP - 1 less. */
static inline struct fb_flow_opening fb_flow_opening(const struct fb_flow *flow)
{
	return (struct fb_flow_opening){
		.isn = (uint32_t)flow->l4_delta << 16 | flow->ip_delta,
		.told = flow->packets,
		.said = {.tsval = ((flow->ep_epoch & ~FB_FLOW_OPENING_MARK) >> 4) * FB_FLOW_SHIFT_TS_STEP,
			 .wscale = flow->flags >> 1 & FB_TCP_WSCALE_NONE,
			 .sack = (flow->ep_epoch & FB_FLOW_OPENING_SACK) != 0,
			 .timestamps = (flow->flags & FB_FLOW_OPENING_TIMESTAMPS) != 0},
	};
}

/**
 * After which silence its endpoint is to be asked again: 1 s, then 2 s more, 4 s (RFC 6298, 5.5), for two minutes.
 *
 * @return milliseconds since the flow's last packet; UINT32_MAX: never
 */
static inline uint32_t fb_flow_ask_again_ms(const struct fb_flow *flow)
{
	const uint32_t n = flow->ep_epoch & FB_FLOW_OPENING_AGAIN;

	return n < FB_FLOW_OPENING_AGAIN ? ((2u << n) - 1) * 1000 : UINT32_MAX;
}

/** It was. */
static inline void fb_flow_asked_again(struct fb_flow *flow)
{
	flow->ep_epoch++;
}

#endif
