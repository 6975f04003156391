/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_ANNOUNCE_H
#define FB_CONTROL_ANNOUNCE_H

/*
 * Telling the neighbours that a service address lives here: gratuitous ARP and unsolicited neighbour
 * advertisements, twice each (RFC 5227: ANNOUNCE_NUM), out of every port that announces.
 *
 * Thread: control.
 */

#include "base/addr.h"

struct fb_control;

/** Queue an address that came with a generation. Lack of memory loses it: ARP is answered anyway. */
void fb_announce_add(struct fb_control *c, const struct fb_addr *addr);

/** Queue all addresses of the snapshot (start, a link came up). */
void fb_announce_all(struct fb_control *c);

/** Send what is due, a bounded number. */
void fb_announce_send(struct fb_control *c);

#endif
