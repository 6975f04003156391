/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Stage: pieces of datagrams (fragments). They go on as they are, translated as their flow says, and are
 * put together by whom they are for.
 *
 * A device spreads fragments by their addresses at best, so two workers have a part in each:
 *
 *     any worker -> the datagram's (a hash of addresses and identification): its table knows the ports,
 *                   or keeps the piece until the first one says them
 *                -> the flow's owner, as for any packet
 *
 * both ways by the owners' rings. A piece that comes from the datagram's worker bears what that one knew,
 * in the mbuf's hash, which nobody else uses between receive and transmit: hash.usr has the ports (never
 * zero; it is zero for other packets that are handed over), hash.fdir.hi the length of L4 and the protocol.
 * What waited for the first piece goes this way too where both workers are one: so it comes after it.
 *
 * SCTP's checksum is over the whole datagram, and a change of its ports counts by how many bytes are
 * behind them. So the first piece of SCTP waits for the last.
 */

#include <netinet/in.h>

#include "datapath/stages.h"
#include "datapath/stateless.h"
#include "flow/lookup.h"
#include "net/fragment.h"

void fb_fragment_drop(void *arg, void *piece, enum fb_reason reason)
{
	struct fb_worker *w = arg;

	w->counters.drops[reason]++;
	rte_pktmbuf_free(piece);
}

void fb_worker_expire_fragments(struct fb_worker *w)
{
	if (likely(w->now_ms == w->fragments_ms))
		return;
	w->fragments_ms = w->now_ms;
	fb_fragments_expire(w->fragments, w->now_ms);
	w->counters.datagrams_live = fb_fragments_n_datagrams(w->fragments);
	w->counters.fragments_held = fb_fragments_n_held(w->fragments);
}

void fb_worker_drop_fragments(struct fb_worker *w)
{
	fb_fragments_flush(w->fragments);
}

/* Each worker has its own of the 65536, in an order that is not to be guessed (RFC 7739). */
uint16_t fb_worker_next_id(struct fb_worker *w)
{
	const uint64_t *k = w->dp->nat.secret.k;
	const uint32_t n = w->n_ids++ * w->dp->n_workers + w->idx;

	return (uint16_t)(n * (uint32_t)(k[0] | 1) + (uint32_t)k[1]);
}

static void mark(struct rte_mbuf *m, const struct fb_datagram *d)
{
	const uint32_t l4_len = d->total_len > d->l4_at ? d->total_len - d->l4_at : 0;

	m->hash.usr = d->ports_be;
	m->hash.fdir.hi = l4_len | (uint32_t)d->proto << 16;
}

static void set_ports(struct fb_tuple *tuple, uint32_t ports_be)
{
	uint16_t ports[2];

	memcpy(ports, &ports_be, sizeof(ports));
	fb_tuple_set_ports(tuple, ports[0], ports[1]);
}

static uint32_t ports_of(const struct fb_tuple *tuple)
{
	const uint16_t ports[2] = {fb_tuple_sport(tuple), fb_tuple_dport(tuple)};
	uint32_t ports_be;

	memcpy(&ports_be, ports, sizeof(ports_be));
	return ports_be;
}

/* At the flow's owner: a first piece goes on as any packet does, the others after all of the first. */
static void at_owner(struct fb_worker *w, struct fb_burst *b, uint16_t i, uint32_t ports_be,
		     uint8_t proto, uint32_t l4_len)
{
	struct fb_packet *pkt = &b->pkts[i];
	struct rte_mbuf *m = b->mbufs[i];
	enum fb_reason reason;

	if (!(pkt->flags & FB_PKT_FIRST_FRAGMENT)) {
		pkt->proto = pkt->tuple.proto = proto;
		set_ports(&pkt->tuple, ports_be);
		b->pieces[b->n_pieces++] = i;
		return;
	}
	reason = fb_fragment_read_first(rte_pktmbuf_mtod(m, uint8_t *), m->data_len, l4_len, pkt);
	if (reason != FB_REASON_NONE) {
		fb_end_drop(w, b, i, reason);
		return;
	}
	/* DNS is answered to whole queries; the kernel's side has them all. */
	if (fb_dns_is_ours(w, &pkt->tuple)) {
		fb_end_punt(w, b, i);
		return;
	}
	b->hashes[i] = fb_flow_hash_tuple(w->flows[pkt->family], &pkt->tuple);
	b->misses[b->n_misses++] = i;
}

/* Into the owner's ring, be it our own, behind what is on its way there. */
static void send_held(struct fb_worker *w, struct fb_datagram *d)
{
	void *pieces[FB_FRAGMENT_MAX_HELD];
	const uint32_t n = fb_fragments_release(w->fragments, d, pieces);

	if (n == 0)
		return;
	for (uint32_t k = 0; k < n; k++)
		mark(pieces[k], d);
	fb_handover_flush(w, d->owner);
	fb_handover_now(w, d->owner, (struct rte_mbuf **)pieces, n);
}

