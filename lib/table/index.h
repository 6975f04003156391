/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_TABLE_INDEX_H
#define FB_TABLE_INDEX_H

/*
 * The two indices behind fb_table_lookup() and fb_table_address(): open addressing with linear
 * probing, at most half full, entries that never straddle a cache line. Ranges of ports are a sorted
 * array beside them, which only addresses with FB_ADDR_RANGES are looked up in.
 *
 * The write side keeps a frontend index of its own that it changes in place (no tombstones: removal
 * moves entries back), and a commit copies it whole: 32 bytes per place, which is far less work than
 * inserting everything again. The address index is derived from it at commit.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_prefetch.h>

#include "base/addr.h"
#include "base/hash.h"

struct fb_frontend_entry {
	struct fb_addr addr;
	rte_be16_t port_be; /* of a range the first; 0: every port that has no entry of its own */
	uint8_t proto; /* 0: the place is free */
	uint8_t kinds; /* bits (1 << enum fb_frontend_kind) */
	uint32_t place; /* in fb_snapshot.services */
	uint16_t last;  /* as in struct fb_frontend_spec, host order */
	uint16_t shift;
	uint32_t spare;
};

struct fb_frontend_index {
	uint32_t mask;
	uint32_t n;
	struct fb_frontend_entry entries[] __attribute__((aligned(64)));
};

/* Ranges of ports: few, by address, protocol and port; those of one address and protocol lie apart. */
struct fb_frontend_ranges {
	uint32_t n;
	uint32_t cap;
	struct fb_frontend_entry entries[] __attribute__((aligned(64)));
};

struct fb_address_entry {
	struct fb_addr addr;
	uint8_t bits; /* FB_ADDR_*; 0: the place is free */
	uint8_t spare[15];
};

struct fb_address_index {
	uint32_t mask;
	uint32_t n;
	uint64_t box_ends; /* of each FB_ADDR_BOX: fb_snapshot.box_ends */
	struct fb_address_entry entries[] __attribute__((aligned(64)));
};

_Static_assert(sizeof(struct fb_frontend_entry) == 32, "two on a line, none straddles");
_Static_assert(sizeof(struct fb_address_entry) == 32, "two on a line, none straddles");

static inline uint64_t fb_index_address_hash(const struct fb_hash_secret *s,
					     const struct fb_addr *addr)
{
	uint64_t w[2];

	memcpy(w, addr->bytes, sizeof(w));
	return fb_hash_2(s, w[0], w[1]);
}

/* An IPv4 address fits into one word with the rest, which takes half the multiplications. */
static inline uint64_t fb_index_frontend_hash4(const struct fb_hash_secret *s, rte_be32_t addr,
					       rte_be16_t port_be, uint8_t proto)
{
	return fb_hash_2(s, addr, (uint64_t)port_be << 8 | proto);
}

static inline uint64_t fb_index_frontend_hash(const struct fb_hash_secret *s,
					      const struct fb_addr *addr, rte_be16_t port_be,
					      uint8_t proto)
{
	rte_be32_t v4;

	if (fb_addr_family(addr) == FB_IPV4) {
		memcpy(&v4, fb_addr_bytes(addr, FB_IPV4), sizeof(v4));
		return fb_index_frontend_hash4(s, v4, port_be, proto);
	}
	return fb_hash_2(s, fb_index_address_hash(s, addr), (uint64_t)port_be << 8 | proto);
}

/* The entry of a key, or the free entry where it would go; by the key's hash. */
static inline const struct fb_frontend_entry *
fb_frontend_index_at_hash(const struct fb_frontend_index *index, uint64_t hash,
			  const struct fb_addr *addr, rte_be16_t port_be, uint8_t proto)
{
	for (uint32_t i = (uint32_t)hash & index->mask;; i = (i + 1) & index->mask) {
		const struct fb_frontend_entry *e = &index->entries[i];

		if (e->proto == 0 || (e->proto == proto && e->port_be == port_be &&
				      fb_addr_equal(&e->addr, addr)))
			return e;
	}
}

