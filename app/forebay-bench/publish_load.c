/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Suite: changes of EndpointSlices, many a second, while the worker forwards packets of established
 * connections. Each goes the daemon's way, from the text to the pointer that workers read and to the memory
 * that is given back. Phases with and without changes take turns, so that what the changes cost the packets
 * is seen beside what the machine does.
 *
 * The reference is the worker without changes.
 */

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <sys/resource.h>

#include "base/heap.h"
#include "box/box.h"
#include "manifest/manifest.h"
#include "suites.h"
#include "times.h"

#define FLOWS       10000
#define QUIET_MS    1000
#define LOADED_MS   4000
#define SLOW_US     50
#define MAX_CHANGES(hz) ((BENCH_MAX_RUNS + 1) * (LOADED_MS / 1000) * (hz))

struct state {
	struct bench_world *world;
	struct fb_desired_settings settings;
	const char *origin; /* of the manifests in the store */
	uint32_t changes_hz;
	uint32_t n_changes;
	/* Of the changing thread, and read when it has ended. */
	pthread_t thread;
	int cpu;
	bool stop; /* atomic */
	int err;
	double *took_ms;  /* from the text to the pointer */
	double *whole_ms; /* and to that of the names, where these follow */
	double behind_ms; /* the most that a change began late */
};

/* ---- a change ---- */

/* One endpoint of the slice is another one in every second round. */
static size_t write_change(const struct state *s, char *text, size_t room)
{
	const struct bench_setup *setup = &s->world->setup;
	uint32_t service = s->n_changes % setup->n_services;
	uint32_t slice = s->n_changes / setup->n_services % bench_n_slices(setup);
	uint32_t round = s->n_changes / setup->n_services / bench_n_slices(setup);
	uint32_t first = slice * BENCH_SLICE_ENDPOINTS;
	uint32_t end = RTE_MIN(setup->n_endpoints, first + BENCH_SLICE_ENDPOINTS);
	size_t len = (size_t)snprintf(
		text, room,
		"{\"apiVersion\":\"discovery.k8s.io/v1\",\"kind\":\"EndpointSlice\",\"metadata\":"
		"{\"name\":\"" BENCH_SLICE_NAME "\",\"namespace\":\"bench\",\"labels\":"
		"{\"kubernetes.io/service-name\":\"s%u\"}},\"addressType\":\"IPv4\",\"ports\":"
		"[{\"name\":\"web\",\"protocol\":\"TCP\",\"port\":8080}],\"endpoints\":[",
		service, 4, slice, service);

	for (uint32_t k = first; k < end && len < room; k++) {
		struct fb_addr pod = bench_pod_addr(setup, FB_IPV4, service, k);
		char addr[FB_ADDR_STRLEN];

		/* 10.224.0.0/11 is nobody's. */
		if (k == first && round % 2 == 0)
			pod.bytes[13] |= 0x20;
		len += (size_t)snprintf(text + len, room - len, "%s{\"addresses\":[\"%s\"]}",
					k > first ? "," : "", fb_addr_format(&pod, addr));
	}
	if (len < room)
		len += (size_t)snprintf(text + len, room - len, "]}\n");
	return len;
}

/* @param ret_late  the one Service whose names may follow; its name is NULL where there is none */
static int stage(struct state *s, struct fb_store_view *ret_late, struct fb_errs *errs)
{
	struct fb_offline *o = &s->world->offline;
	struct fb_store_service *service = NULL;
	int err = fb_pool_allot(o->pool, o->store, errs);

	ret_late->name = NULL;
	while (err == 0 && (service = fb_store_dirty_next(o->store, service)) != NULL) {
		struct fb_service_specs specs;
		struct fb_store_view view;

		fb_store_service_view(service, &view);
		err = fb_desired_build(o->store, &s->settings, view.namespace_, view.name, &specs,
				       errs);
		if (err != 0)
			break;
		err = fb_table_set_service(o->table, view.namespace_, view.name, specs.v, specs.n,
					   specs.place, errs);
		if (err == 0 &&
		    fb_names_may_wait(o->names, o->store, view.namespace_, view.name))
			*ret_late = view;
		else if (err == 0)
			err = fb_names_stage(o->names, o->store, view.namespace_, view.name, &specs,
					     errs);
		fb_service_specs_free(&specs);
	}
	if (err == 0)
		err = fb_names_settle(o->names, o->store, true, (uint32_t)time(NULL));
	return err;
}

