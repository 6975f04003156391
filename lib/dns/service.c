/* SPDX-License-Identifier: BSD-3-Clause */

/* One Service compiled: its piece grows at the end, and everything in it is found by offsets. */

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/piece.h"
#include "dns/write.h"

/* CoreDNS: all targets together weigh 100, and none less than 1. */
#define WEIGHT_ALL 100

/* A host with one of its addresses and ports. */
struct item {
	struct fb_addr addr;
	const struct fb_dns_port_spec *port; /* NULL: none */
	uint32_t node;
	uint8_t label_len; /* with the length byte in front */
	uint8_t label[FB_DNS_LABEL_MAX + 1];
};

/* Items that one name has. */
struct set {
	const struct item **v;
	uint32_t n;
};

struct build {
	uint8_t *bytes;
	uint32_t n;
	uint32_t cap;
	bool failed; /* no memory */
	struct item *items;
	uint32_t n_items;
	const struct item **scratch; /* room for all items, twice */
};

/* Room at the end. @return its offset; 0 after a failure */
static uint32_t room(struct build *b, uint32_t size, uint32_t align)
{
	uint32_t at = (b->n + align - 1) / align * align;

	if (b->failed)
		return 0;
	if (at + size > b->cap) {
		uint32_t cap = (at + size) * 2;
		uint8_t *bytes = realloc(b->bytes, cap);

		if (bytes == NULL) {
			b->failed = true;
			return 0;
		}
		b->bytes = bytes;
		b->cap = cap;
	}
	/* Also what aligning leaves out: pieces are compared as bytes. */
	memset(b->bytes + b->n, 0, at + size - b->n);
	b->n = at + size;
	return at;
}

static uint32_t append(struct build *b, const void *data, uint32_t size, uint32_t align)
{
	uint32_t at = room(b, size, align);

	if (!b->failed)
		memcpy(b->bytes + at, data, size);
	return at;
}

static struct fb_dns_service *head(struct build *b)
{
	return (struct fb_dns_service *)(void *)b->bytes;
}

static struct fb_dns_node *node_at(struct build *b, uint32_t i)
{
	return (struct fb_dns_node *)(void *)(b->bytes + head(b)->nodes) + i;
}

/* A label in wire format, in lower case. @return its bytes, or 0: none */
static uint32_t write_label(uint8_t *out, const char *prefix, const char *text)
{
	uint32_t n = 0;

	if (strlen(prefix) + strlen(text) > FB_DNS_LABEL_MAX)
		return 0;
	for (; *prefix != '\0'; prefix++)
		out[1 + n++] = (uint8_t)*prefix;
	for (; *text != '\0'; text++)
		out[1 + n++] = (uint8_t)tolower((unsigned char)*text);
	out[0] = (uint8_t)n;
	return n != 0 ? n + 1 : 0;
}

static uint32_t write_decimal(uint8_t *out, uint8_t value)
{
	uint32_t n = 0;

	if (value >= 100)
		out[n++] = (uint8_t)('0' + value / 100);
	if (value >= 10)
		out[n++] = (uint8_t)('0' + value / 10 % 10);
	out[n++] = (uint8_t)('0' + value % 10);
	return n;
}

/*
 * "10-1-2-3"; an IPv6 address that ends in :: gets a 0, since no label ends in a dash. A Service may have
 * twenty thousand of these, so the usual ones are not printed by printf.
 */
static uint32_t write_dashed(uint8_t *out, const struct fb_addr *addr)
{
	char text[FB_ADDR_STRLEN + 1];
	uint32_t n = 1;
	size_t len;

	if (fb_addr_family(addr) == FB_IPV4) {
		for (uint32_t i = 0; i < 4; i++) {
			if (i > 0)
				out[n++] = '-';
			n += write_decimal(out + n, addr->bytes[12 + i]);
		}
		out[0] = (uint8_t)(n - 1);
		return n;
	}
	(void)fb_addr_format(addr, text);
	len = strlen(text);
	for (size_t i = 0; i < len; i++)
		text[i] = text[i] == '.' || text[i] == ':' ? '-' : text[i];
	if (text[len - 1] == '-')
		memcpy(text + len, "0", 2);
	return write_label(out, "", text);
}

