/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <stdlib.h>

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

static void a_bucket_holds_a_second_and_fills_by_the_millisecond(void **state)
{
	struct fb_bucket b = {0};
	uint32_t n = 0;

	(void)state;
	while (fb_bucket_take(&b, 50, 0))
		n++;
	assert_int_equal(n, 50);
	assert_false(fb_bucket_take(&b, 50, 19));
	assert_true(fb_bucket_take(&b, 50, 20));
	assert_false(fb_bucket_take(&b, 50, 20));
	for (n = 0; fb_bucket_take(&b, 50, 100000); n++)
		;
	assert_int_equal(n, 50);
	/* The most that a rate can be. */
	b = (struct fb_bucket){0};
	for (n = 0; fb_bucket_take(&b, 1000000, UINT32_MAX); n++)
		;
	assert_int_equal(n, 1000000);
}

static void each_source_has_its_own_bucket_and_busy_ones_keep_it(void **state)
{
	struct fb_source_bucket *sources = aligned_alloc(64, FB_LIMIT_SOURCES * sizeof(*sources));
	const uint64_t busy = 0x1234567800000001;

	(void)state;
	memset(sources, 0, FB_LIMIT_SOURCES * sizeof(*sources));
	for (int i = 0; i < 10; i++)
		assert_true(fb_bucket_take(fb_limit_source(sources, busy, 10, 5), 10, 5));
	assert_false(fb_bucket_take(fb_limit_source(sources, busy, 10, 5), 10, 5));
	/* Others come to the same line, each once; there is room for three beside the busy one. */
	for (uint64_t i = 1; i < 1000; i++) {
		const uint32_t now_ms = 5 + (uint32_t)i / 100;
		struct fb_bucket *b = fb_limit_source(sources, busy + 2 * i, 10, now_ms);

		assert_int_equal(b->spent, 0);
		assert_true(fb_bucket_take(b, 10, now_ms));
		assert_false(
			fb_bucket_take(fb_limit_source(sources, busy, 10, now_ms), 10, now_ms));
	}
	/* Another line is not touched by them. */
	assert_int_equal(sources[0].key, 0);
	free(sources);
}

static void parts_of_a_rate_are_at_least_the_rate_together(void **state)
{
	(void)state;
	for (uint16_t n = 1; n <= FB_NAT_MAX_WORKERS; n++) {
		const struct fb_datapath dp = {.worker_part = (UINT64_C(1) << 32) / n};

		for (uint32_t rate = 1; rate <= 1000000; rate = rate * 3 + 1) {
			assert_true(fb_limit_part(&dp, rate) * n >= rate);
			assert_true(fb_limit_part(&dp, rate) <= rate / n + 1);
		}
	}
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
		cmocka_unit_test(a_bucket_holds_a_second_and_fills_by_the_millisecond),
		cmocka_unit_test(each_source_has_its_own_bucket_and_busy_ones_keep_it),
		cmocka_unit_test(parts_of_a_rate_are_at_least_the_rate_together),
		cmocka_unit_test(milliseconds_follow_the_tsc_without_dividing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
