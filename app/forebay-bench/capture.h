/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BENCH_CAPTURE_H
#define FB_BENCH_CAPTURE_H

/* The packets of the benchmark as a capture, for devices that play one (net_pcap, infinite_rx). */

#include "suites.h"

/**
 * Both directions of o->sizes[0] established `dnat` connections over IPv4, in random order.
 * Endpoints follow from the services and the secret, so another process with the same ones knows
 * the replies.
 *
 * @return 0 or -errno, said in errs
 */
int bench_capture_write(const char *program, const char *path, const struct bench_options *o,
			struct fb_errs *errs);

#endif
