/* SPDX-License-Identifier: BSD-3-Clause */

#include "flow/state.h"

#include "flow/shift.h"

#define FINS  (FB_FLOW_FIN_CLIENT | FB_FLOW_FIN_ENDPOINT)
#define HEARD (FB_FLOW_HEARD_CLIENT | FB_FLOW_HEARD_ENDPOINT)

static void advance_syn(struct fb_flow *flow, enum fb_flow_dir dir)
{
	if (dir == FB_DIR_ENDPOINT) {
		flow->flags |= FB_FLOW_SYN_ENDPOINT;
		return;
	}
	if (flow->state != FB_FLOW_CLOSING && (flow->flags & FINS) == 0)
		return;
	flow->state = FB_FLOW_OPENING;
	flow->flags &= (uint8_t) ~(FINS | HEARD | FB_FLOW_SYN_ENDPOINT);
}

static void advance_tcp(struct fb_flow *flow, enum fb_flow_dir dir, uint8_t tcp_flags)
{
	const bool client = dir == FB_DIR_CLIENT;
	const bool shifted = fb_flow_is_shifted(flow);
	const uint8_t closing = shifted ? FB_FLOW_PROXY_CLOSING : FB_FLOW_CLOSING;

	if (tcp_flags & RTE_TCP_RST_FLAG) {
		flow->state = closing;
		flow->flags &= (uint8_t)~HEARD;
		return;
	}
	if (tcp_flags & RTE_TCP_SYN_FLAG) {
		if (!shifted)
			advance_syn(flow, dir);
		return;
	}
	if (tcp_flags & RTE_TCP_FIN_FLAG)
		flow->flags |= client ? FB_FLOW_FIN_CLIENT : FB_FLOW_FIN_ENDPOINT;
	if ((flow->flags & FINS) == FINS) {
		flow->state = closing;
		return;
	}
	/* A FIN tells nothing after a reset: it may have been on its way before. */
	if (flow->state == closing && (tcp_flags & RTE_TCP_FIN_FLAG))
		return;
	flow->flags |= client ? FB_FLOW_HEARD_CLIENT : FB_FLOW_HEARD_ENDPOINT;
	if ((flow->flags & HEARD) == HEARD ||
	    (client && flow->state == FB_FLOW_OPENING && (flow->flags & FB_FLOW_SYN_ENDPOINT)))
		flow->state = shifted ? FB_FLOW_PROXIED : FB_FLOW_ESTABLISHED;
}

static void advance_init(struct fb_flow *flow, enum fb_flow_dir dir)
{
	if (dir == FB_DIR_ENDPOINT ||
	    (flow->state != FB_FLOW_SHUTDOWN && flow->state != FB_FLOW_CLOSED))
		return;
	flow->state = FB_FLOW_COOKIE_WAIT;
	flow->flags &= (uint8_t)~HEARD;
}

static void advance_sctp(struct fb_flow *flow, enum fb_flow_dir dir, uint8_t chunks)
{
	const bool client = dir == FB_DIR_CLIENT;
	const bool opening = flow->state == FB_FLOW_COOKIE_WAIT ||
			     flow->state == FB_FLOW_COOKIE_ECHOED;

	if (chunks & (FB_SCTP_ABORT | FB_SCTP_SHUTDOWN_COMPLETE)) {
		flow->state = FB_FLOW_CLOSED;
		flow->flags &= (uint8_t)~HEARD;
	} else if (chunks & FB_SCTP_INIT) {
		advance_init(flow, dir);
	} else if (chunks & FB_SCTP_SHUTDOWN) {
		if (flow->state != FB_FLOW_CLOSED)
			flow->state = FB_FLOW_SHUTDOWN;
	} else if (chunks & FB_SCTP_COOKIE_ECHO) {
		if (client && opening)
			flow->state = FB_FLOW_COOKIE_ECHOED;
	} else if (chunks & FB_SCTP_COOKIE_ACK) {
		if (!client && opening)
			flow->state = FB_FLOW_ASSOCIATED;
	} else if ((chunks & (FB_SCTP_INIT_ACK | FB_SCTP_ERROR)) == 0) {
		flow->flags |= client ? FB_FLOW_HEARD_CLIENT : FB_FLOW_HEARD_ENDPOINT;
		if ((flow->flags & HEARD) == HEARD && flow->state != FB_FLOW_SHUTDOWN)
			flow->state = FB_FLOW_ASSOCIATED;
	}
}

enum fb_flow_touched fb_flow_advance(struct fb_flow *flow, enum fb_flow_dir dir, uint8_t tcp_flags)
{
	const uint8_t before = flow->state;

	switch (before) {
	case FB_FLOW_PROXY_OPENING:
		return FB_TOUCHED_SYN;
	case FB_FLOW_RESET:
	case FB_FLOW_UDP:
		return FB_TOUCHED_NOTHING;
	case FB_FLOW_UDP_NEW:
		if (dir == FB_DIR_ENDPOINT)
			flow->state = FB_FLOW_UDP;
		break;
	case FB_FLOW_ASSOCIATED:
	case FB_FLOW_COOKIE_WAIT:
	case FB_FLOW_COOKIE_ECHOED:
	case FB_FLOW_SHUTDOWN:
	case FB_FLOW_CLOSED:
		if (before != FB_FLOW_ASSOCIATED || tcp_flags != 0)
			advance_sctp(flow, dir, tcp_flags);
		break;
	default:
		advance_tcp(flow, dir, tcp_flags);
		if (flow->state == before &&
		    ((tcp_flags & RTE_TCP_SYN_FLAG) || fb_flow_is_shifted(flow)))
			return FB_TOUCHED_SYN;
	}
	return flow->state == before ? FB_TOUCHED_NOTHING : FB_TOUCHED_STATE;
}
