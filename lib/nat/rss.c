/* SPDX-License-Identifier: BSD-3-Clause */

#include "nat/rss.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_ethdev.h>

#define TUPLE_BYTES sizeof(struct fb_tuple6) /* the longest input of the hash */

/* One worker's ports of one family: class c is port[start[c]] to port[start[c + 1] - 1]. */
struct classes {
	uint32_t start[FB_NAT_RSS_RETA_MAX + 1];
	uint16_t *port; /* host order */
};

struct worker_part {
	uint32_t n_entries;
	uint16_t entry[FB_NAT_RSS_RETA_MAX]; /* RETA entries whose queue is the worker's */
	struct classes classes[FB_FAMILY_COUNT];
};

struct fb_nat_steer {
	uint32_t mask; /* reta_size - 1 */
	uint16_t n_workers;
	uint64_t hash_types;
	uint16_t queue[FB_NAT_RSS_RETA_MAX];
	uint8_t owner[FB_NAT_RSS_RETA_MAX]; /* worker of each entry */
	uint8_t owner_unhashed;             /* worker of queue 0 */
	/* What each value of each byte of the tuple contributes to the low bits. Both families
	 * begin at the key's first bit, so IPv4 uses the first 12 rows. */
	uint16_t contribution[TUPLE_BYTES][256];
	struct worker_part part[];
};

/* 32 bits of the key from any bit on. */
static uint32_t key_window(const uint8_t *key, uint32_t bit)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < 5; i++)
		bits = bits << 8 | (bit / 8 + i < FB_NAT_RSS_KEY_LEN ? key[bit / 8 + i] : 0);
	return (uint32_t)(bits >> (8 - bit % 8));
}

static void fill_contributions(struct fb_nat_steer *s, const uint8_t *key)
{
	for (uint32_t byte = 0; byte < TUPLE_BYTES; byte++) {
		for (uint32_t value = 0; value < 256; value++) {
			uint32_t hash = 0;

			for (uint32_t bit = 0; bit < 8; bit++)
				if (value & (0x80 >> bit))
					hash ^= key_window(key, byte * 8 + bit);
			s->contribution[byte][value] = (uint16_t)(hash & s->mask);
		}
	}
}

static __rte_always_inline uint32_t fold(const struct fb_nat_steer *s, const void *tuple, uint32_t begin, uint32_t end)
{
	const uint8_t *bytes = tuple;
	uint32_t low_bits = 0;

	for (uint32_t i = begin; i < end; i++)
		low_bits ^= s->contribution[i][bytes[i]];
	return low_bits;
}

static uint32_t addresses_len(uint8_t family)
{
	return 2 * (uint32_t)fb_family_addr_len((enum fb_family)family);
}

/* A port's class, as destination port: the last two bytes of the tuple. */
static uint32_t port_class(const struct fb_nat_steer *s, enum fb_family family, uint16_t port)
{
	const uint32_t at = addresses_len((uint8_t)family) + 2;

	return s->contribution[at][port >> 8] ^ s->contribution[at + 1][port & 0xff];
}

static bool hashes_ports(const struct fb_nat_steer *s, const struct fb_tuple *t)
{
	if (t->proto == IPPROTO_TCP)
		return (s->hash_types & (t->family == FB_IPV4 ? RTE_ETH_RSS_NONFRAG_IPV4_TCP
							      : RTE_ETH_RSS_NONFRAG_IPV6_TCP)) != 0;
	if (t->proto == IPPROTO_UDP)
		return (s->hash_types & (t->family == FB_IPV4 ? RTE_ETH_RSS_NONFRAG_IPV4_UDP
							      : RTE_ETH_RSS_NONFRAG_IPV6_UDP)) != 0;
	return false;
}

static bool hashes_addresses(const struct fb_nat_steer *s, const struct fb_tuple *t)
{
	return (s->hash_types & (t->family == FB_IPV4 ? RTE_ETH_RSS_IPV4 : RTE_ETH_RSS_IPV6)) != 0;
}

/* Ports of one worker, counted and then placed by class. */
static int sort_ports(struct fb_nat_steer *s, const struct fb_nat_ports *ports, uint16_t worker,
		      enum fb_family family)
{
	const uint32_t n = fb_nat_port_count(ports, worker);
	struct classes *c = &s->part[worker].classes[family];
	uint32_t fill[FB_NAT_RSS_RETA_MAX];

	c->port = malloc(n * sizeof(*c->port));
	if (c->port == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		const uint16_t port = rte_be_to_cpu_16(fb_nat_port_at(ports, worker, i));

		c->start[port_class(s, family, port) + 1]++;
	}
	for (uint32_t i = 0; i <= s->mask; i++) {
		fill[i] = c->start[i];
		c->start[i + 1] += c->start[i];
	}
	for (uint32_t i = 0; i < n; i++) {
		const uint16_t port = rte_be_to_cpu_16(fb_nat_port_at(ports, worker, i));

		c->port[fill[port_class(s, family, port)]++] = port;
	}
	return 0;
}

static int check(const struct fb_nat_rss *rss, const struct fb_nat_ports *ports)
{
	if (rss->key_len < FB_NAT_RSS_KEY_LEN || rss->n_queues == 0 || rss->reta_size == 0 ||
	    rss->reta_size > FB_NAT_RSS_RETA_MAX || !rte_is_power_of_2(rss->reta_size))
		return -EINVAL;
	for (uint32_t i = 0; i < rss->reta_size; i++)
		if (rss->reta[i] >= rss->n_queues)
			return -EINVAL;
	for (uint32_t i = 0; i < rss->n_queues; i++)
		if (rss->queue_worker[i] >= ports->n_workers)
			return -EINVAL;
	return 0;
}

