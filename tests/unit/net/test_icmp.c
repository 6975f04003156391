/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"

/* The payload of the error: what the box sent, from the service's address to the client. */
struct quote {
	uint8_t bytes[SAMPLE_MAX];
	uint32_t len;
};

static void quote_build(const struct sample *s, uint32_t cut, struct quote *ret)
{
	uint8_t frame[SAMPLE_MAX];

	ret->len = sample_build(s, frame) - 14;
	memcpy(ret->bytes, frame + 14, ret->len);
	if (cut != 0)
		ret->len = cut;
}

static uint32_t error_build(bool ipv6, uint8_t type, const struct quote *q, uint8_t *frame)
{
	struct sample s = {
		.ipv6 = ipv6,
		.proto = ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
		.icmp_type = type,
		.payload = q->bytes,
		.payload_len = (uint16_t)q->len,
	};

	return sample_build(&s, frame);
}

static enum fb_parse parse_exact(const uint8_t *frame, uint32_t len, struct fb_packet *ret)
{
	uint8_t *exact = sample_exact(frame, len);
	enum fb_parse kind = fb_packet_parse(exact, len, len, ret);

	free(exact);
	return kind;
}

#define DNS4 {.proto = IPPROTO_UDP, .payload_len = 30}
#define WEB4 {.proto = IPPROTO_TCP, .payload_len = 30, .tcp_flags = 0x10}
#define WEB6 {.ipv6 = true, .proto = IPPROTO_TCP, .payload_len = 30, .tcp_flags = 0x10}
#define PING4 {.proto = IPPROTO_ICMP, .icmp_type = 8}

struct row {
	const char *what;
	uint8_t type;
	struct sample quoted;
	uint32_t cut; /* the quote's length; 0: whole */
	uint16_t patch_off;
	uint8_t patch_value; /* in the quote */
	enum fb_parse kind;
};

static const struct row rows[] = {
	{"unreachable about TCP", 3, WEB4, .kind = FB_PARSE_ICMP_ERROR},
	{"time exceeded about UDP", 11, DNS4, .kind = FB_PARSE_ICMP_ERROR},
	{"parameter problem", 12, DNS4, .kind = FB_PARSE_ICMP_ERROR},
	{"source quench", 4, DNS4, .kind = FB_PARSE_OTHER},
	{"redirect", 5, DNS4, .kind = FB_PARSE_OTHER},
	{"echo reply", 0, DNS4, .kind = FB_PARSE_OTHER},
	{"quote of 8 bytes of TCP", 3, WEB4, .cut = 28, .kind = FB_PARSE_ICMP_ERROR},
	{"quote of 7 bytes of TCP", 3, WEB4, .cut = 27, .kind = FB_PARSE_DROP},
	{"quote of half a header", 3, WEB4, .cut = 12, .kind = FB_PARSE_DROP},
	{"quote of a ping", 3, PING4, .kind = FB_PARSE_OTHER},
	{"quote of a later fragment", 3, DNS4, 0, 7, 5, .kind = FB_PARSE_OTHER},
	{"quote of a first fragment", 3, DNS4, 0, 6, 0x20, .kind = FB_PARSE_ICMP_ERROR},
	{"quote of another version", 3, DNS4, 0, 0, 0x65, .kind = FB_PARSE_DROP},
	{"quote with header length 16", 3, DNS4, 0, 0, 0x44, .kind = FB_PARSE_DROP},
	{"quote with its checksum undone by a router", 3, DNS4, 0, 10, 0,
	 .kind = FB_PARSE_ICMP_ERROR},
	{"packet too big about TCP", 2, WEB6, .kind = FB_PARSE_ICMP_ERROR},
	{"unreachable, quote of 8 bytes", 1, WEB6, .cut = 48, .kind = FB_PARSE_ICMP_ERROR},
	{"unreachable, quote of 7 bytes", 1, WEB6, .cut = 47, .kind = FB_PARSE_DROP},
	{"quote of version 4", 3, WEB6, 0, 0, 0x45, .kind = FB_PARSE_DROP},
	{"IPv6 redirect", 137, WEB6, .kind = FB_PARSE_OTHER},
	{"router advertisement", 134, WEB6, .kind = FB_PARSE_OTHER},
};

static void each_message_is_what_its_row_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct row *r = &rows[i];
		uint8_t frame[SAMPLE_MAX];
		struct fb_packet pkt;
		struct quote q;
		uint32_t len;

		quote_build(&r->quoted, r->cut, &q);
		if (r->patch_value != 0 || r->patch_off != 0)
			q.bytes[r->patch_off] = r->patch_value;
		len = error_build(r->quoted.ipv6, r->type, &q, frame);
		if (parse_exact(frame, len, &pkt) != r->kind)
			fail_msg("%s: kind %d, reason %s", r->what, pkt.kind,
				 fb_reason_names[pkt.reason]);
		if (r->kind == FB_PARSE_DROP)
			assert_int_equal(pkt.reason, FB_REASON_ICMP_MALFORMED);
		for (uint32_t cut = 0; cut < len; cut++)
			assert_int_not_equal(parse_exact(frame, cut, &pkt), FB_PARSE_ICMP_ERROR);
	}
}

