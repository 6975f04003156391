/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NAT_RSS_CHECK_H
#define FB_NAT_RSS_CHECK_H

/*
 * Whether replies come back to the worker that chose their port, by DPDK's own Toeplitz hash
 * (rte_softrss), which is slow and shares nothing with nat/rss.c. For the start of the daemon: what it
 * finds wrong would work all the same, but each reply would cross a ring.
 */

#include "nat/rss.h"

struct fb_nat_rss_check {
	uint32_t
		n_ports; /* ports of the range whose queue was compared, for a family and protocol */
	uint32_t n_chosen;     /* replies whose port was chosen for a worker as it chooses */
	uint32_t n_wrong;      /* of either */
	struct fb_tuple wrong; /* the first of these */
	uint16_t wrong_worker; /* whose port that has */
};

/**
 * Compare, for TCP and UDP of both families, each port of each worker, and choose as many ports again
 * with fb_nat_first() and fb_nat_steer_port().
 *
 * Thread: start-up. Cost: 40 ns for each port and each choice, 10 ms for the default range
 * (measured, on a busy core of 2.6 GHz).
 *
 * @param rss   what the device says now
 * @return whether nothing was wrong
 */
bool fb_nat_rss_check(const struct fb_nat_steer *steer, const struct fb_nat_rss *rss,
		      const struct fb_nat_ports *ports, struct fb_nat_rss_check *ret);

#endif
