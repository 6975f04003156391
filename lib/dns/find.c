/* SPDX-License-Identifier: BSD-3-Clause */

#include "dns/find.h"

#include <arpa/inet.h>
#include <string.h>

/* Labels in wire format. */
#define SVC      "\3svc"
#define POD      "\3pod"
#define NS_DNS   "\2ns\3dns"
#define VERSION  "\13dns-version"
#define REVERSE4 "\7in-addr\4arpa"
#define REVERSE6 "\3ip6\4arpa"

/* The bytes of labels [from, to) of a name. */
struct part {
	const uint8_t *bytes;
	uint32_t len;
};

static inline struct part part_of(const struct fb_dns_name *name, uint32_t from, uint32_t to)
{
	uint32_t at = name->offsets[from];

	return (struct part){name->bytes + at, name->offsets[to] - at};
}

#define IS(part, text) \
	((part).len == sizeof(text) - 1 && memcmp((part).bytes, text, sizeof(text) - 1) == 0)

/* A label without the underscore in front. @return where the next one of either goes on */
static const uint8_t *strip_label(const uint8_t *label, uint8_t **to)
{
	const uint8_t *text = label + 1;
	const uint8_t *next = text + label[0];

	text += label[0] > 0 && text[0] == '_';
	*(*to)++ = (uint8_t)(next - text);
	memcpy(*to, text, (size_t)(next - text));
	*to += next - text;
	return next;
}

/* A port's name and its protocol: CoreDNS takes them with and without underscores. */
static const struct fb_dns_node *find_port(const struct fb_dns_zone *zone,
					   const struct fb_dns_service *svc, struct part labels)
{
	uint8_t bytes[2 * (FB_DNS_LABEL_MAX + 1)];
	uint8_t *end = bytes;

	(void)strip_label(strip_label(labels.bytes, &end), &end);
	return fb_dns_find_node(zone, svc, bytes, (uint32_t)(end - bytes));
}

/* [_port._protocol.|host.]service.namespace.svc */
static void find_below_svc(const struct fb_dns_zone *zone, const struct fb_dns_name *name,
			   uint32_t n, struct fb_dns_found *ret)
{
	struct part key;
	struct part prefix;

	if (n == 1) {
		ret->kind = FB_DNS_EMPTY;
		return;
	}
	if (n == 2) {
		key = part_of(name, 0, 1);
		if (fb_dns_find_namespace(zone, key.bytes, key.len) != NULL)
			ret->kind = FB_DNS_EMPTY;
		return;
	}
	key = part_of(name, n - 3, n - 1);
	ret->service = fb_dns_find_service(zone, key.bytes, key.len);
	if (ret->service == NULL || ret->service->unknown)
		return;
	if (n == 3) {
		ret->node = fb_dns_service_node(ret->service, 0);
		ret->kind = ret->service->target_len != 0 ? FB_DNS_ALIAS : FB_DNS_NODE;
		return;
	}
	prefix = part_of(name, 0, n - 3);
	ret->node = n == 5 ? find_port(zone, ret->service, prefix)
			   : fb_dns_find_node(zone, ret->service, prefix.bytes, prefix.len);
	if (ret->node != NULL)
		ret->kind = FB_DNS_NODE;
}

/* "10-1-2-3" or "2001-db8--1": the address with other signs, without leading zeros in IPv4. */
static bool read_dashed(const uint8_t *label, uint32_t len, struct fb_addr *ret)
{
	char text[FB_DNS_LABEL_MAX + 1];
	uint32_t dashes = 0;
	uint8_t bytes[16];
	bool twice = false;
	bool is_ipv4;

	for (uint32_t i = 0; i < len; i++) {
		if (label[i] == '.' || label[i] == '\0')
			return false;
		dashes += label[i] == '-';
		twice |= i > 0 && label[i] == '-' && label[i - 1] == '-';
	}
	is_ipv4 = dashes == 3 && !twice;
	for (uint32_t i = 0; i < len; i++)
		text[i] = label[i] != '-' ? (char)label[i] : is_ipv4 ? '.' : ':';
	text[len] = '\0';
	if (inet_pton(is_ipv4 ? AF_INET : AF_INET6, text, bytes) != 1)
		return false;
	*ret = fb_addr_from_bytes(is_ipv4 ? FB_IPV4 : FB_IPV6, bytes);
	return true;
}

/* [any.[any.]]10-1-2-3.namespace.pod: what may stand before a Service may here, too, and says nothing (as in CoreDNS) */
static void find_below_pod(const struct fb_dns_zone *zone, const struct fb_dns_name *name,
			   uint32_t n, struct fb_dns_found *ret)
{
	struct part ns;
	struct part pod;

	if (n == 1)
		ret->kind = FB_DNS_EMPTY;
	if (n == 1 || n > 5 || zone->pods == FB_DNS_PODS_DISABLED)
		return;
	ns = part_of(name, n - 2, n - 1);
	if (fb_dns_find_namespace(zone, ns.bytes, ns.len) == NULL)
		return;
	if (n == 2) {
		ret->kind = FB_DNS_EMPTY;
		return;
	}
	pod = part_of(name, n - 3, n - 2);
	if (!read_dashed(pod.bytes + 1, pod.bytes[0], &ret->addr))
		return;
	if (zone->pods == FB_DNS_PODS_INSECURE ||
	    fb_dns_find_pod(zone, &ret->addr, ns.bytes, ns.len) != NULL)
		ret->kind = FB_DNS_POD;
}

