/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/items.h"

#include <stdlib.h>
#include <string.h>

#include "control/answer.h"
#include "control/explain.h"
#include "desired/health.h"
#include "desired/known.h"
#include "manifest/json.h"
#include "model/selector.h"

struct fb_items {
	const struct listing *listing;
	struct fb_object **objects; /* held: the Service, or what names one; the Pod; the Node */
	size_t n;
	size_t at;
	bool with_object;
	/* Of an object with many rows, how far it has been told. */
	uint32_t port;
	uint32_t endpoint;
	/* Endpoints that are gone and have flows come last: of whom, by the request. */
	bool removed_due;
	char *namespace_; /* NULL: any */
	char *name;
};

/* Rows of one object at a time; a Service may have 20,000 endpoints. */
#define ROWS 64

struct listing {
	const char *what;
	enum fb_object_kind kind;
	bool orphans; /* also Service names that only endpoints have */
	/* @return whether the object has more to tell */
	bool (*append)(struct fb_items *items, const struct fb_items_source *source,
		       const struct fb_object *object, json_t *list);
};

/* ---- values ---- */

static void set_integer(json_t *o, const char *key, uint64_t value)
{
	(void)json_object_set_new(o, key, json_integer((json_int_t)value));
}

static void append_addr(json_t *list, const struct fb_addr *addr)
{
	char text[FB_ADDR_STRLEN];

	(void)json_array_append_new(list, json_string(fb_addr_format(addr, text)));
}

static json_t *addr_port(const struct fb_addr *addr, uint16_t port)
{
	char text[FB_ADDR_PORT_STRLEN];

	return json_string(fb_addr_port_format(addr, port, text));
}

static json_t *labels_json(const struct fb_labels *labels)
{
	json_t *o = json_object();

	for (uint32_t i = 0; i < labels->n; i++)
		(void)json_object_set_new(o, labels->v[i].key, fb_json_text(labels->v[i].value));
	return o;
}

static void set_object(const struct fb_items *items, const struct fb_object *object, json_t *o)
{
	if (items != NULL && items->with_object)
		(void)json_object_set_new(o, "object", fb_manifest_json(object));
}

/* ---- what workers know of a Service: sums over its compiled ports ---- */

struct service_sums {
	uint64_t endpoints; /* distinct (address, port), active */
	uint64_t draining;
	uint64_t flows;
	uint64_t packets;
	uint64_t bytes;
	uint64_t rejected;
	uint64_t dropped;
	const char *mode; /* "snat", "dnat", "mixed"; NULL: not compiled */
};

static struct fb_service_counters service_counters(const struct fb_items_source *s, uint32_t id)
{
	struct fb_service_counters v = {0};

	if (s->service_counters != NULL)
		s->service_counters(s->arg, id, &v);
	return v;
}

static struct fb_endpoint_counters endpoint_counters(const struct fb_items_source *s, uint32_t id)
{
	struct fb_endpoint_counters v = {0};

	if (s->endpoint_counters != NULL)
		s->endpoint_counters(s->arg, id, &v);
	return v;
}

/* Of all parts of the port: active where one gives it new flows. */
static uint8_t state_of(const struct fb_items_source *s, const struct fb_endpoint *ep)
{
	return s->snap != NULL && ep->id < s->snap->n_endpoints ? s->snap->endpoints[ep->id].state
								: (uint8_t)FB_EP_ABSENT;
}

static void add_compiled(const struct fb_items_source *s, const struct fb_service *svc,
			 struct service_sums *sums)
{
	const char *mode = fb_service_mode_names[svc->mode];
	struct fb_service_counters counters;

	sums->mode = sums->mode == NULL || sums->mode == mode ? mode : "mixed";
	/* Parts of a port share its counters, and have the same endpoints. */
	if (svc->part != 0)
		return;
	counters = service_counters(s, svc->id);
	sums->rejected += counters.rejected;
	sums->dropped += counters.dropped;
	for (uint32_t e = 0; e < svc->n_endpoints; e++) {
		struct fb_endpoint_counters ep = endpoint_counters(s, svc->endpoints[e].id);
		uint8_t state = state_of(s, &svc->endpoints[e]);

		sums->endpoints += state == FB_EP_ACTIVE;
		sums->draining += state == FB_EP_DRAINING;
		sums->flows += ep.live;
		sums->packets += ep.packets;
		sums->bytes += ep.bytes;
	}
}

