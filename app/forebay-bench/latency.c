/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Suite: how long a packet stays inside, from the moment a burst was received to the moment it is given to
 * the device, at half of the highest rate. The device is an array: packet k has arrived when k times the gap
 * has gone by, a poll gets what has arrived (32 at most), and what is transmitted is stamped.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include "suites.h"

#define ROUND      (4 * BENCH_BATCH) /* packets that are made before the clock runs */
#define MOST_FLOWS (1u << 21)

struct link {
	struct rte_mbuf *sent[ROUND];
	uint32_t n_sent;
	uint64_t begin;    /* when packet 0 arrived */
	uint64_t received; /* when the burst in hand was */
	uint64_t gap;
	int number_off; /* in the mbuf: which packet it is */
	/* Samples, TSC cycles. */
	uint32_t *inside;
	uint32_t *arrived; /* since the packet arrived, so with its waiting for the poll */
	uint32_t n;
	uint32_t cap;
};

static int say(struct fb_errs *errs, const char *what, int err)
{
	fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "%s: %s", what, strerror(-err));
	return err;
}

static uint32_t *number_of(const struct link *link, struct rte_mbuf *m)
{
	return RTE_MBUF_DYNFIELD(m, link->number_off, uint32_t *);
}

static uint32_t clamp(uint64_t cycles)
{
	return (uint32_t)RTE_MIN(cycles, (uint64_t)UINT32_MAX);
}

static uint16_t stamp(void *arg, struct fb_worker *w, uint16_t port, struct rte_mbuf **mbufs,
		      uint16_t n)
{
	struct link *link = arg;
	const uint64_t now = rte_rdtsc();

	(void)w;
	(void)port;
	for (uint16_t i = 0; i < n; i++) {
		link->sent[link->n_sent++] = mbufs[i];
		if (link->n == link->cap)
			continue;
		link->inside[link->n] = clamp(now - link->received);
		link->arrived[link->n++] =
			clamp(now - link->begin - *number_of(link, mbufs[i]) * link->gap);
	}
	return n;
}

static uint16_t poll_link(const struct link *link, uint32_t at, uint64_t now)
{
	uint16_t n = 0;

	while (n < BENCH_BURST && at + n < ROUND && link->begin + (at + n) * link->gap <= now)
		n++;
	return n;
}

/* As fb_worker_loop() does it. */
static void play(struct bench_world *world, struct link *link, struct rte_mbuf **mbufs)
{
	struct fb_worker *w = world->worker;
	uint32_t at = 0;

	link->begin = rte_rdtsc();
	while (at < ROUND) {
		uint64_t now = rte_rdtsc();
		uint16_t n = poll_link(link, at, now);

		w->now_ms = fb_datapath_ms(world->dp, now);
		if (n != 0) {
			link->received = rte_rdtsc();
			fb_worker_run(w, 0, mbufs + at, n);
			at += n;
		}
		(void)fb_worker_turn(w);
	}
}

static int one_round(struct bench_world *world, struct bench_traffic *traffic, struct link *link,
		     struct fb_errs *errs)
{
	struct rte_mbuf *mbufs[ROUND];
	uint32_t n;

	for (uint32_t i = 0; i < ROUND; i += BENCH_BATCH)
		if (bench_traffic_batch(traffic, world->pool, true, mbufs + i) != 0)
			return say(errs, "packet buffers", -ENOMEM);
	for (uint32_t i = 0; i < ROUND; i++)
		*number_of(link, mbufs[i]) = i;
	link->n_sent = 0;
	play(world, link, mbufs);
	n = link->n_sent;
	rte_pktmbuf_free_bulk(link->sent, n);
	return n == ROUND ? 0 : say(errs, "the worker did not forward all packets", -EPROTO);
}

