/* SPDX-License-Identifier: BSD-3-Clause */

/* ICMP of both families: echo requests, errors with what they quote, neighbour solicitations. */

#include <netinet/in.h>
#include <string.h>

#include "net/checksum.h"
#include "net/parse.h"
#include "net/wire.h"

/* The part of L4 that holds the ports, and that any error has to quote (RFC 792). */
#define QUOTE_L4_MIN 8

#define NS_LEN 24

static enum fb_parse malformed(struct fb_packet *ret)
{
	return fb_parse_drop(ret, FB_REASON_ICMP_MALFORMED);
}

static bool checksum_good(const uint8_t *data, const struct fb_packet *pkt, uint32_t len)
{
	uint64_t sum = 0;

	if (pkt->family == FB_IPV6)
		sum = fb_csum_pseudo(data + pkt->l3_off, FB_IPV6, IPPROTO_ICMPV6, len);
	return fb_csum_fold(fb_csum_add(sum, data + pkt->l4_off, len)) == 0xffff;
}

/* Where the quote ends: before the extensions of RFC 4884, if the message says so. */
static uint32_t quote_end(const uint8_t *icmp, int family, uint32_t len)
{
	uint32_t said = 0;

	if (family == FB_IPV4)
		said = (uint32_t)icmp[5] * 4;
	else if (icmp[0] == FB_ICMP6_UNREACHABLE || icmp[0] == FB_ICMP6_EXCEEDED)
		said = (uint32_t)icmp[4] * 8;
	return said != 0 && FB_ICMP_LEN + said < len ? FB_ICMP_LEN + said : len;
}

static void set_quote(const uint8_t *data, uint32_t l3, uint32_t l4, uint32_t end, uint8_t proto,
		      struct fb_packet *ret)
{
	struct fb_tuple *q = &ret->quote;
	uint32_t l4_len = end - l4;

	memset(q, 0, sizeof(*q));
	q->proto = proto;
	q->family = ret->family;
	if (ret->family == FB_IPV4) {
		memcpy(&q->v4.src, data + l3 + 12, 8);
		memcpy(&q->v4.sport, data + l4, 4);
	} else {
		memcpy(&q->v6, data + l3 + 8, 32);
		memcpy(&q->v6.sport, data + l4, 4);
	}
	ret->quote_l3_off = (uint16_t)l3;
	ret->quote_l4_off = (uint16_t)l4;
	ret->quote_l4_len = (uint8_t)(l4_len < UINT8_MAX ? l4_len : UINT8_MAX);
}

/*
 * The quoted header's checksum and total length are not looked at: routers quote what they made of
 * the packet, and old ones swap bytes in it, but path MTU discovery has to work through them.
 * Checksums are updated by difference, so a wrong one stays wrong.
 */
static enum fb_parse parse_quote4(const uint8_t *data, uint32_t l3, uint32_t end,
				  struct fb_packet *ret)
{
	const uint8_t *ip = data + l3;
	uint32_t l4;

	if (l3 + FB_IPV4_LEN > end || ip[0] >> 4 != 4)
		return malformed(ret);
	l4 = l3 + (uint32_t)(ip[0] & 0x0f) * 4;
	if (l4 < l3 + FB_IPV4_LEN || l4 > end)
		return malformed(ret);
	/* A later fragment has no ports; nor has a ping, and both may be the kernel's. */
	if ((fb_load16(ip + 6) & 0x1fff) != 0)
		ret->flags |= FB_PKT_QUOTES_LATER;
	if ((ret->flags & FB_PKT_QUOTES_LATER) || !fb_parse_carried(ip[9]))
		return fb_parse_done(ret, FB_PARSE_OTHER);
	if (l4 + QUOTE_L4_MIN > end)
		return malformed(ret);
	set_quote(data, l3, l4, end, ip[9], ret);
	return fb_parse_done(ret, FB_PARSE_ICMP_ERROR);
}

static enum fb_parse parse_quote6(const uint8_t *data, uint32_t l3, uint32_t end,
				  struct fb_packet *ret)
{
	const uint8_t *ip = data + l3;
	struct fb_extension_end at = {0};

	if (l3 + FB_IPV6_LEN > end || ip[0] >> 4 != 6)
		return malformed(ret);
	switch (fb_extension_walk(data, l3 + FB_IPV6_LEN, end, end, ip[6], &at)) {
	case FB_EXTENSION_WHOLE:
		break;
	case FB_EXTENSION_FRAGMENT:
		if (at.first)
			break;
		ret->flags |= FB_PKT_QUOTES_LATER;
		return fb_parse_done(ret, FB_PARSE_OTHER);
	case FB_EXTENSION_FOREIGN:
		return fb_parse_done(ret, FB_PARSE_OTHER);
	case FB_EXTENSION_BAD:
	case FB_EXTENSION_CUT:
		return malformed(ret);
	}
	if (!fb_parse_carried(at.proto))
		return fb_parse_done(ret, FB_PARSE_OTHER);
	if (at.off + QUOTE_L4_MIN > end)
		return malformed(ret);
	set_quote(data, l3, at.off, end, at.proto, ret);
	return fb_parse_done(ret, FB_PARSE_ICMP_ERROR);
}

