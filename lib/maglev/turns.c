/* SPDX-License-Identifier: BSD-3-Clause */

#include "maglev/turns.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/*
 * Turns are numbers: when (in units of 2^-20 of the heaviest member's time between two turns), and below
 * that whose.
 */
#define TIME_BITS  20
#define WHO_BITS   16
#define WHO_MASK   ((1 << WHO_BITS) - 1)
#define DIGIT_BITS 11

/* Members of one weight, whose turns come in a row each time. */
struct peers {
	uint64_t next; /* turn */
	uint64_t step; /* from one time to the next, as a part of the number */
	uint32_t weight;
	uint32_t at;    /* in members, whose turn next is */
	uint32_t first; /* of its members, in one array of all */
	uint32_t end;
};

/*
 * Longer steps lead beyond all turns that are asked for, which are fewer than 2^24; with who below it, a number
 * has room for this one.
 */
#define LONGEST_STEP (UINT64_C(1) << 46)

/* With more, looking for those whose turn is the next takes as long as sorting. */
#define FEW_WEIGHTS 8

static uint64_t step_of(uint32_t weight, uint32_t max_weight)
{
	const uint64_t step = ((uint64_t)max_weight << TIME_BITS) / weight;

	return step < LONGEST_STEP ? step : LONGEST_STEP;
}

/* @return how many, or FEW_WEIGHTS + 1 */
static uint32_t find_peers(const uint32_t *weights, uint32_t n, struct peers *peers)
{
	uint32_t n_peers = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t c = 0;

		while (c < n_peers && peers[c].weight != weights[i])
			c++;
		if (c == FEW_WEIGHTS)
			return FEW_WEIGHTS + 1;
		if (c == n_peers)
			peers[n_peers++] = (struct peers){.weight = weights[i]};
	}
	return n_peers;
}

static void begin_peers(const uint32_t *weights, uint32_t n, uint32_t max_weight,
			struct peers *peers, uint32_t n_peers, uint16_t *members)
{
	uint32_t k = 0;

	for (uint32_t c = 0; c < n_peers; c++) {
		peers[c].first = k;
		for (uint32_t i = 0; i < n; i++) {
			if (weights[i] == peers[c].weight)
				members[k++] = (uint16_t)i;
		}
		peers[c].at = peers[c].first;
		peers[c].end = k;
		peers[c].next = members[peers[c].first];
		peers[c].step = step_of(peers[c].weight, max_weight) << WHO_BITS;
	}
}

static inline void advance(struct peers *c, const uint16_t *members)
{
	const uint64_t time = c->next & ~(uint64_t)WHO_MASK;
	const bool ends = c->at + 1 == c->end;

	c->at = ends ? c->first : c->at + 1;
	c->next = (time + (ends ? c->step : 0)) | members[c->at];
}

/* The turns of each are in order, so the next of all is one of their next. */
static void merge(struct peers *peers, uint32_t n_peers, const uint16_t *members, uint32_t n_turns,
		  uint16_t *who)
{
	for (uint32_t t = 0; t < n_turns;) {
		struct peers *c = &peers[0];
		uint64_t until = UINT64_MAX;

		for (uint32_t i = 1; i < n_peers; i++) {
			if (peers[i].next < c->next) {
				until = c->next;
				c = &peers[i];
			} else if (peers[i].next < until) {
				until = peers[i].next;
			}
		}
		for (; c->next < until && t < n_turns; advance(c, members))
			who[t++] = (uint16_t)(c->next & WHO_MASK);
	}
}

/* By a digit of the time after the other, the least first: what is equal in one keeps its order. */
static uint64_t *sort_turns(uint64_t *turns, uint64_t *other, uint32_t n, uint64_t last_turn)
{
	for (uint32_t shift = WHO_BITS; shift < 64 && last_turn >> shift != 0;
	     shift += DIGIT_BITS) {
		const uint64_t mask = (1 << DIGIT_BITS) - 1;
		uint32_t places[1 << DIGIT_BITS] = {0};
		uint64_t *sorted = other;
		uint32_t begin = 0;

		for (uint32_t i = 0; i < n; i++)
			places[turns[i] >> shift & mask]++;
		for (uint32_t d = 0; d <= mask; d++) {
			uint32_t count = places[d];

			places[d] = begin;
			begin += count;
		}
		for (uint32_t i = 0; i < n; i++)
			sorted[places[turns[i] >> shift & mask]++] = turns[i];
		other = turns;
		turns = sorted;
	}
	return turns;
}

/* Until the time end there are turns enough, and at most one a member too many. */
static int sort_all(const uint32_t *weights, uint32_t n, uint32_t max_weight, uint32_t n_turns,
		    uint16_t *who)
{
	/* Steps are rounded down, by 2^-20 at most: some turns more. */
	const size_t most = n_turns + n + (n_turns >> (TIME_BITS - 1)) + 8;
	uint64_t sum = 0;
	uint64_t end;
	uint64_t *turns;
	const uint64_t *sorted;
	uint32_t made = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += weights[i];
	end = (uint64_t)(((__uint128_t)n_turns * max_weight << TIME_BITS) / sum) + 1;
	turns = malloc(2 * most * sizeof(*turns));
	if (turns == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		const uint64_t step = step_of(weights[i], max_weight);

		for (uint64_t when = 0; when <= end; when += step)
			turns[made++] = when << WHO_BITS | i;
	}
	sorted = sort_turns(turns, turns + most, made, end << WHO_BITS);
	for (uint32_t t = 0; t < n_turns; t++)
		who[t] = (uint16_t)(sorted[t] & WHO_MASK);
	free(turns);
	return 0;
}

int maglev_turns(const uint32_t *weights, uint32_t n, uint32_t n_turns, uint16_t *ret_who)
{
	struct peers peers[FEW_WEIGHTS];
	const uint32_t n_peers = find_peers(weights, n, peers);
	uint32_t max_weight = 0;
	uint16_t *members;

	for (uint32_t i = 0; i < n; i++)
		max_weight = weights[i] > max_weight ? weights[i] : max_weight;
	if (n_peers > FEW_WEIGHTS)
		return sort_all(weights, n, max_weight, n_turns, ret_who);
	members = malloc(n * sizeof(*members));
	if (members == NULL)
		return -ENOMEM;
	begin_peers(weights, n, max_weight, peers, n_peers, members);
	merge(peers, n_peers, members, n_turns, ret_who);
	free(members);
	return 0;
}