static int by_value(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a;
	const uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double percentile_us(const uint32_t *sorted, uint32_t n, double share)
{
	return sorted[(uint32_t)(share * (n - 1))] * 1e6 / (double)rte_get_tsc_hz();
}

static void report_it(const struct bench_world *world, struct link *link, enum fb_family family,
		      uint32_t flows, struct bench_report *report)
{
	qsort(link->inside, link->n, sizeof(*link->inside), by_value);
	qsort(link->arrived, link->n, sizeof(*link->arrived), by_value);
	bench_report_fact(report,
			  json_pack("{s:s, s:s, s:s, s:s, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:i}",
				    "suite", "latency", "case", "inside", "family",
				    family == FB_IPV4 ? "ipv4" : "ipv6", "mode",
				    fb_service_mode_names[world->setup.mode], "flows",
				    (json_int_t)flows, "packets_per_second",
				    (double)rte_get_tsc_hz() / (double)link->gap, "p50_us",
				    percentile_us(link->inside, link->n, 0.5), "p99_us",
				    percentile_us(link->inside, link->n, 0.99), "p999_us",
				    percentile_us(link->inside, link->n, 0.999),
				    "since_arrival_p50_us",
				    percentile_us(link->arrived, link->n, 0.5),
				    "since_arrival_p99_us",
				    percentile_us(link->arrived, link->n, 0.99), "packets",
				    (int)link->n));
}

/* Cycles between packets at half of the rate at which nothing but the worker's cost would be in the way. */
static int find_gap(const struct bench_options *o, struct bench_world *world,
		    struct bench_traffic *traffic, uint64_t *ret_gap, struct fb_errs *errs)
{
	struct bench_run run;
	int err = bench_run_init(&run, RTE_MAX(o->packets / BENCH_BATCH, 1u));

	for (uint32_t i = 0; i < run.cap && err == 0; i++) {
		struct rte_mbuf *mbufs[BENCH_BATCH];

		err = bench_traffic_batch(traffic, world->pool, true, mbufs);
		if (err != 0)
			break;
		bench_run_add(&run, bench_worker_batch(world, mbufs, NULL));
		if (bench_world_recycle(world) != BENCH_BATCH)
			err = -EPROTO;
	}
	*ret_gap = (uint64_t)(2 * bench_run_mean(&run) / BENCH_BATCH);
	bench_run_fini(&run);
	return err == 0 ? 0 : say(errs, "finding the highest rate", err);
}

static int one_case(const struct bench_options *o, struct bench_world *world, enum fb_family family,
		    uint32_t flows, struct link *link, struct bench_report *report,
		    struct fb_errs *errs)
{
	const uint32_t n_rounds = RTE_MAX(o->runs * (o->packets / ROUND), 1u);
	struct bench_traffic traffic = {0};
	int err = bench_world_start(world, family, bench_capacity(o, flows), errs);

	if (err == 0 && bench_traffic_open(world, family, flows, &o->shape, &traffic) != 0)
		err = say(errs, "opening connections", -EPROTO);
	if (err == 0)
		err = find_gap(o, world, &traffic, &link->gap, errs);
	if (err == 0) {
		link->n = 0;
		world->dp->transmit = stamp;
		world->dp->transmit_arg = link;
		for (uint32_t i = 0; i < n_rounds && err == 0; i++)
			err = one_round(world, &traffic, link, errs);
	}
	if (err == 0)
		report_it(world, link, family, flows, report);
	bench_traffic_close(&traffic);
	bench_world_stop(world);
	return err;
}

int bench_latency(const struct bench_options *o, struct bench_world *world,
		  struct bench_report *report, struct fb_errs *errs)
{
	static const struct rte_mbuf_dynfield number = {
		.name = "forebay_bench_number",
		.size = sizeof(uint32_t),
		.align = __alignof__(uint32_t),
	};
	const uint32_t cap = RTE_MAX(o->runs * (o->packets / ROUND), 1u) * ROUND;
	struct link *link = calloc(1, sizeof(*link));
	int err = 0;

	if (link == NULL)
		return say(errs, "samples", -ENOMEM);
	link->cap = cap;
	link->inside = malloc(cap * sizeof(*link->inside));
	link->arrived = malloc(cap * sizeof(*link->arrived));
	link->number_off = rte_mbuf_dynfield_register(&number);
	if (link->inside == NULL || link->arrived == NULL || link->number_off < 0)
		err = say(errs, "samples", -ENOMEM);
	for (int family = 0; family < FB_FAMILY_COUNT; family++)
		for (uint32_t i = 0; o->families[family] && i < o->n_sizes && err == 0; i++)
			if (o->sizes[i] <= MOST_FLOWS)
				err = one_case(o, world, (enum fb_family)family, o->sizes[i], link,
					       report, errs);
	free(link->inside);
	free(link->arrived);
	free(link);
	return err;
}
