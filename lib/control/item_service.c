/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/item.h"

#include "control/answer.h"

/* What workers know of a Service: sums over its compiled ports. */
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

static void add_compiled(const struct fb_items_source *s, const struct fb_service *svc,
			 struct service_sums *sums)
{
	const char *mode = fb_service_mode_names[svc->mode];
	struct fb_service_counters counters;

	sums->mode = sums->mode == NULL || sums->mode == mode ? mode : "mixed";
	/* Parts of a port share its counters, and have the same endpoints. */
	if (svc->part != 0)
		return;
	counters = fb_item_service_counters(s, svc->id);
	sums->rejected += counters.rejected;
	sums->dropped += counters.dropped;
	for (uint32_t e = 0; e < svc->n_endpoints; e++) {
		struct fb_endpoint_counters ep = fb_item_endpoint_counters(s, svc->endpoints[e].id);
		uint8_t state = fb_item_endpoint_state(s, &svc->endpoints[e]);

		sums->endpoints += state == FB_EP_ACTIVE;
		sums->draining += state == FB_EP_DRAINING;
		sums->flows += ep.live;
		sums->packets += ep.packets;
		sums->bytes += ep.bytes;
	}
}

static json_t *external_addresses(const struct fb_model_service *svc)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < svc->n_ingress; i++) {
		if (svc->ingress[i].has_addr)
			fb_item_append_addr(list, &svc->ingress[i].addr);
		else if (svc->ingress[i].hostname[0] != '\0')
			(void)json_array_append_new(list, fb_json_text(svc->ingress[i].hostname));
	}
	if (svc->n_ingress == 0 && svc->has_load_balancer_ip &&
	    svc->type == FB_SERVICE_LOAD_BALANCER)
		fb_item_append_addr(list, &svc->load_balancer_ip);
	for (uint32_t i = 0; i < svc->n_external_ips; i++)
		fb_item_append_addr(list, &svc->external_ips[i]);
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
			fb_json_set_integer(o, "node_port", port->node_port);
		if (port->target_port != 0)
			fb_json_set_integer(o, "target_port", port->target_port);
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
	fb_json_set_integer(o, "endpoints", sums.endpoints);
	fb_json_set_integer(o, "draining", sums.draining);
	fb_json_set_integer(o, "flows", sums.flows);
	fb_json_set_integer(o, "packets", sums.packets);
	fb_json_set_integer(o, "bytes", sums.bytes);
	fb_json_set_integer(o, "rejected", sums.rejected);
	fb_json_set_integer(o, "dropped", sums.dropped);
}

json_t *fb_item_service(const struct fb_items *items, const struct fb_items_source *s,
			const struct fb_store_view *view)
{
	const struct fb_model_service *svc = &view->service->service;
	const char *lacks = fb_pool_trouble(s->pool, view->namespace_, view->name);
	json_t *cluster_ips = json_array();
	json_t *o;

	for (uint8_t i = 0; i < svc->n_cluster_ips; i++)
		fb_item_append_addr(cluster_ips, &svc->cluster_ips[i]);
	o = json_pack("{s:s,s:s,s:s,s:b,s:o,s:o,s:o}", "namespace", view->namespace_, "name",
		      view->name, "type", fb_service_type_names[svc->type], "headless",
		      (int)svc->headless, "cluster_ips", cluster_ips, "external_ips",
		      external_addresses(svc), "ports", ports_json(svc));
	(void)json_object_set_new(o, "created", fb_json_text(view->service->meta.creation));
	(void)json_object_set_new(o, "external_name", fb_json_text(svc->external_name));
	(void)json_object_set_new(o, "labels", fb_item_labels(&view->service->meta.labels));
	(void)json_object_set_new(o, "selector", fb_item_labels(&svc->selector));
	(void)json_object_set_new(o, "file", fb_json_text(view->service->place.file));
	if (svc->type == FB_SERVICE_LOAD_BALANCER)
		(void)json_object_set_new(o, "status", status_json(svc));
	if (lacks != NULL)
		(void)json_object_set_new(o, "lacks", fb_json_text(lacks));
	set_sums(s, view, o);
	fb_item_set_object(items, view->service, o);
	return o;
}

bool fb_item_append_service(struct fb_items *items, const struct fb_items_source *s,
			    const struct fb_object *object, json_t *list)
{
	struct fb_store_view view;

	if (fb_store_view(s->store, object->meta.namespace_, object->meta.name, &view) &&
	    view.service != NULL)
		(void)json_array_append_new(list, fb_item_service(items, s, &view));
	return false;
}
