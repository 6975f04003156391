/* SPDX-License-Identifier: BSD-3-Clause */

#include "sync/message.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <nettle/hmac.h>
#include <nettle/memops.h>

#include "net/wire.h"

#define MAGIC   UINT32_C(0x46425359) /* "FBSY" */
#define VERSION 2
#define VERSION_LEAST 1 /* without flows that are shifted */

/* Where things are in the head. */
#define KIND_OFF     5
#define COUNT_OFF    6
#define FROM_OFF     8
#define TO_OFF       16
#define SEQUENCE_OFF 24
#define SNAT_OFF     32

#define FLAG_IPV6 0x01
#define FLAG_SNAT 0x02
#define FLAG_SHIFTED 0x04

#define FLOW_FIXED_LEN 12 /* flags, protocol, silence, port, shift of windows, MAC address */

static void store64(uint8_t *p, uint64_t v)
{
	fb_store32(p, (uint32_t)(v >> 32));
	fb_store32(p + 4, (uint32_t)v);
}

static uint64_t load64(const uint8_t *p)
{
	return (uint64_t)fb_load32(p) << 32 | fb_load32(p + 4);
}

static void sign(const struct fb_sync_key *key, const uint8_t *bytes, uint32_t len,
		 uint8_t mac[FB_SYNC_MAC_LEN])
{
	struct hmac_sha256_ctx ctx;

	hmac_sha256_set_key(&ctx, key->len, key->bytes);
	hmac_sha256_update(&ctx, len, bytes);
	hmac_sha256_digest(&ctx, FB_SYNC_MAC_LEN, mac);
}

void fb_sync_begin(struct fb_sync_writer *w, const struct fb_sync_head *head)
{
	w->len = FB_SYNC_HEAD_LEN;
	w->n = 0;
	fb_store32(w->bytes, MAGIC);
	w->bytes[4] = VERSION_LEAST;
	w->bytes[KIND_OFF] = (uint8_t)head->kind;
	store64(w->bytes + FROM_OFF, head->from);
	store64(w->bytes + TO_OFF, head->to);
	store64(w->bytes + SEQUENCE_OFF, head->sequence);
	fb_store16(w->bytes + SNAT_OFF, head->snat_first);
	fb_store16(w->bytes + SNAT_OFF + 2, head->snat_last);
}

/* Both keys as they lie in a tuple: addresses and ports in network order. */
static uint32_t key_len(bool ipv6)
{
	return ipv6 ? sizeof(struct fb_tuple6) : sizeof(struct fb_tuple4);
}

static uint32_t flow_len(bool ipv6, bool shifted)
{
	return FLOW_FIXED_LEN + 2 * key_len(ipv6) + (shifted ? FB_SYNC_SHIFT_LEN : 0);
}

bool fb_sync_put(struct fb_sync_writer *w, const struct fb_sync_flow *flow)
{
	bool ipv6 = flow->client.family == FB_IPV6;
	uint32_t len = flow_len(ipv6, flow->shifted);
	uint8_t *p = w->bytes + w->len;

	if (w->len + len + FB_SYNC_MAC_LEN > FB_SYNC_MESSAGE_MAX)
		return false;
	p[0] = (uint8_t)((ipv6 ? FLAG_IPV6 : 0) | (flow->snat ? FLAG_SNAT : 0) |
			 (flow->shifted ? FLAG_SHIFTED : 0));
	p[1] = flow->client.proto;
	fb_store16(p + 2, (uint16_t)(flow->idle_s < UINT16_MAX ? flow->idle_s : UINT16_MAX));
	p[4] = flow->client_port;
	p[5] = flow->shifted ? (uint8_t)flow->shift.window : 0;
	memcpy(p + 6, flow->client_mac, 6);
	memcpy(p + FLOW_FIXED_LEN, &flow->client, key_len(ipv6));
	memcpy(p + FLOW_FIXED_LEN + key_len(ipv6), &flow->reply, key_len(ipv6));
	if (flow->shifted) {
		w->bytes[4] = VERSION;
		fb_store32(p + len - 8, flow->shift.seq);
		fb_store32(p + len - 4, flow->shift.ts);
	}
	w->len += len;
	w->n++;
	return true;
}

uint32_t fb_sync_end(struct fb_sync_writer *w, const struct fb_sync_key *key)
{
	fb_store16(w->bytes + COUNT_OFF, w->n);
	sign(key, w->bytes, w->len, w->bytes + w->len);
	w->len += FB_SYNC_MAC_LEN;
	return w->len;
}

int fb_sync_open(const struct fb_sync_key *key, const uint8_t *bytes, uint32_t len,
		 struct fb_sync_head *ret_head, struct fb_sync_reader *ret)
{
	uint8_t mac[FB_SYNC_MAC_LEN];
	struct fb_sync_head head;

