/* SPDX-License-Identifier: BSD-3-Clause */

/* ExternalNames: where they lead inside the zone, and what a resolver says of those that lead out. */

#include <string.h>

#include "dns/out.h"

/* ExternalNames that lead to each other inside the zone, at most so many. */
#define CHAIN_MAX 8

struct chain {
	const struct fb_dns_service *hops[CHAIN_MAX];
	uint32_t n;
	struct fb_dns_found end; /* where the last one leads */
};

/* Follow ExternalNames as long as they lead to each other. */
static void follow(const struct fb_dns_zone *zone, const struct fb_dns_found *from,
		   struct chain *ret)
{
	struct fb_dns_name name;

	ret->n = 0;
	ret->end = *from;
	while (ret->end.kind == FB_DNS_ALIAS) {
		const struct fb_dns_service *svc = ret->end.service;

		if (ret->n == CHAIN_MAX) { /* a loop, or as good as one */
			ret->end.kind = FB_DNS_EMPTY;
			return;
		}
		ret->hops[ret->n++] = svc;
		if (fb_dns_name_read(fb_dns_piece_at(svc, svc->target), svc->target_len, &name) ==
		    0) {
			ret->end.kind = FB_DNS_EMPTY;
			return;
		}
		fb_dns_find(zone, &name, &ret->end);
	}
}

/* @return where the last target stands in the message, as the owner of what comes next; 0: no room */
static uint32_t put_chain(struct fb_dns_out *o, const struct chain *chain)
{
	uint32_t owner_at = FB_DNS_HEADER_LEN;

	for (uint32_t i = 0; i < chain->n; i++) {
		const struct fb_dns_service *svc = chain->hops[i];
		uint8_t *data = fb_dns_out_put(o, FB_DNS_IN_ANSWER, owner_at, FB_DNS_CNAME,
					       o->zone->ttl_s, svc->target_len);

		if (data == NULL) {
			o->truncated = true;
			return 0;
		}
		memcpy(data, fb_dns_piece_at(svc, svc->target), svc->target_len);
		owner_at = (uint32_t)(data - o->msg);
	}
	return owner_at;
}

bool fb_dns_out_alias(struct fb_dns_out *o, const struct fb_dns_found *f,
		      struct fb_dns_chase *ret_chase)
{
	uint32_t begin = o->at;
	struct chain chain;
	uint32_t owner_at;
	uint16_t n;

	follow(o->zone, f, &chain);
	if (chain.end.kind == FB_DNS_OUTSIDE && o->zone->forwards) {
		const struct fb_dns_service *last = chain.hops[chain.n - 1];

		*ret_chase = (struct fb_dns_chase){fb_dns_piece_at(last, last->target),
						   last->target_len};
		return false;
	}
	owner_at = put_chain(o, &chain);
	if (chain.end.kind == FB_DNS_OUTSIDE || owner_at == 0)
		return true;
	n = o->n[FB_DNS_IN_ANSWER];
	fb_dns_out_found(o, &chain.end, owner_at, o->q->type);
	if (o->n[FB_DNS_IN_ANSWER] == n && !o->truncated) {
		o->n[FB_DNS_IN_ANSWER] = 0;
		o->at = begin;
	}
	return true;
}

void fb_dns_out_cname(struct fb_dns_out *o, const struct fb_dns_service *svc)
{
	struct chain own = {.hops = {svc}, .n = 1};

	(void)put_chain(o, &own);
}

/* ---- what a resolver said ---- */

/* A CNAME, A or AAAA record of another message, its names expanded. @return offset behind it, or 0 */
static uint32_t copy_record(struct fb_dns_out *o, const uint8_t *msg, uint32_t len, uint32_t at)
{
	uint8_t owner[FB_DNS_NAME_MAX];
	uint8_t target[FB_DNS_NAME_MAX];
	const uint8_t *data;
	uint32_t owner_len;
	uint32_t data_len;
	uint16_t type;
	uint32_t end;
	uint8_t *p;

	at = fb_dns_name_expand(msg, len, at, owner, &owner_len);
	if (at == 0 || at + 10 > len)
		return 0;
	type = fb_load16(msg + at);
	data_len = fb_load16(msg + at + 8);
	data = msg + at + 10;
	end = at + 10 + data_len;
	if (end > len)
		return 0;
	if (type == FB_DNS_CNAME) {
		if (fb_dns_name_expand(msg, len, at + 10, target, &data_len) != end)
			return 0;
		data = target;
	} else if (!(type == FB_DNS_A && data_len == 4) &&
		   !(type == FB_DNS_AAAA && data_len == 16)) {
		return end;
	}
	if (o->at + owner_len + 10 + data_len > o->limit) {
		o->truncated = true;
		return end;
	}
	p = o->msg + o->at;
	memcpy(p, owner, owner_len);
	p += owner_len;
	memcpy(p, msg + at, 8); /* type, class, TTL */
	fb_store16(p + 8, (uint16_t)data_len);
	memcpy(p + 10, data, data_len);
	o->at += owner_len + 10 + data_len;
	o->n[FB_DNS_IN_ANSWER]++;
	return end;
}

/* @return false: it makes no sense */
static bool copy_answer(struct fb_dns_out *o, const uint8_t *msg, uint32_t len)
{
	uint8_t name[FB_DNS_NAME_MAX];
	uint32_t name_len;
	uint32_t at = FB_DNS_HEADER_LEN;
	uint32_t n;

	if (len < FB_DNS_HEADER_LEN || !(fb_load16(msg + 2) & FB_DNS_FLAG_QR))
		return false;
	for (n = fb_load16(msg + 4); n > 0 && at != 0; n--) {
		at = fb_dns_name_expand(msg, len, at, name, &name_len);
		at = at != 0 && at + 4 <= len ? at + 4 : 0;
	}
	for (n = fb_load16(msg + 6); n > 0 && at != 0 && !o->truncated; n--)
		at = copy_record(o, msg, len, at);
	return at != 0;
}

uint32_t fb_dns_answer_chased(const struct fb_dns_zone *zone, const struct fb_dns_query *q,
			      uint8_t *msg, uint32_t most, const uint8_t *upstream,
			      uint32_t upstream_len)
{
	enum fb_dns_rcode rcode;
	struct fb_dns_found found;
	struct chain chain;
	struct fb_dns_out o;

	fb_dns_find(zone, &q->name, &found);
	if (found.kind != FB_DNS_ALIAS)
		return 0;
	fb_dns_out_init(&o, zone, q, msg, most);
	follow(zone, &found, &chain);
	if (chain.end.kind != FB_DNS_OUTSIDE || put_chain(&o, &chain) == 0 ||
	    !copy_answer(&o, upstream, upstream_len))
		return 0;
	/* A target that does not exist leaves the CNAME alone, as CoreDNS does; a failure is one. */
	rcode = fb_load16(upstream + 2) & FB_DNS_RCODE_MASK;
	if (rcode != FB_DNS_NOERROR && rcode != FB_DNS_NXDOMAIN)
		return fb_dns_answer_error(zone, q, msg, FB_DNS_SERVFAIL);
	return fb_dns_out_finish(&o, FB_DNS_NOERROR, FB_DNS_FLAG_AA);
}
