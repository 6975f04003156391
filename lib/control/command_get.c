/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <netinet/in.h>

#include "control/explain.h"

static json_t *integer(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static void set_integer(json_t *o, const char *key, uint64_t value)
{
	(void)json_object_set_new(o, key, integer(value));
}

static void append_addr(json_t *list, const struct fb_addr *addr)
{
	char text[FB_ADDR_STRLEN];

	(void)json_array_append_new(list, json_string(fb_addr_format(addr, text)));
}

static void set_addr_port(json_t *o, const char *key, const struct fb_addr *addr, rte_be16_t port_be)
{
	char text[FB_ADDR_PORT_STRLEN];

	(void)json_object_set_new(
		o, key, json_string(fb_addr_port_format(addr, rte_be_to_cpu_16(port_be), text)));
}

static bool wanted(const json_t *request, const char *namespace_, const char *name)
{
	const char *want_namespace = fb_request_string(request, "namespace");
	const char *want_name = fb_request_string(request, "name");

	return (want_namespace == NULL || strcmp(want_namespace, namespace_) == 0) &&
	       (want_name == NULL || strcmp(want_name, name) == 0);
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

static void add_compiled(struct fb_control *c, const struct fb_service *svc,
			 struct service_sums *sums)
{
	struct fb_service_counters counters;
	const char *mode = fb_service_mode_names[svc->mode];

	sums->mode = sums->mode == NULL || sums->mode == mode ? mode : "mixed";
	/* Parts of a port share its counters, and have the same endpoints. */
	if (svc->part != 0)
		return;
	fb_datapath_service_counters(c->p.datapath, svc->id, &counters);
	sums->rejected += counters.rejected;
	sums->dropped += counters.dropped;
	for (uint32_t e = 0; e < svc->n_endpoints; e++) {
		uint8_t state = fb_control_snapshot(c)->endpoints[svc->endpoints[e].id].state;
		struct fb_endpoint_counters ep;

		fb_datapath_endpoint_counters(c->p.datapath, svc->endpoints[e].id, &ep);
		sums->endpoints += state == FB_EP_ACTIVE;
		sums->draining += state == FB_EP_DRAINING;
		sums->flows += ep.live;
		sums->packets += ep.packets;
		sums->bytes += ep.bytes;
	}
}

/* Compiled services in the order of namespace and name, so that each Service finds its own. */
struct compiled {
	const struct fb_service **v;
	uint32_t n;
};

static int compare_names(const char *ns_a, const char *name_a, const char *ns_b, const char *name_b)
{
	int order = strcmp(ns_a, ns_b);

	return order != 0 ? order : strcmp(name_a, name_b);
}

static int compare_compiled(const void *a, const void *b)
{
	const struct fb_service *x = *(const struct fb_service *const *)a;
	const struct fb_service *y = *(const struct fb_service *const *)b;
	int order = compare_names(x->namespace_, x->name, y->namespace_, y->name);

	if (order == 0)
		order = (int)x->port - (int)y->port;
	if (order == 0)
		order = (int)x->proto - (int)y->proto;
	if (order == 0)
		order = (int)x->family - (int)y->family;
	return order != 0 ? order : (int)x->part - (int)y->part;
}

static struct compiled sort_compiled(const struct fb_control *c)
{
	const struct fb_snapshot *snap = fb_control_snapshot(c);
	struct compiled sorted = {0};

	if (snap == NULL || snap->n_services == 0)
		return sorted;
	sorted.v = calloc(snap->n_services, sizeof(const struct fb_service *));
	for (uint32_t i = 0; sorted.v != NULL && i < snap->n_services; i++) {
		if (snap->services[i] != NULL)
			sorted.v[sorted.n++] = snap->services[i];
	}
	if (sorted.n > 1)
		qsort(sorted.v, sorted.n, sizeof(sorted.v[0]), compare_compiled);
	return sorted;
}

static uint32_t first_compiled(const struct compiled *sorted, const char *namespace_,
			       const char *name)
{
	uint32_t low = 0;
	uint32_t high = sorted->n;

	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (compare_names(sorted->v[mid]->namespace_, sorted->v[mid]->name, namespace_,
				  name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool is_of(const struct compiled *sorted, uint32_t i, const char *namespace_,
		  const char *name)
{
	return i < sorted->n && compare_names(sorted->v[i]->namespace_, sorted->v[i]->name,
					      namespace_, name) == 0;
}

/* ---- get services ---- */

static json_t *external_addresses(const struct fb_model_service *svc)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < svc->n_ingress; i++) {
		if (svc->ingress[i].has_addr)
			append_addr(list, &svc->ingress[i].addr);
	}
	if (svc->n_ingress == 0 && svc->has_load_balancer_ip &&
	    svc->type == FB_SERVICE_LOAD_BALANCER)
		append_addr(list, &svc->load_balancer_ip);
	for (uint32_t i = 0; i < svc->n_external_ips; i++)
		append_addr(list, &svc->external_ips[i]);
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
		(void)json_array_append_new(list, o);
	}
	return list;
}

static json_t *service_json(struct fb_control *c, const struct fb_store_view *view,
			    const struct compiled *sorted)
{
	const struct fb_model_service *svc = &view->service->service;
	struct service_sums sums = {0};
	json_t *cluster_ips = json_array();
	json_t *o;

	for (uint32_t i = first_compiled(sorted, view->namespace_, view->name);
	     is_of(sorted, i, view->namespace_, view->name); i++)
		add_compiled(c, sorted->v[i], &sums);
	for (uint8_t i = 0; i < svc->n_cluster_ips; i++)
		append_addr(cluster_ips, &svc->cluster_ips[i]);
	o = json_pack("{s:s,s:s,s:s,s:b,s:o,s:o,s:o}", "namespace", view->namespace_, "name",
		      view->name, "type", fb_service_type_names[svc->type], "headless",
		      (int)svc->headless, "cluster_ips", cluster_ips, "external_ips",
		      external_addresses(svc), "ports", ports_json(svc));
	(void)json_object_set_new(o, "created", json_string(view->service->meta.creation));
	(void)json_object_set_new(o, "external_name", json_string(svc->external_name));
	(void)json_object_set_new(o, "mode", sums.mode != NULL ? json_string(sums.mode)
							       : json_null());
	(void)json_object_set_new(o, "file", fb_json_text(view->service->place.file));
	set_integer(o, "endpoints", sums.endpoints);
	set_integer(o, "draining", sums.draining);
	set_integer(o, "flows", sums.flows);
	set_integer(o, "packets", sums.packets);
	set_integer(o, "bytes", sums.bytes);
	set_integer(o, "rejected", sums.rejected);
	set_integer(o, "dropped", sums.dropped);
	return o;
}

static int compare_items(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a;
	const json_t *y = *(json_t *const *)b;

	return compare_names(fb_request_string(x, "namespace"), fb_request_string(x, "name"),
			     fb_request_string(y, "namespace"), fb_request_string(y, "name"));
}

/* The store walks in no order; people and diffs want one. Takes the list over. */
static json_t *sort_items(json_t *list)
{
	size_t n = json_array_size(list);
	json_t **v = n > 0 ? calloc(n, sizeof(json_t *)) : NULL;
	json_t *sorted;

	if (v == NULL)
		return list;
	for (size_t i = 0; i < n; i++)
		v[i] = json_incref(json_array_get(list, i));
	qsort(v, n, sizeof(v[0]), compare_items);
	sorted = json_array();
	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(sorted, v[i]);
	free(v);
	json_decref(list);
	return sorted;
}

static json_t *get_services(struct fb_control *c, const json_t *request)
{
	struct compiled sorted = sort_compiled(c);
	const struct fb_store_service *service = NULL;
	json_t *list = json_array();

	while ((service = fb_store_service_next(c->store, service)) != NULL) {
		struct fb_store_view view;

		fb_store_service_view(service, &view);
		if (view.service != NULL && wanted(request, view.namespace_, view.name))
			(void)json_array_append_new(list, service_json(c, &view, &sorted));
	}
	free(sorted.v);
	return sort_items(list);
}

/* ---- get endpoints ---- */

static json_t *next_hop_json(struct fb_control *c, const struct fb_snapshot *snap, uint32_t ep_id)
{
	static const char *const states[] = {
		[FB_HOP_NONE] = "no route",
		[FB_HOP_UNRESOLVED] = "unresolved",
		[FB_HOP_READY] = "ready",
	};
	uint16_t nh_idx = ep_id < snap->n_endpoints ? snap->endpoints[ep_id].nh_idx : 0;
	const struct fb_next_hop *nh;
	struct fb_addr gateway;
	char text[FB_ADDR_STRLEN];
	json_t *o;

	if (nh_idx >= snap->n_next_hops || snap->next_hops[nh_idx].state == FB_HOP_NONE)
		return json_pack("{s:s}", "state", states[FB_HOP_NONE]);
	nh = &snap->next_hops[nh_idx];
	o = json_pack("{s:s,s:s}", "state", states[nh->state], "port",
		      fb_control_port_name(c, nh->port));
	if (fb_neigh_describe(c->p.neigh, nh_idx, &gateway) == 0)
		(void)json_object_set_new(o, "address",
					  json_string(fb_addr_format(&gateway, text)));
	return o;
}

static json_t *endpoint_json(struct fb_control *c, const struct fb_service *svc,
			     const struct fb_endpoint *ep, uint8_t state)
{
	struct fb_endpoint_counters counters;
	json_t *o = json_pack("{s:s,s:s,s:s,s:i,s:s}", "namespace", svc->namespace_, "name",
			      svc->name, "port_name", svc->port_name, "port", (int)svc->port,
			      "protocol", fb_protocol_name(svc->proto));

	set_addr_port(o, "endpoint", &ep->addr, ep->port_be);
	(void)json_object_set_new(o, "state",
				  json_string(state == FB_EP_ACTIVE ? "active" : "draining"));
	fb_datapath_endpoint_counters(c->p.datapath, ep->id, &counters);
	set_integer(o, "flows", counters.live);
	set_integer(o, "created", counters.flows);
	set_integer(o, "packets", counters.packets);
	set_integer(o, "bytes", counters.bytes);
	(void)json_object_set_new(o, "next_hop", next_hop_json(c, fb_control_snapshot(c), ep->id));
	return o;
}

static json_t *get_endpoints(struct fb_control *c, const json_t *request)
{
	struct compiled sorted = sort_compiled(c);
	json_t *list = json_array();

	for (uint32_t i = 0; i < sorted.n; i++) {
		const struct fb_service *svc = sorted.v[i];

		if (svc->part != 0 || !wanted(request, svc->namespace_, svc->name))
			continue;
		for (uint32_t e = 0; e < svc->n_endpoints; e++) {
			const struct fb_endpoint *ep = &svc->endpoints[e];
			/* Of all parts of the port: active where one gives it new flows. */
			uint8_t state = fb_control_snapshot(c)->endpoints[ep->id].state;

			(void)json_array_append_new(list, endpoint_json(c, svc, ep, state));
		}
	}
	free(sorted.v);
	return list;
}

/* ---- get workers, ports, drops, status ---- */

static json_t *get_workers(struct fb_control *c, const json_t *request)
{
	json_t *list = json_array();

	for (uint16_t w = 0; w < fb_datapath_n_workers(c->p.datapath); w++) {
		struct fb_worker_counters v;
		uint64_t drops = 0;
		json_t *o = json_object();

		fb_datapath_worker_counters(c->p.datapath, w, &v);
		for (int r = 0; r < FB_REASON_COUNT; r++)
			drops += v.drops[r];
		set_integer(o, "worker", w);
		set_integer(o, "core", c->p.config->worker_cores != NULL
					       ? c->p.config->worker_cores[w]
					       : w);
		set_integer(o, "generation", v.generation);
		set_integer(o, "rx_packets", v.rx_packets);
		set_integer(o, "rx_bytes", v.rx_bytes);
		set_integer(o, "tx_packets", v.tx_packets);
		set_integer(o, "tx_bytes", v.tx_bytes);
		set_integer(o, "drops", drops);
		set_integer(o, "punts", v.punts);
		set_integer(o, "answers", v.answers);
		set_integer(o, "flows_ipv4", v.flows_live[FB_IPV4]);
		set_integer(o, "flows_ipv6", v.flows_live[FB_IPV6]);
		set_integer(o, "flows_created", v.flows_created);
		set_integer(o, "flows_expired", v.flows_expired);
		set_integer(o, "handover_in", v.handover_in);
		set_integer(o, "handover_out", v.handover_out);
		set_integer(o, "twin_tx", v.twin_tx);
		set_integer(o, "polls", v.polls);
		set_integer(o, "busy_polls", v.busy_polls);
		(void)json_array_append_new(list, o);
	}
	return list;
}

static json_t *get_ports(struct fb_control *c, const json_t *request)
{
	json_t *list = json_array();

	for (uint16_t p = 0; p < fb_datapath_n_ports(c->p.datapath); p++) {
		const struct fb_port *port = fb_datapath_port(c->p.datapath, p);
		const struct fb_config_port *config = &c->p.config->ports[p];
		struct fb_port_counters v;
		json_t *addresses = json_array();
		json_t *o;
		char mac[18];

		(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", port->mac[0],
			       port->mac[1], port->mac[2], port->mac[3], port->mac[4], port->mac[5]);
		for (uint32_t i = 0; i < config->n_addresses; i++) {
			char text[FB_ADDR_STRLEN];

			(void)json_array_append_new(
				addresses,
				json_sprintf("%s/%u",
					     fb_addr_format(&config->addresses[i].addr, text),
					     config->addresses[i].len_bits));
		}
		fb_datapath_port_counters(c->p.datapath, p, &v);
		o = json_pack("{s:s,s:s,s:s,s:s,s:i,s:i,s:i,s:b,s:b,s:o}", "name", config->name,
			      "device", config->device, "mac", mac, "link",
			      c->link_up[p] ? "up" : "down", "mtu", (int)port->mtu, "vlan",
			      (int)port->vlan, "queues", (int)port->n_queues, "rss",
			      (int)fb_datapath_port_steered(c->p.datapath, p), "announce", (int)port->announce, "addresses",
			      addresses);
		if (p < c->p.n_twins && c->p.twins[p] != NULL)
			(void)json_object_set_new(o, "twin",
						  json_string(fb_twin_name(c->p.twins[p])));
		set_integer(o, "rx_packets", v.rx_packets);
		set_integer(o, "rx_bytes", v.rx_bytes);
		set_integer(o, "tx_packets", v.tx_packets);
		set_integer(o, "tx_bytes", v.tx_bytes);
		set_integer(o, "tx_full", v.tx_full);
		(void)json_array_append_new(list, o);
	}
	return list;
}

static json_t *get_drops(struct fb_control *c, const json_t *request)
{
	uint64_t sums[FB_REASON_COUNT] = {0};
	json_t *list = json_array();

	for (uint16_t w = 0; w < fb_datapath_n_workers(c->p.datapath); w++) {
		struct fb_worker_counters v;

		fb_datapath_worker_counters(c->p.datapath, w, &v);
		for (int r = 0; r < FB_REASON_COUNT; r++)
			sums[r] += v.drops[r];
	}
	for (int r = FB_REASON_NONE + 1; r < FB_REASON_COUNT; r++)
		(void)json_array_append_new(list, json_pack("{s:s,s:o,s:s}", "reason",
							    fb_reason_names[r], "packets",
							    integer(sums[r]), "help",
							    fb_reason_help[r]));
	return list;
}

static json_t *origins_json(const struct fb_control *c)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < c->n_origins; i++) {
		const struct fb_origin *origin = &c->origins[i];

		(void)json_array_append_new(
			list, json_pack("{s:o,s:i,s:b,s:o}", "file", fb_json_text(origin->path),
					"errors", (int)origin->n_errors, "gone", (int)origin->gone,
					"messages", fb_messages_json(&origin->errs)));
	}
	return list;
}

