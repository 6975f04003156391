/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DNS_BUILD_H
#define FB_DNS_BUILD_H

/*
 * One Service being compiled: its piece grows at the end, and everything in it is found by offsets. So a
 * pointer into it is good until the next byte is added. After a failure nothing is added any more, and nothing
 * in it may be looked at. Private to lib/dns.
 */

#include <string.h>

#include "dns/piece.h"
#include "dns/write.h"

/* A host with one of its addresses and ports. */
struct fb_dns_item {
	struct fb_addr addr;
	const struct fb_dns_port_spec *port; /* NULL: none */
	uint32_t node;
	uint8_t label_len; /* with the length byte in front */
	uint8_t label[FB_DNS_LABEL_MAX + 1];
};

/* Items that one name has. */
struct fb_dns_set {
	const struct fb_dns_item **v;
	uint32_t n;
};

struct fb_dns_ports {
	const struct fb_dns_port_spec **v; /* distinct by name and protocol */
	uint32_t n;
};

struct fb_dns_build {
	uint8_t *bytes; /* a piece; zero from n on, since pieces are compared as bytes */
	uint32_t n;
	uint32_t cap;
	bool failed; /* no memory */
	struct fb_dns_item *items;
	struct fb_dns_item **sorted; /* by label, then address and port */
	uint32_t n_items;
	uint32_t n_hosts; /* labels */
	const struct fb_dns_item **scratch; /* room for all items, twice */
};

static inline struct fb_dns_service *fb_dns_build_head(struct fb_dns_build *b)
{
	return (struct fb_dns_service *)(void *)b->bytes;
}

static inline struct fb_dns_node *fb_dns_build_node(struct fb_dns_build *b, uint32_t i)
{
	return (struct fb_dns_node *)(void *)(b->bytes + fb_dns_build_head(b)->nodes) + i;
}

/* node.c */

/** See to it that so much more can be added. What is known of that early saves copying. */
void fb_dns_build_reserve(struct fb_dns_build *b, uint32_t size);

/** Room at the end; align is a power of two. @return its offset; 0 after a failure */
static inline uint32_t fb_dns_build_room(struct fb_dns_build *b, uint32_t size, uint32_t align)
{
	uint32_t at = (b->n + align - 1) & ~(align - 1);

	if (at + size > b->cap)
		fb_dns_build_reserve(b, at + size - b->n);
	if (b->failed)
		return 0;
	b->n = at + size;
	return at;
}

static inline uint32_t fb_dns_build_append(struct fb_dns_build *b, const void *data, uint32_t size,
					   uint32_t align)
{
	uint32_t at = fb_dns_build_room(b, size, align);

	if (!b->failed)
		memcpy(b->bytes + at, data, size);
	return at;
}

void fb_dns_build_name(struct fb_dns_build *b, uint32_t node, const uint8_t *labels, uint32_t len);
/** Addresses and SRV records of a name below which hosts are. */
void fb_dns_build_set(struct fb_dns_build *b, uint32_t node, const struct fb_dns_set *set);
/** At the end, where the node's others are; not if the node has it. @param target  its node */
void fb_dns_build_srv(struct fb_dns_build *b, uint32_t node, uint32_t target, uint16_t port,
		      uint16_t weight);
uint16_t fb_dns_build_weight(uint32_t n); /* of one of n targets */

/* host.c */

/** Collect them in order, and count. @return 0 or -ENOMEM */
int fb_dns_build_items(struct fb_dns_build *b, const struct fb_dns_service_spec *spec);
void fb_dns_build_hosts(struct fb_dns_build *b);

/* port.c */

/** Those that are asked for by name. @return 0 or -ENOMEM; ret->v is to be freed in any case */
int fb_dns_build_list_ports(const struct fb_dns_build *b, const struct fb_dns_service_spec *spec,
			    struct fb_dns_ports *ret);
/** The Service's own addresses, to which its names refer. Before there are nodes. */
void fb_dns_build_own_addrs(struct fb_dns_build *b, const struct fb_dns_service_spec *spec);
/** A node has them, and the ports that its name asks for (NULL: all). */
void fb_dns_build_cluster(struct fb_dns_build *b, uint32_t node,
			  const struct fb_dns_service_spec *spec,
			  const struct fb_dns_port_spec *port);
void fb_dns_build_ports(struct fb_dns_build *b, const struct fb_dns_service_spec *spec,
			const struct fb_dns_ports *ports, uint32_t n_hosts);

#endif
