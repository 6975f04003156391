/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DNS_PIECE_H
#define FB_DNS_PIECE_H

/*
 * Memory that zones share, and the draft of a commit. Private to lib/dns.
 *
 * A draft lists the pieces that it made (fresh) and those in force that it replaced (gone). If it
 * holds, the fresh ones are in force and the gone ones wait for their readers; if it fails, it is the
 * other way round. A fresh piece that the same draft replaced again has no readers: it is freed when
 * the draft ends, whichever way.
 */

#include <stddef.h>
#include <stdint.h>

#include "dns/map.h"

struct fb_dns_piece {
	struct fb_dns_piece *next; /* fresh, gone or retired */
	uint64_t retired;          /* generation of the successor */
	bool published;
	bool replaced; /* by the draft */
} __attribute__((aligned(64)));

struct fb_dns_draft {
	struct fb_dns_piece *fresh;
	struct fb_dns_piece *gone;
};

static inline struct fb_dns_piece *fb_dns_piece_of(const void *data)
{
	return (struct fb_dns_piece *)((uintptr_t)data - sizeof(struct fb_dns_piece));
}

static inline void *fb_dns_piece_data(struct fb_dns_piece *piece)
{
	return (char *)piece + sizeof(struct fb_dns_piece);
}

/** Zeroed, on lines of its own, in no draft; NULL: no memory. */
void *fb_dns_piece_alloc(size_t size_bytes);
void fb_dns_piece_free(void *data); /* takes NULL */

/** The same, in the draft. */
void *fb_dns_draft_alloc(struct fb_dns_draft *draft, size_t size_bytes);
/** A piece that was made outside joins the draft. */
void fb_dns_draft_adopt(struct fb_dns_draft *draft, void *data);
/** The draft does without that piece. NULL is fine. */
void fb_dns_draft_replace(struct fb_dns_draft *draft, const void *data);

/** It holds: retire what is gone. @param ret_retired  list to which it is added, newest first */
void fb_dns_draft_apply(struct fb_dns_draft *draft, uint64_t generation,
			struct fb_dns_piece **ret_retired);
void fb_dns_draft_drop(struct fb_dns_draft *draft);

/**
 * In a map of the draft: put `piece` (NULL: nothing) where `old` (NULL: nothing) is. The old piece is
 * not replaced by this; the map's arrays are.
 *
 * @return 0 or -ENOMEM
 */
int fb_dns_map_put(struct fb_dns_draft *draft, struct fb_dns_map *map, uint64_t hash,
		   const void *old, const void *piece);

/** In a map of the draft: replace all that it has. It is empty then. */
void fb_dns_map_clear(struct fb_dns_draft *draft, struct fb_dns_map *map);

/** All pieces of a map, to be freed with it: for the end of a zone. */
void fb_dns_map_free(struct fb_dns_map *map);

#endif
