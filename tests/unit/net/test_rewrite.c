/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <netinet/in.h>
#include <string.h>

#include "net/rewrite.h"
#include "sample.h"

#define EXTRA(type, bytes)                                                                         \
	.first_header = (type), .l3_extra = (bytes), .l3_extra_len = sizeof(bytes) - 1

/* All shapes of packets that are rewritten; payloads and ports vary in the tests. */
static const struct sample shapes[] = {
	{.proto = IPPROTO_TCP, .tcp_flags = 0x10},
	{.proto = IPPROTO_UDP},
	{.proto = IPPROTO_UDP, .no_sum = true},
	{.proto = IPPROTO_TCP, .tcp_flags = 2, .tcp_options_len = 12, .vlan = true},
	{.proto = IPPROTO_UDP, EXTRA(0, "\7\7\4\0\0\0\0\0"), .vlan = true},
	{.ipv6 = true, .proto = IPPROTO_TCP, .tcp_flags = 0x10},
	{.ipv6 = true, .proto = IPPROTO_UDP},
	{.ipv6 = true, .proto = IPPROTO_UDP, .no_sum = true},
	{.ipv6 = true, .proto = IPPROTO_TCP, .tcp_flags = 2, .vlan = true,
	 EXTRA(0, "\x3c\0\1\4\0\0\0\0" "\6\0\1\4\0\0\0\0")},
	{.ipv6 = true, .proto = IPPROTO_UDP, EXTRA(44, "\x11\0\0\0\0\0\0\1")},
	{.proto = IPPROTO_SCTP, .tag = 0x12345678},
	{.proto = IPPROTO_SCTP, .no_sum = true},
	{.proto = IPPROTO_SCTP, EXTRA(0, "\7\7\4\0\0\0\0\0"), .vlan = true},
	{.ipv6 = true, .proto = IPPROTO_SCTP, .vlan = true},
	{.ipv6 = true, .proto = IPPROTO_SCTP, EXTRA(60, "\x84\0\1\4\0\0\0\0")},
};

static void random_bytes(void *to, size_t len, uint32_t *seed)
{
	uint8_t *p = to;

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)sample_random(seed);
}

/* Hosts that any parser accepts, ports that are not zero. */
static struct fb_tuple random_tuple(const struct fb_tuple *like, uint32_t *seed)
{
	struct fb_tuple t = *like;

	if (t.family == FB_IPV4) {
		random_bytes(&t.v4, sizeof(t.v4), seed);
		((uint8_t *)&t.v4.src)[0] = 10;
		((uint8_t *)&t.v4.dst)[0] = 11;
		t.v4.sport |= 1;
		t.v4.dport |= 1;
	} else {
		random_bytes(&t.v6, sizeof(t.v6), seed);
		t.v6.src[0] = 0x20;
		t.v6.dst[0] = 0x20;
		t.v6.sport |= 1;
		t.v6.dport |= 1;
	}
	return t;
}

static uint32_t random_packet(int n, uint8_t *payload, uint8_t *frame, struct fb_packet *pkt,
			      uint32_t *seed)
{
	struct sample s = shapes[(size_t)n % COUNT_OF(shapes)];
	uint32_t len;

	s.payload = payload;
	s.payload_len = (uint16_t)(sample_random(seed) % 64);
	s.sport = (uint16_t)(sample_random(seed) | 1);
	random_bytes(payload, s.payload_len, seed);
	len = sample_build(&s, frame);
	assert_int_equal(fb_packet_parse(frame, len, len, pkt), FB_PARSE_SERVICE);
	return len;
}

static void apply(uint8_t *frame, const struct fb_packet *pkt, const struct fb_tuple *to,
		  const struct fb_rewrite *rw)
{
	struct fb_tuple answer = fb_tuple_reverse(to);

	fb_rewrite_apply(frame, pkt, &answer, rw);
}

