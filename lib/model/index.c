/* SPDX-License-Identifier: BSD-3-Clause */

#include "model/index.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_BUCKETS 64

static struct fb_index_link **bucket_of(const struct fb_index *index, uint64_t hash)
{
	return &index->buckets[hash & (index->n_buckets - 1)];
}

int fb_index_init(struct fb_index *index)
{
	index->n = 0;
	index->n_buckets = FIRST_BUCKETS;
	index->buckets = calloc(FIRST_BUCKETS, sizeof(*index->buckets));
	return index->buckets != NULL ? 0 : -ENOMEM;
}

void fb_index_fini(struct fb_index *index)
{
	free(index->buckets);
}

static void push(struct fb_index *index, struct fb_index_link *link)
{
	struct fb_index_link **bucket = bucket_of(index, link->hash);

	link->next = *bucket;
	*bucket = link;
}

static void grow(struct fb_index *index)
{
	struct fb_index bigger = {.n = index->n, .n_buckets = index->n_buckets * 2};

	bigger.buckets = calloc(bigger.n_buckets, sizeof(*bigger.buckets));
	if (bigger.buckets == NULL)
		return;
	for (size_t i = 0; i < index->n_buckets; i++) {
		struct fb_index_link *next;

		for (struct fb_index_link *link = index->buckets[i]; link != NULL; link = next) {
			next = link->next;
			push(&bigger, link);
		}
	}
	free(index->buckets);
	*index = bigger;
}

void fb_index_insert(struct fb_index *index, struct fb_index_link *link, uint64_t hash)
{
	if (index->n >= index->n_buckets)
		grow(index);
	link->hash = hash;
	push(index, link);
	index->n++;
}

void fb_index_remove(struct fb_index *index, struct fb_index_link *link)
{
	struct fb_index_link **at = bucket_of(index, link->hash);

	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	index->n--;
}

struct fb_index_link *fb_index_first(const struct fb_index *index, uint64_t hash)
{
	struct fb_index_link *link = *bucket_of(index, hash);

	while (link != NULL && link->hash != hash)
		link = link->next;
	return link;
}

struct fb_index_link *fb_index_again(const struct fb_index_link *link)
{
	struct fb_index_link *next = link->next;

	while (next != NULL && next->hash != link->hash)
		next = next->next;
	return next;
}

struct fb_index_link *fb_index_walk(const struct fb_index *index, const struct fb_index_link *after)
{
	size_t i = 0;

	if (after != NULL) {
		if (after->next != NULL)
			return after->next;
		i = (after->hash & (index->n_buckets - 1)) + 1;
	}
	for (; i < index->n_buckets; i++) {
		if (index->buckets[i] != NULL)
			return index->buckets[i];
	}
	return NULL;
}
