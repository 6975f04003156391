/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_FLOW_WALK_H
#define FB_CONTROL_FLOW_WALK_H

/*
 * All flows of all workers, read out by their owners piece by piece (datapath/request.h).
 *
 * Not a consistent picture: flows come and go while it is taken. Nothing is copied but one piece.
 *
 * Thread: control; polled by a job.
 */

#include <stdbool.h>

#include "datapath/request.h"

struct fb_control;

#define FB_FLOW_WALK_ROWS 256

struct fb_flow_walk {
	struct fb_request request; /* the worker's while `asked` */
	struct fb_flow_row *rows;
	/* @return false: enough */
	bool (*row)(void *arg, struct fb_control *c, const struct fb_flow_row *row);
	void *arg;
	uint64_t since_ms; /* of the last piece, or of the first question; 0: none yet */
	uint16_t worker;
	bool asked;
	bool stop;
};

/** @return 0 or -ENOMEM */
int fb_flow_walk_init(struct fb_flow_walk *walk,
		      bool (*row)(void *arg, struct fb_control *c, const struct fb_flow_row *row),
		      void *arg);
/** Only when poll returned true, or the workers have stopped: a worker may be writing to the rows. */
void fb_flow_walk_fini(struct fb_flow_walk *walk);

/** @return true when the end was reached or row() said so */
bool fb_flow_walk_poll(struct fb_flow_walk *walk, struct fb_control *c);

/** Whether the worker whose turn it is has not answered for FB_WORKER_PATIENCE_MS. */
bool fb_flow_walk_is_stuck(const struct fb_flow_walk *walk, const struct fb_control *c);

/** End with the piece that is under way. */
void fb_flow_walk_stop(struct fb_flow_walk *walk);

#endif
