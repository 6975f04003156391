/* SPDX-License-Identifier: BSD-3-Clause */

#include "model/store_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash_names(const struct fb_store *store, unsigned int kind, const char *namespace_,
			   const char *name)
{
	uint64_t a = fb_hash_bytes(&store->secret, namespace_, strlen(namespace_));
	uint64_t b = fb_hash_bytes(&store->secret, name, strlen(name));

	return fb_hash_2(&store->secret, a + kind, b);
}

/* Services are hashed in an index of their own, so any number does that is no kind. */
#define NO_KIND FB_KIND_COUNT

struct fb_store_entry *fb_store_entry_find(const struct fb_store *store, enum fb_object_kind kind,
					   const char *namespace_, const char *name)
{
	uint64_t hash = hash_names(store, kind, namespace_, name);
	struct fb_index_link *link;

	for (link = fb_index_first(&store->entries, hash); link != NULL;
	     link = fb_index_again(link)) {
		struct fb_store_entry *entry = (struct fb_store_entry *)link;

		if (entry->kind == kind && strcmp(entry->name, name) == 0 &&
		    strcmp(entry->namespace_, namespace_) == 0)
			return entry;
	}
	return NULL;
}

static struct fb_store_entry *entry_make(struct fb_store *store, const struct fb_object *object)
{
	const struct fb_meta *meta = &object->meta;
	struct fb_store_entry *entry =
		fb_store_entry_find(store, object->kind, meta->namespace_, meta->name);
	size_t namespace_size = strlen(meta->namespace_) + 1;
	size_t name_size = strlen(meta->name) + 1;

	if (entry != NULL)
		return entry;
	entry = calloc(1, sizeof(*entry) + namespace_size + name_size);
	if (entry == NULL)
		return NULL;
	entry->kind = object->kind;
	entry->name = entry->namespace_ + namespace_size;
	memcpy(entry->namespace_, meta->namespace_, namespace_size);
	memcpy(entry->namespace_ + namespace_size, meta->name, name_size);
	if (fb_store_namespace_count(store, entry) != 0) {
		free(entry);
		return NULL;
	}
	fb_index_insert(&store->entries, &entry->link,
			hash_names(store, object->kind, meta->namespace_, meta->name));
	return entry;
}

static void entry_drop(struct fb_store *store, struct fb_store_entry *entry)
{
	if (entry->claims != NULL)
		return;
	fb_index_remove(&store->entries, &entry->link);
	fb_store_namespace_uncount(store, entry);
	free(entry);
}

struct fb_store_service *fb_store_service_find(const struct fb_store *store,
					       const char *namespace_, const char *name)
{
	uint64_t hash = hash_names(store, NO_KIND, namespace_, name);
	struct fb_index_link *link;

	for (link = fb_index_first(&store->services, hash); link != NULL;
	     link = fb_index_again(link)) {
		struct fb_store_service *service = (struct fb_store_service *)link;

		if (strcmp(service->view.name, name) == 0 &&
		    strcmp(service->view.namespace_, namespace_) == 0)
			return service;
	}
	return NULL;
}

/*
 * Endpoints that somebody wrote for a Service without selector are its endpoints as the cluster mirrors
 * them into slices, and some it does not: those of leader elections, and those that say so. The API
 * server's own say so too, since it writes the slices as well.
 */
static bool is_mirrored(const struct fb_store_view *view)
{
	const struct fb_meta *meta = &view->endpoints->meta;
	const char *skip = fb_labels_get(&meta->labels, FB_LABEL_SKIP_MIRROR);

	if ((view->service != NULL && view->service->service.selector.n > 0) ||
	    (strcmp(view->namespace_, "default") == 0 && strcmp(view->name, "kubernetes") == 0))
		return true;
	return (skip == NULL || strcmp(skip, "true") != 0) &&
	       fb_labels_get(&meta->annotations, FB_ANNOTATION_LEADER) == NULL;
}

bool fb_store_view(const struct fb_store *store, const char *namespace_, const char *name,
		   struct fb_store_view *ret_view)
{
	struct fb_store_service *service = fb_store_service_find(store, namespace_, name);
	const struct fb_store_view *view;

	if (service == NULL)
		return false;
	view = &service->view;
	if (view->service == NULL && view->endpoints == NULL && view->n_slices == 0)
		return false;
	*ret_view = *view;
	if (view->endpoints != NULL && !is_mirrored(view))
		ret_view->endpoints = NULL;
	return true;
}

