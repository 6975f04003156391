/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "net/answer.h"
#include "sample.h"

static const uint8_t box_mac[6] = {2, 0, 0, 0, 0, 0xbb};
static const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t group_mac[6] = {0x33, 0x33, 0, 0, 0, 1};

static uint32_t load32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* What every answer of ours over IP is: untagged, to the peer, whole, TTL 64, good sums. */
static void assert_answer(const uint8_t *out, uint32_t len, struct fb_packet *ret)
{
	uint8_t *exact = sample_exact(out, len);

	assert_int_not_equal(fb_packet_parse(exact, len, len, ret), FB_PARSE_DROP);
	free(exact);
	assert_memory_equal(out, peer_mac, 6);
	assert_memory_equal(out + 6, box_mac, 6);
	assert_int_equal(ret->flags & FB_PKT_VLAN, 0);
	assert_int_equal(ret->ttl, 64);
	assert_int_equal(ret->l3_len_bytes + 14, len);
	sample_assert_sums(out, ret);
}

struct reset_row {
	const char *what;
	uint8_t flags;
	uint16_t payload_len;
	uint8_t options_len;
	uint8_t want_flags;
	uint32_t want_seq;
	uint32_t want_ack;
};

/* RFC 9293, 3.10.7.1; the samples have SEG.SEQ 0x11111111 and SEG.ACK 0x22222222. */
static const struct reset_row reset_rows[] = {
	{"SYN counts one", 0x02, 0, 0, 0x14, 0, 0x11111112},
	{"SYN with data", 0x02, 10, 8, 0x14, 0, 0x1111111c},
	{"ACK gives the sequence number", 0x10, 0, 0, 0x04, 0x22222222, 0},
	{"ACK with data and FIN", 0x19, 10, 12, 0x04, 0x22222222, 0},
	{"SYN ACK", 0x12, 0, 0, 0x04, 0x22222222, 0},
};

static void a_reset_has_the_numbers_of_the_rfc(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * COUNT_OF(reset_rows); i++) {
		const struct reset_row *r = &reset_rows[i / 2];
		struct sample s = {
			.ipv6 = i % 2, .proto = IPPROTO_TCP, .tcp_flags = r->flags,
			.payload_len = r->payload_len, .tcp_options_len = r->options_len,
			.vlan = i % 3 == 0, .padding_len = 4,
		};
		uint8_t frame[SAMPLE_MAX];
		uint8_t out[FB_ANSWER_MAX];
		struct fb_packet reset;
		struct fb_packet pkt;
		struct fb_tuple back;
		uint32_t len;

		len = sample_build(&s, frame);
		assert_int_equal(fb_packet_parse(frame, len, len, &pkt), FB_PARSE_SERVICE);
		len = fb_answer_tcp_reset(frame, &pkt, box_mac, out, sizeof(out));
		assert_int_equal(len, s.ipv6 ? 74 : 54);
		assert_answer(out, len, &reset);
		back = fb_tuple_reverse(&pkt.tuple);
		assert_memory_equal(&reset.tuple, &back, sizeof(back));
		if (reset.tcp_flags != r->want_flags ||
		    load32(out + reset.l4_off + 4) != r->want_seq ||
		    load32(out + reset.l4_off + 8) != r->want_ack)
			fail_msg("%s", r->what);
	}
}

