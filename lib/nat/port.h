/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NAT_PORT_H
#define FB_NAT_PORT_H

/*
 * SNAT ports: who owns which, and finding a free one.
 *
 * The range is dealt to the workers in blocks of 256, so that whoever receives a reply knows the
 * owning worker from the port alone: owner = block_owner[port >> 8]. A port is free towards an
 * endpoint iff the owner's flow table has no such reply key: there is no second bookkeeping to fall
 * out of step, and one SNAT address carries (ports of the worker) flows towards EACH endpoint port.
 *
 * Candidates are drawn from a sequence that the secret and the client's tuple decide (unpredictable
 * from outside, RFC 6056; the same for `explain` as for the packet path), FB_NAT_TRIES at most. A
 * draw rather than a walk, because walks from many starts run into each other's tracks: at 90 %
 * they would need five times the tries. Where RSS is usable (nat/rss.h), only ports whose reply
 * comes back to this worker's queue are tried.
 */

#include <stdint.h>

#include "base/addr.h"
#include "base/hash.h"
#include "flow/table.h"

#define FB_NAT_BLOCK    256 /* ports; a power of two, so that ownership is a shift and a load */
#define FB_NAT_NO_OWNER 0xff
#define FB_NAT_TRIES    64 /* with 90 % of the ports taken, 0.9^64 = 0.1 % of the searches fail */
#define FB_NAT_MAX_WORKERS 64

/* Which port belongs to whom. Read-only after init; shared by all workers. */
struct fb_nat_ports {
	uint8_t block_owner[65536 / FB_NAT_BLOCK]; /* worker index, or FB_NAT_NO_OWNER */
	uint16_t n_blocks[FB_NAT_MAX_WORKERS];
	uint16_t n_workers;
	uint16_t first; /* host order, inclusive; rounded up to a whole block */
	uint16_t last;  /* host order, inclusive; rounded down */
	struct fb_hash_secret secret;
};

/**
 * Thread: start-up.
 * @return 0; -EINVAL if the range has fewer whole blocks than workers, or workers are too many
 */
int fb_nat_ports_init(struct fb_nat_ports *ports, uint16_t first, uint16_t last, uint16_t n_workers,
		      const struct fb_hash_secret *secret);

/**
 * Give the blocks outside the range owners, too: flows that another box began keep its ports, which nothing
 * here ever chooses (sync/message.h). The privileged ports stay without.
 */
void fb_nat_ports_mirror(struct fb_nat_ports *ports);

/** Owning worker of a SNAT port (network order), or FB_NAT_NO_OWNER. Thread: any. */
static inline uint8_t fb_nat_port_owner(const struct fb_nat_ports *ports, rte_be16_t port_be)
{
	return ports->block_owner[rte_be_to_cpu_16(port_be) / FB_NAT_BLOCK];
}

/** How many ports a worker owns. */
static inline uint32_t fb_nat_port_count(const struct fb_nat_ports *ports, uint16_t worker)
{
	return (uint32_t)ports->n_blocks[worker] * FB_NAT_BLOCK;
}

/** The worker's port number i of fb_nat_port_count(), network order. */
static inline rte_be16_t fb_nat_port_at(const struct fb_nat_ports *ports, uint16_t worker,
					uint32_t i)
{
	const uint32_t block = i / FB_NAT_BLOCK * ports->n_workers + worker;

	return rte_cpu_to_be_16((uint16_t)(ports->first + block * FB_NAT_BLOCK + i % FB_NAT_BLOCK));
}

/** One of them by any number. */
static inline rte_be16_t fb_nat_port_drawn(const struct fb_nat_ports *ports, uint16_t worker,
					   uint64_t draw)
{
	return fb_nat_port_at(
		ports, worker,
		fb_hash_reduce((uint32_t)draw, fb_nat_port_count(ports, worker)));
}

struct fb_nat_steer; /* nat/rss.h: for the device that the replies come in on */

/**
 * Choose SNAT address and port for a new flow.
 *
 * Thread: the worker that owns `flows` (explain passes flows = NULL: every port counts as free).
 *
 * @param client     the client's tuple
 * @param ep, ep_port_be  the chosen endpoint
 * @param snat       addresses of the family; the client's address decides which is first, the
 *                   others follow where that one is crowded
 * @param steer      NULL where a reply may come in on any queue, as SCTP's always may
 * @param ret_reply  tuple of the endpoint's packets; set on success only
 * @return 0; -EADDRNOTAVAIL if no port was found free; -ENOENT if n_snat is 0
 */
int fb_nat_choose(const struct fb_nat_ports *ports, uint16_t worker,
		  const struct fb_flow_table *flows, const struct fb_tuple *client,
		  const struct fb_addr *ep, rte_be16_t ep_port_be, const struct fb_addr *snat,
		  uint32_t n_snat, const struct fb_nat_steer *steer, struct fb_tuple *ret_reply);

/**
 * Another candidate, where the first (fb_nat_first()) seems to be taken: one of those that fb_nat_choose() would try at
 * the same SNAT address.
 *
 * @param first  the first draw
 * @param i      which one: 1 is the next
 * @param reply  the first candidate: gets another port, if there is one
 */
void fb_nat_another(const struct fb_nat_ports *ports, uint16_t worker, uint64_t first, uint64_t i,
		    const struct fb_nat_steer *steer, struct fb_tuple *reply);

/**
 * The same where fb_nat_choose() has found none: if no port is free, that of a flow which may lose it.
 * These are flows that are half open, the one that was idle longest; else those that both sides have
 * closed, likewise. The first draws decide if there is a half-open one among them: in a flood there is.
 *
 * @param flows       the worker's, not NULL
 * @param ret_victim  NULL: the port is free; else the flow that has to be removed before the port is
 *                    used
 * @return as fb_nat_choose(); both results are set on success only
 */
int fb_nat_choose_taken(const struct fb_nat_ports *ports, uint16_t worker,
			const struct fb_flow_table *flows, const struct fb_tuple *client,
			const struct fb_addr *ep, rte_be16_t ep_port_be, const struct fb_addr *snat,
			uint32_t n_snat, const struct fb_nat_steer *steer,
			struct fb_tuple *ret_reply, struct fb_flow **ret_victim);

/**
 * Owner of a flow by the client's address and port, which both directions of `dnat` carry unchanged
 * (and of `snat` where the device has no usable RSS). Thread: any.
 */
uint16_t fb_nat_client_owner(const struct fb_nat_ports *ports, const struct fb_addr *client,
			     rte_be16_t client_port_be);

#endif
