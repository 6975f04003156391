/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include "sample.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

uint32_t sample_sum(uint32_t sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

uint32_t sample_l4_sum(const uint8_t *l3, const uint8_t *l4, uint32_t l4_len, uint8_t proto)
{
	uint32_t sum = 0;

	if (proto != IPPROTO_ICMP) {
		sum = proto + l4_len;
		sum = l3[0] >> 4 == 4 ? sample_sum(sum, l3 + 12, 8) : sample_sum(sum, l3 + 8, 32);
	}
	return sample_sum(sum, l4, l4_len);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

uint32_t sample_crc(const uint8_t *l4, uint32_t l4_len)
{
	uint32_t crc = UINT32_MAX;

	for (uint32_t i = 0; i < l4_len; i++) {
		crc ^= i >= 8 && i < 12 ? 0 : l4[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	crc = ~crc;
	return crc << 24 | (crc << 8 & 0xff0000) | (crc >> 8 & 0xff00) | crc >> 24;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint32_t build_sctp(const struct sample *s, uint8_t *l4)
{
	uint32_t len = 12 + s->chunks_len;

	put16(l4, s->sport ? s->sport : 40000);
	put16(l4 + 2, s->dport ? s->dport : 80);
	put32(l4 + 4, s->tag);
	if (s->chunks != NULL) {
		memcpy(l4 + 12, s->chunks, s->chunks_len);
	} else {
		put16(l4 + 12, 0x0003);
		put16(l4 + 14, 4u + s->payload_len);
		for (uint32_t i = 0; i < s->payload_len; i++)
			l4[16 + i] = s->payload != NULL ? s->payload[i] : (uint8_t)(i + 1);
		len = 16 + s->payload_len;
	}
	put32(l4 + 8, s->no_sum ? 0 : sample_crc(l4, len));
	return len;
}

static uint32_t build_l4(const struct sample *s, const uint8_t *l3, uint8_t *l4)
{
	uint32_t header_len = 8;
	uint32_t csum_off = 2;
	uint32_t len;
	uint32_t sum;

	if (s->proto == IPPROTO_SCTP)
		return build_sctp(s, l4);
	put16(l4, s->sport ? s->sport : 40000);
	put16(l4 + 2, s->dport ? s->dport : 80);
	if (s->proto == IPPROTO_TCP) {
		header_len = 20 + s->tcp_options_len;
		csum_off = 16;
		memset(l4 + 4, 0x11, 4);
		memset(l4 + 8, 0x22, 4);
		l4[12] = (uint8_t)(header_len / 4 << 4);
		l4[13] = s->tcp_flags;
		put16(l4 + 14, 65535);
		put16(l4 + 18, 0);
		memset(l4 + 20, 1, s->tcp_options_len);
	} else if (s->proto == IPPROTO_UDP) {
		csum_off = 6;
		put16(l4 + 4, 8u + s->payload_len);
	} else {
		l4[0] = s->icmp_type;
		l4[1] = s->icmp_code;
		memcpy(l4 + 4, s->icmp_rest, 4);
	}
	for (uint32_t i = 0; i < s->payload_len; i++)
		l4[header_len + i] = s->payload != NULL ? s->payload[i] : (uint8_t)(i + 1);
	len = header_len + s->payload_len;
	put16(l4 + csum_off, 0);
	sum = ~sample_l4_sum(l3, l4, len, s->proto) & 0xffff;
	if (s->proto == IPPROTO_UDP && sum == 0)
		sum = 0xffff;
	put16(l4 + csum_off, s->no_sum ? 0 : sum);
	return len;
}

uint32_t sample_build(const struct sample *s, uint8_t *out)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	uint8_t *l3 = out + (s->vlan ? 18 : 14);
	uint32_t header_len = (s->ipv6 ? 40u : 20u) + s->l3_extra_len;
	uint32_t l4_len;

	memcpy(out, macs, sizeof(macs));
	if (s->vlan) {
		put16(out + 12, 0x8100);
		put16(out + 14, 0x2064);
	}
	put16(l3 - 2, s->ipv6 ? 0x86dd : 0x0800);
	memset(l3, 0, header_len);
	if (s->ipv6) {
		l3[0] = 0x60;
		l3[6] = s->l3_extra_len ? s->first_header : s->proto;
		l3[7] = s->ttl ? s->ttl : 64;
		assert_int_equal(inet_pton(AF_INET6, s->src ? s->src : SAMPLE_SRC6, l3 + 8), 1);
		assert_int_equal(inet_pton(AF_INET6, s->dst ? s->dst : SAMPLE_DST6, l3 + 24), 1);
	} else {
		l3[0] = (uint8_t)(0x40 | header_len / 4);
		put16(l3 + 4, 7);
		l3[6] = 0x40;
		l3[8] = s->ttl ? s->ttl : 64;
		l3[9] = s->proto;
		assert_int_equal(inet_pton(AF_INET, s->src ? s->src : SAMPLE_SRC4, l3 + 12), 1);
		assert_int_equal(inet_pton(AF_INET, s->dst ? s->dst : SAMPLE_DST4, l3 + 16), 1);
	}
	if (s->l3_extra_len)
		memcpy(l3 + header_len - s->l3_extra_len, s->l3_extra, s->l3_extra_len);
	l4_len = build_l4(s, l3, l3 + header_len);
	if (s->ipv6) {
		put16(l3 + 4, s->l3_extra_len + l4_len);
	} else {
		put16(l3 + 2, header_len + l4_len);
		put16(l3 + 10, ~sample_sum(0, l3, header_len) & 0xffff);
	}
	memset(l3 + header_len + l4_len, 0, s->padding_len);
	return (uint32_t)(l3 - out) + header_len + l4_len + s->padding_len;
}

void sample_fix_ipv4(uint8_t *frame)
{
	put16(frame + 24, 0);
	put16(frame + 24, ~sample_sum(0, frame + 14, (frame[14] & 0x0fu) * 4) & 0xffff);
}

void sample_fix_icmp(uint8_t *frame)
{
	uint8_t *l3 = frame + 14;
	bool ipv6 = l3[0] >> 4 == 6;
	uint8_t *l4 = l3 + (ipv6 ? 40 : 20);
	uint32_t len = ipv6 ? (uint32_t)(l3[4] << 8 | l3[5]) : (uint32_t)(l3[2] << 8 | l3[3]) - 20;

	put16(l4 + 2, 0);
	put16(l4 + 2, ~sample_l4_sum(l3, l4, len, ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) & 0xffff);
}

void sample_fix_sctp(uint8_t *frame)
{
	uint8_t *l3 = frame + 14;
	bool ipv6 = l3[0] >> 4 == 6;
	uint8_t *l4 = l3 + (ipv6 ? 40 : 20);

	put32(l4 + 8, sample_crc(l4, ipv6 ? (uint32_t)(l3[4] << 8 | l3[5])
					  : (uint32_t)(l3[2] << 8 | l3[3]) - 20));
}

static uint32_t load32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void sample_assert_sums(const uint8_t *frame, const struct fb_packet *pkt)
{
	const uint8_t *l3 = frame + pkt->l3_off;
	const uint8_t *l4 = frame + pkt->l4_off;
	uint32_t l4_len = (uint32_t)pkt->l3_len_bytes - (uint32_t)(l4 - l3);

	if (pkt->family == FB_IPV4)
		assert_int_equal(sample_sum(0, l3, (l3[0] & 0x0fu) * 4), 0xffff);
	if (pkt->proto == IPPROTO_UDP && l4[6] == 0 && l4[7] == 0)
		return;
	if (pkt->proto == IPPROTO_SCTP && load32(l4 + 8) != 0)
		assert_int_equal(load32(l4 + 8), sample_crc(l4, l4_len));
	if (pkt->proto != IPPROTO_SCTP)
		assert_int_equal(sample_l4_sum(l3, l4, l4_len, pkt->proto), 0xffff);
}

uint8_t *sample_exact(const uint8_t *frame, uint32_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, frame, len);
	return copy;
}

struct fb_addr sample_addr(const char *text)
{
	struct fb_addr a;

	assert_int_equal(fb_addr_parse(text, &a), 0);
	return a;
}

uint32_t sample_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}
