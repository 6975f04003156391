/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NEIGH_MAP_H
#define FB_NEIGH_MAP_H

/*
 * A chained hash whose nodes live in what they find. Inserting cannot fail: when there is no memory
 * to widen the table, chains get longer.
 *
 * Thread: control.
 */

#include <stdint.h>

struct fb_neigh_map_node {
	struct fb_neigh_map_node *next;
	uint64_t hash;
};

struct fb_neigh_map {
	struct fb_neigh_map_node **heads;
	uint32_t n_heads; /* a power of two */
	uint32_t n;
};

/** @return 0 or -ENOMEM; nodes are the caller's, so fini frees the table alone */
int fb_neigh_map_init(struct fb_neigh_map *map);
void fb_neigh_map_fini(struct fb_neigh_map *map);

void fb_neigh_map_insert(struct fb_neigh_map *map, struct fb_neigh_map_node *node, uint64_t hash);
void fb_neigh_map_remove(struct fb_neigh_map *map, struct fb_neigh_map_node *node);

/** First node with this hash, then the next with the same one; the caller compares keys. */
struct fb_neigh_map_node *fb_neigh_map_first(const struct fb_neigh_map *map, uint64_t hash);
struct fb_neigh_map_node *fb_neigh_map_same(const struct fb_neigh_map_node *node);

/** All nodes: NULL begins, NULL ends. Ask for the next before removing the one at hand. */
struct fb_neigh_map_node *fb_neigh_map_next(const struct fb_neigh_map *map,
					    const struct fb_neigh_map_node *node);

#endif
