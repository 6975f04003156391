/* SPDX-License-Identifier: BSD-3-Clause */

/* Stage: packets of known flows leave, translated, towards their next hop. */

#include <rte_ether.h>

#include "datapath/select.h"
#include "datapath/stages.h"
#include "flow/lookup.h"
#include "flow/state.h"
#include "net/checksum.h"
#include "net/rewrite.h"

/*
 * Which side a packet comes from is as good as random, and a branch on it is guessed wrong every other time. So
 * below it picks values, not ways through the code: the next hop's and the client's addresses are read
 * alike, as eight bytes.
 */
struct way {
	uint8_t mac[6];
	uint8_t port;
	uint8_t other; /* the next hop's state, the flow's protocol */
};

_Static_assert(offsetof(struct fb_next_hop, port) == 6 &&
		       offsetof(struct fb_next_hop, state) == 7 &&
		       offsetof(struct fb_flow, client_port) ==
			       offsetof(struct fb_flow, client_mac) + 6 &&
		       offsetof(struct fb_flow, proto) == offsetof(struct fb_flow, client_mac) + 7,
	       "both are read as a struct way");

/* All ones for packets from the endpoint. */
static __rte_always_inline uint64_t mask_of(enum fb_flow_dir dir)
{
	return -(uint64_t)(dir == FB_DIR_ENDPOINT);
}

static __rte_always_inline uint64_t pick(uint64_t mask, uint64_t zeros, uint64_t ones)
{
	return zeros ^ ((zeros ^ ones) & mask);
}

/* Auto-last-hop: replies follow the way of the client's latest packet, which hardly ever changes. */
static __rte_always_inline void note_last_hop(struct fb_flow *flow, enum fb_flow_dir dir,
					      const uint8_t *smac, uint16_t port)
{
	const uint64_t macs = ~RTE_BE64(UINT64_C(0xffff));
	const uint64_t changed = (fb_flow_load64(smac) ^ fb_flow_load64(flow->client_mac)) & macs;

	if (likely(((changed | (flow->client_port ^ port)) & ~mask_of(dir)) == 0))
		return;
	memcpy(flow->client_mac, smac, RTE_ETHER_ADDR_LEN);
	flow->client_port = (uint8_t)port;
}

static __rte_always_inline void translate(const struct fb_flow *flow, enum fb_family family,
					  enum fb_flow_dir dir, uint8_t *data,
					  const struct fb_packet *pkt)
{
	/* The way back adds the complements (fb_csum_delta_inverse()). */
	const uint16_t flip = (uint16_t)mask_of(dir);
	const struct fb_rewrite rw = {
		.ip_delta = flow->ip_delta ^ flip,
		.l4_delta = flow->l4_delta ^ flip,
	};

	fb_rewrite_apply_as(family, data, pkt, fb_flow_key(flow, family, dir ^ 1), &rw);
}

static __rte_noinline void lower_mss(struct fb_worker *w, struct fb_burst *b, uint16_t i,
				     uint16_t egress)
{
	const struct fb_flow *flow = b->flows[i];
	const struct fb_tuple client =
		fb_flow_tuple(flow, (enum fb_family)b->pkts[i].family, FB_DIR_CLIENT);

	fb_mss_lower(w, b, i, &client, egress, &w->snap->next_hops[flow->nh_idx]);
}

/*
 * Where fb_flow_touch() says so: every SYN of a flow is among them, every packet of one that began with a cookie
 * (flow/state.h), and few others. @return whether the packet goes on; else it came to its end
 */
static __rte_always_inline bool note(struct fb_worker *w, struct fb_burst *b, uint16_t i,
				     enum fb_family family, enum fb_flow_touched what,
				     uint16_t egress)
{
	if (unlikely(b->flows[i]->state >= FB_FLOW_PROXY_OPENING) && !fb_proxy_pass(w, b, i))
		return false;
	if (what == FB_TOUCHED_STATE)
		fb_flow_note(w, family, b->flows[i]);
	if (unlikely(fb_mss_is_asked(w, b->pkts[i].tcp_flags)))
		lower_mss(w, b, i, egress);
	return true;
}

