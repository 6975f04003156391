/* SPDX-License-Identifier: BSD-3-Clause */

/* 10,000 Services of 10 endpoints. Times are told, not asserted: the machine may be busy. */

#include "fixture.h"

#include <malloc.h>
#include <stdio.h>
#include <time.h>

enum { SERVICES = 10000, ENDPOINTS = 10 };

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static struct fb_addr frontend_addr(uint32_t i, int kind)
{
	return addr4((kind == 0 ? 0x0b000000U : 0x0c000000U) + i);
}

static void stage_one(struct fixture *f, uint32_t i, uint32_t n_endpoints)
{
	struct fb_frontend_spec fes[2];
	struct fb_endpoint_spec eps[ENDPOINTS];
	char name[32];

	for (int k = 0; k < 2; k++)
		fes[k] = (struct fb_frontend_spec){
			.addr = frontend_addr(i, k),
			.port_be = htons(80),
			.kind = k == 0 ? FB_FRONTEND_CLUSTER_IP : FB_FRONTEND_LOAD_BALANCER};
	for (uint32_t k = 0; k < n_endpoints; k++)
		eps[k] = endpoint(i * ENDPOINTS + k, FB_EP_ACTIVE);
	(void)snprintf(name, sizeof(name), "service-%u", i);
	stage(f, name, fes, 2, eps, n_endpoints);
}

/* Chunks of what flows may learn that the two do not share. */
static uint32_t n_other_chunks(const struct fb_snapshot *a, const struct fb_snapshot *b)
{
	uint32_t n = 0;

	assert_int_equal(a->n_endpoints, b->n_endpoints);
	for (uint32_t i = 0; i < a->n_endpoints; i += FB_INFO_CHUNK)
		n += fb_table_info(a, i) != fb_table_info(b, i);
	return n;
}

static void a_change_of_one_among_ten_thousand_touches_that_one(void **state)
{
	struct fb_snapshot *one;
	struct fb_snapshot *two;
	struct mallinfo2 memory;
	struct fixture f;
	uint64_t at;

	(void)state;
	fixture_open(&f, SERVICES * ENDPOINTS * 2, SERVICES * 2);
	at = now_us();
	for (uint32_t i = 0; i < SERVICES; i++)
		stage_one(&f, i, ENDPOINTS);
	one = commit(&f);
	memory = mallinfo2();
	print_message("# %u services x %u endpoints: %u ms, %u MiB\n", SERVICES, ENDPOINTS,
		      (unsigned int)((now_us() - at) / 1000),
		      (unsigned int)((memory.uordblks + memory.hblkhd) >> 20));
	for (int round = 0; round < 3; round++) {
		at = now_us();
		stage_one(&f, 5000, ENDPOINTS - 1 - (uint32_t)round);
		two = commit(&f);
		print_message("# endpoints of one changed: %u us\n", (unsigned int)(now_us() - at));
		for (uint32_t i = 0; i < SERVICES; i++)
			assert_int_equal(one->services[i] == two->services[i], i != 5000);
		assert_ptr_equal(one->frontends, two->frontends);
		assert_in_range(n_other_chunks(one, two), 1, 2);
		at = now_us();
		fb_snapshot_release(f.t, two);
		print_message("# release: %u us\n", (unsigned int)(now_us() - at));
	}
	fb_snapshot_release(f.t, one);
	for (uint32_t round = 0; round < 3; round++) {
		at = now_us();
		stage_one(&f, SERVICES + round, ENDPOINTS);
		two = commit(&f);
		print_message("# one service added: %u us\n", (unsigned int)(now_us() - at));
		for (uint32_t i = 0; i <= SERVICES + round; i++) {
			struct fb_addr a = frontend_addr(i, 1);
			struct fb_tuple t = tuple_to(&a, htons(80), IPPROTO_TCP);

			assert_ptr_equal(fb_table_lookup(two, &t), two->services[i]);
			assert_int_equal(fb_table_address(two, &a), FB_ADDR_SERVICE);
		}
		fb_snapshot_release(f.t, two);
	}
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_of_one_among_ten_thousand_touches_that_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
