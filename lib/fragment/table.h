/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_FRAGMENT_TABLE_H
#define FB_FRAGMENT_TABLE_H

/*
 * Datagrams in pieces, of one worker: which ports the first piece said, which bytes there were, and the
 * pieces that have to wait. Nothing is put together: pieces go on as they are, once it is known where to.
 *
 * Bounded in everything. A datagram is forgotten when all of it was there, or the timeout after its first
 * piece, and what still waits is dropped then. When there is no room, the oldest has to go: pieces of a
 * datagram come one after the other, so under a flood of forged ones (which nothing tells from true
 * ones) a true one is through long before its turn. A source gets a share of the room and no more; it is
 * counted by a keyed hash of its address, so two sources may be taken for one, but not on purpose.
 *
 * Bytes that were there already do not pass again, and a piece that overlaps others in part spoils its
 * datagram (RFC 5722): whoever puts it together never sees two versions of a byte.
 *
 * Not here: packets (pieces are pointers), ports, flows. Nothing allocates after creation.
 * Thread: the owning worker. Time in milliseconds from any origin, 32 bits, wrapping.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/hash.h"
#include "net/verdict.h"

/*
 * Of one datagram: stretches of bytes with gaps between them, and pieces that wait. 65535 bytes in pieces
 * of 1280 are 54; a reversed or sorted order needs one stretch, the worst a half of the pieces.
 */
#define FB_FRAGMENT_MAX_RANGES 32
#define FB_FRAGMENT_MAX_HELD   64

struct fb_fragment_key {
	struct fb_addr src;
	struct fb_addr dst;
	uint32_t id;   /* as it stands in the packet */
	uint8_t proto; /* IPv4; zero for IPv6, where the first piece alone may know (RFC 8200, 4.5) */
	uint8_t family;
	uint8_t zero[2]; /* compared as bytes */
};

_Static_assert(sizeof(struct fb_fragment_key) == 40, "hashed and compared as bytes");

/* A datagram. What follows the key is the caller's, zero at first, but for what is marked. */
struct fb_datagram {
	struct fb_fragment_key key;
	uint32_t ports_be; /* source and destination, as they stand in the packet; 0: not known */
	uint16_t owner;    /* worker that has the flow */
	uint16_t new_id_be;
	uint16_t l4_at; /* where L4 begins */
	uint8_t proto;  /* of L4 */
	bool resolved;  /* pieces need not wait any more */
	bool fresh;     /* set by the table: the first piece that came; cleared by the caller */

	/* The table's; to be read. */
	uint32_t total_len; /* bytes; 0 until the last piece came */
	uint32_t seen_len;
	uint32_t n_held;
	/* The table's own. */
	uint32_t begin_ms;
	uint32_t place_next; /* in the index, or among the free */
	uint32_t next[2];    /* lists by age: all; those that hold something */
	uint32_t previous[2];
	uint32_t source;
	uint32_t held_first;
	uint32_t held_last;
	uint16_t n_ranges;
	bool spoilt;
	struct {
		uint16_t begin;
		uint16_t end;
	} ranges[FB_FRAGMENT_MAX_RANGES]; /* ascending, apart from each other */
};

struct fb_fragment_limits {
	uint32_t n_datagrams; /* 1 to 2^24 */
	uint32_t n_held;      /* 1 to 2^24 */
	uint32_t percent_per_source;
	uint32_t timeout_ms;
};

/** Called for each piece that will not be asked for any more. */
typedef void fb_fragment_drop_fn(void *arg, void *piece, enum fb_reason reason);

struct fb_fragments;

/**
 * Thread: start-up.
 *
 * @param secret  copied
 * @return NULL with errno set (ENOMEM, EINVAL)
 */
struct fb_fragments *fb_fragments_create(const struct fb_fragment_limits *limits,
					 const struct fb_hash_secret *secret, int numa_node,
					 fb_fragment_drop_fn *drop, void *drop_arg);
/** Nothing is held any more (fb_fragments_flush()). NULL is fine. */
void fb_fragments_free(struct fb_fragments *t);

/** 32 bits of a datagram's hash; the same for all tables with the same secret. */
uint32_t fb_fragments_hash(const struct fb_hash_secret *secret, const struct fb_fragment_key *key);

/**
 * A piece of a datagram came: bytes [offset, offset + len), len not 0, the sum below 65536.
 *
 * @param ret  the datagram, valid until the next call that may forget one (this, expire, flush, done);
 *             set on success only
 * @return FB_REASON_NONE, or why the piece has to be dropped
 */
enum fb_reason fb_fragments_note(struct fb_fragments *t, const struct fb_fragment_key *key,
				 uint16_t offset, uint16_t len, bool more, uint32_t now_ms,
				 struct fb_datagram **ret);

/** Keep a piece of the datagram. @return FB_REASON_NONE, or why it has to be dropped */
enum fb_reason fb_fragments_hold(struct fb_fragments *t, struct fb_datagram *d, void *piece);

/** Take back what is held of a datagram, in the order in which it came. @return how many */
uint32_t fb_fragments_release(struct fb_fragments *t, struct fb_datagram *d,
			      void *ret[FB_FRAGMENT_MAX_HELD]);

/** The caller is done with this piece: forget the datagram if that was all of it. */
void fb_fragments_done(struct fb_fragments *t, struct fb_datagram *d);

/** Forget what is older than the timeout. Cost: one look, and what is due; some of it if it is much. */
void fb_fragments_expire(struct fb_fragments *t, uint32_t now_ms);

/** Forget everything. */
void fb_fragments_flush(struct fb_fragments *t);

uint32_t fb_fragments_n_datagrams(const struct fb_fragments *t);
uint32_t fb_fragments_n_held(const struct fb_fragments *t);

#endif
