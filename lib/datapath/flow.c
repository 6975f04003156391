/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Stage: find each packet's flow, before any service: almost every packet belongs to one.
 *
 * Two passes, so that the record lines of the whole burst are in flight together.
 */

#include <netinet/in.h>

#include <rte_tcp.h>

#include "datapath/select.h"
#include "datapath/stages.h"
#include "flow/expire.h"
#include "flow/lookup.h"
#include "flow/queue.h"

/* Its endpoint's numbers will change. */
static void due(void *arg, const struct fb_flow *flow)
{
	const struct fb_worker *w = arg;

	rte_prefetch0(&w->endpoint_counters[flow->ep_id]);
}

static void gone(void *arg, const struct fb_flow *flow)
{
	struct fb_worker *w = arg;

	fb_flow_uncount(w, flow);
	w->counters.flows_expired++;
}

void fb_flow_forget(struct fb_worker *w, enum fb_family family, struct fb_flow *flow)
{
	gone(w, flow);
	fb_flow_remove(w->flows[family], flow);
	w->burst.n_leaving = 0; /* the record may be another flow's soon */
}

static void step(struct fb_worker *w, int bound, uint64_t used, uint64_t most)
{
	if (fb_level_step(&w->levels[bound], used, most, w->pressure, w->now_ms))
		w->counters.levels[bound] = w->levels[bound].level;
}

static void step_levels(struct fb_worker *w)
{
	for (int f = 0; f < FB_FAMILY_COUNT; f++) {
		const struct fb_flow_table *t = w->flows[f];

		step(w, FB_BOUND_FLOWS + f, fb_flow_count(t), fb_flow_capacity(t));
		step(w, FB_BOUND_CONNECTIONS + f, fb_flow_queued(t, FB_QUEUE_CONNECTIONS),
		     w->half_open_most[f]);
		step(w, FB_BOUND_UDP + f, fb_flow_queued(t, FB_QUEUE_UDP), w->half_open_most[f]);
	}
	/* How many ports are taken differs by endpoint; what counts is whether the searches find any. */
	step(w, FB_BOUND_SNAT_PORTS,
	     w->ports_level == FB_LEVEL_FULL       ? 100
	     : w->ports_level == FB_LEVEL_PRESSURE ? w->pressure
						   : 0,
	     100);
	w->ports_level = FB_LEVEL_NORMAL;
	step(w, FB_BOUND_HANDOVER, w->handover_used, w->ring_size);
	w->handover_used = 0;
}

void fb_worker_expire(struct fb_worker *w)
{
	const struct fb_flow_expiry told = {due, gone, fb_proxy_ask_again, w};
	uint32_t elapsed_ms = w->now_ms - w->expire_ms;

	if (elapsed_ms == 0)
		return;
	/* After a stall, catch up in steps rather than in one long one. */
	if (elapsed_ms > 16)
		elapsed_ms = 16;
	w->expire_ms = w->now_ms;
	while (w->now_ms - w->second_ms >= 1000) {
		w->second_ms += 1000;
		w->now_s++;
	}
	for (int family = 0; family < FB_FAMILY_COUNT; family++) {
		struct fb_flow_table *t = w->flows[family];
		uint64_t high = fb_flow_high_water(t);
		const struct fb_flow_timeouts *timeouts =
			likely(w->levels[FB_BOUND_FLOWS + family].level == FB_LEVEL_NORMAL)
				? &w->timeouts
				: &w->timeouts_pressed;

		if (high != 0)
			fb_flow_expire(t, w->now_ms, timeouts,
				       (uint32_t)((high * elapsed_ms) >> 10) + 1, &told);
		w->counters.flows_live[family] = fb_flow_count(t);
		for (int q = 0; q < FB_QUEUE_COUNT; q++)
			w->counters.flows_half_open[family][q] =
				fb_flow_queued(t, (enum fb_flow_queue)q);
	}
	step_levels(w);
}

/* A connection of a port that had one before. Until that has ended a SYN or INIT is nothing new. */
static bool has_ended(const struct fb_flow *flow)
{
	return flow->state == FB_FLOW_CLOSING || flow->state == FB_FLOW_SHUTDOWN ||
	       flow->state == FB_FLOW_CLOSED;
}

/* The endpoint's SYN+ACK went by, and the client has not said yet that it has it. */
static bool is_accepted(const struct fb_flow *flow)
{
	return flow->state == FB_FLOW_OPENING && (flow->flags & FB_FLOW_SYN_ENDPOINT) != 0;
}

/*
 * With affinity a connection goes where the client had its last one, which need not be where this port had
 * one; and the client's time begins again.
 */
