/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DESIRED_NODES_H
#define FB_DESIRED_NODES_H

/* The nodes' NodePorts in place of the endpoints behind them. Private to lib/desired. */

#include "desired/endpoints.h"

/**
 * Nodes that take traffic of a port, each with its address of the family and the NodePort.
 *
 * Those that are ready. One with the label FB_LABEL_EXCLUDE_NODE, or about to be deleted, drains. With
 * policy Local a node is worth what its endpoints are together (each 1, unless weights say otherwise),
 * and one without any is left out; else each is worth 1, or what weights say of it. Where endpoints are
 * known and none is of use, no node is; where nothing is known about them, all nodes are.
 *
 * @param from  the endpoints
 * @param ret   untouched on failure
 * @return 0 or -ENOMEM
 */
int desired_to_nodes(struct fb_arena *arena, const struct desired_query *query,
		     const struct desired_candidates *from, struct desired_candidates *ret);

#endif
