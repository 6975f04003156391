/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_POOL_POOL_H
#define FB_POOL_POOL_H

/*
 * What Services are allotted where their manifests do not say it: ClusterIPs, load balancer addresses,
 * NodePorts, healthCheckNodePorts. In a cluster the API server and a load balancer controller do
 * this; a box that is driven by files does it itself.
 *
 * What was allotted is put beside what is written: views of the store show the Service completed, so
 * nobody behind it need know (fb_store_complete()).
 *
 * A Service keeps what it has while it exists, wants it, and the config allows it; when it goes, it is
 * free again. Which one it gets follows from a hash of its name, so that two boxes, or one that has
 * lost its memory, mostly allot the same; where two names meet, the older Service (creationTimestamp,
 * then name) is served first. As the API server does, the low end of a service CIDR (a sixteenth, 16
 * to 256 addresses) and of the NodePorts (a thirty-second, 16 to 128) is the last to be picked from,
 * so that what people write by hand is seldom taken.
 *
 * What is written counts first, but never takes away what another Service was allotted: then it is
 * refused, and both are named. Two Services may write the same address, with different ports
 * (lib/table refuses the same); an allotted one they share only with the same annotation
 * forebay.io/sharing-key and different ports. loadBalancerIP, and forebay.io/load-balancer-ips with
 * one of each family, have to be in a pool that is for the Service, if there are pools. What the
 * status of a Service from a cluster says is not asked about.
 *
 * Services with another loadBalancerClass than ours get no load balancer address, and none is answered
 * for them; as kube-proxy on a node (services.node-name) the status counts all the same.
 *
 * Thread: control. Pure but for what it remembers: fb_pool_save() and fb_pool_load() move that.
 */

#include "config/config.h"
#include "model/store.h"

struct fb_pool;

/** @param config  has to live longer. @return NULL: no memory */
struct fb_pool *fb_pool_create(const struct fb_config *config);
void fb_pool_free(struct fb_pool *pool);
/** To ask what would happen, with a clone of the store. NULL: no memory */
struct fb_pool *fb_pool_clone(const struct fb_pool *pool);

/**
 * Give the store's dirty Services what they lack, and take back what those that went had. Those that
 * wait for something that became free become dirty too.
 *
 * Cost: linear in the dirty ones that changed themselves; those with new endpoints only are passed by.
 *
 * @param errs  notices: what a Service asks for and cannot have, once, with the reason
 * @return 0 or -ENOMEM: the Services stay dirty, call it again
 */
int fb_pool_allot(struct fb_pool *pool, struct fb_store *store, struct fb_errs *errs);

/** Why a Service does not have all that it asks for, as one line; NULL: it has. */
const char *fb_pool_trouble(const struct fb_pool *pool, const char *namespace_, const char *name);

/** Call fn for every Service that lacks something, in no order. */
void fb_pool_each_trouble(const struct fb_pool *pool,
			  void (*fn)(void *arg, const char *namespace_, const char *name,
				     const char *trouble),
			  void *arg);

/* How full one pool of the config is in one family. */
struct fb_pool_fill {
	const char *name;
	enum fb_family family;
	double n_addresses; /* an IPv6 pool may have more than any integer counts */
	uint32_t n_used;    /* by Services, written or allotted, each once; and by the box itself */
};

/**
 * All pools that have addresses of a family, in the config's order.
 *
 * Cost: linear in what is in use, times the pools.
 *
 * @param ret  room for two of each pool
 * @return how many
 */
uint32_t fb_pool_fills(const struct fb_pool *pool, struct fb_pool_fill *ret);

/* ---- over restarts ---- */

/** Has anything been allotted or freed since fb_pool_save() or fb_pool_load()? */
bool fb_pool_changed(const struct fb_pool *pool);

/** All that is allotted, as JSON text to free(); the same state gives the same text. NULL: no memory */
char *fb_pool_save(struct fb_pool *pool);

/**
 * Remember what was allotted before; at the start, into an empty pool. Nothing of it is in force until
 * its Service comes; meanwhile nobody else gets it.
 *
 * Hostile input: any bytes end in errors with their places, and what is right beside them is kept.
 *
 * @return 0; -EINVAL: the text is not what fb_pool_save() writes, or not all of it; -ENOMEM
 */
int fb_pool_load(struct fb_pool *pool, const char *name, const char *text, size_t len,
		 struct fb_errs *errs);

/**
 * All sources have been read: what was loaded for Services that did not come may be given to others, once
 * there is nothing else. Those that wait become dirty. Until then a Service that comes late (its file is
 * not there yet) finds what it had.
 */
void fb_pool_may_forget(struct fb_pool *pool, struct fb_store *store);

#endif