static json_t *get_status(struct fb_control *c, const json_t *request)
{
	const struct fb_snapshot *snap = fb_control_snapshot(c);
	json_t *conflicts = json_array();
	json_t *missing = json_array();
	json_t *o = json_object();

	for (uint32_t i = 0; i < c->n_conflicts; i++)
		(void)json_array_append_new(
			conflicts, json_sprintf("%s/%s: %s", c->conflicts[i].namespace_,
						c->conflicts[i].name,
						c->conflicts[i].text != NULL ? c->conflicts[i].text
									     : "refused"));
	for (uint32_t i = 0; i < c->p.config->n_manifests; i++) {
		if (c->source_missing[i])
			(void)json_array_append_new(missing,
						    fb_json_text(c->p.config->manifests[i].path));
	}
	(void)json_object_set_new(o, "version", json_string(c->p.version));
	set_integer(o, "uptime_seconds", (c->now_ms - c->start_ms) / 1000);
	set_integer(o, "generation", snap != NULL ? snap->generation : 0);
	set_integer(o, "snapshots_waiting", c->snapshots_waiting);
	set_integer(o, "workers", fb_datapath_n_workers(c->p.datapath));
	set_integer(o, "ports", fb_datapath_n_ports(c->p.datapath));
	set_integer(o, "services", fb_store_n_objects(c->store, FB_KIND_SERVICE));
	set_integer(o, "endpoint_slices", fb_store_n_objects(c->store, FB_KIND_ENDPOINT_SLICE));
	set_integer(o, "reloads", c->reloads);
	set_integer(o, "reloads_refused", c->reloads_refused);
	set_integer(o, "twin_drops", c->twin_drops);
	(void)json_object_set_new(o, "conflicts", conflicts);
	(void)json_object_set_new(o, "missing", missing);
	(void)json_object_set_new(o, "files", origins_json(c));
	(void)json_object_set_new(o, "metrics", json_string(c->p.config->metrics_listen));
	return json_pack("[o]", o);
}

