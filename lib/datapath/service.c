/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Stage: packets that belong to no flow here. Look the service up, select an endpoint, create the
 * flow; or find out who else should have the packet: its owner, the kernel, or nobody.
 */

#include <errno.h>
#include <netinet/in.h>

#include <rte_tcp.h>

#include "datapath/select.h"
#include "datapath/stages.h"
#include "datapath/stateless.h"
#include "flow/change.h"
#include "flow/lookup.h"
#include "flow/queue.h"
#include "flow/shift.h"
#include "flow/state.h"
#include "nat/first.h"
#include "net/rewrite.h"

/* The packet is at its owner already, or goes there now (then true). */
static bool handed_to_owner(struct fb_worker *w, struct fb_burst *b, uint16_t i, uint16_t owner)
{
	if (owner == w->idx || b->handed_over)
		return false;
	fb_end_handover(w, b, i, owner);
	return true;
}

/*
 * The destination is no frontend. A reply that came in at the wrong worker, an unknown port of a
 * service address, the box itself, or somebody else's packet that the kernel may want to route.
 */
static void no_service(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	const struct fb_tuple *tuple = &b->pkts[i].tuple;
	struct fb_addr dst = fb_tuple_dst(tuple);
	rte_be16_t dport = fb_tuple_dport(tuple);
	uint8_t bits = fb_table_address(w->snap, &dst);

	if (bits & FB_ADDR_SNAT) {
		uint8_t owner = fb_nat_port_owner(&w->dp->nat, dport);
		const uint16_t ingress = fb_ingress(b->mbufs[i]);

		if (owner != FB_NAT_NO_OWNER && handed_to_owner(w, b, i, owner)) {
			fb_count_astray(w, ingress, tuple);
			return;
		}
	}
	/* A `dnat` reply has its client as destination, which may be a node whose address is a service's. */
	if (!(bits & (FB_ADDR_BOX | FB_ADDR_SNAT)) &&
	    handed_to_owner(w, b, i, fb_nat_client_owner(&w->dp->nat, &dst, dport)))
		return;
	if (!(bits & (FB_ADDR_BOX | FB_ADDR_SNAT)) &&
	    (fb_stateless_reply(w, b, i) || fb_ask_client(w, b, i)))
		return;
	if (bits & FB_ADDR_BOX)
		fb_end_punt(w, b, i);
	else if (bits & FB_ADDR_SERVICE)
		fb_end_reject(w, b, i, FB_REASON_NO_SERVICE);
	else if (bits & FB_ADDR_SNAT)
		fb_end_drop(w, b, i, FB_REASON_NO_FLOW);
	else if (bits & FB_ADDR_UNUSED) /* whose routes may lead back here */
		fb_end_drop(w, b, i, FB_REASON_UNUSED_ADDRESS);
	else
		fb_end_punt(w, b, i);
}

/* Insert the flow, translated as the mode says: as it was found for the burst, or else anew. */
static __rte_always_inline enum fb_reason
insert_flow(struct fb_worker *w, enum fb_family family, const struct fb_tuple *client,
	    struct fb_flow_hash hash, struct fb_candidate *c, struct fb_flow **ret)
{
	int err = -EAGAIN;

	if (unlikely(fb_flow_queued(w->flows[family], fb_flow_queue_of(client->proto)) >=
		     w->half_open_most[family]))
		fb_room_in_share(w, family, client->proto);
	if (likely(c->has_reply))
		err = fb_flow_insert_as(w->flows[family], family, client, hash, &c->reply,
					c->reply_hash, w->now_ms, ret);
	return likely(err == 0) ? FB_REASON_NONE
				: fb_search_flow(w, client, hash, c, err, ret);
}

static uint8_t first_state(uint8_t proto)
{
	return proto == IPPROTO_TCP    ? FB_FLOW_OPENING
	       : proto == IPPROTO_SCTP ? FB_FLOW_COOKIE_WAIT
				       : FB_FLOW_UDP_NEW;
}

/* start: of a connection that began with a cookie; NULL: of all others. */
static __rte_always_inline enum fb_reason create_flow(struct fb_worker *w, enum fb_family family,
						      const struct fb_packet *pkt,
						      struct fb_flow_hash hash,
						      struct fb_candidate *c,
						      const struct fb_flow_opening *start,
						      struct fb_flow **ret)
{
	struct fb_endpoint_counters *ec;
	enum fb_reason reason;
	struct fb_rewrite rw;
	struct fb_flow *flow;

