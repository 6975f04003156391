/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_SHUTTLE_H
#define FB_CONTROL_SHUTTLE_H

/* Frames between workers and kernel twins, both ways. Thread: control. */

#include <stdint.h>

struct fb_control;

/** Punted frames to their twins, a bounded number of them. @return how many */
uint32_t fb_shuttle_punts(struct fb_control *c);

/** From now on the kernel's frames go out of the twin's port. @return 0 or -errno */
int fb_shuttle_watch_twins(struct fb_control *c);

/** In each pass: look at the links when it is time, and pass their state on to the twins where it changed. */
void fb_shuttle_carriers(struct fb_control *c);

#endif
