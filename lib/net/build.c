/* SPDX-License-Identifier: BSD-3-Clause */

#include "net/build.h"

#include <netinet/in.h>

uint8_t *fb_build_ip(uint8_t *out, const uint8_t dmac[6], const uint8_t smac[6],
		     enum fb_family family, const uint8_t *src, const uint8_t *dst, uint8_t proto,
		     uint32_t l4_len)
{
	uint8_t *l3 = out + FB_ETHER_LEN;

	memset(l3, 0, fb_build_l3_len(family));
	if (family == FB_IPV4) {
		fb_build_ether(out, dmac, smac, FB_ETHER_TYPE_IPV4);
		l3[0] = 0x45;
		/* RFC 1812, 4.3.2.5: errors go with precedence "internetwork control". */
		l3[1] = proto == IPPROTO_ICMP ? 0xc0 : 0;
		fb_store16(l3 + 2, (uint16_t)(FB_IPV4_LEN + l4_len));
		/* Don't fragment, so the identification need not be unique (RFC 6864, 4.1). */
		l3[6] = 0x40;
		l3[8] = FB_ANSWER_TTL;
		l3[9] = proto;
		memcpy(l3 + 12, src, 4);
		memcpy(l3 + 16, dst, 4);
		fb_store_csum(l3 + 10, (uint16_t)~fb_csum_fold(fb_csum_add(0, l3, FB_IPV4_LEN)));
		return l3 + FB_IPV4_LEN;
	}
	fb_build_ether(out, dmac, smac, FB_ETHER_TYPE_IPV6);
	l3[0] = 0x60;
	fb_store16(l3 + 4, (uint16_t)l4_len);
	l3[6] = proto;
	l3[7] = FB_ANSWER_TTL;
	memcpy(l3 + 8, src, 16);
	memcpy(l3 + 24, dst, 16);
	return l3 + FB_IPV6_LEN;
}

void fb_build_checksum(uint8_t *out, enum fb_family family, uint8_t proto, uint32_t l4_len,
		       uint32_t csum_off)
{
	uint8_t *l3 = out + FB_ETHER_LEN;
	uint8_t *l4 = l3 + fb_build_l3_len(family);
	uint64_t sum = 0;

	if (proto != IPPROTO_ICMP)
		sum = fb_csum_pseudo(l3, family, proto, l4_len);
	fb_store16(l4 + csum_off, 0);
	fb_store_csum(l4 + csum_off, (uint16_t)~fb_csum_fold(fb_csum_add(sum, l4, l4_len)));
}