static void send_on(struct fb_worker *w, struct fb_burst *b, uint16_t i,
		    const struct fb_datagram *d)
{
	struct rte_mbuf *m = b->mbufs[i];

	fb_end_handover(w, b, i, d->owner);
	mark(m, d);
}

/* It is known where the datagram's pieces go, perhaps since this one. */
static void go(struct fb_worker *w, struct fb_burst *b, uint16_t i, struct fb_datagram *d)
{
	const bool first = b->pkts[i].flags & FB_PKT_FIRST_FRAGMENT;
	const bool behind_held = !first && d->n_held != 0;
	const uint32_t l4_len = d->total_len > d->l4_at ? d->total_len - d->l4_at : 0;

	if (behind_held)
		send_held(w, d);
	if (behind_held || d->owner != w->idx)
		send_on(w, b, i, d);
	else
		at_owner(w, b, i, d->ports_be, d->proto, l4_len);
	send_held(w, d);
	fb_fragments_done(w->fragments, d);
}

static void hold(struct fb_worker *w, struct fb_burst *b, uint16_t i, struct fb_datagram *d)
{
	enum fb_reason reason = fb_fragments_hold(w->fragments, d, b->mbufs[i]);

	if (reason != FB_REASON_NONE) {
		fb_end_drop(w, b, i, reason);
		return;
	}
	b->verdicts[i] = FB_VERDICT_HOLD;
	b->reasons[i] = FB_REASON_NONE;
	b->mbufs[i] = NULL;
}

static void resolve(struct fb_worker *w, const struct fb_burst *b, uint16_t i,
		    struct fb_datagram *d)
{
	struct fb_tuple tuple = b->pkts[i].tuple;
	const struct fb_flow_table *t = w->flows[tuple.family];
	enum fb_flow_dir dir;

	tuple.proto = d->proto;
	set_ports(&tuple, d->ports_be);
	d->resolved = true;
	d->owner = w->idx;
	if (fb_flow_find(t, &tuple, fb_flow_hash_tuple(t, &tuple), &dir) == NULL)
		d->owner = fb_owner_of_key(w, fb_ingress(b->mbufs[i]), &tuple);
}

static struct fb_fragment_key key_of(const struct fb_packet *pkt, const struct fb_fragment *f)
{
	return (struct fb_fragment_key){
		.src = fb_tuple_src(&pkt->tuple),
		.dst = fb_tuple_dst(&pkt->tuple),
		.id = f->id,
		.proto = pkt->family == FB_IPV4 ? pkt->proto : 0,
		.family = pkt->family,
	};
}

/* At the datagram's worker. */
static void note(struct fb_worker *w, struct fb_burst *b, uint16_t i,
		 const struct fb_fragment_key *key, const struct fb_fragment *f)
{
	struct rte_mbuf *m = b->mbufs[i];
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
	const bool first = b->pkts[i].flags & FB_PKT_FIRST_FRAGMENT;
	struct fb_packet head = b->pkts[i];
	struct fb_datagram *d;
	enum fb_reason reason = FB_REASON_NONE;

	if (first)
		reason = fb_fragment_read_first(data, m->data_len, 0, &head);
	if (reason == FB_REASON_NONE)
		reason = fb_fragments_note(w->fragments, key, f->offset, f->len, f->more, w->now_ms,
					   &d);
	if (reason != FB_REASON_NONE) {
		fb_end_drop(w, b, i, reason);
		return;
	}
	if (d->fresh)
		d->new_id_be = fb_worker_next_id(w);
	d->fresh = false;
	if (key->family == FB_IPV4)
		fb_fragment_set_id(data + head.l3_off, d->new_id_be);
	if (first) {
		d->ports_be = ports_of(&head.tuple);
		d->proto = head.proto;
		d->l4_at = f->l4_at;
	}
	if (!d->resolved && d->ports_be != 0 && (d->proto != IPPROTO_SCTP || d->total_len != 0))
		resolve(w, b, i, d);
	if (d->resolved)
		go(w, b, i, d);
	else
		hold(w, b, i, d);
}

