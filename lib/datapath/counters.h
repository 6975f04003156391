/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DATAPATH_COUNTERS_H
#define FB_DATAPATH_COUNTERS_H

/*
 * Counters: each is written by one worker with plain stores and read by control with relaxed loads.
 * Nothing is shared between workers, so summing is the reader's work. 64 bits, never reset.
 *
 * The law over all workers: rx = tx + drops + punts + answers (net/verdict.h). Frames that come from
 * the kernel twin or that control makes itself are counted under twin_tx, and those that tell the
 * other side of a drained flow under resets, acknowledge an endpoint under proxy_acks or ask it again under
 * proxy_syns_repeated, outside the law; so are, under pieces, what a packet too large for its link became beside its
 * first piece, and under copies, what went to a client from other addresses beside the first. Fragments that wait have
 * no end yet.
 */

#include <stdint.h>

#include "datapath/level.h"
#include "flow/table.h"
#include "net/verdict.h"
#include "table/read.h"

/* Why a flow had to make room for a new one. */
enum fb_evicted {
	FB_EVICTED_SHARE, /* its kind has as many half-open flows as it may have */
	FB_EVICTED_TABLE, /* the table is full */
	FB_EVICTED_PORTS, /* it had a SNAT port, and no other was free */
	FB_EVICTED_COUNT,
};

struct fb_worker_counters {
	uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t tx_packets; /* forwarded; answers are not in here */
	uint64_t tx_bytes;
	uint64_t punts;
	uint64_t answers;
	uint64_t drops[FB_REASON_COUNT];
	uint64_t flows_created;
	uint64_t flows_adopted; /* from an earlier run, at the start */
	uint64_t flows_expired;
	uint64_t flows_evicted[FB_EVICTED_COUNT];
	uint64_t stateless; /* packets forwarded without a flow, both directions */
	uint64_t asked; /* of these, of endpoints, to clients that may have asked them: datapath/ask.c */
	uint64_t mss_lowered; /* SYNs forwarded with another MSS option than they came with */
	uint64_t cookies_sent;     /* SYNs answered for endpoints, under answers */
	uint64_t cookies_accepted; /* connections that came of it */
	uint64_t cookies_refused;  /* segments of a proxied Service without flow and cookie */
	uint64_t proxy_acks;       /* frames made here to acknowledge endpoints, beside what was forwarded */
	uint64_t proxy_syns_repeated; /* and to ask them again, since they had not answered */
	uint64_t affinity_full; /* new flows of clients for which there was no room */
	uint64_t handover_in;
	uint64_t handover_out;
	uint64_t rss_astray; /* of these, replies for whose queue the device did not go by its own key and table */
	uint64_t twin_tx;
	uint64_t resets;     /* frames made here to end drained flows, beside answers */
	uint64_t pieces;     /* frames made here of forwarded packets that were too large, but the first */
	uint64_t copies;     /* frames made here of packets under asked, but the first */
	uint64_t polls;      /* receive calls */
	uint64_t busy_polls; /* of which returned packets */
	uint64_t busy_tsc;   /* cycles in bursts that had packets */
	/* Gauges: what is so now. */
	uint64_t generation; /* stored when it changes */
	uint64_t flows_live
		[FB_FAMILY_COUNT]; /* these are stored with each ageing step, once a millisecond */
	uint64_t flows_half_open[FB_FAMILY_COUNT][FB_QUEUE_COUNT];
	uint64_t levels[FB_BOUND_COUNT]; /* enum fb_level */
	uint64_t datagrams_live;  /* in pieces, not all of which came; the same */
	uint64_t fragments_held;
};

/* Per worker and port. */
struct fb_port_counters {
	uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t tx_packets; /* everything sent, answers and twin frames included */
	uint64_t tx_bytes;
	uint64_t tx_full;
};

/* Per worker and endpoint: half a cache line, so that a packet touches one. */
struct fb_endpoint_counters {
	uint64_t packets; /* both directions, after translation */
	uint64_t bytes;   /* L3 */
	uint64_t flows;   /* ever created */
	uint32_t live;	  /* now */
	uint32_t open;	  /* of these, those that have not ended yet; for least connections */
};

/* Per worker and service: what never got as far as an endpoint. */
struct fb_service_counters {
	uint64_t rejected;
	uint64_t dropped;
};

#endif
