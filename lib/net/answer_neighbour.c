/* SPDX-License-Identifier: BSD-3-Clause */

/* Who has this address: ARP (RFC 826, 5227) and neighbour discovery (RFC 4861). */

#include <netinet/in.h>

#include "net/answer.h"
#include "net/build.h"

#define ARP_REQUEST 1
#define ARP_REPLY   2

#define NA_LEN       32 /* with the target link-layer address option */
#define NA_SOLICITED 0x40
#define NA_OVERRIDE  0x20

static const uint8_t all_nodes[16] = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
static const uint8_t broadcast_mac[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

bool fb_answer_target(const uint8_t *data, const struct fb_packet *pkt, struct fb_addr *ret)
{
	struct fb_addr target;

	if (pkt->kind == FB_PARSE_ARP) {
		const uint8_t *arp = data + pkt->l3_off;

		if (fb_load16(arp + 6) != ARP_REQUEST)
			return false;
		*ret = fb_addr_from_bytes(FB_IPV4, arp + 24);
		return true;
	}
	if (pkt->kind != FB_PARSE_NDP_NS)
		return false;
	target = fb_addr_from_bytes(FB_IPV6, data + pkt->l4_off + 8);
	/* A mapped target would read as the IPv4 address. */
	if (fb_addr_family(&target) != FB_IPV6)
		return false;
	*ret = target;
	return true;
}

static uint32_t write_arp(uint8_t *out, const uint8_t dmac[6], uint16_t operation,
			  const uint8_t smac[6], const uint8_t *sender_ip,
			  const uint8_t *target_mac, const uint8_t *target_ip)
{
	uint8_t *arp = out + FB_ETHER_LEN;

	fb_build_ether(out, dmac, smac, FB_ETHER_TYPE_ARP);
	fb_store16(arp, 1);
	fb_store16(arp + 2, FB_ETHER_TYPE_IPV4);
	arp[4] = 6;
	arp[5] = 4;
	fb_store16(arp + 6, operation);
	memcpy(arp + 8, smac, 6);
	memcpy(arp + 14, sender_ip, 4);
	memcpy(arp + 18, target_mac, 6);
	memcpy(arp + 24, target_ip, 4);
	return FB_ETHER_LEN + FB_ARP_LEN;
}

static uint32_t write_advertisement(uint8_t *out, const uint8_t dmac[6], const uint8_t smac[6],
				    const uint8_t *dst, const uint8_t *target, uint8_t flags)
{
	uint8_t *na = fb_build_ip(out, dmac, smac, FB_IPV6, target, dst, IPPROTO_ICMPV6, NA_LEN);

	out[FB_ETHER_LEN + 7] = 255; /* the receiver's proof that it is from this link */
	memset(na, 0, NA_LEN);
	na[0] = FB_ICMP6_NA;
	na[4] = flags;
	memcpy(na + 8, target, 16);
	na[24] = FB_NDP_OPT_TARGET_MAC;
	na[25] = 1;
	memcpy(na + 26, smac, 6);
	fb_build_checksum(out, FB_IPV6, IPPROTO_ICMPV6, NA_LEN, 2);
	return FB_ETHER_LEN + FB_IPV6_LEN + NA_LEN;
}

/* A sender that a reply can be sent to. Zero is a probe's (RFC 5227, 2.1.1), and is answered. */
static bool arp_sender_good(const uint8_t *data, const uint8_t *arp)
{
	return !(data[6] & 1) && !(arp[8] & 1) && arp[14] != 127 && arp[14] < 224;
}

uint32_t fb_answer_neighbour(const uint8_t *data, const struct fb_packet *pkt,
			     const uint8_t smac[6], uint8_t *out, uint32_t out_size)
{
	static const uint8_t unspecified[16];
	struct fb_addr target;

	if (!fb_answer_target(data, pkt, &target))
		return 0;
	if (pkt->kind == FB_PARSE_ARP) {
		const uint8_t *arp = data + pkt->l3_off;

		if (out_size < FB_ETHER_LEN + FB_ARP_LEN || !arp_sender_good(data, arp))
			return 0;
		return write_arp(out, data + 6, ARP_REPLY, smac, arp + 24, arp + 8, arp + 14);
	}
	if (out_size < FB_ETHER_LEN + FB_IPV6_LEN + NA_LEN || (data[6] & 1))
		return 0;
	/* Someone is about to take the address and has none yet: all are told (RFC 4861, 7.2.4). */
	if (memcmp(pkt->tuple.v6.src, unspecified, 16) == 0)
		return write_advertisement(out, all_nodes_mac, smac, all_nodes, target.bytes,
					   NA_OVERRIDE);
	return write_advertisement(out, data + 6, smac, pkt->tuple.v6.src, target.bytes,
				   NA_SOLICITED | NA_OVERRIDE);
}

uint32_t fb_answer_announce(const struct fb_addr *addr, const uint8_t smac[6], uint8_t *out,
			    uint32_t out_size)
{
	static const uint8_t unknown_mac[6];

	if (fb_addr_family(addr) == FB_IPV4) {
		if (out_size < FB_ETHER_LEN + FB_ARP_LEN)
			return 0;
		return write_arp(out, broadcast_mac, ARP_REQUEST, smac, addr->bytes + 12,
				 unknown_mac, addr->bytes + 12);
	}
	if (out_size < FB_ETHER_LEN + FB_IPV6_LEN + NA_LEN)
		return 0;
	return write_advertisement(out, all_nodes_mac, smac, all_nodes, addr->bytes, NA_OVERRIDE);
}
