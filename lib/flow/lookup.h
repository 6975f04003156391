/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_FLOW_LOOKUP_H
#define FB_FLOW_LOOKUP_H

/*
 * Lookup in three steps, so that a burst can be in flight: hash and prefetch the index line for all
 * packets, then prefetch the record lines for all, then see whether each is the right one, and find those
 * that are not.
 *
 * One body for both families: the functions named _as take the table's family, which the ones
 * without that suffix turn into a constant, so that the compiler drops the other half. A caller
 * that has a whole burst of one family may use _as directly.
 *
 * Thread: the owning worker.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_prefetch.h>

#include "base/hash.h"
#include "flow/layout.h"
#include "net/packet.h"

static __rte_always_inline uint64_t fb_flow_load64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static __rte_always_inline uint32_t fb_flow_load32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* All 64 bits of the hash of a key as it lies in a tuple or in a record. */
static __rte_always_inline uint64_t fb_flow_hash_bits_as(const struct fb_hash_secret *s,
							 enum fb_family family, const void *key,
							 uint8_t proto)
{
	const uint8_t *k = key;
	uint64_t src;
	uint64_t dst;

	if (family == FB_IPV4)
		return fb_hash_2(s, fb_flow_load64(k),
				 fb_flow_load32(k + 8) | (uint64_t)proto << 32);
	/* The two addresses do not wait for each other. */
	src = fb_hash_mix(fb_flow_load64(k) ^ s->k[0], fb_flow_load64(k + 8) ^ s->k[1]);
	dst = fb_hash_mix(fb_flow_load64(k + 16) ^ s->k[2], fb_flow_load64(k + 24) ^ s->k[3]);
	return fb_hash_2(s, src ^ dst, fb_flow_load32(k + 32) | (uint64_t)proto << 32);
}

static __rte_always_inline struct fb_flow_hash
fb_flow_hash_key_as(const struct fb_flow_table *t, enum fb_family family, const void *key,
		    uint8_t proto)
{
	const uint64_t hash = fb_flow_hash_bits_as(&t->secret, family, key, proto);

	return (struct fb_flow_hash){
		.home = fb_hash_reduce((uint32_t)(hash >> 32), t->n_homes),
		.low = (uint32_t)hash,
	};
}

static __rte_always_inline struct fb_flow_hash
fb_flow_hash_tuple_as(const struct fb_flow_table *t, enum fb_family family,
		      const struct fb_tuple *tuple)
{
	/* v4 and v6 are a union: both begin where the tuple begins. */
	return fb_flow_hash_key_as(t, family, tuple, tuple->proto);
}

static __rte_always_inline struct fb_flow_hash fb_flow_hash_tuple(const struct fb_flow_table *t,
								  const struct fb_tuple *tuple)
{
	return t->family == FB_IPV4 ? fb_flow_hash_tuple_as(t, FB_IPV4, tuple)
				    : fb_flow_hash_tuple_as(t, FB_IPV6, tuple);
}

static __rte_always_inline uint16_t fb_flow_sig(struct fb_flow_hash hash)
{
	return (uint16_t)hash.low;
}

/** Slots of a bucket in use with this signature, as a bit mask. Reference for the one below. */
static __rte_always_inline uint32_t fb_flow_match_plain(const struct fb_flow_bucket *b,
							uint16_t sig)
{
	uint32_t mask = 0;

	for (uint32_t i = 0; i < FB_FLOW_SLOTS; i++)
		mask |= (uint32_t)(b->sig[i] == sig) << i;
	return mask & b->used;
}

static __rte_always_inline uint32_t fb_flow_match(const struct fb_flow_bucket *b, uint16_t sig)
{
#ifdef __SSE2__
	/* The second load takes in what follows the signatures; `used` masks its six lanes away. */
	const __m128i want = _mm_set1_epi16((short)sig);
	const __m128i *line = (const __m128i *)b;
	const __m128i low = _mm_cmpeq_epi16(_mm_load_si128(line), want);
	const __m128i high = _mm_cmpeq_epi16(_mm_load_si128(line + 1), want);

	return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, high)) & b->used;
#else
	return fb_flow_match_plain(b, sig);
#endif
}

/** Whether a key may be there, by its home's signatures alone: hardly ever wrong, and never certain. */
static __rte_always_inline bool fb_flow_seems_taken(const struct fb_flow_table *t,
						    struct fb_flow_hash hash)
{
	return fb_flow_match(&t->buckets[hash.home], fb_flow_sig(hash)) != 0;
}

static __rte_always_inline void fb_flow_prefetch_index(const struct fb_flow_table *t,
						       struct fb_flow_hash hash)
{
	rte_prefetch0(&t->buckets[hash.home]);
}

/* In place of a direction: the key is certainly in no record. */
#define FB_FLOW_NOWHERE 2

/**
 * Reads the index line. A key that spilled is not worth a second line here: find gets it, slower.
 *
 * @param ret_dir  enum fb_flow_dir with a record; without one FB_FLOW_NOWHERE, or anything else where find has to look
 * @return the record that the key most likely is in, to be looked at by fb_flow_key_equal() when it has
 *         arrived; NULL if there is none or it is elsewhere
 */
static __rte_always_inline struct fb_flow *
fb_flow_prefetch_record_as(const struct fb_flow_table *t, enum fb_family family,
			   struct fb_flow_hash hash, uint8_t *ret_dir)
{
	const struct fb_flow_bucket *b = &t->buckets[hash.home];
	const uint32_t mask = fb_flow_match(b, fb_flow_sig(hash));
	struct fb_flow *flow;
	uint32_t entry;

