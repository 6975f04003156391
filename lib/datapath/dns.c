/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Stage: DNS on the addresses where this box answers it. A query over UDP becomes its answer in its own
 * buffer; nothing is remembered, so any worker may have it. What has to be asked of others, and TCP, is
 * the kernel twin's, where control listens. Port 53 of other addresses goes on to the flows.
 */

#include <netinet/in.h>

#include "datapath/stages.h"
#include "dns/answer.h"
#include "flow/lookup.h"
#include "net/answer.h"
#include "net/checksum.h"

#define UDP_LEN     8
#define DNS_PORT_BE RTE_BE16(FB_DNS_PORT)

static void to_flows(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	const struct fb_packet *pkt = &b->pkts[i];

	b->hashes[i] = fb_flow_hash_tuple(w->flows[pkt->family], &pkt->tuple);
	fb_flow_prefetch_index(w->flows[pkt->family], b->hashes[i]);
	b->lookups[b->n_lookups++] = i;
}

/* One segment and headers without options, which the answer would have to do without. */
static bool is_plain(const struct rte_mbuf *m, const struct fb_packet *pkt)
{
	return pkt->l4_off - pkt->l3_off == (pkt->family == FB_IPV4 ? 20 : 40) &&
	       (uint32_t)pkt->l3_off + pkt->l3_len_bytes <= m->data_len;
}

static bool checksum_is_good(const struct rte_mbuf *m, const uint8_t *data,
			     const struct fb_packet *pkt, uint32_t l4_len)
{
	const uint8_t *udp = data + pkt->l4_off;

	if ((m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD)
		return true;
	if (udp[6] == 0 && udp[7] == 0)
		return pkt->family == FB_IPV4; /* RFC 8200, 8.1 */
	return fb_csum_fold(fb_csum_add(fb_csum_pseudo(data + pkt->l3_off, pkt->family, IPPROTO_UDP,
						       l4_len),
					udp, l4_len)) == 0xffff;
}

/* How long the answer may be: for the client, the link and the buffer. 0: not even the least. */
static uint32_t room_for(const struct fb_port *port, const struct rte_mbuf *m,
			 const struct fb_packet *pkt, const struct fb_dns_query *q)
{
	uint32_t msg_off = (uint32_t)pkt->l4_off + UDP_LEN;
	uint32_t headers = msg_off - pkt->l3_off;
	uint32_t buffer = (uint32_t)m->buf_len - m->data_off - msg_off;
	uint32_t most = fb_dns_udp_most(q);

	if (most > port->mtu - headers)
		most = port->mtu - headers;
	if (most > buffer)
		most = buffer;
	return most >= FB_DNS_UDP_MIN ? most : 0;
}

static void query(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	const struct fb_packet *pkt = &b->pkts[i];
	struct rte_mbuf *m = b->mbufs[i];
	const struct fb_port *port = &w->dp->ports[fb_ingress(m)];
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
	uint8_t *msg = data + pkt->l4_off + UDP_LEN;
	uint32_t l4_len = (uint32_t)data[pkt->l4_off + 4] << 8 | data[pkt->l4_off + 5];
	struct fb_dns_query *q = &w->dns_query;
	uint32_t len;
	uint32_t most;

	if (!checksum_is_good(m, data, pkt, l4_len)) {
		fb_end_drop(w, b, i, FB_REASON_BAD_UDP_CHECKSUM);
		return;
	}
	if (fb_dns_query_parse(msg, l4_len - UDP_LEN, q) == FB_DNS_NO_QUERY) {
		fb_end_drop(w, b, i, FB_REASON_DNS_NO_QUERY);
		return;
	}
	most = room_for(port, m, pkt, q);
	if (most == 0) {
		fb_end_drop(w, b, i, FB_REASON_NO_MBUF);
		return;
	}
	if (fb_dns_answer(w->snap->dns, q, msg, most, &len, NULL) == FB_DNS_FORWARD) {
		fb_end_punt(w, b, i);
		return;
	}
	len = fb_answer_udp_in_place(data, pkt, port->mac, len);
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	fb_end_in_place(w, b, i);
}

bool fb_dns_is_ours(const struct fb_worker *w, const struct fb_tuple *to)
{
	struct fb_addr dst = fb_tuple_dst(to);

	return w->snap->dns != NULL && to->proto != IPPROTO_SCTP &&
	       fb_tuple_dport(to) == DNS_PORT_BE && fb_dns_zone_serves(w->snap->dns, &dst);
}

void fb_stage_dns(struct fb_worker *w, struct fb_burst *b)
{
	for (uint16_t k = 0; k < b->n_names; k++) {
		uint16_t i = b->names[k];
		const struct fb_packet *pkt = &b->pkts[i];

		if (!fb_dns_is_ours(w, &pkt->tuple))
			to_flows(w, b, i);
		else if (fb_table_source_is_forged(w->snap, &pkt->tuple))
			fb_end_drop(w, b, i, FB_REASON_BAD_ADDRESS);
		else if (pkt->proto == IPPROTO_UDP && is_plain(b->mbufs[i], pkt))
			query(w, b, i);
		else
			fb_end_punt(w, b, i);
	}
}
