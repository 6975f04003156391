/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A Service of so many endpoints that its Maglev table has two levels (maglev/groups.h): the laws of one
 * table hold for it too.
 */

#include "fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "table/diff.h"

enum { MANY = 20000, ROOM = 70000 };

#define AT "192.0.2.1"

static struct fb_endpoint_spec eps[ROOM];

/* Endpoints i of any n, each with a weight. */
static const struct fb_service *put(struct fixture *f, uint32_t n, struct fb_snapshot **ret)
{
	struct fb_frontend_spec fe = frontend(AT, 80, FB_FRONTEND_LOAD_BALANCER);

	stage(f, "big", &fe, 1, eps, n);
	*ret = commit(f);
	return lookup(*ret, AT, 80);
}

static void fill(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		eps[i] = endpoint(i, FB_EP_ACTIVE);
}

/* The last one takes its place: order does not matter. */
static void remove_one(uint32_t n, uint32_t i)
{
	eps[i] = eps[n - 1];
}

static void shuffle(uint32_t n)
{
	uint64_t random = 1;

	for (uint32_t i = n; i > 1; i--) {
		uint32_t k;
		struct fb_endpoint_spec tmp = eps[i - 1];

		random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
		k = (uint32_t)(random >> 33) % i;
		eps[i - 1] = eps[k];
		eps[k] = tmp;
	}
}

/* The parts of the whole that each place has, 1 in all. */
static double *shares_of(const struct fb_service *svc)
{
	double *shares = calloc(svc->n_active, sizeof(*shares));
	uint32_t slots[FB_MAGLEV_MAX_GROUPS] = {0};

	assert_non_null(shares);
	assert_non_null(svc->groups);
	for (uint32_t s = 0; s < svc->n_slots; s++)
		slots[fb_table_slot(svc, s)]++;
	for (uint32_t g = 0; g < FB_MAGLEV_MAX_GROUPS; g++) {
		for (uint32_t s = 0; s < FB_MAGLEV_GROUP_SLOTS && slots[g] > 0; s++)
			shares[svc->members[g * svc->stride + svc->groups[g][s]]] +=
				(double)slots[g] / svc->n_slots / FB_MAGLEV_GROUP_SLOTS;
	}
	return shares;
}

/* Of every slot of both levels: do these two choose the same address? */
static void assert_same_choice(const struct fb_service *a, const struct fb_service *b)
{
	assert_int_equal(a->n_active, b->n_active);
	assert_int_equal(a->stride, b->stride);
	for (uint32_t s = 0; s < a->n_slots; s++)
		assert_int_equal(fb_table_slot(a, s), fb_table_slot(b, s));
	for (uint32_t g = 0; g < fb_maglev_n_groups(a->n_active); g++)
		assert_memory_equal(a->groups[g], b->groups[g],
				    FB_MAGLEV_GROUP_SLOTS * sizeof(uint16_t));
	assert_memory_equal(a->members, b->members,
			    fb_maglev_n_groups(a->n_active) * a->stride * sizeof(*a->members));
	for (uint32_t i = 0; i < a->n_active; i++)
		assert_true(fb_addr_equal(&a->endpoints[i].addr, &b->endpoints[i].addr));
}

