/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The input is a frame; its last byte says how much of it is in the first segment. Whatever it is
 * parsed as is then done to it: rewritten, answered, translated.
 */

#include "fuzz.h"

#include <netinet/in.h>

#include "net/answer.h"
#include "net/rewrite.h"

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1};

/* By the byte, as RFC 1071 says it, to check lib/net's by. */
static uint32_t sum_bytes(uint32_t sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t sum_l4(const uint8_t *l3, uint32_t l4_off, uint32_t l3_len, uint8_t proto)
{
	uint32_t sum = 0;

	if (proto != IPPROTO_ICMP) {
		sum = l3_len - l4_off + proto;
		sum = l3[0] >> 4 == 4 ? sum_bytes(sum, l3 + 12, 8) : sum_bytes(sum, l3 + 8, 32);
	}
	return sum_bytes(sum, l3 + l4_off, l3_len - l4_off);
}

/* The CRC32c of an SCTP packet by the bit, its own field taken as zero. */
static uint32_t sctp_crc(const uint8_t *l4, uint32_t len)
{
	uint32_t crc = UINT32_MAX;

	for (uint32_t i = 0; i < len; i++) {
		crc ^= i >= 8 && i < 12 ? 0 : l4[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* What is wrong with the packet's L4 checksum: the same before and after whatever is done to it. */
static uint32_t sctp_error(const uint8_t *data, const struct fb_packet *pkt)
{
	const uint8_t *l4 = data + pkt->l4_off;

	return sctp_crc(l4, (uint32_t)pkt->l3_off + pkt->l3_len_bytes - pkt->l4_off) ^
	       ((uint32_t)l4[8] | (uint32_t)l4[9] << 8 | (uint32_t)l4[10] << 16 |
		(uint32_t)l4[11] << 24);
}

/* A frame that left us: sound by itself, whole, and with good checksums. */
static void check_answer(const uint8_t *out, uint32_t len)
{
	struct fb_packet pkt;
	enum fb_parse kind;
	uint8_t *copy;

	if (len == 0)
		return;
	fuzz_require(len <= FB_ANSWER_MAX);
	copy = malloc(len);
	fuzz_require(copy != NULL);
	memcpy(copy, out, len);
	kind = fb_packet_parse(copy, len, len, &pkt);
	/* An error may quote so little (a first fragment, many extensions) that nobody wants it. */
	fuzz_require(kind != FB_PARSE_DROP || pkt.reason == FB_REASON_ICMP_MALFORMED);
	fuzz_require(pkt.l3_off == 14);
	fuzz_require(memcmp(copy + 6, our_mac, 6) == 0);
	if (kind == FB_PARSE_SERVICE && pkt.proto == IPPROTO_SCTP) {
		fuzz_require(sctp_error(copy, &pkt) == 0);
	} else if (kind != FB_PARSE_ARP) {
		fuzz_require(pkt.l3_len_bytes + 14u == len);
		if (pkt.family == FB_IPV4)
			fuzz_require(sum_bytes(0, copy + 14, 20) == 0xffff);
		fuzz_require(sum_l4(copy + 14, pkt.l4_off - 14u, pkt.l3_len_bytes, pkt.proto) ==
			     0xffff);
	}
	free(copy);
}

static void answer_all(const uint8_t *data, uint32_t data_len, const struct fb_packet *pkt)
{
	static const struct fb_addr v4 = {{[10] = 0xff, [11] = 0xff, [12] = 192, [15] = 1}};
	static const struct fb_addr v6 = {{[0] = 0x20, [1] = 0x01, [15] = 1}};
	const struct fb_addr *src = pkt->family == FB_IPV4 ? &v4 : &v6;
	uint8_t *out = malloc(FB_ANSWER_MAX);

	fuzz_require(out != NULL);
	check_answer(out, fb_answer_tcp_reset(data, pkt, our_mac, out, FB_ANSWER_MAX));
	check_answer(out, fb_answer_sctp(data, pkt, our_mac, out, FB_ANSWER_MAX));
	for (int error = FB_ICMP_PORT_UNREACHABLE; error <= FB_ICMP_TOO_BIG; error++)
		check_answer(out, fb_answer_icmp_error(data, data_len, pkt, error, src, 1400,
						       our_mac, out, FB_ANSWER_MAX));
	check_answer(out, fb_answer_neighbour(data, pkt, our_mac, out, FB_ANSWER_MAX));
	free(out);
}

static struct fb_tuple other_tuple(const struct fb_tuple *from)
{
	struct fb_tuple to = *from;

	if (to.family == FB_IPV4) {
		to.v4.src = RTE_BE32(0xc0000207);
		to.v4.dst = RTE_BE32(0x0a141e28);
		to.v4.sport = RTE_BE16(40000);
		to.v4.dport = RTE_BE16(8080);
	} else {
		memset(to.v6.src, 0x21, 16);
		memset(to.v6.dst, 0x32, 16);
		to.v6.sport = RTE_BE16(40000);
		to.v6.dport = RTE_BE16(8080);
	}
	return to;
}

static void rewrite(uint8_t *data, uint32_t data_len, uint32_t frame_len,
		    const struct fb_packet *pkt)
{
	struct fb_tuple to = other_tuple(&pkt->tuple);
	struct fb_tuple answer = fb_tuple_reverse(&to);
	bool whole = (uint32_t)pkt->l3_off + pkt->l3_len_bytes <= data_len;
	bool summed = pkt->proto == IPPROTO_SCTP && whole && !(pkt->flags & FB_PKT_SCTP_NOSUM);
	uint32_t error = summed ? sctp_error(data, pkt) : 0;
	struct fb_packet again;
	struct fb_rewrite rw;

	fb_rewrite_prepare(&pkt->tuple, &to, &rw);
	fb_rewrite_apply(data, pkt, &answer, &rw);
	fuzz_require(fb_packet_parse(data, data_len, frame_len, &again) == FB_PARSE_SERVICE);
	fuzz_require(memcmp(&again.tuple, &to, offsetof(struct fb_tuple, family) + 1) == 0);
	fuzz_require(again.ttl == (uint8_t)(pkt->ttl - 1));
	fuzz_require(!summed || sctp_error(data, &again) == error);
	fuzz_require(!(pkt->flags & FB_PKT_SCTP_NOSUM) || (again.flags & FB_PKT_SCTP_NOSUM));
	fuzz_require(again.l4_off == pkt->l4_off && again.l3_len_bytes == pkt->l3_len_bytes);
}

static void translate_error(uint8_t *data, uint32_t data_len, uint32_t frame_len,
			    const struct fb_packet *pkt)
{
	struct fb_tuple quote = other_tuple(&pkt->quote);
	struct fb_addr src = fb_tuple_src(&quote);
	struct fb_addr dst = fb_tuple_dst(&quote);
	struct fb_packet again;

	fuzz_require(pkt->quote_l4_off + 8u <= data_len && pkt->quote_l4_len >= 8);
	fb_rewrite_icmp_error(data, pkt, &src, &dst, &quote);
	fuzz_require(fb_packet_parse(data, data_len, frame_len, &again) == FB_PARSE_ICMP_ERROR);
	fuzz_require(memcmp(&again.quote, &quote, offsetof(struct fb_tuple, family) + 1) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct fb_packet pkt;
	uint32_t frame_len;
	uint32_t data_len;
	uint8_t *data;

	if (size < 2 || size > 65536)
		return 0;
	frame_len = (uint32_t)size - 1;
	data_len = frame_len - (frame_len * input[frame_len] >> 8);
	data = malloc(data_len != 0 ? data_len : 1);
	fuzz_require(data != NULL);
	memcpy(data, input, data_len);
	switch (fb_packet_parse(data, data_len, frame_len, &pkt)) {
	case FB_PARSE_SERVICE:
		fuzz_require(pkt.l4_off + (pkt.proto == IPPROTO_TCP    ? 20u
					   : pkt.proto == IPPROTO_UDP ? 8u
								      : 16u) <= data_len);
		answer_all(data, data_len, &pkt);
		/* The caller's part of the contract: whatever has no TTL left is not forwarded. */
		if (pkt.ttl < 2)
			break;
		rewrite(data, data_len, frame_len, &pkt);
		break;
	case FB_PARSE_ICMP_ERROR:
		answer_all(data, data_len, &pkt);
		if (pkt.ttl < 2)
			break;
		translate_error(data, data_len, frame_len, &pkt);
		break;
	case FB_PARSE_ICMP_ECHO:
		answer_all(data, data_len, &pkt);
		fb_answer_echo_in_place(data, &pkt, our_mac);
		fuzz_require(fb_packet_parse(data, data_len, frame_len, &pkt) == FB_PARSE_OTHER);
		fuzz_require(sum_l4(data + pkt.l3_off, pkt.l4_off - (uint32_t)pkt.l3_off,
				    pkt.l3_len_bytes, pkt.proto) == 0xffff);
		break;
	case FB_PARSE_DROP:
		fuzz_require(pkt.reason != FB_REASON_NONE && pkt.reason < FB_REASON_COUNT);
		break;
	default:
		answer_all(data, data_len, &pkt);
		break;
	}
	free(data);
	return 0;
}
