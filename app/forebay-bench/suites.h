/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BENCH_SUITES_H
#define FB_BENCH_SUITES_H

/*
 * The suites, one file each. In every one the worker and the bare loop take turns, run by run.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "reference.h"
#include "report.h"
#include "traffic.h"
#include "world.h"

#define BENCH_MAX_SIZES 8

struct bench_options {
	uint32_t runs;
	uint32_t packets;                /* of each run */
	uint32_t sizes[BENCH_MAX_SIZES]; /* flows, a case each */
	uint32_t n_sizes;
	uint32_t n_services;
	uint32_t n_endpoints;
	bool without_dns;
	uint32_t changes_hz; /* of EndpointSlices */
	bool modes[2]; /* by enum fb_service_mode */
	bool families[FB_FAMILY_COUNT];
	uint32_t core;
	uint32_t n_workers; /* where several run at once; 0: one on each core */
	struct bench_shape shape;
};

/* One mode's part of a suite, in a world of that mode. @return 0 or -errno, said in errs */
typedef int bench_suite_fn(const struct bench_options *o, struct bench_world *world,
			   struct bench_report *report, struct fb_errs *errs);

struct bench_suite {
	const char *name;
	bench_suite_fn *run;
	bool short_timeouts;
	bool single_stack;       /* Services of IPv4 alone, where only that was asked for */
	bool all_workers;        /* those that may run at once; else two, of which one does */
	uint32_t times_services; /* so many times the Services asked for; 0: as asked */
};

/** Room for so many established flows: the daemon's default, and more where more is measured. */
uint32_t bench_capacity(const struct bench_options *o, uint32_t flows);

bench_suite_fn bench_packet_path; /* packet_path.c: packets of established connections */
bench_suite_fn bench_new_flows;   /* new_flows.c: connections that begin, and whole ones */
bench_suite_fn bench_dns;         /* dns.c: queries and their answers */
bench_suite_fn bench_memory;      /* memory.c: bytes of a flow, seconds of a start */
bench_suite_fn bench_scaling;     /* scaling.c: workers alone and all at once; hand-overs */
bench_suite_fn bench_latency;     /* latency.c: from the burst's receipt to its transmission */
bench_suite_fn bench_stages; /* stages.c: in which stage cycles go; in forebay-bench-stages only */
bench_suite_fn bench_maglev;       /* maglev.c: tables built */
bench_suite_fn bench_manifests;    /* manifests.c: the whole state from a file */
bench_suite_fn bench_publish_load; /* publish_load.c: packets while endpoints change */

/** One run of the bare loop over established traffic, in one form. */
int bench_reference_run_form(const struct bench_options *o, struct bench_world *world,
			     const struct bench_reference *ref, enum bench_reference_form form,
			     struct bench_traffic *traffic, struct bench_run *run,
			     double *ret_cycles, struct fb_errs *errs);

/** The same in all forms, and the best of them: for suites where it is only a yardstick. */
int bench_reference_run(const struct bench_options *o, struct bench_world *world,
			const struct bench_reference *ref, struct bench_traffic *traffic,
			struct bench_run *run, double *ret_cycles, struct fb_errs *errs);

#endif