void fb_command_get(struct fb_control *c, const json_t *request, struct fb_reply *reply)
{
	static const struct {
		const char *what;
		json_t *(*get)(struct fb_control *c, const json_t *request);
	} rows[] = {
		{"services", get_services}, {"endpoints", get_endpoints}, {"workers", get_workers},
		{"ports", get_ports},	    {"drops", get_drops},	  {"status", get_status},
	};
	const char *what = fb_request_string(request, "what");

	if (what != NULL && strcmp(what, "flows") == 0) {
		fb_command_flows(c, request, reply);
		return;
	}
	for (size_t i = 0; what != NULL && i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].what, what) == 0) {
			fb_reply_send(reply, json_pack("{s:b,s:o}", "ok", 1, "items",
						       rows[i].get(c, request)));
			return;
		}
	}
	fb_reply_error(reply, "cannot get '%s': services, endpoints, flows, workers, ports, drops "
			      "or status", what != NULL ? what : "");
}

/* ---- describe ---- */

static json_t *frontends_json(const struct fb_service *svc)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < svc->n_frontends; i++) {
		json_t *o = json_pack("{s:s}", "kind",
				      fb_frontend_kind_names[svc->frontends[i].kind]);

		set_addr_port(o, "address", &svc->frontends[i].addr, svc->frontends[i].port_be);
		(void)json_array_append_new(list, o);
	}
	return list;
}

