/* SPDX-License-Identifier: BSD-3-Clause */

#include "desired/endpoints.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * What is known of one (address, port). Where it is listed twice the first of these wins: an
 * address whose pod is going away may already belong to a new pod, so terminating ones come last.
 */
enum standing {
	READY,
	NOT_READY_SERVING,
	NOT_READY,
	TERMINATING_READY, /* with publishNotReadyAddresses */
	TERMINATING_SERVING,
	TERMINATING,
};

struct candidate {
	struct fb_addr addr;
	uint16_t port;
	uint8_t standing;
};

struct candidates {
	struct candidate *v; /* NULL: only counting */
	uint32_t n;
};

static void add(struct candidates *c, const struct fb_addr *addr, uint16_t port,
		enum standing standing)
{
	if (c->v != NULL)
		c->v[c->n] = (struct candidate){*addr, port, (uint8_t)standing};
	c->n++;
}

static bool matches(const struct fb_endpoint_port *have, const struct fb_service_port *want)
{
	return have->port != 0 && have->proto == want->proto && strcmp(have->name, want->name) == 0;
}

static enum standing standing_of(const struct fb_slice_endpoint *e)
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

static bool is_ready(enum standing standing)
{
	return standing == READY || standing == TERMINATING_READY;
}

/* Ports and endpoints of one slice go together; slices are united. */
static void add_slice(struct candidates *c, const struct fb_endpoint_slice *slice,
		      const struct fb_service_port *port, enum fb_family family)
{
	if (slice->fqdn || slice->family != family)
		return;
	for (uint32_t i = 0; i < slice->n_ports; i++) {
		if (!matches(&slice->ports[i], port))
			continue;
		for (uint32_t j = 0; j < slice->n_endpoints; j++) {
			const struct fb_slice_endpoint *e = &slice->endpoints[j];

			add(c, &e->addrs[0], slice->ports[i].port, standing_of(e));
		}
	}
}

static void add_addresses(struct candidates *c, const struct fb_endpoints_address *addresses,
			  uint32_t n, uint16_t port, enum fb_family family)
{
	for (uint32_t i = 0; i < n; i++) {
		if (fb_addr_family(&addresses[i].addr) == family)
			add(c, &addresses[i].addr, port, READY);
	}
}

/* The older kind has no way to say "terminating": who is not ready is left out. */
static void add_endpoints(struct candidates *c, const struct fb_endpoints *endpoints,
			  const struct fb_service_port *port, enum fb_family family)
{
	for (uint32_t i = 0; i < endpoints->n_subsets; i++) {
		const struct fb_endpoints_subset *subset = &endpoints->subsets[i];

		for (uint32_t j = 0; j < subset->n_ports; j++) {
			if (matches(&subset->ports[j], port))
				add_addresses(c, subset->ready, subset->n_ready,
					      subset->ports[j].port, family);
		}
	}
}

/* Does the cluster know the pod's node? Files often have no Nodes at all: then it does not matter. */
static bool has_node(const struct fb_store *store, const struct fb_pod *pod)
{
	return pod->node_name[0] == '\0' || fb_store_n_objects(store, FB_KIND_NODE) == 0 ||
	       fb_store_find(store, FB_KIND_NODE, "", pod->node_name, NULL) != NULL;
}

/* The number of a targetPort on a pod; 0: it has no such port. */
static uint16_t port_on(const struct fb_pod *pod, const struct fb_service_port *port)
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

static enum standing standing_of_pod(const struct fb_pod *pod, bool publish_not_ready)
{
	if (pod->terminating) {
		if (publish_not_ready)
			return TERMINATING_READY;
		return pod->ready ? TERMINATING_SERVING : TERMINATING;
	}
	return pod->ready || publish_not_ready ? READY : NOT_READY;
}

/* Here forebay does what the cluster's endpoint controller would. */
static void add_pod(struct candidates *c, const struct fb_pod *pod, bool publish_not_ready,
		    const struct fb_service_port *port, enum fb_family family)
{
	uint16_t number = port_on(pod, port);

	for (uint32_t i = 0; i < pod->n_addrs && number != 0 && !pod->finished; i++) {
		if (fb_addr_family(&pod->addrs[i]) == family)
			add(c, &pod->addrs[i], number, standing_of_pod(pod, publish_not_ready));
	}
}

static void add_pods(struct candidates *c, const struct fb_store *store,
		     const struct fb_object *object, const struct fb_service_port *port,
		     enum fb_family family)
{
	bool publish_not_ready = object->service.publish_not_ready;
	struct fb_store_pods walk = {0};
	const struct fb_object *pod;

	while ((pod = fb_store_pod_next(store, object, &walk)) != NULL) {
		if (publish_not_ready || has_node(store, &pod->pod))
			add_pod(c, &pod->pod, publish_not_ready, port, family);
	}
}

static void collect(struct candidates *c, const struct fb_store *store,
		    const struct fb_store_view *view, const struct fb_service_port *port,
		    enum fb_family family)
{
	c->n = 0;
	for (uint32_t i = 0; i < view->n_slices; i++)
		add_slice(c, &view->slices[i]->slice, port, family);
	if (view->n_slices > 0)
		return;
	if (view->endpoints != NULL)
		add_endpoints(c, &view->endpoints->endpoints, port, family);
	else
		add_pods(c, store, view->service, port, family);
}

/* By address and port; the better standing of the same endpoint comes first. */
static int compare(const void *left, const void *right)
{
	const struct candidate *a = left;
	const struct candidate *b = right;
	int order = memcmp(&a->addr, &b->addr, sizeof(a->addr));

	if (order != 0)
		return order;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return (int)a->standing - (int)b->standing;
}

static uint32_t sort_and_unite(struct candidate *v, uint32_t n)
{
	uint32_t kept = 0;

	if (n > 0)
		qsort(v, n, sizeof(*v), compare);
	for (uint32_t i = 0; i < n; i++) {
		if (kept > 0 && v[kept - 1].port == v[i].port &&
		    fb_addr_equal(&v[kept - 1].addr, &v[i].addr))
			continue;
		v[kept++] = v[i];
	}
	return kept;
}

int desired_endpoints(struct fb_arena *arena, const struct fb_store *store,
		      const struct fb_store_view *view,
		      const struct fb_service_port *port, enum fb_family family,
		      const struct fb_endpoint_spec **ret, uint32_t *ret_n)
{
	struct candidates c = {NULL, 0};
	struct fb_endpoint_spec *specs;
	bool any_ready = false;
	uint32_t n;
	uint32_t kept = 0;

	collect(&c, store, view, port, family);
	specs = fb_arena_alloc(arena, c.n, sizeof(*specs));
	c.v = fb_arena_alloc(arena, c.n, sizeof(*c.v));
	if (specs == NULL || c.v == NULL)
		return -ENOMEM;
	collect(&c, store, view, port, family);
	n = sort_and_unite(c.v, c.n);
	for (uint32_t i = 0; i < n; i++)
		any_ready |= is_ready(c.v[i].standing);
	for (uint32_t i = 0; i < n; i++) {
		enum standing standing = c.v[i].standing;
		bool takes = any_ready ? is_ready(standing) : standing == TERMINATING_SERVING;

		if (standing == NOT_READY || standing == TERMINATING)
			continue;
		specs[kept++] = (struct fb_endpoint_spec){
			.addr = c.v[i].addr,
			.port_be = rte_cpu_to_be_16(c.v[i].port),
			.state = takes ? FB_EP_ACTIVE : FB_EP_DRAINING,
			.weight = 1,
		};
	}
	*ret = specs;
	*ret_n = kept;
	return 0;
}
