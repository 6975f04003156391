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
 */

#include "datapath/stages.h"
#include "flow/lookup.h"
#include "net/rewrite.h"

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
	else if (bits == 0 || (bits & FB_ADDR_BOX))
		fb_end_punt(w, b, i);
	else
		fb_end_drop(w, b, i,
			    bits & FB_ADDR_UNUSED ? FB_REASON_UNUSED_ADDRESS :
						    FB_REASON_ICMP_NO_FLOW);
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
	fb_rewrite_icmp_error(rte_pktmbuf_mtod(b->mbufs[i], uint8_t *), pkt, &outer_src,
			      &outer_dst, &client);
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
	fb_rewrite_icmp_error(rte_pktmbuf_mtod(b->mbufs[i], uint8_t *), pkt, &outer_src,
			      &outer_dst, &reply);
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
	} else if (dir == FB_DIR_ENDPOINT) {
		to_client(w, b, i, flow);
	} else {
		/* The endpoint's next hop may have changed since the flow's last packet. */
		if (fb_flow_goes_on(w->snap, flow, pkt, FB_DIR_ENDPOINT))
			to_endpoint(w, b, i, flow);
		else
			fb_end_drop(w, b, i, FB_REASON_ICMP_NO_FLOW);
	}
}
