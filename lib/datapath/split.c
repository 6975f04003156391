/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * An IPv4 packet that is too large for its next link and may be fragmented leaves in pieces (RFC 791,
 * 3.2). The first stays in its buffer, the others are copied: no driver has to know chained buffers.
 * Only the first counts as forwarded, as its packet was received once; the others count as pieces.
 */

#include <rte_ether.h>

#include "datapath/stages.h"
#include "net/build.h"
#include "net/fragment.h"

/* Of 9216 bytes at the least that a kernel believes of a path (min_pmtu, 552): 18. */
#define MAX_PIECES 32

#define MORE 0x2000

struct cut {
	const uint8_t *body; /* what is behind the header */
	uint32_t body_len;
	uint32_t offset; /* of the body in its datagram: the packet may be a piece itself */
	bool more;
	uint8_t header[FB_FRAGMENT_HEADER_MAX]; /* of further pieces */
	uint32_t header_len;
};

/* The piece from `at` on, in a buffer of its own. NULL: there is none. */
static struct rte_mbuf *copy_piece(struct fb_worker *w, const struct cut *c, uint32_t at,
				   uint32_t len, const struct fb_way_out *out)
{
	const struct fb_port *port = &w->dp->ports[out->port];
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);
	uint8_t *data;

	if (m == NULL)
		return NULL;
	data = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(FB_ETHER_LEN + c->header_len + len));
	if (data == NULL) {
		rte_pktmbuf_free(m);
		return NULL;
	}
	fb_build_ether(data, out->mac, port->mac, FB_ETHER_TYPE_IPV4);
	memcpy(data + FB_ETHER_LEN, c->header, c->header_len);
	memcpy(data + FB_ETHER_LEN + c->header_len, c->body + at, len);
	fb_fragment_finish(data + FB_ETHER_LEN, c->header_len, len, c->offset + at,
			   c->more || at + len < c->body_len);
	if (port->vlan != 0) {
		m->vlan_tci = port->vlan;
		if (rte_vlan_insert(&m) != 0) {
			rte_pktmbuf_free(m);
			return NULL;
		}
	}
	return m;
}

/* All but the first. @return how many; 0: there was no buffer for one of them, or no sense in it */
static uint32_t copy_pieces(struct fb_worker *w, const struct cut *c, uint32_t first_len,
			    const struct fb_way_out *out, struct rte_mbuf *ret[MAX_PIECES])
{
	const uint32_t step = (out->mtu - c->header_len) & ~UINT32_C(7);
	uint32_t n = 0;

	for (uint32_t at = first_len; at < c->body_len; at += step) {
		if (n < MAX_PIECES)
			ret[n] = copy_piece(w, c, at, RTE_MIN(step, c->body_len - at), out);
		if (n == MAX_PIECES || ret[n] == NULL) {
			rte_pktmbuf_free_bulk(ret, n);
			return 0;
		}
		n++;
	}
	return n;
}

void fb_end_split(struct fb_worker *w, struct fb_burst *b, uint16_t i, const struct fb_way_out *out)
{
	struct fb_packet *pkt = &b->pkts[i];
	struct rte_mbuf *m = b->mbufs[i];
	uint8_t *l3 = rte_pktmbuf_mtod(m, uint8_t *) + pkt->l3_off;
	const uint32_t header_len = (uint32_t)(l3[0] & 0x0f) * 4;
	const uint32_t first_len = (out->mtu - header_len) & ~UINT32_C(7);
	const uint32_t field = fb_load16(l3 + 6);
	struct rte_mbuf *further[MAX_PIECES];
	struct cut c = {
		.body = l3 + header_len,
		.body_len = pkt->l3_len_bytes - header_len,
		.offset = (field & (MORE - 1)) * 8,
		.more = field & MORE,
	};
	uint32_t n;

	if (out->mtu < FB_FRAGMENT_HEADER_MAX + 8 ||
	    pkt->l3_off + pkt->l3_len_bytes > m->data_len) {
		fb_end_drop(w, b, i, FB_REASON_TOO_BIG);
		return;
	}
	if (c.offset == 0 && !c.more) /* pieces have a new one already */
		fb_fragment_set_id(l3, fb_worker_next_id(w));
	c.header_len = fb_fragment_later_header(l3, c.header);
	n = copy_pieces(w, &c, first_len, out, further);
	if (n == 0) {
		fb_end_drop(w, b, i, FB_REASON_NO_MBUF);
		return;
	}
	fb_fragment_finish(l3, header_len, first_len, c.offset, true);
	pkt->l3_len_bytes = (uint16_t)(header_len + first_len);
	fb_end_forward(w, b, i, out->port, out->mac);
	for (uint32_t k = 0; k < n; k++)
		fb_tx_add(w, out->port, further[k], FB_TX_PIECE);
}
