/* SPDX-License-Identifier: BSD-3-Clause */

#include "dns/out.h"

void fb_dns_out_init(struct fb_dns_out *o, const struct fb_dns_zone *zone,
		     const struct fb_dns_query *q, uint8_t *msg, uint32_t most)
{
	*o = (struct fb_dns_out){
		.zone = zone,
		.q = q,
		.msg = msg,
		.at = q->question_end,
		.limit = q->has_opt ? most - FB_DNS_OPT_LEN : most,
	};
}

uint32_t fb_dns_out_finish(struct fb_dns_out *o, enum fb_dns_rcode rcode, uint16_t more_flags)
{
	uint16_t flags = FB_DNS_FLAG_QR | (o->q->flags & FB_DNS_FLAGS_KEPT);

	flags |= more_flags | (rcode & FB_DNS_RCODE_MASK);
	flags |= o->truncated ? FB_DNS_FLAG_TC : 0;
	flags |= o->zone->forwards ? FB_DNS_FLAG_RA : 0;
	fb_store16(o->msg + 2, flags);
	fb_store16(o->msg + 4, o->q->question_end > FB_DNS_HEADER_LEN ? 1 : 0);
	fb_store16(o->msg + 6, o->n[FB_DNS_IN_ANSWER]);
	fb_store16(o->msg + 8, o->n[FB_DNS_IN_AUTHORITY]);
	fb_store16(o->msg + 10, (uint16_t)(o->n[FB_DNS_IN_ADDITIONAL] + (o->q->has_opt ? 1 : 0)));
	if (o->q->has_opt) {
		uint8_t *p = o->msg + o->at;

		p[0] = 0;
		fb_store16(p + 1, FB_DNS_OPT);
		fb_store16(p + 3, FB_DNS_UDP_MAX);
		p[5] = (uint8_t)(rcode >> 4);
		p[6] = 0;
		fb_store16(p + 7, o->q->dnssec_ok ? 0x8000 : 0);
		fb_store16(p + 9, 0);
		o->at += FB_DNS_OPT_LEN;
	}
	return o->at;
}
