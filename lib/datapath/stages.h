/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DATAPATH_STAGES_H
#define FB_DATAPATH_STAGES_H

/*
 * The stages of a burst, in the order in which pipeline.c runs them, and the four ends of a packet.
 *
 * One file a stage, named after it. A stage takes the places in its list of the burst and puts each into
 * a later list or brings it to an end. Thread: the worker.
 */

#include <netinet/in.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_ether.h>
#include <rte_tcp.h>

#include "datapath/worker.h"
#include "flow/shift.h"

/* parse.c: frames to struct fb_packet; lists lookups and others. */
void fb_stage_parse(struct fb_worker *w, struct fb_burst *b);
/* dns.c: names to their answers; those for others to lookups. */
void fb_stage_dns(struct fb_worker *w, struct fb_burst *b);
bool fb_dns_is_ours(const struct fb_worker *w, const struct fb_tuple *to);
/* flow.c: lookups to hits and misses. */
void fb_stage_flow(struct fb_worker *w, struct fb_burst *b);
/* warm.c: what each of the misses would get, found together; for service.c. */
void fb_stage_warm(struct fb_worker *w, struct fb_burst *b);
/* service.c: misses to hits (with a new flow), or to their end. */
void fb_stage_service(struct fb_worker *w, struct fb_burst *b);
/* rewrite.c: hits out of the door; the list is empty afterwards. */
void fb_stage_rewrite(struct fb_worker *w, struct fb_burst *b);
/* The same for hits of which nearly all were just made. */
void fb_stage_rewrite_new(struct fb_worker *w, struct fb_burst *b);
/* other.c: ICMP, ARP, NDP, fragments and whatever else. */
void fb_stage_other(struct fb_worker *w, struct fb_burst *b);
/* fragment.c: pieces of datagrams, to the flow that their first one names. */
void fb_stage_fragment(struct fb_worker *w, struct fb_burst *b);
/* The table of fragments gives one up (fb_fragment_drop_fn); arg is the worker. */
void fb_fragment_drop(void *arg, void *piece, enum fb_reason reason);
/* fragment.c: for IPv4 headers of datagrams whose source is changed, so that it is unique (RFC 6864, 5.3). */
uint16_t fb_worker_next_id(struct fb_worker *w);
/* icmp.c: one ICMP error that quotes a flow's packet (called by other.c). */
void fb_stage_icmp_error(struct fb_worker *w, struct fb_burst *b, uint16_t i);
/* tx.c: everything that was gathered: frames, punts, hand-overs, buffers to free. */
void fb_stage_tx(struct fb_worker *w, struct fb_burst *b);

/*
 * Ends (end.c). Each takes the packet at place i away from the burst and notes the verdict; the
 * counters of the law are written here and in tx.c, nowhere else.
 */
void fb_end_drop(struct fb_worker *w, struct fb_burst *b, uint16_t i, enum fb_reason reason);
void fb_end_punt(struct fb_worker *w, struct fb_burst *b, uint16_t i);
void fb_end_handover(struct fb_worker *w, struct fb_burst *b, uint16_t i, uint16_t owner);
void fb_end_forward_reframed(struct fb_worker *w, struct fb_burst *b, uint16_t i, uint16_t port,
			     const uint8_t dmac[6]);

/* Answers (answer.c): end the packet by an answer of our own, or by a drop when the rate is used up. */
void fb_end_reject(struct fb_worker *w, struct fb_burst *b, uint16_t i, enum fb_reason reason);
void fb_end_echo(struct fb_worker *w, struct fb_burst *b, uint16_t i);
/* The answer stands in the packet's own buffer, but for a tag that the device took away. */
void fb_end_in_place(struct fb_worker *w, struct fb_burst *b, uint16_t i);
void fb_end_neighbour(struct fb_worker *w, struct fb_burst *b, uint16_t i);
void fb_end_time_exceeded(struct fb_worker *w, struct fb_burst *b, uint16_t i);
void fb_end_too_big(struct fb_worker *w, struct fb_burst *b, uint16_t i, uint16_t mtu);

