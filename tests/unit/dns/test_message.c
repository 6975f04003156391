/* SPDX-License-Identifier: BSD-3-Clause */

#include "fixture.h"

static uint8_t msg[600];
static struct fb_dns_query q;

static void a_question_is_read_and_its_letters_lowered(void **state)
{
	uint32_t len = query(msg, "KuBe-DNS.Kube-System.svc.Cluster.LOCAL.", FB_DNS_AAAA, 0);

	assert_int_equal(fb_dns_query_parse(msg, len, &q), FB_DNS_QUERY_GOOD);
	assert_int_equal(q.type, FB_DNS_AAAA);
	assert_int_equal(q.class_, FB_DNS_CLASS_IN);
	assert_int_equal(q.question_end, len);
	assert_int_equal(q.udp_size, 512);
	assert_false(q.has_opt);
	assert_int_equal(q.name.n_labels, 5);
	assert_memory_equal(q.name.bytes, "\10kube-dns\13kube-system\3svc\7cluster\5local", 38);
	assert_int_equal(q.name.offsets[1], 9);
	assert_int_equal(q.name.offsets[5], q.name.len - 1);
}

static void only_ascii_letters_are_lowered(void **state)
{
	uint8_t name[256];
	struct fb_dns_name read;

	for (int from = 1; from < 256; from += 50) {
		name[0] = 50;
		for (int i = 0; i < 50; i++)
			name[1 + i] = (uint8_t)(from + i);
		name[51] = 0;
		assert_int_equal(fb_dns_name_read(name, sizeof(name), &read), 52);
		for (int i = 0; i < 50; i++) {
			int c = (uint8_t)(from + i);

			assert_int_equal(read.bytes[1 + i], c >= 'A' && c <= 'Z' ? c + 32 : c);
		}
	}
}

static void answers_and_scraps_are_no_queries(void **state)
{
	uint32_t len = query(msg, "a.", FB_DNS_A, 0);

	assert_int_equal(fb_dns_query_parse(msg, 11, &q), FB_DNS_NO_QUERY);
	msg[2] |= 0x80;
	assert_int_equal(fb_dns_query_parse(msg, len, &q), FB_DNS_NO_QUERY);
}

static void what_is_cut_short_is_a_format_error(void **state)
{
	uint32_t len = query(msg, "svc.ns.svc.cluster.local", FB_DNS_A, 1232);

	for (uint32_t n = 12; n < len; n++) {
		assert_int_equal(fb_dns_query_parse(msg, n, &q), FB_DNS_QUERY_BAD);
		assert_int_equal(q.rcode, FB_DNS_FORMERR);
		assert_false(q.has_opt);
	}
	assert_int_equal(fb_dns_query_parse(msg, len, &q), FB_DNS_QUERY_GOOD);
}

static void opt_says_what_the_client_takes(void **state)
{
	uint32_t len = query(msg, "a.", FB_DNS_A, 4096);

	assert_int_equal(fb_dns_query_parse(msg, len, &q), FB_DNS_QUERY_GOOD);
	assert_true(q.has_opt);
	assert_int_equal(q.udp_size, 4096);
	assert_int_equal(fb_dns_udp_most(&q), FB_DNS_UDP_MAX);
	len = query(msg, "a.", FB_DNS_A, 100);
	assert_int_equal(fb_dns_query_parse(msg, len, &q), FB_DNS_QUERY_GOOD);
	assert_int_equal(q.udp_size, 512);
}

static void a_later_edns_is_a_bad_version(void **state)
{
	uint32_t len = query(msg, "a.", FB_DNS_A, 1232);

	msg[len - 5] = 1;
	assert_int_equal(fb_dns_query_parse(msg, len, &q), FB_DNS_QUERY_BAD);
	assert_int_equal(q.rcode, FB_DNS_BADVERS);
	assert_true(q.has_opt);
}

static void two_opts_are_one_too_many(void **state)
{
	uint32_t len = query(msg, "a.", FB_DNS_A, 1232);

	memcpy(msg + len, msg + len - 11, 11);
	msg[11] = 2;
	assert_int_equal(fb_dns_query_parse(msg, len + 11, &q), FB_DNS_QUERY_BAD);
	assert_int_equal(q.rcode, FB_DNS_FORMERR);
}

