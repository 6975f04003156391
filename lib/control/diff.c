/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/diff.h"

#include <string.h>

#include "base/mss.h"
#include "control/explain.h"
#include "model/objects.h"
#include "table/diff.h"

struct sides {
	const struct fb_datapath *datapath;
	const struct fb_snapshot *old;
	const struct fb_snapshot *new;
};

static bool same_port(const struct fb_service *a, const struct fb_service *b)
{
	return a->port == b->port && a->proto == b->proto && a->family == b->family &&
	       strcmp(a->port_name, b->port_name) == 0;
}

static bool is_named(const struct fb_service *svc, const char *namespace_, const char *name)
{
	return svc != NULL && strcmp(svc->name, name) == 0 &&
	       strcmp(svc->namespace_, namespace_) == 0;
}

/* The part of that port that has a frontend, in one of the two states; or NULL. */
static const struct fb_service *part_at(const struct fb_snapshot *snap,
					const struct fb_service *like,
					const struct fb_frontend_spec *fe)
{
	const struct fb_service *svc =
		snap != NULL ? fb_table_frontend(snap, like->proto, fe) : NULL;

	return is_named(svc, like->namespace_, like->name) && same_port(svc, like) ? svc : NULL;
}

/* Parts are the same if they share a frontend; one without any, by its number. */
static const struct fb_service *find_port(const struct fb_snapshot *snap, const char *namespace_,
					  const char *name, const struct fb_service *like)
{
	const struct fb_service *found = NULL;

	for (uint32_t i = 0; i < like->n_frontends && found == NULL; i++)
		found = part_at(snap, like, &like->frontends[i]);
	for (uint32_t i = 0; snap != NULL && i < snap->n_services && found == NULL; i++) {
		if (is_named(snap->services[i], namespace_, name) &&
		    same_port(snap->services[i], like) && snap->services[i]->part == like->part)
			found = snap->services[i];
	}
	return found;
}

static json_t *addr_port(const struct fb_addr *addr, rte_be16_t port_be)
{
	char text[FB_ADDR_PORT_STRLEN];

	return json_string(fb_addr_port_format(addr, rte_be_to_cpu_16(port_be), text));
}

/* Frontends of a part that no part of its port has in the other state. */
static json_t *frontends_without(const struct fb_service *a, const struct fb_snapshot *other)
{
	json_t *list = json_array();

	for (uint32_t i = 0; a != NULL && i < a->n_frontends; i++) {
		if (part_at(other, a, &a->frontends[i]) == NULL)
			(void)json_array_append_new(list, fb_frontend_json(&a->frontends[i]));
	}
	return list;
}

static int compare_endpoints(const struct fb_endpoint *a, const struct fb_endpoint *b)
{
	int order = memcmp(a->addr.bytes, b->addr.bytes, sizeof(a->addr.bytes));

	if (order != 0)
		return order;
	return (int)rte_be_to_cpu_16(a->port_be) - (int)rte_be_to_cpu_16(b->port_be);
}

/* Endpoints are two runs in order, those that are active and the others. NULL: it is in neither. */
static const struct fb_endpoint *find_endpoint(const struct fb_service *svc,
					       const struct fb_endpoint *like)
{
	uint32_t n = svc != NULL ? svc->n_endpoints : 0;
	uint32_t ends[2] = {0, n};

	/* Where the active ones end. */
	for (uint32_t high = n; ends[0] < high;) {
		uint32_t mid = (ends[0] + high) / 2;

		if (svc->endpoints[mid].state == FB_EP_ACTIVE)
			ends[0] = mid + 1;
		else
			high = mid;
	}
	for (uint32_t run = 0, low = 0; run < 2; low = ends[run++]) {
		uint32_t high = ends[run];

		while (low < high) {
			uint32_t mid = (low + high) / 2;
			int order = compare_endpoints(&svc->endpoints[mid], like);

			if (order == 0)
				return &svc->endpoints[mid];
			if (order < 0)
				low = mid + 1;
			else
				high = mid;
		}
	}
	return NULL;
}

static void diff_endpoints(const struct sides *sides, json_t *o, const struct fb_service *old,
			   const struct fb_service *new)
{
	json_t *changed = json_array();
	json_t *removed = json_array();
	json_t *added = json_array();
	uint64_t flows = 0;

	for (uint32_t i = 0; old != NULL && i < old->n_endpoints; i++) {
		const struct fb_endpoint *ep = &old->endpoints[i];
		struct fb_endpoint_counters counters;

		if (find_endpoint(new, ep) != NULL)
			continue;
		fb_datapath_endpoint_counters(sides->datapath, ep->id, &counters);
		flows += counters.live;
		(void)json_array_append_new(removed, addr_port(&ep->addr, ep->port_be));
	}
	for (uint32_t i = 0; new != NULL && i < new->n_endpoints; i++) {
		const struct fb_endpoint *ep = &new->endpoints[i];
		const struct fb_endpoint *was = find_endpoint(old, ep);
		const char *state = ep->state == FB_EP_ACTIVE ? "active" : "draining";
		json_t *text = addr_port(&ep->addr, ep->port_be);

		if (was == NULL)
			(void)json_array_append_new(added, text);
		else if (was->state != ep->state)
			(void)json_array_append_new(changed, json_pack("{s:o,s:s}", "endpoint", text,
								       "state", state));
		else
			json_decref(text);
	}
	(void)json_object_set_new(o, "endpoints_added", added);
	(void)json_object_set_new(o, "endpoints_removed", removed);
	(void)json_object_set_new(o, "endpoints_changed", changed);
	(void)json_object_set_new(o, "flows_leaving", json_integer((json_int_t)flows));
}

