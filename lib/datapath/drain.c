/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Flows of endpoints that go away, once the Service's time for them is over (FB_EP_OVER).
 *
 * A record has no sequence numbers, and needs none: the next packet of either side has what a reset to
 * both must say. Whoever is silent is asked first, by a SYN in the other side's name: the answer has the
 * numbers of both (RFC 5961, 4.2), and gets the reset. UDP and SCTP flows are forgotten; their next packet
 * is that of a new flow.
 */

#include <rte_ether.h>

#include "datapath/select.h"
#include "datapath/stages.h"
#include "flow/change.h"
#include "flow/lookup.h"
#include "flow/shift.h"
#include "net/answer.h"

/* How a frame of the flow leaves towards a side. */
struct way {
	uint16_t port;
	const uint8_t *mac; /* NULL: there is no way */
	struct fb_tuple tuple;
};

static struct way way_to(const struct fb_snapshot *snap, enum fb_family family,
			 const struct fb_flow *flow, enum fb_flow_dir side)
{
	const uint16_t nh_idx =
		flow->ep_id < snap->n_endpoints ? fb_table_info(snap, flow->ep_id)->nh_idx : 0;
	const struct fb_next_hop *hop = &snap->next_hops[nh_idx];
	const struct fb_tuple key = fb_flow_tuple(flow, family, side);

	if (side == FB_DIR_CLIENT)
		return (struct way){flow->client_port, flow->client_mac, fb_tuple_reverse(&key)};
	return (struct way){hop->port, hop->state == FB_HOP_READY ? hop->mac : NULL,
			    fb_tuple_reverse(&key)};
}

static void tell_other(struct fb_worker *w, const struct fb_burst *b, uint16_t i,
		       const struct fb_flow *flow, enum fb_flow_dir dir)
{
	const struct fb_packet *pkt = &b->pkts[i];
	const struct way way = way_to(w->snap, (enum fb_family)pkt->family, flow,
				      dir == FB_DIR_CLIENT ? FB_DIR_ENDPOINT : FB_DIR_CLIENT);
	struct rte_mbuf *m = way.mac != NULL ? rte_pktmbuf_alloc(w->pool) : NULL;

	if (m == NULL)
		return;
	(void)fb_tx_built(w, way.port, m,
			  fb_answer_tcp_reset_onward(rte_pktmbuf_mtod(b->mbufs[i], uint8_t *), pkt,
						     &way.tuple, w->dp->ports[way.port].mac,
						     way.mac, rte_pktmbuf_mtod(m, uint8_t *),
						     rte_pktmbuf_tailroom(m)),
			  FB_TX_RESET);
}

/* The record stays for a while, and answers whatever was on its way. */
static void note_reset(struct fb_worker *w, enum fb_family family, struct fb_flow *flow)
{
	if (flow->state == FB_FLOW_RESET)
		return;
	fb_flow_dequeue(w->flows[family], flow);
	if (flow->state == FB_FLOW_PROXY_OPENING)
		fb_proxy_settle(family, flow, FB_FLOW_RESET);
	flow->state = FB_FLOW_RESET;
	fb_flow_count_ended(w, flow);
	flow->last_use_ms = w->now_ms;
}

void fb_end_drained(struct fb_worker *w, struct fb_burst *b, uint16_t i, struct fb_flow *flow,
		    enum fb_flow_dir dir)
{
	const struct fb_packet *pkt = &b->pkts[i];

	/* A client's own number, which is all that counts in a reset, is the same on both sides. */
	note_reset(w, (enum fb_family)pkt->family, flow);
	if (dir == FB_DIR_ENDPOINT)
		fb_proxy_translate_seq(b, i, flow);
	/* A side that resets by itself is done, and its packet tells the other one. */
	if (pkt->tcp_flags & RTE_TCP_RST_FLAG) {
		if (flow->ep_id < w->snap->n_endpoints)
			flow->nh_idx = fb_table_info(w->snap, flow->ep_id)->nh_idx;
		b->flows[i] = flow;
		b->dirs[i] = (uint8_t)dir;
		b->hits[b->n_hits++] = i;
		return;
	}
	tell_other(w, b, i, flow, dir);
	fb_end_reset(w, b, i, FB_REASON_DRAINED);
}

static void ask_client(struct fb_worker *w, const struct fb_snapshot *snap, enum fb_family family,
		       const struct fb_flow *flow)
{
	const struct way way = way_to(snap, family, flow, FB_DIR_CLIENT);
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);

	if (m == NULL)
		return;
	(void)fb_tx_built(w, way.port, m,
			  fb_answer_tcp_probe(&way.tuple, w->dp->ports[way.port].mac, way.mac,
					      rte_pktmbuf_mtod(m, uint8_t *), rte_pktmbuf_tailroom(m)),
			  FB_TX_RESET);
}

static void end_silent(struct fb_worker *w, const struct fb_snapshot *snap, enum fb_family family,
		       struct fb_flow *flow)
{
	if (flow->state == FB_FLOW_RESET || flow->ep_id >= snap->n_endpoints ||
	    (fb_table_info(snap, flow->ep_id)->flags & FB_EP_OVER) == 0)
		return;
	if (flow->state != FB_FLOW_ESTABLISHED && flow->state != FB_FLOW_PROXIED) {
		fb_flow_forget(w, family, flow);
		return;
	}
	note_reset(w, family, flow);
	ask_client(w, snap, family, flow);
}

static void drain_piece(struct fb_worker *w, const struct fb_snapshot *snap, enum fb_family family,
			uint32_t elapsed_ms)
{
	struct fb_flow_table *t = w->flows[family];
	uint64_t high = fb_flow_high_water(t);
	uint32_t n = RTE_MIN((uint32_t)((high * elapsed_ms) >> 10) + 1, w->over_left[family]);

	w->over_left[family] -= n;
	for (; n > 0; n--) {
		struct fb_flow *flow;

		if (w->over_hand[family] >= high)
			w->over_hand[family] = 0;
		flow = fb_flow_at(t, w->over_hand[family]++);
		if (flow != NULL)
			end_silent(w, snap, family, flow);
	}
}

/* In a circle, so that changes one after the other do not make it begin at the same end each time. */
void fb_worker_drain(struct fb_worker *w)
{
	const struct fb_snapshot *snap = fb_rcu_read(w->rcu);
	uint32_t elapsed_ms = w->now_ms - w->drain_ms;

	if (likely(elapsed_ms == 0 || snap == NULL))
		return;
	w->drain_ms = w->now_ms;
	if (likely(snap->n_over == 0))
		return;
	/* After a stall, catch up in steps rather than in one long one. */
	elapsed_ms = RTE_MIN(elapsed_ms, 16u);
	if (w->over_epoch != snap->ep_epoch) {
		w->over_epoch = snap->ep_epoch;
		for (int family = 0; family < FB_FAMILY_COUNT; family++)
			w->over_left[family] = fb_flow_high_water(w->flows[family]);
	}
	for (int family = 0; family < FB_FAMILY_COUNT; family++) {
		if (w->over_left[family] > 0)
			drain_piece(w, snap, (enum fb_family)family, elapsed_ms);
	}
}
