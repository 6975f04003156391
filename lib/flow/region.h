/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_FLOW_REGION_H
#define FB_FLOW_REGION_H

/*
 * A large piece of zeroed memory for one worker: on huge pages where the system has them (1 GB where
 * enough are reserved, else 2 MB, else transparent ones), on the worker's NUMA node where it has room, and present, so that the packet path takes no page fault.
 *
 * In a file of tmpfs or hugetlbfs the memory outlives the process, however that ends (lib/keep).
 *
 * Thread: start-up.
 */

#include <stddef.h>
#include <stdint.h>

struct fb_region {
	void *base;
	size_t bytes; /* whole pages, at least what was asked for */
};

/**
 * @param numa_node  preferred node (with no room there, memory from another is taken); -1: any
 * @return 0; -EINVAL for no bytes; -ENOMEM
 */
int fb_region_map(size_t bytes, int numa_node, struct fb_region *ret);

/**
 * The same in a file, shared with whoever maps it next. An empty file gets its size here and is zero; another
 * one has to have the size already, and keeps what it holds.
 *
 * Cost: transparent huge pages are asked for by name (MADV_COLLAPSE, Linux 6.1), since those of tmpfs are
 * off by default. A first mapping of 640 MB took 0.75 s with them, another one 1 ms.
 *
 * @param fd  open for reading and writing; may be closed afterwards
 * @return 0; -EINVAL for no bytes; -ENOSPC: no room there; -ESTALE: the file has another size; -errno
 */
int fb_region_map_file(int fd, uint64_t bytes, int numa_node, struct fb_region *ret);

/** Gives the memory back; *region is cleared. A file stays. */
void fb_region_unmap(struct fb_region *region);

#endif
