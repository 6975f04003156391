/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_MAGLEV_MAGLEV_H
#define FB_MAGLEV_MAGLEV_H

/*
 * Maglev lookup tables (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load
 * Balancer", NSDI 2016, section 3.4), with weights.
 *
 * A table depends only on the set of (key, weight) given and on its size: not on the order of the
 * input, not on what was built before. So two boxes agree, and an endpoint that comes back gets the
 * very slots it had.
 *
 * The size follows the number of endpoints, to a stated disruption: see fb_maglev_size(). Where a
 * change of the number crosses a step of the list, the table is another one and most hashes move
 * (established flows do not: they are in the flow table). A memory of the last size would avoid
 * that, and would make the table depend on history.
 */

#include <stddef.h>
#include <stdint.h>

#define FB_MAGLEV_MAX_MEMBERS 65535 /* a slot is 16 bits */
#define FB_MAGLEV_ONE_LEVEL   1024  /* of more members there are groups: groups.h */

struct fb_maglev_member {
	uint64_t key;    /* hash of the endpoint's identity under the shared secret; distinct */
	uint32_t weight; /* at least 1; only ratios matter */
};

/**
 * Slots (a prime, or 1) for n members, up to FB_MAGLEV_ONE_LEVEL: the least size of the list that
 * keeps the disruption.
 *
 * 1 member: 1 slot. Up to 40: 4093. From there on at least 100 slots a member, so that shares
 * differ by 1 % at most, and never less than 65537.
 */
uint32_t fb_maglev_size(uint32_t n_members);

/**
 * Fill slots with indices into members.
 *
 * With equal weights, shares differ by one slot at most. With others, each member gets its part to
 * within one turn, and at least one slot. Should two keys be equal, the order given decides.
 *
 * Thread: any; allocates scratch memory (the allocator can be made to fail by tests).
 *
 * @param members  in any order; the table does not depend on it (slots refer to the order given)
 * @param n_slots  prime and below 2^24, or 1; at least n_members
 * @return 0; -EINVAL for a bad size, no members or a weight of 0; -ENOMEM
 */
int fb_maglev_build(const struct fb_maglev_member *members, uint32_t n_members, uint16_t *slots,
		    uint32_t n_slots);

/* A slot that is not given to anybody yet. */
#define FB_MAGLEV_FREE UINT16_MAX

/**
 * Give out what is free in slots that are partly filled: in turns, each member takes the first free slot of its
 * permutation, until it has as many as its weight says.
 *
 * @param members  in a fixed order: turns follow it
 * @param slots    the weights' sum of them are FB_MAGLEV_FREE
 * @param n_slots  as above
 * @return 0 or -ENOMEM
 */
int fb_maglev_complete(const struct fb_maglev_member *members, uint32_t n_members, uint16_t *slots,
		       uint32_t n_slots);

#endif
