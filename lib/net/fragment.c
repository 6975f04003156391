/* SPDX-License-Identifier: BSD-3-Clause */

#include "net/fragment.h"

#include <netinet/in.h>
#include <string.h>

#include "net/checksum.h"
#include "net/parse.h"
#include "net/rewrite.h"
#include "net/sctp.h"
#include "net/wire.h"

#define IPV4_MORE        0x2000
#define IPV4_OFFSET_MASK 0x1fff
#define IPV6_MORE        0x0001
#define IPV6_OFFSET_MASK 0xfff8
#define IPV6_HEAD_LEN    8

#define OPTION_END    0
#define OPTION_NOP    1
#define OPTION_COPIED 0x80

/* Where the fragment header stands that is none of a whole packet's (RFC 6946); the parser saw it. */
static uint32_t find_head(const uint8_t *data, const struct fb_packet *pkt)
{
	uint32_t off = (uint32_t)pkt->l3_off + FB_IPV6_LEN;
	uint8_t proto = data[pkt->l3_off + 6];

	for (;;) {
		const uint8_t *h = data + off;

		if (proto == IPPROTO_FRAGMENT &&
		    (fb_load16(h + 2) & (IPV6_OFFSET_MASK | IPV6_MORE)) != 0)
			return off;
		off += proto == IPPROTO_FRAGMENT ? IPV6_HEAD_LEN : ((uint32_t)h[1] + 1) * 8;
		proto = h[0];
	}
}

enum fb_reason fb_fragment_read(const uint8_t *data, const struct fb_packet *pkt,
				struct fb_fragment *ret)
{
	const bool first = pkt->flags & FB_PKT_FIRST_FRAGMENT;
	const uint32_t end = (uint32_t)pkt->l3_off + pkt->l3_len_bytes;
	struct fb_fragment f = {0};
	uint32_t begin;
	uint32_t field;

	if (pkt->family == FB_IPV4) {
		const uint8_t *l3 = data + pkt->l3_off;

		field = fb_load16(l3 + 6);
		memcpy(&f.id, l3 + 4, 2);
		f.offset = (uint16_t)((field & IPV4_OFFSET_MASK) * 8);
		f.more = field & IPV4_MORE;
		begin = pkt->l4_off;
	} else {
		const uint32_t head = find_head(data, pkt);

		field = fb_load16(data + head + 2);
		memcpy(&f.id, data + head + 4, 4);
		f.offset = field & IPV6_OFFSET_MASK;
		f.more = field & IPV6_MORE;
		begin = head + IPV6_HEAD_LEN;
		f.l4_at = first ? (uint16_t)(pkt->l4_off - begin) : 0;
	}
	/* Nothing in it, a piece in the middle that ends between two offsets, or past what IP can carry. */
	if (begin >= end || (f.more && (end - begin) % 8 != 0) ||
	    f.offset + (end - begin) > UINT16_MAX || first != (f.offset == 0))
		return FB_REASON_BAD_FRAGMENT;
	f.len = (uint16_t)(end - begin);
	/* What would overwrite a part of TCP's or SCTP's header that filters may look at (RFC 3128). */
	if (!first && ((pkt->proto == IPPROTO_TCP && f.offset < FB_TCP_LEN) ||
		       (pkt->proto == IPPROTO_SCTP && f.offset < FB_SCTP_LEN + FB_SCTP_CHUNK_LEN)))
		return FB_REASON_FRAGMENT_TINY;
	*ret = f;
	return FB_REASON_NONE;
}

/* Bytes of L4's header, as far as it has to be in the first piece. 0: not even its length is there. */
static uint32_t header_len(const uint8_t *l4, uint32_t here, uint8_t proto)
{
	if (proto == IPPROTO_UDP)
		return FB_UDP_LEN;
	if (proto == IPPROTO_SCTP)
		return FB_SCTP_LEN + FB_SCTP_CHUNK_LEN;
	return here < FB_TCP_LEN ? 0 : (uint32_t)(l4[12] >> 4) * 4;
}

enum fb_reason fb_fragment_read_first(const uint8_t *data, uint32_t data_len, uint32_t l4_len,
				      struct fb_packet *pkt)
{
	const struct fb_frame f = {.data = data, .data_len = data_len, .frame_len = data_len};
	const uint32_t here = (uint32_t)pkt->l3_off + pkt->l3_len_bytes - pkt->l4_off;
	const uint8_t *l4 = data + pkt->l4_off;
	struct fb_packet p = *pkt;
	enum fb_reason reason;
	rte_be16_t ports[2];
	uint32_t need;

