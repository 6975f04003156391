/* SPDX-License-Identifier: BSD-3-Clause */

/* The quick look at usual packets, held against the parser: it may only say less. */

#include "unit.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "net/usual.h"
#include "sample.h"

#define ACK 0x10

static const struct sample usual[] = {
	{.proto = IPPROTO_TCP, .tcp_flags = ACK},
	{.proto = IPPROTO_TCP, .tcp_flags = ACK | 0x08, .payload_len = 700},
	{.proto = IPPROTO_TCP, .tcp_flags = ACK, .tcp_options_len = 12, .padding_len = 6},
	{.proto = IPPROTO_UDP, .payload_len = 30},
	{.proto = IPPROTO_UDP, .payload_len = 30, .no_sum = true},
	{.ipv6 = true, .proto = IPPROTO_TCP, .tcp_flags = ACK},
	{.ipv6 = true, .proto = IPPROTO_TCP, .tcp_flags = ACK, .tcp_options_len = 12},
	{.ipv6 = true, .proto = IPPROTO_UDP, .payload_len = 3},
	{.ipv6 = true, .proto = IPPROTO_UDP, .payload_len = 1400},
	{.ipv6 = true, .proto = IPPROTO_UDP, .src = "fd00::1", .dst = "fd00::2", .payload_len = 9},
};

static const struct sample unusual[] = {
	{.proto = IPPROTO_TCP, .tcp_flags = 0x03},
	{.proto = IPPROTO_TCP, .tcp_flags = 0x01},
	{.proto = IPPROTO_TCP, .tcp_flags = ACK | 0x06},
	{.proto = IPPROTO_TCP, .tcp_flags = ACK, .vlan = true},
	{.proto = IPPROTO_TCP, .tcp_flags = ACK, .l3_extra = "\1\1\1\0", .l3_extra_len = 4},
	{.proto = IPPROTO_TCP, .tcp_flags = ACK, .src = "127.0.0.1"},
	{.proto = IPPROTO_TCP, .tcp_flags = ACK, .dst = "224.0.0.1"},
	{.proto = IPPROTO_UDP, .payload_len = 30, .src = "0.1.2.3"},
	{.proto = IPPROTO_SCTP},
	{.ipv6 = true, .proto = IPPROTO_TCP, .tcp_flags = ACK, .dst = "ff02::1"},
	{.ipv6 = true, .proto = IPPROTO_TCP, .tcp_flags = ACK, .src = "fe80::1"},
	{.ipv6 = true, .proto = IPPROTO_TCP, .tcp_flags = ACK, .src = "::1"},
	{.ipv6 = true, .proto = IPPROTO_TCP, .tcp_flags = ACK, .src = "::ffff:1.2.3.4"},
	{.ipv6 = true, .proto = IPPROTO_SCTP},
};

static bool parse_usual(const uint8_t *data, uint32_t data_len, uint32_t frame_len,
			struct fb_packet *ret)
{
	return fb_packet_parse_usual(FB_IPV4, data, data_len, frame_len, ret) ||
	       fb_packet_parse_usual(FB_IPV6, data, data_len, frame_len, ret);
}

/* @return whether it was a usual one; then both have to say the same, to the byte */
static bool agree(const uint8_t *data, uint32_t data_len, uint32_t frame_len)
{
	struct fb_packet quick;
	struct fb_packet slow;

	memset(&quick, 0xa5, sizeof(quick));
	memset(&slow, 0x5a, sizeof(slow));
	if (!parse_usual(data, data_len, frame_len, &quick))
		return false;
	assert_int_equal(fb_packet_parse(data, data_len, frame_len, &slow), FB_PARSE_SERVICE);
	/* The group bit is for the caller. */
	slow.flags &= (uint8_t)~FB_PKT_MULTICAST;
	assert_memory_equal(&quick.tuple, &slow.tuple, offsetof(struct fb_tuple, family) + 1);
	assert_memory_equal(&quick.ttl, &slow.ttl,
			    offsetof(struct fb_packet, l3_len_bytes) + sizeof(slow.l3_len_bytes) -
				    offsetof(struct fb_packet, ttl));
	return true;
}

