/* SPDX-License-Identifier: BSD-3-Clause */

#include "table/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maglev/maglev.h"
#include "table/part.h"

/* By address and port, as memcmp() would. For each of twenty thousand at every change. */
static inline int compare_keys(const struct fb_addr *a, rte_be16_t a_port_be,
			       const struct fb_addr *b, rte_be16_t b_port_be)
{
	uint64_t x[2];
	uint64_t y[2];

	memcpy(x, a->bytes, sizeof(x));
	memcpy(y, b->bytes, sizeof(y));
	for (int i = 0; i < 2; i++) {
		if (x[i] != y[i])
			return rte_be_to_cpu_64(x[i]) < rte_be_to_cpu_64(y[i]) ? -1 : 1;
	}
	return (int)rte_be_to_cpu_16(a_port_be) - (int)rte_be_to_cpu_16(b_port_be);
}

static int compare_endpoints(const void *a, const void *b)
{
	const struct fb_endpoint_spec *x = a;
	const struct fb_endpoint_spec *y = b;

	if (x->state != y->state)
		return x->state < y->state ? -1 : 1;
	return compare_keys(&x->addr, x->port_be, &y->addr, y->port_be);
}

/* Within one state, as they are sorted. */
static int compare_place(const struct fb_endpoint *e, const struct fb_addr *addr,
			 rte_be16_t port_be)
{
	return compare_keys(&e->addr, e->port_be, addr, port_be);
}

const struct fb_endpoint *fb_table_find_endpoint(const struct fb_service *svc,
						 const struct fb_addr *addr, rte_be16_t port_be)
{
	/* Two runs, the active ones first. */
	for (uint8_t state = FB_EP_ACTIVE; state <= FB_EP_DRAINING; state++) {
		uint32_t low = 0;
		uint32_t high = svc->n_endpoints;

		while (low < high) {
			uint32_t mid = (low + high) / 2;
			const struct fb_endpoint *e = &svc->endpoints[mid];
			int order = e->state != state ? (int)e->state - (int)state
						      : compare_place(e, addr, port_be);

			if (order == 0)
				return e;
			if (order < 0)
				low = mid + 1;
			else
				high = mid;
		}
	}
	return NULL;
}

bool fb_service_is_sorted(const struct fb_endpoint_spec *endpoints, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++) {
		if (compare_endpoints(&endpoints[i - 1], &endpoints[i]) > 0)
			return false;
	}
	return true;
}

void fb_service_sort(struct fb_endpoint_spec *endpoints, uint32_t n)
{
	_Static_assert(FB_EP_ACTIVE < FB_EP_DRAINING, "active endpoints come first");
	qsort(endpoints, n, sizeof(*endpoints), compare_endpoints);
}

static bool same_endpoint(const struct fb_endpoint *a, const struct fb_endpoint_spec *b)
{
	return a->state == b->state && a->terminating == b->terminating &&
	       a->port_be == b->port_be && fb_addr_equal(&a->addr, &b->addr);
}

static bool same_frontends(const struct fb_frontend_spec *a, uint32_t n_a,
			   const struct fb_frontend_spec *b, uint32_t n_b)
{
	if (n_a != n_b)
		return false;
	for (uint32_t i = 0; i < n_a; i++) {
		if (a[i].kind != b[i].kind || a[i].port_be != b[i].port_be ||
		    a[i].last != b[i].last || a[i].shift != b[i].shift ||
		    !fb_addr_equal(&a[i].addr, &b[i].addr))
			return false;
	}
	return true;
}

/* Endpoints are in order, so the active ones of spec are its first. */
static uint32_t count_active(const struct fb_service_spec *spec)
{
	uint32_t n = 0;

	while (n < spec->n_endpoints && spec->endpoints[n].state == FB_EP_ACTIVE)
		n++;
	return n;
}

static bool same_active(const struct fb_service_part *svc, const struct fb_service_spec *spec,
			uint32_t n_active)
{
	if (svc->pub.n_active != n_active)
		return false;
	for (uint32_t i = 0; i < n_active; i++) {
		if (!same_endpoint(&svc->endpoints[i], &spec->endpoints[i]) ||
		    svc->weights[i] != spec->endpoints[i].weight)
			return false;
	}
	return true;
}

bool fb_service_same_port(const struct fb_service_part *svc, const struct fb_service_spec *spec)
{
	return svc->pub.proto == spec->proto && svc->pub.family == spec->family &&
	       svc->pub.part == spec->part && strcmp(svc->pub.port_name, spec->port_name) == 0;
}

