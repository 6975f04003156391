/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include "datapath/worker.h"

static unsigned int take_all(struct fb_rate_limit *l, uint32_t now_ms)
{
	unsigned int n = 0;

	while (n < 100000 && fb_rate_limit_take(l, now_ms))
		n++;
	return n;
}

static void a_second_of_silence_gives_one_second_of_credit_and_no_more(void **state)
{
	struct fb_rate_limit l = {.rate = 250};

	(void)state;
	assert_int_equal(take_all(&l, 0), 0);
	assert_int_equal(take_all(&l, 1000), 250);
	assert_int_equal(take_all(&l, 1000), 0);
	assert_int_equal(take_all(&l, 60000), 250);
}

static void credit_comes_by_the_millisecond_and_fractions_are_kept(void **state)
{
	struct fb_rate_limit l = {.rate = 100};
	unsigned int n = 0;

	(void)state;
	/* A packet every 10 ms, however often it is asked. */
	for (uint32_t ms = 1; ms <= 1000; ms++)
		n += take_all(&l, ms);
	assert_int_equal(n, 100);
}

static void a_rate_of_zero_lets_nothing_pass(void **state)
{
	struct fb_rate_limit l = {.rate = 0};

	(void)state;
	assert_int_equal(take_all(&l, UINT32_MAX), 0);
}

static void the_clock_may_wrap(void **state)
{
	struct fb_rate_limit l = {.rate = 1000, .last_ms = UINT32_MAX - 4};

	(void)state;
	assert_int_equal(take_all(&l, 5), 10);
}

static void milliseconds_follow_the_tsc_without_dividing(void **state)
{
	const uint64_t hz = 2600000000;
	struct fb_datapath dp = {
		.start_tsc = 12345,
		.ms_per_tsc = (uint64_t)(((__uint128_t)1000 << 64) / hz),
	};

	(void)state;
	assert_int_equal(fb_datapath_ms(&dp, 12345), 0);
	assert_in_range(fb_datapath_ms(&dp, 12345 + hz), 999, 1000);
	/* Ten days on, still within a millisecond. */
	assert_in_range(fb_datapath_ms(&dp, 12345 + hz * 864000), 863999999, 864000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_of_silence_gives_one_second_of_credit_and_no_more),
		cmocka_unit_test(credit_comes_by_the_millisecond_and_fractions_are_kept),
		cmocka_unit_test(a_rate_of_zero_lets_nothing_pass),
		cmocka_unit_test(the_clock_may_wrap),
		cmocka_unit_test(milliseconds_follow_the_tsc_without_dividing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
