/* SPDX-License-Identifier: BSD-3-Clause */

#include "table/serving.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table/identity.h"
#include "table/part.h"

/*
 * So many endpoints of all that there may be fall to a chunk, which is then built anew in some microseconds; and
 * so many chunks at most, since every change copies an array of pointers to them.
 */
#define PER_CHUNK   64
#define MOST_CHUNKS 8192

int fb_serving_init(struct fb_serving *s, uint32_t max_endpoints)
{
	uint32_t n = 1;

	while (n < MOST_CHUNKS && n < max_endpoints / PER_CHUNK)
		n *= 2;
	s->mask = n - 1;
	s->heads = calloc(n, sizeof(*s->heads));
	s->next = calloc((size_t)max_endpoints + 1, sizeof(*s->next));
	s->changed = calloc(n, sizeof(*s->changed));
	return s->heads != NULL && s->next != NULL && s->changed != NULL ? 0 : -ENOMEM;
}

void fb_serving_fini(struct fb_serving *s)
{
	free(s->heads);
	free(s->next);
	free(s->changed);
}

static uint64_t hash_of(const struct fb_ids *ids, uint32_t id)
{
	const struct fb_id_endpoint *e = &ids->endpoints[id];

	return fb_serving_hash(&ids->secret, &e->addr, e->port_be);
}

/* The chunk's list; it is not what it was. */
static uint32_t *touch(struct fb_ids *ids, uint32_t id)
{
	struct fb_serving *s = &ids->serving;
	const uint32_t c = (uint32_t)(hash_of(ids, id) >> 32) & s->mask;

	s->changed[c] = true;
	s->any_changed = true;
	return &s->heads[c];
}

void fb_serving_add(struct fb_ids *ids, uint32_t id)
{
	uint32_t *head = touch(ids, id);

	ids->serving.next[id] = *head;
	*head = id + 1;
}

void fb_serving_remove(struct fb_ids *ids, uint32_t id)
{
	uint32_t *link = touch(ids, id);

	while (*link != id + 1)
		link = &ids->serving.next[*link - 1];
	*link = ids->serving.next[id];
}

void fb_serving_settle(struct fb_serving *s)
{
	if (!s->any_changed)
		return;
	memset(s->changed, 0, ((size_t)s->mask + 1) * sizeof(*s->changed));
	s->any_changed = false;
}

static struct fb_serving_chunk *make_chunk(const struct fb_ids *ids, uint32_t head)
{
	const struct fb_serving *s = &ids->serving;
	struct fb_serving_chunk *chunk;
	uint32_t n = 0;
	uint32_t cap = 4;

	for (uint32_t i = head; i != 0; i = s->next[i - 1])
		n++;
	while (cap / 2 < n)
		cap *= 2;
	chunk = fb_part_alloc(sizeof(*chunk) + cap * sizeof(chunk->entries[0]));
	if (chunk == NULL)
		return NULL;
	chunk->mask = cap - 1;
	for (uint32_t i = head; i != 0; i = s->next[i - 1]) {
		const uint32_t tag = (uint32_t)hash_of(ids, i - 1);
		uint32_t at = tag & chunk->mask;

		while (chunk->entries[at].service != 0)
			at = (at + 1) & chunk->mask;
		chunk->entries[at] = (struct fb_serving_entry){
			.tag = tag,
			.service = ids->endpoints[i - 1].service_id + 1,
		};
	}
	return chunk;
}

void fb_serving_each_other_chunk(const struct fb_serving_index *index,
				 const struct fb_serving_index *other,
				 void (*fn)(void *arg, void *chunk), void *arg)
{
	if (index == NULL || index == other)
		return;
	for (uint32_t c = 0; c <= index->mask; c++) {
		const struct fb_serving_chunk *chunk = index->chunks[c];

		if (chunk != NULL && (other == NULL || other->chunks[c] != chunk))
			fn(arg, (void *)(uintptr_t)chunk);
	}
}

static void free_chunk(void *arg, void *chunk)
{
	(void)arg;
	fb_part_free(chunk);
}

void fb_serving_free_chunks(const struct fb_serving_index *index,
			    const struct fb_serving_index *other)
{
	fb_serving_each_other_chunk(index, other, free_chunk, NULL);
}

struct fb_serving_index *fb_serving_draft(const struct fb_ids *ids, struct fb_serving_index *last)
{
	const struct fb_serving *s = &ids->serving;
	const uint32_t n = s->mask + 1;
	struct fb_serving_index *index;

	if (last != NULL && !s->any_changed)
		return last;
	index = fb_part_alloc(sizeof(*index) + n * sizeof(index->chunks[0]));
	if (index == NULL)
		return NULL;
	index->mask = s->mask;
	for (uint32_t c = 0; c < n; c++) {
		if (last != NULL && !s->changed[c]) {
			index->chunks[c] = last->chunks[c];
			continue;
		}
		if (s->heads[c] == 0)
			continue;
		index->chunks[c] = make_chunk(ids, s->heads[c]);
		if (index->chunks[c] == NULL) {
			fb_serving_free_chunks(index, last);
			fb_part_free(index);
			return NULL;
		}
	}
	return index;
}

struct fb_service_places *fb_service_places_create(const uint32_t *ids, uint32_t n, uint32_t n_ids)
{
	struct fb_service_places *places =
		fb_part_alloc(sizeof(*places) + ((size_t)n_ids + n) * sizeof(places->v[0]));

	if (places == NULL)
		return NULL;
	places->n_ids = n_ids;
	/* From the last on, so that each list is in order. */
	for (uint32_t i = n; i-- > 0;) {
		uint32_t *first = &places->v[ids[i]];

		places->v[n_ids + i] = *first;
		*first = i + 1;
	}
	return places;
}