static void a_usual_packet_is_seen_and_read_alike(void **state)
{
	uint8_t frame[SAMPLE_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(usual); i++) {
		uint32_t len = sample_build(&usual[i], frame);

		assert_true(agree(frame, len, len));
	}
}

static void whatever_else_is_left_to_the_parser(void **state)
{
	uint8_t frame[SAMPLE_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(unusual); i++) {
		uint32_t len = sample_build(&unusual[i], frame);

		assert_false(agree(frame, len, len));
	}
}

static void tcp_flags_are_judged_alike(void **state)
{
	uint8_t frame[SAMPLE_MAX];
	struct fb_packet pkt;
	uint32_t len = sample_build(&usual[0], frame);

	(void)state;
	for (uint32_t flags = 0; flags <= UINT8_MAX; flags++) {
		frame[47] = (uint8_t)flags;
		assert_int_equal(agree(frame, len, len),
				 fb_packet_parse(frame, len, len, &pkt) == FB_PARSE_SERVICE);
	}
}

static void a_packet_cut_anywhere_is_never_read_beyond(void **state)
{
	uint8_t frame[SAMPLE_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(usual); i++) {
		uint32_t len = sample_build(&usual[i], frame);

		for (uint32_t cut = 0; cut <= len; cut++) {
			uint8_t *exact = sample_exact(frame, cut);

			(void)agree(exact, cut, cut);
			(void)agree(exact, cut, len);
			free(exact);
		}
	}
}

/* One to three bytes are anything; in half of the cases the header checksum is put right after that. */
static void random_changes_are_judged_alike(void **state)
{
	uint8_t frame[SAMPLE_MAX];
	uint32_t n_usual = 0;
	uint32_t seed = 7;

	(void)state;
	for (int n = 0; n < 200000; n++) {
		const struct sample *s = &usual[sample_random(&seed) % COUNT_OF(usual)];
		uint32_t len = sample_build(s, frame);
		uint32_t head = RTE_MIN(len, 80u);

		for (uint32_t i = 1 + sample_random(&seed) % 3; i > 0; i--)
			frame[12 + sample_random(&seed) % (head - 12)] =
				(uint8_t)(sample_random(&seed) >> 8);
		if (!s->ipv6 && (sample_random(&seed) & 1))
			sample_fix_ipv4(frame);
		n_usual += agree(frame, len, len);
	}
	/* Both answers came up often. */
	assert_in_range(n_usual, 20000, 180000);
}

static void every_wrong_header_checksum_is_seen(void **state)
{
	uint8_t frame[SAMPLE_MAX];
	uint32_t len = sample_build(&usual[0], frame);
	uint32_t good = 0;

	(void)state;
	for (uint32_t csum = 0; csum <= UINT16_MAX; csum++) {
		frame[24] = (uint8_t)(csum >> 8);
		frame[25] = (uint8_t)csum;
		good += agree(frame, len, len);
	}
	assert_int_equal(good, 1);
}

/*
 * Headers whose words add up to 0xffff with a checksum of 0 or 0xffff: one's complement has two zeros, and a
 * receiver that adds up all words takes either. Both ways of adding have to.
 */
static void both_zeros_of_a_header_checksum_are_judged_alike(void **state)
{
	uint8_t frame[SAMPLE_MAX];
	uint32_t len = sample_build(&usual[0], frame);
	bool seen = false;

	(void)state;
	for (uint32_t id = 0; id <= UINT16_MAX; id++) {
		frame[18] = (uint8_t)(id >> 8);
		frame[19] = (uint8_t)id;
		frame[24] = frame[25] = 0;
		seen |= agree(frame, len, len);
		frame[24] = frame[25] = 0xff;
		seen |= agree(frame, len, len);
	}
	assert_true(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_usual_packet_is_seen_and_read_alike),
		cmocka_unit_test(whatever_else_is_left_to_the_parser),
		cmocka_unit_test(tcp_flags_are_judged_alike),
		cmocka_unit_test(a_packet_cut_anywhere_is_never_read_beyond),
		cmocka_unit_test(random_changes_are_judged_alike),
		cmocka_unit_test(every_wrong_header_checksum_is_seen),
		cmocka_unit_test(both_zeros_of_a_header_checksum_are_judged_alike),
	};

	return cmocka_run_group_tests_name("net/usual", tests, NULL, NULL);
}
