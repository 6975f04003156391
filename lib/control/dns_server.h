/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_DNS_SERVER_H
#define FB_CONTROL_DNS_SERVER_H

/*
 * DNS on the kernel's side: what workers punt to the addresses where DNS is answered. TCP, names that a
 * resolver has to be asked for, and queries of the box itself.
 *
 * The kernel gets each address on the first twin, and listens there; answers find their way by its
 * routes. In-zone names are answered as the workers do, from the snapshot in force.
 *
 * Bounded: connections, what one of them may send, time without a word, questions to resolvers. A client that
 * does not read costs one answer's memory until its time is up.
 *
 * Thread: control.
 */

#include "control/state.h"

/** @return 0 or -errno; *ret is NULL where DNS is off or there is no twin */
int fb_dns_server_open(struct fb_control *c, struct fb_dns_server **ret);
void fb_dns_server_close(struct fb_dns_server *server); /* takes NULL */

/** Listen where the zone in force says; to be called when a generation was published. Takes NULL. */
void fb_dns_server_sync(struct fb_dns_server *server);

/** Timeouts; to be called in each pass of the loop. Takes NULL. */
void fb_dns_server_poll(struct fb_dns_server *server);

#endif
