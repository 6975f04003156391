/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BENCH_REPORT_H
#define FB_BENCH_REPORT_H

/*
 * Figures of several runs: median and range, as a table or as JSON.
 */

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/addr.h"

#define BENCH_MAX_RUNS 101

/* TSC cycles for each unit of work, one value a run. */
struct bench_series {
	double v[BENCH_MAX_RUNS];
	uint32_t n;
};

void bench_series_add(struct bench_series *s, double value);
double bench_series_median(struct bench_series *s); /* sorts */

/*
 * Cycles of one run, batch by batch. A batch that took more than eight times the first quartile was
 * interrupted (the machine stalls a core for milliseconds now and then, and with many processes on
 * it the scheduler interrupts more than half of the batches): it is left out, and counted.
 */
struct bench_run {
	uint64_t *batches;
	uint32_t n;
	uint32_t cap;
	uint32_t n_stalled;
};

int bench_run_init(struct bench_run *run, uint32_t cap);
void bench_run_add(struct bench_run *run, uint64_t cycles);
/** Mean cycles of a batch since the last call. */
double bench_run_mean(struct bench_run *run);
void bench_run_fini(struct bench_run *run);

struct bench_result {
	const char *suite;
	const char *name; /* of the case */
	enum fb_family family;
	const char *mode;
	const char *unit; /* what the worker's cycles are for: "packet", "connection" */
	uint32_t flows;
	const char *reference_form; /* NULL: the best of each run */
	json_t *traffic;            /* what is special about it, or NULL; the report takes it */
	json_t *reference_forms;    /* all forms' medians, or NULL; the report takes it */
	struct bench_series reference;
	struct bench_series worker;
	struct bench_series ratio; /* of each run: both sides under the same conditions */
	uint32_t n_stalled;
};

/** One run's figures, of which the two sides were taken one after the other. */
void bench_result_add(struct bench_result *result, double reference, double worker);

struct bench_report {
	json_t *list; /* NULL: print a table as results come */
	bool any;
};

int bench_report_open(struct bench_report *report, bool json);
void bench_report_add(struct bench_report *report, struct bench_result *result);

/**
 * Figures of another kind: an object with at least suite and case. In the table its values stand in a line,
 * each with its name. The report takes it.
 */
void bench_report_fact(struct bench_report *report, json_t *fact);
/** @return 0, or -EIO when standard output does not take it */
int bench_report_close(struct bench_report *report);

#endif
