/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BENCH_EVENTS_H
#define FB_BENCH_EVENTS_H

/*
 * Instructions and cache misses of this thread, where the kernel lets hardware count them. Virtual machines
 * often have no such counters: then there are no figures, and that is said once.
 */

#include <stdbool.h>
#include <stdint.h>

struct bench_events {
	uint64_t instructions;
	uint64_t cache_misses;
};

/** @return whether there are counters; why not goes to standard error */
bool bench_events_open(void);

/** Count from here to bench_events_stop(), in user space only. Nothing where there are no counters. */
void bench_events_start(void);

/** Add what was counted since the start. @return whether anything was */
bool bench_events_stop(struct bench_events *sum);

#endif
