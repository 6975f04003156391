/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "alloc_fail.h"
#include "fixture.h"
#include "table/sources.h"

static struct fb_hash_secret secret = {{0}};

static uint64_t seed = 1;

static uint64_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static struct fb_addr addr_of(const uint64_t number[2])
{
	rte_be64_t be[2] = {rte_cpu_to_be_64(number[0]), rte_cpu_to_be_64(number[1])};
	struct fb_addr addr;

	memcpy(addr.bytes, be, sizeof(be));
	return addr;
}

/* n ranges, ascending and apart; the kind says where they lie. */
enum kind { V4, V6, V6_ONE_SUBNET, V6_TOP, KIND_COUNT };

static void next_number(enum kind kind, uint64_t number[2])
{
	switch (kind) {
	case V4:
		number[1] += 1 + draw() % 200;
		break;
	case V6:
		number[0] += draw() % 3;
		number[1] += 1 + (draw() >> 40);
		break;
	default:
		number[1] += 1 + (draw() >> 30);
		break;
	}
}

static struct fb_source_range *make_ranges(enum kind kind, uint32_t n)
{
	static const uint64_t begins[KIND_COUNT][2] = {
		[V4] = {0, UINT64_C(0xffff00000000) + 10},
		[V6] = {UINT64_C(0x20010db800000000), 5},
		[V6_ONE_SUBNET] = {UINT64_C(0x20010db800000000), 0},
		[V6_TOP] = {UINT64_MAX, 0},
	};
	struct fb_source_range *v = calloc(n, sizeof(*v));
	uint64_t number[2] = {begins[kind][0], begins[kind][1]};

	for (uint32_t i = 0; i < n; i++) {
		/* Two steps apart, or the ranges would be one. */
		next_number(kind, number);
		next_number(kind, number);
		memcpy(v[i].first, number, sizeof(number));
		if (draw() % 2)
			next_number(kind, number);
		memcpy(v[i].last, number, sizeof(number));
		number[1]++;
	}
	return v;
}

static int compare(const uint64_t a[2], const uint64_t b[2])
{
	if (a[0] != b[0])
		return a[0] < b[0] ? -1 : 1;
	return a[1] < b[1] ? -1 : a[1] > b[1];
}

/* The plain twin: one range after the other. */
static bool is_in(const struct fb_source_range *v, uint32_t n, const uint64_t number[2])
{
	for (uint32_t i = 0; i < n; i++) {
		if (compare(v[i].first, number) <= 0 && compare(number, v[i].last) <= 0)
			return true;
	}
	return false;
}

static void check_number(const struct fb_source_set *set, const struct fb_source_range *v, uint32_t n,
			 uint64_t high, uint64_t low)
{
	uint64_t number[2] = {high, low};
	struct fb_addr addr = addr_of(number);

	if (fb_source_set_contains(set, &addr) != is_in(v, n, number))
		fail_msg("%u ranges: %016lx%016lx is %s", n, high, low,
			 is_in(v, n, number) ? "not found" : "found");
}

static void check_set(enum kind kind, uint32_t n, uint32_t n_tries)
{
	struct fb_source_sets sets = {0};
	struct fb_source_range *v = make_ranges(kind, n);
	struct fb_source_set *set = fb_source_set_hold(&sets, &secret, v, n);

	assert_non_null(set);
	for (uint32_t t = 0; t < n_tries; t++) {
		const struct fb_source_range *r = &v[draw() % n];

		check_number(set, v, n, r->first[0], r->first[1]);
		check_number(set, v, n, r->last[0], r->last[1]);
		check_number(set, v, n, r->first[0], r->first[1] - 1);
		check_number(set, v, n, r->last[0], r->last[1] + 1);
		if (kind != V4) {
			check_number(set, v, n, r->first[0] + 1, r->first[1]);
			check_number(set, v, n, r->first[0] - 1, r->first[1]);
			check_number(set, v, n, draw(), draw());
		}
	}
	if (kind == V4) {
		check_number(set, v, n, 0, UINT64_C(0xffff00000000));
		check_number(set, v, n, 0, UINT64_C(0xffffffffffff));
	} else {
		check_number(set, v, n, 0, 0);
		check_number(set, v, n, UINT64_MAX, UINT64_MAX);
		check_number(set, v, n, UINT64_MAX, 0);
	}
	fb_source_set_release(set);
	assert_int_equal(sets.n, 0);
	fb_source_sets_fini(&sets);
	free(v);
}

