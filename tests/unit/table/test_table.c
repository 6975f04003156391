/* SPDX-License-Identifier: BSD-3-Clause */

#include "fixture.h"

#include <errno.h>
#include <stdio.h>

#include "table/diff.h"

#define LB FB_FRONTEND_LOAD_BALANCER

static void the_first_commit_may_be_empty_and_the_next_may_not(void **state)
{
	struct fb_addr a = addr("192.0.2.1");
	struct fb_snapshot *snap;
	struct fixture f;

	(void)state;
	fixture_open(&f, 10, 10);
	snap = commit(&f);
	assert_int_equal(snap->generation, 1);
	assert_null(lookup(snap, "192.0.2.1", 80));
	assert_int_equal(fb_table_address(snap, &a), 0);
	assert_null(fb_table_commit(f.t));
	assert_int_equal(errno, EALREADY);
	fb_snapshot_release(f.t, snap);
	fixture_close(&f);
}

static void both_families_and_both_protocols_are_found(void **state)
{
	struct fb_frontend_spec v4 = frontend("192.0.2.1", 80, LB);
	struct fb_frontend_spec v6 = frontend("2001:db8::1", 80, LB);
	struct fb_service_spec specs[3] = {spec_of("a", &v4, 1, NULL, 0),
					   spec_of("a", &v4, 1, NULL, 0),
					   spec_of("a", &v6, 1, NULL, 0)};
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_snapshot *snap;
	struct fixture f;

	(void)state;
	specs[1].proto = IPPROTO_UDP;
	specs[1].port_name = "udp";
	specs[2].family = FB_IPV6;
	fixture_open(&f, 10, 10);
	assert_int_equal(fb_table_set_service(f.t, "default", "a", specs, 3, (struct fb_place){0},
					      &errs),
			 0);
	assert_int_equal(errs.n, 0);
	snap = commit(&f);
	for (int i = 0; i < 3; i++) {
		struct fb_tuple t = tuple_to(&specs[i].frontends->addr, htons(80), specs[i].proto);
		const struct fb_service *svc = fb_table_lookup(snap, &t);

		assert_non_null(svc);
		assert_int_equal(svc->proto, specs[i].proto);
		assert_int_equal(svc->family, specs[i].family);
		assert_null(fb_table_select(svc, 0, NULL));
	}
	assert_null(lookup(snap, "192.0.2.1", 81));
	assert_null(lookup(snap, "192.0.2.2", 80));
	fb_snapshot_release(f.t, snap);
	fixture_close(&f);
}

static void a_draining_endpoint_is_kept_and_not_selected(void **state)
{
	struct fb_frontend_spec fe = frontend("192.0.2.1", 80, LB);
	struct fb_endpoint_spec eps[3] = {endpoint(0, FB_EP_DRAINING), endpoint(1, FB_EP_ACTIVE),
					  endpoint(2, FB_EP_ACTIVE)};
	const struct fb_service *svc;
	struct fb_snapshot *snap;
	struct fixture f;

	(void)state;
	fixture_open(&f, 10, 10);
	stage(&f, "a", &fe, 1, eps, 3);
	snap = commit(&f);
	svc = lookup(snap, "192.0.2.1", 80);
	assert_int_equal(svc->n_endpoints, 3);
	for (uint32_t i = 0; i < 1000; i++) {
		const struct fb_endpoint *ep = fb_table_select(svc, (uint64_t)i * 4294967 << 32, NULL);

		assert_int_equal(ep->state, FB_EP_ACTIVE);
		assert_int_equal(fb_table_info(snap, ep->id)->state, FB_EP_ACTIVE);
		assert_int_equal(fb_table_info(snap, ep->id)->nh_idx, 1);
	}
	assert_int_equal(fb_table_info(snap, svc->endpoints[2].id)->state, FB_EP_DRAINING);
	fb_snapshot_release(f.t, snap);
	fixture_close(&f);
}

