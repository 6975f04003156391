/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How evenly each way of selection spreads a million new flows, against what theory says of it. Random
 * numbers are drawn from a fixed secret, so figures are the same in every run.
 */

#include "unit.h"

#include <math.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/select.h"
#include "maglev/maglev.h"
#include "table/turns.h"

#define MILLION 1000000
#define N_MAX   200

/* A service and the workers that get its flows. */
struct bed {
	struct fb_service svc;
	struct fb_snapshot snap;
	struct fb_endpoint endpoints[N_MAX];
	struct fb_endpoint_spec specs[N_MAX];
	struct fb_endpoint_info infos[N_MAX];
	const struct fb_endpoint_info *chunk;
	uint32_t weights[N_MAX];
	uint16_t *slots;
	uint16_t *turns;
	struct fb_datapath dp;
	struct fb_worker *workers[4];
	uint32_t n_workers;
};

static void open_bed(struct bed *b, enum fb_selection selection, uint32_t n,
		     const uint32_t *weights, uint32_t n_workers)
{
	struct fb_maglev_member members[N_MAX];

	memset(b, 0, sizeof(*b));
	fb_hash_secret_init(&b->dp.nat.secret, "select");
	fb_hash_secret_init(&b->snap.secret, "select");
	b->chunk = b->infos;
	b->snap.infos = &b->chunk;
	for (uint32_t i = 0; i < n; i++) {
		b->weights[i] = weights != NULL ? weights[i] : 1;
		b->endpoints[i].id = n - 1 - i; /* identities are in no order */
		b->specs[i].weight = b->weights[i];
		members[i] = (struct fb_maglev_member){.key = fb_hash_2(&b->snap.secret, i, 1),
						       .weight = b->weights[i]};
	}
	b->svc = (struct fb_service){
		.selection = (uint8_t)selection,
		.by_client = selection == FB_SELECT_SOURCE_IP,
		.proto = IPPROTO_TCP,
		.endpoints = b->endpoints,
		.n_endpoints = n,
		.n_active = n,
		.n_slots = fb_maglev_size(n),
		.n_turns = n,
		.weights = b->weights,
	};
	b->slots = calloc(b->svc.n_slots, sizeof(*b->slots));
	assert_int_equal(fb_maglev_build(members, n, b->slots, b->svc.n_slots), 0);
	b->svc.slots = (const uint8_t *)b->slots;
	b->svc.slot_bits = 16;
	if (weights != NULL && selection == FB_SELECT_ROUND_ROBIN) {
		b->svc.n_turns = fb_turns_count(b->specs, n);
		b->turns = calloc(b->svc.n_turns, sizeof(*b->turns));
		assert_int_equal(fb_turns_fill(b->specs, n, b->turns, b->svc.n_turns), 0);
		b->svc.turns = b->turns;
	}
	b->n_workers = n_workers;
	for (uint32_t i = 0; i < n_workers; i++) {
		/* The burst in it makes a worker large, and aligned. */
		struct fb_worker *w = aligned_alloc(64, RTE_ALIGN(sizeof(*w), 64));

		memset(w, 0, sizeof(*w));
		w->dp = &b->dp;
		w->snap = &b->snap;
		w->random = fb_hash_2(&b->dp.nat.secret, i, 0);
		w->turns = calloc(1, sizeof(*w->turns));
		w->endpoint_counters = calloc(n, sizeof(*w->endpoint_counters));
		b->workers[i] = w;
	}
}

static void close_bed(struct bed *b)
{
	for (uint32_t i = 0; i < b->n_workers; i++) {
		free(b->workers[i]->turns);
		free(b->workers[i]->endpoint_counters);
		free(b->workers[i]);
	}
	free(b->slots);
	free(b->turns);
}

