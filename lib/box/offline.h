/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BOX_OFFLINE_H
#define FB_BOX_OFFLINE_H

/*
 * The whole state without a daemon: config and manifests in, one snapshot out. forebay-replay,
 * `forebayctl explain --offline` and the benchmark stand on it; the steps are the daemon's own.
 *
 * Next hops come from the config's lab section only.
 */

#include "base/err.h"
#include "box/names.h"
#include "config/config.h"
#include "desired/desired.h"
#include "model/store.h"
#include "neigh/neigh.h"
#include "pool/pool.h"
#include "table/write.h"

struct fb_offline {
	struct fb_config *config; /* borrowed */
	struct fb_store *store;
	struct fb_pool *pool; /* what was allotted, without a memory of before */
	struct fb_neigh *neigh;
	struct fb_table *table;
	struct fb_names *names; /* NULL: DNS is off */
	struct fb_desired_settings settings;
	struct fb_snapshot *snapshot; /* one hold */
};

/**
 * @param paths  manifests: files, or directories of *.yaml, *.yml and *.json, read in order of name
 * @param errs   refused objects and notices; what was not refused is in the snapshot
 * @return 0, or -errno (no memory, a path that cannot be read: in errs)
 */
int fb_offline_open(struct fb_config *config, const char *const *paths, uint32_t n_paths,
		    struct fb_offline *ret, struct fb_errs *errs);
/**
 * At now_s: a file says now what a path of fb_offline_open() said, or (file NULL) time alone has passed.
 *
 * @param ret_old  the snapshot before, to be given back to the table when nobody reads it any more; NULL
 *                 where nothing changed
 * @return 0, or -errno: then all is as it was
 */
int fb_offline_change(struct fb_offline *o, const char *path, const char *file, uint32_t now_s,
		      struct fb_snapshot **ret_old, struct fb_errs *errs);
void fb_offline_close(struct fb_offline *o);

#endif