/* One port whose frontends want different endpoints: what policies Local on a node come to. */
static void parts_of_a_port_share_identities_and_choose_for_themselves(void **state)
{
	struct fb_frontend_spec inside = frontend("10.0.0.1", 80, FB_FRONTEND_CLUSTER_IP);
	struct fb_frontend_spec outside = frontend("192.0.2.1", 80, LB);
	struct fb_endpoint_spec all[2] = {endpoint(0, FB_EP_ACTIVE), endpoint(1, FB_EP_ACTIVE)};
	struct fb_endpoint_spec here[2] = {endpoint(0, FB_EP_DRAINING), endpoint(1, FB_EP_ACTIVE)};
	struct fb_service_spec specs[2] = {spec_of("a", &inside, 1, all, 2),
					   spec_of("a", &outside, 1, here, 2)};
	struct fb_errs errs = FB_ERRS_INIT;
	const struct fb_service *svc[2];
	struct fb_snapshot *one;
	struct fb_snapshot *two;
	struct fixture f;

	(void)state;
	specs[1].part = 1;
	fixture_open(&f, 10, 10);
	assert_int_equal(fb_table_set_service(f.t, "default", "a", specs, 2, (struct fb_place){0},
					      &errs),
			 0);
	one = commit(&f);
	svc[0] = lookup(one, "10.0.0.1", 80);
	svc[1] = lookup(one, "192.0.2.1", 80);
	assert_int_equal(svc[0]->id, svc[1]->id);
	assert_int_equal(svc[0]->part, 0);
	assert_int_equal(svc[1]->part, 1);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(fb_table_select(svc[1], (uint64_t)i * 4294967 << 32, NULL)->id,
				 svc[0]->endpoints[1].id);
	/* Who drains in one part and is active in the other is active for its flows. */
	assert_int_equal(fb_table_info(one, svc[0]->endpoints[0].id)->state, FB_EP_ACTIVE);
	/* Only the second part changes, and says that there are endpoints elsewhere. */
	here[1].state = FB_EP_DRAINING;
	specs[1].elsewhere = true;
	assert_int_equal(fb_table_set_service(f.t, "default", "a", specs, 2, (struct fb_place){0},
					      &errs),
			 0);
	two = commit(&f);
	assert_ptr_equal(lookup(two, "10.0.0.1", 80), svc[0]);
	assert_int_equal(lookup(two, "192.0.2.1", 80)->n_slots, 0);
	assert_true(lookup(two, "192.0.2.1", 80)->elsewhere);
	fb_snapshot_release(f.t, one);
	fb_snapshot_release(f.t, two);
	fixture_close(&f);
}

/* Every address around the ends of every range, of one and of both halves. */
static void clients_are_admitted_from_the_first_to_the_last_of_a_range(void **state)
{
	static const char *const in[] = {"10.0.0.0", "10.0.0.255", "10.0.2.0", "2001:db8::5",
					 "2001:db8:1::", "2001:db8:1:0:ffff:ffff:ffff:ffff"};
	static const char *const out[] = {"9.255.255.255", "10.0.1.0", "10.0.1.255", "10.0.2.1",
					  "2001:db8::4", "2001:db8::6", "2001:db8:0:ffff::1",
					  "2001:db8:1:1::", "::", "ffff::"};
	const struct fb_source_range ranges[] = {
		{{0, 0xffff0a000000}, {0, 0xffff0a0000ff}},
		{{0, 0xffff0a000200}, {0, 0xffff0a000200}},
		{{0x20010db800000000, 5}, {0x20010db800000000, 5}},
		{{0x20010db800010000, 0}, {0x20010db800010000, UINT64_MAX}},
	};
	struct fb_frontend_spec fe = frontend("192.0.2.1", 80, LB);
	struct fb_service_spec spec = spec_of("a", &fe, 1, NULL, 0);
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_snapshot *one = NULL;
	struct fb_snapshot *two;
	struct fixture f;

	(void)state;
	spec.sources = ranges;
	spec.n_sources = 4;
	fixture_open(&f, 10, 10);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(fb_table_set_service(f.t, "default", "a", &spec, 1,
						      (struct fb_place){0}, &errs),
				 0);
		/* The same ranges again are no change. */
		if (round == 0)
			one = commit(&f);
		else
			assert_null(fb_table_commit(f.t));
	}
	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		struct fb_addr a = addr(in[i]);

		assert_true(fb_table_admits(lookup(one, "192.0.2.1", 80), &a));
	}
	for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++) {
		struct fb_addr a = addr(out[i]);

		assert_false(fb_table_admits(lookup(one, "192.0.2.1", 80), &a));
	}
	spec.n_sources = 0;
	assert_int_equal(fb_table_set_service(f.t, "default", "a", &spec, 1, (struct fb_place){0},
					      &errs),
			 0);
	two = commit(&f);
	for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++) {
		struct fb_addr a = addr(out[i]);

		assert_true(fb_table_admits(lookup(two, "192.0.2.1", 80), &a));
	}
	fb_snapshot_release(f.t, one);
	fb_snapshot_release(f.t, two);
	fixture_close(&f);
}

static void unchanged_parts_are_shared(void **state)
{
	struct fb_frontend_spec fa = frontend("192.0.2.1", 80, LB);
	struct fb_frontend_spec fb = frontend("192.0.2.2", 80, LB);
	struct fb_endpoint_spec eps[3] = {endpoint(0, FB_EP_ACTIVE), endpoint(1, FB_EP_ACTIVE),
					  endpoint(2, FB_EP_DRAINING)};
	struct fb_snapshot *one;
	struct fb_snapshot *two;
	struct fixture f;

	(void)state;
	fixture_open(&f, 10, 10);
	stage(&f, "a", &fa, 1, eps, 3);
	stage(&f, "b", &fb, 1, eps, 2);
	one = commit(&f);
	stage(&f, "a", &fa, 1, eps, 3);
	assert_null(fb_table_commit(f.t));
	assert_int_equal(errno, EALREADY);
	stage(&f, "a", &fa, 1, eps, 2);
	two = commit(&f);
	assert_ptr_equal(lookup(one, "192.0.2.2", 80), lookup(two, "192.0.2.2", 80));
	assert_ptr_not_equal(lookup(one, "192.0.2.1", 80), lookup(two, "192.0.2.1", 80));
	/* The active endpoints are the same: so is the Maglev table. */
	assert_ptr_equal(lookup(one, "192.0.2.1", 80)->slots,
			 lookup(two, "192.0.2.1", 80)->slots);
	assert_ptr_equal(one->frontends, two->frontends);
	assert_ptr_equal(one->addresses, two->addresses);
	assert_ptr_equal(one->next_hops, two->next_hops);
	assert_ptr_not_equal(one->infos, two->infos);
	fb_snapshot_release(f.t, one);
	assert_int_equal(lookup(two, "192.0.2.1", 80)->n_endpoints, 2);
	fb_snapshot_release(f.t, two);
	fixture_close(&f);
}

