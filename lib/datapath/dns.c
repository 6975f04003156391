/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Stage: DNS on the addresses where this box answers it. A query over UDP becomes its answer in its own
 * buffer; nothing is remembered, so any worker may have it. What has to be asked of others, and TCP, is
 * the kernel twin's, where control listens. Port 53 of other addresses goes on to the flows.
 */

#include <netinet/in.h>

#include "datapath/stages.h"
#include "dns/answer.h"
#include "dns/quick.h"
#include "flow/lookup.h"
#include "net/answer.h"
#include "net/checksum.h"
#include "net/wire.h"

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

/* A query in its packet. */
struct query {
	const struct fb_port *port;
	const struct fb_packet *pkt;
	struct rte_mbuf *m;
	uint8_t *data;
	uint8_t *msg;
	uint32_t len;
};

static inline struct query query_at(const struct fb_worker *w, const struct fb_burst *b, uint16_t i)
{
	struct query q = {.pkt = &b->pkts[i], .m = b->mbufs[i]};

	q.port = &w->dp->ports[fb_ingress(q.m)];
	q.data = rte_pktmbuf_mtod(q.m, uint8_t *);
	q.msg = q.data + q.pkt->l4_off + UDP_LEN;
	q.len = ((uint32_t)q.data[q.pkt->l4_off + 4] << 8 | q.data[q.pkt->l4_off + 5]) - UDP_LEN;
	return q;
}

/* @param sum  of the message */
static bool checksum_is_good(const struct query *q, uint64_t sum)
{
	const uint8_t *udp = q->data + q->pkt->l4_off;

	if ((q->m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD)
		return true;
	if (q->pkt->flags & FB_PKT_UDP_NOSUM)
		return q->pkt->family == FB_IPV4; /* RFC 8200, 8.1 */
	sum += fb_tuple_sum(&q->pkt->tuple);
	/* The length stands here and in the pseudo header; the ports are the tuple's. */
	sum += 2 * (uint64_t)fb_load_csum(udp + 4) + fb_load_csum(udp + FB_UDP_CSUM_OFF);
	return fb_csum_fold(sum + RTE_BE16(IPPROTO_UDP)) == 0xffff;
}

/* How long the answer may be: for the client, the link and the buffer. 0: not even the least. */
static uint32_t room_for(const struct query *q, uint32_t most)
{
	uint32_t msg_off = (uint32_t)q->pkt->l4_off + UDP_LEN;
	uint32_t headers = msg_off - q->pkt->l3_off;
	uint32_t buffer = (uint32_t)q->m->buf_len - q->m->data_off - msg_off;

	if (most > FB_DNS_UDP_MAX)
		most = FB_DNS_UDP_MAX;
	if (most > q->port->mtu - headers)
		most = q->port->mtu - headers;
	if (most > buffer)
		most = buffer;
	return most >= FB_DNS_UDP_MIN ? most : 0;
}

/* The answer stands where the query was. */
static void reply(struct fb_worker *w, struct fb_burst *b, uint16_t i, const struct query *q,
		  uint32_t len, uint64_t sum)
{
	len = fb_answer_udp_in_place(q->data, q->pkt, q->port->mac, len, sum);
	q->m->data_len = (uint16_t)len;
	q->m->pkt_len = len;
	fb_end_in_place(w, b, i);
}

/* Any question, one at a time. */
static void any(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	const struct query q = query_at(w, b, i);
	struct fb_dns_query *parsed = &w->dns_query;
	uint32_t len;
	uint32_t most;

	if (!checksum_is_good(&q, fb_csum_add(0, q.msg, q.len))) {
		fb_end_drop(w, b, i, FB_REASON_BAD_UDP_CHECKSUM);
		return;
	}
	if (fb_dns_query_parse(q.msg, q.len, parsed) == FB_DNS_NO_QUERY) {
		fb_end_drop(w, b, i, FB_REASON_DNS_NO_QUERY);
		return;
	}
	most = room_for(&q, parsed->udp_size);
	if (most == 0) {
		fb_end_drop(w, b, i, FB_REASON_NO_MBUF);
		return;
	}
	if (fb_dns_answer(w->snap->dns, parsed, q.msg, most, &len, NULL) == FB_DNS_FORWARD) {
		fb_end_punt(w, b, i);
		return;
	}
	reply(w, b, i, &q, len, fb_csum_add(0, q.msg, len));
}

/* Is it the usual question? Then its answer begins here. */
static bool begin(struct fb_worker *w, const struct fb_burst *b, uint16_t i)
{
	struct fb_dns_quick *quick = &w->dns_quick[i];
	const struct query q = query_at(w, b, i);

	/* A wrong checksum is the other way's, too: there it is counted. */
	return fb_dns_quick_parse(w->snap->dns, q.msg, q.len, quick) &&
	       checksum_is_good(&q, quick->sum + quick->rest);
}

static void end(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	const struct fb_dns_quick *quick = &w->dns_quick[i];
	const struct query q = query_at(w, b, i);
	uint64_t sum;
	uint32_t len = fb_dns_quick_answer(w->snap->dns, quick, q.msg,
					   room_for(&q, quick->udp_size), &sum);

	if (len != 0)
		reply(w, b, i, &q, len, sum);
	else
		any(w, b, i);
}

bool fb_dns_is_ours(const struct fb_worker *w, const struct fb_tuple *to)
{
	const struct fb_dns_zone *zone = w->snap->dns;
	struct fb_addr dst;

	if (zone == NULL || to->proto == IPPROTO_SCTP || fb_tuple_dport(to) != DNS_PORT_BE)
		return false;
	dst = fb_tuple_dst(to);
	return fb_dns_zone_serves(zone, &dst);
}

/* Where it goes. @return whether it is the usual question, to be answered with the burst's others */
static bool sort_out(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	const struct fb_packet *pkt = &b->pkts[i];

	if (!fb_dns_is_ours(w, &pkt->tuple)) {
		to_flows(w, b, i);
	} else if (fb_table_source_is_forged(w->snap, &pkt->tuple)) {
		fb_end_drop(w, b, i, FB_REASON_BAD_ADDRESS);
	} else if (pkt->proto == IPPROTO_UDP && is_plain(b->mbufs[i], pkt)) {
		if (begin(w, b, i))
			return true;
		any(w, b, i);
	} else {
		fb_end_punt(w, b, i);
	}
	return false;
}

/* In passes, so that the zone's lines are on their way while the burst's other queries are looked at. */
void fb_stage_dns(struct fb_worker *w, struct fb_burst *b)
{
	uint16_t n = 0;

	for (uint16_t k = 0; k < b->n_names; k++) {
		if (sort_out(w, b, b->names[k]))
			b->names[n++] = b->names[k];
	}
	for (uint16_t k = 0; k < n; k++)
		fb_dns_quick_entry(&w->dns_quick[b->names[k]]);
	for (uint16_t k = 0; k < n; k++)
		fb_dns_quick_service(&w->dns_quick[b->names[k]]);
	for (uint16_t k = 0; k < n; k++)
		end(w, b, b->names[k]);
}
