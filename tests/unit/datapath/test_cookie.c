/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <netinet/in.h>
#include <string.h>

#include "datapath/cookie.h"

static const struct fb_siphash_key key = {{1, 2}};

static struct fb_tuple tuple_of(enum fb_family family)
{
	struct fb_tuple t = {.proto = IPPROTO_TCP, .family = (uint8_t)family};

	if (family == FB_IPV4)
		t.v4 = (struct fb_tuple4){1, 2, 3, 4};
	else
		t.v6 = (struct fb_tuple6){.src = {1}, .dst = {2}, .sport = 3, .dport = 4};
	return t;
}

static void a_cookie_comes_back_as_it_went(void **state)
{
	(void)state;
	for (int f = 0; f < FB_FAMILY_COUNT; f++) {
		const struct fb_tuple t = tuple_of((enum fb_family)f);

		for (uint32_t isn = 0; isn < 1000; isn++) {
			uint32_t cookie = fb_cookie_make(&key, &t, isn * 7919, 1460, isn);

			assert_true(fb_cookie_check(&key, &t, isn * 7919, cookie, isn));
			assert_int_equal(fb_cookie_mss(cookie), 1460);
			/* At least one tick, at most two. */
			assert_true(fb_cookie_check(&key, &t, isn * 7919, cookie,
						    isn + FB_COOKIE_TICK_S));
			assert_false(fb_cookie_check(&key, &t, isn * 7919, cookie,
						     isn + 2 * FB_COOKIE_TICK_S));
			assert_false(fb_cookie_check(&key, &t, isn * 7919, cookie,
						     isn + 3 * FB_COOKIE_TICK_S));
		}
	}
}

/* Each bit of what it is about: none of another's is good. */
static void nobody_elses_is_taken(void **state)
{
	(void)state;
	for (int f = 0; f < FB_FAMILY_COUNT; f++) {
		const struct fb_tuple t = tuple_of((enum fb_family)f);
		const size_t len = f == FB_IPV4 ? sizeof(t.v4) : sizeof(t.v6);
		const uint32_t cookie = fb_cookie_make(&key, &t, 77, 1400, 1000);
		struct fb_siphash_key other = key;

		for (size_t bit = 0; bit < len * 8; bit++) {
			struct fb_tuple changed = t;

			((uint8_t *)&changed)[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(fb_cookie_check(&key, &changed, 77, cookie, 1000));
		}
		for (uint32_t bit = 0; bit < 32; bit++) {
			assert_false(fb_cookie_check(&key, &t, 77 ^ 1u << bit, cookie, 1000));
			assert_false(fb_cookie_check(&key, &t, 77, cookie ^ 1u << bit, 1000));
		}
		other.k[1] ^= 1;
		assert_false(fb_cookie_check(&other, &t, 77, cookie, 1000));
	}
}

static void guesses_hardly_ever_hit(void **state)
{
	const struct fb_tuple t = tuple_of(FB_IPV4);
	uint32_t hits = 0;

	(void)state;
	for (uint32_t i = 0; i < 1 << 18; i++)
		hits += fb_cookie_check(&key, &t, 5, i * 2654435761u, 1000);
	assert_true(hits <= 1);
}

static void the_mss_is_the_largest_of_eight_that_fits(void **state)
{
	static const struct {
		uint16_t said[FB_FAMILY_COUNT];
		uint16_t kept[FB_FAMILY_COUNT];
	} rows[] = {
		{{0, 0}, {536, 1220}},	     {{1, 1}, {216, 216}},	 {{216, 535}, {216, 216}},
		{{536, 1219}, {536, 536}},   {{1359, 1360}, {1220, 1360}}, {{1399, 1439}, {1360, 1400}},
		{{1440, 1459}, {1440, 1440}}, {{1460, 8939}, {1460, 1460}}, {{8940, 65535}, {8940, 8940}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int f = 0; f < FB_FAMILY_COUNT; f++) {
			const struct fb_tuple t = tuple_of((enum fb_family)f);
			const uint32_t cookie = fb_cookie_make(&key, &t, 1, rows[i].said[f], 1000);

			assert_true(fb_cookie_check(&key, &t, 1, cookie, 1000));
			assert_int_equal(fb_cookie_mss(cookie), rows[i].kept[f]);
		}
	}
}

static void a_timestamp_is_of_the_past_and_says_the_rest(void **state)
{
	(void)state;
	for (uint32_t clock = UINT32_MAX - 500; clock != 500; clock++) {
		for (uint8_t wscale = 0; wscale <= FB_TCP_WSCALE_NONE; wscale++) {
			const struct fb_tcp_options said = {.wscale = wscale, .sack = clock & 1};
			struct fb_tcp_options back = {0};
			const uint32_t ts = fb_cookie_timestamp(clock, &said);

			assert_true(clock - ts < 64);
			fb_cookie_timestamp_read(ts, &back);
			assert_int_equal(back.wscale, wscale);
			assert_int_equal(back.sack, said.sack);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cookie_comes_back_as_it_went),
		cmocka_unit_test(nobody_elses_is_taken),
		cmocka_unit_test(guesses_hardly_ever_hit),
		cmocka_unit_test(the_mss_is_the_largest_of_eight_that_fits),
		cmocka_unit_test(a_timestamp_is_of_the_past_and_says_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
