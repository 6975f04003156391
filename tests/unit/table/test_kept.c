/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "table/kept.h"

#define MAX_ENDPOINTS 20
#define MAX_SERVICES  10

static uint8_t *memory;

static int set_up(void **state)
{
	memory = calloc(1, fb_table_kept_bytes(MAX_SERVICES, MAX_ENDPOINTS));
	return memory == NULL;
}

static int tear_down(void **state)
{
	free(memory);
	return 0;
}

/* A run with services "a" (endpoints 1 to 3) and "b" (4), then one without 2. */
static void first_run(void)
{
	const struct fb_endpoint_spec a[] = {endpoint(1, FB_EP_ACTIVE), endpoint(2, FB_EP_ACTIVE),
					     endpoint(3, FB_EP_ACTIVE)};
	const struct fb_endpoint_spec less[] = {a[0], a[2]};
	const struct fb_endpoint_spec b = endpoint(4, FB_EP_ACTIVE);
	const struct fb_frontend_spec front_a =
		frontend("192.0.2.1", 80, FB_FRONTEND_LOAD_BALANCER);
	const struct fb_frontend_spec front_b =
		frontend("192.0.2.2", 80, FB_FRONTEND_LOAD_BALANCER);
	struct fixture f;

	fixture_open(&f, MAX_ENDPOINTS, MAX_SERVICES);
	fb_table_keep(f.t, memory);
	stage(&f, "a", &front_a, 1, a, 3);
	stage(&f, "b", &front_b, 1, &b, 1);
	fb_snapshot_release(f.t, commit(&f));
	stage(&f, "a", &front_a, 1, less, 2);
	fb_snapshot_release(f.t, commit(&f));
	fixture_close(&f);
}

static void identity_is(const struct fb_table *t, uint32_t id, const char *name, uint32_t number)
{
	const struct fb_endpoint_spec spec = endpoint(number, FB_EP_ACTIVE);
	struct fb_endpoint_name got;

	assert_int_equal(fb_table_endpoint_name(t, id, &got), 0);
	assert_string_equal(got.name, name);
	assert_string_equal(got.namespace_, "default");
	assert_true(fb_addr_equal(&got.addr, &spec.addr));
	assert_int_equal(got.port_be, spec.port_be);
}

static uint64_t flows_of_1(void *arg, uint32_t ep_id)
{
	return ep_id == 1;
}

static void the_next_run_gives_the_same_numbers_to_the_same_endpoints(void **state)
{
	const struct fb_endpoint_spec a[] = {endpoint(9, FB_EP_ACTIVE), endpoint(3, FB_EP_ACTIVE)};
	const struct fb_frontend_spec front_a =
		frontend("192.0.2.1", 80, FB_FRONTEND_LOAD_BALANCER);
	const struct fb_snapshot *snap;
	struct fb_endpoint_name got;
	struct fixture f;

	first_run();
	fixture_open(&f, MAX_ENDPOINTS, MAX_SERVICES);
	assert_int_equal(fb_table_restore(f.t, memory, MAX_SERVICES, MAX_ENDPOINTS), 4);
	fb_table_keep(f.t, memory);
	identity_is(f.t, 0, "a", 1);
	identity_is(f.t, 1, "a", 2);
	identity_is(f.t, 2, "a", 3);
	identity_is(f.t, 3, "b", 4);
	stage(&f, "a", &front_a, 1, a, 2);
	snap = commit(&f);
	identity_is(f.t, 4, "a", 9);
	assert_int_equal(fb_table_info(snap, 0)->state, FB_EP_REMOVED);
	assert_int_equal(fb_table_info(snap, 1)->state, FB_EP_REMOVED);
	assert_int_equal(fb_table_info(snap, 2)->state, FB_EP_ACTIVE);
	assert_int_equal(fb_table_info(snap, 3)->state, FB_EP_REMOVED);
	assert_int_equal(fb_table_info(snap, 4)->state, FB_EP_ACTIVE);
	assert_int_equal(lookup(snap, "192.0.2.1", 80)->id, 0);
	/* Those that nobody has go with their last flow, and out of the memory too. */
	fb_table_reap(f.t, flows_of_1, NULL);
	assert_int_equal(fb_table_endpoint_name(f.t, 0, &got), -ENOENT);
	identity_is(f.t, 1, "a", 2);
	assert_int_equal(fb_table_endpoint_name(f.t, 3, &got), -ENOENT);
	fb_snapshot_release(f.t, (struct fb_snapshot *)(uintptr_t)snap);
	fixture_close(&f);
	fixture_open(&f, MAX_ENDPOINTS, MAX_SERVICES);
	assert_int_equal(fb_table_restore(f.t, memory, MAX_SERVICES, MAX_ENDPOINTS), 3);
	identity_is(f.t, 1, "a", 2);
	identity_is(f.t, 2, "a", 3);
	identity_is(f.t, 4, "a", 9);
	fixture_close(&f);
}