/* ---- items ---- */

static int compare_items(const void *left, const void *right)
{
	const struct item *a = left;
	const struct item *b = right;
	uint32_t len = a->label_len < b->label_len ? a->label_len : b->label_len;
	int order = memcmp(a->label, b->label, len);

	if (order != 0)
		return order;
	order = memcmp(&a->addr, &b->addr, sizeof(a->addr));
	if (order != 0)
		return order;
	if (a->port == NULL || b->port == NULL)
		return (a->port != NULL) - (b->port != NULL);
	if (a->port->port != b->port->port)
		return a->port->port < b->port->port ? -1 : 1;
	if (a->port->proto != b->port->proto)
		return a->port->proto < b->port->proto ? -1 : 1;
	return strcmp(a->port->name, b->port->name);
}

static void add_item(struct build *b, const struct fb_dns_host_spec *host,
		     const struct fb_dns_port_spec *port)
{
	struct item *item = &b->items[b->n_items++];

	item->addr = host->addr;
	item->port = port;
	item->label_len = (uint8_t)write_label(item->label, "", host->hostname);
	if (item->label_len == 0)
		item->label_len = (uint8_t)write_dashed(item->label, &host->addr);
}

static int collect(struct build *b, const struct fb_dns_service_spec *spec)
{
	size_t n = 0;

	for (uint32_t i = 0; i < spec->n_hosts; i++)
		n += spec->hosts[i].n_ports != 0 ? spec->hosts[i].n_ports : 1;
	b->items = calloc(n + 1, sizeof(*b->items));
	b->scratch = calloc(2 * n + 1, sizeof(const struct item *));
	if (b->items == NULL || b->scratch == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < spec->n_hosts; i++) {
		const struct fb_dns_host_spec *host = &spec->hosts[i];

		if (host->n_ports == 0)
			add_item(b, host, NULL);
		for (uint32_t p = 0; p < host->n_ports; p++)
			add_item(b, host, &host->ports[p]);
	}
	if (b->n_items > 0)
		qsort(b->items, b->n_items, sizeof(*b->items), compare_items);
	return 0;
}

static bool same_label(const struct item *a, const struct item *b)
{
	return a->label_len == b->label_len && memcmp(a->label, b->label, a->label_len) == 0;
}

/* ---- what a name has ---- */

static int compare_addrs(const void *left, const void *right)
{
	const struct item *const *a = left;
	const struct item *const *b = right;

	return memcmp(&(*a)->addr, &(*b)->addr, sizeof((*a)->addr));
}

/* The set's addresses, each once, by family. */
static void write_addrs(struct build *b, uint32_t node, const struct set *set)
{
	const struct item **sorted = b->scratch + b->n_items;

	memcpy(sorted, set->v, set->n * sizeof(*sorted));
	if (set->n > 1)
		qsort(sorted, set->n, sizeof(*sorted), compare_addrs);
	for (int family = 0; family < FB_FAMILY_COUNT; family++) {
		uint32_t begin = room(b, 0, 4);
		uint32_t n = 0;

		for (uint32_t i = 0; i < set->n; i++) {
			const struct fb_addr *addr = &sorted[i]->addr;

			if (fb_addr_family(addr) != (enum fb_family)family ||
			    (i > 0 && fb_addr_equal(&sorted[i - 1]->addr, addr)))
				continue;
			(void)append(b, fb_addr_wire(addr),
				     (uint32_t)fb_family_addr_len((enum fb_family)family), 1);
			n++;
		}
		if (b->failed)
			return;
		node_at(b, node)->addrs[family] = begin;
		node_at(b, node)->n_addrs[family] = n;
	}
}

static uint16_t weight_of(uint32_t n)
{
	return (uint16_t)(n < WEIGHT_ALL ? WEIGHT_ALL / n : 1);
}

