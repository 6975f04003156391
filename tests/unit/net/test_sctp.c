/* SPDX-License-Identifier: BSD-3-Clause */

/* SCTP: what its packets are parsed as, and what those out of the blue are answered with. */

#include "unit.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "net/answer.h"
#include "net/rewrite.h"
#include "sample.h"

static const uint8_t box_mac[6] = {2, 0, 0, 0, 0, 0xbb};

/* Chunks, by the byte: type, flags, length, value. */
#define DATA      "\0\3\0\x14" "\0\0\0\1" "\0\0\0\0" "\0\0\0\0" "abcd"
#define INIT      "\1\0\0\x14" "\x11\x22\x33\x44" "\0\1\0\0" "\0\1\0\1" "\0\0\0\1"
#define INIT_ACK  "\2\0\0\x14" "\x55\x66\x77\x88" "\0\1\0\0" "\0\1\0\1" "\0\0\0\1"
#define SACK      "\3\0\0\x10" "\0\0\0\1" "\0\1\0\0" "\0\0\0\0"
#define HEARTBEAT "\4\0\0\x0c" "\0\1\0\x08" "\1\2\3\4"
#define ABORT     "\6\1\0\4"
#define SHUTDOWN  "\7\0\0\x08" "\0\0\0\1"
#define SHUTDOWN_ACK "\x08\0\0\4"
#define ERROR     "\x09\0\0\x08" "\0\3\0\4"
#define COOKIE_ECHO "\x0a\0\0\x07" "abc" "\0"
#define COOKIE_ACK  "\x0b\0\0\4"
#define SHUTDOWN_COMPLETE "\x0e\0\0\4"
#define I_DATA    "\x40\3\0\x18" "\0\0\0\1" "\0\0\0\0" "\0\0\0\0" "\0\0\0\0" "abcd"
#define UNKNOWN   "\xc1\0\0\x08" "\1\2\3\4"

#define CHUNKS(bytes) .chunks = (bytes), .chunks_len = sizeof(bytes) - 1

struct row {
	const char *what;
	struct sample sample;
	enum fb_reason reason; /* FB_REASON_NONE: it passes */
	uint8_t chunks;
};