static void a_slot_with_any_byte_wrong_does_not_count(void **state)
{
	const struct fb_kept kept = fb_kept_over(memory, MAX_SERVICES, MAX_ENDPOINTS);
	struct fixture f;

	first_run();
	for (size_t i = 0; i < sizeof(kept.endpoints[1]); i++) {
		((uint8_t *)&kept.endpoints[1])[i] ^= 0x10;
		fixture_open(&f, MAX_ENDPOINTS, MAX_SERVICES);
		assert_int_equal(fb_table_restore(f.t, memory, MAX_SERVICES, MAX_ENDPOINTS), 3);
		identity_is(f.t, 2, "a", 3);
		fixture_close(&f);
		((uint8_t *)&kept.endpoints[1])[i] ^= 0x10;
	}
	/* Without its service port an endpoint is nobody's. */
	for (size_t i = 0; i < sizeof(kept.services[0]); i++) {
		((uint8_t *)&kept.services[0])[i] ^= 0x10;
		fixture_open(&f, MAX_ENDPOINTS, MAX_SERVICES);
		assert_int_equal(fb_table_restore(f.t, memory, MAX_SERVICES, MAX_ENDPOINTS), 1);
		identity_is(f.t, 3, "b", 4);
		fixture_close(&f);
		((uint8_t *)&kept.services[0])[i] ^= 0x10;
	}
}

static void what_has_no_number_any_more_is_left_out(void **state)
{
	uint8_t *smaller = calloc(1, fb_table_kept_bytes(1, 2));
	struct fixture f;

	first_run();
	fixture_open(&f, 2, 1);
	assert_int_equal(fb_table_restore(f.t, memory, MAX_SERVICES, MAX_ENDPOINTS), 2);
	fb_table_keep(f.t, smaller);
	identity_is(f.t, 0, "a", 1);
	identity_is(f.t, 1, "a", 2);
	fixture_close(&f);
	fixture_open(&f, 2, 1);
	assert_int_equal(fb_table_restore(f.t, smaller, 1, 2), 2);
	fixture_close(&f);
	free(smaller);
}

static void what_its_service_said_of_removal_holds_without_the_service(void **state)
{
	const struct fb_endpoint_spec a = endpoint(1, FB_EP_ACTIVE);
	const struct fb_frontend_spec front = frontend("192.0.2.1", 80, FB_FRONTEND_LOAD_BALANCER);
	struct fb_service_spec spec = spec_of("a", &front, 1, &a, 1);
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_snapshot *snap;
	struct fixture f;

	spec.removed_tcp_s = 0;
	fixture_open(&f, MAX_ENDPOINTS, MAX_SERVICES);
	fb_table_keep(f.t, memory);
	assert_int_equal(fb_table_set_service(f.t, "default", "a", &spec, 1, (struct fb_place){0},
					      &errs),
			 0);
	fb_snapshot_release(f.t, commit(&f));
	fixture_close(&f);
	fixture_open(&f, MAX_ENDPOINTS, MAX_SERVICES);
	assert_int_equal(fb_table_restore(f.t, memory, MAX_SERVICES, MAX_ENDPOINTS), 1);
	snap = commit(&f);
	assert_int_equal(fb_table_info(snap, 0)->state, FB_EP_REMOVED);
	assert_true(fb_table_info(snap, 0)->flags & FB_EP_OVER);
	fb_snapshot_release(f.t, snap);
	fixture_close(&f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_next_run_gives_the_same_numbers_to_the_same_endpoints),
		TEST(a_slot_with_any_byte_wrong_does_not_count),
		TEST(what_has_no_number_any_more_is_left_out),
		TEST(what_its_service_said_of_removal_holds_without_the_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
