/* SPDX-License-Identifier: BSD-3-Clause */

#include "maglev/groups.h"

#include <errno.h>
#include <stdbool.h>

#include "base/hash.h"
#include "maglev/maglev.h"

/* Any values would do: they set the choice of a group apart from that of slots. */
#define GROUP_OF    UINT64_C(0x9fb21c651e98df25)
#define GROUP_KEY_A UINT64_C(0xd6e8feb86659fd93)
#define GROUP_KEY_B UINT64_C(0xa0761d6478bd642f)

/* Of the meant 128 to 256 members a group. */
#define GROUP_SIZE 128

_Static_assert((FB_MAGLEV_ONE_LEVEL + 1) / GROUP_SIZE >= 8, "the least number of groups");
_Static_assert((FB_MAGLEV_MAX_MEMBERS + 1) / GROUP_SIZE / 2 == FB_MAGLEV_MAX_GROUPS,
	       "and the most");

uint32_t fb_maglev_n_groups(uint32_t n_members)
{
	uint32_t n = 1;

	if (n_members <= FB_MAGLEV_ONE_LEVEL)
		return 0;
	while (n * GROUP_SIZE * 2 <= n_members)
		n *= 2;
	return n;
}

uint32_t fb_maglev_group(uint64_t key, uint32_t n_groups)
{
	return fb_hash_reduce((uint32_t)(fb_hash_mix(key ^ GROUP_OF, GROUP_KEY_A) >> 32), n_groups);
}

/*
 * How many slots each group has, FB_MAGLEV_FIRST_SLOTS in all: its part, rounded down, or up where most was
 * rounded away; one at least.
 */
static void share_out(const uint64_t *weights, uint32_t n_groups, uint64_t sum, uint32_t *quotas)
{
	uint64_t rests[FB_MAGLEV_MAX_GROUPS];
	int32_t left = FB_MAGLEV_FIRST_SLOTS;
	uint32_t most = 0;

	for (uint32_t g = 0; g < n_groups; g++) {
		const unsigned __int128 part =
			(unsigned __int128)weights[g] * FB_MAGLEV_FIRST_SLOTS;

		quotas[g] = (uint32_t)(part / sum);
		rests[g] = (uint64_t)(part % sum);
		if (quotas[g] == 0 && weights[g] > 0) {
			quotas[g] = 1;
			rests[g] = 0;
		}
		most = quotas[g] > quotas[most] ? g : most;
		left -= (int32_t)quotas[g];
	}
	/* Very light groups were rounded up: at the expense of the heaviest one, which has hundreds. */
	if (left < 0)
		quotas[most] -= (uint32_t)-left;
	for (; left > 0; left--) {
		uint32_t next = 0;

		for (uint32_t g = 1; g < n_groups; g++)
			next = rests[g] > rests[next] ? g : next;
		quotas[next]++;
		rests[next] = 0;
	}
}

/*
 * Slots are dealt to groups like cards first. Who has more than its part gives the last ones back, a few of a
 * hundred where weights are alike; and those are what the others choose from, each by its permutation.
 */
int fb_maglev_build_first(const uint64_t *weights, uint32_t n_groups, uint16_t *slots)
{
	struct fb_maglev_member takers[FB_MAGLEV_MAX_GROUPS] = {{0}};
	uint32_t quotas[FB_MAGLEV_MAX_GROUPS];
	uint64_t sum = 0;

	for (uint32_t g = 0; g < n_groups; g++)
		sum += weights[g];
	if (sum == 0)
		return -EINVAL;
	share_out(weights, n_groups, sum, quotas);
	for (uint32_t s = 0, round = 0; s < FB_MAGLEV_FIRST_SLOTS; s += n_groups, round++) {
		const uint32_t left = FB_MAGLEV_FIRST_SLOTS - s;

		for (uint32_t g = 0; g < n_groups && g < left; g++)
			slots[s + g] = round < quotas[g] ? (uint16_t)g : FB_MAGLEV_FREE;
	}
	for (uint32_t g = 0; g < n_groups; g++) {
		const uint32_t dealt =
			FB_MAGLEV_FIRST_SLOTS / n_groups + (g < FB_MAGLEV_FIRST_SLOTS % n_groups);

		takers[g] = (struct fb_maglev_member){
			.key = fb_hash_mix(GROUP_KEY_A + g, GROUP_KEY_B),
			.weight = quotas[g] > dealt ? quotas[g] - dealt : 0,
		};
	}
	return fb_maglev_complete(takers, n_groups, slots, FB_MAGLEV_FIRST_SLOTS);
}
