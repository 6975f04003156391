/* SPDX-License-Identifier: BSD-3-Clause */

#include "times.h"

#include <stdio.h>
#include <time.h>

static double read_ms(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

double bench_now_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

double bench_cpu_ms(void)
{
	return read_ms(CLOCK_THREAD_CPUTIME_ID);
}

void bench_times_report(struct bench_report *report, struct bench_times *times)
{
	double median = bench_series_median(&times->series); /* sorted by now */
	double least = times->series.n > 0 ? times->series.v[0] : 0;
	double most = times->series.n > 0 ? times->series.v[times->series.n - 1] : 0;

	if (report->list != NULL) {
		json_t *o = json_pack("{s:s, s:s, s:s, s:f, s:[ff], s:i}", "suite", times->suite,
				      "case", times->name, "unit", times->unit, "median", median,
				      "range", least, most, "runs", (int)times->series.n);

		if (times->limit > 0)
			(void)json_object_set_new(o, "limit", json_real(times->limit));
		(void)json_array_append_new(report->list, o);
		return;
	}
	(void)printf("%-12s %-44s %10.3f (%.3f-%.3f) %s", times->suite, times->name, median, least,
		     most, times->unit);
	if (times->limit > 0)
		(void)printf(", meant to stay under %g", times->limit);
	(void)printf("\n");
	(void)fflush(stdout);
}