	/* A cookie does not come again: the flow waits until its endpoint can be asked (fb_proxy_ask_again()). */
	if (unlikely(!c->has_reply)) {
		reason = fb_search_endpoint(w, &pkt->tuple, c, start != NULL);
		if (reason != FB_REASON_NONE)
			return reason;
	}
	reason = insert_flow(w, family, &pkt->tuple, hash, c, &flow);
	if (unlikely(reason != FB_REASON_NONE))
		return reason;
	/* Sums do not care which of the two is the source. */
	fb_rewrite_prepare_as(family, &pkt->tuple, &c->reply, &rw);
	flow->ip_delta = rw.ip_delta;
	flow->l4_delta = rw.l4_delta;
	flow->flags = (uint8_t)((c->snat ? FB_FLOW_SNAT : 0) |
				(c->svc->affinity_s > 0 ? FB_FLOW_AFFINE : 0) | FB_FLOW_COUNTED);
	flow->ep_id = c->ep->id;
	flow->ep_epoch = fb_table_epoch(w->snap, c->ep->id);
	flow->nh_idx = c->nh_idx;
	if (unlikely(start != NULL))
		fb_flow_opening_begin(flow, start);
	fb_flow_begin(flow, start == NULL ? first_state(pkt->proto) : FB_FLOW_PROXY_OPENING);
	fb_flow_enqueue_as(w->flows[family], family, flow);
	ec = &w->endpoint_counters[c->ep->id];
	ec->flows++;
	ec->live++;
	ec->open++;
	w->counters.flows_created++;
	*ret = flow;
	return FB_REASON_NONE;
}

/* Resets are not answered, and answers have a rate: the service's counters say what came of it. */
static void reject(struct fb_worker *w, struct fb_burst *b, uint16_t i,
		   const struct fb_service *svc, enum fb_reason reason)
{
	struct fb_service_counters *sc = &w->service_counters[svc->id];

	fb_end_reject(w, b, i, reason);
	if (b->verdicts[i] == FB_VERDICT_REJECT)
		sc->rejected++;
	else
		sc->dropped++;
}

/*
 * In the middle of a connection that nobody here knows. With the client's address kept, the hash leads
 * to the endpoint that another box or an earlier run chose; with a hidden one the port is lost, and
 * without a hash the endpoint: a reset lets the client start again at once. What no client sends (a
 * SYN+ACK: somebody asked in our name) or nobody answers (a reset) makes no flow in either mode.
 * SCTP's chunks stand where TCP's flags do.
 */
static bool begins_nothing(const struct fb_packet *pkt, const struct fb_service *svc)
{
	const uint8_t begins = RTE_TCP_SYN_FLAG;
	const uint8_t answers = RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG;

	if (likely((pkt->tcp_flags & (answers | RTE_TCP_RST_FLAG)) == begins) ||
	    pkt->proto == IPPROTO_UDP)
		return false;
	if ((pkt->tcp_flags & RTE_TCP_RST_FLAG) || (pkt->tcp_flags & answers) == answers)
		return true;
	return (svc->mode == FB_MODE_SNAT || !fb_selection_by_hash(svc->selection)) &&
	       (pkt->tcp_flags & begins) == 0;
}

/* A bit of fb_burst.made. */
static inline uint64_t bit_of(struct fb_flow_hash hash)
{
	return UINT64_C(1) << (hash.home % 64);
}

static bool is_admitted(const struct fb_service *svc, const struct fb_tuple *client)
{
	struct fb_addr src;

	if (svc->n_sources == 0)
		return true;
	src = fb_tuple_src(client);
	return fb_table_admits(svc, &src);
}

/*
 * TCP of a service whose clients have to show first that they are there. What is in the middle of a connection
 * that nobody here knows has numbers that no endpoint knows, or may have. @return whether the packet came to its
 * end; else it begins a flow, with *ret_start where it is no SYN
 */
static bool proxied(struct fb_worker *w, struct fb_burst *b, uint16_t i, const struct fb_service *svc,
		    struct fb_flow_opening *ret_start)
{
	const struct fb_packet *pkt = &b->pkts[i];

