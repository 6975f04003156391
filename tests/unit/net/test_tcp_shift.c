/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <string.h>

#include <rte_tcp.h>

#include "net/tcp_option.h"
#include "net/tcp_shift.h"
#include "sample.h"

#define DATA_LEN 5

struct segment {
	uint8_t bytes[60 + DATA_LEN];
	uint32_t len;
};

static const struct fb_tcp_shift shift = {.seq = 0x89abcdef, .ts = 0x76543200, .window = 3};

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store_sum(struct segment *s)
{
	uint16_t sum;

	memset(s->bytes + 16, 0, 2);
	sum = (uint16_t)~sample_sum(0, s->bytes, s->len);
	s->bytes[16] = (uint8_t)(sum >> 8);
	s->bytes[17] = (uint8_t)sum;
}

/* Two blocks behind timestamps, all of them `pad` bytes from a word's beginning. */
static struct segment segment_of(uint32_t pad, uint8_t flags)
{
	struct segment s = {.len = 20 + 32 + DATA_LEN};
	uint8_t *o = s.bytes + 20;
	uint32_t seed = pad;

	for (uint32_t i = 0; i < s.len; i++)
		s.bytes[i] = (uint8_t)sample_random(&seed);
	s.bytes[12] = (20 + 32) / 4 << 4;
	s.bytes[13] = flags;
	memset(o, FB_TCP_OPTION_NOP, 32);
	o += pad;
	o[0] = FB_TCP_OPTION_TIMESTAMPS;
	o[1] = 10;
	put32(o + 2, 1000);
	put32(o + 6, 2000);
	o[10] = FB_TCP_OPTION_SACK;
	o[11] = 18;
	for (uint32_t i = 0; i < 4; i++)
		put32(o + 12 + 4 * i, 100 * i);
	store_sum(&s);
	return s;
}

static void the_endpoints_numbers_are_its_clients_ones(void **state)
{
	(void)state;
	for (uint32_t pad = 0; pad < 4; pad++) {
		struct segment s = segment_of(pad, RTE_TCP_ACK_FLAG);
		struct segment wanted = s;

		s.bytes[14] = wanted.bytes[14] = 0;
		s.bytes[15] = wanted.bytes[15] = 100;
		store_sum(&s);
		put32(wanted.bytes + 4, get32(s.bytes + 4) + shift.seq);
		put32(wanted.bytes + 20 + pad + 2, 1000 + shift.ts);
		wanted.bytes[14] = 800 >> 8;
		wanted.bytes[15] = 800 & 0xff;
		store_sum(&wanted);
		fb_tcp_shift_to_client(s.bytes, s.len, s.bytes[13], &shift);
		assert_memory_equal(s.bytes, wanted.bytes, s.len);
	}
}

static void the_clients_words_are_about_the_endpoints_numbers(void **state)
{
	(void)state;
	for (uint32_t pad = 0; pad < 4; pad++) {
		struct segment s = segment_of(pad, RTE_TCP_ACK_FLAG);
		struct segment wanted = s;

		put32(wanted.bytes + 8, get32(s.bytes + 8) - shift.seq);
		put32(wanted.bytes + 20 + pad + 6, 2000 - shift.ts);
		for (uint32_t i = 0; i < 4; i++)
			put32(wanted.bytes + 20 + pad + 12 + 4 * i, 100 * i - shift.seq);
		store_sum(&wanted);
		fb_tcp_shift_to_endpoint(s.bytes, s.len, s.bytes[13], &shift);
		assert_memory_equal(s.bytes, wanted.bytes, s.len);
	}
}

/* A reset alone acknowledges nothing; and of a header that is not there nothing is read. */
static void what_is_not_said_is_not_changed(void **state)
{
	struct segment s = segment_of(0, RTE_TCP_RST_FLAG);
	struct segment wanted = s;

	(void)state;
	fb_tcp_shift_to_endpoint(s.bytes, 20, s.bytes[13], &shift);
	assert_memory_equal(s.bytes, wanted.bytes, s.len);
	s = segment_of(0, RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG);
	wanted = s;
	put32(wanted.bytes + 4, get32(s.bytes + 4) + shift.seq);
	store_sum(&wanted);
	fb_tcp_shift_to_client(s.bytes, 20, s.bytes[13], &shift);
	assert_memory_equal(s.bytes, wanted.bytes, s.len);
}

static void a_window_fits_and_stays_open(void **state)
{
	(void)state;
	assert_int_equal(fb_tcp_shift_window(100, 0), 100);
	assert_int_equal(fb_tcp_shift_window(100, 3), 800);
	assert_int_equal(fb_tcp_shift_window(65535, 14), 65535);
	assert_int_equal(fb_tcp_shift_window(8192, 3), 65535);
	assert_int_equal(fb_tcp_shift_window(100, -3), 12);
	assert_int_equal(fb_tcp_shift_window(7, -3), 1);
	assert_int_equal(fb_tcp_shift_window(0, -3), 0);
	assert_int_equal(fb_tcp_shift_window(0, 14), 0);
}

static void options_are_read_as_they_are_written(void **state)
{
	(void)state;
	for (int n = 0; n < 64; n++) {
		const struct fb_tcp_options o = {
			.mss = n & 1 ? 1460 : 0,
			.sack = (n & 2) != 0,
			.timestamps = (n & 4) != 0,
			.tsval = n & 4 ? 0x01020304 : 0,
			.tsecr = n & 4 ? 0xfffefdfc : 0,
			.wscale = n & 8 ? (uint8_t)(n >> 4 | 12) : FB_TCP_WSCALE_NONE,
		};
		struct segment s = {.len = 20};
		struct fb_tcp_options back;
		uint32_t len = fb_tcp_options_write(&o, s.bytes + 20);

		assert_true(len % 4 == 0 && len <= FB_TCP_OPTIONS_MAX);
		s.bytes[12] = (uint8_t)((20 + len) / 4 << 4);
		fb_tcp_options_read(s.bytes, 20 + len, &back);
		assert_int_equal(back.mss, o.mss);
		assert_int_equal(back.sack, o.sack);
		assert_int_equal(back.timestamps, o.timestamps);
		assert_int_equal(back.tsval, o.tsval);
		assert_int_equal(back.tsecr, o.tsecr);
		assert_int_equal(back.wscale, o.wscale);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_endpoints_numbers_are_its_clients_ones),
		cmocka_unit_test(the_clients_words_are_about_the_endpoints_numbers),
		cmocka_unit_test(what_is_not_said_is_not_changed),
		cmocka_unit_test(a_window_fits_and_stays_open),
		cmocka_unit_test(options_are_read_as_they_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
