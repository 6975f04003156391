/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_KEEP_HEAD_H
#define FB_KEEP_HEAD_H

/*
 * Inside lib/keep: the file `head`. Replaced whole by a rename, so it is one or the other; only what stands
 * behind the shape is written in place, each by one store.
 */

#include "keep/keep.h"

struct head {
	uint64_t magic;
	uint64_t check; /* over what follows, up to the clock */
	uint64_t layout;
	uint64_t epoch; /* the end of the names of the files that count */
	uint64_t secret[2];
	struct fb_keep_shape shape;
	uint64_t clock_at_ms; /* CLOCK_MONOTONIC minus the datapath's clock */
	uint64_t noted_ms;    /* CLOCK_MONOTONIC */
	uint64_t stopped;
	uint64_t n_short; /* runs in a row that broke off soon after they took the files over */
};

/** Seal: magic and check. */
void head_seal(struct head *head);

/** @return NULL: good; else what is wrong with it */
const char *head_wrong(const struct head *head, uint64_t layout);

/** @return 0 or -errno (-ENOENT; -EBADMSG: not the size of one) */
int head_read(int dir_fd, struct head *ret);

/** Replace the file, and map it for writing in place; fb_region_unmap() ends that. @return 0 or -errno */
int head_replace(int dir_fd, const struct head *head, struct fb_region *ret);
/** Map the file that is there. */
int head_map(int dir_fd, struct fb_region *ret);

#endif
