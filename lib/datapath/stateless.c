/* SPDX-License-Identifier: BSD-3-Clause */

#include "datapath/stateless.h"

#include "datapath/stages.h"
#include "flow/table.h"
#include "net/fragment.h"
#include "net/rewrite.h"

#define MOST_VOTES 1024

static bool same_hop(const struct fb_client_hop *h, uint16_t port, const uint8_t mac[6])
{
	return h->port == port && memcmp(h->mac, mac, sizeof(h->mac)) == 0;
}

static struct fb_client_hop *line_of(const struct fb_stateless *s, uint64_t key)
{
	const size_t place = (size_t)(key >> 32) & (FB_STATELESS_HOPS - 4);

	return (struct fb_client_hop *)(uintptr_t)&s->hops[place];
}

/* Its place; else a free one; else one of the four. */
static struct fb_client_hop *place_for(struct fb_stateless *s, uint64_t key)
{
	struct fb_client_hop *line = line_of(s, key);
	struct fb_client_hop *give = &line[key >> 1 & 3];

	for (struct fb_client_hop *h = line; h < line + 4; h++) {
		if (h->key == key)
			return h;
		if (h->key == 0)
			give = h;
	}
	return give;
}

/* The majority, as far as one memory of it can tell (Boyer and Moore's vote). */
void fb_stateless_learn_hop(struct fb_stateless *s, uint64_t key, uint16_t port,
			    const uint8_t mac[6])
{
	struct fb_client_hop hop = {.key = key, .port = (uint8_t)port};
	struct fb_client_hop *place = place_for(s, key);

	memcpy(hop.mac, mac, sizeof(hop.mac));
	if (s->votes == 0)
		s->usual = hop;
	if (same_hop(&s->usual, port, mac)) {
		s->votes = RTE_MIN(s->votes + 1, (uint32_t)MOST_VOTES);
		if (place->key == key)
			place->key = 0;
		return;
	}
	s->votes--;
	*place = hop;
}

const struct fb_client_hop *fb_stateless_hop(const struct fb_stateless *s, uint64_t key)
{
	const struct fb_client_hop *line = line_of(s, key);

	for (const struct fb_client_hop *h = line; h < line + 4; h++) {
		if (h->key == key)
			return h;
	}
	return s->usual.key != 0 ? &s->usual : NULL;
}

static bool is_of(const struct fb_stateless_endpoint *e, const struct fb_addr *endpoint,
		  rte_be16_t port_be, uint8_t proto)
{
	return e->proto == proto && e->endpoint_port_be == port_be &&
	       fb_addr_equal(&e->endpoint, endpoint);
}

static bool is_idle(const struct fb_stateless_endpoint *e, uint32_t now_ms)
{
	return e->proto == 0 || now_ms - e->last_ms > FB_STATELESS_IDLE_MS;
}

static struct fb_stateless_endpoint *probe(const struct fb_stateless *s, uint64_t hash, uint32_t i)
{
	const size_t place = ((size_t)(hash >> 32) + i) & (FB_STATELESS_ENDPOINTS - 1);

	return (struct fb_stateless_endpoint *)(uintptr_t)&s->endpoints[place];
}

const struct fb_stateless_endpoint *fb_stateless_find(const struct fb_stateless *s, uint64_t hash,
						      const struct fb_addr *endpoint,
						      rte_be16_t port_be, uint8_t proto,
						      uint32_t now_ms)
{
	for (uint32_t i = 0; i < FB_STATELESS_PROBES; i++) {
		const struct fb_stateless_endpoint *e = probe(s, hash, i);

		if (is_of(e, endpoint, port_be, proto))
			return is_idle(e, now_ms) ? NULL : e;
	}
	return NULL;
}

bool fb_stateless_claim(struct fb_stateless *s, uint64_t hash,
			const struct fb_stateless_endpoint *want, uint32_t now_ms)
{
	struct fb_stateless_endpoint *place = NULL;

	for (uint32_t i = 0; i < FB_STATELESS_PROBES; i++) {
		struct fb_stateless_endpoint *e = probe(s, hash, i);

		if (is_of(e, &want->endpoint, want->endpoint_port_be, want->proto)) {
			place = e;
			break;
		}
		if (place == NULL && is_idle(e, now_ms))
			place = e;
	}
	if (place == NULL)
		return false;
	if (!is_idle(place, now_ms) && (place->frontend_port_be != want->frontend_port_be ||
					!fb_addr_equal(&place->frontend, &want->frontend)))
		return false;
	*place = *want;
	place->last_ms = now_ms;
	s->used = true;
	return true;
}

static uint64_t endpoint_hash(const struct fb_worker *w, const struct fb_addr *a,
			      rte_be16_t port_be, uint8_t proto)
{
	uint64_t v[2];

	memcpy(v, a->bytes, sizeof(v));
	return fb_hash_2(&w->dp->nat.secret, v[0] ^ ((uint64_t)port_be << 8 | proto), v[1]);
}

