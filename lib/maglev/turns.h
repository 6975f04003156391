/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_MAGLEV_TURNS_H
#define FB_MAGLEV_TURNS_H

/*
 * Whose turn it is while a table with weights is filled. Private to lib/maglev.
 *
 * The heaviest member takes a turn per unit of time, the others proportionally fewer; everyone's first
 * is at 0. Earlier turns go first, and at the same time those of members that come first, as if weights
 * were equal.
 */

#include <stdint.h>

/**
 * The first turns of all.
 *
 * Thread: any; allocates scratch memory.
 * Cost:   with few different weights some cycles a turn; with more all turns are sorted, twice that.
 *
 * @param weights  of n members, at least 1 each; n is below 2^16
 * @param n_turns  below 2^24, at least n
 * @param ret_who  by turn, the member
 * @return 0 or -ENOMEM
 */
int maglev_turns(const uint32_t *weights, uint32_t n, uint32_t n_turns, uint16_t *ret_who);

#endif