/* The other side gets the packet's own numbers, and a silent one is asked for its. */
static void the_other_side_is_reset_and_the_silent_one_asked(void **state)
{
	static const uint8_t next_hop[6] = {2, 0, 0, 0, 0, 9};

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		const struct sample s = {.ipv6 = v6 != 0, .proto = IPPROTO_TCP, .tcp_flags = 0x18,
					 .payload_len = 7};
		uint8_t frame[SAMPLE_MAX];
		uint8_t out[FB_ANSWER_MAX];
		struct fb_packet reset;
		struct fb_packet pkt;
		struct fb_tuple to;
		uint32_t len = sample_build(&s, frame);

		assert_int_equal(fb_packet_parse(frame, len, len, &pkt), FB_PARSE_SERVICE);
		to = fb_tuple_reverse(&pkt.tuple); /* any other will do */
		len = fb_answer_tcp_reset_onward(frame, &pkt, &to, box_mac, next_hop, out,
						 sizeof(out));
		assert_int_equal(len, v6 ? 74 : 54);
		assert_int_equal(fb_packet_parse(out, len, len, &reset), FB_PARSE_SERVICE);
		assert_memory_equal(&reset.tuple, &to, sizeof(to));
		assert_int_equal(reset.tcp_flags, 0x14);
		assert_memory_equal(out + reset.l4_off + 4, frame + pkt.l4_off + 4, 8);
		assert_memory_equal(out, next_hop, 6);
		assert_memory_equal(out + 6, box_mac, 6);
		assert_int_equal(fb_answer_tcp_reset_onward(frame, &pkt, &to, box_mac, next_hop, out,
							    len - 1),
				 0);
		len = fb_answer_tcp_probe(&to, box_mac, next_hop, out, sizeof(out));
		assert_int_equal(len, v6 ? 74 : 54);
		assert_int_equal(fb_packet_parse(out, len, len, &reset), FB_PARSE_SERVICE);
		assert_memory_equal(&reset.tuple, &to, sizeof(to));
		assert_int_equal(reset.tcp_flags, 0x02);
	}
}

static void a_reset_a_group_and_a_small_buffer_get_no_reset(void **state)
{
	static const struct sample s = {.proto = IPPROTO_TCP, .tcp_flags = 0x02};
	static const struct sample rst = {.proto = IPPROTO_TCP, .tcp_flags = 0x14};
	uint8_t frame[SAMPLE_MAX];
	uint8_t out[FB_ANSWER_MAX];
	struct fb_packet pkt;
	uint32_t len = sample_build(&rst, frame);

	(void)state;
	(void)fb_packet_parse(frame, len, len, &pkt);
	assert_int_equal(fb_answer_tcp_reset(frame, &pkt, box_mac, out, sizeof(out)), 0);
	(void)sample_build(&s, frame);
	(void)fb_packet_parse(frame, len, len, &pkt);
	assert_int_equal(fb_answer_tcp_reset(frame, &pkt, box_mac, out, 53), 0);
	assert_int_equal(fb_answer_tcp_reset(frame, &pkt, box_mac, out, 54), 54);
	frame[0] |= 1;
	(void)fb_packet_parse(frame, len, len, &pkt);
	assert_int_equal(fb_answer_tcp_reset(frame, &pkt, box_mac, out, sizeof(out)), 0);
}

struct error_row {
	bool ipv6;
	enum fb_icmp_error error;
	uint8_t type_code_rest[8]; /* without the checksum */
};

static const struct error_row error_rows[] = {
	{false, FB_ICMP_PORT_UNREACHABLE, {3, 3}},
	{false, FB_ICMP_TIME_EXCEEDED, {11, 0}},
	{false, FB_ICMP_TOO_BIG, {3, 4, 0, 0, 0, 0, 1400 >> 8, 1400 & 0xff}},
	{true, FB_ICMP_PORT_UNREACHABLE, {1, 4}},
	{true, FB_ICMP_TIME_EXCEEDED, {3, 0}},
	{true, FB_ICMP_TOO_BIG, {2, 0, 0, 0, 0, 0, 1400 >> 8, 1400 & 0xff}},
};

