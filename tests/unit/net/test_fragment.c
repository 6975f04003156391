/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "net/fragment.h"
#include "sample.h"

#define UDP4 .proto = IPPROTO_UDP
#define UDP6 .ipv6 = true, .proto = IPPROTO_UDP
/* An extension header of 8 bytes before the rest. */
#define EXTRA(type, bytes) .first_header = (type), .l3_extra = (bytes), .l3_extra_len = 8

/* An IPv4 sample becomes a piece by its flags and offset. @return its length */
static uint32_t piece4(const struct sample *s, uint16_t field, uint8_t *frame,
		       struct fb_packet *pkt)
{
	uint32_t len = sample_build(s, frame);

	frame[14 + 4] = 0xab;
	frame[14 + 5] = 0xcd;
	frame[14 + 6] = (uint8_t)(field >> 8);
	frame[14 + 7] = (uint8_t)field;
	sample_fix_ipv4(frame);
	assert_int_equal(fb_packet_parse(frame, len, len, pkt), FB_PARSE_FRAGMENT);
	return len;
}

static void ipv4_pieces_say_which_bytes_they_have(void **state)
{
	uint8_t frame[SAMPLE_MAX];
	struct fb_fragment f;
	struct fb_packet pkt;
	const uint8_t id[4] = {0xab, 0xcd, 0, 0};

	(void)state;
	piece4(&(struct sample){UDP4, .payload_len = 64}, 0x2000, frame, &pkt);
	assert_int_equal(fb_fragment_read(frame, &pkt, &f), FB_REASON_NONE);
	assert_memory_equal(&f.id, id, 4);
	assert_int_equal(f.offset, 0);
	assert_int_equal(f.len, 72);
	assert_int_equal(f.l4_at, 0);
	assert_true(f.more);
	piece4(&(struct sample){UDP4, .payload_len = 3, .padding_len = 20}, 100, frame, &pkt);
	assert_int_equal(fb_fragment_read(frame, &pkt, &f), FB_REASON_NONE);
	assert_int_equal(f.offset, 800);
	assert_int_equal(f.len, 11);
	assert_false(f.more);
}

static void ipv6_pieces_say_which_bytes_they_have(void **state)
{
	uint8_t frame[SAMPLE_MAX];
	const uint8_t id[4] = {1, 2, 3, 4};
	struct fb_fragment f;
	struct fb_packet pkt;
	uint32_t len;

	(void)state;
	len = sample_build(&(struct sample){UDP6, .payload_len = 64,
					    EXTRA(44, "\x11\0\0\1\1\2\3\4")},
			   frame);
	assert_int_equal(fb_packet_parse(frame, len, len, &pkt), FB_PARSE_FRAGMENT);
	assert_int_equal(fb_fragment_read(frame, &pkt, &f), FB_REASON_NONE);
	assert_memory_equal(&f.id, id, 4);
	assert_int_equal(f.offset, 0);
	assert_int_equal(f.len, 72);
	assert_int_equal(f.l4_at, 0);
	assert_true(f.more);
	/* Options behind the fragment header are among the datagram's bytes. */
	len = sample_build(&(struct sample){UDP6, .payload_len = 64, .first_header = 44,
					    .l3_extra = "\x3c\0\0\1\1\2\3\4\x11\0\1\4\0\0\0\0",
					    .l3_extra_len = 16},
			   frame);
	assert_int_equal(fb_packet_parse(frame, len, len, &pkt), FB_PARSE_FRAGMENT);
	assert_int_equal(fb_fragment_read(frame, &pkt, &f), FB_REASON_NONE);
	assert_int_equal(f.len, 80);
	assert_int_equal(f.l4_at, 8);
	len = sample_build(&(struct sample){UDP6, .payload_len = 2,
					    EXTRA(44, "\x11\0\x03\x20\1\2\3\4")},
			   frame);
	assert_int_equal(fb_packet_parse(frame, len, len, &pkt), FB_PARSE_FRAGMENT);
	assert_int_equal(fb_fragment_read(frame, &pkt, &f), FB_REASON_NONE);
	assert_int_equal(f.offset, 800);
	assert_int_equal(f.len, 10);
	assert_false(f.more);
}

