/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DATAPATH_WORKER_H
#define FB_DATAPATH_WORKER_H

/*
 * One worker: what it owns, and the burst that it has in hand.
 *
 * Inside lib/datapath, forebay-replay and forebay-bench only. A worker is driven by its loop
 * (loop.c) or by hand: give it frames with fb_worker_run(), then look at the burst for verdicts.
 *
 * Ownership: everything in struct fb_worker is written by its own thread, but for the rings (other
 * workers and control put in, the owner takes out). Read by others: the counters (relaxed loads).
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "affinity/table.h"
#include "base/siphash.h"
#include "datapath/datapath.h"
#include "datapath/limit.h"
#include "dns/message.h"
#include "dns/quick.h"
#include "fragment/table.h"
#include "flow/region.h"
#include "flow/table.h"
#include "nat/rss.h"
#include "net/packet.h"

#define FB_BURST_MAX 64

/*
 * The same pointer, but kept: the compiler would rather compute the address anew, a shift and two additions, at
 * each use in a long loop body.
 */
#define fb_keep(p)                                                                                 \
	({                                                                                         \
		__typeof__(p) kept = (p);                                                          \
		__asm__("" : "+r"(kept));                                                          \
		kept;                                                                              \
	})

/* What an outgoing frame is, for the counters; kept in rte_mbuf.hash.usr from enqueue to transmit. */
enum fb_tx_kind {
	FB_TX_FORWARD,
	FB_TX_ANSWER,
	FB_TX_TWIN, /* from the kernel twin or control */
	FB_TX_RESET, /* ends a drained flow, beside the answer */
	FB_TX_PIECE, /* of a forwarded packet that was too large, beside the first */
	FB_TX_COPY, /* of an endpoint's packet, from another address that its client may have asked */
	FB_TX_PROXY, /* acknowledges an endpoint's SYN+ACK, beside what its client is sent */
	FB_TX_SYN, /* asks an endpoint again that has not answered */
	FB_TX_KIND_COUNT,
};

/*
 * What a packet that belongs to no flow here would get, as far as the snapshot alone says it: found for the
 * whole burst together (warm.c), used by service.c. The flow's SNAT port is the first that the search would try,
 * free or not.
 */
struct fb_candidate {
	const struct fb_service *svc;	 /* NULL: none */
	const struct fb_endpoint *ep;	 /* NULL: none, or not by the hash alone */
	const struct fb_endpoint_info *info; /* of ep */
	bool has_reply;			 /* with ep only: the next hop is ready, and these are set */
	bool snat;
	uint16_t nh_idx;		 /* of the endpoint */
	struct fb_flow_hash reply_hash;
	struct fb_tuple reply; /* of the endpoint's packets */
};

/* A half-open flow that will have to go for one of the burst, with its lines on the way. */
struct fb_leaving {
	struct fb_flow *flow;
	struct fb_flow_hashes hashes;
};

/*
 * The burst in hand. Stages pass packets on by putting their places into the next stage's list; a
 * packet that has its verdict is in no list any more. Arrays are indexed by place.
 */
struct fb_burst {
	uint16_t n;
	bool handed_over; /* came through the ring: this worker is the owner, whatever it finds */
	struct rte_mbuf *mbufs[FB_BURST_MAX]; /* NULL once gone */
	struct fb_packet pkts[FB_BURST_MAX];
	struct fb_flow_hash hashes[FB_BURST_MAX];
	struct fb_flow *flows[FB_BURST_MAX];
	uint8_t dirs[FB_BURST_MAX];     /* enum fb_flow_dir */
	uint8_t verdicts[FB_BURST_MAX]; /* enum fb_verdict; FB_VERDICT_COUNT: handed over */
	uint8_t reasons[FB_BURST_MAX];  /* enum fb_reason */

	uint16_t lookups[FB_BURST_MAX]; /* parse -> flow: TCP, UDP, SCTP */
	uint16_t n_lookups;
	uint16_t names[FB_BURST_MAX]; /* parse -> dns: to port 53, where DNS is answered at all */
	uint16_t n_names;
	uint16_t others[FB_BURST_MAX]; /* parse -> other: ICMP, ARP, NDP, fragments, the rest */
	uint16_t n_others;
	uint16_t fragments[FB_BURST_MAX]; /* other -> fragment */
	uint16_t n_fragments;
	uint16_t pieces[FB_BURST_MAX]; /* within fragment: those that follow a first one */
	uint16_t n_pieces;
	uint16_t hits[FB_BURST_MAX]; /* flow, service -> rewrite */
	uint16_t n_hits;
	uint16_t misses[FB_BURST_MAX]; /* flow -> warm -> service */
	uint16_t n_misses;
	struct fb_candidate candidates[FB_BURST_MAX]; /* warm -> service; by the place in misses */
	struct fb_leaving leaving[FB_BURST_MAX]; /* warm -> room: in the order in which they will go */
	uint16_t n_leaving;
	uint16_t n_left; /* of these */
	uint64_t made; /* by the homes of their keys' hashes: flows that this burst made */