static void an_error_quotes_what_fits_and_says_why(void **state)
{
	static const uint16_t payload_lens[] = {0, 100, 1400};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(error_rows) * COUNT_OF(payload_lens); i++) {
		const struct error_row *r = &error_rows[i / COUNT_OF(payload_lens)];
		struct sample s = {.ipv6 = r->ipv6, .proto = IPPROTO_UDP, .vlan = true,
				   .payload_len = payload_lens[i % COUNT_OF(payload_lens)]};
		struct fb_addr src = sample_addr(r->ipv6 ? "2001:db8::ff" : "192.0.2.254");
		uint32_t headers_len = r->ipv6 ? 48 : 28;
		uint32_t max = r->ipv6 ? 1280 : 576;
		uint8_t frame[SAMPLE_MAX];
		uint8_t out[FB_ANSWER_MAX];
		struct fb_packet error;
		struct fb_packet pkt;
		struct fb_addr from;
		uint32_t quote_len;
		uint32_t len;

		len = sample_build(&s, frame);
		assert_int_equal(fb_packet_parse(frame, len, len, &pkt), FB_PARSE_SERVICE);
		quote_len = len - 18;
		if (quote_len > max - headers_len)
			quote_len = max - headers_len;
		len = fb_answer_icmp_error(frame, len, &pkt, r->error, &src,
					   r->error == FB_ICMP_TOO_BIG ? 1400 : 0, box_mac, out,
					   sizeof(out));
		assert_int_equal(len, 14 + headers_len + quote_len);
		assert_answer(out, len, &error);
		assert_int_equal(error.kind, FB_PARSE_ICMP_ERROR);
		from = fb_tuple_src(&error.tuple);
		assert_true(fb_addr_equal(&from, &src));
		assert_memory_equal(&error.quote, &pkt.tuple, sizeof(pkt.tuple));
		assert_memory_equal(out + error.l4_off, r->type_code_rest, 2);
		assert_memory_equal(out + error.l4_off + 4, r->type_code_rest + 4, 4);
		assert_memory_equal(out + error.l4_off + 8, frame + 18, quote_len);
	}
}

static uint32_t error_about(uint8_t *frame, uint32_t len)
{
	static const struct fb_addr src = {{[10] = 0xff, [11] = 0xff, [12] = 192, [15] = 9}};
	uint8_t out[FB_ANSWER_MAX];
	struct fb_packet pkt;

	(void)fb_packet_parse(frame, len, len, &pkt);
	return fb_answer_icmp_error(frame, len, &pkt, FB_ICMP_TIME_EXCEEDED, &src, 0, box_mac, out,
				    sizeof(out));
}

static void an_error_is_never_about_an_error_a_group_or_a_later_fragment(void **state)
{
	static const struct sample udp = {.proto = IPPROTO_UDP, .payload_len = 20};
	static const struct sample from_loopback = {.proto = IPPROTO_UDP, .src = "127.0.0.1"};
	static const struct sample to_group = {.proto = IPPROTO_UDP, .dst = "224.0.0.9"};
	uint8_t frame[SAMPLE_MAX];
	uint8_t inner[SAMPLE_MAX];
	struct sample error = {.proto = IPPROTO_ICMP, .icmp_type = 3, .payload = inner + 14};
	uint32_t len = sample_build(&udp, frame);

	(void)state;
	assert_int_not_equal(error_about(frame, len), 0);
	frame[0] |= 1;
	assert_int_equal(error_about(frame, len), 0);
	frame[0] &= 0xfe;
	frame[20] = 0x20;
	sample_fix_ipv4(frame);
	assert_int_not_equal(error_about(frame, len), 0);
	frame[21] = 3;
	sample_fix_ipv4(frame);
	assert_int_equal(error_about(frame, len), 0);
	assert_int_equal(error_about(frame, sample_build(&from_loopback, frame)), 0);
	assert_int_equal(error_about(frame, sample_build(&to_group, frame)), 0);
	error.payload_len = (uint16_t)(sample_build(&udp, inner) - 14);
	assert_int_equal(error_about(frame, sample_build(&error, frame)), 0);
}

static void an_echo_becomes_its_reply(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct sample s = {
			.ipv6 = i % 2, .proto = i % 2 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
			.icmp_type = i % 2 ? 128 : 8, .icmp_rest = {1, 2, 3, 4}, .ttl = 7,
			.payload_len = 57, .vlan = i > 1,
		};
		uint8_t frame[SAMPLE_MAX];
		uint8_t before[SAMPLE_MAX];
		struct fb_packet reply;
		struct fb_packet pkt;
		struct fb_tuple back;
		uint32_t len = sample_build(&s, frame);

		assert_int_equal(fb_packet_parse(frame, len, len, &pkt), FB_PARSE_ICMP_ECHO);
		memcpy(before, frame, len);
		fb_answer_echo_in_place(frame, &pkt, box_mac);
		assert_int_equal(fb_packet_parse(frame, len, len, &reply), FB_PARSE_OTHER);
		assert_int_equal(frame[reply.l4_off], i % 2 ? 129 : 0);
		assert_memory_equal(frame, peer_mac, 6);
		assert_memory_equal(frame + 6, box_mac, 6);
		assert_int_equal(reply.ttl, 64);
		sample_assert_sums(frame, &reply);
		back = fb_tuple_reverse(&pkt.tuple);
		assert_memory_equal(&reply.tuple, &back, sizeof(back));
		assert_memory_equal(frame + pkt.l4_off + 4, before + pkt.l4_off + 4,
				    len - pkt.l4_off - 4);
	}
}

