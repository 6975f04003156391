/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BENCH_REFERENCE_H
#define FB_BENCH_REFERENCE_H

/*
 * The bare loop: what the machine needs to parse a packet, find its flow, rewrite addresses and
 * ports and update two checksums, and nothing else. It is the measure of the worker, so it is as
 * good as we can make it: one open-addressing table in which a packet's key leads straight to the
 * line that holds all that is done to it (IPv4: two such entries a line, so one line a flow; IPv6:
 * an entry of two neighbouring lines), CRC32c, prefetches, precomputed checksum deltas; no counters,
 * no state, no validation beyond what finding the fields takes.
 */

#include <stdint.h>

#include "flow/region.h"
#include "traffic.h"

/*
 * Which is best depends on how much memory the flows take: all are run in turns with the worker, and
 * the one with the lowest median counts.
 */
enum bench_reference_form {
	BENCH_REFERENCE_PLAIN, /* a packet at a time, for tables that lie in the cache */
	BENCH_REFERENCE_BURST, /* prefetch the entries of 32 packets, then use them */
	BENCH_REFERENCE_AHEAD, /* prefetch an entry for each packet done, beyond the burst's end */
	BENCH_REFERENCE_FORM_COUNT,
};

extern const char *const bench_reference_form_names[BENCH_REFERENCE_FORM_COUNT];

struct bench_reference {
	enum fb_family family;
	struct fb_region region;
	uint8_t *table;
	uint32_t n_homes; /* places where a search may begin; a margin follows, so nothing wraps */
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
