/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Packets that end in an answer of our own, under the worker's rates: resets, aborts, unreachables under
 * reject-rate, other ICMP under icmp-rate. ARP and NDP are not limited: without them nobody finds us.
 */

#include <netinet/in.h>

#include <rte_ether.h>
#include <rte_tcp.h>

#include "datapath/stages.h"
#include "net/answer.h"

static const struct fb_port *port_of(const struct fb_worker *w, const struct rte_mbuf *m)
{
	return &w->dp->ports[fb_ingress(m)];
}

static bool zero_addr(const struct fb_addr *a)
{
	static const struct fb_addr zero;

	return fb_addr_equal(a, &zero);
}

void fb_end_answered(struct fb_worker *w, struct fb_burst *b, uint16_t i, struct rte_mbuf *m,
		     uint32_t len, enum fb_verdict verdict, enum fb_reason reason)
{
	uint16_t port = fb_ingress(b->mbufs[i]);

	if (len == 0) {
		rte_pktmbuf_free(m);
		fb_end_drop(w, b, i, reason);
		return;
	}
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	if (w->dp->ports[port].vlan != 0) {
		m->vlan_tci = w->dp->ports[port].vlan;
		if (rte_vlan_insert(&m) != 0) {
			rte_pktmbuf_free(m);
			fb_end_drop(w, b, i, FB_REASON_NO_MBUF);
			return;
		}
	}
	b->verdicts[i] = (uint8_t)verdict;
	b->reasons[i] = (uint8_t)reason;
	fb_tx_add(w, port, m, FB_TX_ANSWER);
	b->freed[b->n_freed++] = b->mbufs[i];
	b->mbufs[i] = NULL;
}

struct rte_mbuf *fb_answer_buffer(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);

	if (m == NULL)
		fb_end_drop(w, b, i, FB_REASON_NO_MBUF);
	return m;
}

static void icmp_error(struct fb_worker *w, struct fb_burst *b, uint16_t i,
		       enum fb_icmp_error error, const struct fb_addr *src, uint32_t mtu,
		       enum fb_verdict verdict, enum fb_reason reason)
{
	struct rte_mbuf *in = b->mbufs[i];
	struct rte_mbuf *m = fb_answer_buffer(w, b, i);
	uint32_t len;

	if (m == NULL)
		return;
	len = fb_answer_icmp_error(rte_pktmbuf_mtod(in, uint8_t *), in->data_len, &b->pkts[i],
				   error, src, mtu, port_of(w, in)->mac,
				   rte_pktmbuf_mtod(m, uint8_t *), rte_pktmbuf_tailroom(m));
	fb_end_answered(w, b, i, m, len, verdict, reason);
}

/* Neither a reset nor its like is answered, so they don't use the rate up either. */
static bool may_be_rejected(const struct fb_packet *pkt)
{
	return pkt->proto == IPPROTO_TCP    ? (pkt->tcp_flags & RTE_TCP_RST_FLAG) == 0
	       : pkt->proto == IPPROTO_SCTP ? (pkt->sctp_chunks & FB_SCTP_UNANSWERED) == 0
					    : true;
}

void fb_end_reset(struct fb_worker *w, struct fb_burst *b, uint16_t i, enum fb_reason reason)
{
	const struct fb_packet *pkt = &b->pkts[i];
	struct rte_mbuf *in = b->mbufs[i];
	struct rte_mbuf *m = fb_answer_buffer(w, b, i);
	uint32_t (*answer)(const uint8_t *, const struct fb_packet *, const uint8_t *, uint8_t *,
			   uint32_t);
	uint32_t len;

	if (m == NULL)
		return;
	answer = pkt->proto == IPPROTO_TCP ? fb_answer_tcp_reset : fb_answer_sctp;
	len = answer(rte_pktmbuf_mtod(in, uint8_t *), pkt, port_of(w, in)->mac,
		     rte_pktmbuf_mtod(m, uint8_t *), rte_pktmbuf_tailroom(m));
	fb_end_answered(w, b, i, m, len, FB_VERDICT_REJECT, reason);
}

