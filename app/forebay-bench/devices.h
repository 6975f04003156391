/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BENCH_DEVICES_H
#define FB_BENCH_DEVICES_H

/*
 * The worker's own loop on one or between two DPDK devices, for comparing with another program on the same
 * ones.
 */

#include "suites.h"

/**
 * Run for some seconds after one to warm up; prints packets a second and the cycles of a packet,
 * the devices' part included, as one JSON object.
 *
 * @param devices  vdevs: to receive from, and where the endpoints are (NULL: there, too)
 * @return 0 or -errno, said in errs
 */
int bench_devices_run(const char *program, int core, const char *const devices[2], uint32_t seconds,
		      const struct bench_options *o, struct fb_errs *errs);

#endif
