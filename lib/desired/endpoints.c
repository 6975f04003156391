/* SPDX-License-Identifier: BSD-3-Clause */

#include "desired/endpoints.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/order.h"
#include "desired/weights.h"

/* From here on numbers are sorted (base/order.h) faster than by comparison. */
#define MANY 256

struct candidates {
	const struct desired_query *query;
	struct desired_candidate *v; /* NULL: only counting */
	uint32_t n;
};

static void add(struct candidates *c, const struct fb_addr *addr, uint16_t port,
		enum desired_standing standing, uint8_t place, const char *node_name)
{
	if (c->v != NULL)
		c->v[c->n] = (struct desired_candidate){
			.addr = *addr,
			.port = port,
			.standing = (uint8_t)standing,
			.place = place,
			.weight = FB_WEIGHT_DEFAULT,
			.node_name = node_name,
		};
	c->n++;
}

/* A name that is given, and the same. */
static bool is_called(const char *ours, const char *theirs)
{
	return ours[0] != '\0' && strcmp(ours, theirs) == 0;
}

static bool is_among(const char *ours, const char *const *names, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (is_called(ours, names[i]))
			return true;
	}
	return false;
}

static bool matches(const struct fb_endpoint_port *have, const struct fb_service_port *want)
{
	return have->port != 0 && have->proto == want->proto && strcmp(have->name, want->name) == 0;
}

static enum desired_standing standing_of(const struct fb_slice_endpoint *e)
{
	if (e->terminating) {
		if (e->ready)
			return TERMINATING_READY;
		return e->serving ? TERMINATING_SERVING : TERMINATING;
	}
	if (e->ready)
		return READY;
	return e->serving ? NOT_READY_SERVING : NOT_READY;
}

bool desired_is_ready(enum desired_standing standing)
{
	return standing == READY || standing == TERMINATING_READY;
}

static uint8_t place_of(const struct desired_query *query, const struct fb_slice_endpoint *e)
{
	uint8_t place = is_called(query->node_name, e->node_name) ? LOCAL : 0;

	if (e->n_hint_nodes > 0)
		place |= HAS_NODE_HINT;
	if (is_among(query->node_name, e->hint_nodes, e->n_hint_nodes))
		place |= FOR_NODE;
	if (e->n_hint_zones > 0)
		place |= HAS_ZONE_HINT;
	if (is_among(query->zone, e->hint_zones, e->n_hint_zones))
		place |= FOR_ZONE;
	return place;
}

/* Ports and endpoints of one slice go together; slices are united. */
static void add_slice(struct candidates *c, const struct fb_endpoint_slice *slice)
{
	if (slice->fqdn || slice->family != c->query->family)
		return;
	for (uint32_t i = 0; i < slice->n_ports; i++) {
		if (!matches(&slice->ports[i], c->query->port))
			continue;
		if (c->v == NULL) {
			c->n += slice->n_endpoints;
			continue;
		}
		for (uint32_t j = 0; j < slice->n_endpoints; j++) {
			const struct fb_slice_endpoint *e = &slice->endpoints[j];

			add(c, &e->addrs[0], slice->ports[i].port, standing_of(e),
			    place_of(c->query, e), e->node_name);
		}
	}
}

static void add_addresses(struct candidates *c, const struct fb_endpoints_address *addresses,
			  uint32_t n, uint16_t port)
{
	for (uint32_t i = 0; i < n; i++) {
		if (fb_addr_family(&addresses[i].addr) == c->query->family)
			add(c, &addresses[i].addr, port, READY,
			    is_called(c->query->node_name, addresses[i].node_name) ? LOCAL : 0,
			    addresses[i].node_name);
	}
}

/* The older kind has no way to say "terminating": who is not ready is left out. */
static void add_endpoints(struct candidates *c, const struct fb_endpoints *endpoints)
{
	for (uint32_t i = 0; i < endpoints->n_subsets; i++) {
		const struct fb_endpoints_subset *subset = &endpoints->subsets[i];

		for (uint32_t j = 0; j < subset->n_ports; j++) {
			if (matches(&subset->ports[j], c->query->port))
				add_addresses(c, subset->ready, subset->n_ready,
					      subset->ports[j].port);
		}
	}
}

bool desired_has_node(const struct fb_store *store, const struct fb_pod *pod)
{
	return pod->node_name[0] == '\0' || fb_store_n_objects(store, FB_KIND_NODE) == 0 ||
	       fb_store_find(store, FB_KIND_NODE, "", pod->node_name, NULL) != NULL;
}

uint16_t desired_port_on(const struct fb_pod *pod, const struct fb_service_port *port)
{
	if (port->target_name[0] == '\0')
		return port->target_port;
	for (uint32_t i = 0; i < pod->n_ports; i++) {
		if (pod->ports[i].proto == port->proto &&
		    strcmp(pod->ports[i].name, port->target_name) == 0)
			return pod->ports[i].port;
	}
	return 0;
}

