/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * fb_table_set_service(): everything that can fail comes first (build, reserve), then the staged
 * state changes without failing. So a call that fails leaves what was staged before it.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mss.h"
#include "table/state.h"

static bool contains(struct fb_service_part *const *v, uint32_t n, const struct fb_service_part *svc)
{
	for (uint32_t i = 0; i < n; i++) {
		if (v[i] == svc)
			return true;
	}
	return false;
}

/* The one of v that was built of it; NULL: none. */
static struct fb_service_part *successor_of(const struct fb_service_part *svc,
					    struct fb_service_part *const *v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (v[i]->base == svc)
			return v[i];
	}
	return NULL;
}

static void mark_staged(struct fb_table *t, struct fb_group *g)
{
	t->services_changed = true;
	if (g->staged)
		return;
	g->staged = true;
	g->next_staged = t->staged_groups;
	t->staged_groups = g;
}

/* Make v the group's services. Cannot fail: places and index have room. */
static void replace_services(struct fb_table *t, struct fb_group *g, struct fb_service_part **v,
			     uint32_t n)
{
	struct fb_service_part **old = g->now;
	uint32_t n_old = g->n_now;
	bool same_frontends = n == n_old;

	for (uint32_t i = 0; i < n && same_frontends; i++)
		same_frontends = v[i] == old[i] || (!contains(old, n_old, v[i]) &&
						    fb_service_same_wanted(v[i], old[i]));
	for (uint32_t i = 0; i < n_old; i++) {
		t->n_refused -= old[i]->n_refused;
		t->n_clamping -= old[i]->pub.tcp_mss != FB_MSS_OFF;
	}
	for (uint32_t i = 0; i < n_old && !same_frontends; i++)
		fb_claim_leave(t, old[i]);
	if (same_frontends) {
		/* The usual case, only endpoints changed: the index stays as it is. */
		for (uint32_t i = 0; i < n; i++) {
			if (v[i] == old[i])
				continue;
			t->places_changed |= v[i]->pub.id != old[i]->pub.id;
			fb_place_take(t, v[i], old[i]->place);
			v[i]->pub.n_frontends = old[i]->pub.n_frontends;
			v[i]->n_refused = old[i]->n_refused;
			if (old[i]->pub.n_frontends > 0)
				memcpy(v[i]->frontends, old[i]->frontends,
				       old[i]->pub.n_frontends * sizeof(*v[i]->frontends));
		}
	} else {
		for (uint32_t i = 0; i < n_old; i++) {
			if (!contains(v, n, old[i]))
				fb_place_leave(t, old[i]);
		}
		for (uint32_t i = 0; i < n; i++) {
			if (!contains(old, n_old, v[i]))
				fb_place_take(t, v[i], t->n_places++);
		}
		/* What is published cannot learn of more; what was shared is claimed by it first. */
		for (uint32_t i = 0; i < n; i++) {
			if (v[i]->published)
				fb_claim_take(t, v[i], v[i]->frontends, v[i]->pub.n_frontends);
		}
		for (uint32_t i = 0; i < n; i++) {
			if (!v[i]->published)
				fb_claim_take(t, v[i], v[i]->wanted, v[i]->n_wanted);
		}
		t->frontends_changed = true;
		t->places_changed = true;
		t->addresses_changed = true;
		t->frontend_freed |= n_old > 0;
	}
	for (uint32_t i = 0; i < n; i++) {
		t->n_refused += v[i]->n_refused;
		t->n_clamping += v[i]->pub.tcp_mss != FB_MSS_OFF;
	}
	for (uint32_t i = 0; i < n_old; i++) {
		if (!contains(v, n, old[i]))
			fb_service_replace(&t->ids, old[i], successor_of(old[i], v, n));
	}
	if (g->staged)
		free(g->now);
	g->now = v;
	g->n_now = n;
	mark_staged(t, g);
}

static const char *protocol_name(uint8_t proto)
{
	return proto == IPPROTO_TCP ? "TCP" : proto == IPPROTO_UDP ? "UDP" : "SCTP";
}

