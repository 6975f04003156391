/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/applied.h"
#include "control/explain.h"
#include "table/diff.h"

/*
 * `diff`: what an apply of the same text would change. It is applied to a clone of the store, the
 * Services that this makes dirty are compiled in a table of their own, and the two are compared. What
 * is in force is only read.
 */

struct diff {
	struct fb_control *c;
	const struct fb_snapshot *old;
	const struct fb_snapshot *new;
	json_t *services;
	struct fb_errs *errs;
};

/* The scratch table asks for no routes: next hops are no part of a diff. */
static uint16_t no_next_hop(void *arg, const struct fb_addr *addr)
{
	return 0;
}

static const struct fb_next_hop *no_next_hops(void *arg, uint32_t *ret_n)
{
	static const struct fb_next_hop none = {.state = FB_HOP_NONE};

	*ret_n = 1;
	return &none;
}

static bool same_port(const struct fb_service *a, const struct fb_service *b)
{
	return a->port == b->port && a->proto == b->proto && a->family == b->family &&
	       a->part == b->part &&
	       strcmp(a->port_name, b->port_name) == 0;
}

static bool is_named(const struct fb_service *svc, const char *namespace_, const char *name)
{
	return svc != NULL && strcmp(svc->name, name) == 0 &&
	       strcmp(svc->namespace_, namespace_) == 0;
}

static const struct fb_service *find_port(const struct fb_snapshot *snap, const char *namespace_,
					  const char *name, const struct fb_service *like)
{
	for (uint32_t i = 0; snap != NULL && i < snap->n_services; i++) {
		if (is_named(snap->services[i], namespace_, name) &&
		    same_port(snap->services[i], like))
			return snap->services[i];
	}
	return NULL;
}

static json_t *addr_port(const struct fb_addr *addr, rte_be16_t port_be)
{
	char text[FB_ADDR_PORT_STRLEN];

	return json_string(fb_addr_port_format(addr, rte_be_to_cpu_16(port_be), text));
}

static bool has_frontend(const struct fb_service *svc, const struct fb_frontend_spec *fe)
{
	for (uint32_t i = 0; svc != NULL && i < svc->n_frontends; i++) {
		if (svc->frontends[i].port_be == fe->port_be &&
		    fb_addr_equal(&svc->frontends[i].addr, &fe->addr))
			return true;
	}
	return false;
}