/* New flows of as many clients, over all workers; none ends. counts: by place. */
static void run(struct bed *b, uint32_t n_flows, uint32_t *counts)
{
	memset(counts, 0, b->svc.n_active * sizeof(*counts));
	for (uint32_t i = 0; i < n_flows; i++) {
		struct fb_worker *w = b->workers[i % b->n_workers];
		struct fb_tuple tuple = {.proto = IPPROTO_TCP, .family = FB_IPV4};
		const struct fb_endpoint *ep;

		tuple.v4 = (struct fb_tuple4){.src = htonl(0x0a000000 + i),
					      .dst = htonl(0xc0000201),
					      .sport = htons((uint16_t)(1024 + i % 50000)),
					      .dport = htons(80)};
		ep = fb_select(w, &b->svc, &tuple);
		counts[ep - b->endpoints]++;
		w->endpoint_counters[ep->id].open++;
	}
}

/*
 * Pearson's chi-square of the counts against weights, as the number of standard deviations from its mean
 * (normal for so many flows: Wilson and Hilferty). Beyond 4 is one in 30,000.
 */
static double deviation(const struct bed *b, const uint32_t *counts, uint32_t n_flows)
{
	double sum = 0;
	double chi = 0;
	double df = b->svc.n_active - 1;

	for (uint32_t i = 0; i < b->svc.n_active; i++)
		sum += b->weights[i];
	for (uint32_t i = 0; i < b->svc.n_active; i++) {
		double wanted = n_flows * b->weights[i] / sum;

		chi += (counts[i] - wanted) * (counts[i] - wanted) / wanted;
	}
	return (cbrt(chi / df) - (1 - 2 / (9 * df))) / sqrt(2 / (9 * df));
}

/* Furthest share from its due, as a part of it. */
static double worst(const struct bed *b, const uint32_t *counts, uint32_t n_flows)
{
	double sum = 0;
	double worst_part = 0;

	for (uint32_t i = 0; i < b->svc.n_active; i++)
		sum += b->weights[i];
	for (uint32_t i = 0; i < b->svc.n_active; i++) {
		double wanted = n_flows * b->weights[i] / sum;

		worst_part = fmax(worst_part, fabs(counts[i] - wanted) / wanted);
	}
	return worst_part;
}

static const uint32_t ladder[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

/*
 * A table gives each its due to within a slot (in 4093 or 65537), and the hash spreads flows over slots as
 * chance would: 5 standard deviations of a binomial.
 */
static void hashes_spread_by_the_table_and_chance(void **state)
{
	static const enum fb_selection ways[] = {FB_SELECT_MAGLEV, FB_SELECT_SOURCE_IP};
	static const struct {
		uint32_t n;
		const uint32_t *weights;
	} sets[] = {{3, NULL}, {10, NULL}, {10, ladder}, {100, NULL}};

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		uint32_t counts[N_MAX];
		double sum = 0;
		struct bed b;

		open_bed(&b, ways[i / 4], sets[i % 4].n, sets[i % 4].weights, 2);
		run(&b, MILLION, counts);
		for (uint32_t k = 0; k < b.svc.n_active; k++)
			sum += b.weights[k];
		for (uint32_t k = 0; k < b.svc.n_active; k++) {
			double p = b.weights[k] / sum;
			double bound =
				5 * sqrt(MILLION * p * (1 - p)) + 1.5 * MILLION / b.svc.n_slots;

			assert_true(fabs(counts[k] - MILLION * p) <= bound);
		}
		print_message("# %s, %u endpoints%s: furthest from its due by %.2f %%\n",
			      fb_selection_names[ways[i / 4]], b.svc.n_active,
			      sets[i % 4].weights != NULL ? " of weights 1 to 10" : "",
			      100 * worst(&b, counts, MILLION));
		close_bed(&b);
	}
}

/* Slots are a fixed sample; against the shares that the table has, chance alone remains. */
static void random_is_random(void **state)
{
	(void)state;
	for (uint32_t workers = 1; workers <= 4; workers *= 2) {
		uint32_t counts[N_MAX];
		struct bed b;

		for (int weighted = 0; weighted < 2; weighted++) {
			double d;

			open_bed(&b, FB_SELECT_RANDOM, 10, weighted ? ladder : NULL, workers);
			memset(b.weights, 0, sizeof(b.weights));
			for (uint32_t s = 0; s < b.svc.n_slots; s++)
				b.weights[b.slots[s]]++;
			run(&b, MILLION, counts);
			d = deviation(&b, counts, MILLION);
			print_message(
				"# random, %u workers%s: chi-square %.1f deviations from its mean\n",
				workers, weighted ? ", weights 1 to 10" : "", d);
			assert_true(fabs(d) < 4);
			close_bed(&b);
		}
	}
}

