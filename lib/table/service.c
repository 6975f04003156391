/* SPDX-License-Identifier: BSD-3-Clause */

#include "table/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maglev/maglev.h"
#include "table/part.h"

static int compare_endpoints(const void *a, const void *b)
{
	const struct fb_endpoint_spec *x = a;
	const struct fb_endpoint_spec *y = b;

	if (x->state != y->state)
		return x->state < y->state ? -1 : 1;
	return fb_service_compare_keys(&x->addr, x->port_be, &y->addr, y->port_be);
}

/* Within one state, as they are sorted. */
static int compare_place(const struct fb_endpoint *e, const struct fb_addr *addr,
			 rte_be16_t port_be)
{
	return fb_service_compare_keys(&e->addr, e->port_be, addr, port_be);
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

bool fb_service_same_port(const struct fb_service_part *svc, const struct fb_service_spec *spec)
{
	return svc->pub.proto == spec->proto && svc->pub.family == spec->family &&
	       svc->pub.part == spec->part && strcmp(svc->pub.port_name, spec->port_name) == 0;
}

bool fb_service_equals(const struct fb_service_part *svc, const struct fb_service_spec *spec)
{
	return fb_service_same_port(svc, spec) && svc->pub.mode == spec->mode &&
	       svc->pub.selection == spec->selection && svc->pub.affinity_s == spec->affinity_s &&
	       svc->pub.slow_start_s == spec->slow_start_s &&
	       svc->pub.new_flow_rate == spec->new_flow_rate &&
	       svc->pub.drain_deadline_s == spec->drain_deadline_s &&
	       svc->pub.removed_tcp_s == spec->removed_tcp_s && svc->pub.tcp_mss == spec->tcp_mss &&
	       svc->pub.syn_proxy == spec->syn_proxy &&
	       svc->pub.syn_proxy_wscale == spec->syn_proxy_wscale &&
	       svc->pub.elsewhere == spec->elsewhere &&
	       fb_source_set_equal(svc->sources, spec->sources, spec->n_sources) &&
	       svc->pub.port == spec->port &&
	       same_frontends(svc->wanted, svc->n_wanted, spec->frontends, spec->n_frontends);
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
static bool can_share_slots(const struct fb_service_part *old, const struct fb_change *change,
			    const struct fb_service_spec *spec, uint32_t n_active)
{
	return old != NULL && fb_change_keeps(change, old->pub.n_active, n_active) &&
	       (old->pub.selection == FB_SELECT_ROUND_ROBIN) ==
		       (spec->selection == FB_SELECT_ROUND_ROBIN);
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

/* Identities of those that come. @return 0 or -errno; *n is how many of them have theirs */
static int set_new_endpoints(struct fb_ids *ids, const struct fb_service_spec *spec,
			     const struct fb_places *come, struct fb_service_part *svc, uint32_t *n)
{
	int rc = 0;

	for (*n = 0; *n < come->n; (*n)++) {
		const uint32_t place = fb_places_at(come, *n);
		const struct fb_endpoint_spec *from = &spec->endpoints[place];
		struct fb_endpoint *ep = &svc->endpoints[place];

		ep->addr = from->addr;
		ep->port_be = from->port_be;
		ep->state = from->state;
		ep->terminating = from->terminating;
		if (place < svc->pub.n_active)
			svc->weights[place] = from->weight;
		rc = fb_ids_endpoint(ids, svc->pub.id, from, &ep->id);
		if (rc != 0)
			break;
	}
	return rc;
}

/* The others are as they were. Runs may reach from active endpoints to those that drain: in both versions. */
static void copy_endpoints(const struct fb_service_part *old, const struct fb_change *change,
			   struct fb_service_part *svc)
{
	struct fb_run run = {0};

	while (old != NULL && fb_change_next_run(change, svc->pub.n_endpoints, &run)) {
		memcpy(&svc->endpoints[run.at], &old->endpoints[run.was],
		       run.n * sizeof(*svc->endpoints));
		if (run.at < svc->pub.n_active)
			memcpy(&svc->weights[run.at], &old->weights[run.was],
			       RTE_MIN(run.n, svc->pub.n_active - run.at) * sizeof(*svc->weights));
	}
}

static int build_slots(const struct fb_ids *ids, const struct fb_service_spec *spec,
		       const struct fb_service_part *old, const struct fb_change *change,
		       const struct fb_service_part *svc, struct fb_slots **ret)
{
	const struct fb_slots_source from = {
		.secret = &ids->secret,
		.endpoints = spec->endpoints,
		.weights = svc->weights,
		.n = svc->pub.n_active,
		.takes_turns = spec->selection == FB_SELECT_ROUND_ROBIN,
		.old = old != NULL ? old->slots : NULL,
		.n_old = old != NULL ? old->pub.n_active : 0,
		.change = change,
	};

	*ret = NULL;
	if (from.n == 0)
		return 0;
	if (can_share_slots(old, change, spec, from.n)) {
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
		     const struct fb_service_part *old, const struct fb_change *change,
		     struct fb_service_part **ret)
{
	uint32_t n_active = count_active(spec);
	struct fb_slots *slots = NULL;
	struct fb_service_part *svc;
	uint32_t n_known = 0;
	int rc = -ENOMEM;

	if (n_active > FB_MAGLEV_MAX_MEMBERS)
		return -E2BIG;
	svc = alloc_service(spec, n_active);
	if (svc != NULL)
		rc = set_sources(ids, spec, svc);
	if (rc == 0)
		rc = fb_ids_service(ids, spec, &svc->pub.id);
	if (rc != 0) {
		fb_service_free(svc);
		return rc;
	}
	rc = set_new_endpoints(ids, spec, &change->come, svc, &n_known);
	copy_endpoints(old, change, svc);
	if (rc == 0)
		rc = build_slots(ids, spec, old, change, svc, &slots);
	if (rc != 0) {
		fb_ids_forget(ids, svc->pub.id, svc->endpoints,
			      (struct fb_places){change->come.v, n_known});
		fb_service_free(svc);
		return rc;
	}
	use_slots(svc, slots);
	index_places(svc);
	svc->base = old;
	svc->change = *change;
	fb_ids_hold(ids, &svc->pub, change->come);
	*ret = svc;
	return 0;
}

void fb_service_discard(struct fb_ids *ids, struct fb_service_part *svc)
{
	fb_ids_unhold(ids, &svc->pub, svc->change.come);
	fb_service_free(svc);
}

void fb_service_replace(struct fb_ids *ids, struct fb_service_part *svc,
			struct fb_service_part *successor)
{
	fb_ids_unhold(ids, &svc->pub,
		      successor != NULL ? successor->change.gone : fb_service_all(svc));
	if (svc->published)
		return;
	/* What was never published has nothing to tell what is published of its successor. */
	if (successor != NULL)
		fb_service_forget_base(successor);
	fb_service_free(svc);
}

void fb_service_forget_base(struct fb_service_part *svc)
{
	svc->base = NULL;
	fb_change_fini(&svc->change);
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
	svc->base = NULL;
	svc->change = (struct fb_change){0};
	return svc;
}

void fb_service_free(struct fb_service_part *svc)
{
	if (svc == NULL)
		return;
	fb_slots_release(svc->slots);
	fb_source_set_release(svc->sources);
	fb_change_fini(&svc->change);
	fb_part_free(svc);
}