static void the_epoch_moves_when_something_known_changes_only(void **state)
{
	struct fb_frontend_spec fe = frontend("192.0.2.1", 80, LB);
	struct fb_endpoint_spec eps[2] = {endpoint(0, FB_EP_ACTIVE), endpoint(1, FB_EP_ACTIVE)};
	struct fb_snapshot *snap;
	uint32_t epoch;
	struct fixture f;

	(void)state;
	fixture_open(&f, 10, 10);
	stage(&f, "a", &fe, 1, eps, 1);
	snap = commit(&f);
	epoch = snap->ep_epoch;
	fb_snapshot_release(f.t, snap);
	stage(&f, "a", &fe, 1, eps, 2);
	snap = commit(&f);
	assert_int_equal(snap->ep_epoch, epoch);
	fb_snapshot_release(f.t, snap);
	eps[0].state = FB_EP_DRAINING;
	stage(&f, "a", &fe, 1, eps, 2);
	snap = commit(&f);
	assert_int_equal(snap->ep_epoch, epoch + 1);
	fb_snapshot_release(f.t, snap);
	f.next_hop = 2;
	fb_table_reroute(f.t);
	snap = commit(&f);
	assert_int_equal(snap->ep_epoch, epoch + 2);
	assert_int_equal(fb_table_info(snap, 0)->nh_idx, 2);
	fb_snapshot_release(f.t, snap);
	f.hops[2].state = FB_HOP_READY;
	fb_table_rehop(f.t);
	snap = commit(&f);
	assert_int_equal(snap->ep_epoch, epoch + 2);
	assert_int_equal(snap->next_hops[2].state, FB_HOP_READY);
	fb_snapshot_release(f.t, snap);
	/* And when an address goes: UDP flows that asked for it have to leave. */
	fe = frontend("192.0.2.2", 80, LB);
	stage(&f, "a", &fe, 1, eps, 2);
	snap = commit(&f);
	assert_int_equal(snap->ep_epoch, epoch + 3);
	fb_snapshot_release(f.t, snap);
	fe = frontend("192.0.2.3", 80, LB);
	stage(&f, "b", &fe, 1, eps, 1);
	snap = commit(&f);
	assert_int_equal(snap->ep_epoch, epoch + 3);
	fb_snapshot_release(f.t, snap);
	fixture_close(&f);
}

static uint64_t flows_of_0(void *arg, uint32_t ep_id)
{
	return ep_id == 0 ? *(const uint64_t *)arg : 0;
}

static void a_removed_endpoint_keeps_its_identity_until_its_flows_are_gone(void **state)
{
	struct fb_frontend_spec fe = frontend("192.0.2.1", 80, LB);
	struct fb_endpoint_spec eps[2] = {endpoint(0, FB_EP_ACTIVE), endpoint(1, FB_EP_ACTIVE)};
	struct fb_endpoint_name name;
	struct fb_snapshot *one;
	struct fb_snapshot *two;
	uint64_t flows = 1;
	struct fixture f;

	(void)state;
	fixture_open(&f, 2, 10);
	stage(&f, "a", &fe, 1, eps, 1);
	one = commit(&f);
	stage(&f, "a", &fe, 1, eps + 1, 1);
	two = commit(&f);
	assert_int_equal(fb_table_info(two, 0)->state, FB_EP_REMOVED);
	flows = 0;
	fb_table_reap(f.t, flows_of_0, &flows); /* snapshot one may still choose it */
	assert_int_equal(fb_table_endpoint_name(f.t, 0, &name), 0);
	fb_snapshot_release(f.t, one);
	flows = 1;
	fb_table_reap(f.t, flows_of_0, &flows);
	assert_int_equal(fb_table_endpoint_name(f.t, 0, &name), 0);
	assert_string_equal(name.name, "a");
	assert_string_equal(name.port_name, "http");
	assert_int_equal(name.state, FB_EP_REMOVED);
	/* Back before its last flow ended: the same identity. */
	stage(&f, "a", &fe, 1, eps, 2);
	one = commit(&f);
	assert_int_equal(fb_table_info(one, 0)->state, FB_EP_ACTIVE);
	fb_snapshot_release(f.t, two);
	stage(&f, "a", &fe, 1, eps + 1, 1);
	two = commit(&f);
	fb_snapshot_release(f.t, one);
	fb_table_reap(f.t, no_flows, NULL);
	assert_int_equal(fb_table_endpoint_name(f.t, 0, &name), -ENOENT);
	fb_snapshot_release(f.t, two);
	fixture_close(&f);
}

