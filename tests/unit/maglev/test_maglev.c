/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "maglev/maglev.h"

/* The key of the i-th endpoint, as the table makes it: a hash of what it is. */
static uint64_t key_of(uint32_t i)
{
	struct fb_hash_secret secret;

	fb_hash_secret_init(&secret, "forebay");
	return fb_hash_2(&secret, 0x0a000000 + i, 8080);
}

static struct fb_maglev_member *members_of(uint32_t n)
{
	struct fb_maglev_member *m = calloc(n, sizeof(*m));

	assert_non_null(m);
	for (uint32_t i = 0; i < n; i++)
		m[i] = (struct fb_maglev_member){.key = key_of(i), .weight = 1};
	return m;
}

static uint16_t *build(const struct fb_maglev_member *m, uint32_t n, uint32_t n_slots)
{
	uint16_t *slots = malloc(n_slots * sizeof(*slots));

	assert_non_null(slots);
	memset(slots, 0xff, n_slots * sizeof(*slots));
	assert_int_equal(fb_maglev_build(m, n, slots, n_slots), 0);
	return slots;
}

static uint32_t *counts_of(const uint16_t *slots, uint32_t n_slots, uint32_t n)
{
	uint32_t *counts = calloc(n, sizeof(*counts));

	assert_non_null(counts);
	for (uint32_t s = 0; s < n_slots; s++) {
		assert_in_range(slots[s], 0, n - 1);
		counts[slots[s]]++;
	}
	return counts;
}

static void sizes_are_primes_of_at_least_a_hundred_slots_a_member(void **state)
{
	static const uint32_t ns[] = {2, 3, 40, 41, 100, 250, 655, 656, FB_MAGLEV_ONE_LEVEL};

	(void)state;
	assert_int_equal(fb_maglev_size(1), 1);
	for (size_t i = 0; i < sizeof(ns) / sizeof(ns[0]); i++) {
		uint32_t size = fb_maglev_size(ns[i]);

		assert_true(size >= ns[i] * 100);
		for (uint32_t d = 2; d * d <= size; d++)
			assert_int_not_equal(size % d, 0);
	}
	assert_int_equal(fb_maglev_size(10), 4093);
	assert_int_equal(fb_maglev_size(100), 65537);
}

static void every_slot_is_filled_and_shares_differ_by_one_slot(void **state)
{
	static const uint32_t ns[] = {1, 2, 3, 5, 10, 50, 100, 250, 1000};

	(void)state;
	for (size_t i = 0; i < sizeof(ns) / sizeof(ns[0]); i++) {
		uint32_t n = ns[i];
		uint32_t n_slots = fb_maglev_size(n);
		struct fb_maglev_member *m = members_of(n);
		uint16_t *slots = build(m, n, n_slots);
		uint32_t *counts = counts_of(slots, n_slots, n);

		for (uint32_t k = 0; k < n; k++)
			assert_in_range(counts[k], n_slots / n, n_slots / n + 1);
		free(counts);
		free(slots);
		free(m);
	}
}

static void the_order_of_the_input_does_not_matter(void **state)
{
	static const uint32_t ns[] = {2, 3, 5, 10, 50, 100, 250, 1000};

	(void)state;
	for (size_t i = 0; i < sizeof(ns) / sizeof(ns[0]); i++) {
		uint32_t n = ns[i];
		uint32_t n_slots = fb_maglev_size(n);
		struct fb_maglev_member *m = members_of(n);
		uint16_t *slots = build(m, n, n_slots);
		uint16_t *turned;

		for (uint32_t k = 0; k < n; k++)
			m[k].key = key_of(n - 1 - k);
		turned = build(m, n, n_slots);
		for (uint32_t s = 0; s < n_slots; s++)
			assert_int_equal(slots[s], n - 1 - turned[s]);
		free(turned);
		free(slots);
		free(m);
	}
}

/* Slots, in parts of a million, that move from one member that stays to another. */
static uint32_t moved_ppm(uint32_t n, uint32_t removed, uint32_t n_slots)
{
	struct fb_maglev_member *m = members_of(n);
	uint16_t *before = build(m, n, n_slots);
	uint16_t *after;
	uint32_t moved = 0;
	uint32_t others = 0;

	/* The last one takes the removed one's place in the input. */
	m[removed] = m[n - 1];
	after = build(m, n - 1, n_slots);
	for (uint32_t s = 0; s < n_slots; s++) {
		uint32_t now = after[s] == removed ? n - 1 : after[s];

		if (before[s] == removed)
			continue;
		others++;
		moved += before[s] != now;
	}
	free(after);
	free(before);
	free(m);
	return (uint32_t)((uint64_t)moved * 1000000 / others);
}

