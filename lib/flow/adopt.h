/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_FLOW_ADOPT_H
#define FB_FLOW_ADOPT_H

/*
 * Flows of an earlier run, out of records that it left behind.
 *
 * Only records are kept, never the index or the queues: a run may have ended between any two of its stores,
 * so those are built anew from the records, and each record has to prove itself first. One is in use from
 * the store of its state on, which comes last; what it says is taken for granted nowhere else.
 *
 * Thread: start-up, before the table's worker runs.
 */

#include "flow/region.h"
#include "flow/table.h"

/*
 * To be counted up when a field gets another meaning; sizes, places, and the states by number and name,
 * are looked at without that.
 */
#define FB_FLOW_LAYOUT_VERSION 3

/** A number that is another one for records of another layout. */
uint64_t fb_flow_layout(void);

/** Bytes of a table's records. */
uint64_t fb_flow_records_bytes(enum fb_family family, uint32_t capacity);

/**
 * A table whose records lie in memory of the caller's choice: a region of fb_flow_records_bytes() or more,
 * zeroed or left by an earlier run, which the table takes over and unmaps. What an earlier run left has to
 * be adopted before anything else is done with the table.
 *
 * @return as fb_flow_table_create(); on failure the region stays the caller's
 */
struct fb_flow_table *fb_flow_table_create_in(enum fb_family family, uint32_t capacity,
					      const struct fb_hash_secret *secret, int numa_node,
					      const struct fb_region *records);

/**
 * Whether a record goes on as a flow of this table. It may be changed, keys and proto excepted; whatever
 * the caller cannot vouch for, the record's own word is not enough.
 */
typedef bool fb_flow_check_fn(void *arg, enum fb_family family, struct fb_flow *flow,
			      const struct fb_tuple *client, const struct fb_tuple *reply);

struct fb_flow_adopted {
	uint64_t adopted;
	uint64_t refused;  /* by the check, or since the record is none */
	uint64_t no_place; /* the table is full, or a key is another flow's already */
};

/**
 * Take over what stands in the table's own records; places stay as they are, so whoever dies in the middle
 * of this loses nothing.
 *
 * Cost: 10 M flows take 0.7 s of a core (prefetched, two index lines each), and what the check takes.
 *
 * @param adopted  called for each one that is in the table now; may be NULL
 */
struct fb_flow_adopted fb_flow_adopt(struct fb_flow_table *t, fb_flow_check_fn *check,
				     void (*adopted)(void *arg, const struct fb_flow *flow),
				     void *arg);

/**
 * Look through the records of a table that is none any more (another capacity, other workers).
 *
 * @param each  called with a copy of each record in use that is sound by itself; the rest is for it to see
 */
void fb_flow_each_record(enum fb_family family, const void *records, uint64_t bytes,
			 void (*each)(void *arg, enum fb_family family, struct fb_flow *flow,
				      const struct fb_tuple *client, const struct fb_tuple *reply),
			 void *arg);

/** Copy a flow from there into a table. @return 0; -ENOSPC; -EEXIST: one of the keys is taken */
int fb_flow_carry(struct fb_flow_table *t, const struct fb_flow *flow,
		  const struct fb_tuple *client, const struct fb_tuple *reply);

#endif
