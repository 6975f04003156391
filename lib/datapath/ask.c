/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Not a stage of each packet: one of an endpoint in `dnat` that no flow has, in the middle of a connection that
 * another box or an earlier run made.
 *
 * A client's packet would make the flow, as the hash leads it to the same endpoint; but a client that only listens
 * sends none before it has got one. The endpoint's packet says who the client is and not which address it asked. It
 * may have been each of those frontends of the endpoint's services by which the hash leads this client to this
 * endpoint; with few endpoints these are often several, as Kubernetes gives a Service addresses that nobody uses. So
 * nobody guesses: the packet goes to the client from each of them. The client takes it from the one that it asked, and
 * its answer makes the flow. To the others it answers with a reset, which ends here. Until then there is no state but
 * a note of how often this was done.
 *
 * Or the client asked nobody here, where the kernel routes between it and the endpoint. So after some packets the
 * connection is left to the kernel, and from its beginning where that was seen here.
 */

#include "datapath/stages.h"
#include "datapath/stateless.h"
#include "net/build.h"
#include "net/rewrite.h"

#define MOST_SERVICES  8
#define MOST_FRONTENDS 64 /* are looked at, of each service */
#define MOST_ASKED     16

/* Of 2^32: its multiples are spread evenly (Knuth, 6.4). */
#define GOLDEN_RATIO UINT32_C(0x9e3779b9)

/*
 * So many packets are led to clients, and in a second more of them; to a client that is there and was not asked too
 * often a packet is enough. A server may have ten on the way at first (RFC 6928), and has two seconds for eight by its
 * timer (RFC 6298: a second, then two).
 */
#define SOME_PACKETS 8
#define MOST_PACKETS 64
#define MANY_FOR_MS  1000

/* After such a silence a note is of a new connection; or may be another's, if its own was not left to the kernel. */
#define NEW_AFTER_MS   900000
#define OTHER_AFTER_MS 2000
#define LEFT_FOR_MS    60000

/* What the client may have sent, so that this is the answer. */
struct asked {
	struct fb_tuple client;
	uint32_t ep_id;
};

static bool is_left(const struct fb_ask_note *note, uint32_t now_ms)
{
	return note->n >= MOST_PACKETS ||
	       (note->n >= SOME_PACKETS && now_ms - note->began_ms >= MANY_FOR_MS);
}

/* The connection's note; NULL: another connection has its place. */
static struct fb_ask_note *note_of(const struct fb_worker *w, struct fb_flow_hash hash)
{
	struct fb_ask_note *note = &w->stateless->notes[hash.home % FB_ASK_NOTES];
	const uint32_t silent_ms = w->now_ms - note->last_ms;
	const uint32_t kept_ms = note->tag == hash.home     ? NEW_AFTER_MS
				 : is_left(note, w->now_ms) ? LEFT_FOR_MS
							    : OTHER_AFTER_MS;

	if (!note->used || silent_ms >= kept_ms)
		*note = (struct fb_ask_note){.tag = hash.home, .began_ms = w->now_ms, .used = true};
	else if (note->tag != hash.home)
		return NULL;
	note->last_ms = w->now_ms;
	return note;
}

/* What begins or ends is no part of a connection that a client waits in. SCTP's chunks stand where TCP's flags do. */
static bool begins(const struct fb_packet *pkt)
{
	return pkt->proto == IPPROTO_TCP ? (pkt->tcp_flags & RTE_TCP_SYN_FLAG) != 0
					 : (pkt->sctp_chunks & (FB_SCTP_INIT | FB_SCTP_INIT_ACK |
								FB_SCTP_COOKIE_ACK)) != 0;
}

static bool is_unanswered(const struct fb_packet *pkt)
{
	return pkt->proto == IPPROTO_TCP ? (pkt->tcp_flags & RTE_TCP_RST_FLAG) != 0
					 : (pkt->sctp_chunks & FB_SCTP_UNANSWERED) != 0;
}

/* It came in where packets to the endpoint leave: others than the endpoint may write its address, but not there. */
static bool is_from(const struct fb_worker *w, uint32_t ep_id, uint16_t ingress)
{
	const struct fb_next_hop *hop = &w->snap->next_hops[fb_table_info(w->snap, ep_id)->nh_idx];

	return hop->state == FB_HOP_READY && hop->port == ingress;
}

/* Those frontends of a service by which its table leads the client to the packet's source, behind the n there are. */
static uint32_t add_asked(const struct fb_worker *w, const struct fb_service *svc,
			  const struct fb_tuple *reply, uint16_t ingress, struct asked *ret,
			  uint32_t n)
{
	const struct fb_addr endpoint = fb_tuple_src(reply);
	const struct fb_addr client = fb_tuple_dst(reply);
	const uint32_t n_frontends = RTE_MIN(svc->n_frontends, (uint32_t)MOST_FRONTENDS);

	if (!fb_stateless_is_enough(svc) || svc->n_slots == 0 || !fb_table_admits(svc, &client))
		return n;
	for (uint32_t k = 0; k < n_frontends && n < MOST_ASKED; k++) {
		const struct fb_frontend_spec *f = &svc->frontends[k];
		const struct fb_endpoint *ep;

		if (fb_addr_equal(&f->addr, &client))
			continue;
		ret[n].client = fb_tuple_make(reply->proto, &client, fb_tuple_dport(reply),
					      &f->addr, f->port_be);
		ep = fb_table_select(svc, fb_table_select_hash(w->snap, svc, &ret[n].client), NULL);
		ret[n].ep_id = ep->id;
		if (ep->port_be == fb_tuple_sport(reply) && fb_addr_equal(&ep->addr, &endpoint) &&
		    is_from(w, ep->id, ingress))
			n++;
	}
	return n;
}