static void removing_one_of_a_hundred_moves_under_one_percent_of_the_others(void **state)
{
	uint32_t worst = 0;

	(void)state;
	for (uint32_t removed = 0; removed < 100; removed++) {
		uint32_t moved = moved_ppm(100, removed, fb_maglev_size(100));

		assert_int_equal(fb_maglev_size(99), fb_maglev_size(100));
		worst = moved > worst ? moved : worst;
		assert_true(moved < 10000);
	}
	print_message("# 1 of 100 removed: at most %u ppm of the others' slots move\n", worst);
}

static void removing_one_keeps_the_stated_disruption_at_every_size(void **state)
{
	static const struct {
		uint32_t n;
		uint32_t limit_ppm;
	} rows[] = {{2, 1},	  {3, 30000},  {5, 30000},	 {10, 30000}, {20, 30000}, {40, 30000},
		    {50, 10000}, {250, 10000}, {650, 10000}, {1000, 10000}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t n = rows[i].n;
		uint32_t sum = 0;

		for (uint32_t k = 0; k < 5; k++)
			sum += moved_ppm(n, k * n / 5, fb_maglev_size(n));
		print_message("# 1 of %u removed: %u ppm move\n", n, sum / 5);
		assert_true(sum / 5 < rows[i].limit_ppm);
	}
}

static void adding_it_back_restores_the_table(void **state)
{
	const uint32_t n = 100;
	uint32_t n_slots = fb_maglev_size(n);
	struct fb_maglev_member *m = members_of(n);
	uint16_t *before = build(m, n, n_slots);
	uint16_t *without = build(m, n - 1, n_slots);
	uint16_t *after = build(m, n, n_slots);

	(void)state;
	assert_memory_not_equal(before, without, n_slots * sizeof(*before));
	assert_memory_equal(before, after, n_slots * sizeof(*before));
	free(before);
	free(without);
	free(after);
	free(m);
}

static void shares_follow_the_weights(void **state)
{
	const uint32_t n = 10;
	const uint32_t n_slots = 65537;
	struct fb_maglev_member *m = members_of(n);
	uint16_t *slots;
	uint16_t *scaled;
	uint32_t *counts;

	(void)state;
	for (uint32_t i = 0; i < n; i++)
		m[i].weight = i + 1; /* 55 in all */
	slots = build(m, n, n_slots);
	counts = counts_of(slots, n_slots, n);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t ideal = n_slots * (i + 1) / 55;

		assert_in_range(counts[i], ideal - 2, ideal + 2);
		m[i].weight *= 1000;
	}
	scaled = build(m, n, n_slots);
	assert_memory_equal(slots, scaled, n_slots * sizeof(*slots));
	free(scaled);
	free(counts);
	free(slots);
	free(m);
}

static void the_lightest_beside_the_heaviest_still_gets_a_slot(void **state)
{
	struct fb_maglev_member *m = members_of(3);
	uint16_t *slots;
	uint32_t *counts;

	(void)state;
	m[1].weight = UINT32_MAX;
	slots = build(m, 3, 4093);
	counts = counts_of(slots, 4093, 3);
	assert_int_equal(counts[0], 1);
	assert_int_equal(counts[1], 4091);
	assert_int_equal(counts[2], 1);
	free(counts);
	free(slots);
	free(m);
}

/* Who keeps its weight keeps nearly all of its slots, but for the share that the other gains or loses. */
static void changing_one_weight_moves_little_among_the_others(void **state)
{
	static const uint32_t to[] = {1, 4, 6, 10, 20};

	(void)state;
	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		const uint32_t n = 20;
		uint32_t n_slots = fb_maglev_size(n);
		struct fb_maglev_member *m = members_of(n);
		uint32_t moved = 0;
		uint16_t *before;
		uint16_t *after;

		for (uint32_t k = 0; k < n; k++)
			m[k].weight = 1 + k % 10;
		m[4].weight = 5;
		before = build(m, n, n_slots);
		m[4].weight = to[i];
		after = build(m, n, n_slots);
		for (uint32_t s = 0; s < n_slots; s++)
			moved += before[s] != after[s] && before[s] != 4 && after[s] != 4;
		print_message("# weight 5 to %u: %.1f %% of all slots move among the others\n", to[i],
			      100.0 * moved / n_slots);
		assert_in_range(moved, 0, n_slots / 20);
		free(before);
		free(after);
		free(m);
	}
}

