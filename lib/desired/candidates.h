/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DESIRED_CANDIDATES_H
#define FB_DESIRED_CANDIDATES_H

/*
 * Lists of candidates in their order: by address and port, the best standing of the same endpoint first. Private
 * to lib/desired.
 *
 * In an ordered list an endpoint stands as often as it is listed; of all its candidates the first one
 * counts. The order depends on what candidates say alone, but for those that say the same: each of these is
 * known by whose node name it has.
 */

#include "desired/endpoints.h"

void desired_order(struct desired_candidate *v, uint32_t n);

/** Of an ordered list: is each endpoint in it once? */
bool desired_are_distinct(const struct desired_candidate *v, uint32_t n);

/** The first of each endpoint, and no other. @return how many are left */
uint32_t desired_keep_best(struct desired_candidate *v, uint32_t n);

/** desired_order() and desired_keep_best(). */
uint32_t desired_sort(struct desired_candidate *v, uint32_t n);

/**
 * An ordered list with some in place of others. Weights do not matter to who is gone.
 *
 * @param gone  ordered; of those in from
 * @param come  ordered
 * @param ret   room for from->n - gone->n + come->n
 * @return how many there are: so many
 */
uint32_t desired_replace(const struct desired_candidates *from,
			 const struct desired_candidates *gone,
			 const struct desired_candidates *come, struct desired_candidate *ret);

#endif
