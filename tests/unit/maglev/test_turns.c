/* SPDX-License-Identifier: BSD-3-Clause */

/* Whose turn it is, and who gets what is left, beside the same said in the simplest way. */

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "maglev/maglev.h"
#include "maglev/turns.h"

static uint64_t random_state = 7;

static uint32_t any(uint32_t n)
{
	random_state = fb_hash_mix(random_state + 1, UINT64_C(0x9e3779b97f4a7c15));
	return (uint32_t)(random_state >> 32) % n;
}

/* The one whose turn comes first, of those that come first in the order of members. */
static void turns_slowly(const uint32_t *weights, uint32_t n, uint32_t n_turns, uint16_t *who)
{
	uint64_t *when = calloc(n, sizeof(*when));
	uint32_t max_weight = 0;

	assert_non_null(when);
	for (uint32_t i = 0; i < n; i++)
		max_weight = weights[i] > max_weight ? weights[i] : max_weight;
	for (uint32_t t = 0; t < n_turns; t++) {
		uint32_t next = 0;

		for (uint32_t i = 1; i < n; i++)
			next = when[i] < when[next] ? i : next;
		who[t] = (uint16_t)next;
		when[next] += ((uint64_t)max_weight << 20) / weights[next];
	}
	free(when);
}

static void turns_go_by_weight_then_by_order(void **state)
{
	enum { MOST = 200, TURNS = 4093 };
	static uint16_t want[TURNS];
	static uint16_t got[TURNS];

	(void)state;
	for (uint32_t round = 0; round < 100; round++) {
		uint32_t weights[MOST];
		uint32_t kinds[12];
		const uint32_t n_kinds = 1 + round % 12;
		const uint32_t n = 1 + any(MOST);

		for (uint32_t k = 0; k < n_kinds; k++)
			kinds[k] = 1 + (any(2) ? any(1000) : any(4));
		/* Now and then one weighs 2^28 times as much as the lightest. */
		if (n_kinds > 1 && any(4) == 0) {
			kinds[0] = 1;
			kinds[1] = (UINT32_C(1) << 28) + any(2);
		}
		for (uint32_t i = 0; i < n; i++)
			weights[i] = kinds[any(10) == 0 ? any(n_kinds) : 0];
		turns_slowly(weights, n, TURNS, want);
		assert_int_equal(maglev_turns(weights, n, TURNS, got), 0);
		assert_memory_equal(want, got, sizeof(got));
	}
}

static void complete_slowly(struct fb_maglev_member *m, uint32_t n, uint16_t *slots,
			    uint32_t n_slots, uint32_t n_free)
{
	while (n_free > 0) {
		for (uint32_t i = 0; i < n; i++) {
			uint32_t at = fb_hash_reduce((uint32_t)(m[i].key >> 32), n_slots);

			if (m[i].weight == 0)
				continue;
			while (slots[at] != FB_MAGLEV_FREE)
				at = (at + 1 + fb_hash_reduce((uint32_t)m[i].key, n_slots - 1)) %
				     n_slots;
			slots[at] = (uint16_t)i;
			m[i].weight--;
			n_free--;
		}
	}
}

static void what_is_free_is_given_out_in_turns(void **state)
{
	enum { MEMBERS = 20, SLOTS = 4093 };
	static uint16_t want[SLOTS];
	static uint16_t got[SLOTS];

	(void)state;
	for (uint32_t round = 0; round < 100; round++) {
		struct fb_maglev_member m[MEMBERS] = {{0}};
		/* Often few take part, and one of them gets nearly all. */
		const uint32_t n_takers = 1 + any(round % 2 ? MEMBERS : 3);
		uint32_t n_free = 0;

		for (uint32_t i = 0; i < MEMBERS; i++)
			m[i].key = fb_hash_mix(random_state, i + UINT64_C(0x9e3779b97f4a7c15));
		for (uint32_t s = 0; s < SLOTS; s++) {
			got[s] = any(8) == 0 ? FB_MAGLEV_FREE : (uint16_t)any(MEMBERS);
			n_free += got[s] == FB_MAGLEV_FREE;
		}
		for (uint32_t k = 0; k < n_free; k++)
			m[any(4) == 0 ? any(n_takers) : 0].weight++;
		memcpy(want, got, sizeof(want));
		assert_int_equal(fb_maglev_complete(m, MEMBERS, got, SLOTS), 0);
		complete_slowly(m, MEMBERS, want, SLOTS, n_free);
		assert_memory_equal(want, got, sizeof(got));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_go_by_weight_then_by_order),
		cmocka_unit_test(what_is_free_is_given_out_in_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
