/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NET_TCP_OPTION_H
#define FB_NET_TCP_OPTION_H

/*
 * TCP options (RFC 9293, 3.1 and 3.2). They are walked as far as each one's length holds; from the first that
 * does not on, the rest is nobody's to interpret, as receivers have it too.
 *
 * Thread: any; pure.
 */

#include <stdbool.h>
#include <stdint.h>

#define FB_TCP_OPTION_END 0
#define FB_TCP_OPTION_NOP 1
#define FB_TCP_OPTION_MSS 2
#define FB_TCP_OPTION_WSCALE 3
#define FB_TCP_OPTION_SACK_PERMITTED 4
#define FB_TCP_OPTION_SACK 5
#define FB_TCP_OPTION_TIMESTAMPS 8

#define FB_TCP_OPTIONS_MAX 40

/**
 * Where the first option at off or behind it begins, padding skipped; end, where there is none.
 *
 * @param l4   the TCP header
 * @param end  of the options that may be read, at most what the header says
 */
static inline uint32_t fb_tcp_option_at(const uint8_t *l4, uint32_t off, uint32_t end)
{
	while (off < end && l4[off] == FB_TCP_OPTION_NOP)
		off++;
	if (off + 2 > end || l4[off] == FB_TCP_OPTION_END || l4[off + 1] < 2 ||
	    off + l4[off + 1] > end)
		return end;
	return off;
}

/**
 * Lower the MSS option of a SYN to `most` bytes and put the checksum right, incrementally. Nothing is ever
 * raised, and none is added where there is none: the other side takes 536 or 1220 bytes then (RFC 9293,
 * 3.7.1). What counts is the MTU less the fixed headers (RFC 6691): who sends options takes them off himself.
 *
 * @param have  bytes at l4 that are the packet's, at least a TCP header without options
 * @return whether anything changed
 */
bool fb_tcp_lower_mss(uint8_t *l4, uint32_t have, uint16_t most);

/* More than a window may be shifted by is taken for this (RFC 7323, 2.3). */
#define FB_TCP_WSCALE_MAX  14
#define FB_TCP_WSCALE_NONE 15

/* What a segment's options say, of those that both ends of a connection have to agree on. */
struct fb_tcp_options {
	uint32_t tsval;
	uint32_t tsecr;
	uint16_t mss;   /* 0: none */
	uint8_t wscale; /* FB_TCP_WSCALE_NONE */
	bool sack;      /* SACK-permitted */
	bool timestamps;
};

/** @param have  as fb_tcp_lower_mss() */
void fb_tcp_options_read(const uint8_t *l4, uint32_t have, struct fb_tcp_options *ret);

/** Write them, padded to whole words. @return bytes, at most FB_TCP_OPTIONS_MAX, which are there at out */
uint32_t fb_tcp_options_write(const struct fb_tcp_options *options, uint8_t *out);

/** Put a word or two in place of others, at any place of a segment, and the checksum right. */
void fb_tcp_replace16(uint8_t *l4, uint32_t off, uint16_t value);
void fb_tcp_replace32(uint8_t *l4, uint32_t off, uint32_t value);

#endif
