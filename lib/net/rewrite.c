/* SPDX-License-Identifier: BSD-3-Clause */

#include "net/rewrite.h"

#include <netinet/in.h>
#include <string.h>

#include "net/checksum.h"
#include "net/sctp.h"
#include "net/wire.h"

static uint32_t ports_of(const struct fb_tuple *t)
{
	return fb_crc32c_load((const uint8_t *)(t->family == FB_IPV4 ? &t->v4.sport : &t->v6.sport));
}

void fb_rewrite_sctp(uint8_t *l4, const struct fb_packet *pkt)
{
	const uint32_t l4_len =
		(uint32_t)pkt->l3_off + pkt->l3_len_bytes - pkt->l4_off + pkt->l4_more;
	const uint32_t diff = ports_of(&pkt->tuple) ^ fb_crc32c_load(l4);
	const bool summed = (pkt->flags & FB_PKT_SCTP_NOSUM) == 0;

	if (likely(summed))
		fb_crc32c_store(l4 + FB_SCTP_CSUM_OFF, fb_crc32c_load(l4 + FB_SCTP_CSUM_OFF) ^
							       fb_crc32c_change(diff, l4_len - 4));
	if (unlikely(pkt->sctp_chunks & (FB_SCTP_INIT | FB_SCTP_INIT_ACK)))
		fb_sctp_hide_addresses(l4, l4_len, summed);
}

/* Write new bytes (an even number, at an even place of what is summed), and return the delta. */
static uint16_t replace(uint8_t *at, const void *new_bytes, size_t len)
{
	uint16_t delta = fb_csum_delta(at, new_bytes, len);

	memcpy(at, new_bytes, len);
	return delta;
}

/*
 * The checksum of a quoted SCTP packet is over all of it, of which the quote may be a part: its length
 * is the IP header's word. @return the delta
 */
static uint64_t rewrite_quoted_sctp(const uint8_t *l3, uint8_t *l4, const struct fb_packet *pkt,
				    const struct fb_tuple *quote)
{
	const uint32_t l3_len =
		pkt->family == FB_IPV4 ? fb_load16(l3 + 2) : FB_IPV6_LEN + (uint32_t)fb_load16(l3 + 4);
	const uint32_t head_len = (uint32_t)(l4 - l3);
	uint8_t csum[4];

	if (pkt->quote_l4_len < FB_SCTP_LEN || l3_len < head_len + FB_SCTP_LEN ||
	    fb_load32(l4 + FB_SCTP_CSUM_OFF) == 0)
		return 0;
	fb_crc32c_store(csum, fb_crc32c_load(l4 + FB_SCTP_CSUM_OFF) ^
				      fb_crc32c_change(ports_of(&pkt->quote) ^ ports_of(quote),
						       l3_len - head_len - 4));
	return replace(l4 + FB_SCTP_CSUM_OFF, csum, sizeof(csum));
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
	} else if (pkt->quote.proto == IPPROTO_SCTP) {
		sum += rewrite_quoted_sctp(l3, l4, pkt, quote);
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

void fb_rewrite_quoted_seq(uint8_t *data, const struct fb_packet *pkt, uint32_t less)
{
	uint8_t *tcp = data + pkt->quote_l4_off;
	uint8_t *icmp = data + pkt->l4_off;
	const uint32_t seq = rte_cpu_to_be_32(fb_load32(tcp + 4) - less);
	const uint16_t delta = replace(tcp + 4, &seq, sizeof(seq));

	/* What the number adds its own checksum takes away, so the sum over both stays. */
	if (pkt->quote_l4_len >= FB_TCP_CSUM_OFF + 2)
		fb_store_csum(tcp + FB_TCP_CSUM_OFF,
			      fb_csum_apply(fb_load_csum(tcp + FB_TCP_CSUM_OFF), delta));
	else
		fb_store_csum(icmp + 2, fb_csum_apply(fb_load_csum(icmp + 2), delta));
}
