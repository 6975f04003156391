/* SPDX-License-Identifier: BSD-3-Clause */

/* Ranges of ports and whole addresses: what comes before what, who keeps what. */

#include "fixture.h"

#include <stdio.h>
#include <string.h>

#define LB FB_FRONTEND_LOAD_BALANCER

static struct fb_frontend_spec range(const char *text, uint16_t first, uint16_t last, uint16_t to)
{
	struct fb_frontend_spec f = frontend(text, first, LB);

	f.last = last;
	f.shift = (uint16_t)(to - first);
	return f;
}

static struct fb_frontend_spec all(const char *text)
{
	struct fb_frontend_spec f = frontend(text, 0, LB);

	f.last = UINT16_MAX;
	return f;
}

static const char *name_at(const struct fb_snapshot *snap, const char *dst, uint16_t port)
{
	const struct fb_service *svc = lookup(snap, dst, port);

	return svc != NULL ? svc->name : "nobody";
}

static uint16_t port_at(const struct fb_snapshot *snap, const char *dst, uint16_t port)
{
	struct fb_addr to = addr(dst);
	struct fb_tuple t = tuple_to(&to, htons(port), IPPROTO_TCP);
	const struct fb_service *svc = fb_table_lookup(snap, &t);

	assert_non_null(svc);
	return ntohs(fb_table_port_be(snap, svc, &t, &svc->endpoints[0]));
}

static void a_port_comes_before_a_range_before_the_whole_address(void **state)
{
	struct fb_frontend_spec a = all("192.0.2.1");
	struct fb_frontend_spec b = range("192.0.2.1", 5000, 5999, 5000);
	struct fb_frontend_spec c = frontend("192.0.2.1", 5060, LB);
	struct fb_addr one = addr("192.0.2.1");
	struct fb_snapshot *snap;
	struct fixture f;

	(void)state;
	fixture_open(&f, 10, 10);
	stage(&f, "a", &a, 1, NULL, 0);
	stage(&f, "b", &b, 1, NULL, 0);
	stage(&f, "c", &c, 1, NULL, 0);
	snap = commit(&f);
	assert_string_equal(name_at(snap, "192.0.2.1", 5060), "c");
	assert_string_equal(name_at(snap, "192.0.2.1", 5000), "b");
	assert_string_equal(name_at(snap, "192.0.2.1", 5999), "b");
	assert_string_equal(name_at(snap, "192.0.2.1", 4999), "a");
	assert_string_equal(name_at(snap, "192.0.2.1", 6000), "a");
	assert_string_equal(name_at(snap, "192.0.2.1", 1), "a");
	assert_string_equal(name_at(snap, "192.0.2.1", 65535), "a");
	assert_string_equal(name_at(snap, "192.0.2.2", 5000), "nobody");
	assert_int_equal(fb_table_address(snap, &one), FB_ADDR_SERVICE | FB_ADDR_RANGES);
	assert_ptr_equal(fb_table_frontend(snap, IPPROTO_TCP, &b), lookup(snap, "192.0.2.1", 5000));
	assert_ptr_equal(fb_table_frontend(snap, IPPROTO_TCP, &a), lookup(snap, "192.0.2.1", 1));
	assert_null(fb_table_frontend(snap, IPPROTO_UDP, &b));
	fb_snapshot_release(f.t, snap);
	fixture_close(&f);
}

static void the_port_is_kept_or_shifted_and_one_port_has_its_own(void **state)
{
	struct fb_frontend_spec own[] = {frontend("192.0.2.1", 21, LB),
					 range("192.0.2.1", 30000, 30099, 30000),
					 range("192.0.2.1", 40000, 40099, 50000),
					 range("192.0.2.1", 60000, 60099, 100)};
	struct fb_frontend_spec whole = all("192.0.2.2");
	struct fb_endpoint_spec ep = endpoint(0, FB_EP_ACTIVE);
	struct fb_snapshot *snap;
	struct fixture f;

	(void)state;
	fixture_open(&f, 10, 10);
	stage(&f, "ftp", own, 4, &ep, 1);
	stage(&f, "all", &whole, 1, &ep, 1);
	snap = commit(&f);
	assert_int_equal(port_at(snap, "192.0.2.1", 21), ntohs(ep.port_be));
	assert_int_equal(port_at(snap, "192.0.2.1", 30007), 30007);
	assert_int_equal(port_at(snap, "192.0.2.1", 40099), 50099);
	assert_int_equal(port_at(snap, "192.0.2.1", 60000), 100);
	assert_int_equal(port_at(snap, "192.0.2.2", 7), 7);
	assert_string_equal(name_at(snap, "192.0.2.1", 30100), "nobody");
	fb_snapshot_release(f.t, snap);
	fixture_close(&f);
}

