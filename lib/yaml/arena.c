/* SPDX-License-Identifier: BSD-3-Clause */

#include "yaml/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The first chunk suits a config or one manifest; doubling reaches the last size in 5 steps. */
#define CHUNK_MIN (32 * 1024)
#define CHUNK_MAX (1024 * 1024)

struct arena_chunk {
	struct arena_chunk *next;
	uint64_t data[];
};

void *arena_alloc(struct arena *arena, size_t size)
{
	void *piece;

	size = (size + 7) & ~(size_t)7;
	if (arena->chunk == NULL || arena->cap - arena->used < size) {
		size_t cap = arena->cap == 0 ? CHUNK_MIN : arena->cap * 2;
		struct arena_chunk *chunk;

		if (cap > CHUNK_MAX)
			cap = CHUNK_MAX;
		if (cap < size)
			cap = size;
		chunk = malloc(sizeof(*chunk) + cap);
		if (chunk == NULL)
			return NULL;
		chunk->next = arena->chunk;
		arena->chunk = chunk;
		arena->cap = cap;
		arena->used = 0;
	}
	piece = (char *)arena->chunk->data + arena->used;
	arena->used += size;
	return piece;
}

char *arena_text(struct arena *arena, const char *text, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);

	if (copy == NULL)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

void arena_fini(struct arena *arena)
{
	while (arena->chunk != NULL) {
		struct arena_chunk *next = arena->chunk->next;

		free(arena->chunk);
		arena->chunk = next;
	}
	*arena = (struct arena){0};
}
