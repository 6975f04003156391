/* SPDX-License-Identifier: BSD-3-Clause */

#include "nat/port.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "nat/rss.h"

/* At one SNAT address before the next has its turn: a client leaves its own only if crowded. */
#define TRIES_PER_TURN 8

int fb_nat_ports_init(struct fb_nat_ports *ports, uint16_t first, uint16_t last, uint16_t n_workers,
		      const struct fb_hash_secret *secret)
{
	const uint32_t first_block = ((uint32_t)first + FB_NAT_BLOCK - 1) / FB_NAT_BLOCK;
	const uint32_t end_block = ((uint32_t)last + 1) / FB_NAT_BLOCK;
	struct fb_nat_ports p = {.n_workers = n_workers, .secret = *secret};
	uint16_t worker = 0;

	if (n_workers == 0 || n_workers > FB_NAT_MAX_WORKERS || end_block < first_block ||
	    end_block - first_block < n_workers)
		return -EINVAL;
	memset(p.block_owner, FB_NAT_NO_OWNER, sizeof(p.block_owner));
	for (uint32_t block = first_block; block < end_block; block++) {
		p.block_owner[block] = (uint8_t)worker;
		p.n_blocks[worker]++;
		worker = (uint16_t)(worker + 1 == n_workers ? 0 : worker + 1);
	}
	p.first = (uint16_t)(first_block * FB_NAT_BLOCK);
	p.last = (uint16_t)(end_block * FB_NAT_BLOCK - 1);
	*ports = p;
	return 0;
}

uint32_t fb_nat_port_count(const struct fb_nat_ports *ports, uint16_t worker)
{
	return (uint32_t)ports->n_blocks[worker] * FB_NAT_BLOCK;
}

rte_be16_t fb_nat_port_at(const struct fb_nat_ports *ports, uint16_t worker, uint32_t i)
{
	const uint32_t block = i / FB_NAT_BLOCK * ports->n_workers + worker;

	return rte_cpu_to_be_16((uint16_t)(ports->first + block * FB_NAT_BLOCK + i % FB_NAT_BLOCK));
}

static uint64_t hash_addr(const struct fb_hash_secret *s, const struct fb_addr *a, uint64_t more)
{
	uint64_t w[2];

	memcpy(w, a->bytes, sizeof(w));
	return fb_hash_2(s, fb_hash_mix(w[0] ^ s->k[2], w[1] ^ s->k[3]), more);
}

static void set_dst(struct fb_tuple *t, const struct fb_addr *a)
{
	if (t->family == FB_IPV4)
		memcpy(&t->v4.dst, fb_addr_wire(a), sizeof(t->v4.dst));
	else
		memcpy(t->v6.dst, a->bytes, sizeof(t->v6.dst));
}

static void set_dport(struct fb_tuple *t, rte_be16_t port_be)
{
	if (t->family == FB_IPV4)
		t->v4.dport = port_be;
	else
		t->v6.dport = port_be;
}

static struct fb_tuple reply_from(const struct fb_tuple *client, const struct fb_addr *ep,
				  rte_be16_t ep_port_be)
{
	struct fb_tuple reply = {.proto = client->proto, .family = client->family};

	if (reply.family == FB_IPV4) {
		memcpy(&reply.v4.src, fb_addr_wire(ep), sizeof(reply.v4.src));
		reply.v4.sport = ep_port_be;
	} else {
		memcpy(reply.v6.src, ep->bytes, sizeof(reply.v6.src));
		reply.v6.sport = ep_port_be;
	}
	return reply;
}

/* With the reply equal to the client's packet nobody could tell the sides apart. */
static bool is_free(const struct fb_flow_table *flows, const struct fb_tuple *client,
		    const struct fb_tuple *reply)
{
	const size_t len = client->family == FB_IPV4 ? sizeof(client->v4) : sizeof(client->v6);

	return memcmp(client, reply, len) != 0 && (flows == NULL || !fb_flow_taken(flows, reply));
}

int fb_nat_choose(const struct fb_nat_ports *ports, uint16_t worker,
		  const struct fb_flow_table *flows, const struct fb_tuple *client,
		  const struct fb_addr *ep, rte_be16_t ep_port_be, const struct fb_addr *snat,
		  uint32_t n_snat, const struct fb_nat_steer *steer, struct fb_tuple *ret_reply)
{
	const enum fb_family family = (enum fb_family)client->family;
	const uint32_t n_ports = fb_nat_port_count(ports, worker);
	const struct fb_hash_secret *s = &ports->secret;
	struct fb_tuple reply = reply_from(client, ep, ep_port_be);
	struct fb_nat_steer_rest rest = {0};
	struct fb_addr src = fb_addr_from_bytes(family, (const uint8_t *)client);
	struct fb_addr dst = fb_addr_from_bytes(family, (const uint8_t *)client +
								fb_family_addr_len(family));
	const uint64_t seed = hash_addr(s, &src, (uint64_t)client->proto << 32 |
							 (uint64_t)fb_tuple_sport(client) << 16 |
							 fb_tuple_dport(client)) ^
			      hash_addr(s, &dst, s->k[0]);
	uint32_t at =
		n_snat == 0 ? 0 : fb_hash_reduce((uint32_t)(hash_addr(s, &src, 0) >> 32), n_snat);

	if (n_snat == 0)
		return -ENOENT;
	if (!fb_nat_rss_knows(client->proto))
		steer = NULL;
	for (uint64_t i = 0; i < FB_NAT_TRIES; i++) {
		const uint64_t draw = fb_hash_2(s, seed, i);
		rte_be16_t port_be;

		if (i % TRIES_PER_TURN == 0) {
			if (i > 0 && ++at == n_snat)
				at = 0;
			set_dst(&reply, &snat[at]);
			if (steer != NULL)
				rest = fb_nat_steer_begin(steer, worker, &reply);
		}
		if (steer == NULL)
			port_be = fb_nat_port_at(ports, worker,
						 fb_hash_reduce((uint32_t)draw, n_ports));
		else if (fb_nat_steer_port(steer, ports, worker, family, rest, draw, &port_be) != 0)
			continue;
		set_dport(&reply, port_be);
		if (is_free(flows, client, &reply)) {
			*ret_reply = reply;
			return 0;
		}
	}
	return -EADDRNOTAVAIL;
}

uint16_t fb_nat_client_owner(const struct fb_nat_ports *ports, const struct fb_addr *client,
			     rte_be16_t client_port_be)
{
	const uint64_t hash = hash_addr(&ports->secret, client, client_port_be);

	return (uint16_t)fb_hash_reduce((uint32_t)(hash >> 32), ports->n_workers);
}
