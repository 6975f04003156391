/* SPDX-License-Identifier: BSD-3-Clause */

#include "net/answer.h"

#include <netinet/in.h>

#include "net/build.h"
#include "net/sctp.h"

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

#define CHUNK_T 0x01 /* the tag is the one of the packet that is answered (RFC 9260, 8.5.1) */

#define IPV4_ERROR_MAX 576  /* RFC 1812, 4.3.2.3 */
#define IPV6_ERROR_MAX 1280 /* RFC 4443, 2.4(c) */

/* The source and destination address as they stand in the packet. */
static const uint8_t *wire_src(const struct fb_tuple *t)
{
	return t->family == FB_IPV4 ? (const uint8_t *)&t->v4.src : t->v6.src;
}

static const uint8_t *wire_dst(const struct fb_tuple *t)
{
	return t->family == FB_IPV4 ? (const uint8_t *)&t->v4.dst : t->v6.dst;
}

/* A frame sent to a group, or that says it comes from one, gets no answer. */
static bool from_station(const uint8_t *data, const struct fb_packet *pkt)
{
	return !(pkt->flags & FB_PKT_MULTICAST) && !(data[6] & 1);
}

uint32_t fb_answer_tcp_reset(const uint8_t *data, const struct fb_packet *pkt,
			     const uint8_t smac[6], uint8_t *out, uint32_t out_size)
{
	const uint8_t *in = data + pkt->l4_off;
	uint32_t len = FB_ETHER_LEN + fb_build_l3_len(pkt->family) + FB_TCP_LEN;
	uint8_t *tcp;

	if (pkt->kind != FB_PARSE_SERVICE || pkt->proto != IPPROTO_TCP ||
	    (pkt->tcp_flags & TCP_RST) || !from_station(data, pkt) || out_size < len)
		return 0;
	tcp = fb_build_ip(out, data + 6, smac, pkt->family, wire_dst(&pkt->tuple),
			  wire_src(&pkt->tuple), IPPROTO_TCP, FB_TCP_LEN);
	memset(tcp, 0, FB_TCP_LEN);
	memcpy(tcp, in + 2, 2);
	memcpy(tcp + 2, in, 2);
	tcp[12] = FB_TCP_LEN / 4 << 4;
	if (pkt->tcp_flags & TCP_ACK) {
		/* <SEQ=SEG.ACK><CTL=RST> */
		memcpy(tcp + 4, in + 8, 4);
		tcp[13] = TCP_RST;
	} else {
		/* <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>; SYN and FIN count one each. */
		uint32_t header_len = (uint32_t)(in[12] >> 4) * 4;
		uint32_t seg_len =
			(uint32_t)pkt->l3_len_bytes + pkt->l3_off - pkt->l4_off - header_len;

		seg_len += (pkt->tcp_flags & TCP_SYN) ? 1 : 0;
		seg_len += (pkt->tcp_flags & TCP_FIN) ? 1 : 0;
		fb_store32(tcp + 8, fb_load32(in + 4) + seg_len);
		tcp[13] = TCP_RST | TCP_ACK;
	}
	fb_build_checksum(out, pkt->family, IPPROTO_TCP, FB_TCP_LEN, FB_TCP_CSUM_OFF);
	return len;
}

