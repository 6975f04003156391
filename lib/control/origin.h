/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_ORIGIN_H
#define FB_CONTROL_ORIGIN_H

/*
 * Files of the sources, into the store. A file that is wrong leaves what it said before in force; one that is gone
 * takes its objects along, unless a broken one beside it may say them.
 *
 * Thread: control.
 */

#include "control/state.h"

/** @return 0 or -errno; after both fb_origins_fini() */
int fb_origins_init(struct fb_control *c);
void fb_origins_fini(struct fb_control *c);

/** Read what the sources report, if something is due, and publish. */
void fb_origins_read(struct fb_control *c);

/** At the start: for sources that are missing, take what their files said when they were last good. */
void fb_origins_restore(struct fb_control *c);

#endif