static uint64_t client_key(const struct fb_worker *w, const struct fb_addr *client)
{
	uint64_t v[2];

	memcpy(v, client->bytes, sizeof(v));
	return fb_hash_2(&w->dp->nat.secret, v[0], v[1]) | 1;
}

void fb_stateless_note_hop(struct fb_worker *w, const struct fb_burst *b, uint16_t i)
{
	const struct fb_addr client = fb_tuple_src(&b->pkts[i].tuple);
	const uint8_t *data = rte_pktmbuf_mtod(b->mbufs[i], const uint8_t *);

	fb_stateless_learn_hop(w->stateless, client_key(w, &client), fb_ingress(b->mbufs[i]),
			       data + RTE_ETHER_ADDR_LEN);
}

const struct fb_client_hop *fb_stateless_hop_of(const struct fb_worker *w,
						const struct fb_addr *client)
{
	return fb_stateless_hop(w->stateless, client_key(w, client));
}

/* Its ports are those of the first piece; the packet has none. */
static bool is_later_piece(const struct fb_packet *pkt)
{
	return pkt->kind == FB_PARSE_FRAGMENT;
}

/* New addresses, ports and TTL; a later piece of a datagram has no ports. */
static void rewrite(struct rte_mbuf *m, const struct fb_packet *pkt, const struct fb_tuple *to)
{
	const struct fb_tuple answer = fb_tuple_reverse(to);
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
	struct fb_rewrite rw;

	if (is_later_piece(pkt)) {
		fb_fragment_rewrite(data, pkt, to);
		return;
	}
	fb_rewrite_prepare(&pkt->tuple, to, &rw);
	fb_rewrite_apply(data, pkt, &answer, &rw);
}

void fb_stateless_send(struct fb_worker *w, struct fb_burst *b, uint16_t i,
		       const struct fb_tuple *to, const struct fb_tuple *client, uint32_t ep_id,
		       const struct fb_way_out *out)
{
	const struct fb_packet *pkt = &b->pkts[i];
	struct fb_endpoint_counters *ec = &w->endpoint_counters[ep_id];
	const bool fits = pkt->l3_len_bytes <= out->mtu;

	if (pkt->ttl <= 1 && is_later_piece(pkt)) {
		fb_end_drop(w, b, i, FB_REASON_TTL_EXCEEDED);
		return;
	}
	if (pkt->ttl <= 1) {
		fb_end_time_exceeded(w, b, i);
		return;
	}
	if (!fits && !fb_may_split(pkt) && is_later_piece(pkt)) {
		fb_end_drop(w, b, i, FB_REASON_TOO_BIG);
		return;
	}
	if (!fits && !fb_may_split(pkt)) {
		fb_end_too_big(w, b, i, out->mtu);
		return;
	}
	ec->packets++;
	ec->bytes += pkt->l3_len_bytes;
	w->counters.stateless++;
	if (fb_mss_is_asked(w, pkt->tcp_flags))
		fb_mss_lower(w, b, i, client, out->port,
			     &w->snap->next_hops[fb_table_info(w->snap, ep_id)->nh_idx]);
	rewrite(b->mbufs[i], pkt, to);
	if (fits)
		fb_end_forward(w, b, i, out->port, out->mac);
	else
		fb_end_split(w, b, i, out);
}

bool fb_stateless_is_enough(const struct fb_service *svc)
{
	return svc->mode == FB_MODE_DNAT && svc->affinity_s == 0 && !svc->ranged && !svc->proxied &&
	       fb_selection_by_hash(svc->selection);
}

/*
 * Where the table leads a client's packet, and as what it gets there. @return the next hop; NULL: it needs
 * a flow
 */
static const struct fb_next_hop *lead(const struct fb_worker *w, const struct fb_service *svc,
				      const struct fb_tuple *client,
				      struct fb_stateless_endpoint *ret_want,
				      struct fb_tuple *ret_out)
{
	const struct fb_addr src = fb_tuple_src(client);
	const struct fb_next_hop *hop;
	const struct fb_endpoint *ep;
	struct fb_tuple reply;

	if (!fb_stateless_is_enough(svc))
		return NULL;
	ep = fb_table_select(svc, fb_table_select_hash(w->snap, svc, client), NULL);
	/* An endpoint that is its own client would answer itself past the box (insert_flow()). */
	if (ep == NULL || fb_addr_equal(&src, &ep->addr))
		return NULL;
	hop = &w->snap->next_hops[fb_table_info(w->snap, ep->id)->nh_idx];
	if (hop->state != FB_HOP_READY)
		return NULL;
	reply = fb_tuple_make(client->proto, &ep->addr, ep->port_be, &src, fb_tuple_sport(client));
	/* The client has a flow to the same endpoint by another frontend, which replies would go to. */
	if (fb_flow_taken(w->flows[client->family], &reply))
		return NULL;
	*ret_want = (struct fb_stateless_endpoint){
		.endpoint = ep->addr,
		.frontend = fb_tuple_dst(client),
		.endpoint_port_be = ep->port_be,
		.frontend_port_be = fb_tuple_dport(client),
		.proto = client->proto,
		.ep_id = ep->id,
	};
	*ret_out = fb_tuple_reverse(&reply);
	return hop;
}