static void piece(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	const struct fb_packet *pkt = &b->pkts[i];
	const struct rte_mbuf *m = b->mbufs[i];
	struct fb_addr dst = fb_tuple_dst(&pkt->tuple);
	uint8_t bits = fb_table_address(w->snap, &dst);
	struct fb_fragment_key key;
	struct fb_fragment f;
	enum fb_reason reason;
	uint16_t worker;

	if (b->handed_over && m->hash.usr != 0) {
		at_owner(w, b, i, m->hash.usr, (uint8_t)(m->hash.fdir.hi >> 16),
			 m->hash.fdir.hi & UINT16_MAX);
		return;
	}
	if ((bits & FB_ADDR_BOX) && !(bits & (FB_ADDR_SERVICE | FB_ADDR_SNAT | FB_ADDR_RANGES))) {
		fb_end_punt(w, b, i); /* whatever its ports are */
		return;
	}
	reason = bits & FB_ADDR_UNUSED ? FB_REASON_UNUSED_ADDRESS
				       : fb_fragment_read(rte_pktmbuf_mtod(m, uint8_t *), pkt, &f);
	if (reason != FB_REASON_NONE) {
		fb_end_drop(w, b, i, reason);
		return;
	}
	key = key_of(pkt, &f);
	worker = (uint16_t)fb_hash_reduce(fb_fragments_hash(&w->dp->nat.secret, &key),
					  w->dp->n_workers);
	if (worker != w->idx)
		fb_end_handover(w, b, i, worker);
	else
		note(w, b, i, &key, &f);
}

/* As datapath/service.c decides of the first piece, but nothing is said about later ones. */
static void without_flow(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	const struct fb_tuple *tuple = &b->pkts[i].tuple;
	const struct fb_service *svc = fb_table_lookup(w->snap, tuple);
	struct fb_addr dst = fb_tuple_dst(tuple);
	uint8_t bits = fb_table_address(w->snap, &dst);

	if (fb_dns_is_ours(w, tuple))
		fb_end_punt(w, b, i);
	else if (svc != NULL && fb_stateless_request_piece(w, b, i, svc))
		return;
	else if (svc == NULL && !(bits & (FB_ADDR_BOX | FB_ADDR_SNAT)) &&
		 fb_stateless_reply(w, b, i))
		return;
	else if (svc == NULL &&
		 ((bits & FB_ADDR_BOX) || !(bits & (FB_ADDR_SERVICE | FB_ADDR_SNAT))))
		fb_end_punt(w, b, i);
	else
		fb_end_drop(w, b, i, FB_REASON_FRAGMENT_NO_FLOW);
}

/* A later piece, after the first. */
static void follow(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	const struct fb_packet *pkt = &b->pkts[i];
	const struct fb_flow_table *t = w->flows[pkt->family];
	struct rte_mbuf *m = b->mbufs[i];
	struct fb_endpoint_counters *ec;
	struct fb_way_out out;
	enum fb_reason reason;
	enum fb_flow_dir dir;
	struct fb_tuple to;
	struct fb_flow *flow;

	flow = fb_flow_find(t, &pkt->tuple, fb_flow_hash_tuple(t, &pkt->tuple), &dir);
	if (flow == NULL || !fb_flow_goes_on(w, flow, pkt, dir) || flow->state == FB_FLOW_RESET) {
		without_flow(w, b, i);
		return;
	}
	reason = pkt->ttl <= 1 ? FB_REASON_TTL_EXCEEDED : fb_find_way_out(w, flow, dir, &out);
	if (reason == FB_REASON_NONE && pkt->l3_len_bytes > out.mtu && !fb_may_split(pkt))
		reason = FB_REASON_TOO_BIG;
	if (reason != FB_REASON_NONE) {
		fb_end_drop(w, b, i, reason);
		return;
	}
	ec = &w->endpoint_counters[flow->ep_id];
	flow->last_use_ms = w->now_ms;
	flow->packets++;
	ec->packets++;
	ec->bytes += pkt->l3_len_bytes;
	to = fb_flow_tuple(flow, (enum fb_family)pkt->family,
			   dir == FB_DIR_CLIENT ? FB_DIR_ENDPOINT : FB_DIR_CLIENT);
	to = fb_tuple_reverse(&to);
	fb_fragment_rewrite(rte_pktmbuf_mtod(m, uint8_t *), pkt, &to);
	if (pkt->l3_len_bytes > out.mtu)
		fb_end_split(w, b, i, &out);
	else
		fb_end_forward(w, b, i, out.port, out.mac);
}

void fb_stage_fragment(struct fb_worker *w, struct fb_burst *b)
{
	b->n_misses = 0;
	b->n_pieces = 0;
	for (uint16_t k = 0; k < b->n_fragments; k++)
		piece(w, b, b->fragments[k]);
	if (b->n_misses != 0) {
		b->made = UINT64_MAX; /* nobody has looked any of them up */
		fb_stage_warm(w, b);
		fb_stage_service(w, b);
		fb_stage_rewrite(w, b);
	}
	for (uint16_t k = 0; k < b->n_pieces; k++)
		follow(w, b, b->pieces[k]);
}
