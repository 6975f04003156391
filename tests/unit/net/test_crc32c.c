/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "net/crc32c.h"
#include "sample.h"

#define MESSAGE_MAX 65536

static uint8_t message[MESSAGE_MAX];
static uint8_t changed[MESSAGE_MAX];

static uint32_t crc_by_bits(const uint8_t *p, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* RFC 3720, B.4, and the check value of the catalogue of CRCs. */
static void known_messages_have_their_known_sums(void **state)
{
	static const struct {
		uint8_t first;
		int8_t step;
		uint32_t crc;
	} rows[] = {
		{0x00, 0, 0x8a9136aa},
		{0xff, 0, 0x62a8ab43},
		{0x00, 1, 0x46dd794e},
		{0x1f, -1, 0x113fdb5c},
	};

	(void)state;
	assert_int_equal(~fb_crc32c_add(FB_CRC32C_BEGIN, "123456789", 9), 0xe3069283);
	assert_int_equal(~fb_crc32c_add_plain(FB_CRC32C_BEGIN, "123456789", 9), 0xe3069283);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t bytes[32];

		for (int k = 0; k < 32; k++)
			bytes[k] = (uint8_t)(rows[i].first + k * rows[i].step);
		assert_int_equal(~fb_crc32c_add(FB_CRC32C_BEGIN, bytes, 32), rows[i].crc);
		assert_int_equal(~fb_crc32c_add_plain(FB_CRC32C_BEGIN, bytes, 32),
				 rows[i].crc);
	}
}

static void both_ways_of_summing_agree_at_every_length_and_place(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (uint32_t len = 0; len < 600; len++) {
		const uint8_t *at = message + sample_random(&seed) % 64;
		const uint32_t begin = sample_random(&seed);
		const uint32_t cut = sample_random(&seed) % (len + 1);
		const uint32_t plain = fb_crc32c_add_plain(begin, at, len);

		assert_int_equal(fb_crc32c_add(begin, at, len), plain);
		assert_int_equal(fb_crc32c_add(fb_crc32c_add(begin, at, cut), at + cut, len - cut),
				 plain);
	}
	assert_int_equal(~fb_crc32c_add(FB_CRC32C_BEGIN, message, 600), crc_by_bits(message, 600));
}

/* Four bytes of a message are others, at every length that a packet can have. */
static void a_change_is_the_difference_of_the_sums(void **state)
{
	uint32_t seed = 2;

	(void)state;
	for (uint32_t n_behind = 0; n_behind < 65536; n_behind += n_behind < 3000 ? 1 : 997) {
		const uint32_t before = n_behind < 65000 ? sample_random(&seed) % 64 : 0;
		const uint32_t len = before + 4 + n_behind;
		const uint32_t diff = sample_random(&seed) << 8 ^ sample_random(&seed);
		uint32_t change;

		if (len > MESSAGE_MAX)
			break;
		memcpy(changed, message, len);
		fb_crc32c_store(changed + before, fb_crc32c_load(changed + before) ^ diff);
		change = fb_crc32c_add(FB_CRC32C_BEGIN, message, len) ^
			 fb_crc32c_add(FB_CRC32C_BEGIN, changed, len);
		assert_int_equal(fb_crc32c_change(diff, n_behind), change);
		assert_int_equal(fb_crc32c_change_plain(diff, n_behind), change);
	}
}

/* Each bit of the length has its own multiplication. */
static void both_ways_of_a_change_agree_for_every_length(void **state)
{
	uint32_t seed = 3;

	(void)state;
	for (uint32_t n_behind = 0; n_behind < 65536; n_behind++) {
		const uint32_t diff = sample_random(&seed) << 8 ^ sample_random(&seed);

		if (fb_crc32c_change(diff, n_behind) != fb_crc32c_change_plain(diff, n_behind))
			fail_msg("%08x before %u bytes", diff, n_behind);
	}
	assert_int_equal(fb_crc32c_change(0, 1000), 0);
}

static int fill(void **state)
{
	uint32_t seed = 4;

	(void)state;
	for (size_t i = 0; i < MESSAGE_MAX; i++)
		message[i] = (uint8_t)sample_random(&seed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_messages_have_their_known_sums),
		cmocka_unit_test(both_ways_of_summing_agree_at_every_length_and_place),
		cmocka_unit_test(a_change_is_the_difference_of_the_sums),
		cmocka_unit_test(both_ways_of_a_change_agree_for_every_length),
	};

	return cmocka_run_group_tests_name("net/crc32c", tests, fill, NULL);
}
