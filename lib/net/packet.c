/* SPDX-License-Identifier: BSD-3-Clause */

#include "net/packet.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_branch_prediction.h>

#include "net/checksum.h"
#include "net/parse.h"
#include "net/sctp.h"
#include "net/wire.h"

#define IPV4_DF            0x4000
#define IPV4_FRAGMENT_MASK 0x3fff /* more fragments, and the offset */
#define IPV4_OFFSET_MASK   0x1fff

#define IPV4_OPT_END  0
#define IPV4_OPT_NOP  1
#define IPV4_OPT_LSRR 131
#define IPV4_OPT_SSRR 137

/*
 * Port zero is nobody's (RFC 6335, section 6). UDP may say by source port zero that it wants no
 * answer (RFC 768), but a flow has a way back, so that is not for services either.
 */
static inline enum fb_parse finish_ports(const uint8_t *l4, bool ipv4, struct fb_packet *ret)
{
	rte_be16_t ports[2];

	memcpy(ports, l4, sizeof(ports));
	if (unlikely(ports[0] == 0 || ports[1] == 0))
		return fb_parse_drop(ret, FB_REASON_BAD_ADDRESS);
	if (ipv4)
		memcpy(&ret->tuple.v4.sport, ports, sizeof(ports));
	else
		memcpy(&ret->tuple.v6.sport, ports, sizeof(ports));
	return fb_parse_done(ret, FB_PARSE_SERVICE);
}

static inline enum fb_parse parse_tcp(const struct fb_frame *f, uint32_t l4_off, uint32_t l4_len,
				      bool ipv4, struct fb_packet *ret)
{
	const uint8_t *l4 = f->data + l4_off;
	uint32_t header_len;

	if (unlikely(l4_len < FB_TCP_LEN))
		return fb_parse_drop(ret, FB_REASON_TOO_SHORT);
	if (unlikely(l4_off + FB_TCP_LEN > f->data_len))
		return fb_parse_cut(f, l4_off + FB_TCP_LEN, ret);
	header_len = (uint32_t)(l4[12] >> 4) * 4;
	if (unlikely(header_len < FB_TCP_LEN || header_len > l4_len))
		return fb_parse_drop(ret, FB_REASON_BAD_HEADER_LEN);
	ret->tcp_flags = l4[13];
	if (unlikely(fb_tcp_flags_bad(l4[13])))
		return fb_parse_drop(ret, FB_REASON_BAD_TCP_FLAGS);
	return finish_ports(l4, ipv4, ret);
}

static inline enum fb_parse parse_udp(const struct fb_frame *f, uint32_t l4_off, uint32_t l4_len,
				      bool ipv4, struct fb_packet *ret)
{
	const uint8_t *l4 = f->data + l4_off;
	uint32_t udp_len;

	if (unlikely(l4_len < FB_UDP_LEN))
		return fb_parse_drop(ret, FB_REASON_TOO_SHORT);
	if (unlikely(l4_off + FB_UDP_LEN > f->data_len))
		return fb_parse_cut(f, l4_off + FB_UDP_LEN, ret);
	/* Shorter than the IP payload is legal: what follows is not UDP's. */
	udp_len = fb_load16(l4 + 4);
	if (unlikely(udp_len < FB_UDP_LEN || udp_len > l4_len))
		return fb_parse_drop(ret, FB_REASON_BAD_TOTAL_LEN);
	if (fb_load_csum(l4 + FB_UDP_CSUM_OFF) == 0)
		ret->flags |= FB_PKT_UDP_NOSUM;
	return finish_ports(l4, ipv4, ret);
}

static enum fb_parse parse_sctp(const struct fb_frame *f, uint32_t l4_off, uint32_t l4_len,
				bool ipv4, struct fb_packet *ret)
{
	enum fb_reason reason = fb_sctp_read(f, l4_off, l4_len, ret);

	if (unlikely(reason != FB_REASON_NONE))
		return fb_parse_drop(ret, reason);
	return finish_ports(f->data + l4_off, ipv4, ret);
}

