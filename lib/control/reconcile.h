/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_RECONCILE_H
#define FB_CONTROL_RECONCILE_H

/*
 * Objects -> desired -> table -> publish: the only way by which anything changes.
 *
 * What is wrong changes nothing and is logged once, with the generation that stays in force.
 *
 * Thread: control.
 */

#include "base/err.h"
#include "control/state.h"

/** Box and SNAT addresses, pools, announcements: what the config says, staged in the table. */
int fb_reconcile_init(struct fb_control *c);
void fb_reconcile_fini(struct fb_control *c);

/**
 * Build the store's dirty Services and publish them as one generation.
 *
 * @param why   for the log: "hello.yaml", "apply"
 * @param errs  what the table refused; moved to the log by the caller
 */
void fb_reconcile_services(struct fb_control *c, const char *why, struct fb_errs *errs);

/** FB_NEIGH_* bits: next hops or routes changed. */
void fb_reconcile_hops(struct fb_control *c, uint32_t changes);

/** Once a second: reclaim, reap, and try again what failed for lack of memory. */
void fb_reconcile_tick(struct fb_control *c);

/** Log errors (as warnings) and notices, each with what stays in force. */
void fb_reconcile_log(struct fb_control *c, const struct fb_errs *errs);

#endif
