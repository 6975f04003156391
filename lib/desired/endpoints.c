/* SPDX-License-Identifier: BSD-3-Clause */

#include "desired/endpoints.h"

#include <errno.h>
#include <string.h>

#include "desired/candidates.h"
#include "desired/recent.h"
#include "desired/weights.h"

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

/* Where there is no slice. */
static void collect_others(struct candidates *c)
{
	const struct fb_object *endpoints = c->query->view->endpoints;

	c->n = 0;
	if (endpoints != NULL)
		add_endpoints(c, &endpoints->endpoints);
	else
		add_pods(c);
}

int desired_of_slices(struct fb_arena *arena, const struct desired_query *query,
		      const struct desired_said *said, const struct fb_object *const *slices,
		      uint32_t n_slices, struct desired_candidates *ret)
{
	struct candidates c = {.query = query};

	for (uint32_t i = 0; i < n_slices; i++)
		add_slice(&c, &slices[i]->slice);
	c.v = fb_arena_alloc_unset(arena, c.n, sizeof(*c.v));
	if (c.v == NULL)
		return -ENOMEM;
	c.n = 0;
	for (uint32_t i = 0; i < n_slices; i++) {
		/* Room is made for those of others, too: labels take as long as all the rest. */
		if (fb_labels_are_for_proxies(&slices[i]->meta.labels))
			add_slice(&c, &slices[i]->slice);
	}
	desired_order(c.v, c.n);
	desired_weigh(query, said, c.v, c.n);
	*ret = (struct desired_candidates){c.v, c.n};
	return 0;
}

int desired_collect(struct fb_arena *arena, const struct desired_query *query,
		    struct desired_candidates *ret)
{
	struct candidates c = {.query = query};
	struct desired_said said;

	if (desired_ask_pods(arena, query, &said) != 0)
		return -ENOMEM;
	if (query->view->n_slices > 0)
		return desired_recent_collect(arena, query, &said, ret);
	collect_others(&c);
	c.v = fb_arena_alloc_unset(arena, c.n, sizeof(*c.v));
	if (c.v == NULL)
		return -ENOMEM;
	collect_others(&c);
	c.n = desired_sort(c.v, c.n);
	desired_weigh(query, &said, c.v, c.n);
	*ret = (struct desired_candidates){c.v, c.n};
	return 0;
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

	for (uint32_t i = 0; i < from->n && all != 0; i++) {
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
	for (uint32_t i = 0; i < from->n && !any_ready; i++)
		any_ready = desired_is_ready(from->v[i].standing) && (from->v[i].place & must) == must;
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