/*
 * Options are carried as they are, but for source routes: with one, the destination address is a
 * stop on the way and not whom the packet is for (and RFC 7126, 4.3 and 4.4, advise to drop them).
 */
static enum fb_reason check_ipv4_options(const uint8_t *opt, uint32_t len)
{
	while (len != 0 && opt[0] != IPV4_OPT_END) {
		uint32_t opt_len = 1;

		if (opt[0] != IPV4_OPT_NOP) {
			if (len < 2 || opt[1] < 2 || opt[1] > len)
				return FB_REASON_BAD_HEADER_LEN;
			if (opt[0] == IPV4_OPT_LSRR || opt[0] == IPV4_OPT_SSRR)
				return FB_REASON_BAD_ADDRESS;
			opt_len = opt[1];
		}
		opt += opt_len;
		len -= opt_len;
	}
	return FB_REASON_NONE;
}

/* "This" network, loopback, multicast and broadcast are no hosts (RFC 1122, 3.2.1.3). */
static inline bool ipv4_is_host(const uint8_t *addr)
{
	static const uint8_t broadcast[4] = {255, 255, 255, 255};

	if (likely((uint8_t)(addr[0] - 1) < 223))
		return addr[0] != 127;
	return addr[0] >= 240 && memcmp(addr, broadcast, 4) != 0;
}

static inline bool ipv4_is_group(const uint8_t *addr)
{
	return addr[0] >= 224 && (addr[0] < 240 || !ipv4_is_host(addr));
}

static inline bool ipv4_checksum_good(const uint8_t *l3, uint32_t header_len)
{
	uint32_t words[5];
	uint64_t sum;

	memcpy(words, l3, sizeof(words));
	sum = (uint64_t)words[0] + words[1] + words[2] + words[3] + words[4];
	if (unlikely(header_len > FB_IPV4_LEN))
		sum = fb_csum_add(sum, l3 + FB_IPV4_LEN, header_len - FB_IPV4_LEN);
	return fb_csum_fold(sum) == 0xffff;
}

static enum fb_parse parse_ipv4(const struct fb_frame *f, uint32_t l3_off, struct fb_packet *ret)
{
	const uint8_t *l3 = f->data + l3_off;
	uint32_t header_len;
	uint32_t total_len;
	uint32_t fragment;

	if (unlikely(l3_off + FB_IPV4_LEN > f->data_len))
		return fb_parse_cut(f, l3_off + FB_IPV4_LEN, ret);
	if (unlikely(l3[0] >> 4 != 4))
		return fb_parse_drop(ret, FB_REASON_BAD_VERSION);
	header_len = (uint32_t)(l3[0] & 0x0f) * 4;
	if (unlikely(header_len < FB_IPV4_LEN))
		return fb_parse_drop(ret, FB_REASON_BAD_HEADER_LEN);
	total_len = fb_load16(l3 + 2);
	if (unlikely(total_len < header_len || l3_off + total_len > f->frame_len))
		return fb_parse_drop(ret, FB_REASON_BAD_TOTAL_LEN);
	if (unlikely(l3_off + header_len > f->data_len))
		return fb_parse_cut(f, l3_off + header_len, ret);
	if (unlikely(!ipv4_checksum_good(l3, header_len)))
		return fb_parse_drop(ret, FB_REASON_BAD_IP_CHECKSUM);

	fragment = fb_load16(l3 + 6);
	ret->tuple.proto = ret->proto = l3[9];
	ret->ttl = l3[8];
	ret->flags |= fragment & IPV4_DF ? FB_PKT_IPV4_DF : 0;
	ret->l3_len_bytes = (uint16_t)total_len;
	ret->l4_off = (uint16_t)(l3_off + header_len);
	memcpy(&ret->tuple.v4.src, l3 + 12, 8);

