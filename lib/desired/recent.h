/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DESIRED_RECENT_H
#define FB_DESIRED_RECENT_H

/*
 * The candidates of large Services as the last build found them, and the slices that they are from. The next
 * build compares the slices, which are the same objects where nothing changed, and replaces the candidates of
 * those that are not. Private to lib/desired but for desired.h.
 *
 * A list belongs to a Service as written, a port of it, a family and a zone, and is forgotten with any of
 * them. It depends on the slices alone; where Pods say weights, there is none.
 *
 * Thread: control.
 */

#include "desired/weights.h"

/** Forget what is not of the Service as it is now. @param view  NULL: nothing is known of that name any more */
void desired_recent_settle(struct fb_desired_recent *recent, const char *namespace_,
			   const char *name, const struct fb_store_view *view);

/** desired_collect() of a Service that has slices. @return 0 or -ENOMEM */
int desired_recent_collect(struct fb_arena *arena, const struct desired_query *query,
			   const struct desired_said *said, struct desired_candidates *ret);

#endif
