/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Random staging, commits, aborts and reaping, against a plain list of what was asked for.
 *
 * Ten Services of up to two ports (80 and 81) compete for eight addresses; endpoints come from a
 * pool of six per port. The model is bytes in arrays; abort is a copy back.
 */

#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/mss.h"

enum { GROUPS = 10, PORTS = 2, ADDRS = 8, EPS = 6, NOBODY = -1, STEPS = 20000 };

struct group_model {
	bool exists; /* known to the table: has an age */
	uint32_t age;
	int n_ports;
	uint8_t wanted[PORTS];     /* bits: addresses */
	uint8_t state[PORTS][EPS]; /* enum fb_endpoint_state */
};

struct model {
	struct group_model groups[GROUPS];
	int owner[PORTS][ADDRS];
	uint32_t next_age;
};

struct run {
	struct fixture f;
	struct model staged;
	struct model committed;
	int64_t ids[GROUPS][PORTS][EPS]; /* -1: not known */
	struct fb_snapshot *snap;
	uint32_t random;
};

static uint32_t rnd(struct run *r, uint32_t n)
{
	r->random = r->random * 1664525 + 1013904223;
	return fb_hash_reduce(r->random, n);
}

static struct fb_frontend_spec frontend_of(int port, int a)
{
	return (struct fb_frontend_spec){.addr = addr4(0xc0000200 + (uint32_t)a),
					 .port_be = htons((uint16_t)(80 + port)),
					 .kind = FB_FRONTEND_LOAD_BALANCER};
}

static void own_what_is_free(struct model *m, int g)
{
	for (int p = 0; p < m->groups[g].n_ports; p++) {
		for (int a = 0; a < ADDRS; a++) {
			if ((m->groups[g].wanted[p] >> a & 1) != 0 && m->owner[p][a] == NOBODY)
				m->owner[p][a] = g;
		}
	}
}

static void model_set(struct model *m, int g, const struct group_model *want)
{
	struct group_model *now = &m->groups[g];
	bool same = now->n_ports == want->n_ports &&
		    memcmp(now->wanted, want->wanted, sizeof(now->wanted)) == 0;
	uint32_t age = now->exists ? now->age : m->next_age++;

	if (!now->exists && want->n_ports == 0)
		return;
	*now = *want;
	now->exists = true;
	now->age = age;
	if (same)
		return;
	for (int p = 0; p < PORTS; p++) {
		for (int a = 0; a < ADDRS; a++) {
			if (m->owner[p][a] == g && (now->wanted[p] >> a & 1) == 0)
				m->owner[p][a] = NOBODY;
		}
	}
	own_what_is_free(m, g);
}

/* Oldest first, whoever waits takes what is free; Services without ports are forgotten. */
static void model_commit(struct model *m)
{
	for (uint32_t age = 0; age < m->next_age; age++) {
		for (int g = 0; g < GROUPS; g++) {
			if (m->groups[g].exists && m->groups[g].age == age)
				own_what_is_free(m, g);
		}
	}
	for (int g = 0; g < GROUPS; g++)
		m->groups[g].exists = m->groups[g].n_ports > 0;
}

static struct group_model pick(struct run *r, int g)
{
	struct group_model want = r->staged.groups[g];

	if (rnd(r, 3) != 0 || want.n_ports == 0) {
		memset(want.wanted, 0, sizeof(want.wanted));
		want.n_ports = (int)rnd(r, PORTS + 1);
		for (int p = 0; p < want.n_ports; p++)
			want.wanted[p] = (uint8_t)(rnd(r, 256) & rnd(r, 256));
	}
	memset(want.state, FB_EP_ABSENT, sizeof(want.state));
	for (int p = 0; p < want.n_ports; p++) {
		for (int e = 0; e < EPS; e++)
			want.state[p][e] = (uint8_t)rnd(r, 3);
	}
	return want;
}

static void set(struct run *r, int g)
{
	static const char *const port_names[PORTS] = {"one", "two"};
	struct group_model want = pick(r, g);
	struct fb_frontend_spec fes[PORTS][ADDRS];
	struct fb_endpoint_spec eps[PORTS][EPS];
	struct fb_service_spec specs[PORTS];
	struct fb_errs errs = FB_ERRS_INIT;
	uint32_t refused = 0;
	char name[16];

	(void)snprintf(name, sizeof(name), "s%d", g);
	for (int p = 0; p < want.n_ports; p++) {
		specs[p] = spec_of(name, fes[p], 0, eps[p], 0);
		specs[p].port_name = port_names[p];
		specs[p].tcp_mss = want.state[p][0] == FB_EP_ACTIVE ? 1400 : FB_MSS_OFF;
		for (int a = 0; a < ADDRS; a++) {
			if ((want.wanted[p] >> a & 1) != 0)
				fes[p][specs[p].n_frontends++] = frontend_of(p, a);
		}
		for (int e = EPS - 1; e >= 0; e--) {
			if (want.state[p][e] != FB_EP_ABSENT)
				eps[p][specs[p].n_endpoints++] =
					endpoint((uint32_t)e, want.state[p][e]);
		}
	}
	assert_int_equal(fb_table_set_service(r->f.t, "default", name, specs,
					      (uint32_t)want.n_ports, (struct fb_place){0}, &errs),
			 0);
	model_set(&r->staged, g, &want);
	for (int p = 0; p < want.n_ports; p++) {
		for (int a = 0; a < ADDRS; a++)
			refused += (want.wanted[p] >> a & 1) != 0 &&
				   r->staged.owner[p][a] != g && r->staged.owner[p][a] != NOBODY;
	}
	assert_int_equal(errs.n_errors, refused);
	fb_errs_fini(&errs);
}

