/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BENCH_REFERENCE_H
#define FB_BENCH_REFERENCE_H

/*
 * The bare loop: what the machine needs to parse a packet, find its flow, rewrite addresses and
 * ports and update two checksums, and nothing else. It is the measure of the worker, so it is as
 * good as we can make it: one open-addressing table with everything about a packet's flow in one
 * line (two over IPv6), CRC32c, prefetches, no counters, no state, no validation beyond what
 * finding the fields takes.
 *
 * A connection has two lines, one for each direction, since either direction's packets come.
 */

#include <stdint.h>

#include "flow/region.h"
#include "traffic.h"

/*
 * Which is better depends on how much memory the flows take: both are run, the better one counts.
 */
enum bench_reference_form {
	BENCH_REFERENCE_BURST, /* prefetch the lines of 32 packets, then use them */
	BENCH_REFERENCE_AHEAD, /* prefetch a line for each packet done, beyond the burst's end */
	BENCH_REFERENCE_FORM_COUNT,
};

struct bench_reference {
	enum fb_family family;
	struct fb_region region;
	uint8_t *lines;
	uint32_t mask;
};

/** All flows of the worker. @return 0 or -ENOMEM */
int bench_reference_open(const struct bench_world *world, enum fb_family family,
			 struct bench_reference *ret);
void bench_reference_close(struct bench_reference *ref);

/**
 * @param ret_hits  packets of which the flow was found @return TSC cycles for BENCH_BATCH packets
 */
uint64_t bench_reference_batch(const struct bench_reference *ref, enum bench_reference_form form,
			       struct rte_mbuf **mbufs, uint32_t *ret_hits);

#endif