/* A whole packet's fragment header, and then a true one. */
static void a_header_of_a_whole_packet_is_passed_over(void **state)
{
	uint8_t frame[SAMPLE_MAX];
	struct fb_fragment f;
	struct fb_packet pkt;
	uint32_t len =
		sample_build(&(struct sample){UDP6, .payload_len = 64, .first_header = 44,
					      .l3_extra = "\x2c\0\0\0\1\2\3\4\x11\0\0\x09\5\6\7\x8",
					      .l3_extra_len = 16},
			     frame);
	const uint8_t id[4] = {5, 6, 7, 8};

	(void)state;
	assert_int_equal(fb_packet_parse(frame, len, len, &pkt), FB_PARSE_FRAGMENT);
	assert_int_equal(fb_fragment_read(frame, &pkt, &f), FB_REASON_NONE);
	assert_memory_equal(&f.id, id, 4);
	assert_int_equal(f.offset, 8);
	/* A first piece whose rest says that it is a later one. */
	len = sample_build(&(struct sample){UDP6, .payload_len = 64, .first_header = 44,
					    .l3_extra = "\x2c\0\0\1\1\2\3\4\x11\0\0\x09\5\6\7\x8",
					    .l3_extra_len = 16},
			   frame);
	assert_int_equal(fb_packet_parse(frame, len, len, &pkt), FB_PARSE_FRAGMENT);
	assert_int_equal(fb_fragment_read(frame, &pkt, &f), FB_REASON_BAD_FRAGMENT);
}

static void pieces_that_no_stack_makes_are_refused(void **state)
{
	static const struct {
		struct sample sample;
		uint16_t field;
		enum fb_reason want;
	} rows[] = {
		{{UDP4, .payload_len = 1},
		 0x2000,
		 FB_REASON_BAD_FRAGMENT}, /* not a multiple of 8 */
		{{UDP4, .payload_len = 1}, 0x2005, FB_REASON_BAD_FRAGMENT},
		{{UDP4, .payload_len = 1}, 5, FB_REASON_NONE}, /* the last may be */
		{{UDP4}, 0x1fff, FB_REASON_BAD_FRAGMENT},      /* 65528 + 8 */
		{{UDP4}, 0x1ffe, FB_REASON_NONE},
		{{.proto = IPPROTO_TCP}, 1, FB_REASON_FRAGMENT_TINY}, /* RFC 3128 */
		{{.proto = IPPROTO_TCP}, 2, FB_REASON_FRAGMENT_TINY},
		{{.proto = IPPROTO_TCP}, 3, FB_REASON_NONE},
		{{.proto = IPPROTO_SCTP}, 1, FB_REASON_FRAGMENT_TINY},
		{{.proto = IPPROTO_SCTP}, 2, FB_REASON_NONE},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t frame[SAMPLE_MAX];
		struct fb_fragment f;
		struct fb_packet pkt;

		piece4(&rows[i].sample, rows[i].field, frame, &pkt);
		assert_int_equal(fb_fragment_read(frame, &pkt, &f), rows[i].want);
	}
}

/* The same first piece with less and less of it there. */
static void a_first_piece_has_the_whole_header(void **state)
{
	static const struct {
		struct sample sample;
		uint32_t need;
	} rows[] = {
		{{UDP4, .payload_len = 64}, 8},
		{{.proto = IPPROTO_TCP, .tcp_flags = 0x10, .payload_len = 60}, 20},
		{{.proto = IPPROTO_TCP,
		  .tcp_flags = 0x10,
		  .tcp_options_len = 12,
		  .payload_len = 40},
		 32},
		{{.proto = IPPROTO_SCTP, .payload_len = 60}, 16},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t frame[SAMPLE_MAX];
		struct fb_packet pkt;

		piece4(&rows[i].sample, 0x2000, frame, &pkt);
		for (uint32_t here = 8; here <= 64; here += 8) {
			struct fb_packet cut = pkt;
			uint8_t *exact;
			enum fb_reason reason;

			cut.l3_len_bytes = (uint16_t)(20 + here);
			exact = sample_exact(frame, 14 + 20 + here);
			reason = fb_fragment_read_first(exact, 14 + 20 + here, 0, &cut);
			assert_int_equal(reason, here < rows[i].need ? FB_REASON_FRAGMENT_TINY
								     : FB_REASON_NONE);
			if (reason == FB_REASON_NONE) {
				assert_int_equal(cut.kind, FB_PARSE_SERVICE);
				assert_int_equal(fb_tuple_sport(&cut.tuple), RTE_BE16(40000));
				assert_int_equal(fb_tuple_dport(&cut.tuple), RTE_BE16(80));
				assert_true(cut.flags & FB_PKT_FIRST_FRAGMENT);
			} else {
				assert_memory_equal(&cut.tuple, &pkt.tuple, sizeof(pkt.tuple));
				assert_int_equal(cut.kind, FB_PARSE_FRAGMENT);
			}
			free(exact);
		}
	}
}