uint32_t fb_answer_sctp(const uint8_t *data, const struct fb_packet *pkt, const uint8_t smac[6],
			uint8_t *out, uint32_t out_size)
{
	const uint8_t *in = data + pkt->l4_off;
	const uint32_t l4_len = FB_SCTP_LEN + FB_SCTP_CHUNK_LEN;
	const uint32_t len = FB_ETHER_LEN + fb_build_l3_len(pkt->family) + l4_len;
	bool init = pkt->sctp_chunks & FB_SCTP_INIT;
	uint8_t *sctp;

	if (pkt->kind != FB_PARSE_SERVICE || pkt->proto != IPPROTO_SCTP ||
	    (pkt->sctp_chunks & FB_SCTP_UNANSWERED) || !from_station(data, pkt) || out_size < len)
		return 0;
	sctp = fb_build_ip(out, data + 6, smac, pkt->family, wire_dst(&pkt->tuple),
			   wire_src(&pkt->tuple), IPPROTO_SCTP, l4_len);
	memset(sctp, 0, l4_len);
	memcpy(sctp, in + 2, 2);
	memcpy(sctp + 2, in, 2);
	memcpy(sctp + FB_SCTP_TAG_OFF,
	       in + (init ? FB_SCTP_LEN + FB_SCTP_CHUNK_LEN : FB_SCTP_TAG_OFF), 4);
	sctp[FB_SCTP_LEN] = in[FB_SCTP_LEN] == FB_SCTP_CHUNK_SHUTDOWN_ACK
				    ? FB_SCTP_CHUNK_SHUTDOWN_COMPLETE
				    : FB_SCTP_CHUNK_ABORT;
	sctp[FB_SCTP_LEN + 1] = init ? 0 : CHUNK_T;
	fb_store16(sctp + FB_SCTP_LEN + 2, FB_SCTP_CHUNK_LEN);
	fb_crc32c_store(sctp + FB_SCTP_CSUM_OFF, fb_sctp_checksum(sctp, l4_len));
	return len;
}

/* A segment of our own without data; numbers as they stand in packets. */
static uint32_t build_segment(const struct fb_tuple *to, const uint8_t smac[6],
			      const uint8_t dmac[6], const uint8_t seq_ack[8], uint8_t flags,
			      uint8_t *out, uint32_t out_size)
{
	uint32_t len = FB_ETHER_LEN + fb_build_l3_len(to->family) + FB_TCP_LEN;
	rte_be16_t ports[2] = {fb_tuple_sport(to), fb_tuple_dport(to)};
	uint8_t *tcp;

	if (out_size < len)
		return 0;
	tcp = fb_build_ip(out, dmac, smac, to->family, wire_src(to), wire_dst(to), IPPROTO_TCP,
			  FB_TCP_LEN);
	memset(tcp, 0, FB_TCP_LEN);
	memcpy(tcp, ports, sizeof(ports));
	memcpy(tcp + 4, seq_ack, 8);
	tcp[12] = FB_TCP_LEN / 4 << 4;
	tcp[13] = flags;
	fb_build_checksum(out, to->family, IPPROTO_TCP, FB_TCP_LEN, FB_TCP_CSUM_OFF);
	return len;
}

uint32_t fb_answer_tcp_reset_onward(const uint8_t *data, const struct fb_packet *pkt,
				    const struct fb_tuple *to, const uint8_t smac[6],
				    const uint8_t dmac[6], uint8_t *out, uint32_t out_size)
{
	if (pkt->proto != IPPROTO_TCP || (pkt->tcp_flags & TCP_RST))
		return 0;
	return build_segment(to, smac, dmac, data + pkt->l4_off + 4,
			     TCP_RST | (pkt->tcp_flags & TCP_ACK), out, out_size);
}

uint32_t fb_answer_tcp_probe(const struct fb_tuple *to, const uint8_t smac[6],
			     const uint8_t dmac[6], uint8_t *out, uint32_t out_size)
{
	static const uint8_t any[8];

	return build_segment(to, smac, dmac, any, TCP_SYN, out, out_size);
}

/* What may be complained about: packets that are no errors themselves, and to and from hosts. */
static bool error_allowed(const uint8_t *data, const struct fb_packet *pkt)
{
	if (!from_station(data, pkt))
		return false;
	switch (pkt->kind) {
	case FB_PARSE_SERVICE:
	case FB_PARSE_ICMP_ECHO:
		return true;
	case FB_PARSE_FRAGMENT:
		/* Whether an ICMP fragment is part of an error is not known. */
		return (pkt->flags & FB_PKT_FIRST_FRAGMENT) &&
		       (pkt->proto == IPPROTO_TCP || pkt->proto == IPPROTO_UDP ||
			pkt->proto == IPPROTO_SCTP);
	default:
		return false;
	}
}