	/* A frame in several segments: the parser has seen no further than the IP headers. */
	if ((uint32_t)pkt->l4_off + (here < FB_TCP_LEN ? here : FB_TCP_LEN) > data_len)
		return FB_REASON_HEADER_SPLIT;
	need = header_len(l4, here, pkt->proto);
	if (need == 0 || here < need)
		return FB_REASON_FRAGMENT_TINY;
	if (pkt->l4_off + need > data_len)
		return FB_REASON_HEADER_SPLIT;
	if (pkt->proto == IPPROTO_TCP) {
		if (need < FB_TCP_LEN)
			return FB_REASON_BAD_HEADER_LEN;
		p.tcp_flags = l4[13];
		if (fb_tcp_flags_bad(p.tcp_flags))
			return FB_REASON_BAD_TCP_FLAGS;
	} else if (pkt->proto == IPPROTO_UDP) {
		if (fb_load16(l4 + 4) < FB_UDP_LEN)
			return FB_REASON_BAD_TOTAL_LEN;
		p.flags |= fb_load_csum(l4 + FB_UDP_CSUM_OFF) == 0 ? FB_PKT_UDP_NOSUM : 0;
	} else if (l4_len != 0) {
		reason = fb_sctp_read(&f, pkt->l4_off, l4_len, &p);
		if (reason != FB_REASON_NONE)
			return reason;
		p.l4_more = (uint16_t)(l4_len - here);
	}
	memcpy(ports, l4, sizeof(ports));
	if (ports[0] == 0 || ports[1] == 0)
		return FB_REASON_BAD_ADDRESS;
	fb_tuple_set_ports(&p.tuple, ports[0], ports[1]);
	p.kind = FB_PARSE_SERVICE;
	*pkt = p;
	return FB_REASON_NONE;
}

void fb_fragment_set_id(uint8_t *l3, uint16_t id_be)
{
	const uint16_t delta = fb_csum_delta(l3 + 4, &id_be, sizeof(id_be));

	memcpy(l3 + 4, &id_be, sizeof(id_be));
	fb_store_csum(l3 + 10, fb_csum_apply(fb_load_csum(l3 + 10), delta));
}

void fb_fragment_rewrite(uint8_t *data, const struct fb_packet *pkt, const struct fb_tuple *to)
{
	uint8_t *l3 = data + pkt->l3_off;
	uint64_t sum = FB_REWRITE_TTL_DELTA;

	if (pkt->family == FB_IPV6) {
		l3[7]--;
		memcpy(l3 + 8, &to->v6, 32);
		return;
	}
	l3[8]--;
	sum += fb_csum_delta(l3 + 12, &to->v4, 8);
	memcpy(l3 + 12, &to->v4, 8);
	fb_store_csum(l3 + 10, fb_csum_apply(fb_load_csum(l3 + 10), fb_csum_fold(sum)));
}

uint32_t fb_fragment_later_header(const uint8_t *l3, uint8_t out[FB_FRAGMENT_HEADER_MAX])
{
	const uint32_t len = (uint32_t)(l3[0] & 0x0f) * 4;
	uint32_t out_len = FB_IPV4_LEN;

	memcpy(out, l3, FB_IPV4_LEN);
	/* The parser has been over the options: their lengths are sound. */
	for (uint32_t off = FB_IPV4_LEN; off < len && l3[off] != OPTION_END;) {
		const uint32_t opt_len = l3[off] == OPTION_NOP ? 1 : l3[off + 1];

		if (l3[off] & OPTION_COPIED) {
			memcpy(out + out_len, l3 + off, opt_len);
			out_len += opt_len;
		}
		off += opt_len;
	}
	while (out_len % 4 != 0)
		out[out_len++] = OPTION_END;
	out[0] = (uint8_t)(0x40 | out_len / 4);
	return out_len;
}

void fb_fragment_finish(uint8_t *l3, uint32_t header_len, uint32_t len, uint32_t offset, bool more)
{
	fb_store16(l3 + 2, (uint16_t)(header_len + len));
	fb_store16(l3 + 6, (uint16_t)(offset / 8 | (more ? IPV4_MORE : 0)));
	fb_store_csum(l3 + 10, 0);
	fb_store_csum(l3 + 10, (uint16_t)~fb_csum_fold(fb_csum_add(0, l3, header_len)));
}
