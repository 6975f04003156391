/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BENCH_GENERATE_H
#define FB_BENCH_GENERATE_H

/*
 * A generator on one DPDK device, for whatever sends its packets back: clients and endpoints of the
 * benchmark's Services in one.
 *
 * It opens connections (what comes back of a client's packet says how its endpoint's answer has to look, be it
 * translated or not), then sends packets of both directions in random order with at most so many under way, and
 * counts what returns. Bounded, because such a machine stalls a core for milliseconds now and then, and an open
 * loop would only find that out.
 */

#include "suites.h"

struct bench_generate {
	const char *device; /* vdev */
	uint32_t in_flight; /* packets, at most */
	uint32_t rate_kpps; /* thousand packets a second; 0: as many as return */
	uint32_t seconds;
};

/**
 * Prints packets a second, packets lost and the time a packet was away, as one JSON object.
 *
 * @param o  sizes[0] connections, of the first family
 * @return 0 or -errno, said in errs
 */
int bench_generate_run(const char *program, int core, const struct bench_generate *g,
		       const struct bench_options *o, struct fb_errs *errs);

#endif