/* ---- services ---- */

static json_t *external_addresses(const struct fb_model_service *svc)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < svc->n_ingress; i++) {
		if (svc->ingress[i].has_addr)
			append_addr(list, &svc->ingress[i].addr);
		else if (svc->ingress[i].hostname[0] != '\0')
			(void)json_array_append_new(list, fb_json_text(svc->ingress[i].hostname));
	}
	if (svc->n_ingress == 0 && svc->has_load_balancer_ip &&
	    svc->type == FB_SERVICE_LOAD_BALANCER)
		append_addr(list, &svc->load_balancer_ip);
	for (uint32_t i = 0; i < svc->n_external_ips; i++)
		append_addr(list, &svc->external_ips[i]);
	return list;
}

/* As the cluster's own status says it, so that what reads that can read this. */
static json_t *status_json(const struct fb_model_service *svc)
{
	json_t *ingress = json_array();

	for (uint32_t i = 0; i < svc->n_ingress; i++) {
		const struct fb_ingress *at = &svc->ingress[i];
		json_t *o = json_object();
		char text[FB_ADDR_STRLEN];

		if (at->has_addr) {
			(void)json_object_set_new(o, "ip",
						  json_string(fb_addr_format(&at->addr, text)));
			(void)json_object_set_new(o, "ipMode",
						  json_string(at->proxy ? "Proxy" : "VIP"));
		}
		if (at->hostname[0] != '\0')
			(void)json_object_set_new(o, "hostname", fb_json_text(at->hostname));
		(void)json_array_append_new(ingress, o);
	}
	return json_pack("{s:{s:o}}", "loadBalancer", "ingress", ingress);
}

/* "30000-30099", "30000-30099:40000", "all" */
static json_t *ranges_json(const struct fb_service_port *port)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < port->n_ranges; i++) {
		const struct fb_port_range *r = &port->ranges[i];

		if (r->all)
			(void)json_array_append_new(list, json_string("all"));
		else if (r->target == r->first)
			(void)json_array_append_new(list, json_sprintf("%u-%u", r->first, r->last));
		else
			(void)json_array_append_new(
				list, json_sprintf("%u-%u:%u", r->first, r->last, r->target));
	}
	return list;
}

static json_t *ports_json(const struct fb_model_service *svc)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < svc->n_ports; i++) {
		const struct fb_service_port *port = &svc->ports[i];
		json_t *o = json_pack("{s:s,s:i,s:s}", "name", port->name, "port", (int)port->port,
				      "protocol", fb_protocol_name(port->proto));

		if (port->node_port != 0)
			set_integer(o, "node_port", port->node_port);
		if (port->target_port != 0)
			set_integer(o, "target_port", port->target_port);
		else
			(void)json_object_set_new(o, "target_port", json_string(port->target_name));
		if (port->n_ranges > 0)
			(void)json_object_set_new(o, "ranges", ranges_json(port));
		(void)json_array_append_new(list, o);
	}
	return list;
}

static void set_sums(const struct fb_items_source *s, const struct fb_store_view *view, json_t *o)
{
	struct service_sums sums = {0};
	const struct fb_service *svc;

	for (uint32_t i = 0; (svc = fb_table_service_port(s->table, view->namespace_, view->name,
							  i)) != NULL;
	     i++)
		add_compiled(s, svc, &sums);
	(void)json_object_set_new(o, "mode", sums.mode != NULL ? json_string(sums.mode)
							       : json_null());
	set_integer(o, "endpoints", sums.endpoints);
	set_integer(o, "draining", sums.draining);
	set_integer(o, "flows", sums.flows);
	set_integer(o, "packets", sums.packets);
	set_integer(o, "bytes", sums.bytes);
	set_integer(o, "rejected", sums.rejected);
	set_integer(o, "dropped", sums.dropped);
}

