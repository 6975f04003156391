/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BENCH_WORLD_H
#define FB_BENCH_WORLD_H

/*
 * What the benchmark runs in: config and manifests as text, read and compiled as the daemon does
 * it, and workers without devices. At least two are configured, so that ownership is looked at as in
 * production; the port has RSS (Toeplitz, 128 entries), and the generator sends to worker 0 what
 * such a device would send there. The others only run where scaling is measured.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "box/offline.h"
#include "datapath/datapath.h"
#include "datapath/worker.h"

#define BENCH_BURST 32
#define BENCH_BATCH (8 * BENCH_BURST) /* packets between two readings of the clock */

/*
 * Frames are addressed to the port, and come from the neighbour that clients and endpoints are
 * behind.
 */
extern const uint8_t bench_port_mac[6];
extern const uint8_t bench_neighbour_mac[6];

struct bench_setup {
	uint32_t n_services;
	uint32_t n_endpoints; /* of each service */
	uint8_t mode;         /* enum fb_service_mode */
	uint8_t proto;        /* IPPROTO_TCP or _UDP: what Services speak */
	uint16_t n_workers;   /* 0: two, of which only the first has room for flows */
	bool without_dns;
	bool only_ipv4; /* Services of one family; else of both */
	bool short_timeouts;  /* opening and closing connections are forgotten after a second */
	uint32_t core;
	const char *devices[2]; /* to receive and to send; NULL: none, frames are given by hand */
};

struct bench_world {
	struct bench_setup setup;
	struct fb_config *config;
	struct fb_offline offline;
	struct rte_mempool *pool; /* the caller's */
	struct fb_rcu *rcu;
	struct fb_datapath *dp;
	struct fb_worker *worker;
	/* What the worker transmitted since bench_world_recycle(). */
	struct rte_mbuf *sent[BENCH_BATCH];
	uint32_t n_sent;
	struct bench_world
		*lanes[FB_NAT_MAX_WORKERS]; /* who gets what a worker sends; 0: this one */
};

/** Config, manifests, snapshot. @return 0 or -errno, said in errs */
int bench_world_open(const struct bench_setup *setup, struct rte_mempool *pool,
		     struct bench_world *world, struct fb_errs *errs);
void bench_world_close(struct bench_world *world);

/** Empty workers with room for so many flows. @return 0 or -ENOMEM, said in errs */
int bench_world_start(struct bench_world *world, enum fb_family family, uint32_t capacity,
		      struct fb_errs *errs);
void bench_world_stop(struct bench_world *world);

/**
 * Another worker of the same world: *ret becomes a copy of *world, but for that worker and what it sends, and
 * can be used like it until bench_world_stop(world). Worker 0's lane is the world itself, or this.
 */
void bench_world_lane(struct bench_world *world, uint16_t worker, struct bench_world *ret);

/** Free what was transmitted. @return how many frames that were */
uint32_t bench_world_recycle(struct bench_world *world);

/** Of the setup, the k-th endpoint of a service; its slices have BENCH_SLICE_ENDPOINTS each. */
struct fb_addr bench_pod_addr(const struct bench_setup *s, enum fb_family family, uint32_t service,
			      uint32_t k);
#define BENCH_SLICE_ENDPOINTS 100
#define BENCH_SLICE_NAME      "s%u-v%u-%u" /* service, 4 or 6, which of its slices */

static inline uint32_t bench_n_slices(const struct bench_setup *s)
{
	return (s->n_endpoints + BENCH_SLICE_ENDPOINTS - 1) / BENCH_SLICE_ENDPOINTS;
}

/** A service's address. */
struct fb_addr bench_service_addr(enum fb_family family, uint32_t service);
#define BENCH_SERVICE_PORT 80

/** Where DNS is answered. */
struct fb_addr bench_dns_addr(enum fb_family family);

#endif
