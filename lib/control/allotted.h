/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_ALLOTTED_H
#define FB_CONTROL_ALLOTTED_H

/*
 * What Services were allotted (lib/pool), kept over restarts in state-dir/allotted.json.
 *
 * The file is replaced whole, so that a crash leaves the old or the new one. Where it cannot be written
 * (a full disk) that is told and things go on from memory; where it cannot be read it is put aside as
 * allotted.json.broken, and what was right in it counts.
 *
 * Thread: control.
 */

#include "control/state.h"

/** At the start, before anything is allotted. */
void fb_allotted_load(struct fb_control *c);

/** Write the file, if something was allotted or freed since. */
void fb_allotted_keep(struct fb_control *c);

/**
 * Once all sources could be read: what was allotted to Services that are in none of them may be given to
 * others. Before the Services are built.
 */
void fb_allotted_settle(struct fb_control *c);

#endif
