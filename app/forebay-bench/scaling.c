/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Suite: what workers cost each other. Each runs alone on its core, then all at once, in turns; and, on
 * one core, what a packet costs that came in at the wrong worker and is handed over to its owner.
 *
 * There is no bare loop here: a worker is measured against itself.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_tcp.h>

#include "frame.h"
#include "machine.h"
#include "suites.h"

#define MOST_FLOWS (1u << 21) /* of each worker; more would be memory for nothing */

/* All begin at the same time, and go on until the last one has its figures. */
struct rendezvous {
	uint32_t n;
	uint32_t begun;
	uint32_t done;
};

/* One worker, its core and its traffic. */
struct lane {
	struct bench_world world; /* the suite's, but for the worker and what it sent */
	struct bench_traffic traffic;
	struct bench_run run;
	unsigned int lcore;
	uint32_t n_batches;
	struct rendezvous *together; /* NULL: alone */
	double cycles;
	int err;
};

struct crew {
	struct lane *lanes;
	uint32_t n;
	struct rendezvous together;
};

static int say(struct fb_errs *errs, const char *what, int err)
{
	fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "%s: %s", what, strerror(-err));
	return err;
}

static int one_batch(struct lane *lane, uint64_t *ret_cycles)
{
	struct rte_mbuf *mbufs[BENCH_BATCH];

	if (bench_traffic_batch(&lane->traffic, lane->world.pool, true, mbufs) != 0)
		return -ENOMEM;
	*ret_cycles = bench_worker_batch(&lane->world, mbufs, NULL);
	return bench_world_recycle(&lane->world) == BENCH_BATCH ? 0 : -EPROTO;
}

static void begin_together(struct rendezvous *r)
{
	(void)__atomic_add_fetch(&r->begun, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&r->begun, __ATOMIC_ACQUIRE) < r->n)
		rte_pause();
}

static int end_together(struct lane *lane)
{
	struct rendezvous *r = lane->together;
	uint64_t cycles;
	int err = 0;

	(void)__atomic_add_fetch(&r->done, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&r->done, __ATOMIC_ACQUIRE) < r->n && err == 0)
		err = one_batch(lane, &cycles);
	return err;
}

/* On the lane's own core. */
static int run_lane(void *arg)
{
	struct lane *lane = arg;
	uint64_t cycles;

	lane->err = 0;
	if (lane->together != NULL)
		begin_together(lane->together);
	for (uint32_t i = 0; i < lane->n_batches && lane->err == 0; i++) {
		lane->err = one_batch(lane, &cycles);
		if (lane->err == 0)
			bench_run_add(&lane->run, cycles);
	}
	lane->cycles = bench_run_mean(&lane->run) / BENCH_BATCH;
	if (lane->together != NULL) {
		int err = end_together(lane);

		lane->err = lane->err != 0 ? lane->err : err;
	}
	return lane->err;
}

/* Launch, or be, the lane; the main thread's comes last. */
static void launch(struct lane *lane)
{
	if (lane->lcore == rte_lcore_id())
		(void)run_lane(lane);
	else
		(void)rte_eal_remote_launch(run_lane, lane, lane->lcore);
}

static int join(struct crew *crew, double *ret_mean)
{
	double sum = 0;
	int err = 0;

	for (uint32_t i = 0; i < crew->n; i++) {
		if (crew->lanes[i].lcore != rte_lcore_id())
			(void)rte_eal_wait_lcore(crew->lanes[i].lcore);
		err = err != 0 ? err : crew->lanes[i].err;
		sum += crew->lanes[i].cycles;
	}
	*ret_mean = sum / crew->n;
	return err;
}

static int run_alone(struct crew *crew, double *ret_mean)
{
	for (uint32_t i = 0; i < crew->n; i++) {
		crew->lanes[i].together = NULL;
		launch(&crew->lanes[i]);
		if (crew->lanes[i].lcore != rte_lcore_id())
			(void)rte_eal_wait_lcore(crew->lanes[i].lcore);
	}
	return join(crew, ret_mean);
}

static int run_together(struct crew *crew, double *ret_mean)
{
	crew->together = (struct rendezvous){.n = crew->n};
	for (uint32_t i = crew->n; i > 0; i--) {
		crew->lanes[i - 1].together = &crew->together;
		launch(&crew->lanes[i - 1]);
	}
	return join(crew, ret_mean);
}

static json_t *begin_fact(const char *name, const struct bench_world *world, enum fb_family family,
			  uint32_t flows, uint32_t n_workers)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:i}", "suite", "scaling", "case", name,
			 "family", family == FB_IPV4 ? "ipv4" : "ipv6", "mode",
			 fb_service_mode_names[world->setup.mode], "flows", (json_int_t)flows,
			 "workers", (int)n_workers);
}

