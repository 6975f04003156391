/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdlib.h>
#include <string.h>

#include "table/state.h"

static struct fb_group **bucket_of(const struct fb_table *t, const char *namespace_, const char *name)
{
	const struct fb_hash_secret *s = &t->ids.secret;
	uint64_t h = fb_hash_2(s, fb_hash_bytes(s, namespace_, strlen(namespace_)),
			       fb_hash_bytes(s, name, strlen(name)));

	return &t->buckets[(uint32_t)h & t->bucket_mask];
}

struct fb_group *fb_group_find(const struct fb_table *t, const char *namespace_, const char *name)
{
	struct fb_group *g = *bucket_of(t, namespace_, name);

	while (g != NULL && (strcmp(g->namespace_, namespace_) != 0 || strcmp(g->name, name) != 0))
		g = g->chain;
	return g;
}

struct fb_group *fb_group_add(struct fb_table *t, const char *namespace_, const char *name)
{
	struct fb_group **bucket = bucket_of(t, namespace_, name);
	size_t ns_len = strlen(namespace_) + 1;
	size_t name_len = strlen(name) + 1;
	struct fb_group *g = calloc(1, sizeof(*g) + ns_len + name_len);

	if (g == NULL)
		return NULL;
	g->namespace_ = (char *)(g + 1);
	g->name = g->namespace_ + ns_len;
	memcpy(g->namespace_, namespace_, ns_len);
	memcpy(g->name, name, name_len);
	g->chain = *bucket;
	*bucket = g;
	g->older = t->newest;
	if (t->newest != NULL)
		t->newest->newer = g;
	else
		t->oldest = g;
	t->newest = g;
	return g;
}

void fb_group_remove(struct fb_table *t, struct fb_group *g)
{
	struct fb_group **link = bucket_of(t, g->namespace_, g->name);

	while (*link != g)
		link = &(*link)->chain;
	*link = g->chain;
	if (g->older != NULL)
		g->older->newer = g->newer;
	else
		t->oldest = g->newer;
	if (g->newer != NULL)
		g->newer->older = g->older;
	else
		t->newest = g->older;
	free(g);
}
