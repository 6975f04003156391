/* SPDX-License-Identifier: BSD-3-Clause */

#include "maglev/maglev.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/hash.h"
#include "maglev/turns.h"

/* Primes. The last one serves FB_MAGLEV_ONE_LEVEL members at 100 slots each. */
static const uint32_t sizes[] = {65537, 131071};

#define SMALL_SIZE       4093
#define SMALL_MEMBERS    40 /* 100 slots each */
#define SLOTS_PER_MEMBER 100

/*
 * From here on a list of the free slots beats trying: 128 of 65537 (the best of 64, 128 and 256), 32 of 4093 (of
 * 16, 32, 64 and 128).
 */
#define FEW_BITS 7
#define FEW	 (1 << FEW_BITS)
#define FEW_OF	 128

/* Slots that are tried at a time: 4 beats 1, 2 and 8. */
#define AHEAD 4

/* Where a member is in its permutation of the slots: (offset + k * skip) mod n_slots. */
struct walker {
	uint64_t key;
	uint32_t pos;              /* next slot to try */
	uint32_t skips[AHEAD + 1]; /* from there to the k-th after it */
	uint32_t place;            /* in the caller's array */
	uint32_t weight;
	uint32_t inverse; /* of skips[1], once it was asked for */
};

/*
 * Which slots are taken, a byte each: for 65537 slots mostly in the first-level cache, and a third
 * faster than bits, since there is no shifting.
 */
struct board {
	uint8_t *taken;
	uint16_t *slots;
	uint32_t n_slots;
	uint32_t n_few;
	uint32_t few[FEW]; /* the free slots, once there are no more than these */
};

uint32_t fb_maglev_size(uint32_t n_members)
{
	const size_t n = sizeof(sizes) / sizeof(sizes[0]);

	if (n_members <= 1)
		return 1;
	if (n_members <= SMALL_MEMBERS)
		return SMALL_SIZE;
	for (size_t i = 0; i < n - 1; i++) {
		if ((uint64_t)n_members * SLOTS_PER_MEMBER <= sizes[i])
			return sizes[i];
	}
	return sizes[n - 1];
}

static bool is_prime(uint32_t n)
{
	if (n < 4)
		return n > 1;
	if (n % 2 == 0)
		return false;
	for (uint32_t d = 3; (uint64_t)d * d <= n; d += 2) {
		if (n % d == 0)
			return false;
	}
	return true;
}

static int compare_walkers(const void *a, const void *b)
{
	const struct walker *x = a;
	const struct walker *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->place < y->place ? -1 : 1;
}

static inline uint32_t advance(uint32_t pos, uint32_t by, uint32_t n_slots)
{
	pos += by;
	return pos >= n_slots ? pos - n_slots : pos;
}

static inline uint32_t is_taken(const struct board *b, uint32_t pos)
{
	return b->taken[pos];
}

static inline void take_slot(struct walker *w, const struct board *b, uint32_t pos)
{
	b->taken[pos] = 1;
	b->slots[pos] = (uint16_t)w->place;
	w->pos = advance(pos, w->skips[1], b->n_slots);
}

/* x with x * a = 1 modulo the prime n. */
static uint32_t inverse(uint32_t a, uint32_t n)
{
	int64_t x = 1;
	int64_t next_x = 0;
	uint32_t next_a = n;

	while (next_a != 0) {
		uint32_t q = a / next_a;
		uint32_t rest = a - q * next_a;
		int64_t rest_x = x - (int64_t)q * next_x;

		a = next_a;
		next_a = rest;
		x = next_x;
		next_x = rest_x;
	}
	return (uint32_t)(x < 0 ? x + n : x);
}

/*
 * The same slot that trying one after the other would find, when few are free: the free slot that
 * comes first in the member's permutation, (pos + k * skip) mod n_slots with the least k.
 *
 * Its k is its distance times the skip's inverse, modulo n_slots. Without dividing for each (Shoup): with
 * part = inverse * 2^32 / n_slots, rounded down, the quotient of the product is part * distance / 2^32
 * or one more. The least k and whose it is are one number, so that the compiler can take several at a time.
 */