static void a_quote_behind_options_is_found(void **state)
{
	static const struct sample quoted[] = {
		{.proto = IPPROTO_UDP, .payload_len = 4, .l3_extra = "\1\1\1\1", .l3_extra_len = 4},
		{.ipv6 = true, .proto = IPPROTO_UDP, .payload_len = 4, .first_header = 60,
		 .l3_extra = "\x11\0\1\4\0\0\0\0", .l3_extra_len = 8},
	};
	static const uint16_t l4_off[] = {14 + 20 + 8 + 24, 14 + 40 + 8 + 48};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(quoted); i++) {
		struct fb_packet quoted_pkt;
		uint8_t frame[SAMPLE_MAX];
		struct fb_packet pkt;
		struct quote q;
		uint32_t len;

		len = sample_build(&quoted[i], frame);
		assert_int_equal(fb_packet_parse(frame, len, len, &quoted_pkt), FB_PARSE_SERVICE);
		quote_build(&quoted[i], 0, &q);
		len = error_build(quoted[i].ipv6, 3, &q, frame);
		assert_int_equal(parse_exact(frame, len, &pkt), FB_PARSE_ICMP_ERROR);
		assert_memory_equal(&pkt.quote, &quoted_pkt.tuple, sizeof(pkt.quote));
		assert_int_equal(pkt.quote_l4_off, l4_off[i]);
		assert_int_equal(pkt.quote_l4_len, 12);
	}
}

/* RFC 4884: a quote of 32 words, then extensions, which are not the quoted packet's. */
static void extensions_behind_the_quote_are_not_counted_to_it(void **state)
{
	static const struct sample quoted = DNS4;
	uint8_t frame[SAMPLE_MAX];
	struct fb_packet pkt;
	struct quote q;
	uint32_t len;

	(void)state;
	quote_build(&quoted, 0, &q);
	memset(q.bytes + q.len, 0, sizeof(q.bytes) - q.len);
	q.len = 128 + 12;
	len = error_build(false, 11, &q, frame);
	frame[14 + 20 + 5] = 128 / 4;
	sample_fix_icmp(frame);
	assert_int_equal(parse_exact(frame, len, &pkt), FB_PARSE_ICMP_ERROR);
	assert_int_equal(pkt.quote_l4_len, 128 - 20);
}

static void a_wrong_checksum_is_malformed(void **state)
{
	static const struct sample samples[] = {
		{.proto = IPPROTO_ICMP, .icmp_type = 8, .payload_len = 5},
		{.ipv6 = true, .proto = IPPROTO_ICMPV6, .icmp_type = 128, .payload_len = 5},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(samples); i++) {
		uint8_t frame[SAMPLE_MAX];
		struct fb_packet pkt;
		uint32_t len = sample_build(&samples[i], frame);

		assert_int_equal(parse_exact(frame, len, &pkt), FB_PARSE_ICMP_ECHO);
		frame[len - 1] ^= 1;
		assert_int_equal(parse_exact(frame, len, &pkt), FB_PARSE_DROP);
		assert_int_equal(pkt.reason, FB_REASON_ICMP_MALFORMED);
	}
}

static void an_echo_over_two_segments_is_dropped_as_split(void **state)
{
	static const struct sample echo = {.proto = IPPROTO_ICMP, .icmp_type = 8,
					   .payload_len = 500};
	uint8_t frame[SAMPLE_MAX];
	struct fb_packet pkt;
	uint32_t len = sample_build(&echo, frame);

	(void)state;
	assert_int_equal(fb_packet_parse(frame, 200, len, &pkt), FB_PARSE_DROP);
	assert_int_equal(pkt.reason, FB_REASON_HEADER_SPLIT);
}

/* "::" has sent it, and a reply would go nowhere. */
static void an_echo_from_nobody_is_dropped(void **state)
{
	static const struct sample echo = {.ipv6 = true, .proto = IPPROTO_ICMPV6,
					   .icmp_type = 128, .src = "::"};
	uint8_t frame[SAMPLE_MAX];
	struct fb_packet pkt;
	uint32_t len = sample_build(&echo, frame);

	(void)state;
	assert_int_equal(parse_exact(frame, len, &pkt), FB_PARSE_DROP);
	assert_int_equal(pkt.reason, FB_REASON_BAD_ADDRESS);
}

#define TARGET "\x20\1\x0d\xb8\0\1\0\0\0\0\0\0\0\0\0\x10"
#define SOURCE_MAC "\1\1\2\0\0\0\0\2"
#define SOLICITED "ff02::1:ff00:10"

