/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_SOURCE_H
#define FB_CONTROL_SOURCE_H

/*
 * Which manifest files there are and which of them changed: the config's files and directories,
 * followed with inotify. Reading them is the caller's.
 *
 * A directory counts its *.yaml, *.yml and *.json, not those that begin with a dot, and not what is
 * in directories below it. Symbolic links are followed; the swap of "..data" that a mounted ConfigMap
 * does is seen.
 *
 * A file is reported when it was closed after writing or renamed into place, never while it is being
 * written. Events that come close together are reported together, so that `cp *.yaml dir/` or a swap of
 * directories is one generation: SETTLE_MS after the last one, at most SETTLE_MAX_MS after the first.
 *
 * A source whose own path is missing is reported as missing and nothing else: what it said stays.
 * It is watched for, also when several directories above it are missing.
 *
 * Thread: control. Time is an argument.
 */

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

#define FB_SOURCE_SETTLE_MS     2
#define FB_SOURCE_SETTLE_MAX_MS 40

struct fb_sources;

struct fb_sources_handler {
	/*
	 * A file of source number `source` is new or changed (present) or is gone.
	 * @return whether that is taken note of; else it is reported again a second later
	 */
	bool (*file)(void *arg, uint32_t source, const char *path, bool present);
	/* The source's own path vanished or could not be read (error: errno), or is back (0). */
	void (*missing)(void *arg, uint32_t source, int error);
	void *arg;
};

/** @return NULL with errno. Every source is due at once. */
struct fb_sources *fb_sources_open(const struct fb_config_source *v, uint32_t n);
void fb_sources_close(struct fb_sources *s);

/** Descriptor to poll for reading. */
int fb_sources_fd(const struct fb_sources *s);

/** Take events up; nothing is reported yet. */
void fb_sources_process(struct fb_sources *s, uint64_t now_ms);

/** Look at everything again at the next fb_sources_report(). */
void fb_sources_rescan(struct fb_sources *s, uint64_t now_ms);

/** When fb_sources_report() is due, or UINT64_MAX. */
uint64_t fb_sources_due_ms(const struct fb_sources *s);

/** Report what changed, if it is due. @return whether anything was looked at */
bool fb_sources_report(struct fb_sources *s, uint64_t now_ms,
		       const struct fb_sources_handler *handler);

/** Whether a directory entry of this name is a manifest. */
bool fb_sources_is_manifest(const char *name);

#endif