/* RFC 4861, 7.1.1. */
static bool solicitation_valid(const uint8_t *data, uint32_t len, const struct fb_packet *pkt)
{
	static const uint8_t solicited_node[13] = {0xff, 0x02, 0, 0, 0, 0, 0,
						   0,    0,    0, 0, 1, 0xff};
	static const uint8_t unspecified[16];
	const uint8_t *l3 = data + pkt->l3_off;
	const uint8_t *ns = data + pkt->l4_off;
	bool probe = memcmp(l3 + 8, unspecified, 16) == 0;

	if (pkt->ttl != 255 || ns[1] != 0 || len < NS_LEN || ns[8] == 0xff)
		return false;
	if (probe && memcmp(l3 + 24, solicited_node, sizeof(solicited_node)) != 0)
		return false;
	if (l3[8] == 0xff)
		return false;
	for (uint32_t off = NS_LEN, opt_len; off < len; off += opt_len) {
		if (off + 8 > len)
			return false;
		opt_len = (uint32_t)ns[off + 1] * 8;
		if (opt_len == 0 || off + opt_len > len)
			return false;
		if (probe && ns[off] == FB_NDP_OPT_SOURCE_MAC)
			return false;
	}
	return true;
}

/* What to look into; FB_PARSE_OTHER is the kernel's (redirects, router discovery, replies). */
static enum fb_parse classify(uint8_t type, int family)
{
	if (family == FB_IPV4) {
		switch (type) {
		case FB_ICMP4_ECHO:
			return FB_PARSE_ICMP_ECHO;
		case FB_ICMP4_UNREACHABLE:
		case FB_ICMP4_EXCEEDED:
		case FB_ICMP4_PARAMETER:
			return FB_PARSE_ICMP_ERROR;
		default:
			return FB_PARSE_OTHER;
		}
	}
	switch (type) {
	case FB_ICMP6_ECHO:
		return FB_PARSE_ICMP_ECHO;
	case FB_ICMP6_UNREACHABLE:
	case FB_ICMP6_TOO_BIG:
	case FB_ICMP6_EXCEEDED:
	case FB_ICMP6_PARAMETER:
		return FB_PARSE_ICMP_ERROR;
	case FB_ICMP6_NS:
		return FB_PARSE_NDP_NS;
	default:
		return FB_PARSE_OTHER;
	}
}

/* True where the sender gave no address: only solicitations and the kernel's may do so. */
static bool sender_unspecified(const uint8_t *l3, int family)
{
	static const uint8_t unspecified[16];

	return family == FB_IPV6 && memcmp(l3 + 8, unspecified, 16) == 0;
}

enum fb_parse fb_icmp_parse(const struct fb_frame *f, uint32_t l4_len, struct fb_packet *ret)
{
	const uint8_t *icmp = f->data + ret->l4_off;
	uint32_t end = (uint32_t)ret->l4_off + l4_len;
	enum fb_parse kind;
	uint32_t quote;

	if (l4_len < FB_ICMP_LEN)
		return malformed(ret);
	if ((uint32_t)ret->l4_off + FB_ICMP_LEN > f->data_len)
		return fb_parse_cut(f, end, ret);
	kind = classify(icmp[0], ret->family);
	if (kind == FB_PARSE_OTHER)
		return fb_parse_done(ret, kind);
	/* A solicitation in a fragment or behind options is no solicitation (RFC 6980). */
	if (kind == FB_PARSE_NDP_NS && ret->l4_off != ret->l3_off + FB_IPV6_LEN)
		return fb_parse_done(ret, FB_PARSE_OTHER);
	if (end > f->data_len)
		return fb_parse_cut(f, end, ret);
	if (!checksum_good(f->data, ret, l4_len))
		return malformed(ret);
	if (kind == FB_PARSE_NDP_NS) {
		if (!solicitation_valid(f->data, l4_len, ret))
			return malformed(ret);
		return fb_parse_done(ret, kind);
	}
	if (sender_unspecified(f->data + ret->l3_off, ret->family))
		return fb_parse_drop(ret, FB_REASON_BAD_ADDRESS);
	if (kind == FB_PARSE_ICMP_ECHO)
		return fb_parse_done(ret, kind);
	quote = (uint32_t)ret->l4_off + FB_ICMP_LEN;
	end = (uint32_t)ret->l4_off + quote_end(icmp, ret->family, l4_len);
	return ret->family == FB_IPV4 ? parse_quote4(f->data, quote, end, ret)
				      : parse_quote6(f->data, quote, end, ret);
}
