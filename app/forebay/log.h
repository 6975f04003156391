/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_FOREBAY_LOG_H
#define FB_FOREBAY_LOG_H

/*
 * Where the daemon's lines go: stderr in the foreground (with the journal's "<level>" prefix when
 * systemd reads it, see sd-daemon(3)), syslog otherwise. Thread: control.
 */

#include <stdbool.h>

#include "base/err.h"
#include "config/config.h"

void fb_log_open(bool foreground, enum fb_config_log level);
void fb_log_line(enum fb_config_log level, const char *line);
/** All entries, errors and notices at their levels; the list is empty afterwards. */
void fb_log_errs(struct fb_errs *errs);

/** Tell systemd (Type=notify) how far we are, "READY=1" for example; nothing without NOTIFY_SOCKET. */
void fb_log_notify(const char *state);

#endif
