/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NEIGH_HOP_H
#define FB_NEIGH_HOP_H

/*
 * Neighbours, and the places (nh_idx) that stand for them in snapshots.
 *
 * A neighbour is (port, address); a place is (neighbour, MTU), since two routes through one gateway may
 * differ in MTU. A place without users keeps its meaning for FB_HOP_GRACE_MS, by when every snapshot
 * that names it was replaced and reclaimed. Place 0 is never anything but "no route".
 *
 * No socket here. Thread: control.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/hash.h"
#include "table/read.h"

/* A guess on the safe side: a snapshot is reclaimed one burst, or one idle sleep, after the next. */
#define FB_HOP_GRACE_MS 60000

struct fb_hops;

/** @return NULL without memory */
struct fb_hops *fb_hops_create(const struct fb_hash_secret *secret);
void fb_hops_free(struct fb_hops *h);

/** What places refer to; place 0 included in ret_n. Valid until the next call that changes something. */
const struct fb_next_hop *fb_hops_array(const struct fb_hops *h, uint32_t *ret_n);
/** The neighbour behind a place. @return 0 or -ENOENT */
int fb_hops_describe(const struct fb_hops *h, uint16_t nh_idx, struct fb_addr *ret_addr);

/**
 * Take one hold on the place of (port, addr, mtu), making it if need be.
 * @return 0 when there is no memory or all 65535 places are in use
 */
uint16_t fb_hops_hold(struct fb_hops *h, uint8_t port, const struct fb_addr *addr, uint16_t mtu);
void fb_hops_release(struct fb_hops *h, uint16_t nh_idx);

/** What the kernel says of a neighbour; mac NULL: unresolved or gone. @return whether a place changed */
bool fb_hops_learn(struct fb_hops *h, uint8_t port, const struct fb_addr *addr, const uint8_t *mac);
/** The same from the config, for good: fb_hops_learn() does not change it. @return 0 or -ENOMEM */
int fb_hops_fix(struct fb_hops *h, uint8_t port, const struct fb_addr *addr, const uint8_t mac[6]);

/**
 * Whether since the last call something could not be remembered for lack of memory, or there is room again
 * where there was none: then all of it should be told and held anew.
 */
bool fb_hops_forgot(struct fb_hops *h);

/** Around a dump of all neighbours: those that were not learnt again are gone. */
void fb_hops_dump_begin(struct fb_hops *h);
bool fb_hops_dump_end(struct fb_hops *h);

/** Is the neighbour of this place to be poked now? If so that is noted, and the next time planned. */
bool fb_hops_poke(struct fb_hops *h, uint16_t nh_idx, uint64_t now_ms, uint8_t *ret_port,
		  struct fb_addr *ret_addr);

/** Free places that had no user for the whole grace. Call about once a second. */
void fb_hops_expire(struct fb_hops *h, uint64_t now_ms);

#endif