static json_t *service_json(const struct fb_items *items, const struct fb_items_source *s,
			    const struct fb_store_view *view)
{
	const struct fb_model_service *svc = &view->service->service;
	const char *lacks = fb_pool_trouble(s->pool, view->namespace_, view->name);
	json_t *cluster_ips = json_array();
	json_t *o;

	for (uint8_t i = 0; i < svc->n_cluster_ips; i++)
		append_addr(cluster_ips, &svc->cluster_ips[i]);
	o = json_pack("{s:s,s:s,s:s,s:b,s:o,s:o,s:o}", "namespace", view->namespace_, "name",
		      view->name, "type", fb_service_type_names[svc->type], "headless",
		      (int)svc->headless, "cluster_ips", cluster_ips, "external_ips",
		      external_addresses(svc), "ports", ports_json(svc));
	(void)json_object_set_new(o, "created", fb_json_text(view->service->meta.creation));
	(void)json_object_set_new(o, "external_name", fb_json_text(svc->external_name));
	(void)json_object_set_new(o, "labels", labels_json(&view->service->meta.labels));
	(void)json_object_set_new(o, "selector", labels_json(&svc->selector));
	(void)json_object_set_new(o, "file", fb_json_text(view->service->place.file));
	if (svc->type == FB_SERVICE_LOAD_BALANCER)
		(void)json_object_set_new(o, "status", status_json(svc));
	if (lacks != NULL)
		(void)json_object_set_new(o, "lacks", fb_json_text(lacks));
	set_sums(s, view, o);
	set_object(items, view->service, o);
	return o;
}

static bool append_service(struct fb_items *items, const struct fb_items_source *s,
			   const struct fb_object *object, json_t *list)
{
	struct fb_store_view view;

	if (fb_store_view(s->store, object->meta.namespace_, object->meta.name, &view) &&
	    view.service != NULL)
		(void)json_array_append_new(list, service_json(items, s, &view));
	return false;
}

/* ---- endpoints ---- */

static json_t *next_hop_json(const struct fb_items_source *s, uint32_t ep_id)
{
	static const char *const states[] = {
		[FB_HOP_NONE] = "no route",
		[FB_HOP_UNRESOLVED] = "unresolved",
		[FB_HOP_READY] = "ready",
	};
	const struct fb_snapshot *snap = s->snap;
	uint16_t nh_idx = snap != NULL && ep_id < snap->n_endpoints ? snap->endpoints[ep_id].nh_idx
								    : 0;
	const struct fb_next_hop *nh;
	struct fb_addr gateway;
	char text[FB_ADDR_STRLEN];
	json_t *o;

	if (snap == NULL || nh_idx >= snap->n_next_hops ||
	    snap->next_hops[nh_idx].state == FB_HOP_NONE)
		return json_pack("{s:s}", "state", states[FB_HOP_NONE]);
	nh = &snap->next_hops[nh_idx];
	o = json_pack("{s:s,s:s}", "state", states[nh->state], "port",
		      s->port_name != NULL ? s->port_name(s->arg, nh->port) : "");
	if (s->gateway != NULL && s->gateway(s->arg, nh_idx, &gateway) == 0)
		(void)json_object_set_new(o, "address",
					  json_string(fb_addr_format(&gateway, text)));
	return o;
}

/* For how long it has been what it is, and what is left of its flows' time. */
static void set_age(const struct fb_items_source *s, json_t *o, uint32_t ep_id,
		    uint32_t drain_deadline_s)
{
	const struct fb_endpoint_info *info;
	uint32_t age_s;

	if (s->snap == NULL || ep_id >= s->snap->n_endpoints || s->endpoint_counters == NULL)
		return;
	info = &s->snap->endpoints[ep_id];
	age_s = s->now_s > info->since_s ? s->now_s - info->since_s : 0;
	set_integer(o, "since_s", age_s);
	(void)json_object_set_new(o, "terminating",
				  json_boolean(info->flags & FB_EP_TERMINATING));
	(void)json_object_set_new(o, "over", json_boolean(info->flags & FB_EP_OVER));
	if ((info->flags & FB_EP_TERMINATING) && drain_deadline_s > 0)
		set_integer(o, "deadline_s", drain_deadline_s > age_s ? drain_deadline_s - age_s : 0);
}

