/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_TABLE_CHANGE_H
#define FB_TABLE_CHANGE_H

/*
 * What a version of a service port does not have in common with the one before. Of twenty thousand endpoints a
 * change touches a few: identities and groups are looked up and counted for these, and those of the others are copied.
 *
 * Both have their endpoints in the same order, so what they have in common are runs of endpoints between
 * those that come and those that are gone.
 *
 * Thread: control.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Some of a service's endpoints, by their places, ascending. */
struct fb_places {
	const uint32_t *v; /* NULL: the first n */
	uint32_t n;
};

static inline uint32_t fb_places_at(const struct fb_places *places, uint32_t i)
{
	return places->v != NULL ? places->v[i] : i;
}

struct fb_service_part;
struct fb_service_spec;

struct fb_change {
	uint32_t *memory;
	struct fb_places come; /* in the new version: new ones, or with another state or weight */
	struct fb_places gone; /* in the old one: left, or was of another state or weight */
};

/**
 * Compare.
 *
 * @param old   NULL: all come
 * @param spec  the new version; endpoints in the order of services
 * @param ret   untouched on failure; else for fb_change_fini()
 * @return 0 or -ENOMEM
 */
int fb_change_find(const struct fb_service_part *old, const struct fb_service_spec *spec,
		   struct fb_change *ret);

/** All of it comes to nothing, too. */
void fb_change_fini(struct fb_change *change);

/** Does it touch none of the first n_active endpoints that there are now, and n_old that there were? */
bool fb_change_keeps(const struct fb_change *change, uint32_t n_old, uint32_t n_active);

/* A run of endpoints that both have; zero begins a walk over all. */
struct fb_run {
	uint32_t at;  /* place of the first in the new version */
	uint32_t was; /* in the old one */
	uint32_t n;
	uint32_t n_come; /* that were passed */
	uint32_t n_gone;
};

/**
 * The next run, in the order of places.
 *
 * @param n_new  endpoints of the new version, or how many of them matter
 * @return false: none is left
 */
bool fb_change_next_run(const struct fb_change *change, uint32_t n_new, struct fb_run *run);

#endif
