/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/applied.h"
#include "control/diff.h"

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

static bool is_named(const struct fb_service *svc, const char *namespace_, const char *name)
{
	return strcmp(svc->name, name) == 0 && strcmp(svc->namespace_, namespace_) == 0;
}

/* A frontend that a Service outside of this change has would be refused. */
static void check_frontends(struct diff *d, const struct fb_store *clone,
			    const struct fb_service_specs *specs)
{
	for (uint32_t s = 0; d->old != NULL && s < specs->n; s++) {
		const struct fb_service_spec *spec = &specs->v[s];

		for (uint32_t f = 0; f < spec->n_frontends; f++) {
			const struct fb_frontend_spec *fe = &spec->frontends[f];
			const struct fb_service *has;
			struct fb_store_view view;

			has = fb_table_frontend(d->old, spec->proto, fe);
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

static void add_service(struct diff *d, const char *namespace_, const char *name)
{
	json_t *ports =
		fb_diff_service(d->c->p.datapath, d->old, d->new, namespace_, name);

	if (json_array_size(ports) == 0)
		json_decref(ports);
	else
		(void)json_array_append_new(d->services,
					    json_pack("{s:s,s:s,s:o}", "namespace", namespace_,
						      "name", name, "ports", ports));
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
		add_service(d, view.namespace_, view.name);
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

/* As it would be allotted, and not kept. */
static int allot_to(struct fb_control *c, struct fb_store *clone, struct fb_errs *errs)
{
	struct fb_pool *pool = fb_pool_clone(c->pool);
	int ret = pool != NULL ? fb_pool_allot(pool, clone, errs) : -ENOMEM;

	fb_pool_free(pool);
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
		ret = allot_to(c, clone, &errs);
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
