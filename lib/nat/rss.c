/* SPDX-License-Identifier: BSD-3-Clause */

#include "nat/rss.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_ethdev.h>

#define TUPLE_BYTES sizeof(struct fb_tuple6) /* the longest input of the hash */

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

static void set_types(struct fb_nat_steer *s, uint64_t hash_types)
{
	s->hashes_ports[FB_IPV4][0] = (hash_types & RTE_ETH_RSS_NONFRAG_IPV4_TCP) != 0;
	s->hashes_ports[FB_IPV4][1] = (hash_types & RTE_ETH_RSS_NONFRAG_IPV4_UDP) != 0;
	s->hashes_ports[FB_IPV6][0] = (hash_types & RTE_ETH_RSS_NONFRAG_IPV6_TCP) != 0;
	s->hashes_ports[FB_IPV6][1] = (hash_types & RTE_ETH_RSS_NONFRAG_IPV6_UDP) != 0;
	s->hashes_addresses[FB_IPV4] = (hash_types & RTE_ETH_RSS_IPV4) != 0;
	s->hashes_addresses[FB_IPV6] = (hash_types & RTE_ETH_RSS_IPV6) != 0;
}

/* Ports of one worker, counted and then placed by class. */
static int sort_ports(struct fb_nat_steer *s, const struct fb_nat_ports *ports, uint16_t worker,
		      enum fb_family family)
{
	const uint32_t n = fb_nat_port_count(ports, worker);
	struct fb_nat_classes *c = &s->part[worker].classes[family];
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

		c->port[fill[port_class(s, family, port)]++] = rte_cpu_to_be_16(port);
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
	set_types(s, rss->hash_types);
	s->owner_unhashed = rss->queue_worker[0];
	for (uint32_t i = 0; i < rss->reta_size; i++) {
		struct fb_nat_steer_part *part = &s->part[rss->queue_worker[rss->reta[i]]];

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

	if (fb_nat_steer_by_ports(s, (enum fb_family)t->family, t->proto))
		*ret = fb_nat_steer_fold(s, t, 0, len + 4);
	else if (s->hashes_addresses[t->family])
		*ret = fb_nat_steer_fold(s, t, 0, len);
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