/* A request from sender_ip for 203.0.113.10. */
static void arp_build(uint16_t operation, const uint8_t sender_ip[4], uint8_t *frame)
{
	static const uint8_t header[10] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 0};
	static const uint8_t target_ip[4] = {203, 0, 113, 10};

	memset(frame, 0xff, 6);
	memcpy(frame + 6, peer_mac, 6);
	memcpy(frame + 12, header, sizeof(header));
	frame[21] = (uint8_t)operation;
	memcpy(frame + 22, peer_mac, 6);
	memcpy(frame + 28, sender_ip, 4);
	memset(frame + 32, 0, 6);
	memcpy(frame + 38, target_ip, 4);
}

static void an_arp_request_and_a_probe_get_their_reply(void **state)
{
	static const uint8_t senders[][4] = {{192, 0, 2, 1}, {0, 0, 0, 0}};
	struct fb_addr want = sample_addr(SAMPLE_DST4);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(senders); i++) {
		uint8_t frame[42];
		uint8_t out[42];
		struct fb_packet pkt;
		struct fb_addr target;

		arp_build(1, senders[i], frame);
		assert_int_equal(fb_packet_parse(frame, 42, 42, &pkt), FB_PARSE_ARP);
		assert_true(fb_answer_target(frame, &pkt, &target));
		assert_true(fb_addr_equal(&target, &want));
		assert_int_equal(fb_answer_neighbour(frame, &pkt, box_mac, out, 41), 0);
		assert_int_equal(fb_answer_neighbour(frame, &pkt, box_mac, out, 42), 42);
		assert_memory_equal(out, peer_mac, 6);
		assert_memory_equal(out + 6, box_mac, 6);
		assert_memory_equal(out + 12, frame + 12, 8);
		assert_int_equal(out[20] << 8 | out[21], 2);
		assert_memory_equal(out + 22, box_mac, 6);
		assert_memory_equal(out + 28, frame + 38, 4);
		assert_memory_equal(out + 32, peer_mac, 6);
		assert_memory_equal(out + 38, senders[i], 4);
	}
}

static void an_arp_reply_asks_for_nothing(void **state)
{
	static const uint8_t sender[4] = {192, 0, 2, 1};
	uint8_t frame[42];
	uint8_t out[42];
	struct fb_packet pkt;
	struct fb_addr target;

	(void)state;
	arp_build(2, sender, frame);
	assert_int_equal(fb_packet_parse(frame, 42, 42, &pkt), FB_PARSE_ARP);
	assert_false(fb_answer_target(frame, &pkt, &target));
	assert_int_equal(fb_answer_neighbour(frame, &pkt, box_mac, out, sizeof(out)), 0);
}

/* Everything of an advertisement but whom it goes to. */
static void assert_advertisement(const uint8_t *out, uint32_t len, const char *target,
				 uint8_t flags)
{
	static const uint8_t option[2] = {2, 1};
	struct fb_addr addr = sample_addr(target);
	struct fb_packet na;

	assert_int_equal(len, 86);
	(void)fb_packet_parse(out, len, len, &na);
	sample_assert_sums(out, &na);
	assert_int_equal(na.ttl, 255);
	assert_memory_equal(out + 6, box_mac, 6);
	assert_memory_equal(out + 22, addr.bytes, 16);
	assert_int_equal(load32(out + 54) >> 16, 136 << 8);
	assert_int_equal(load32(out + 58), (uint32_t)flags << 24);
	assert_memory_equal(out + 62, addr.bytes, 16);
	assert_memory_equal(out + 78, option, 2);
	assert_memory_equal(out + 80, box_mac, 6);
}

