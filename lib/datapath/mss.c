/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Not a stage of each packet: the MSS option of SYNs, as their Service and the ports on their way want it.
 *
 * It says how large the segments of the other direction may be, so both SYNs of a connection are treated alike:
 * by the ports on both sides of the box, and by the smaller of all MTUs where one says auto.
 */

#include "base/mss.h"
#include "datapath/stages.h"
#include "net/tcp_option.h"

#define HEADERS_IPV4 (20 + 20)
#define HEADERS_IPV6 (40 + 20)

static uint16_t bytes_of(uint16_t mss, uint16_t automatic)
{
	return mss == FB_MSS_OFF ? UINT16_MAX : mss == FB_MSS_AUTO ? automatic : mss;
}

void fb_mss_lower(struct fb_worker *w, struct fb_burst *b, uint16_t i, const struct fb_tuple *client,
		  uint16_t egress, const struct fb_next_hop *hop)
{
	const struct fb_packet *pkt = &b->pkts[i];
	const struct rte_mbuf *m = b->mbufs[i];
	const struct fb_port *in = &w->dp->ports[fb_ingress(m)];
	const struct fb_port *out = &w->dp->ports[egress];
	const struct fb_service *svc = NULL;
	/* Nobody promised more of a header than the least to be in the first buffer. */
	const uint32_t end = RTE_MIN((uint32_t)m->data_len, (uint32_t)pkt->l3_off + pkt->l3_len_bytes);
	uint16_t automatic = RTE_MIN(in->mtu, out->mtu);
	uint16_t most;

	if (pkt->proto != IPPROTO_TCP)
		return;
	if (hop->state == FB_HOP_READY)
		automatic = RTE_MIN(automatic, hop->mtu);
	automatic = (uint16_t)(automatic - (pkt->family == FB_IPV4 ? HEADERS_IPV4 : HEADERS_IPV6));
	if (w->snap->n_clamping != 0)
		svc = fb_table_lookup(w->snap, client);
	most = RTE_MIN(bytes_of(in->tcp_mss, automatic), bytes_of(out->tcp_mss, automatic));
	if (svc != NULL)
		most = RTE_MIN(most, bytes_of(svc->tcp_mss, automatic));
	if (most != UINT16_MAX &&
	    fb_tcp_lower_mss(rte_pktmbuf_mtod(m, uint8_t *) + pkt->l4_off, end - pkt->l4_off, most))
		w->counters.mss_lowered++;
}
