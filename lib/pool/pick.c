/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Which one of many: a hash of who asks says where to begin, and the first that is free from there on,
 * round the end, is it. So the choice depends on others only where two meet.
 */

#include <string.h>

#include "model/selector.h"
#include "pool/parts.h"

typedef __uint128_t number;

static number to_number(const struct fb_addr *addr)
{
	number n = 0;

	for (int i = 0; i < 16; i++)
		n = n << 8 | addr->bytes[i];
	return n;
}

static struct fb_addr to_addr(number n)
{
	struct fb_addr addr;

	for (int i = 15; i >= 0; i--, n >>= 8)
		addr.bytes[i] = (uint8_t)n;
	return addr;
}

static bool share_ports(const struct fb_object *a, const struct fb_object *b)
{
	for (uint32_t i = 0; i < a->service.n_ports; i++) {
		for (uint32_t j = 0; j < b->service.n_ports; j++) {
			if (fb_service_ports_meet(&a->service.ports[i], &b->service.ports[j]))
				return true;
		}
	}
	return false;
}

/* Two Services with one sharing key and different ports may have one address. One that was loaded has
 * proved it before. */
static bool may_share(const struct fb_pool_record *a, const struct fb_object *object,
		      const struct fb_pool_record *b)
{
	return a->sharing_key[0] != '\0' && strcmp(a->sharing_key, b->sharing_key) == 0 &&
	       (b->object == NULL || !share_ports(object, b->object));
}

bool fb_pool_may_have(const struct fb_pool *pool, const struct fb_pool_record *record,
		      const struct fb_object *object, const struct fb_addr *addr,
		      const struct fb_pool_record **ret_other)
{
	const struct fb_pool_use *use = NULL;

	while ((use = fb_pool_use_next(pool, addr, 0, use)) != NULL) {
		if (use->record != record && !may_share(record, object, use->record)) {
			*ret_other = use->record;
			return false;
		}
	}
	return true;
}

static bool in_range(const struct fb_config_range *range, const struct fb_addr *addr)
{
	return memcmp(&range->first, addr, sizeof(*addr)) <= 0 &&
	       memcmp(addr, &range->last, sizeof(*addr)) <= 0;
}

const struct fb_config_pool *fb_pool_of(const struct fb_pool *pool, const struct fb_addr *addr)
{
	for (uint32_t p = 0; p < pool->config->n_pools; p++) {
		const struct fb_config_pool *of = &pool->config->pools[p];

		for (uint32_t i = 0; i < of->n_ranges; i++) {
			if (in_range(&of->ranges[i], addr))
				return of;
		}
	}
	return NULL;
}

bool fb_pool_in_cidr(const struct fb_pool *pool, const struct fb_addr *addr)
{
	for (uint32_t i = 0; i < pool->config->n_cluster_cidrs; i++) {
		if (fb_prefix_contains(&pool->config->cluster_cidrs[i], addr))
			return true;
	}
	return false;
}

static bool is_among(const char *text, char *const *list, uint32_t n)
{
	bool is = n == 0;

	for (uint32_t i = 0; i < n; i++)
		is |= strcmp(list[i], text) == 0;
	return is;
}

const char *fb_pool_refuses(const struct fb_config_pool *of, const struct fb_object *object)
{
	const char *wish = fb_labels_get(&object->meta.annotations, FB_ANNOTATION_POOL);

	if (wish != NULL && strcmp(wish, of->name) != 0)
		return "is not the pool that its annotation " FB_ANNOTATION_POOL " asks for";
	if (!is_among(object->meta.namespace_, of->namespaces, of->n_namespaces))
		return "is for other namespaces";
	if (!is_among(object->service.load_balancer_class, of->classes, of->n_classes))
		return "is for other classes";
	for (uint32_t i = 0; i < of->n_selectors; i++) {
		if (!fb_selector_matches(&of->selectors[i], &object->meta.labels))
			return "is for other labels";
	}
	return NULL;
}

/* The same question asked twice has the same answer until something becomes free. */
static bool is_known_full(const struct fb_pool *pool, uint64_t full)
{
	return full == pool->n_freed + 1;
}

static uint64_t hash_wish(const struct fb_pool *pool, const struct fb_pool_record *record,
			  const char *what, uint32_t of)
{
	uint64_t h = fb_hash_2(&pool->secret, record->link.hash, of);

	return fb_hash_2(&pool->secret, h, fb_hash_bytes(&pool->secret, what, strlen(what)));
}

static bool is_free(const struct fb_pool *pool, const struct fb_addr *addr)
{
	return fb_pool_use_next(pool, addr, 0, NULL) == NULL;
}

