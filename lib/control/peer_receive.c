/* SPDX-License-Identifier: BSD-3-Clause */

/* What the peer says: which workers its flows are for, and what they made of it. */

#include <errno.h>
#include <sys/socket.h>

#include "control/peer_parts.h"
#include "flow/shift.h"
#include "table/read.h"

/* A pass of the loop has other things to do, too. */
#define MESSAGES_PER_PASS 64

static struct fb_peer_request *request_for(struct fb_peer *peer, uint16_t worker)
{
	struct fb_peer_request *unused = NULL;

	for (uint32_t i = 0; i < FB_PEER_REQUESTS; i++) {
		struct fb_peer_request *a = &peer->requests[i];

		if (a->used && !a->asked && a->worker == worker &&
		    a->request.n_rows < FB_MIRROR_MAX)
			return a;
		if (!a->used && unused == NULL)
			unused = a;
	}
	if (unused == NULL)
		return NULL;
	unused->used = true;
	unused->asked = false;
	unused->worker = worker;
	unused->request = (struct fb_request){
		.kind = FB_REQUEST_MIRROR,
		.rows = unused->rows,
		.rows_cap = FB_MIRROR_MAX,
	};
	return unused;
}

static void hand_over(struct fb_peer *peer, uint16_t worker, const struct fb_flow_row *row)
{
	struct fb_peer_request *a = request_for(peer, worker);

	if (a == NULL) {
		peer->counts.flows[FB_METRICS_SYNC_BUSY]++;
		return;
	}
	a->rows[a->request.n_rows++] = *row;
}

void fb_peer_collect(struct fb_peer *peer)
{
	uint64_t *flows = peer->counts.flows;

	for (uint32_t i = 0; i < FB_PEER_REQUESTS; i++) {
		struct fb_peer_request *a = &peer->requests[i];

		if (!a->used)
			continue;
		if (!a->asked) {
			/* A full ring empties within a burst: asked again in the next pass. */
			a->asked = fb_datapath_request(peer->c->p.datapath, a->worker,
						       &a->request) == 0;
			continue;
		}
		if (!fb_request_done(&a->request))
			continue;
		flows[FB_METRICS_SYNC_NEW] += a->request.mirrored.n_new;
		flows[FB_METRICS_SYNC_KNOWN] += a->request.mirrored.n_known;
		flows[FB_METRICS_SYNC_TAKEN] += a->request.mirrored.n_taken;
		flows[FB_METRICS_SYNC_FULL] += a->request.mirrored.n_full;
		flows[FB_METRICS_SYNC_LOST] += a->request.mirrored.n_lost;
		a->used = false;
	}
}

/* ---- one flow ---- */

/* Of a port range the endpoint's port is not the flow's. */
static const struct fb_endpoint *find_endpoint(const struct fb_snapshot *snap,
					       const struct fb_service *svc,
					       const struct fb_sync_flow *flow)
{
	struct fb_addr addr = fb_tuple_src(&flow->reply);
	rte_be16_t port_be = fb_tuple_sport(&flow->reply);

	if (!svc->ranged)
		return fb_table_find_endpoint(svc, &addr, port_be);
	for (uint32_t i = 0; i < svc->n_endpoints; i++) {
		const struct fb_endpoint *ep = &svc->endpoints[i];

		if (fb_addr_equal(&ep->addr, &addr) &&
		    fb_table_port_be(snap, svc, &flow->client, ep) == port_be)
			return ep;
	}
	return NULL;
}

/*
 * Do its addresses say what its mode says? A hidden client has an address of ours. Its port is the peer's, or one
 * of ours: then it was this box's before it was lost, and comes home.
 */
static bool fits(const struct fb_peer *peer, const struct fb_snapshot *snap,
		 const struct fb_sync_flow *flow)
{
	const struct fb_nat_ports *ports = fb_datapath_nat_ports(peer->c->p.datapath);
	struct fb_addr client = fb_tuple_src(&flow->client);
	struct fb_addr to = fb_tuple_dst(&flow->reply);

	if (!fb_flow_shift_fits(&flow->shift))
		return false;
	if (!flow->snat)
		return fb_addr_equal(&client, &to) &&
		       fb_tuple_sport(&flow->client) == fb_tuple_dport(&flow->reply);
	return (fb_table_address(snap, &to) & FB_ADDR_SNAT) != 0 && !peer->overlaps &&
	       fb_nat_port_owner(ports, fb_tuple_dport(&flow->reply)) != FB_NAT_NO_OWNER;
}