static void report_refused(struct fb_table *t, const struct fb_group *g, struct fb_place place,
			   struct fb_errs *errs)
{
	for (uint32_t i = 0; i < g->n_now; i++) {
		const struct fb_service_part *svc = g->now[i];

		for (uint32_t k = 0; k < svc->n_wanted && svc->n_refused > 0; k++) {
			const struct fb_frontend_spec *f = &svc->wanted[k];
			const struct fb_frontend_entry *e = fb_claim_at(t, svc, f);
			const struct fb_service *holder;
			char addr[FB_ADDR_STRLEN];
			char ports[FB_FRONTEND_PORTS_STRLEN];
			bool v6 = fb_addr_family(&f->addr) == FB_IPV6;

			if (e == NULL || t->places[e->place]->group == g)
				continue;
			holder = &t->places[e->place]->pub;
			fb_errs_add(errs, place, FB_SEV_ERROR,
				    "%s/%s: %s %s%s%s:%s/%s is already served by %s/%s",
				    g->namespace_, g->name, fb_frontend_kind_names[f->kind],
				    v6 ? "[" : "", fb_addr_format(&f->addr, addr), v6 ? "]" : "",
				    fb_frontend_ports(f, ports), protocol_name(svc->pub.proto),
				    holder->namespace_, holder->name);
		}
	}
}

/*
 * The service as it is, if it is as asked; else the version before, that a new one is built of (NULL: there is
 * none), and what changes. Each version has one successor at most.
 */
static int find(const struct fb_group *g, const struct fb_service_spec *spec,
		struct fb_service_part **v, uint32_t n, const struct fb_service_part **ret_old,
		struct fb_change *ret_change)
{
	int rc = 0;

	v[n] = NULL;
	*ret_old = NULL;
	for (uint32_t i = 0; i < g->n_now && v[n] == NULL && rc == 0; i++) {
		struct fb_service_part *now = g->now[i];
		struct fb_change change;

		if (contains(v, n, now) || successor_of(now, v, n) != NULL ||
		    !fb_service_same_port(now, spec))
			continue;
		rc = fb_change_find(now, spec, &change);
		if (rc != 0)
			break;
		if (change.come.n + change.gone.n == 0 && fb_service_equals(now, spec))
			v[n] = now;
		if (v[n] != NULL || *ret_old != NULL) {
			fb_change_fini(&change);
			continue;
		}
		*ret_old = now;
		*ret_change = change;
	}
	if (*ret_old != NULL && (v[n] != NULL || rc != 0))
		fb_change_fini(ret_change);
	else if (*ret_old == NULL && v[n] == NULL && rc == 0)
		rc = fb_change_find(NULL, spec, ret_change);
	return rc;
}

static int find_or_build(struct fb_table *t, const struct fb_group *g,
			 const struct fb_service_spec *from, struct fb_service_part **v, uint32_t n)
{
	size_t size = from->n_endpoints * sizeof(*from->endpoints);
	struct fb_endpoint_spec *endpoints = NULL;
	struct fb_service_spec spec = *from;
	const struct fb_service_part *old;
	struct fb_change change;
	int rc;

	/* Where none drains they are as lib/desired gives them. */
	if (!fb_service_is_sorted(from->endpoints, from->n_endpoints)) {
		endpoints = malloc(size);
		if (endpoints == NULL)
			return -ENOMEM;
		memcpy(endpoints, from->endpoints, size);
		fb_service_sort(endpoints, from->n_endpoints);
		spec.endpoints = endpoints;
	}
	spec.namespace_ = g->namespace_;
	spec.name = g->name;
	rc = find(g, &spec, v, n, &old, &change);
	if (rc == 0 && v[n] == NULL) {
		rc = fb_service_build(&t->ids, &spec, old, &change, &v[n]);
		if (rc != 0)
			fb_change_fini(&change);
	}
	free(endpoints);
	return rc;
}

static void report_no_space(const struct fb_table *t, const struct fb_group *g, int rc,
			    struct fb_place place, struct fb_errs *errs)
{
	if (rc == -E2BIG)
		fb_errs_add(errs, place, FB_SEV_ERROR,
			    "%s/%s: more than 65535 endpoints take new flows", g->namespace_,
			    g->name);
	else if (rc == -ENOSPC)
		fb_errs_add(errs, place, FB_SEV_ERROR,
			    "%s/%s: the table is full (%u endpoints, %u service ports; removed ones "
			    "count while they have flows)",
			    g->namespace_, g->name, t->ids.endpoint_pool.max,
			    t->ids.service_pool.max);
}

/* Room for so many frontends more, of whatever sort. */
static int reserve(struct fb_table *t, uint32_t n)
{
	int rc = fb_frontend_index_reserve(&t->index, &t->ids.secret, t->index->n + n);

	return rc != 0 ? rc : fb_frontend_ranges_reserve(&t->ranges, t->ranges->n + n);
}

