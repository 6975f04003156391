/* SPDX-License-Identifier: BSD-3-Clause */

#include "maglev/maglev.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/hash.h"

/* Primes. The last one serves FB_MAGLEV_MAX_MEMBERS at 100 slots each. */
static const uint32_t sizes[] = {65537,   131071,  262147,	524287,
				 1048573, 2097143, 4194301, 8388593};

#define SMALL_SIZE 4093
#define SMALL_MEMBERS 40 /* 100 slots each */
#define SLOTS_PER_MEMBER 100

/* From here on a list of the free slots beats trying: the best of 32, 64, 128 and 256. */
#define FEW 128

/* Where a member is in its permutation of the slots: (offset + k * skip) mod n_slots. */
struct walker {
	uint64_t key;
	uint64_t turn; /* weighted: virtual time of the next turn */
	uint64_t step; /* weighted: virtual time between turns */
	uint32_t pos;  /* next slot to try */
	uint32_t skip;
	uint32_t place; /* in the caller's array */
	uint32_t weight;
};

/* Which slots are taken: 8 KiB for 65537 slots, so the probing stays in the first-level cache. */
struct board {
	uint64_t *taken;
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
	return (uint32_t)(b->taken[pos / 64] >> (pos % 64)) & 1;
}

static inline void take_slot(struct walker *w, const struct board *b, uint32_t pos)
{
	b->taken[pos / 64] |= UINT64_C(1) << (pos % 64);
	b->slots[pos] = (uint16_t)w->place;
	w->pos = advance(pos, w->skip, b->n_slots);
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
 */
static void take_of_few(struct walker *w, struct board *b)
{
	const uint32_t n = b->n_slots;
	const uint64_t inv = inverse(w->skip, n);
	uint32_t least = UINT32_MAX;
	uint32_t best = 0;
	uint32_t pos;

	for (uint32_t i = 0; i < b->n_few; i++) {
		uint64_t ahead = b->few[i] >= w->pos ? b->few[i] - w->pos : b->few[i] + n - w->pos;
		uint32_t k = (uint32_t)(ahead * inv % n);

		if (k < least) {
			least = k;
			best = i;
		}
	}
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
 * average, so half of all the work would be for the last few hundred of 65537.
 */
static inline void take_turn(struct walker *w, struct board *b, uint32_t n_free)
{
	uint32_t pos = w->pos;

	if (n_free <= FEW) {
		if (b->n_few == 0)
			list_free(b);
		take_of_few(w, b);
		return;
	}
	while (is_taken(b, pos))
		pos = advance(pos, w->skip, b->n_slots);
	take_slot(w, b, pos);
}

static void fill_equal(struct walker *walkers, uint32_t n, struct board *b)
{
	for (uint32_t filled = 0; filled < b->n_slots;) {
		for (uint32_t i = 0; i < n && filled < b->n_slots; i++, filled++)
			take_turn(&walkers[i], b, b->n_slots - filled);
	}
}

/* Earlier turn first; at the same time, in the order of keys, as if weights were equal. */
static bool goes_before(const struct walker *a, const struct walker *b)
{
	return a->turn != b->turn ? a->turn < b->turn : compare_walkers(a, b) < 0;
}

static void sift_down(struct walker *heap, uint32_t n)
{
	uint32_t i = 0;

	for (;;) {
		uint32_t least = 2 * i + 1;
		struct walker tmp;

		if (least >= n)
			return;
		if (least + 1 < n && goes_before(&heap[least + 1], &heap[least]))
			least++;
		if (!goes_before(&heap[least], &heap[i]))
			return;
		tmp = heap[i];
		heap[i] = heap[least];
		heap[least] = tmp;
		i = least;
	}
}

/*
 * The heaviest member takes a turn per unit of time (2^20), the others proportionally fewer. Everyone's
 * first turn is at 0, where an array sorted by key is a heap already.
 */
static void fill_weighted(struct walker *walkers, uint32_t n, struct board *b, uint32_t max_weight)
{
	for (uint32_t i = 0; i < n; i++)
		walkers[i].step = ((uint64_t)max_weight << 20) / walkers[i].weight;
	for (uint32_t filled = 0; filled < b->n_slots; filled++) {
		take_turn(&walkers[0], b, b->n_slots - filled);
		walkers[0].turn += walkers[0].step;
		sift_down(walkers, n);
	}
}

static bool is_valid(const struct fb_maglev_member *members, uint32_t n_members, uint32_t n_slots)
{
	if (n_members == 0 || n_members > FB_MAGLEV_MAX_MEMBERS || n_slots < n_members)
		return false;
	for (uint32_t i = 0; i < n_members; i++) {
		if (members[i].weight == 0)
			return false;
	}
	/* Half of the range, so that positions can be added without overflow. */
	return n_slots == 1 || (n_slots < UINT32_C(1) << 31 && is_prime(n_slots));
}

int fb_maglev_build(const struct fb_maglev_member *members, uint32_t n_members, uint16_t *slots,
		    uint32_t n_slots)
{
	struct board board = {.slots = slots, .n_slots = n_slots};
	struct walker *walkers;
	uint32_t min_weight = UINT32_MAX;
	uint32_t max_weight = 0;

	if (!is_valid(members, n_members, n_slots))
		return -EINVAL;
	walkers = calloc(n_members, sizeof(*walkers));
	board.taken = calloc(n_slots / 64 + 1, sizeof(*board.taken));
	if (walkers == NULL || board.taken == NULL) {
		free(walkers);
		free(board.taken);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n_members; i++) {
		const uint64_t key = members[i].key;
		const uint32_t weight = members[i].weight;

		walkers[i] = (struct walker){
			.key = key,
			.pos = fb_hash_reduce((uint32_t)(key >> 32), n_slots),
			.skip = 1 + fb_hash_reduce((uint32_t)key, n_slots - 1),
			.place = i,
			.weight = weight,
		};
		min_weight = weight < min_weight ? weight : min_weight;
		max_weight = weight > max_weight ? weight : max_weight;
	}
	qsort(walkers, n_members, sizeof(*walkers), compare_walkers);
	if (min_weight == max_weight)
		fill_equal(walkers, n_members, &board);
	else
		fill_weighted(walkers, n_members, &board, max_weight);
	free(walkers);
	free(board.taken);
	return 0;
}
