/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_AFFINITY_TABLE_H
#define FB_AFFINITY_TABLE_H

/*
 * Which endpoint a client had last: Kubernetes' session affinity, one table for all workers.
 *
 * An entry is 16 bytes: a 64-bit keyed fingerprint of (service port, client address), and the endpoint's
 * identity with the second at which the entry ends. It is written whole by a compare-and-swap of 16 bytes,
 * and only when a flow begins or a connection is established: no locks, and no line is written per packet.
 * Readers take the two words one after the other and the first one again.
 *
 * A set is eight entries on two lines that lie side by side; entries do not move. A set's place is taken by
 * whoever comes first, then by what has ended, then from entries that are not proven. Proven is an entry
 * once a connection of its client was established, so with a forged source address one can take places
 * only from others of the kind. Where a set is full of proven entries the caller does without.
 *
 * Not here: whether the endpoint may still be used (an identity may be another endpoint's by now; the
 * caller looks), and how it was chosen.
 *
 * Thread: any worker, but for create and free. Time is an argument, in seconds from any origin.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/hash.h"
#include "flow/region.h"

struct fb_affinity;

/* What is known of a client. */
struct fb_affinity_entry {
	uint32_t ep_id;
	uint32_t end_s; /* the first second in which it holds no longer; below 2^31 */
	bool proven;
};

/**
 * Thread: start-up. Touched and on huge pages where there are some, as flow tables are.
 *
 * @param capacity   clients that fit with few sets being full (some 0.5 % of them are not kept then): 32
 *                   bytes each; 1 to 2^28
 * @param secret     copied; nobody else has to agree
 * @return NULL with errno set (ENOMEM, EINVAL)
 */
struct fb_affinity *fb_affinity_create(uint32_t capacity, const struct fb_hash_secret *secret,
				       int numa_node);
void fb_affinity_free(struct fb_affinity *t);

/** Counted up when entries get another meaning or place: those of an earlier run are not read then. */
#define FB_AFFINITY_LAYOUT_VERSION 1

/** Bytes that the entries take. */
uint64_t fb_affinity_bytes(uint32_t capacity);

/**
 * A table whose entries lie in memory of the caller's choice, zeroed or left by an earlier run with the same
 * capacity and secret; the table takes it over and unmaps it. Each entry was written whole, so whatever
 * stands there is good.
 *
 * @param sets  fb_affinity_bytes() or more, page-aligned
 * @return as fb_affinity_create(); on failure the region stays the caller's
 */
struct fb_affinity *fb_affinity_create_in(uint32_t capacity, const struct fb_hash_secret *secret,
					  const struct fb_region *sets);

/** The fingerprint of a client of a service port; never 0. */
uint64_t fb_affinity_key(const struct fb_affinity *t, uint32_t service_id,
			 const struct fb_addr *client);

/** Cost: one line or two. @return whether there is an entry that has not ended */
bool fb_affinity_lookup(const struct fb_affinity *t, uint64_t key, uint32_t now_s,
			struct fb_affinity_entry *ret);

/**
 * Make entry what is known of a client.
 *
 * @param seen  what fb_affinity_lookup() found; NULL: nothing
 * @return 0; -EAGAIN: it is something else by now, look again; -ENOSPC: the set is full
 */
int fb_affinity_keep(struct fb_affinity *t, uint64_t key, const struct fb_affinity_entry *seen,
		     const struct fb_affinity_entry *entry, uint32_t now_s);

#endif