	if (unlikely(ipv4_is_group(l3 + 16)))
		return fb_parse_done(ret, FB_PARSE_OTHER);
	if (unlikely(!fb_parse_carried(ret->proto) && ret->proto != IPPROTO_ICMP))
		return fb_parse_done(ret, FB_PARSE_OTHER);
	if (unlikely(!ipv4_is_host(l3 + 12) || !ipv4_is_host(l3 + 16)))
		return fb_parse_drop(ret, FB_REASON_BAD_ADDRESS);
	if (unlikely(header_len > FB_IPV4_LEN)) {
		enum fb_reason reason =
			check_ipv4_options(l3 + FB_IPV4_LEN, header_len - FB_IPV4_LEN);

		if (reason != FB_REASON_NONE)
			return fb_parse_drop(ret, reason);
	}
	if (unlikely(fragment & IPV4_FRAGMENT_MASK)) {
		if ((fragment & IPV4_OFFSET_MASK) == 0)
			ret->flags |= FB_PKT_FIRST_FRAGMENT;
		return fb_parse_done(ret, FB_PARSE_FRAGMENT);
	}
	if (likely(ret->proto == IPPROTO_TCP))
		return parse_tcp(f, l3_off + header_len, total_len - header_len, true, ret);
	if (likely(ret->proto == IPPROTO_UDP))
		return parse_udp(f, l3_off + header_len, total_len - header_len, true, ret);
	if (ret->proto == IPPROTO_SCTP)
		return parse_sctp(f, l3_off + header_len, total_len - header_len, true, ret);
	return fb_icmp_parse(f, total_len - header_len, ret);
}

/* Unspecified, loopback and mapped addresses are no hosts (RFC 4291, 2.5). All begin with zeros. */
static inline bool ipv6_is_host(const uint8_t *addr)
{
	uint64_t high;

	memcpy(&high, addr, 8);
	if (likely(high != 0))
		return addr[0] != 0xff;
	return !fb_ipv6_is_mapped(addr) &&
	       !(fb_load32(addr + 8) == 0 && fb_load32(addr + 12) <= 1);
}

static inline bool ipv6_is_link_local(const uint8_t *addr)
{
	return addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80;
}

/* ICMPv6 has senders without an address: neighbour discovery (RFC 4861) and MLD. */
static bool ipv6_is_unspecified(const uint8_t *addr)
{
	static const uint8_t unspecified[16];

	return memcmp(addr, unspecified, 16) == 0;
}

static enum fb_parse parse_ipv6_l4(const struct fb_frame *f, uint32_t l4_off, uint32_t l4_len,
				   struct fb_packet *ret)
{
	const uint8_t *l3 = f->data + ret->l3_off;

	ret->tuple.proto = ret->proto;
	ret->l4_off = (uint16_t)l4_off;
	if (ret->proto == IPPROTO_ICMPV6) {
		if (unlikely(!ipv6_is_host(l3 + 24) ||
			     (!ipv6_is_host(l3 + 8) && !ipv6_is_unspecified(l3 + 8))))
			return fb_parse_drop(ret, FB_REASON_BAD_ADDRESS);
		return fb_icmp_parse(f, l4_len, ret);
	}
	if (unlikely(!fb_parse_carried(ret->proto)))
		return fb_parse_done(ret, FB_PARSE_OTHER);
	if (unlikely(!ipv6_is_host(l3 + 8) || !ipv6_is_host(l3 + 24)))
		return fb_parse_drop(ret, FB_REASON_BAD_ADDRESS);
	/* Not forwarded to other links (RFC 4291, 2.5.6), so no service's; perhaps the box's. */
	if (unlikely(ipv6_is_link_local(l3 + 8) || ipv6_is_link_local(l3 + 24)))
		return fb_parse_done(ret, FB_PARSE_OTHER);
	if (likely(ret->proto == IPPROTO_TCP))
		return parse_tcp(f, l4_off, l4_len, false, ret);
	if (likely(ret->proto == IPPROTO_UDP))
		return parse_udp(f, l4_off, l4_len, false, ret);
	return parse_sctp(f, l4_off, l4_len, false, ret);
}

