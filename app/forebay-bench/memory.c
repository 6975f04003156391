/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Suite: what flows take in memory, and how long a start takes that has room for all of them.
 *
 * All told: what the table maps, divided by the flows that it has room for. There is nothing else of
 * a flow: a SNAT port is taken because its flow's key is in the table.
 */

#include <errno.h>
#include <string.h>
#include <time.h>

#include "suites.h"

static int say(struct fb_errs *errs, const char *what, int err)
{
	fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "%s: %s", what, strerror(-err));
	return err;
}

static double now_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static uint32_t largest(const struct bench_options *o)
{
	/* Of fewer, a batch would be more than the share that half-open ones may have. */
	uint32_t most = 4 * BENCH_BATCH;

	for (uint32_t i = 0; i < o->n_sizes; i++)
		most = RTE_MAX(most, o->sizes[i]);
	return most;
}

static double round_to(double v, double unit)
{
	return (double)(uint64_t)(v / unit + 0.5) * unit;
}

/* Workers with room for so many flows in all, made and taken down again. */
static int time_start(const struct bench_options *o, struct bench_world *world,
		      enum fb_family family, uint32_t flows, struct bench_report *report,
		      struct fb_errs *errs)
{
	struct bench_series seconds = {0};
	double median;

	for (uint32_t i = 0; i < o->runs; i++) {
		double begin = now_s();
		int err = bench_world_start(world, family,
					    RTE_MAX(flows / world->config->n_workers, 1u), errs);

		bench_series_add(&seconds, now_s() - begin);
		bench_world_stop(world);
		if (err != 0)
			return err;
	}
	median = bench_series_median(&seconds);
	bench_report_fact(report,
			  json_pack("{s:s, s:s, s:s, s:I, s:i, s:i, s:f, s:[ff], s:i}", "suite",
				    "memory", "case", "start", "family",
				    family == FB_IPV4 ? "ipv4" : "ipv6", "capacity",
				    (json_int_t)flows, "services", (int)world->setup.n_services,
				    "workers", (int)world->config->n_workers, "seconds", median,
				    "seconds_range", seconds.v[0], seconds.v[seconds.n - 1], "runs",
				    (int)seconds.n));
	return 0;
}

/* One worker's table, as full as it gets. */
static int fill(struct bench_world *world, const struct bench_shape *shape, enum fb_family family,
		uint32_t flows, struct bench_report *report, struct fb_errs *errs)
{
	struct bench_traffic traffic = {0};
	double begin = now_s();
	int err = bench_world_start(world, family, flows, errs);

	if (err == 0) {
		err = bench_traffic_open(world, family, flows, shape, &traffic);
		if (err != 0)
			(void)say(errs, "opening connections", err);
	}
	if (err == 0) {
		const struct fb_flow_table *t = world->worker->flows[family];
		double bytes = (double)fb_flow_table_bytes(t);

		bench_report_fact(report,
				  json_pack("{s:s, s:s, s:s, s:I, s:i, s:i, s:f, s:f, s:f}",
					    "suite", "memory", "case", "full-table", "family",
					    family == FB_IPV4 ? "ipv4" : "ipv6", "flows",
					    (json_int_t)fb_flow_count(t), "services",
					    (int)world->setup.n_services, "endpoints",
					    (int)world->setup.n_endpoints, "bytes_per_flow",
					    round_to(bytes / fb_flow_count(t), 0.1), "megabytes",
					    round_to(bytes / 1e6, 1), "opened_in_seconds",
					    round_to(now_s() - begin, 0.1)));
	}
	bench_traffic_close(&traffic);
	bench_world_stop(world);
	return err;
}

int bench_memory(const struct bench_options *o, struct bench_world *world,
		 struct bench_report *report, struct fb_errs *errs)
{
	const uint32_t flows = largest(o);
	int err = 0;

	/* Memory has nothing to do with the mode: the first one will do. */
	if (world->setup.mode != (o->modes[0] ? 0 : 1))
		return 0;
	for (int family = 0; family < FB_FAMILY_COUNT && err == 0; family++) {
		if (!o->families[family])
			continue;
		err = time_start(o, world, (enum fb_family)family, flows, report, errs);
		if (err == 0)
			err = fill(world, &o->shape, (enum fb_family)family, flows, report, errs);
	}
	return err;
}
