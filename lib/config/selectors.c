/* SPDX-License-Identifier: BSD-3-Clause */

/* services.pools[].labels: label selectors, checked and kept as such. */

#include <errno.h>
#include <stdlib.h>

#include "config/schema.h"
#include "model/selector.h"

static void read_one(struct reader *reader, const struct fb_node *list, uint32_t p, uint32_t i,
		     struct fb_config_pool *pool)
{
	char why[FB_SELECTOR_WHY_LEN];
	int rc;

	if (pool->labels[i] == NULL) /* was no text, which was said */
		return;
	rc = fb_selector_parse(pool->labels[i], &pool->selectors[pool->n_selectors], why);
	if (rc == 0)
		pool->n_selectors++;
	else if (rc == -ENOMEM)
		reader->no_memory = true;
	else
		fb_errs_add(
			reader->errs, fb_node_place(reader->yaml, list->children[i]), FB_SEV_ERROR,
			"services.pools[%u].labels[%u]: %s; allowed is a label selector such as "
			"tier=front, tier!=test, \"tier in (front, edge)\", tier or \"!tier\"",
			p, i, why);
}

void read_selectors(struct reader *reader, const struct fb_node *pools, struct fb_config *config)
{
	for (uint32_t p = 0; p < config->n_pools; p++) {
		struct fb_config_pool *pool = &config->pools[p];

		if (pool->n_labels == 0)
			continue;
		pool->selectors = calloc(pool->n_labels, sizeof(*pool->selectors));
		if (pool->selectors == NULL) {
			reader->no_memory = true;
			return;
		}
		for (uint32_t i = 0; i < pool->n_labels; i++)
			read_one(reader, fb_node_get(pools->children[p], "labels"), p, i, pool);
	}
}

void free_selectors(struct fb_config *config)
{
	for (uint32_t p = 0; p < config->n_pools; p++) {
		struct fb_config_pool *pool = &config->pools[p];

		for (uint32_t i = 0; i < pool->n_selectors; i++)
			fb_selector_free(&pool->selectors[i]);
		free(pool->selectors);
		pool->selectors = NULL;
		pool->n_selectors = 0;
	}
}
