/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Suite: packets of established connections, both directions and all connections in random order.
 */

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_mbuf.h>

#include "events.h"
#include "suites.h"

/*
 * New flows live for one to two seconds (bench_setup.short_timeouts), of which there are hardly two
 * million in a second.
 */
uint32_t bench_capacity(const struct bench_options *o, uint32_t flows)
{
	/* Below the pressure (85 %) under which flows of dnat are not recorded. */
	return RTE_MAX(flows + flows / 4, 1u << 20) + (o->shape.new_permille != 0 ? 1u << 22 : 0);
}

static uint32_t n_batches(const struct bench_options *o)
{
	return RTE_MAX(o->packets / BENCH_BATCH, 1u);
}

static int say(struct fb_errs *errs, const char *what, int err)
{
	fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "%s: %s", what, strerror(-err));
	return err;
}

int bench_reference_run_form(const struct bench_options *o, struct bench_world *world,
			     const struct bench_reference *ref, enum bench_reference_form form,
			     struct bench_traffic *traffic, struct bench_run *run,
			     double *ret_cycles, struct fb_errs *errs)
{
	for (uint32_t i = 0; i < n_batches(o); i++) {
		struct rte_mbuf *mbufs[BENCH_BATCH];
		uint32_t hits;

		if (bench_traffic_batch(traffic, world->pool, true, mbufs) != 0)
			return say(errs, "packet buffers", -ENOMEM);
		bench_run_add(run, bench_reference_batch(ref, form, mbufs, &hits));
		rte_pktmbuf_free_bulk(mbufs, BENCH_BATCH);
		if (hits != BENCH_BATCH)
			return say(errs, "the bare loop missed flows", -EPROTO);
	}
	*ret_cycles = bench_run_mean(run) / BENCH_BATCH;
	return 0;
}

int bench_reference_run(const struct bench_options *o, struct bench_world *world,
			const struct bench_reference *ref, struct bench_traffic *traffic,
			struct bench_run *run, double *ret_cycles, struct fb_errs *errs)
{
	double best = 0;

	for (int form = 0; form < BENCH_REFERENCE_FORM_COUNT; form++) {
		double cycles = 0;
		int err = bench_reference_run_form(o, world, ref, (enum bench_reference_form)form,
						   traffic, run, &cycles, errs);

		if (err != 0)
			return err;
		if (form == 0 || cycles < best)
			best = cycles;
	}
	*ret_cycles = best;
	return 0;
}

static int worker_run(const struct bench_options *o, struct bench_world *world,
		      struct bench_traffic *traffic, struct bench_run *run, double *ret_cycles,
		      struct fb_errs *errs)
{
	for (uint32_t i = 0; i < n_batches(o); i++) {
		struct rte_mbuf *mbufs[BENCH_BATCH];

		if (bench_traffic_batch(traffic, world->pool, false, mbufs) != 0)
			return say(errs, "packet buffers", -ENOMEM);
		bench_run_add(run, bench_worker_batch(world, mbufs, NULL));
		if (bench_world_recycle(world) != BENCH_BATCH)
			return say(errs, "the worker did not forward all packets", -EPROTO);
	}
	*ret_cycles = bench_run_mean(run) / BENCH_BATCH;
	return 0;
}

/* The form with the lowest median is the reference; of each run, its figure is set beside the worker's. */
static void choose_form(const struct bench_series *forms, const struct bench_series *worker,
			struct bench_result *result)
{
	int best = 0;
	double least = 0;

	result->reference_forms = json_object();
	for (int form = 0; form < BENCH_REFERENCE_FORM_COUNT; form++) {
		struct bench_series sorted = forms[form];
		double median = bench_series_median(&sorted);

		(void)json_object_set_new(result->reference_forms, bench_reference_form_names[form],
					  json_real(median));
		if (form == 0 || median < least) {
			best = form;
			least = median;
		}
	}
	result->reference_form = bench_reference_form_names[best];
	for (uint32_t i = 0; i < worker->n; i++)
		bench_result_add(result, forms[best].v[i], worker->v[i]);
}

static int measure(const struct bench_options *o, struct bench_world *world,
		   struct bench_traffic *traffic, const struct bench_reference *ref,
		   struct bench_result *result, struct fb_errs *errs)
{
	struct bench_series forms[BENCH_REFERENCE_FORM_COUNT] = {0};
	struct bench_series workers = {0};
	struct bench_run run;
	int err = bench_run_init(&run, n_batches(o));

