/* SPDX-License-Identifier: BSD-3-Clause */

#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#define STALL_FACTOR 8

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a;
	const double y = *(const double *)b;

	return (x > y) - (x < y);
}

static int by_cycles(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a;
	const uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void bench_series_add(struct bench_series *s, double value)
{
	if (s->n < BENCH_MAX_RUNS)
		s->v[s->n++] = value;
}

double bench_series_median(struct bench_series *s)
{
	qsort(s->v, s->n, sizeof(*s->v), by_value);
	return s->n == 0 ? 0 : (s->v[(s->n - 1) / 2] + s->v[s->n / 2]) / 2;
}

int bench_run_init(struct bench_run *run, uint32_t cap)
{
	*run = (struct bench_run){.cap = cap, .batches = calloc(cap, sizeof(uint64_t))};
	return run->batches != NULL ? 0 : -ENOMEM;
}

void bench_run_add(struct bench_run *run, uint64_t cycles)
{
	if (run->n < run->cap)
		run->batches[run->n++] = cycles;
}

double bench_run_mean(struct bench_run *run)
{
	uint64_t sum = 0;
	uint32_t n = 0;
	uint64_t most;

	if (run->n == 0)
		return 0;
	qsort(run->batches, run->n, sizeof(*run->batches), by_cycles);
	most = STALL_FACTOR * run->batches[run->n / 4];
	for (; n < run->n && run->batches[n] <= most; n++)
		sum += run->batches[n];
	run->n_stalled += run->n - n;
	run->n = 0;
	return (double)sum / n;
}

void bench_run_fini(struct bench_run *run)
{
	free(run->batches);
	*run = (struct bench_run){0};
}

void bench_result_add(struct bench_result *result, double reference, double worker)
{
	bench_series_add(&result->reference, reference);
	bench_series_add(&result->worker, worker);
	bench_series_add(&result->ratio, worker / reference);
}

int bench_report_open(struct bench_report *report, bool json)
{
	*report = (struct bench_report){.list = json ? json_array() : NULL};
	return json && report->list == NULL ? -ENOMEM : 0;
}

static double per_second(double cycles)
{
	return cycles > 0 ? (double)rte_get_tsc_hz() / cycles : 0;
}

static void add_json(json_t *list, const struct bench_result *r, double reference, double worker,
		     double ratio)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:f, s:f, s:f, s:i}", "suite",
			      r->suite, "case", r->name, "family",
			      r->family == FB_IPV4 ? "ipv4" : "ipv6", "mode", r->mode, "unit",
			      r->unit, "flows", (json_int_t)r->flows, "reference_cycles", reference,
			      "worker_cycles", worker, "ratio", ratio, "runs", (int)r->worker.n);

	/* Sorted by now: the ends are least and most. */
	(void)json_object_update_new(o, json_pack("{s:[ff], s:[ff], s:[ff], s:f, s:i}",
						  "reference_range", r->reference.v[0],
						  r->reference.v[r->reference.n - 1],
						  "worker_range", r->worker.v[0],
						  r->worker.v[r->worker.n - 1], "ratio_range",
						  r->ratio.v[0], r->ratio.v[r->ratio.n - 1],
						  "per_second", per_second(worker),
						  "stalled_batches", (int)r->n_stalled));
	if (r->reference_form != NULL)
		(void)json_object_update_new(o, json_pack("{s:s, s:O}", "reference_form",
							  r->reference_form, "reference_forms",
							  r->reference_forms));
	if (r->traffic != NULL)
		(void)json_object_update(o, r->traffic);
	(void)json_array_append_new(list, o);
}

static void print_line(struct bench_report *report, const struct bench_result *r, double reference,
		       double worker, double ratio)
{
	if (!report->any)
		(void)printf("%-16s %-6s %-5s %9s  %-20s %-22s %-17s %8s\n", "CASE", "FAMILY",
			     "MODE", "FLOWS", "REFERENCE", "WORKER", "RATIO", "M/S");
	report->any = true;
	(void)printf("%-16s %-6s %-5s %9u  %6.1f (%5.1f-%5.1f) %7.1f (%6.1f-%6.1f) "
		     "%5.2f (%4.2f-%5.2f) %8.2f%s\n",
		     r->name, r->family == FB_IPV4 ? "ipv4" : "ipv6", r->mode, r->flows, reference,
		     r->reference.v[0], r->reference.v[r->reference.n - 1], worker, r->worker.v[0],
		     r->worker.v[r->worker.n - 1], ratio, r->ratio.v[0], r->ratio.v[r->ratio.n - 1],
		     per_second(worker) / 1e6, r->n_stalled != 0 ? "  *" : "");
	(void)fflush(stdout);
}

void bench_report_add(struct bench_report *report, struct bench_result *result)
{
	double reference = bench_series_median(&result->reference);
	double worker = bench_series_median(&result->worker);
	double ratio = bench_series_median(&result->ratio);

	if (result->worker.n != 0 && report->list != NULL)
		add_json(report->list, result, reference, worker, ratio);
	else if (result->worker.n != 0)
		print_line(report, result, reference, worker, ratio);
	json_decref(result->reference_forms);
	json_decref(result->traffic);
	result->reference_forms = NULL;
	result->traffic = NULL;
}

static void print_value(const char *name, const json_t *value)
{
	if (json_is_string(value))
		(void)printf(" %s %s", name, json_string_value(value));
	else if (json_is_integer(value))
		(void)printf(" %s %lld", name, (long long)json_integer_value(value));
	else
		(void)printf(" %s %.4g", name, json_number_value(value));
}

void bench_report_fact(struct bench_report *report, json_t *fact)
{
	const char *name;
	json_t *value;

	if (report->list != NULL) {
		(void)json_array_append_new(report->list, fact);
		return;
	}
	(void)printf("%s: %s:", json_string_value(json_object_get(fact, "suite")),
		     json_string_value(json_object_get(fact, "case")));
	json_object_foreach(fact, name, value) if (strcmp(name, "suite") != 0 &&
						   strcmp(name, "case") != 0 &&
						   !json_is_array(value)) print_value(name, value);
	(void)printf("\n");
	(void)fflush(stdout);
	json_decref(fact);
}

int bench_report_close(struct bench_report *report)
{
	int err = 0;

	if (report->list != NULL) {
		err = json_dumpf(report->list, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
		(void)putchar('\n');
	} else if (report->any) {
		(void)printf(
			"\nTSC cycles for each packet (or connection), the device's part excluded: "
			"median of the runs (least-most).\n"
			"M/S: millions a second on one core at that cost. *: interrupted batches "
			"were left out.\n");
	}
	json_decref(report->list);
	return err == 0 && fflush(stdout) == 0 && ferror(stdout) == 0 ? 0 : -EIO;
}
