/* SPDX-License-Identifier: BSD-3-Clause */

#include "fixture.h"

#include <errno.h>

#include "alloc_fail.h"
#include "dns/write.h"

#define LB FB_FRONTEND_LOAD_BALANCER

static struct fb_frontend_spec fes[3];
static struct fb_endpoint_spec eps[3];
static struct fb_dns *dns; /* the table's */

static int set(struct fixture *f, const char *name, uint32_t first, uint32_t n_frontends,
	       uint32_t n_endpoints)
{
	struct fb_service_spec spec = spec_of(name, fes + first, n_frontends, eps, n_endpoints);
	struct fb_errs errs = FB_ERRS_INIT;
	int rc = fb_table_set_service(f->t, "default", name, &spec, n_frontends > 0,
				      (struct fb_place){0}, &errs);

	fb_errs_fini(&errs);
	return rc;
}

/* The name x.default leads to one address, or is gone. */
static int set_name(struct fixture *f, const char *address)
{
	const struct fb_addr a = addr(address != NULL ? address : "0.0.0.0");
	const struct fb_dns_service_spec spec = {.namespace_ = "default",
						 .name = "x",
						 .external_name = "",
						 .addrs = &a,
						 .n_addrs = 1};
	struct fb_dns_service *svc = fb_dns_service_build(&f->secret, &spec);

	if (svc == NULL)
		return -ENOMEM;
	return fb_dns_set_service(dns, "default", "x", svc);
}

static const uint8_t *address_of_name(const struct fb_snapshot *snap)
{
	const struct fb_dns_service *svc =
		fb_dns_find_service(snap->dns, (const uint8_t *)"\1x\7default", 10);

	assert_non_null(svc);
	return fb_dns_piece_at(svc, fb_dns_service_node(svc, 0)->addrs[FB_IPV4]);
}

/* Everything at once: a change, a newcomer, one that goes and whose frontend is taken over. */
static int change(struct fixture *f, struct fb_snapshot **ret)
{
	if (set(f, "a", 0, 1, 3) != 0 || set(f, "new", 2, 1, 2) != 0 || set(f, "b", 1, 0, 0) != 0 ||
	    fb_table_set_address(f->t, &eps[0].addr, FB_ADDR_BOX) != 0 ||
	    fb_table_set_snat(f->t, 0, FB_IPV4, &eps[1].addr, 1) != 0 ||
	    set_name(f, "10.0.0.2") != 0)
		return -ENOMEM;
	*ret = fb_table_commit(f->t);
	return *ret != NULL ? 0 : -errno;
}

static void check_before(const struct fb_snapshot *snap)
{
	assert_int_equal(lookup(snap, "192.0.2.1", 80)->n_endpoints, 2);
	assert_string_equal(lookup(snap, "192.0.2.2", 80)->name, "b");
	assert_null(lookup(snap, "192.0.2.3", 80));
	assert_int_equal(fb_table_address(snap, &eps[0].addr), 0);
	assert_int_equal(snap->n_services, 3);
	assert_memory_equal(address_of_name(snap), "\12\0\0\1", 4);
}

static void check_after(const struct fb_snapshot *snap)
{
	assert_int_equal(lookup(snap, "192.0.2.1", 80)->n_endpoints, 3);
	assert_string_equal(lookup(snap, "192.0.2.2", 80)->name, "waits");
	assert_string_equal(lookup(snap, "192.0.2.3", 80)->name, "new");
	assert_int_equal(fb_table_address(snap, &eps[0].addr), FB_ADDR_BOX);
	assert_int_equal(snap->snat[0][FB_IPV4].n, 1);
	assert_int_equal(snap->n_services, 3);
	assert_memory_equal(address_of_name(snap), "\12\0\0\2", 4);
}

static struct fb_snapshot *open_with_three(struct fixture *f)
{
	for (uint32_t i = 0; i < 3; i++)
		eps[i] = endpoint(i, FB_EP_ACTIVE);
	fes[0] = frontend("192.0.2.1", 80, LB);
	fes[1] = frontend("192.0.2.2", 80, LB);
	fes[1].last = 89;
	fes[2] = frontend("192.0.2.3", 80, LB);
	fixture_open(f, 20, 20);
	dns = fb_dns_create(&f->secret, &(struct fb_dns_settings){.domain = "c", .ttl_s = 5});
	assert_non_null(dns);
	fb_table_set_dns(f->t, dns);
	assert_int_equal(set_name(f, "10.0.0.1"), 0);
	assert_int_equal(set(f, "a", 0, 1, 2), 0);
	assert_int_equal(set(f, "b", 1, 1, 2), 0);
	assert_int_equal(set(f, "waits", 1, 1, 2), 0);
	return commit(f);
}