static int build_services(struct fb_table *t, const struct fb_group *g,
			  const struct fb_service_spec *specs, uint32_t n,
			  struct fb_service_part **v)
{
	uint32_t n_wanted = 0;
	uint32_t built = 0;
	int rc = 0;

	for (; built < n && rc == 0; built++) {
		rc = find_or_build(t, g, &specs[built], v, built);
		n_wanted += specs[built].n_frontends;
		if (rc != 0)
			break;
		v[built]->group = (struct fb_group *)(uintptr_t)g;
	}
	if (rc == 0)
		rc = fb_place_reserve(t, t->n_places + n);
	if (rc == 0)
		rc = reserve(t, n_wanted);
	for (uint32_t i = 0; i < built && rc != 0; i++) {
		if (!contains(g->now, g->n_now, v[i]))
			fb_service_discard(&t->ids, v[i]);
	}
	return rc;
}

int fb_table_set_service(struct fb_table *t, const char *namespace_, const char *name,
			 const struct fb_service_spec *specs, uint32_t n, struct fb_place place,
			 struct fb_errs *errs)
{
	struct fb_group *g = fb_group_find(t, namespace_, name);
	struct fb_service_part **v;
	bool is_new = g == NULL;
	uint32_t same = 0;
	int rc;

	if (g == NULL && n == 0)
		return 0;
	if (g == NULL)
		g = fb_group_add(t, namespace_, name);
	v = malloc((n + 1) * sizeof(*v));
	rc = g == NULL || v == NULL ? -ENOMEM : build_services(t, g, specs, n, v);
	if (rc != 0) {
		if (g != NULL)
			report_no_space(t, g, rc, place, errs);
		if (g != NULL && is_new)
			fb_group_remove(t, g);
		free(v);
		return rc == -E2BIG ? -ENOSPC : rc;
	}
	while (same < n && same < g->n_now && v[same] == g->now[same])
		same++;
	if (same == n && n == g->n_now) {
		free(v);
	} else {
		t->endpoint_added = true;
		replace_services(t, g, v, n);
	}
	report_refused(t, g, place, errs);
	return 0;
}

/* Some frontend that the service waits for is free now. */
static bool can_take_over(struct fb_table *t, const struct fb_service_part *svc)
{
	for (uint32_t i = 0; i < svc->n_wanted && svc->n_refused > 0; i++) {
		if (fb_claim_at(t, svc, &svc->wanted[i]) == NULL)
			return true;
	}
	return false;
}

static int take_over_group(struct fb_table *t, struct fb_group *g)
{
	struct fb_service_part **v = malloc((g->n_now + 1) * sizeof(*v));
	uint32_t n_wanted = 0;
	int rc = v != NULL ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < g->n_now && rc == 0; i++) {
		n_wanted += g->now[i]->n_wanted;
		v[i] = fb_service_copy(g->now[i]);
		if (v[i] == NULL) {
			while (i-- > 0)
				fb_service_free(v[i]);
			rc = -ENOMEM;
		}
	}
	if (rc != 0) {
		free(v);
		return rc;
	}
	rc = reserve(t, n_wanted);
	for (uint32_t i = 0; i < g->n_now && rc != 0; i++)
		fb_service_free(v[i]);
	if (rc != 0) {
		free(v);
		return rc;
	}
	for (uint32_t i = 0; i < g->n_now; i++) {
		struct fb_service_part *old = g->now[i];

		/* Same identities, same place; only the frontends are claimed anew. */
		t->n_refused -= old->n_refused;
		fb_claim_leave(t, old);
		fb_place_take(t, v[i], old->place);
	}
	for (uint32_t i = 0; i < g->n_now; i++) {
		fb_claim_take(t, v[i], v[i]->wanted, v[i]->n_wanted);
		t->n_refused += v[i]->n_refused;
		if (!g->now[i]->published)
			fb_service_free(g->now[i]);
	}
	if (g->staged)
		free(g->now);
	g->now = v;
	mark_staged(t, g);
	return 0;
}

int fb_stage_take_over(struct fb_table *t)
{
	int rc = 0;

	if (!t->frontend_freed || t->n_refused == 0)
		return 0;
	for (struct fb_group *g = t->oldest; g != NULL && rc == 0; g = g->newer) {
		bool wanted = false;

		for (uint32_t i = 0; i < g->n_now && !wanted; i++)
			wanted = can_take_over(t, g->now[i]);
		if (wanted) {
			rc = take_over_group(t, g);
			t->frontends_changed = true;
			t->addresses_changed = true;
		}
	}
	return rc;
}