bool fb_service_equals(const struct fb_service_part *svc, const struct fb_service_spec *spec)
{
	if (!fb_service_same_port(svc, spec) || svc->pub.mode != spec->mode ||
	    svc->pub.selection != spec->selection || svc->pub.affinity_s != spec->affinity_s ||
	    svc->pub.slow_start_s != spec->slow_start_s ||
	    svc->pub.new_flow_rate != spec->new_flow_rate ||
	    svc->pub.drain_deadline_s != spec->drain_deadline_s ||
	    svc->pub.removed_tcp_s != spec->removed_tcp_s || svc->pub.tcp_mss != spec->tcp_mss ||
	    svc->pub.syn_proxy != spec->syn_proxy ||
	    svc->pub.syn_proxy_wscale != spec->syn_proxy_wscale ||
	    svc->pub.elsewhere != spec->elsewhere ||
	    !fb_source_set_equal(svc->sources, spec->sources, spec->n_sources) ||
	    svc->pub.port != spec->port || svc->pub.n_endpoints != spec->n_endpoints ||
	    !same_active(svc, spec, count_active(spec)) ||
	    !same_frontends(svc->wanted, svc->n_wanted, spec->frontends, spec->n_frontends))
		return false;
	for (uint32_t i = svc->pub.n_active; i < spec->n_endpoints; i++) {
		if (!same_endpoint(&svc->endpoints[i], &spec->endpoints[i]))
			return false;
	}
	return true;
}

bool fb_service_same_wanted(const struct fb_service_part *a, const struct fb_service_part *b)
{
	return a->pub.proto == b->pub.proto &&
	       same_frontends(a->wanted, a->n_wanted, b->wanted, b->n_wanted);
}

/* Only affinity looks endpoints up by their identity. */
static uint32_t n_places(uint32_t affinity_s, uint32_t n_active)
{
	return affinity_s > 0 ? n_active : 0;
}

/* Give pub the addresses of this part: what points into it, and what it shares. */
static void link_up(struct fb_service_part *svc)
{
	char *p = (char *)(svc + 1);

	svc->endpoints = (struct fb_endpoint *)p;
	p += svc->pub.n_endpoints * sizeof(*svc->endpoints);
	svc->weights = (uint32_t *)p;
	p += svc->pub.n_active * sizeof(*svc->weights);
	svc->places = (struct fb_endpoint_place *)p;
	p += n_places(svc->pub.affinity_s, svc->pub.n_active) * sizeof(*svc->places);
	svc->frontends = (struct fb_frontend_spec *)p;
	p += svc->n_wanted * sizeof(*svc->frontends);
	svc->wanted = (struct fb_frontend_spec *)p;
	p += svc->n_wanted * sizeof(*svc->wanted);
	svc->names = p;
	svc->pub.endpoints = svc->endpoints;
	svc->pub.weights = svc->weights;
	svc->pub.places = svc->pub.affinity_s > 0 ? svc->places : NULL;
	svc->pub.frontends = svc->frontends;
}

_Static_assert(offsetof(struct fb_service, members) == 64,
	       "one line for Maglev without affinity and groups");
_Static_assert(_Alignof(struct fb_endpoint) <= _Alignof(struct fb_service_part), "endpoints first");
_Static_assert(sizeof(struct fb_endpoint) % _Alignof(uint32_t) == 0, "weights follow endpoints");
_Static_assert(_Alignof(struct fb_endpoint_place) <= _Alignof(uint32_t), "places follow weights");
_Static_assert(_Alignof(struct fb_frontend_spec) <= _Alignof(uint32_t), "and then frontends");

static void link_names(struct fb_service_part *svc)
{
	svc->pub.namespace_ = svc->names;
	svc->pub.name = svc->pub.namespace_ + strlen(svc->pub.namespace_) + 1;
	svc->pub.port_name = svc->pub.name + strlen(svc->pub.name) + 1;
}

static void use_slots(struct fb_service_part *svc, struct fb_slots *slots)
{
	struct fb_service *pub = &svc->pub;

	svc->slots = slots;
	pub->n_turns = pub->n_active;
	if (slots == NULL)
		return;
	slots->n_users++;
	pub->slots = slots->v;
	pub->slot_bits = slots->bits;
	pub->n_slots = slots->n;
	pub->groups = slots->tables;
	pub->members = slots->members;
	pub->stride = slots->stride;
	pub->turns = slots->turns;
	if (slots->n_turns > 0)
		pub->n_turns = slots->n_turns;
	pub->by_hash = fb_selection_by_hash(pub->selection) && pub->affinity_s == 0;
	pub->open = pub->n_sources == 0 && !pub->limited && !pub->proxied;
}

