/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_YAML_ARENA_H
#define FB_YAML_ARENA_H

/*
 * Memory that is given out piece by piece and given back all at once.
 *
 * A stream of manifests has millions of nodes that live and die together: one malloc() each would
 * take longer than the parse. Pieces are aligned to 8 bytes and never move. {0} is an empty arena.
 */

#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunk; /* the newest; pieces come from it */
	size_t used;
	size_t cap;
};

/** A piece of uninitialised memory; NULL: no memory. */
void *arena_alloc(struct arena *arena, size_t size);

/** A NUL-terminated copy of len bytes; NULL: no memory. */
char *arena_text(struct arena *arena, const char *text, size_t len);

void arena_fini(struct arena *arena);

#endif
