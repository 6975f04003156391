/* SPDX-License-Identifier: BSD-3-Clause */

/* The records of what a name is. */

#include <string.h>

#include "dns/out.h"

/* The schema's version, and how long it holds (cluster DNS specification, 2.2). */
#define VERSION_TEXT  "\0051.1.0"
#define VERSION_TTL_S 28800

/* What CoreDNS says; the least of a negative answer's lives is the zone's TTL. */
#define SOA_REFRESH_S 7200
#define SOA_RETRY_S   1800
#define SOA_EXPIRE_S  86400
#define SOA_TTL_MAX_S 300
#define SOA_LEN       (9 + 13 + 20)

/* All addresses of a family, beginning at the one of fb_dns_first_addr(). */
static void put_addrs(struct fb_dns_out *o, enum fb_dns_section section, uint32_t owner_at,
		      uint32_t ttl_s, enum fb_family family, const uint8_t *addrs, uint32_t n)
{
	enum fb_dns_type type = family == FB_IPV4 ? FB_DNS_A : FB_DNS_AAAA;
	uint32_t size = family == FB_IPV4 ? 4 : 16;
	uint32_t k = fb_dns_first_addr(o->msg, n);

	for (uint32_t i = 0; i < n; i++) {
		uint8_t *data = fb_dns_out_put(o, section, owner_at, type, ttl_s, size);

		if (data == NULL) {
			o->truncated |= section == FB_DNS_IN_ANSWER;
			return;
		}
		memcpy(data, addrs + (size_t)k * size, size);
		k = k + 1 < n ? k + 1 : 0;
	}
}

static void put_node_addrs(struct fb_dns_out *o, enum fb_dns_section section, uint32_t owner_at,
			   const struct fb_dns_service *svc, const struct fb_dns_node *node,
			   enum fb_family family)
{
	put_addrs(o, section, owner_at, o->zone->ttl_s, family,
		  fb_dns_piece_at(svc, node->addrs[family]), node->n_addrs[family]);
}

/* A target is written in full: names in SRV are not compressed (RFC 2782). */
static void put_srvs(struct fb_dns_out *o, const struct fb_dns_service *svc,
		     const struct fb_dns_node *node)
{
	const struct fb_dns_srv *srvs = fb_dns_piece_at(svc, node->srvs);
	const uint8_t *key = fb_dns_piece_at(svc, svc->key);
	uint32_t tail_len = o->zone->tail_len;
	uint32_t begin = o->at;
	uint32_t n = 0;

	for (; n < node->n_srvs; n++) {
		const struct fb_dns_node *to = fb_dns_service_node(svc, srvs[n].node);
		uint32_t len = 6u + to->name_len + svc->key_len + tail_len;
		uint8_t *data = fb_dns_out_put(o, FB_DNS_IN_ANSWER, FB_DNS_HEADER_LEN, FB_DNS_SRV,
					       o->zone->ttl_s, len);

		if (data == NULL) {
			o->truncated = true;
			return; /* glue would not fit either */
		}
		fb_store16(data, 0);
		fb_store16(data + 2, srvs[n].weight);
		fb_store16(data + 4, srvs[n].port);
		data += 6;
		memcpy(data, fb_dns_piece_at(svc, to->name), to->name_len);
		memcpy(data + to->name_len, key, svc->key_len);
		memcpy(data + to->name_len + svc->key_len, o->zone->tail, tail_len);
	}
	/* Addresses of the targets, each once; their names are those in the records above. */
	for (uint32_t i = 0; i < n && begin + 18 <= FB_DNS_POINTER_MAX; i++) {
		const struct fb_dns_node *to = fb_dns_service_node(svc, srvs[i].node);

		for (int family = 0; srvs[i].first && family < FB_FAMILY_COUNT; family++)
			put_node_addrs(o, FB_DNS_IN_ADDITIONAL, begin + 18, svc, to,
				       (enum fb_family)family);
		begin += 12 + fb_load16(o->msg + begin + 10);
	}
}

static void put_ptrs(struct fb_dns_out *o, const struct fb_dns_owners *owners)
{
	uint32_t n = owners->n_cluster != 0 ? 1 : owners->n;
	const uint8_t *name = owners->names;

	for (uint32_t i = 0; i < n; i++) {
		uint8_t *data = fb_dns_out_put(o, FB_DNS_IN_ANSWER, FB_DNS_HEADER_LEN, FB_DNS_PTR,
					       o->zone->ttl_s, name[0] + o->zone->tail_len);

		if (data == NULL) {
			o->truncated = true;
			return;
		}
		memcpy(data, name + 1, name[0]);
		memcpy(data + name[0], o->zone->tail, o->zone->tail_len);
		name += 1 + name[0];
	}
}

