/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_FOREBAY_EAL_H
#define FB_FOREBAY_EAL_H

/*
 * From the config to a running EAL: arguments, hugepages, lcores, the mbuf pool.
 *
 * Lcore 0 is control (the main thread); lcore 1 + w is worker w. Cores are bound through --lcores, so
 * several workers may share a CPU in a lab.
 */

#include "base/err.h"
#include "config/config.h"

struct rte_mempool;

/**
 * Start EAL with what the config says, plus extra arguments of the user's (after "--").
 *
 * Thread: the main thread, once.
 * @return 0, or -errno with one line in errs that says what is missing
 */
int fb_eal_init(const struct fb_config *config, const char *program, char *const *extra, int n_extra,
		struct fb_errs *errs);

/** Stop EAL and leave nothing behind; after a successful fb_eal_init() only. */
void fb_eal_fini(void);

/** Buffers for all queues of n_queues in total, every ring, and what is in flight. */
struct rte_mempool *fb_eal_pool(const struct fb_config *config, uint32_t n_queues,
				struct fb_errs *errs);

/** The lcore of a worker. */
unsigned int fb_eal_worker_lcore(uint16_t worker);

#endif
