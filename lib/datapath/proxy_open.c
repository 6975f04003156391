/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The second half of proxy.c: connections whose client has shown itself. Their endpoint is asked, and answers; and
 * from then on every packet's numbers are translated.
 */

#include "datapath/cookie.h"
#include "datapath/proxy_parts.h"
#include "datapath/select.h"
#include "flow/change.h"
#include "flow/lookup.h"
#include "net/rewrite.h"
#include "net/tcp_shift.h"

/*
 * What the endpoint may send before it has heard of the client's window: ten segments, which nobody sends more
 * of at first (RFC 6928).
 */
#define FIRST_WINDOW (10 * 1460)

_Static_assert((FB_FLOW_OPENING_MARK & FB_TABLE_EPOCH_MAX) == 0, "no snapshot is of such an epoch");

/* A frame of ours to where the flow's packets go. @return false: no buffer, or no room for the tag */
static bool send_segment(struct fb_worker *w, uint16_t port, const uint8_t mac[6],
			 const struct fb_tuple *to, const struct fb_tcp_segment *segment,
			 enum fb_tx_kind kind)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);

	if (m == NULL)
		return false;
	return fb_tx_built(w, port, m,
			   fb_tcp_segment_build(to, w->dp->ports[port].mac, mac, segment,
						rte_pktmbuf_mtod(m, uint8_t *),
						rte_pktmbuf_tailroom(m)),
			   kind);
}

/* End the packet by another one that leaves in its place. */
static void end_as(struct fb_worker *w, struct fb_burst *b, uint16_t i, const struct fb_way_out *out,
		   const struct fb_tuple *to, const struct fb_tcp_segment *segment)
{
	struct fb_endpoint_counters *ec = &w->endpoint_counters[b->flows[i]->ep_id];

	if (!send_segment(w, out->port, out->mac, to, segment, FB_TX_FORWARD)) {
		fb_end_drop(w, b, i, FB_REASON_NO_MBUF);
		return;
	}
	ec->packets++;
	ec->bytes += b->pkts[i].l3_len_bytes;
	b->freed[b->n_freed++] = b->mbufs[i];
	b->mbufs[i] = NULL;
}

/* The tuple of packets towards a side. */
static struct fb_tuple towards(const struct fb_burst *b, uint16_t i, enum fb_flow_dir side)
{
	const struct fb_tuple key = fb_flow_tuple(b->flows[i], (enum fb_family)b->pkts[i].family, side);

	return fb_tuple_reverse(&key);
}

static const struct fb_service *service_of(const struct fb_worker *w, const struct fb_burst *b,
					   uint16_t i)
{
	const struct fb_tuple client =
		fb_flow_tuple(b->flows[i], (enum fb_family)b->pkts[i].family, FB_DIR_CLIENT);

	return fb_table_lookup(w->snap, &client);
}

static const struct fb_next_hop *hop_of(const struct fb_snapshot *snap, const struct fb_flow *flow)
{
	return &snap->next_hops[fb_table_info(snap, flow->ep_id)->nh_idx];
}

/* The client's SYN, as far as it is remembered, but for its window. */
static struct fb_tcp_segment syn_of(const struct fb_worker *w, const struct fb_snapshot *snap,
				    enum fb_family family, const struct fb_flow *flow)
{
	const struct fb_flow_opening o = fb_flow_opening(flow);
	const struct fb_tuple client = fb_flow_tuple(flow, family, FB_DIR_CLIENT);
	const struct fb_service *svc = fb_table_lookup(snap, &client);
	const struct fb_next_hop *hop = hop_of(snap, flow);
	const uint16_t lowered = fb_mss_lowered(w, svc, family, flow->client_port, hop->port, hop);

	return (struct fb_tcp_segment){
		.seq = o.isn,
		.flags = RTE_TCP_SYN_FLAG,
		.options = {.mss = RTE_MIN(fb_cookie_mss(o.told), lowered),
			    .wscale = o.said.timestamps ? o.said.wscale : FB_TCP_WSCALE_NONE,
			    .sack = o.said.timestamps && o.said.sack,
			    .timestamps = o.said.timestamps,
			    .tsval = o.said.tsval},
	};
}