/*
 * drain.c: a packet of a flow that is over (fb_flow_is_over()). Both sides get a reset, with numbers that
 * follow from this packet.
 */
void fb_end_drained(struct fb_worker *w, struct fb_burst *b, uint16_t i, struct fb_flow *flow,
		    enum fb_flow_dir dir);

/* answer.c: a buffer to build an answer in; NULL after the packet was dropped for want of one. */
struct rte_mbuf *fb_answer_buffer(struct fb_worker *w, struct fb_burst *b, uint16_t i);
/*
 * Send the answer of len bytes that was built in it, untagged, and end the packet; without one (len 0) the packet
 * is dropped, since what may not be answered is not answered.
 */
void fb_end_answered(struct fb_worker *w, struct fb_burst *b, uint16_t i, struct rte_mbuf *m,
		     uint32_t len, enum fb_verdict verdict, enum fb_reason reason);
/* answer.c: a reset (of TCP or SCTP) in answer, whatever the rates. */
void fb_end_reset(struct fb_worker *w, struct fb_burst *b, uint16_t i, enum fb_reason reason);

/* A SYN or INIT of somebody who wants a connection; with UDP nobody can tell. */
static inline bool fb_packet_opens(const struct fb_packet *pkt)
{
	const uint8_t answers = RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG;

	return pkt->proto != IPPROTO_UDP && (pkt->tcp_flags & answers) == RTE_TCP_SYN_FLAG;
}

/* tx.c: len bytes that were built in m, untagged. @return false: none, or no room for the tag; m is gone */
bool fb_tx_built(struct fb_worker *w, uint16_t port, struct rte_mbuf *m, uint32_t len,
		 enum fb_tx_kind kind);
/* tx.c: a port's buffer is full. */
void fb_tx_flush(struct fb_worker *w, uint16_t port);
/* tx.c: what waits for an owner goes into his ring now. */
void fb_handover_flush(struct fb_worker *w, uint16_t owner);
/* tx.c: these go into an owner's ring, before what waits for it. */
void fb_handover_now(struct fb_worker *w, uint16_t owner, struct rte_mbuf **mbufs, uint32_t n);

static __rte_always_inline void fb_tx_add_to(struct fb_worker *w, uint16_t port,
					     struct fb_tx_buffer *tx, struct rte_mbuf *m,
					     enum fb_tx_kind kind)
{
	const uint16_t n = tx->n;

	m->hash.usr = kind;
	tx->mbufs[n] = m;
	tx->n = (uint16_t)(n + 1);
	w->tx_ports |= 1u << port;
	if (unlikely(n + 1 == RTE_DIM(tx->mbufs)))
		fb_tx_flush(w, port);
}

/* A frame is ready to leave by a port. */
static inline void fb_tx_add(struct fb_worker *w, uint16_t port, struct rte_mbuf *m,
			     enum fb_tx_kind kind)
{
	fb_tx_add_to(w, port, &w->tx[port], m, kind);
}

/*
 * The frame is complete but for its Ethernet header. Untagged on both sides and not padded, it only gets new
 * addresses; its verdict is the one that all begin with (pipeline.c).
 */
static __rte_always_inline void fb_end_forward_frame(struct fb_worker *w, struct fb_burst *b,
						     uint16_t i, const struct fb_packet *pkt,
						     uint8_t *data, uint16_t port,
						     const uint8_t dmac[6])
{
	struct fb_tx_buffer *out = fb_keep(&w->tx[port]);
	struct rte_mbuf *m = b->mbufs[i];

	if (unlikely(out->vlan != 0 || pkt->l3_off != RTE_ETHER_HDR_LEN ||
		     m->pkt_len != (uint32_t)RTE_ETHER_HDR_LEN + pkt->l3_len_bytes)) {
		fb_end_forward_reframed(w, b, i, port, dmac);
		return;
	}
	memcpy(data, dmac, RTE_ETHER_ADDR_LEN);
	memcpy(data + RTE_ETHER_ADDR_LEN, out->mac, RTE_ETHER_ADDR_LEN);
	fb_tx_add_to(w, port, out, m, FB_TX_FORWARD);
	b->mbufs[i] = NULL;
}

