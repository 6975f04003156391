/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Suite: connections that begin. The worker's clock is the suite's: so many connections a
 * millisecond that the table stays half full while old ones are forgotten at the rate at which
 * new ones come, and the cost of forgetting is in the figures. The reference is the bare loop over
 * as many established connections: it tells machines and days apart, not what opening a connection
 * should cost.
 */

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "suites.h"

#define CAPACITY (1u << 20)

/*
 * Connections that are under way at a time: opened one after the other, then closed in the same
 * order.
 */
#define WINDOW 16 /* batches */

struct stage {
	bool from_client;
	uint8_t tcp_flags;
};

static const struct stage life[] = {
	{true, RTE_TCP_SYN_FLAG},
	{false, RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG},
	{true, RTE_TCP_ACK_FLAG},
	{true, RTE_TCP_PSH_FLAG | RTE_TCP_ACK_FLAG},
	{true, RTE_TCP_FIN_FLAG | RTE_TCP_ACK_FLAG},
	{false, RTE_TCP_FIN_FLAG | RTE_TCP_ACK_FLAG},
};

static const struct bench_shape tcp = {.proto = IPPROTO_TCP};

struct state {
	struct bench_world *world;
	struct bench_clients source;
	struct fb_tuple (*clients)[BENCH_BATCH]; /* WINDOW of them */
	struct fb_tuple (*replies)[BENCH_BATCH];
	uint32_t batches_per_8_ms;
	double elapsed_ms; /* by the batches opened so far */
	uint32_t now_ms;
};

static int say(struct fb_errs *errs, const char *what, int err)
{
	fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "%s: %s", what, strerror(-err));
	return err;
}

/* One batch of one stage. @return cycles; 0 if it was not forwarded whole */
static uint64_t step(struct state *s, const struct fb_tuple *tuples, uint8_t tcp_flags)
{
	struct rte_mbuf *mbufs[BENCH_BATCH];
	uint64_t cycles;

	if (bench_batch(s->world->pool, tuples, tcp_flags, mbufs) != 0)
		return 0;
	cycles = bench_worker_batch(s->world, mbufs, &s->now_ms);
	return bench_world_recycle(s->world) == BENCH_BATCH ? cycles : 0;
}

/* Time goes on with the connections. */
static void tick(struct state *s)
{
	s->elapsed_ms += 8.0 / s->batches_per_8_ms;
	s->now_ms = (uint32_t)s->elapsed_ms;
}

/* A batch of new connections, their first packet only. */
static uint64_t open_only(struct state *s)
{
	for (uint32_t i = 0; i < BENCH_BATCH; i++)
		s->clients[0][i] = bench_clients_next(&s->source);
	tick(s);
	return step(s, s->clients[0], RTE_TCP_SYN_FLAG);
}

/*
 * A window of connections from their first packet to their last. @return cycles; 0: not forwarded
 */
static uint64_t whole_lives(struct state *s)
{
	uint64_t total = 0;

	for (uint32_t b = 0; b < WINDOW; b++)
		for (uint32_t i = 0; i < BENCH_BATCH; i++)
			s->clients[b][i] = bench_clients_next(&s->source);
	for (uint32_t k = 0; k < RTE_DIM(life); k++) {
		for (uint32_t b = 0; b < WINDOW; b++) {
			uint64_t cycles;

			if (k == 0)
				tick(s);
			if (k == 1 && bench_replies(s->world, s->clients[b], s->replies[b]) != 0)
				return 0;
			cycles = step(s, life[k].from_client ? s->clients[b] : s->replies[b],
				      life[k].tcp_flags);
			if (cycles == 0)
				return 0;
			total += cycles;
		}
	}
	return total;
}

struct kind {
	const char *name;
	const char *unit;
	uint64_t (*measure)(struct state *s);
	uint32_t n_batches; /* of connections, in each call */
	uint32_t n_packets; /* of each connection */
	uint32_t batches_per_8_ms;
};

/*
 * 480 and 352 connections a millisecond. Each lives for its timeout of a second and until the hand comes by, which
 * is a little more: so nearly half a million are alive at a time, as the results say. Of the flood twice as many come as the share of half-open flows has room for, and each makes
 * the oldest one go.
 */
static const struct kind kinds[] = {
	{"new-flow", "packet", open_only, 1, 1, 15},
	{"syn-flood", "packet", open_only, 1, 1, 30},
	{"tcp-connection", "connection", whole_lives, WINDOW, RTE_DIM(life), 11},
};

static int go_on(struct state *s, const struct kind *kind, uint32_t until_ms)
{
	while (s->now_ms < until_ms)
		if (kind->measure(s) == 0)
			return -EPROTO;
	return 0;
}

