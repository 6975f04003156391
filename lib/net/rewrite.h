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

#include <stdint.h>

#include "net/packet.h"

/* What a flow's direction does to a packet. */
struct fb_rewrite {
	struct fb_tuple tuple; /* the packet's tuple afterwards */
	uint16_t ip_delta;     /* IPv4 header checksum, addresses only; zero for IPv6 */
	uint16_t l4_delta;     /* pseudo header and ports */
};

/** Both deltas from one tuple to another of the same family and protocol. */
void fb_rewrite_prepare(const struct fb_tuple *from, const struct fb_tuple *to,
			struct fb_rewrite *ret);

/**
 * Apply to a FB_PARSE_SERVICE packet, and count TTL or hop limit down by one (which the caller has
 * found to be at least 2; the TTL's part of the IPv4 checksum is included).
 *
 * Thread: any worker. Cost: writes the L3 and L4 header lines.
 */
void fb_rewrite_apply(uint8_t *data, const struct fb_packet *pkt, const struct fb_rewrite *rw);

/**
 * Translate an ICMP error (FB_PARSE_ICMP_ERROR): the outer addresses become outer_src and
 * outer_dst, the quoted packet becomes `quote` (its tuple in the receiver's eyes), TTL counts down
 * by one (from 2 at least, as above), and all checksums are put right: outer IPv4 header, quoted
 * IPv4 header, quoted UDP or TCP checksum where the quote is long enough to hold it, and the ICMP
 * checksum (RFC 5508, section 4.2).
 */
void fb_rewrite_icmp_error(uint8_t *data, const struct fb_packet *pkt,
			   const struct fb_addr *outer_src, const struct fb_addr *outer_dst,
			   const struct fb_tuple *quote);

#endif
