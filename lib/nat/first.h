/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NAT_FIRST_H
#define FB_NAT_FIRST_H

/*
 * What fb_nat_choose() tries first, for who asks for its lines while others are in hand. Inlined, since every new
 * flow that hides its client comes here. Thread: any.
 */

#include <errno.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_prefetch.h>

#include "flow/lookup.h"
#include "nat/port.h"
#include "nat/rss.h"

/* port.c: of more than one. */
uint32_t fb_nat_address_of_many(const struct fb_nat_ports *ports, const struct fb_tuple *client,
				uint32_t n_snat);

/* A client's SNAT address is the same whatever it asks. */
static __rte_always_inline uint32_t fb_nat_address_of(const struct fb_nat_ports *ports,
						      const struct fb_tuple *client,
						      uint32_t n_snat)
{
	return likely(n_snat == 1) ? 0 : fb_nat_address_of_many(ports, client, n_snat);
}

/* Sets draws apart from any other use of the secret. Any value would do. */
#define FB_NAT_DRAWS UINT64_C(0x6c62272e07bb0142)

/*
 * A client's first draw, from the hash of its tuple by the same secret, as workers' flow tables have it: of that what does
 * not depend on the table's size.
 */
static __rte_always_inline uint64_t fb_nat_draw_of(const struct fb_nat_ports *ports,
						   struct fb_flow_hash client_hash)
{
	return fb_hash_mix(client_hash.low ^ ports->secret.k[0], ports->secret.k[1] ^ FB_NAT_DRAWS);
}

/** The same for who has no table: the number that fb_nat_choose() begins with. */
static inline uint64_t fb_nat_first_draw(const struct fb_nat_ports *ports, const struct fb_tuple *t)
{
	const struct fb_hash_secret *s = &ports->secret;
	const uint64_t hash = t->family == FB_IPV4 ? fb_flow_hash_bits_as(s, FB_IPV4, t, t->proto)
						   : fb_flow_hash_bits_as(s, FB_IPV6, t, t->proto);

	return fb_nat_draw_of(ports, (struct fb_flow_hash){.low = (uint32_t)hash});
}

static __rte_always_inline int
fb_nat_first_as(const struct fb_nat_ports *ports, uint16_t worker, enum fb_family family,
		const struct fb_tuple *client, uint64_t draw, const struct fb_addr *ep,
		rte_be16_t ep_port_be, const struct fb_addr *snat, uint32_t n_snat,
		const struct fb_nat_steer *steer, struct fb_tuple *ret_reply,
		const rte_be16_t **ret_at)
{
	const uint8_t proto = client->proto;

	if (unlikely(n_snat == 0))
		return -ENOENT;
	fb_tuple_set_answer(ret_reply, proto, family, ep, ep_port_be,
			    fb_addr_bytes(&snat[fb_nat_address_of(ports, client, n_snat)], family),
			    0);
	if (steer == NULL || !fb_nat_rss_knows(proto)) {
		fb_tuple_set_ports(ret_reply, ep_port_be, fb_nat_port_drawn(ports, worker, draw));
		*ret_at = NULL;
		return 0;
	}
	*ret_at = fb_nat_steer_port_at(
		steer, worker, family,
		fb_nat_steer_begin_as(steer, worker, family, proto, ret_reply), draw);
	rte_prefetch0(*ret_at); /* NULL is no fault */
	return likely(*ret_at != NULL) ? 0 : -EADDRNOTAVAIL;
}

/**
 * Free or not: it is free iff fb_flow_insert() takes it. The one above is for who has the first draw, and knows the
 * family when it is compiled.
 *
 * @param ret_reply  may be written in any case
 * @param ret_at     where the port stands that the reply lacks yet, on its way to the core; NULL: it has it
 * @return 0; -EADDRNOTAVAIL if no port's replies come back to the worker; -ENOENT if n_snat is 0
 */
static inline int fb_nat_first(const struct fb_nat_ports *ports, uint16_t worker,
			       const struct fb_tuple *client, const struct fb_addr *ep,
			       rte_be16_t ep_port_be, const struct fb_addr *snat, uint32_t n_snat,
			       const struct fb_nat_steer *steer, struct fb_tuple *ret_reply,
			       const rte_be16_t **ret_at)
{
	return fb_nat_first_as(ports, worker, (enum fb_family)client->family, client,
			       fb_nat_first_draw(ports, client), ep, ep_port_be, snat, n_snat,
			       steer, ret_reply, ret_at);
}

#endif
