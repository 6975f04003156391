/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <string.h>

#include "net/checksum.h"
#include "sample.h"

static void a_full_sum_is_that_of_the_bytes(void **state)
{
	uint8_t bytes[67];
	uint32_t seed = 1;

	(void)state;
	for (uint32_t len = 0; len <= sizeof(bytes); len++) {
		uint16_t sum;
		uint8_t as_bytes[2];

		for (uint32_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)sample_random(&seed);
		sum = fb_csum_fold(fb_csum_add(0, bytes, len));
		memcpy(as_bytes, &sum, 2);
		assert_int_equal(as_bytes[0] << 8 | as_bytes[1], sample_sum(0, bytes, len));
	}
}

static void a_delta_does_what_summing_again_does(void **state)
{
	uint32_t seed = 2;

	(void)state;
	for (int n = 0; n < 1000; n++) {
		uint8_t packet[40];
		uint8_t change[12];
		uint16_t before;
		uint16_t after;
		uint16_t delta;

		for (size_t i = 0; i < sizeof(packet); i++)
			packet[i] = (uint8_t)sample_random(&seed);
		for (size_t i = 0; i < sizeof(change); i++)
			change[i] = (uint8_t)sample_random(&seed);
		before = (uint16_t)~fb_csum_fold(fb_csum_add(0, packet, sizeof(packet)));
		delta = fb_csum_delta(packet + 8, change, sizeof(change));
		memcpy(packet + 8, change, sizeof(change));
		after = (uint16_t)~fb_csum_fold(fb_csum_add(0, packet, sizeof(packet)));
		assert_int_equal(fb_csum_apply(before, delta), after);
		assert_int_equal(fb_csum_apply(after, fb_csum_delta_inverse(delta)), before);
	}
}

/* RFC 1624, section 4: HC 0xdd2f, m 0x5555, m' 0x3285 give 0x0000, where equation 2 gave 0xffff. */
static void the_example_of_rfc_1624_comes_out(void **state)
{
	static const uint8_t was[2] = {0x55, 0x55};
	static const uint8_t is[2] = {0x32, 0x85};

	(void)state;
	assert_int_equal(fb_csum_apply(RTE_BE16(0xdd2f), fb_csum_delta(was, is, 2)), 0);
}

static void udp_zero_checksum_stays_zero(void **state)
{
	(void)state;
	assert_int_equal(fb_csum_apply_udp(0, 0x1234), 0);
}

static void a_udp_checksum_that_becomes_zero_is_sent_as_ones(void **state)
{
	static const uint8_t was[2] = {0x55, 0x55};
	static const uint8_t is[2] = {0x32, 0x85};

	(void)state;
	assert_int_equal(fb_csum_apply_udp(RTE_BE16(0xdd2f), fb_csum_delta(was, is, 2)), 0xffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_sum_is_that_of_the_bytes),
		cmocka_unit_test(a_delta_does_what_summing_again_does),
		cmocka_unit_test(the_example_of_rfc_1624_comes_out),
		cmocka_unit_test(udp_zero_checksum_stays_zero),
		cmocka_unit_test(a_udp_checksum_that_becomes_zero_is_sent_as_ones),
	};

	return cmocka_run_group_tests_name("net/checksum", tests, NULL, NULL);
}
