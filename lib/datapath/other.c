/* SPDX-License-Identifier: BSD-3-Clause */

/* Stage: everything that is not TCP, UDP or SCTP of a flow; fragments go on to their own stage. */

#include <netinet/in.h>

#include <rte_ether.h>

#include "datapath/stages.h"
#include "dns/zone.h"
#include "net/answer.h"

static uint8_t dst_bits(const struct fb_worker *w, const struct fb_packet *pkt)
{
	struct fb_addr dst = fb_tuple_dst(&pkt->tuple);

	return fb_table_address(w->snap, &dst);
}

/* Ping of a service address is answered here; the box's own addresses answer from the kernel. */
static void echo(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	uint8_t bits = dst_bits(w, &b->pkts[i]);

	if (b->pkts[i].flags & FB_PKT_MULTICAST) /* a broadcast would be answered by everybody */
		bits = 0;
	if ((bits & (FB_ADDR_SERVICE | FB_ADDR_SNAT)) && !(bits & FB_ADDR_BOX))
		fb_end_echo(w, b, i);
	else if (bits & FB_ADDR_UNUSED)
		fb_end_drop(w, b, i, FB_REASON_UNUSED_ADDRESS);
	else
		fb_end_punt(w, b, i);
}

/*
 * ARP requests and neighbour solicitations for what we announce; the kernel knows the rest. It would also
 * answer for addresses that it has for DNS' sake alone, wherever they are asked for.
 */
static void neighbour(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	const uint8_t *data = rte_pktmbuf_mtod(b->mbufs[i], const uint8_t *);
	const struct fb_port *port = &w->dp->ports[fb_ingress(b->mbufs[i])];
	struct fb_addr target;
	bool known = fb_answer_target(data, &b->pkts[i], &target);
	uint8_t bits = known ? fb_table_address(w->snap, &target) : 0;

	if (port->announce && (bits & FB_ADDR_ANNOUNCE) && !(bits & FB_ADDR_BOX))
		fb_end_neighbour(w, b, i);
	else if (known && !(bits & FB_ADDR_BOX) && w->snap->dns != NULL &&
		 fb_dns_zone_serves(w->snap->dns, &target))
		fb_end_drop(w, b, i, FB_REASON_NOT_ANNOUNCED);
	else
		fb_end_punt(w, b, i);
}

/* Well-formed, but nothing that a service carries: to a service's address it goes nowhere. */
static void unknown(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	const struct fb_packet *pkt = &b->pkts[i];
	bool ip = pkt->ether_type == RTE_ETHER_TYPE_IPV4 || pkt->ether_type == RTE_ETHER_TYPE_IPV6;
	uint8_t bits = ip && !(pkt->flags & FB_PKT_MULTICAST) ? dst_bits(w, pkt) : 0;

	if (bits != 0 && !(bits & FB_ADDR_BOX))
		fb_end_drop(w, b, i,
			    bits & FB_ADDR_UNUSED	      ? FB_REASON_UNUSED_ADDRESS :
			    pkt->flags & FB_PKT_QUOTES_LATER ? FB_REASON_ICMP_FRAGMENT :
							       FB_REASON_UNSUPPORTED);
	else
		fb_end_punt(w, b, i);
}

/* Of what services carry. IPv6 says in the first fragment alone what is behind options. */
static bool is_piece(const struct fb_packet *pkt)
{
	return !(pkt->flags & FB_PKT_MULTICAST) &&
	       (pkt->proto == IPPROTO_TCP || pkt->proto == IPPROTO_UDP ||
		pkt->proto == IPPROTO_SCTP || pkt->proto == IPPROTO_DSTOPTS);
}

void fb_stage_other(struct fb_worker *w, struct fb_burst *b)
{
	b->n_fragments = 0;
	for (uint16_t k = 0; k < b->n_others; k++) {
		uint16_t i = b->others[k];
		const struct fb_packet *pkt = &b->pkts[i];

		if (unlikely(w->snap == NULL)) {
			fb_end_punt(w, b, i);
			continue;
		}
		switch ((enum fb_parse)pkt->kind) {
		case FB_PARSE_ICMP_ECHO:
			echo(w, b, i);
			break;
		case FB_PARSE_ICMP_ERROR:
			if (pkt->flags & FB_PKT_MULTICAST)
				unknown(w, b, i);
			else
				fb_stage_icmp_error(w, b, i);
			break;
		case FB_PARSE_ARP:
		case FB_PARSE_NDP_NS:
			neighbour(w, b, i);
			break;
		case FB_PARSE_FRAGMENT:
			if (is_piece(pkt))
				b->fragments[b->n_fragments++] = i;
			else
				unknown(w, b, i);
			break;
		case FB_PARSE_SERVICE: /* to a group's MAC address: never a service's packet */
		case FB_PARSE_OTHER:
		case FB_PARSE_DROP: /* ended by the parse stage already */
			unknown(w, b, i);
			break;
		}
	}
}