static void take_of_few(struct walker *w, struct board *b)
{
	const uint32_t n = b->n_slots;
	const uint32_t inv = w->inverse != 0 ? w->inverse : inverse(w->skips[1], n);
	const uint32_t part = (uint32_t)(((uint64_t)inv << 32) / n);
	const uint32_t from = w->pos;
	const uint32_t n_few = b->n_few;
	uint32_t least = UINT32_MAX;
	uint32_t best;
	uint32_t pos;

	for (uint32_t i = 0; i < n_few; i++) {
		uint32_t ahead = b->few[i] - from + (b->few[i] < from ? n : 0);
		uint32_t k = ahead * inv - (uint32_t)((uint64_t)ahead * part >> 32) * n;

		k -= k >= n ? n : 0;
		k = k << FEW_BITS | i;
		least = k < least ? k : least;
	}
	w->inverse = inv;
	best = least & ((1 << FEW_BITS) - 1);
	pos = b->few[best];
	b->few[best] = b->few[--b->n_few];
	take_slot(w, b, pos);
}

static void list_free(struct board *b)
{
	for (uint32_t pos = 0; pos < b->n_slots; pos++) {
		if (!is_taken(b, pos))
			b->few[b->n_few++] = pos;
	}
}

/*
 * One member takes the first free slot of its permutation. Trying slots costs n_slots / n_free on
 * average, so half of all the work would be for the last few hundred of 65537. Once a quarter is taken,
 * several are tried at a time: which of them is the first free one is then no branch that the CPU
 * could guess wrong.
 */
static inline void take_turn(struct walker *w, struct board *b, uint32_t n_free)
{
	const uint32_t n = b->n_slots;
	uint32_t pos = w->pos;
	uint32_t taken;

	if (n_free <= FEW && n_free <= n / FEW_OF) {
		if (b->n_few == 0)
			list_free(b);
		take_of_few(w, b);
		return;
	}
	if (n_free > n - n / 4) {
		while (is_taken(b, pos))
			pos = advance(pos, w->skips[1], n);
		take_slot(w, b, pos);
		return;
	}
	for (;;) {
		taken = is_taken(b, pos);
		for (uint32_t k = 1; k < AHEAD; k++)
			taken |= is_taken(b, advance(pos, w->skips[k], n)) << k;
		if (taken != (1u << AHEAD) - 1)
			break;
		pos = advance(pos, w->skips[AHEAD], n);
	}
	take_slot(w, b, advance(pos, w->skips[__builtin_ctz(~taken)], n));
}

static void fill_equal(struct walker *walkers, uint32_t n, struct board *b)
{
	for (uint32_t filled = 0; filled < b->n_slots;) {
		for (uint32_t i = 0; i < n && filled < b->n_slots; i++, filled++)
			take_turn(&walkers[i], b, b->n_slots - filled);
	}
}

static int fill_weighted(struct walker *walkers, uint32_t n, struct board *b)
{
	uint32_t *weights = malloc(n * sizeof(*weights));
	uint16_t *who = malloc(b->n_slots * sizeof(*who));
	int rc = weights != NULL && who != NULL ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < n && rc == 0; i++)
		weights[i] = walkers[i].weight;
	if (rc == 0)
		rc = maglev_turns(weights, n, b->n_slots, who);
	for (uint32_t filled = 0; filled < b->n_slots && rc == 0; filled++)
		take_turn(&walkers[who[filled]], b, b->n_slots - filled);
	free(weights);
	free(who);
	return rc;
}

