/* SPDX-License-Identifier: BSD-3-Clause */

#include "model/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A Service with its usual strings fits one; the allocator's own header keeps it under a page. */
#define CHUNK_BYTES 1000

#define ALIGN alignof(max_align_t)

struct fb_arena_chunk {
	struct fb_arena_chunk *older;
	size_t size_bytes;
	alignas(max_align_t) unsigned char data[];
};

static void *alloc(struct fb_arena *arena, size_t n, size_t size, bool zeroed)
{
	struct fb_arena_chunk *chunk = arena->chunks;
	size_t want;

	if (__builtin_mul_overflow(n, size, &want) || want > SIZE_MAX / 2)
		return NULL;
	want = (want + ALIGN - 1) & ~(ALIGN - 1);
	if (chunk == NULL || want > arena->left_bytes) {
		size_t size_bytes = want > CHUNK_BYTES ? want : CHUNK_BYTES;

		/* What is left of a chunk has to be zero; of a piece that has one to itself nothing is. */
		chunk = zeroed || want < CHUNK_BYTES ? calloc(1, sizeof(*chunk) + size_bytes)
						     : malloc(sizeof(*chunk) + size_bytes);
		if (chunk == NULL)
			return NULL;
		chunk->older = arena->chunks;
		chunk->size_bytes = size_bytes;
		arena->chunks = chunk;
		arena->left_bytes = size_bytes;
	}
	arena->left_bytes -= want;
	return chunk->data + (chunk->size_bytes - arena->left_bytes - want);
}

void *fb_arena_alloc(struct fb_arena *arena, size_t n, size_t size)
{
	return alloc(arena, n, size, true);
}

void *fb_arena_alloc_unset(struct fb_arena *arena, size_t n, size_t size)
{
	return alloc(arena, n, size, false);
}

char *fb_arena_strdup(struct fb_arena *arena, const char *text)
{
	size_t size = text != NULL ? strlen(text) + 1 : 1;
	char *copy = fb_arena_alloc(arena, size, 1);

	if (copy != NULL && text != NULL)
		memcpy(copy, text, size);
	return copy;
}

void fb_arena_fini(struct fb_arena *arena)
{
	while (arena->chunks != NULL) {
		struct fb_arena_chunk *chunk = arena->chunks;

		arena->chunks = chunk->older;
		free(chunk);
	}
	arena->left_bytes = 0;
}
