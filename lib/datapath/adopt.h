/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DATAPATH_ADOPT_H
#define FB_DATAPATH_ADOPT_H

/*
 * Inside lib/datapath: tables in memory that outlives the process, and the flows that an earlier run left
 * there.
 *
 * Nothing is believed because it is there: a flow goes on if its endpoint is known and is the one that its
 * reply key names, if what it says of translation agrees with its keys, and if the worker is the one that
 * its packets will come to. Checksum deltas are computed anew.
 *
 * Thread: start-up.
 */

#include "datapath/worker.h"

struct fb_adoption {
	const struct fb_datapath_kept
		*kept; /* kept->keep NULL: nothing is kept, and all below is idle */
	struct fb_datapath *dp;
	struct fb_errs *errs;
	bool found[FB_NAT_MAX_WORKERS][FB_FAMILY_COUNT];
	uint8_t port_map[FB_MAX_PORTS]; /* port indices of the earlier run to ours; 0xff: gone */
	struct fb_worker *worker;       /* whose table is in hand; NULL: the owner's */
	uint64_t adopted;
	uint64_t no_endpoint;
	uint64_t no_owner;
	uint64_t broken;
	uint64_t no_room;
};

void fb_adoption_begin(struct fb_adoption *a, const struct fb_datapath_kept *kept,
		       struct fb_datapath *dp, struct fb_errs *errs);

/** A flow table of a worker, in the kept memory if it can be. NULL: no memory. */
struct fb_flow_table *fb_adoption_flows(struct fb_adoption *a, uint16_t worker,
					enum fb_family family, uint32_t capacity, int numa_node);
/** The same for clients' endpoints. */
struct fb_affinity *fb_adoption_affinity(struct fb_adoption *a, uint32_t capacity,
					 const struct fb_hash_secret *secret);

/** When all workers are made: take over what there is, settle, and say what came of it. */
void fb_adoption_run(struct fb_adoption *a);

#endif