/* Items of one host are neighbours, by address and port: so look among those of the host. */
static bool has_srv(const struct fb_dns_srv *srvs, uint32_t n, uint32_t node, uint16_t port)
{
	while (n > 0 && srvs[n - 1].node == node) {
		if (srvs[n - 1].port == port)
			return true;
		n--;
	}
	return false;
}

static void add_srv(struct build *b, uint32_t node, uint32_t target, uint16_t port, uint16_t weight)
{
	const struct fb_dns_srv *srvs;
	struct fb_dns_srv srv = {.node = target, .port = port, .weight = weight};
	uint32_t n;

	if (b->failed || port == 0)
		return;
	srvs = (const void *)(b->bytes + node_at(b, node)->srvs);
	n = node_at(b, node)->n_srvs;
	if (has_srv(srvs, n, target, port))
		return;
	srv.first = n == 0 || srvs[n - 1].node != target;
	(void)append(b, &srv, sizeof(srv), 4);
	if (!b->failed)
		node_at(b, node)->n_srvs++;
}

/* Addresses and SRV records of a name below which hosts are. */
static void write_set(struct build *b, uint32_t node, const struct set *set)
{
	uint32_t begin;

	write_addrs(b, node, set);
	begin = room(b, 0, 4);
	if (b->failed)
		return;
	node_at(b, node)->srvs = begin;
	for (uint32_t i = 0; i < set->n; i++) {
		if (set->v[i]->port != NULL)
			add_srv(b, node, set->v[i]->node, set->v[i]->port->port, weight_of(set->n));
	}
}

static void name_node(struct build *b, uint32_t node, const uint8_t *labels, uint32_t len)
{
	uint32_t at = append(b, labels, len, 1);

	if (b->failed)
		return;
	node_at(b, node)->name = at;
	node_at(b, node)->name_len = (uint8_t)len;
}

static void write_hosts(struct build *b)
{
	uint32_t node = 0;

	for (uint32_t i = 0, end; i < b->n_items && !b->failed; i = end) {
		struct set set = {b->scratch, 0};

		node++;
		for (end = i; end < b->n_items && same_label(&b->items[i], &b->items[end]); end++) {
			b->items[end].node = node;
			set.v[set.n++] = &b->items[end];
		}
		name_node(b, node, b->items[i].label, b->items[i].label_len);
		write_set(b, node, &set);
	}
}

/* ---- ports ---- */

static bool is_port(const struct fb_dns_port_spec *a, const struct fb_dns_port_spec *b)
{
	return a != NULL && a->proto == b->proto && strcasecmp(a->name, b->name) == 0;
}

/* "_http._tcp". @return its bytes; 0: not asked for by name */
static uint32_t write_port_name(uint8_t *out, const struct fb_dns_port_spec *port)
{
	static const char *const protos[] = {"tcp", "udp", "sctp"};
	const char *proto = protos[port->proto == IPPROTO_TCP   ? 0
				   : port->proto == IPPROTO_UDP ? 1
								: 2];
	uint32_t n = port->name[0] != '\0' ? write_label(out, "_", port->name) : 0;

	return n != 0 ? n + write_label(out + n, "_", proto) : 0;
}

struct ports {
	const struct fb_dns_port_spec **v; /* distinct by name and protocol */
	uint32_t n;
};

static int add_port(struct ports *ports, const struct fb_dns_port_spec *port)
{
	uint8_t name[2 * (FB_DNS_LABEL_MAX + 1)];
	const struct fb_dns_port_spec **v;

	if (port == NULL || write_port_name(name, port) == 0)
		return 0;
	for (uint32_t i = 0; i < ports->n; i++) {
		if (is_port(ports->v[i], port))
			return 0;
	}
	v = realloc(ports->v, (ports->n + 1) * sizeof(*v));
	if (v == NULL)
		return -ENOMEM;
	ports->v = v;
	v[ports->n++] = port;
	return 0;
}

