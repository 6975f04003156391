/* SPDX-License-Identifier: BSD-3-Clause */

/* Telling the peer: greetings, and rounds over all flows. */

#include <netinet/in.h>
#include <sys/socket.h>

#include "control/peer_parts.h"
#include "table/read.h"

#define HELLO_MS 1000

/* What IPv4 and UDP add to a message; with IPv6 it is 20 more. */
#define HEADERS_LEN 28

/* What may be sent at once after a silence: a piece of the walk. */
#define CREDIT_MAX 65536

static void send_message(struct fb_peer *peer, struct fb_sync_writer *w)
{
	uint32_t len = fb_sync_end(w, &peer->key);

	peer->credit -= len + HEADERS_LEN;
	if (send(peer->watch.fd, w->bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len) {
		peer->counts.unsent++;
		return;
	}
	peer->counts.sent_messages++;
	peer->counts.sent_bytes += len + HEADERS_LEN;
	peer->counts.sent_flows += w->n;
}

static void begin(struct fb_peer *peer, struct fb_sync_writer *w, enum fb_sync_kind kind)
{
	const struct fb_nat_ports *ports = fb_datapath_nat_ports(peer->c->p.datapath);
	const struct fb_sync_head head = {
		.kind = kind,
		.from = peer->run,
		.to = peer->peer_run,
		.sequence = ++peer->sequence,
		.snat_first = ports->first,
		.snat_last = ports->last,
	};

	fb_sync_begin(w, &head);
}

void fb_peer_greet(struct fb_peer *peer)
{
	struct fb_sync_writer w;

	peer->hello_ms = peer->c->now_ms + HELLO_MS;
	begin(peer, &w, FB_SYNC_HELLO);
	send_message(peer, &w);
}

/* ---- a round ---- */

static uint16_t tag_of(const struct fb_flow_row *row)
{
	uint64_t sum = fb_tuple_sum(&row->client) * UINT64_C(0x9e3779b97f4a7c15) ^
		       fb_tuple_sum(&row->reply) * UINT64_C(0xd6e8feb86659fd93);

	return (uint16_t)(sum >> 48) | 1;
}

/* Has it lasted for long enough? From the first round that sees it. */
static bool is_old(struct fb_peer *peer, const struct fb_flow_row *row)
{
	struct fb_peer_seen *seen = &peer->seen[row->worker][row->client.family][row->place];
	uint16_t now_s = (uint16_t)(peer->c->now_ms / 1000);
	uint32_t age_s = peer->c->p.config->sync_age_s;
	uint16_t tag = tag_of(row);

	if (seen->tag != tag)
		*seen = (struct fb_peer_seen){tag, now_s};
	if ((uint16_t)(now_s - seen->since_s) < age_s)
		return false;
	/* So that it stays so when the clock has wrapped. */
	seen->since_s = (uint16_t)(now_s - age_s);
	return true;
}

static bool is_established(const struct fb_flow_row *row)
{
	return row->state == FB_FLOW_ESTABLISHED || row->state == FB_FLOW_PROXIED ||
	       row->state == FB_FLOW_ASSOCIATED || row->state == FB_FLOW_UDP;
}

/* Would the peer choose the same endpoint? */
static bool is_default(const struct fb_snapshot *snap, const struct fb_service *svc,
		       const struct fb_flow_row *row)
{
	const struct fb_endpoint *ep = NULL;

	if (fb_selection_by_hash(svc->selection) && svc->affinity_s == 0)
		ep = fb_table_select(svc, fb_table_select_hash(snap, svc, &row->client), NULL);
	return ep != NULL && ep->id == row->ep_id;
}

static bool is_worth_it(struct fb_peer *peer, const struct fb_flow_row *row)
{
	const struct fb_snapshot *snap = fb_control_snapshot(peer->c);
	const struct fb_service *svc;

	/* What was mirrored and has no packet yet is the peer's own. */
	if (row->packets == 0 || !is_established(row) || snap == NULL)
		return false;
	svc = fb_table_lookup(snap, &row->client);
	if (svc == NULL)
		return false;
	/* Nobody picks those up midway: they have numbers of their own, or might have, as they began with a cookie. */
	if (row->state == FB_FLOW_PROXIED || svc->proxied || !is_default(snap, svc, row))
		return true;
	/* What the hash finds again it finds by the client's packets. */
	if ((row->flags & FB_FLOW_SNAT) == 0 && !peer->c->p.config->sync_dnat)
		return false;
	return is_old(peer, row);
}

static bool take_row(void *arg, struct fb_control *c, const struct fb_flow_row *row)
{
	struct fb_peer *peer = arg;
	struct fb_sync_flow flow = {
		.client = row->client,
		.reply = row->reply,
		.idle_s = (row->idle_ms + 999) / 1000,
		.snat = (row->flags & FB_FLOW_SNAT) != 0,
		.shifted = row->state == FB_FLOW_PROXIED,
		.shift = row->shift,
		.client_port = row->client_port,
	};

	if (!is_worth_it(peer, row))
		return true;
	memcpy(flow.client_mac, row->client_mac, sizeof(flow.client_mac));
	if (fb_sync_put(&peer->writer, &flow))
		return true;
	send_message(peer, &peer->writer);
	begin(peer, &peer->writer, FB_SYNC_FLOWS);
	(void)fb_sync_put(&peer->writer, &flow);
	return true;
}

static void begin_round(struct fb_peer *peer)
{
	struct fb_control *c = peer->c;

	peer->round_ms = c->now_ms + (uint64_t)c->p.config->sync_interval_s * 1000;
	if (fb_flow_walk_init(&peer->walk, take_row, peer) != 0)
		return; /* no memory now: in the next round */
	peer->walking = true;
	peer->round_began_ms = c->now_ms;
	begin(peer, &peer->writer, FB_SYNC_FLOWS);
}

static void end_round(struct fb_peer *peer)
{
	fb_flow_walk_fini(&peer->walk);
	peer->walking = false;
	if (peer->writer.n > 0)
		send_message(peer, &peer->writer);
	peer->counts.rounds++;
	peer->counts.round_ms = peer->c->now_ms - peer->round_began_ms;
}

void fb_peer_send(struct fb_peer *peer)
{
	struct fb_control *c = peer->c;

	peer->credit += (int64_t)(c->now_ms - peer->credit_ms) * c->p.config->sync_bandwidth / 1000;
	if (peer->credit > CREDIT_MAX)
		peer->credit = CREDIT_MAX;
	peer->credit_ms = c->now_ms;
	if (!peer->walking) {
		if (c->now_ms < peer->round_ms || peer->peer_run == 0 || !fb_peer_is_up(peer))
			return;
		begin_round(peer);
	}
	/* A peer that fell silent is not told; the piece under way comes in first. */
	if (peer->walking && !fb_peer_is_up(peer))
		fb_flow_walk_stop(&peer->walk);
	/* A piece of the walk goes out whole, and the credit may be overdrawn by that. */
	if (peer->walking && peer->credit > 0 && fb_flow_walk_poll(&peer->walk, c))
		end_round(peer);
}

void fb_peer_send_fini(struct fb_peer *peer)
{
	if (peer->walking)
		fb_flow_walk_fini(&peer->walk);
}
