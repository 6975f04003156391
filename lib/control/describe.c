/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/item.h"

#include "base/mss.h"
#include "control/answer.h"
#include "control/explain.h"
#include "desired/health.h"

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
	struct fb_service_counters counters = fb_item_service_counters(s, svc->id);
	json_t *endpoints = json_array();
	char mss[FB_MSS_STRLEN];
	json_t *o;

	for (uint32_t e = 0; e < svc->n_endpoints; e++) {
		const struct fb_endpoint *ep = &svc->endpoints[e];

		json_t *one = fb_item_endpoint(s, svc, ep, ep->state);

		if (e < svc->n_active)
			fb_json_set_integer(one, "weight", svc->weights[e]);
		(void)json_array_append_new(endpoints, one);
	}
	o = json_pack("{s:s,s:i,s:s,s:s,s:s,s:I,s:o,s:o}", "name", svc->port_name, "port",
		      (int)svc->port, "protocol", fb_protocol_name(svc->proto), "family",
		      fb_ip_family_names[svc->family], "mode", fb_service_mode_names[svc->mode],
		      "slots", (json_int_t)fb_table_n_slots(svc), "frontends", frontends_json(svc), "endpoints",
		      endpoints);
	(void)json_object_set_new(o, "selection", json_string(fb_selection_names[svc->selection]));
	fb_json_set_integer(o, "affinity_s", svc->affinity_s);
	fb_json_set_integer(o, "drain_deadline_s", svc->drain_deadline_s);
	if (svc->removed_tcp_s != FB_NEVER_S)
		fb_json_set_integer(o, "removed_tcp_s", svc->removed_tcp_s);
	if (svc->selection == FB_SELECT_LEAST_CONNECTIONS)
		fb_json_set_integer(o, "slow_start_s", svc->slow_start_s);
	fb_json_set_integer(o, "new_flow_rate", svc->new_flow_rate);
	if (svc->tcp_mss != FB_MSS_OFF)
		(void)json_object_set_new(o, "tcp_mss", json_string(fb_mss_format(svc->tcp_mss, mss)));
	if (svc->proxied) {
		(void)json_object_set_new(o, "syn_proxy", json_string(fb_syn_proxy_names[svc->syn_proxy]));
		fb_json_set_integer(o, "syn_proxy_window_scale", svc->syn_proxy_wscale);
	}
	fb_json_set_integer(o, "source_ranges", svc->n_sources);
	fb_json_set_integer(o, "rejected", counters.rejected);
	fb_json_set_integer(o, "dropped", counters.dropped);
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
	o = fb_item_service(NULL, s, &view);
	(void)fb_store_find(s->store, FB_KIND_SERVICE, namespace_, name, &origin);
	(void)json_object_set_new(o, "origin", fb_json_text(origin != NULL ? origin : ""));
	fb_json_set_integer(o, "line", view.service->place.line);
	fb_json_set_integer(o, "slices", view.n_slices);
	set_health(s, namespace_, name, o);
	compiled = json_array();
	for (uint32_t i = 0; (svc = fb_table_service_port(s->table, namespace_, name, i)) != NULL;
	     i++)
		(void)json_array_append_new(compiled, compiled_json(s, svc));
	(void)json_object_set_new(o, "compiled", compiled);
	return json_pack("{s:b,s:o}", "ok", 1, "service", o);
}
