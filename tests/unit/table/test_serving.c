/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * From an endpoint's address and port back to the services that have it: whatever is changed, given up or aborted, a
 * snapshot knows all that it has, and shares with the one before what did not change.
 */

#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "table/serving.h"

enum { SERVICES = 24, MOST_ENDPOINTS = 40, ROOM = 8192, CHANGES = 300, MOST = 16 };

struct cluster {
	struct fixture f;
	struct fb_snapshot *snap;
	bool there[SERVICES];
	char port_name[SERVICES][4];
	uint32_t n[SERVICES];
	uint32_t first[SERVICES]; /* of its endpoints' numbers: they overlap */
	uint64_t random;
};

static struct cluster c;

static uint32_t any(uint32_t n)
{
	c.random =
		fb_hash_mix(c.random + UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xd6e8feb86659fd93));
	return (uint32_t)(c.random >> 32) % n;
}

/* SCTP has endpoints of the same addresses and ports. */
static uint8_t proto_of(uint32_t s)
{
	return s % 3 == 0 ? IPPROTO_SCTP : IPPROTO_TCP;
}

static void stage_service(uint32_t s)
{
	const struct fb_addr at = addr4(0xc0000200 + s);
	struct fb_frontend_spec fe[2] = {{.addr = at, .port_be = htons(80)},
					 {.addr = at, .port_be = htons(81)}};
	struct fb_endpoint_spec eps[MOST_ENDPOINTS];
	struct fb_service_spec specs[2];
	struct fb_errs errs = FB_ERRS_INIT;
	char name[8];

	(void)snprintf(name, sizeof(name), "s%u", s);
	for (uint32_t i = 0; i < c.n[s]; i++)
		eps[i] = endpoint(c.first[s] + i, i % 5 == 4 ? FB_EP_DRAINING : FB_EP_ACTIVE);
	/* Two parts of a port, each with a frontend of its own. */
	for (uint32_t k = 0; k < 2; k++) {
		specs[k] = spec_of(name, &fe[k], 1, eps, c.n[s]);
		specs[k].proto = proto_of(s);
		specs[k].port_name = c.port_name[s];
		specs[k].part = (uint8_t)k;
	}
	assert_int_equal(fb_table_set_service(c.f.t, "default", name, specs, c.there[s] ? 2 : 0,
					      (struct fb_place){0}, &errs),
			 0);
	fb_errs_fini(&errs);
}

static void change(uint32_t s)
{
	switch (any(8)) {
	case 0:
		c.there[s] = !c.there[s];
		break;
	case 1: /* the same frontends by another name are another service port */
		(void)snprintf(c.port_name[s], sizeof(c.port_name[s]), "p%u", any(2));
		break;
	case 2:
		c.first[s] = any(60);
		break;
	default:
		c.n[s] = any(MOST_ENDPOINTS + 1);
	}
	stage_service(s);
}

static uint32_t count_of(const struct fb_service *svc, const struct fb_service *const *found,
			 uint32_t n)
{
	uint32_t times = 0;

	for (uint32_t i = 0; i < n; i++)
		times += found[i] == svc;
	return times;
}

static void knows_all(const struct fb_snapshot *snap)
{
	const struct fb_service *found[2 * SERVICES];

	for (uint32_t i = 0; i < snap->n_services; i++) {
		const struct fb_service *svc = snap->services[i];

		for (uint32_t k = 0; k < svc->n_endpoints; k++) {
			const struct fb_endpoint *ep = &svc->endpoints[k];
			uint32_t n = fb_table_serves(snap, &ep->addr, ep->port_be, svc->proto,
						     found, 2 * SERVICES);

			assert_int_equal(count_of(svc, found, n), 1);
			for (uint32_t j = 0; j < n; j++)
				assert_int_equal(found[j]->proto, svc->proto);
		}
	}
}

static void open_cluster(void)
{
	memset(&c, 0, sizeof(c));
	fixture_open(&c.f, ROOM, 256);
	for (uint32_t s = 0; s < SERVICES; s++) {
		c.there[s] = true;
		c.n[s] = 1 + any(MOST_ENDPOINTS);
		c.first[s] = any(60);
		(void)snprintf(c.port_name[s], sizeof(c.port_name[s]), "p0");
		stage_service(s);
	}
	c.snap = commit(&c.f);
}