/*
 * Until as many connections are forgotten as begin. Slowly at first: the hand has no order yet, and so long they live
 * up to a second longer.
 */
static int fill(struct state *s, const struct kind *kind)
{
	int err;

	s->batches_per_8_ms = kind->batches_per_8_ms / 2;
	err = go_on(s, kind, 3000);
	s->batches_per_8_ms = kind->batches_per_8_ms;
	return err == 0 ? go_on(s, kind, 9000) : err;
}

/* The bare loop's own connections: established, none of them is the worker's. */
struct yardstick {
	struct bench_reference ref;
	struct bench_traffic traffic;
};

static int measure(const struct bench_options *o, struct state *s, const struct kind *kind,
		   struct yardstick *yardstick, struct bench_result *result, struct fb_errs *errs)
{
	const uint32_t n_calls =
		RTE_MAX(o->packets / (BENCH_BATCH * kind->n_batches * kind->n_packets), 1u);
	struct bench_run run;
	struct bench_run reference_run = {0};
	int err = bench_run_init(&run, n_calls);

	if (err == 0)
		err = bench_run_init(&reference_run, RTE_MAX(o->packets / BENCH_BATCH, 1u));
	for (uint32_t i = 0; err == 0 && i <= o->runs; i++) {
		double reference = 0;
		double worker;

		err = bench_reference_run(o, s->world, &yardstick->ref, &yardstick->traffic,
					  &reference_run, &reference, errs);
		for (uint32_t k = 0; k < n_calls && err == 0; k++) {
			uint64_t cycles = kind->measure(s);

			if (cycles == 0)
				err = say(errs, "the worker did not forward all packets", -EPROTO);
			bench_run_add(&run, cycles);
		}
		worker = bench_run_mean(&run) / (BENCH_BATCH * kind->n_batches);
		if (err != 0 || i == 0)
			continue;
		bench_result_add(result, reference, worker);
	}
	result->n_stalled = run.n_stalled;
	bench_run_fini(&run);
	bench_run_fini(&reference_run);
	return err;
}

static int run_kind(const struct bench_options *o, struct state *s, const struct kind *kind,
		    struct yardstick *yardstick, struct bench_report *report, struct fb_errs *errs)
{
	struct bench_result result = {
		.suite = "new-flows",
		.name = kind->name,
		.family = s->source.family,
		.mode = fb_service_mode_names[s->world->setup.mode],
		.unit = kind->unit,
	};
	int err = fill(s, kind);

	if (err != 0)
		return say(errs, "the worker did not forward all packets", err);
	err = measure(o, s, kind, yardstick, &result, errs);
	if (err != 0)
		return err;
	result.flows = fb_flow_count(s->world->worker->flows[s->source.family]);
	bench_report_add(report, &result);
	return 0;
}

static int open_yardstick(struct bench_world *world, enum fb_family family, struct yardstick *ret,
			  struct fb_errs *errs)
{
	int err = bench_world_start(world, family, CAPACITY, errs);

	if (err != 0)
		return err;
	err = bench_traffic_open(world, family, CAPACITY / 2, &tcp, &ret->traffic);
	if (err == 0)
		err = bench_reference_open(world, family, &ret->ref);
	bench_world_stop(world);
	return err == 0 ? 0 : say(errs, "opening connections", err);
}

static int one_family(const struct bench_options *o, struct bench_world *world,
		      enum fb_family family, struct bench_report *report, struct fb_errs *errs)
{
	struct yardstick yardstick = {0};
	int err = open_yardstick(world, family, &yardstick, errs);

	for (uint32_t i = 0; i < RTE_DIM(kinds) && err == 0; i++) {
		struct state s = {
			.world = world,
			.source = {.world = world,
				   .family = family,
				   .proto = IPPROTO_TCP,
				   .next = 1},
			.clients = calloc(WINDOW, sizeof(*s.clients)),
			.replies = calloc(WINDOW, sizeof(*s.replies)),
		};

		err = s.clients != NULL && s.replies != NULL ? 0 : say(errs, "buffers", -ENOMEM);
		if (err == 0)
			err = bench_world_start(world, family, CAPACITY, errs);
		if (err == 0)
			err = run_kind(o, &s, &kinds[i], &yardstick, report, errs);
		bench_world_stop(world);
		free(s.clients);
		free(s.replies);
	}
	bench_reference_close(&yardstick.ref);
	bench_traffic_close(&yardstick.traffic);
	return err;
}

int bench_new_flows(const struct bench_options *o, struct bench_world *world,
		    struct bench_report *report, struct fb_errs *errs)
{
	int err = 0;

	for (int family = 0; family < FB_FAMILY_COUNT; family++)
		if (o->families[family] && err == 0)
			err = one_family(o, world, (enum fb_family)family, report, errs);
	return err;
}