static enum desired_standing standing_of_pod(const struct fb_pod *pod, bool publish_not_ready)
{
	if (pod->terminating) {
		if (publish_not_ready)
			return TERMINATING_READY;
		return pod->ready ? TERMINATING_SERVING : TERMINATING;
	}
	return pod->ready || publish_not_ready ? READY : NOT_READY;
}

/* Where a pod is, and the hints that the endpoint controller would give it. */
static uint8_t place_of_pod(const struct desired_query *query, const struct fb_pod *pod)
{
	enum fb_traffic_distribution wish = query->view->service->service.distribution;
	const char *zone = desired_zone_of(query->store, pod->node_name);
	uint8_t place = is_called(query->node_name, pod->node_name) ? LOCAL : 0;

	if (wish == FB_DISTRIBUTION_PREFER_SAME_NODE && pod->node_name[0] != '\0')
		place |= HAS_NODE_HINT | (place & LOCAL ? FOR_NODE : 0);
	if (wish != FB_DISTRIBUTION_NONE && zone[0] != '\0')
		place |= HAS_ZONE_HINT | (is_called(query->zone, zone) ? FOR_ZONE : 0);
	return place;
}

/* Here forebay does what the cluster's endpoint controller would. */
static void add_pod(struct candidates *c, const struct fb_pod *pod, bool publish_not_ready)
{
	uint16_t number = desired_port_on(pod, c->query->port);

	for (uint32_t i = 0; i < pod->n_addrs && number != 0 && !pod->finished; i++) {
		if (fb_addr_family(&pod->addrs[i]) == c->query->family)
			add(c, &pod->addrs[i], number, standing_of_pod(pod, publish_not_ready),
			    place_of_pod(c->query, pod), pod->node_name);
	}
}

static void add_pods(struct candidates *c)
{
	const struct fb_object *service = c->query->view->service;
	bool publish_not_ready = service->service.publish_not_ready;
	struct fb_store_pods walk = {0};
	const struct fb_object *pod;

	while ((pod = fb_store_pod_next(c->query->store, service, &walk)) != NULL) {
		if (publish_not_ready || desired_has_node(c->query->store, &pod->pod))
			add_pod(c, &pod->pod, publish_not_ready);
	}
}

static void collect(struct candidates *c)
{
	const struct fb_store_view *view = c->query->view;

	c->n = 0;
	for (uint32_t i = 0; i < view->n_slices; i++) {
		/* Room is made for those of others, too: labels take as long as all the rest. */
		if (c->v == NULL || fb_labels_are_for_proxies(&view->slices[i]->meta.labels))
			add_slice(c, &view->slices[i]->slice);
	}
	if (view->n_slices > 0)
		return;
	if (view->endpoints != NULL)
		add_endpoints(c, &view->endpoints->endpoints);
	else
		add_pods(c);
}

/* By address and port; the better standing of the same endpoint comes first. */
static int compare(const void *left, const void *right)
{
	const struct desired_candidate *a = left;
	const struct desired_candidate *b = right;
	int order = memcmp(&a->addr, &b->addr, sizeof(a->addr));

	if (order != 0)
		return order;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	if (a->standing != b->standing)
		return (int)a->standing - (int)b->standing;
	/* Kubernetes says nothing about which counts; here it is not the order of the text. */
	return (int)b->place - (int)a->place;
}

static int compare_places(const void *things, uint32_t a, uint32_t b)
{
	const struct desired_candidate *v = things;

	return compare(&v[a], &v[b]);
}

/* As a number in the order of compare(). */
static unsigned __int128 number_of(const struct fb_addr *addr)
{
	uint64_t words[2];

	memcpy(words, addr->bytes, sizeof(words));
	return (unsigned __int128)rte_be_to_cpu_64(words[0]) << 64 | rte_be_to_cpu_64(words[1]);
}

/* The 8 bytes of addresses from where they begin to differ, and the port where it is among these. */
static void take_keys(const struct desired_candidate *v, uint32_t n, struct fb_order *order)
{
	const unsigned __int128 first = number_of(&v[0].addr);
	unsigned __int128 unlike = 1;
	int alike_bits;

	for (uint32_t i = 0; i < n; i++)
		unlike |= number_of(&v[i].addr) ^ first;
	alike_bits = (uint64_t)(unlike >> 64) != 0
			     ? __builtin_clzll((uint64_t)(unlike >> 64))
			     : 64 + __builtin_clzll((uint64_t)unlike);
	for (uint32_t i = 0; i < n; i++) {
		unsigned __int128 key = number_of(&v[i].addr) << alike_bits;

		if (alike_bits >= 16)
			key |= (unsigned __int128)v[i].port << (alike_bits - 16);
		order[i] = (struct fb_order){(uint64_t)(key >> 64), i};
	}
}

