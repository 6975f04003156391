/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BENCH_MACHINE_H
#define FB_BENCH_MACHINE_H

/* EAL, memory and the core that all figures come from. */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/**
 * Start EAL, the main thread on one core and another on each other one, with hugepages where enough are free.
 *
 * @param core     CPU of the main thread; -1: the last one that this process may use
 * @param devices  vdevs, or NULL
 * @return 0 or -errno, said in errs
 */
int bench_machine_start(const char *program, int core, const char *const devices[2],
			uint32_t memory_mb, struct fb_errs *errs);

/** CPUs that this process may use, up to BENCH_MAX_CORES. Each has an EAL thread. */
#define BENCH_MAX_CORES 16
uint32_t bench_machine_n_cores(void);

/** The EAL thread of a core: 0 is the main one, on the core that was asked for. */
unsigned int bench_machine_lcore(uint32_t i);

/** The CPU that this thread is bound to. */
uint32_t bench_machine_core(void);

/**
 * Nanoseconds in which this thread could have run but others had its core; the kernel counts them.
 */
uint64_t bench_machine_waited_ns(void);

/** Model, clock and pages, one line each to standard error. */
void bench_machine_describe(void);

#endif
