/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NET_BUILD_H
#define FB_NET_BUILD_H

/*
 * Headers of frames of our own. Internal to lib/net, where net/answer.h is the contract, and to
 * forebay-bench, which makes its traffic with them.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "net/checksum.h"
#include "net/wire.h"

#define FB_ANSWER_TTL 64

static inline uint32_t fb_build_l3_len(enum fb_family family)
{
	return family == FB_IPV4 ? FB_IPV4_LEN : FB_IPV6_LEN;
}

static inline void fb_build_ether(uint8_t *out, const uint8_t dmac[6], const uint8_t smac[6],
				  uint16_t type)
{
	memcpy(out, dmac, 6);
	memcpy(out + 6, smac, 6);
	fb_store16(out + 12, type);
}

/*
 * Ethernet and IP header, complete; the payload of l4_len bytes goes to what is returned. src and
 * dst are addresses as they stand in packets, and may lie anywhere but in the headers of out.
 */
uint8_t *fb_build_ip(uint8_t *out, const uint8_t dmac[6], const uint8_t smac[6],
		     enum fb_family family, const uint8_t *src, const uint8_t *dst, uint8_t proto,
		     uint32_t l4_len);

/* The checksum at l4 + csum_off over the payload and, but for ICMP over IPv4, the pseudo header. */
void fb_build_checksum(uint8_t *out, enum fb_family family, uint8_t proto, uint32_t l4_len,
		       uint32_t csum_off);

#endif