/* Of endpoints that take new flows in both; active ones come first and in order of their addresses. */
static bool weights_differ(const struct fb_service *old, const struct fb_service *new)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < old->n_active; i++) {
		const struct fb_endpoint *was = &old->endpoints[i];

		while (k < new->n_active &&
		       memcmp(&new->endpoints[k].addr, &was->addr, sizeof(was->addr)) < 0)
			k++;
		for (uint32_t m = k; m < new->n_active; m++) {
			const struct fb_endpoint *is = &new->endpoints[m];

			if (!fb_addr_equal(&is->addr, &was->addr))
				break;
			if (is->port_be == was->port_be && new->weights[m] != old->weights[i])
				return true;
		}
	}
	return false;
}

/* What a part says beside frontends and endpoints. @return whether anything of it changed */
static bool diff_manner(json_t *o, const struct fb_service *old, const struct fb_service *new)
{
	bool sources = !fb_table_same_sources(old, new);
	bool weights = weights_differ(old, new);
	char mss[FB_MSS_STRLEN];
	bool draining = old->drain_deadline_s != new->drain_deadline_s ||
			old->removed_tcp_s != new->removed_tcp_s;

	if (old->mode != new->mode)
		(void)json_object_set_new(o, "mode",
					  json_string(fb_service_mode_names[new->mode]));
	if (old->selection != new->selection)
		(void)json_object_set_new(o, "selection",
					  json_string(fb_selection_names[new->selection]));
	if (old->affinity_s != new->affinity_s)
		(void)json_object_set_new(o, "affinity_s", json_integer(new->affinity_s));
	if (sources)
		(void)json_object_set_new(o, "source_ranges", json_integer(new->n_sources));
	if (weights)
		(void)json_object_set_new(o, "weights", json_true());
	if (draining)
		(void)json_object_set_new(o, "draining", json_true());
	if (old->new_flow_rate != new->new_flow_rate)
		(void)json_object_set_new(o, "new_flow_rate", json_integer(new->new_flow_rate));
	if (old->tcp_mss != new->tcp_mss)
		(void)json_object_set_new(o, "tcp_mss", json_string(fb_mss_format(new->tcp_mss, mss)));
	if (old->syn_proxy != new->syn_proxy)
		(void)json_object_set_new(o, "syn_proxy", json_string(fb_syn_proxy_names[new->syn_proxy]));
	return sources || weights || draining || old->mode != new->mode ||
	       old->syn_proxy != new->syn_proxy ||
	       old->new_flow_rate != new->new_flow_rate || old->tcp_mss != new->tcp_mss ||
	       old->selection != new->selection || old->affinity_s != new->affinity_s;
}

/* Shares of slots say something where a slot decides. */
static bool is_by_hash(const struct fb_service *svc)
{
	return svc == NULL || fb_selection_by_hash(svc->selection);
}

static bool is_empty(const json_t *o, const char *key)
{
	return json_array_size(json_object_get(o, key)) == 0;
}

static void diff_port(const struct sides *sides, json_t *list, const struct fb_service *old,
		      const struct fb_service *new)
{
	const struct fb_service *any = new != NULL ? new : old;
	struct fb_table_diff share = {0};
	bool differs = false;
	json_t *o = json_pack("{s:s,s:i,s:s,s:s}", "name", any->port_name, "port", (int)any->port,
			      "protocol", fb_protocol_name(any->proto), "family",
			      fb_ip_family_names[any->family]);

	(void)json_object_set_new(o, "change",
				  json_string(old == NULL   ? "added"
					      : new == NULL ? "removed"
							    : "changed"));
	(void)json_object_set_new(o, "frontends_added", frontends_without(new, sides->old));
	(void)json_object_set_new(o, "frontends_removed", frontends_without(old, sides->new));
	diff_endpoints(sides, o, old, new);
	if (old != NULL && new != NULL)
		differs = diff_manner(o, old, new);
	if (old != NULL && is_by_hash(old) && is_by_hash(new) &&
	    fb_table_diff_service(old, new, &share) == 0) {
		(void)json_object_set_new(o, "slots_moved_of_staying", json_real(share.moved_stays));
		(void)json_object_set_new(o, "slots_of_leaving", json_real(share.moved_left));
	}
	if (old != NULL && new != NULL && is_empty(o, "frontends_added") &&
	    is_empty(o, "frontends_removed") && is_empty(o, "endpoints_added") &&
	    is_empty(o, "endpoints_removed") && is_empty(o, "endpoints_changed") && !differs) {
		json_decref(o);
		return;
	}
	(void)json_array_append_new(list, o);
}

json_t *fb_diff_service(const struct fb_datapath *datapath, const struct fb_snapshot *old,
			const struct fb_snapshot *new, const char *namespace_, const char *name)
{
	struct sides sides = {datapath, old, new};
	json_t *ports = json_array();

	for (uint32_t i = 0; new != NULL && i < new->n_services; i++) {
		const struct fb_service *is = new->services[i];

		if (is_named(is, namespace_, name))
			diff_port(&sides, ports, find_port(old, namespace_, name, is), is);
	}
	for (uint32_t i = 0; old != NULL && i < old->n_services; i++) {
		const struct fb_service *was = old->services[i];
		const struct fb_service *is;

		if (!is_named(was, namespace_, name))
			continue;
		/* Also where two parts become one: the other one was compared above. */
		is = find_port(new, namespace_, name, was);
		if (is == NULL || find_port(old, namespace_, name, is) != was)
			diff_port(&sides, ports, was, is);
	}
	return ports;
}
