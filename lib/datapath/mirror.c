/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Flows that another box has, so that they go on here when that one is gone (sync/message.h).
 *
 * An mirrored flow is one like any other, but that no packet of it was seen: fb_flow.packets is 0 until then. That
 * tells it from those that are this box's to tell of. In snat the client's packets may come to one worker and
 * the replies, by their port, to another: then both have it, and each sees its side only.
 */

#include <netinet/in.h>

#include "datapath/select.h"
#include "datapath/stages.h"
#include "flow/lookup.h"
#include "net/rewrite.h"

/* A quarter of the table is left to flows of this box: the peer's alone are no pressure (flows.pressure). */
#define LEFT_SHIFT 2

static enum fb_flow_state mirrored_state(const struct fb_flow_row *row)
{
	return row->state == FB_FLOW_PROXIED	     ? FB_FLOW_PROXIED
	       : row->client.proto == IPPROTO_TCP  ? FB_FLOW_ESTABLISHED
	       : row->client.proto == IPPROTO_SCTP ? FB_FLOW_ASSOCIATED
						   : FB_FLOW_UDP;
}

/* Nothing else is ever in that place of a flow that is, or becomes, a mirrored one. */
static void set_shift(struct fb_flow *flow, const struct fb_flow_row *row)
{
	flow->link = 0;
	flow->older = 0;
	if (row->state == FB_FLOW_PROXIED)
		fb_flow_shift_set(flow, &row->shift);
	fb_flow_begin(flow, mirrored_state(row));
}

/* Of the same tuples, but of another connection of theirs, which has other numbers. */
static void renew(struct fb_flow *flow, const struct fb_flow_row *row)
{
	if (flow->packets == 0 &&
	    (flow->state == FB_FLOW_ESTABLISHED || flow->state == FB_FLOW_PROXIED))
		set_shift(flow, row);
}

static bool same_reply(const struct fb_flow_table *t, const struct fb_flow *flow,
		       enum fb_flow_dir dir, const struct fb_flow_row *row)
{
	struct fb_tuple reply = fb_flow_reply_key(t, flow);

	return dir == FB_DIR_CLIENT && memcmp(&reply, &row->reply, sizeof(reply)) == 0;
}

static void fill(struct fb_worker *w, const struct fb_snapshot *snap, struct fb_flow *flow,
		 const struct fb_flow_row *row)
{
	struct fb_tuple out = fb_tuple_reverse(&row->reply);
	struct fb_rewrite rw;

	fb_rewrite_prepare(&row->client, &out, &rw);
	flow->ip_delta = rw.ip_delta;
	flow->l4_delta = rw.l4_delta;
	flow->ep_id = row->ep_id;
	flow->ep_epoch = fb_table_epoch(snap, row->ep_id);
	flow->nh_idx = fb_table_info(snap, row->ep_id)->nh_idx;
	flow->client_port = row->client_port;
	memcpy(flow->client_mac, row->client_mac, sizeof(flow->client_mac));
	flow->flags = (uint8_t)((row->flags & FB_FLOW_SNAT) | FB_FLOW_HEARD_CLIENT |
				FB_FLOW_HEARD_ENDPOINT);
	flow->last_use_ms = w->now_ms - row->idle_ms;
	fb_flow_count_open(w, flow);
	set_shift(flow, row);
	w->endpoint_counters[row->ep_id].live++;
	w->counters.flows_created++;
}

static void mirror(struct fb_worker *w, const struct fb_snapshot *snap,
		   const struct fb_flow_row *row, struct fb_mirrored *ret)
{
	struct fb_flow_table *t = w->flows[row->client.family];
	struct fb_flow *flow;
	enum fb_flow_dir dir;

	flow = fb_flow_find(t, &row->client, fb_flow_hash_tuple(t, &row->client), &dir);
	if (flow != NULL && same_reply(t, flow, dir, row)) {
		if (w->now_ms - flow->last_use_ms > row->idle_ms)
			flow->last_use_ms = w->now_ms - row->idle_ms;
		renew(flow, row);
		ret->n_known++;
		return;
	}
	if (flow != NULL || fb_flow_taken(t, &row->reply)) {
		ret->n_taken++;
		return;
	}
	/* Control asked its snapshot, which may not be this one. */
	if (snap == NULL || row->ep_id >= snap->n_endpoints ||
	    !fb_table_keeps_flow(snap, &row->client, row->ep_id)) {
		ret->n_lost++;
		return;
	}
	if (fb_flow_count(t) >= fb_flow_capacity(t) - (fb_flow_capacity(t) >> LEFT_SHIFT) ||
	    fb_flow_insert(t, &row->client, &row->reply, w->now_ms, &flow) != 0) {
		ret->n_full++;
		return;
	}
	fill(w, snap, flow, row);
	ret->n_new++;
}

void fb_mirror(struct fb_worker *w, struct fb_request *r)
{
	const struct fb_snapshot *snap = fb_rcu_read(w->rcu);

	for (uint32_t i = 0; i < r->n_rows; i++)
		mirror(w, snap, &r->rows[i], &r->mirrored);
}