static void a_rewritten_packet_has_the_new_tuple_and_right_sums(void **state)
{
	uint8_t frame[SAMPLE_MAX];
	uint8_t payload[64];
	uint32_t seed = 4;

	(void)state;
	for (int n = 0; n < 5000; n++) {
		struct fb_packet after;
		struct fb_packet pkt;
		struct fb_rewrite rw;
		uint32_t len = random_packet(n, payload, frame, &pkt, &seed);
		struct fb_tuple to = random_tuple(&pkt.tuple, &seed);

		fb_rewrite_prepare(&pkt.tuple, &to, &rw);
		apply(frame, &pkt, &to, &rw);
		assert_int_equal(fb_packet_parse(frame, len, len, &after), FB_PARSE_SERVICE);
		assert_memory_equal(&after.tuple, &to, sizeof(to));
		assert_int_equal(after.ttl, pkt.ttl - 1);
		assert_int_equal(after.flags, pkt.flags);
		sample_assert_sums(frame, &after);
	}
}

static void forth_and_back_is_identity_but_for_the_ttl(void **state)
{
	uint8_t frame[SAMPLE_MAX];
	uint8_t before[SAMPLE_MAX];
	uint8_t payload[64];
	uint32_t seed = 5;

	(void)state;
	for (int n = 0; n < 5000; n++) {
		struct fb_packet there;
		struct fb_packet pkt;
		struct fb_rewrite forth;
		struct fb_rewrite back;
		uint32_t len = random_packet(n, payload, frame, &pkt, &seed);
		struct fb_tuple to = random_tuple(&pkt.tuple, &seed);

		memcpy(before, frame, len);
		fb_rewrite_prepare(&pkt.tuple, &to, &forth);
		fb_rewrite_prepare(&to, &pkt.tuple, &back);
		apply(frame, &pkt, &to, &forth);
		assert_int_equal(fb_packet_parse(frame, len, len, &there), FB_PARSE_SERVICE);
		apply(frame, &there, &pkt.tuple, &back);
		if (pkt.family == FB_IPV4) {
			uint8_t *l3 = frame + pkt.l3_off;

			assert_int_equal(l3[8], pkt.ttl - 2);
			l3[8] = pkt.ttl;
			memcpy(l3 + 10, before + pkt.l3_off + 10, 2);
		} else {
			assert_int_equal(frame[pkt.l3_off + 7], pkt.ttl - 2);
			frame[pkt.l3_off + 7] = pkt.ttl;
		}
		assert_memory_equal(frame, before, len);
	}
}

static void a_wrong_checksum_stays_as_wrong_as_it_was(void **state)
{
	uint8_t frame[SAMPLE_MAX];
	uint8_t payload[64];
	uint32_t seed = 6;
	struct fb_packet pkt;
	struct fb_rewrite rw;
	struct fb_tuple to;

	(void)state;
	(void)random_packet(0, payload, frame, &pkt, &seed);
	frame[pkt.l4_off + 4] ^= 0x40;
	to = random_tuple(&pkt.tuple, &seed);
	fb_rewrite_prepare(&pkt.tuple, &to, &rw);
	apply(frame, &pkt, &to, &rw);
	assert_int_not_equal(sample_l4_sum(frame + pkt.l3_off, frame + pkt.l4_off,
					   (uint32_t)pkt.l3_len_bytes + pkt.l3_off - pkt.l4_off,
					   IPPROTO_TCP),
			     0xffff);
	frame[pkt.l4_off + 4] ^= 0x40;
	sample_assert_sums(frame, &pkt);
}

/* An error about a random packet, its quote cut to `cut` bytes (0: whole). */
static uint32_t build_error(int n, uint32_t cut, uint8_t *frame, struct fb_packet *pkt,
			    uint32_t *seed)
{
	struct sample error = {.payload_len = 0};
	uint8_t quoted[SAMPLE_MAX];
	struct fb_packet inner;
	uint8_t payload[64];
	uint32_t len = random_packet(n, payload, quoted, &inner, seed);

	error.ipv6 = inner.family == FB_IPV6;
	error.proto = error.ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	error.icmp_type = 3;
	error.vlan = n % 3 == 0;
	error.payload = quoted + inner.l3_off;
	error.payload_len = (uint16_t)(len - inner.l3_off);
	if (cut != 0)
		error.payload_len = (uint16_t)(inner.l4_off - inner.l3_off + cut);
	len = sample_build(&error, frame);
	assert_int_equal(fb_packet_parse(frame, len, len, pkt), FB_PARSE_ICMP_ERROR);
	return len;
}