static void up_to_a_thousand_there_is_one_level_and_beyond_two(void **state)
{
	static const struct {
		uint32_t n;
		uint32_t n_groups;
	} rows[] = {{1, 0},     {1024, 0},   {1025, 8},    {2047, 8},    {2048, 16},
		    {4095, 16}, {16383, 64}, {20000, 128}, {32768, 256}, {65535, 256}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(fb_maglev_n_groups(rows[i].n), rows[i].n_groups);
}

static void neither_order_nor_history_matters(void **state)
{
	struct fb_snapshot *one;
	struct fb_snapshot *two[4];
	const struct fb_service *a;
	const struct fb_service *b;
	struct fixture f;
	struct fixture g;

	(void)state;
	fixture_open(&f, ROOM, 10);
	fixture_open(&g, ROOM, 10);
	fill(MANY);
	a = put(&f, MANY, &one);
	/* The other box came to it by way of few, of one table, of other groups and of others' places. */
	fill(500);
	(void)put(&g, 500, &two[0]);
	fill(MANY + 20000);
	(void)put(&g, MANY + 20000, &two[1]);
	fill(MANY);
	remove_one(MANY, 77);
	(void)put(&g, MANY - 1, &two[2]);
	fill(MANY);
	shuffle(MANY);
	b = put(&g, MANY, &two[3]);
	assert_same_choice(a, b);
	fb_snapshot_release(f.t, one);
	for (int i = 0; i < 4; i++)
		fb_snapshot_release(g.t, two[i]);
	fixture_close(&f);
	fixture_close(&g);
}

static void shares_differ_by_the_stated_part_at_most(void **state)
{
	static const uint32_t ns[] = {1025, 2047, 2048, 5000, 20000, 65535};

	(void)state;
	for (size_t i = 0; i < sizeof(ns) / sizeof(ns[0]); i++) {
		const struct fb_service *svc;
		struct fb_snapshot *snap;
		struct fixture f;
		double *shares;
		double worst = 0;

		fixture_open(&f, ROOM, 10);
		fill(ns[i]);
		svc = put(&f, ns[i], &snap);
		shares = shares_of(svc);
		for (uint32_t k = 0; k < ns[i]; k++)
			worst = fmax(worst, fabs(shares[k] * ns[i] - 1));
		print_message("# %u endpoints: the share of each is right to %.2f %%\n", ns[i],
			      100 * worst);
		assert_true(worst < 0.014);
		free(shares);
		fb_snapshot_release(f.t, snap);
		fixture_close(&f);
	}
}

static void weights_are_honoured(void **state)
{
	const struct fb_service *svc;
	struct fb_snapshot *snap;
	struct fixture f;
	double *shares;
	double sum = 0;

	(void)state;
	fixture_open(&f, ROOM, 10);
	fill(MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		eps[i].weight = 1 + i % 10;
		sum += eps[i].weight;
	}
	svc = put(&f, MANY, &snap);
	shares = shares_of(svc);
	for (uint32_t i = 0; i < MANY; i++) {
		/* To within a turn: of a group's slots, some 30 of the lightest and 300 of the heaviest. */
		double turn = 0.04 / svc->weights[i] + 0.004;

		assert_true(fabs(shares[i] * sum / svc->weights[i] - 1) < turn);
	}
	free(shares);
	fb_snapshot_release(f.t, snap);
	fixture_close(&f);
}

static void removing_one_of_many_moves_little_and_adding_it_back_restores_all(void **state)
{
	const struct fb_service *before;
	const struct fb_service *after;
	const struct fb_service *again;
	struct fb_snapshot *snaps[3] = {NULL};
	struct fb_table_diff d;
	struct fixture f;
	double worst = 0;

	(void)state;
	fixture_open(&f, ROOM, 10);
	fill(MANY);
	before = put(&f, MANY, &snaps[0]);
	again = before;
	for (uint32_t i = 0; i < MANY; i += MANY / 10 - 1) {
		uint32_t n_built = 0;

		fill(MANY);
		remove_one(MANY, i);
		after = put(&f, MANY - 1, &snaps[1]);
		assert_int_equal(fb_table_diff_service(before, after, &d), 0);
		assert_true(fabs(d.moved_left * MANY - 1) < 0.014);
		worst = fmax(worst, d.moved_stays);
		assert_true(d.moved_stays < 0.01);
		/* The tables of the other groups are the very same. */
		for (uint32_t g = 0; g < 128; g++)
			n_built += again->groups[g] != after->groups[g];
		assert_int_equal(n_built, 1);
		fill(MANY);
		if (snaps[2] != NULL)
			fb_snapshot_release(f.t, snaps[2]);
		again = put(&f, MANY, &snaps[2]);
		assert_same_choice(before, again);
		assert_int_equal(fb_table_diff_service(before, again, &d), 0);
		assert_true(d.moved_stays == 0 && d.moved_left == 0);
		fb_snapshot_release(f.t, snaps[1]);
	}
	fb_snapshot_release(f.t, snaps[2]);
	print_message("# 1 of %u removed: at most %.3f %% of the others' hashes move\n", MANY,
		      100 * worst);
	fb_snapshot_release(f.t, snaps[0]);
	fixture_close(&f);
}

static void a_weight_that_changes_builds_its_group_only(void **state)
{
	const struct fb_service *before;
	const struct fb_service *after;
	struct fb_snapshot *snaps[2];
	struct fixture fresh;
	struct fixture f;
	struct fb_snapshot *snap;
	uint32_t n_built = 0;

	(void)state;
	fixture_open(&f, ROOM, 10);
	fill(MANY);
	before = put(&f, MANY, &snaps[0]);
	eps[1234].weight = 5;
	after = put(&f, MANY, &snaps[1]);
	for (uint32_t g = 0; g < 128; g++)
		n_built += before->groups[g] != after->groups[g];
	assert_int_equal(n_built, 1);
	fixture_open(&fresh, ROOM, 10);
	assert_same_choice(after, put(&fresh, MANY, &snap));
	fb_snapshot_release(fresh.t, snap);
	fixture_close(&fresh);
	fb_snapshot_release(f.t, snaps[0]);
	fb_snapshot_release(f.t, snaps[1]);
	fixture_close(&f);
}

/* What fb_table_diff_service() counts, found by trying a million hashes. */
static void try_hashes(const struct fb_service *old, const struct fb_service *new,
		       struct fb_table_diff *ret)
{
	const uint32_t n = 1000000;
	uint64_t random = 7;

	*ret = (struct fb_table_diff){0};
	for (uint32_t i = 0; i < n; i++) {
		const struct fb_endpoint *a;
		const struct fb_endpoint *b;
		uint64_t hash;

		random += UINT64_C(0x9e3779b97f4a7c15);
		hash = fb_hash_mix(random, random ^ UINT64_C(0xd6e8feb86659fd93));
		a = fb_table_select(old, hash, NULL);
		b = fb_table_select(new, hash, NULL);
		if (fb_addr_equal(&a->addr, &b->addr))
			continue;
		/* Addresses of the larger version continue those of the smaller one. */
		if (memcmp(a->addr.bytes, new->endpoints[new->n_active - 1].addr.bytes, 16) > 0)
			ret->moved_left += 1.0 / n;
		else
			ret->moved_stays += 1.0 / n;
	}
}

static void a_diff_is_exact_between_any_two_numbers_of_groups(void **state)
{
	static const uint32_t rows[][2] = {
		{1000, 1025},  {1025, 1000},  {2047, 2048}, {2048, 2047},
		{5000, 20000}, {20000, 5000}, {3000, 2900},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct fb_service *old;
		const struct fb_service *new;
		struct fb_table_diff tried;
		struct fb_table_diff d;
		struct fb_snapshot *snaps[2];
		struct fixture f;

		fixture_open(&f, ROOM, 10);
		fill(ROOM);
		old = put(&f, rows[i][0], &snaps[0]);
		new = put(&f, rows[i][1], &snaps[1]);
		assert_int_equal(fb_table_diff_service(old, new, &d), 0);
		try_hashes(old, new, &tried);
		/* Five standard deviations of a million trials. */
		assert_true(fabs(d.moved_stays - tried.moved_stays) < 0.0025);
		assert_true(fabs(d.moved_left - tried.moved_left) < 0.0025);
		fb_snapshot_release(f.t, snaps[0]);
		fb_snapshot_release(f.t, snaps[1]);
		fixture_close(&f);
	}
}

/* Slots for people are counted as if there were one table. */
static void a_slot_has_one_number(void **state)
{
	const struct fb_service *svc;
	struct fb_snapshot *snap;
	struct fixture f;
	uint32_t slot = 0;

	(void)state;
	fixture_open(&f, ROOM, 10);
	fill(MANY);
	svc = put(&f, MANY, &snap);
	assert_int_equal(fb_table_n_slots(svc), FB_MAGLEV_FIRST_SLOTS * FB_MAGLEV_GROUP_SLOTS);
	(void)fb_table_select(svc, 0, &slot);
	assert_int_equal(slot, 0);
	(void)fb_table_select(svc, UINT64_MAX, &slot);
	assert_int_equal(slot, fb_table_n_slots(svc) - 1);
	fb_snapshot_release(f.t, snap);
	fixture_close(&f);
}

/* Told, not asserted: the machine may be busy. */
static void time_of_a_change_is_told(void **state)
{
	uint64_t best_ns = UINT64_MAX;
	struct fb_snapshot *snap;
	struct fixture f;

	(void)state;
	fixture_open(&f, ROOM, 10);
	fill(MANY);
	(void)put(&f, MANY, &snap);
	for (uint32_t i = 0; i < 4; i++) {
		struct fb_snapshot *next;
		struct timespec a;
		struct timespec b;
		uint64_t ns;

		clock_gettime(CLOCK_MONOTONIC, &a);
		(void)put(&f, MANY - 1 + i % 2, &next);
		clock_gettime(CLOCK_MONOTONIC, &b);
		ns = (uint64_t)(b.tv_sec - a.tv_sec) * 1000000000 + (uint64_t)b.tv_nsec -
		     (uint64_t)a.tv_nsec;
		best_ns = ns < best_ns ? ns : best_ns;
		fb_snapshot_release(f.t, snap);
		snap = next;
	}
	print_message("# one of %u endpoints changed: %u us\n", MANY,
		      (unsigned int)(best_ns / 1000));
	fb_snapshot_release(f.t, snap);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(up_to_a_thousand_there_is_one_level_and_beyond_two),
		cmocka_unit_test(neither_order_nor_history_matters),
		cmocka_unit_test(shares_differ_by_the_stated_part_at_most),
		cmocka_unit_test(weights_are_honoured),
		cmocka_unit_test(removing_one_of_many_moves_little_and_adding_it_back_restores_all),
		cmocka_unit_test(a_weight_that_changes_builds_its_group_only),
		cmocka_unit_test(a_diff_is_exact_between_any_two_numbers_of_groups),
		cmocka_unit_test(a_slot_has_one_number),
		cmocka_unit_test(time_of_a_change_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
