/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NEIGH_NEIGH_H
#define FB_NEIGH_NEIGH_H

/*
 * Next hops: which port and MAC address lead to an endpoint, read from the kernel and followed.
 *
 * The kernel decides (RTM_GETROUTE on the twins' links, so policy routing, BGP daemons and plain
 * `ip route` all count) and resolves (neighbours are poked with NTF_USE; the kernel sends ARP and NDP
 * through the twin). This library keeps one place (nh_idx) per (port, gateway or on-link address),
 * stable while anything uses it. Routes and neighbours of the config's lab section go first.
 *
 * No route for us (place 0): what the kernel sends to itself, refuses, or sends out of any interface but
 * a twin; so VLAN interfaces on top of a twin are not followed. A pass over 100,000 destinations, as
 * after a new default route, takes 0.11 s (IPv4) to 0.14 s (IPv6). At most 65535 places are in use at
 * once; an address beyond them has place 0 until its route is next looked at.
 *
 * Neighbours in use are poked again every 20 s, so that a MAC address that changed silently is noticed.
 *
 * Thread: control; nothing blocks for longer than the kernel takes to answer a request.
 */

#include "base/addr.h"
#include "base/err.h"
#include "config/config.h"
#include "table/write.h"

struct fb_neigh;
struct fb_neigh_kept;

/* What changed since the last call of fb_neigh_process(). Bits. */
#define FB_NEIGH_HOPS   0x1 /* a MAC address or state: fb_table_rehop() */
#define FB_NEIGH_ROUTES 0x2 /* some address has another place now: fb_table_reroute() */

struct fb_neigh_link {
	int ifindex;     /* of the kernel twin; 0: none (replay, offline) */
	uint8_t port;    /* port index */
	uint16_t mtu;
};

/**
 * @param use_kernel  false: only the config's lab section (replay, offline explain)
 * @return NULL with errno
 */
struct fb_neigh *fb_neigh_open(const struct fb_config *config, const struct fb_neigh_link *links,
			       uint32_t n_links, bool use_kernel);
void fb_neigh_close(struct fb_neigh *n);

/** From now on note there who is reached, for the next run (neigh/kept.h). */
void fb_neigh_keep(struct fb_neigh *n, struct fb_neigh_kept *kept);

/** Descriptor to poll for reading; -1 without a kernel. */
int fb_neigh_fd(const struct fb_neigh *n);

/** Read what the kernel said; also after a netlink overrun (dumps everything again). @return FB_NEIGH_* */
uint32_t fb_neigh_process(struct fb_neigh *n);

/**
 * Poke neighbours whose time has come, free places that nobody used for a minute; call about once a
 * second, now_ms from any monotonic clock. @return FB_NEIGH_*
 */
uint32_t fb_neigh_tick(struct fb_neigh *n, uint64_t now_ms);

/** For fb_table_create(). */
struct fb_table_router fb_neigh_router(struct fb_neigh *n);

/** For people: the gateway or on-link address behind a place. @return 0 or -ENOENT */
int fb_neigh_describe(const struct fb_neigh *n, uint16_t nh_idx, struct fb_addr *ret_gateway);

#endif
