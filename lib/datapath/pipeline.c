/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The packet's way: the stages in their order.
 *
 *     rx -> parse -> (port 53: dns) -> flow -> (miss: warm -> service -> select -> flow create) -> rewrite -> tx
 *              \-> other: ICMP, ARP, NDP, what the kernel should see
 *                    \-> fragment -> (first ones: service -> rewrite) -> tx
 *
 * Each packet of the burst ends in exactly one of forward, drop, punt, answer, or goes to its owner
 * and ends there.
 */

#include "datapath/stages.h"

static void run(struct fb_worker *w)
{
	struct fb_burst *b = &w->burst;

	w->snap = fb_rcu_read(w->rcu);
	b->n_lookups = 0;
	b->n_names = 0;
	b->n_others = 0;
	b->n_hits = 0;
	b->n_misses = 0;
	b->n_freed = 0;
	/* What nearly all of them get is not written for each. */
	memset(b->verdicts, FB_VERDICT_FORWARD, sizeof(b->verdicts));
	memset(b->reasons, FB_REASON_NONE, sizeof(b->reasons));

	fb_stage_parse(w, b);
	if (b->n_names != 0)
		fb_stage_dns(w, b);
	fb_stage_flow(w, b);
	fb_stage_rewrite(w, b);
	/* After the hits have left, so that a flow which has to go is in nobody's hands. */
	if (b->n_misses != 0) {
		b->made = 0;
		fb_stage_warm(w, b);
		fb_stage_service(w, b);
		fb_stage_rewrite_new(w, b);
	}
	if (b->n_others != 0) {
		fb_stage_other(w, b);
		/* First pieces go through service and rewrite too, then those that follow them. */
		if (b->n_fragments != 0)
			fb_stage_fragment(w, b);
	}
	fb_stage_tx(w, b);
}

void fb_worker_run(struct fb_worker *w, uint16_t port, struct rte_mbuf **mbufs, uint16_t n)
{
	struct fb_burst *b = &w->burst;
	uint64_t bytes = 0;

	for (uint16_t i = 0; i < n; i++) {
		b->mbufs[i] = mbufs[i];
		mbufs[i]->port = port;
		bytes += mbufs[i]->pkt_len;
	}
	b->n = n;
	b->handed_over = false;
	w->counters.rx_packets += n;
	w->counters.rx_bytes += bytes;
	w->port_counters[port].rx_packets += n;
	w->port_counters[port].rx_bytes += bytes;
	run(w);
}

uint16_t fb_worker_run_handover(struct fb_worker *w)
{
	struct fb_burst *b = &w->burst;
	unsigned int n;

	n = rte_ring_sc_dequeue_burst(w->handover_ring, (void **)b->mbufs, w->burst_size, NULL);
	if (n == 0)
		return 0;
	b->n = (uint16_t)n;
	b->handed_over = true;
	w->counters.handover_in += n;
	run(w);
	return (uint16_t)n;
}
