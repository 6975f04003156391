/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A new flow for which warm.c has found nothing, or nothing that will do: its endpoint by other ways than the hash, its
 * SNAT port one candidate after the other, its room in the table.
 */

#include <errno.h>

#include "datapath/select.h"
#include "datapath/stages.h"
#include "flow/change.h"
#include "flow/lookup.h"
#include "nat/port.h"

enum fb_reason fb_search_endpoint(struct fb_worker *w, const struct fb_tuple *client,
				  struct fb_candidate *c, bool waits_for_hop)
{
	uint8_t state;

	if (c->ep == NULL)
		c->ep = fb_select(w, c->svc, client);
	if (c->ep == NULL)
		return FB_REASON_NO_ENDPOINTS;
	c->nh_idx = fb_table_info(w->snap, c->ep->id)->nh_idx;
	c->snat = fb_hides_client(c->svc, c->ep, (enum fb_family)client->family, client);
	state = w->snap->next_hops[c->nh_idx].state;
	if (state == FB_HOP_NONE)
		return FB_REASON_NO_ROUTE;
	return state == FB_HOP_READY || waits_for_hop ? FB_REASON_NONE : FB_REASON_NEXT_HOP;
}

/*
 * SNAT ports towards the endpoint are used up, or were so a moment ago: then a search that begins by
 * hoping for a free one would cost a full table's worth of misses for each packet of a flood.
 */
#define PORTS_SHORT_MS 1000

static int choose_port(struct fb_worker *w, const struct fb_tuple *client,
		       const struct fb_addr *ep_addr, rte_be16_t port_be,
		       const struct fb_next_hop *hop, struct fb_tuple *ret_reply)
{
	const enum fb_family family = (enum fb_family)client->family;
	const struct fb_snat_pool *pool = &w->snap->snat[hop->port][family];
	const struct fb_nat_steer *steer = w->dp->steer[hop->port];
	struct fb_flow *victim;
	int err;

	if (likely(!w->ports_short)) {
		err = fb_nat_choose(&w->dp->nat, w->idx, w->flows[family], client, ep_addr, port_be,
				    pool->addrs, pool->n, steer, ret_reply);
		if (likely(err != -EADDRNOTAVAIL))
			return err;
		w->ports_short = true;
		w->ports_short_ms = w->now_ms;
	} else if (w->now_ms - w->ports_short_ms >= PORTS_SHORT_MS) {
		w->ports_short = false;
	}
	err = fb_nat_choose_taken(&w->dp->nat, w->idx, w->flows[family], client, ep_addr, port_be,
				  pool->addrs, pool->n, steer, ret_reply, &victim);
	if (err == 0 && victim != NULL) {
		fb_room_evict(w, family, victim, FB_EVICTED_PORTS);
		w->ports_level = RTE_MAX(w->ports_level, (uint8_t)FB_LEVEL_PRESSURE);
	} else if (err == -EADDRNOTAVAIL) {
		w->ports_level = FB_LEVEL_FULL;
	}
	return err;
}

static int insert(struct fb_worker *w, const struct fb_tuple *client, struct fb_flow_hash hash,
		  const struct fb_candidate *c, struct fb_flow **ret)
{
	return fb_flow_insert_any(w->flows[client->family], client, hash, &c->reply, c->reply_hash,
				  w->now_ms, ret);
}

static int search_and_insert(struct fb_worker *w, const struct fb_tuple *client,
			     struct fb_flow_hash hash, struct fb_candidate *c,
			     struct fb_flow **ret)
{
	const struct fb_endpoint *ep = c->ep;
	rte_be16_t port_be = fb_table_port_be(w->snap, c->svc, client, ep);
	int err = 0;

	if (c->snat)
		err = choose_port(w, client, &ep->addr, port_be, &w->snap->next_hops[c->nh_idx],
				  &c->reply);
	else
		fb_tuple_set_answer(&c->reply, client->proto, (enum fb_family)client->family,
				    &ep->addr, port_be, client, fb_tuple_sport(client));
	if (err != 0)
		return err;
	c->reply_hash = fb_flow_hash_tuple(w->flows[client->family], &c->reply);
	return insert(w, client, hash, c, ret);
}

enum fb_reason fb_search_flow(struct fb_worker *w, const struct fb_tuple *client,
			      struct fb_flow_hash hash, struct fb_candidate *c, int err,
			      struct fb_flow **ret)
{
	if (err == -EAGAIN)
		err = search_and_insert(w, client, hash, c, ret);
	if (err == -EEXIST) {
		c->snat = true;
		err = search_and_insert(w, client, hash, c, ret);
	}
	if (err == -ENOSPC && fb_room_in_table(w, (enum fb_family)client->family, client->proto))
		err = insert(w, client, hash, c, ret);
	return err == 0		? FB_REASON_NONE
	       : err == -ENOSPC ? FB_REASON_FLOW_TABLE_FULL
	       : err == -ENOENT ? FB_REASON_NO_SNAT_ADDRESS
				: FB_REASON_SNAT_PORTS;
}
