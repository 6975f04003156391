/* SPDX-License-Identifier: BSD-3-Clause */

#include <netinet/in.h>
#include <string.h>

#include "net/packet.h"

const char *fb_proto_name(uint8_t proto)
{
	return proto == IPPROTO_TCP    ? "tcp"
	       : proto == IPPROTO_UDP  ? "udp"
	       : proto == IPPROTO_SCTP ? "sctp"
				       : "icmp";
}

struct fb_tuple fb_tuple_reverse(const struct fb_tuple *t)
{
	struct fb_tuple r;

	memset(&r, 0, sizeof(r));
	r.proto = t->proto;
	r.family = t->family;
	if (t->family == FB_IPV4) {
		r.v4.src = t->v4.dst;
		r.v4.dst = t->v4.src;
		r.v4.sport = t->v4.dport;
		r.v4.dport = t->v4.sport;
	} else {
		memcpy(r.v6.src, t->v6.dst, 16);
		memcpy(r.v6.dst, t->v6.src, 16);
		r.v6.sport = t->v6.dport;
		r.v6.dport = t->v6.sport;
	}
	return r;
}

struct fb_tuple fb_tuple_make(uint8_t proto, const struct fb_addr *src, rte_be16_t sport_be,
			      const struct fb_addr *dst, rte_be16_t dport_be)
{
	const enum fb_family family = fb_addr_family(src);
	struct fb_tuple t;

	memset(&t, 0, sizeof(t));
	fb_tuple_set_answer(&t, proto, family, src, sport_be, fb_addr_bytes(dst, family), dport_be);
	return t;
}

struct fb_addr fb_tuple_src(const struct fb_tuple *t)
{
	return fb_addr_from_bytes(t->family, t->family == FB_IPV4 ? (const uint8_t *)&t->v4.src
								  : t->v6.src);
}

struct fb_addr fb_tuple_dst(const struct fb_tuple *t)
{
	return fb_addr_from_bytes(t->family, t->family == FB_IPV4 ? (const uint8_t *)&t->v4.dst
								  : t->v6.dst);
}