static bool sctp_sum_good(const uint8_t *l4, uint32_t l4_len)
{
	const uint32_t crc = sample_crc(l4, l4_len);
	const uint8_t bytes[4] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8),
				  (uint8_t)crc};

	return memcmp(l4 + 8, bytes, 4) == 0;
}

static void check_translated(const uint8_t *frame, const struct fb_packet *pkt, uint32_t cut)
{
	const uint8_t *l3 = frame + pkt->quote_l3_off;
	const uint8_t *l4 = frame + pkt->quote_l4_off;
	uint32_t l4_len = pkt->quote_l4_len;

	sample_assert_sums(frame, pkt);
	if (pkt->family == FB_IPV4)
		assert_int_equal(sample_sum(0, l3, (l3[0] & 0x0fu) * 4), 0xffff);
	if (cut != 0 || (pkt->quote.proto == IPPROTO_UDP && l4[6] == 0 && l4[7] == 0))
		return;
	if (pkt->quote.proto == IPPROTO_SCTP)
		assert_true(memcmp(l4 + 8, "\0\0\0\0", 4) == 0 || sctp_sum_good(l4, l4_len));
	else
		assert_int_equal(sample_l4_sum(l3, l4, l4_len, pkt->quote.proto), 0xffff);
}

static void a_translated_error_has_right_sums_outside_and_inside(void **state)
{
	/* Without and with the TCP checksum in the quote, and the whole packet. */
	static const uint32_t cuts[] = {8, 17, 18, 0};
	uint8_t frame[SAMPLE_MAX];
	uint32_t seed = 7;

	(void)state;
	for (int n = 0; n < 2000; n++) {
		/* The shortest UDP packet has 8 bytes of L4, and of SCTP there is a sum in 12. */
		uint32_t cut = n % 2 ? 0 : cuts[sample_random(&seed) % COUNT_OF(cuts)];
		uint8_t proto = shapes[(size_t)n % COUNT_OF(shapes)].proto;
		struct fb_packet after;
		struct fb_packet pkt;
		uint32_t len;
		struct fb_tuple quote;
		struct fb_tuple outer;
		struct fb_addr src;
		struct fb_addr dst;

		if (cut > 8 && proto != IPPROTO_TCP)
			cut = proto == IPPROTO_SCTP ? 12 : 8;
		len = build_error(n, cut, frame, &pkt, &seed);
		quote = random_tuple(&pkt.quote, &seed);
		src = fb_tuple_dst(&quote);
		dst = fb_tuple_src(&quote);
		fb_rewrite_icmp_error(frame, &pkt, &src, &dst, &quote);
		assert_int_equal(fb_packet_parse(frame, len, len, &after), FB_PARSE_ICMP_ERROR);
		assert_memory_equal(&after.quote, &quote, sizeof(quote));
		assert_int_equal(after.ttl, pkt.ttl - 1);
		check_translated(frame, &after, cut);
		outer = fb_tuple_make(pkt.proto, &src, 0, &dst, 0);
		assert_memory_equal(&after.tuple, &outer, sizeof(outer));
	}
}

/* A checksum at the very end of the quote gets the value that it gets in the whole packet. */
static void a_tcp_checksum_is_translated_only_where_all_of_it_is_quoted(void **state)
{
	static const uint32_t cuts[] = {17, 18};
	uint8_t whole[SAMPLE_MAX];
	uint8_t frame[SAMPLE_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cuts); i++) {
		uint32_t seed = 8;
		struct fb_packet pkt;
		struct fb_tuple quote;
		struct fb_addr addr;
		uint8_t before;

		(void)build_error(0, 0, whole, &pkt, &seed);
		quote = random_tuple(&pkt.quote, &seed);
		addr = fb_tuple_src(&quote);
		fb_rewrite_icmp_error(whole, &pkt, &addr, &addr, &quote);
		seed = 8;
		(void)build_error(0, cuts[i], frame, &pkt, &seed);
		before = frame[pkt.quote_l4_off + 16];
		fb_rewrite_icmp_error(frame, &pkt, &addr, &addr, &quote);
		sample_assert_sums(frame, &pkt);
		if (cuts[i] == 17)
			assert_int_equal(frame[pkt.quote_l4_off + 16], before);
		else
			assert_memory_equal(frame + pkt.quote_l4_off + 16,
					    whole + pkt.quote_l4_off + 16, 2);
	}
}

