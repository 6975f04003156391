/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Which endpoint a new flow gets, where it is not the consistent hash alone.
 *
 * Everything read here is the worker's own or of the snapshot. A worker's rounds and counts of flows are
 * its own too, so nothing is shared: whatever is spread evenly by each worker is spread evenly in sum.
 */

#include "datapath/select.h"

#include <errno.h>
#include <netinet/in.h>

#include "flow/change.h"
#include "flow/queue.h"

/* So many endpoints are compared all; of more, two. */
#define COMPARE_ALL 8

static uint64_t random_bits(struct fb_worker *w)
{
	w->random += UINT64_C(0x9e3779b97f4a7c15);
	return fb_hash_mix(w->random, w->random ^ w->dp->nat.secret.k[3]);
}

uint32_t fb_worker_random(struct fb_worker *w)
{
	return (uint32_t)(random_bits(w) >> 32);
}

/* A random slot of the Maglev table: endpoints by their weights, without dividing. */
static uint32_t random_place(struct fb_worker *w, const struct fb_service *svc)
{
	return fb_table_place(svc, random_bits(w));
}

/* What is kept is the next turn + 1; 0 is a round that has not begun. */
static uint32_t next_turn(struct fb_worker *w, const struct fb_service *svc)
{
	uint32_t *kept = &w->turns[svc->id];
	uint32_t turn = *kept - 1;

	if (unlikely(turn >= svc->n_turns))
		turn = fb_hash_reduce(fb_worker_random(w), svc->n_turns);
	*kept = turn + 1 < svc->n_turns ? turn + 2 : 1;
	return svc->turns != NULL ? svc->turns[turn] : turn;
}

/* The weight of an endpoint, that of a new one as far as it has grown; in units of the service. */
static uint64_t strength(const struct fb_worker *w, const struct fb_service *svc, uint32_t place)
{
	const uint64_t weight = svc->weights[place];
	uint32_t age_s;

	if (svc->slow_start_s == 0)
		return weight;
	/* The worker's second may begin a little later than control's. */
	age_s = w->now_s - fb_table_info(w->snap, svc->endpoints[place].id)->since_s;
	if (age_s == UINT32_MAX)
		age_s = 0;
	return weight * RTE_MIN((uint64_t)age_s + 1, (uint64_t)svc->slow_start_s);
}

static uint64_t open_at(const struct fb_worker *w, const struct fb_service *svc, uint32_t place)
{
	return w->endpoint_counters[svc->endpoints[place].id].open;
}

/* Would one more flow leave a less loaded than b? Counts are below 2^32, strengths below 2^27. */
static bool is_freer(const struct fb_worker *w, const struct fb_service *svc, uint32_t a,
		     uint32_t b)
{
	const uint64_t flows_a = open_at(w, svc, a) + 1;
	const uint64_t flows_b = open_at(w, svc, b) + 1;

	return flows_a * strength(w, svc, b) < flows_b * strength(w, svc, a);
}

static uint32_t freest_of_all(struct fb_worker *w, const struct fb_service *svc)
{
	/* Begin anywhere, so that not the first one gets all ties. */
	uint32_t place = fb_hash_reduce(fb_worker_random(w), svc->n_active);
	uint32_t best = place;

	for (uint32_t i = 1; i < svc->n_active; i++) {
		place = place + 1 < svc->n_active ? place + 1 : 0;
		if (is_freer(w, svc, place, best))
			best = place;
	}
	return best;
}

/*
 * The better of two choices (Mitzenmacher, 2001): the fullest of n has log log n more than the mean, not
 * log n, at the cost of two lines, and with no herd on the emptiest.
 */
static uint32_t freer_of_two(struct fb_worker *w, const struct fb_service *svc)
{
	const uint32_t a = random_place(w, svc);
	uint32_t b = random_place(w, svc);

	for (int i = 0; i < 3 && b == a; i++)
		b = random_place(w, svc);
	return is_freer(w, svc, b, a) ? b : a;
}

const struct fb_endpoint *fb_select_at_run_time(struct fb_worker *w, const struct fb_service *svc)
{
	uint32_t place;

	if (svc->selection == FB_SELECT_ROUND_ROBIN)
		place = next_turn(w, svc);
	else if (svc->selection == FB_SELECT_RANDOM)
		place = random_place(w, svc);
	else if (svc->n_active <= COMPARE_ALL)
		place = freest_of_all(w, svc);
	else
		place = freer_of_two(w, svc);
	return &svc->endpoints[place];
}

static const struct fb_endpoint *select_first(struct fb_worker *w, const struct fb_service *svc,
					      const struct fb_tuple *tuple)
{
	if (fb_selection_by_hash(svc->selection))
		return fb_table_select(svc, fb_table_select_hash(w->snap, svc, tuple), NULL);
	return fb_select_at_run_time(w, svc);
}