static void write_error(uint8_t *icmp, enum fb_family family, enum fb_icmp_error error,
			uint32_t mtu)
{
	static const uint8_t type_code[FB_FAMILY_COUNT][FB_ICMP_TOO_BIG + 1][2] = {
		[FB_IPV4] =
			{
				[FB_ICMP_PORT_UNREACHABLE] = {FB_ICMP4_UNREACHABLE, 3},
				[FB_ICMP_TIME_EXCEEDED] = {FB_ICMP4_EXCEEDED, 0},
				[FB_ICMP_TOO_BIG] = {FB_ICMP4_UNREACHABLE, 4},
			},
		[FB_IPV6] =
			{
				[FB_ICMP_PORT_UNREACHABLE] = {FB_ICMP6_UNREACHABLE, 4},
				[FB_ICMP_TIME_EXCEEDED] = {FB_ICMP6_EXCEEDED, 0},
				[FB_ICMP_TOO_BIG] = {FB_ICMP6_TOO_BIG, 0},
			},
	};

	memset(icmp, 0, FB_ICMP_LEN);
	memcpy(icmp, type_code[family][error], 2);
	if (error != FB_ICMP_TOO_BIG)
		return;
	/* The MTU has 16 bits in IPv4 (RFC 1191, 4), 32 in IPv6. */
	if (family == FB_IPV4)
		fb_store16(icmp + 6, (uint16_t)(mtu < UINT16_MAX ? mtu : UINT16_MAX));
	else
		fb_store32(icmp + 4, mtu);
}

uint32_t fb_answer_icmp_error(const uint8_t *data, uint32_t data_len, const struct fb_packet *pkt,
			      enum fb_icmp_error error, const struct fb_addr *src, uint32_t mtu,
			      const uint8_t smac[6], uint8_t *out, uint32_t out_size)
{
	enum fb_family family = pkt->family;
	uint8_t proto = family == FB_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	uint32_t headers_len = fb_build_l3_len(family) + FB_ICMP_LEN;
	uint32_t l3_max = family == FB_IPV4 ? IPV4_ERROR_MAX : IPV6_ERROR_MAX;
	uint32_t quote_len = pkt->l3_len_bytes;
	uint8_t *icmp;

	if (!error_allowed(data, pkt) || fb_addr_family(src) != family)
		return 0;
	if (quote_len > data_len - pkt->l3_off)
		quote_len = data_len - pkt->l3_off;
	if (quote_len > l3_max - headers_len)
		quote_len = l3_max - headers_len;
	if (out_size < FB_ETHER_LEN + headers_len + quote_len)
		return 0;
	icmp = fb_build_ip(out, data + 6, smac, family, fb_addr_wire(src), wire_src(&pkt->tuple),
			   proto, FB_ICMP_LEN + quote_len);
	write_error(icmp, family, error, mtu);
	memcpy(icmp + FB_ICMP_LEN, data + pkt->l3_off, quote_len);
	fb_build_checksum(out, family, proto, FB_ICMP_LEN + quote_len, 2);
	return FB_ETHER_LEN + headers_len + quote_len;
}

