/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_MAGLEV_GROUPS_H
#define FB_MAGLEV_GROUPS_H

/*
 * Maglev in two levels, for so many members that one table of all would take too long to build again
 * when one of them comes or goes (20,000 members: 2 million slots, 50 ms).
 *
 * Members go into groups by their keys. One table chooses the group, in proportion to the sum of its
 * members' weights; a table of each group chooses the member. A change builds the first table and that of
 * one group again (0.2 and 0.3 ms) and shares the others.
 *
 * All of it depends on the set of members only, as one table does: the number of groups follows from the
 * number of members (where that crosses a power of two, most hashes move), a member's group from its
 * key, and all groups' tables have one size, so that none turns into another when its group grows.
 *
 * Shares: to within 0.4 % by the first table and 1 % by the second, so 1.4 % at most where weights are
 * equal; 0.4 to 0.9 % is what tests/unit/table/test_groups.c finds. One of 20,000 that leaves moves 0.05 %
 * of the others' hashes.
 *
 * Thread: any.
 */

#include <stdint.h>

#define FB_MAGLEV_MAX_GROUPS  256
#define FB_MAGLEV_FIRST_SLOTS 65537 /* a prime: 256 of each group, or more */
#define FB_MAGLEV_GROUP_SLOTS 32749 /* a prime: 100 of each of 327 members; 128 to 256 are meant */

/** How many groups n members have: 0 (one table for all), or 8 to FB_MAGLEV_MAX_GROUPS. */
uint32_t fb_maglev_n_groups(uint32_t n_members);

/** The group of the member with this key; n_groups as above, not 0. */
uint32_t fb_maglev_group(uint64_t key, uint32_t n_groups);

/**
 * Fill the first table, of FB_MAGLEV_FIRST_SLOTS, with groups.
 *
 * @param weights  the sum of each group's; 0: it has no members, and gets no slot
 * @return 0; -EINVAL: all are 0; -ENOMEM
 */
int fb_maglev_build_first(const uint64_t *weights, uint32_t n_groups, uint16_t *slots);

#endif