enum { GROUPS = 8, STRIDE = 16 };

/* The same endpoints, in groups of unlike sizes and two levels. */
static void regroup(struct bed *b, uint16_t *first, uint16_t members[GROUPS][STRIDE],
		    const uint16_t *groups[GROUPS])
{
	uint32_t counts[GROUPS] = {0};
	uint64_t sums[GROUPS] = {0};

	for (uint32_t i = 0; i < b->svc.n_active; i++) {
		uint32_t g = i * i % GROUPS != 0 ? i % GROUPS : 7;

		members[g][counts[g]++] = (uint16_t)i;
		sums[g]++;
	}
	for (uint32_t g = 0; g < GROUPS; g++) {
		struct fb_maglev_member keys[STRIDE];
		uint16_t *table = calloc(FB_MAGLEV_GROUP_SLOTS, sizeof(*table));

		for (uint32_t k = 0; k < counts[g]; k++)
			keys[k] = (struct fb_maglev_member){
				fb_hash_2(&b->snap.secret, members[g][k], 2), 1};
		groups[g] = table;
		if (counts[g] > 0)
			assert_int_equal(fb_maglev_build(keys, counts[g], table,
							 FB_MAGLEV_GROUP_SLOTS),
					 0);
	}
	assert_int_equal(fb_maglev_build_first(sums, GROUPS, first), 0);
	b->svc.slots = (const uint8_t *)first;
	b->svc.n_slots = FB_MAGLEV_FIRST_SLOTS;
	b->svc.groups = groups;
	b->svc.members = members[0];
	b->svc.stride = STRIDE;
}

/* Both halves of the hash count, and both of what is drawn. */
static void two_levels_spread_as_one_does(void **state)
{
	static const enum fb_selection ways[] = {FB_SELECT_MAGLEV, FB_SELECT_RANDOM};
	static uint16_t first[FB_MAGLEV_FIRST_SLOTS];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint16_t members[GROUPS][STRIDE] = {{0}};
		const uint16_t *groups[GROUPS];
		uint32_t counts[N_MAX];
		struct bed b;
		double d;

		open_bed(&b, ways[i], 40, NULL, 2);
		regroup(&b, first, members, groups);
		run(&b, MILLION, counts);
		d = deviation(&b, counts, MILLION);
		print_message("# %s, two levels: chi-square %.1f deviations from its mean\n",
			      fb_selection_names[ways[i]], d);
		assert_true(fabs(d) < 4);
		for (uint32_t g = 0; g < GROUPS; g++)
			free((void *)(uintptr_t)groups[g]);
		close_bed(&b);
	}
}

/* A round gives each its turns; a worker is at most a round ahead, so sums differ by its part of one. */
static void rounds_are_exact(void **state)
{
	(void)state;
	for (uint32_t workers = 1; workers <= 4; workers *= 2) {
		uint32_t counts[N_MAX];
		struct bed b;

		open_bed(&b, FB_SELECT_ROUND_ROBIN, 7, NULL, workers);
		run(&b, MILLION, counts);
		for (uint32_t i = 0; i < 7; i++)
			assert_true(fabs(counts[i] - MILLION / 7.0) <= workers);
		close_bed(&b);
		open_bed(&b, FB_SELECT_ROUND_ROBIN, 10, ladder, workers);
		assert_int_equal(b.svc.n_turns, 55);
		run(&b, MILLION, counts);
		for (uint32_t i = 0; i < 10; i++)
			assert_true(fabs(counts[i] - MILLION * ladder[i] / 55.0) <= 2 * workers);
		close_bed(&b);
	}
}