static void without_memory_the_last_snapshot_stays_and_a_second_try_succeeds(void **state)
{
	size_t live = alloc_fail_live();
	bool failed = true;

	(void)state;
	for (unsigned int n = 1; failed; n++) {
		struct fb_snapshot *after = NULL;
		struct fixture f;
		struct fb_snapshot *before = open_with_three(&f);
		int held = f.held;
		int rc;

		alloc_fail_at(n);
		rc = change(&f, &after);
		failed = alloc_fail_stop();
		/* A message that could not be kept does not fail the change. */
		if (rc != 0) {
			assert_true(failed);
			assert_int_equal(rc, -ENOMEM);
			fb_table_abort(f.t);
			assert_int_equal(f.held, held);
			assert_null(fb_table_commit(f.t));
			assert_int_equal(errno, EALREADY);
			check_before(before);
			assert_int_equal(change(&f, &after), 0);
		}
		check_before(before);
		check_after(after);
		fb_snapshot_release(f.t, before);
		check_after(after);
		fb_snapshot_release(f.t, after);
		fixture_close(&f);
		assert_int_equal(alloc_fail_live(), live);
		if (!failed)
			print_message("# %u allocations\n", n - 1);
	}
}

/* A table of two levels that shares some of its groups' with the one in force. */
static void without_memory_a_big_service_stays_as_it_was(void **state)
{
	enum { MANY = 1100 };
	static struct fb_endpoint_spec many[MANY];
	struct fb_service_spec spec = spec_of("big", fes, 1, many, MANY);
	size_t live = alloc_fail_live();
	bool failed = true;

	(void)state;
	fes[0] = frontend("192.0.2.1", 80, LB);
	for (uint32_t i = 0; i < MANY; i++)
		many[i] = endpoint(i, FB_EP_ACTIVE);
	for (unsigned int n = 1; failed; n++) {
		struct fb_errs errs = FB_ERRS_INIT;
		struct fb_snapshot *before;
		struct fixture f;
		int rc;

		fixture_open(&f, 2000, 20);
		spec.n_endpoints = MANY;
		assert_int_equal(fb_table_set_service(f.t, "default", "big", &spec, 1,
						      (struct fb_place){0}, &errs),
				 0);
		before = commit(&f);
		spec.n_endpoints = MANY - 1;
		alloc_fail_at(n);
		rc = fb_table_set_service(f.t, "default", "big", &spec, 1, (struct fb_place){0},
					  &errs);
		failed = alloc_fail_stop();
		assert_int_equal(rc, failed ? -ENOMEM : 0);
		fb_table_abort(f.t);
		assert_int_equal(lookup(before, "192.0.2.1", 80)->n_active, MANY);
		fb_snapshot_release(f.t, before);
		fixture_close(&f);
		fb_errs_fini(&errs);
		assert_int_equal(alloc_fail_live(), live);
	}
}

static void a_table_without_memory_is_not_made_and_not_leaked(void **state)
{
	const struct fb_table_router router = {0};
	struct fb_hash_secret secret;
	size_t live = alloc_fail_live();
	bool failed = true;

	(void)state;
	fb_hash_secret_init(&secret, "forebay");
	for (unsigned int n = 1; failed; n++) {
		struct fb_table *t;

		alloc_fail_at(n);
		t = fb_table_create(&secret, &router, 10, 10);
		failed = alloc_fail_stop();
		assert_int_equal(t == NULL, failed);
		fb_table_free(t);
		assert_int_equal(alloc_fail_live(), live);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_memory_the_last_snapshot_stays_and_a_second_try_succeeds),
		cmocka_unit_test(without_memory_a_big_service_stays_as_it_was),
		cmocka_unit_test(a_table_without_memory_is_not_made_and_not_leaked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