static bool is_valid(const struct fb_maglev_member *members, uint32_t n_members, uint32_t n_slots)
{
	if (n_members == 0 || n_members > FB_MAGLEV_MAX_MEMBERS || n_slots < n_members)
		return false;
	for (uint32_t i = 0; i < n_members; i++) {
		if (members[i].weight == 0)
			return false;
	}
	/* So that positions can be added, turns numbered, and both be one number with FEW_BITS more. */
	return n_slots == 1 || (n_slots < UINT32_C(1) << 24 && is_prime(n_slots));
}

static struct walker make_walker(const struct fb_maglev_member *member, uint32_t place,
				 uint32_t n_slots)
{
	struct walker w = {
		.key = member->key,
		.pos = fb_hash_reduce((uint32_t)(member->key >> 32), n_slots),
		.skips = {0, 1 + fb_hash_reduce((uint32_t)member->key, n_slots - 1)},
		.place = place,
		.weight = member->weight,
	};

	for (uint32_t k = 2; k <= AHEAD; k++)
		w.skips[k] = advance(w.skips[k - 1], w.skips[1], n_slots);
	return w;
}

/* Who alone is left takes all, in whatever order. */
static void take_rest(uint32_t place, uint16_t *slots, uint32_t n_slots)
{
	for (uint32_t s = 0; s < n_slots; s++)
		slots[s] = slots[s] == FB_MAGLEV_FREE ? (uint16_t)place : slots[s];
}

static void complete(struct walker *walkers, uint32_t n, struct board *b, uint32_t n_free)
{
	uint32_t last = 0;

	for (uint32_t n_left = 2; n_left > 1;) {
		n_left = 0;
		for (uint32_t i = 0; i < n; i++) {
			if (walkers[i].weight == 0)
				continue;
			take_turn(&walkers[i], b, n_free--);
			if (--walkers[i].weight == 0)
				continue;
			n_left++;
			last = i;
		}
	}
	if (n_free > 0)
		take_rest(last, b->slots, b->n_slots);
}

int fb_maglev_complete(const struct fb_maglev_member *members, uint32_t n_members, uint16_t *slots,
		       uint32_t n_slots)
{
	struct walker *walkers = malloc((n_members + 1) * sizeof(*walkers));
	struct board board = {.slots = slots, .n_slots = n_slots, .taken = malloc(n_slots)};
	uint32_t n_free = 0;

	if (walkers == NULL || board.taken == NULL) {
		free(walkers);
		free(board.taken);
		return -ENOMEM;
	}
	for (uint32_t s = 0; s < n_slots; s++) {
		board.taken[s] = slots[s] != FB_MAGLEV_FREE;
		n_free += slots[s] == FB_MAGLEV_FREE;
	}
	for (uint32_t i = 0; i < n_members; i++)
		walkers[i] = make_walker(&members[i], i, n_slots);
	complete(walkers, n_members, &board, n_free);
	free(walkers);
	free(board.taken);
	return 0;
}

int fb_maglev_build(const struct fb_maglev_member *members, uint32_t n_members, uint16_t *slots,
		    uint32_t n_slots)
{
	struct board board = {.slots = slots, .n_slots = n_slots};
	struct walker *walkers;
	uint32_t min_weight = UINT32_MAX;
	uint32_t max_weight = 0;
	int rc = 0;

	if (!is_valid(members, n_members, n_slots))
		return -EINVAL;
	walkers = calloc(n_members, sizeof(*walkers));
	board.taken = calloc(n_slots, sizeof(*board.taken));
	if (walkers == NULL || board.taken == NULL) {
		free(walkers);
		free(board.taken);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n_members; i++) {
		const uint32_t weight = members[i].weight;

		walkers[i] = make_walker(&members[i], i, n_slots);
		min_weight = weight < min_weight ? weight : min_weight;
		max_weight = weight > max_weight ? weight : max_weight;
	}
	qsort(walkers, n_members, sizeof(*walkers), compare_walkers);
	if (min_weight == max_weight)
		fill_equal(walkers, n_members, &board);
	else
		rc = fill_weighted(walkers, n_members, &board);
	free(walkers);
	free(board.taken);
	return rc;
}
