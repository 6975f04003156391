/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BENCH_TRAFFIC_H
#define FB_BENCH_TRAFFIC_H

/*
 * Clients, their connections, and the order in which the packets of established connections come.
 */

#include <stdint.h>

#include "world.h"

/* Which packets, of whom, in which order. */
struct bench_shape {
	uint8_t proto;        /* IPPROTO_TCP or _UDP */
	uint16_t frame_bytes; /* without FCS; 0: the least */
	bool sequential;      /* as the connections were opened; else shuffled */
	bool zipf; /* the k-th flow has 1/k of the first one's packets; else all the same */
	uint16_t new_permille; /* packets that open a flow */
};

/*
 * Numbers that look random and are the same in each run (a Weyl sequence through the keyed hash).
 */
uint64_t bench_random(uint64_t *state);

/* An endless source of client tuples that worker 0 owns, each another one. */
struct bench_clients {
	const struct bench_world *world;
	enum fb_family family;
	uint8_t proto;
	uint64_t next;
};

/** The i-th client (from 1 on) of a Service, whoever owns it. */
struct fb_tuple bench_client(enum fb_family family, uint8_t proto, uint64_t i, uint32_t service);

struct fb_tuple bench_clients_next(struct bench_clients *clients);

/*
 * Packets of established connections, each in both directions. Uniform: each once, then all again.
 * Tuples are kept without what they have in common, so that reading the list disturbs caches little.
 */
struct bench_traffic {
	enum fb_family family;
	struct bench_shape shape;
	uint8_t *packets; /* n keys of key_len bytes; by flow, unless shuffled */
	uint32_t key_len;
	uint32_t n;
	uint32_t at;
	uint64_t random;
	struct bench_clients fresh; /* where new flows come from */
	uint32_t new_credit;        /* thousandths of a packet */
};

struct fb_tuple bench_traffic_at(const struct bench_traffic *traffic, uint32_t i);

/**
 * Open connections through the worker (TCP: three packets each, UDP: two) and order what they send.
 *
 * @return 0; -ENOMEM; -EPROTO if the worker did not forward a handshake
 */
int bench_traffic_open(struct bench_world *world, enum fb_family family, uint32_t n_flows,
		       const struct bench_shape *shape, struct bench_traffic *ret);
void bench_traffic_close(struct bench_traffic *traffic);

/**
 * The next packets, as a batch of fresh mbufs.
 *
 * @param established_only  leave out those that open flows @return 0 or -ENOMEM
 */
int bench_traffic_batch(struct bench_traffic *traffic, struct rte_mempool *pool,
			bool established_only, struct rte_mbuf **mbufs);

/** A batch of one kind of packet, the smallest. @return 0 or -ENOMEM */
int bench_batch(struct rte_mempool *pool, const struct fb_tuple *tuples, uint8_t tcp_flags,
		struct rte_mbuf **mbufs);

/**
 * The batch through the worker, burst by burst, with all that its loop does beside receiving.
 *
 * @param now_ms  the worker's clock; NULL: the real one
 * @return TSC cycles
 */
uint64_t bench_worker_batch(struct bench_world *world, struct rte_mbuf **mbufs,
			    const uint32_t *now_ms);

/**
 * Tuples of the endpoints' packets for clients' tuples. @return 0, or -EPROTO if there is no flow
 */
int bench_replies(const struct bench_world *world, const struct fb_tuple *clients,
		  struct fb_tuple *ret_replies);

#endif
