/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DATAPATH_SELECT_H
#define FB_DATAPATH_SELECT_H

/* The endpoint of a new flow. Thread: the worker. Inside lib/datapath and its tests only. */

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "datapath/worker.h"

/** 32 random bits of the worker's own, for spreading, not for secrets. */
uint32_t fb_worker_random(struct fb_worker *w);

/** By the ways that are no hash (fb_selection_by_hash()); svc->n_slots is not 0. */
const struct fb_endpoint *fb_select_at_run_time(struct fb_worker *w, const struct fb_service *svc);

/** The endpoint of a flow that this worker has not seen before; NULL: none takes new flows. */
static inline const struct fb_endpoint *fb_select(struct fb_worker *w, const struct fb_service *svc,
						  const struct fb_tuple *tuple)
{
	if (likely(fb_selection_by_hash(svc->selection)) || svc->n_slots == 0)
		return fb_table_select(svc, fb_table_select_hash(w->snap, svc, tuple), NULL);
	return fb_select_at_run_time(w, svc);
}

#endif