/* Not only a whole round is even: at any moment each has had its part to within one turn or so. */
static void a_weighted_round_is_even_all_along(void **state)
{
	static const uint32_t weights[3] = {5, 1, 1};
	uint32_t counts[N_MAX] = {0};
	struct bed b;

	(void)state;
	open_bed(&b, FB_SELECT_ROUND_ROBIN, 3, weights, 1);
	assert_int_equal(b.svc.n_turns, 7);
	for (uint32_t i = 0; i < b.svc.n_turns; i++) {
		counts[b.turns[i]]++;
		for (uint32_t k = 0; k < 3; k++)
			assert_true(fabs(counts[k] - (i + 1) * weights[k] / 7.0) < 1);
	}
	close_bed(&b);
}

static void long_rounds_are_cut_and_keep_shares(void **state)
{
	struct fb_endpoint_spec specs[130];
	uint32_t counts[130] = {0};
	double sum = 0;
	uint16_t *turns;
	uint32_t n;

	(void)state;
	for (uint32_t i = 0; i < 130; i++) {
		specs[i] = (struct fb_endpoint_spec){.weight = 1000 - i};
		sum += specs[i].weight;
	}
	n = fb_turns_count(specs, 130);
	assert_in_range(n, FB_TURNS_MAX - 130, FB_TURNS_MAX);
	turns = calloc(n, sizeof(*turns));
	assert_int_equal(fb_turns_fill(specs, 130, turns, n), 0);
	for (uint32_t i = 0; i < n; i++)
		counts[turns[i]]++;
	for (uint32_t i = 0; i < 130; i++)
		assert_true(fabs(counts[i] - FB_TURNS_MAX * specs[i].weight / sum) <= 1);
	free(turns);
}

/* Where rounds begin is chance: workers do not all go to the first endpoint. */
static void rounds_begin_anywhere(void **state)
{
	uint32_t seen = 0;

	(void)state;
	for (uint32_t i = 0; i < 64; i++) {
		uint32_t counts[N_MAX];
		struct bed b;

		open_bed(&b, FB_SELECT_ROUND_ROBIN, 8, NULL, 1);
		b.workers[0]->random += i;
		run(&b, 1, counts);
		for (uint32_t k = 0; k < 8; k++)
			seen |= (counts[k] != 0) << k;
		close_bed(&b);
	}
	assert_int_equal(seen, 0xff);
}

/*
 * Flows only come: up to 8 endpoints each worker's counts are within one of each other; of more, the
 * fullest is above the mean by log2 log2 n and a little (Mitzenmacher 2001: ln ln n / ln 2 + O(1)).
 */
static void least_connections_are_level(void **state)
{
	static const uint32_t ns[] = {2, 3, 8, 9, 20, 200};

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		for (uint32_t workers = 1; workers <= 4; workers *= 2) {
			double bound = ns[i] <= 8 ? 1 : log2(log2(ns[i])) + 3;
			uint32_t counts[N_MAX];
			uint32_t most = 0;
			struct bed b;

			open_bed(&b, FB_SELECT_LEAST_CONNECTIONS, ns[i], NULL, workers);
			run(&b, MILLION, counts);
			for (uint32_t k = 0; k < ns[i]; k++)
				most = RTE_MAX(most, counts[k]);
			print_message(
				"# least-connections, %u endpoints, %u workers: fullest %.1f above "
				"the mean\n",
				ns[i], workers, most - (double)MILLION / ns[i]);
			assert_true(most - (double)MILLION / ns[i] <= workers * bound);
			close_bed(&b);
		}
	}
}

static void least_connections_follow_weights(void **state)
{
	static const uint32_t weights[8] = {1, 1, 2, 2, 3, 3, 4, 10};
	uint32_t counts[N_MAX];
	struct bed b;

	(void)state;
	open_bed(&b, FB_SELECT_LEAST_CONNECTIONS, 8, weights, 4);
	run(&b, MILLION, counts);
	for (uint32_t i = 0; i < 8; i++)
		assert_true(fabs(counts[i] - MILLION * weights[i] / 26.0) <= 4 * 2);
	close_bed(&b);
	open_bed(&b, FB_SELECT_LEAST_CONNECTIONS, 10, ladder, 4);
	run(&b, MILLION, counts);
	assert_true(worst(&b, counts, MILLION) < 0.01);
	close_bed(&b);
}

