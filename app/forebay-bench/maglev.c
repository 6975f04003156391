/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Suite: Maglev tables, as a change of a Service's endpoints builds them. No packets;
 * times are of the CPU.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maglev/groups.h"
#include "maglev/maglev.h"
#include "suites.h"
#include "times.h"

struct table {
	const char *name;
	uint32_t n_members;
	uint32_t n_slots;
	bool weighted;
	double limit_ms;
};

static const struct table tables[] = {
	{"4,093 slots, 10 endpoints", 10, 4093, false, 0},
	{"65,537 slots, 100 endpoints", 100, 65537, false, 1},
	{"65,537 slots, 250 endpoints", 250, 65537, false, 1},
	{"65,537 slots, 250 endpoints of unlike weights", 250, 65537, true, 0},
	{"131,071 slots, 1,000 endpoints", 1000, 131071, false, 0},
	{"32,749 slots, 156 endpoints: one group of 20,000", 156, FB_MAGLEV_GROUP_SLOTS, false, 0},
};

static int one_table(const struct bench_options *o, const struct table *t,
		     struct bench_report *report)
{
	struct bench_times times = {.suite = "maglev",
				    .name = t->name,
				    .unit = "ms",
				    .limit = t->limit_ms};
	struct fb_maglev_member *members = calloc(t->n_members, sizeof(*members));
	uint16_t *slots = calloc(t->n_slots, sizeof(*slots));
	uint64_t random = t->n_members;
	int err = members != NULL && slots != NULL ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < t->n_members && err == 0; i++)
		members[i] = (struct fb_maglev_member){
			.key = bench_random(&random),
			.weight = t->weighted ? 1 + (uint32_t)bench_random(&random) % 100 : 1,
		};
	for (uint32_t i = 0; i <= o->runs && err == 0; i++) {
		double begin_ms = bench_cpu_ms();

		err = fb_maglev_build(members, t->n_members, slots, t->n_slots);
		if (i > 0)
			bench_series_add(&times.series, bench_cpu_ms() - begin_ms);
	}
	if (err == 0)
		bench_times_report(report, &times);
	free(members);
	free(slots);
	return err;
}

static int first_level(const struct bench_options *o, struct bench_report *report)
{
	struct bench_times times = {.suite = "maglev",
				    .name = "first level of 20,000 endpoints",
				    .unit = "ms"};
	uint16_t *slots = calloc(FB_MAGLEV_FIRST_SLOTS, sizeof(*slots));
	const uint32_t n_groups = fb_maglev_n_groups(20000);
	uint64_t weights[FB_MAGLEV_MAX_GROUPS];
	uint64_t random = 1;
	int err = slots != NULL ? 0 : -ENOMEM;

	for (uint32_t g = 0; g < n_groups; g++)
		weights[g] = 130 + bench_random(&random) % 50;
	for (uint32_t i = 0; i <= o->runs && err == 0; i++) {
		double begin_ms = bench_cpu_ms();

		err = fb_maglev_build_first(weights, n_groups, slots);
		if (i > 0)
			bench_series_add(&times.series, bench_cpu_ms() - begin_ms);
	}
	if (err == 0)
		bench_times_report(report, &times);
	free(slots);
	return err;
}

int bench_maglev(const struct bench_options *o, struct bench_world *world,
		 struct bench_report *report, struct fb_errs *errs)
{
	int err = 0;

	/* Tables know no modes: the first one will do. */
	if (world->setup.mode != (o->modes[0] ? 0 : 1))
		return 0;
	for (size_t i = 0; i < RTE_DIM(tables) && err == 0; i++)
		err = one_table(o, &tables[i], report);
	if (err == 0)
		err = first_level(o, report);
	if (err != 0)
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "maglev: %s", strerror(-err));
	return err;
}