static void add_series(json_t *fact, const char *name, struct bench_series *s)
{
	char range[64];

	(void)snprintf(range, sizeof(range), "%s_range", name);
	(void)json_object_set_new(fact, name, json_real(bench_series_median(s)));
	(void)json_object_set_new(fact, range, json_pack("[ff]", s->v[0], s->v[s->n - 1]));
}

static int measure(const struct bench_options *o, struct crew *crew, enum fb_family family,
		   uint32_t flows, struct bench_report *report, struct fb_errs *errs)
{
	struct bench_series alone = {0};
	struct bench_series together = {0};
	struct bench_series ratio = {0};
	json_t *fact;

	for (uint32_t i = 0; i <= o->runs; i++) {
		double a = 0;
		double t = 0;
		int err = run_alone(crew, &a);

		if (err == 0)
			err = run_together(crew, &t);
		if (err != 0)
			return say(errs, "a worker did not forward all packets", err);
		if (i == 0)
			continue;
		bench_series_add(&alone, a);
		bench_series_add(&together, t);
		bench_series_add(&ratio, t / a);
	}
	fact = begin_fact("together", &crew->lanes[0].world, family, flows, crew->n);
	add_series(fact, "alone_cycles", &alone);
	add_series(fact, "together_cycles", &together);
	add_series(fact, "ratio", &ratio);
	(void)json_object_set_new(fact, "runs", json_integer(ratio.n));
	bench_report_fact(report, fact);
	return 0;
}

/* Replies of the last worker's flows, given to the first one. Every place once before one comes again. */
static void fill_replies(struct lane *owner, uint32_t *at, struct rte_mbuf **mbufs)
{
	const uint32_t n_flows = owner->traffic.n / 2;

	for (uint32_t i = 0; i < BENCH_BATCH; i++) {
		uint32_t flow = (uint32_t)((uint64_t)(*at)++ * 2654435761u % n_flows);
		struct fb_tuple tuple = bench_traffic_at(&owner->traffic, 2 * flow + 1);

		bench_frame_fill(mbufs[i], &tuple, RTE_TCP_ACK_FLAG,
				 owner->traffic.shape.frame_bytes);
	}
}

static void hand_over(struct lane *receiver, struct lane *owner, struct rte_mbuf **mbufs,
		      uint64_t *ret_receiver, uint64_t *ret_owner)
{
	struct fb_worker *from = receiver->world.worker;
	struct fb_worker *to = owner->world.worker;

	*ret_receiver = 0;
	*ret_owner = 0;
	for (uint32_t i = 0; i < BENCH_BATCH; i += BENCH_BURST) {
		uint64_t begin = rte_rdtsc();
		uint64_t middle;

		from->now_ms = fb_datapath_ms(from->dp, begin);
		fb_worker_run(from, 0, mbufs + i, BENCH_BURST);
		(void)fb_worker_turn(from);
		middle = rte_rdtsc();
		to->now_ms = from->now_ms;
		(void)fb_worker_turn(to);
		*ret_owner += rte_rdtsc() - middle;
		*ret_receiver += middle - begin;
	}
}

/* One run: handed over, and the same packets where they belong. Cycles of a packet. */
static int handover_run(struct crew *crew, uint32_t n_batches, struct bench_run *runs,
			double *ret_cycles, struct fb_errs *errs)
{
	struct lane *receiver = &crew->lanes[0];
	struct lane *owner = &crew->lanes[crew->n - 1];
	const uint64_t astray = receiver->world.dp->workers[0]->counters.rss_astray;
	uint32_t at = 0;

	for (uint32_t i = 0; i < 2 * n_batches; i++) {
		struct rte_mbuf *mbufs[BENCH_BATCH];
		uint64_t cycles[2];

		if (rte_pktmbuf_alloc_bulk(owner->world.pool, mbufs, BENCH_BATCH) != 0)
			return say(errs, "packet buffers", -ENOMEM);
		fill_replies(owner, &at, mbufs);
		if (i < n_batches) {
			hand_over(receiver, owner, mbufs, &cycles[0], &cycles[1]);
			bench_run_add(&runs[0], cycles[0]);
			bench_run_add(&runs[1], cycles[1]);
		} else {
			bench_run_add(&runs[2], bench_worker_batch(&owner->world, mbufs, NULL));
		}
		if (bench_world_recycle(&owner->world) != BENCH_BATCH)
			return say(errs, "the owner did not get and forward all packets", -EPROTO);
	}
	/* Their ports were chosen so that they come in at the owner. */
	if (receiver->world.setup.mode == FB_MODE_SNAT &&
	    receiver->world.dp->workers[0]->counters.rss_astray != astray + n_batches * BENCH_BATCH)
		return say(errs, "replies at the wrong worker were not counted", -EPROTO);
	for (int k = 0; k < 3; k++)
		ret_cycles[k] = bench_run_mean(&runs[k]) / BENCH_BATCH;
	return 0;
}