static inline void fb_end_forward(struct fb_worker *w, struct fb_burst *b, uint16_t i,
				  uint16_t port, const uint8_t dmac[6])
{
	fb_end_forward_frame(w, b, i, &b->pkts[i], rte_pktmbuf_mtod(b->mbufs[i], uint8_t *), port,
			     dmac);
}

/* flow.c: the uncommon half of fb_flow_goes_on(). */
bool fb_flow_look_again(struct fb_worker *w, struct fb_flow *flow, const struct fb_packet *pkt,
			enum fb_flow_dir dir);

/* The same, for who has the snapshot's epochs in a register. */
static inline bool fb_flow_goes_on_in(struct fb_worker *w, const uint32_t *ep_epochs,
				      struct fb_flow *flow, const struct fb_packet *pkt,
				      enum fb_flow_dir dir)
{
	if (likely(flow->ep_epoch == ep_epochs[flow->ep_id / FB_INFO_CHUNK] &&
		   (pkt->tcp_flags & RTE_TCP_SYN_FLAG) == 0))
		return true;
	return fb_flow_look_again(w, flow, pkt, dir);
}

/* Whether the flow may keep its endpoint for this packet; takes a new next hop over if so. */
static inline bool fb_flow_goes_on(struct fb_worker *w, struct fb_flow *flow,
				   const struct fb_packet *pkt, enum fb_flow_dir dir)
{
	return fb_flow_goes_on_in(w, w->snap->ep_epochs, flow, pkt, dir);
}

/*
 * The Service's time for this flow is over, and the packet is part of it (a SYN of the client's is not: that
 * is a new connection). Only TCP is told; other flows begin anew.
 */
static inline bool fb_flow_is_over(const struct fb_snapshot *snap, const struct fb_flow *flow,
				   const struct fb_packet *pkt, enum fb_flow_dir dir)
{
	if (flow->proto != IPPROTO_TCP ||
	    (dir == FB_DIR_CLIENT &&
	     (pkt->tcp_flags & (RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG)) == RTE_TCP_SYN_FLAG))
		return false;
	return flow->state == FB_FLOW_RESET ||
	       (flow->ep_id < snap->n_endpoints &&
		(fb_table_info(snap, flow->ep_id)->flags & FB_EP_OVER));
}

/* Where the packet goes: the endpoint's next hop, or back where the client's packets came from. */
struct fb_way_out {
	uint16_t port;
	uint16_t mtu;
	const uint8_t *mac;
};

static inline enum fb_reason fb_find_way_out(const struct fb_worker *w, const struct fb_flow *flow,
					     enum fb_flow_dir dir, struct fb_way_out *ret)
{
	const struct fb_next_hop *hop;

	if (dir == FB_DIR_ENDPOINT) {
		ret->port = flow->client_port;
		ret->mtu = w->dp->ports[flow->client_port].mtu;
		ret->mac = flow->client_mac;
		return FB_REASON_NONE;
	}
	hop = &w->snap->next_hops[flow->nh_idx];
	if (unlikely(hop->state != FB_HOP_READY))
		return hop->state == FB_HOP_NONE ? FB_REASON_NO_ROUTE : FB_REASON_NEXT_HOP;
	ret->port = hop->port;
	ret->mtu = RTE_MIN(hop->mtu, w->dp->ports[hop->port].mtu);
	ret->mac = hop->mac;
	return FB_REASON_NONE;
}