static json_t *endpoint_json(const struct fb_items_source *s, const struct fb_service *svc,
			     const struct fb_endpoint *ep, uint8_t state)
{
	struct fb_endpoint_counters counters = endpoint_counters(s, ep->id);
	json_t *o = json_pack("{s:s,s:s,s:s,s:i,s:s}", "namespace", svc->namespace_, "name",
			      svc->name, "port_name", svc->port_name, "port", (int)svc->port,
			      "protocol", fb_protocol_name(svc->proto));

	(void)json_object_set_new(o, "endpoint",
				  addr_port(&ep->addr, rte_be_to_cpu_16(ep->port_be)));
	(void)json_object_set_new(o, "state",
				  json_string(state == FB_EP_ACTIVE ? "active" : "draining"));
	set_integer(o, "flows", counters.live);
	set_integer(o, "created", counters.flows);
	set_integer(o, "packets", counters.packets);
	set_integer(o, "bytes", counters.bytes);
	set_age(s, o, ep->id, svc->drain_deadline_s);
	(void)json_object_set_new(o, "next_hop", next_hop_json(s, ep->id));
	return o;
}

/* One that is gone from the cluster; its Service may be, too. */
static json_t *removed_json(const struct fb_items_source *s, uint32_t id,
			    const struct fb_endpoint_name *name, uint64_t flows)
{
	json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:s}", "namespace", name->namespace_, "name",
			      name->name, "port_name", name->port_name, "protocol",
			      fb_protocol_name(name->proto), "state", "removed");

	(void)json_object_set_new(o, "endpoint",
				  addr_port(&name->addr, rte_be_to_cpu_16(name->port_be)));
	set_integer(o, "flows", flows);
	set_age(s, o, id, 0);
	return o;
}

#define REMOVED_AT_ONCE 4096

/* @return whether there is more */
static bool append_removed(struct fb_items *items, const struct fb_items_source *s, json_t *list)
{
	uint32_t n = s->snap != NULL && s->endpoint_counters != NULL ? s->snap->n_endpoints : 0;
	uint32_t stop = n - items->endpoint > REMOVED_AT_ONCE && n > items->endpoint
				? items->endpoint + REMOVED_AT_ONCE
				: n;

	for (; items->endpoint < stop; items->endpoint++) {
		uint32_t id = items->endpoint;
		struct fb_endpoint_name name;
		uint64_t flows;

		if (s->snap->endpoints[id].state != FB_EP_REMOVED ||
		    fb_table_endpoint_name(s->table, id, &name) != 0 ||
		    (items->namespace_ != NULL && strcmp(items->namespace_, name.namespace_) != 0) ||
		    (items->name != NULL && strcmp(items->name, name.name) != 0))
			continue;
		flows = endpoint_counters(s, id).live;
		if (flows > 0)
			(void)json_array_append_new(list, removed_json(s, id, &name, flows));
	}
	return items->endpoint < n;
}

/* Does a compiled port send to it? */
static bool is_compiled(const struct fb_items_source *s, const struct fb_store_view *view,
			const struct fb_known_endpoint *e)
{
	const struct fb_service *svc;

	for (uint32_t i = 0; (svc = fb_table_service_port(s->table, view->namespace_, view->name,
							  i)) != NULL;
	     i++) {
		if (svc->proto == e->proto && strcmp(svc->port_name, e->port_name) == 0 &&
		    fb_table_has_endpoint(svc, &e->addr, rte_cpu_to_be_16(e->port)))
			return true;
	}
	return false;
}

static json_t *known_json(const struct fb_store_view *view, const struct fb_known_endpoint *e)
{
	const char *state = e->ready				? "unserved"
			    : e->serving && e->terminating ? "terminating"
							   : "not-ready";
	char text[FB_ADDR_STRLEN];
	json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:s}", "namespace", view->namespace_, "name",
			      view->name, "port_name", e->port_name, "protocol",
			      fb_protocol_name(e->proto), "state", state);

	(void)json_object_set_new(o, "endpoint",
				  e->port != 0 ? addr_port(&e->addr, e->port)
					       : json_string(fb_addr_format(&e->addr, text)));
	for (uint32_t i = 0; view->service != NULL && i < view->service->service.n_ports; i++) {
		const struct fb_service_port *port = &view->service->service.ports[i];

		if (port->proto == e->proto && strcmp(port->name, e->port_name) == 0)
			set_integer(o, "port", port->port);
	}
	return o;
}

