/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NEIGH_CHANGED_H
#define FB_NEIGH_CHANGED_H

/*
 * Which destinations may lead elsewhere since the last look: a few prefixes, or everything.
 *
 * Thread: control.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/* Past this many, asking for every destination is cheaper than comparing each with all of them. A guess. */
#define FB_CHANGED_MAX 64

struct fb_changed {
	bool all;
	uint32_t n;
	struct {
		uint64_t net[2];
		uint64_t mask[2];
	} prefixes[FB_CHANGED_MAX];
};

void fb_changed_add(struct fb_changed *c, const struct fb_prefix *prefix);
void fb_changed_merge(struct fb_changed *to, const struct fb_changed *from);
bool fb_changed_has(const struct fb_changed *c, const struct fb_addr *addr);

static inline bool fb_changed_any(const struct fb_changed *c)
{
	return c->all || c->n > 0;
}

static inline void fb_changed_clear(struct fb_changed *c)
{
	c->all = false;
	c->n = 0;
}

#endif
