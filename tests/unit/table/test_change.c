/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What two versions have in common is found, and what is counted for the rest alone is what counting all
 * of them gives.
 */

#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "table/state.h"

enum { POOL = 60, GROUPS = 3, PARTS = 2, STEPS = 4000, MOST_IDS = 600 };

static uint64_t random_state = 11;

static uint32_t any(uint32_t n)
{
	random_state = fb_hash_mix(random_state + 1, UINT64_C(0x9e3779b97f4a7c15));
	return (uint32_t)(random_state >> 32) % n;
}

/* Some of them change, the others stay. By address, as lib/desired gives them. */
struct wish {
	struct fb_endpoint_spec pool[POOL];
	bool has[POOL];
};

static void change_wish(struct wish *w, uint32_t n_changes)
{
	for (uint32_t c = 0; c < n_changes; c++) {
		const uint32_t i = any(POOL);

		w->has[i] = any(3) > 0;
		w->pool[i] = endpoint(i, any(4) > 0 ? FB_EP_ACTIVE : FB_EP_DRAINING);
		w->pool[i].terminating = w->pool[i].state == FB_EP_DRAINING && any(2) > 0;
		w->pool[i].weight = any(4) > 0 ? 1 : 2;
	}
}

static uint32_t list(const struct wish *w, struct fb_endpoint_spec *v)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < POOL; i++) {
		if (w->has[i])
			v[n++] = w->pool[i];
	}
	return n;
}

/* ---- runs ---- */

static void assert_alike(const struct fb_service_part *old, uint32_t was,
			 const struct fb_endpoint_spec *now)
{
	const struct fb_endpoint *e = &old->endpoints[was];

	assert_true(fb_addr_equal(&e->addr, &now->addr));
	assert_int_equal(e->port_be, now->port_be);
	assert_int_equal(e->state, now->state);
	assert_int_equal(e->terminating, now->terminating);
	if (was < old->pub.n_active)
		assert_int_equal(old->weights[was], now->weight);
}

static void what_is_in_no_run_comes_or_is_gone(void **state)
{
	struct fixture f;
	struct wish wish = {0};
	struct fb_endpoint_spec v[POOL];

	(void)state;
	fixture_open(&f, POOL, 4);
	for (uint32_t step = 0; step < STEPS; step++) {
		struct fb_service_spec spec = spec_of("web", NULL, 0, v, list(&wish, v));
		struct fb_service_part *old = NULL;
		struct fb_change change;
		struct fb_run run = {0};
		uint32_t alike = 0;

		fb_service_sort(v, spec.n_endpoints);
		assert_int_equal(fb_change_find(NULL, &spec, &change), 0);
		assert_int_equal(fb_service_build(&f.t->ids, &spec, NULL, &change, &old), 0);
		change_wish(&wish, any(10) == 0 ? POOL : any(4));
		spec.n_endpoints = list(&wish, v);
		fb_service_sort(v, spec.n_endpoints);
		assert_int_equal(fb_change_find(old, &spec, &change), 0);
		while (fb_change_next_run(&change, spec.n_endpoints, &run)) {
			for (uint32_t i = 0; i < run.n; i++)
				assert_alike(old, run.was + i, &v[run.at + i]);
			alike += run.n;
		}
		assert_int_equal(alike + change.come.n, spec.n_endpoints);
		assert_int_equal(alike + change.gone.n, old->pub.n_endpoints);
		fb_change_fini(&change);
		fb_service_discard(&f.t->ids, old);
	}
	fixture_close(&f);
}

/* ---- identities ---- */

struct counts {
	uint32_t n_active;
	uint32_t n_draining;
	uint32_t n_terminating;
};