/* The SYN, in the place of what the client sent. Data that came with that comes again. */
static void ask_endpoint(struct fb_worker *w, struct fb_burst *b, uint16_t i, const struct fb_way_out *out)
{
	const struct fb_tuple to = towards(b, i, FB_DIR_ENDPOINT);
	const uint16_t window = fb_load16(fb_proxy_l4(b, i) + 14);
	struct fb_tcp_segment syn =
		syn_of(w, w->snap, (enum fb_family)b->pkts[i].family, b->flows[i]);

	syn.window = fb_tcp_shift_window(
		window, syn.options.wscale != FB_TCP_WSCALE_NONE ? syn.options.wscale : 0);
	end_as(w, b, i, out, &to, &syn);
}

void fb_proxy_ask_again(void *arg, enum fb_family family, struct fb_flow *flow)
{
	struct fb_worker *w = arg;
	const struct fb_snapshot *snap = fb_rcu_read(w->rcu);
	const struct fb_next_hop *hop;
	struct fb_tcp_segment syn;
	struct fb_tuple client;
	struct fb_tuple to;

	if ((int64_t)(int32_t)(w->now_ms - flow->last_use_ms) < (int64_t)fb_flow_ask_again_ms(flow) ||
	    snap == NULL || flow->ep_id >= snap->n_endpoints)
		return;
	client = fb_flow_tuple(flow, family, FB_DIR_CLIENT);
	if (!fb_table_keeps_flow(snap, &client, flow->ep_id))
		return;
	hop = hop_of(snap, flow);
	if (hop->state != FB_HOP_READY)
		return;
	syn = syn_of(w, snap, family, flow);
	syn.window = FIRST_WINDOW;
	to = fb_flow_tuple(flow, family, FB_DIR_ENDPOINT);
	to = fb_tuple_reverse(&to);
	if (send_segment(w, hop->port, hop->mac, &to, &syn, FB_TX_SYN))
		fb_flow_asked_again(flow);
}

void fb_proxy_settle(enum fb_family family, struct fb_flow *flow, enum fb_flow_state state)
{
	const struct fb_tuple client = fb_flow_tuple(flow, family, FB_DIR_CLIENT);
	const struct fb_tuple reply = fb_flow_tuple(flow, family, FB_DIR_ENDPOINT);
	struct fb_rewrite rw;

	/* First of all: who adopts a flow believes these fields while it opens, and puts them right later. */
	fb_flow_begin(flow, state);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	flow->packets = 0;
	flow->flags &= (uint8_t)~FB_FLOW_OPENING_SAID;
	fb_rewrite_prepare(&client, &reply, &rw);
	flow->ip_delta = rw.ip_delta;
	flow->l4_delta = rw.l4_delta;
}

static void learn(struct fb_worker *w, const struct fb_service *svc, const struct fb_tcp_options *said,
		  const struct fb_tcp_options *endpoint)
{
	struct fb_proxy_learnt *learnt = fb_proxy_learnt_of(w, svc);

	learnt->mss = endpoint->mss;
	if (said->timestamps)
		learnt->no_timestamps = !endpoint->timestamps;
	if (said->wscale != FB_TCP_WSCALE_NONE)
		learnt->no_wscale = endpoint->wscale == FB_TCP_WSCALE_NONE;
}

static struct fb_tcp_shift shift_of(const struct fb_worker *w, const struct fb_flow_opening *o, uint32_t seq,
				    uint8_t told_scale, const struct fb_tcp_options *endpoint)
{
	struct fb_tcp_shift shift = {.seq = o->told - seq};

	/* Nothing that the client has seen of our clock was later than now. */
	if (endpoint->timestamps)
		shift.ts = (fb_proxy_clock(w) - endpoint->tsval + FB_FLOW_SHIFT_TS_STEP - 1) &
			   ~(uint32_t)(FB_FLOW_SHIFT_TS_STEP - 1);
	if (o->said.wscale != FB_TCP_WSCALE_NONE)
		shift.window = (int8_t)((endpoint->wscale != FB_TCP_WSCALE_NONE ? endpoint->wscale
										: 0) -
					told_scale);
	return shift;
}