static const struct row rows[] = {
	{"data", {CHUNKS(DATA)}, FB_REASON_NONE, 0},
	{"INIT", {CHUNKS(INIT)}, FB_REASON_NONE, FB_SCTP_INIT},
	{"INIT with a parameter", {CHUNKS("\1\0\0\x1c" "\1\1\1\1" "\0\1\0\0" "\0\1\0\1" "\0\0\0\1"
	 "\0\5\0\x08" "\xc0\0\2\1")}, FB_REASON_NONE, FB_SCTP_INIT},
	{"INIT whose last parameter is padded", {CHUNKS("\1\0\0\x19" "\1\1\1\1" "\0\1\0\0" "\0\1\0\1"
	 "\0\0\0\1" "\0\7\0\5" "a\0\0\0")}, FB_REASON_NONE, FB_SCTP_INIT},
	{"INIT ACK", {CHUNKS(INIT_ACK), .tag = 7}, FB_REASON_NONE, FB_SCTP_INIT_ACK},
	{"SACK and data", {CHUNKS(SACK DATA), .tag = 7}, FB_REASON_NONE, 0},
	{"heartbeat", {CHUNKS(HEARTBEAT), .tag = 7}, FB_REASON_NONE, 0},
	{"COOKIE ECHO with data", {CHUNKS(COOKIE_ECHO DATA)}, FB_REASON_NONE, FB_SCTP_COOKIE_ECHO},
	{"COOKIE ACK with SACK", {CHUNKS(COOKIE_ACK SACK)}, FB_REASON_NONE, FB_SCTP_COOKIE_ACK},
	{"ABORT", {CHUNKS(ABORT)}, FB_REASON_NONE, FB_SCTP_ABORT},
	{"ABORT behind others", {CHUNKS(SACK HEARTBEAT ABORT)}, FB_REASON_NONE, FB_SCTP_ABORT},
	{"SHUTDOWN", {CHUNKS(SHUTDOWN)}, FB_REASON_NONE, FB_SCTP_SHUTDOWN},
	{"SHUTDOWN ACK", {CHUNKS(SHUTDOWN_ACK)}, FB_REASON_NONE, FB_SCTP_SHUTDOWN},
	{"SHUTDOWN COMPLETE", {CHUNKS(SHUTDOWN_COMPLETE)}, FB_REASON_NONE,
	 FB_SCTP_SHUTDOWN_COMPLETE},
	{"ERROR and COOKIE ECHO", {CHUNKS(COOKIE_ECHO ERROR)}, FB_REASON_NONE,
	 FB_SCTP_COOKIE_ECHO | FB_SCTP_ERROR},
	{"a chunk that nobody knows", {CHUNKS(UNKNOWN ABORT)}, FB_REASON_NONE, FB_SCTP_ABORT},
	{"interleaved data", {CHUNKS(I_DATA)}, FB_REASON_NONE, 0},
	{"control behind data is not looked at", {CHUNKS(DATA ABORT)}, FB_REASON_NONE, 0},
	{"padding left out at the end", {CHUNKS("\x0a\0\0\x07" "abc")}, FB_REASON_NONE,
	 FB_SCTP_COOKIE_ECHO},
	{"no chunk", {CHUNKS("")}, FB_REASON_TOO_SHORT, 0},
	{"half a chunk's header", {CHUNKS("\0\3")}, FB_REASON_TOO_SHORT, 0},
	{"a chunk of length 3", {CHUNKS("\0\3\0\3" "abcd")}, FB_REASON_BAD_SCTP, 0},
	{"a chunk of length 0", {CHUNKS("\4\0\0\0" "abcd")}, FB_REASON_BAD_SCTP, 0},
	{"a chunk beyond the packet", {CHUNKS("\0\3\0\x15" "\0\0\0\1" "\0\0\0\0" "\0\0\0\0" "abcd")},
	 FB_REASON_BAD_SCTP, 0},
	{"half a header behind a chunk", {CHUNKS(HEARTBEAT "\3\0")}, FB_REASON_BAD_SCTP, 0},
	{"INIT with data", {CHUNKS(INIT DATA)}, FB_REASON_BAD_SCTP, 0},
	{"INIT behind a chunk", {CHUNKS(HEARTBEAT INIT)}, FB_REASON_BAD_SCTP, 0},
	{"INIT ACK with COOKIE ECHO", {CHUNKS(INIT_ACK COOKIE_ECHO)}, FB_REASON_BAD_SCTP, 0},
	{"SHUTDOWN COMPLETE with SACK", {CHUNKS(SHUTDOWN_COMPLETE SACK)}, FB_REASON_BAD_SCTP, 0},
	{"INIT in a packet with a tag", {CHUNKS(INIT), .tag = 1}, FB_REASON_BAD_SCTP, 0},
	{"INIT that proposes no tag", {CHUNKS("\1\0\0\x14" "\0\0\0\0" "\0\1\0\0" "\0\1\0\1" "\0\0\0\1")},
	 FB_REASON_BAD_SCTP, 0},
	{"INIT that is cut", {CHUNKS("\1\0\0\x10" "\1\1\1\1" "\0\1\0\0" "\0\1\0\1")},
	 FB_REASON_BAD_SCTP, 0},
};

static void chunks_are_read_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
		const struct row *r = &rows[i / 2];
		struct sample s = r->sample;
		uint8_t frame[SAMPLE_MAX];
		struct fb_packet pkt;
		enum fb_parse kind;
		uint8_t *exact;
		uint32_t len;

		s.proto = IPPROTO_SCTP;
		s.ipv6 = i % 2;
		s.vlan = i % 3 == 0;
		len = sample_build(&s, frame);
		exact = sample_exact(frame, len);
		kind = fb_packet_parse(exact, len, len, &pkt);
		free(exact);
		if (kind != (r->reason == FB_REASON_NONE ? FB_PARSE_SERVICE : FB_PARSE_DROP) ||
		    pkt.reason != r->reason)
			fail_msg("%s: kind %d, %s", r->what, kind, fb_reason_names[pkt.reason]);
		if (kind != FB_PARSE_SERVICE)
			continue;
		if (pkt.sctp_chunks != r->chunks)
			fail_msg("%s: chunks %02x", r->what, pkt.sctp_chunks);
		assert_int_equal(pkt.flags & FB_PKT_SCTP_NOSUM, 0);
		assert_int_equal(fb_tuple_dport(&pkt.tuple), htons(80));
	}
}

