/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_FOREBAY_PRIVILEGES_H
#define FB_FOREBAY_PRIVILEGES_H

/*
 * What the daemon may do once it has started: less than it took to start.
 *
 * Devices are opened, addresses are bound and memory is locked with whatever privileges it was given
 * (root's, or those of the systemd unit). From then on packets and texts of strangers are read, and all
 * threads keep only these capabilities, as far as they had them:
 *
 *     NET_ADMIN, NET_RAW    the twins' addresses, devices that come back
 *     NET_BIND_SERVICE      DNS over TCP where its address changes
 *     IPC_LOCK              memory of tables that grow
 *     DAC_READ_SEARCH       manifests that are not root's
 *     BPF                   only with net_af_xdp devices
 *
 * and nothing that they run can have more (no_new_privs).
 */

#include <stdbool.h>

#include "base/err.h"
#include "config/config.h"

/** Thread: main, before any other is made. Nothing that is run later has more than this process. */
void fb_privileges_fix(void);

/**
 * Drop what is not needed any more, in all threads.
 *
 * Thread: main, after EAL has started and before workers have.
 *
 * @return false with an error in errs
 */
bool fb_privileges_drop(const struct fb_config *config, struct fb_errs *errs);

#endif
