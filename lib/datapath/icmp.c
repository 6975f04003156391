/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * ICMP errors about packets that we sent: translated and passed on to whom they concern.
 *
 * The quoted packet is one of ours as it left here, so its tuple reversed is a key of its flow:
 * about a packet to the endpoint  -> the reply key  -> the client hears of it;
 * about a packet to the client    -> the client key -> the endpoint hears of it.
 *
 * The outer source becomes the service's address where the endpoint itself speaks, and a SNAT address
 * towards endpoints of `snat` flows; a router in between keeps its own, so that traceroute shows it.
 *
 * What quotes a later fragment does not come here (net/icmp.c): there are no ports in it, and the table of
 * fragments has forgotten the datagram by the time that somebody complains. IPv4 has no such errors (RFC 792:
 * about fragment zero alone), and in IPv6 the first piece, as large and as far travelled, meets its own.
 */

#include "datapath/stages.h"
#include "datapath/stateless.h"
#include "flow/lookup.h"
#include "flow/shift.h"
#include "net/rewrite.h"

/* @return whether the error may go on; else it was dropped */
static bool within_rate(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	if (fb_rate_limit_take(&w->icmp_error_limit, w->now_ms))
		return true;
	fb_end_drop(w, b, i, FB_REASON_ICMP_RATE);
	return false;
}

/*
 * About a packet to a client of which no flow is known (any more): with the client's address kept and the
 * endpoint found by a hash, it is the endpoint that any of this client's packets would go to. @return
 * whether the packet came to an end here
 */
static bool by_the_hash(struct fb_worker *w, struct fb_burst *b, uint16_t i,
			const struct fb_tuple *key)
{
	const struct fb_packet *pkt = &b->pkts[i];
	const struct fb_service *svc = fb_table_lookup(w->snap, key);
	struct fb_addr outer_src = fb_tuple_src(&pkt->tuple);
	struct fb_addr client = fb_tuple_src(key);
	const struct fb_next_hop *hop;
	const struct fb_endpoint *ep;
	struct fb_tuple reply;

	if (svc == NULL || svc->mode != FB_MODE_DNAT || svc->n_slots == 0 || svc->affinity_s > 0 ||
	    !fb_selection_by_hash(svc->selection) || svc->proxied || pkt->ttl <= 1)
		return false;
	ep = fb_table_select(svc, fb_table_select_hash(w->snap, svc, key), NULL);
	hop = &w->snap->next_hops[fb_table_info(w->snap, ep->id)->nh_idx];
	/* Such a flow hides its client, and has another source. */
	if (hop->state != FB_HOP_READY || fb_addr_equal(&client, &ep->addr))
		return false;
	if (!within_rate(w, b, i))
		return true;
	reply = fb_tuple_make(key->proto, &ep->addr, fb_table_port_be(w->snap, svc, key, ep),
			      &client, fb_tuple_sport(key));
	fb_rewrite_icmp_error(rte_pktmbuf_mtod(b->mbufs[i], uint8_t *), pkt, &outer_src, &ep->addr,
			      &reply);
	fb_end_forward(w, b, i, hop->port, hop->mac);
	return true;
}

/*
 * About a packet to an endpoint that went without a flow (stateless.h): what leads the endpoint's replies
 * back leads this back. @return whether the packet came to an end here
 */
static bool by_the_frontend(struct fb_worker *w, struct fb_burst *b, uint16_t i,
			    const struct fb_tuple *key)
{
	const struct fb_packet *pkt = &b->pkts[i];
	struct fb_addr outer_src = fb_tuple_src(&pkt->tuple);
	const struct fb_addr outer_dst = fb_tuple_dst(key);
	const struct fb_addr endpoint = fb_tuple_src(key);
	const struct fb_client_hop *hop;
	struct fb_tuple client;
	struct fb_tuple reply;
	uint32_t ep_id;

	if (pkt->ttl <= 1 || !fb_stateless_translate_reply(w, key, &reply, &ep_id, &hop))
		return false;
	if (!within_rate(w, b, i))
		return true;
	client = fb_tuple_reverse(&reply);
	if (fb_addr_equal(&outer_src, &endpoint))
		outer_src = fb_tuple_dst(&client);
	fb_rewrite_icmp_error(rte_pktmbuf_mtod(b->mbufs[i], uint8_t *), pkt, &outer_src, &outer_dst,
			      &client);
	fb_end_forward(w, b, i, hop->port, hop->mac);
	return true;
}

