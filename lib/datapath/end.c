/* SPDX-License-Identifier: BSD-3-Clause */

/* The ends of a packet: drop, punt, hand-over, forward. Each is reached once per packet. */

#include <rte_ether.h>

#include "datapath/stages.h"

static void note(struct fb_burst *b, uint16_t i, enum fb_verdict verdict, enum fb_reason reason)
{
	b->verdicts[i] = (uint8_t)verdict;
	b->reasons[i] = (uint8_t)reason;
}

void fb_end_drop(struct fb_worker *w, struct fb_burst *b, uint16_t i, enum fb_reason reason)
{
	RTE_ASSERT(reason !=
		   FB_REASON_NONE); /* nobody shows that counter, and the law would break */
	note(b, i, FB_VERDICT_DROP, reason);
	w->counters.drops[reason]++;
	b->freed[b->n_freed++] = b->mbufs[i];
	b->mbufs[i] = NULL;
}

/* The twin gets untagged frames: cut the tag out, if it is in the frame. */
static void untag(struct rte_mbuf *m, const struct fb_packet *pkt)
{
	uint8_t *data;

	if ((pkt->flags & FB_PKT_VLAN) == 0)
		return;
	data = rte_pktmbuf_mtod(m, uint8_t *);
	if (data[12] != 0x81 || data[13] != 0x00)
		return;
	memmove(data + 4, data, 2 * RTE_ETHER_ADDR_LEN);
	(void)rte_pktmbuf_adj(m, 4);
}

void fb_end_punt(struct fb_worker *w, struct fb_burst *b, uint16_t i)
{
	note(b, i, FB_VERDICT_PUNT, FB_REASON_NONE);
	untag(b->mbufs[i], &b->pkts[i]);
	w->punted[w->n_punted++] = b->mbufs[i];
	b->mbufs[i] = NULL;
}

void fb_end_handover(struct fb_worker *w, struct fb_burst *b, uint16_t i, uint16_t owner)
{
	note(b, i, FB_VERDICT_COUNT, FB_REASON_NONE);
	b->mbufs[i]->hash.usr = 0; /* no fragment that is on its way from datapath/fragment.c */
	if (fb_packet_opens(&b->pkts[i]))
		w->handover[owner][FB_BURST_MAX - ++w->n_handover_new[owner]] = b->mbufs[i];
	else
		w->handover[owner][w->n_handover[owner]++] = b->mbufs[i];
	b->mbufs[i] = NULL;
}

/* Padding goes, and a tag comes or goes. @return the Ethernet header's new place; NULL: no headroom */
static uint8_t *reframe(struct rte_mbuf *m, const struct fb_packet *pkt, uint16_t l2_len)
{
	/* Padding behind the IP packet stays off the wire on the way out; devices pad again. */
	if (m->pkt_len > (uint32_t)pkt->l3_off + pkt->l3_len_bytes)
		(void)rte_pktmbuf_trim(m, (uint16_t)(m->pkt_len - pkt->l3_off - pkt->l3_len_bytes));
	if (l2_len > pkt->l3_off)
		return (uint8_t *)rte_pktmbuf_prepend(m, l2_len - pkt->l3_off);
	if (l2_len < pkt->l3_off)
		return (uint8_t *)rte_pktmbuf_adj(m, pkt->l3_off - l2_len);
	return rte_pktmbuf_mtod(m, uint8_t *);
}

/* The uncommon half of fb_end_forward(). */
void fb_end_forward_reframed(struct fb_worker *w, struct fb_burst *b, uint16_t i, uint16_t port,
			     const uint8_t dmac[6])
{
	const struct fb_port *out = &w->dp->ports[port];
	const struct fb_packet *pkt = &b->pkts[i];
	struct rte_mbuf *m = b->mbufs[i];
	uint16_t l2_len = out->vlan != 0 ? 18 : 14;
	uint8_t *data = reframe(m, pkt, l2_len);

	if (unlikely(data ==
		     NULL)) { /* no headroom for a tag: the pool is sized so that there is */
		fb_end_drop(w, b, i, FB_REASON_NO_MBUF);
		return;
	}
	memcpy(data, dmac, RTE_ETHER_ADDR_LEN);
	memcpy(data + 6, out->mac, RTE_ETHER_ADDR_LEN);
	if (out->vlan != 0) {
		data[12] = 0x81;
		data[13] = 0x00;
		data[14] = (uint8_t)(out->vlan >> 8);
		data[15] = (uint8_t)out->vlan;
	}
	data[l2_len - 2] = pkt->family == FB_IPV4 ? 0x08 : 0x86;
	data[l2_len - 1] = pkt->family == FB_IPV4 ? 0x00 : 0xdd;
	note(b, i, FB_VERDICT_FORWARD, FB_REASON_NONE);
	fb_tx_add(w, port, m, FB_TX_FORWARD);
	b->mbufs[i] = NULL;
}