static void count_all(const struct fb_table *t, struct counts *counts)
{
	memset(counts, 0, MOST_IDS * sizeof(*counts));
	for (uint32_t p = 0; p < t->n_places; p++) {
		const struct fb_service *svc = &t->places[p]->pub;

		for (uint32_t i = 0; i < svc->n_endpoints; i++) {
			const struct fb_endpoint *e = &svc->endpoints[i];

			counts[e->id].n_active += e->state == FB_EP_ACTIVE;
			counts[e->id].n_draining += e->state == FB_EP_DRAINING;
			counts[e->id].n_terminating += e->terminating;
			assert_true(fb_addr_equal(&t->ids.endpoints[e->id].addr, &e->addr));
			assert_int_equal(t->ids.endpoints[e->id].service_id, svc->id);
		}
	}
}

static void assert_counted(const struct fb_table *t, bool is_committed)
{
	static struct counts counts[MOST_IDS];

	count_all(t, counts);
	for (uint32_t id = 0; id < t->ids.endpoint_pool.high; id++) {
		const struct fb_id_endpoint *e = &t->ids.endpoints[id];
		const bool is_held = counts[id].n_active + counts[id].n_draining > 0;

		assert_int_equal(e->n_active, counts[id].n_active);
		assert_int_equal(e->n_draining, counts[id].n_draining);
		assert_int_equal(e->n_terminating, counts[id].n_terminating);
		if (!e->in_use)
			continue;
		assert_true(is_held || e->published);
		if (is_committed) {
			assert_true(e->published);
			assert_int_equal(e->removed == 0, is_held);
		}
	}
}

/* Two parts of one port, which share identities; now and then one of them alone. */
static void set(struct fixture *f, uint32_t group, struct wish wishes[PARTS])
{
	static const char *const names[GROUPS] = {"one", "two", "three"};
	const struct fb_frontend_spec fe[PARTS] = {
		frontend("192.0.2.1", (uint16_t)(80 + group), FB_FRONTEND_LOAD_BALANCER),
		frontend("192.0.2.2", (uint16_t)(80 + group), FB_FRONTEND_EXTERNAL_IP),
	};
	struct fb_endpoint_spec v[PARTS][POOL];
	struct fb_service_spec specs[PARTS];
	struct fb_errs errs = FB_ERRS_INIT;
	const uint32_t n = any(10) == 0 ? any(PARTS + 1) : PARTS;

	for (uint32_t p = 0; p < n; p++) {
		change_wish(&wishes[p], any(20) == 0 ? POOL : any(5));
		specs[p] = spec_of(names[group], &fe[p], 1, v[p], list(&wishes[p], v[p]));
		specs[p].part = (uint8_t)p;
		specs[p].affinity_s = any(20) == 0 ? 10 : 0;
	}
	assert_int_equal(fb_table_set_service(f->t, "default", names[group], specs, n,
					      (struct fb_place){0}, &errs),
			 0);
	assert_int_equal(errs.n, 0);
}

static uint64_t some_flows(void *arg, uint32_t ep_id)
{
	(void)arg;
	(void)ep_id;
	return any(2);
}

static void counting_what_changes_is_counting_all(void **state)
{
	static struct wish wishes[GROUPS][PARTS];
	struct fb_snapshot *snap;
	struct fixture f;

	(void)state;
	memset(wishes, 0, sizeof(wishes));
	fixture_open(&f, MOST_IDS, 16);
	snap = commit(&f);
	for (uint32_t step = 0; step < STEPS; step++) {
		const uint32_t group = any(GROUPS);
		struct fb_snapshot *next;

		set(&f, group, wishes[group]);
		assert_counted(f.t, false);
		if (any(8) == 0) {
			fb_table_abort(f.t);
			assert_counted(f.t, true);
		}
		if (any(2) == 0)
			continue;
		next = fb_table_commit(f.t);
		if (next != NULL) {
			fb_snapshot_release(f.t, snap);
			snap = next;
		}
		assert_counted(f.t, true);
		if (any(4) == 0)
			fb_table_reap(f.t, some_flows, NULL);
	}
	fb_snapshot_release(f.t, snap);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_no_run_comes_or_is_gone),
		cmocka_unit_test(counting_what_changes_is_counting_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
