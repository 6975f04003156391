/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DNS_ZONE_H
#define FB_DNS_ZONE_H

/*
 * The names of the cluster as workers read them: immutable, part of a snapshot.
 *
 * Four maps. Services by "name.namespace" hold all names below them (hosts, ports); so a change of one
 * Service replaces its own piece, the chunk of the map that points to it, and the array of chunks.
 * Namespaces are there so that they exist; addresses lead to names (PTR); pods are what
 * `pods: verified` has seen.
 *
 * A map is an array of chunks, chosen by the upper half of the keyed hash, each a small table with open
 * addressing by the lower half. Nobody outside knows the key, so names cannot be made to pile up.
 *
 * Inside a piece everything is an offset from its beginning: pieces can be compared as bytes.
 *
 * Thread: any, between fb_rcu_read() and the quiescent report. Write side: dns/write.h.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/hash.h"
#include "dns/message.h"

/* Addresses that are answered on: the DNS Service's of both families, and some configured ones. */
#define FB_DNS_ADDRESSES_MAX 32
/* Prefixes whose reverse names are ours. */
#define FB_DNS_REVERSE_MAX 16

enum fb_dns_pods {
	FB_DNS_PODS_DISABLED, /* there is no name below pod.DOMAIN */
	FB_DNS_PODS_INSECURE, /* 10-1-2-3.NAMESPACE.pod.DOMAIN is 10.1.2.3, whoever has it */
	FB_DNS_PODS_VERIFIED, /* only if such a pod is in that namespace */
	FB_DNS_PODS_COUNT,
};

struct fb_dns_entry {
	uint64_t hash;
	const void *piece; /* NULL: the place is free */
};

struct fb_dns_chunk {
	uint32_t mask;
	uint32_t n;
	uint64_t pad; /* so that no entry is in two lines */
	struct fb_dns_entry entries[];
};

struct fb_dns_map {
	const struct fb_dns_chunk *const *chunks; /* NULL: empty; so may be each of them */
	uint32_t mask;
	uint32_t n; /* entries */
};

/* A record of type SRV, without what all of a Service have in common. */
struct fb_dns_srv {
	uint32_t node; /* its target: place among the nodes; 0 is the Service itself */
	uint16_t port;
	uint16_t weight;
	bool first; /* of its target in this set: its addresses go along once */
	uint8_t pad[3];
};

/* A name in a Service: 0 is the Service, then hosts, then ports. */
struct fb_dns_node {
	uint32_t
		name; /* offset: labels in front of the Service's, without a root; of a port without
			    * underscores */
	uint32_t addrs[2]; /* offsets: 4 or 16 bytes each, by enum fb_family */
	uint32_t srvs;     /* offset: struct fb_dns_srv */
	uint32_t n_addrs[2];
	uint32_t n_srvs;
	uint8_t name_len;
	uint8_t pad[3];
};

struct fb_dns_service {
	uint32_t size_bytes;
	uint16_t key_len;
	uint8_t target_len;  /* 0: no ExternalName */
	bool has_cluster_ip; /* node 0's addresses are clusterIPs: PTR names the Service */
	uint32_t key;        /* offset, a multiple of 8: labels of name and namespace, without a
				root; zeros up to the next multiple of 8 */
	uint32_t target;     /* offset: wire name with root, as written */
	uint32_t n_nodes;
	uint32_t n_hosts; /* nodes 1 to n_hosts, by name */
	uint32_t nodes;   /* offset */
	uint32_t slots;   /* offset: uint32_t, place of a node, 0 is free; open addressing */
	uint32_t slot_mask;
	bool unknown; /* there is no such Service, only slices of it, or it is hidden: for PTR alone */
	uint8_t pad[3];
	/* Node 0's, again: what is asked for most is found in the piece's first lines. */
	uint32_t addrs[2];
	uint32_t n_addrs[2];
	uint32_t pad_2;
};

/* Who has an address. */
struct fb_dns_owners {
	struct fb_addr addr;
	uint32_t size_bytes;
	uint32_t
		n_cluster; /* the first so many names are of clusterIPs; they go before the others */
	uint32_t n;
	uint32_t pad;
	uint8_t names[]; /* one after the other: length byte, labels up to "svc" without a root */
};

struct fb_dns_namespace {
	uint32_t label_len;
	uint8_t label[FB_DNS_LABEL_MAX + 1]; /* in wire format */
};

struct fb_dns_pod {
	struct fb_addr addr;
	struct fb_dns_namespace namespace_;
};

