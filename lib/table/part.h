/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_TABLE_PART_H
#define FB_TABLE_PART_H

/*
 * A piece of memory that snapshots share.
 *
 * No reference counts: a part serves the generations from the one that brought it to the one that
 * replaced it, so it is retired with the generation of its successor and freed when no snapshot
 * before that one is left. A commit thus touches what it replaces and nothing else.
 *
 * Thread: control.
 */

#include <stddef.h>
#include <stdint.h>

#define FB_PART_ALIGN 64 /* bytes: a cache line */

struct fb_part {
	struct fb_part *next;
	uint64_t retired; /* generation of the successor */
} __attribute__((aligned(FB_PART_ALIGN)));

/** Zeroed memory on cache lines of its own, or NULL (no memory); give back with fb_part_free(). */
void *fb_part_alloc(size_t size_bytes);
void fb_part_free(void *data); /* takes NULL */

/** The bookkeeping in front of the data. */
static inline struct fb_part *fb_part_of(void *data)
{
	return (struct fb_part *)((char *)data - sizeof(struct fb_part));
}

static inline void *fb_part_data(struct fb_part *part)
{
	return (char *)part + sizeof(struct fb_part);
}

#endif
