/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DATAPATH_PROXY_PARTS_H
#define FB_DATAPATH_PROXY_PARTS_H

/* What proxy.c and proxy_open.c share. Thread: the worker. */

#include "datapath/stages.h"
#include "flow/shift.h"
#include "net/tcp_segment.h"
#include "net/wire.h"

static inline const uint8_t *fb_proxy_l4(const struct fb_burst *b, uint16_t i)
{
	return rte_pktmbuf_mtod_offset(b->mbufs[i], const uint8_t *, b->pkts[i].l4_off);
}

/* Bytes at l4 that are in the first buffer and the packet's. */
static inline uint32_t fb_proxy_have(const struct fb_burst *b, uint16_t i)
{
	const struct fb_packet *pkt = &b->pkts[i];

	return RTE_MIN((uint32_t)b->mbufs[i]->data_len, (uint32_t)pkt->l3_off + pkt->l3_len_bytes) -
	       pkt->l4_off;
}

static inline bool fb_proxy_is_summed(const struct fb_burst *b, uint16_t i)
{
	return fb_tcp_is_summed(rte_pktmbuf_mtod(b->mbufs[i], const uint8_t *), b->mbufs[i]->data_len,
				&b->pkts[i]);
}

static inline uint32_t fb_proxy_clock(const struct fb_worker *w)
{
	return w->now_ms + w->dp->proxy_clock;
}

static inline struct fb_proxy_learnt *fb_proxy_learnt_of(const struct fb_worker *w, const struct fb_service *svc)
{
	return &w->proxy_learnt[svc->id];
}

/* proxy.c: whether the segment brings a cookie of ours back, and what else of its SYN. */
bool fb_proxy_is_cookie(const struct fb_worker *w, const struct fb_burst *b, uint16_t i,
			struct fb_flow_opening *ret);

#endif
