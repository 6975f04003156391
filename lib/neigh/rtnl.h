/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NEIGH_RTNL_H
#define FB_NEIGH_RTNL_H

/*
 * Two rtnetlink sockets: one that the kernel tells news on, one that is asked and answers.
 *
 * Thread: control.
 */

#include "neigh/message.h"

struct fb_rtnl;

typedef void fb_rtnl_event(void *arg, const struct fb_neigh_event *event);

/** @return NULL with errno */
struct fb_rtnl *fb_rtnl_open(void);
void fb_rtnl_close(struct fb_rtnl *r);

/** Readable when there is news. */
int fb_rtnl_fd(const struct fb_rtnl *r);

/**
 * Read the news that wait.
 * @return 0, or -ENOBUFS when some were lost: dump again
 */
int fb_rtnl_news(struct fb_rtnl *r, fb_rtnl_event *on_event, void *arg);

/** Dump RTM_GETNEIGH or RTM_GETLINK. @return 0, -EINTR: changed meanwhile, again; -errno */
int fb_rtnl_dump(struct fb_rtnl *r, uint16_t type, fb_rtnl_event *on_event, void *arg);

/* Destinations asked for in one system call. Their answers, under 1 KiB each, fit the receive buffer. */
#define FB_RTNL_BATCH 64

/**
 * Where up to FB_RTNL_BATCH destinations lead, at 1.1 (IPv4) to 1.4 us (IPv6) each.
 * @return 0, or -errno when the kernel did not answer (paths untouched then)
 */
int fb_rtnl_routes(struct fb_rtnl *r, const struct fb_addr *const *dsts, uint32_t n,
		   struct fb_neigh_path *ret_paths);

/** Ask the kernel to resolve or revalidate a neighbour; sent in batches, the last by flush. */
void fb_rtnl_poke(struct fb_rtnl *r, int ifindex, const struct fb_addr *addr);
/** Tell it what was last known of one, to be used and asked about at once; in the same batches. */
void fb_rtnl_doubt(struct fb_rtnl *r, int ifindex, const struct fb_addr *addr, const uint8_t mac[6]);
void fb_rtnl_poke_flush(struct fb_rtnl *r);

#endif