	if (fb_packet_opens(pkt)) {
		if (!fb_proxy_is_asked(w, svc))
			return false;
		if (pkt->kind == FB_PARSE_SERVICE)
			fb_proxy_answer(w, b, i, svc);
		else
			fb_end_drop(w, b, i, FB_REASON_SYN_PROXY);
		return true;
	}
	if (pkt->kind == FB_PARSE_SERVICE &&
	    (pkt->tcp_flags & (RTE_TCP_SYN_FLAG | RTE_TCP_RST_FLAG)) == 0 &&
	    fb_proxy_accepts(w, b, i, ret_start))
		return false;
	reject(w, b, i, svc, FB_REASON_NO_FLOW);
	return true;
}

static void drop(struct fb_worker *w, struct fb_burst *b, uint16_t i, const struct fb_service *svc,
		 enum fb_reason reason)
{
	w->service_counters[svc->id].dropped++;
	fb_end_drop(w, b, i, reason);
}

/*
 * Of a service that is not open to all. @return whether the packet came to its end; else it begins a flow, with
 * *ret_start where *ret_started
 */
static __rte_noinline bool turned_away(struct fb_worker *w, struct fb_burst *b, uint16_t i,
				       const struct fb_service *svc,
				       struct fb_flow_opening *ret_start, bool *ret_started)
{
	const struct fb_packet *pkt = &b->pkts[i];

	if (svc->n_slots == 0) {
		if (svc->elsewhere)
			drop(w, b, i, svc, FB_REASON_NO_LOCAL_ENDPOINT);
		else
			reject(w, b, i, svc, FB_REASON_NO_ENDPOINTS);
		return true;
	}
	if (!is_admitted(svc, &pkt->tuple)) {
		drop(w, b, i, svc, FB_REASON_SOURCE_RANGE);
		return true;
	}
	if (svc->proxied && pkt->proto == IPPROTO_TCP) {
		if (proxied(w, b, i, svc, ret_start))
			return true;
		/* A SYN, while nothing presses, is like any other. */
		*ret_started = !fb_packet_opens(pkt);
	}
	return false;
}

/* For packets that go to clients without a flow (ask.c). Most clients come by one hop, so few are looked at. */
static void note_hop(struct fb_worker *w, const struct fb_burst *b, uint16_t i)
{
	if (unlikely(w->counters.flows_created % 16 == 0 || w->stateless->votes == 0))
		fb_stateless_note_hop(w, b, i);
}

static __rte_always_inline void miss(struct fb_worker *w, struct fb_burst *b, uint16_t i,
				     enum fb_family family, struct fb_candidate *c)
{
	const struct fb_packet *pkt = &b->pkts[i];
	const struct fb_service *svc = c->svc;
	struct fb_flow_opening start;
	bool started = false;
	struct fb_flow *flow;
	enum fb_reason reason;

	if (fb_table_source_is_forged(w->snap, &pkt->tuple)) {
		fb_end_drop(w, b, i, FB_REASON_BAD_ADDRESS);
		return;
	}
	if (svc == NULL) {
		no_service(w, b, i);
		return;
	}
	if (handed_to_owner(w, b, i,
			    fb_owner_of_service(w, svc, fb_ingress(b->mbufs[i]), &pkt->tuple)))
		return;
	/* Another box may have what goes on here: a reset would end it. */
	if (unlikely(__atomic_load_n(&w->dp->draining, __ATOMIC_RELAXED))) {
		drop(w, b, i, svc, FB_REASON_BOX_DRAINING);
		return;
	}
	if (unlikely(!svc->open) && turned_away(w, b, i, svc, &start, &started))
		return;
	if (!started && begins_nothing(pkt, svc)) {
		reject(w, b, i, svc, FB_REASON_NO_FLOW);
		return;
	}
	/* Room is for those that need it; what the table gives anyway needs none. */
	if (unlikely(w->levels[FB_BOUND_FLOWS + family].level != FB_LEVEL_NORMAL) &&
	    fb_stateless_request(w, b, i, svc))
		return;
	reason = likely(w->sources == NULL && !svc->limited)
			 ? FB_REASON_NONE
			 : fb_limit_new_flow(w, svc, &pkt->tuple);
	if (likely(reason == FB_REASON_NONE))
		reason = create_flow(w, family, pkt, b->hashes[i], c, started ? &start : NULL, &flow);
	if (unlikely(reason != FB_REASON_NONE)) {
		drop(w, b, i, svc, reason);
		return;
	}
	b->flows[i] = flow;
	b->dirs[i] = FB_DIR_CLIENT;
	b->hits[b->n_hits++] = i;
	b->made |= bit_of(b->hashes[i]) | bit_of(c->reply_hash);
	if (svc->mode == FB_MODE_DNAT)
		note_hop(w, b, i);
}

