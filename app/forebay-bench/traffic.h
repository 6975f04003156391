/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BENCH_TRAFFIC_H
#define FB_BENCH_TRAFFIC_H

/*
 * Clients, their connections, and the order in which the packets of established connections come.
 */

#include <stdint.h>

#include "world.h"

/*
 * Numbers that look random and are the same in each run (a Weyl sequence through the keyed hash).
 */
uint64_t bench_random(uint64_t *state);

/* An endless source of client tuples that worker 0 owns, each another one. */
struct bench_clients {
	const struct bench_world *world;
	enum fb_family family;
	uint64_t next;
};

struct fb_tuple bench_clients_next(struct bench_clients *clients);

/*
 * Packets of established connections: each in both directions, all shuffled, again and again. Tuples
 * are kept without what they have in common, so that reading the list disturbs caches little.
 */
struct bench_traffic {
	enum fb_family family;
	uint8_t *packets; /* n keys of key_len bytes */
	uint32_t key_len;
	uint32_t n;
	uint32_t at;
};

struct fb_tuple bench_traffic_at(const struct bench_traffic *traffic, uint32_t i);

/**
 * Open connections through the worker (three packets each) and shuffle what they send.
 *
 * @return 0; -ENOMEM; -EPROTO if the worker did not forward a handshake
 */
int bench_traffic_open(struct bench_world *world, enum fb_family family, uint32_t n_flows,
		       struct bench_traffic *ret);
void bench_traffic_close(struct bench_traffic *traffic);

/** The next packets, as a batch of fresh mbufs. @return 0 or -ENOMEM */
int bench_traffic_batch(struct bench_traffic *traffic, struct rte_mempool *pool,
			struct rte_mbuf **mbufs);

/** A batch of one kind of packet. @return 0 or -ENOMEM */
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
