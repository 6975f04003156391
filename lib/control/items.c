/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/item.h"

#include <stdlib.h>
#include <string.h>

#include "control/answer.h"
#include "model/selector.h"

struct fb_item_listing {
	const char *what;
	enum fb_object_kind kind;
	bool orphans; /* also Service names that only endpoints have */
	/* @return whether the object has more to tell */
	bool (*append)(struct fb_items *items, const struct fb_items_source *source,
		       const struct fb_object *object, json_t *list);
};

static const struct fb_item_listing listings[] = {
	{"services", FB_KIND_SERVICE, false, fb_item_append_service},
	{"endpoints", FB_KIND_SERVICE, true, fb_item_append_endpoints},
	{"pods", FB_KIND_POD, false, fb_item_append_pod},
	{"nodes", FB_KIND_NODE, false, fb_item_append_node},
};

static const struct fb_item_listing *find_listing(const char *what)
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
static struct fb_items *make(const struct fb_store *store, const struct fb_item_listing *listing,
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
	const struct fb_item_listing *listing = find_listing(fb_request_string(request, "what"));
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
		items->removed_due = fb_item_append_removed(items, source, list);
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
