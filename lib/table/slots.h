/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_TABLE_SLOTS_H
#define FB_TABLE_SLOTS_H

/*
 * The Maglev table of a service's active endpoints, and the turns of a weighted round.
 *
 * It outlives a service whose active endpoints did not change. Of many endpoints it has two levels
 * (maglev/groups.h), and a version of it shares the tables of those groups in which nothing changed.
 *
 * Thread: control. What workers read is final once published.
 */

#include "maglev/groups.h"
#include "table/change.h"
#include "table/read.h"
#include "table/spec.h"

struct fb_slots {
	uint32_t n_users;  /* services that point here */
	uint32_t n;        /* slots; with groups, those of the first level */
	uint8_t bits;      /* of each: fb_table_slot() */
	uint32_t n_turns;  /* 0: each endpoint has one, in order */
	uint32_t n_groups; /* 0: one level */
	uint32_t stride;   /* room for members of each group */
	const uint16_t *
		*tables; /* of the groups, FB_MAGLEV_GROUP_SLOTS each: which of its members */
	uint16_t *
		members; /* a group's behind the other's: places of endpoints, ascending; then FB_NO_MEMBER */
	uint8_t *groups; /* by place of an endpoint, the group it is in */
	uint16_t *turns;
	uint8_t v[] __attribute__((aligned(64)));
};

/* What a table is built of. */
struct fb_slots_source {
	const struct fb_hash_secret *secret;
	const struct fb_endpoint_spec *endpoints; /* the active ones, in order */
	const uint32_t *weights;                  /* theirs */
	uint32_t n;
	bool takes_turns;
	/* The version before, for what did not change; NULL: none. */
	const struct fb_slots *old;
	uint32_t n_old;
	const struct fb_change *change; /* from there; of places beyond the active ones, too */
};

/** @return 0 or -ENOMEM; nobody uses it yet (n_users is 0) */
int fb_slots_build(const struct fb_slots_source *from, struct fb_slots **ret);

/** One user less; the last one frees. NULL is fine. */
void fb_slots_release(struct fb_slots *slots);

#endif