static void a_reaped_identity_is_given_out_after_one_more_commit(void **state)
{
	struct fb_frontend_spec fe = frontend("192.0.2.1", 80, LB);
	struct fb_endpoint_spec eps[2] = {endpoint(0, FB_EP_ACTIVE), endpoint(1, FB_EP_ACTIVE)};
	struct fb_service_spec spec = spec_of("a", &fe, 1, eps + 1, 1);
	struct fb_errs errs = FB_ERRS_INIT;
	struct fixture f;

	(void)state;
	fixture_open(&f, 1, 10);
	stage(&f, "a", &fe, 1, eps, 1);
	fb_snapshot_release(f.t, commit(&f));
	stage(&f, "a", &fe, 1, NULL, 0);
	fb_snapshot_release(f.t, commit(&f));
	fb_table_reap(f.t, no_flows, NULL);
	assert_int_equal(fb_table_set_service(f.t, "default", "a", &spec, 1, (struct fb_place){0},
					      &errs),
			 -ENOSPC);
	assert_int_equal(errs.n_errors, 1);
	fb_errs_fini(&errs);
	fb_table_rehop(f.t);
	fb_snapshot_release(f.t, commit(&f));
	stage(&f, "a", &fe, 1, eps + 1, 1);
	fb_snapshot_release(f.t, commit(&f));
	fixture_close(&f);
}

static void a_frontend_of_another_service_is_refused_and_waited_for(void **state)
{
	struct fb_frontend_spec fes[2] = {frontend("192.0.2.10", 80, LB),
					  frontend("192.0.2.11", 80, LB)};
	struct fb_service_spec spec = spec_of("b", fes, 2, NULL, 0);
	struct fb_place place = {.file = "b.yaml", .line = 7};
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_snapshot *snap;
	struct fixture f;
	char text[128];

	(void)state;
	fixture_open(&f, 10, 10);
	stage(&f, "a", fes, 1, NULL, 0);
	assert_int_equal(fb_table_set_service(f.t, "default", "b", &spec, 1, place, &errs), 0);
	assert_int_equal(errs.n, 1);
	fb_err_format(&errs.v[0], text, sizeof(text));
	assert_string_equal(text, "b.yaml:7: default/b: LoadBalancer 192.0.2.10:80/TCP is already "
				  "served by default/a");
	fb_errs_fini(&errs);
	snap = commit(&f);
	assert_string_equal(lookup(snap, "192.0.2.10", 80)->name, "a");
	assert_string_equal(lookup(snap, "192.0.2.11", 80)->name, "b");
	assert_int_equal(lookup(snap, "192.0.2.11", 80)->n_frontends, 1);
	fb_snapshot_release(f.t, snap);
	assert_int_equal(fb_table_set_service(f.t, "default", "a", NULL, 0, place, &errs), 0);
	snap = commit(&f);
	assert_string_equal(lookup(snap, "192.0.2.10", 80)->name, "b");
	assert_int_equal(lookup(snap, "192.0.2.10", 80)->n_frontends, 2);
	assert_int_equal(snap->n_services, 1);
	fb_snapshot_release(f.t, snap);
	fixture_close(&f);
}

/* How an older Service takes an address from a younger one, in one generation. */
static void a_service_that_is_taken_out_and_put_back_keeps_its_identities(void **state)
{
	struct fb_frontend_spec fes[2] = {frontend("192.0.2.10", 80, LB),
					  frontend("192.0.2.11", 80, LB)};
	struct fb_endpoint_spec ep = endpoint(1, FB_EP_ACTIVE);
	struct fb_service_spec spec = spec_of("b", fes, 2, &ep, 1);
	struct fb_place place = {.file = "b.yaml", .line = 7};
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_snapshot *before;
	struct fb_snapshot *after;
	struct fixture f;

	(void)state;
	fixture_open(&f, 10, 10);
	stage(&f, "b", fes, 2, &ep, 1);
	before = commit(&f);
	assert_string_equal(fb_table_holder(f.t, &fes[0].addr, fes[0].port_be, IPPROTO_TCP)->name, "b");
	assert_null(fb_table_holder(f.t, &fes[0].addr, fes[0].port_be, IPPROTO_UDP));
	assert_int_equal(fb_table_set_service(f.t, "default", "b", NULL, 0, place, &errs), 0);
	assert_null(fb_table_holder(f.t, &fes[0].addr, fes[0].port_be, IPPROTO_TCP));
	stage(&f, "a", fes, 1, NULL, 0);
	assert_int_equal(fb_table_set_service(f.t, "default", "b", &spec, 1, place, &errs), 0);
	assert_int_equal(errs.n_errors, 1);
	after = commit(&f);
	assert_string_equal(lookup(after, "192.0.2.10", 80)->name, "a");
	assert_string_equal(lookup(after, "192.0.2.11", 80)->name, "b");
	assert_int_equal(lookup(after, "192.0.2.11", 80)->id, lookup(before, "192.0.2.11", 80)->id);
	assert_int_equal(lookup(after, "192.0.2.11", 80)->endpoints[0].id,
			 lookup(before, "192.0.2.11", 80)->endpoints[0].id);
	assert_int_equal(fb_table_info(after, lookup(after, "192.0.2.11", 80)->endpoints[0].id)->state,
			 FB_EP_ACTIVE);
	fb_errs_fini(&errs);
	fb_snapshot_release(f.t, before);
	fb_snapshot_release(f.t, after);
	fixture_close(&f);
}

