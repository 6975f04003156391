/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Suite: in which stage the cycles go. Only in forebay-bench-stages, which is linked so that calls of the
 * stages come by here (the linker's --wrap); the stages and what calls them are the daemon's object code.
 * Two readings of the clock for each stage of a burst add about a cycle a packet.
 *
 * A stage's share is what the core waited for in it: where lines are fetched ahead, that is not where they were
 * asked for.
 */

#include <errno.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "datapath/stages.h"
#include "suites.h"

enum { PARSE, DNS, FLOW, SERVICE, REWRITE, OTHER, TX, TURN, REST, PART_COUNT };

static const char *const part_names[PART_COUNT] = {
	[PARSE] = "parse",     [DNS] = "dns",         [FLOW] = "flow",
	[SERVICE] = "service", [REWRITE] = "rewrite", [OTHER] = "other",
	[TX] = "tx",           [TURN] = "turn",       [REST] = "rest",
};

static uint64_t spent[PART_COUNT];

/* The linker's names. */
#define WRAP(part, name)                                             \
	void __real_##name(struct fb_worker *w, struct fb_burst *b); \
	void __wrap_##name(struct fb_worker *w, struct fb_burst *b); \
	void __wrap_##name(struct fb_worker *w, struct fb_burst *b)  \
	{                                                            \
		const uint64_t begin = rte_rdtsc();                  \
                                                                     \
		__real_##name(w, b);                                 \
		spent[part] += rte_rdtsc() - begin;                  \
	}

WRAP(PARSE, fb_stage_parse)
WRAP(DNS, fb_stage_dns)
WRAP(FLOW, fb_stage_flow)
WRAP(SERVICE, fb_stage_service)
WRAP(REWRITE, fb_stage_rewrite)
WRAP(REWRITE, fb_stage_rewrite_new)
WRAP(OTHER, fb_stage_other)
WRAP(TX, fb_stage_tx)

uint32_t __real_fb_worker_turn(struct fb_worker *w);
uint32_t __wrap_fb_worker_turn(struct fb_worker *w);
uint32_t __wrap_fb_worker_turn(struct fb_worker *w)
{
	const uint64_t begin = rte_rdtsc();
	uint32_t work = __real_fb_worker_turn(w);

	spent[TURN] += rte_rdtsc() - begin;
	return work;
}

static int say(struct fb_errs *errs, const char *what, int err)
{
	fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "%s: %s", what, strerror(-err));
	return err;
}

/* @return cycles of the batch, by part; interrupted ones (see bench_run) are told by their sum */
static uint64_t one_batch(struct bench_world *world, struct rte_mbuf **mbufs, uint64_t *ret_parts)
{
	uint64_t total;
	uint64_t named = 0;

	memset(spent, 0, sizeof(spent));
	total = bench_worker_batch(world, mbufs, NULL);
	for (int i = 0; i < REST; i++)
		named += spent[i];
	spent[REST] = total - named;
	memcpy(ret_parts, spent, sizeof(spent));
	return total;
}

/*
 * The batches that took up to twice what the quickest did: one that was interrupted would count as a whole to
 * the stage that was on.
 */
static int one_run(const struct bench_options *o, struct bench_world *world,
		   struct bench_traffic *traffic, double *ret_parts, struct fb_errs *errs)
{
	const uint32_t n_batches = RTE_MAX(o->packets / BENCH_BATCH, 1u);
	uint64_t least = UINT64_MAX;
	uint64_t sum[PART_COUNT] = {0};
	uint32_t n = 0;

	for (uint32_t i = 0; i < n_batches; i++) {
		struct rte_mbuf *mbufs[BENCH_BATCH];
		uint64_t parts[PART_COUNT];
		uint64_t total;

		if (bench_traffic_batch(traffic, world->pool, false, mbufs) != 0)
			return say(errs, "packet buffers", -ENOMEM);
		total = one_batch(world, mbufs, parts);
		if (bench_world_recycle(world) != BENCH_BATCH)
			return say(errs, "the worker did not forward all packets", -EPROTO);
		least = RTE_MIN(least, total);
		if (total > 2 * least)
			continue;
		for (int k = 0; k < PART_COUNT; k++)
			sum[k] += parts[k];
		n++;
	}
	for (int k = 0; k < PART_COUNT; k++)
		ret_parts[k] = (double)sum[k] / n / BENCH_BATCH;
	return 0;
}

static int measure(const struct bench_options *o, struct bench_world *world,
		   struct bench_traffic *traffic, enum fb_family family, uint32_t flows,
		   struct bench_report *report, struct fb_errs *errs)
{
	struct bench_series series[PART_COUNT] = {0};
	struct bench_series totals = {0};
	json_t *fact;

	for (uint32_t i = 0; i <= o->runs; i++) {
		double parts[PART_COUNT];
		double total = 0;
		int err = one_run(o, world, traffic, parts, errs);

		if (err != 0)
			return err;
		if (i == 0)
			continue;
		for (int k = 0; k < PART_COUNT; k++) {
			bench_series_add(&series[k], parts[k]);
			total += parts[k];
		}
		bench_series_add(&totals, total);
	}
	fact = json_pack("{s:s, s:s, s:s, s:s, s:I, s:i, s:f}", "suite", "stages", "case",
			 o->shape.new_permille == 0 ? "established" : "mixed", "family",
			 family == FB_IPV4 ? "ipv4" : "ipv6", "mode",
			 fb_service_mode_names[world->setup.mode], "flows", (json_int_t)flows,
			 "runs", (int)totals.n, "worker_cycles", bench_series_median(&totals));
	for (int k = 0; k < PART_COUNT; k++)
		if (series[k].v[0] != 0)
			(void)json_object_set_new(fact, part_names[k],
						  json_real(bench_series_median(&series[k])));
	bench_report_fact(report, fact);
	return 0;
}

int bench_stages(const struct bench_options *o, struct bench_world *world,
		 struct bench_report *report, struct fb_errs *errs)
{
	int err = 0;

	for (int family = 0; family < FB_FAMILY_COUNT; family++) {
		for (uint32_t i = 0; o->families[family] && i < o->n_sizes && err == 0; i++) {
			struct bench_traffic traffic = {0};

			err = bench_world_start(world, (enum fb_family)family,
						bench_capacity(o, o->sizes[i]), errs);
			if (err == 0 && bench_traffic_open(world, (enum fb_family)family,
							   o->sizes[i], &o->shape, &traffic) != 0)
				err = say(errs, "opening connections", -EPROTO);
			if (err == 0)
				err = measure(o, world, &traffic, (enum fb_family)family,
					      o->sizes[i], report, errs);
			bench_traffic_close(&traffic);
			bench_world_stop(world);
		}
	}
	return err;
}