static int list_ports(const struct build *b, const struct fb_dns_service_spec *spec,
		      struct ports *ret)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && !spec->headless && i < spec->n_ports; i++)
		rc = add_port(ret, &spec->ports[i]);
	for (uint32_t i = 0; rc == 0 && spec->headless && i < b->n_items; i++)
		rc = add_port(ret, b->items[i].port);
	return rc;
}

/* The Service's own addresses, and ports that the name asks for (NULL: all). */
static void write_cluster(struct build *b, uint32_t node, const struct fb_dns_service_spec *spec,
			  const struct fb_dns_port_spec *port)
{
	uint32_t n = 0;
	uint32_t begin;

	if (b->failed)
		return;
	for (int family = 0; family < FB_FAMILY_COUNT; family++) {
		begin = room(b, 0, 4);
		for (uint32_t i = 0; i < spec->n_addrs && !b->failed; i++) {
			if (fb_addr_family(&spec->addrs[i]) != (enum fb_family)family)
				continue;
			(void)append(b, fb_addr_wire(&spec->addrs[i]),
				     (uint32_t)fb_family_addr_len((enum fb_family)family), 1);
			if (!b->failed)
				node_at(b, node)->n_addrs[family]++;
		}
		if (!b->failed)
			node_at(b, node)->addrs[family] = begin;
	}
	begin = room(b, 0, 4);
	if (b->failed)
		return;
	node_at(b, node)->srvs = begin;
	for (uint32_t i = 0; i < spec->n_ports; i++)
		n += port == NULL || is_port(&spec->ports[i], port) ? spec->n_addrs : 0;
	for (uint32_t i = 0; i < spec->n_ports && n > 0; i++) {
		if (port == NULL || is_port(&spec->ports[i], port))
			add_srv(b, node, 0, spec->ports[i].port, weight_of(n));
	}
}

/* A port that all hosts have has what the headless Service itself has, which is written already. */
static void same_as_service(struct build *b, uint32_t node)
{
	struct fb_dns_node *to;
	const struct fb_dns_node *from;

	if (b->failed)
		return;
	to = node_at(b, node);
	from = node_at(b, 0);
	memcpy(to->addrs, from->addrs, sizeof(to->addrs));
	memcpy(to->n_addrs, from->n_addrs, sizeof(to->n_addrs));
	to->srvs = from->srvs;
	to->n_srvs = from->n_srvs;
}

static void write_ports(struct build *b, const struct fb_dns_service_spec *spec,
			const struct ports *ports, uint32_t n_hosts)
{
	uint8_t name[2 * (FB_DNS_LABEL_MAX + 1)];

	for (uint32_t i = 0; i < ports->n; i++) {
		uint32_t node = 1 + n_hosts + i;
		struct set set = {b->scratch, 0};

		name_node(b, node, name, write_port_name(name, ports->v[i]));
		if (!spec->headless) {
			write_cluster(b, node, spec, ports->v[i]);
			continue;
		}
		for (uint32_t k = 0; k < b->n_items; k++) {
			if (is_port(b->items[k].port, ports->v[i]))
				set.v[set.n++] = &b->items[k];
		}
		if (set.n == b->n_items)
			same_as_service(b, node);
		else
			write_set(b, node, &set);
	}
}

/* ---- the whole ---- */

/* "\4name\9namespace". @return its bytes; 0: too long */
static uint32_t write_key(uint8_t *out, const char *namespace_, const char *name)
{
	uint32_t n = write_label(out, "", name);
	uint32_t m = n != 0 ? write_label(out + n, "", namespace_) : 0;

	return m != 0 ? n + m : 0;
}

static void write_slots(struct build *b, const struct fb_hash_secret *secret)
{
	uint32_t n = head(b)->n_nodes;
	uint32_t places = 2;
	uint32_t *slots;
	uint32_t at;

	while (places / 2 < n)
		places *= 2;
	at = room(b, places * (uint32_t)sizeof(*slots), 4);
	if (b->failed)
		return;
	head(b)->slots = at;
	head(b)->slot_mask = places - 1;
	slots = (uint32_t *)(void *)(b->bytes + at);
	for (uint32_t i = 1; i < n; i++) {
		const struct fb_dns_node *node = node_at(b, i);
		uint32_t k =
			(uint32_t)fb_hash_bytes(secret, b->bytes + node->name, node->name_len) &
			(places - 1);

		while (slots[k] != 0)
			k = (k + 1) & (places - 1);
		slots[k] = i;
	}
}

