/* SPDX-License-Identifier: BSD-3-Clause */

/* The table that chooses a group; what it is together with groups' own tables: tests/unit/table/test_groups.c. */

#include "unit.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "maglev/groups.h"

static uint16_t slots[FB_MAGLEV_FIRST_SLOTS];
static uint16_t before[FB_MAGLEV_FIRST_SLOTS];

/* As of n_members in n groups: 156 each of 20,000, give or take 12. */
static void draw(uint64_t *weights, uint32_t n, uint64_t random)
{
	for (uint32_t g = 0; g < n; g++) {
		random = fb_hash_mix(random + 1, UINT64_C(0x9e3779b97f4a7c15));
		weights[g] = 130 + (random >> 32) % 52;
	}
}

static void count(uint32_t *counts, uint32_t n)
{
	memset(counts, 0, n * sizeof(*counts));
	for (uint32_t s = 0; s < FB_MAGLEV_FIRST_SLOTS; s++) {
		assert_true(slots[s] < n);
		counts[slots[s]]++;
	}
}

static void each_group_has_its_part_to_within_a_slot(void **state)
{
	uint64_t weights[FB_MAGLEV_MAX_GROUPS];
	uint32_t counts[FB_MAGLEV_MAX_GROUPS];

	(void)state;
	for (uint32_t n = 8; n <= FB_MAGLEV_MAX_GROUPS; n *= 2) {
		double sum = 0;

		draw(weights, n, n);
		weights[1] = 0;
		weights[2] = 5000;
		for (uint32_t g = 0; g < n; g++)
			sum += (double)weights[g];
		assert_int_equal(fb_maglev_build_first(weights, n, slots), 0);
		count(counts, n);
		for (uint32_t g = 0; g < n; g++)
			assert_true(fabs(counts[g] - (double)weights[g] / sum * FB_MAGLEV_FIRST_SLOTS) <
				    1);
	}
}

static void no_group_with_members_is_left_out(void **state)
{
	uint64_t weights[FB_MAGLEV_MAX_GROUPS];
	uint32_t counts[FB_MAGLEV_MAX_GROUPS];

	(void)state;
	/* One outweighs all others, and weights are as large as sums of them can be. */
	for (uint32_t g = 0; g < FB_MAGLEV_MAX_GROUPS; g++)
		weights[g] = 1 + (g == 9) * (UINT64_C(1) << 47);
	assert_int_equal(fb_maglev_build_first(weights, FB_MAGLEV_MAX_GROUPS, slots), 0);
	count(counts, FB_MAGLEV_MAX_GROUPS);
	for (uint32_t g = 0; g < FB_MAGLEV_MAX_GROUPS; g++)
		assert_int_equal(counts[g],
				 g == 9 ? FB_MAGLEV_FIRST_SLOTS - FB_MAGLEV_MAX_GROUPS + 1 : 1);
	memset(weights, 0, sizeof(weights));
	assert_int_equal(fb_maglev_build_first(weights, FB_MAGLEV_MAX_GROUPS, slots), -EINVAL);
	weights[5] = 3;
	assert_int_equal(fb_maglev_build_first(weights, FB_MAGLEV_MAX_GROUPS, slots), 0);
	count(counts, FB_MAGLEV_MAX_GROUPS);
	assert_int_equal(counts[5], FB_MAGLEV_FIRST_SLOTS);
}

/* One member more or less in a group, or one that goes from a group to another. */
static void a_change_of_one_member_moves_little(void **state)
{
	uint64_t weights[FB_MAGLEV_MAX_GROUPS];
	uint32_t worst = 0;

	(void)state;
	for (uint32_t round = 0; round < 100; round++) {
		uint32_t n_moved = 0;

		draw(weights, 128, round);
		assert_int_equal(fb_maglev_build_first(weights, 128, before), 0);
		weights[round]--;
		weights[(round * 7 + 1) % 128] += round % 2;
		assert_int_equal(fb_maglev_build_first(weights, 128, slots), 0);
		for (uint32_t s = 0; s < FB_MAGLEV_FIRST_SLOTS; s++)
			n_moved += slots[s] != before[s];
		worst = n_moved > worst ? n_moved : worst;
	}
	print_message("# 1 of 20,000 members changed: at most %.3f %% of the first table\n",
		      100.0 * worst / FB_MAGLEV_FIRST_SLOTS);
	assert_true(worst < FB_MAGLEV_FIRST_SLOTS / 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_group_has_its_part_to_within_a_slot),
		cmocka_unit_test(no_group_with_members_is_left_out),
		cmocka_unit_test(a_change_of_one_member_moves_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