void fb_dns_out_soa(struct fb_dns_out *o, enum fb_dns_section section, uint8_t zone_at)
{
	uint32_t ttl_s = o->zone->ttl_s < SOA_TTL_MAX_S ? o->zone->ttl_s : SOA_TTL_MAX_S;
	uint32_t at = FB_DNS_HEADER_LEN + zone_at;
	uint8_t *data = fb_dns_out_put(o, section, at, FB_DNS_SOA, ttl_s, SOA_LEN);

	if (data == NULL)
		return;
	memcpy(data, "\2ns\3dns", 7);
	fb_store16(data + 7, (uint16_t)(FB_DNS_POINTER | at));
	memcpy(data + 9, "\12hostmaster", 11);
	fb_store16(data + 20, (uint16_t)(FB_DNS_POINTER | at));
	fb_store32(data + 22, o->zone->serial);
	fb_store32(data + 26, SOA_REFRESH_S);
	fb_store32(data + 30, SOA_RETRY_S);
	fb_store32(data + 34, SOA_EXPIRE_S);
	fb_store32(data + 38, o->zone->ttl_s);
}

/* Addresses of this server. */
static void put_servers(struct fb_dns_out *o, enum fb_dns_section section, uint32_t owner_at,
			enum fb_family family)
{
	for (uint8_t i = 0; i < o->zone->n_addresses; i++) {
		const struct fb_addr *addr = &o->zone->addresses[i];

		if (fb_addr_family(addr) == family)
			put_addrs(o, section, owner_at, o->zone->ttl_s, family, fb_addr_wire(addr),
				  1);
	}
}

static void put_apex(struct fb_dns_out *o, uint8_t zone_at, uint16_t type)
{
	uint32_t at = FB_DNS_HEADER_LEN + zone_at;
	uint8_t *data;

	if (type == FB_DNS_SOA)
		fb_dns_out_soa(o, FB_DNS_IN_ANSWER, zone_at);
	if (type != FB_DNS_NS)
		return;
	data = fb_dns_out_put(o, FB_DNS_IN_ANSWER, at, FB_DNS_NS, o->zone->ttl_s, 9);
	if (data == NULL)
		return;
	memcpy(data, "\2ns\3dns", 7);
	fb_store16(data + 7, (uint16_t)(FB_DNS_POINTER | at));
	at = (uint32_t)(data - o->msg);
	for (int family = 0; family < FB_FAMILY_COUNT; family++)
		put_servers(o, FB_DNS_IN_ADDITIONAL, at, (enum fb_family)family);
}

void fb_dns_out_found(struct fb_dns_out *o, const struct fb_dns_found *f, uint32_t owner_at,
		      uint16_t type)
{
	const uint32_t version_len = sizeof(VERSION_TEXT) - 1;
	uint8_t *data;

	switch (f->kind) {
	case FB_DNS_APEX:
		put_apex(o, f->zone_at, type);
		break;
	case FB_DNS_SERVERS:
		if (fb_dns_is_address(type))
			put_servers(o, FB_DNS_IN_ANSWER, owner_at, fb_dns_family_of(type));
		break;
	case FB_DNS_VERSION:
		data = type == FB_DNS_TXT ? fb_dns_out_put(o, FB_DNS_IN_ANSWER, owner_at,
							   FB_DNS_TXT, VERSION_TTL_S, version_len)
					  : NULL;
		if (data != NULL)
			memcpy(data, VERSION_TEXT, version_len);
		break;
	case FB_DNS_NODE:
		if (fb_dns_is_address(type))
			put_node_addrs(o, FB_DNS_IN_ANSWER, owner_at, f->service, f->node,
				       fb_dns_family_of(type));
		else if (type == FB_DNS_SRV)
			put_srvs(o, f->service, f->node);
		break;
	case FB_DNS_OWNERS:
		if (type == FB_DNS_PTR)
			put_ptrs(o, f->owners);
		break;
	case FB_DNS_POD:
		if (fb_dns_is_address(type) && fb_addr_family(&f->addr) == fb_dns_family_of(type))
			put_addrs(o, FB_DNS_IN_ANSWER, owner_at, o->zone->ttl_s,
				  fb_dns_family_of(type), fb_addr_wire(&f->addr), 1);
		break;
	case FB_DNS_ALIAS:
	case FB_DNS_EMPTY:
	case FB_DNS_NOTHING:
	case FB_DNS_OUTSIDE:
		break;
	}
}
