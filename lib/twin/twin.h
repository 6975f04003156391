/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_TWIN_TWIN_H
#define FB_TWIN_TWIN_H

/*
 * The kernel twin of a port: a TAP interface with the port's MAC address, MTU and IP addresses.
 *
 * What a worker punts is written here, what the kernel sends is read here; so ARP, NDP, ping, ssh, BGP
 * daemons and tcpdump work on "fb-NAME" as on any interface. Frames are untagged whatever the port's VLAN.
 * The interface vanishes with the descriptor, so a crash leaves nothing behind.
 *
 * Frames read here are complete: no checksum is left to a device, none is larger than the MTU. No
 * sysctl is changed: forwarding, rp_filter, accept_ra and the rest are what the system gives to a new
 * interface. IPv6 addresses, the link-local one included, skip duplicate address detection.
 *
 * Thread: control.
 */

#include <stdint.h>
#include <sys/types.h>

#include "config/config.h"

struct fb_twin;

/**
 * May "fb-<name>" be created? Asked before a port's device is opened, so that a second daemon leaves
 * the first one's device alone.
 *
 * Thread: start-up.
 * @return 0; -EBUSY: there is such an interface; -ENAMETOOLONG; with one line in errs
 */
int fb_twin_check(const struct fb_config_port *port, struct fb_errs *errs);

/**
 * Create "fb-<name>", set MAC and MTU, add addresses (IPv6 ones with nodad), bring it up, and wait
 * (2 s at most) until the kernel takes what comes for those.
 * On failure: NULL, errno, and one line in errs that says what is missing (/dev/net/tun, CAP_NET_ADMIN).
 */
struct fb_twin *fb_twin_open(const struct fb_config_port *port, const uint8_t mac[6],
			     struct fb_errs *errs);
void fb_twin_close(struct fb_twin *t);

int fb_twin_fd(const struct fb_twin *t); /* non-blocking; readable when the kernel sent a frame */
int fb_twin_ifindex(const struct fb_twin *t);
const char *fb_twin_name(const struct fb_twin *t);

/** One frame from the kernel, cut off at buf_size. @return its length; 0: none waiting; -errno */
ssize_t fb_twin_read(struct fb_twin *t, void *buf, size_t buf_size);
/** One frame to the kernel. @return 0 or -errno (-EAGAIN: its queue is full) */
int fb_twin_write(struct fb_twin *t, const void *frame, size_t len);
/**
 * Give the kernel an address that is not the port's own, alone in its prefix, or take it away again: so
 * that somebody can listen there. One that is there already, or is not there, is fine.
 *
 * @return 0 or -errno
 */
int fb_twin_add_address(struct fb_twin *t, const struct fb_addr *addr);
int fb_twin_remove_address(struct fb_twin *t, const struct fb_addr *addr);
/** Pass the port's link state on; it is up at first. @return 0 or -errno */
int fb_twin_set_carrier(struct fb_twin *t, bool up);

#endif