	struct rte_mbuf *freed[FB_BURST_MAX]; /* to be freed in one go */
	uint16_t n_freed;
};

/* Frames that wait for the end of the burst, per egress port; and what a frame needs to know of that port. */
struct fb_tx_buffer {
	uint16_t n;
	uint16_t mtu;   /* of these three see struct fb_port; copied at creation */
	uint16_t vlan;
	uint8_t mac[6];
	struct rte_mbuf *mbufs[2 * FB_BURST_MAX];
};

/* Packets per second, without dividing: credit is in thousandths of a packet. */
struct fb_rate_limit {
	uint64_t credit;
	uint32_t rate; /* packets per second; also the burst allowed */
	uint32_t last_ms;
};

/* What the endpoints of a service said when they were last asked in a client's name (proxy.c). */
struct fb_proxy_learnt {
	uint16_t mss; /* 0: not yet, or nothing */
	bool no_timestamps;
	bool no_wscale;
};

struct fb_stateless;

struct fb_worker {
	/* Read-mostly after start-up. */
	struct fb_region region; /* what the worker and its counters lie in */
	struct fb_datapath *dp;
	uint16_t idx;
	uint16_t burst_size;
	struct fb_rcu *rcu;
	struct rte_mempool *pool;
	struct fb_flow_table *flows[FB_FAMILY_COUNT];
	struct fb_flow_timeouts timeouts;
	struct fb_flow_timeouts timeouts_pressed; /* while the table is under pressure */
	uint32_t half_open_most[FB_FAMILY_COUNT]; /* of each kind */
	uint32_t pressure;                        /* percent of a bound */
	uint32_t ring_size;                       /* of the hand-over rings, in packets */
	struct fb_fragments *fragments;
	struct fb_endpoint_counters *endpoint_counters;
	struct fb_service_counters *service_counters;
	struct fb_bucket *service_buckets; /* by service id */
	struct fb_stateless *stateless; /* stateless.h */
	struct fb_source_bucket *sources;  /* FB_LIMIT_SOURCES; NULL: sources have no limit */
	struct fb_region sources_region;
	uint32_t source_rate; /* this worker's part */
	struct fb_proxy_learnt *proxy_learnt; /* by service id */
	uint32_t *turns; /* round robin, by service id: the next turn + 1; 0: none taken yet */

	/* Of the burst in hand. */
	const struct fb_snapshot *snap;
	uint32_t now_ms;
	uint32_t now_s;    /* whole seconds, not wrapping; kept up by fb_worker_expire() */
	uint32_t second_ms; /* now_ms when now_s began */
	uint64_t random;   /* state of fb_worker_random() */
	uint32_t n_ids;    /* identifications given out by fb_worker_next_id() */
	struct fb_burst burst;
	struct fb_dns_query dns_query; /* of the packet in hand */
	struct fb_dns_quick dns_quick[FB_BURST_MAX];
	struct fb_tx_buffer tx[FB_MAX_PORTS];
	uint32_t tx_ports; /* bit per port with frames in tx */
	/* Those that open a flow from the end downwards. */
	struct rte_mbuf *handover[FB_NAT_MAX_WORKERS][FB_BURST_MAX];
	uint16_t n_handover[FB_NAT_MAX_WORKERS];
	uint16_t n_handover_new[FB_NAT_MAX_WORKERS];
	struct rte_mbuf *punted[FB_BURST_MAX];
	uint16_t n_punted;

	struct fb_rate_limit reject_limit;
	struct fb_rate_limit copy_limit; /* ask.c, at the same rate */
	struct fb_rate_limit icmp_limit;
	struct fb_rate_limit icmp_error_limit;
	struct fb_level_state levels[FB_BOUND_COUNT];
	uint8_t ports_level;    /* enum fb_level: the worst since the last step */
	uint32_t handover_used; /* of a ring, the most since the last step */
	bool ports_short; /* lately no SNAT port was free: half-open flows give theirs at once */
	uint32_t ports_short_ms; /* since then */
	uint32_t expire_ms;
	uint32_t drain_ms;
	uint32_t fragments_ms;
	uint32_t over_epoch; /* of the snapshot whose drained flows are being looked for */
	uint32_t over_hand[FB_FAMILY_COUNT]; /* where the search goes on, and over how many records yet */
	uint32_t over_left[FB_FAMILY_COUNT];
	struct fb_request *request; /* being served */

