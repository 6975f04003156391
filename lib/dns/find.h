/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DNS_FIND_H
#define FB_DNS_FIND_H

/* What a name is. Private to lib/dns. */

#include "dns/zone.h"

enum fb_dns_found_kind {
	FB_DNS_OUTSIDE, /* not ours */
	FB_DNS_NOTHING, /* ours, and does not exist */
	FB_DNS_EMPTY,   /* exists, without records: names lie below it */
	FB_DNS_APEX,
	FB_DNS_SERVERS, /* ns.dns: this server */
	FB_DNS_VERSION, /* dns-version */
	FB_DNS_NODE,
	FB_DNS_ALIAS,  /* an ExternalName */
	FB_DNS_OWNERS, /* a reverse name */
	FB_DNS_POD,
};

struct fb_dns_found {
	enum fb_dns_found_kind kind;
	uint8_t zone_at; /* where the zone begins in the name: for SOA */
	const struct fb_dns_service *service;
	const struct fb_dns_node *node;
	const struct fb_dns_owners *owners;
	struct fb_addr addr; /* FB_DNS_POD */
};

void fb_dns_find(const struct fb_dns_zone *zone, const struct fb_dns_name *name,
		 struct fb_dns_found *ret);

#endif
