/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <errno.h>

#include "base/duration.h"

static void numbers_with_units_add_up(void **state)
{
	static const struct {
		const char *text;
		uint32_t s;
	} rows[] = {{"0s", 0},          {"30s", 30},     {"5m", 300},
		    {"2h5m", 7500},     {"1d1s", 86401}, {"4294967295s", UINT32_MAX},
		    {"1d2h3m4s", 93784}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t s = 7;

		assert_int_equal(fb_duration_parse(rows[i].text, &s), 0);
		assert_int_equal(s, rows[i].s);
	}
}

static void anything_else_is_refused_and_changes_nothing(void **state)
{
	static const char *const texts[] = {"",       "5",
					    "s",      "5 s",
					    "5m5m",   "5s5m",
					    "-5s",    "5x",
					    "1.5h",   "4294967296s",
					    "49711d", "99999999999999999999s"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		uint32_t s = 7;

		assert_int_equal(fb_duration_parse(texts[i], &s), -EINVAL);
		assert_int_equal(s, 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_with_units_add_up),
		cmocka_unit_test(anything_else_is_refused_and_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