static void a_new_identification_keeps_the_checksum_right(void **state)
{
	uint8_t frame[SAMPLE_MAX];
	struct fb_packet pkt;

	(void)state;
	piece4(&(struct sample){UDP4, .payload_len = 64}, 0x2000, frame, &pkt);
	for (uint32_t id = 0; id < 65536; id += 257) {
		fb_fragment_set_id(frame + 14, (uint16_t)id);
		assert_int_equal(sample_sum(0, frame + 14, 20), 0xffff);
		assert_memory_equal(frame + 14 + 4, &(uint16_t){(uint16_t)id}, 2);
	}
}

static void a_later_piece_changes_in_its_addresses_alone(void **state)
{
	struct fb_addr src = sample_addr("10.9.8.7");
	struct fb_addr dst = sample_addr("10.1.2.3");
	struct fb_tuple to = fb_tuple_make(IPPROTO_UDP, &src, RTE_BE16(1), &dst, RTE_BE16(2));
	uint8_t before[SAMPLE_MAX];
	uint8_t frame[SAMPLE_MAX];
	struct fb_packet pkt;
	uint32_t len = piece4(&(struct sample){UDP4, .payload_len = 64}, 100, frame, &pkt);

	(void)state;
	memcpy(before, frame, len);
	fb_fragment_rewrite(frame, &pkt, &to);
	assert_int_equal(sample_sum(0, frame + 14, 20), 0xffff);
	assert_memory_equal(frame + 14 + 12, "\x0a\x09\x08\x07\x0a\x01\x02\x03", 8);
	assert_int_equal(frame[14 + 8], before[14 + 8] - 1);
	assert_memory_equal(frame + 34, before + 34, len - 34);
}

static void later_headers_have_the_options_that_are_copied(void **state)
{
	/* No operation, a security option (copied), a record route (not copied), the end. */
	static const char options[] = "\x01\x82\x04\x55\x66\x07\x07\x04\x0a\x0b\x0c\x0d";
	uint8_t out[FB_FRAGMENT_HEADER_MAX];
	uint8_t frame[SAMPLE_MAX];
	struct fb_packet pkt;

	(void)state;
	piece4(&(struct sample){UDP4, .payload_len = 64, .l3_extra = options, .l3_extra_len = 12},
	       0x2000, frame, &pkt);
	assert_int_equal(fb_fragment_later_header(frame + 14, out), 24);
	assert_int_equal(out[0], 0x46);
	assert_memory_equal(out + 20, "\x82\x04\x55\x66", 4);
	fb_fragment_finish(out, 24, 40, 800, true);
	assert_int_equal(sample_sum(0, out, 24), 0xffff);
	assert_memory_equal(out + 2, "\0\x40", 2);
	assert_memory_equal(out + 6, "\x20\x64", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_pieces_say_which_bytes_they_have),
		cmocka_unit_test(ipv6_pieces_say_which_bytes_they_have),
		cmocka_unit_test(a_header_of_a_whole_packet_is_passed_over),
		cmocka_unit_test(pieces_that_no_stack_makes_are_refused),
		cmocka_unit_test(a_first_piece_has_the_whole_header),
		cmocka_unit_test(a_new_identification_keeps_the_checksum_right),
		cmocka_unit_test(a_later_piece_changes_in_its_addresses_alone),
		cmocka_unit_test(later_headers_have_the_options_that_are_copied),
	};

	return cmocka_run_group_tests_name("net/fragment", tests, NULL, NULL);
}