/* What may be fragmented leaves in pieces: the same as below, for the few. */
static __rte_noinline void too_large(struct fb_worker *w, struct fb_burst *b, uint16_t i, uint16_t mtu)
{
	const struct fb_packet *pkt = &b->pkts[i];
	const enum fb_flow_dir dir = b->dirs[i];
	struct fb_flow *flow = b->flows[i];
	struct fb_endpoint_counters *ec = &w->endpoint_counters[flow->ep_id];
	enum fb_flow_touched what;
	struct fb_way_out out;

	if (!fb_may_split(pkt) || fb_find_way_out(w, flow, dir, &out) != FB_REASON_NONE) {
		fb_end_too_big(w, b, i, mtu);
		return;
	}
	what = fb_flow_touch(flow, dir, pkt->tcp_flags, w->now_ms);
	if (what != FB_TOUCHED_NOTHING && !note(w, b, i, FB_IPV4, what, out.port))
		return;
	flow->packets++;
	ec->packets++;
	ec->bytes += pkt->l3_len_bytes;
	translate(flow, FB_IPV4, dir, rte_pktmbuf_mtod(b->mbufs[i], uint8_t *), pkt);
	fb_end_split(w, b, i, &out);
}

static __rte_always_inline void forward(struct fb_worker *w, struct fb_burst *b, uint16_t i,
					enum fb_family family, enum fb_flow_dir dir)
{
	struct rte_mbuf *m = b->mbufs[i];
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
	const struct fb_packet *pkt = fb_keep(&b->pkts[i]);
	struct fb_flow *flow = b->flows[i];
	const uint8_t tcp_flags = pkt->tcp_flags;
	const uint16_t len = pkt->l3_len_bytes;
	struct fb_endpoint_counters *ec = &w->endpoint_counters[flow->ep_id];
	const struct fb_next_hop *hop = &w->snap->next_hops[flow->nh_idx];
	const uint64_t mask = mask_of(dir);
	enum fb_flow_touched what;
	uint64_t bytes;
	struct way way;
	uint16_t mtu;

	note_last_hop(flow, dir, data + RTE_ETHER_ADDR_LEN, fb_ingress(m));
	if (unlikely(pkt->ttl <= 1)) {
		fb_end_time_exceeded(w, b, i);
		return;
	}
	if (unlikely((hop->state ^ FB_HOP_READY) & ~mask)) {
		fb_end_drop(w, b, i,
			    hop->state == FB_HOP_NONE ? FB_REASON_NO_ROUTE : FB_REASON_NEXT_HOP);
		return;
	}
	bytes = pick(mask, fb_flow_load64(hop->mac), fb_flow_load64(flow->client_mac));
	memcpy(&way, &bytes, sizeof(way));
	mtu = RTE_MIN((uint16_t)(hop->mtu | mask), w->tx[way.port].mtu);
	if (unlikely(len > mtu)) {
		too_large(w, b, i, mtu);
		return;
	}
	what = fb_flow_touch(flow, dir, tcp_flags, w->now_ms);
	if (unlikely(what != FB_TOUCHED_NOTHING) &&
	    unlikely(!note(w, b, i, family, what, way.port)))
		return;
	flow->packets++;
	ec->packets++;
	ec = fb_keep(ec); /* two additions to memory, no vector of two */
	ec->bytes += len;
	translate(flow, family, dir, data, pkt);
	fb_end_forward_frame(w, b, i, pkt, data, way.port, way.mac);
}

static __rte_always_inline void forward_any(struct fb_worker *w, struct fb_burst *b, uint16_t i,
					    enum fb_flow_dir dir)
{
	if (likely(b->pkts[i].family == FB_IPV4))
		forward(w, b, i, FB_IPV4, dir);
	else
		forward(w, b, i, FB_IPV6, dir);
}

void fb_stage_rewrite(struct fb_worker *w, struct fb_burst *b)
{
	const uint16_t n = b->n_hits;

	for (uint16_t k = 0; k < n; k++)
		forward_any(w, b, b->hits[k], b->dirs[b->hits[k]]);
	b->n_hits = 0;
}

/* The same where nearly all flows were just made, by their clients' packets: a side that is known is a fifth less work. */
void fb_stage_rewrite_new(struct fb_worker *w, struct fb_burst *b)
{
	const uint16_t n = b->n_hits;

	for (uint16_t k = 0; k < n; k++) {
		const uint16_t i = b->hits[k];

		if (likely(b->dirs[i] == FB_DIR_CLIENT))
			forward_any(w, b, i, FB_DIR_CLIENT);
		else
			forward_any(w, b, i, b->dirs[i]);
	}
	b->n_hits = 0;
}
