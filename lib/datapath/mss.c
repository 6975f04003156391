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

/* What the links on both sides carry. hop: the endpoint's; NULL, or not known: the ports' alone. */
static uint16_t carried(const struct fb_worker *w, enum fb_family family, uint16_t ingress, uint16_t egress,
			const struct fb_next_hop *hop)
{
	uint16_t mtu = RTE_MIN(w->dp->ports[ingress].mtu, w->dp->ports[egress].mtu);

	if (hop != NULL && hop->state == FB_HOP_READY)
		mtu = RTE_MIN(mtu, hop->mtu);
	return (uint16_t)(mtu - (family == FB_IPV4 ? HEADERS_IPV4 : HEADERS_IPV6));
}

uint16_t fb_mss_lowered(const struct fb_worker *w, const struct fb_service *svc, enum fb_family family,
			uint16_t ingress, uint16_t egress, const struct fb_next_hop *hop)
{
	const uint16_t automatic = carried(w, family, ingress, egress, hop);
	uint16_t most = RTE_MIN(bytes_of(w->dp->ports[ingress].tcp_mss, automatic),
				bytes_of(w->dp->ports[egress].tcp_mss, automatic));

	if (svc != NULL)
		most = RTE_MIN(most, bytes_of(svc->tcp_mss, automatic));
	return most;
}

uint16_t fb_mss_carried(const struct fb_worker *w, const struct fb_service *svc, enum fb_family family,
			uint16_t ingress, uint16_t egress, const struct fb_next_hop *hop)
{
	return RTE_MIN(fb_mss_lowered(w, svc, family, ingress, egress, hop),
		       carried(w, family, ingress, egress, hop));
}

void fb_mss_lower(struct fb_worker *w, struct fb_burst *b, uint16_t i, const struct fb_tuple *client,
		  uint16_t egress, const struct fb_next_hop *hop)
{
	const struct fb_packet *pkt = &b->pkts[i];
	const struct rte_mbuf *m = b->mbufs[i];
	const struct fb_service *svc = NULL;
	/* Nobody promised more of a header than the least to be in the first buffer. */
	const uint32_t end = RTE_MIN((uint32_t)m->data_len, (uint32_t)pkt->l3_off + pkt->l3_len_bytes);
	uint16_t most;

	if (pkt->proto != IPPROTO_TCP)
		return;
	if (w->snap->n_clamping != 0)
		svc = fb_table_lookup(w->snap, client);
	most = fb_mss_lowered(w, svc, (enum fb_family)pkt->family, fb_ingress(m), egress, hop);
	if (most != UINT16_MAX &&
	    fb_tcp_lower_mss(rte_pktmbuf_mtod(m, uint8_t *) + pkt->l4_off, end - pkt->l4_off, most))
		w->counters.mss_lowered++;
}
