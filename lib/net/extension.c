/* SPDX-License-Identifier: BSD-3-Clause */

#include <netinet/in.h>

#include "net/parse.h"
#include "net/wire.h"

/*
 * A guess, generous: RFC 8200 recommends each header at most once and destination options twice,
 * which makes seven with those that end the walk.
 */
#define MAX_HEADERS 8

#define FRAGMENT_LEN      8
#define FRAGMENT_OFF_MASK 0xfff8
#define FRAGMENT_MORE     0x0001

static enum fb_extension cut_or_bad(uint32_t off, uint32_t need, uint32_t end,
				    struct fb_extension_end *ret)
{
	ret->off = off;
	return off + need > end ? FB_EXTENSION_BAD : FB_EXTENSION_CUT;
}

enum fb_extension fb_extension_walk(const uint8_t *data, uint32_t off, uint32_t have, uint32_t end,
				    uint8_t proto, struct fb_extension_end *ret)
{
	enum fb_extension whole = FB_EXTENSION_WHOLE;

	for (unsigned int n = 0;; n++) {
		const uint8_t *h = data + off;
		uint32_t len;

		ret->off = off;
		ret->proto = proto;
		switch (proto) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
		case IPPROTO_FRAGMENT:
			break;
		case IPPROTO_AH:
		case IPPROTO_ESP:
		case IPPROTO_NONE:
			return FB_EXTENSION_FOREIGN;
		default:
			return whole;
		}
		/* Hop-by-hop options come first or not at all (RFC 8200, 4.3). */
		if (n == MAX_HEADERS || (proto == IPPROTO_HOPOPTS && n != 0))
			return FB_EXTENSION_BAD;
		/* All extension headers are multiples of 8 bytes. */
		if (off + 8 > have)
			return cut_or_bad(off, 8, end, ret);
		if (proto == IPPROTO_FRAGMENT) {
			uint16_t field = fb_load16(h + 2);

			if (field & FRAGMENT_OFF_MASK) {
				ret->proto = h[0];
				ret->off = off + FRAGMENT_LEN;
				ret->first = false;
				return FB_EXTENSION_FRAGMENT;
			}
			/* Neither offset nor more to come: a whole packet (RFC 6946). */
			if (field & FRAGMENT_MORE) {
				whole = FB_EXTENSION_FRAGMENT;
				ret->first = true;
			}
			len = FRAGMENT_LEN;
		} else {
			len = ((uint32_t)h[1] + 1) * 8;
		}
		if (proto == IPPROTO_ROUTING && h[3] != 0) {
			/*
			 * Segments left: the destination address is a stop on the way, so no
			 * service's. Type 0 is an amplifier (RFC 5095); the others (segment
			 * routing) are for a node that takes part, so the kernel may know them.
			 */
			return h[2] == 0 ? FB_EXTENSION_BAD : FB_EXTENSION_FOREIGN;
		}
		if (off + len > have)
			return cut_or_bad(off, len, end, ret);
		proto = h[0];
		off += len;
	}
}

bool fb_ipv6_is_mapped(const uint8_t *addr)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	return memcmp(addr, mapped, sizeof(mapped)) == 0;
}