	if (unlikely(mask == 0)) {
		*ret_dir = b->spilled == 0 ? FB_FLOW_NOWHERE : FB_DIR_CLIENT;
		return NULL;
	}
	entry = b->entry[__builtin_ctz(mask)];
	flow = fb_flow_record(t, family, entry >> 1);
	rte_prefetch0(flow);
	if (family == FB_IPV6)
		rte_prefetch0((const uint8_t *)flow + 64);
	*ret_dir = entry & 1;
	return flow;
}

static __rte_always_inline struct fb_flow *fb_flow_prefetch_record(const struct fb_flow_table *t,
								   struct fb_flow_hash hash,
								   uint8_t *ret_dir)
{
	return t->family == FB_IPV4 ? fb_flow_prefetch_record_as(t, FB_IPV4, hash, ret_dir)
				    : fb_flow_prefetch_record_as(t, FB_IPV6, hash, ret_dir);
}

/* One of a record's keys as a tuple: as packets of that direction come in. */
static inline struct fb_tuple fb_flow_tuple(const struct fb_flow *flow, enum fb_family family,
					    enum fb_flow_dir dir)
{
	struct fb_tuple tuple = {.proto = flow->proto, .family = (uint8_t)family};

	memcpy(&tuple, fb_flow_key(flow, family, dir), fb_flow_key_len(family));
	return tuple;
}

static __rte_always_inline bool fb_flow_key_equal(const struct fb_flow *flow, enum fb_family family,
						  enum fb_flow_dir dir,
						  const struct fb_tuple *tuple)
{
	const uint8_t *a = fb_flow_key(flow, family, dir);
	const uint8_t *b = (const uint8_t *)tuple;
	uint64_t diff = fb_flow_load64(a) ^ fb_flow_load64(b);

	if (family == FB_IPV4) {
		diff |= fb_flow_load32(a + 8) ^ fb_flow_load32(b + 8);
	} else {
		diff |= fb_flow_load64(a + 8) ^ fb_flow_load64(b + 8);
		diff |= fb_flow_load64(a + 16) ^ fb_flow_load64(b + 16);
		diff |= fb_flow_load64(a + 24) ^ fb_flow_load64(b + 24);
		diff |= fb_flow_load32(a + 32) ^ fb_flow_load32(b + 32);
	}
	return (diff | (uint64_t)(flow->proto ^ tuple->proto)) == 0;
}

static __rte_always_inline struct fb_flow *
fb_flow_find_as(const struct fb_flow_table *t, enum fb_family family, const struct fb_tuple *tuple,
		struct fb_flow_hash hash, enum fb_flow_dir *ret_dir)
{
	for (const struct fb_flow_bucket *b = &t->buckets[hash.home];; b++) {
		for (uint32_t mask = fb_flow_match(b, fb_flow_sig(hash)); mask != 0; mask &= mask - 1) {
			const uint32_t entry = b->entry[__builtin_ctz(mask)];
			const enum fb_flow_dir dir = (enum fb_flow_dir)(entry & 1);
			struct fb_flow *flow = fb_flow_record(t, family, entry >> 1);

			if (likely(fb_flow_key_equal(flow, family, dir, tuple))) {
				*ret_dir = dir;
				return flow;
			}
		}
		if (likely(b->spilled == 0))
			return NULL;
	}
}

static __rte_always_inline void fb_flow_prefetch_keys_as(const struct fb_flow_table *t,
							 enum fb_family family,
							 const struct fb_flow *flow,
							 struct fb_flow_hashes *ret)
{
	for (uint32_t dir = FB_DIR_CLIENT; dir <= FB_DIR_ENDPOINT; dir++) {
		const uint8_t *key = fb_flow_key(flow, family, (enum fb_flow_dir)dir);

		ret->key[dir] = fb_flow_hash_key_as(t, family, key, flow->proto);
		fb_flow_prefetch_index(t, ret->key[dir]);
	}
}

/** Ask for the index lines of both keys, for fb_flow_remove_as() (flow/change.h) in a moment. */
static __rte_always_inline void fb_flow_prefetch_keys(const struct fb_flow_table *t,
						      const struct fb_flow *flow,
						      struct fb_flow_hashes *ret)
{
	if (t->family == FB_IPV4)
		fb_flow_prefetch_keys_as(t, FB_IPV4, flow, ret);
	else
		fb_flow_prefetch_keys_as(t, FB_IPV6, flow, ret);
}

/**
 * Find the flow of a packet.
 *
 * Cost: one index line, and on a hit the first line of the record (IPv6: both lines).
 *
 * @param tuple    as parsed, of the table's family
 * @param ret_dir  which side the packet came from; set on a hit only
 * @return the record, valid until this worker's next fb_flow_expire() or remove; NULL if unknown
 */
static __rte_always_inline struct fb_flow *fb_flow_find(const struct fb_flow_table *t,
							const struct fb_tuple *tuple,
							struct fb_flow_hash hash,
							enum fb_flow_dir *ret_dir)
{
	return t->family == FB_IPV4 ? fb_flow_find_as(t, FB_IPV4, tuple, hash, ret_dir)
				    : fb_flow_find_as(t, FB_IPV6, tuple, hash, ret_dir);
}

#endif
