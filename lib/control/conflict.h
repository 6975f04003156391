/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_CONFLICT_H
#define FB_CONTROL_CONFLICT_H

/*
 * Services that the table refused in part, since another one has an address and port of theirs. They are staged again
 * with every generation, after the rest.
 *
 * Thread: control.
 */

#include "control/state.h"
#include "table/spec.h"

/** NULL: it has none. */
struct fb_conflict *fb_conflict_find(struct fb_control *c, const char *namespace_, const char *name);

/** Remember one; without memory for that, everything is tried again in a moment. */
void fb_conflict_add(struct fb_control *c, const char *namespace_, const char *name);

/** What it owns, not itself. */
void fb_conflict_fini(struct fb_conflict *conflict);

/**
 * Stage a Service that was refused again, without the younger ones that hold what it asks for: these are remembered.
 *
 * @param errs  why it was refused; what is left of that afterwards
 * @return 0 or -errno, as fb_table_set_service()
 */
int fb_conflict_take_from_younger(struct fb_control *c, const char *namespace_, const char *name,
				  const struct fb_service_specs *specs, struct fb_errs *errs);

#endif