static bool is_led_here(struct fb_worker *w, struct fb_flow *flow, const struct fb_tuple *client)
{
	const struct fb_service *svc = fb_table_lookup(w->snap, client);

	/* Then nobody knows yet whether the client is there. */
	if (svc != NULL && svc->proxied && fb_proxy_is_asked(w, svc))
		return false;
	if (svc == NULL || svc->affinity_s == 0 || svc->n_slots == 0)
		return true;
	if (fb_select_affine(w, svc, client)->id != flow->ep_id)
		return false;
	flow->flags |= FB_FLOW_AFFINE;
	return true;
}

/*
 * What became of the flow's endpoint and service since the record last looked. A SYN or INIT is a
 * new connection, which only an active endpoint may get, and with affinity only the client's.
 */
bool fb_flow_look_again(struct fb_worker *w, struct fb_flow *flow, const struct fb_packet *pkt,
			enum fb_flow_dir dir)
{
	const struct fb_snapshot *snap = w->snap;
	bool new_syn = dir == FB_DIR_CLIENT && pkt->proto != IPPROTO_UDP &&
		       (pkt->tcp_flags & (RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG)) ==
			       RTE_TCP_SYN_FLAG &&
		       flow->state != FB_FLOW_ESTABLISHED && flow->state != FB_FLOW_ASSOCIATED &&
		       flow->state != FB_FLOW_PROXIED;
	const struct fb_endpoint_info *info;
	struct fb_tuple client;

	if (likely(flow->ep_epoch == fb_table_epoch(snap, flow->ep_id) && !new_syn))
		return true;
	/* The numbers of the next connection are others, and begin with a cookie. */
	if (flow->state == FB_FLOW_RESET || (new_syn && flow->state == FB_FLOW_PROXY_CLOSING))
		return false;
	client = fb_flow_tuple(flow, (enum fb_family)pkt->family, FB_DIR_CLIENT);
	if (!fb_table_keeps_flow(snap, &client, flow->ep_id))
		return false;
	info = fb_table_info(snap, flow->ep_id);
	/* What its endpoint has accepted is none: the answer was late, or lost, and the SYN went again. */
	if (new_syn && info->state != FB_EP_ACTIVE && !is_accepted(flow))
		return false;
	if (new_syn && has_ended(flow) && !is_led_here(w, flow, &client))
		return false;
	flow->nh_idx = info->nh_idx;
	/* While it opens there is something else, and each packet comes here. */
	if (flow->state != FB_FLOW_PROXY_OPENING)
		flow->ep_epoch = fb_table_epoch(snap, flow->ep_id);
	return true;
}

/* @return whether it is the flow of the packet, and the flow may go on */
static __rte_always_inline bool is_hit(struct fb_worker *w, struct fb_burst *b, uint16_t i,
				       enum fb_family family, const uint32_t *ep_epochs)
{
	const struct fb_packet *pkt = fb_keep(&b->pkts[i]);
	enum fb_flow_dir dir = b->dirs[i];
	struct fb_flow *flow = b->flows[i];

	if (unlikely(flow == NULL || !fb_flow_key_equal(flow, family, dir, &pkt->tuple))) {
		if (b->dirs[i] == FB_FLOW_NOWHERE)
			return false;
		flow = fb_flow_find_as(w->flows[family], family, &pkt->tuple, b->hashes[i], &dir);
		b->flows[i] = flow;
		b->dirs[i] = (uint8_t)dir;
		if (flow == NULL)
			return false;
	}
	rte_prefetch0(&w->endpoint_counters[flow->ep_id]);
	return fb_flow_goes_on_in(w, ep_epochs, flow, pkt, dir);
}

void fb_stage_flow(struct fb_worker *w, struct fb_burst *b)
{
	const uint16_t n = b->n_lookups;
	/* Before there is a snapshot there are no flows. */
	const uint32_t *ep_epochs = likely(w->snap != NULL) ? w->snap->ep_epochs : NULL;

	for (uint16_t k = 0; k < n; k++) {
		const uint16_t i = b->lookups[k];

		b->flows[i] = fb_flow_prefetch_record(w->flows[b->pkts[i].family], b->hashes[i],
						      &b->dirs[i]);
	}
	for (uint16_t k = 0; k < n; k++) {
		const uint16_t i = b->lookups[k];
		const bool hit = likely(b->pkts[i].family == FB_IPV4) ? is_hit(w, b, i, FB_IPV4, ep_epochs)
								      : is_hit(w, b, i, FB_IPV6, ep_epochs);

		if (likely(hit)) {
			b->hits[b->n_hits++] = i;
		} else {
			/* NULL, or that of a flow that has to go. */
			b->misses[b->n_misses++] = i;
		}
	}
}