/* The endpoint accepts: it is acknowledged in the client's name, and the client's window opens. */
static void endpoint_accepts(struct fb_worker *w, struct fb_burst *b, uint16_t i,
			     const struct fb_way_out *to_client)
{
	struct fb_flow *flow = b->flows[i];
	const enum fb_family family = (enum fb_family)b->pkts[i].family;
	const struct fb_service *svc = service_of(w, b, i);
	const uint8_t *l4 = fb_proxy_l4(b, i);
	const struct fb_flow_opening o = fb_flow_opening(flow);
	const bool scaled = o.said.wscale != FB_TCP_WSCALE_NONE;
	const uint8_t told_scale = svc != NULL ? svc->syn_proxy_wscale : FB_SYN_PROXY_WSCALE;
	const struct fb_tuple client = towards(b, i, FB_DIR_CLIENT);
	const struct fb_tuple endpoint = towards(b, i, FB_DIR_ENDPOINT);
	const uint32_t seq = fb_load32(l4 + 4);
	const uint32_t ack = fb_load32(l4 + 8);
	const uint16_t window = fb_load16(l4 + 14);
	struct fb_tcp_options options;
	struct fb_tcp_segment s = {.flags = RTE_TCP_ACK_FLAG, .options.wscale = FB_TCP_WSCALE_NONE};
	struct fb_tcp_shift shift;
	struct fb_way_out out;

	fb_tcp_options_read(l4, fb_proxy_have(b, i), &options);
	if (svc != NULL)
		learn(w, svc, &o.said, &options);
	shift = shift_of(w, &o, seq, told_scale, &options);
	fb_flow_dequeue(w->flows[family], flow);
	fb_flow_shift_set(flow, &shift);
	fb_proxy_settle(family, flow, FB_FLOW_PROXIED);
	fb_flow_note(w, family, flow);
	s.options.timestamps = options.timestamps;
	if (fb_find_way_out(w, flow, FB_DIR_CLIENT, &out) == FB_REASON_NONE) {
		s.seq = ack;
		s.ack = seq + 1;
		s.window = fb_tcp_shift_window(FIRST_WINDOW,
					       scaled && options.wscale != FB_TCP_WSCALE_NONE
						       ? -o.said.wscale
						       : 0);
		s.options.tsval = options.tsecr;
		s.options.tsecr = options.tsval;
		(void)send_segment(w, out.port, out.mac, &endpoint, &s, FB_TX_PROXY);
	}
	s.seq = seq + 1 + shift.seq;
	s.ack = ack;
	s.window = fb_tcp_shift_window(window, scaled ? -told_scale : 0);
	s.options.tsval = options.tsval + shift.ts;
	s.options.tsecr = options.tsecr;
	flow->packets++;
	end_as(w, b, i, to_client, &client, &s);
}

/* As a connection that was refused: nothing has to be translated any more. */
static void end_opening(struct fb_worker *w, enum fb_family family, struct fb_flow *flow)
{
	fb_flow_dequeue(w->flows[family], flow);
	fb_proxy_settle(family, flow, FB_FLOW_CLOSING);
	fb_flow_note(w, family, flow);
}