/* The quote has all of the sum, but not all that it is over; of 11 bytes it has too little. */
static void an_sctp_checksum_is_translated_in_a_quote_that_is_cut(void **state)
{
	static const uint32_t cuts[] = {11, 12};

	(void)state;
	for (int shape = 10; shape < (int)COUNT_OF(shapes); shape++) {
		for (size_t i = 0; i < COUNT_OF(cuts); i++) {
			uint8_t whole[SAMPLE_MAX];
			uint8_t frame[SAMPLE_MAX];
			uint32_t seed = 9;
			struct fb_packet pkt;
			struct fb_tuple quote;
			struct fb_addr addr;
			uint8_t before[4];

			assert_int_equal(shapes[shape].proto, IPPROTO_SCTP);
			(void)build_error(shape, 0, whole, &pkt, &seed);
			quote = random_tuple(&pkt.quote, &seed);
			addr = fb_tuple_src(&quote);
			fb_rewrite_icmp_error(whole, &pkt, &addr, &addr, &quote);
			seed = 9;
			(void)build_error(shape, cuts[i], frame, &pkt, &seed);
			memcpy(before, frame + pkt.quote_l4_off + 8, 4);
			fb_rewrite_icmp_error(frame, &pkt, &addr, &addr, &quote);
			sample_assert_sums(frame, &pkt);
			assert_memory_equal(frame + pkt.quote_l4_off + 8,
					    cuts[i] == 11 ? before : whole + pkt.quote_l4_off + 8,
					    cuts[i] - 8);
		}
	}
}

/* What comes corrupt leaves corrupt, by the same bits: its receiver has to see that. */
static void a_wrong_sctp_checksum_stays_as_wrong_as_it_was(void **state)
{
	uint8_t frame[SAMPLE_MAX];
	uint8_t payload[64];
	uint32_t seed = 10;

	(void)state;
	for (int n = 10; n < 200; n += (int)COUNT_OF(shapes)) {
		struct fb_packet pkt;
		struct fb_rewrite rw;
		struct fb_tuple to;
		uint32_t len;
		uint32_t at;

		len = random_packet(n, payload, frame, &pkt, &seed);
		to = random_tuple(&pkt.tuple, &seed);
		at = pkt.l4_off + 16u + sample_random(&seed) % (len - pkt.l4_off - 15u);
		at = at < len ? at : pkt.l4_off + 4u;
		frame[at] ^= 0x10;
		fb_rewrite_prepare(&pkt.tuple, &to, &rw);
		apply(frame, &pkt, &to, &rw);
		assert_false(sctp_sum_good(frame + pkt.l4_off, len - pkt.l4_off));
		frame[at] ^= 0x10;
		assert_true(sctp_sum_good(frame + pkt.l4_off, len - pkt.l4_off));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rewritten_packet_has_the_new_tuple_and_right_sums),
		cmocka_unit_test(forth_and_back_is_identity_but_for_the_ttl),
		cmocka_unit_test(a_wrong_checksum_stays_as_wrong_as_it_was),
		cmocka_unit_test(a_translated_error_has_right_sums_outside_and_inside),
		cmocka_unit_test(a_tcp_checksum_is_translated_only_where_all_of_it_is_quoted),
		cmocka_unit_test(an_sctp_checksum_is_translated_in_a_quote_that_is_cut),
		cmocka_unit_test(a_wrong_sctp_checksum_stays_as_wrong_as_it_was),
	};

	return cmocka_run_group_tests_name("net/rewrite", tests, NULL, NULL);
}