static int publish(struct state *s)
{
	struct fb_offline *o = &s->world->offline;
	struct fb_snapshot *snapshot;

	fb_table_set_now(o->table, fb_datapath_now_s(s->world->dp));
	snapshot = fb_table_commit(o->table);
	if (snapshot == NULL)
		return -errno;
	o->snapshot = snapshot;
	return fb_rcu_publish(s->world->rcu, snapshot);
}

static uint64_t live_flows(void *arg, uint32_t ep_id)
{
	struct fb_endpoint_counters counters;

	fb_datapath_endpoint_counters(arg, ep_id, &counters);
	return counters.live;
}

static int change(struct state *s)
{
	struct fb_store_view late;
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_offline *o = &s->world->offline;
	const struct fb_store_change merge = {.origin = s->origin,
					      .objects = &objects,
					      .how = FB_STORE_MERGE};
	static char text[32768];
	size_t len = write_change(s, text, sizeof(text));
	double begin_ms = bench_cpu_ms();
	int err = len < sizeof(text) ? fb_manifest_parse("slice", text, len, &objects, &errs)
				     : -E2BIG;

	if (err == 0)
		err = fb_store_apply(o->store, &merge, &errs, NULL);
	if (err == 0)
		err = stage(s, &late, &errs);
	if (err == 0)
		err = publish(s);
	s->took_ms[s->n_changes] = bench_cpu_ms() - begin_ms;
	if (err == 0 && late.name != NULL) {
		err = fb_names_stage(o->names, o->store, late.namespace_, late.name, NULL, &errs);
		if (err == 0)
			err = publish(s);
	}
	s->whole_ms[s->n_changes] = bench_cpu_ms() - begin_ms;
	if (err == 0 && errs.n_errors > 0)
		err = -EPROTO;
	fb_store_clear_dirty(o->store);
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
	s->n_changes++;
	return err;
}

/* ---- the thread that changes ---- */

static void bind_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void *make_changes(void *arg)
{
	struct state *s = arg;
	const double step_ms = 1000.0 / s->changes_hz;
	double due_ms = bench_now_ms();
	double tick_ms = due_ms;

	bind_to(s->cpu);
	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED) && s->err == 0 &&
	       s->n_changes < MAX_CHANGES(s->changes_hz)) {
		double now_ms = bench_now_ms();

		s->behind_ms = RTE_MAX(s->behind_ms, now_ms - due_ms);
		if (now_ms < due_ms) {
			(void)usleep((useconds_t)((due_ms - now_ms) * 1000));
			continue;
		}
		due_ms += step_ms;
		s->err = change(s);
		(void)fb_rcu_reclaim(s->world->rcu);
		/* As the daemon does it once a second: identities of what is gone and has no flows. */
		if (now_ms - tick_ms > 1000) {
			tick_ms = now_ms;
			fb_table_reap(s->world->offline.table, live_flows, s->world->dp);
		}
	}
	return NULL;
}

/* Another CPU than the worker's, if there is one. */
static int other_cpu(const struct bench_options *o)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 1 ? (int)((o->core + n - 1) % n) : (int)o->core;
}

/* ---- packets ---- */

struct phase {
	struct bench_run run; /* cycles of each burst */
	uint32_t n_slow;      /* bursts of more than SLOW_US, while nobody else had the core */
	uint32_t n_preempted;
	uint64_t longest; /* cycles of a burst */
	/* Of spinning as long behind each burst: what the machine does by itself. */
	uint32_t n_slow_spins;
	uint64_t longest_spin;
};

static long preemptions(void)
{
	struct rusage u;

	return getrusage(RUSAGE_THREAD, &u) == 0 ? u.ru_nivcsw + u.ru_nvcsw : 0;
}

/*
 * As long as a burst, but nothing is read or written: the core's time alone. What makes bursts wait, and these too,
 * is not what is changed.
 */
static void spin(struct phase *phase, uint64_t cycles, uint64_t slow)
{
	long before = preemptions();
	uint64_t begin = rte_rdtsc();
	uint64_t took;

	do
		took = rte_rdtsc() - begin;
	while (took < cycles);
	if (preemptions() != before)
		return;
	phase->n_slow_spins += took > slow;
	phase->longest_spin = RTE_MAX(phase->longest_spin, took);
}

