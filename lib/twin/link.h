/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_TWIN_LINK_H
#define FB_TWIN_LINK_H

/*
 * What a twin asks of rtnetlink: MAC, MTU, addresses, up. One request, one acknowledgement.
 *
 * Thread: control.
 */

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

struct mnl_socket;

/** @return a socket for the calls below, to mnl_socket_close(); NULL with errno */
struct mnl_socket *fb_twin_link_socket(void);

/** MAC address, MTU and alias of an interface that is down. @return 0 or -errno of the kernel */
int fb_twin_link_set(struct mnl_socket *nl, int ifindex, const uint8_t mac[6], uint16_t mtu,
		     const char *alias);

/** Add an address; one that is there already is fine. @return 0 or -errno of the kernel */
int fb_twin_link_add_address(struct mnl_socket *nl, int ifindex, const struct fb_config_addr *a);

/** Remove one; one that is not there is fine. @return 0 or -errno of the kernel */
int fb_twin_link_remove_address(struct mnl_socket *nl, int ifindex,
				const struct fb_config_addr *a);

/** @return 0 or -errno of the kernel */
int fb_twin_link_up(struct mnl_socket *nl, int ifindex);

/** @return a socket that becomes readable when IPv6 routes change, to mnl_socket_close(); NULL with errno */
struct mnl_socket *fb_twin_link_route_news(void);

/**
 * Wait until the kernel takes packets to an IPv6 address of an interface for its own. It says that an
 * address is there before it does: the route comes from a work queue.
 *
 * @param news from fb_twin_link_route_news(), since before the address was added
 * @param deadline_ms of CLOCK_MONOTONIC
 * @return whether it does
 */
bool fb_twin_link_await_local(struct mnl_socket *nl, struct mnl_socket *news, int ifindex,
			      const struct fb_addr *addr, uint64_t deadline_ms);

#endif