/* To the worker that the client's packets come to, and the one that the replies' port leads to. */
static void place(struct fb_peer *peer, const struct fb_sync_flow *flow)
{
	const struct fb_snapshot *snap = fb_control_snapshot(peer->c);
	const struct fb_service *svc = snap != NULL ? fb_table_lookup(snap, &flow->client) : NULL;
	const struct fb_endpoint *ep = svc != NULL ? find_endpoint(snap, svc, flow) : NULL;
	struct fb_datapath *dp = peer->c->p.datapath;
	struct fb_flow_row row = {
		.client = flow->client,
		.reply = flow->reply,
		.idle_ms = flow->idle_s * 1000,
		.flags = flow->snat ? FB_FLOW_SNAT : 0,
		.state = flow->shifted ? FB_FLOW_PROXIED : FB_FLOW_FREE,
		.shift = flow->shift,
		.client_port = flow->client_port,
	};
	const char *rule;
	uint16_t owner;
	uint8_t other;

	if (ep == NULL) {
		peer->counts.flows[FB_METRICS_SYNC_LOST]++;
		return;
	}
	if (flow->client_port >= fb_datapath_n_ports(dp) || !fits(peer, snap, flow)) {
		peer->counts.flows[FB_METRICS_SYNC_UNFIT]++;
		return;
	}
	row.ep_id = ep->id;
	memcpy(row.client_mac, flow->client_mac, sizeof(row.client_mac));
	owner = fb_datapath_owner(dp, svc, flow->client_port, &flow->client, &rule);
	hand_over(peer, owner, &row);
	other = flow->snat
			? fb_nat_port_owner(fb_datapath_nat_ports(dp), fb_tuple_dport(&flow->reply))
			: (uint8_t)owner;
	if (other != owner)
		hand_over(peer, other, &row);
}

/* ---- one message ---- */

static void look_at_ports(struct fb_peer *peer, const struct fb_sync_head *head)
{
	const struct fb_nat_ports *own = fb_datapath_nat_ports(peer->c->p.datapath);
	bool overlaps = head->snat_first <= own->last && own->first <= head->snat_last;

	if (overlaps && !peer->overlaps)
		fb_control_log(
			peer->c, FB_LOG_ERROR,
			"sync: the peer's nat.snat-ports are %u-%u, this box's %u-%u: they have "
			"to be apart; no snat flow of the peer's is kept",
			head->snat_first, head->snat_last, own->first, own->last);
	peer->overlaps = overlaps;
}

/* Whom it is for, and whether it is new. A greeting to nobody yet, or to an earlier run of ours, says who is
 * there: no more, and only while nobody is. */
static bool believe(struct fb_peer *peer, const struct fb_sync_head *head)
{
	if (head->to != peer->run) {
		if (head->kind == FB_SYNC_HELLO && !fb_peer_is_up(peer)) {
			peer->peer_run = head->from;
			fb_peer_greet(peer);
		} else if (head->kind == FB_SYNC_FLOWS) {
			peer->counts.replayed++;
		}
		return false;
	}
	if (!fb_sync_window_take(&peer->window, head)) {
		peer->counts.replayed++;
		return false;
	}
	return true;
}

static void take(struct fb_peer *peer, const uint8_t *bytes, uint32_t len)
{
	struct fb_sync_reader reader;
	struct fb_sync_head head;
	struct fb_sync_flow flow;
	int more;

	peer->counts.received_bytes += len;
	if (fb_sync_open(&peer->key, bytes, len, &head, &reader) != 0) {
		peer->counts.unsigned_++;
		return;
	}
	if (!believe(peer, &head))
		return;
	peer->peer_run = head.from;
	peer->heard_ms = peer->c->now_ms;
	peer->counts.received_messages++;
	look_at_ports(peer, &head);
	while ((more = fb_sync_next(&reader, &flow)) == 1) {
		peer->counts.received_flows++;
		place(peer, &flow);
	}
	if (more != 0)
		peer->counts.flows[FB_METRICS_SYNC_UNFIT]++;
}

void fb_peer_receive(void *arg, uint32_t events)
{
	struct fb_peer *peer = arg;
	uint8_t bytes[FB_SYNC_MESSAGE_MAX + 1];

	for (int i = 0; i < MESSAGES_PER_PASS; i++) {
		ssize_t n = recv(peer->watch.fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		/* Nothing more; or the peer's machine says that nobody listens there, once. */
		if (n < 0 && errno == ECONNREFUSED)
			continue;
		if (n < 0)
			break;
		take(peer, bytes, (uint32_t)n);
	}
}
