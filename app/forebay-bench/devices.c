/* SPDX-License-Identifier: BSD-3-Clause */

#include "devices.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include "../forebay/ports.h"
#include "machine.h"

#define MEMORY_MB 512
/*
 * A device that plays a capture keeps it in buffers of this pool. Without hugepages each takes a page, so that no
 * more than this fit; scripts/bench gives testpmd as many.
 */
#define N_MBUFS 65535

/* The loop runs on this thread; only a signal can tell it that time is up. */
static struct fb_datapath *running;

static void time_is_up(int sig)
{
	(void)sig;
	__atomic_store_n(&running->stop, true, __ATOMIC_RELAXED);
}

static void loop_for(struct fb_datapath *dp, uint32_t seconds)
{
	__atomic_store_n(&dp->stop, false, __ATOMIC_RELAXED);
	(void)alarm(seconds);
	(void)fb_worker_loop(dp->workers[0]);
}

static void keep(void *arg, void *retired)
{
	/* The one snapshot is the offline state's. */
	(void)arg;
	(void)retired;
}

/* One second to warm up, then those that count. */
static void run(struct fb_datapath *dp, uint32_t seconds)
{
	const struct sigaction action = {.sa_handler = time_is_up};
	struct fb_worker_counters before;
	struct fb_worker_counters after;
	uint64_t cycles;
	uint64_t rx;
	uint64_t tx;
	double took_s;

	running = dp;
	(void)sigaction(SIGALRM, &action, NULL);
	loop_for(dp, 1);
	fb_datapath_worker_counters(dp, 0, &before);
	cycles = rte_rdtsc();
	loop_for(dp, seconds);
	cycles = rte_rdtsc() - cycles;
	fb_datapath_worker_counters(dp, 0, &after);
	rx = after.rx_packets - before.rx_packets;
	tx = after.tx_packets - before.tx_packets;
	took_s = (double)cycles / (double)rte_get_tsc_hz();
	(void)printf("{\"rx_pps\": %.0f, \"tx_pps\": %.0f, \"cycles\": %.1f, \"flows\": %" PRIu64
		     "}\n",
		     (double)rx / took_s, (double)tx / took_s,
		     rx != 0 ? (double)cycles / (double)rx : 0, after.flows_live[FB_IPV4]);
}

int bench_devices_run(const char *program, int core, const char *const devices[2], uint32_t seconds,
		      const struct bench_options *o, struct fb_errs *errs)
{
	struct bench_setup setup = {
		.n_services = o->n_services,
		.n_endpoints = o->n_endpoints,
		/* A capture that is played for ever cannot know SNAT ports, so that is not the default. */
		.mode = o->modes[FB_MODE_DNAT] ? FB_MODE_DNAT : FB_MODE_SNAT,
		.proto = o->shape.proto,
		.devices = {devices[0], devices[1]},
	};
	const uint32_t n_ports = devices[1] != NULL ? 2 : 1;
	struct fb_port ports[2];
	struct bench_world world;
	struct rte_mempool *pool;
	struct fb_rcu *rcu = NULL;
	struct fb_datapath *dp = NULL;
	struct fb_hash_secret secret;
	int err = bench_machine_start(program, core, devices, MEMORY_MB, errs);

	if (err != 0)
		return err;
	setup.core = bench_machine_core();
	pool = rte_pktmbuf_pool_create("bench", N_MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, -1);
	if (pool == NULL) {
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "%u packet buffers: %s", N_MBUFS,
			    rte_strerror(rte_errno));
		return -ENOMEM;
	}
	err = bench_world_open(&setup, pool, &world, errs);
	if (err != 0)
		return err;
	err = fb_ports_open(world.config, pool, ports, errs);
	if (err == 0) {
		fb_hash_secret_init(&secret, world.config->secret);
		rcu = fb_rcu_create(1, keep, NULL);
		if (rcu != NULL && fb_rcu_publish(rcu, world.offline.snapshot) == 0)
			dp = fb_datapath_create(world.config, &secret, ports, n_ports, pool, rcu,
						errs);
		if (dp != NULL)
			run(dp, seconds);
		else
			err = -ENOMEM;
		fb_datapath_free(dp);
		if (rcu != NULL)
			fb_rcu_free(rcu);
		fb_ports_close(ports, n_ports);
	}
	bench_world_close(&world);
	return err;
}
