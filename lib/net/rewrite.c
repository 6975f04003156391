/* SPDX-License-Identifier: BSD-3-Clause */

#include "net/rewrite.h"

#include <netinet/in.h>
#include <string.h>

#include "net/checksum.h"
#include "net/wire.h"

void fb_rewrite_prepare(const struct fb_tuple *from, const struct fb_tuple *to,
			struct fb_rewrite *ret)
{
	if (from->family == FB_IPV4) {
		uint16_t ports = fb_csum_delta(&from->v4.sport, &to->v4.sport, 4);

		ret->ip_delta = fb_csum_delta(&from->v4.src, &to->v4.src, 8);
		ret->l4_delta = fb_csum_fold((uint64_t)ret->ip_delta + ports);
	} else {
		ret->ip_delta = 0;
		ret->l4_delta = fb_csum_delta(&from->v6, &to->v6, sizeof(from->v6));
	}
}

/* Write new bytes (an even number, at an even place of what is summed), and return the delta. */
static uint16_t replace(uint8_t *at, const void *new_bytes, size_t len)
{
	uint16_t delta = fb_csum_delta(at, new_bytes, len);

	memcpy(at, new_bytes, len);
	return delta;
}

/* The quoted packet's tuple and checksums; returns the delta of all its bytes together. */
static uint64_t rewrite_quote(uint8_t *data, const struct fb_packet *pkt,
			      const struct fb_tuple *quote)
{
	uint8_t *l3 = data + pkt->quote_l3_off;
	uint8_t *l4 = data + pkt->quote_l4_off;
	struct fb_rewrite rw;
	uint64_t sum = 0;
	uint16_t csum;

	fb_rewrite_prepare(&pkt->quote, quote, &rw);
	if (pkt->family == FB_IPV4) {
		csum = fb_csum_apply(fb_load_csum(l3 + 10), rw.ip_delta);
		sum += replace(l3 + 10, &csum, 2);
		sum += replace(l3 + 12, &quote->v4.src, 8);
		sum += replace(l4, &quote->v4.sport, 4);
	} else {
		sum += replace(l3 + 8, &quote->v6, 32);
		sum += replace(l4, &quote->v6.sport, 4);
	}
	if (pkt->quote.proto == IPPROTO_UDP) {
		csum = fb_csum_apply_udp(fb_load_csum(l4 + FB_UDP_CSUM_OFF), rw.l4_delta);
		sum += replace(l4 + FB_UDP_CSUM_OFF, &csum, 2);
	} else if (pkt->quote_l4_len >= FB_TCP_CSUM_OFF + 2) {
		csum = fb_csum_apply(fb_load_csum(l4 + FB_TCP_CSUM_OFF), rw.l4_delta);
		sum += replace(l4 + FB_TCP_CSUM_OFF, &csum, 2);
	}
	return sum;
}

void fb_rewrite_icmp_error(uint8_t *data, const struct fb_packet *pkt,
			   const struct fb_addr *outer_src, const struct fb_addr *outer_dst,
			   const struct fb_tuple *quote)
{
	uint8_t *l3 = data + pkt->l3_off;
	uint8_t *icmp = data + pkt->l4_off;
	uint64_t sum = rewrite_quote(data, pkt, quote);

	if (pkt->family == FB_IPV4) {
		uint64_t ip_sum = FB_REWRITE_TTL_DELTA;

		l3[8]--;
		ip_sum += replace(l3 + 12, outer_src->bytes + 12, 4);
		ip_sum += replace(l3 + 16, outer_dst->bytes + 12, 4);
		fb_store_csum(l3 + 10,
			      fb_csum_apply(fb_load_csum(l3 + 10), fb_csum_fold(ip_sum)));
	} else {
		/* ICMPv6 sums its pseudo header as well (RFC 4443, 2.3). */
		l3[7]--;
		sum += replace(l3 + 8, outer_src->bytes, 16);
		sum += replace(l3 + 24, outer_dst->bytes, 16);
	}
	fb_store_csum(icmp + 2, fb_csum_apply(fb_load_csum(icmp + 2), fb_csum_fold(sum)));
}
