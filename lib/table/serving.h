/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_TABLE_SERVING_H
#define FB_TABLE_SERVING_H

/*
 * Which service ports an address and port serves as an endpoint: the way back from an endpoint's packet to the
 * frontends that its client may have asked.
 *
 * It is a hint. An entry has 32 bits of a hash instead of an address, and may be of an endpoint that takes no new
 * flows or is gone; whoever asks looks whether the service leads to this endpoint.
 *
 * The index is cut into chunks by the hash, each a small hash table of its own. A snapshot shares with the one
 * before those chunks in which no identity came or went, so that a change of one endpoint costs a chunk and the
 * array of pointers. Beside it stands where in a snapshot the services of a service port are, which changes when
 * services come and go.
 *
 * Thread: control; the published parts any.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>

#include "base/addr.h"
#include "base/hash.h"

struct fb_ids;

struct fb_serving_entry {
	uint32_t tag;     /* the hash's lower half, which says the place as well */
	uint32_t service; /* fb_service.id + 1; 0: the place is free, and there always is one */
};

struct fb_serving_chunk {
	uint32_t mask;
	uint32_t spare;
	struct fb_serving_entry entries[];
};

struct fb_serving_index {
	uint32_t mask;
	const struct fb_serving_chunk *chunks[]; /* by the hash's higher half; NULL: empty */
};

/* By fb_service.id the first of its places in fb_snapshot.services, by place the next one; + 1, 0 ends. */
struct fb_service_places {
	uint32_t n_ids;
	uint32_t v[]; /* n_ids of the one, then of the other */
};

static inline uint64_t fb_serving_hash(const struct fb_hash_secret *s, const struct fb_addr *addr,
				       rte_be16_t port_be)
{
	uint64_t w[2];

	memcpy(w, addr->bytes, sizeof(w));
	return fb_hash_2(s, fb_hash_2(s, w[0], w[1]), port_be);
}

/* The write side: endpoints by chunk, chained by their identities. Sized at creation, as these are. */
struct fb_serving {
	uint32_t mask;
	uint32_t *heads; /* identity + 1; 0 ends */
	uint32_t *next;  /* by identity */
	bool *changed;   /* by chunk, since the last commit */
	bool any_changed;
};

/** @return 0 or -ENOMEM (fb_serving_fini() is due in both cases) */
int fb_serving_init(struct fb_serving *s, uint32_t max_endpoints);
void fb_serving_fini(struct fb_serving *s);

/** An identity of an endpoint begins, or ends; it is in use in both. */
void fb_serving_add(struct fb_ids *ids, uint32_t id);
void fb_serving_remove(struct fb_ids *ids, uint32_t id);

/**
 * The index as it is now: `last` (or NULL) itself where nothing changed. Its array and its chunks are parts
 * (table/part.h); those that `last` has not are the caller's to retire or to free.
 *
 * @return NULL: no memory
 */
struct fb_serving_index *fb_serving_draft(const struct fb_ids *ids, struct fb_serving_index *last);

/** Give the chunks that `other` (NULL: none) does not have to fn. */
void fb_serving_each_other_chunk(const struct fb_serving_index *index,
				 const struct fb_serving_index *other,
				 void (*fn)(void *arg, void *chunk), void *arg);

/** Free those. */
void fb_serving_free_chunks(const struct fb_serving_index *index,
			    const struct fb_serving_index *other);

/** After a commit: nothing has changed since. */
void fb_serving_settle(struct fb_serving *s);

/** @param ids  of the services, by place. @return a part, or NULL: no memory */
struct fb_service_places *fb_service_places_create(const uint32_t *ids, uint32_t n, uint32_t n_ids);

#endif