static int one_batch(struct bench_world *world, struct bench_traffic *traffic, struct phase *phase)
{
	const uint64_t slow = rte_get_tsc_hz() / 1000000 * SLOW_US;
	struct rte_mbuf *mbufs[BENCH_BATCH];
	struct fb_worker *w = world->worker;

	if (bench_traffic_batch(traffic, world->pool, true, mbufs) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < BENCH_BATCH; i += BENCH_BURST) {
		long before = preemptions();
		uint64_t begin = rte_rdtsc();
		uint64_t took;

		w->now_ms = fb_datapath_ms(world->dp, begin);
		fb_worker_run(w, 0, mbufs + i, BENCH_BURST);
		(void)fb_worker_turn(w);
		took = rte_rdtsc() - begin;
		if (preemptions() != before) {
			phase->n_preempted++;
			continue;
		}
		phase->n_slow += took > slow;
		phase->longest = RTE_MAX(phase->longest, took);
		bench_run_add(&phase->run, took);
		spin(phase, RTE_MIN(took, slow / 2), slow);
	}
	return bench_world_recycle(world) == BENCH_BATCH ? 0 : -EPROTO;
}

static int by_cycles(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a;
	const uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* @return the median burst's cycles for each packet */
static double close_phase(struct phase *phase)
{
	struct bench_run *run = &phase->run;
	double median = 0;

	qsort(run->batches, run->n, sizeof(*run->batches), by_cycles);
	if (run->n > 0)
		median = (double)run->batches[run->n / 2] / BENCH_BURST;
	run->n = 0;
	return median;
}

static void forget_bursts(struct phase *phase)
{
	phase->n_slow = 0;
	phase->n_preempted = 0;
	phase->longest = 0;
	phase->n_slow_spins = 0;
	phase->longest_spin = 0;
}

static int run_phase(struct bench_world *world, struct bench_traffic *traffic, double ms,
		     struct phase *phase)
{
	double end_ms = bench_now_ms() + ms;
	int err = 0;

	while (err == 0 && bench_now_ms() < end_ms)
		err = one_batch(world, traffic, phase);
	return err;
}

static int run_loaded(const struct bench_options *o, struct state *s, struct bench_traffic *traffic,
		      double ms, struct phase *phase)
{
	int err;

	s->stop = false;
	s->cpu = other_cpu(o);
	if (pthread_create(&s->thread, NULL, make_changes, s) != 0)
		return -EAGAIN;
	err = run_phase(s->world, traffic, ms, phase);
	__atomic_store_n(&s->stop, true, __ATOMIC_RELAXED);
	(void)pthread_join(s->thread, NULL);
	return err != 0 ? err : s->err;
}

/* ---- the suite ---- */

struct figures {
	struct bench_result result;
	struct phase quiet;
	struct phase loaded;
	double used_mb[2]; /* after the first run, and after the last */
	double loaded_s;
	uint32_t n_warm; /* changes that are not counted */
};

static double used_mb(void)
{
	struct mallinfo2 m = mallinfo2();

	return (double)(m.uordblks + m.hblkhd) / 1e6;
}

static int measure(const struct bench_options *o, struct state *s, struct bench_traffic *traffic,
		   struct figures *f)
{
	/* Tiny runs are for tests: the worker's packets say how tiny. */
	double scale = o->packets < 1u << 18 ? 0.02 : 1;
	int err = bench_run_init(&f->quiet.run, 1u << 21);

	if (err == 0)
		err = bench_run_init(&f->loaded.run, 1u << 21);
	for (uint32_t i = 0; i <= o->runs && err == 0; i++) {
		double quiet;
		double loaded;

		err = run_phase(s->world, traffic, QUIET_MS * scale, &f->quiet);
		if (err == 0)
			err = run_loaded(o, s, traffic, LOADED_MS * scale, &f->loaded);
		quiet = close_phase(&f->quiet);
		loaded = close_phase(&f->loaded);
		/* The first one warms up, and makes what stays. */
		if (i == 0) {
			f->used_mb[0] = used_mb();
			forget_bursts(&f->quiet);
			forget_bursts(&f->loaded);
			s->behind_ms = 0;
			f->n_warm = s->n_changes;
			continue;
		}
		bench_result_add(&f->result, quiet, loaded);
		f->loaded_s += LOADED_MS * scale / 1000;
	}
	f->used_mb[1] = used_mb();
	return err;
}

static void report_one(struct bench_report *report, const char *name, const char *unit,
		       double value, double limit)
{
	struct bench_times times = {.suite = "publish-load",
				    .name = name,
				    .unit = unit,
				    .limit = limit};

	bench_series_add(&times.series, value);
	bench_times_report(report, &times);
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a;
	const double y = *(const double *)b;

	return (x > y) - (x < y);
}

static void tell(struct state *s, struct figures *f, struct bench_report *report)
{
	double *took_ms = s->took_ms + f->n_warm;
	double *whole_ms = s->whole_ms + f->n_warm;
	uint32_t n = s->n_changes - f->n_warm;
	double us = 1e6 / (double)rte_get_tsc_hz();

	bench_report_add(report, &f->result);
	qsort(took_ms, n, sizeof(*took_ms), by_value);
	qsort(whole_ms, n, sizeof(*whole_ms), by_value);
	report_one(report, "seconds with changes", "s", f->loaded_s, 0);
	report_one(report, "changes in a second", "count", n / f->loaded_s, 0);
	report_one(report, "a change, from text to pointer: median", "ms", took_ms[n / 2], 2);
	report_one(report, "a change, from text to pointer: p99", "ms",
		   took_ms[(uint64_t)n * 99 / 100], 0);
	report_one(report, "a change and its names: median", "ms", whole_ms[n / 2], 0);
	report_one(report, "a change began late by at most", "ms", s->behind_ms, 0);
	report_one(report, "memory that was not given back", "MB", f->used_mb[1] - f->used_mb[0],
		   0);
	report_one(report, "bursts over 50 us with changes, in a second", "count",
		   f->loaded.n_slow / f->loaded_s, 0);
	report_one(report, "bursts over 50 us without, in a second", "count",
		   f->quiet.n_slow / (f->loaded_s * QUIET_MS / LOADED_MS), 0);
	report_one(report, "spins as long as a burst over 50 us with changes, in a second", "count",
		   f->loaded.n_slow_spins / f->loaded_s, 0);
	report_one(report, "spins as long as a burst over 50 us without, in a second", "count",
		   f->quiet.n_slow_spins / (f->loaded_s * QUIET_MS / LOADED_MS), 0);
	report_one(report, "longest burst with changes", "us", (double)f->loaded.longest * us, 0);
	report_one(report, "longest burst without", "us", (double)f->quiet.longest * us, 0);
	report_one(report, "longest spin with changes", "us", (double)f->loaded.longest_spin * us, 0);
	report_one(report, "longest spin without", "us", (double)f->quiet.longest_spin * us, 0);
	report_one(report, "bursts in which another process had the core", "count",
		   f->loaded.n_preempted + f->quiet.n_preempted, 0);
}

static int in_world(const struct bench_options *o, struct bench_world *world,
		    struct bench_report *report, struct fb_errs *errs)
{
	struct state s = {.world = world,
			  .origin = fb_store_origin_next(world->offline.store, NULL),
			  .changes_hz = o->changes_hz};
	struct bench_traffic traffic = {0};
	struct figures f = {.result = {.suite = "publish-load",
				       .name = "with changes",
				       .family = FB_IPV4,
				       .mode = fb_service_mode_names[world->setup.mode],
				       .unit = "packet",
				       .reference_form = NULL,
				       .flows = FLOWS}};
	int err = fb_box_settings(world->config, &s.settings);

	s.took_ms = calloc(MAX_CHANGES(s.changes_hz), sizeof(*s.took_ms));
	s.whole_ms = calloc(MAX_CHANGES(s.changes_hz), sizeof(*s.whole_ms));
	if (s.took_ms == NULL || s.whole_ms == NULL)
		err = -ENOMEM;
	if (err == 0)
		err = bench_traffic_open(world, FB_IPV4, FLOWS, &o->shape, &traffic);
	fb_store_clear_dirty(world->offline.store);
	if (err == 0)
		err = measure(o, &s, &traffic, &f);
	if (err == 0 && s.n_changes == f.n_warm)
		err = -EPROTO;
	if (err == 0)
		tell(&s, &f, report);
	else
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "publish-load: %s",
			    strerror(-err));
	bench_run_fini(&f.quiet.run);
	bench_run_fini(&f.loaded.run);
	bench_traffic_close(&traffic);
	free(s.took_ms);
	free(s.whole_ms);
	fb_box_settings_free(&s.settings);
	return err;
}

int bench_publish_load(const struct bench_options *o, struct bench_world *world,
		       struct bench_report *report, struct fb_errs *errs)
{
	int err;

	/* Changes are made in a thread of their own, but with the memory that the daemon's control thread has. */
	(void)mallopt(M_ARENA_MAX, 1);
	fb_heap_keep();
	/* Changes have nothing to do with the mode: the first one will do. */
	if (world->setup.mode != (o->modes[0] ? 0 : 1))
		return 0;
	err = bench_world_start(world, FB_IPV4, 1u << 20, errs);
	if (err == 0)
		err = in_world(o, world, report, errs);
	bench_world_stop(world);
	return err;
}
