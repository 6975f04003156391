/* SPDX-License-Identifier: BSD-3-Clause */

/* The store as a whole: making, copying, asking, walking. Changes are in store_change.c. */

#include <stdlib.h>
#include <string.h>

#include "model/store_parts.h"

struct fb_store *fb_store_create(void)
{
	struct fb_store *store = calloc(1, sizeof(*store));

	if (store == NULL)
		return NULL;
	/* Too early in boot for randomness: then the order of a chain can be guessed, no more. */
	(void)fb_hash_secret_draw(&store->secret);
	store->next_seq = 1;
	if (fb_index_init(&store->entries) != 0 || fb_index_init(&store->services) != 0 ||
	    fb_index_init(&store->origins) != 0 || fb_index_init(&store->pairs) != 0 ||
	    fb_index_init(&store->namespaces) != 0) {
		fb_store_free(store);
		return NULL;
	}
	return store;
}

void fb_store_free(struct fb_store *store)
{
	if (store == NULL)
		return;
	while (store->first_origin != NULL) {
		struct fb_store_origin *origin = store->first_origin;

		while (origin->first != NULL)
			fb_store_claim_free(store, origin->first);
		fb_store_origin_drop(store, origin);
	}
	fb_store_clear_dirty(store);
	fb_index_fini(&store->entries);
	fb_index_fini(&store->services);
	fb_index_fini(&store->origins);
	fb_index_fini(&store->pairs);
	fb_index_fini(&store->namespaces);
	free(store);
}

static int copy_claim(struct fb_store *copy, struct fb_store_origin *origin,
		      const struct fb_store_claim *from)
{
	struct fb_store_claim *claim;

	claim = fb_store_claim_make(copy, origin, from->object, from->seq);
	if (claim == NULL || fb_store_service_reserve(copy, from->object, &claim->service) != 0 ||
	    fb_store_bonds_make(copy, claim, from->object, &claim->bonds) != 0)
		return -1;
	claim->object = fb_object_hold(from->object);
	return 0;
}

struct fb_store *fb_store_clone(const struct fb_store *store)
{
	struct fb_store *copy = fb_store_create();
	struct fb_index_link *link = NULL;

	if (copy == NULL)
		return NULL;
	copy->next_seq = store->next_seq;
	for (const struct fb_store_origin *from = store->first_origin; from != NULL;
	     from = from->next) {
		struct fb_store_origin *origin = fb_store_origin_make(copy, from->name);
		const struct fb_store_claim *claim = from->first;

		while (origin != NULL && claim != NULL && copy_claim(copy, origin, claim) == 0)
			claim = claim->next_of;
		if (origin == NULL || claim != NULL) {
			fb_store_free(copy);
			return NULL;
		}
	}
	while ((link = fb_index_walk(&copy->entries, link)) != NULL)
		fb_store_attach(copy, ((struct fb_store_entry *)link)->claims);
	while ((link = fb_index_walk(&store->services, link)) != NULL) {
		const struct fb_store_service *from = (const struct fb_store_service *)link;

		if (from->completed != NULL)
			fb_store_complete(copy, from->view.namespace_, from->view.name,
					  from->completed);
	}
	fb_store_settle(copy);
	fb_store_clear_dirty(copy);
	return copy;
}

const struct fb_object *fb_store_find(const struct fb_store *store, enum fb_object_kind kind,
				      const char *namespace_, const char *name,
				      const char **ret_origin)
{
	const struct fb_store_entry *entry = fb_store_entry_find(store, kind, namespace_, name);

	if (entry == NULL)
		return NULL;
	if (ret_origin != NULL)
		*ret_origin = entry->claims->origin->name;
	return entry->claims->object;
}

const struct fb_object *fb_store_node_next(const struct fb_store *store,
					   struct fb_store_nodes *walk)
{
	if (!walk->begun)
		walk->at = store->nodes;
	else if (walk->at != NULL)
		walk->at = walk->at->next_node;
	walk->begun = true;
	return walk->at != NULL ? walk->at->object : NULL;
}

struct fb_store_service *fb_store_service_next(const struct fb_store *store,
					       const struct fb_store_service *after)
{
	const struct fb_index_link *link = after != NULL ? &after->link : NULL;
	struct fb_store_service *service;

	do {
		service = (struct fb_store_service *)fb_index_walk(&store->services, link);
		link = service != NULL ? &service->link : NULL;
	} while (service != NULL && service->n_claims == 0);
	return service;
}

void fb_store_service_view(const struct fb_store_service *service, struct fb_store_view *ret_view)
{
	*ret_view = service->view;
}

const struct fb_object *fb_store_object_next(const struct fb_store *store, enum fb_object_kind kind,
					     struct fb_store_objects *walk)
{
	while ((walk->at = fb_index_walk(&store->entries, walk->at)) != NULL) {
		const struct fb_store_entry *entry = (const struct fb_store_entry *)walk->at;

		if (entry->kind == kind)
			return entry->claims->object;
	}
	return NULL;
}