static void addresses_say_what_they_are(void **state)
{
	struct fb_frontend_spec fes[2] = {frontend("192.0.2.10", 80, LB),
					  frontend("10.96.0.1", 80, FB_FRONTEND_CLUSTER_IP)};
	struct fb_addr box = addr("192.0.2.1");
	struct fb_addr none = addr("192.0.2.2");
	struct fb_snapshot *snap;
	struct fixture f;

	(void)state;
	fixture_open(&f, 10, 10);
	stage(&f, "a", fes, 2, NULL, 0);
	fb_table_set_announce(f.t, 1U << LB);
	assert_int_equal(fb_table_set_address(f.t, &box, FB_ADDR_BOX | FB_ADDR_SNAT), 0);
	snap = commit(&f);
	assert_int_equal(fb_table_address(snap, &fes[0].addr), FB_ADDR_SERVICE | FB_ADDR_ANNOUNCE);
	assert_int_equal(fb_table_address(snap, &fes[1].addr), FB_ADDR_SERVICE);
	assert_int_equal(fb_table_address(snap, &box), FB_ADDR_BOX | FB_ADDR_SNAT);
	assert_int_equal(fb_table_address(snap, &none), 0);
	fb_snapshot_release(f.t, snap);
	assert_int_equal(fb_table_set_address(f.t, &box, 0), 0);
	fb_table_abort(f.t);
	assert_int_equal(fb_table_set_address(f.t, &none, FB_ADDR_BOX), 0);
	snap = commit(&f);
	assert_int_equal(fb_table_address(snap, &box), FB_ADDR_BOX | FB_ADDR_SNAT);
	assert_int_equal(fb_table_address(snap, &none), FB_ADDR_BOX);
	fb_snapshot_release(f.t, snap);
	fixture_close(&f);
}

static void addresses_of_a_service_cidr_are_known_where_nobody_has_them(void **state)
{
	struct fb_frontend_spec fe = frontend("10.96.0.1", 80, FB_FRONTEND_CLUSTER_IP);
	struct fb_addr box = addr("10.96.0.2");
	struct fb_addr unused[2] = {addr("10.96.255.255"), addr("fd00:96::ffff")};
	struct fb_addr outside[2] = {addr("10.97.0.0"), addr("fd00:96::1:0")};
	struct fb_prefix cidrs[2];
	struct fb_snapshot *snap;
	struct fixture f;

	(void)state;
	assert_int_equal(fb_prefix_parse("10.96.0.0/16", &cidrs[0], NULL), 0);
	assert_int_equal(fb_prefix_parse("fd00:96::/112", &cidrs[1], NULL), 0);
	fixture_open(&f, 10, 10);
	fb_table_set_cluster(f.t, cidrs, 2);
	stage(&f, "a", &fe, 1, NULL, 0);
	assert_int_equal(fb_table_set_address(f.t, &box, FB_ADDR_BOX), 0);
	snap = commit(&f);
	assert_int_equal(fb_table_address(snap, &fe.addr), FB_ADDR_SERVICE);
	assert_int_equal(fb_table_address(snap, &box), FB_ADDR_BOX);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fb_table_address(snap, &unused[i]), FB_ADDR_UNUSED);
		assert_int_equal(fb_table_address(snap, &outside[i]), 0);
	}
	fb_snapshot_release(f.t, snap);
	/* One that a Service gives up is unused from then on. */
	stage(&f, "a", NULL, 0, NULL, 0);
	snap = commit(&f);
	assert_int_equal(fb_table_address(snap, &fe.addr), FB_ADDR_UNUSED);
	fb_snapshot_release(f.t, snap);
	fixture_close(&f);
}

static void a_snat_pool_is_copied_and_abort_restores_it(void **state)
{
	struct fb_addr addrs[2] = {addr("192.0.2.1"), addr("192.0.2.2")};
	struct fb_snapshot *snap;
	struct fixture f;

	(void)state;
	fixture_open(&f, 10, 10);
	assert_int_equal(fb_table_set_snat(f.t, 1, FB_IPV4, addrs, 2), 0);
	snap = commit(&f);
	assert_int_equal(snap->snat[1][FB_IPV4].n, 2);
	assert_true(fb_addr_equal(&snap->snat[1][FB_IPV4].addrs[1], &addrs[1]));
	assert_int_equal(snap->snat[0][FB_IPV4].n, 0);
	fb_snapshot_release(f.t, snap);
	assert_int_equal(fb_table_set_snat(f.t, 1, FB_IPV4, addrs, 1), 0);
	fb_table_abort(f.t);
	assert_null(fb_table_commit(f.t));
	fixture_close(&f);
}

