/* SPDX-License-Identifier: BSD-3-Clause */

#include "nat/port.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "flow/lookup.h"
#include "flow/queue.h"
#include "nat/first.h"

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

static uint64_t hash_addr(const struct fb_hash_secret *s, const struct fb_addr *a, uint64_t more)
{
	uint64_t w[2];

	memcpy(w, a->bytes, sizeof(w));
	return fb_hash_2(s, fb_hash_mix(w[0] ^ s->k[2], w[1] ^ s->k[3]), more);
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

uint32_t fb_nat_address_of_many(const struct fb_nat_ports *ports, const struct fb_tuple *client,
				uint32_t n_snat)
{
	const struct fb_addr src = fb_tuple_src(client);

	return fb_hash_reduce((uint32_t)(hash_addr(&ports->secret, &src, 0) >> 32), n_snat);
}

static void steer_to(struct draws *d)
{
	if (d->steer != NULL)
		d->rest = fb_nat_steer_begin(d->steer, d->worker, d->reply);
}

static void draws_begin(struct draws *d, const struct fb_nat_ports *ports, uint16_t worker,
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
		.at = fb_nat_address_of(ports, client, n_snat),
		.worker = worker,
		.seed = fb_nat_first_draw(ports, client),
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

static uint64_t draw_number(const struct fb_nat_ports *ports, uint64_t first, uint64_t i)
{
	return i == 0 ? first : fb_hash_2(&ports->secret, first, i);
}

/* @return 0, or -EADDRNOTAVAIL: no port's replies come back to the worker */
static int port_of(const struct fb_nat_ports *ports, uint16_t worker, enum fb_family family,
		   const struct fb_nat_steer *steer, struct fb_nat_steer_rest rest, uint64_t draw,
		   rte_be16_t *ret_port_be)
{
	if (steer != NULL)
		return fb_nat_steer_port(steer, worker, family, rest, draw, ret_port_be);
	*ret_port_be = fb_nat_port_drawn(ports, worker, draw);
	return 0;
}

/* @return whether there was another one */
static bool draws_next(struct draws *d)
{
	while (d->i < FB_NAT_TRIES) {
		const uint64_t draw = draw_number(d->ports, d->seed, d->i);
		rte_be16_t port_be;

		if (unlikely(d->i > 0 && d->i % TRIES_PER_TURN == 0))
			next_address(d);
		d->i++;
		if (port_of(d->ports, d->worker, (enum fb_family)d->reply->family, d->steer,
			    d->rest, draw, &port_be) != 0)
			continue;
		fb_tuple_set_ports(d->reply, fb_tuple_sport(d->reply), port_be);
		return true;
	}
	return false;
}

void fb_nat_another(const struct fb_nat_ports *ports, uint16_t worker, uint64_t first, uint64_t i,
		    const struct fb_nat_steer *steer, struct fb_tuple *reply)
{
	struct fb_nat_steer_rest rest = {0};
	rte_be16_t port_be;

	if (!fb_nat_rss_knows(reply->proto))
		steer = NULL;
	if (steer != NULL)
		rest = fb_nat_steer_begin(steer, worker, reply);
	if (port_of(ports, worker, (enum fb_family)reply->family, steer, rest,
		    draw_number(ports, first, i), &port_be) == 0)
		fb_tuple_set_ports(reply, fb_tuple_sport(reply), port_be);
}

/* With the reply equal to the client's packet nobody could tell the sides apart. */
static bool is_client(const struct fb_tuple *client, const struct fb_tuple *reply)
{
	const size_t len = client->family == FB_IPV4 ? sizeof(client->v4) : sizeof(client->v6);

	return memcmp(client, reply, len) == 0;
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