static bool from_client(struct fb_worker *w, struct fb_burst *b, uint16_t i, const struct fb_way_out *out)
{
	const struct fb_packet *pkt = &b->pkts[i];
	struct fb_flow *flow = b->flows[i];
	struct fb_flow_opening o;

	if (pkt->tcp_flags & RTE_TCP_RST_FLAG) {
		/* Without an acknowledgement its own number is all that counts, and that is the same. */
		end_opening(w, (enum fb_family)pkt->family, flow);
		return true;
	}
	if (pkt->tcp_flags & RTE_TCP_SYN_FLAG) {
		const struct fb_service *svc = service_of(w, b, i);

		if (svc != NULL && svc->proxied)
			fb_proxy_answer(w, b, i, svc);
		else
			fb_end_drop(w, b, i, FB_REASON_SYN_PROXY);
		return false;
	}
	if (!fb_proxy_is_summed(b, i)) {
		fb_end_drop(w, b, i, FB_REASON_BAD_TCP_CHECKSUM);
	} else if (fb_proxy_is_cookie(w, b, i, &o)) {
		/* The client may have begun anew meanwhile. */
		fb_flow_opening_begin(flow, &o);
		ask_endpoint(w, b, i, out);
	} else {
		fb_end_drop(w, b, i, FB_REASON_SYN_PROXY);
	}
	return false;
}

static bool from_endpoint(struct fb_worker *w, struct fb_burst *b, uint16_t i,
			  const struct fb_way_out *out)
{
	const uint8_t answers = RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG;
	const struct fb_packet *pkt = &b->pkts[i];
	struct fb_flow *flow = b->flows[i];
	struct fb_tcp_segment reset = {.seq = fb_flow_opening(flow).told + 1,
				       .ack = fb_load32(fb_proxy_l4(b, i) + 8),
				       .flags = RTE_TCP_RST_FLAG | RTE_TCP_ACK_FLAG,
				       .options.wscale = FB_TCP_WSCALE_NONE};
	struct fb_tuple client;

	if (!fb_proxy_is_summed(b, i)) {
		fb_end_drop(w, b, i, FB_REASON_BAD_TCP_CHECKSUM);
	} else if (pkt->tcp_flags & RTE_TCP_RST_FLAG) {
		client = towards(b, i, FB_DIR_CLIENT);
		end_opening(w, (enum fb_family)pkt->family, flow);
		end_as(w, b, i, out, &client, &reset);
	} else if ((pkt->tcp_flags & answers) == answers) {
		endpoint_accepts(w, b, i, out);
	} else {
		/* Of a connection that it had before, which a reset ends; then the SYN is right. */
		fb_end_reject(w, b, i, FB_REASON_SYN_PROXY);
	}
	return false;
}

bool fb_proxy_pass(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	const struct fb_flow *flow = b->flows[i];
	struct fb_way_out out;

	if (flow->state != FB_FLOW_PROXY_OPENING) {
		fb_proxy_translate(b, i, flow, b->dirs[i]);
		return true;
	}
	if (b->pkts[i].kind != FB_PARSE_SERVICE ||
	    fb_find_way_out(w, flow, b->dirs[i], &out) != FB_REASON_NONE) {
		fb_end_drop(w, b, i, FB_REASON_SYN_PROXY);
		return false;
	}
	return b->dirs[i] == FB_DIR_CLIENT ? from_client(w, b, i, &out)
					   : from_endpoint(w, b, i, &out);
}

void fb_proxy_translate(const struct fb_burst *b, uint16_t i, const struct fb_flow *flow,
			enum fb_flow_dir dir)
{
	const struct fb_tcp_shift shift = fb_flow_shift(flow);
	uint8_t *l4 = rte_pktmbuf_mtod_offset(b->mbufs[i], uint8_t *, b->pkts[i].l4_off);

	if (dir == FB_DIR_CLIENT)
		fb_tcp_shift_to_endpoint(l4, fb_proxy_have(b, i), b->pkts[i].tcp_flags, &shift);
	else
		fb_tcp_shift_to_client(l4, fb_proxy_have(b, i), b->pkts[i].tcp_flags, &shift);
}

void fb_proxy_translate_seq(const struct fb_burst *b, uint16_t i, const struct fb_flow *flow)
{
	uint8_t *l4 = rte_pktmbuf_mtod_offset(b->mbufs[i], uint8_t *, b->pkts[i].l4_off);

	if (fb_flow_seq_shift(flow) != 0)
		fb_tcp_replace32(l4, 4, fb_load32(l4 + 4) + fb_flow_seq_shift(flow));
}
