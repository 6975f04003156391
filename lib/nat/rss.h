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

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

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

/* One worker's ports of one family: class c is port[start[c]] to port[start[c + 1] - 1]. */
struct fb_nat_classes {
	uint32_t start[FB_NAT_RSS_RETA_MAX + 1];
	rte_be16_t *port;
};

struct fb_nat_steer_part {
	uint32_t n_entries;
	uint16_t entry[FB_NAT_RSS_RETA_MAX]; /* RETA entries whose queue is the worker's */
	struct fb_nat_classes classes[FB_FAMILY_COUNT];
};

/* For this library, and for what a new flow's first port takes, which is inlined (nat/first.h). */
struct fb_nat_steer {
	uint32_t mask; /* reta_size - 1 */
	uint16_t n_workers;
	bool hashes_ports[FB_FAMILY_COUNT][2]; /* of TCP, of UDP */
	bool hashes_addresses[FB_FAMILY_COUNT];
	uint16_t queue[FB_NAT_RSS_RETA_MAX];
	uint8_t owner[FB_NAT_RSS_RETA_MAX]; /* worker of each entry */
	uint8_t owner_unhashed;             /* worker of queue 0 */
	/* What each value of each byte of the tuple contributes to the low bits. Both families
	 * begin at the key's first bit, so IPv4 uses the first 12 rows. */
	uint16_t contribution[sizeof(struct fb_tuple6)][256];
	struct fb_nat_steer_part part[];
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

static __rte_always_inline uint32_t fb_nat_steer_fold(const struct fb_nat_steer *s,
						      const void *tuple, uint32_t begin,
						      uint32_t end)
{
	const uint8_t *bytes = tuple;
	uint32_t low_bits = 0;

	for (uint32_t i = begin; i < end; i++)
		low_bits ^= s->contribution[i][bytes[i]];
	return low_bits;
}

static __rte_always_inline bool fb_nat_steer_by_ports(const struct fb_nat_steer *s,
						      enum fb_family family, uint8_t proto)
{
	return fb_nat_rss_knows(proto) && s->hashes_ports[family][proto == IPPROTO_UDP];
}

static __rte_always_inline struct fb_nat_steer_rest
fb_nat_steer_begin_as(const struct fb_nat_steer *steer, uint16_t worker, enum fb_family family,
		      uint8_t proto, const struct fb_tuple *reply)
{
	struct fb_nat_steer_rest rest = {0};

	if (likely(fb_nat_steer_by_ports(steer, family, proto))) {
		/* Each with its length known, so that nothing is counted. */
		rest.low_bits = family == FB_IPV4 ? fb_nat_steer_fold(steer, reply, 0, 10)
							 : fb_nat_steer_fold(steer, reply, 0, 34);
		return rest;
	}
	rest.any_port = fb_nat_rss_worker(steer, reply) == worker;
	rest.no_port = !rest.any_port;
	return rest;
}

/** Thread: any. @param reply  its destination port is not looked at */
static __rte_always_inline struct fb_nat_steer_rest
fb_nat_steer_begin(const struct fb_nat_steer *steer, uint16_t worker, const struct fb_tuple *reply)
{
	return fb_nat_steer_begin_as(steer, worker, (enum fb_family)reply->family, reply->proto,
				     reply);
}

/**
 * Where a port of the worker stands with which the reply comes in at the worker's queue: not read yet, so that who
 * has many packets in hand can ask for its line first.
 *
 * Thread: any. Cost: two loads from tables that stay cached, more where classes are empty.
 *
 * @param draw  any number; different ones give different ports
 * @return NULL: there is no such port
 */
static __rte_always_inline const rte_be16_t *
fb_nat_steer_port_at(const struct fb_nat_steer *steer, uint16_t worker, enum fb_family family,
		     struct fb_nat_steer_rest rest, uint64_t draw)
{
	const struct fb_nat_steer_part *part = &steer->part[worker];
	const struct fb_nat_classes *classes = &part->classes[family];
	uint32_t at = fb_hash_reduce((uint32_t)(draw >> 32), part->n_entries);

	if (unlikely(rest.any_port))
		return &classes->port[fb_hash_reduce((uint32_t)draw,
						     classes->start[steer->mask + 1])];
	if (unlikely(rest.no_port))
		return NULL;
	/* A class is empty only where the worker has few ports, or the key few bits. */
	for (uint32_t n = part->n_entries; n > 0; n--) {
		const uint32_t class = rest.low_bits ^ part->entry[at];
		const uint32_t start = classes->start[class];
		const uint32_t size = classes->start[class + 1] - start;

		if (likely(size > 0))
			return &classes->port[start + fb_hash_reduce((uint32_t)draw, size)];
		if (++at == part->n_entries)
			at = 0;
	}
	return NULL;
}

/**
 * The port itself.
 *
 * @param ret_port_be  set on success only
 * @return 0, or -EADDRNOTAVAIL: there is none
 */
static inline int fb_nat_steer_port(const struct fb_nat_steer *steer, uint16_t worker,
				    enum fb_family family, struct fb_nat_steer_rest rest,
				    uint64_t draw, rte_be16_t *ret_port_be)
{
	const rte_be16_t *at = fb_nat_steer_port_at(steer, worker, family, rest, draw);

	if (at == NULL)
		return -EADDRNOTAVAIL;
	*ret_port_be = *at;
	return 0;
}

#endif