	if (len < FB_SYNC_HEAD_LEN + FB_SYNC_MAC_LEN || len > FB_SYNC_MESSAGE_MAX)
		return -EBADMSG;
	len -= FB_SYNC_MAC_LEN;
	sign(key, bytes, len, mac);
	if (!memeql_sec(mac, bytes + len, sizeof(mac)))
		return -EBADMSG;
	/* From here on it is the peer's, which may be of another version. */
	if (fb_load32(bytes) != MAGIC || bytes[4] < VERSION_LEAST || bytes[4] > VERSION ||
	    (bytes[KIND_OFF] != FB_SYNC_HELLO && bytes[KIND_OFF] != FB_SYNC_FLOWS))
		return -EBADMSG;
	head.kind = (enum fb_sync_kind)bytes[KIND_OFF];
	head.from = load64(bytes + FROM_OFF);
	head.to = load64(bytes + TO_OFF);
	head.sequence = load64(bytes + SEQUENCE_OFF);
	head.snat_first = fb_load16(bytes + SNAT_OFF);
	head.snat_last = fb_load16(bytes + SNAT_OFF + 2);
	if (head.from == 0)
		return -EBADMSG;
	*ret_head = head;
	*ret = (struct fb_sync_reader){
		.at = bytes + FB_SYNC_HEAD_LEN,
		.end = bytes + len,
		.n = fb_load16(bytes + COUNT_OFF),
	};
	return 0;
}

/* As parsed packets are: anything else would never be looked up, or looked up in vain. */
static bool is_sane(const struct fb_sync_flow *f)
{
	uint8_t proto = f->client.proto;

	return (proto == IPPROTO_TCP ||
		(!f->shifted && (proto == IPPROTO_UDP || proto == IPPROTO_SCTP))) &&
	       fb_tuple_is_sane(&f->client) && fb_tuple_is_sane(&f->reply);
}

int fb_sync_next(struct fb_sync_reader *r, struct fb_sync_flow *ret)
{
	const uint8_t *p = r->at;
	bool ipv6;
	uint32_t len;

	if (r->n == 0)
		return r->at == r->end ? 0 : -EBADMSG;
	if (r->end - p < FLOW_FIXED_LEN)
		return -EBADMSG;
	ipv6 = (p[0] & FLAG_IPV6) != 0;
	len = flow_len(ipv6, (p[0] & FLAG_SHIFTED) != 0);
	if ((p[0] & ~(FLAG_IPV6 | FLAG_SNAT | FLAG_SHIFTED)) != 0 || r->end - p < (ptrdiff_t)len)
		return -EBADMSG;
	memset(ret, 0, sizeof(*ret));
	ret->shifted = (p[0] & FLAG_SHIFTED) != 0;
	if (ret->shifted)
		ret->shift = (struct fb_tcp_shift){.seq = fb_load32(p + len - 8),
						   .ts = fb_load32(p + len - 4),
						   .window = (int8_t)p[5]};
	ret->snat = (p[0] & FLAG_SNAT) != 0;
	ret->idle_s = fb_load16(p + 2);
	ret->client_port = p[4];
	memcpy(ret->client_mac, p + 6, 6);
	memcpy(&ret->client, p + FLOW_FIXED_LEN, key_len(ipv6));
	memcpy(&ret->reply, p + FLOW_FIXED_LEN + key_len(ipv6), key_len(ipv6));
	ret->client.proto = ret->reply.proto = p[1];
	ret->client.family = ret->reply.family = ipv6 ? FB_IPV6 : FB_IPV4;
	if (!is_sane(ret))
		return -EBADMSG;
	r->at += len;
	r->n--;
	return 1;
}

static bool is_retired(const struct fb_sync_window *w, uint64_t from)
{
	for (uint32_t i = 0; i < FB_SYNC_RETIRED; i++) {
		if (w->retired[i] == from)
			return true;
	}
	return false;
}

bool fb_sync_window_take(struct fb_sync_window *w, const struct fb_sync_head *head)
{
	uint64_t back;

	if (head->from != w->from) {
		if (is_retired(w, head->from))
			return false;
		if (w->from != 0)
			w->retired[w->n_retired++ % FB_SYNC_RETIRED] = w->from;
		w->from = head->from;
		w->top = head->sequence;
		w->seen = 1;
		return true;
	}
	if (head->sequence > w->top) {
		uint64_t ahead = head->sequence - w->top;

		w->seen = (ahead < 64 ? w->seen << ahead : 0) | 1;
		w->top = head->sequence;
		return true;
	}
	back = w->top - head->sequence;
	if (back >= 64 || (w->seen >> back & 1) != 0)
		return false;
	w->seen |= UINT64_C(1) << back;
	return true;
}