	/* The first one warms up caches and branches, and is not counted. */
	for (uint32_t i = 0; err == 0 && i <= o->runs; i++) {
		double cycles = 0;

		for (int form = 0; form < BENCH_REFERENCE_FORM_COUNT && err == 0; form++) {
			err = bench_reference_run_form(o, world, ref,
						       (enum bench_reference_form)form, traffic,
						       &run, &cycles, errs);
			if (i != 0)
				bench_series_add(&forms[form], cycles);
		}
		if (err == 0)
			err = worker_run(o, world, traffic, &run, &cycles, errs);
		if (i != 0)
			bench_series_add(&workers, cycles);
	}
	if (err == 0)
		choose_form(forms, &workers, result);
	result->n_stalled = run.n_stalled;
	bench_run_fini(&run);
	return err;
}

/*
 * What the worker's packets take, in a run of its own: switching counters on and off takes system calls,
 * which timed runs are to be spared.
 */
static int count_events(const struct bench_options *o, struct bench_world *world,
			struct bench_traffic *traffic, struct bench_result *result,
			struct fb_errs *errs)
{
	const double packets = (double)n_batches(o) * BENCH_BATCH;
	struct bench_events sum = {0};
	bool counted = true;

	for (uint32_t i = 0; i < n_batches(o) && counted; i++) {
		struct rte_mbuf *mbufs[BENCH_BATCH];

		if (bench_traffic_batch(traffic, world->pool, false, mbufs) != 0)
			return say(errs, "packet buffers", -ENOMEM);
		bench_events_start();
		(void)bench_worker_batch(world, mbufs, NULL);
		counted = bench_events_stop(&sum);
		if (bench_world_recycle(world) != BENCH_BATCH)
			return say(errs, "the worker did not forward all packets", -EPROTO);
	}
	if (counted)
		(void)json_object_update_new(result->traffic,
					     json_pack("{s:f, s:f}", "instructions",
						       (double)sum.instructions / packets,
						       "cache_misses",
						       (double)sum.cache_misses / packets));
	return 0;
}

static json_t *describe(const struct bench_shape *shape)
{
	return json_pack("{s:s, s:i, s:s, s:s, s:i}", "protocol",
			 shape->proto == IPPROTO_TCP ? "tcp" : "udp", "frame_bytes",
			 shape->frame_bytes, "order", shape->sequential ? "sequential" : "random",
			 "popularity", shape->zipf ? "zipf" : "uniform", "new_permille",
			 shape->new_permille);
}

static int one_case(const struct bench_options *o, struct bench_world *world, enum fb_family family,
		    uint32_t flows, struct bench_report *report, struct fb_errs *errs)
{
	struct bench_result result = {
		.suite = "packet-path",
		.name = o->shape.new_permille == 0 ? "established" : "mixed",
		.family = family,
		.mode = fb_service_mode_names[world->setup.mode],
		.unit = "packet",
		.flows = flows,
	};
	struct bench_traffic traffic = {0};
	struct bench_reference ref = {0};
	int err = bench_world_start(world, family, bench_capacity(o, flows), errs);

	if (err == 0) {
		err = bench_traffic_open(world, family, flows, &o->shape, &traffic);
		if (err != 0)
			(void)say(errs, "opening connections", err);
	}
	if (err == 0) {
		err = bench_reference_open(world, family, &ref);
		if (err != 0)
			(void)say(errs, "the bare loop's table", err);
	}
	if (err == 0)
		err = measure(o, world, &traffic, &ref, &result, errs);
	if (err == 0) {
		result.traffic = describe(&o->shape);
		err = count_events(o, world, &traffic, &result, errs);
		bench_report_add(report, &result);
	}
	bench_reference_close(&ref);
	bench_traffic_close(&traffic);
	bench_world_stop(world);
	return err;
}

int bench_packet_path(const struct bench_options *o, struct bench_world *world,
		      struct bench_report *report, struct fb_errs *errs)
{
	int err = 0;

	for (int family = 0; family < FB_FAMILY_COUNT; family++)
		for (uint32_t i = 0; o->families[family] && i < o->n_sizes && err == 0; i++)
			err = one_case(o, world, (enum fb_family)family, o->sizes[i], report, errs);
	return err;
}