void fb_answer_echo_in_place(uint8_t *data, const struct fb_packet *pkt, const uint8_t smac[6])
{
	uint8_t *l3 = data + pkt->l3_off;
	uint8_t *icmp = data + pkt->l4_off;
	uint8_t reply[2] = {0, icmp[1]};
	uint16_t csum;

	memcpy(data, data + 6, 6);
	memcpy(data + 6, smac, 6);
	if (pkt->family == FB_IPV4) {
		reply[0] = FB_ICMP4_ECHO_REPLY;
		l3[8] = FB_ANSWER_TTL;
		memcpy(l3 + 12, &pkt->tuple.v4.dst, 4);
		memcpy(l3 + 16, &pkt->tuple.v4.src, 4);
		fb_store_csum(l3 + 10, 0);
		csum = fb_csum_fold(fb_csum_add(0, l3, (size_t)(l3[0] & 0x0f) * 4));
		fb_store_csum(l3 + 10, (uint16_t)~csum);
	} else {
		reply[0] = FB_ICMP6_ECHO_REPLY;
		l3[7] = FB_ANSWER_TTL;
		memcpy(l3 + 8, pkt->tuple.v6.dst, 16);
		memcpy(l3 + 24, pkt->tuple.v6.src, 16);
	}
	/* The pseudo header's sum does not change when its addresses change places. */
	csum = fb_csum_apply(fb_load_csum(icmp + 2), fb_csum_delta(icmp, reply, 2));
	fb_store_csum(icmp + 2, csum);
	icmp[0] = reply[0];
}

/*
 * The identification stays that of the query, which its sender has not used twice lately; whoever has to
 * may fragment. DSCP and flow label are the query's own affair. The checksum comes from what is stored, not from
 * the header: what was just stored in parts is slow to be read as a whole.
 */
static inline void answer_ipv4(uint8_t *l3, const struct fb_tuple *tuple, uint32_t l4_len)
{
	uint32_t first = rte_cpu_to_be_32(UINT32_C(0x45000000) + FB_IPV4_LEN + l4_len);
	uint32_t third = rte_cpu_to_be_32(FB_ANSWER_TTL << 24 | IPPROTO_UDP << 16);
	uint16_t id = fb_load_csum(l3 + 4);
	uint16_t csum = fb_csum_fold((uint64_t)tuple->v4.src + tuple->v4.dst + first + id + third);

	memcpy(l3, &first, 4);
	fb_store16(l3 + 6, 0);
	third |= rte_cpu_to_be_32((uint16_t)~rte_be_to_cpu_16(csum));
	memcpy(l3 + 8, &third, 4);
	memcpy(l3 + 12, &tuple->v4.dst, 4);
	memcpy(l3 + 16, &tuple->v4.src, 4);
}

static inline void answer_ipv6(uint8_t *l3, const struct fb_tuple *tuple, uint32_t l4_len)
{
	fb_store32(l3, UINT32_C(0x60000000));
	fb_store16(l3 + 4, (uint16_t)l4_len);
	l3[7] = FB_ANSWER_TTL;
	memcpy(l3 + 8, tuple->v6.dst, 16);
	memcpy(l3 + 24, tuple->v6.src, 16);
}

uint32_t fb_answer_udp_in_place(uint8_t *data, const struct fb_packet *pkt, const uint8_t smac[6],
				uint32_t len, uint64_t sum)
{
	uint8_t *l3 = data + pkt->l3_off;
	uint8_t *udp = data + pkt->l4_off;
	uint32_t l4_len = FB_UDP_LEN + len;
	rte_be16_t sport = fb_tuple_dport(&pkt->tuple);
	rte_be16_t dport = fb_tuple_sport(&pkt->tuple);
	rte_be16_t len_be = rte_cpu_to_be_16((uint16_t)l4_len);
	uint16_t csum;

	memcpy(data, data + 6, 6);
	memcpy(data + 6, smac, 6);
	if (pkt->family == FB_IPV4)
		answer_ipv4(l3, &pkt->tuple, l4_len);
	else
		answer_ipv6(l3, &pkt->tuple, l4_len);
	/* The length counts twice: here and in the pseudo header. */
	sum += fb_tuple_sum(&pkt->tuple) + 2 * (uint64_t)len_be + RTE_BE16(IPPROTO_UDP);
	csum = (uint16_t)~fb_csum_fold(sum);
	memcpy(udp, &sport, 2);
	memcpy(udp + 2, &dport, 2);
	memcpy(udp + 4, &len_be, 2);
	fb_store_csum(udp + FB_UDP_CSUM_OFF, csum == 0 ? 0xffff : csum);
	return pkt->l4_off + l4_len;
}
