/* SPDX-License-Identifier: BSD-3-Clause */

/* Stage: parse every frame of the burst, and sort out what is not for this box. */

#include <rte_prefetch.h>

#include "datapath/stages.h"
#include "dns/message.h"
#include "flow/lookup.h"
#include "net/usual.h"

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

static __rte_always_inline void look_up(struct fb_worker *w, struct fb_burst *b, uint16_t i,
					enum fb_family family, const void *key, uint8_t proto)
{
	const struct fb_flow_table *t = w->flows[family];
	const struct fb_flow_hash hash = fb_flow_hash_key_as(t, family, key, proto);

	fb_flow_prefetch_index(t, hash);
	b->hashes[i] = hash;
	b->lookups[b->n_lookups++] = i;
}

/* Whatever is not usual, or not for this port as it came. */
static void sort_out(struct fb_worker *w, struct fb_burst *b, uint16_t i, bool dns)
{
	struct rte_mbuf *m = b->mbufs[i];
	const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);
	const struct fb_port *port = &w->dp->ports[fb_ingress(m)];
	struct fb_packet *pkt = &b->pkts[i];
	enum fb_parse kind = fb_packet_parse(data, m->data_len, m->pkt_len, pkt);

	if (kind == FB_PARSE_DROP) {
		fb_end_drop(w, b, i, pkt->reason);
		return;
	}
	if (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) {
		if (pkt->flags & FB_PKT_VLAN) { /* a second tag below the device's */
			fb_end_drop(w, b, i, FB_REASON_VLAN);
			return;
		}
		pkt->flags |= FB_PKT_VLAN;
		pkt->vlan_tci = m->vlan_tci;
	}
	if (!mac_is_ours(port, data)) {
		fb_end_drop(w, b, i, FB_REASON_NOT_FOR_US);
		return;
	}
	/* No station sends so (IEEE 802.3, 3.2.3), and replies would go to the whole group. */
	if (data[6] & 1) {
		fb_end_drop(w, b, i, FB_REASON_BAD_ADDRESS);
		return;
	}
	if (!vlan_is_ours(port, pkt)) {
		fb_end_drop(w, b, i, FB_REASON_VLAN);
		return;
	}
	if (kind != FB_PARSE_SERVICE || (pkt->flags & FB_PKT_MULTICAST))
		b->others[b->n_others++] = i;
	else if (dns && fb_tuple_dport(&pkt->tuple) == DNS_PORT_BE)
		b->names[b->n_names++] = i;
	else
		look_up(w, b, i, pkt->family, &pkt->tuple, pkt->proto);
}

/*
 * The first eight bytes of a frame from a station to another, all of the one's address and the group bit of the
 * other's, in one load.
 */
#define STATION_MASK RTE_BE64(UINT64_C(0xffffffffffff0100))

/* What they are in a plain frame to this port. Where tags are expected, no frame is plain. */
static uint64_t station_of(const struct fb_port *port)
{
	uint8_t bytes[8] = {0};
	uint64_t station;

	memcpy(bytes, port->mac, sizeof(port->mac));
	memcpy(&station, bytes, sizeof(station));
	return port->vlan == 0 ? station : UINT64_MAX;
}

/* A usual packet gets as far as the flow table's line. @return whether it was one */
static __rte_always_inline bool try_usual(struct fb_worker *w, struct fb_burst *b, uint16_t i,
					  enum fb_family family, bool dns)
{
	const struct rte_mbuf *m = b->mbufs[i];
	const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);
	struct fb_packet *pkt = fb_keep(&b->pkts[i]);

	if (!fb_packet_parse_usual(family, data, m->data_len, m->pkt_len, pkt))
		return false;
	if (unlikely(dns && fb_tuple_dport_as(family, &pkt->tuple) == DNS_PORT_BE))
		return false;
	look_up(w, b, i, family, fb_usual_key(data, family), pkt->proto);
	return true;
}

void fb_stage_parse(struct fb_worker *w, struct fb_burst *b)
{
	const struct fb_port *ports = w->dp->ports;
	const bool dns = w->snap != NULL && w->snap->dns != NULL;
	uint16_t port = fb_ingress(b->mbufs[0]);
	uint64_t station = station_of(&ports[port]);
	const uint16_t n = b->n;

	for (uint16_t i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(b->mbufs[i], void *));

	for (uint16_t i = 0; i < n; i++) {
		const struct rte_mbuf *m = b->mbufs[i];
		uint64_t to = 0; /* nobody's address: what is shorter than it is not plain */

		if (unlikely(fb_ingress(m) != port)) {
			port = fb_ingress(m);
			station = station_of(&ports[port]);
		}
		if (likely(m->data_len >= sizeof(to)))
			memcpy(&to, rte_pktmbuf_mtod(m, const uint8_t *), sizeof(to));
		if (unlikely(((to & STATION_MASK) ^ station) |
			     (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED)))
			sort_out(w, b, i, dns);
		else if (!try_usual(w, b, i, FB_IPV4, dns) && !try_usual(w, b, i, FB_IPV6, dns))
			sort_out(w, b, i, dns);
	}
}
