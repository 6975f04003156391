/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DESIRED_WEIGHTS_H
#define FB_DESIRED_WEIGHTS_H

/* The weights of a Service's endpoints. Private to lib/desired. */

#include "desired/endpoints.h"

/**
 * Give candidates their weights: what the Service's annotation says of the address, else what it says of
 * the node, else what the Pod's own annotation says. Pods are those that the selector matches, also
 * where the endpoints come from slices.
 *
 * @return 0 or -ENOMEM
 */
int desired_weigh(struct fb_arena *arena, const struct desired_query *query,
		  struct desired_candidate *v, uint32_t n);

#endif
