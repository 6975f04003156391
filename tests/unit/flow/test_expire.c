/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include "flow/expire.h"
#include "flow/lookup.h"
#include "flow/table.h"
#include "tuples.h"

static struct fb_hash_secret secret;

static const struct fb_flow_timeouts timeouts = {
	.ms = {
		[FB_FLOW_OPENING] = 5000,
		[FB_FLOW_ESTABLISHED] = 900000,
		[FB_FLOW_CLOSING] = 10000,
		[FB_FLOW_UDP_NEW] = 30000,
		[FB_FLOW_UDP] = 120000,
	},
};

static struct fb_flow_table *table(enum fb_family family, uint32_t capacity)
{
	struct fb_flow_table *t = fb_flow_table_create(family, capacity, &secret, -1);

	assert_non_null(t);
	return t;
}

static struct fb_flow *add(struct fb_flow_table *t, uint32_t number, enum fb_flow_state s,
			   uint32_t now_ms)
{
	const enum fb_family family = (enum fb_family)t->family;
	struct fb_tuple client = numbered_tuple(family, number, FB_DIR_CLIENT);
	struct fb_tuple reply = numbered_tuple(family, number, FB_DIR_ENDPOINT);
	struct fb_flow *flow;

	assert_int_equal(fb_flow_insert(t, &client, &reply, now_ms, &flow), 0);
	flow->state = (uint8_t)s;
	flow->ep_id = number;
	return flow;
}

static void count_gone(void *arg, const struct fb_flow *flow)
{
	uint8_t *gone = arg;

	assert_int_not_equal(flow->state, FB_FLOW_FREE);
	gone[flow->ep_id]++;
}

static void each_state_has_its_timeout_to_the_millisecond(void **state)
{
	(void)state;
	for (enum fb_family f = FB_IPV4; f <= FB_IPV6; f++) {
		for (enum fb_flow_state s = FB_FLOW_OPENING; s < FB_FLOW_STATE_COUNT; s++) {
			struct fb_flow_table *t = table(f, 4);
			const uint32_t at = 1000 + timeouts.ms[s];

			add(t, 1, s, 1000);
			assert_int_equal(fb_flow_expire(t, at, &timeouts, 4, NULL), 0);
			assert_int_equal(fb_flow_expire(t, at + 1, &timeouts, 4, NULL), 1);
			assert_int_equal(fb_flow_count(t), 0);
			fb_flow_table_free(t);
		}
	}
}

static void time_may_wrap_between_last_use_and_now(void **state)
{
	struct fb_flow_table *t = table(FB_IPV4, 4);

	(void)state;
	add(t, 1, FB_FLOW_OPENING, UINT32_MAX - 1000);
	assert_int_equal(fb_flow_expire(t, 3999, &timeouts, 4, NULL), 0);
	assert_int_equal(fb_flow_expire(t, 4000, &timeouts, 4, NULL), 1);
	fb_flow_table_free(t);
}

static void a_flow_touched_after_the_clock_was_read_stays(void **state)
{
	struct fb_flow_table *t = table(FB_IPV4, 4);

	(void)state;
	add(t, 1, FB_FLOW_OPENING, 1001);
	assert_int_equal(fb_flow_expire(t, 1000, &timeouts, 4, NULL), 0);
	add(t, 2, FB_FLOW_OPENING, 0);
	assert_int_equal(fb_flow_expire(t, UINT32_MAX, &timeouts, 4, NULL), 0);
	fb_flow_table_free(t);
}

static void a_timeout_of_half_the_clock_means_never(void **state)
{
	const struct fb_flow_timeouts never = {.ms = {[FB_FLOW_UDP] = UINT32_MAX}};
	struct fb_flow_table *t = table(FB_IPV4, 4);

	(void)state;
	add(t, 1, FB_FLOW_UDP, 0);
	for (uint64_t now = 0; now <= UINT32_MAX; now += 0x1000000)
		assert_int_equal(fb_flow_expire(t, (uint32_t)now, &never, 4, NULL), 0);
	fb_flow_table_free(t);
}

