/* SPDX-License-Identifier: BSD-3-Clause */

#include "dns/answer.h"

#include <string.h>

#include "dns/find.h"
#include "net/wire.h"

/* ExternalNames that lead to each other inside the zone, at most so many. */
#define CHAIN_MAX 8

/* A pointer to a name earlier in the message has 14 bits (RFC 1035, 4.1.4). */
#define POINTER     0xc000
#define POINTER_MAX 0x3fff

/* The schema's version, and how long it holds (cluster DNS specification, 2.2). */
#define VERSION_TEXT  "\0051.1.0"
#define VERSION_TTL_S 28800

/* What CoreDNS says; the least of a negative answer's lives is the zone's TTL. */
#define SOA_REFRESH_S 7200
#define SOA_RETRY_S   1800
#define SOA_EXPIRE_S  86400
#define SOA_TTL_MAX_S 300
#define SOA_LEN       (9 + 13 + 20)

enum section { ANSWER, AUTHORITY, ADDITIONAL, SECTION_COUNT };

/* An answer while it is written. */
struct out {
	const struct fb_dns_zone *zone;
	const struct fb_dns_query *q;
	uint8_t *msg;
	uint32_t at;
	uint32_t limit; /* what OPT takes is kept free */
	uint16_t n[SECTION_COUNT];
	bool truncated;
};

static void out_init(struct out *o, const struct fb_dns_zone *zone, const struct fb_dns_query *q,
		     uint8_t *msg, uint32_t most)
{
	*o = (struct out){
		.zone = zone,
		.q = q,
		.msg = msg,
		.at = q->question_end,
		.limit = q->has_opt ? most - FB_DNS_OPT_LEN : most,
	};
}

/* Header and fixed fields of one record. @return where its data of len bytes goes; NULL: no room */
static inline uint8_t *put(struct out *o, enum section section, uint32_t owner_at,
			   enum fb_dns_type type, uint32_t ttl_s, uint32_t len)
{
	uint8_t *p = o->msg + o->at;

	if (o->at + 12 + len > o->limit)
		return NULL;
	fb_store16(p, (uint16_t)(POINTER | owner_at));
	fb_store16(p + 2, (uint16_t)type);
	fb_store16(p + 4, FB_DNS_CLASS_IN);
	fb_store32(p + 6, ttl_s);
	fb_store16(p + 10, (uint16_t)len);
	o->at += 12 + len;
	o->n[section]++;
	return p + 12;
}

