/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_POOL_PARTS_H
#define FB_POOL_PARTS_H

/*
 * What a pool is made of; for its own files only.
 *
 * A record is what one Service has. Every address and every NodePort that a Service has, be it written
 * or allotted, is a use; who wants one looks for the uses that are there already.
 */

#include "base/hash.h"
#include "model/index.h"
#include "pool/pool.h"

/* Bounds of one Service that was loaded; the API server has none for ports, manifests 1000. */
#define FB_POOL_MAX_PORTS 1000

struct fb_pool_use {
	struct fb_index_link link; /* first: by address and NodePort */
	struct fb_pool_use *next;  /* of the record */
	struct fb_pool_record *record;
	struct fb_addr addr; /* all zero: a NodePort */
	uint16_t node_port;  /* 0: an address */
	bool written;        /* in the manifest, not allotted */
	bool stale;          /* was written; counts no more */
};

/* A NodePort that was allotted to a port. */
struct fb_pool_port {
	uint16_t port;
	uint8_t proto;
	uint16_t node_port;
};

struct fb_pool_record {
	struct fb_index_link link; /* first: by namespace and name */
	struct fb_pool_use *uses;
	struct fb_object *object; /* held: as it is written; NULL: loaded, and did not come yet */
	bool done;                /* all is worked out for that object */
	char *sharing_key;        /* "": none */
	char *trouble;            /* NULL: none */
	bool waiting;             /* for something to become free */
	uint64_t waits_since;     /* n_freed at that time */
	/* Allotted, not written; all zero: none. */
	struct fb_addr cluster[FB_FAMILY_COUNT];
	struct fb_addr balancer[FB_FAMILY_COUNT];
	struct fb_pool_port *ports;
	uint32_t n_ports;
	uint16_t health_port;
	const char *name;
	char namespace_[]; /* and the name behind it */
};

struct fb_pool {
	const struct fb_config *config;
	struct fb_hash_secret secret; /* fixed: all boxes allot alike */
	struct fb_index records;
	struct fb_index uses;
	struct fb_pool_record *box; /* the box's own addresses; in no index */
	uint64_t n_freed;           /* uses that were dropped, ever */
	uint32_t n_waiting;
	bool changed;
	bool may_forget; /* records that were loaded and did not come */
	/* n_freed + 1 at which it was found full; NodePorts; by family; by pool and family. */
	uint64_t ports_full;
	uint64_t cluster_full[FB_FAMILY_COUNT];
	uint64_t (*pool_full)[FB_FAMILY_COUNT];
};

static inline bool fb_pool_is_none(const struct fb_addr *addr)
{
	static const struct fb_addr none;

	return fb_addr_equal(addr, &none);
}

/* record.c */
struct fb_pool_record *fb_pool_record_find(const struct fb_pool *pool, const char *namespace_,
					   const char *name);
struct fb_pool_record *fb_pool_record_make(struct fb_pool *pool, const char *namespace_,
					   const char *name);
void fb_pool_record_drop(struct fb_pool *pool, struct fb_pool_record *record);
/** Forget records that were loaded and did not come, if that may be. @return whether there were some */
bool fb_pool_make_room(struct fb_pool *pool);
/** addr or node_port, the other is NULL or 0. @return 0 or -ENOMEM; one that is there stays one */
int fb_pool_use_add(struct fb_pool *pool, struct fb_pool_record *record, const struct fb_addr *addr,
		    uint16_t node_port, bool written);
/** Drop one that was allotted, if it is there; what is none is none. */
void fb_pool_use_drop(struct fb_pool *pool, struct fb_pool_record *record,
		      const struct fb_addr *addr, uint16_t node_port);
/** All that was written is stale until it is added again; sweep drops what was not. */
void fb_pool_uses_stale(struct fb_pool_record *record);
void fb_pool_uses_sweep(struct fb_pool *pool, struct fb_pool_record *record);
/** Uses of an address or NodePort, any record's; NULL begins and ends. */
struct fb_pool_use *fb_pool_use_next(const struct fb_pool *pool, const struct fb_addr *addr,
				     uint16_t node_port, const struct fb_pool_use *after);

/* pick.c */

/** May a record be given an address, as far as others' uses go? *ret_other is who is in the way. */
bool fb_pool_may_have(const struct fb_pool *pool, const struct fb_pool_record *record,
		      const struct fb_object *object, const struct fb_addr *addr,
		      const struct fb_pool_record **ret_other);
/** Which pool has an address; NULL: none. */
const struct fb_config_pool *fb_pool_of(const struct fb_pool *pool, const struct fb_addr *addr);
/** Is the pool for that Service? @return NULL, or why not: "is for other namespaces" */
const char *fb_pool_refuses(const struct fb_config_pool *of, const struct fb_object *object);
bool fb_pool_in_cidr(const struct fb_pool *pool, const struct fb_addr *addr);

/* A free one for the record; all zero, or 0: none is left. Before that, those that were loaded and never
 * came are forgotten. */
struct fb_addr fb_pool_pick_cluster(struct fb_pool *pool, const struct fb_pool_record *record,
				    enum fb_family family);
struct fb_addr fb_pool_pick_balancer(struct fb_pool *pool, const struct fb_pool_record *record,
				     const struct fb_object *object, uint32_t pool_idx,
				     enum fb_family family);
/** @param port, proto  0, 0: the healthCheckNodePort */
uint16_t fb_pool_pick_port(struct fb_pool *pool, const struct fb_pool_record *record, uint16_t port,
			   uint8_t proto);
/** Is it in the range, and not one that SNAT or the metrics have? */
bool fb_pool_is_node_port(const struct fb_pool *pool, uint16_t node_port);

#endif