static void check_service(struct run *r, const struct fb_service *svc, int g, int p)
{
	const uint8_t *states = r->committed.groups[g].state[p];
	uint32_t n = 0;
	uint32_t n_active = 0;
	char name[16];

	(void)snprintf(name, sizeof(name), "s%d", g);
	assert_string_equal(svc->name, name);
	assert_string_equal(svc->port_name, p == 0 ? "one" : "two");
	for (int e = 0; e < EPS; e++) {
		n += states[e] != FB_EP_ABSENT;
		n_active += states[e] == FB_EP_ACTIVE;
	}
	assert_int_equal(svc->n_endpoints, n);
	assert_int_equal(svc->n_slots != 0, n_active != 0);
	for (uint32_t i = 0; i < n; i++) {
		const struct fb_endpoint *ep = &svc->endpoints[i];
		int e = ep->addr.bytes[15] - 1;
		int64_t *id = &r->ids[g][p][e];

		assert_int_equal(ep->state, states[e]);
		assert_int_equal(fb_table_info(r->snap, ep->id)->state, states[e]);
		assert_true(*id == -1 || *id == ep->id);
		*id = ep->id;
	}
	for (uint32_t s = 0; s < svc->n_slots; s++)
		assert_int_equal(svc->endpoints[fb_table_slot(svc, s)].state, FB_EP_ACTIVE);
}

static void check(struct run *r)
{
	const struct model *m = &r->committed;
	uint32_t n_services = 0;
	uint32_t n_clamping = 0;

	for (int a = 0; a < ADDRS; a++) {
		struct fb_addr address = frontend_of(0, a).addr;
		bool ours = false;

		for (int p = 0; p < PORTS; p++) {
			struct fb_frontend_spec fe = frontend_of(p, a);
			struct fb_tuple t = tuple_to(&fe.addr, fe.port_be, IPPROTO_TCP);
			const struct fb_service *svc = fb_table_lookup(r->snap, &t);

			assert_int_equal(svc != NULL, m->owner[p][a] != NOBODY);
			if (svc != NULL)
				check_service(r, svc, m->owner[p][a], p);
			ours |= svc != NULL;
		}
		assert_int_equal(fb_table_address(r->snap, &address),
				 ours ? FB_ADDR_SERVICE : 0);
	}
	for (int g = 0; g < GROUPS; g++)
		n_services += (uint32_t)m->groups[g].n_ports;
	assert_int_equal(r->snap->n_services, n_services);
	for (uint32_t i = 0; i < n_services; i++) {
		const struct fb_service *svc = r->snap->services[i];

		check_service(r, svc, svc->name[1] - '0', strcmp(svc->port_name, "two") == 0);
		n_clamping += svc->tcp_mss != FB_MSS_OFF;
	}
	assert_int_equal(r->snap->n_clamping, n_clamping);
}

/* What was reaped is nobody's; what was not is still who it was. */
static void check_identities(struct run *r)
{
	int64_t *ids = &r->ids[0][0][0];

	for (int i = 0; i < GROUPS * PORTS * EPS; i++) {
		const struct group_model *g = &r->committed.groups[i / (PORTS * EPS)];
		struct fb_endpoint_name name;

		if (ids[i] == -1)
			continue;
		for (int k = 0; k < i; k++)
			assert_true(ids[k] != ids[i]);
		if (fb_table_endpoint_name(r->f.t, (uint32_t)ids[i], &name) != 0) {
			assert_int_equal(g->state[i / EPS % PORTS][i % EPS], FB_EP_ABSENT);
			ids[i] = -1;
			continue;
		}
		assert_int_equal(name.name[1] - '0', i / (PORTS * EPS));
		assert_int_equal(name.addr.bytes[15] - 1, i % EPS);
	}
}

static void commit_and_check(struct run *r)
{
	struct fb_snapshot *snap = fb_table_commit(r->f.t);

	model_commit(&r->staged);
	r->committed = r->staged;
	if (snap != NULL) {
		fb_snapshot_release(r->f.t, r->snap);
		r->snap = snap;
	}
	check(r);
}

static void any_history_gives_what_was_asked_for_last(void **state)
{
	struct run r = {.random = 1};

	(void)state;
	fixture_open(&r.f, GROUPS * PORTS * EPS * 2, GROUPS * PORTS * 2);
	for (int i = 0; i < PORTS * ADDRS; i++)
		r.staged.owner[i / ADDRS][i % ADDRS] = NOBODY;
	memset(r.ids, 0xff, sizeof(r.ids));
	r.committed = r.staged;
	r.snap = commit(&r.f);
	for (int step = 0; step < STEPS; step++) {
		switch (rnd(&r, 8)) {
		case 0:
			fb_table_abort(r.f.t);
			r.staged = r.committed;
			break;
		case 1:
		case 2:
			commit_and_check(&r);
			break;
		case 3:
			fb_table_reap(r.f.t, no_flows, NULL);
			check_identities(&r);
			break;
		default:
			set(&r, (int)rnd(&r, GROUPS));
		}
	}
	fb_snapshot_release(r.f.t, r.snap);
	fixture_close(&r.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_history_gives_what_was_asked_for_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
