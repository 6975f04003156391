/* SPDX-License-Identifier: BSD-3-Clause */

/* Stage: packets of known flows leave, translated, towards their next hop. */

#include <rte_ether.h>

#include "datapath/select.h"
#include "datapath/stages.h"
#include "flow/lookup.h"
#include "flow/state.h"
#include "net/checksum.h"
#include "net/rewrite.h"

/* Where the packet goes: the endpoint's next hop, or back where the client's packets came from. */
struct way_out {
	uint16_t port;
	uint16_t mtu;
	const uint8_t *mac;
};

static enum fb_reason find_way_out(const struct fb_worker *w, const struct fb_flow *flow,
				   enum fb_flow_dir dir, struct way_out *ret)
{
	const struct fb_next_hop *hop;

	if (dir == FB_DIR_ENDPOINT) {
		ret->port = flow->client_port;
		ret->mtu = w->dp->ports[flow->client_port].mtu;
		ret->mac = flow->client_mac;
		return FB_REASON_NONE;
	}
	hop = &w->snap->next_hops[flow->nh_idx];
	if (unlikely(hop->state != FB_HOP_READY))
		return hop->state == FB_HOP_NONE ? FB_REASON_NO_ROUTE : FB_REASON_NEXT_HOP;
	ret->port = hop->port;
	ret->mtu = hop->mtu;
	ret->mac = hop->mac;
	return FB_REASON_NONE;
}

static void translate(const struct fb_flow *flow, enum fb_flow_dir dir, uint8_t *data,
		      const struct fb_packet *pkt)
{
	const enum fb_family family = (enum fb_family)pkt->family;
	struct fb_rewrite rw = {.ip_delta = flow->ip_delta, .l4_delta = flow->l4_delta};

	if (dir == FB_DIR_CLIENT) {
		fb_rewrite_apply(data, pkt, fb_flow_key(flow, family, FB_DIR_ENDPOINT), &rw);
		return;
	}
	rw.ip_delta = fb_csum_delta_inverse(rw.ip_delta);
	rw.l4_delta = fb_csum_delta_inverse(rw.l4_delta);
	fb_rewrite_apply(data, pkt, fb_flow_key(flow, family, FB_DIR_CLIENT), &rw);
}

static void forward(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	struct rte_mbuf *m = b->mbufs[i];
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
	const struct fb_packet *pkt = &b->pkts[i];
	struct fb_flow *flow = b->flows[i];
	enum fb_flow_dir dir = b->dirs[i];
	struct fb_endpoint_counters *ec = &w->endpoint_counters[flow->ep_id];
	enum fb_reason reason;
	struct way_out out;

	if (dir == FB_DIR_CLIENT) {
		/* Auto-last-hop: replies follow the way of the client's latest packet. */
		memcpy(flow->client_mac, data + RTE_ETHER_ADDR_LEN, RTE_ETHER_ADDR_LEN);
		flow->client_port = (uint8_t)fb_ingress(m);
	}
	if (unlikely(pkt->ttl <= 1)) {
		fb_end_time_exceeded(w, b, i);
		return;
	}
	reason = find_way_out(w, flow, dir, &out);
	if (unlikely(reason != FB_REASON_NONE)) {
		fb_end_drop(w, b, i, reason);
		return;
	}
	if (unlikely(pkt->l3_len_bytes > out.mtu)) {
		fb_end_too_big(w, b, i, out.mtu);
		return;
	}
	if (unlikely(fb_flow_touch(flow, dir, pkt->tcp_flags, w->now_ms)))
		fb_flow_note(w, (enum fb_family)pkt->family, flow);
	flow->packets++;
	ec->packets++;
	ec->bytes += pkt->l3_len_bytes;
	translate(flow, dir, data, pkt);
	fb_end_forward(w, b, i, out.port, out.mac);
}

void fb_stage_rewrite(struct fb_worker *w, struct fb_burst *b)
{
	for (uint16_t k = 0; k < b->n_hits; k++)
		forward(w, b, b->hits[k]);
	b->n_hits = 0;
}
