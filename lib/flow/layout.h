/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_FLOW_LAYOUT_H
#define FB_FLOW_LAYOUT_H

/*
 * How a flow table lies in memory; for flow/lookup.h, which the packet path inlines, and for this
 * library's own files. Callers use table.h.
 *
 * One region holds the table, the index and the records, in this order; or the records have one of their
 * own (flow/adopt.h). The index is an array of
 * one-line buckets. A key has a home bucket; when that is full, the key goes into one of the next
 * FB_FLOW_REACH buckets, and every bucket that it passed over counts it in `spilled`. So a lookup
 * ends at the first bucket with spilled == 0, and removal undoes what insertion did without moving
 * anything.
 * The array has FB_FLOW_REACH buckets more than there are homes: nothing wraps.
 */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "flow/region.h"
#include "flow/table.h"

#define FB_FLOW_SLOTS 10 /* what fits into a line: 10 x (2 + 4) bytes and 4 bytes for the bucket */

/*
 * Homes: one for three flows, which is six keys in ten slots. Then 5 % of the homes overflow, and a
 * chain over FB_FLOW_REACH full buckets does not happen by chance (the longest seen among 10 M
 * flows at capacity is 8).
 */
#define FB_FLOW_PER_HOME 3
#define FB_FLOW_REACH    32

struct fb_flow_bucket {
	uint16_t sig[FB_FLOW_SLOTS];
	uint16_t spilled; /* keys that passed over: at most FB_FLOW_REACH x FB_FLOW_SLOTS */
	uint16_t used;    /* bit i: slot i holds an entry */
	uint32_t entry[FB_FLOW_SLOTS]; /* place << 1 | enum fb_flow_dir */
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct fb_flow_bucket) == 64, "one cache line");

#define FB_FLOW_FULL	 ((1u << FB_FLOW_SLOTS) - 1) /* fb_flow_bucket.used */
#define FB_FLOW_NO_PLACE UINT32_MAX

/*
 * Flows of one kind that are half open, oldest first: a doubly linked list by places through the records. A record
 * that is in none has link == older, both a place or zero; one that is alone has "no place" in both.
 */
struct fb_flow_queued {
	uint32_t oldest; /* place, or FB_FLOW_NO_PLACE */
	uint32_t youngest;
	uint32_t count;
};

struct fb_flow_table {
	/* Read by every lookup, never written after creation. */
	struct fb_flow_bucket *buckets;
	uint8_t *records;
	struct fb_hash_secret secret;
	uint32_t n_homes;
	uint32_t capacity;
	uint32_t family; /* enum fb_family */

	/* Written by insert, remove and expire. */
	uint32_t count __attribute__((aligned(64)));
	uint32_t free_head;  /* place of the free record used last, or FB_FLOW_NO_PLACE */
	uint32_t high_water; /* places from here on were never used */
	uint32_t hand;       /* where fb_flow_expire() goes on */
	struct fb_flow_queued queues[FB_QUEUE_COUNT];
	struct fb_region region; /* what all of this lies in */
	struct fb_region kept;   /* the records alone, where they outlive the process (flow/adopt.h) */
};

/** Bytes of one key in a record. */
static inline uint32_t fb_flow_key_len(enum fb_family family)
{
	return family == FB_IPV4 ? sizeof(struct fb_tuple4) : sizeof(struct fb_tuple6);
}

/** A record is 1 << this many bytes. */
static inline uint32_t fb_flow_record_shift(enum fb_family family)
{
	return family == FB_IPV4 ? 6 : 7;
}

static inline struct fb_flow *fb_flow_record(const struct fb_flow_table *t, enum fb_family family,
					     uint32_t place)
{
	return (struct fb_flow *)(t->records + ((size_t)place << fb_flow_record_shift(family)));
}

static inline uint32_t fb_flow_place(const struct fb_flow_table *t, enum fb_family family,
				     const struct fb_flow *flow)
{
	return (uint32_t)(((const uint8_t *)flow - t->records) >> fb_flow_record_shift(family));
}

static inline uint8_t *fb_flow_key(const struct fb_flow *flow, enum fb_family family,
				   enum fb_flow_dir dir)
{
	return (uint8_t *)(uintptr_t)(flow + 1) + dir * fb_flow_key_len(family);
}

/* table.c, for adopt.c and change.h: put an entry into the first bucket with room, from home on. @return 0, -ENOSPC */
int fb_flow_link_entry(struct fb_flow_table *t, struct fb_flow_hash hash, uint32_t entry);
void fb_flow_unlink_entry(struct fb_flow_table *t, struct fb_flow_hash hash, uint32_t entry);

#endif
