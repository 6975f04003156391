/* SPDX-License-Identifier: BSD-3-Clause */

#include "dns/piece.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE 64

/* Entries per chunk on average before the array of chunks doubles: a copy stays below a page. */
#define CHUNK_FILL 32
#define CHUNKS_MIN 8
#define CHUNK_MIN  8

void *fb_dns_piece_alloc(size_t size_bytes)
{
	size_t total = sizeof(struct fb_dns_piece) + (size_bytes + LINE - 1) / LINE * LINE;
	struct fb_dns_piece *piece = aligned_alloc(LINE, total);

	if (piece == NULL)
		return NULL;
	memset(piece, 0, total);
	return fb_dns_piece_data(piece);
}

void fb_dns_piece_free(void *data)
{
	if (data != NULL)
		free(fb_dns_piece_of(data));
}

void *fb_dns_draft_alloc(struct fb_dns_draft *draft, size_t size_bytes)
{
	void *data = fb_dns_piece_alloc(size_bytes);

	if (data != NULL)
		fb_dns_draft_adopt(draft, data);
	return data;
}

void fb_dns_draft_adopt(struct fb_dns_draft *draft, void *data)
{
	struct fb_dns_piece *piece = fb_dns_piece_of(data);

	piece->next = draft->fresh;
	draft->fresh = piece;
}

void fb_dns_draft_replace(struct fb_dns_draft *draft, const void *data)
{
	struct fb_dns_piece *piece;

	if (data == NULL)
		return;
	piece = fb_dns_piece_of(data);
	piece->replaced = true;
	if (!piece->published)
		return; /* it is among the fresh ones */
	piece->next = draft->gone;
	draft->gone = piece;
}

void fb_dns_draft_apply(struct fb_dns_draft *draft, uint64_t generation,
			struct fb_dns_piece **ret_retired)
{
	while (draft->fresh != NULL) {
		struct fb_dns_piece *piece = draft->fresh;

		draft->fresh = piece->next;
		piece->published = true;
		if (piece->replaced)
			free(piece);
	}
	while (draft->gone != NULL) {
		struct fb_dns_piece *piece = draft->gone;

		draft->gone = piece->next;
		piece->retired = generation;
		piece->next = *ret_retired;
		*ret_retired = piece;
	}
}

void fb_dns_draft_drop(struct fb_dns_draft *draft)
{
	while (draft->fresh != NULL) {
		struct fb_dns_piece *piece = draft->fresh;

		draft->fresh = piece->next;
		free(piece);
	}
	while (draft->gone != NULL) {
		struct fb_dns_piece *piece = draft->gone;

		draft->gone = piece->next;
		piece->replaced = false;
	}
}

/* ---- maps ---- */

static uint32_t places_for(uint32_t n)
{
	uint32_t places = CHUNK_MIN;

	while (places / 2 < n)
		places *= 2;
	return places;
}

static struct fb_dns_chunk *chunk_create(struct fb_dns_draft *draft, uint32_t n)
{
	uint32_t places = places_for(n);
	struct fb_dns_chunk *chunk =
		fb_dns_draft_alloc(draft,
				   sizeof(*chunk) + (size_t)places * sizeof(chunk->entries[0]));

	if (chunk != NULL)
		chunk->mask = places - 1;
	return chunk;
}

static void chunk_add(struct fb_dns_chunk *chunk, uint64_t hash, const void *piece)
{
	uint32_t i = (uint32_t)hash & chunk->mask;

	while (chunk->entries[i].piece != NULL)
		i = (i + 1) & chunk->mask;
	chunk->entries[i] = (struct fb_dns_entry){hash, piece};
	chunk->n++;
}

/* A copy that has room for one more, without one piece. */
static struct fb_dns_chunk *chunk_copy(struct fb_dns_draft *draft, const struct fb_dns_chunk *from,
				       const void *without)
{
	uint32_t n = from != NULL ? from->n : 0;
	struct fb_dns_chunk *chunk = chunk_create(draft, n + 1);

	if (chunk == NULL || from == NULL)
		return chunk;
	for (uint32_t i = 0; i <= from->mask; i++) {
		const struct fb_dns_entry *e = &from->entries[i];

		if (e->piece != NULL && e->piece != without)
			chunk_add(chunk, e->hash, e->piece);
	}
	return chunk;
}

static const struct fb_dns_chunk **chunks_of(const struct fb_dns_map *map)
{
	return (const struct fb_dns_chunk **)(uintptr_t)map->chunks;
}

/* The array of chunks may be written: it is the draft's own. */
static int own_chunks(struct fb_dns_draft *draft, struct fb_dns_map *map)
{
	uint32_t n = map->chunks != NULL ? map->mask + 1 : CHUNKS_MIN;
	const struct fb_dns_chunk **chunks;

	if (map->chunks != NULL && !fb_dns_piece_of(map->chunks)->published)
		return 0;
	chunks = fb_dns_draft_alloc(draft, n * sizeof(*chunks));
	if (chunks == NULL)
		return -ENOMEM;
	if (map->chunks != NULL)
		memcpy(chunks, map->chunks, n * sizeof(*chunks));
	fb_dns_draft_replace(draft, map->chunks);
	map->chunks = chunks;
	map->mask = n - 1;
	return 0;
}

