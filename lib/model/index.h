/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_MODEL_INDEX_H
#define FB_MODEL_INDEX_H

/*
 * A chained hash index of things that embed a link. It owns no elements and compares none: the
 * caller walks the chain of a hash. Inserting cannot fail: if there is no memory to grow, chains
 * get longer.
 *
 * Thread: the owner's.
 */

#include <stddef.h>
#include <stdint.h>

struct fb_index_link {
	struct fb_index_link *next;
	uint64_t hash;
};

struct fb_index {
	struct fb_index_link **buckets;
	size_t n_buckets; /* a power of two */
	size_t n;
};

/** @return 0 or -ENOMEM */
int fb_index_init(struct fb_index *index);
void fb_index_fini(struct fb_index *index);
void fb_index_insert(struct fb_index *index, struct fb_index_link *link, uint64_t hash);
void fb_index_remove(struct fb_index *index, struct fb_index_link *link);

/** First link with that hash, and the one after; NULL: no more. */
struct fb_index_link *fb_index_first(const struct fb_index *index, uint64_t hash);
struct fb_index_link *fb_index_again(const struct fb_index_link *link);

/** All links, in no order; NULL begins and ends. The index must not change meanwhile. */
struct fb_index_link *fb_index_walk(const struct fb_index *index,
				    const struct fb_index_link *after);

#endif
