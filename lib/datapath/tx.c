/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Stage: what a burst has gathered goes out, in one call per destination: devices, owners' rings,
 * the ring to the kernel twins, and the buffers that are done with.
 *
 * tx, punts, answers and the drops of this stage are counted here, when it is known what was taken.
 */

#include "datapath/stages.h"

/* What a run of frames adds up to, by kind. Taken before sending: a sent buffer may be gone. */
struct tally {
	uint64_t packets[FB_TX_KIND_COUNT];
	uint64_t bytes[FB_TX_KIND_COUNT];
};

static struct tally tally_of(struct rte_mbuf *const *mbufs, uint16_t n)
{
	struct tally t = {0};

	for (uint16_t i = 0; i < n; i++) {
		t.packets[mbufs[i]->hash.usr]++;
		t.bytes[mbufs[i]->hash.usr] += mbufs[i]->pkt_len;
	}
	return t;
}

static void count(struct fb_worker *w, uint16_t port, const struct tally *all,
		  const struct tally *unsent)
{
	struct fb_port_counters *pc = &w->port_counters[port];
	struct tally sent = *all;

	for (int k = 0; k < FB_TX_KIND_COUNT; k++) {
		sent.packets[k] -= unsent->packets[k];
		sent.bytes[k] -= unsent->bytes[k];
		pc->tx_packets += sent.packets[k];
		pc->tx_bytes += sent.bytes[k];
		pc->tx_full += unsent->packets[k];
	}
	w->counters.tx_packets += sent.packets[FB_TX_FORWARD];
	w->counters.tx_bytes += sent.bytes[FB_TX_FORWARD];
	w->counters.answers += sent.packets[FB_TX_ANSWER];
	w->counters.twin_tx += sent.packets[FB_TX_TWIN];
	w->counters.resets += sent.packets[FB_TX_RESET];
	w->counters.pieces += sent.packets[FB_TX_PIECE];
	w->counters.copies += sent.packets[FB_TX_COPY];
	w->counters.proxy_acks += sent.packets[FB_TX_PROXY];
	w->counters.proxy_syns_repeated += sent.packets[FB_TX_SYN];
	w->counters.drops[FB_REASON_TX_FULL] +=
		unsent->packets[FB_TX_FORWARD] + unsent->packets[FB_TX_ANSWER];
}

/* A port with fewer queues than workers: the frames leave by the worker that has one, and count there. */
static uint16_t pass_on(struct fb_worker *w, uint16_t port, struct rte_mbuf **mbufs, uint16_t n)
{
	struct fb_worker *to = w->dp->workers[w->idx % w->dp->ports[port].n_queues];

	for (uint16_t i = 0; i < n; i++)
		mbufs[i]->port = port;
	return (uint16_t)rte_ring_mp_enqueue_burst(to->egress_ring, (void **)mbufs, n, NULL);
}

bool fb_tx_built(struct fb_worker *w, uint16_t port, struct rte_mbuf *m, uint32_t len,
		 enum fb_tx_kind kind)
{
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	if (len != 0 && w->dp->ports[port].vlan != 0) {
		m->vlan_tci = w->dp->ports[port].vlan;
		if (rte_vlan_insert(&m) != 0)
			len = 0;
	}
	if (len == 0)
		rte_pktmbuf_free(m);
	else
		fb_tx_add(w, port, m, kind);
	return len != 0;
}

void fb_tx_flush(struct fb_worker *w, uint16_t port)
{
	struct fb_tx_buffer *tx = &w->tx[port];
	bool own_queue = w->idx < w->dp->ports[port].n_queues;
	struct tally all = {0};
	struct tally unsent;
	uint16_t n = tx->n;
	uint16_t taken;

	tx->n = 0;
	if (own_queue) {
		all = tally_of(tx->mbufs, n);
		taken = w->dp->transmit(w->dp->transmit_arg, w, port, tx->mbufs, n);
		unsent = tally_of(tx->mbufs + taken, n - taken);
	} else {
		taken = pass_on(w, port, tx->mbufs, n);
		unsent = tally_of(tx->mbufs + taken, n - taken);
		all = unsent;
	}
	count(w, port, &all, &unsent);
	if (unlikely(taken < n))
		rte_pktmbuf_free_bulk(tx->mbufs + taken, n - taken);
}

