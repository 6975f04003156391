/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_FOREBAY_KEPT_H
#define FB_FOREBAY_KEPT_H

/*
 * What of this run outlives it (lib/keep): identities, flows, clients' endpoints, neighbours. Opens the directory, and
 * ties the libraries together that have something in there.
 *
 * Thread: start-up.
 */

#include "base/err.h"
#include "config/config.h"
#include "datapath/datapath.h"
#include "neigh/kept.h"
#include "neigh/neigh.h"
#include "table/write.h"

struct kept {
	struct fb_keep *keep; /* NULL: nothing is kept */
	struct fb_keep_shape shape;
	struct fb_region identities;
	struct fb_region neighbours;
};

/** Lock the config's flows.directory and see what is there; what cannot be is a notice. */
void kept_open(struct kept *k, const struct fb_config *config, struct fb_errs *errs);

/** The key of flow tables: the kept one. @return NULL: nothing is kept */
const char *kept_secret(const struct kept *k);

/**
 * Tell the kernel whom the run before reached by the twins, if that was less than a minute ago.
 *
 * @param links  of all the config's ports
 */
void kept_neighbours(struct kept *k, const struct fb_config *config,
		     const struct fb_neigh_link *links);
/** Where this run's are noted; NULL: nowhere. */
struct fb_neigh_kept *kept_neighbours_now(const struct kept *k);

/** Give an empty table the identities of the run before, and have it write down its own. */
void kept_identities(struct kept *k, struct fb_table *table, struct fb_errs *errs);

/** For fb_datapath_create_over(). */
struct fb_datapath_kept kept_for_datapath(const struct kept *k, struct fb_table *table);

/** After neighbours, the table and the datapath are gone. */
void kept_close(struct kept *k);

#endif
