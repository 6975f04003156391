/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_FLOW_STATE_H
#define FB_FLOW_STATE_H

/*
 * TCP, UDP and SCTP state after a packet: RFC 9293 3.3.2 and RFC 9260 4, reduced to what somebody in
 * the middle can see who keeps no sequence numbers and no tags. The state only chooses the timeout; it
 * never decides whether a packet passes.
 *
 *     OPENING      -> ESTABLISHED  SYN+ACK from the endpoint, then any but a SYN from the client;
 *                                  or, for a flow picked up midway, such segments from both sides
 *     ESTABLISHED  -> CLOSING      FIN from both sides
 *     any          -> CLOSING      RST
 *     CLOSING      -> ESTABLISHED  after a RST only: segments without SYN, FIN or RST from both
 *     CLOSING, or ESTABLISHED with a FIN seen
 *                  -> OPENING      SYN from the client: the port is used again
 *                                  (RFC 9293 3.6.1, RFC 6191)
 *     UDP_NEW      -> UDP          a packet from the endpoint
 *
 *     PROXY_OPENING -> PROXIED     datapath/proxy.c
 *     PROXIED, PROXY_CLOSING       as ESTABLISHED and CLOSING, but that a SYN opens nothing: a new
 *                                  connection has other numbers, and begins with a cookie
 *
 *     COOKIE_WAIT   -> COOKIE_ECHOED  COOKIE ECHO from the client
 *     COOKIE_WAIT, COOKIE_ECHOED
 *                   -> ASSOCIATED     COOKIE ACK from the endpoint
 *     COOKIE_WAIT, COOKIE_ECHOED, CLOSED
 *                   -> ASSOCIATED     packets that open and end nothing, from both sides: picked up
 *                                     midway, or the ABORT was a forged one
 *     any but CLOSED -> SHUTDOWN      SHUTDOWN or SHUTDOWN ACK
 *     any           -> CLOSED         ABORT, SHUTDOWN COMPLETE
 *     SHUTDOWN, CLOSED -> COOKIE_WAIT INIT from the client: the port is used again
 *
 * Why a RST does not end a flow at once: whoever guesses the tuple can send one, and the receiver
 * ignores it unless its sequence number is exact (RFC 5961 section 3). After a true reset the side
 * that sent it answers everything with another RST, so plain segments from both sides say that it
 * was false. Until then the flow keeps its endpoint and port, for the shorter timeout of CLOSING; a
 * connection that stays idle for longer than that after a forged RST is the price. A SYN within an
 * established connection changes nothing: the endpoint challenges it (RFC 5961 section 4), and if
 * the client did start afresh its RST and next SYN come through here. The same goes for an ABORT,
 * which its receiver believes only with the right tag (RFC 9260, 8.5), and for an INIT within an
 * association (5.2.2). A forged SHUTDOWN only leaves the flow less time between two heartbeats.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_tcp.h>

#include "flow/table.h"

/* What a packet meant to its flow, beyond that it is alive. */
enum fb_flow_touched {
	FB_TOUCHED_NOTHING,
	FB_TOUCHED_SYN,	  /* nothing, but it is a SYN; or the flow is in one of the proxy's states */
	FB_TOUCHED_STATE, /* the state is another one: it may have been established, or have ended */
};

/** The uncommon half of fb_flow_touch(); returns what that returns. */
enum fb_flow_touched fb_flow_advance(struct fb_flow *flow, enum fb_flow_dir dir, uint8_t tcp_flags);

/**
 * Account for a packet of the flow: changes state, flags and last_use_ms.
 *
 * Thread: the owning worker. Cost: the first line of the record.
 *
 * @param tcp_flags  RTE_TCP_*_FLAG as parsed, for SCTP FB_SCTP_*; ignored for UDP
 */
static inline enum fb_flow_touched fb_flow_touch(struct fb_flow *flow, enum fb_flow_dir dir,
						 uint8_t tcp_flags, uint32_t now_ms)
{
	flow->last_use_ms = now_ms;
	if (likely((flow->state == FB_FLOW_ESTABLISHED &&
		    (tcp_flags & (RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG | RTE_TCP_RST_FLAG)) == 0) ||
		   flow->state == FB_FLOW_UDP))
		return FB_TOUCHED_NOTHING;
	/* Every flow begins so. */
	if (likely(flow->state == FB_FLOW_OPENING && dir == FB_DIR_CLIENT &&
		   (tcp_flags & ~(RTE_TCP_ECE_FLAG | RTE_TCP_CWR_FLAG)) == RTE_TCP_SYN_FLAG &&
		   (flow->flags & (FB_FLOW_FIN_CLIENT | FB_FLOW_FIN_ENDPOINT)) == 0))
		return FB_TOUCHED_SYN;
	return fb_flow_advance(flow, dir, tcp_flags);
}

#endif