/* Where it is worth the trouble, and there is memory. @return whether they are sorted */
static bool sort_many(struct desired_candidate *v, uint32_t n)
{
	struct fb_order *order = n >= MANY ? malloc(2 * n * sizeof(*order)) : NULL;
	struct desired_candidate *sorted = order != NULL ? malloc(n * sizeof(*sorted)) : NULL;
	struct fb_order *in_order;

	if (sorted != NULL) {
		take_keys(v, n, order);
		in_order = fb_order_sort(order, order + n, n);
		for (uint32_t i = 0, end; i < n; i = end) {
			end = fb_order_alike_end(in_order, i, n);
			if (end - i > 1)
				fb_order_sort_alike(in_order + i, end - i, compare_places, v);
		}
		for (uint32_t i = 0; i < n; i++)
			sorted[i] = v[in_order[i].place];
		memcpy(v, sorted, n * sizeof(*v));
	}
	free(sorted);
	free(order);
	return sorted != NULL;
}

uint32_t desired_sort(struct desired_candidate *v, uint32_t n)
{
	uint32_t kept = 0;

	if (n > 0 && !sort_many(v, n))
		qsort(v, n, sizeof(*v), compare);
	for (uint32_t i = 0; i < n; i++) {
		if (kept > 0 && v[kept - 1].port == v[i].port &&
		    fb_addr_equal(&v[kept - 1].addr, &v[i].addr))
			continue;
		if (kept != i)
			v[kept] = v[i];
		kept++;
	}
	return kept;
}

int desired_collect(struct fb_arena *arena, const struct desired_query *query,
		    struct desired_candidates *ret)
{
	struct candidates c = {.query = query};

	collect(&c);
	c.v = fb_arena_alloc_unset(arena, c.n, sizeof(*c.v));
	if (c.v == NULL)
		return -ENOMEM;
	collect(&c);
	ret->v = c.v;
	ret->n = desired_sort(c.v, c.n);
	return desired_weigh(arena, query, c.v, ret->n);
}

const char *desired_zone_of(const struct fb_store *store, const char *node_name)
{
	const struct fb_object *node =
		node_name[0] != '\0' ? fb_store_find(store, FB_KIND_NODE, "", node_name, NULL)
				     : NULL;
	const char *zone = node != NULL ? fb_labels_get(&node->meta.labels, FB_LABEL_ZONE) : NULL;

	return zone != NULL ? zone : "";
}

/*
 * Hints count if every ready endpoint has one and some are for here: those of nodes before those of
 * zones. @return the bit that ready endpoints need to be chosen; 0: hints are not used
 */
static uint8_t hint_to_follow(const struct desired_candidates *from)
{
	uint8_t all = HAS_NODE_HINT | HAS_ZONE_HINT;
	uint8_t any = 0;

	for (uint32_t i = 0; i < from->n; i++) {
		if (!desired_is_ready(from->v[i].standing))
			continue;
		all &= from->v[i].place;
		any |= from->v[i].place;
	}
	if ((all & HAS_NODE_HINT) && (any & FOR_NODE))
		return FOR_NODE;
	return (all & HAS_ZONE_HINT) && (any & FOR_ZONE) ? FOR_ZONE : 0;
}

static bool is_terminating(uint8_t standing)
{
	return standing == TERMINATING_READY || standing == TERMINATING_SERVING;
}

int desired_choose(struct fb_arena *arena, const struct desired_candidates *from,
		   enum desired_set set, struct fb_service_spec *spec)
{
	uint8_t must = set == DESIRED_LOCAL ? LOCAL : 0;
	uint8_t hint = set == DESIRED_CLUSTER ? hint_to_follow(from) : 0;
	struct fb_endpoint_spec *v = fb_arena_alloc_unset(arena, from->n, sizeof(*v));
	bool any_ready = false;
	bool any_active = false;
	bool any_usable = false;
	uint32_t n = 0;

	if (v == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < from->n; i++)
		any_ready |= desired_is_ready(from->v[i].standing) && (from->v[i].place & must) == must;
	if (any_ready)
		must |= hint;
	for (uint32_t i = 0; i < from->n; i++) {
		const struct desired_candidate *c = &from->v[i];
		bool fits = any_ready ? desired_is_ready(c->standing) : c->standing == TERMINATING_SERVING;
		bool is_chosen = fits && (c->place & must) == must;
		bool takes = is_chosen && c->weight > 0;

		if (c->standing == NOT_READY || c->standing == TERMINATING)
			continue;
		/* With no weight at all there is nobody to take flows, here or elsewhere. */
		any_active |= is_chosen;
		any_usable |= c->standing != NOT_READY_SERVING;
		v[n++] = (struct fb_endpoint_spec){
			.addr = c->addr,
			.port_be = rte_cpu_to_be_16(c->port),
			.state = takes ? FB_EP_ACTIVE : FB_EP_DRAINING,
			.terminating = !takes && is_terminating(c->standing),
			.weight = c->weight,
		};
	}
	spec->endpoints = v;
	spec->n_endpoints = n;
	spec->elsewhere = !any_active && any_usable;
	return 0;
}