static enum fb_parse parse_ipv6_fragment(const uint8_t *l3, const struct fb_extension_end *end,
					 struct fb_packet *ret)
{
	switch (end->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
	case IPPROTO_ICMPV6:
	case IPPROTO_DSTOPTS: /* what is behind it is in the first fragment only */
		break;
	default:
		return fb_parse_done(ret, FB_PARSE_OTHER);
	}
	if (!ipv6_is_host(l3 + 8) || !ipv6_is_host(l3 + 24))
		return fb_parse_drop(ret, FB_REASON_BAD_ADDRESS);
	ret->flags |= end->first ? FB_PKT_FIRST_FRAGMENT : 0;
	return fb_parse_done(ret, FB_PARSE_FRAGMENT);
}

static enum fb_parse parse_ipv6_extensions(const struct fb_frame *f, uint32_t l3_off,
					   uint32_t end_off, struct fb_packet *ret)
{
	const uint8_t *l3 = f->data + l3_off;
	uint32_t have = end_off < f->data_len ? end_off : f->data_len;
	struct fb_extension_end end = {0};
	enum fb_extension what =
		fb_extension_walk(f->data, l3_off + FB_IPV6_LEN, have, end_off, l3[6], &end);

	ret->tuple.proto = ret->proto = end.proto;
	ret->l4_off = (uint16_t)end.off;
	switch (what) {
	case FB_EXTENSION_WHOLE:
		return parse_ipv6_l4(f, end.off, end_off - end.off, ret);
	case FB_EXTENSION_FRAGMENT:
		return parse_ipv6_fragment(l3, &end, ret);
	case FB_EXTENSION_FOREIGN:
		return fb_parse_done(ret, FB_PARSE_OTHER);
	case FB_EXTENSION_CUT:
		return fb_parse_drop(ret, FB_REASON_HEADER_SPLIT);
	case FB_EXTENSION_BAD:
		break;
	}
	return fb_parse_drop(ret, FB_REASON_BAD_EXTENSION);
}

static enum fb_parse parse_ipv6(const struct fb_frame *f, uint32_t l3_off, struct fb_packet *ret)
{
	const uint8_t *l3 = f->data + l3_off;
	uint32_t payload_len;

	if (unlikely(l3_off + FB_IPV6_LEN > f->data_len))
		return fb_parse_cut(f, l3_off + FB_IPV6_LEN, ret);
	if (unlikely(l3[0] >> 4 != 6))
		return fb_parse_drop(ret, FB_REASON_BAD_VERSION);
	payload_len = fb_load16(l3 + 4);
	/* No length but hop-by-hop options: a jumbogram (RFC 2675). Offsets have 16 bits. */
	if (unlikely(l3_off + FB_IPV6_LEN + payload_len > f->frame_len ||
		     payload_len > UINT16_MAX - FB_IPV6_LEN ||
		     (payload_len == 0 && l3[6] == IPPROTO_HOPOPTS)))
		return fb_parse_drop(ret, FB_REASON_BAD_TOTAL_LEN);

	ret->family = ret->tuple.family = FB_IPV6;
	ret->proto = l3[6];
	ret->ttl = l3[7];
	ret->l3_len_bytes = (uint16_t)(FB_IPV6_LEN + payload_len);
	memcpy(&ret->tuple.v6, l3 + 8, 32);

	if (unlikely(l3[24] == 0xff)) {
		ret->tuple.proto = ret->proto;
		ret->l4_off = (uint16_t)(l3_off + FB_IPV6_LEN);
		/* Of groups' traffic only solicitations are ours; the rest is the kernel's. */
		if (ret->proto != IPPROTO_ICMPV6 || payload_len < FB_ICMP_LEN ||
		    l3_off + FB_IPV6_LEN + FB_ICMP_LEN > f->data_len ||
		    l3[FB_IPV6_LEN] != FB_ICMP6_NS)
			return fb_parse_done(ret, FB_PARSE_OTHER);
		if (fb_ipv6_is_mapped(l3 + 8))
			return fb_parse_drop(ret, FB_REASON_BAD_ADDRESS);
		return fb_icmp_parse(f, payload_len, ret);
	}
	if (likely(fb_parse_carried(ret->proto)))
		return parse_ipv6_l4(f, l3_off + FB_IPV6_LEN, payload_len, ret);
	return parse_ipv6_extensions(f, l3_off, l3_off + FB_IPV6_LEN + payload_len, ret);
}

