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

/**
 * The endpoint that the client had last, else one by the service's selection, which is kept from now on;
 * svc->affinity_s and svc->n_slots are not 0.
 */
const struct fb_endpoint *fb_select_affine(struct fb_worker *w, const struct fb_service *svc,
					   const struct fb_tuple *tuple);

/**
 * What selection has to know of a flow whose state may have changed: that its client exists, who is then
 * remembered for the whole time; that it has ended, or goes on after all (flow/state.h).
 */
void fb_flow_note(struct fb_worker *w, enum fb_family family, struct fb_flow *flow);

/** The flow counts among the open ones of its endpoint from now on, or no more. */
static inline void fb_flow_count_open(struct fb_worker *w, struct fb_flow *flow)
{
	flow->flags |= FB_FLOW_COUNTED;
	w->endpoint_counters[flow->ep_id].open++;
}

static inline void fb_flow_count_ended(struct fb_worker *w, struct fb_flow *flow)
{
	if ((flow->flags & FB_FLOW_COUNTED) == 0)
		return;
	flow->flags &= (uint8_t)~FB_FLOW_COUNTED;
	w->endpoint_counters[flow->ep_id].open--;
}

/** The endpoint of a flow that this worker has not seen before; NULL: none takes new flows. */
static inline const struct fb_endpoint *fb_select(struct fb_worker *w, const struct fb_service *svc,
						  const struct fb_tuple *tuple)
{
	if (unlikely(svc->affinity_s > 0) && svc->n_slots > 0)
		return fb_select_affine(w, svc, tuple);
	if (likely(fb_selection_by_hash(svc->selection)) || svc->n_slots == 0)
		return fb_table_select(svc, fb_table_select_hash(w->snap, svc, tuple), NULL);
	return fb_select_at_run_time(w, svc);
}

#endif