static json_t *compiled_json(struct fb_control *c, const struct fb_service *svc)
{
	struct fb_service_counters counters;
	json_t *endpoints = json_array();
	json_t *o;

	for (uint32_t e = 0; e < svc->n_endpoints; e++) {
		const struct fb_endpoint *ep = &svc->endpoints[e];

		json_t *one = endpoint_json(c, svc, ep, ep->state);

		if (e < svc->n_active)
			set_integer(one, "weight", svc->weights[e]);
		(void)json_array_append_new(endpoints, one);
	}
	fb_datapath_service_counters(c->p.datapath, svc->id, &counters);
	o = json_pack("{s:s,s:i,s:s,s:s,s:s,s:i,s:o,s:o}", "name", svc->port_name, "port",
		      (int)svc->port, "protocol", fb_protocol_name(svc->proto), "family",
		      fb_ip_family_names[svc->family], "mode", fb_service_mode_names[svc->mode],
		      "slots", (int)svc->n_slots, "frontends", frontends_json(svc), "endpoints",
		      endpoints);
	(void)json_object_set_new(o, "selection", json_string(fb_selection_names[svc->selection]));
	set_integer(o, "affinity_s", svc->affinity_s);
	if (svc->selection == FB_SELECT_LEAST_CONNECTIONS)
		set_integer(o, "slow_start_s", svc->slow_start_s);
	set_integer(o, "source_ranges", svc->n_sources);
	set_integer(o, "rejected", counters.rejected);
	set_integer(o, "dropped", counters.dropped);
	return o;
}

