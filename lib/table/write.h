/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_TABLE_WRITE_H
#define FB_TABLE_WRITE_H

/*
 * Building snapshots. Control thread only; the packet path must not include this.
 *
 * Changes are staged (set_*) and take effect together in fb_table_commit(), which returns a new
 * snapshot that shares all unchanged parts with the one before. If a set_* or the commit fails (no
 * memory), what was staged is dropped by fb_table_abort() and the last snapshot is as it was.
 *
 * Needs no EAL and no running worker: explain --offline and the unit tests use it as it is.
 */

#include "base/err.h"
#include "table/read.h"

struct fb_dns;
struct fb_table;

/*
 * Where next hops come from: lib/neigh, the config's lab section, or a test.
 *
 * The table holds an address once per endpoint that has it and releases it once per endpoint that was
 * reaped (until then flows still go there) or whose staging was aborted, so the router may count.
 * next_hop() is a pure lookup and is asked for held addresses only: when an endpoint appears, and for all of them on fb_table_reroute().
 */
struct fb_table_router {
	/* From now on addr is resolved and followed. @return 0 or -ENOMEM. May be NULL. */
	int (*hold)(void *arg, const struct fb_addr *addr);
	/* An endpoint's address is no longer needed. May be NULL. */
	void (*release)(void *arg, const struct fb_addr *addr);
	/* Place of the next hop towards addr; 0: no route. */
	uint16_t (*next_hop)(void *arg, const struct fb_addr *addr);
	/* The array that places refer to; place 0 is FB_HOP_NONE. Copied at commit. */
	const struct fb_next_hop *(*next_hops)(void *arg, uint32_t *ret_n);
	void *arg;
};

struct fb_table *fb_table_create(const struct fb_hash_secret *secret,
				 const struct fb_table_router *router, uint32_t max_endpoints,
				 uint32_t max_services);
/** Counted up when what fb_table_keep() writes gets another meaning or place. */
#define FB_TABLE_KEPT_VERSION 1

/** Bytes for fb_table_keep(). */
size_t fb_table_kept_bytes(uint32_t max_services, uint32_t max_endpoints);

/**
 * Identities of an earlier run, with their numbers, so that its flows can be taken over. Endpoints that no
 * Service has by the first commit are removed ones, until they have no flows. Before anything is staged.
 *
 * @param memory  what that run had in fb_table_keep(), with its bounds
 * @return how many endpoints
 */
uint32_t fb_table_restore(struct fb_table *t, const void *memory, uint32_t max_services,
			  uint32_t max_endpoints);

/**
 * From now on identities are written to memory of fb_table_kept_bytes() that outlives the process, zeroed or
 * left by an earlier run with the same bounds. It must outlive the table.
 */
void fb_table_keep(struct fb_table *t, void *memory);

void fb_table_free(struct fb_table *t); /* snapshots that were committed must be released first */

/**
 * Stage all service ports of one Service, replacing what it had; n = 0 removes it.
 * A frontend (address, port, protocol) that another Service already has is refused for the newcomer:
 * an error naming both goes to errs, the rest of the Service is staged. It waits: when the holder is
 * gone, the commit gives it to the oldest Service that still wants it.
 *
 * What did not change is shared with the last snapshot; nothing is staged if nothing changed.
 *
 * @return 0; -ENOMEM; -ENOSPC when max_endpoints or max_services are used up or more than 65535
 *         endpoints take new flows (error in errs). A call that fails has staged nothing.
 */
int fb_table_set_service(struct fb_table *t, const char *namespace_, const char *name,
			 const struct fb_service_spec *specs, uint32_t n, struct fb_place place,
			 struct fb_errs *errs);

/** The service port that has a frontend in what is staged; NULL: nobody. Valid until the next call. */
const struct fb_service *fb_table_holder(const struct fb_table *t, const struct fb_addr *addr,
					 rte_be16_t port_be, uint8_t proto);

/** Stage FB_ADDR_* bits of an address that is no frontend (box and SNAT addresses); 0 removes it. */
int fb_table_set_address(struct fb_table *t, const struct fb_addr *addr, uint8_t bits);

/** Stage which kinds of frontend addresses are announced: bit (1 << enum fb_frontend_kind). */
void fb_table_set_announce(struct fb_table *t, uint32_t kinds);

/** Prefixes whose addresses are nobody's where no Service has them, one of a family; before the first
 * commit. */
void fb_table_set_cluster(struct fb_table *t, const struct fb_prefix *prefixes, uint32_t n);

/** Stage the SNAT pool of a port and family (copied). */
int fb_table_set_snat(struct fb_table *t, uint8_t port, enum fb_family family,
		      const struct fb_addr *addrs, uint32_t n);

/**
 * The time, in seconds by the workers' clock (fb_datapath_now_s()): states of endpoints that change with
 * the next commits begin now. Without it time stands still at 0.
 */
void fb_table_set_now(struct fb_table *t, uint32_t now_s);

/**
 * From now on snapshots have the names of a DNS writer, which is committed, aborted and reclaimed with
 * the table. Taken over: freed with the table.
 */
void fb_table_set_dns(struct fb_table *t, struct fb_dns *dns);

/** Stage, if it is so: flows of some endpoint that terminates or is gone are over by now. */
void fb_table_pass_time(struct fb_table *t);

/** Stage: ask the router again for every endpoint's next hop (routes changed). */
void fb_table_reroute(struct fb_table *t);

/** Stage: take the router's next-hop array again (a MAC address or state changed). */
void fb_table_rehop(struct fb_table *t);

/**
 * Make the staged changes a snapshot with the next generation number. The first one may be empty.
 *
 * After ENOMEM, fb_table_abort() is due.
 *
 * @return NULL with errno ENOMEM; or EALREADY when nothing was staged. The caller owns one hold on it.
 */
struct fb_snapshot *fb_table_commit(struct fb_table *t);

/** Drop what was staged, but for reroute and rehop: those say that the world changed. Never fails. */
void fb_table_abort(struct fb_table *t);

/** Give a snapshot back (after its grace period); parts nobody shares are freed. */
void fb_snapshot_release(struct fb_table *t, struct fb_snapshot *snap);

/**
 * Identities of removed endpoints stay reserved while flows use them. Control calls this now and then
 * with the number of live flows; ids whose count is 0 can be given out again after one more commit.
 * Same for services. Left alone is what a snapshot that is not released yet still offers to new flows.
 */
void fb_table_reap(struct fb_table *t, uint64_t (*live_flows)(void *arg, uint32_t ep_id), void *arg);

/** The i-th service port in force of a Service, in the order of the specs; NULL: it has no more. */
const struct fb_service *fb_table_service_port(const struct fb_table *t, const char *namespace_,
					       const char *name, uint32_t i);

/** What an endpoint identity means, also after removal. @return 0 or -ENOENT */
struct fb_endpoint_name {
	struct fb_addr addr;
	rte_be16_t port_be;
	uint8_t state;
	uint8_t proto;
	uint32_t service_id;
	const char *namespace_; /* valid until the identity is reaped */
	const char *name;
	const char *port_name;
};
int fb_table_endpoint_name(const struct fb_table *t, uint32_t ep_id, struct fb_endpoint_name *ret);

#endif
