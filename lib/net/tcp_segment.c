/* SPDX-License-Identifier: BSD-3-Clause */

#include "net/tcp_segment.h"

#include <netinet/in.h>

#include "net/build.h"

uint32_t fb_tcp_segment_build(const struct fb_tuple *to, const uint8_t smac[6],
			      const uint8_t dmac[6], const struct fb_tcp_segment *segment,
			      uint8_t *out, uint32_t out_size)
{
	const enum fb_family family = (enum fb_family)to->family;
	const uint8_t *src = family == FB_IPV4 ? (const uint8_t *)&to->v4.src : to->v6.src;
	const uint8_t *dst = family == FB_IPV4 ? (const uint8_t *)&to->v4.dst : to->v6.dst;
	const rte_be16_t ports[2] = {fb_tuple_sport(to), fb_tuple_dport(to)};
	uint8_t options[FB_TCP_OPTIONS_MAX];
	const uint32_t l4_len = FB_TCP_LEN + fb_tcp_options_write(&segment->options, options);
	const uint32_t len = FB_ETHER_LEN + fb_build_l3_len(family) + l4_len;
	uint8_t *tcp;

	if (out_size < len)
		return 0;
	tcp = fb_build_ip(out, dmac, smac, family, src, dst, IPPROTO_TCP, l4_len);
	memset(tcp, 0, FB_TCP_LEN);
	memcpy(tcp, ports, sizeof(ports));
	fb_store32(tcp + 4, segment->seq);
	fb_store32(tcp + 8, segment->ack);
	tcp[12] = (uint8_t)(l4_len / 4 << 4);
	tcp[13] = segment->flags;
	fb_store16(tcp + 14, segment->window);
	memcpy(tcp + FB_TCP_LEN, options, l4_len - FB_TCP_LEN);
	fb_build_checksum(out, family, IPPROTO_TCP, l4_len, FB_TCP_CSUM_OFF);
	return len;
}

bool fb_tcp_is_summed(const uint8_t *data, uint32_t data_len, const struct fb_packet *pkt)
{
	const uint32_t end = (uint32_t)pkt->l3_off + pkt->l3_len_bytes;
	const uint32_t l4_len = end - pkt->l4_off;
	uint64_t sum;

	if (end > data_len)
		return false;
	sum = fb_csum_pseudo(data + pkt->l3_off, (int)pkt->family, IPPROTO_TCP, l4_len);
	return fb_csum_fold(fb_csum_add(sum, data + pkt->l4_off, l4_len)) == UINT16_MAX;
}