static void selection_agrees_between_boxes_and_ignores_the_order(void **state)
{
	struct fb_frontend_spec fe = frontend("192.0.2.1", 80, LB);
	struct fb_endpoint_spec eps[10];
	struct fb_endpoint_spec turned[10];
	struct fb_snapshot *one;
	struct fb_snapshot *two;
	struct fixture f;
	struct fixture g;

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		eps[i] = endpoint(i, FB_EP_ACTIVE);
		turned[9 - i] = eps[i];
	}
	fixture_open(&f, 100, 10);
	fixture_open(&g, 100, 10);
	stage(&f, "a", &fe, 1, eps, 10);
	stage(&g, "a", &fe, 1, turned + 3, 5);
	fb_snapshot_release(g.t, commit(&g));
	stage(&g, "a", &fe, 1, turned, 10);
	one = commit(&f);
	two = commit(&g);
	for (uint32_t i = 0; i < 1000; i++) {
		struct fb_tuple t = tuple_to(&fe.addr, fe.port_be, IPPROTO_TCP);
		const struct fb_endpoint *a;
		const struct fb_endpoint *b;

		t.v4.sport = htons((uint16_t)i);
		a = fb_table_select(lookup(one, "192.0.2.1", 80),
				    fb_table_select_hash(one, lookup(one, "192.0.2.1", 80), &t),
				    NULL);
		b = fb_table_select(lookup(two, "192.0.2.1", 80),
				    fb_table_select_hash(two, lookup(two, "192.0.2.1", 80), &t),
				    NULL);
		assert_true(fb_addr_equal(&a->addr, &b->addr));
	}
	fb_snapshot_release(f.t, one);
	fb_snapshot_release(g.t, two);
	fixture_close(&f);
	fixture_close(&g);
}

/* One client, many ports of its own, every address of the service; and many clients. */
static void by_client_a_client_has_one_endpoint_and_clients_are_spread(void **state)
{
	struct fb_frontend_spec fes[2] = {frontend("192.0.2.1", 80, LB),
					  frontend("10.0.0.1", 80, FB_FRONTEND_CLUSTER_IP)};
	struct fb_endpoint_spec eps[10];
	struct fb_service_spec spec = spec_of("a", fes, 2, eps, 10);
	struct fb_errs errs = FB_ERRS_INIT;
	uint32_t counts[10] = {0};
	const struct fb_service *svc;
	struct fb_snapshot *snap;
	struct fixture f;

	(void)state;
	for (uint32_t i = 0; i < 10; i++)
		eps[i] = endpoint(i, FB_EP_ACTIVE);
	spec.selection = FB_SELECT_SOURCE_IP;
	fixture_open(&f, 100, 10);
	assert_int_equal(fb_table_set_service(f.t, "default", "a", &spec, 1, (struct fb_place){0},
					      &errs),
			 0);
	snap = commit(&f);
	svc = lookup(snap, "192.0.2.1", 80);
	for (uint32_t client = 0; client < 1000; client++) {
		const struct fb_endpoint *first = NULL;

		for (uint16_t port = 1; port < 20; port++) {
			struct fb_tuple t =
				tuple_to(&fes[port % 2].addr, fes[port % 2].port_be, IPPROTO_TCP);
			const struct fb_endpoint *ep;

			t.v4.src = htonl(0xcb007100 + client);
			t.v4.sport = htons(port);
			ep = fb_table_select(svc, fb_table_select_hash(snap, svc, &t), NULL);
			assert_true(first == NULL || ep == first);
			first = ep;
		}
		counts[first - svc->endpoints]++;
	}
	/* 100 each, give or take 9.5. */
	for (uint32_t i = 0; i < 10; i++)
		assert_in_range(counts[i], 50, 150);
	spec.selection = FB_SELECT_MAGLEV;
	assert_int_equal(fb_table_set_service(f.t, "default", "a", &spec, 1, (struct fb_place){0},
					      &errs),
			 0);
	fb_snapshot_release(f.t, snap);
	snap = commit(&f);
	assert_false(lookup(snap, "192.0.2.1", 80)->by_client);
	fb_snapshot_release(f.t, snap);
	fixture_close(&f);
}

