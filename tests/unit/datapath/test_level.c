/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include "datapath/level.h"

/* Levels over time for uses of 100, at 85 percent. */
static void levels_rise_at_once_and_fall_late(void **state)
{
	static const struct {
		uint32_t ms;
		uint64_t used;
		uint8_t level;
		bool changed;
	} steps[] = {
		{0, 84, FB_LEVEL_NORMAL, false},      {1, 85, FB_LEVEL_PRESSURE, true},
		{2, 84, FB_LEVEL_PRESSURE, false},    {3, 0, FB_LEVEL_PRESSURE, false},
		{2001, 0, FB_LEVEL_PRESSURE, false},  /* calm since 2 */
		{2002, 75, FB_LEVEL_PRESSURE, false}, /* not below its lower mark: calm since now */
		{4001, 74, FB_LEVEL_PRESSURE, false}, {4002, 74, FB_LEVEL_NORMAL, true},
		{4004, 100, FB_LEVEL_FULL, true}, /* two at once */
		{6004, 90, FB_LEVEL_FULL, false},     {8003, 89, FB_LEVEL_FULL, false},
		{8004, 89, FB_LEVEL_PRESSURE, true},  {8005, 100, FB_LEVEL_FULL, true},
		{10006, 0, FB_LEVEL_NORMAL, true}, /* two at once */
	};
	struct fb_level_state s = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		bool changed = fb_level_step(&s, steps[i].used, 100, 85, steps[i].ms);

		if (changed != steps[i].changed || s.level != steps[i].level)
			fail_msg("step %zu: level %u", i, s.level);
	}
}

static void time_may_wrap(void **state)
{
	struct fb_level_state s = {0};

	(void)state;
	assert_true(fb_level_step(&s, 100, 100, 85, UINT32_MAX - 100));
	assert_false(fb_level_step(&s, 0, 100, 85, 1800));
	assert_true(fb_level_step(&s, 0, 100, 85, 1900));
}

static void every_bound_and_level_has_a_name(void **state)
{
	(void)state;
	for (uint32_t b = 0; b < FB_BOUND_COUNT; b++)
		assert_true(fb_bound_name(b) != NULL && fb_bound_name(b)[0] != '\0');
	for (uint32_t l = 0; l < FB_LEVEL_COUNT; l++)
		assert_true(fb_level_name(l)[0] != '\0');
	assert_string_equal(fb_bound_name(FB_BOUND_COUNT), "");
	assert_string_equal(fb_level_name(FB_LEVEL_COUNT), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_rise_at_once_and_fall_late),
		cmocka_unit_test(time_may_wrap),
		cmocka_unit_test(every_bound_and_level_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