static void a_compressed_question_is_a_format_error(void **state)
{
	uint32_t len = query(msg, "a.b.", FB_DNS_A, 0);

	msg[14] = 0xc0;
	msg[15] = 12;
	assert_int_equal(fb_dns_query_parse(msg, len, &q), FB_DNS_QUERY_BAD);
}

static void two_questions_are_a_format_error(void **state)
{
	uint32_t len = query(msg, "a.", FB_DNS_A, 0);

	msg[5] = 2;
	assert_int_equal(fb_dns_query_parse(msg, len, &q), FB_DNS_QUERY_BAD);
	assert_int_equal(q.rcode, FB_DNS_FORMERR);
}

static void other_opcodes_are_not_implemented(void **state)
{
	uint32_t len = query(msg, "a.", FB_DNS_A, 0);

	msg[2] |= 5 << 3;
	assert_int_equal(fb_dns_query_parse(msg, len, &q), FB_DNS_QUERY_BAD);
	assert_int_equal(q.rcode, FB_DNS_NOTIMP);
}

static void names_end_at_255_bytes(void **state)
{
	uint8_t name[300];
	struct fb_dns_name read;

	/* 127 labels of one letter and the root: 255 bytes. */
	for (int i = 0; i < 150; i++) {
		name[2 * i] = 1;
		name[2 * i + 1] = 'x';
	}
	name[254] = 0;
	assert_int_equal(fb_dns_name_read(name, sizeof(name), &read), 255);
	assert_int_equal(read.n_labels, 127);
	name[254] = 1;
	name[256] = 0;
	assert_int_equal(fb_dns_name_read(name, sizeof(name), &read), 0);
}

static void pointers_are_followed_backwards_only(void **state)
{
	const uint8_t m[] = {3, 'o', 'r', 'g', 0, 1, 'a', 0xc0, 0, 0xc0, 5, 0xc0, 11, 0xc0, 20};
	uint8_t out[255];
	uint32_t len = 0;

	assert_int_equal(fb_dns_name_expand(m, sizeof(m), 9, out, &len), 11);
	assert_int_equal(len, 7);
	assert_memory_equal(out, "\1a\3org", 7);
	assert_int_equal(fb_dns_name_expand(m, sizeof(m), 11, out, &len), 0);
	assert_int_equal(fb_dns_name_expand(m, sizeof(m), 13, out, &len), 0);
	assert_int_equal(fb_dns_name_expand(m, 8, 5, out, &len), 0);
}

static void text_becomes_a_name(void **state)
{
	uint8_t out[255];
	char text[300];

	assert_int_equal(fb_dns_name_from_text("a.bc", out), 6);
	assert_memory_equal(out, "\1a\2bc", 6);
	assert_int_equal(fb_dns_name_from_text("a.bc.", out), 6);
	assert_int_equal(fb_dns_name_from_text(".", out), 1);
	assert_int_equal(fb_dns_name_from_text("a..b", out), 0);
	assert_int_equal(fb_dns_name_from_text(".a", out), 0);
	memset(text, 'x', 64);
	text[64] = '\0';
	assert_int_equal(fb_dns_name_from_text(text, out), 0);
	for (int i = 0; i < 128; i++)
		memcpy(text + 2 * i, "x.", 3);
	assert_int_equal(fb_dns_name_from_text(text, out), 0);
	text[2 * 127] = '\0';
	assert_int_equal(fb_dns_name_from_text(text, out), 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_is_read_and_its_letters_lowered),
		cmocka_unit_test(only_ascii_letters_are_lowered),
		cmocka_unit_test(answers_and_scraps_are_no_queries),
		cmocka_unit_test(what_is_cut_short_is_a_format_error),
		cmocka_unit_test(opt_says_what_the_client_takes),
		cmocka_unit_test(a_later_edns_is_a_bad_version),
		cmocka_unit_test(two_opts_are_one_too_many),
		cmocka_unit_test(a_compressed_question_is_a_format_error),
		cmocka_unit_test(two_questions_are_a_format_error),
		cmocka_unit_test(other_opcodes_are_not_implemented),
		cmocka_unit_test(names_end_at_255_bytes),
		cmocka_unit_test(pointers_are_followed_backwards_only),
		cmocka_unit_test(text_becomes_a_name),
	};

	return cmocka_run_group_tests_name("dns/message", tests, NULL, NULL);
}