static void flush_all(struct fb_worker *w)
{
	while (w->tx_ports != 0) {
		uint16_t port = (uint16_t)__builtin_ctz(w->tx_ports);

		w->tx_ports &= w->tx_ports - 1;
		if (w->tx[port].n != 0)
			fb_tx_flush(w, port);
	}
}

static void flush_punted(struct fb_worker *w)
{
	unsigned int n;

	if (w->n_punted == 0)
		return;
	n = rte_ring_mp_enqueue_burst(w->dp->punt_ring, (void **)w->punted, w->n_punted, NULL);
	w->counters.punts += n;
	w->counters.drops[FB_REASON_PUNT_FULL] += w->n_punted - n;
	rte_pktmbuf_free_bulk(w->punted + n, w->n_punted - n);
	w->n_punted = 0;
}

/* The first `most` of n; the rest is dropped. */
static void hand_over(struct fb_worker *w, struct rte_ring *ring, struct rte_mbuf **mbufs,
		      unsigned int n, unsigned int most)
{
	unsigned int free_places = 0;
	unsigned int taken = 0;

	if (n == 0)
		return;
	if (most != 0)
		taken = rte_ring_mp_enqueue_burst(ring, (void **)mbufs, RTE_MIN(n, most),
						  &free_places);
	w->handover_used =
		RTE_MAX(w->handover_used, taken < n ? w->ring_size : w->ring_size - free_places);
	w->counters.handover_out += taken;
	w->counters.drops[FB_REASON_HANDOVER_FULL] += n - taken;
	rte_pktmbuf_free_bulk(mbufs + taken, n - taken);
}

void fb_handover_now(struct fb_worker *w, uint16_t owner, struct rte_mbuf **mbufs, uint32_t n)
{
	hand_over(w, w->dp->workers[owner]->handover_ring, mbufs, n, w->ring_size);
}

/* What opens a flow leaves a quarter of the ring to those that are open. */
void fb_handover_flush(struct fb_worker *w, uint16_t owner)
{
	struct rte_ring *ring = w->dp->workers[owner]->handover_ring;
	const unsigned int n_new = w->n_handover_new[owner];

	hand_over(w, ring, w->handover[owner], w->n_handover[owner], w->ring_size);
	if (n_new != 0) {
		const unsigned int places = rte_ring_free_count(ring);
		const unsigned int reserve = w->ring_size / 4;

		hand_over(w, ring, w->handover[owner] + FB_BURST_MAX - n_new, n_new,
			  places > reserve ? places - reserve : 0);
	}
	w->n_handover[owner] = 0;
	w->n_handover_new[owner] = 0;
}

void fb_stage_tx(struct fb_worker *w, struct fb_burst *b)
{
	flush_all(w);
	flush_punted(w);
	for (uint16_t owner = 0; owner < w->dp->n_workers; owner++)
		if (w->n_handover[owner] + w->n_handover_new[owner] != 0)
			fb_handover_flush(w, owner);
	if (b->n_freed != 0)
		rte_pktmbuf_free_bulk(b->freed, b->n_freed);
}

uint16_t fb_worker_run_egress(struct fb_worker *w)
{
	struct rte_mbuf *mbufs[FB_BURST_MAX];
	unsigned int n;

	n = rte_ring_sc_dequeue_burst(w->egress_ring, (void **)mbufs, w->burst_size, NULL);
	for (unsigned int i = 0; i < n; i++)
		fb_tx_add(w, mbufs[i]->port, mbufs[i], mbufs[i]->hash.usr);
	flush_all(w);
	return (uint16_t)n;
}
