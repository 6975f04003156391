/* SPDX-License-Identifier: BSD-3-Clause */

/* Which namespaces there are: those that an object is in, and those that are an object themselves. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/store_parts.h"

/* "" where the kind of object says nothing of namespaces. */
static const char *namespace_of(const struct fb_store_entry *entry)
{
	return entry->kind == FB_KIND_NAMESPACE ? entry->name : entry->namespace_;
}

static struct fb_store_namespace *find(const struct fb_store *store, const char *name,
				       uint64_t hash)
{
	struct fb_index_link *link = fb_index_first(&store->namespaces, hash);

	for (; link != NULL; link = fb_index_again(link)) {
		struct fb_store_namespace *ns = (struct fb_store_namespace *)link;

		if (strcmp(ns->name, name) == 0)
			return ns;
	}
	return NULL;
}

int fb_store_namespace_count(struct fb_store *store, const struct fb_store_entry *entry)
{
	const char *name = namespace_of(entry);
	uint64_t hash = fb_hash_bytes(&store->secret, name, strlen(name));
	struct fb_store_namespace *ns;

	if (name[0] == '\0')
		return 0;
	ns = find(store, name, hash);
	if (ns == NULL) {
		ns = calloc(1, sizeof(*ns) + strlen(name) + 1);
		if (ns == NULL)
			return -ENOMEM;
		memcpy(ns->name, name, strlen(name) + 1);
		fb_index_insert(&store->namespaces, &ns->link, hash);
		store->namespaces_epoch++;
	}
	ns->n_entries++;
	return 0;
}

void fb_store_namespace_uncount(struct fb_store *store, const struct fb_store_entry *entry)
{
	const char *name = namespace_of(entry);
	struct fb_store_namespace *ns =
		name[0] != '\0'
			? find(store, name, fb_hash_bytes(&store->secret, name, strlen(name)))
			: NULL;

	if (ns == NULL || --ns->n_entries > 0)
		return;
	fb_index_remove(&store->namespaces, &ns->link);
	free(ns);
	store->namespaces_epoch++;
}

uint64_t fb_store_namespaces_epoch(const struct fb_store *store)
{
	return store->namespaces_epoch;
}

size_t fb_store_n_namespaces(const struct fb_store *store)
{
	return store->namespaces.n;
}

void fb_store_each_namespace(const struct fb_store *store, void (*fn)(void *arg, const char *name),
			     void *arg)
{
	struct fb_index_link *link = NULL;

	while ((link = fb_index_walk(&store->namespaces, link)) != NULL)
		fn(arg, ((struct fb_store_namespace *)link)->name);
}

uint64_t fb_store_pods_epoch(const struct fb_store *store)
{
	return store->pods_epoch;
}

void fb_store_each_pod(const struct fb_store *store,
		       void (*fn)(void *arg, const struct fb_object *pod), void *arg)
{
	struct fb_index_link *link = NULL;

	while ((link = fb_index_walk(&store->entries, link)) != NULL) {
		const struct fb_store_entry *entry = (const struct fb_store_entry *)link;

		if (entry->kind == FB_KIND_POD)
			fn(arg, entry->claims->object);
	}
}
