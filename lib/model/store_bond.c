/* SPDX-License-Identifier: BSD-3-Clause */

/* Pods and the Services that select them, by the pairs of their labels. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/store_parts.h"

static uint64_t hash_pair(const struct fb_store *store, const char *namespace_,
			  const struct fb_label *label)
{
	uint64_t a = fb_hash_bytes(&store->secret, namespace_, strlen(namespace_));
	uint64_t b = fb_hash_bytes(&store->secret, label->key, strlen(label->key));
	uint64_t c = fb_hash_bytes(&store->secret, label->value, strlen(label->value));

	return fb_hash_2(&store->secret, fb_hash_2(&store->secret, a, b), c);
}

static struct fb_store_pair *pair_find(const struct fb_store *store, const char *namespace_,
				       const struct fb_label *label)
{
	struct fb_index_link *link;

	for (link = fb_index_first(&store->pairs, hash_pair(store, namespace_, label));
	     link != NULL; link = fb_index_again(link)) {
		struct fb_store_pair *pair = (struct fb_store_pair *)link;

		if (strcmp(pair->value, label->value) == 0 && strcmp(pair->key, label->key) == 0 &&
		    strcmp(pair->namespace_, namespace_) == 0)
			return pair;
	}
	return NULL;
}

static struct fb_store_pair *pair_make(struct fb_store *store, const char *namespace_,
				       const struct fb_label *label)
{
	struct fb_store_pair *pair = pair_find(store, namespace_, label);
	size_t namespace_size = strlen(namespace_) + 1;
	size_t key_size = strlen(label->key) + 1;
	size_t value_size = strlen(label->value) + 1;
	char *at;

	if (pair != NULL)
		return pair;
	pair = calloc(1, sizeof(*pair) + namespace_size + key_size + value_size);
	if (pair == NULL)
		return NULL;
	at = pair->namespace_;
	memcpy(at, namespace_, namespace_size);
	at += namespace_size;
	pair->key = at;
	memcpy(at, label->key, key_size);
	at += key_size;
	pair->value = at;
	memcpy(at, label->value, value_size);
	fb_index_insert(&store->pairs, &pair->link, hash_pair(store, namespace_, label));
	return pair;
}

int fb_store_bonds_make(struct fb_store *store, struct fb_store_claim *claim,
			const struct fb_object *object, struct fb_store_bonds **ret)
{
	struct fb_labels none = {0};
	const struct fb_labels *labels = &none;
	struct fb_store_bonds *bonds;
	uint32_t n;

	if (object->kind == FB_KIND_POD)
		labels = &object->meta.labels;
	else if (object->kind == FB_KIND_SERVICE)
		labels = &object->service.selector;
	n = object->kind == FB_KIND_SERVICE && labels->n > 1 ? 1 : labels->n;
	if (n == 0) {
		*ret = NULL;
		return 0;
	}
	bonds = calloc(1, sizeof(*bonds) + n * sizeof(bonds->v[0]));
	if (bonds == NULL)
		return -ENOMEM;
	for (; bonds->n < n; bonds->n++) {
		struct fb_store_pair *pair =
			pair_make(store, object->meta.namespace_, &labels->v[bonds->n]);

		if (pair == NULL) {
			fb_store_bonds_free(store, bonds);
			return -ENOMEM;
		}
		pair->n_bonds++;
		bonds->v[bonds->n].pair = pair;
		bonds->v[bonds->n].claim = claim;
	}
	*ret = bonds;
	return 0;
}

void fb_store_bonds_free(struct fb_store *store, struct fb_store_bonds *bonds)
{
	if (bonds == NULL)
		return;
	fb_store_bonds_unlink(bonds);
	for (uint32_t i = 0; i < bonds->n; i++) {
		struct fb_store_pair *pair = bonds->v[i].pair;

		if (--pair->n_bonds > 0)
			continue;
		fb_index_remove(&store->pairs, &pair->link);
		free(pair);
	}
	free(bonds);
}

static bool is_pod(const struct fb_store_bond *bond)
{
	return bond->claim->entry->kind == FB_KIND_POD;
}

void fb_store_bonds_link(struct fb_store_claim *claim)
{
	struct fb_store_bonds *bonds = claim->bonds;

	for (uint32_t i = 0; bonds != NULL && i < bonds->n; i++) {
		struct fb_store_bond *bond = &bonds->v[i];
		struct fb_store_bond **first =
			is_pod(bond) ? &bond->pair->pods : &bond->pair->services;

		bond->pair->n_pods += is_pod(bond);
		bond->prev = NULL;
		bond->next = *first;
		if (*first != NULL)
			(*first)->prev = bond;
		*first = bond;
	}
	if (bonds != NULL)
		bonds->linked = true;
}

void fb_store_bonds_unlink(struct fb_store_bonds *bonds)
{
	if (bonds == NULL || !bonds->linked)
		return;
	for (uint32_t i = 0; i < bonds->n; i++) {
		struct fb_store_bond *bond = &bonds->v[i];
		struct fb_store_bond **first =
			is_pod(bond) ? &bond->pair->pods : &bond->pair->services;

		bond->pair->n_pods -= is_pod(bond);
		if (bond->prev != NULL)
			bond->prev->next = bond->next;
		else
			*first = bond->next;
		if (bond->next != NULL)
			bond->next->prev = bond->prev;
	}
	bonds->linked = false;
}

void fb_store_mark_selecting(struct fb_store *store, const struct fb_store_claim *pod)
{
	const struct fb_labels *labels = &pod->object->meta.labels;

	for (uint32_t i = 0; pod->bonds != NULL && i < pod->bonds->n; i++) {
		struct fb_store_bond *bond = pod->bonds->v[i].pair->services;

		for (; bond != NULL; bond = bond->next) {
			const struct fb_model_service *service = &bond->claim->object->service;

			if (fb_labels_select(&service->selector, labels))
				fb_store_mark_dirty(store, bond->claim->service);
		}
	}
}

/* The Pods that have the rarest pair of a selector; NULL: one pair has none. */
static const struct fb_store_bond *rarest(const struct fb_store *store,
					  const struct fb_object *service)
{
	const struct fb_labels *selector = &service->service.selector;
	const struct fb_store_pair *best = NULL;

	for (uint32_t i = 0; i < selector->n; i++) {
		const struct fb_store_pair *pair =
			pair_find(store, service->meta.namespace_, &selector->v[i]);

		if (pair == NULL || pair->n_pods == 0)
			return NULL;
		if (best == NULL || pair->n_pods < best->n_pods)
			best = pair;
	}
	return best != NULL ? best->pods : NULL;
}

const struct fb_object *fb_store_pod_next(const struct fb_store *store,
					  const struct fb_object *service,
					  struct fb_store_pods *walk)
{
	if (!walk->begun)
		walk->at = rarest(store, service);
	else if (walk->at != NULL)
		walk->at = walk->at->next;
	walk->begun = true;
	while (walk->at != NULL &&
	       !fb_labels_select(&service->service.selector,
				 &walk->at->claim->object->meta.labels))
		walk->at = walk->at->next;
	return walk->at != NULL ? walk->at->claim->object : NULL;
}