static void overlapping_ranges_are_refused_and_both_are_named(void **state)
{
	static const struct {
		struct {
			uint16_t first;
			uint16_t last;
		} range;
		bool refused;
	} rows[] = {
		{{5000, 5999}, true}, {{4000, 5000}, true},  {{5999, 7000}, true},
		{{5500, 5501}, true}, {{1, 65535}, true},    {{4000, 4999}, false},
		{{6000, 6000}, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fb_frontend_spec held = range("192.0.2.1", 5000, 5999, 5000);
		struct fb_frontend_spec wanted =
			range("192.0.2.1", rows[i].range.first, rows[i].range.last, 9);
		struct fb_service_spec spec = spec_of("new", &wanted, 1, NULL, 0);
		struct fb_errs errs = FB_ERRS_INIT;
		struct fb_snapshot *snap;
		struct fixture f;
		char said[200];

		fixture_open(&f, 10, 10);
		stage(&f, "old", &held, 1, NULL, 0);
		assert_int_equal(fb_table_set_service(f.t, "default", "new", &spec, 1,
						      (struct fb_place){0}, &errs), 0);
		assert_int_equal(errs.n, rows[i].refused);
		(void)snprintf(said, sizeof(said),
			       "default/new: LoadBalancer 192.0.2.1:%u-%u:%u/TCP is already served by "
			       "default/old",
			       rows[i].range.first, rows[i].range.last,
			       (uint16_t)(rows[i].range.first + wanted.shift));
		if (errs.n > 0)
			assert_string_equal(errs.v[0].text, said);
		snap = commit(&f);
		assert_string_equal(name_at(snap, "192.0.2.1", 5500), "old");
		assert_string_equal(name_at(snap, "192.0.2.1", rows[i].range.first),
				    rows[i].refused && rows[i].range.first >= 5000 ? "old" :
				    rows[i].refused				     ? "nobody" :
										       "new");
		fb_snapshot_release(f.t, snap);
		fb_errs_fini(&errs);
		fixture_close(&f);
	}
}

static void ranges_of_two_protocols_do_not_meet(void **state)
{
	struct fb_frontend_spec fe = range("192.0.2.1", 5000, 5999, 5000);
	struct fb_service_spec specs[2] = {spec_of("a", &fe, 1, NULL, 0),
					   spec_of("a", &fe, 1, NULL, 0)};
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_snapshot *snap;
	struct fixture f;

	(void)state;
	specs[1].proto = IPPROTO_UDP;
	specs[1].port_name = "udp";
	fixture_open(&f, 10, 10);
	assert_int_equal(fb_table_set_service(f.t, "default", "a", specs, 2, (struct fb_place){0},
					      &errs), 0);
	assert_int_equal(errs.n, 0);
	snap = commit(&f);
	for (int i = 0; i < 2; i++) {
		struct fb_tuple t = tuple_to(&fe.addr, htons(5123), specs[i].proto);
		const struct fb_service *svc = fb_table_lookup(snap, &t);

		assert_non_null(svc);
		assert_int_equal(svc->proto, specs[i].proto);
	}
	fb_snapshot_release(f.t, snap);
	fixture_close(&f);
}

/*
 * Random Services over one small world, against arrays: who holds which frontend, in what order they
 * came, and for every port who has it.
 */
enum { GROUPS = 6, WANTED = 4, PORTS = 40, STEPS = 3000 };

struct wish {
	struct fb_frontend_spec spec;
	bool held;
};

struct group {
	bool exists;
	uint32_t age;
	struct wish wishes[WANTED];
	uint32_t n;
};

static uint32_t seed;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return fb_hash_reduce(seed, n);
}

static int sort_of(const struct fb_frontend_spec *f)
{
	return f->last == 0 ? 0 : f->port_be != 0 ? 1 : 2;
}

static bool touch(const struct fb_frontend_spec *a, const struct fb_frontend_spec *b)
{
	if (!fb_addr_equal(&a->addr, &b->addr) || sort_of(a) != sort_of(b))
		return false;
	if (sort_of(a) != 1)
		return a->port_be == b->port_be;
	return ntohs(a->port_be) <= b->last && ntohs(b->port_be) <= a->last;
}

static bool is_held(const struct group *groups, int but, const struct fb_frontend_spec *f)
{
	for (int g = 0; g < GROUPS; g++)
		for (uint32_t i = 0; i < groups[g].n && g != but; i++)
			if (groups[g].wishes[i].held && touch(&groups[g].wishes[i].spec, f))
				return true;
	return false;
}

static void claim(struct group *groups, int g)
{
	for (uint32_t i = 0; i < groups[g].n; i++)
		groups[g].wishes[i].held = !is_held(groups, g, &groups[g].wishes[i].spec);
}