/* proxy.c: whether new connections of the service, which is proxied, begin with a cookie now. */
bool fb_proxy_is_asked(const struct fb_worker *w, const struct fb_service *svc);
/* Answer a SYN by a cookie. */
void fb_proxy_answer(struct fb_worker *w, struct fb_burst *b, uint16_t i, const struct fb_service *svc);
/* Whether a segment that no flow has brings a cookie of ours back. */
bool fb_proxy_accepts(struct fb_worker *w, const struct fb_burst *b, uint16_t i,
		      struct fb_flow_opening *ret);
/*
 * proxy_open.c: of each flow in FB_FLOW_PROXY_OPENING, now and then: its endpoint is asked again, where that is due.
 * arg is the worker.
 */
void fb_proxy_ask_again(void *arg, enum fb_family family, struct fb_flow *flow);
/* A flow, in no queue, leaves that state for another one: its fields say again what they say in all others. */
void fb_proxy_settle(enum fb_family family, struct fb_flow *flow, enum fb_flow_state state);
/*
 * A packet of a flow in one of the proxy's states, about to be translated and to leave: there is a way out.
 * @return whether it may; else it came to its end
 */
bool fb_proxy_pass(struct fb_worker *w, struct fb_burst *b, uint16_t i);
/* Another's numbers in a packet that came from that side of a shifted flow. */
void fb_proxy_translate(const struct fb_burst *b, uint16_t i, const struct fb_flow *flow,
			enum fb_flow_dir dir);

/* The endpoint's sequence number alone, as its client knows it; of a flow that keeps a shift. */
void fb_proxy_translate_seq(const struct fb_burst *b, uint16_t i, const struct fb_flow *flow);

/* split.c: a translated IPv4 packet that is too large for its way out, and may be fragmented. */
void fb_end_split(struct fb_worker *w, struct fb_burst *b, uint16_t i,
		  const struct fb_way_out *out);

static inline bool fb_may_split(const struct fb_packet *pkt)
{
	return pkt->family == FB_IPV4 && (pkt->flags & FB_PKT_IPV4_DF) == 0;
}

/* mss.c: the MSS option of a SYN that is about to leave; client is the flow's tuple as its client has it. */
void fb_mss_lower(struct fb_worker *w, struct fb_burst *b, uint16_t i, const struct fb_tuple *client,
		  uint16_t egress, const struct fb_next_hop *hop);

/* To what ports and svc (NULL: none) lower an MSS; UINT16_MAX: they do not. */
uint16_t fb_mss_lowered(const struct fb_worker *w, const struct fb_service *svc, enum fb_family family,
			uint16_t ingress, uint16_t egress, const struct fb_next_hop *hop);
/* The same, and no more than the links carry. hop: the endpoint's, or NULL. */
uint16_t fb_mss_carried(const struct fb_worker *w, const struct fb_service *svc, enum fb_family family,
			uint16_t ingress, uint16_t egress, const struct fb_next_hop *hop);

/* Whether it is a SYN, and somebody lowers them. */
static inline bool fb_mss_is_asked(const struct fb_worker *w, uint8_t tcp_flags)
{
	return (tcp_flags & RTE_TCP_SYN_FLAG) &&
	       (w->snap->n_clamping != 0 || w->dp->ports_clamp);
}

/*
 * ask.c: an endpoint's packet that no flow has: lead it to its client by all that the client may have asked.
 * @return whether the packet came to its end
 */
bool fb_ask_client(struct fb_worker *w, struct fb_burst *b, uint16_t i);

/* mirror.c: FB_REQUEST_MIRROR. */
void fb_mirror(struct fb_worker *w, struct fb_request *r);

/* flow.c: remove a flow before its time. */
void fb_flow_forget(struct fb_worker *w, enum fb_family family, struct fb_flow *flow);

/* Take a flow that goes out of its endpoint's numbers. */
static inline void fb_flow_uncount(struct fb_worker *w, const struct fb_flow *flow)
{
	struct fb_endpoint_counters *ec = &w->endpoint_counters[flow->ep_id];

	ec->open -= (flow->flags & FB_FLOW_COUNTED) != 0;
	ec->live--;
}