/* The packet once more, from another frontend. Without a buffer it is left out: the endpoint will send again. */
static void send_copy(struct fb_worker *w, const struct fb_burst *b, uint16_t i,
		      const struct asked *asked, const struct fb_way_out *out)
{
	const struct fb_tuple to = fb_tuple_reverse(&asked->client);
	const uint8_t *mac = w->dp->ports[out->port].mac;
	struct fb_packet pkt = b->pkts[i];
	const uint8_t *l3 = rte_pktmbuf_mtod(b->mbufs[i], const uint8_t *) + pkt.l3_off;
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);
	const uint32_t len = FB_ETHER_LEN + pkt.l3_len_bytes;
	struct fb_rewrite rw;
	uint8_t *data;

	if (m == NULL)
		return;
	if (len > rte_pktmbuf_tailroom(m)) {
		rte_pktmbuf_free(m);
		return;
	}
	data = rte_pktmbuf_mtod(m, uint8_t *);
	fb_build_ether(data, out->mac, mac,
		       pkt.family == FB_IPV4 ? FB_ETHER_TYPE_IPV4 : FB_ETHER_TYPE_IPV6);
	memcpy(data + FB_ETHER_LEN, l3, pkt.l3_len_bytes);
	pkt.l4_off = (uint16_t)(pkt.l4_off - pkt.l3_off + FB_ETHER_LEN);
	pkt.l3_off = FB_ETHER_LEN;
	fb_rewrite_prepare(&pkt.tuple, &to, &rw);
	fb_rewrite_apply(data, &pkt, &asked->client, &rw);
	(void)fb_tx_built(w, out->port, m, len, FB_TX_COPY);
}

/*
 * From each of them, copies as the rate allows. The packet itself from one, each time another, so that the client hears
 * of all in the end.
 */
static bool send_from_all(struct fb_worker *w, struct fb_burst *b, uint16_t i,
			  const struct asked *asked, uint32_t n, uint32_t turn)
{
	const uint32_t own = fb_hash_reduce(turn * GOLDEN_RATIO, n);
	const struct fb_packet *pkt = &b->pkts[i];
	const struct fb_addr client = fb_tuple_dst(&pkt->tuple);
	const struct fb_client_hop *hop = fb_stateless_hop_of(w, &client);
	const struct fb_tuple to = fb_tuple_reverse(&asked[own].client);
	struct fb_way_out out;

	/* Nobody's packet has come yet, so nobody is known to be a router. */
	if (hop == NULL)
		return false;
	out = (struct fb_way_out){.port = hop->port, .mtu = w->tx[hop->port].mtu, .mac = hop->mac};
	if (pkt->ttl <= 1 || pkt->l3_len_bytes > out.mtu ||
	    pkt->l3_off + pkt->l3_len_bytes > b->mbufs[i]->data_len)
		return false;
	for (uint32_t k = 0; k < n; k++) {
		if (k != own && fb_rate_limit_take(&w->copy_limit, w->now_ms))
			send_copy(w, b, i, &asked[k], &out);
	}
	w->counters.asked++;
	fb_stateless_send(w, b, i, &to, &asked[own].client, asked[own].ep_id, &out);
	return true;
}

bool fb_ask_client(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	const struct fb_packet *pkt = &b->pkts[i];
	const struct fb_addr endpoint = fb_tuple_src(&pkt->tuple);
	const struct fb_service *services[MOST_SERVICES];
	struct asked asked[MOST_ASKED];
	struct fb_ask_note *note;
	uint32_t n_asked = 0;
	uint32_t n;

	/* What a UDP endpoint sends unasked is its own business, and never was a Service's. */
	if (pkt->proto == IPPROTO_UDP || pkt->kind != FB_PARSE_SERVICE || is_unanswered(pkt) ||
	    __atomic_load_n(&w->dp->draining, __ATOMIC_RELAXED))
		return false;
	n = fb_table_serves(w->snap, &endpoint, fb_tuple_sport(&pkt->tuple), pkt->proto, services,
			    MOST_SERVICES);
	for (uint32_t k = 0; k < n; k++)
		n_asked = add_asked(w, services[k], &pkt->tuple, fb_ingress(b->mbufs[i]), asked,
				    n_asked);
	if (n_asked == 0)
		return false;
	note = note_of(w, b->hashes[i]);
	if (note == NULL)
		return false;
	if (begins(pkt))
		note->n = MOST_PACKETS;
	if (is_left(note, w->now_ms) || !send_from_all(w, b, i, asked, n_asked, note->n))
		return false;
	note->n++;
	return true;
}