void fb_end_reject(struct fb_worker *w, struct fb_burst *b, uint16_t i, enum fb_reason reason)
{
	const struct fb_packet *pkt = &b->pkts[i];
	struct fb_addr dst = fb_tuple_dst(&pkt->tuple);

	if (!may_be_rejected(pkt)) {
		fb_end_drop(w, b, i, reason);
		return;
	}
	if (!fb_rate_limit_take(&w->reject_limit, w->now_ms)) {
		fb_end_drop(w, b, i, FB_REASON_REJECT_RATE);
		return;
	}
	if (pkt->proto == IPPROTO_UDP) {
		icmp_error(w, b, i, FB_ICMP_PORT_UNREACHABLE, &dst, 0, FB_VERDICT_REJECT, reason);
		return;
	}
	fb_end_reset(w, b, i, reason);
}

/* Time exceeded and too big come from the box itself, seen from where the packet came in. */
static void router_error(struct fb_worker *w, struct fb_burst *b, uint16_t i,
			 enum fb_icmp_error error, uint32_t mtu, enum fb_reason reason)
{
	const struct fb_packet *pkt = &b->pkts[i];
	struct fb_addr src = port_of(w, b->mbufs[i])->addr[pkt->family];

	if (!fb_rate_limit_take(&w->icmp_limit, w->now_ms)) {
		fb_end_drop(w, b, i, reason);
		return;
	}
	if (zero_addr(&src))
		src = fb_tuple_dst(&pkt->tuple);
	icmp_error(w, b, i, error, &src, mtu, FB_VERDICT_ANSWER, reason);
}

void fb_end_time_exceeded(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	router_error(w, b, i, FB_ICMP_TIME_EXCEEDED, 0, FB_REASON_TTL_EXCEEDED);
}

void fb_end_too_big(struct fb_worker *w, struct fb_burst *b, uint16_t i, uint16_t mtu)
{
	router_error(w, b, i, FB_ICMP_TOO_BIG, mtu, FB_REASON_TOO_BIG);
}

void fb_end_echo(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	struct rte_mbuf *m = b->mbufs[i];

	if (!fb_rate_limit_take(&w->icmp_limit, w->now_ms)) {
		fb_end_drop(w, b, i, FB_REASON_ICMP_RATE);
		return;
	}
	fb_answer_echo_in_place(rte_pktmbuf_mtod(m, uint8_t *), &b->pkts[i], port_of(w, m)->mac);
	fb_end_in_place(w, b, i);
}

void fb_end_in_place(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	struct rte_mbuf *m = b->mbufs[i];

	b->verdicts[i] = FB_VERDICT_ANSWER;
	b->reasons[i] = FB_REASON_NONE;
	b->mbufs[i] = NULL;
	/* The frame goes back by the port it came from, so a tag in it is the right one already. */
	if (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) {
		m->ol_flags &= ~RTE_MBUF_F_RX_VLAN_STRIPPED;
		if (rte_vlan_insert(&m) != 0) {
			w->counters.drops[FB_REASON_NO_MBUF]++;
			b->verdicts[i] = FB_VERDICT_DROP;
			b->reasons[i] = FB_REASON_NO_MBUF;
			b->freed[b->n_freed++] = m;
			return;
		}
	}
	fb_tx_add(w, fb_ingress(m), m, FB_TX_ANSWER);
}

void fb_end_neighbour(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	struct rte_mbuf *in = b->mbufs[i];
	struct rte_mbuf *m = fb_answer_buffer(w, b, i);
	uint32_t len;

	if (m == NULL)
		return;
	len = fb_answer_neighbour(rte_pktmbuf_mtod(in, uint8_t *), &b->pkts[i], port_of(w, in)->mac,
				  rte_pktmbuf_mtod(m, uint8_t *), rte_pktmbuf_tailroom(m));
	/* A sender that nothing can be sent to gets nothing: whoever asks in its name means no good. */
	fb_end_answered(w, b, i, m, len, FB_VERDICT_ANSWER,
	       len != 0 ? FB_REASON_NONE : FB_REASON_BAD_ADDRESS);
}