static struct fb_store_service *service_make(struct fb_store *store, const char *namespace_,
					     const char *name)
{
	struct fb_store_service *service = fb_store_service_find(store, namespace_, name);
	size_t namespace_size = strlen(namespace_) + 1;
	size_t name_size = strlen(name) + 1;

	if (service != NULL)
		return service;
	service = calloc(1, sizeof(*service) + namespace_size + name_size);
	if (service == NULL)
		return NULL;
	memcpy(service->names, namespace_, namespace_size);
	memcpy(service->names + namespace_size, name, name_size);
	service->view.namespace_ = service->names;
	service->view.name = service->names + namespace_size;
	fb_index_insert(&store->services, &service->link,
			hash_names(store, NO_KIND, namespace_, name));
	return service;
}

int fb_store_service_reserve(struct fb_store *store, const struct fb_object *object,
			     struct fb_store_service **ret)
{
	const char *name = fb_object_service_name(object);
	struct fb_store_service *service;

	if (name[0] == '\0') {
		*ret = NULL;
		return 0;
	}
	service = service_make(store, object->meta.namespace_, name);
	if (service == NULL)
		return -ENOMEM;
	service->n_claims++;
	if (service->slices_cap < service->n_claims) {
		uint32_t cap = service->slices_cap != 0 ? service->slices_cap * 2 : 4;
		const struct fb_object **slices =
			realloc(service->slices, cap * sizeof(const struct fb_object *));

		if (slices == NULL) {
			fb_store_service_unreserve(store, service);
			return -ENOMEM;
		}
		service->slices = slices;
		service->view.slices = slices;
		service->slices_cap = cap;
	}
	*ret = service;
	return 0;
}

void fb_store_service_unreserve(struct fb_store *store, struct fb_store_service *service)
{
	if (service == NULL || --service->n_claims > 0 || service->dirty)
		return;
	fb_index_remove(&store->services, &service->link);
	fb_object_release(service->completed);
	free(service->slices);
	free(service);
}

struct fb_store_origin *fb_store_origin_find(const struct fb_store *store, const char *name)
{
	uint64_t hash = fb_hash_bytes(&store->secret, name, strlen(name));
	struct fb_index_link *link;

	for (link = fb_index_first(&store->origins, hash); link != NULL;
	     link = fb_index_again(link)) {
		struct fb_store_origin *origin = (struct fb_store_origin *)link;

		if (strcmp(origin->name, name) == 0)
			return origin;
	}
	return NULL;
}

struct fb_store_origin *fb_store_origin_make(struct fb_store *store, const char *name)
{
	struct fb_store_origin *origin = fb_store_origin_find(store, name);
	size_t size = strlen(name) + 1;

	if (origin != NULL)
		return origin;
	origin = calloc(1, sizeof(*origin) + size);
	if (origin == NULL)
		return NULL;
	memcpy(origin->name, name, size);
	fb_index_insert(&store->origins, &origin->link,
			fb_hash_bytes(&store->secret, name, size - 1));
	origin->prev = store->last_origin;
	if (origin->prev != NULL)
		origin->prev->next = origin;
	else
		store->first_origin = origin;
	store->last_origin = origin;
	return origin;
}

void fb_store_origin_drop(struct fb_store *store, struct fb_store_origin *origin)
{
	if (origin->first != NULL)
		return;
	fb_index_remove(&store->origins, &origin->link);
	if (origin->prev != NULL)
		origin->prev->next = origin->next;
	else
		store->first_origin = origin->next;
	if (origin->next != NULL)
		origin->next->prev = origin->prev;
	else
		store->last_origin = origin->prev;
	free(origin);
}

struct fb_store_claim *fb_store_claim_find(const struct fb_store_entry *entry,
					   const struct fb_store_origin *origin)
{
	struct fb_store_claim *claim = entry->claims;

	while (claim != NULL && claim->origin != origin)
		claim = claim->next;
	return claim;
}

struct fb_store_claim *fb_store_claim_make(struct fb_store *store, struct fb_store_origin *origin,
					   const struct fb_object *object, uint64_t seq)
{
	struct fb_store_entry *entry = entry_make(store, object);
	struct fb_store_claim **at;
	struct fb_store_claim *claim;

	if (entry == NULL)
		return NULL;
	claim = fb_store_claim_find(entry, origin);
	if (claim != NULL)
		return claim;
	claim = calloc(1, sizeof(*claim));
	if (claim == NULL) {
		entry_drop(store, entry);
		return NULL;
	}
	claim->entry = entry;
	claim->origin = origin;
	claim->seq = seq;
	for (at = &entry->claims; *at != NULL && (*at)->seq < seq; at = &(*at)->next)
		;
	claim->next = *at;
	*at = claim;
	claim->prev_of = origin->last;
	if (origin->last != NULL)
		origin->last->next_of = claim;
	else
		origin->first = claim;
	origin->last = claim;
	origin->n_claims++;
	return claim;
}

