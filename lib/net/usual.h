/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NET_USUAL_H
#define FB_NET_USUAL_H

/*
 * The usual packet, parsed in one go: an untagged frame with IPv4 without options or IPv6 without
 * extension headers, whole, with a UDP datagram or a TCP segment, from and to hosts' addresses.
 *
 * This makes fb_packet_parse() faster and decides nothing: whoever gets false asks that one, which is
 * also what this is held against (tests/unit/net/test_usual.c): where it says true, both have written
 * the same bytes. All checks are there; they are only taken together, several fields to a load.
 */

#include <netinet/in.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_tcp.h>

#include "net/checksum.h"
#include "net/packet.h"
#include "net/wire.h"

/* An IPv6 header, or an IPv4 and a TCP one: the shortest frame that is worth a look. */
#define FB_USUAL_LEN (FB_ETHER_LEN + FB_IPV6_LEN)

_Static_assert(FB_USUAL_LEN == FB_ETHER_LEN + FB_IPV4_LEN + FB_TCP_LEN, "both begin by one check");

static __rte_always_inline uint64_t fb_usual_load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* A unicast IPv4 host by its first byte: 1 to 223 but for loopback (RFC 1122, 3.2.1.3). */
static __rte_always_inline bool fb_usual_host4(uint8_t first)
{
	return (uint8_t)(first - 1) < 223 && first != 127;
}

/* Not group, link-local or deprecated (0xfe.., 0xff..), nor of the zeros that special ones begin with. */
static __rte_always_inline bool fb_usual_host6(const uint8_t *addr)
{
	return addr[0] < 0xfe && fb_usual_load64(addr) != 0;
}

/*
 * Of each combination of the lowest five flags, FIN to ACK, a bit: whether a stack may send it. With PSH and
 * whatever the others are: with ACK all but SYN beside FIN or RST; without it SYN alone, RST, RST and FIN
 * (net/packet.c, tcp_flags_bad()).
 */
#define FB_USUAL_TCP_WITHOUT_ACK (1u << 2 | 1u << 4 | 1u << 5)
#define FB_USUAL_TCP_WITH_ACK    (1u << 0 | 1u << 1 | 1u << 2 | 1u << 4 | 1u << 5)
#define FB_USUAL_TCP_FLAGS                                                                        \
	(FB_USUAL_TCP_WITHOUT_ACK | FB_USUAL_TCP_WITHOUT_ACK << 8 | FB_USUAL_TCP_WITH_ACK << 16 | \
	 FB_USUAL_TCP_WITH_ACK << 24)

/*
 * Ports of somebody, a sound header, and of TCP flags that go together. Of l4_len bytes `have` are
 * in the first segment.
 */
static __rte_always_inline bool fb_usual_l4(const uint8_t *l4, uint32_t l4_len, uint32_t have,
					    uint8_t proto, struct fb_packet *ret)
{
	if (likely(proto == IPPROTO_TCP)) {
		uint32_t header_len;

		if (unlikely(have < FB_TCP_LEN))
			return false;
		header_len = (uint32_t)(l4[12] >> 4) * 4;
		ret->tcp_flags = l4[13];
		return header_len >= FB_TCP_LEN && header_len <= l4_len &&
		       (FB_USUAL_TCP_FLAGS >> (l4[13] & 0x1f) & 1) != 0;
	}
	if (likely(proto == IPPROTO_UDP)) {
		uint32_t udp_len;

		if (unlikely(have < FB_UDP_LEN))
			return false;
		udp_len = fb_load16(l4 + 4);
		ret->tcp_flags = 0;
		ret->flags |= fb_load_csum(l4 + FB_UDP_CSUM_OFF) == 0 ? FB_PKT_UDP_NOSUM : 0;
		return udp_len >= FB_UDP_LEN && udp_len <= l4_len;
	}
	return false;
}

/* Port zero is nobody's (RFC 6335, section 6). */
static __rte_always_inline bool fb_usual_ports(uint32_t ports)
{
	return (uint16_t)ports != 0 && ports >> 16 != 0;
}

/*
 * The five words of an IPv4 header add up to 0xffff in one's complement: to a multiple of it, and not to
 * zero, since the version is not. Carries of 64-bit sums come in again below (2^64 - 1 is a multiple, too),
 * and the compiler makes one multiplication of the remainder.
 */
static __rte_always_inline bool fb_usual_csum_good(uint64_t head, uint64_t mid, uint32_t dst)
{
	uint64_t sum = head + mid;

	sum += sum < mid;
	sum += dst;
	sum += sum < dst;
	return sum % 0xffff == 0;
}

/*
 * What is the same for all usual packets of a family: 16 bytes of struct fb_packet, from kind on, written in one
 * go.
 */
struct fb_usual_rest {
	uint8_t kind;
	uint8_t reason;
	uint8_t family;
	uint8_t quote_l4_len;
	uint16_t vlan_tci;
	uint16_t ether_type;
	uint16_t l3_off;
	uint16_t l4_off;
	uint16_t quote_l3_off;
	uint16_t quote_l4_off;
};

extern const struct fb_usual_rest fb_usual_rests[FB_FAMILY_COUNT];

#define FB_USUAL_SAME_PLACE(field)                                               \
	(offsetof(struct fb_packet, field) - offsetof(struct fb_packet, kind) == \
	 offsetof(struct fb_usual_rest, field))

_Static_assert(FB_USUAL_SAME_PLACE(family) && FB_USUAL_SAME_PLACE(ether_type) &&
		       FB_USUAL_SAME_PLACE(quote_l4_off) && sizeof(struct fb_usual_rest) == 16 &&
		       offsetof(struct fb_packet, l3_len_bytes) ==
			       offsetof(struct fb_packet, kind) + sizeof(struct fb_usual_rest),
	       "copied as bytes");