static void find_below_domain(const struct fb_dns_zone *zone, const struct fb_dns_name *name,
			      struct fb_dns_found *ret)
{
	uint32_t n = (uint32_t)name->n_labels - zone->domain.n_labels;
	struct part last;

	ret->zone_at = name->offsets[n];
	ret->kind = FB_DNS_NOTHING;
	if (n == 0) {
		ret->kind = FB_DNS_APEX;
		return;
	}
	last = part_of(name, n - 1, n);
	if (IS(last, SVC)) {
		find_below_svc(zone, name, n, ret);
	} else if (IS(last, POD)) {
		find_below_pod(zone, name, n, ret);
	} else if (n == 1 && IS(last, VERSION)) {
		ret->kind = FB_DNS_VERSION;
	} else if (n == 2) {
		last = part_of(name, 0, n);
		if (IS(last, NS_DNS))
			ret->kind = FB_DNS_SERVERS;
	}
}

/* A reverse name's address, as far as it goes. */
struct reverse {
	struct fb_addr addr;
	uint32_t n;      /* labels before in-addr.arpa */
	uint32_t n_read; /* of these, from the last on, those that say something of an address */
	uint32_t n_all;  /* labels of a whole address */
	uint32_t unit;   /* bits of a label */
};

static bool read_octet(const uint8_t *label, uint8_t *ret)
{
	uint32_t value = 0;

	if (label[0] > 3 || (label[0] > 1 && label[1] == '0'))
		return false;
	for (uint32_t i = 1; i <= label[0]; i++) {
		if (label[i] < '0' || label[i] > '9')
			return false;
		value = value * 10 + label[i] - '0';
	}
	*ret = (uint8_t)value;
	return value <= 255;
}

static bool read_nibble(const uint8_t *label, uint8_t *ret)
{
	uint8_t c = label[1];

	if (label[0] != 1)
		return false;
	if (c >= '0' && c <= '9')
		*ret = (uint8_t)(c - '0');
	else if (c >= 'a' && c <= 'f')
		*ret = (uint8_t)(c - 'a' + 10);
	else
		return false;
	return true;
}

static bool read_label(const uint8_t *label, uint32_t unit, uint32_t i, uint8_t *bytes)
{
	uint8_t value;

	if (unit == 8)
		return read_octet(label, &bytes[i]);
	if (!read_nibble(label, &value))
		return false;
	bytes[i / 2] |= (uint8_t)(i % 2 == 0 ? value << 4 : value);
	return true;
}

/* Is it a name below in-addr.arpa or ip6.arpa? */
static bool read_reverse(const struct fb_dns_name *name, struct reverse *ret)
{
	uint8_t bytes[16] = {0};
	struct part end;

	if (name->n_labels < 2)
		return false;
	end = part_of(name, name->n_labels - 2u, name->n_labels);
	*ret = (struct reverse){.n = name->n_labels - 2u};
	if (IS(end, REVERSE4)) {
		ret->n_all = 4;
		ret->unit = 8;
	} else if (IS(end, REVERSE6)) {
		ret->n_all = 32;
		ret->unit = 4;
	}
	for (uint32_t i = 0; i < ret->n && i < ret->n_all; i++) {
		const uint8_t *label = name->bytes + name->offsets[ret->n - 1 - i];

		if (!read_label(label, ret->unit, i, bytes))
			break;
		ret->n_read++;
	}
	ret->addr = fb_addr_from_bytes(ret->unit == 8 ? FB_IPV4 : FB_IPV6, bytes);
	return ret->n_all != 0;
}

/* The longest of our prefixes that the name is in; NULL: none. */
static const struct fb_prefix *own_prefix(const struct fb_dns_zone *zone, const struct reverse *r)
{
	const struct fb_prefix *best = NULL;

	for (uint8_t i = 0; i < zone->n_reverse; i++) {
		const struct fb_prefix *p = &zone->reverse[i];

		if (p->len_bits <= r->n_read * r->unit &&
		    fb_addr_family(&p->addr) == (r->unit == 8 ? FB_IPV4 : FB_IPV6) &&
		    fb_prefix_contains(p, &r->addr) &&
		    (best == NULL || p->len_bits > best->len_bits))
			best = p;
	}
	return best;
}

static void find_reverse(const struct fb_dns_zone *zone, const struct fb_dns_name *name,
			 struct fb_dns_found *ret)
{
	const struct fb_prefix *prefix;
	uint32_t n_zone = 0;
	struct reverse r;

	if (!read_reverse(name, &r))
		return;
	prefix = own_prefix(zone, &r);
	if (prefix != NULL)
		n_zone = prefix->len_bits / r.unit;
	ret->zone_at = name->offsets[r.n - n_zone];
	if (r.n == r.n_all && r.n_read == r.n)
		ret->owners = fb_dns_find_owners(zone, &r.addr);
	if (ret->owners != NULL)
		ret->kind = FB_DNS_OWNERS;
	else if (prefix != NULL && (r.n >= r.n_all || r.n_read < r.n))
		ret->kind = FB_DNS_NOTHING;
	else if (prefix != NULL) /* whether something is below is not known: it may be */
		ret->kind = r.n == n_zone ? FB_DNS_APEX : FB_DNS_EMPTY;
}

void fb_dns_find(const struct fb_dns_zone *zone, const struct fb_dns_name *name,
		 struct fb_dns_found *ret)
{
	ret->kind = FB_DNS_OUTSIDE;
	ret->zone_at = 0;
	ret->service = NULL;
	ret->node = NULL;
	ret->owners = NULL;
	if (fb_dns_name_is_under(name, &zone->domain))
		find_below_domain(zone, name, ret);
	else
		find_reverse(zone, name, ret);
}