static int measure_handover(const struct bench_options *o, struct crew *crew, enum fb_family family,
			    uint32_t flows, struct bench_report *report, struct fb_errs *errs)
{
	const uint32_t n_batches = RTE_MAX(o->packets / BENCH_BATCH, 1u);
	struct bench_run runs[3] = {0};
	struct bench_series series[3] = {0};
	struct bench_series extra = {0};
	int err = 0;

	for (int k = 0; k < 3 && err == 0; k++)
		err = bench_run_init(&runs[k], n_batches);
	for (uint32_t i = 0; i <= o->runs && err == 0; i++) {
		double cycles[3];

		err = handover_run(crew, n_batches, runs, cycles, errs);
		if (err != 0 || i == 0)
			continue;
		for (int k = 0; k < 3; k++)
			bench_series_add(&series[k], cycles[k]);
		bench_series_add(&extra, cycles[0] + cycles[1] - cycles[2]);
	}
	if (err == 0) {
		json_t *fact =
			begin_fact("handover", &crew->lanes[0].world, family, flows, crew->n);

		add_series(fact, "receiver_cycles", &series[0]);
		add_series(fact, "owner_cycles", &series[1]);
		add_series(fact, "direct_cycles", &series[2]);
		add_series(fact, "handover_cycles", &extra);
		(void)json_object_set_new(fact, "runs", json_integer(extra.n));
		bench_report_fact(report, fact);
	}
	for (int k = 0; k < 3; k++)
		bench_run_fini(&runs[k]);
	return err;
}

static int open_lane(const struct bench_options *o, struct bench_world *world, uint16_t worker,
		     enum fb_family family, uint32_t flows, const struct bench_shape *shape,
		     struct lane *lane)
{
	int err;

	lane->world = *world;
	lane->n_batches = RTE_MAX(o->packets / BENCH_BATCH, 1u);
	lane->lcore = bench_machine_lcore(worker);
	bench_world_lane(world, worker, &lane->world);
	err = bench_run_init(&lane->run, lane->n_batches);
	return err != 0 ? err
			: bench_traffic_open(&lane->world, family, flows, shape, &lane->traffic);
}

static void close_lanes(struct crew *crew)
{
	for (uint32_t i = 0; i < crew->n && crew->lanes != NULL; i++) {
		bench_traffic_close(&crew->lanes[i].traffic);
		bench_run_fini(&crew->lanes[i].run);
	}
	free(crew->lanes);
}

/* Established traffic shuffled as elsewhere; for hand-overs as it was opened, so that replies can be told. */
static int one_case(const struct bench_options *o, struct bench_world *world, enum fb_family family,
		    uint32_t flows, bool handover, struct bench_report *report,
		    struct fb_errs *errs)
{
	struct crew crew = {
		.lanes = calloc(world->config->n_workers, sizeof(struct lane)),
		.n = world->config->n_workers,
	};
	struct bench_shape shape = o->shape;
	int err = crew.lanes != NULL ? 0 : say(errs, "lanes", -ENOMEM);

	shape.sequential = shape.sequential || handover;
	shape.new_permille = 0;
	if (err == 0)
		err = bench_world_start(world, family, bench_capacity(o, flows), errs);
	for (uint16_t i = 0; i < crew.n && err == 0; i++)
		if (open_lane(o, world, i, family, flows, &shape, &crew.lanes[i]) != 0)
			err = say(errs, "opening connections", -EPROTO);
	if (err == 0)
		err = handover ? measure_handover(o, &crew, family, flows, report, errs)
			       : measure(o, &crew, family, flows, report, errs);
	close_lanes(&crew);
	bench_world_stop(world);
	return err;
}

int bench_scaling(const struct bench_options *o, struct bench_world *world,
		  struct bench_report *report, struct fb_errs *errs)
{
	int err = 0;

	if (world->config->n_workers > bench_machine_n_cores() || world->config->n_workers < 2) {
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR,
			    "scaling: %u workers need as many cores, and at least 2; there are %u",
			    world->config->n_workers, bench_machine_n_cores());
		return -EINVAL;
	}
	for (int family = 0; family < FB_FAMILY_COUNT; family++) {
		for (uint32_t i = 0; o->families[family] && i < o->n_sizes && err == 0; i++) {
			if (o->sizes[i] > MOST_FLOWS)
				continue;
			err = one_case(o, world, (enum fb_family)family, o->sizes[i], false, report,
				       errs);
			if (err == 0)
				err = one_case(o, world, (enum fb_family)family, o->sizes[i], true,
					       report, errs);
		}
	}
	return err;
}