/* Whatever is in the first segment, nothing behind it is read and nothing is taken for granted. */
static void a_packet_in_segments_is_read_as_far_as_it_goes(void **state)
{
	struct sample s = {.proto = IPPROTO_SCTP, CHUNKS(SACK HEARTBEAT ABORT), .tag = 7};
	uint8_t frame[SAMPLE_MAX];
	struct fb_packet pkt;
	uint32_t len = sample_build(&s, frame);

	(void)state;
	for (uint32_t have = 34; have <= len; have++) {
		uint8_t *exact = sample_exact(frame, have);
		enum fb_parse kind = fb_packet_parse(exact, have, len, &pkt);

		free(exact);
		if (have < 34 + 16) {
			assert_int_equal(kind, FB_PARSE_DROP);
			assert_int_equal(pkt.reason, FB_REASON_HEADER_SPLIT);
			continue;
		}
		assert_int_equal(kind, FB_PARSE_SERVICE);
		assert_int_equal(pkt.sctp_chunks, have == len ? FB_SCTP_ABORT : 0);
	}
	s = (struct sample){.proto = IPPROTO_SCTP, CHUNKS(INIT)};
	len = sample_build(&s, frame);
	for (uint32_t have = 34; have <= len; have++) {
		uint8_t *exact = sample_exact(frame, have);

		assert_int_equal(fb_packet_parse(exact, have, len, &pkt),
				 have == len ? FB_PARSE_SERVICE : FB_PARSE_DROP);
		free(exact);
	}
}

static void a_checksum_of_zero_is_none_unless_it_is_the_true_one(void **state)
{
	struct sample s = {.proto = IPPROTO_SCTP, CHUNKS(DATA), .tag = 7, .no_sum = true};
	uint8_t frame[SAMPLE_MAX];
	struct fb_packet pkt;
	uint32_t len = sample_build(&s, frame);
	uint32_t want = UINT32_MAX;
	uint32_t reg;

	(void)state;
	assert_int_equal(fb_packet_parse(frame, len, len, &pkt), FB_PARSE_SERVICE);
	assert_int_equal(pkt.flags & FB_PKT_SCTP_NOSUM, FB_PKT_SCTP_NOSUM);
	/* A message is summed to anything by four bytes of it: turn the sum back from the end. */
	memset(frame + 34 + 28, 0, 4);
	reg = ~__builtin_bswap32(sample_crc(frame + 34, 32));
	for (int bit = 0; bit < 32; bit++) {
		reg = reg & 0x80000000 ? (reg ^ 0x82f63b78) << 1 | 1 : reg << 1;
		want = want & 0x80000000 ? (want ^ 0x82f63b78) << 1 | 1 : want << 1;
	}
	reg ^= want;
	memcpy(frame + 34 + 28, &reg, 4);
	assert_int_equal(sample_crc(frame + 34, 32), 0);
	assert_int_equal(fb_packet_parse(frame, len, len, &pkt), FB_PARSE_SERVICE);
	assert_int_equal(pkt.flags & FB_PKT_SCTP_NOSUM, 0);
}

/* Addresses between other parameters; what is behind them and a length that lies stay as they are. */
#define PARAM_COOKIE "\0\7\0\6" "abcd"
#define PARAM_V4     "\0\5\0\x08" "\xc0\0\2\1"
#define PARAM_V6     "\0\6\0\x14" "\x20\1\x0d\xb8" "\0\0\0\0" "\0\0\0\0" "\0\0\0\1"
#define PARAM_PAD4   "\x80\5\0\x08" "\xc0\0\2\1"
#define PARAM_PAD6   "\x80\5\0\x14" "\x20\1\x0d\xb8" "\0\0\0\0" "\0\0\0\0" "\0\0\0\1"
#define LIST(type, len) type "\0\0" len "\x11\x22\x33\x44" "\0\1\0\0" "\0\1\0\1" "\0\0\0\1"

