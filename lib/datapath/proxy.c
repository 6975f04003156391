/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Not a stage of each packet: connections of Services with a SYN proxy (RFC 4987, 3.6), which are accepted here
 * before their endpoint is asked.
 *
 *     client                        here                          endpoint
 *     SYN, seq i             ->
 *                            <-     SYN+ACK, seq c, window 0              nothing is kept
 *     ACK, ack c + 1         ->     c is a cookie: the flow is made
 *                                   SYN, seq i                     ->
 *                                                                 <-     SYN+ACK, seq e
 *                            <-     ACK, seq c + 1, window
 *                                   ACK, ack e + 1                 ->
 *     from here on the endpoint's numbers are shifted by c - e (flow/shift.h), and its timestamps
 *
 * With a window of 0 the client has nothing to send until the endpoint can take it. Each step is done again when
 * the packet comes again that it answers: so the client's ACK or its window probe makes the SYN go again, and a
 * SYN+ACK that comes again is, translated, the client's to acknowledge. A client that waits for its server to speak
 * sends nothing, so the SYN goes again by itself, too: ageing comes by (fb_proxy_ask_again()). A window that
 * opens unseen needs nothing: the client's probe has it told again, and who only listens hears the endpoint.
 *
 * What clients are told before the endpoint has spoken is what it said last time (struct fb_proxy_learnt), or
 * what all of today's can do.
 */

#include "datapath/cookie.h"
#include "datapath/proxy_parts.h"

#define MSS_IPV4 1460
#define MSS_IPV6 1440

bool fb_proxy_is_asked(const struct fb_worker *w, const struct fb_service *svc)
{
	return svc->syn_proxy == FB_SYN_PROXY_ALWAYS ||
	       (svc->syn_proxy == FB_SYN_PROXY_AUTO &&
		w->levels[FB_BOUND_CONNECTIONS + svc->family].level != FB_LEVEL_NORMAL);
}

/* The SYN+ACK: nothing that the SYN did not offer, and without a timestamp nothing that has no place. */
static struct fb_tcp_segment answer_to(const struct fb_worker *w, const struct fb_burst *b, uint16_t i,
				       const struct fb_service *svc)
{
	const struct fb_packet *pkt = &b->pkts[i];
	const struct fb_proxy_learnt *learnt = fb_proxy_learnt_of(w, svc);
	const uint16_t ingress = fb_ingress(b->mbufs[i]);
	const uint16_t most = pkt->family == FB_IPV4 ? MSS_IPV4 : MSS_IPV6;
	const uint32_t isn = fb_load32(fb_proxy_l4(b, i) + 4);
	struct fb_tcp_segment s = {
		.ack = isn + 1,
		.flags = RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG,
		.options = {.mss = RTE_MIN(learnt->mss != 0 ? learnt->mss : most,
					   fb_mss_carried(w, svc, (enum fb_family)pkt->family,
							  ingress, ingress, NULL)),
			    .wscale = FB_TCP_WSCALE_NONE},
	};
	struct fb_tcp_options said;

	fb_tcp_options_read(fb_proxy_l4(b, i), fb_proxy_have(b, i), &said);
	s.seq = fb_cookie_make(&w->dp->proxy_key, &pkt->tuple, isn, said.mss, w->now_s);
	if (!said.timestamps || learnt->no_timestamps)
		return s;
	if (learnt->no_wscale)
		said.wscale = FB_TCP_WSCALE_NONE;
	s.options.timestamps = true;
	s.options.tsval = fb_cookie_timestamp(fb_proxy_clock(w), &said);
	s.options.tsecr = said.tsval;
	s.options.sack = said.sack;
	if (said.wscale != FB_TCP_WSCALE_NONE)
		s.options.wscale = svc->syn_proxy_wscale;
	return s;
}

void fb_proxy_answer(struct fb_worker *w, struct fb_burst *b, uint16_t i, const struct fb_service *svc)
{
	const struct fb_tuple to = fb_tuple_reverse(&b->pkts[i].tuple);
	const uint8_t *data = rte_pktmbuf_mtod(b->mbufs[i], const uint8_t *);
	struct fb_tcp_segment segment;
	struct rte_mbuf *m;
	uint32_t len;

	if (!fb_proxy_is_summed(b, i)) {
		fb_end_drop(w, b, i, FB_REASON_BAD_TCP_CHECKSUM);
		return;
	}
	segment = answer_to(w, b, i, svc);
	m = fb_answer_buffer(w, b, i);
	if (m == NULL)
		return;
	len = fb_tcp_segment_build(&to, w->dp->ports[fb_ingress(b->mbufs[i])].mac,
				   data + RTE_ETHER_ADDR_LEN, &segment,
				   rte_pktmbuf_mtod(m, uint8_t *), rte_pktmbuf_tailroom(m));
	/* A frame that says it comes from a group gets no answer. */
	if (data[RTE_ETHER_ADDR_LEN] & 1)
		len = 0;
	else
		w->counters.cookies_sent++;
	fb_end_answered(w, b, i, m, len, FB_VERDICT_ANSWER,
			len != 0 ? FB_REASON_NONE : FB_REASON_BAD_ADDRESS);
}

/* A window probe is one byte, or one less, behind (Linux sends the latter). */
bool fb_proxy_is_cookie(const struct fb_worker *w, const struct fb_burst *b, uint16_t i,
			struct fb_flow_opening *ret)
{
	const struct fb_packet *pkt = &b->pkts[i];
	const uint32_t seq = fb_load32(fb_proxy_l4(b, i) + 4);
	const uint32_t cookie = fb_load32(fb_proxy_l4(b, i) + 8) - 1;

	for (uint32_t isn = seq - 1; isn != seq + 1; isn++) {
		if (fb_cookie_check(&w->dp->proxy_key, &pkt->tuple, isn, cookie, w->now_s)) {
			ret->isn = isn;
			ret->told = cookie;
			fb_tcp_options_read(fb_proxy_l4(b, i), fb_proxy_have(b, i), &ret->said);
			if (ret->said.timestamps)
				fb_cookie_timestamp_read(ret->said.tsecr, &ret->said);
			return true;
		}
	}
	return false;
}

bool fb_proxy_accepts(struct fb_worker *w, const struct fb_burst *b, uint16_t i,
		      struct fb_flow_opening *ret)
{
	if ((b->pkts[i].tcp_flags & RTE_TCP_ACK_FLAG) == 0 || !fb_proxy_is_cookie(w, b, i, ret)) {
		w->counters.cookies_refused++;
		return false;
	}
	w->counters.cookies_accepted++;
	return true;
}