static uint32_t solicitation_build(const char *src, uint8_t *frame)
{
	struct fb_addr target = sample_addr(SAMPLE_DST6);
	struct sample s = {
		.ipv6 = true, .proto = IPPROTO_ICMPV6, .icmp_type = 135, .ttl = 255, .src = src,
		.dst = "ff02::1:ff00:10", .payload = target.bytes, .payload_len = 16,
	};

	return sample_build(&s, frame);
}

static void a_solicitation_gets_its_advertisement(void **state)
{
	struct fb_addr peer = sample_addr(SAMPLE_SRC6);
	uint8_t frame[SAMPLE_MAX];
	uint8_t out[FB_ANSWER_MAX];
	struct fb_packet pkt;
	uint32_t len = solicitation_build(SAMPLE_SRC6, frame);

	(void)state;
	assert_int_equal(fb_packet_parse(frame, len, len, &pkt), FB_PARSE_NDP_NS);
	assert_int_equal(fb_answer_neighbour(frame, &pkt, box_mac, out, 85), 0);
	len = fb_answer_neighbour(frame, &pkt, box_mac, out, 86);
	assert_advertisement(out, len, SAMPLE_DST6, 0x60);
	assert_memory_equal(out, peer_mac, 6);
	assert_memory_equal(out + 38, peer.bytes, 16);
}

static void a_probe_for_a_duplicate_is_answered_to_all(void **state)
{
	struct fb_addr all_nodes = sample_addr("ff02::1");
	uint8_t frame[SAMPLE_MAX];
	uint8_t out[FB_ANSWER_MAX];
	struct fb_packet pkt;
	uint32_t len = solicitation_build("::", frame);

	(void)state;
	assert_int_equal(fb_packet_parse(frame, len, len, &pkt), FB_PARSE_NDP_NS);
	len = fb_answer_neighbour(frame, &pkt, box_mac, out, sizeof(out));
	assert_advertisement(out, len, SAMPLE_DST6, 0x20);
	assert_memory_equal(out, group_mac, 6);
	assert_memory_equal(out + 38, all_nodes.bytes, 16);
}

static void an_announcement_goes_to_all(void **state)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct fb_addr addr = sample_addr(SAMPLE_DST4);
	uint8_t out[FB_ANSWER_MAX];
	struct fb_packet pkt;
	struct fb_addr target;
	uint32_t len = fb_answer_announce(&addr, box_mac, out, sizeof(out));

	(void)state;
	assert_int_equal(len, 42);
	assert_int_equal(fb_packet_parse(out, len, len, &pkt), FB_PARSE_ARP);
	assert_memory_equal(out, broadcast, 6);
	assert_memory_equal(out + 22, box_mac, 6);
	assert_memory_equal(out + 28, addr.bytes + 12, 4);
	assert_true(fb_answer_target(out, &pkt, &target));
	assert_true(fb_addr_equal(&target, &addr));

	addr = sample_addr(SAMPLE_DST6);
	len = fb_answer_announce(&addr, box_mac, out, sizeof(out));
	assert_advertisement(out, len, SAMPLE_DST6, 0x20);
	assert_memory_equal(out, group_mac, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reset_has_the_numbers_of_the_rfc),
		cmocka_unit_test(the_other_side_is_reset_and_the_silent_one_asked),
		cmocka_unit_test(a_reset_a_group_and_a_small_buffer_get_no_reset),
		cmocka_unit_test(an_error_quotes_what_fits_and_says_why),
		cmocka_unit_test(an_error_is_never_about_an_error_a_group_or_a_later_fragment),
		cmocka_unit_test(an_echo_becomes_its_reply),
		cmocka_unit_test(an_arp_request_and_a_probe_get_their_reply),
		cmocka_unit_test(an_arp_reply_asks_for_nothing),
		cmocka_unit_test(a_solicitation_gets_its_advertisement),
		cmocka_unit_test(a_probe_for_a_duplicate_is_answered_to_all),
		cmocka_unit_test(an_announcement_goes_to_all),
	};

	return cmocka_run_group_tests_name("net/answer", tests, NULL, NULL);
}
