/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_FLOW_TABLE_H
#define FB_FLOW_TABLE_H

/*
 * The flow table of one worker and one family: fixed capacity, two keys a flow, no locks.
 *
 * A flow has a client key (the tuple of the client's packets) and a reply key (the tuple of the
 * endpoint's packets as they arrive here). What either direction is rewritten to is the other key
 * reversed, so a record needs no third tuple:
 *
 *     client packet  -> reverse(reply key)        endpoint packet -> reverse(client key)
 *
 * A hit touches one index line and one record line (IPv4; two record lines for IPv6). The index is
 * an array of one-line buckets of 16-bit signatures and 32-bit places, kept at most 60 % full; a
 * full bucket spills into the next one and says so. All is placed at creation; nothing allocates
 * later. At most 96 bytes an IPv4 flow and 160 an IPv6 flow, all told.
 *
 * The packet path inlines flow/lookup.h (hash, prefetch, find), flow/change.h (insert, remove) and
 * flow/state.h (TCP, UDP and SCTP state). Not here: which endpoint a flow gets, SNAT ports (lib/nat), what to do when the table is
 * full.
 *
 * Thread: everything takes the owning worker unless it says otherwise. Time is an argument, in
 * milliseconds from any origin, 32 bits, wrapping.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "net/packet.h"

enum fb_flow_dir {
	FB_DIR_CLIENT,   /* the packet came from the client */
	FB_DIR_ENDPOINT, /* the packet came from the endpoint */
};

/*
 * Flows that are half open wait in a queue of their kind, the oldest in front. Two kinds, so that a
 * flood of one leaves the other's alone.
 */
enum fb_flow_queue {
	FB_QUEUE_CONNECTIONS, /* OPENING, PROXY_OPENING, COOKIE_WAIT, COOKIE_ECHOED */
	FB_QUEUE_UDP,         /* UDP_NEW */
	FB_QUEUE_COUNT,
};

/* Each state has its timeout. How a flow moves between them: flow/state.h. */
enum fb_flow_state {
	FB_FLOW_FREE,        /* the record is not in use */
	FB_FLOW_OPENING,     /* TCP: no answer from the endpoint acknowledged yet */
	FB_FLOW_ESTABLISHED, /* TCP: data may flow */
	FB_FLOW_CLOSING,     /* TCP: FIN from both sides, or a reset */
	FB_FLOW_UDP_NEW,     /* UDP: packets from one side only */
	FB_FLOW_UDP,         /* UDP: packets from both sides */
	FB_FLOW_COOKIE_WAIT,   /* SCTP: no COOKIE ECHO yet */
	FB_FLOW_COOKIE_ECHOED, /* SCTP: no COOKIE ACK yet */
	FB_FLOW_ASSOCIATED,    /* SCTP: data may flow */
	FB_FLOW_SHUTDOWN,      /* SCTP: one side has no more to say */
	FB_FLOW_CLOSED,        /* SCTP: SHUTDOWN COMPLETE, or an ABORT */
	FB_FLOW_RESET,	     /* TCP: ended here, since its endpoint's time is over; both sides are told */
	/* TCP that was accepted here for the endpoint: flow/shift.h */
	FB_FLOW_PROXY_OPENING, /* the client is there, the endpoint was asked */
	FB_FLOW_PROXIED,       /* as ESTABLISHED, with numbers to be translated */
	FB_FLOW_PROXY_CLOSING, /* as CLOSING, the same */
	FB_FLOW_STATE_COUNT,
};

extern const char *const fb_flow_state_names[FB_FLOW_STATE_COUNT];

/* Bits of fb_flow.flags. */
#define FB_FLOW_SNAT         0x01 /* the client's address is hidden */
#define FB_FLOW_FIN_CLIENT   0x02
#define FB_FLOW_FIN_ENDPOINT 0x04
#define FB_FLOW_SYN_ENDPOINT 0x08 /* SYN+ACK seen */
/*
 * A segment without SYN or RST (SCTP: a packet that neither opens nor ends anything) seen since the
 * flow began, or since the last RST (ABORT).
 */
#define FB_FLOW_HEARD_CLIENT   0x10
#define FB_FLOW_HEARD_ENDPOINT 0x20
#define FB_FLOW_COUNTED	       0x80 /* among its endpoint's open ones: it has not ended */
#define FB_FLOW_AFFINE	       0x40 /* its client's affinity is to be proven by its being established */

/*
 * One record. The keys follow this head: 2 x 12 bytes (IPv4: 64 bytes in all, one cache line) or
 * 2 x 36 bytes (IPv6: 128 bytes with padding). Written by the owning worker only. In FB_FLOW_PROXY_OPENING some fields
 * say something else: flow/shift.h.
 */