void fb_store_each_of(const struct fb_store *store, const char *origin,
		      void (*fn)(void *arg, const struct fb_object *object), void *arg)
{
	const struct fb_store_origin *found = fb_store_origin_find(store, origin);

	if (found == NULL)
		return;
	for (const struct fb_store_claim *claim = found->first; claim != NULL;
	     claim = claim->next_of)
		fn(arg, claim->object);
}

const char *fb_store_origin_next(const struct fb_store *store, const char *after)
{
	const struct fb_store_origin *origin = store->first_origin;

	if (after != NULL) {
		origin = fb_store_origin_find(store, after);
		origin = origin != NULL ? origin->next : NULL;
	}
	return origin != NULL ? origin->name : NULL;
}

struct fb_store_service *fb_store_dirty_next(const struct fb_store *store,
					     const struct fb_store_service *after)
{
	return after != NULL ? after->next_dirty : store->first_dirty;
}

/* creationTimestamps sort as text; what came from a file has none, and is younger than what has. */
int fb_object_compare_age(const struct fb_object *a, const struct fb_object *b)
{
	bool known_a = a != NULL && a->meta.creation[0] != '\0';
	bool known_b = b != NULL && b->meta.creation[0] != '\0';

	if (!known_a || !known_b)
		return (int)known_b - (int)known_a;
	return strcmp(a->meta.creation, b->meta.creation);
}

static int compare_dirty(const struct fb_store_service *a, const struct fb_store_service *b)
{
	int order = fb_object_compare_age(a->view.service, b->view.service);

	if (order == 0)
		order = strcmp(a->view.namespace_, b->view.namespace_);
	return order != 0 ? order : strcmp(a->view.name, b->view.name);
}

/* Two sorted lists into one. */
static struct fb_store_service *merge(struct fb_store_service *a, struct fb_store_service *b)
{
	struct fb_store_service *first = NULL;
	struct fb_store_service **link = &first;

	while (a != NULL && b != NULL) {
		struct fb_store_service **from = compare_dirty(a, b) <= 0 ? &a : &b;

		*link = *from;
		link = &(*from)->next_dirty;
		*from = *link;
	}
	*link = a != NULL ? a : b;
	return first;
}

/* By runs that double, so that it needs no memory: runs[i] is empty or has 2^i. */
void fb_store_sort_dirty(struct fb_store *store)
{
	struct fb_store_service *runs[64] = {NULL};
	struct fb_store_service *next;
	struct fb_store_service *all = NULL;

	for (struct fb_store_service *service = store->first_dirty; service != NULL; service = next) {
		struct fb_store_service *run = service;
		size_t i = 0;

		next = service->next_dirty;
		run->next_dirty = NULL;
		for (; runs[i] != NULL; i++) {
			run = merge(runs[i], run);
			runs[i] = NULL;
		}
		runs[i] = run;
	}
	for (size_t i = 0; i < 64; i++)
		all = merge(runs[i], all);
	store->first_dirty = all;
	store->last_dirty = all;
	while (store->last_dirty != NULL && store->last_dirty->next_dirty != NULL)
		store->last_dirty = store->last_dirty->next_dirty;
}

size_t fb_store_n_dirty(const struct fb_store *store)
{
	return store->n_dirty;
}

void fb_store_clear_dirty(struct fb_store *store)
{
	struct fb_store_service *next;

	for (struct fb_store_service *service = store->first_dirty; service != NULL;
	     service = next) {
		next = service->next_dirty;
		service->dirty = false;
		service->next_dirty = NULL;
		if (service->n_claims == 0) {
			service->n_claims = 1;
			fb_store_service_unreserve(store, service);
		}
	}
	store->first_dirty = NULL;
	store->last_dirty = NULL;
	store->n_dirty = 0;
}

void fb_store_complete(struct fb_store *store, const char *namespace_, const char *name,
		       struct fb_object *completed)
{
	struct fb_store_service *service = fb_store_service_find(store, namespace_, name);

	if (service != NULL && service->view.written != NULL)
		fb_store_service_complete(service, completed);
}

void fb_store_dirty(struct fb_store *store, const char *namespace_, const char *name)
{
	struct fb_store_service *service = fb_store_service_find(store, namespace_, name);

	if (service != NULL && service->n_claims > 0)
		fb_store_mark_dirty(store, service);
}

void fb_store_dirty_all(struct fb_store *store)
{
	struct fb_store_service *service = NULL;

	while ((service = fb_store_service_next(store, service)) != NULL)
		fb_store_mark_dirty(store, service);
}

void fb_store_settle(struct fb_store *store)
{
	if (store->nodes_changed)
		fb_store_dirty_all(store);
	store->nodes_changed = false;
}

size_t fb_store_n_objects(const struct fb_store *store, enum fb_object_kind kind)
{
	return store->n_objects[kind];
}
