/* SPDX-License-Identifier: BSD-3-Clause */

/* Stage: parse every frame of the burst, and sort out what is not for this box. */

#include <rte_prefetch.h>

#include "datapath/stages.h"
#include "dns/message.h"
#include "flow/lookup.h"

#define VLAN_VID_MASK 0x0fff
#define DNS_PORT_BE   RTE_BE16(FB_DNS_PORT)

/* The port's own VLAN and nothing else; a priority tag (VID 0) counts as untagged. */
static bool vlan_is_ours(const struct fb_port *port, const struct fb_packet *pkt)
{
	uint16_t vid = pkt->flags & FB_PKT_VLAN ? pkt->vlan_tci & VLAN_VID_MASK : 0;

	return vid == port->vlan;
}

/* Destination MAC is ours or a group's; devices may be promiscuous. */
static bool mac_is_ours(const struct fb_port *port, const uint8_t *dmac)
{
	return (dmac[0] & 1) != 0 || memcmp(dmac, port->mac, 6) == 0;
}

void fb_stage_parse(struct fb_worker *w, struct fb_burst *b)
{
	const struct fb_port *ports = w->dp->ports;
	const bool dns = w->snap != NULL && w->snap->dns != NULL;

	for (uint16_t i = 0; i < b->n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(b->mbufs[i], void *));

	for (uint16_t i = 0; i < b->n; i++) {
		struct rte_mbuf *m = b->mbufs[i];
		const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);
		const struct fb_port *port = &ports[fb_ingress(m)];
		struct fb_packet *pkt = &b->pkts[i];
		enum fb_parse kind;

		kind = fb_packet_parse(data, m->data_len, m->pkt_len, pkt);
		if (kind == FB_PARSE_DROP) {
			fb_end_drop(w, b, i, pkt->reason);
			continue;
		}
		if (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) {
			if (pkt->flags & FB_PKT_VLAN) { /* a second tag below the device's */
				fb_end_drop(w, b, i, FB_REASON_VLAN);
				continue;
			}
			pkt->flags |= FB_PKT_VLAN;
			pkt->vlan_tci = m->vlan_tci;
		}
		if (unlikely(!mac_is_ours(port, data))) {
			fb_end_drop(w, b, i, FB_REASON_NOT_FOR_US);
			continue;
		}
		/* No station sends so (IEEE 802.3, 3.2.3), and replies would go to the whole group. */
		if (unlikely(data[6] & 1)) {
			fb_end_drop(w, b, i, FB_REASON_BAD_ADDRESS);
			continue;
		}
		if (unlikely(!vlan_is_ours(port, pkt))) {
			fb_end_drop(w, b, i, FB_REASON_VLAN);
			continue;
		}
		if (unlikely(kind != FB_PARSE_SERVICE || (pkt->flags & FB_PKT_MULTICAST))) {
			b->others[b->n_others++] = i;
			continue;
		}
		if (unlikely(dns && fb_tuple_dport(&pkt->tuple) == DNS_PORT_BE)) {
			b->names[b->n_names++] = i;
			continue;
		}
		b->hashes[i] = fb_flow_hash_tuple(w->flows[pkt->family], &pkt->tuple);
		fb_flow_prefetch_index(w->flows[pkt->family], b->hashes[i]);
		b->lookups[b->n_lookups++] = i;
	}
}
