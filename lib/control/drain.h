/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_DRAIN_H
#define FB_CONTROL_DRAIN_H

/*
 * Leaving without breaking anything (`forebayctl drain`): no new flows, the open ones go on, and when there
 * are none, or their time is over, forebay ends.
 *
 * Packets that would begin a flow are dropped, not rejected: where another box serves the same addresses, its
 * routers bring the next try there, while a reset would end it. Telling them is the operator's (withdraw the
 * routes first); health checks of Services say so by themselves.
 *
 * Thread: control.
 */

#include "control/state.h"

/** Once a second. */
void fb_drain_tick(struct fb_control *c);

/** Flows that have not ended. */
uint64_t fb_drain_open(const struct fb_control *c);

#endif
