/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/applied.h"
#include "control/reconcile.h"

/* One line of the answer, as kubectl prints it. */
static void add_result(json_t *results, const struct fb_object *object, const char *result)
{
	(void)json_array_append_new(results, json_pack("{s:s,s:s,s:s,s:s}", "kind",
						       fb_object_kind_names[object->kind],
						       "namespace", object->meta.namespace_, "name",
						       object->meta.name, "result", result));
}

static void add_refused(json_t *results, const struct fb_objects *objects)
{
	for (size_t i = 0; i < objects->n_refused; i++) {
		const struct fb_object_ref *ref = &objects->refused[i];

		(void)json_array_append_new(results,
					    json_pack("{s:s,s:o,s:o,s:s}", "kind",
						      fb_object_kind_names[ref->kind], "namespace",
						      fb_json_text(ref->namespace_), "name",
						      fb_json_text(ref->name), "result",
						      "refused"));
	}
}

static void send_results(struct fb_control *c, struct fb_reply *reply, json_t *results,
			 const struct fb_errs *errs)
{
	const struct fb_snapshot *snap = fb_control_snapshot(c);

	fb_reply_send(reply,
		      json_pack("{s:b,s:o,s:o,s:I,s:I}", "ok", 1, "results", results, "messages",
				fb_messages_json(errs), "refused", (json_int_t)errs->n_errors,
				"generation", (json_int_t)(snap != NULL ? snap->generation : 0)));
}

/* What a file defines is the file's. @return its path, or NULL */
static const char *file_owner(struct fb_control *c, enum fb_object_kind kind,
			      const char *namespace_, const char *name,
			      const struct fb_object **ret_object)
{
	const char *origin = NULL;

	*ret_object = fb_store_find(c->store, kind, namespace_, name, &origin);
	if (*ret_object == NULL || strcmp(origin, FB_APPLIED_ORIGIN) == 0)
		return NULL;
	return origin;
}

/* Sort the objects out into those that will be merged; results are told in the order of the text. */
static int choose(struct fb_control *c, const struct fb_objects *objects, struct fb_objects *chosen,
		  json_t *results, struct fb_errs *errs)
{
	for (size_t i = 0; i < objects->n; i++) {
		struct fb_object *o = objects->v[i];
		const struct fb_object *old;
		const char *owner = file_owner(c, o->kind, o->meta.namespace_, o->meta.name, &old);
		int ret;

		if (owner != NULL) {
			fb_errs_add(errs, o->place, FB_SEV_ERROR,
				    "%s %s/%s belongs to the file %s; change it there",
				    fb_object_kind_names[o->kind], o->meta.namespace_, o->meta.name,
				    owner);
			add_result(results, o, "refused");
			continue;
		}
		add_result(results, o,
			   old == NULL               ? "created"
			   : fb_object_equal(old, o) ? "unchanged"
						     : "configured");
		ret = fb_objects_add(chosen, fb_object_hold(o));
		if (ret != 0)
			return ret;
	}
	add_refused(results, objects);
	return 0;
}

static void keep(struct fb_control *c, const struct fb_objects *chosen, struct fb_errs *errs)
{
	for (size_t i = 0; i < chosen->n; i++) {
		const struct fb_object *o = chosen->v[i];
		int ret = fb_applied_keep(c, o);

		if (ret != 0)
			fb_errs_add(
				errs, o->place, FB_SEV_ERROR,
				"%s %s/%s is in force, but does not outlive a restart until it can be "
				"written: %s: %s",
				fb_object_kind_names[o->kind], o->meta.namespace_, o->meta.name,
				c->p.config->state_dir, strerror(-ret));
	}
}

void fb_command_apply(struct fb_control *c, const json_t *request, struct fb_reply *reply)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_objects chosen = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;
	json_t *results = json_array();
	struct fb_store_change change = {
		.origin = FB_APPLIED_ORIGIN,
		.objects = &chosen,
		.how = FB_STORE_MERGE,
	};
	int ret = fb_request_documents(request, &objects, &errs);

	if (ret == 0)
		ret = choose(c, &objects, &chosen, results, &errs);
	if (ret == 0)
		ret = fb_store_apply(c->store, &change, &errs, NULL);
	if (ret == 0) {
		fb_reconcile_services(c, "apply", &errs);
		keep(c, &chosen, &errs);
		send_results(c, reply, json_incref(results), &errs);
	} else if (ret == -EINVAL) {
		fb_reply_error(reply, "apply needs \"documents\": a list of {\"name\", \"text\"}");
	} else {
		fb_reply_error(reply, "%s; nothing was changed", strerror(-ret));
	}
	json_decref(results);
	fb_objects_fini(&chosen);
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
}

static void delete_one(struct fb_control *c, const struct fb_object *o, json_t *results,
		       struct fb_errs *errs)
{
	const char *what = fb_object_kind_names[o->kind];
	const struct fb_object *old;
	const char *owner = file_owner(c, o->kind, o->meta.namespace_, o->meta.name, &old);
	int ret;

	if (owner != NULL) {
		fb_errs_add(errs, o->place, FB_SEV_ERROR,
			    "%s %s/%s belongs to the file %s; delete it there", what,
			    o->meta.namespace_, o->meta.name, owner);
		add_result(results, o, "refused");
		return;
	}
	if (old == NULL) {
		fb_errs_add(errs, o->place, FB_SEV_ERROR, "%s %s/%s: not found", what,
			    o->meta.namespace_, o->meta.name);
		add_result(results, o, "not found");
		return;
	}
	(void)fb_store_delete(c->store, FB_APPLIED_ORIGIN, o->kind, o->meta.namespace_,
			      o->meta.name);
	ret = fb_applied_forget(c, o->kind, o->meta.namespace_, o->meta.name);
	if (ret != 0)
		fb_errs_add(errs, o->place, FB_SEV_ERROR,
			    "%s %s/%s is deleted, but back after a restart until its file can be "
			    "removed: %s: %s",
			    what, o->meta.namespace_, o->meta.name, c->p.config->state_dir,
			    strerror(-ret));
	add_result(results, o, "deleted");
}

void fb_command_delete(struct fb_control *c, const json_t *request, struct fb_reply *reply)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;
	json_t *results = json_array();
	int ret = fb_request_documents(request, &objects, &errs);

	if (ret == 0) {
		for (size_t i = 0; i < objects.n; i++)
			delete_one(c, objects.v[i], results, &errs);
		add_refused(results, &objects);
		fb_reconcile_services(c, "delete", &errs);
		send_results(c, reply, json_incref(results), &errs);
	} else if (ret == -EINVAL) {
		fb_reply_error(reply, "delete needs \"documents\": a list of {\"name\", \"text\"}");
	} else {
		fb_reply_error(reply, "%s; nothing was changed", strerror(-ret));
	}
	json_decref(results);
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
}
