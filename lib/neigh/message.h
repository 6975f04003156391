/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NEIGH_MESSAGE_H
#define FB_NEIGH_MESSAGE_H

/*
 * rtnetlink messages into events and requests into bytes; no socket here, so tests and fuzzers feed it
 * any bytes. A message that is cut short or makes no sense is no event.
 *
 * Thread: any.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct nlmsghdr;

enum fb_neigh_event_kind {
	FB_NEIGH_EVENT_NONE,
	FB_NEIGH_EVENT_NEIGHBOUR, /* ifindex, addr, resolved, mac */
	FB_NEIGH_EVENT_ROUTE,     /* prefix may lead elsewhere; as answer to a query: `route` */
	FB_NEIGH_EVENT_POLICY,    /* anything may lead elsewhere: a rule, a nexthop object, a lost address */
	FB_NEIGH_EVENT_LINK,      /* ifindex, link_flags, link_mtu, gone */
	FB_NEIGH_EVENT_ERROR,     /* error; 0 is an acknowledgement */
	FB_NEIGH_EVENT_DONE,      /* end of a dump */
};

/* Where a destination leads. */
struct fb_neigh_path {
	int ifindex;            /* 0: no route that a packet of ours could take */
	bool has_gateway;
	struct fb_addr gateway; /* either family, whatever that of the destination (RFC 5549) */
	uint32_t mtu;           /* the route's own; 0: it has none */
};

struct fb_neigh_event {
	enum fb_neigh_event_kind kind;
	uint32_t seq;
	bool interrupted; /* part of a dump that changed under our hands */
	int ifindex;
	struct fb_addr addr;
	bool resolved;    /* mac may be used */
	uint8_t mac[6];
	struct fb_prefix prefix;
	struct fb_neigh_path route;
	uint32_t link_flags;
	uint32_t link_mtu;
	bool gone;
	int error; /* -errno */
};

/** One message, whose length, padding included, was checked to lie within what was received. */
void fb_neigh_message_read(const struct nlmsghdr *nlh, struct fb_neigh_event *ret);

/** All messages of a datagram, in order. */
void fb_neigh_message_each(const void *buf, size_t len,
			   void (*on_event)(void *arg, const struct fb_neigh_event *event),
			   void *arg);

/* Requests; each returns the bytes written, and needs FB_NEIGH_REQUEST_MAX of them. */
#define FB_NEIGH_REQUEST_MAX 64

size_t fb_neigh_message_route(void *buf, const struct fb_addr *dst, uint32_t seq);
/** "Use it", as a packet would: the kernel resolves or revalidates. */
size_t fb_neigh_message_poke(void *buf, int ifindex, const struct fb_addr *addr, uint32_t seq);
/** A neighbour as it was last known: used, and asked about at once. */
size_t fb_neigh_message_doubt(void *buf, int ifindex, const struct fb_addr *addr,
			      const uint8_t mac[6], uint32_t seq);
/** type: RTM_GETNEIGH or RTM_GETLINK. */
size_t fb_neigh_message_dump(void *buf, uint16_t type, uint32_t seq);

#endif
