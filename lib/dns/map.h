/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DNS_MAP_H
#define FB_DNS_MAP_H

/* Looking into a map of the zone (dns/zone.h); private to lib/dns. */

#include <stddef.h>

#include "dns/zone.h"

/* Is this the piece of that key? */
typedef bool fb_dns_match_fn(const void *piece, const void *key);

static inline const void *fb_dns_chunk_find(const struct fb_dns_chunk *chunk, uint64_t hash,
					    fb_dns_match_fn *is, const void *key)
{
	uint32_t i = (uint32_t)hash & chunk->mask;

	/* At most half full, so there is a free one. */
	for (; chunk->entries[i].piece != NULL; i = (i + 1) & chunk->mask) {
		if (chunk->entries[i].hash == hash && is(chunk->entries[i].piece, key))
			return chunk->entries[i].piece;
	}
	return NULL;
}

static inline const struct fb_dns_chunk *fb_dns_map_chunk(const struct fb_dns_map *map,
							  uint64_t hash)
{
	return map->chunks != NULL ? map->chunks[(uint32_t)(hash >> 32) & map->mask] : NULL;
}

static inline const void *fb_dns_map_find(const struct fb_dns_map *map, uint64_t hash,
					  fb_dns_match_fn *is, const void *key)
{
	const struct fb_dns_chunk *chunk = fb_dns_map_chunk(map, hash);

	return chunk != NULL ? fb_dns_chunk_find(chunk, hash, is, key) : NULL;
}

#endif
