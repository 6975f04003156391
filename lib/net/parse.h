/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NET_PARSE_H
#define FB_NET_PARSE_H

/* What the parser's files share. Internal to lib/net; the contract is net/packet.h. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/packet.h"

struct fb_frame {
	const uint8_t *data;
	uint32_t data_len;  /* bytes at data */
	uint32_t frame_len; /* bytes in all segments */
};

static inline enum fb_parse fb_parse_drop(struct fb_packet *ret, enum fb_reason reason)
{
	ret->kind = FB_PARSE_DROP;
	ret->reason = (uint8_t)reason;
	return FB_PARSE_DROP;
}

static inline enum fb_parse fb_parse_done(struct fb_packet *ret, enum fb_parse kind)
{
	ret->kind = (uint8_t)kind;
	return kind;
}

/* Bytes up to `end` are needed, and the first segment has fewer. */
static inline enum fb_parse fb_parse_cut(const struct fb_frame *f, uint32_t end,
					 struct fb_packet *ret)
{
	return fb_parse_drop(ret, end <= f->frame_len ? FB_REASON_HEADER_SPLIT
						      : FB_REASON_TOO_SHORT);
}

/* Does a Service carry it? */
static inline bool fb_parse_carried(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

#define FB_TCP_FIN 0x01
#define FB_TCP_SYN 0x02
#define FB_TCP_RST 0x04
#define FB_TCP_ACK 0x10

/*
 * What RFC 9293 never lets a stack send: SYN with FIN or RST, and, SYN and RST aside, any segment
 * without ACK. Others are odd but have been seen from real stacks (RST with FIN), or will be (the
 * reserved bits).
 */
static inline bool fb_tcp_flags_bad(uint8_t flags)
{
	return ((flags & FB_TCP_SYN) && (flags & (FB_TCP_FIN | FB_TCP_RST))) ||
	       !(flags & (FB_TCP_SYN | FB_TCP_RST | FB_TCP_ACK));
}

enum fb_extension {
	FB_EXTENSION_WHOLE,    /* proto is at off */
	FB_EXTENSION_FRAGMENT, /* a fragment; proto is what it says, at off if it is the first */
	FB_EXTENSION_FOREIGN,  /* a header that only the destination understands (ESP, routing) */
	FB_EXTENSION_BAD,
	FB_EXTENSION_CUT, /* off is where bytes are missing from */
};

struct fb_extension_end {
	uint32_t off;
	uint8_t proto;
	bool first; /* FB_EXTENSION_FRAGMENT: offset zero */
};

/**
 * Walk IPv6 extension headers (RFC 8200, section 4).
 *
 * @param off    of the first byte after the fixed header
 * @param have   end of what may be read
 * @param end    end of the packet as its length field says
 * @param proto  next header field of the fixed header
 */
enum fb_extension fb_extension_walk(const uint8_t *data, uint32_t off, uint32_t have, uint32_t end,
				    uint8_t proto, struct fb_extension_end *ret);

/** ::ffff:0:0/96, which never is on the wire, and which struct fb_addr would take for IPv4. */
bool fb_ipv6_is_mapped(const uint8_t *addr);

/** ICMP of the packet's family at l4_off, l4_len bytes by the packet's own length. */
enum fb_parse fb_icmp_parse(const struct fb_frame *f, uint32_t l4_len, struct fb_packet *ret);

#endif