/*
 * Stage flow has looked each of them up, and found none or one that has to go. Whether an earlier packet of this burst
 * has made the flow meanwhile is looked up again where it may have. @return whether that settled it
 */
static bool found_again(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	const struct fb_packet *pkt = &b->pkts[i];
	enum fb_flow_dir dir;
	struct fb_flow *flow =
		fb_flow_find(w->flows[pkt->family], &pkt->tuple, b->hashes[i], &dir);

	if (flow == NULL)
		return false;
	if (fb_flow_goes_on(w, flow, pkt, dir)) {
		flow->last_use_ms = w->now_ms; /* so room.c knows that a packet may be in hand for it */
		b->flows[i] = flow;
		b->dirs[i] = (uint8_t)dir;
		b->hits[b->n_hits++] = i;
		return true;
	}
	if (fb_flow_is_over(w->snap, flow, pkt, dir)) {
		fb_end_drained(w, b, i, flow, dir);
		return true;
	}
	/* An earlier packet of this burst may still be in hand for it. */
	fb_stage_rewrite(w, b);
	fb_flow_forget(w, pkt->family, flow);
	return false;
}

/*
 * Towards a few endpoints with many flows most first ports are taken. Those that seem to be get another, whose index
 * line is asked for. @return whether this one did
 */
static __rte_always_inline bool try_another_port(const struct fb_worker *w, struct fb_burst *b,
						 uint16_t k, uint32_t i)
{
	struct fb_candidate *c = &b->candidates[k];

	if (unlikely(!c->has_reply) ||
	    likely(!fb_flow_seems_taken(w->flows[c->reply.family], c->reply_hash)) || !c->snat)
		return false;
	fb_nat_another(&w->dp->nat, w->idx, fb_nat_draw_of(&w->dp->nat, b->hashes[b->misses[k]]), i,
		       w->dp->steer[w->snap->next_hops[c->nh_idx].port], &c->reply);
	c->reply_hash = fb_flow_hash_tuple(w->flows[c->reply.family], &c->reply);
	fb_flow_prefetch_index(w->flows[c->reply.family], c->reply_hash);
	return true;
}

static __rte_always_inline void serve(struct fb_worker *w, struct fb_burst *b, uint16_t k)
{
	const uint16_t i = b->misses[k];

	if (unlikely(b->flows[i] != NULL || (b->made & bit_of(b->hashes[i])) != 0) &&
	    found_again(w, b, i))
		return;
	if (likely(b->pkts[i].family == FB_IPV4))
		miss(w, b, i, FB_IPV4, &b->candidates[k]);
	else
		miss(w, b, i, FB_IPV6, &b->candidates[k]);
}

/* A line that was asked for is there after so many packets. */
#define AHEAD 4
#define PORTS 4 /* more than these are left to fb_nat_choose() */

/* Of those ahead of packet k that have another port already: whether it will do. */
static void try_more_ports(const struct fb_worker *w, struct fb_burst *b, uint32_t k, uint64_t *again)
{
	for (uint32_t i = 2; i < PORTS && k >= AHEAD; i++) {
		k -= AHEAD;
		if (k < FB_BURST_MAX && (*again >> k & 1) && !try_another_port(w, b, (uint16_t)k, i))
			*again ^= UINT64_C(1) << k;
	}
}

void fb_stage_service(struct fb_worker *w, struct fb_burst *b)
{
	const uint32_t n = b->n_misses;
	uint64_t again = 0;

	if (unlikely(w->snap == NULL)) {
		for (uint32_t k = 0; k < n; k++)
			fb_end_punt(w, b, b->misses[k]);
		return;
	}
	for (uint32_t k = 0; k < n + (PORTS - 1) * AHEAD; k++) {
		if (k < n && try_another_port(w, b, (uint16_t)k, 1))
			again |= UINT64_C(1) << k;
		if (unlikely(again != 0))
			try_more_ports(w, b, k, &again);
		if (k >= (PORTS - 1) * AHEAD)
			serve(w, b, (uint16_t)(k - (PORTS - 1) * AHEAD));
	}
	b->n_leaving = 0;
}
