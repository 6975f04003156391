/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>

#include "base/mss.h"
#include "unit.h"

static void words_and_numbers_are_read_and_written(void **state)
{
	static const struct {
		const char *text;
		uint16_t mss;
	} cases[] = {
		{"off", FB_MSS_OFF}, {"auto", FB_MSS_AUTO}, {"88", 88}, {"1400", 1400}, {"65495", 65495},
	};
	char buf[FB_MSS_STRLEN];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint16_t mss = 1;

		assert_int_equal(fb_mss_parse(cases[i].text, &mss), 0);
		assert_int_equal(mss, cases[i].mss);
		assert_string_equal(fb_mss_format(mss, buf), cases[i].text);
	}
}

static void what_no_segment_can_be_is_refused(void **state)
{
	static const char *const texts[] = {"",      "0",     "87",   "65496",	     "65535", "on",
					    "Auto",  "-1400", "1400b", "1400 ", " 1400", "4294968696",
					    "18446744073709553016"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		uint16_t mss = 7;

		assert_int_equal(fb_mss_parse(texts[i], &mss), -EINVAL);
		assert_int_equal(mss, 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_and_numbers_are_read_and_written),
		cmocka_unit_test(what_no_segment_can_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