static uint32_t finish(struct out *o, enum fb_dns_rcode rcode, uint16_t more_flags)
{
	const uint16_t kept = FB_DNS_OPCODE_MASK | FB_DNS_FLAG_RD | FB_DNS_FLAG_CD;
	uint16_t flags = FB_DNS_FLAG_QR | (o->q->flags & kept);

	flags |= more_flags | (rcode & FB_DNS_RCODE_MASK);
	flags |= o->truncated ? FB_DNS_FLAG_TC : 0;
	flags |= o->zone->forwards ? FB_DNS_FLAG_RA : 0;
	fb_store16(o->msg + 2, flags);
	fb_store16(o->msg + 4, o->q->question_end > FB_DNS_HEADER_LEN ? 1 : 0);
	fb_store16(o->msg + 6, o->n[ANSWER]);
	fb_store16(o->msg + 8, o->n[AUTHORITY]);
	fb_store16(o->msg + 10, (uint16_t)(o->n[ADDITIONAL] + (o->q->has_opt ? 1 : 0)));
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

/* ---- records ---- */

/*
 * All addresses of a family, beginning at a place that the query's id chooses: so clients that take
 * the first one are spread, without anything to remember.
 */
static void put_addrs(struct out *o, enum section section, uint32_t owner_at, uint32_t ttl_s,
		      enum fb_family family, const uint8_t *addrs, uint32_t n)
{
	enum fb_dns_type type = family == FB_IPV4 ? FB_DNS_A : FB_DNS_AAAA;
	uint32_t size = family == FB_IPV4 ? 4 : 16;
	uint32_t k = fb_hash_reduce((uint32_t)fb_load16(o->msg) << 16, n);

	for (uint32_t i = 0; i < n; i++) {
		uint8_t *data = put(o, section, owner_at, type, ttl_s, size);

		if (data == NULL) {
			o->truncated |= section == ANSWER;
			return;
		}
		memcpy(data, addrs + (size_t)k * size, size);
		k = k + 1 < n ? k + 1 : 0;
	}
}

static void put_node_addrs(struct out *o, enum section section, uint32_t owner_at,
			   const struct fb_dns_service *svc, const struct fb_dns_node *node,
			   enum fb_family family)
{
	put_addrs(o, section, owner_at, o->zone->ttl_s, family,
		  fb_dns_piece_at(svc, node->addrs[family]), node->n_addrs[family]);
}

/* A target is written in full: names in SRV are not compressed (RFC 2782). */
static void put_srvs(struct out *o, const struct fb_dns_service *svc,
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
		uint8_t *data = put(o, ANSWER, FB_DNS_HEADER_LEN, FB_DNS_SRV, o->zone->ttl_s, len);

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
	for (uint32_t i = 0; i < n && begin + 18 <= POINTER_MAX; i++) {
		const struct fb_dns_node *to = fb_dns_service_node(svc, srvs[i].node);

		for (int family = 0; srvs[i].first && family < FB_FAMILY_COUNT; family++)
			put_node_addrs(o, ADDITIONAL, begin + 18, svc, to, (enum fb_family)family);
		begin += 12 + fb_load16(o->msg + begin + 10);
	}
}

static void put_ptrs(struct out *o, const struct fb_dns_owners *owners)
{
	uint32_t n = owners->n_cluster != 0 ? 1 : owners->n;
	const uint8_t *name = owners->names;

	for (uint32_t i = 0; i < n; i++) {
		uint8_t *data = put(o, ANSWER, FB_DNS_HEADER_LEN, FB_DNS_PTR, o->zone->ttl_s,
				    name[0] + o->zone->tail_len);

		if (data == NULL) {
			o->truncated = true;
			return;
		}
		memcpy(data, name + 1, name[0]);
		memcpy(data + name[0], o->zone->tail, o->zone->tail_len);
		name += 1 + name[0];
	}
}

static void put_soa(struct out *o, enum section section, uint8_t zone_at)
{
	uint32_t ttl_s = o->zone->ttl_s < SOA_TTL_MAX_S ? o->zone->ttl_s : SOA_TTL_MAX_S;
	uint32_t at = FB_DNS_HEADER_LEN + zone_at;
	uint8_t *data = put(o, section, at, FB_DNS_SOA, ttl_s, SOA_LEN);

	if (data == NULL)
		return;
	memcpy(data, "\2ns\3dns", 7);
	fb_store16(data + 7, (uint16_t)(POINTER | at));
	memcpy(data + 9, "\12hostmaster", 11);
	fb_store16(data + 20, (uint16_t)(POINTER | at));
	fb_store32(data + 22, o->zone->serial);
	fb_store32(data + 26, SOA_REFRESH_S);
	fb_store32(data + 30, SOA_RETRY_S);
	fb_store32(data + 34, SOA_EXPIRE_S);
	fb_store32(data + 38, o->zone->ttl_s);
}

/* Addresses of this server. */
static void put_servers(struct out *o, enum section section, uint32_t owner_at,
			enum fb_family family)
{
	for (uint8_t i = 0; i < o->zone->n_addresses; i++) {
		const struct fb_addr *addr = &o->zone->addresses[i];

		if (fb_addr_family(addr) == family)
			put_addrs(o, section, owner_at, o->zone->ttl_s, family, fb_addr_wire(addr),
				  1);
	}
}

static void put_apex(struct out *o, uint8_t zone_at, uint16_t type)
{
	uint32_t at = FB_DNS_HEADER_LEN + zone_at;
	uint8_t *data;

	if (type == FB_DNS_SOA)
		put_soa(o, ANSWER, zone_at);
	if (type != FB_DNS_NS)
		return;
	data = put(o, ANSWER, at, FB_DNS_NS, o->zone->ttl_s, 9);
	if (data == NULL)
		return;
	memcpy(data, "\2ns\3dns", 7);
	fb_store16(data + 7, (uint16_t)(POINTER | at));
	at = (uint32_t)(data - o->msg);
	for (int family = 0; family < FB_FAMILY_COUNT; family++)
		put_servers(o, ADDITIONAL, at, (enum fb_family)family);
}

static bool is_address_type(uint16_t type)
{
	return type == FB_DNS_A || type == FB_DNS_AAAA;
}

static enum fb_family family_of(uint16_t type)
{
	return type == FB_DNS_A ? FB_IPV4 : FB_IPV6;
}

/* What a name that exists has of the type asked for; nothing is fine. */
static void put_found(struct out *o, const struct fb_dns_found *f, uint32_t owner_at, uint16_t type)
{
	const uint32_t version_len = sizeof(VERSION_TEXT) - 1;
	uint8_t *data;

	switch (f->kind) {
	case FB_DNS_APEX:
		put_apex(o, f->zone_at, type);
		break;
	case FB_DNS_SERVERS:
		if (is_address_type(type))
			put_servers(o, ANSWER, owner_at, family_of(type));
		break;
	case FB_DNS_VERSION:
		data = type == FB_DNS_TXT
			       ? put(o, ANSWER, owner_at, FB_DNS_TXT, VERSION_TTL_S, version_len)
			       : NULL;
		if (data != NULL)
			memcpy(data, VERSION_TEXT, version_len);
		break;
	case FB_DNS_NODE:
		if (is_address_type(type))
			put_node_addrs(o, ANSWER, owner_at, f->service, f->node, family_of(type));
		else if (type == FB_DNS_SRV)
			put_srvs(o, f->service, f->node);
		break;
	case FB_DNS_OWNERS:
		if (type == FB_DNS_PTR)
			put_ptrs(o, f->owners);
		break;
	case FB_DNS_POD:
		if (is_address_type(type) && fb_addr_family(&f->addr) == family_of(type))
			put_addrs(o, ANSWER, owner_at, o->zone->ttl_s, family_of(type),
				  fb_addr_wire(&f->addr), 1);
		break;
	case FB_DNS_ALIAS:
	case FB_DNS_EMPTY:
	case FB_DNS_NOTHING:
	case FB_DNS_OUTSIDE:
		break;
	}
}

/* ---- ExternalNames ---- */

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
static uint32_t put_chain(struct out *o, const struct chain *chain)
{
	uint32_t owner_at = FB_DNS_HEADER_LEN;

	for (uint32_t i = 0; i < chain->n; i++) {
		const struct fb_dns_service *svc = chain->hops[i];
		uint8_t *data =
			put(o, ANSWER, owner_at, FB_DNS_CNAME, o->zone->ttl_s, svc->target_len);

		if (data == NULL) {
			o->truncated = true;
			return 0;
		}
		memcpy(data, fb_dns_piece_at(svc, svc->target), svc->target_len);
		owner_at = (uint32_t)(data - o->msg);
	}
	return owner_at;
}

/* Addresses of an ExternalName; one that leads to nothing has none. @return false: ask a resolver */
static bool put_alias(struct out *o, const struct fb_dns_found *f, struct fb_dns_chase *ret_chase)
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
	n = o->n[ANSWER];
	put_found(o, &chain.end, owner_at, o->q->type);
	if (o->n[ANSWER] == n && !o->truncated) {
		o->n[ANSWER] = 0;
		o->at = begin;
	}
	return true;
}

