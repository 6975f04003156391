/* SPDX-License-Identifier: BSD-3-Clause */

/* The worker's loop: poll, run to completion, age, report quiescence. */

#include <time.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_pause.h>

#include "datapath/stages.h"

/*
 * With `idle: sleep`, a worker that found nothing for so many polls sleeps for so long. 50 us is the
 * kernel's own timer slack: shorter sleeps take as long. 64 polls: with 2 CPUs for
 * everything, wrk through a veth lab got 1.2 to 1.5 times the requests that 256 gave it (noisy; two rounds).
 */
#define IDLE_POLLS    64
#define IDLE_SLEEP_NS 50000

/* Receive from every queue that is this worker's. @return packets */
static uint32_t poll_ports(struct fb_worker *w)
{
	const struct fb_datapath *dp = w->dp;
	uint32_t total = 0;

	for (uint16_t p = 0; p < dp->n_ports; p++) {
		const struct fb_port *port = &dp->ports[p];

		/* Queues are never more than workers: fb_datapath_create() refuses it. */
		if (w->idx < port->n_queues) {
			struct rte_mbuf *mbufs[FB_BURST_MAX];
			uint16_t n = rte_eth_rx_burst(port->device, w->idx, mbufs, w->burst_size);

			w->counters.polls++;
			if (n == 0)
				continue;
			w->counters.busy_polls++;
			fb_worker_run(w, p, mbufs, n);
			total += n;
		}
	}
	return total;
}

/* Say which generation this worker reads from now on; the line is its own and rarely changes. */
static void note_generation(struct fb_worker *w)
{
	const struct fb_snapshot *snap = fb_rcu_read(w->rcu);

	if (snap != NULL && snap->generation != w->counters.generation)
		__atomic_store_n(&w->counters.generation, snap->generation, __ATOMIC_RELAXED);
}

static void sleep_a_little(struct fb_worker *w)
{
	struct timespec ts = {.tv_nsec = IDLE_SLEEP_NS};

	fb_rcu_offline(w->rcu, w->idx);
	(void)nanosleep(&ts, NULL);
	fb_rcu_online(w->rcu, w->idx);
}

uint32_t fb_worker_turn(struct fb_worker *w)
{
	uint32_t work = fb_worker_run_handover(w);

	work += fb_worker_run_egress(w);
	fb_worker_expire(w);
	fb_worker_expire_fragments(w);
	fb_worker_drain(w);
	fb_worker_serve_requests(w);
	fb_rcu_quiescent(w->rcu, w->idx);
	note_generation(w);
	return work;
}

int fb_worker_loop(void *arg)
{
	struct fb_worker *w = arg;
	struct fb_datapath *dp = w->dp;
	uint32_t idle = 0;

	fb_rcu_online(w->rcu, w->idx);
	while (!__atomic_load_n(&dp->stop, __ATOMIC_RELAXED)) {
		uint64_t begin = rte_rdtsc();
		uint32_t work;

		w->now_ms = fb_datapath_ms(dp, begin);
		work = poll_ports(w);
		work += fb_worker_turn(w);
		if (work != 0) {
			w->counters.busy_tsc += rte_rdtsc() - begin;
			idle = 0;
		} else if (dp->idle_sleep && ++idle >= IDLE_POLLS) {
			sleep_a_little(w);
		}
	}
	fb_rcu_offline(w->rcu, w->idx);
	return 0;
}