/* Random ages and states: what goes is what the rule says, once each; the rest is still found. */
static void exactly_those_that_are_due_go(void **state)
{
	enum { N = 20000 };
	static uint8_t gone[N];

	(void)state;
	for (enum fb_family f = FB_IPV4; f <= FB_IPV6; f++) {
		struct fb_flow_table *t = table(f, N);
		const uint32_t now = 50000; /* the oldest were used before the clock wrapped */
		uint64_t random = 99;
		const struct fb_flow_expiry told = {.gone = count_gone, .arg = gone};
		static uint8_t due[N];
		uint32_t n_due = 0;
		uint32_t freed = 0;

		memset(gone, 0, sizeof(gone));
		for (uint32_t i = 0; i < N; i++) {
			enum fb_flow_state s = 1 + (next_random(&random) >> 40) %
							   (FB_FLOW_STATE_COUNT - 1);
			uint32_t idle = (uint32_t)(next_random(&random) >> 40) % 1000000;

			add(t, i, s, now - idle);
			due[i] = idle > timeouts.ms[s];
			n_due += due[i];
		}
		for (uint32_t seen = 0; seen < N; seen += 37)
			freed += fb_flow_expire(t, now, &timeouts, 37, &told);
		assert_int_equal(freed, n_due);
		assert_int_equal(fb_flow_count(t), N - n_due);
		for (uint32_t i = 0; i < N; i++) {
			struct fb_tuple key = numbered_tuple(f, i, FB_DIR_ENDPOINT);

			assert_int_equal(gone[i], due[i]);
			assert_int_equal(fb_flow_taken(t, &key), !due[i]);
		}
		fb_flow_table_free(t);
	}
}

static void the_hand_goes_round_the_used_part_only(void **state)
{
	struct fb_flow_table *t = table(FB_IPV4, 1000);
	uint8_t gone[4] = {0};
	const struct fb_flow_expiry told = {.gone = count_gone, .arg = gone};

	(void)state;
	assert_int_equal(fb_flow_expire(t, 0, &timeouts, 100, NULL), 0);
	for (uint32_t i = 0; i < 4; i++)
		add(t, i, FB_FLOW_OPENING, 0);
	assert_int_equal(fb_flow_high_water(t), 4);
	/* One record a call: each is looked at in its turn. */
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(fb_flow_expire(t, 6000, &timeouts, 1, &told), 1);
		assert_int_equal(gone[i], 1);
	}
	/* And more than there are is no more than once each. */
	add(t, 0, FB_FLOW_OPENING, 0);
	assert_int_equal(fb_flow_expire(t, 6000, &timeouts, 1000, &told), 1);
	fb_flow_table_free(t);
}

static void count_opening(void *arg, enum fb_family family, struct fb_flow *flow)
{
	uint32_t *seen = arg;

	assert_int_equal(flow->state, FB_FLOW_PROXY_OPENING);
	seen[family]++;
}

/* Once each time that the hand comes by, as long as it stays. */
static void who_waits_for_an_endpoint_is_shown(void **state)
{
	struct fb_flow_timeouts patient = timeouts;

	(void)state;
	patient.ms[FB_FLOW_PROXY_OPENING] = 5000;
	for (enum fb_family f = FB_IPV4; f <= FB_IPV6; f++) {
		uint32_t seen[FB_FAMILY_COUNT] = {0};
		const struct fb_flow_expiry told = {.opening = count_opening, .arg = seen};
		struct fb_flow_table *t = table(f, FB_FLOW_STATE_COUNT);

		for (enum fb_flow_state s = FB_FLOW_OPENING; s < FB_FLOW_STATE_COUNT; s++)
			add(t, s, s, 1000);
		for (uint32_t n = 1; n <= 3; n++) {
			(void)fb_flow_expire(t, 5900 + n, &patient, 1000, &told);
			assert_int_equal(seen[f], n);
		}
		(void)fb_flow_expire(t, 6001, &patient, 1000, &told);
		assert_int_equal(seen[f], 3);
		fb_flow_table_free(t);
	}
}

static int set_up(void **state)
{
	(void)state;
	fb_hash_secret_init(&secret, "expire");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_state_has_its_timeout_to_the_millisecond),
		cmocka_unit_test(time_may_wrap_between_last_use_and_now),
		cmocka_unit_test(a_flow_touched_after_the_clock_was_read_stays),
		cmocka_unit_test(a_timeout_of_half_the_clock_means_never),
		cmocka_unit_test(exactly_those_that_are_due_go),
		cmocka_unit_test(the_hand_goes_round_the_used_part_only),
		cmocka_unit_test(who_waits_for_an_endpoint_is_shown),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
