/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_REPLAY_REPLAY_H
#define FB_REPLAY_REPLAY_H

/*
 * Workers driven by hand: one frame at a time, to its end, with the capture's time.
 */

#include <stdbool.h>
#include <stdint.h>

#include "box/offline.h"
#include "capture.h"
#include "datapath/datapath.h"

struct fb_replay {
	struct fb_offline offline;
	struct fb_capture in;
	struct fb_capture_out *out[FB_CONFIG_MAX_PORTS]; /* NULL: frames of that port are not kept */
	bool json;
	bool spread;
	/* Filled by fb_replay_open(). */
	struct rte_mempool *pool;
	struct fb_rcu *rcu;
	struct fb_datapath *datapath;
	uint64_t now_ns;
	int egress; /* port of the frame that left last; -1: none since the last reset */
};

int fb_replay_open(struct fb_replay *r, struct fb_errs *errs);
/** All frames; one line each to stdout. */
void fb_replay_run(struct fb_replay *r);
/** Totals to stderr. @return the exit status: 0, or 3 if the counters do not add up */
int fb_replay_close(struct fb_replay *r);

#endif