/* What all address records of a type begin with: owner (the question), type, class, TTL and length. */
struct fb_dns_pattern {
	uint64_t begin; /* as it lies in memory, as is the rest */
	uint32_t end;
	uint32_t pad;
};

struct fb_dns_zone {
	struct fb_hash_secret secret;
	struct fb_dns_name domain;
	uint8_t tail[FB_DNS_NAME_MAX +
		     1]; /* "svc" and the domain, with root: the end of each target */
	uint32_t tail_len;
	/* For whoever compares 8 bytes at a time: the tail's last ones, as they lie in memory, and which of
	 * them it has. */
	uint64_t tail_end;
	uint64_t tail_end_mask;
	struct fb_dns_pattern patterns[2]; /* A and AAAA, by enum fb_family */
	uint32_t ttl_s;
	uint32_t serial;
	uint8_t pods;  /* enum fb_dns_pods */
	bool forwards; /* there are resolvers for what is not ours */
	bool synced;   /* all sources have been read: what is not here does not exist */
	uint8_t n_addresses;
	uint8_t n_reverse;
	struct fb_addr addresses[FB_DNS_ADDRESSES_MAX];
	struct fb_prefix reverse[FB_DNS_REVERSE_MAX];
	struct fb_dns_map services;
	struct fb_dns_map namespaces;
	struct fb_dns_map owners;
	struct fb_dns_map known_pods;
};

/** Is DNS answered on this address? Cost: a few comparisons; meant for packets to port 53. */
static inline bool fb_dns_zone_serves(const struct fb_dns_zone *zone, const struct fb_addr *addr)
{
	for (uint8_t i = 0; i < zone->n_addresses; i++) {
		if (fb_addr_equal(&zone->addresses[i], addr))
			return true;
	}
	return false;
}

static inline const void *fb_dns_piece_at(const void *piece, uint32_t offset)
{
	return (const uint8_t *)piece + offset;
}

static inline const struct fb_dns_node *fb_dns_service_node(const struct fb_dns_service *svc,
							    uint32_t i)
{
	return (const struct fb_dns_node *)fb_dns_piece_at(svc, svc->nodes) + i;
}

/**
 * Which of n addresses comes first in an answer. The query's id chooses, so clients that take the first one
 * are spread without anything to remember.
 */
static inline uint32_t fb_dns_first_addr(const uint8_t *msg, uint32_t n)
{
	return fb_hash_reduce((uint32_t)msg[0] << 24 | (uint32_t)msg[1] << 16, n);
}

/* Below: what a key is, for both sides. */

static inline uint64_t fb_dns_hash(const struct fb_dns_zone *zone, const void *bytes, size_t len)
{
	return fb_hash_bytes(&zone->secret, bytes, len);
}

static inline uint64_t fb_dns_hash_addr(const struct fb_hash_secret *s, const struct fb_addr *addr)
{
	uint64_t w[2];

	memcpy(w, addr->bytes, sizeof(w));
	return fb_hash_2(s, w[0], w[1]);
}

/** A Service; labels as in the wire format. Cost: a line of the chunk and the first of the piece. */
const struct fb_dns_service *fb_dns_find_service(const struct fb_dns_zone *zone,
						 const uint8_t *labels, uint32_t len);

/** A name below the Service (labels in front of it), or NULL. */
const struct fb_dns_node *fb_dns_find_node(const struct fb_dns_zone *zone,
					   const struct fb_dns_service *svc, const uint8_t *labels,
					   uint32_t len);

/** A namespace that exists, or NULL. label is one label in wire format. */
const struct fb_dns_namespace *fb_dns_find_namespace(const struct fb_dns_zone *zone,
						     const uint8_t *label, uint32_t len);

/** Who has the address, or NULL. */
const struct fb_dns_owners *fb_dns_find_owners(const struct fb_dns_zone *zone,
					       const struct fb_addr *addr);

/** A pod with this address in the namespace, or NULL. */
const struct fb_dns_pod *fb_dns_find_pod(const struct fb_dns_zone *zone, const struct fb_addr *addr,
					 const uint8_t *label, uint32_t len);

static inline uint64_t fb_dns_hash_pod(const struct fb_dns_zone *zone, const struct fb_addr *addr,
				       const uint8_t *label, uint32_t len)
{
	return fb_dns_hash_addr(&zone->secret, addr) ^ fb_dns_hash(zone, label, len);
}

#endif