static void take_over(struct group *groups)
{
	for (uint32_t age = 0; age < 2 * STEPS; age++) {
		for (int g = 0; g < GROUPS; g++) {
			bool free = false;

			if (!groups[g].exists || groups[g].age != age)
				continue;
			for (uint32_t i = 0; i < groups[g].n; i++)
				free |= !groups[g].wishes[i].held &&
					!is_held(groups, -1, &groups[g].wishes[i].spec);
			if (free)
				claim(groups, g);
		}
	}
}

/* Wishes of one Service lie apart: the manifest's reader sees to that. */
static uint32_t random_wishes(struct wish *wishes)
{
	uint32_t n = 0;

	for (uint32_t tries = rnd(WANTED + 1); tries > 0; tries--) {
		const char *at = rnd(2) == 0 ? "192.0.2.1" : "192.0.2.2";
		uint16_t first = (uint16_t)(1 + rnd(PORTS - 1));
		uint16_t last = (uint16_t)(first + rnd((uint32_t)(PORTS - first)));
		struct fb_frontend_spec spec = rnd(3) == 0 ? frontend(at, first, LB) :
					       rnd(5) == 0 ? all(at) :
							     range(at, first, last, first);
		bool apart = true;

		for (uint32_t i = 0; i < n; i++)
			apart &= !touch(&wishes[i].spec, &spec);
		if (apart)
			wishes[n++] = (struct wish){.spec = spec};
	}
	return n;
}

static const char *model_at(const struct group *groups, const char *at, uint16_t port)
{
	static const char *const names[GROUPS] = {"g0", "g1", "g2", "g3", "g4", "g5"};
	struct fb_addr to = addr(at);

	for (int sort = 0; sort < 3; sort++) {
		for (int g = 0; g < GROUPS; g++) {
			for (uint32_t i = 0; i < groups[g].n; i++) {
				const struct fb_frontend_spec *f = &groups[g].wishes[i].spec;
				uint16_t last = f->last != 0 ? f->last : ntohs(f->port_be);

				if (groups[g].wishes[i].held && sort_of(f) == sort &&
				    fb_addr_equal(&f->addr, &to) && ntohs(f->port_be) <= port &&
				    port <= last)
					return names[g];
			}
		}
	}
	return "nobody";
}

static void stage_group(struct fixture *f, int g, const struct group *group)
{
	struct fb_frontend_spec frontends[WANTED];
	struct fb_service_spec spec;
	struct fb_errs errs = FB_ERRS_INIT;
	char name[4];

	for (uint32_t i = 0; i < group->n; i++)
		frontends[i] = group->wishes[i].spec;
	(void)snprintf(name, sizeof(name), "g%d", g);
	spec = spec_of(name, frontends, group->n, NULL, 0);
	assert_int_equal(fb_table_set_service(f->t, "default", name, &spec, group->n > 0,
					      (struct fb_place){0}, &errs), 0);
	fb_errs_fini(&errs);
}

static void any_order_of_changes_gives_what_the_model_says(void **state)
{
	struct group groups[GROUPS] = {0};
	struct fb_snapshot *snap = NULL;
	struct fixture f;

	(void)state;
	seed = 7;
	fixture_open(&f, 100, 100);
	snap = commit(&f);
	for (uint32_t step = 0; step < STEPS; step++) {
		int g = (int)rnd(GROUPS);
		struct group next = groups[g];
		struct fb_snapshot *new;

		next.n = random_wishes(next.wishes);
		stage_group(&f, g, &next);
		if (rnd(4) == 0) {
			fb_table_abort(f.t);
			continue;
		}
		if (!next.exists)
			next.age = step;
		next.exists = next.n > 0;
		groups[g] = next;
		claim(groups, g);
		take_over(groups);
		new = fb_table_commit(f.t);
		if (new == NULL)
			continue; /* the same as before */
		fb_snapshot_release(f.t, snap);
		snap = new;
		for (uint16_t port = 1; port <= PORTS + 1; port++) {
			const char *is = name_at(snap, "192.0.2.1", port);

			if (strcmp(is, model_at(groups, "192.0.2.1", port)) != 0)
				fail_msg("step %u, port %u: %s, not %s", step, port, is,
					 model_at(groups, "192.0.2.1", port));
			assert_string_equal(name_at(snap, "192.0.2.2", port),
					    model_at(groups, "192.0.2.2", port));
		}
	}
	fb_snapshot_release(f.t, snap);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_comes_before_a_range_before_the_whole_address),
		cmocka_unit_test(the_port_is_kept_or_shifted_and_one_port_has_its_own),
		cmocka_unit_test(overlapping_ranges_are_refused_and_both_are_named),
		cmocka_unit_test(ranges_of_two_protocols_do_not_meet),
		cmocka_unit_test(any_order_of_changes_gives_what_the_model_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