static void a_diff_tells_what_moves_and_why(void **state)
{
	struct fb_frontend_spec fe = frontend("192.0.2.1", 80, LB);
	struct fb_endpoint_spec eps[100];
	const struct fb_service *old;
	const struct fb_service *new;
	struct fb_snapshot *one;
	struct fb_snapshot *two;
	struct fb_table_diff d;
	struct fixture f;

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		eps[i] = endpoint(i, FB_EP_ACTIVE);
	fixture_open(&f, 100, 10);
	stage(&f, "a", &fe, 1, eps, 100);
	one = commit(&f);
	stage(&f, "a", &fe, 1, eps, 99);
	two = commit(&f);
	old = lookup(one, "192.0.2.1", 80);
	new = lookup(two, "192.0.2.1", 80);
	assert_int_equal(fb_table_diff_service(old, new, &d), 0);
	assert_true(d.moved_left > 0.0099 && d.moved_left < 0.0101);
	assert_true(d.moved_stays > 0 && d.moved_stays < 0.01);
	assert_int_equal(fb_table_diff_service(old, old, &d), 0);
	assert_true(d.moved_left == 0 && d.moved_stays == 0);
	assert_int_equal(fb_table_diff_service(NULL, new, &d), 0);
	assert_true(d.moved_left == 0 && d.moved_stays == 0);
	assert_int_equal(fb_table_diff_service(old, NULL, &d), 0);
	assert_true(d.moved_left == 1.0 && d.moved_stays == 0);
	fb_snapshot_release(f.t, one);
	/* From one slot to 4093: half of the hashes go to the newcomer. */
	stage(&f, "a", &fe, 1, eps, 1);
	one = commit(&f);
	fb_snapshot_release(f.t, two);
	stage(&f, "a", &fe, 1, eps, 2);
	two = commit(&f);
	old = lookup(one, "192.0.2.1", 80);
	new = lookup(two, "192.0.2.1", 80);
	assert_int_equal(fb_table_diff_service(old, new, &d), 0);
	assert_true(d.moved_stays > 0.499 && d.moved_stays < 0.501 && d.moved_left == 0);
	fb_snapshot_release(f.t, one);
	fb_snapshot_release(f.t, two);
	fixture_close(&f);
}

static const struct fb_endpoint_info *info_of(const struct fb_snapshot *snap, uint32_t id)
{
	assert_true(id < snap->n_endpoints);
	return fb_table_info(snap, id);
}

static void pass_to(struct fixture *f, uint32_t now_s)
{
	fb_table_set_now(f->t, now_s);
	fb_table_pass_time(f->t);
}

static void stage_spec(struct fixture *f, const struct fb_service_spec *spec, uint32_t n)
{
	struct fb_errs errs = FB_ERRS_INIT;

	assert_int_equal(fb_table_set_service(f->t, "default", "web", spec, n, (struct fb_place){0},
					      &errs),
			 0);
	fb_errs_fini(&errs);
}

/* Commit, and give the one before back. */
static void next(struct fixture *f, struct fb_snapshot **snap)
{
	struct fb_snapshot *old = *snap;

	*snap = commit(f);
	if (old != NULL)
		fb_snapshot_release(f->t, old);
}

static void states_have_their_beginning_and_terminating_its_deadline(void **state)
{
	struct fb_frontend_spec fe = frontend("192.0.2.1", 80, FB_FRONTEND_CLUSTER_IP);
	struct fb_endpoint_spec eps[2] = {endpoint(0, FB_EP_ACTIVE), endpoint(1, FB_EP_ACTIVE)};
	struct fb_service_spec spec = spec_of("web", &fe, 1, eps, 2);
	struct fb_snapshot *snap = NULL;
	struct fixture f;
	uint32_t epoch;
	uint32_t id;

	(void)state;
	spec.drain_deadline_s = 60;
	fixture_open(&f, 16, 4);
	fb_table_set_now(f.t, 100);
	stage_spec(&f, &spec, 1);
	next(&f, &snap);
	id = lookup(snap, "192.0.2.1", 80)->endpoints[1].id;
	assert_int_equal(info_of(snap, id)->since_s, 100);
	/* Not ready, then going away: the deadline counts from there. */
	eps[1].state = FB_EP_DRAINING;
	fb_table_set_now(f.t, 200);
	stage_spec(&f, &spec, 1);
	next(&f, &snap);
	assert_int_equal(info_of(snap, id)->since_s, 200);
	assert_int_equal(info_of(snap, id)->flags, 0);
	pass_to(&f, 1000);
	assert_null(fb_table_commit(f.t));
	eps[1].terminating = true;
	stage_spec(&f, &spec, 1);
	next(&f, &snap);
	assert_int_equal(info_of(snap, id)->since_s, 1000);
	assert_int_equal(info_of(snap, id)->flags, FB_EP_TERMINATING);
	epoch = snap->ep_epoch;
	pass_to(&f, 1059);
	assert_null(fb_table_commit(f.t));
	pass_to(&f, 1060);
	next(&f, &snap);
	assert_int_equal(info_of(snap, id)->flags, FB_EP_TERMINATING | FB_EP_OVER);
	assert_int_equal(info_of(snap, id)->since_s, 1000);
	assert_int_equal(snap->n_over, 1);
	assert_int_not_equal(snap->ep_epoch, epoch);
	/* Said once. */
	pass_to(&f, 2000);
	assert_null(fb_table_commit(f.t));
	/* Gone: what was over stays so. An endpoint again: it is one like others. */
	spec.n_endpoints = 1;
	stage_spec(&f, &spec, 1);
	next(&f, &snap);
	assert_int_equal(info_of(snap, id)->state, FB_EP_REMOVED);
	assert_int_equal(info_of(snap, id)->flags, FB_EP_OVER);
	spec.n_endpoints = 2;
	eps[1] = endpoint(1, FB_EP_ACTIVE);
	stage_spec(&f, &spec, 1);
	next(&f, &snap);
	assert_int_equal(lookup(snap, "192.0.2.1", 80)->endpoints[1].id, id);
	assert_int_equal(info_of(snap, id)->flags, 0);
	assert_int_equal(info_of(snap, id)->since_s, 2000);
	fb_snapshot_release(f.t, snap);
	fixture_close(&f);
}