struct fb_nat_steer *fb_nat_steer_create(const struct fb_nat_rss *rss,
					 const struct fb_nat_ports *ports)
{
	struct fb_nat_steer *s;

	if (check(rss, ports) != 0) {
		errno = EINVAL;
		return NULL;
	}
	s = calloc(1, sizeof(*s) + ports->n_workers * sizeof(s->part[0]));
	if (s == NULL)
		return NULL;
	s->mask = rss->reta_size - 1;
	s->n_workers = ports->n_workers;
	s->hash_types = rss->hash_types;
	s->owner_unhashed = rss->queue_worker[0];
	for (uint32_t i = 0; i < rss->reta_size; i++) {
		struct worker_part *part = &s->part[rss->queue_worker[rss->reta[i]]];

		s->queue[i] = rss->reta[i];
		s->owner[i] = rss->queue_worker[rss->reta[i]];
		part->entry[part->n_entries++] = (uint16_t)i;
	}
	fill_contributions(s, rss->key);
	for (uint16_t w = 0; w < s->n_workers; w++) {
		if (sort_ports(s, ports, w, FB_IPV4) != 0 ||
		    sort_ports(s, ports, w, FB_IPV6) != 0) {
			fb_nat_steer_free(s);
			errno = ENOMEM;
			return NULL;
		}
	}
	return s;
}

void fb_nat_steer_free(struct fb_nat_steer *steer)
{
	if (steer == NULL)
		return;
	for (uint16_t w = 0; w < steer->n_workers; w++)
		for (int f = 0; f < FB_FAMILY_COUNT; f++)
			free(steer->part[w].classes[f].port);
	free(steer);
}

/* The RETA entry of a tuple; false if the device does not hash such packets. */
static bool reta_entry(const struct fb_nat_steer *s, const struct fb_tuple *t, uint32_t *ret)
{
	const uint32_t len = addresses_len(t->family);

	if (hashes_ports(s, t))
		*ret = fold(s, t, 0, len + 4);
	else if (hashes_addresses(s, t))
		*ret = fold(s, t, 0, len);
	else
		return false;
	return true;
}

uint16_t fb_nat_rss_queue(const struct fb_nat_steer *steer, const struct fb_tuple *tuple)
{
	uint32_t entry;

	return reta_entry(steer, tuple, &entry) ? steer->queue[entry] : 0;
}

uint8_t fb_nat_rss_worker(const struct fb_nat_steer *steer, const struct fb_tuple *tuple)
{
	uint32_t entry;

	return reta_entry(steer, tuple, &entry) ? steer->owner[entry] : steer->owner_unhashed;
}

static __rte_always_inline struct fb_nat_steer_rest
rest_of(const struct fb_nat_steer *steer, uint16_t worker, const struct fb_tuple *reply)
{
	struct fb_nat_steer_rest rest = {0};

	if (likely(hashes_ports(steer, reply))) {
		/* Each with its length known, so that nothing is counted. */
		rest.low_bits = reply->family == FB_IPV4 ? fold(steer, reply, 0, 10)
							 : fold(steer, reply, 0, 34);
		return rest;
	}
	rest.any_port = fb_nat_rss_worker(steer, reply) == worker;
	rest.no_port = !rest.any_port;
	return rest;
}

struct fb_nat_steer_rest fb_nat_steer_begin(const struct fb_nat_steer *steer, uint16_t worker,
					    const struct fb_tuple *reply)
{
	return rest_of(steer, worker, reply);
}

static __rte_always_inline int port_of(const struct fb_nat_steer *steer,
				       const struct fb_nat_ports *ports, uint16_t worker,
				       enum fb_family family, struct fb_nat_steer_rest rest,
				       uint64_t draw, rte_be16_t *ret_port_be)
{
	const struct worker_part *part = &steer->part[worker];
	const struct classes *classes = &part->classes[family];
	uint32_t at = fb_hash_reduce((uint32_t)(draw >> 32), part->n_entries);

	if (unlikely(rest.any_port)) {
		*ret_port_be = fb_nat_port_at(
			ports, worker,
			fb_hash_reduce((uint32_t)draw, fb_nat_port_count(ports, worker)));
		return 0;
	}
	if (unlikely(rest.no_port))
		return -EADDRNOTAVAIL;
	/* A class is empty only where the worker has few ports, or the key few bits. */
	for (uint32_t n = part->n_entries; n > 0; n--) {
		const uint32_t class = rest.low_bits ^ part->entry[at];
		const uint32_t size = classes->start[class + 1] - classes->start[class];

		if (likely(size > 0)) {
			*ret_port_be = rte_cpu_to_be_16(
				classes->port[classes->start[class] +
					      fb_hash_reduce((uint32_t)draw, size)]);
			return 0;
		}
		if (++at == part->n_entries)
			at = 0;
	}
	return -EADDRNOTAVAIL;
}

int fb_nat_steer_port(const struct fb_nat_steer *steer, const struct fb_nat_ports *ports,
		      uint16_t worker, enum fb_family family, struct fb_nat_steer_rest rest,
		      uint64_t draw, rte_be16_t *ret_port_be)
{
	return port_of(steer, ports, worker, family, rest, draw, ret_port_be);
}

int fb_nat_steer_first(const struct fb_nat_steer *steer, const struct fb_nat_ports *ports,
		       uint16_t worker, const struct fb_tuple *reply, uint64_t draw,
		       rte_be16_t *ret_port_be)
{
	return port_of(steer, ports, worker, (enum fb_family)reply->family,
		       rest_of(steer, worker, reply), draw, ret_port_be);
}