/* @return whether there is more */
static bool append_compiled(struct fb_items *items, const struct fb_items_source *s,
			    const struct fb_store_view *view, json_t *list)
{
	const struct fb_service *svc;
	uint32_t rows = 0;

	while ((svc = fb_table_service_port(s->table, view->namespace_, view->name, items->port)) !=
	       NULL) {
		for (; svc->part == 0 && items->endpoint < svc->n_endpoints; items->endpoint++) {
			const struct fb_endpoint *ep = &svc->endpoints[items->endpoint];

			if (rows++ == ROWS)
				return true;
			(void)json_array_append_new(list,
						    endpoint_json(s, svc, ep, state_of(s, ep)));
		}
		items->endpoint = 0;
		items->port++;
	}
	return false;
}

/* What is known and nothing is sent to: of headless Services, not ready, of another's Service. */
static void append_known(const struct fb_items_source *s, const struct fb_store_view *view,
			 json_t *list)
{
	struct fb_known_endpoints known;

	if (fb_known_endpoints(s->store, view, &known) != 0)
		return;
	for (size_t i = 0; i < known.n; i++) {
		if (!is_compiled(s, view, &known.v[i]))
			(void)json_array_append_new(list, known_json(view, &known.v[i]));
	}
	free(known.v);
}

static bool append_endpoints(struct fb_items *items, const struct fb_items_source *s,
			     const struct fb_object *object, json_t *list)
{
	struct fb_store_view view;

	if (fb_store_view(s->store, object->meta.namespace_, fb_object_service_name(object), &view)) {
		if (append_compiled(items, s, &view, list))
			return true;
		append_known(s, &view, list);
	}
	items->port = 0;
	items->endpoint = 0;
	return false;
}

/* ---- pods and nodes ---- */

static bool append_pod(struct fb_items *items, const struct fb_items_source *s,
		       const struct fb_object *object, json_t *list)
{
	const struct fb_pod *pod = &object->pod;
	json_t *addresses = json_array();
	json_t *o;

	(void)s;
	for (uint8_t i = 0; i < pod->n_addrs; i++)
		append_addr(addresses, &pod->addrs[i]);
	o = json_pack("{s:s,s:s,s:b,s:b,s:o,s:o}", "namespace", object->meta.namespace_, "name",
		      object->meta.name, "ready", (int)pod->ready, "terminating",
		      (int)pod->terminating, "addresses", addresses, "labels",
		      labels_json(&object->meta.labels));
	(void)json_object_set_new(o, "phase", fb_json_text(pod->phase));
	(void)json_object_set_new(o, "node", fb_json_text(pod->node_name));
	(void)json_object_set_new(o, "created", fb_json_text(object->meta.creation));
	set_object(items, object, o);
	(void)json_array_append_new(list, o);
	return false;
}

static bool append_node(struct fb_items *items, const struct fb_items_source *s,
			const struct fb_object *object, json_t *list)
{
	const char *zone = fb_labels_get(&object->meta.labels, FB_LABEL_ZONE);
	json_t *o = json_pack("{s:s,s:o}", "name", object->meta.name, "labels",
			      labels_json(&object->meta.labels));

	(void)s;
	(void)json_object_set_new(o, "zone", fb_json_text(zone != NULL ? zone : ""));
	(void)json_object_set_new(o, "created", fb_json_text(object->meta.creation));
	set_object(items, object, o);
	(void)json_array_append_new(list, o);
	return false;
}

/* ---- the walk ---- */

static const struct listing listings[] = {
	{"services", FB_KIND_SERVICE, false, append_service},
	{"endpoints", FB_KIND_SERVICE, true, append_endpoints},
	{"pods", FB_KIND_POD, false, append_pod},
	{"nodes", FB_KIND_NODE, false, append_node},
};

static const struct listing *find_listing(const char *what)
{
	for (size_t i = 0; what != NULL && i < sizeof(listings) / sizeof(listings[0]); i++) {
		if (strcmp(listings[i].what, what) == 0)
			return &listings[i];
	}
	return NULL;
}

bool fb_items_can(const char *what)
{
	return find_listing(what) != NULL;
}

struct filter {
	const char *namespace_; /* NULL: any */
	const char *name;
	const struct fb_selector *selector;
};

static bool is_wanted(const struct filter *f, const struct fb_object *object, const char *name)
{
	if (object->kind != FB_KIND_NODE && f->namespace_ != NULL &&
	    strcmp(f->namespace_, object->meta.namespace_) != 0)
		return false;
	return (f->name == NULL || strcmp(f->name, name) == 0) &&
	       fb_selector_matches(f->selector, &object->meta.labels);
}