static enum fb_parse parse_arp(const struct fb_frame *f, uint32_t l3_off, struct fb_packet *ret)
{
	const uint8_t *arp = f->data + l3_off;

	if (l3_off + FB_ARP_LEN > f->data_len)
		return fb_parse_cut(f, l3_off + FB_ARP_LEN, ret);
	/* Hardware type Ethernet, protocol IPv4; of other pairs the kernel may know (RFC 826). */
	if (fb_load16(arp) != 1 || fb_load16(arp + 2) != FB_ETHER_TYPE_IPV4)
		return fb_parse_done(ret, FB_PARSE_OTHER);
	if (arp[4] != 6 || arp[5] != 4)
		return fb_parse_drop(ret, FB_REASON_BAD_HEADER_LEN);
	return fb_parse_done(ret, FB_PARSE_ARP);
}

static bool is_host(const struct fb_addr *addr)
{
	return fb_addr_family(addr) == FB_IPV4 ? ipv4_is_host(addr->bytes + 12)
					       : ipv6_is_host(addr->bytes);
}

bool fb_tuple_is_sane(const struct fb_tuple *tuple)
{
	struct fb_addr src = fb_tuple_src(tuple);
	struct fb_addr dst = fb_tuple_dst(tuple);

	if (tuple->family == FB_IPV4 ? ipv4_is_group(dst.bytes + 12) : dst.bytes[0] == 0xff)
		return true; /* the kernel's, whatever else */
	return is_host(&src) && is_host(&dst) && fb_tuple_sport(tuple) != 0 &&
	       fb_tuple_dport(tuple) != 0;
}

enum fb_parse fb_packet_parse(const uint8_t *data, uint32_t data_len, uint32_t frame_len,
			      struct fb_packet *ret)
{
	const struct fb_frame f = {.data = data, .data_len = data_len, .frame_len = frame_len};
	uint32_t l3_off = FB_ETHER_LEN;
	uint32_t type;

	memset(ret, 0, offsetof(struct fb_packet, quote));
	if (unlikely(data_len < FB_ETHER_LEN))
		return fb_parse_cut(&f, FB_ETHER_LEN, ret);
	ret->flags = data[0] & 1 ? FB_PKT_MULTICAST : 0;
	type = fb_load16(data + 12);
	if (unlikely(type == FB_ETHER_TYPE_VLAN)) {
		l3_off += FB_VLAN_LEN;
		if (data_len < l3_off)
			return fb_parse_cut(&f, l3_off, ret);
		ret->flags |= FB_PKT_VLAN;
		ret->vlan_tci = fb_load16(data + FB_ETHER_LEN);
		type = fb_load16(data + FB_ETHER_LEN + 2);
	}
	ret->ether_type = (uint16_t)type;
	ret->l3_off = (uint16_t)l3_off;
	if (likely(type == FB_ETHER_TYPE_IPV4))
		return parse_ipv4(&f, l3_off, ret);
	switch (type) {
	case FB_ETHER_TYPE_IPV6:
		return parse_ipv6(&f, l3_off, ret);
	case FB_ETHER_TYPE_ARP:
		return parse_arp(&f, l3_off, ret);
	case FB_ETHER_TYPE_VLAN:
	case FB_ETHER_TYPE_QINQ:
	case FB_ETHER_TYPE_OLDQ:
		return fb_parse_drop(ret, FB_REASON_VLAN);
	default:
		return fb_parse_done(ret, FB_PARSE_OTHER);
	}
}
