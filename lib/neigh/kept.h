/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NEIGH_KEPT_H
#define FB_NEIGH_KEPT_H

/*
 * Neighbours in memory that outlives the process: whom the next run reaches from its first packet on, before
 * anybody has answered it.
 *
 * The kernel forgets them with the twins of the run that ends. The next run tells it what it knew, as
 * something to be asked about at once (NUD_PROBE): the kernel uses the address meanwhile, asks its bearer
 * three times, a second apart, and gives it up if it does not answer. So the kernel is who knows, as ever.
 *
 * Each record has a check that is written last: whatever moment a process ends at, it is whole or does not
 * count.
 *
 * Thread: start-up and control.
 */

#include <stdint.h>

#include "neigh/hop.h"

/* As many as a kernel has by default (gc_thresh3). */
#define FB_NEIGH_KEPT 1024

struct fb_neigh_kept_one {
	uint64_t check; /* 0: not in use */
	struct fb_addr addr;
	uint8_t mac[6];
	uint8_t port;
	uint8_t pad;
};

struct fb_neigh_kept {
	struct fb_neigh_kept_one v[FB_NEIGH_KEPT];
};

_Static_assert(sizeof(struct fb_neigh_kept_one) == 32, "no padding, which would be checked too");

/** Note what leads to the places in use now, as far as it is known. */
void fb_neigh_kept_note(struct fb_neigh_kept *kept, const struct fb_hops *hops);

/**
 * Tell the kernel what an earlier run noted; before fb_neigh_open(), which hears of it again.
 *
 * @param ifindex  of the twins now, by the ports' numbers in that run; 0: there is none any more
 * @return how many it was told of; -errno
 */
int fb_neigh_kept_tell(const struct fb_neigh_kept *kept, const int *ifindex, uint32_t n_ports);

#endif
