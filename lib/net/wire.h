/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NET_WIRE_H
#define FB_NET_WIRE_H

/*
 * Fields as they stand in packets, at any alignment, to and from host order; and the numbers that
 * the parser and the answers share. Internal to lib/net, lib/dns and the SYN proxy (datapath/proxy.c).
 */

#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>

#define FB_ETHER_LEN 14
#define FB_VLAN_LEN  4
#define FB_ARP_LEN   28
#define FB_IPV4_LEN  20
#define FB_IPV6_LEN  40
#define FB_ICMP_LEN  8
#define FB_UDP_LEN   8
#define FB_TCP_LEN   20

#define FB_ETHER_TYPE_IPV4 0x0800
#define FB_ETHER_TYPE_ARP  0x0806
#define FB_ETHER_TYPE_VLAN 0x8100
#define FB_ETHER_TYPE_IPV6 0x86dd
#define FB_ETHER_TYPE_QINQ 0x88a8 /* IEEE 802.1ad */
#define FB_ETHER_TYPE_OLDQ 0x9100 /* stacked tags before 802.1ad */

#define FB_UDP_CSUM_OFF 6
#define FB_TCP_CSUM_OFF 16

#define FB_ICMP4_ECHO_REPLY  0
#define FB_ICMP4_UNREACHABLE 3
#define FB_ICMP4_ECHO        8
#define FB_ICMP4_EXCEEDED    11
#define FB_ICMP4_PARAMETER   12

#define FB_ICMP6_UNREACHABLE 1
#define FB_ICMP6_TOO_BIG     2
#define FB_ICMP6_EXCEEDED    3
#define FB_ICMP6_PARAMETER   4
#define FB_ICMP6_ECHO        128
#define FB_ICMP6_ECHO_REPLY  129
#define FB_ICMP6_NS          135
#define FB_ICMP6_NA          136

#define FB_NDP_OPT_SOURCE_MAC 1
#define FB_NDP_OPT_TARGET_MAC 2

static inline uint16_t fb_load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return rte_be_to_cpu_16(v);
}

static inline void fb_store16(uint8_t *p, uint16_t v)
{
	v = rte_cpu_to_be_16(v);
	memcpy(p, &v, sizeof(v));
}

static inline uint32_t fb_load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return rte_be_to_cpu_32(v);
}

static inline void fb_store32(uint8_t *p, uint32_t v)
{
	v = rte_cpu_to_be_32(v);
	memcpy(p, &v, sizeof(v));
}

/* Checksums stay as they stand in packets (net/checksum.h). */
static inline uint16_t fb_load_csum(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void fb_store_csum(uint8_t *p, uint16_t v)
{
	memcpy(p, &v, sizeof(v));
}

#endif