struct ns_row {
	const char *what;
	const char *src;
	const char *dst;
	const char *body;
	uint16_t body_len;
	uint8_t ttl;
	uint8_t code;
	enum fb_parse kind;
};

#define NS(b) (b), sizeof(b) - 1

static const struct ns_row ns_rows[] = {
	{"to the group", SAMPLE_SRC6, SOLICITED, NS(TARGET SOURCE_MAC), 255, 0, FB_PARSE_NDP_NS},
	{"to the node", "fe80::1", SAMPLE_DST6, NS(TARGET), 255, 0, FB_PARSE_NDP_NS},
	{"probe", "::", SOLICITED, NS(TARGET), 255, 0, FB_PARSE_NDP_NS},
	{"probe with a source MAC", "::", SOLICITED, NS(TARGET SOURCE_MAC), 255, 0, FB_PARSE_DROP},
	{"probe to the node", "::", SAMPLE_DST6, NS(TARGET), 255, 0, FB_PARSE_DROP},
	{"from another link", SAMPLE_SRC6, SOLICITED, NS(TARGET), 254, 0, FB_PARSE_DROP},
	{"code 1", SAMPLE_SRC6, SOLICITED, NS(TARGET), 255, 1, FB_PARSE_DROP},
	{"target a group", SAMPLE_SRC6, SOLICITED, NS("\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1"), 255, 0,
	 FB_PARSE_DROP},
	{"no target", SAMPLE_SRC6, SOLICITED, NS("\0\0\0\0\0\0\0\0"), 255, 0, FB_PARSE_DROP},
	{"option of length 0", SAMPLE_SRC6, SOLICITED, NS(TARGET "\1\0\2\0\0\0\0\2"), 255, 0,
	 FB_PARSE_DROP},
	{"option beyond the end", SAMPLE_SRC6, SOLICITED, NS(TARGET "\1\2\2\0\0\0\0\2"), 255, 0,
	 FB_PARSE_DROP},
	{"half an option", SAMPLE_SRC6, SOLICITED, NS(TARGET "\1\1\2\0"), 255, 0, FB_PARSE_DROP},
	{"from a group", "ff02::1", SOLICITED, NS(TARGET), 255, 0, FB_PARSE_DROP},
};

static void each_solicitation_is_what_its_row_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(ns_rows); i++) {
		const struct ns_row *r = &ns_rows[i];
		struct sample s = {
			.ipv6 = true, .proto = IPPROTO_ICMPV6, .icmp_type = 135,
			.icmp_code = r->code, .src = r->src, .dst = r->dst, .ttl = r->ttl,
			.payload = (const uint8_t *)r->body, .payload_len = r->body_len,
		};
		uint8_t frame[SAMPLE_MAX];
		struct fb_packet pkt;
		uint32_t len = sample_build(&s, frame);

		if (parse_exact(frame, len, &pkt) != r->kind)
			fail_msg("%s: kind %d, reason %s", r->what, pkt.kind,
				 fb_reason_names[pkt.reason]);
		if (r->kind == FB_PARSE_DROP)
			assert_int_equal(pkt.reason, FB_REASON_ICMP_MALFORMED);
		for (uint32_t cut = 0; cut < len; cut++)
			assert_int_not_equal(parse_exact(frame, cut, &pkt), FB_PARSE_NDP_NS);
	}
}

/* RFC 6980: the kernel may judge it, it gets no answer from us. */
static void a_solicitation_in_an_atomic_fragment_is_none(void **state)
{
	static const struct sample s = {
		.ipv6 = true, .proto = IPPROTO_ICMPV6, .icmp_type = 135, .ttl = 255,
		.payload = (const uint8_t *)TARGET, .payload_len = 16, .first_header = 44,
		.l3_extra = "\x3a\0\0\0\0\0\0\1", .l3_extra_len = 8,
	};
	uint8_t frame[SAMPLE_MAX];
	struct fb_packet pkt;
	uint32_t len = sample_build(&s, frame);

	(void)state;
	assert_int_equal(parse_exact(frame, len, &pkt), FB_PARSE_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_message_is_what_its_row_says),
		cmocka_unit_test(a_quote_behind_options_is_found),
		cmocka_unit_test(extensions_behind_the_quote_are_not_counted_to_it),
		cmocka_unit_test(a_wrong_checksum_is_malformed),
		cmocka_unit_test(an_echo_over_two_segments_is_dropped_as_split),
		cmocka_unit_test(an_echo_from_nobody_is_dropped),
		cmocka_unit_test(each_solicitation_is_what_its_row_says),
		cmocka_unit_test(a_solicitation_in_an_atomic_fragment_is_none),
	};

	return cmocka_run_group_tests_name("net/icmp", tests, NULL, NULL);
}