static void send_to_endpoint(struct fb_worker *w, struct fb_burst *b, uint16_t i,
			     const struct fb_tuple *to, uint32_t ep_id,
			     const struct fb_next_hop *hop)
{
	const struct fb_way_out out = {
		.port = hop->port,
		.mtu = RTE_MIN(hop->mtu, w->tx[hop->port].mtu),
		.mac = hop->mac,
	};

	fb_stateless_send(w, b, i, to, &b->pkts[i].tuple, ep_id, &out);
}

bool fb_stateless_request(struct fb_worker *w, struct fb_burst *b, uint16_t i,
			  const struct fb_service *svc)
{
	const struct fb_tuple *client = &b->pkts[i].tuple;
	struct fb_stateless_endpoint want;
	const struct fb_next_hop *hop;
	struct fb_tuple out;

	hop = lead(w, svc, client, &want, &out);
	if (hop == NULL)
		return false;
	if (!fb_stateless_claim(w->stateless,
				endpoint_hash(w, &want.endpoint, want.endpoint_port_be, want.proto),
				&want, w->now_ms))
		return false;
	fb_stateless_note_hop(w, b, i);
	send_to_endpoint(w, b, i, &out, want.ep_id, hop);
	return true;
}

bool fb_stateless_request_piece(struct fb_worker *w, struct fb_burst *b, uint16_t i,
				const struct fb_service *svc)
{
	const struct fb_tuple *client = &b->pkts[i].tuple;
	const struct fb_addr src = fb_tuple_src(client);
	const struct fb_stateless_endpoint *used;
	struct fb_stateless_endpoint want;
	const struct fb_next_hop *hop;
	struct fb_tuple out;

	/* What kept the first piece out keeps this one out too. */
	if (likely(!w->stateless->used) || !fb_table_admits(svc, &src) ||
	    fb_table_source_is_forged(w->snap, client) ||
	    __atomic_load_n(&w->dp->draining, __ATOMIC_RELAXED))
		return false;
	hop = lead(w, svc, client, &want, &out);
	if (hop == NULL)
		return false;
	used = fb_stateless_find(w->stateless,
				 endpoint_hash(w, &want.endpoint, want.endpoint_port_be,
					       want.proto),
				 &want.endpoint, want.endpoint_port_be, want.proto, w->now_ms);
	if (used == NULL || used->frontend_port_be != want.frontend_port_be ||
	    !fb_addr_equal(&used->frontend, &want.frontend))
		return false;
	send_to_endpoint(w, b, i, &out, want.ep_id, hop);
	return true;
}

bool fb_stateless_translate_reply(const struct fb_worker *w, const struct fb_tuple *tuple,
				  struct fb_tuple *ret_out, uint32_t *ret_ep_id,
				  const struct fb_client_hop **ret_hop)
{
	const struct fb_addr src = fb_tuple_src(tuple);
	const struct fb_addr dst = fb_tuple_dst(tuple);
	const rte_be16_t sport_be = fb_tuple_sport(tuple);
	const struct fb_stateless_endpoint *e;
	const struct fb_service *svc;
	const struct fb_client_hop *hop;
	struct fb_tuple asked;

	if (likely(!w->stateless->used))
		return false;
	e = fb_stateless_find(w->stateless, endpoint_hash(w, &src, sport_be, tuple->proto), &src,
			      sport_be, tuple->proto, w->now_ms);
	hop = e != NULL ? fb_stateless_hop(w->stateless, client_key(w, &dst)) : NULL;
	if (hop == NULL)
		return false;
	/* The frontend may have gone, or become somebody else's. */
	asked = fb_tuple_make(tuple->proto, &dst, fb_tuple_dport(tuple), &e->frontend,
			      e->frontend_port_be);
	svc = fb_table_lookup(w->snap, &asked);
	if (svc == NULL || !fb_stateless_is_enough(svc) || e->ep_id >= w->snap->n_endpoints ||
	    fb_table_info(w->snap, e->ep_id)->service_id != svc->id)
		return false;
	*ret_out = fb_tuple_reverse(&asked);
	*ret_ep_id = e->ep_id;
	*ret_hop = hop;
	return true;
}

bool fb_stateless_reply(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	const struct fb_client_hop *hop;
	struct fb_tuple client;
	struct fb_tuple out;
	uint32_t ep_id;

	if (!fb_stateless_translate_reply(w, &b->pkts[i].tuple, &out, &ep_id, &hop))
		return false;
	client = fb_tuple_reverse(&out);
	fb_stateless_send(w, b, i, &out, &client, ep_id,
			  &(struct fb_way_out){.port = hop->port,
					       .mtu = w->tx[hop->port].mtu,
					       .mac = hop->mac});
	return true;
}