static void every_snapshot_knows_whom_each_of_its_endpoints_serves(void **state)
{
	(void)state;
	open_cluster();
	knows_all(c.snap);
	for (uint32_t n = 0; n < CHANGES; n++) {
		struct cluster before = c;
		struct fb_snapshot *old = c.snap;
		const uint32_t n_changes = 1 + any(4);

		for (uint32_t k = 0; k < n_changes; k++)
			change(any(SERVICES));
		if (any(4) == 0) {
			fb_table_abort(c.f.t);
			c = before;
			c.random += n + 1;
			change(any(SERVICES));
		}
		c.snap = fb_table_commit(c.f.t);
		if (c.snap == NULL) {
			c.snap = old;
			continue;
		}
		knows_all(c.snap);
		knows_all(old);
		fb_snapshot_release(c.f.t, old);
		fb_table_reap(c.f.t, no_flows, NULL);
	}
	fb_snapshot_release(c.f.t, c.snap);
	fixture_close(&c.f);
}

static uint32_t n_chunks_other(const struct fb_snapshot *a, const struct fb_snapshot *b)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i <= a->serving->mask; i++)
		n += a->serving->chunks[i] != b->serving->chunks[i];
	return n;
}

static void a_change_of_one_endpoint_makes_one_chunk_anew(void **state)
{
	struct fb_snapshot *old;

	(void)state;
	open_cluster();
	c.first[3] = 1000;
	c.n[3] = 20;
	stage_service(3);
	old = c.snap;
	c.snap = commit(&c.f);
	fb_snapshot_release(c.f.t, old);
	assert_true(c.snap->serving->mask > 60);

	c.n[3] = 21; /* one that was there no time */
	stage_service(3);
	old = c.snap;
	c.snap = commit(&c.f);
	assert_int_equal(n_chunks_other(old, c.snap), 1);
	assert_ptr_equal(old->places, c.snap->places);
	fb_snapshot_release(c.f.t, old);

	c.n[3] = 19; /* identities stay for flows, and so do entries */
	stage_service(3);
	old = c.snap;
	c.snap = commit(&c.f);
	assert_ptr_equal(old->serving, c.snap->serving);
	fb_snapshot_release(c.f.t, old);
	fb_snapshot_release(c.f.t, c.snap);
	fixture_close(&c.f);
}

static void nobody_is_served_by_who_is_no_endpoint(void **state)
{
	const struct fb_service *found[MOST];
	const struct fb_addr outside = addr("203.0.113.7");
	const struct fb_addr other = addr("fd00::1");
	struct fb_endpoint_spec ep = endpoint(7, FB_EP_ACTIVE);
	struct fixture f;
	struct fb_snapshot *snap;
	struct fb_frontend_spec fe = frontend("192.0.2.1", 80, FB_FRONTEND_CLUSTER_IP);

	(void)state;
	fixture_open(&f, 10, 10);
	stage(&f, "a", &fe, 1, &ep, 1);
	snap = commit(&f);
	assert_int_equal(fb_table_serves(snap, &ep.addr, ep.port_be, IPPROTO_TCP, found, MOST), 1);
	assert_ptr_equal(found[0], lookup(snap, "192.0.2.1", 80));
	assert_int_equal(fb_table_serves(snap, &ep.addr, ep.port_be, IPPROTO_TCP, found, 0), 0);
	assert_int_equal(fb_table_serves(snap, &ep.addr, ep.port_be, IPPROTO_UDP, found, MOST), 0);
	assert_int_equal(fb_table_serves(snap, &ep.addr, htons(80), IPPROTO_TCP, found, MOST), 0);
	assert_int_equal(fb_table_serves(snap, &outside, ep.port_be, IPPROTO_TCP, found, MOST), 0);
	assert_int_equal(fb_table_serves(snap, &other, ep.port_be, IPPROTO_TCP, found, MOST), 0);
	fb_snapshot_release(f.t, snap);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_snapshot_knows_whom_each_of_its_endpoints_serves),
		cmocka_unit_test(a_change_of_one_endpoint_makes_one_chunk_anew),
		cmocka_unit_test(nobody_is_served_by_who_is_no_endpoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