void fb_command_describe(struct fb_control *c, const json_t *request, struct fb_reply *reply)
{
	const char *namespace_ = fb_request_string(request, "namespace");
	const char *name = fb_request_string(request, "name");
	const char *origin = NULL;
	struct fb_store_view view;
	struct compiled sorted;
	json_t *compiled;
	json_t *o;

	if (namespace_ == NULL || name == NULL) {
		fb_reply_error(reply, "describe needs \"namespace\" and \"name\"");
		return;
	}
	if (!fb_store_view(c->store, namespace_, name, &view) || view.service == NULL) {
		fb_reply_error(reply, "there is no Service %s/%s", namespace_, name);
		return;
	}
	sorted = sort_compiled(c);
	o = service_json(c, &view, &sorted);
	(void)fb_store_find(c->store, FB_KIND_SERVICE, namespace_, name, &origin);
	(void)json_object_set_new(o, "origin", fb_json_text(origin != NULL ? origin : ""));
	set_integer(o, "line", view.service->place.line);
	set_integer(o, "slices", view.n_slices);
	compiled = json_array();
	for (uint32_t i = first_compiled(&sorted, namespace_, name);
	     is_of(&sorted, i, namespace_, name); i++)
		(void)json_array_append_new(compiled, compiled_json(c, sorted.v[i]));
	(void)json_object_set_new(o, "compiled", compiled);
	free(sorted.v);
	fb_reply_send(reply, json_pack("{s:b,s:o}", "ok", 1, "service", o));
}