static int compare_places(const void *a, const void *b)
{
	const struct fb_endpoint_place *x = a;
	const struct fb_endpoint_place *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static void index_places(struct fb_service_part *svc)
{
	uint32_t n = n_places(svc->pub.affinity_s, svc->pub.n_active);

	for (uint32_t i = 0; i < n; i++)
		svc->places[i] = (struct fb_endpoint_place){svc->endpoints[i].id, i};
	if (n > 0)
		qsort(svc->places, n, sizeof(*svc->places), compare_places);
}

/* The table of the version before, if it would be built the same. */
static bool can_share_slots(const struct fb_service_part *old, const struct fb_service_spec *spec,
			    uint32_t n_active)
{
	return old != NULL && same_active(old, spec, n_active) &&
	       (old->pub.selection == FB_SELECT_ROUND_ROBIN) ==
		       (spec->selection == FB_SELECT_ROUND_ROBIN);
}

/* Where a run of endpoints stood in the version before; both are in order. */
static void match_run(const struct fb_service_part *old, uint32_t k, uint32_t end_old,
		      const struct fb_service_spec *spec, uint32_t i, uint32_t end, uint32_t *was)
{
	for (; i < end; i++) {
		const struct fb_endpoint_spec *ep = &spec->endpoints[i];
		int order = 1;

		while (k < end_old &&
		       (order = compare_place(&old->endpoints[k], &ep->addr, ep->port_be)) < 0)
			k++;
		was[i] = k < end_old && order == 0 ? k : FB_SLOTS_NOWHERE;
	}
}

static void match(const struct fb_service_part *old, const struct fb_service_spec *spec,
		  uint32_t n_active, uint32_t *was)
{
	uint32_t n_old = old != NULL ? old->pub.n_active : 0;
	uint32_t end_old = old != NULL ? old->pub.n_endpoints : 0;

	match_run(old, 0, n_old, spec, 0, n_active, was);
	match_run(old, n_old, end_old, spec, n_active, spec->n_endpoints, was);
}

static struct fb_service_part *alloc_service(const struct fb_service_spec *spec, uint32_t n_active)
{
	size_t ns_len = strlen(spec->namespace_) + 1;
	size_t name_len = strlen(spec->name) + 1;
	size_t port_len = strlen(spec->port_name) + 1;
	size_t size = sizeof(struct fb_service_part) +
		      spec->n_endpoints * sizeof(struct fb_endpoint) + n_active * sizeof(uint32_t) +
		      n_places(spec->affinity_s, n_active) * sizeof(struct fb_endpoint_place) +
		      2 * (size_t)spec->n_frontends * sizeof(struct fb_frontend_spec) + ns_len +
		      name_len + port_len;
	struct fb_service_part *svc = fb_part_alloc(size);

	if (svc == NULL)
		return NULL;
	svc->size_bytes = size;
	svc->pub.n_active = n_active;
	svc->n_wanted = spec->n_frontends;
	svc->pub.n_sources = spec->n_sources;
	svc->pub.n_endpoints = spec->n_endpoints;
	svc->pub.family = spec->family;
	svc->pub.proto = spec->proto;
	svc->pub.mode = spec->mode;
	svc->pub.part = spec->part;
	svc->pub.selection = spec->selection;
	svc->pub.by_client = spec->selection == FB_SELECT_SOURCE_IP || spec->affinity_s > 0;
	svc->pub.affinity_s = spec->affinity_s;
	svc->pub.slow_start_s = spec->slow_start_s;
	svc->pub.limited = spec->new_flow_rate != 0;
	svc->pub.new_flow_rate = spec->new_flow_rate;
	svc->pub.drain_deadline_s = spec->drain_deadline_s;
	svc->pub.removed_tcp_s = spec->removed_tcp_s;
	svc->pub.tcp_mss = spec->tcp_mss;
	svc->pub.proxied = spec->syn_proxy != FB_SYN_PROXY_OFF;
	svc->pub.syn_proxy = spec->syn_proxy;
	svc->pub.syn_proxy_wscale = spec->syn_proxy_wscale;
	svc->pub.elsewhere = spec->elsewhere;
	for (uint32_t i = 0; i < spec->n_frontends; i++)
		svc->pub.ranged |= spec->frontends[i].last != 0;
	svc->pub.port = spec->port;
	link_up(svc);
	if (spec->n_frontends > 0)
		memcpy(svc->wanted, spec->frontends, spec->n_frontends * sizeof(*svc->wanted));
	memcpy(svc->names, spec->namespace_, ns_len);
	memcpy(svc->names + ns_len, spec->name, name_len);
	memcpy(svc->names + ns_len + name_len, spec->port_name, port_len);
	link_names(svc);
	return svc;
}

/* @return 0 or -errno; *n is how many endpoints have their identity */
static int set_endpoints(struct fb_ids *ids, const struct fb_service_spec *spec,
			 const struct fb_service_part *old, const uint32_t *was,
			 struct fb_service_part *svc, uint32_t *n)
{
	for (*n = 0; *n < spec->n_endpoints; (*n)++) {
		struct fb_endpoint *ep = &svc->endpoints[*n];
		const struct fb_endpoint_spec *from = &spec->endpoints[*n];
		int rc = 0;

		ep->addr = from->addr;
		ep->port_be = from->port_be;
		ep->state = from->state;
		ep->terminating = from->terminating;
		if (*n < svc->pub.n_active)
			svc->weights[*n] = from->weight;
		/* The version before has the identity of what was in it. */
		if (was[*n] != FB_SLOTS_NOWHERE)
			ep->id = old->endpoints[was[*n]].id;
		else
			rc = fb_ids_endpoint(ids, svc->pub.id, from, &ep->id);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int build_slots(const struct fb_ids *ids, const struct fb_service_spec *spec,
		       const struct fb_service_part *old, const uint32_t *was, uint32_t n_active,
		       struct fb_slots **ret)
{
	const struct fb_slots_source from = {
		.secret = &ids->secret,
		.endpoints = spec->endpoints,
		.n = n_active,
		.takes_turns = spec->selection == FB_SELECT_ROUND_ROBIN,
		.old = old != NULL ? old->slots : NULL,
		.old_weights = old != NULL ? old->weights : NULL,
		.n_old = old != NULL ? old->pub.n_active : 0,
		.was = was,
	};

	*ret = NULL;
	if (n_active == 0)
		return 0;
	if (can_share_slots(old, spec, n_active)) {
		*ret = old->slots;
		return 0;
	}
	return fb_slots_build(&from, ret);
}

static int set_sources(struct fb_ids *ids, const struct fb_service_spec *spec,
		       struct fb_service_part *svc)
{
	if (spec->n_sources == 0)
		return 0;
	svc->sources =
		fb_source_set_hold(&ids->source_sets, &ids->secret, spec->sources, spec->n_sources);
	svc->pub.sources = svc->sources;
	return svc->sources != NULL ? 0 : -ENOMEM;
}

int fb_service_build(struct fb_ids *ids, const struct fb_service_spec *spec,
		     const struct fb_service_part *old, struct fb_service_part **ret)
{
	uint32_t n_active = count_active(spec);
	struct fb_slots *slots = NULL;
	struct fb_service_part *svc;
	uint32_t n_known = 0;
	uint32_t *was;
	int rc = -ENOMEM;

	if (n_active > FB_MAGLEV_MAX_MEMBERS)
		return -E2BIG;
	svc = alloc_service(spec, n_active);
	was = malloc((spec->n_endpoints + 1) * sizeof(*was));
	if (svc != NULL && was != NULL)
		rc = set_sources(ids, spec, svc);
	if (rc == 0)
		rc = fb_ids_service(ids, spec, &svc->pub.id);
	if (rc != 0) {
		free(was);
		fb_service_free(svc);
		return rc;
	}
	match(old, spec, n_active, was);
	rc = set_endpoints(ids, spec, old, was, svc, &n_known);
	if (rc == 0)
		rc = build_slots(ids, spec, old, was, n_active, &slots);
	free(was);
	if (rc != 0) {
		fb_ids_forget(ids, svc->pub.id, svc->endpoints, n_known);
		fb_service_free(svc);
		return rc;
	}
	use_slots(svc, slots);
	index_places(svc);
	fb_ids_hold(ids, &svc->pub);
	*ret = svc;
	return 0;
}

struct fb_service_part *fb_service_copy(const struct fb_service_part *from)
{
	struct fb_service_part *svc = fb_part_alloc(from->size_bytes);

	if (svc == NULL)
		return NULL;
	memcpy(svc, from, from->size_bytes);
	link_up(svc);
	link_names(svc);
	use_slots(svc, from->slots);
	if (svc->sources != NULL)
		svc->sources = fb_source_set_share(svc->sources);
	svc->pub.n_frontends = 0;
	svc->n_refused = 0;
	svc->published = false;
	return svc;
}

void fb_service_free(struct fb_service_part *svc)
{
	if (svc == NULL)
		return;
	fb_slots_release(svc->slots);
	fb_source_set_release(svc->sources);
	fb_part_free(svc);
}