/* The entries of a chunk go to two, by one bit more of the hash. */
static int split(struct fb_dns_draft *draft, const struct fb_dns_chunk *from, uint32_t bit,
		 const struct fb_dns_chunk **ret_low, const struct fb_dns_chunk **ret_high)
{
	struct fb_dns_chunk *half[2];

	if (from == NULL)
		return 0;
	for (int i = 0; i < 2; i++) {
		half[i] = chunk_create(draft, from->n);
		if (half[i] == NULL)
			return -ENOMEM;
	}
	for (uint32_t i = 0; i <= from->mask; i++) {
		const struct fb_dns_entry *e = &from->entries[i];

		if (e->piece != NULL)
			chunk_add(half[((uint32_t)(e->hash >> 32) & bit) != 0], e->hash, e->piece);
	}
	*ret_low = half[0];
	*ret_high = half[1];
	fb_dns_draft_replace(draft, from);
	return 0;
}

static int grow(struct fb_dns_draft *draft, struct fb_dns_map *map)
{
	uint32_t n = map->mask + 1;
	const struct fb_dns_chunk **old = chunks_of(map);
	const struct fb_dns_chunk **chunks;

	chunks = fb_dns_draft_alloc(draft, 2 * (size_t)n * sizeof(*chunks));
	if (chunks == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		if (split(draft, old[i], n, &chunks[i], &chunks[i + n]) != 0)
			return -ENOMEM;
	}
	fb_dns_draft_replace(draft, old);
	map->chunks = chunks;
	map->mask = 2 * n - 1;
	return 0;
}

/* An entry whose place may be written becomes another piece's; its key is the same. */
static void chunk_exchange(struct fb_dns_chunk *chunk, uint64_t hash, const void *old,
			   const void *piece)
{
	uint32_t i = (uint32_t)hash & chunk->mask;

	while (chunk->entries[i].piece != old)
		i = (i + 1) & chunk->mask;
	chunk->entries[i].piece = piece;
}

int fb_dns_map_put(struct fb_dns_draft *draft, struct fb_dns_map *map, uint64_t hash,
		   const void *old, const void *piece)
{
	const struct fb_dns_chunk **at;
	struct fb_dns_chunk *chunk;

	if (old == NULL && piece == NULL)
		return 0;
	if (own_chunks(draft, map) != 0)
		return -ENOMEM;
	if (old == NULL && map->n >= (map->mask + 1) * CHUNK_FILL && grow(draft, map) != 0)
		return -ENOMEM;
	at = &chunks_of(map)[(uint32_t)(hash >> 32) & map->mask];
	chunk = (struct fb_dns_chunk *)(uintptr_t)*at;
	/* Written in place as long as it is the draft's and nothing moves. */
	if (chunk == NULL || fb_dns_piece_of(chunk)->published || piece == NULL ||
	    (old == NULL && chunk->n + 1 > (chunk->mask + 1) / 2)) {
		chunk = chunk_copy(draft, chunk, piece == NULL ? old : NULL);
		if (chunk == NULL)
			return -ENOMEM;
		fb_dns_draft_replace(draft, *at);
		*at = chunk;
	}
	if (old == NULL)
		chunk_add(chunk, hash, piece);
	else if (piece != NULL)
		chunk_exchange(chunk, hash, old, piece);
	map->n += piece != NULL;
	map->n -= old != NULL;
	return 0;
}

void fb_dns_map_clear(struct fb_dns_draft *draft, struct fb_dns_map *map)
{
	for (uint32_t c = 0; map->chunks != NULL && c <= map->mask; c++) {
		const struct fb_dns_chunk *chunk = map->chunks[c];

		for (uint32_t i = 0; chunk != NULL && i <= chunk->mask; i++)
			fb_dns_draft_replace(draft, chunk->entries[i].piece);
		fb_dns_draft_replace(draft, chunk);
	}
	fb_dns_draft_replace(draft, map->chunks);
	*map = (struct fb_dns_map){0};
}

void fb_dns_map_free(struct fb_dns_map *map)
{
	for (uint32_t c = 0; map->chunks != NULL && c <= map->mask; c++) {
		const struct fb_dns_chunk *chunk = map->chunks[c];

		for (uint32_t i = 0; chunk != NULL && i <= chunk->mask; i++)
			fb_dns_piece_free((void *)(uintptr_t)chunk->entries[i].piece);
		fb_dns_piece_free((void *)(uintptr_t)chunk);
	}
	fb_dns_piece_free((void *)(uintptr_t)map->chunks);
}