void fb_store_claim_free(struct fb_store *store, struct fb_store_claim *claim)
{
	struct fb_store_origin *origin = claim->origin;
	struct fb_store_claim **at = &claim->entry->claims;

	/* While the entry lives: it says which list the bonds are in. */
	fb_store_bonds_free(store, claim->bonds);
	while (*at != claim)
		at = &(*at)->next;
	*at = claim->next;
	entry_drop(store, claim->entry);
	if (claim->prev_of != NULL)
		claim->prev_of->next_of = claim->next_of;
	else
		origin->first = claim->next_of;
	if (claim->next_of != NULL)
		claim->next_of->prev_of = claim->prev_of;
	else
		origin->last = claim->prev_of;
	origin->n_claims--;
	fb_store_service_unreserve(store, claim->service);
	fb_object_release(claim->object);
	free(claim);
}

void fb_store_service_complete(struct fb_store_service *service, struct fb_object *completed)
{
	struct fb_object *before = service->completed;

	service->completed = completed != NULL ? fb_object_hold(completed) : NULL;
	service->view.service = completed != NULL ? completed : service->view.written;
	fb_object_release(before);
}

void fb_store_mark_dirty(struct fb_store *store, struct fb_store_service *service)
{
	if (service->dirty)
		return;
	service->dirty = true;
	service->next_dirty = NULL;
	if (store->last_dirty != NULL)
		store->last_dirty->next_dirty = service;
	else
		store->first_dirty = service;
	store->last_dirty = service;
	store->n_dirty++;
}

static void link_node(struct fb_store *store, struct fb_store_claim *claim)
{
	if (claim->entry->kind != FB_KIND_NODE)
		return;
	claim->prev_node = NULL;
	claim->next_node = store->nodes;
	if (store->nodes != NULL)
		store->nodes->prev_node = claim;
	store->nodes = claim;
}

static void unlink_node(struct fb_store *store, struct fb_store_claim *claim)
{
	if (claim->entry->kind != FB_KIND_NODE)
		return;
	if (claim->prev_node != NULL)
		claim->prev_node->next_node = claim->next_node;
	else
		store->nodes = claim->next_node;
	if (claim->next_node != NULL)
		claim->next_node->prev_node = claim->prev_node;
}

/* What a Pod or a Node that comes or goes touches. */
static void mark_around(struct fb_store *store, const struct fb_store_claim *claim)
{
	if (claim->entry->kind == FB_KIND_POD) {
		fb_store_mark_selecting(store, claim);
		store->pods_epoch++;
	} else if (claim->entry->kind == FB_KIND_NODE) {
		store->nodes_changed = true;
	}
}

void fb_store_attach(struct fb_store *store, struct fb_store_claim *claim)
{
	struct fb_store_service *service = claim->service;

	store->n_objects[claim->entry->kind]++;
	link_node(store, claim);
	fb_store_bonds_link(claim);
	mark_around(store, claim);
	if (service == NULL)
		return;
	switch (claim->entry->kind) {
	case FB_KIND_SERVICE:
		service->view.service = claim->object;
		service->view.written = claim->object;
		break;
	case FB_KIND_ENDPOINTS:
		service->view.endpoints = claim->object;
		break;
	default:
		service->slices[service->view.n_slices++] = claim->object;
		break;
	}
	fb_store_mark_dirty(store, service);
}

void fb_store_detach(struct fb_store *store, struct fb_store_claim *claim)
{
	struct fb_store_service *service = claim->service;
	uint32_t i = 0;

	store->n_objects[claim->entry->kind]--;
	unlink_node(store, claim);
	mark_around(store, claim);
	fb_store_bonds_unlink(claim->bonds);
	if (service == NULL)
		return;
	switch (claim->entry->kind) {
	case FB_KIND_SERVICE:
		fb_store_service_complete(service, NULL);
		service->view.service = NULL;
		service->view.written = NULL;
		break;
	case FB_KIND_ENDPOINTS:
		service->view.endpoints = NULL;
		break;
	default:
		while (service->slices[i] != claim->object)
			i++;
		service->slices[i] = service->slices[--service->view.n_slices];
		break;
	}
	fb_store_mark_dirty(store, service);
}