static void hold(struct fb_items *items, const struct fb_object *object)
{
	/* Objects never change; whoever counts the holds is this thread. */
	if (items->objects != NULL)
		items->objects[items->n] = fb_object_hold((struct fb_object *)(uintptr_t)object);
	items->n++;
}

static void collect_services(struct fb_items *items, const struct fb_store *store,
			     const struct filter *f)
{
	const struct fb_store_service *service = NULL;

	while ((service = fb_store_service_next(store, service)) != NULL) {
		const struct fb_object *object;
		struct fb_store_view view;

		fb_store_service_view(service, &view);
		object = view.service;
		if (object == NULL && items->listing->orphans)
			object = view.n_slices > 0 ? view.slices[0] : view.endpoints;
		if (object != NULL && is_wanted(f, object, view.name))
			hold(items, object);
	}
}

static void collect_objects(struct fb_items *items, const struct fb_store *store,
			    const struct filter *f)
{
	struct fb_store_objects walk = {0};
	const struct fb_object *object;

	while ((object = fb_store_object_next(store, items->listing->kind, &walk)) != NULL) {
		if (is_wanted(f, object, object->meta.name))
			hold(items, object);
	}
}

static void collect(struct fb_items *items, const struct fb_store *store, const struct filter *f)
{
	items->n = 0;
	if (items->listing->kind == FB_KIND_SERVICE)
		collect_services(items, store, f);
	else
		collect_objects(items, store, f);
}

/* Two rounds: how many, and which. */
static struct fb_items *make(const struct fb_store *store, const struct listing *listing,
			     const struct filter *f)
{
	struct fb_items *items = calloc(1, sizeof(*items));

	if (items == NULL)
		return NULL;
	items->listing = listing;
	collect(items, store, f);
	items->objects = calloc(items->n + 1, sizeof(struct fb_object *));
	if (items->objects == NULL) {
		free(items);
		return NULL;
	}
	collect(items, store, f);
	return items;
}

struct fb_items *fb_items_begin(const struct fb_store *store, const json_t *request,
				json_t **ret_error)
{
	const struct listing *listing = find_listing(fb_request_string(request, "what"));
	const char *text = fb_request_string(request, "selector");
	char why[FB_SELECTOR_WHY_LEN] = "no memory";
	struct fb_selector selector = {0};
	struct fb_items *items;

	if (text != NULL && fb_selector_parse(text, &selector, why) != 0) {
		*ret_error = fb_answer_error("selector \"%s\": %s", text, why);
		return NULL;
	}
	items = make(store, listing,
		     &(struct filter){
			     .namespace_ = fb_request_string(request, "namespace"),
			     .name = fb_request_string(request, "name"),
			     .selector = &selector,
		     });
	fb_selector_free(&selector);
	if (items == NULL) {
		*ret_error = NULL;
		return NULL;
	}
	items->with_object = json_is_true(json_object_get(request, "object"));
	items->removed_due = listing->orphans && text == NULL;
	if (fb_request_string(request, "namespace") != NULL)
		items->namespace_ = strdup(fb_request_string(request, "namespace"));
	if (fb_request_string(request, "name") != NULL)
		items->name = strdup(fb_request_string(request, "name"));
	return items;
}

bool fb_items_next(struct fb_items *items, const struct fb_items_source *source, json_t *list)
{
	struct fb_object *object;

	if (items->at == items->n && items->removed_due) {
		items->removed_due = append_removed(items, source, list);
		return true;
	}
	if (items->at == items->n)
		return false;
	object = items->objects[items->at];
	if (items->listing->append(items, source, object, list))
		return true;
	items->at++;
	fb_object_release(object);
	return true;
}

void fb_items_end(struct fb_items *items)
{
	if (items == NULL)
		return;
	while (items->at < items->n)
		fb_object_release(items->objects[items->at++]);
	free(items->namespace_);
	free(items->name);
	free(items->objects);
	free(items);
}

json_t *fb_items_answer(const struct fb_items_source *source, const json_t *request)
{
	json_t *error = NULL;
	struct fb_items *items = fb_items_begin(source->store, request, &error);
	json_t *list;

	if (items == NULL)
		return error;
	list = json_array();
	while (fb_items_next(items, source, list))
		;
	fb_items_end(items);
	return json_pack("{s:b,s:o}", "ok", 1, "items", list);
}