	/* Other threads put in, this worker takes out. */
	struct rte_ring *handover_ring;
	struct rte_ring *egress_ring; /* frames for ports of which this worker has the queue */
	struct rte_ring *request_ring;

	/* Written here only; read by control. */
	struct fb_worker_counters counters __rte_cache_aligned;
	struct fb_port_counters port_counters[FB_MAX_PORTS];
};

/* How frames leave: the device in the daemon, a capture in replay. @return how many were taken */
typedef uint16_t fb_transmit_fn(void *arg, struct fb_worker *w, uint16_t port,
				struct rte_mbuf **mbufs, uint16_t n);

struct fb_datapath {
	uint16_t n_workers;
	uint16_t n_ports;
	bool idle_sleep;
	struct fb_port ports[FB_MAX_PORTS];
	struct fb_nat_ports nat;
	struct fb_affinity *affinity; /* all workers', see affinity/table.h */
	struct fb_nat_steer *steer[FB_MAX_PORTS]; /* NULL: no usable RSS, packets come in anywhere */
	struct rte_ring *punt_ring;
	struct rte_mempool *pool;
	fb_transmit_fn *transmit;
	void *transmit_arg;
	uint32_t max_endpoints;
	uint32_t max_services;
	uint64_t ms_per_tsc; /* 2^64 fraction */
	uint64_t worker_part; /* of a box's rate, 2^32 fraction */
	uint8_t source_bits[FB_FAMILY_COUNT];
	uint64_t start_tsc;
	bool stop;           /* written by control, read by workers once per loop */
	bool draining;	     /* the same, on a miss: no new flows */
	bool ports_clamp;    /* some port has a tcp_mss */
	struct fb_siphash_key proxy_key; /* of cookies */
	uint32_t proxy_clock; /* what the clock of timestamps is ahead of the datapath's */
	bool started;        /* control only */
	struct fb_keep *keep; /* control only; NULL: nothing is kept */
	unsigned int *lcores;
	struct fb_worker *workers[FB_NAT_MAX_WORKERS];
};

/** The worker's thread; returns when dp->stop is set. arg is the struct fb_worker. */
int fb_worker_loop(void *arg);

/**
 * Run frames of one port through all stages, to their end.
 *
 * Thread: the worker. w->now_ms is set by the caller; the snapshot is read inside.
 *
 * @param mbufs  up to FB_BURST_MAX, owned by the worker from here on; mbuf->port is set to port
 */
void fb_worker_run(struct fb_worker *w, uint16_t port, struct rte_mbuf **mbufs, uint16_t n);

/** The same for packets that other workers handed over. @return how many were taken from the ring */
uint16_t fb_worker_run_handover(struct fb_worker *w);

/**
 * What a turn of the loop does beside receiving: hand-overs, egress, ageing, requests, quiescence. The
 * snapshot that the burst read must not be used afterwards.
 *
 * @return packets that it had in hand
 */
uint32_t fb_worker_turn(struct fb_worker *w);

/** Send what other workers and control want sent by this worker's queues. @return how many */
uint16_t fb_worker_run_egress(struct fb_worker *w);

/** Ageing, one step: about high water / 1000 records for each millisecond since the last. */
void fb_worker_expire(struct fb_worker *w);

/**
 * Look for flows that are over (FB_EP_OVER) among those that are silent: a piece of the tables for each
 * millisecond, all of them in a second.
 */
void fb_worker_drain(struct fb_worker *w);

/** Forget datagrams whose other pieces did not come in time. */
void fb_worker_expire_fragments(struct fb_worker *w);

/** Drop all pieces that wait: so nothing is on its way any more. When workers stand still. */
void fb_worker_drop_fragments(struct fb_worker *w);

/** Serve a bounded piece of what control asked. */
void fb_worker_serve_requests(struct fb_worker *w);

/** A worker's part of a rate per box, rounded up. */
static inline uint32_t fb_limit_part(const struct fb_datapath *dp, uint32_t rate)
{
	return (uint32_t)((rate * dp->worker_part + UINT32_MAX) >> 32);
}

/** Milliseconds since the datapath was created, wrapping. */
static inline uint32_t fb_datapath_ms(const struct fb_datapath *dp, uint64_t tsc)
{
	return (uint32_t)(((__uint128_t)(tsc - dp->start_tsc) * dp->ms_per_tsc) >> 64);
}

/** Take one packet's credit; false when there is none. */
static inline bool fb_rate_limit_take(struct fb_rate_limit *l, uint32_t now_ms)
{
	uint64_t cap = (uint64_t)l->rate * 1000;

	l->credit += (uint64_t)(now_ms - l->last_ms) * l->rate;
	if (l->credit > cap)
		l->credit = cap;
	l->last_ms = now_ms;
	if (l->credit < 1000)
		return false;
	l->credit -= 1000;
	return true;
}

#endif
