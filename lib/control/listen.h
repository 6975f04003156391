/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_LISTEN_H
#define FB_CONTROL_LISTEN_H

/** Thread: control. */

/**
 * Listen on a UNIX socket of mode 0660, in place of one that a crash has left. Its own directory is made,
 * and no more.
 *
 * @param group  who may use it beside the owner; "": nobody
 * @return a non-blocking descriptor, or -errno: -EADDRINUSE another process listens there, -EEXIST there is
 *         a file that is no socket, -ENOENT the directory above its own is missing, -ESRCH no such group
 */
int fb_listen_unix(const char *path, const char *group);

#endif
