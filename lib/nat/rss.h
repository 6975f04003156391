/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NAT_RSS_H
#define FB_NAT_RSS_H

/*
 * Which queue of a device a packet comes in on, and which SNAT ports bring a reply to a given
 * worker.
 *
 * A device picks the queue by the low bits of the Toeplitz hash of the packet's tuple. That hash is
 * linear over XOR: hash(tuple) = hash(tuple without destination port) ^ hash(destination port
 * alone). So each worker's ports are sorted once into classes by what they contribute to those
 * bits. For a new flow the hash of the rest (endpoint, its port, SNAT address) says which classes
 * land on the worker's queues, and any port of these will do: constant time for each candidate,
 * nothing hashed again.
 *
 * One steer per device and set of workers. Read-only after creation: shared by all workers.
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "nat/port.h"
#include "net/packet.h"

#define FB_NAT_RSS_KEY_LEN  40  /* bytes that are used: 36 of an IPv6 tuple, and a window of 4 */
#define FB_NAT_RSS_RETA_MAX 512 /* entries: RTE_ETH_RSS_RETA_SIZE_512 is DPDK's largest */

/* What a device says about its RSS. */
struct fb_nat_rss {
	const uint8_t *key;
	uint32_t key_len;     /* 40 or 52 bytes */
	const uint16_t *reta; /* queue of each entry */
	uint32_t reta_size;   /* a power of two, 1 to FB_NAT_RSS_RETA_MAX */
	const uint8_t *queue_worker; /* worker that polls each queue */
	uint32_t n_queues;
	uint64_t hash_types; /* RTE_ETH_RSS_* as configured */
};

/**
 * Thread: start-up.
 * @param ports  for which worker has which port; not kept
 * @return NULL with errno EINVAL (a size, a queue or a worker out of range) or ENOMEM
 */
struct fb_nat_steer *fb_nat_steer_create(const struct fb_nat_rss *rss,
					 const struct fb_nat_ports *ports);
void fb_nat_steer_free(struct fb_nat_steer *steer);

/**
 * Whether the queue can be told for a protocol at all. SCTP: some devices hash its verification tag
 * too, which differs between the packets of one side, and some hash nothing of it.
 */
static inline bool fb_nat_rss_knows(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

/**
 * The queue on which a packet with this tuple comes in. Thread: any.
 * (0 for packets that the device does not hash: that is where drivers put them.)
 */
uint16_t fb_nat_rss_queue(const struct fb_nat_steer *steer, const struct fb_tuple *tuple);

/** The worker that polls that queue. Thread: any. */
uint8_t fb_nat_rss_worker(const struct fb_nat_steer *steer, const struct fb_tuple *tuple);

/** What a reply's tuple without its destination port says; from fb_nat_steer_begin(). */
struct fb_nat_steer_rest {
	uint32_t low_bits; /* of the hash */
	bool any_port;     /* the device does not look at ports, and the addresses fit */
	bool no_port;      /* it does not, and they don't */
};

/** Thread: any. @param reply  its destination port is not looked at */
struct fb_nat_steer_rest fb_nat_steer_begin(const struct fb_nat_steer *steer, uint16_t worker,
					    const struct fb_tuple *reply);

/**
 * A port of the worker with which the reply comes in at the worker's queue.
 *
 * Thread: any. Cost: two loads from tables that stay cached, more where classes are empty.
 *
 * @param draw         any number; different ones give different ports
 * @param ret_port_be  set on success only
 * @return 0, or -EADDRNOTAVAIL: there is no such port
 */
int fb_nat_steer_port(const struct fb_nat_steer *steer, const struct fb_nat_ports *ports,
		      uint16_t worker, enum fb_family family, struct fb_nat_steer_rest rest,
		      uint64_t draw, rte_be16_t *ret_port_be);

/** Both of these at once, for who tries one port only. */
int fb_nat_steer_first(const struct fb_nat_steer *steer, const struct fb_nat_ports *ports,
		       uint16_t worker, const struct fb_tuple *reply, uint64_t draw,
		       rte_be16_t *ret_port_be);

#endif
