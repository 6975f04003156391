/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_TABLE_DIFF_H
#define FB_TABLE_DIFF_H

/*
 * How much of the hash space selects another endpoint after a change of a service.
 *
 * Tables of different sizes are compared exactly, over the ranges of hashes that their slots cover.
 */

#include "table/read.h"

/* Shares of the hash space, 0 to 1. */
struct fb_table_diff {
	double moved_stays; /* selects another endpoint though the old one still takes flows */
	double moved_left;  /* the old endpoint takes no more flows, or there is none now */
};

/**
 * Compare the selection of two versions of a service port.
 *
 * Endpoints are the same if address and port are. A service without active endpoints, or NULL,
 * selects nothing: nothing moves from there, and all of `old` leaves when `new` is such.
 *
 * Thread: control.
 * Cost:   the slots of both tables, plus the endpoints of both.
 *
 * @return 0 or -ENOMEM
 */
int fb_table_diff_service(const struct fb_service *old, const struct fb_service *new,
			  struct fb_table_diff *ret);

#endif