static void flows_of_removed_endpoints_end_when_the_service_says(void **state)
{
	static const struct {
		uint32_t after_s;
		uint32_t over_at; /* seconds after the removal; FB_NEVER_S */
	} rows[] = {{FB_NEVER_S, FB_NEVER_S}, {0, 0}, {30, 30}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct fb_frontend_spec fe = frontend("192.0.2.1", 80, FB_FRONTEND_CLUSTER_IP);
		struct fb_endpoint_spec ep = endpoint(0, FB_EP_ACTIVE);
		struct fb_service_spec spec = spec_of("web", &fe, 1, &ep, 1);
		struct fb_snapshot *snap = NULL;
		struct fixture f;
		uint32_t id;

		spec.removed_tcp_s = rows[i].after_s;
		fixture_open(&f, 16, 4);
		stage_spec(&f, &spec, 1);
		next(&f, &snap);
		id = lookup(snap, "192.0.2.1", 80)->endpoints[0].id;
		fb_table_set_now(f.t, 500);
		/* The whole Service goes; its word counts on. */
		stage_spec(&f, &spec, 0);
		next(&f, &snap);
		assert_int_equal(info_of(snap, id)->flags, rows[i].over_at == 0 ? FB_EP_OVER : 0);
		pass_to(&f, 529);
		assert_null(fb_table_commit(f.t));
		pass_to(&f, 530);
		if (rows[i].over_at == 30) {
			next(&f, &snap);
			assert_int_equal(info_of(snap, id)->flags, FB_EP_OVER);
		} else {
			assert_null(fb_table_commit(f.t));
		}
		fb_snapshot_release(f.t, snap);
		fixture_close(&f);
	}
}

/* Also of endpoints in which nothing else changes. */
static void a_deadline_that_changes_counts_for_what_drains_already(void **state)
{
	struct fb_frontend_spec fe = frontend("192.0.2.1", 80, FB_FRONTEND_CLUSTER_IP);
	struct fb_endpoint_spec eps[2] = {endpoint(0, FB_EP_ACTIVE), endpoint(1, FB_EP_DRAINING)};
	struct fb_service_spec spec = spec_of("web", &fe, 1, eps, 2);
	struct fb_snapshot *snap = NULL;
	struct fixture f;
	uint32_t id;

	(void)state;
	eps[1].terminating = true;
	spec.drain_deadline_s = 600;
	fixture_open(&f, 16, 4);
	fb_table_set_now(f.t, 100);
	stage_spec(&f, &spec, 1);
	next(&f, &snap);
	id = lookup(snap, "192.0.2.1", 80)->endpoints[1].id;
	spec.drain_deadline_s = 30;
	stage_spec(&f, &spec, 1);
	next(&f, &snap);
	pass_to(&f, 129);
	assert_null(fb_table_commit(f.t));
	pass_to(&f, 130);
	next(&f, &snap);
	assert_int_equal(info_of(snap, id)->flags, FB_EP_TERMINATING | FB_EP_OVER);
	fb_snapshot_release(f.t, snap);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deadline_that_changes_counts_for_what_drains_already),
		cmocka_unit_test(the_first_commit_may_be_empty_and_the_next_may_not),
		cmocka_unit_test(both_families_and_both_protocols_are_found),
		cmocka_unit_test(a_draining_endpoint_is_kept_and_not_selected),
		cmocka_unit_test(parts_of_a_port_share_identities_and_choose_for_themselves),
		cmocka_unit_test(clients_are_admitted_from_the_first_to_the_last_of_a_range),
		cmocka_unit_test(unchanged_parts_are_shared),
		cmocka_unit_test(the_epoch_moves_when_something_known_changes_only),
		cmocka_unit_test(a_removed_endpoint_keeps_its_identity_until_its_flows_are_gone),
		cmocka_unit_test(a_reaped_identity_is_given_out_after_one_more_commit),
		cmocka_unit_test(a_frontend_of_another_service_is_refused_and_waited_for),
		cmocka_unit_test(a_service_that_is_taken_out_and_put_back_keeps_its_identities),
		cmocka_unit_test(addresses_say_what_they_are),
		cmocka_unit_test(addresses_of_a_service_cidr_are_known_where_nobody_has_them),
		cmocka_unit_test(a_snat_pool_is_copied_and_abort_restores_it),
		cmocka_unit_test(selection_agrees_between_boxes_and_ignores_the_order),
		cmocka_unit_test(states_have_their_beginning_and_terminating_its_deadline),
		cmocka_unit_test(flows_of_removed_endpoints_end_when_the_service_says),
		cmocka_unit_test(by_client_a_client_has_one_endpoint_and_clients_are_spread),
		cmocka_unit_test(a_diff_tells_what_moves_and_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
