/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BASE_ADDR_H
#define FB_BASE_ADDR_H

/*
 * IP addresses and prefixes outside the packet path.
 *
 * One type for both families, so that control code has one body: 16 bytes, an IPv4 address stored
 * as the IPv4-mapped IPv6 address ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). The family is derived, never
 * stored beside it, so the two cannot disagree. Bytes are in network order. A real IPv4-mapped
 * address cannot be written by a user; fb_addr_parse() reads it as the IPv4 address it maps.
 *
 * All functions: any thread, no allocation.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum fb_family {
	FB_IPV4,
	FB_IPV6,
	FB_FAMILY_COUNT,
};

struct fb_addr {
	uint8_t bytes[16];
};

/* len_bits counts within the family: 0 to 32, or 0 to 128. Bits past it are zero. */
struct fb_prefix {
	struct fb_addr addr;
	uint8_t len_bits;
};

/* Text of any address or prefix fits, terminator included. */
#define FB_ADDR_STRLEN 46
#define FB_PREFIX_STRLEN (FB_ADDR_STRLEN + 4)

static inline enum fb_family fb_addr_family(const struct fb_addr *a)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	return memcmp(a->bytes, mapped, sizeof(mapped)) == 0 ? FB_IPV4 : FB_IPV6;
}

static inline bool fb_addr_equal(const struct fb_addr *a, const struct fb_addr *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/** Address from 4 bytes (FB_IPV4) or 16 (FB_IPV6) in network order. */
struct fb_addr fb_addr_from_bytes(enum fb_family family, const uint8_t *bytes);

/** The 4 or 16 bytes that go into a packet. */
static inline const uint8_t *fb_addr_wire(const struct fb_addr *a)
{
	return fb_addr_family(a) == FB_IPV4 ? a->bytes + 12 : a->bytes;
}

/** The same where the family is known. */
static inline const uint8_t *fb_addr_bytes(const struct fb_addr *a, enum fb_family family)
{
	return family == FB_IPV4 ? a->bytes + 12 : a->bytes;
}

static inline size_t fb_family_addr_len(enum fb_family family)
{
	return family == FB_IPV4 ? 4 : 16;
}

/**
 * Read "192.0.2.1" or "2001:db8::1". Leading zeros in IPv4 parts are read as decimal, as the API
 * server does for old objects (shared semantics: "IP spelling"). No zone, no port, no white space.
 *
 * @return 0, or -EINVAL with *ret untouched
 */
int fb_addr_parse(const char *text, struct fb_addr *ret);

/** RFC 5952 text into buf of at least FB_ADDR_STRLEN bytes; returns buf. */
const char *fb_addr_format(const struct fb_addr *a, char *buf);

/**
 * Read "192.0.2.0/24"; an address alone is the whole-length prefix.
 * Host bits are cleared in ret->addr; when ret_host is not NULL it gets the address as written
 * (for "10.0.0.1/24" as an interface address).
 *
 * @return 0, or -EINVAL with the outputs untouched
 */
int fb_prefix_parse(const char *text, struct fb_prefix *ret, struct fb_addr *ret_host);

const char *fb_prefix_format(const struct fb_prefix *p, char *buf);

bool fb_prefix_contains(const struct fb_prefix *p, const struct fb_addr *a);

#endif