/* Ties go to anybody: with every flow over at once, one after the other is no round. */
static void ties_go_to_anybody(void **state)
{
	uint32_t counts[5] = {0};
	struct bed b;

	(void)state;
	open_bed(&b, FB_SELECT_LEAST_CONNECTIONS, 5, NULL, 1);
	for (uint32_t i = 0; i < MILLION; i++)
		counts[fb_select_at_run_time(b.workers[0], &b.svc) - b.endpoints]++;
	assert_true(fabs(deviation(&b, counts, MILLION)) < 4);
	close_bed(&b);
}

/* The one that others had a thousand flows before is not flooded, and has its part in the end. */
static void a_new_endpoint_starts_slowly(void **state)
{
	uint32_t got[31];
	struct fb_worker *w;
	struct bed b;

	(void)state;
	open_bed(&b, FB_SELECT_LEAST_CONNECTIONS, 4, NULL, 1);
	b.svc.slow_start_s = 30;
	w = b.workers[0];
	for (uint32_t i = 1; i < 4; i++)
		w->endpoint_counters[b.endpoints[i].id].open = 1000;
	w->now_s = 1000;
	b.infos[b.endpoints[0].id].since_s = 1001; /* control's clock may be ahead a little */
	for (uint32_t s = 0; s <= 30; s++, w->now_s++) {
		/* Flows as short as a second: what is there at any time is what came in it. */
		memset(w->endpoint_counters, 0, 4 * sizeof(*w->endpoint_counters));
		for (uint32_t i = 0; i < 3000; i++) {
			const struct fb_endpoint *ep = fb_select_at_run_time(w, &b.svc);

			w->endpoint_counters[ep->id].open++;
		}
		got[s] = w->endpoint_counters[b.endpoints[0].id].open;
	}
	assert_in_range(got[0], 1, 3000 / 90 + 2); /* a thirtieth of the others' */
	for (uint32_t s = 1; s <= 30; s++)
		assert_true(got[s] >= got[s - 1]);
	assert_in_range(got[15], 3000 * 15 / 105 - 30, 3000 * 16 / 105 + 30); /* about half */
	assert_in_range(got[30], 749, 751);
	close_bed(&b);
}

/* What closes is no load any more; a reset that was none, or a port that is used again, is one again. */
static void who_closes_counts_no_more(void **state)
{
	struct fb_flow flow = {.ep_id = 1, .state = FB_FLOW_OPENING};
	struct fb_worker *w;
	struct bed b;

	(void)state;
	open_bed(&b, FB_SELECT_LEAST_CONNECTIONS, 3, NULL, 1);
	w = b.workers[0];
	fb_flow_count_open(w, &flow);
	for (int round = 0; round < 2; round++) {
		flow.state = FB_FLOW_ESTABLISHED;
		fb_flow_note(w, FB_IPV4, &flow);
		assert_int_equal(w->endpoint_counters[1].open, 1);
		flow.state = FB_FLOW_CLOSING;
		fb_flow_note(w, FB_IPV4, &flow);
		fb_flow_note(w, FB_IPV4, &flow);
		assert_int_equal(w->endpoint_counters[1].open, 0);
	}
	fb_flow_count_ended(w, &flow);
	assert_int_equal(w->endpoint_counters[1].open, 0);
	close_bed(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_spread_by_the_table_and_chance),
		cmocka_unit_test(random_is_random),
		cmocka_unit_test(two_levels_spread_as_one_does),
		cmocka_unit_test(rounds_are_exact),
		cmocka_unit_test(a_weighted_round_is_even_all_along),
		cmocka_unit_test(long_rounds_are_cut_and_keep_shares),
		cmocka_unit_test(rounds_begin_anywhere),
		cmocka_unit_test(least_connections_are_level),
		cmocka_unit_test(least_connections_follow_weights),
		cmocka_unit_test(ties_go_to_anybody),
		cmocka_unit_test(a_new_endpoint_starts_slowly),
		cmocka_unit_test(who_closes_counts_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