struct hide_row {
	struct sample sample;
	const char *after; /* the chunk */
};

static const struct hide_row hide_rows[] = {
	{{CHUNKS(LIST("\1", "\x38") PARAM_COOKIE PARAM_V4 PARAM_V6)},
	 LIST("\1", "\x38") PARAM_COOKIE PARAM_PAD4 PARAM_PAD6},
	{{CHUNKS(LIST("\2", "\x38") PARAM_V6 PARAM_V4 PARAM_COOKIE), .tag = 9},
	 LIST("\2", "\x38") PARAM_PAD6 PARAM_PAD4 PARAM_COOKIE},
	{{CHUNKS(LIST("\1", "\x24") PARAM_COOKIE PARAM_V4), .no_sum = true},
	 LIST("\1", "\x24") PARAM_COOKIE PARAM_PAD4},
	{{CHUNKS(LIST("\1", "\x1c") "\0\7\0\3" "abcd")}, LIST("\1", "\x1c") "\0\7\0\3" "abcd"},
	{{CHUNKS(LIST("\1", "\x1c") "\0\5\0\x40" "abcd")}, LIST("\1", "\x1c") "\0\5\0\x40" "abcd"},
	/* Not an INIT: a cookie may hold whatever it likes. */
	{{CHUNKS("\x0a\0\0\x1c" "aaaa" "aaaa" "aaaa" "aaaa" PARAM_V4), .tag = 9},
	 "\x0a\0\0\x1c" "aaaa" "aaaa" "aaaa" "aaaa" PARAM_V4},
};

static void addresses_of_an_init_are_hidden(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4 * COUNT_OF(hide_rows); i++) {
		struct sample s = hide_rows[i / 4].sample;
		const bool corrupt = i % 4 >= 2;
		uint8_t frame[SAMPLE_MAX];
		struct fb_rewrite rw;
		struct fb_packet pkt;
		struct fb_tuple answer;
		uint32_t len;
		uint8_t *l4;

		s.proto = IPPROTO_SCTP;
		s.ipv6 = i % 2;
		len = sample_build(&s, frame);
		assert_int_equal(fb_packet_parse(frame, len, len, &pkt), FB_PARSE_SERVICE);
		l4 = frame + pkt.l4_off;
		l4[8] ^= corrupt && !s.no_sum ? 0x55 : 0;
		answer = fb_tuple_reverse(&pkt.tuple);
		rw = (struct fb_rewrite){0};
		if (s.ipv6)
			answer.v6.dport = htons(4444);
		else
			answer.v4.dport = htons(4444);
		fb_rewrite_apply(frame, &pkt, s.ipv6 ? (void *)&answer.v6 : &answer.v4, &rw);
		assert_memory_equal(l4 + 12, hide_rows[i / 4].after, s.chunks_len);
		assert_int_equal(l4[0] << 8 | l4[1], 4444);
		l4[8] ^= corrupt && !s.no_sum ? 0x55 : 0;
		assert_int_equal((uint32_t)l4[8] << 24 | l4[9] << 16 | l4[10] << 8 | l4[11],
				 s.no_sum ? 0 : sample_crc(l4, len - pkt.l4_off));
	}
}

struct answer_row {
	const char *what;
	struct sample sample;
	uint8_t chunk; /* 0: no answer */
	uint8_t flags;
	uint32_t tag;
};

