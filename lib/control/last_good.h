/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_LAST_GOOD_H
#define FB_CONTROL_LAST_GOOD_H

/*
 * What the config's sources said when they were last good: a copy of each file under <state-dir>/sources,
 * for a start at which the source is gone, or a file cannot be read or has errors. So a start serves what
 * a running forebay would serve.
 *
 * A copy begins with a line that names its file and has a check of the rest, so one that a full disk or a
 * lost write cut short is none. Copies are written a few at a time when there is nothing else to do, and
 * only where they differ; they are not waited for (no fsync), and at a stop all of them are.
 *
 * Thread: control.
 */

#include "control/state.h"

/** A file was read and has no errors. text is taken over. */
void fb_last_good_note(struct fb_origin *origin, char *text, size_t len);

/** Write some of what was noted; all of it at the end. */
void fb_last_good_work(struct fb_control *c);
void fb_last_good_flush(struct fb_control *c);

/** The copy of a file, to be freed; NULL: there is none. */
char *fb_last_good_read(const struct fb_control *c, const char *path, size_t *ret_len);

/** The file is gone for good. */
void fb_last_good_forget(const struct fb_control *c, const char *path);

/** Call for each file that there is a copy of. each may forget it. */
void fb_last_good_each(struct fb_control *c, void (*each)(struct fb_control *c, const char *path));

#endif
