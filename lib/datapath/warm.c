/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Stage before service: what each packet that may open a flow would get, as far as it depends on nothing but the
 * snapshot, and the lines that making the flow will touch.
 *
 * A new flow reads a line after another, each found from the one before: the frontend's index, the service, its
 * Maglev slot, the endpoint, what is known of the endpoint, the index of flows. With a thousand services and a million
 * flows none of them is near the core, and one packet after the other would wait for each. So this goes that way for
 * the whole burst, a step of all packets at a time. Whether the packet may open a flow at all is service.c's to say.
 */

#include "datapath/select.h"
#include "datapath/stages.h"
#include "flow/lookup.h"
#include "flow/queue.h"
#include "nat/first.h"

static void find_services(const struct fb_worker *w, struct fb_burst *b,
			  const struct fb_tuple *const *clients)
{
	const struct fb_service *services[FB_BURST_MAX];

	_Static_assert(FB_TABLE_BULK >= FB_BURST_MAX, "all misses of a burst at once");
	fb_table_lookup_bulk(w->snap, clients, b->n_misses, services);
	for (uint16_t k = 0; k < b->n_misses; k++) {
		struct fb_candidate *c = &b->candidates[k];

		c->svc = services[k];
		c->ep = NULL;
		c->has_reply = false;
	}
}

/* Of services that choose by the hash alone. */
static void find_endpoints(const struct fb_worker *w, struct fb_burst *b,
			   const struct fb_tuple *const *clients)
{
	uint64_t hashes[FB_BURST_MAX];
	uint16_t by_hash[FB_BURST_MAX];
	const uint16_t n_misses = b->n_misses;
	uint16_t n = 0;

	for (uint16_t k = 0; k < n_misses; k++) {
		const struct fb_service *svc = b->candidates[k].svc;

		if (svc == NULL || !svc->by_hash)
			continue;
		hashes[n] = fb_table_select_hash(w->snap, svc, clients[k]);
		fb_table_prefetch_slot(svc, hashes[n]);
		by_hash[n++] = k;
	}
	for (uint16_t i = 0; i < n; i++) {
		struct fb_candidate *c = &b->candidates[by_hash[i]];

		c->ep = &c->svc->endpoints[fb_table_place(c->svc, hashes[i])];
		rte_prefetch0(c->ep);
	}
	for (uint16_t i = 0; i < n; i++) {
		struct fb_candidate *c = &b->candidates[by_hash[i]];

		c->info = fb_table_info(w->snap, c->ep->id);
		rte_prefetch0(c->info);
		rte_prefetch0(&w->endpoint_counters[c->ep->id]);
	}
}

/* @return whether it was found; but for its port where *ret_port, on its way, is not NULL */
static __rte_always_inline bool find_reply(const struct fb_worker *w, enum fb_family family,
					   const struct fb_tuple *client,
					   struct fb_flow_hash client_hash, struct fb_candidate *c,
					   const rte_be16_t **ret_port)
{
	const rte_be16_t port_be = fb_table_port_be(w->snap, c->svc, client, c->ep);
	const struct fb_snat_pool *pool;
	const struct fb_next_hop *hop;

	*ret_port = NULL;
	c->nh_idx = c->info->nh_idx;
	hop = &w->snap->next_hops[c->nh_idx];
	if (unlikely(hop->state != FB_HOP_READY))
		return false;
	c->snat = fb_hides_client(c->svc, c->ep, family, client);
	if (!c->snat) {
		fb_tuple_set_answer(&c->reply, client->proto, family, &c->ep->addr, port_be, client,
				    family == FB_IPV4 ? client->v4.sport : client->v6.sport);
		return true;
	}
	pool = &w->snap->snat[hop->port][family];
	return fb_nat_first_as(&w->dp->nat, w->idx, family, client,
			       fb_nat_draw_of(&w->dp->nat, client_hash), &c->ep->addr, port_be,
			       pool->addrs, pool->n, w->dp->steer[hop->port], &c->reply,
			       ret_port) == 0;
}

/*
 * Where the share of half-open flows is used up, the oldest go for those that come (room.c): one for each of the burst,
 * as far as can be told now. @return whether there are any
 */
static bool find_oldest(const struct fb_worker *w, struct fb_flow *ret[][FB_QUEUE_COUNT])
{
	bool any = false;

	for (uint32_t f = 0; f < FB_FAMILY_COUNT; f++) {
		for (uint32_t q = 0; q < FB_QUEUE_COUNT; q++) {
			const struct fb_flow_table *t = w->flows[f];
			const uint32_t queued = fb_flow_queued(t, (enum fb_flow_queue)q);

			ret[f][q] = unlikely(queued + FB_BURST_MAX > w->half_open_most[f])
					    ? fb_flow_oldest(t, (enum fb_flow_queue)q)
					    : NULL;
			any |= ret[f][q] != NULL;
		}
	}
	return any;
}

static void leave(const struct fb_worker *w, struct fb_burst *b, const struct fb_flow_table *t,
		  struct fb_flow **oldest)
{
	struct fb_leaving *l;

	if (*oldest == NULL)
		return;
	l = &b->leaving[b->n_leaving++];
	l->flow = *oldest;
	fb_flow_prefetch_keys(t, l->flow, &l->hashes);
	rte_prefetch0(&w->endpoint_counters[l->flow->ep_id]);
	*oldest = fb_flow_younger(t, l->flow);
	rte_prefetch0(*oldest); /* NULL is no fault */
}

static void find_replies(const struct fb_worker *w, struct fb_burst *b,
			 const struct fb_tuple *const *clients)
{
	struct fb_flow *oldest[FB_FAMILY_COUNT][FB_QUEUE_COUNT];
	const bool some_leave = find_oldest(w, oldest);
	const rte_be16_t *ports[FB_BURST_MAX];
	const uint16_t n = b->n_misses;

	b->n_leaving = 0;
	b->n_left = 0;
	for (uint16_t k = 0; k < n; k++) {
		struct fb_candidate *c = &b->candidates[k];
		const struct fb_flow_hash hash = b->hashes[b->misses[k]];

		if (c->ep == NULL)
			continue;
		c->has_reply = likely(clients[k]->family == FB_IPV4)
				       ? find_reply(w, FB_IPV4, clients[k], hash, c, &ports[k])
				       : find_reply(w, FB_IPV6, clients[k], hash, c, &ports[k]);
	}
	for (uint16_t k = 0; k < n; k++) {
		const struct fb_tuple *client = clients[k];
		const struct fb_flow_table *t = w->flows[client->family];
		struct fb_candidate *c = &b->candidates[k];

		if (unlikely(!c->has_reply))
			continue;
		if (ports[k] != NULL)
			fb_tuple_set_ports(&c->reply, fb_tuple_sport(&c->reply), *ports[k]);
		c->reply_hash = fb_flow_hash_tuple(t, &c->reply);
		fb_flow_prefetch_index(t, c->reply_hash);
		if (unlikely(some_leave))
			leave(w, b, t, &oldest[client->family][fb_flow_queue_of(client->proto)]);
	}
}

void fb_stage_warm(struct fb_worker *w, struct fb_burst *b)
{
	const struct fb_tuple *clients[FB_BURST_MAX];

	if (unlikely(w->snap == NULL))
		return;
	for (uint16_t k = 0; k < b->n_misses; k++)
		clients[k] = &b->pkts[b->misses[k]].tuple;
	find_services(w, b, clients);
	find_endpoints(w, b, clients);
	find_replies(w, b, clients);
}
