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

#define FB_REPLAY_MAX_CHANGES 64

/* From a second of the replay on, a file says what another said before. */
struct fb_replay_change {
	uint32_t at_s;
	const char *file;
};

struct fb_replay {
	struct fb_offline offline;
	struct fb_capture in;
	struct fb_capture_out
		*out[FB_CONFIG_MAX_PORTS]; /* NULL: frames of that port are not kept */
	const char *path;                  /* what changes replace: the first -f */
	struct fb_replay_change changes[FB_REPLAY_MAX_CHANGES]; /* ascending */
	uint32_t n_changes;
	bool json;
	bool spread;
	/* Filled by fb_replay_open(). */
	struct rte_mempool *pool;
	struct fb_rcu *rcu;
	struct fb_datapath *datapath;
	uint64_t now_ns;
	uint64_t begin_ns; /* time of the first frame */
	uint32_t now_ms;   /* since then */
	uint32_t changed;  /* changes made */
	int egress;        /* port of the frame that left last; -1: none since the last reset */
};

int fb_replay_open(struct fb_replay *r, struct fb_errs *errs);
/** All frames; one line each to stdout. @return 0, or -errno: a change was refused (in errs) */
int fb_replay_run(struct fb_replay *r, struct fb_errs *errs);
/** Totals to stderr. @return the exit status: 0, or 3 if the counters do not add up */
int fb_replay_close(struct fb_replay *r);

#endif
