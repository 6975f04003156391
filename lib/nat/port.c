/* SPDX-License-Identifier: BSD-3-Clause */

#include "nat/port.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "flow/lookup.h"
#include "flow/queue.h"
#include "nat/rss.h"

#define PRIVILEGED 1024

/* At one SNAT address before the next has its turn: a client leaves its own only if crowded. */
#define TRIES_PER_TURN 8

/*
 * Of so many taken ports the half-open flow that was idle longest gives its own: the oldest of 16 is
 * among the oldest eighth in nearly 9 of 10 cases, and hardly ever a young one.
 */
#define FIRST_DRAWS 16

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

void fb_nat_ports_mirror(struct fb_nat_ports *ports)
{
	for (uint32_t block = PRIVILEGED / FB_NAT_BLOCK; block < 65536 / FB_NAT_BLOCK;
	     block++) {
		if (ports->block_owner[block] == FB_NAT_NO_OWNER)
			ports->block_owner[block] = (uint8_t)(block % ports->n_workers);
	}
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

/* The client's tuple by itself: no candidate, and no hash of a table. Any value would do. */
#define DRAWS UINT64_C(0x6c62272e07bb0142)

static inline uint64_t hash_tuple(const struct fb_hash_secret *s, const struct fb_tuple *t)
{
	uint64_t words[4];
	uint32_t ports;

	if (t->family == FB_IPV4) {
		memcpy(words, &t->v4.src, sizeof(words[0]));
		memcpy(&ports, &t->v4.sport, sizeof(ports));
		return fb_hash_2(s, words[0] ^ DRAWS, (uint64_t)t->proto << 32 | ports);
	}
	memcpy(words, t->v6.src, sizeof(words));
	memcpy(&ports, &t->v6.sport, sizeof(ports));
	return fb_hash_2(s,
			 fb_hash_mix(words[0] ^ s->k[0], words[1] ^ s->k[1]) ^
				 fb_hash_mix(words[2] ^ s->k[2], words[3] ^ s->k[3]) ^ DRAWS,
			 (uint64_t)t->proto << 32 | ports);
}

/* The candidates of one search, one after the other. */
struct draws {
	const struct fb_nat_ports *ports;
	const struct fb_nat_steer *steer; /* NULL: any port will do */
	const struct fb_addr *snat;
	uint32_t n_snat;
	uint32_t at; /* place in snat */
	uint16_t worker;
	uint64_t seed;
	uint64_t i; /* the next draw's number */
	struct fb_nat_steer_rest rest;
	struct fb_tuple *reply; /* the candidate */
};

/* A client's SNAT address is the same whatever it asks. */
static inline uint32_t address_of(const struct fb_hash_secret *s, const struct fb_tuple *client,
				  uint32_t n_snat)
{
	struct fb_addr src;

	if (likely(n_snat == 1))
		return 0;
	src = fb_tuple_src(client);
	return fb_hash_reduce((uint32_t)(hash_addr(s, &src, 0) >> 32), n_snat);
}

static inline rte_be16_t any_port(const struct fb_nat_ports *ports, uint16_t worker, uint64_t draw)
{
	return fb_nat_port_at(
		ports, worker,
		fb_hash_reduce((uint32_t)draw, fb_nat_port_count(ports, worker)));
}

static inline void steer_to(struct draws *d)
{
	if (d->steer != NULL)
		d->rest = fb_nat_steer_begin(d->steer, d->worker, d->reply);
}

static inline void draws_begin(struct draws *d, const struct fb_nat_ports *ports, uint16_t worker,
			       const struct fb_tuple *client, const struct fb_addr *ep,
			       rte_be16_t ep_port_be, const struct fb_addr *snat, uint32_t n_snat,
			       const struct fb_nat_steer *steer, struct fb_tuple *reply)
{
	const enum fb_family family = (enum fb_family)client->family;

	*d = (struct draws){
		.ports = ports,
		.steer = fb_nat_rss_knows(client->proto) ? steer : NULL,
		.snat = snat,
		.n_snat = n_snat,
		.at = address_of(&ports->secret, client, n_snat),
		.worker = worker,
		.seed = hash_tuple(&ports->secret, client),
		.reply = reply,
	};
	fb_tuple_set_answer(reply, client->proto, family, ep, ep_port_be,
			    fb_addr_bytes(&snat[d->at], family), 0);
	steer_to(d);
}

static void next_address(struct draws *d)
{
	const enum fb_family family = (enum fb_family)d->reply->family;

	d->at = d->at + 1 < d->n_snat ? d->at + 1 : 0;
	memcpy(family == FB_IPV4 ? (void *)&d->reply->v4.dst : d->reply->v6.dst,
	       fb_addr_bytes(&d->snat[d->at], family), fb_family_addr_len(family));
	steer_to(d);
}

/* @return whether there was another one */
static inline bool draws_next(struct draws *d)
{
	while (d->i < FB_NAT_TRIES) {
		const uint64_t draw =
			d->i == 0 ? d->seed : fb_hash_2(&d->ports->secret, d->seed, d->i);
		rte_be16_t port_be;

		if (unlikely(d->i > 0 && d->i % TRIES_PER_TURN == 0))
			next_address(d);
		d->i++;
		if (d->steer == NULL)
			port_be = any_port(d->ports, d->worker, draw);
		else if (fb_nat_steer_port(d->steer, d->ports, d->worker,
					   (enum fb_family)d->reply->family, d->rest, draw,
					   &port_be) != 0)
			continue;
		fb_tuple_set_ports(d->reply, fb_tuple_sport(d->reply), port_be);
		return true;
	}
	return false;
}

/* With the reply equal to the client's packet nobody could tell the sides apart. */
static bool is_client(const struct fb_tuple *client, const struct fb_tuple *reply)
{
	const size_t len = client->family == FB_IPV4 ? sizeof(client->v4) : sizeof(client->v6);

	return memcmp(client, reply, len) == 0;
}

int fb_nat_first(const struct fb_nat_ports *ports, uint16_t worker, const struct fb_tuple *client,
		 const struct fb_addr *ep, rte_be16_t ep_port_be, const struct fb_addr *snat,
		 uint32_t n_snat, const struct fb_nat_steer *steer, struct fb_tuple *ret_reply)
{
	const enum fb_family family = (enum fb_family)client->family;
	const uint64_t draw = hash_tuple(&ports->secret, client);
	rte_be16_t port_be;

	if (unlikely(n_snat == 0))
		return -ENOENT;
	fb_tuple_set_answer(ret_reply, client->proto, family, ep, ep_port_be,
			    fb_addr_bytes(&snat[address_of(&ports->secret, client, n_snat)], family),
			    0);
	if (steer == NULL || !fb_nat_rss_knows(client->proto))
		port_be = any_port(ports, worker, draw);
	else if (unlikely(fb_nat_steer_first(steer, ports, worker, ret_reply, draw, &port_be) != 0))
		return -EADDRNOTAVAIL;
	fb_tuple_set_ports(ret_reply, ep_port_be, port_be);
	return 0;
}

int fb_nat_choose(const struct fb_nat_ports *ports, uint16_t worker,
		  const struct fb_flow_table *flows, const struct fb_tuple *client,
		  const struct fb_addr *ep, rte_be16_t ep_port_be, const struct fb_addr *snat,
		  uint32_t n_snat, const struct fb_nat_steer *steer, struct fb_tuple *ret_reply)
{
	struct fb_tuple reply;
	struct draws d;

	if (n_snat == 0)
		return -ENOENT;
	draws_begin(&d, ports, worker, client, ep, ep_port_be, snat, n_snat, steer, &reply);
	while (draws_next(&d)) {
		if (is_client(client, &reply) || (flows != NULL && fb_flow_taken(flows, &reply)))
			continue;
		*ret_reply = reply;
		return 0;
	}
	return -EADDRNOTAVAIL;
}

/* What would go for a new flow, the dearest last. */
enum price { HALF_OPEN, CLOSED_BY_BOTH, DEAR };

static enum price price_of(const struct fb_flow *flow)
{
	const uint8_t fins = FB_FLOW_FIN_CLIENT | FB_FLOW_FIN_ENDPOINT;

	if (fb_flow_is_half_open(flow))
		return HALF_OPEN;
	/* A reset alone may be a forged one (flow/state.h). */
	return (flow->state == FB_FLOW_CLOSING || flow->state == FB_FLOW_PROXY_CLOSING) &&
			       (flow->flags & fins) == fins
		       ? CLOSED_BY_BOTH
		       : DEAR;
}

int fb_nat_choose_taken(const struct fb_nat_ports *ports, uint16_t worker,
			const struct fb_flow_table *flows, const struct fb_tuple *client,
			const struct fb_addr *ep, rte_be16_t ep_port_be, const struct fb_addr *snat,
			uint32_t n_snat, const struct fb_nat_steer *steer,
			struct fb_tuple *ret_reply, struct fb_flow **ret_victim)
{
	struct fb_flow *victim = NULL;
	enum price least = DEAR;
	struct fb_tuple reply;
	struct draws d;

	if (n_snat == 0)
		return -ENOENT;
	draws_begin(&d, ports, worker, client, ep, ep_port_be, snat, n_snat, steer, &reply);
	while (draws_next(&d) && (d.i <= FIRST_DRAWS || least != HALF_OPEN)) {
		enum fb_flow_dir dir;
		struct fb_flow *flow;
		enum price price;

		if (is_client(client, &reply))
			continue;
		flow = fb_flow_find(flows, &reply, fb_flow_hash_tuple(flows, &reply), &dir);
		if (flow == NULL) {
			*ret_reply = reply;
			*ret_victim = NULL;
			return 0;
		}
		price = dir == FB_DIR_ENDPOINT ? price_of(flow) : DEAR;
		/* Differences, since times wrap. */
		if (price < least || (price == least && price != DEAR &&
				      (int32_t)(flow->last_use_ms - victim->last_use_ms) < 0)) {
			least = price;
			victim = flow;
			*ret_reply = reply;
		}
	}
	*ret_victim = victim;
	return victim != NULL ? 0 : -EADDRNOTAVAIL;
}

uint16_t fb_nat_client_owner(const struct fb_nat_ports *ports, const struct fb_addr *client,
			     rte_be16_t client_port_be)
{
	const uint64_t hash = hash_addr(&ports->secret, client, client_port_be);

	return (uint16_t)fb_hash_reduce((uint32_t)(hash >> 32), ports->n_workers);
}
