/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_UNIT_NET_SAMPLE_H
#define FB_UNIT_NET_SAMPLE_H

/*
 * Frames to test with, and a checker of checksums. Neither uses lib/net, so that the two can
 * disagree: sums are taken by the byte, as RFC 1071 writes them, and CRCs by the bit.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/packet.h"

#define SAMPLE_MAX 2048

#define SAMPLE_SRC4 "192.0.2.1"
#define SAMPLE_DST4 "203.0.113.10"
#define SAMPLE_SRC6 "2001:db8::1"
#define SAMPLE_DST6 "2001:db8:1::10"

struct sample {
	bool ipv6;
	uint8_t proto;
	const char *src; /* NULL: SAMPLE_SRC4 or _SRC6 */
	const char *dst;
	const char *l3_extra; /* IPv4 options, or IPv6 extension headers but for their first type */
	uint8_t l3_extra_len;
	uint8_t first_header; /* IPv6 with l3_extra: type of the first extension header */
	uint8_t ttl;          /* 0: 64 */
	bool vlan;
	uint16_t sport; /* 0: 40000 */
	uint16_t dport; /* 0: 80 */
	uint8_t tcp_flags;
	uint8_t tcp_options_len;
	bool no_sum;
	const char *chunks; /* SCTP; NULL: a DATA chunk around the payload */
	uint8_t chunks_len;
	uint32_t tag; /* SCTP */
	uint8_t icmp_type;
	uint8_t icmp_code;
	uint8_t icmp_rest[4];
	const uint8_t *payload; /* NULL: bytes that count up */
	uint16_t payload_len;
	uint16_t padding_len; /* after the IP packet */
};

/** Build into out (SAMPLE_MAX bytes); returns the frame's length. */
uint32_t sample_build(const struct sample *s, uint8_t *out);

/** Put the IPv4 header checksum right after a change. */
void sample_fix_ipv4(uint8_t *frame);

/** Put the ICMP checksum right after a change; the frame has no options or extension headers. */
void sample_fix_icmp(uint8_t *frame);

/** Folded sum of bytes. */
uint32_t sample_sum(uint32_t sum, const uint8_t *p, size_t len);

/** Folded sum of an L4 payload with its pseudo header; 0xffff if its checksum is right. */
uint32_t sample_l4_sum(const uint8_t *l3, const uint8_t *l4, uint32_t l4_len, uint8_t proto);

/** CRC32c of an SCTP packet with its checksum taken as zero, in the order of its bytes. */
uint32_t sample_crc(const uint8_t *l4, uint32_t l4_len);

/** Put the SCTP checksum right after a change; the frame has no options or extension headers. */
void sample_fix_sctp(uint8_t *frame);

/** Asserts that all checksums of a well-formed IP frame are right. */
void sample_assert_sums(const uint8_t *frame, const struct fb_packet *pkt);

/** A copy at an exact-size heap block's end, where a sanitizer sees any byte read beyond. */
uint8_t *sample_exact(const uint8_t *frame, uint32_t len);

struct fb_addr sample_addr(const char *text);

/** A small generator with a fixed seed, for properties over random packets. */
uint32_t sample_random(uint32_t *seed);

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

#endif