/* Frontends of a that b does not have. */
static json_t *frontends_without(const struct fb_service *a, const struct fb_service *b)
{
	json_t *list = json_array();

	for (uint32_t i = 0; a != NULL && i < a->n_frontends; i++) {
		if (!has_frontend(b, &a->frontends[i]))
			(void)json_array_append_new(
				list, addr_port(&a->frontends[i].addr, a->frontends[i].port_be));
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

/* Both lists are sorted by address and port. */
static void diff_endpoints(struct diff *d, json_t *o, const struct fb_service *old,
			   const struct fb_service *new)
{
	uint32_t n_old = old != NULL ? old->n_endpoints : 0;
	uint32_t n_new = new != NULL ? new->n_endpoints : 0;
	json_t *changed = json_array();
	json_t *removed = json_array();
	json_t *added = json_array();
	uint64_t flows = 0;
	uint32_t i = 0;
	uint32_t j = 0;

	while (i < n_old || j < n_new) {
		int order = i == n_old	 ? 1
			    : j == n_new ? -1
					 : compare_endpoints(&old->endpoints[i], &new->endpoints[j]);

		if (order < 0) {
			struct fb_endpoint_counters counters;

			fb_datapath_endpoint_counters(d->c->p.datapath, old->endpoints[i].id,
						      &counters);
			flows += counters.live;
			(void)json_array_append_new(removed, addr_port(&old->endpoints[i].addr,
								       old->endpoints[i].port_be));
		} else if (order > 0) {
			(void)json_array_append_new(added, addr_port(&new->endpoints[j].addr,
								     new->endpoints[j].port_be));
		} else if (old->endpoints[i].state != new->endpoints[j].state) {
			json_t *ep = addr_port(&new->endpoints[j].addr, new->endpoints[j].port_be);
			bool active = new->endpoints[j].state == FB_EP_ACTIVE;

			(void)json_array_append_new(
				changed, json_pack("{s:o,s:s}", "endpoint", ep, "state",
						   active ? "active" : "draining"));
		}
		i += order <= 0;
		j += order >= 0;
	}
	(void)json_object_set_new(o, "endpoints_added", added);
	(void)json_object_set_new(o, "endpoints_removed", removed);
	(void)json_object_set_new(o, "endpoints_changed", changed);
	(void)json_object_set_new(o, "flows_leaving", json_integer((json_int_t)flows));
}

static bool is_empty(const json_t *o, const char *key)
{
	return json_array_size(json_object_get(o, key)) == 0;
}

static void diff_port(struct diff *d, json_t *list, const struct fb_service *old,
		      const struct fb_service *new)
{
	const struct fb_service *any = new != NULL ? new : old;
	struct fb_table_diff share = {0};
	json_t *o = json_pack("{s:s,s:i,s:s,s:s}", "name", any->port_name, "port", (int)any->port,
			      "protocol", fb_protocol_name(any->proto), "family",
			      fb_ip_family_names[any->family]);

	(void)json_object_set_new(o, "change",
				  json_string(old == NULL   ? "added"
					      : new == NULL ? "removed"
							    : "changed"));
	(void)json_object_set_new(o, "frontends_added", frontends_without(new, old));
	(void)json_object_set_new(o, "frontends_removed", frontends_without(old, new));
	diff_endpoints(d, o, old, new);
	if (old != NULL && new != NULL && old->mode != new->mode)
		(void)json_object_set_new(o, "mode",
					  json_string(fb_service_mode_names[new->mode]));
	if (old != NULL && fb_table_diff_service(old, new, &share) == 0) {
		(void)json_object_set_new(o, "slots_moved_of_staying", json_real(share.moved_stays));
		(void)json_object_set_new(o, "slots_of_leaving", json_real(share.moved_left));
	}
	if (old != NULL && new != NULL && is_empty(o, "frontends_added") &&
	    is_empty(o, "frontends_removed") && is_empty(o, "endpoints_added") &&
	    is_empty(o, "endpoints_removed") && is_empty(o, "endpoints_changed") &&
	    old->mode == new->mode) {
		json_decref(o);
		return;
	}
	(void)json_array_append_new(list, o);
}

static void diff_service(struct diff *d, const char *namespace_, const char *name)
{
	json_t *ports = json_array();

	for (uint32_t i = 0; d->new != NULL && i < d->new->n_services; i++) {
		const struct fb_service *new = d->new->services[i];

		if (is_named(new, namespace_, name))
			diff_port(d, ports, find_port(d->old, namespace_, name, new), new);
	}
	for (uint32_t i = 0; d->old != NULL && i < d->old->n_services; i++) {
		const struct fb_service *old = d->old->services[i];

		if (is_named(old, namespace_, name) &&
		    find_port(d->new, namespace_, name, old) == NULL)
			diff_port(d, ports, old, NULL);
	}
	if (json_array_size(ports) == 0) {
		json_decref(ports);
		return;
	}
	(void)json_array_append_new(d->services, json_pack("{s:s,s:s,s:o}", "namespace", namespace_,
							   "name", name, "ports", ports));
}

/* A frontend that a Service outside of this change has would be refused. */
static void check_frontends(struct diff *d, const struct fb_store *clone,
			    const struct fb_service_specs *specs)
{
	struct fb_addr any = {0};

	for (uint32_t s = 0; d->old != NULL && s < specs->n; s++) {
		const struct fb_service_spec *spec = &specs->v[s];

		for (uint32_t f = 0; f < spec->n_frontends; f++) {
			const struct fb_frontend_spec *fe = &spec->frontends[f];
			struct fb_tuple tuple;
			const struct fb_service *has;
			struct fb_store_view view;

			if (spec->family == FB_IPV4)
				any = fb_addr_from_bytes(FB_IPV4, (const uint8_t[4]){0});
			tuple = fb_tuple_make(spec->proto, &any, 0, &fe->addr, fe->port_be);
			has = fb_table_lookup(d->old, &tuple);
			if (has == NULL || is_named(has, spec->namespace_, spec->name) ||
			    !fb_store_view(clone, has->namespace_, has->name, &view) ||
			    view.service == NULL)
				continue;
			fb_errs_add(d->errs, specs->place, FB_SEV_NOTICE,
				    "%s/%s: an address and port is now of %s/%s, which keeps it unless "
				    "it changes too",
				    spec->namespace_, spec->name, has->namespace_, has->name);
		}
	}
}

static int compile(struct diff *d, struct fb_store *clone, struct fb_table *scratch)
{
	struct fb_store_service *service = NULL;
	int ret = 0;

	while (ret == 0 && (service = fb_store_dirty_next(clone, service)) != NULL) {
		struct fb_service_specs specs;
		struct fb_store_view view;

		fb_store_service_view(service, &view);
		ret = fb_desired_build(clone, &d->c->settings, view.namespace_, view.name, &specs,
				       d->errs);
		if (ret != 0)
			return ret;
		check_frontends(d, clone, &specs);
		ret = fb_table_set_service(scratch, view.namespace_, view.name, specs.v, specs.n,
					   specs.place, d->errs);
		fb_service_specs_free(&specs);
		if (ret == -ENOSPC)
			ret = 0; /* told in errs; the diff shows the rest */
	}
	return ret;
}

static int compare(struct diff *d, struct fb_store *clone)
{
	const struct fb_table_router router = {
		.next_hop = no_next_hop,
		.next_hops = no_next_hops,
	};
	struct fb_store_service *service = NULL;
	struct fb_snapshot *snap = NULL;
	struct fb_hash_secret secret;
	struct fb_table *scratch;
	int ret;

	fb_hash_secret_init(&secret, d->c->p.config->secret);
	scratch = fb_table_create(&secret, &router, d->c->p.config->max_endpoints,
				  d->c->p.config->max_services);
	if (scratch == NULL)
		return -ENOMEM;
	ret = compile(d, clone, scratch);
	if (ret == 0) {
		snap = fb_table_commit(scratch);
		if (snap == NULL && errno != EALREADY)
			ret = -errno;
	}
	d->new = snap;
	while (ret == 0 && (service = fb_store_dirty_next(clone, service)) != NULL) {
		struct fb_store_view view;

		fb_store_service_view(service, &view);
		diff_service(d, view.namespace_, view.name);
	}
	if (snap != NULL)
		fb_snapshot_release(scratch, snap);
	fb_table_free(scratch);
	return ret;
}

static int apply_to(struct fb_store *clone, const struct fb_objects *objects, struct fb_errs *errs)
{
	struct fb_objects mine = FB_OBJECTS_INIT;
	struct fb_store_change change = {
		.origin = FB_APPLIED_ORIGIN,
		.objects = &mine,
		.how = FB_STORE_MERGE,
	};
	int ret = 0;

	for (size_t i = 0; i < objects->n && ret == 0; i++) {
		struct fb_object *o = objects->v[i];
		const char *origin = NULL;

		/* A file may be diffed against itself before it is put into place. */
		if (fb_store_find(clone, o->kind, o->meta.namespace_, o->meta.name, &origin) !=
			    NULL &&
		    strcmp(origin, FB_APPLIED_ORIGIN) != 0) {
			char *owner = strdup(origin);

			if (owner == NULL)
				ret = -ENOMEM;
			else
				(void)fb_store_delete(clone, owner, o->kind, o->meta.namespace_,
						      o->meta.name);
			free(owner);
		}
		if (ret == 0)
			ret = fb_objects_add(&mine, fb_object_hold(o));
	}
	if (ret == 0)
		ret = fb_store_apply(clone, &change, errs, NULL);
	fb_objects_fini(&mine);
	return ret;
}

void fb_command_diff(struct fb_control *c, const json_t *request, struct fb_reply *reply)
{
	struct fb_store *clone = fb_store_clone(c->store);
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;
	struct diff d = {
		.c = c,
		.old = fb_control_snapshot(c),
		.services = json_array(),
		.errs = &errs,
	};
	int ret = clone != NULL ? fb_request_documents(request, &objects, &errs) : -ENOMEM;
	bool bad_request = ret == -EINVAL;

	if (ret == 0)
		ret = apply_to(clone, &objects, &errs);
	if (ret == 0)
		ret = compare(&d, clone);
	if (ret == 0)
		fb_reply_send(reply, json_pack("{s:b,s:O,s:o,s:I}", "ok", 1, "services", d.services,
					       "messages", fb_messages_json(&errs), "refused",
					       (json_int_t)errs.n_errors));
	else if (bad_request)
		fb_reply_error(reply, "diff needs \"documents\": a list of {\"name\", \"text\"}");
	else
		fb_reply_error(reply, "%s", strerror(-ret));
	json_decref(d.services);
	fb_store_free(clone);
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
}
