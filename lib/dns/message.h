/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DNS_MESSAGE_H
#define FB_DNS_MESSAGE_H

/*
 * DNS messages in bytes: a query parsed once, names as they stand on the wire.
 *
 * A name is kept in wire format (a length byte before each label, a zero at the end) with its letters
 * in lower case: a length is at most 63 and no letter is, so the whole can be changed and hashed as
 * bytes. What was asked stays in the message, since answers repeat it as it was written.
 *
 * Standards: RFC 1035 (4), 2181, 2308, 2782, 3596, 4343, 6891.
 *
 * Thread: any; pure, nothing is allocated.
 */

#include <stdbool.h>
#include <stdint.h>

#define FB_DNS_PORT        53
#define FB_DNS_HEADER_LEN  12
#define FB_DNS_NAME_MAX    255 /* RFC 1035, 2.3.4, with all length bytes */
#define FB_DNS_LABEL_MAX   63
#define FB_DNS_LABELS_MAX  128 /* the root included: a label takes two bytes at least */
#define FB_DNS_MESSAGE_MAX 65535
#define FB_DNS_OPT_LEN     11   /* without options */
#define FB_DNS_UDP_MIN     512  /* RFC 1035, 4.2.1: without EDNS */
#define FB_DNS_UDP_MAX     1232 /* fits into the least IPv6 MTU, so it is nowhere in fragments */

/* Flags word of the header, host order (RFC 1035, 4.1.1; RFC 4035, 3). */
#define FB_DNS_FLAG_QR     0x8000
#define FB_DNS_FLAG_AA     0x0400
#define FB_DNS_FLAG_TC     0x0200
#define FB_DNS_FLAG_RD     0x0100
#define FB_DNS_FLAG_RA     0x0080
#define FB_DNS_FLAG_CD     0x0010
#define FB_DNS_OPCODE_MASK 0x7800
#define FB_DNS_RCODE_MASK  0x000f

/* Of the query's flags, those that its answer repeats. */
#define FB_DNS_FLAGS_KEPT (FB_DNS_OPCODE_MASK | FB_DNS_FLAG_RD | FB_DNS_FLAG_CD)

enum fb_dns_type {
	FB_DNS_A = 1,
	FB_DNS_NS = 2,
	FB_DNS_CNAME = 5,
	FB_DNS_SOA = 6,
	FB_DNS_PTR = 12,
	FB_DNS_TXT = 16,
	FB_DNS_AAAA = 28,
	FB_DNS_SRV = 33,
	FB_DNS_OPT = 41,
	FB_DNS_IXFR = 251,
	FB_DNS_AXFR = 252,
};

#define FB_DNS_CLASS_IN 1

enum fb_dns_rcode {
	FB_DNS_NOERROR = 0,
	FB_DNS_FORMERR = 1,
	FB_DNS_SERVFAIL = 2,
	FB_DNS_NXDOMAIN = 3,
	FB_DNS_NOTIMP = 4,
	FB_DNS_REFUSED = 5,
	FB_DNS_BADVERS = 16, /* its high bits are in OPT */
};

/* A name, and where its labels begin; offsets[n_labels] is that of the root. */
struct fb_dns_name {
	uint8_t len;      /* bytes, the root included */
	uint8_t n_labels; /* without the root */
	uint8_t offsets[FB_DNS_LABELS_MAX];
	uint8_t bytes[FB_DNS_NAME_MAX + 1] __attribute__((aligned(8))); /* lower case */
};

struct fb_dns_query {
	uint16_t flags; /* of the header, host order */
	uint16_t type;
	uint16_t class_;
	uint16_t question_end; /* offset in the message; FB_DNS_HEADER_LEN: it cannot be repeated */
	uint16_t udp_size;     /* what the client takes over UDP, at least FB_DNS_UDP_MIN */
	uint8_t rcode;         /* enum fb_dns_rcode of FB_DNS_QUERY_BAD */
	bool has_opt;
	bool dnssec_ok;
	struct fb_dns_name name;
};

enum fb_dns_kind {
	FB_DNS_QUERY_GOOD,
	FB_DNS_QUERY_BAD, /* to be answered with its rcode */
	FB_DNS_NO_QUERY,  /* an answer, or too short to be answered: say nothing */
};

/**
 * Parse a query.
 *
 * @param msg  the message, behind the UDP header
 * @param ret  written but for name, which is written for FB_DNS_QUERY_GOOD only
 */
enum fb_dns_kind fb_dns_query_parse(const uint8_t *msg, uint32_t len, struct fb_dns_query *ret);

/**
 * Read a name without compression.
 *
 * @param ret  untouched where the result is 0
 * @return its bytes, or 0: it is cut short, too long or compressed
 */
uint32_t fb_dns_name_read(const uint8_t *bytes, uint32_t len, struct fb_dns_name *ret);

/**
 * Expand a name in a message, as written, into out of FB_DNS_NAME_MAX bytes.
 *
 * @param at       where it begins
 * @param ret_len  bytes written to out
 * @return offset behind the name in the message, or 0: no name (cut short, too long, a pointer that
 *         does not point backwards)
 */
uint32_t fb_dns_name_expand(const uint8_t *msg, uint32_t len, uint32_t at, uint8_t *out,
			    uint32_t *ret_len);

/**
 * Text such as "svc.cluster.local", with or without a dot at the end, in wire format into out of
 * FB_DNS_NAME_MAX bytes; letters stay as they are.
 *
 * @return its bytes, or 0: no name
 */
uint32_t fb_dns_name_from_text(const char *text, uint8_t *out);

/** Are the last labels of a name those of the zone? (A name of n labels is under itself, too.) */
bool fb_dns_name_is_under(const struct fb_dns_name *name, const struct fb_dns_name *zone);

#endif