/* The first free address of [low, high), begun anywhere; all zero: none. */
static struct fb_addr first_free(const struct fb_pool *pool, number low, number high, uint64_t hash)
{
	number n = high - low;
	number at = n > 0 ? hash % n : 0;

	for (number i = 0; i < n; i++, at = at + 1 < n ? at + 1 : 0) {
		struct fb_addr addr = to_addr(low + at);

		if (is_free(pool, &addr))
			return addr;
	}
	return (struct fb_addr){{0}};
}

static uint64_t clamp(number n, unsigned int least, unsigned int most)
{
	return n < least ? least : n > most ? most : (uint64_t)n;
}

/* How the API server parts a range of that size: what is below is for those who choose themselves
 * (KEP-3070: size / 16, 16 to 256; KEP-3668: size / 32, 16 to 128). */
static uint64_t static_band(number size, unsigned int step, unsigned int most)
{
	return size <= 16 ? 0 : clamp(size / step, 16, most);
}

static struct fb_addr pick_cluster(struct fb_pool *pool, const struct fb_pool_record *record,
				   enum fb_family family)
{
	uint64_t hash = hash_wish(pool, record, "cluster", family);
	struct fb_addr addr = {{0}};

	if (is_known_full(pool, pool->cluster_full[family]))
		return addr;
	for (uint32_t i = 0; i < pool->config->n_cluster_cidrs; i++) {
		const struct fb_prefix *cidr = &pool->config->cluster_cidrs[i];
		struct fb_config_range range;
		number low;
		number high;
		number band;

		if (fb_addr_family(&cidr->addr) != family)
			continue;
		/* Neither the network's own address nor, in IPv4, that of broadcasts. */
		fb_config_range_of(cidr, &range);
		low = to_number(&range.first) + 1;
		high = to_number(&range.last) + (family == FB_IPV6);
		if (low >= high)
			break;
		band = low + static_band(high - low, 16, 256);
		addr = first_free(pool, band, high, hash);
		if (fb_pool_is_none(&addr))
			addr = first_free(pool, low, band, hash);
	}
	if (fb_pool_is_none(&addr))
		pool->cluster_full[family] = pool->n_freed + 1;
	return addr;
}

struct fb_addr fb_pool_pick_cluster(struct fb_pool *pool, const struct fb_pool_record *record,
				    enum fb_family family)
{
	struct fb_addr addr = pick_cluster(pool, record, family);

	return fb_pool_is_none(&addr) && fb_pool_make_room(pool)
		       ? pick_cluster(pool, record, family)
		       : addr;
}

static bool is_edge(const struct fb_config_pool *of, const struct fb_addr *addr)
{
	return of->avoid_edges && fb_addr_family(addr) == FB_IPV4 &&
	       (addr->bytes[15] == 0 || addr->bytes[15] == 255);
}

/* How many addresses of a family a pool has; fewer than 2^128, as ::/0 is no range of hosts. */
static number size_of(const struct fb_config_pool *of, enum fb_family family)
{
	number n = 0;

	for (uint32_t i = 0; i < of->n_ranges; i++) {
		if (fb_addr_family(&of->ranges[i].first) == family)
			n += to_number(&of->ranges[i].last) - to_number(&of->ranges[i].first) + 1;
	}
	return n;
}

static struct fb_addr address_at(const struct fb_config_pool *of, enum fb_family family, number at)
{
	for (uint32_t i = 0; i < of->n_ranges; i++) {
		number first = to_number(&of->ranges[i].first);
		number n = to_number(&of->ranges[i].last) - first + 1;

		if (fb_addr_family(&of->ranges[i].first) != family)
			continue;
		if (at < n)
			return to_addr(first + at);
		at -= n;
	}
	return (struct fb_addr){{0}};
}

/* Where Services share, the key says where to begin: the others of the key are met there. */
static uint64_t hash_balancer(const struct fb_pool *pool, const struct fb_pool_record *record,
			      enum fb_family family)
{
	const char *key = record->sharing_key;

	if (key[0] == '\0')
		return hash_wish(pool, record, "balancer", family);
	return fb_hash_2(&pool->secret, fb_hash_bytes(&pool->secret, key, strlen(key)), family);
}

static struct fb_addr pick_balancer(struct fb_pool *pool, const struct fb_pool_record *record,
				    const struct fb_object *object, uint32_t pool_idx,
				    enum fb_family family)
{
	const struct fb_config_pool *of = &pool->config->pools[pool_idx];
	bool shares = record->sharing_key[0] != '\0';
	number n = size_of(of, family);
	number at;