/*
 * How long a client is remembered. Before a connection is established its source address may be forged:
 * until then no longer than the connection may take. UDP knows no better.
 */
static uint32_t end_of(const struct fb_worker *w, const struct fb_service *svc, bool proven)
{
	uint8_t opening = svc->proto == IPPROTO_SCTP ? FB_FLOW_COOKIE_WAIT : FB_FLOW_OPENING;
	uint32_t opening_s = w->timeouts.ms[opening] / 1000 + 1;

	if (proven || svc->proto == IPPROTO_UDP)
		return w->now_s + svc->affinity_s;
	return w->now_s + RTE_MIN(svc->affinity_s, opening_s);
}

/*
 * Another worker may be choosing for the same client at this moment: whoever keeps first has chosen for
 * both. Three times is enough for any race but one that somebody makes on purpose.
 */
const struct fb_endpoint *fb_select_affine(struct fb_worker *w, const struct fb_service *svc,
					   const struct fb_tuple *tuple)
{
	struct fb_affinity *t = w->dp->affinity;
	struct fb_addr client = fb_tuple_src(tuple);
	uint64_t key = fb_affinity_key(t, svc->id, &client);
	int rc = -EAGAIN;

	for (int i = 0; i < 3 && rc == -EAGAIN; i++) {
		struct fb_affinity_entry seen;
		bool is_known = fb_affinity_lookup(t, key, w->now_s, &seen);
		const struct fb_endpoint *ep = is_known ? fb_table_endpoint(svc, seen.ep_id) : NULL;
		struct fb_affinity_entry next = {.proven = ep != NULL && seen.proven};

		if (ep == NULL)
			ep = select_first(w, svc, tuple);
		next.ep_id = ep->id;
		next.end_s = end_of(w, svc, next.proven);
		/* Not more than once a second, so that a client's many connections do not share a line. */
		if (is_known && next.ep_id == seen.ep_id && next.end_s == seen.end_s)
			return ep;
		rc = fb_affinity_keep(t, key, is_known ? &seen : NULL, &next, w->now_s);
		if (rc == 0)
			return ep;
	}
	w->counters.affinity_full++;
	return fb_table_select(svc, fb_table_select_hash(w->snap, svc, tuple), NULL);
}

/* The flow was established: its client exists. */
static void prove(struct fb_worker *w, enum fb_family family, struct fb_flow *flow)
{
	struct fb_affinity *t = w->dp->affinity;
	const struct fb_tuple tuple = fb_flow_client_key(w->flows[family], flow);
	const struct fb_service *svc = fb_table_lookup(w->snap, &tuple);
	struct fb_addr client = fb_tuple_src(&tuple);
	struct fb_affinity_entry seen;
	struct fb_affinity_entry next;
	bool is_known;
	uint64_t key;

	flow->flags &= (uint8_t)~FB_FLOW_AFFINE;
	if (svc == NULL || svc->affinity_s == 0)
		return;
	key = fb_affinity_key(t, svc->id, &client);
	is_known = fb_affinity_lookup(t, key, w->now_s, &seen);
	/* Its own, another endpoint by now, or lost to others that are not proven either. */
	if (is_known && (seen.proven || seen.ep_id != flow->ep_id))
		return;
	next = (struct fb_affinity_entry){flow->ep_id, end_of(w, svc, true), true};
	if (fb_affinity_keep(t, key, is_known ? &seen : NULL, &next, w->now_s) == -ENOSPC)
		w->counters.affinity_full++;
}

void fb_flow_note(struct fb_worker *w, enum fb_family family, struct fb_flow *flow)
{
	/* What closes is there for late segments; it is no load to the endpoint any more. */
	const bool has_ended = flow->state == FB_FLOW_CLOSING || flow->state == FB_FLOW_CLOSED ||
			       flow->state == FB_FLOW_PROXY_CLOSING;

	if (fb_flow_is_half_open(flow) != fb_flow_is_queued(flow)) {
		if (fb_flow_is_half_open(flow))
			fb_flow_enqueue(w->flows[family], flow);
		else
			fb_flow_dequeue(w->flows[family], flow);
	}
	if ((flow->flags & FB_FLOW_AFFINE) &&
	    (flow->state == FB_FLOW_ESTABLISHED || flow->state == FB_FLOW_ASSOCIATED ||
	     flow->state == FB_FLOW_PROXIED))
		prove(w, family, flow);
	if (has_ended)
		fb_flow_count_ended(w, flow);
	else if ((flow->flags & FB_FLOW_COUNTED) == 0)
		fb_flow_count_open(w, flow);
}
