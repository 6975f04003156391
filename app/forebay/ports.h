/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_FOREBAY_PORTS_H
#define FB_FOREBAY_PORTS_H

/*
 * The DPDK devices behind the config's ports: find, configure, start, close.
 */

#include "base/err.h"
#include "config/config.h"
#include "datapath/datapath.h"

struct rte_mempool;

/* What a device said about its RSS; struct fb_nat_rss points into it. */
struct fb_port_rss {
	struct fb_nat_rss rss;
	uint8_t key[64];
	uint16_t reta[FB_NAT_RSS_RETA_MAX];
	uint8_t queue_worker[FB_CONFIG_MAX_WORKERS];
};

/** Queues that all ports together will have; for sizing the pool before they are configured. */
uint32_t fb_ports_n_queues(const struct fb_config *config, struct fb_errs *errs);

/**
 * Configure and start the device of every port.
 *
 * @param ret  config->n_ports entries
 * @return 0, or -errno with the errors in errs; what was started is stopped again
 */
int fb_ports_open(const struct fb_config *config, struct rte_mempool *pool, struct fb_port *ret,
		  struct fb_errs *errs);

/**
 * steering.c: ask a started port how it spreads packets, and set ports[i].rss where that is usable: a queue for
 * each worker, Toeplitz over TCP and UDP ports, a table that can be read back; and where choosing SNAT ports by it
 * brings replies back to their worker, which is tried (nat/rss_check.h). Says in a notice what was found.
 *
 * @param ret  n_ports entries, which must live until fb_datapath_create()
 */
void fb_ports_probe_rss(const struct fb_config *config, struct fb_port *ports,
			struct fb_port_rss *ret, struct fb_errs *errs);

void fb_ports_close(const struct fb_port *ports, uint32_t n_ports);

#endif
