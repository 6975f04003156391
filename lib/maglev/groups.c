/* SPDX-License-Identifier: BSD-3-Clause */

#include "maglev/groups.h"

#include <errno.h>

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

int fb_maglev_build_first(const uint64_t *weights, uint32_t n_groups, uint16_t *slots)
{
	struct fb_maglev_member members[FB_MAGLEV_MAX_GROUPS] = {{0}};
	uint16_t groups[FB_MAGLEV_MAX_GROUPS];
	uint32_t n = 0;
	uint64_t most = 0;
	uint32_t shift = 0;
	int rc;

	for (uint32_t g = 0; g < n_groups; g++)
		most = weights[g] > most ? weights[g] : most;
	if (most == 0)
		return -EINVAL;
	while (most >> shift > UINT32_MAX)
		shift++;
	for (uint32_t g = 0; g < n_groups; g++) {
		uint32_t weight = (uint32_t)(weights[g] >> shift);

		if (weights[g] == 0)
			continue;
		groups[n] = (uint16_t)g;
		members[n++] = (struct fb_maglev_member){
			.key = fb_hash_mix(GROUP_KEY_A + g, GROUP_KEY_B),
			.weight = weight > 0 ? weight : 1,
		};
	}
	rc = fb_maglev_build(members, n, slots, FB_MAGLEV_FIRST_SLOTS);
	for (uint32_t s = 0; s < FB_MAGLEV_FIRST_SLOTS && rc == 0 && n < n_groups; s++)
		slots[s] = groups[slots[s]];
	return rc;
}
