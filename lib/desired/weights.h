/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DESIRED_WEIGHTS_H
#define FB_DESIRED_WEIGHTS_H

/* The weights of a Service's endpoints. Private to lib/desired. */

#include "desired/endpoints.h"

/* What the Pods that the Service's selector matches say, by address. */
struct desired_said {
	const struct desired_pod_weight *v;
	uint32_t n;
};

/** Ask the Pods; the answer lies in the arena. @return 0 or -ENOMEM */
int desired_ask_pods(struct fb_arena *arena, const struct desired_query *query,
		     struct desired_said *ret);

/**
 * Give candidates their weights: what the Service's annotation says of the address, else what it says of
 * the node, else what the Pod's own annotation says. Pods are those that the selector matches, also
 * where the endpoints come from slices.
 */
void desired_weigh(const struct desired_query *query, const struct desired_said *said,
		   struct desired_candidate *v, uint32_t n);

#endif
