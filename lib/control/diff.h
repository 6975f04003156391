/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_DIFF_H
#define FB_CONTROL_DIFF_H

/*
 * How two snapshots differ in one Service, for people. A port's parts are compared with those that
 * have their frontends; a frontend that only moves to another part was not added or removed.
 *
 * Thread: control.
 */

#include <jansson.h>

#include "datapath/datapath.h"
#include "table/read.h"

/**
 * @param datapath  whose flows leave with an endpoint; of old
 * @param old, new  may be NULL: nothing
 * @return a list of what changed, by part of a port; empty: nothing
 */
json_t *fb_diff_service(const struct fb_datapath *datapath, const struct fb_snapshot *old,
			const struct fb_snapshot *new, const char *namespace_, const char *name);

#endif
