/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_APPLIED_H
#define FB_CONTROL_APPLIED_H

/*
 * What `forebayctl apply` brought, kept over restarts: one file per object under <state-dir>/applied.
 *
 * A file of the config's sources always wins: it takes an object over from what was applied (with a
 * notice), and what a file defines cannot be applied or deleted. So a restart gives the same state,
 * whatever the order of events was.
 *
 * Thread: control.
 */

#include "control/state.h"

#define FB_APPLIED_ORIGIN "applied"

/** At start, after the files: read what is kept. */
void fb_applied_load(struct fb_control *c);

/** Write an object that was applied. @return 0 or -errno: it is in force, but not kept yet */
int fb_applied_keep(struct fb_control *c, const struct fb_object *object);

/** Remove the kept file of an object. @return 0 or -errno: it is there yet */
int fb_applied_forget(struct fb_control *c, enum fb_object_kind kind, const char *namespace_,
		      const char *name);

/** Once a second: what could not be written or removed, as on a full disk, is tried again. */
void fb_applied_retry(struct fb_control *c);
void fb_applied_fini(struct fb_control *c);

/** A file defines these objects: where one was applied, the file takes it over. Notices go to errs. */
void fb_applied_yield(struct fb_control *c, const struct fb_objects *objects, struct fb_errs *errs);

#endif
