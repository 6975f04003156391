/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_MODEL_ARENA_H
#define FB_MODEL_ARENA_H

/*
 * Memory that is taken in many small pieces and given back at once: what one object is made of.
 *
 * Thread: one at a time. Pieces are aligned for any type and zeroed, but for those that say so. NULL means no memory.
 */

#include <stddef.h>

struct fb_arena {
	struct fb_arena_chunk *chunks;
	size_t left_bytes; /* in the newest chunk */
};

#define FB_ARENA_INIT {0}

/** n elements of size bytes; never NULL for n = 0. NULL also when n * size overflows. */
void *fb_arena_alloc(struct fb_arena *arena, size_t n, size_t size);

/** The same for who writes all that is read: with anything in it. */
void *fb_arena_alloc_unset(struct fb_arena *arena, size_t n, size_t size);

/** Copy of a string; text may be NULL, which is copied as "". */
char *fb_arena_strdup(struct fb_arena *arena, const char *text);

/** Give everything back; the arena can be used again. */
void fb_arena_fini(struct fb_arena *arena);

#endif
