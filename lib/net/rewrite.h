/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NET_REWRITE_H
#define FB_NET_REWRITE_H

/*
 * Rewrite: new addresses, ports and TTL into a parsed packet, in place. The Ethernet header is not
 * touched: whoever knows the next hop writes it.
 *
 * Checksums are updated incrementally from deltas that the flow carries; a packet that came with a
 * wrong L4 checksum leaves with a wrong one (we never make a corrupt packet look good).
 */

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_common.h>

#include "net/checksum.h"
#include "net/packet.h"

/* What a flow's direction does to checksums; a property of the flow. */
struct fb_rewrite {
	uint16_t ip_delta; /* IPv4 header checksum, addresses only; zero for IPv6 */
	uint16_t l4_delta; /* pseudo header and ports; SCTP: not used */
};

/**
 * The rest of an SCTP packet whose ports are new already; pkt says what they were.
 *
 * The checksum is updated by difference: of most packets nothing is read but the header, and a wrong
 * checksum stays wrong (RFC 9260, 6.8, has the receiver discard it).
 *
 * Multi-homing is not translated, so addresses that INIT and INIT ACK list are hidden. Left in, they
 * would lead one end around the box to the other, which knows the association under different
 * addresses and ports, and ends it with an ABORT that is believed (8.4). Each end then has the one
 * address that packets come from.
 */
void fb_rewrite_sctp(uint8_t *l4, const struct fb_packet *pkt);

/** Both deltas from one tuple to another of the same family and protocol. */
static __rte_always_inline void fb_rewrite_prepare_as(enum fb_family family,
						      const struct fb_tuple *from,
						      const struct fb_tuple *to,
						      struct fb_rewrite *ret)
{
	if (family == FB_IPV4) {
		const uint64_t ports = fb_csum_change(&from->v4.sport, &to->v4.sport, 4);

		ret->ip_delta = fb_csum_fold(fb_csum_change(&from->v4.src, &to->v4.src, 8));
		/* The ports' is of 33 bits. */
		ret->l4_delta = fb_csum_fold_few(ret->ip_delta + (uint32_t)(ports & 0xffff) +
						 (uint32_t)(ports >> 16));
	} else {
		ret->ip_delta = 0;
		ret->l4_delta = fb_csum_delta(&from->v6, &to->v6, sizeof(from->v6));
	}
}

static inline void fb_rewrite_prepare(const struct fb_tuple *from, const struct fb_tuple *to,
				      struct fb_rewrite *ret)
{
	fb_rewrite_prepare_as((enum fb_family)from->family, from, to, ret);
}

/*
 * TTL is the high byte of its checksum word, so counting it down by one always adds the same:
 * ~old + (old - 0x0100).
 */
#define FB_REWRITE_TTL_DELTA ((uint16_t)~RTE_BE16(0x0100))

/* Two halves exchanged on the way: what is source in an answer is destination here. */
static __rte_always_inline void fb_rewrite_tuple4(uint8_t *l3, uint8_t *l4, const uint8_t *answer)
{
	uint64_t addrs;
	uint32_t ports;

	memcpy(&addrs, answer + offsetof(struct fb_tuple4, src), sizeof(addrs));
	memcpy(&ports, answer + offsetof(struct fb_tuple4, sport), sizeof(ports));
	addrs = addrs << 32 | addrs >> 32;
	ports = ports << 16 | ports >> 16;
	memcpy(l3 + 12, &addrs, sizeof(addrs));
	memcpy(l4, &ports, sizeof(ports));
}

static __rte_always_inline void fb_rewrite_tuple6(uint8_t *l3, uint8_t *l4, const uint8_t *answer)
{
	uint32_t ports;

	memcpy(&ports, answer + offsetof(struct fb_tuple6, sport), sizeof(ports));
	ports = ports << 16 | ports >> 16;
	memcpy(l3 + 8, answer + offsetof(struct fb_tuple6, dst), 16);
	memcpy(l3 + 24, answer + offsetof(struct fb_tuple6, src), 16);
	memcpy(l4, &ports, sizeof(ports));
}

/**
 * Apply to a FB_PARSE_SERVICE packet, and count TTL or hop limit down by one (which the caller has
 * found to be at least 2; the TTL's part of the IPv4 checksum is included).
 *
 * Thread: any worker. Cost: writes the L3 and L4 header lines.
 *
 * @param answer  key of the packets that answer this one after it was rewritten: a struct fb_tuple4 or
 *                fb_tuple6 at any alignment. A flow's other key is just that, so nothing is reversed
 *                or copied on the way.
 */
static __rte_always_inline void fb_rewrite_apply_as(enum fb_family family, uint8_t *data,
						    const struct fb_packet *pkt, const void *answer,
						    const struct fb_rewrite *rw)
{
	uint8_t *l3 = data + pkt->l3_off;
	uint8_t *l4 = data + pkt->l4_off;
	uint16_t csum;

	if (family == FB_IPV4) {
		l3[8]--;
		memcpy(&csum, l3 + 10, sizeof(csum));
		csum = (uint16_t)~fb_csum_fold_few((uint32_t)(uint16_t)~csum + rw->ip_delta +
						   FB_REWRITE_TTL_DELTA);
		memcpy(l3 + 10, &csum, sizeof(csum));
		fb_rewrite_tuple4(l3, l4, answer);
	} else {
		l3[7]--;
		fb_rewrite_tuple6(l3, l4, answer);
	}
	if (likely(pkt->proto == IPPROTO_TCP)) {
		l4 += 16;
		memcpy(&csum, l4, sizeof(csum));
		csum = fb_csum_apply(csum, rw->l4_delta);
	} else if (likely(pkt->proto == IPPROTO_UDP)) {
		l4 += 6;
		memcpy(&csum, l4, sizeof(csum));
		csum = fb_csum_apply_udp(csum, rw->l4_delta);
	} else {
		fb_rewrite_sctp(l4, pkt);
		return;
	}
	memcpy(l4, &csum, sizeof(csum));
}

/** The same, of whichever family the packet is. */
static inline void fb_rewrite_apply(uint8_t *data, const struct fb_packet *pkt, const void *answer,
				    const struct fb_rewrite *rw)
{
	if (pkt->family == FB_IPV4)
		fb_rewrite_apply_as(FB_IPV4, data, pkt, answer, rw);
	else
		fb_rewrite_apply_as(FB_IPV6, data, pkt, answer, rw);
}

/**
 * Translate an ICMP error (FB_PARSE_ICMP_ERROR): the outer addresses become outer_src and
 * outer_dst, the quoted packet becomes `quote` (its tuple in the receiver's eyes), TTL counts down
 * by one (from 2 at least, as above), and all checksums are put right: outer IPv4 header, quoted
 * IPv4 header, quoted L4 checksum where the quote is long enough to hold it, and the ICMP
 * checksum (RFC 5508, section 4.2).
 */
void fb_rewrite_icmp_error(uint8_t *data, const struct fb_packet *pkt,
			   const struct fb_addr *outer_src, const struct fb_addr *outer_dst,
			   const struct fb_tuple *quote);

/**
 * The TCP packet that such an error quotes had another sequence number in the receiver's eyes, by `less`: who
 * sent it believes only what quotes a number that is under way (RFC 5927, 4.1).
 */
void fb_rewrite_quoted_seq(uint8_t *data, const struct fb_packet *pkt, uint32_t less);

#endif
