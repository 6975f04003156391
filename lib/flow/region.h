/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_FLOW_REGION_H
#define FB_FLOW_REGION_H

/*
 * A large piece of zeroed memory for one worker: on huge pages where the system has them (1 GB where
 * enough are reserved, else 2 MB, else transparent ones), on the worker's NUMA node where it has room, and present, so that the packet path takes no page fault.
 *
 * Thread: start-up.
 */

#include <stddef.h>

struct fb_region {
	void *base;
	size_t bytes; /* whole pages, at least what was asked for */
};

/**
 * @param numa_node  preferred node (with no room there, memory from another is taken); -1: any
 * @return 0; -EINVAL for no bytes; -ENOMEM
 */
int fb_region_map(size_t bytes, int numa_node, struct fb_region *ret);

/** Gives the memory back; *region is cleared. */
void fb_region_unmap(struct fb_region *region);

#endif
