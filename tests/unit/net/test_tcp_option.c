/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <string.h>

#include "net/checksum.h"
#include "net/tcp_option.h"
#include "sample.h"

#define DATA_LEN 7 /* odd, so that padding counts */

struct segment {
	uint8_t bytes[60 + DATA_LEN];
	uint32_t len;
};

static void store_sum(struct segment *s)
{
	uint16_t sum;

	memset(s->bytes + 16, 0, 2);
	sum = (uint16_t)~sample_sum(0, s->bytes, s->len);
	s->bytes[16] = (uint8_t)(sum >> 8);
	s->bytes[17] = (uint8_t)sum;
}

static struct segment segment_of(const uint8_t *options, uint32_t len)
{
	struct segment s = {.len = 20 + len + DATA_LEN};
	uint32_t seed = len;

	assert_true(len % 4 == 0 && len <= 40);
	for (uint32_t i = 0; i < s.len; i++)
		s.bytes[i] = (uint8_t)sample_random(&seed);
	s.bytes[12] = (uint8_t)((20 + len) / 4 << 4);
	memcpy(s.bytes + 20, options, len);
	store_sum(&s);
	return s;
}

struct row {
	uint8_t options[40];
	uint32_t len;
	uint32_t at; /* of the value that is lowered; 0: nothing is */
};

static const struct row rows[] = {
	{{2, 4, 0x05, 0xb4}, 4, 2},
	/* At an odd place, and behind the options that Linux sends. */
	{{1, 2, 4, 0x05, 0xb4, 1, 1, 1}, 8, 3},
	{{4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7, 2, 4, 0x05, 0xb4}, 20, 18},
	{{254, 3, 0, 2, 4, 0x05, 0xb4, 0}, 8, 5},
	/* Smaller already, or just so. */
	{{2, 4, 0x05, 0x78}, 4, 0},
	{{2, 4, 0x02, 0x18}, 4, 0},
	{{2, 4, 0, 0}, 4, 0},
	/* None; behind the end; lengths of 0, 1 and beyond the header; cut off; another length. */
	{{0}, 0, 0},
	{{1, 1, 1, 1}, 4, 0},
	{{0, 2, 4, 0x05, 0xb4, 0, 0, 0}, 8, 0},
	{{3, 0, 2, 4, 0x05, 0xb4, 0, 0}, 8, 0},
	{{3, 1, 2, 4, 0x05, 0xb4, 0, 0}, 8, 0},
	{{3, 9, 2, 4, 0x05, 0xb4, 0, 0}, 8, 0},
	{{1, 1, 2, 4}, 4, 0},
	{{1, 2, 4, 5}, 4, 0},
	{{1, 1, 1, 2}, 4, 0},
	{{2, 3, 0xff, 1}, 4, 0},
	{{2, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 8, 0},
};

static void the_option_is_lowered_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct segment s = segment_of(rows[i].options, rows[i].len);
		struct segment wanted = s;

		if (rows[i].at != 0) {
			wanted.bytes[20 + rows[i].at] = 1400 >> 8;
			wanted.bytes[20 + rows[i].at + 1] = 1400 & 0xff;
			store_sum(&wanted);
		}
		assert_int_equal(fb_tcp_lower_mss(s.bytes, s.len, 1400), rows[i].at != 0);
		assert_memory_equal(s.bytes, wanted.bytes, sizeof(s.bytes));
	}
}

static void each_of_two_is_lowered(void **state)
{
	static const uint8_t options[] = {2, 4, 0x05, 0xb4, 1, 2, 4, 0xff, 0xff, 1, 1, 0};
	struct segment s = segment_of(options, sizeof(options));
	struct segment wanted = s;

	(void)state;
	wanted.bytes[22] = wanted.bytes[27] = 1000 >> 8;
	wanted.bytes[23] = wanted.bytes[28] = 1000 & 0xff;
	store_sum(&wanted);
	assert_true(fb_tcp_lower_mss(s.bytes, s.len, 1000));
	assert_memory_equal(s.bytes, wanted.bytes, sizeof(s.bytes));
}

/* A header may promise more than there is; and a wrong checksum stays as wrong as it was. */
static void what_is_not_there_is_not_read(void **state)
{
	static const uint8_t options[] = {1, 1, 1, 1, 2, 4, 0x05, 0xb4};
	struct segment s = segment_of(options, sizeof(options));
	const struct segment before = s;
	struct segment right;

	(void)state;
	for (uint32_t have = 20; have < 28; have++) {
		assert_false(fb_tcp_lower_mss(s.bytes, have, 1400));
		assert_memory_equal(s.bytes, before.bytes, sizeof(s.bytes));
	}
	s.bytes[16] ^= 0x5a;
	assert_true(fb_tcp_lower_mss(s.bytes, 28, 1400));
	right = s;
	store_sum(&right);
	assert_memory_not_equal(s.bytes + 16, right.bytes + 16, 2);
}

static void whatever_the_bytes_the_sum_stays_right(void **state)
{
	uint32_t seed = 9;

	(void)state;
	for (int n = 0; n < 20000; n++) {
		uint8_t options[40];
		uint32_t len = sample_random(&seed) % 11 * 4;
		uint16_t most = (uint16_t)sample_random(&seed);
		struct segment s;
		struct segment summed;

		/* Few values, so that lengths often fit. */
		for (uint32_t i = 0; i < len; i++)
			options[i] = (uint8_t)(sample_random(&seed) % 6);
		s = segment_of(options, len);
		(void)fb_tcp_lower_mss(s.bytes, s.len, most);
		summed = s;
		store_sum(&summed);
		/* Zero is written as either of its two forms. */
		if ((s.bytes[16] | s.bytes[17]) != 0 && (s.bytes[16] & s.bytes[17]) != 0xff)
			assert_memory_equal(s.bytes, summed.bytes, sizeof(s.bytes));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_option_is_lowered_and_nothing_else),
		cmocka_unit_test(each_of_two_is_lowered),
		cmocka_unit_test(what_is_not_there_is_not_read),
		cmocka_unit_test(whatever_the_bytes_the_sum_stays_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