static void equal_keys_still_fill_the_table(void **state)
{
	struct fb_maglev_member m[3] = {{7, 1}, {7, 1}, {7, 1}};
	uint16_t *slots = build(m, 3, 4093);
	uint32_t *counts = counts_of(slots, 4093, 3);

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		assert_in_range(counts[i], 1364, 1365);
	free(counts);
	free(slots);
}

static void bad_sizes_and_weights_are_refused(void **state)
{
	struct fb_maglev_member m[3] = {{1, 1}, {2, 1}, {3, 0}};
	uint16_t slots[16];

	(void)state;
	assert_int_equal(fb_maglev_build(m, 0, slots, 7), -EINVAL);
	assert_int_equal(fb_maglev_build(m, 2, slots, 1), -EINVAL);
	assert_int_equal(fb_maglev_build(m, 2, slots, 0), -EINVAL);
	assert_int_equal(fb_maglev_build(m, 2, slots, 9), -EINVAL);
	assert_int_equal(fb_maglev_build(m, 3, slots, 7), -EINVAL);
	assert_int_equal(fb_maglev_build(m, 2, slots, 7), 0);
	assert_int_equal(fb_maglev_build(m, 1, slots, 1), 0);
	assert_int_equal(slots[0], 0);
}

static void the_table_is_the_same_on_every_machine(void **state)
{
	struct fb_maglev_member *m = members_of(3);
	uint16_t slots[13];
	/* Written down once: if these change, boxes of two versions disagree on every flow. */
	static const uint16_t expected[13] = {1, 1, 2, 1, 2, 0, 1, 0, 0, 0, 2, 0, 2};

	(void)state;
	assert_int_equal(fb_maglev_build(m, 3, slots, 13), 0);
	assert_memory_equal(slots, expected, sizeof(expected));
	free(m);
}

/* Printed, not asserted: a machine under test may be busy. */
static void time_to_build_is_told(void **state)
{
	static const uint32_t ns[] = {10, 100, 250, 650};

	(void)state;
	for (size_t i = 0; i < sizeof(ns) / sizeof(ns[0]); i++) {
		struct fb_maglev_member *m = members_of(ns[i]);
		uint16_t *slots = build(m, ns[i], 65537);
		uint64_t best_ns = UINT64_MAX;

		for (int round = 0; round < 5; round++) {
			struct timespec a;
			struct timespec b;
			uint64_t ns_taken;

			clock_gettime(CLOCK_MONOTONIC, &a);
			assert_int_equal(fb_maglev_build(m, ns[i], slots, 65537), 0);
			clock_gettime(CLOCK_MONOTONIC, &b);
			ns_taken = (uint64_t)(b.tv_sec - a.tv_sec) * 1000000000 +
				   (uint64_t)b.tv_nsec - (uint64_t)a.tv_nsec;
			best_ns = ns_taken < best_ns ? ns_taken : best_ns;
		}
		print_message("# 65537 slots, %u members: %u us\n", ns[i],
			      (unsigned int)(best_ns / 1000));
		free(slots);
		free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_primes_of_at_least_a_hundred_slots_a_member),
		cmocka_unit_test(every_slot_is_filled_and_shares_differ_by_one_slot),
		cmocka_unit_test(the_order_of_the_input_does_not_matter),
		cmocka_unit_test(removing_one_of_a_hundred_moves_under_one_percent_of_the_others),
		cmocka_unit_test(removing_one_keeps_the_stated_disruption_at_every_size),
		cmocka_unit_test(adding_it_back_restores_the_table),
		cmocka_unit_test(shares_follow_the_weights),
		cmocka_unit_test(the_lightest_beside_the_heaviest_still_gets_a_slot),
		cmocka_unit_test(changing_one_weight_moves_little_among_the_others),
		cmocka_unit_test(equal_keys_still_fill_the_table),
		cmocka_unit_test(bad_sizes_and_weights_are_refused),
		cmocka_unit_test(the_table_is_the_same_on_every_machine),
		cmocka_unit_test(time_to_build_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
