/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Stage before service: where several packets of a burst open flows, ask for the lines that each of them
 * will read, all of them together.
 *
 * A new flow reads a line after another, each found from the one before: the frontend's index, the service, its
 * Maglev slot, the endpoint, what is known of the endpoint. With a thousand services none of them is near the core,
 * and one packet after the other would wait for each. So this walks the same way for the whole burst, a step of all
 * packets at a time, and decides nothing: whatever it finds is found again by service.c.
 */

#include "datapath/select.h"
#include "datapath/stages.h"
#include "flow/layout.h"

/* A packet alone has nobody to share its waiting with. */
#define WORTH_IT 2

struct step {
	const struct fb_service *svc; /* NULL: none, or none that chooses by a hash alone */
	const struct fb_endpoint *ep;
	uint64_t hash;
};

static void find_services(const struct fb_worker *w, const struct fb_burst *b, struct step *steps)
{
	for (uint16_t k = 0; k < b->n_misses; k++)
		fb_table_prefetch(w->snap, &b->pkts[b->misses[k]].tuple);
	for (uint16_t k = 0; k < b->n_misses; k++) {
		steps[k].svc = fb_table_lookup(w->snap, &b->pkts[b->misses[k]].tuple);
		if (steps[k].svc != NULL)
			fb_table_prefetch_service(steps[k].svc);
	}
}

static void find_endpoints(const struct fb_worker *w, const struct fb_burst *b, struct step *steps)
{
	for (uint16_t k = 0; k < b->n_misses; k++) {
		const struct fb_service *svc = steps[k].svc;

		if (svc == NULL || svc->n_slots == 0 || svc->affinity_s > 0 ||
		    !fb_selection_by_hash(svc->selection)) {
			steps[k].svc = NULL;
			continue;
		}
		steps[k].hash = fb_table_select_hash(w->snap, svc, &b->pkts[b->misses[k]].tuple);
		fb_table_prefetch_slot(svc, steps[k].hash);
	}
	for (uint16_t k = 0; k < b->n_misses; k++) {
		if (steps[k].svc == NULL)
			continue;
		steps[k].ep = fb_table_select(steps[k].svc, steps[k].hash, NULL);
		rte_prefetch0(steps[k].ep);
	}
}

void fb_stage_warm(struct fb_worker *w, struct fb_burst *b)
{
	struct step steps[FB_BURST_MAX];

	if (b->n_misses < WORTH_IT || unlikely(w->snap == NULL))
		return;
	find_services(w, b, steps);
	find_endpoints(w, b, steps);
	for (uint16_t k = 0; k < b->n_misses; k++) {
		if (steps[k].svc == NULL)
			continue;
		rte_prefetch0(fb_table_info(w->snap, steps[k].ep->id));
		rte_prefetch0(&w->endpoint_counters[steps[k].ep->id]);
		rte_prefetch0(&w->open[steps[k].ep->id]);
	}
}
