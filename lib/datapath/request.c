/* SPDX-License-Identifier: BSD-3-Clause */

/* What control asks a worker: reading flows out, a bounded piece per loop. */

#include "datapath/stages.h"
#include "flow/lookup.h"

#define RECORDS_PER_LOOP 256 /* some 10 us when every record is a cache miss */
#define FINDS_PER_LOOP   32  /* two or three misses each: the same */

static void fill_row(const struct fb_worker *w, const struct fb_flow_table *t,
		     const struct fb_flow *flow, uint32_t place, struct fb_flow_row *row)
{
	*row = (struct fb_flow_row){
		.client = fb_flow_client_key(t, flow),
		.reply = fb_flow_reply_key(t, flow),
		.ep_id = flow->ep_id,
		.idle_ms = w->now_ms - flow->last_use_ms,
		.packets = flow->state == FB_FLOW_PROXY_OPENING ? 0 : flow->packets,
		.worker = w->idx,
		.state = flow->state,
		.flags = flow->flags,
		.place = place,
		.client_port = flow->client_port,
	};
	memcpy(row->client_mac, flow->client_mac, sizeof(row->client_mac));
	if (fb_flow_is_shifted(flow))
		row->shift = fb_flow_shift(flow);
}

static bool serve_find(struct fb_worker *w, struct fb_request *r)
{
	const struct fb_flow_table *t = w->flows[r->family];
	enum fb_flow_dir dir;
	struct fb_flow *flow;

	r->n_rows = 0;
	flow = fb_flow_find(t, &r->tuple, fb_flow_hash_tuple(t, &r->tuple), &dir);
	if (flow != NULL && r->rows_cap > 0)
		fill_row(w, t, flow, 0, &r->rows[r->n_rows++]);
	return true;
}

/* @return whether the request is done */
static bool serve_list(struct fb_worker *w, struct fb_request *r)
{
	const struct fb_flow_table *t = w->flows[r->family];
	uint32_t high = fb_flow_high_water(t);
	uint32_t stop = high;

	if (high - r->cursor > RECORDS_PER_LOOP && r->cursor < high)
		stop = r->cursor + RECORDS_PER_LOOP;
	while (r->cursor < stop && r->n_rows < r->rows_cap) {
		uint32_t place = r->cursor++;
		const struct fb_flow *flow = fb_flow_at(t, place);

		if (flow != NULL)
			fill_row(w, t, flow, place, &r->rows[r->n_rows++]);
	}
	if (r->cursor >= high) {
		r->next_cursor = 0;
		return true;
	}
	r->next_cursor = r->cursor;
	return r->n_rows == r->rows_cap;
}

/* @return whether there may be time for another one */
static bool serve_one(struct fb_worker *w)
{
	struct fb_request *r = w->request;
	bool find;
	bool done;

	if (r == NULL) {
		if (likely(rte_ring_sc_dequeue(w->request_ring, (void **)&r) != 0))
			return false;
		r->next_cursor = 0;
		if (r->kind != FB_REQUEST_MIRROR)
			r->n_rows = 0;
		w->request = r;
	}
	find = r->kind == FB_REQUEST_FIND;
	if (r->kind == FB_REQUEST_MIRROR) {
		fb_mirror(w, r);
		done = true;
	} else {
		done = find ? serve_find(w, r) : serve_list(w, r);
	}
	if (done) {
		w->request = NULL;
		__atomic_store_n(&r->done, 1, __ATOMIC_RELEASE);
	}
	return find;
}

void fb_worker_serve_requests(struct fb_worker *w)
{
	for (int i = 0; i < FINDS_PER_LOOP; i++) {
		if (!serve_one(w))
			return;
	}
}