	if (n == 0 || (!shares && is_known_full(pool, pool->pool_full[pool_idx][family])))
		return (struct fb_addr){{0}};
	at = hash_balancer(pool, record, family) % n;
	for (number i = 0; i < n; i++, at = at + 1 < n ? at + 1 : 0) {
		struct fb_addr addr = address_at(of, family, at);
		const struct fb_pool_record *other;

		if (!is_edge(of, &addr) && fb_pool_may_have(pool, record, object, &addr, &other))
			return addr;
	}
	if (!shares)
		pool->pool_full[pool_idx][family] = pool->n_freed + 1;
	return (struct fb_addr){{0}};
}

struct fb_addr fb_pool_pick_balancer(struct fb_pool *pool, const struct fb_pool_record *record,
				     const struct fb_object *object, uint32_t pool_idx,
				     enum fb_family family)
{
	struct fb_addr addr = pick_balancer(pool, record, object, pool_idx, family);

	return fb_pool_is_none(&addr) && fb_pool_make_room(pool)
		       ? pick_balancer(pool, record, object, pool_idx, family)
		       : addr;
}

bool fb_pool_is_node_port(const struct fb_pool *pool, uint16_t node_port)
{
	const struct fb_config *config = pool->config;
	const char *colon = strrchr(config->metrics_listen, ':');
	unsigned int metrics = 0;

	for (; colon != NULL && colon[1] >= '0' && colon[1] <= '9'; colon++)
		metrics = metrics * 10 + (unsigned int)(colon[1] - '0');
	return node_port >= config->node_port_first && node_port <= config->node_port_last &&
	       (node_port < config->snat_port_first || node_port > config->snat_port_last) &&
	       node_port != metrics;
}

static uint16_t first_free_port(const struct fb_pool *pool, uint32_t low, uint32_t high,
				uint64_t hash)
{
	uint32_t n = high - low;
	uint32_t at = n > 0 ? (uint32_t)(hash % n) : 0;

	for (uint32_t i = 0; i < n; i++, at = at + 1 < n ? at + 1 : 0) {
		uint16_t port = (uint16_t)(low + at);

		if (fb_pool_is_node_port(pool, port) &&
		    fb_pool_use_next(pool, NULL, port, NULL) == NULL)
			return port;
	}
	return 0;
}

static uint16_t pick_port(struct fb_pool *pool, const struct fb_pool_record *record, uint16_t port,
			  uint8_t proto)
{
	uint32_t low = pool->config->node_port_first;
	uint32_t high = pool->config->node_port_last + 1u;
	uint32_t band = low + (uint32_t)static_band(high - low, 32, 128);
	uint64_t hash = hash_wish(pool, record, "port", (uint32_t)proto << 16 | port);
	uint16_t found = 0;

	if (is_known_full(pool, pool->ports_full))
		return 0;
	found = first_free_port(pool, band, high, hash);
	if (found == 0)
		found = first_free_port(pool, low, band, hash);
	if (found == 0)
		pool->ports_full = pool->n_freed + 1;
	return found;
}

uint16_t fb_pool_pick_port(struct fb_pool *pool, const struct fb_pool_record *record, uint16_t port,
			   uint8_t proto)
{
	uint16_t found = pick_port(pool, record, port, proto);

	return found == 0 && fb_pool_make_room(pool) ? pick_port(pool, record, port, proto) : found;
}

uint32_t fb_pool_fills(const struct fb_pool *pool, struct fb_pool_fill *ret)
{
	const struct fb_config *config = pool->config;
	const struct fb_index_link *link = NULL;
	uint32_t n = 0;

	for (uint32_t p = 0; p < config->n_pools; p++) {
		for (int f = 0; f < FB_FAMILY_COUNT; f++) {
			number size = size_of(&config->pools[p], (enum fb_family)f);

			if (size > 0)
				ret[n++] = (struct fb_pool_fill){.name = config->pools[p].name,
								 .family = (enum fb_family)f,
								 .n_addresses = (double)size};
		}
	}
	while ((link = fb_index_walk(&pool->uses, link)) != NULL) {
		const struct fb_pool_use *use = (const struct fb_pool_use *)link;
		const struct fb_config_pool *of = use->node_port == 0 ? fb_pool_of(pool, &use->addr)
								      : NULL;

		/* One that several share counts once. */
		if (of == NULL || fb_pool_use_next(pool, &use->addr, 0, NULL) != use)
			continue;
		for (uint32_t i = 0; i < n; i++)
			ret[i].n_used += ret[i].name == of->name &&
					 ret[i].family == fb_addr_family(&use->addr);
	}
	return n;
}