_Static_assert(offsetof(struct fb_packet, proto) == offsetof(struct fb_packet, ttl) + 1,
	       "as in an IPv4 header");

static __rte_always_inline void fb_usual_note(enum fb_family family, uint8_t proto,
					      struct fb_packet *ret)
{
	ret->tuple.proto = proto;
	ret->tuple.family = (uint8_t)family;
	memcpy(&ret->kind, &fb_usual_rests[family], sizeof(struct fb_usual_rest));
}

static __rte_always_inline bool fb_usual_ipv4(const uint8_t *l3, uint32_t have, uint32_t room,
					      struct fb_packet *ret)
{
	const uint64_t head = fb_usual_load64(l3);
	const uint64_t mid = fb_usual_load64(l3 + 8);
	const uint32_t total_len = fb_load16(l3 + 2);
	const uint8_t proto = l3[9];
	uint32_t ports;
	uint32_t dst;

	memcpy(&dst, l3 + 16, sizeof(dst));
	memcpy(&ports, l3 + FB_IPV4_LEN, sizeof(ports));
	/* Version 4, five words of header, and neither more fragments nor an offset. */
	if (unlikely((head & RTE_BE64(UINT64_C(0xff00000000003fff))) !=
		     RTE_BE64(UINT64_C(0x4500000000000000))))
		return false;
	if (unlikely(total_len > room || total_len < FB_IPV4_LEN + FB_UDP_LEN))
		return false;
	if (unlikely(!fb_usual_csum_good(head, mid, dst)))
		return false;
	if (unlikely(!fb_usual_host4(l3[12]) || !fb_usual_host4(l3[16]) || !fb_usual_ports(ports)))
		return false;
	ret->flags = (uint8_t)(l3[6] & 0x40 ? FB_PKT_IPV4_DF : 0);
	if (unlikely(!fb_usual_l4(l3 + FB_IPV4_LEN, total_len - FB_IPV4_LEN, have - FB_IPV4_LEN,
				  proto, ret)))
		return false;
	/* Without options both addresses and both ports stand side by side, as in the tuple. */
	memset((uint8_t *)&ret->tuple + sizeof(ret->tuple.v4), 0,
	       sizeof(ret->tuple.v6) - sizeof(ret->tuple.v4));
	memcpy(&ret->tuple.v4, l3 + 12, sizeof(ret->tuple.v4));
	memcpy(&ret->ttl, l3 + 8, 2);
	fb_usual_note(FB_IPV4, proto, ret);
	ret->l3_len_bytes = (uint16_t)total_len;
	return true;
}

static __rte_always_inline bool fb_usual_ipv6(const uint8_t *l3, uint32_t have, uint32_t room,
					      struct fb_packet *ret)
{
	const uint32_t payload_len = fb_load16(l3 + 4);
	const uint8_t proto = l3[6];
	uint32_t ports;

	if (unlikely(l3[0] >> 4 != 6 || FB_IPV6_LEN + payload_len > room ||
		     payload_len < FB_UDP_LEN || payload_len > UINT16_MAX - FB_IPV6_LEN))
		return false;
	if (unlikely(!fb_usual_host6(l3 + 8) || !fb_usual_host6(l3 + 24)))
		return false;
	ret->flags = 0;
	if (unlikely(!fb_usual_l4(l3 + FB_IPV6_LEN, payload_len, have - FB_IPV6_LEN, proto, ret)))
		return false;
	memcpy(&ports, l3 + FB_IPV6_LEN, sizeof(ports));
	if (unlikely(!fb_usual_ports(ports)))
		return false;
	memcpy(&ret->tuple.v6, l3 + 8, sizeof(ret->tuple.v6));
	ret->ttl = l3[7];
	ret->proto = proto;
	fb_usual_note(FB_IPV6, proto, ret);
	ret->l3_len_bytes = (uint16_t)(FB_IPV6_LEN + payload_len);
	return true;
}

/* Where the key of a usual packet's flow lies in the frame: the bytes of its tuple. */
static __rte_always_inline const uint8_t *fb_usual_key(const uint8_t *data, enum fb_family family)
{
	return data + FB_ETHER_LEN + (family == FB_IPV4 ? 12 : 8);
}

/**
 * Parse a frame if it is a usual one of this family.
 *
 * Thread: any; pure. The Ethernet header is not looked at but for its type: FB_PKT_MULTICAST is never set here, so the
 * caller makes sure that the frame is to a station's address.
 *
 * @param  as fb_packet_parse()
 * @return true if it is, and *ret says what fb_packet_parse() would: FB_PARSE_SERVICE; otherwise nothing in
 *         *ret means anything
 */
static __rte_always_inline bool fb_packet_parse_usual(enum fb_family family, const uint8_t *data,
						      uint32_t data_len, uint32_t frame_len,
						      struct fb_packet *ret)
{
	const uint8_t *l3 = data + FB_ETHER_LEN;
	const uint16_t want = family == FB_IPV4 ? RTE_BE16(FB_ETHER_TYPE_IPV4)
						: RTE_BE16(FB_ETHER_TYPE_IPV6);
	uint16_t type;

	if (unlikely(data_len < FB_USUAL_LEN))
		return false;
	memcpy(&type, data + 12, sizeof(type));
	if (type != want)
		return false;
	return family == FB_IPV4
		       ? fb_usual_ipv4(l3, data_len - FB_ETHER_LEN, frame_len - FB_ETHER_LEN, ret)
		       : fb_usual_ipv6(l3, data_len - FB_ETHER_LEN, frame_len - FB_ETHER_LEN, ret);
}

#endif