/*
 * search.c: the endpoint of a new flow where the hash does not choose, or the next hop is not ready, or no port was found.
 *
 * @param waits_for_hop  the next hop need not be ready
 * @return FB_REASON_NONE; else no flow can be made
 */
enum fb_reason fb_search_endpoint(struct fb_worker *w, const struct fb_tuple *client,
				  struct fb_candidate *c, bool waits_for_hop);

/*
 * search.c: insert a flow whose endpoint is known. In `dnat` two clients' tuples can want the same reply tuple (one client
 * port to two addresses of a service): then the flow hides the client's address. In `snat` the ports tried so far may be
 * taken.
 *
 * @param err  of the try before: -EEXIST, -ENOSPC; -EAGAIN: there was none
 * @param ret  set with FB_REASON_NONE only
 */
enum fb_reason fb_search_flow(struct fb_worker *w, const struct fb_tuple *client,
			      struct fb_flow_hash hash, struct fb_candidate *c, int err,
			      struct fb_flow **ret);

/*
 * room.c: a flow makes room for a new one. A packet that is still in hand for it leaves first.
 */
void fb_room_evict(struct fb_worker *w, enum fb_family family, struct fb_flow *flow,
		   enum fb_evicted why);
/* One more half-open flow of that protocol may be made: the oldest go while they are too many. */
void fb_room_in_share(struct fb_worker *w, enum fb_family family, uint8_t proto);
/* The table is full. @return whether a half-open flow was there to go */
bool fb_room_in_table(struct fb_worker *w, enum fb_family family, uint8_t proto);

/*
 * limit.c: whether a new flow may be made, by the rates of its source and its service; takes the credit.
 * @return FB_REASON_NONE, or why not
 */
enum fb_reason fb_limit_new_flow(struct fb_worker *w, const struct fb_service *svc,
				 const struct fb_tuple *client);

/*
 * service.c: whether the endpoint sees another client. By the mode; and an endpoint that is its own client would answer
 * itself directly.
 */
static inline bool fb_hides_client(const struct fb_service *svc, const struct fb_endpoint *ep,
				   enum fb_family family, const struct fb_tuple *client)
{
	if (svc->mode == FB_MODE_SNAT)
		return true;
	return family == FB_IPV4 ? memcmp(ep->addr.bytes + 12, &client->v4.src, 4) == 0
					 : memcmp(ep->addr.bytes, client->v6.src, 16) == 0;
}

/* owner.c: the worker that owns a flow, found from a packet that is in nobody's table here. */
uint16_t fb_owner_by_client(const struct fb_worker *w, const struct fb_tuple *client);

/* owner.c: a reply came in on another queue than the device's key and table say. Counted, for the operator. */
void fb_count_astray(struct fb_worker *w, uint16_t ingress, const struct fb_tuple *reply);

static inline bool fb_is_owned_by_queue(const struct fb_datapath *dp, const struct fb_service *svc,
					uint16_t port)
{
	return svc->mode == FB_MODE_SNAT && dp->steer[port] != NULL && fb_nat_rss_knows(svc->proto);
}

static inline uint16_t fb_owner_of_service(const struct fb_worker *w, const struct fb_service *svc,
					   uint16_t port, const struct fb_tuple *client)
{
	return fb_is_owned_by_queue(w->dp, svc, port) ? w->idx : fb_owner_by_client(w, client);
}

/* The worker in whose table the flow of this key must be, if anywhere; the caller has found none here. */
uint16_t fb_owner_of_key(const struct fb_worker *w, uint16_t ingress, const struct fb_tuple *key);

/* The port on which a packet came in (index), kept in the mbuf across a hand-over. */
static inline uint16_t fb_ingress(const struct rte_mbuf *m)
{
	return m->port;
}

#endif
