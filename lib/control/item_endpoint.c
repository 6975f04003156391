/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/item.h"

#include <stdlib.h>
#include <string.h>

#include "control/answer.h"
#include "control/explain.h"
#include "desired/known.h"

/* Rows of one object at a time; a Service may have 20,000 endpoints. */
#define ROWS 64

static json_t *addr_port(const struct fb_addr *addr, uint16_t port)
{
	char text[FB_ADDR_PORT_STRLEN];

	return json_string(fb_addr_port_format(addr, port, text));
}

static json_t *next_hop_json(const struct fb_items_source *s, uint32_t ep_id)
{
	static const char *const states[] = {
		[FB_HOP_NONE] = "no route",
		[FB_HOP_UNRESOLVED] = "unresolved",
		[FB_HOP_READY] = "ready",
	};
	const struct fb_snapshot *snap = s->snap;
	uint16_t nh_idx = snap != NULL && ep_id < snap->n_endpoints ? fb_table_info(snap, ep_id)->nh_idx
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
	info = fb_table_info(s->snap, ep_id);
	age_s = s->now_s > info->since_s ? s->now_s - info->since_s : 0;
	fb_json_set_integer(o, "since_s", age_s);
	(void)json_object_set_new(o, "terminating",
				  json_boolean(info->flags & FB_EP_TERMINATING));
	(void)json_object_set_new(o, "over", json_boolean(info->flags & FB_EP_OVER));
	if ((info->flags & FB_EP_TERMINATING) && drain_deadline_s > 0)
		fb_json_set_integer(o, "deadline_s",
				    drain_deadline_s > age_s ? drain_deadline_s - age_s : 0);
}

json_t *fb_item_endpoint(const struct fb_items_source *s, const struct fb_service *svc,
			 const struct fb_endpoint *ep, uint8_t state)
{
	struct fb_endpoint_counters counters = fb_item_endpoint_counters(s, ep->id);
	json_t *o = json_pack("{s:s,s:s,s:s,s:i,s:s}", "namespace", svc->namespace_, "name",
			      svc->name, "port_name", svc->port_name, "port", (int)svc->port,
			      "protocol", fb_protocol_name(svc->proto));

	(void)json_object_set_new(o, "endpoint",
				  addr_port(&ep->addr, rte_be_to_cpu_16(ep->port_be)));
	(void)json_object_set_new(o, "state",
				  json_string(state == FB_EP_ACTIVE ? "active" : "draining"));
	fb_json_set_integer(o, "flows", counters.live);
	fb_json_set_integer(o, "created", counters.flows);
	fb_json_set_integer(o, "packets", counters.packets);
	fb_json_set_integer(o, "bytes", counters.bytes);
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
	fb_json_set_integer(o, "flows", flows);
	set_age(s, o, id, 0);
	return o;
}

#define REMOVED_AT_ONCE 4096

bool fb_item_append_removed(struct fb_items *items, const struct fb_items_source *s, json_t *list)
{
	uint32_t n = s->snap != NULL && s->endpoint_counters != NULL ? s->snap->n_endpoints : 0;
	uint32_t stop = n - items->endpoint > REMOVED_AT_ONCE && n > items->endpoint
				? items->endpoint + REMOVED_AT_ONCE
				: n;

	for (; items->endpoint < stop; items->endpoint++) {
		uint32_t id = items->endpoint;
		struct fb_endpoint_name name;
		uint64_t flows;

		if (fb_table_info(s->snap, id)->state != FB_EP_REMOVED ||
		    fb_table_endpoint_name(s->table, id, &name) != 0 ||
		    (items->namespace_ != NULL && strcmp(items->namespace_, name.namespace_) != 0) ||
		    (items->name != NULL && strcmp(items->name, name.name) != 0))
			continue;
		flows = fb_item_endpoint_counters(s, id).live;
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
			fb_json_set_integer(o, "port", port->port);
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
			(void)json_array_append_new(
				list,
				fb_item_endpoint(s, svc, ep, fb_item_endpoint_state(s, ep)));
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

bool fb_item_append_endpoints(struct fb_items *items, const struct fb_items_source *s,
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