struct fb_flow {
	uint32_t last_use_ms;
	uint32_t ep_id;     /* identity of the endpoint (table/read.h); outlives snapshots */
	uint32_t ep_epoch;  /* fb_table_epoch() as of when nh_idx was looked up */
	uint32_t packets;   /* both directions, wrapping; for operators */
	uint32_t link;  /* free: the next free record; half open: the younger one in the queue; else: shift.h */
	uint32_t older; /* half open: the older one in the queue; as link, a place; else: shift.h */
	uint16_t nh_idx;    /* next hop towards the endpoint, valid for ep_epoch */
	uint16_t l4_delta;  /* client direction; the way back is its complement */
	uint16_t ip_delta;
	uint8_t client_mac[6]; /* auto-last-hop: where the client's packets came from */
	uint8_t client_port;   /* port index on which they came in */
	uint8_t proto;
	uint8_t state; /* enum fb_flow_state */
	uint8_t flags; /* FB_FLOW_* */
};

_Static_assert(sizeof(struct fb_flow) == 40, "40 + 2 x 12 is one cache line");

/* A timeout of 2^31 ms (24 days) or more means never: times wrap. */
struct fb_flow_timeouts {
	uint32_t ms[FB_FLOW_STATE_COUNT];
};

struct fb_flow_table;

/* Where the index begins to look for a key; from fb_flow_hash_tuple(), for the same table only. */
struct fb_flow_hash {
	uint32_t home;
	uint32_t low; /* of the hash; home is of its other half */
};

/**
 * Thread: start-up. Memory comes from huge pages where the system has them (explicit, else
 * transparent), placed on numa_node (-1: anywhere), zeroed and touched.
 *
 * @param capacity  flows, 1 to 2^30
 * @param secret    copied; keys cannot be made to collide by who does not know it
 * @return NULL with errno set (ENOMEM, EINVAL)
 */
struct fb_flow_table *fb_flow_table_create(enum fb_family family, uint32_t capacity,
					   const struct fb_hash_secret *secret, int numa_node);
void fb_flow_table_free(struct fb_flow_table *t);

uint32_t fb_flow_count(const struct fb_flow_table *t);
uint32_t fb_flow_capacity(const struct fb_flow_table *t);
/** Bytes of memory that the table took, all told. */
size_t fb_flow_table_bytes(const struct fb_flow_table *t);

/**
 * Insert a flow. The record comes back zeroed but for proto, last_use_ms and the keys; the caller
 * fills the rest and sets state (never FB_FLOW_FREE) last of all, by fb_flow_begin().
 *
 * @param client  tuple of the client's packets; must not be in the table
 * @param reply   tuple of the endpoint's packets
 * @param ret     set on success only
 * @return 0; -ENOSPC if the table (or the neighbourhood of a bucket) is full; -EEXIST if reply is
 *         taken (or the same as client: the two sides could not be told apart)
 */
int fb_flow_insert(struct fb_flow_table *t, const struct fb_tuple *client,
		   const struct fb_tuple *reply, uint32_t now_ms, struct fb_flow **ret);

/**
 * The record is a flow from this store on, also to who finds it after a crash (flow/adopt.h): stores that
 * stand before it are not moved behind it. A process dies between two instructions, so the compiler's
 * order is the one that counts.
 */
static inline void fb_flow_begin(struct fb_flow *flow, enum fb_flow_state state)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	flow->state = (uint8_t)state;
}

/** Whether a tuple is a key of some flow (for choosing a free SNAT port). */
bool fb_flow_taken(const struct fb_flow_table *t, const struct fb_tuple *tuple);

/** Unlink and free one record. */
void fb_flow_remove(struct fb_flow_table *t, struct fb_flow *flow);

/** The two keys of a record. */
struct fb_tuple fb_flow_client_key(const struct fb_flow_table *t, const struct fb_flow *flow);
struct fb_tuple fb_flow_reply_key(const struct fb_flow_table *t, const struct fb_flow *flow);

/* Of both keys of a flow, by enum fb_flow_dir. */
struct fb_flow_hashes {
	struct fb_flow_hash key[2];
};

/** Upper bound of places that may hold a flow; for pacing fb_flow_expire() and for walking. */
uint32_t fb_flow_high_water(const struct fb_flow_table *t);

/** The flow at a place in [0, high water), or NULL if free. */
struct fb_flow *fb_flow_at(const struct fb_flow_table *t, uint32_t place);

#endif