static void write_all(struct build *b, const struct fb_hash_secret *secret,
		      const struct fb_dns_service_spec *spec, const struct ports *ports)
{
	struct set all = {b->scratch, b->n_items};
	uint32_t n_hosts = 0;
	uint32_t at;

	for (uint32_t i = 0; i < b->n_items; i++)
		n_hosts += i == 0 || !same_label(&b->items[i - 1], &b->items[i]);
	at = room(b, (1 + n_hosts + ports->n) * (uint32_t)sizeof(struct fb_dns_node), 4);
	if (b->failed)
		return;
	head(b)->nodes = at;
	head(b)->n_hosts = n_hosts;
	head(b)->n_nodes = 1 + n_hosts + ports->n;
	head(b)->has_cluster_ip = !spec->headless && spec->n_addrs > 0;
	/* First what is asked for most, close to the beginning. */
	if (!spec->headless)
		write_cluster(b, 0, spec, NULL);
	write_hosts(b);
	if (spec->headless) {
		for (uint32_t i = 0; i < b->n_items; i++)
			all.v[i] = &b->items[i];
		write_set(b, 0, &all);
	}
	write_ports(b, spec, ports, n_hosts);
	write_slots(b, secret);
}

static void write_target(struct build *b, const char *external_name)
{
	uint8_t target[FB_DNS_NAME_MAX];
	uint32_t len = fb_dns_name_from_text(external_name, target);
	uint32_t at = append(b, target, len, 1);
	uint32_t nodes;

	if (b->failed)
		return;
	head(b)->target = at;
	head(b)->target_len = (uint8_t)len;
	nodes = room(b, sizeof(struct fb_dns_node), 4);
	if (b->failed)
		return;
	head(b)->nodes = nodes;
	head(b)->n_nodes = 1;
}

static void *piece_of(const struct build *b)
{
	void *data = b->failed ? NULL : fb_dns_piece_alloc(b->n);

	if (data != NULL) {
		memcpy(data, b->bytes, b->n);
		((struct fb_dns_service *)data)->size_bytes = b->n;
	}
	return data;
}

struct fb_dns_service *fb_dns_service_build(const struct fb_hash_secret *secret,
					    const struct fb_dns_service_spec *spec)
{
	uint8_t key[2 * (FB_DNS_LABEL_MAX + 1)];
	uint32_t key_len = write_key(key, spec->namespace_, spec->name);
	uint8_t target[FB_DNS_NAME_MAX];
	struct ports ports = {NULL, 0};
	struct build b = {.n = 0};
	void *ret = NULL;
	uint32_t at;

	if (key_len == 0 || (spec->external_name[0] != '\0' &&
			     fb_dns_name_from_text(spec->external_name, target) == 0)) {
		errno = EINVAL;
		return NULL;
	}
	(void)room(&b, sizeof(struct fb_dns_service), 4);
	at = append(&b, key, key_len, 1);
	if (!b.failed) {
		head(&b)->key = at;
		head(&b)->key_len = (uint16_t)key_len;
	}
	if (spec->external_name[0] != '\0') {
		write_target(&b, spec->external_name);
		if (!b.failed)
			write_slots(&b, secret);
	} else if (b.failed || collect(&b, spec) != 0 || list_ports(&b, spec, &ports) != 0) {
		b.failed = true;
	} else {
		write_all(&b, secret, spec, &ports);
	}
	ret = piece_of(&b);
	free(ports.v);
	free(b.items);
	free(b.scratch);
	free(b.bytes);
	if (ret == NULL)
		errno = ENOMEM;
	return ret;
}

void fb_dns_service_free(struct fb_dns_service *svc)
{
	fb_dns_piece_free(svc);
}
