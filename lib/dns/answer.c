/* SPDX-License-Identifier: BSD-3-Clause */

#include "dns/answer.h"

#include "dns/find.h"
#include "dns/out.h"

uint32_t fb_dns_answer_error(const struct fb_dns_zone *zone, const struct fb_dns_query *q,
			     uint8_t *msg, enum fb_dns_rcode rcode)
{
	struct fb_dns_out o;

	fb_dns_out_init(&o, zone, q, msg, FB_DNS_UDP_MIN);
	return fb_dns_out_finish(&o, rcode, 0);
}

uint32_t fb_dns_answer_truncated(const struct fb_dns_zone *zone, const struct fb_dns_query *q,
				 uint8_t *msg)
{
	struct fb_dns_out o;

	fb_dns_out_init(&o, zone, q, msg, FB_DNS_UDP_MIN);
	o.truncated = true;
	return fb_dns_out_finish(&o, FB_DNS_NOERROR, 0);
}

static enum fb_dns_rcode rcode_of(const struct fb_dns_zone *zone, const struct fb_dns_found *f)
{
	if (f->kind != FB_DNS_NOTHING)
		return FB_DNS_NOERROR;
	/* Not before everything was read: clients would remember that it does not exist. */
	return zone->synced ? FB_DNS_NXDOMAIN : FB_DNS_SERVFAIL;
}

enum fb_dns_verdict fb_dns_answer(const struct fb_dns_zone *zone, const struct fb_dns_query *q,
				  uint8_t *msg, uint32_t most, uint32_t *ret_len,
				  struct fb_dns_chase *ret_chase)
{
	struct fb_dns_chase chase = {NULL, 0};
	struct fb_dns_found found;
	struct fb_dns_out o;

	if (q->rcode != FB_DNS_NOERROR) {
		*ret_len = fb_dns_answer_error(zone, q, msg, q->rcode);
		return FB_DNS_ANSWER;
	}
	if (q->class_ != FB_DNS_CLASS_IN || q->type == FB_DNS_AXFR || q->type == FB_DNS_IXFR) {
		*ret_len = fb_dns_answer_error(zone, q, msg, FB_DNS_REFUSED);
		return FB_DNS_ANSWER;
	}
	fb_dns_find(zone, &q->name, &found);
	fb_dns_out_init(&o, zone, q, msg, most);
	if (found.kind == FB_DNS_OUTSIDE) {
		if (zone->forwards)
			goto forward;
		*ret_len = fb_dns_answer_error(zone, q, msg, FB_DNS_REFUSED);
		return FB_DNS_ANSWER;
	}
	if (found.kind != FB_DNS_ALIAS) {
		fb_dns_out_found(&o, &found, FB_DNS_HEADER_LEN, q->type);
	} else if (fb_dns_is_address(q->type)) {
		if (!fb_dns_out_alias(&o, &found, &chase))
			goto forward;
	} else if (q->type == FB_DNS_CNAME) {
		fb_dns_out_cname(&o, found.service);
	}
	if (o.n[FB_DNS_IN_ANSWER] == 0 && !o.truncated)
		fb_dns_out_soa(&o, FB_DNS_IN_AUTHORITY, found.zone_at);
	*ret_len = fb_dns_out_finish(&o, rcode_of(zone, &found), FB_DNS_FLAG_AA);
	return FB_DNS_ANSWER;
forward:
	if (ret_chase != NULL)
		*ret_chase = chase;
	return FB_DNS_FORWARD;
}
