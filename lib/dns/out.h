/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DNS_OUT_H
#define FB_DNS_OUT_H

/*
 * An answer while it is written, behind the question that stays where it is. Records are put one after the
 * other; the header comes last, when it is known what there is. Private to lib/dns.
 */

#include "dns/answer.h"
#include "dns/find.h"
#include "net/wire.h"

/* A pointer to a name earlier in the message has 14 bits (RFC 1035, 4.1.4). */
#define FB_DNS_POINTER     0xc000
#define FB_DNS_POINTER_MAX 0x3fff

enum fb_dns_section {
	FB_DNS_IN_ANSWER,
	FB_DNS_IN_AUTHORITY,
	FB_DNS_IN_ADDITIONAL,
	FB_DNS_SECTION_COUNT,
};

struct fb_dns_out {
	const struct fb_dns_zone *zone;
	const struct fb_dns_query *q;
	uint8_t *msg;
	uint32_t at;
	uint32_t limit; /* what OPT takes is kept free */
	uint16_t n[FB_DNS_SECTION_COUNT];
	bool truncated;
};

/* out.c */

void fb_dns_out_init(struct fb_dns_out *o, const struct fb_dns_zone *zone,
		     const struct fb_dns_query *q, uint8_t *msg, uint32_t most);
/** Header, and OPT where the query had one. @return bytes of the message */
uint32_t fb_dns_out_finish(struct fb_dns_out *o, enum fb_dns_rcode rcode, uint16_t more_flags);

/* Header and fixed fields of one record. @return where its data of len bytes goes; NULL: no room */
static inline uint8_t *fb_dns_out_put(struct fb_dns_out *o, enum fb_dns_section section,
				      uint32_t owner_at, enum fb_dns_type type, uint32_t ttl_s,
				      uint32_t len)
{
	uint8_t *p = o->msg + o->at;

	if (o->at + 12 + len > o->limit)
		return NULL;
	fb_store16(p, (uint16_t)(FB_DNS_POINTER | owner_at));
	fb_store16(p + 2, (uint16_t)type);
	fb_store16(p + 4, FB_DNS_CLASS_IN);
	fb_store32(p + 6, ttl_s);
	fb_store16(p + 10, (uint16_t)len);
	o->at += 12 + len;
	o->n[section]++;
	return p + 12;
}

/* record.c */

/** What a name that exists has of the type asked for; nothing is fine. */
void fb_dns_out_found(struct fb_dns_out *o, const struct fb_dns_found *f, uint32_t owner_at,
		      uint16_t type);
void fb_dns_out_soa(struct fb_dns_out *o, enum fb_dns_section section, uint8_t zone_at);

/* alias.c */

/** Addresses of an ExternalName; one that leads to nothing has none. @return false: ask a resolver */
bool fb_dns_out_alias(struct fb_dns_out *o, const struct fb_dns_found *f,
		      struct fb_dns_chase *ret_chase);
/** Its CNAME alone. */
void fb_dns_out_cname(struct fb_dns_out *o, const struct fb_dns_service *svc);

static inline bool fb_dns_is_address(uint16_t type)
{
	return type == FB_DNS_A || type == FB_DNS_AAAA;
}

static inline enum fb_family fb_dns_family_of(uint16_t type)
{
	return type == FB_DNS_A ? FB_IPV4 : FB_IPV6;
}

#endif
