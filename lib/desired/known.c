/* SPDX-License-Identifier: BSD-3-Clause */

#include "desired/known.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "desired/endpoints.h"

/* Two rounds: how many, and which. */
struct list {
	struct fb_known_endpoint *v; /* NULL: only counting */
	size_t n;
};

static void add(struct list *l, const struct fb_known_endpoint *e)
{
	if (l->v != NULL)
		l->v[l->n] = *e;
	l->n++;
}

/* Of several addresses traffic goes to the first one. */
static void add_addresses(struct list *l, const struct fb_slice_endpoint *from, bool proxied,
			  struct fb_known_endpoint *e)
{
	e->ready = from->ready;
	e->serving = from->serving;
	e->terminating = from->terminating;
	e->node_name = from->node_name;
	for (uint32_t i = 0; i < from->n_addrs; i++) {
		e->addr = from->addrs[i];
		e->proxied = proxied && i == 0 && e->port != 0;
		add(l, e);
	}
}

static void add_slice(struct list *l, const struct fb_endpoint_slice *slice, bool proxied)
{
	for (uint32_t i = 0; i < slice->n_endpoints; i++) {
		struct fb_known_endpoint e = {.proto = IPPROTO_TCP, .port_name = ""};

		for (uint32_t p = 0; p < slice->n_ports; p++) {
			e.port = slice->ports[p].port;
			e.proto = slice->ports[p].proto;
			e.port_name = slice->ports[p].name;
			add_addresses(l, &slice->endpoints[i], proxied, &e);
		}
		if (slice->n_ports == 0)
			add_addresses(l, &slice->endpoints[i], proxied, &e);
	}
}

static void add_subset_port(struct list *l, const struct fb_endpoints_subset *subset,
			    struct fb_known_endpoint *e)
{
	for (uint32_t i = 0; i < subset->n_ready + subset->n_not_ready; i++) {
		bool ready = i < subset->n_ready;
		const struct fb_endpoints_address *address =
			ready ? &subset->ready[i] : &subset->not_ready[i - subset->n_ready];

		e->addr = address->addr;
		e->node_name = address->node_name;
		e->ready = ready;
		e->serving = ready;
		e->proxied = e->port != 0;
		add(l, e);
	}
}

static void add_subset(struct list *l, const struct fb_endpoints_subset *subset)
{
	struct fb_known_endpoint e = {.proto = IPPROTO_TCP, .port_name = ""};

	for (uint32_t p = 0; p < subset->n_ports; p++) {
		e.port = subset->ports[p].port;
		e.proto = subset->ports[p].proto;
		e.port_name = subset->ports[p].name;
		add_subset_port(l, subset, &e);
	}
	if (subset->n_ports == 0)
		add_subset_port(l, subset, &e);
}

static void add_pod_port(struct list *l, const struct fb_object *service, const struct fb_pod *pod,
			 struct fb_known_endpoint *e)
{
	for (uint32_t i = 0; i < pod->n_addrs; i++) {
		if (!desired_has_family(&service->service, fb_addr_family(&pod->addrs[i])))
			continue;
		e->addr = pod->addrs[i];
		e->ready = service->service.publish_not_ready || (pod->ready && !pod->terminating);
		e->serving = pod->ready;
		e->terminating = pod->terminating;
		e->node_name = pod->node_name;
		add(l, e);
	}
}

static void add_pods(struct list *l, const struct fb_store *store, const struct fb_object *service)
{
	const struct fb_model_service *s = &service->service;
	struct fb_store_pods walk = {0};
	const struct fb_object *pod;

	while ((pod = fb_store_pod_next(store, service, &walk)) != NULL) {
		struct fb_known_endpoint e = {.proto = IPPROTO_TCP, .port_name = ""};

		if (pod->pod.finished)
			continue;
		e.proxied = s->n_ports > 0 && (s->publish_not_ready || desired_has_node(store, &pod->pod));
		for (uint32_t p = 0; p < s->n_ports; p++) {
			e.port = desired_port_on(&pod->pod, &s->ports[p]);
			e.proto = s->ports[p].proto;
			e.port_name = s->ports[p].name;
			if (e.port != 0)
				add_pod_port(l, service, &pod->pod, &e);
		}
		if (s->n_ports == 0)
			add_pod_port(l, service, &pod->pod, &e);
	}
}

static void collect(struct list *l, const struct fb_store *store, const struct fb_store_view *view)
{
	l->n = 0;
	for (uint32_t i = 0; i < view->n_slices; i++) {
		if (!view->slices[i]->slice.fqdn)
			add_slice(l, &view->slices[i]->slice,
				  fb_labels_are_for_proxies(&view->slices[i]->meta.labels));
	}
	if (view->n_slices > 0)
		return;
	for (uint32_t i = 0; view->endpoints != NULL && i < view->endpoints->endpoints.n_subsets; i++)
		add_subset(l, &view->endpoints->endpoints.subsets[i]);
	if (view->endpoints == NULL && view->service != NULL)
		add_pods(l, store, view->service);
}

static int compare_places(const struct fb_known_endpoint *a, const struct fb_known_endpoint *b)
{
	int order = strcmp(a->port_name, b->port_name);

	if (order == 0)
		order = (int)a->proto - (int)b->proto;
	if (order == 0)
		order = memcmp(&a->addr, &b->addr, sizeof(a->addr));
	return order != 0 ? order : (int)a->port - (int)b->port;
}

/* What stands in two slices, while it moves: what counts for traffic, of that the one that stays. */
static int compare(const void *left, const void *right)
{
	const struct fb_known_endpoint *a = left;
	const struct fb_known_endpoint *b = right;
	int order = compare_places(a, b);

	if (order == 0)
		order = (int)b->proxied - (int)a->proxied;
	if (order == 0)
		order = (int)a->terminating - (int)b->terminating;
	if (order == 0)
		order = (int)b->ready - (int)a->ready;
	return order != 0 ? order : (int)b->serving - (int)a->serving;
}

int fb_known_endpoints(const struct fb_store *store, const struct fb_store_view *view,
		       struct fb_known_endpoints *ret)
{
	struct list l = {0};
	size_t kept = 0;

	collect(&l, store, view);
	l.v = calloc(l.n + 1, sizeof(*l.v));
	if (l.v == NULL)
		return -ENOMEM;
	collect(&l, store, view);
	if (l.n > 1)
		qsort(l.v, l.n, sizeof(*l.v), compare);
	for (size_t i = 0; i < l.n; i++) {
		if (kept == 0 || compare_places(&l.v[kept - 1], &l.v[i]) != 0)
			l.v[kept++] = l.v[i];
	}
	ret->v = l.v;
	ret->n = kept;
	return 0;
}
