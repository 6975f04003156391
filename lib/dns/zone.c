/* SPDX-License-Identifier: BSD-3-Clause */

#include "dns/zone.h"

#include "dns/map.h"

struct labels {
	const uint8_t *bytes;
	uint32_t len;
};

static bool is_service(const void *piece, const void *key)
{
	const struct fb_dns_service *svc = piece;
	const struct labels *labels = key;

	return svc->key_len == labels->len &&
	       memcmp(fb_dns_piece_at(svc, svc->key), labels->bytes, labels->len) == 0;
}

static bool is_namespace(const void *piece, const void *key)
{
	const struct fb_dns_namespace *ns = piece;
	const struct labels *labels = key;

	return ns->label_len == labels->len && memcmp(ns->label, labels->bytes, labels->len) == 0;
}

static bool is_owners(const void *piece, const void *key)
{
	const struct fb_dns_owners *owners = piece;

	return fb_addr_equal(&owners->addr, key);
}

struct pod_key {
	const struct fb_addr *addr;
	struct labels labels;
};

static bool is_pod(const void *piece, const void *key)
{
	const struct fb_dns_pod *pod = piece;
	const struct pod_key *k = key;

	return fb_addr_equal(&pod->addr, k->addr) && is_namespace(&pod->namespace_, &k->labels);
}

const struct fb_dns_service *fb_dns_find_service(const struct fb_dns_zone *zone,
						 const uint8_t *labels, uint32_t len)
{
	struct labels key = {labels, len};

	return fb_dns_map_find(&zone->services, fb_dns_hash(zone, labels, len), is_service, &key);
}

const struct fb_dns_node *fb_dns_find_node(const struct fb_dns_zone *zone,
					   const struct fb_dns_service *svc, const uint8_t *labels,
					   uint32_t len)
{
	const uint32_t *slots = fb_dns_piece_at(svc, svc->slots);
	uint32_t i = (uint32_t)fb_dns_hash(zone, labels, len) & svc->slot_mask;

	/* At most half full, so there is a free one. */
	for (; slots[i] != 0; i = (i + 1) & svc->slot_mask) {
		const struct fb_dns_node *node = fb_dns_service_node(svc, slots[i]);

		if (node->name_len == len &&
		    memcmp(fb_dns_piece_at(svc, node->name), labels, len) == 0)
			return node;
	}
	return NULL;
}

const struct fb_dns_namespace *fb_dns_find_namespace(const struct fb_dns_zone *zone,
						     const uint8_t *label, uint32_t len)
{
	struct labels key = {label, len};

	return fb_dns_map_find(&zone->namespaces, fb_dns_hash(zone, label, len), is_namespace,
			       &key);
}

const struct fb_dns_owners *fb_dns_find_owners(const struct fb_dns_zone *zone,
					       const struct fb_addr *addr)
{
	return fb_dns_map_find(&zone->owners, fb_dns_hash_addr(&zone->secret, addr), is_owners,
			       addr);
}

const struct fb_dns_pod *fb_dns_find_pod(const struct fb_dns_zone *zone, const struct fb_addr *addr,
					 const uint8_t *label, uint32_t len)
{
	struct pod_key key = {addr, {label, len}};

	return fb_dns_map_find(&zone->known_pods, fb_dns_hash_pod(zone, addr, label, len), is_pod,
			       &key);
}