static void unknown_flow(struct fb_worker *w, struct fb_burst *b, uint16_t i,
			 const struct fb_tuple *key)
{
	struct fb_addr dst = fb_tuple_dst(&b->pkts[i].tuple);
	uint8_t bits = fb_table_address(w->snap, &dst);
	uint16_t owner = fb_owner_of_key(w, fb_ingress(b->mbufs[i]), key);

	/* About an answer of DNS: those over TCP are the kernel's. */
	if (fb_dns_is_ours(w, key))
		fb_end_punt(w, b, i);
	else if (owner != w->idx && !b->handed_over)
		fb_end_handover(w, b, i, owner);
	else if (by_the_hash(w, b, i, key) || by_the_frontend(w, b, i, key))
		return;
	else if (bits == 0 || (bits & FB_ADDR_BOX))
		fb_end_punt(w, b, i);
	else
		fb_end_drop(w, b, i,
			    bits & FB_ADDR_UNUSED ? FB_REASON_UNUSED_ADDRESS
						  : FB_REASON_ICMP_NO_FLOW);
}

static void to_client(struct fb_worker *w, struct fb_burst *b, uint16_t i, struct fb_flow *flow)
{
	const struct fb_packet *pkt = &b->pkts[i];
	const struct fb_flow_table *t = w->flows[pkt->family];
	struct fb_tuple client = fb_flow_client_key(t, flow);
	struct fb_tuple reply = fb_flow_reply_key(t, flow);
	struct fb_addr outer_src = fb_tuple_src(&pkt->tuple);
	struct fb_addr outer_dst = fb_tuple_src(&client);
	struct fb_addr endpoint = fb_tuple_src(&reply);

	if (fb_addr_equal(&outer_src, &endpoint))
		outer_src = fb_tuple_dst(&client);
	fb_rewrite_icmp_error(rte_pktmbuf_mtod(b->mbufs[i], uint8_t *), pkt, &outer_src, &outer_dst,
			      &client);
	fb_end_forward(w, b, i, flow->client_port, flow->client_mac);
}

static void to_endpoint(struct fb_worker *w, struct fb_burst *b, uint16_t i, struct fb_flow *flow)
{
	const struct fb_packet *pkt = &b->pkts[i];
	const struct fb_next_hop *hop = &w->snap->next_hops[flow->nh_idx];
	struct fb_tuple reply = fb_flow_reply_key(w->flows[pkt->family], flow);
	struct fb_addr outer_src = fb_tuple_src(&pkt->tuple);
	struct fb_addr outer_dst = fb_tuple_src(&reply);

	if (hop->state != FB_HOP_READY) {
		fb_end_drop(w, b, i,
			    hop->state == FB_HOP_NONE ? FB_REASON_NO_ROUTE : FB_REASON_NEXT_HOP);
		return;
	}
	if (flow->flags & FB_FLOW_SNAT)
		outer_src = fb_tuple_dst(&reply);
	fb_rewrite_icmp_error(rte_pktmbuf_mtod(b->mbufs[i], uint8_t *), pkt, &outer_src, &outer_dst,
			      &reply);
	if (unlikely(fb_flow_is_shifted(flow)))
		fb_rewrite_quoted_seq(rte_pktmbuf_mtod(b->mbufs[i], uint8_t *), pkt,
				      fb_flow_shift(flow).seq);
	fb_end_forward(w, b, i, hop->port, hop->mac);
}

void fb_stage_icmp_error(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	const struct fb_packet *pkt = &b->pkts[i];
	const struct fb_flow_table *t = w->flows[pkt->family];
	struct fb_tuple key = fb_tuple_reverse(&pkt->quote);
	enum fb_flow_dir dir;
	struct fb_flow *flow;

	flow = fb_flow_find(t, &key, fb_flow_hash_tuple(t, &key), &dir);
	if (flow == NULL) {
		unknown_flow(w, b, i, &key);
	} else if (pkt->ttl <= 1) {
		/* No error about an error (RFC 1122 3.2.2, RFC 4443 2.4(e)). */
		fb_end_drop(w, b, i, FB_REASON_TTL_EXCEEDED);
	} else if (!within_rate(w, b, i)) {
		return;
	} else if (dir == FB_DIR_ENDPOINT) {
		to_client(w, b, i, flow);
	} else {
		/* The endpoint's next hop may have changed since the flow's last packet. */
		if (fb_flow_goes_on(w, flow, pkt, FB_DIR_ENDPOINT))
			to_endpoint(w, b, i, flow);
		else
			fb_end_drop(w, b, i, FB_REASON_ICMP_NO_FLOW);
	}
}
