/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NET_FRAGMENT_H
#define FB_NET_FRAGMENT_H

/*
 * Fragments of IPv4 (RFC 791) and IPv6 (RFC 8200, 4.5): which bytes of which datagram a piece has, what
 * the first one says of L4, and the pieces of a datagram that is too large for a link.
 *
 * Ports stand in the first piece only, and so does the L4 checksum: addresses and ports are all that a
 * translation changes, hence the update by difference in the first piece is right for the whole. Which
 * pieces belong together is fragment/table.h.
 *
 * Thread: any; pure. After a success every byte named here is in the first segment.
 */

#include "net/packet.h"
#include "net/verdict.h"

struct fb_fragment {
	uint32_t id; /* as it stands in the packet: IPv4 has the first two bytes, the others zero */
	uint16_t offset; /* of the datagram's bytes */
	uint16_t len;    /* bytes of it in this piece, never 0 */
	uint16_t
		l4_at; /* FB_PKT_FIRST_FRAGMENT: where L4 begins among them (IPv6 options before it) */
	bool more;     /* not the last piece */
};

/**
 * What a FB_PARSE_FRAGMENT packet is a piece of.
 *
 * @return FB_REASON_NONE, or why no stack makes such a piece; *ret on success only
 */
enum fb_reason fb_fragment_read(const uint8_t *data, const struct fb_packet *pkt,
				struct fb_fragment *ret);

/**
 * Make a first piece a packet that the flow's stages take: FB_PARSE_SERVICE with ports, TCP flags and
 * chunks, FB_PKT_FIRST_FRAGMENT set. The L4 header has to be there as a whole (RFC 1858, 3128, 7112).
 *
 * @param l4_len  bytes of L4 in the whole datagram; 0: not known yet, then SCTP's chunks and its checksum
 *                have to wait, and the function is called again. Others need it never
 * @return FB_REASON_NONE; else pkt is what it was
 */
enum fb_reason fb_fragment_read_first(const uint8_t *data, uint32_t data_len, uint32_t l4_len,
				      struct fb_packet *pkt);

/** A new identification into an IPv4 header; its checksum follows. */
void fb_fragment_set_id(uint8_t *l3, uint16_t id_be);

/**
 * Translate a later piece: addresses of `to`, TTL or hop limit less by one (from 2 at least), and the
 * IPv4 header's checksum.
 */
void fb_fragment_rewrite(uint8_t *data, const struct fb_packet *pkt, const struct fb_tuple *to);

#define FB_FRAGMENT_HEADER_MAX 60

/**
 * The header of further pieces of an IPv4 packet: the fixed part, and of the options those that every
 * piece has (RFC 791, 3.1). To be finished by fb_fragment_finish().
 *
 * @return its length
 */
uint32_t fb_fragment_later_header(const uint8_t *l3, uint8_t out[FB_FRAGMENT_HEADER_MAX]);

/** Length, offset, flags and checksum of a piece's IPv4 header of header_len bytes. */
void fb_fragment_finish(uint8_t *l3, uint32_t header_len, uint32_t len, uint32_t offset, bool more);

#endif
