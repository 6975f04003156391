/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DATAPATH_REQUEST_H
#define FB_DATAPATH_REQUEST_H

/*
 * What control asks a worker: control never touches a flow table, so the owner reads it out.
 *
 * A request is a struct of the control thread's, put on the worker's request ring; the worker serves
 * a bounded piece of it between bursts and marks it done. Control polls fb_request_done() from its
 * event loop (a worker answers within one burst, or its idle sleep).
 */

#include <stdbool.h>
#include <stdint.h>

#include "flow/table.h"
#include "net/packet.h"
#include "net/tcp_shift.h"

struct fb_flow_row {
	struct fb_tuple client; /* key of the client's packets */
	struct fb_tuple reply;  /* key of the endpoint's packets */
	uint32_t ep_id;
	uint32_t idle_ms;
	uint32_t packets;
	uint32_t place; /* in its table */
	uint16_t worker;
	uint8_t state; /* enum fb_flow_state */
	uint8_t flags; /* FB_FLOW_* */
	struct fb_tcp_shift shift; /* of a flow that has one: fb_flow_is_shifted() */
	uint8_t client_port;
	uint8_t client_mac[6];
};

enum fb_request_kind {
	FB_REQUEST_FIND, /* the flow with this tuple as either key: 0 or 1 row */
	FB_REQUEST_LIST, /* flows from place `cursor` on, as many as fit */
	FB_REQUEST_MIRROR, /* flows that another box has, as of that: n_rows of them, at most FB_MIRROR_MAX */
};

/* A worker takes them in one go, between bursts: some 10 us. */
#define FB_MIRROR_MAX 64

/* What became of flows that were to be mirrored. */
struct fb_mirrored {
	uint32_t n_new;
	uint32_t n_known; /* here already; idle for as long as the other box says, or less */
	uint32_t n_taken; /* one of its tuples is another flow's */
	uint32_t n_full;  /* the table is for flows of this box */
	uint32_t n_lost;  /* its endpoint is gone */
};

struct fb_request {
	/* Filled by control. */
	enum fb_request_kind kind;
	enum fb_family family;
	struct fb_tuple tuple;    /* FIND */
	uint32_t cursor;          /* LIST: 0 to begin */
	struct fb_flow_row *rows; /* control's, untouched by control until done */
	uint32_t rows_cap;
	/* Filled by the worker. */
	uint32_t n_rows; /* MIRROR: control's */
	struct fb_mirrored mirrored;
	uint32_t next_cursor; /* LIST: 0 when the end was reached */
	uint32_t done;        /* release store by the worker, acquire load by control */
};

static inline bool fb_request_done(const struct fb_request *r)
{
	return __atomic_load_n(&r->done, __ATOMIC_ACQUIRE) != 0;
}

#endif