static void the_tree_finds_what_going_through_all_ranges_finds(void **state)
{
	(void)state;
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		for (uint32_t n = 1; n < 80; n++)
			check_set((enum kind)kind, n, 40);
		check_set((enum kind)kind, 511, 200);
		check_set((enum kind)kind, 512, 200);
		check_set((enum kind)kind, 513, 200);
		check_set((enum kind)kind, 10000, 300);
	}
}

static void equal_ranges_are_kept_once(void **state)
{
	struct fb_source_sets sets = {0};
	struct fb_source_range *v = make_ranges(V4, 1000);
	struct fb_source_set *held[1000];

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		held[i] = fb_source_set_hold(&sets, &secret, v, 1000);
	for (uint32_t i = 1; i < 1000; i++)
		assert_ptr_equal(held[i], held[0]);
	/* And those that differ are not one, in whichever order they go. */
	for (uint32_t i = 0; i < 1000; i += 2) {
		fb_source_set_release(held[i]);
		held[i] = fb_source_set_hold(&sets, &secret, v, i + 1);
		assert_int_equal(held[i]->n, i + 1);
	}
	assert_int_equal(sets.n, 501);
	for (uint32_t i = 0; i < 1000; i++)
		fb_source_set_release(held[(i * 7 + 3) % 1000]);
	assert_int_equal(sets.n, 0);
	fb_source_sets_fini(&sets);
	free(v);
}

static double seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* 10,000 Services with ranges: a hundred lists among them, and one Service with 10,000 ranges. */
static void ten_thousand_services_with_ranges_are_built_in_bounded_memory(void **state)
{
	const uint32_t n_services = 10000;
	struct fb_source_range *v = make_ranges(V4, 10000);
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_frontend_spec fe = frontend("192.0.2.10", 80, FB_FRONTEND_LOAD_BALANCER);
	double before = seconds();
	struct fb_snapshot *snap;
	struct fixture f;
	size_t kept = 0;

	(void)state;
	fixture_open(&f, 16, n_services + 1);
	for (uint32_t i = 0; i <= n_services; i++) {
		struct fb_service_spec spec;
		char name[16];

		(void)snprintf(name, sizeof(name), "s%u", i);
		fe.addr = addr4(0x0b000000 + i);
		spec = spec_of(name, &fe, 1, NULL, 0);
		spec.sources = v;
		spec.n_sources = i < n_services ? 1 + i % 100 : 10000;
		assert_int_equal(fb_table_set_service(f.t, "default", name, &spec, 1,
						      (struct fb_place){0}, &errs),
				 0);
	}
	snap = commit(&f);
	assert_int_equal(snap->n_services, n_services + 1);
	for (uint32_t i = 0; i < snap->n_services; i++) {
		const struct fb_service *svc = snap->services[i];
		bool first = true;

		for (uint32_t k = i > 200 ? i - 200 : 0; k < i && first; k++)
			first = snap->services[k]->sources != svc->sources;
		kept += first ? svc->n_sources : 0;
	}
	/* 100 lists of 1 to 100 ranges, and the long one: not 515,000. */
	assert_int_equal(kept, 100 * 101 / 2 + 10000);
	assert_true(seconds() - before < 5);
	fb_snapshot_release(f.t, snap);
	fixture_close(&f);
	free(v);
}

static void a_set_without_memory_is_none_and_leaves_nothing(void **state)
{
	struct fb_source_range *v = make_ranges(V6, 20);

	(void)state;
	for (unsigned int n = 1;; n++) {
		struct fb_source_sets sets = {0};
		size_t live = alloc_fail_live();
		struct fb_source_set *set;

		alloc_fail_at(n);
		set = fb_source_set_hold(&sets, &secret, v, 20);
		if (!alloc_fail_stop()) {
			assert_non_null(set);
			fb_source_set_release(set);
			fb_source_sets_fini(&sets);
			break;
		}
		assert_null(set);
		fb_source_sets_fini(&sets);
		assert_int_equal(alloc_fail_live(), live);
	}
	free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tree_finds_what_going_through_all_ranges_finds),
		cmocka_unit_test(equal_ranges_are_kept_once),
		cmocka_unit_test(ten_thousand_services_with_ranges_are_built_in_bounded_memory),
		cmocka_unit_test(a_set_without_memory_is_none_and_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
