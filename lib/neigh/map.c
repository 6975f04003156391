/* SPDX-License-Identifier: BSD-3-Clause */

#include "neigh/map.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_HEADS 64

int fb_neigh_map_init(struct fb_neigh_map *map)
{
	map->heads = calloc(FIRST_HEADS, sizeof(struct fb_neigh_map_node *));
	if (map->heads == NULL)
		return -ENOMEM;
	map->n_heads = FIRST_HEADS;
	map->n = 0;
	return 0;
}

void fb_neigh_map_fini(struct fb_neigh_map *map)
{
	free(map->heads);
	map->heads = NULL;
}

static void link_node(struct fb_neigh_map *map, struct fb_neigh_map_node *node)
{
	struct fb_neigh_map_node **head = &map->heads[node->hash & (map->n_heads - 1)];

	node->next = *head;
	*head = node;
}

static void widen(struct fb_neigh_map *map)
{
	struct fb_neigh_map wide = {.n_heads = map->n_heads * 2, .n = map->n};
	struct fb_neigh_map_node *node;

	wide.heads = calloc(wide.n_heads, sizeof(struct fb_neigh_map_node *));
	if (wide.heads == NULL)
		return;
	for (uint32_t i = 0; i < map->n_heads; i++) {
		while ((node = map->heads[i]) != NULL) {
			map->heads[i] = node->next;
			link_node(&wide, node);
		}
	}
	free(map->heads);
	*map = wide;
}

void fb_neigh_map_insert(struct fb_neigh_map *map, struct fb_neigh_map_node *node, uint64_t hash)
{
	if (map->n >= map->n_heads)
		widen(map);
	node->hash = hash;
	link_node(map, node);
	map->n++;
}

void fb_neigh_map_remove(struct fb_neigh_map *map, struct fb_neigh_map_node *node)
{
	struct fb_neigh_map_node **at = &map->heads[node->hash & (map->n_heads - 1)];

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	map->n--;
}

static struct fb_neigh_map_node *with_hash(struct fb_neigh_map_node *node, uint64_t hash)
{
	while (node != NULL && node->hash != hash)
		node = node->next;
	return node;
}

struct fb_neigh_map_node *fb_neigh_map_first(const struct fb_neigh_map *map, uint64_t hash)
{
	return with_hash(map->heads[hash & (map->n_heads - 1)], hash);
}

struct fb_neigh_map_node *fb_neigh_map_same(const struct fb_neigh_map_node *node)
{
	return with_hash(node->next, node->hash);
}

struct fb_neigh_map_node *fb_neigh_map_next(const struct fb_neigh_map *map,
					    const struct fb_neigh_map_node *node)
{
	uint32_t i = 0;

	if (node != NULL) {
		if (node->next != NULL)
			return node->next;
		i = (uint32_t)(node->hash & (map->n_heads - 1)) + 1;
	}
	for (; i < map->n_heads; i++) {
		if (map->heads[i] != NULL)
			return map->heads[i];
	}
	return NULL;
}
