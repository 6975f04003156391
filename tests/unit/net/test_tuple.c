/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <netinet/in.h>
#include <string.h>

#include "net/verdict.h"
#include "sample.h"

static void a_tuple_gives_back_what_it_was_made_of(void **state)
{
	static const char *const pairs[][2] = {{SAMPLE_SRC4, SAMPLE_DST4},
					       {SAMPLE_SRC6, SAMPLE_DST6}};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		struct fb_addr src = sample_addr(pairs[i][0]);
		struct fb_addr dst = sample_addr(pairs[i][1]);
		struct fb_tuple t =
			fb_tuple_make(IPPROTO_UDP, &src, RTE_BE16(5), &dst, RTE_BE16(6));
		struct fb_addr a = fb_tuple_src(&t);
		struct fb_addr b = fb_tuple_dst(&t);

		assert_true(fb_addr_equal(&a, &src));
		assert_true(fb_addr_equal(&b, &dst));
		assert_int_equal(fb_tuple_sport(&t), RTE_BE16(5));
		assert_int_equal(fb_tuple_dport(&t), RTE_BE16(6));
		assert_int_equal(t.proto, IPPROTO_UDP);
	}
}

static void reversing_twice_changes_no_byte(void **state)
{
	static const char *const pairs[][2] = {{SAMPLE_SRC4, SAMPLE_DST4},
					       {SAMPLE_SRC6, SAMPLE_DST6}};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		struct fb_addr src = sample_addr(pairs[i][0]);
		struct fb_addr dst = sample_addr(pairs[i][1]);
		struct fb_tuple t =
			fb_tuple_make(IPPROTO_TCP, &src, RTE_BE16(5), &dst, RTE_BE16(6));
		struct fb_tuple back = fb_tuple_make(IPPROTO_TCP, &dst, RTE_BE16(6), &src,
						     RTE_BE16(5));
		struct fb_tuple reversed = fb_tuple_reverse(&t);
		struct fb_tuple twice = fb_tuple_reverse(&reversed);

		assert_memory_equal(&reversed, &back, sizeof(t));
		assert_memory_equal(&twice, &t, sizeof(t));
	}
}

static void every_reason_and_verdict_has_a_name_and_help(void **state)
{
	(void)state;
	for (int i = 0; i < FB_REASON_COUNT; i++) {
		assert_non_null(fb_reason_names[i]);
		assert_non_null(fb_reason_help[i]);
		/* Label values: lower case and hyphens. */
		assert_int_equal(strspn(fb_reason_names[i], "abcdefghijklmnopqrstuvwxyz-"),
				 strlen(fb_reason_names[i]));
	}
	for (int i = 0; i < FB_VERDICT_COUNT; i++)
		assert_non_null(fb_verdict_names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tuple_gives_back_what_it_was_made_of),
		cmocka_unit_test(reversing_twice_changes_no_byte),
		cmocka_unit_test(every_reason_and_verdict_has_a_name_and_help),
	};

	return cmocka_run_group_tests_name("net/tuple", tests, NULL, NULL);
}
