/* SPDX-License-Identifier: BSD-3-Clause */

/* Memory runs out at each allocation in turn: nothing is lost, and the zone in force stays. */

#include "fixture.h"

#include <errno.h>

#include "alloc_fail.h"

static const struct fb_dns_port_spec http = {"http", 80, IPPROTO_TCP};

/* Everything at once: a new Service, a changed one, one that goes, namespaces. */
static int change(struct fixture *f)
{
	const struct fb_addr ip = addr("10.0.0.9");
	const struct fb_dns_host_spec hosts[] = {{addr("10.1.0.1"), "h", &http, 1},
						 {addr("10.1.0.2"), "", &http, 1}};
	struct fb_dns_service_spec spec = {.namespace_ = "ns",
					   .name = "new",
					   .external_name = "",
					   .headless = true,
					   .hosts = hosts,
					   .n_hosts = 2};
	struct fb_dns_service_spec other = {.namespace_ = "ns",
					    .name = "a",
					    .external_name = "",
					    .addrs = &ip,
					    .n_addrs = 1,
					    .ports = &http,
					    .n_ports = 1};
	const char *const ns = "ns";
	struct fb_dns_service *svc = fb_dns_service_build(&f->secret, &spec);

	if (svc == NULL)
		return -errno;
	if (fb_dns_set_service(f->dns, "ns", "new", svc) != 0)
		return -ENOMEM;
	svc = fb_dns_service_build(&f->secret, &other);
	if (svc == NULL)
		return -errno;
	if (fb_dns_set_service(f->dns, "ns", "a", svc) != 0 ||
	    fb_dns_set_service(f->dns, "ns", "b", NULL) != 0 ||
	    fb_dns_set_namespaces(f->dns, &ns, 1) != 0)
		return -ENOMEM;
	return fb_dns_commit(f->dns, f->generation + 1, &f->zone);
}

static void every_allocation_may_fail(void **state)
{
	const struct fb_addr ips[] = {addr("10.0.0.1"), addr("10.0.0.2")};
	struct fixture f;
	size_t live;
	int rc;

	fixture_open(&f, NULL);
	for (int i = 0; i < 2; i++)
		set(&f, "ns", i == 0 ? "a" : "b",
		    &(struct fb_dns_service_spec){.addrs = &ips[i],
						  .n_addrs = 1,
						  .ports = &http,
						  .n_ports = 1});
	commit(&f);
	live = alloc_fail_live();
	for (unsigned int n = 1;; n++) {
		alloc_fail_at(n);
		rc = change(&f);
		if (!alloc_fail_stop())
			break;
		assert_int_equal(rc, -ENOMEM);
		fb_dns_abort(f.dns);
		assert_int_equal(alloc_fail_live(), live);
		assert_string_equal(said(&f, "a.ns.svc.cluster.local", FB_DNS_A),
				    "NOERROR | a.ns.svc.cluster.local. 5 A 10.0.0.1");
		assert_memory_equal(said(&f, "new.ns.svc.cluster.local", FB_DNS_A), "NXDOMAIN", 8);
	}
	assert_int_equal(rc, 0);
	assert_string_equal(said(&f, "a.ns.svc.cluster.local", FB_DNS_A),
			    "NOERROR | a.ns.svc.cluster.local. 5 A 10.0.0.9");
	assert_string_equal(said(&f, "h.new.ns.svc.cluster.local", FB_DNS_A),
			    "NOERROR | h.new.ns.svc.cluster.local. 5 A 10.1.0.1");
	f.generation++;
	fixture_close(&f);
	assert_int_equal(alloc_fail_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};

	return cmocka_run_group_tests_name("dns/memory", tests, NULL, NULL);
}
