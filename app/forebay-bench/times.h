/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BENCH_TIMES_H
#define FB_BENCH_TIMES_H

/*
 * What is measured in milliseconds or counted, beside what costs cycles for each packet (report.h).
 */

#include "report.h"

/* One line of the report. */
struct bench_times {
	const char *suite;
	const char *name; /* of the case */
	const char *unit; /* "ms", "MB", "count" */
	struct bench_series series;
	double limit; /* what the median is meant to stay under; 0: nothing */
};

void bench_times_report(struct bench_report *report, struct bench_times *times);

/** Monotonic. */
double bench_now_ms(void);
/** CPU time of this thread: the time of work that waits for nothing, also on a busy machine. */
double bench_cpu_ms(void);

#endif