/* ---- the answer ---- */

uint32_t fb_dns_answer_error(const struct fb_dns_zone *zone, const struct fb_dns_query *q,
			     uint8_t *msg, enum fb_dns_rcode rcode)
{
	struct out o;

	out_init(&o, zone, q, msg, FB_DNS_UDP_MIN);
	return finish(&o, rcode, 0);
}

uint32_t fb_dns_answer_truncated(const struct fb_dns_zone *zone, const struct fb_dns_query *q,
				 uint8_t *msg)
{
	struct out o;

	out_init(&o, zone, q, msg, FB_DNS_UDP_MIN);
	o.truncated = true;
	return finish(&o, FB_DNS_NOERROR, 0);
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
	struct out o;

	if (q->rcode != FB_DNS_NOERROR) {
		*ret_len = fb_dns_answer_error(zone, q, msg, q->rcode);
		return FB_DNS_ANSWER;
	}
	if (q->class_ != FB_DNS_CLASS_IN || q->type == FB_DNS_AXFR || q->type == FB_DNS_IXFR) {
		*ret_len = fb_dns_answer_error(zone, q, msg, FB_DNS_REFUSED);
		return FB_DNS_ANSWER;
	}
	fb_dns_find(zone, &q->name, &found);
	out_init(&o, zone, q, msg, most);
	if (found.kind == FB_DNS_OUTSIDE) {
		if (zone->forwards)
			goto forward;
		*ret_len = fb_dns_answer_error(zone, q, msg, FB_DNS_REFUSED);
		return FB_DNS_ANSWER;
	}
	if (found.kind != FB_DNS_ALIAS) {
		put_found(&o, &found, FB_DNS_HEADER_LEN, q->type);
	} else if (is_address_type(q->type)) {
		if (!put_alias(&o, &found, &chase))
			goto forward;
	} else if (q->type == FB_DNS_CNAME) {
		struct chain own = {.hops = {found.service}, .n = 1};

		(void)put_chain(&o, &own);
	}
	if (o.n[ANSWER] == 0 && !o.truncated)
		put_soa(&o, AUTHORITY, found.zone_at);
	*ret_len = finish(&o, rcode_of(zone, &found), FB_DNS_FLAG_AA);
	return FB_DNS_ANSWER;
forward:
	if (ret_chase != NULL)
		*ret_chase = chase;
	return FB_DNS_FORWARD;
}

/* ---- what a resolver said ---- */

/* A CNAME, A or AAAA record of another message, its names expanded. @return offset behind it, or 0 */
static uint32_t copy_record(struct out *o, const uint8_t *msg, uint32_t len, uint32_t at)
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
	o->n[ANSWER]++;
	return end;
}

/* @return false: it makes no sense */
static bool copy_answer(struct out *o, const uint8_t *msg, uint32_t len)
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
	struct out o;

	fb_dns_find(zone, &q->name, &found);
	if (found.kind != FB_DNS_ALIAS)
		return 0;
	out_init(&o, zone, q, msg, most);
	follow(zone, &found, &chain);
	if (chain.end.kind != FB_DNS_OUTSIDE || put_chain(&o, &chain) == 0 ||
	    !copy_answer(&o, upstream, upstream_len))
		return 0;
	/* A target that does not exist leaves the CNAME alone, as CoreDNS does; a failure is one. */
	rcode = fb_load16(upstream + 2) & FB_DNS_RCODE_MASK;
	if (rcode != FB_DNS_NOERROR && rcode != FB_DNS_NXDOMAIN)
		return fb_dns_answer_error(zone, q, msg, FB_DNS_SERVFAIL);
	return finish(&o, FB_DNS_NOERROR, FB_DNS_FLAG_AA);
}