/* ---- describe ---- */

static json_t *frontends_json(const struct fb_service *svc)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < svc->n_frontends; i++) {
		const struct fb_frontend_spec *f = &svc->frontends[i];

		(void)json_array_append_new(
			list, json_pack("{s:s,s:o}", "kind", fb_frontend_kind_names[f->kind],
					"address", fb_frontend_json(f)));
	}
	return list;
}

static json_t *compiled_json(const struct fb_items_source *s, const struct fb_service *svc)
{
	struct fb_service_counters counters = service_counters(s, svc->id);
	json_t *endpoints = json_array();
	json_t *o;

	for (uint32_t e = 0; e < svc->n_endpoints; e++) {
		const struct fb_endpoint *ep = &svc->endpoints[e];

		json_t *one = endpoint_json(s, svc, ep, ep->state);

		if (e < svc->n_active)
			set_integer(one, "weight", svc->weights[e]);
		(void)json_array_append_new(endpoints, one);
	}
	o = json_pack("{s:s,s:i,s:s,s:s,s:s,s:i,s:o,s:o}", "name", svc->port_name, "port",
		      (int)svc->port, "protocol", fb_protocol_name(svc->proto), "family",
		      fb_ip_family_names[svc->family], "mode", fb_service_mode_names[svc->mode],
		      "slots", (int)svc->n_slots, "frontends", frontends_json(svc), "endpoints",
		      endpoints);
	(void)json_object_set_new(o, "selection", json_string(fb_selection_names[svc->selection]));
	set_integer(o, "affinity_s", svc->affinity_s);
	set_integer(o, "drain_deadline_s", svc->drain_deadline_s);
	if (svc->removed_tcp_s != FB_NEVER_S)
		set_integer(o, "removed_tcp_s", svc->removed_tcp_s);
	if (svc->selection == FB_SELECT_LEAST_CONNECTIONS)
		set_integer(o, "slow_start_s", svc->slow_start_s);
	set_integer(o, "source_ranges", svc->n_sources);
	set_integer(o, "rejected", counters.rejected);
	set_integer(o, "dropped", counters.dropped);
	return o;
}

/* What whoever asks the healthCheckNodePort is answered, by family of the address it is asked at. */
static void set_health(const struct fb_items_source *s, const char *namespace_, const char *name,
		       json_t *o)
{
	struct fb_desired_health health;
	json_t *answers = json_object();

	if (fb_desired_health(s->store, s->node_name, namespace_, name, &health) != 0 ||
	    health.port == 0) {
		json_decref(answers);
		return;
	}
	for (int f = 0; f < FB_FAMILY_COUNT; f++)
		(void)json_object_set_new(
			answers, fb_ip_family_names[f],
			json_pack("{s:i,s:i}", "http", health.n_endpoints[f] > 0 ? 200 : 503,
				  "endpoints", (int)health.n_endpoints[f]));
	(void)json_object_set_new(o, "health_check",
				  json_pack("{s:i,s:o}", "node_port", (int)health.port, "answers",
					    answers));
}

json_t *fb_items_describe(const struct fb_items_source *s, const json_t *request)
{
	const char *namespace_ = fb_request_string(request, "namespace");
	const char *name = fb_request_string(request, "name");
	const struct fb_service *svc;
	const char *origin = NULL;
	struct fb_store_view view;
	json_t *compiled;
	json_t *o;

	if (!fb_store_view(s->store, namespace_, name, &view) || view.service == NULL)
		return fb_answer_error("there is no Service %s/%s", namespace_, name);
	o = service_json(NULL, s, &view);
	(void)fb_store_find(s->store, FB_KIND_SERVICE, namespace_, name, &origin);
	(void)json_object_set_new(o, "origin", fb_json_text(origin != NULL ? origin : ""));
	set_integer(o, "line", view.service->place.line);
	set_integer(o, "slices", view.n_slices);
	set_health(s, namespace_, name, o);
	compiled = json_array();
	for (uint32_t i = 0; (svc = fb_table_service_port(s->table, namespace_, name, i)) != NULL;
	     i++)
		(void)json_array_append_new(compiled, compiled_json(s, svc));
	(void)json_object_set_new(o, "compiled", compiled);
	return json_pack("{s:b,s:o}", "ok", 1, "service", o);
}