/* RFC 9260, 8.4. */
static const struct answer_row answer_rows[] = {
	{"INIT: the tag that it proposes", {CHUNKS(INIT)}, 6, 0, 0x11223344},
	{"data: the tag comes back", {CHUNKS(DATA), .tag = 0xabcdef01}, 6, 1, 0xabcdef01},
	{"COOKIE ECHO", {CHUNKS(COOKIE_ECHO), .tag = 5}, 6, 1, 5},
	{"INIT ACK", {CHUNKS(INIT_ACK), .tag = 5}, 6, 1, 5},
	{"SHUTDOWN", {CHUNKS(SHUTDOWN), .tag = 5}, 6, 1, 5},
	{"SHUTDOWN ACK", {CHUNKS(SHUTDOWN_ACK), .tag = 5}, 14, 1, 5},
	{"ABORT", {CHUNKS(ABORT), .tag = 5}, 0, 0, 0},
	{"ABORT behind another", {CHUNKS(SACK ABORT), .tag = 5}, 0, 0, 0},
	{"SHUTDOWN COMPLETE", {CHUNKS(SHUTDOWN_COMPLETE), .tag = 5}, 0, 0, 0},
	{"COOKIE ACK", {CHUNKS(COOKIE_ACK DATA), .tag = 5}, 0, 0, 0},
	{"stale cookie", {CHUNKS(ERROR), .tag = 5}, 0, 0, 0},
	{"TCP", {.proto = IPPROTO_TCP, .tcp_flags = 2}, 0, 0, 0},
};

static void out_of_the_blue_is_answered_as_the_rfc_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * COUNT_OF(answer_rows); i++) {
		const struct answer_row *r = &answer_rows[i / 2];
		uint8_t out[FB_ANSWER_MAX];
		struct sample s = r->sample;
		uint8_t frame[SAMPLE_MAX];
		struct fb_packet answer;
		struct fb_packet pkt;
		struct fb_tuple back;
		const uint8_t *l4;
		uint32_t len;

		s.proto = s.proto != 0 ? s.proto : IPPROTO_SCTP;
		s.ipv6 = i % 2;
		len = sample_build(&s, frame);
		assert_int_equal(fb_packet_parse(frame, len, len, &pkt), FB_PARSE_SERVICE);
		len = fb_answer_sctp(frame, &pkt, box_mac, out, sizeof(out));
		if (r->chunk == 0) {
			if (len != 0)
				fail_msg("%s: answered", r->what);
			continue;
		}
		if (len != (s.ipv6 ? 70 : 50))
			fail_msg("%s: %u bytes", r->what, len);
		assert_int_equal(fb_answer_sctp(frame, &pkt, box_mac, out, len - 1), 0);
		assert_int_equal(fb_packet_parse(out, len, len, &answer), FB_PARSE_SERVICE);
		sample_assert_sums(out, &answer);
		back = fb_tuple_reverse(&pkt.tuple);
		assert_memory_equal(&answer.tuple, &back, sizeof(back));
		l4 = out + answer.l4_off;
		assert_int_equal(l4[12], r->chunk);
		assert_int_equal(l4[13], r->flags);
		assert_int_equal((uint32_t)l4[4] << 24 | l4[5] << 16 | l4[6] << 8 | l4[7],
				 r->tag);
		/* Its like is not answered: no two boxes talk for ever. */
		assert_int_equal(fb_answer_sctp(out, &answer, box_mac, frame, sizeof(frame)), 0);
	}
}

static void a_group_gets_no_answer(void **state)
{
	struct sample s = {.proto = IPPROTO_SCTP, CHUNKS(INIT)};
	uint8_t out[FB_ANSWER_MAX];
	uint8_t frame[SAMPLE_MAX];
	struct fb_packet pkt;
	uint32_t len = sample_build(&s, frame);

	(void)state;
	frame[0] |= 1;
	(void)fb_packet_parse(frame, len, len, &pkt);
	assert_int_equal(fb_answer_sctp(frame, &pkt, box_mac, out, sizeof(out)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_are_read_or_refused),
		cmocka_unit_test(a_packet_in_segments_is_read_as_far_as_it_goes),
		cmocka_unit_test(a_checksum_of_zero_is_none_unless_it_is_the_true_one),
		cmocka_unit_test(addresses_of_an_init_are_hidden),
		cmocka_unit_test(out_of_the_blue_is_answered_as_the_rfc_says),
		cmocka_unit_test(a_group_gets_no_answer),
	};

	return cmocka_run_group_tests_name("net/sctp", tests, NULL, NULL);
}