static inline const struct fb_frontend_entry *
fb_frontend_index_at(const struct fb_frontend_index *index, const struct fb_hash_secret *s,
		     const struct fb_addr *addr, rte_be16_t port_be, uint8_t proto)
{
	return fb_frontend_index_at_hash(index, fb_index_frontend_hash(s, addr, port_be, proto),
					 addr, port_be, proto);
}

/* Order of ranges: is e wholly before that port of that address and protocol? */
static inline bool fb_frontend_range_before(const struct fb_frontend_entry *e,
					    const struct fb_addr *addr, uint8_t proto,
					    uint16_t port)
{
	int order = memcmp(e->addr.bytes, addr->bytes, sizeof(addr->bytes));

	if (order == 0)
		order = (int)e->proto - (int)proto;
	return order < 0 || (order == 0 && e->last < port);
}

/**
 * The first range that has one of the ports first to last (host order); NULL: none has.
 * Cost: log n of their lines.
 */
static inline const struct fb_frontend_entry *
fb_frontend_ranges_at(const struct fb_frontend_ranges *r, const struct fb_addr *addr, uint8_t proto,
		      uint16_t first, uint16_t last)
{
	uint32_t from = 0;
	uint32_t to = r->n;
	const struct fb_frontend_entry *e;

	while (from < to) {
		uint32_t mid = from + (to - from) / 2;

		if (fb_frontend_range_before(&r->entries[mid], addr, proto, first))
			from = mid + 1;
		else
			to = mid;
	}
	e = &r->entries[from];
	return from < r->n && e->proto == proto && rte_be_to_cpu_16(e->port_be) <= last &&
			       fb_addr_equal(&e->addr, addr)
		       ? e
		       : NULL;
}

/* The same for fb_address_index_at(). */
static inline void fb_address_index_prefetch(const struct fb_address_index *index,
					     const struct fb_hash_secret *s,
					     const struct fb_addr *addr)
{
	rte_prefetch0(&index->entries[(uint32_t)fb_index_address_hash(s, addr) & index->mask]);
}

static inline const struct fb_address_entry *
fb_address_index_at(const struct fb_address_index *index, const struct fb_hash_secret *s,
		    const struct fb_addr *addr)
{
	uint32_t i = (uint32_t)fb_index_address_hash(s, addr) & index->mask;

	for (;; i = (i + 1) & index->mask) {
		const struct fb_address_entry *e = &index->entries[i];

		if (e->bits == 0 || fb_addr_equal(&e->addr, addr))
			return e;
	}
}

/* Write side. Indices are parts (table/part.h): freed with fb_part_free(). */

/** An empty index with room for n entries; NULL: no memory. */
struct fb_frontend_index *fb_frontend_index_create(uint32_t n);
struct fb_frontend_index *fb_frontend_index_copy(const struct fb_frontend_index *from);

/** Room for n entries in all: *index may become another one. @return 0 or -ENOMEM */
int fb_frontend_index_reserve(struct fb_frontend_index **index, const struct fb_hash_secret *s,
			      uint32_t n);

/** Free an entry that fb_frontend_index_at() found; other entries may move. */
void fb_frontend_index_remove(struct fb_frontend_index *index, const struct fb_hash_secret *s,
			      struct fb_frontend_entry *e);

/** No ranges, with room for n; NULL: no memory. */
struct fb_frontend_ranges *fb_frontend_ranges_create(uint32_t n);
struct fb_frontend_ranges *fb_frontend_ranges_copy(const struct fb_frontend_ranges *from);

/** Room for n ranges in all: *ranges may become another one. @return 0 or -ENOMEM */
int fb_frontend_ranges_reserve(struct fb_frontend_ranges **ranges, uint32_t n);

/** Put a range where it belongs; there has to be room, and no other may touch it. */
struct fb_frontend_entry *fb_frontend_ranges_insert(struct fb_frontend_ranges *ranges,
						    const struct fb_frontend_entry *e);
void fb_frontend_ranges_remove(struct fb_frontend_ranges *ranges, struct fb_frontend_entry *e);

/** An empty index with room for n addresses; NULL: no memory. */
struct fb_address_index *fb_address_index_create(uint32_t n);

/** Add bits to an address; there has to be room. bits is not 0. */
void fb_address_index_add(struct fb_address_index *index, const struct fb_hash_secret *s,
			  const struct fb_addr *addr, uint8_t bits);

#endif
