/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_BOUNDS_H
#define FB_CONTROL_BOUNDS_H

/* What is said when something nears its bound, and when it does not any more: datapath/level.h. */

#include <jansson.h>

#include "control/state.h"

/** A line to the log for each level that changed. Once a second. */
void fb_bounds_tick(struct fb_control *c);

/** What is not normal of a worker, as "flows-ipv4 full"; in a list of strings. */
json_t *fb_bounds_json(const struct fb_worker_counters *v);

#endif
