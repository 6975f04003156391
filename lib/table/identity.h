/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_TABLE_IDENTITY_H
#define FB_TABLE_IDENTITY_H

/*
 * Identities: which number means which service port and which endpoint of it.
 *
 * A service port is (namespace, name, port name, protocol, family); an endpoint is (service port,
 * address, port). An identity lives while a staged or committed service has it, after that as
 * removed until it is reaped, and its number is given out again after one more commit.
 *
 * Everything is sized at creation (untouched pages cost nothing), so that only the names of a
 * service port need memory later.
 *
 * Thread: control.
 */

#include "table/change.h"
#include "table/kept.h"
#include "table/serving.h"
#include "table/sources.h"
#include "table/write.h"

struct fb_id_endpoint {
	struct fb_addr addr;
	uint64_t removed;    /* generation that first had it as removed */
	uint32_t service_id;
	uint32_t next;       /* of its hash chain, or of the list of free ones; + 1, 0 ends */
	uint32_t n_active;   /* services that have it, by state */
	uint32_t n_draining;
	uint32_t n_terminating; /* of those that drain */
	rte_be16_t port_be;
	bool in_use;
	bool published; /* a committed snapshot had it */
};

struct fb_id_service {
	char *names; /* namespace, name, port name: three strings in a row */
	const char *name;
	const char *port_name;
	uint64_t removed;
	uint32_t next;
	uint32_t n_services;  /* that have it (one port can be several, see table/spec.h) */
	uint32_t n_endpoints; /* identities in use that refer to it */
	uint32_t drain_deadline_s; /* as last published: they count for endpoints that outlive it */
	uint32_t removed_tcp_s;
	uint8_t proto;
	uint8_t family;
	bool in_use;
	bool published;
};

/* Numbers of one kind. Lists are chained through .next of the entries. */
struct fb_id_pool {
	uint32_t *buckets; /* entry + 1 */
	uint32_t mask;
	uint32_t max;
	uint32_t high;   /* one past the highest number ever given out */
	uint32_t free;   /* head of the list of numbers to give out, + 1 */
	uint32_t reaped; /* those that wait for the next commit, + 1 */
};

struct fb_ids {
	struct fb_hash_secret secret;
	struct fb_table_router router;
	struct fb_id_pool endpoint_pool;
	struct fb_id_pool service_pool;
	struct fb_source_sets source_sets; /* what service ports of any snapshot hold */
	struct fb_id_endpoint *endpoints;
	struct fb_id_service *services;
	struct fb_endpoint_info *infos; /* what the next snapshot says; by endpoint */
	struct fb_serving serving; /* endpoints by address and port, for the next snapshot */
	struct fb_kept kept; /* written with each change of an identity */
	bool *changed; /* by chunk of infos: something since the last commit */
	bool times_changed; /* of some service: when its endpoints' flows are over; since the last commit */
};

/** @return 0 or -ENOMEM (fb_ids_fini() is due in both cases) */
int fb_ids_init(struct fb_ids *ids, const struct fb_hash_secret *secret,
		const struct fb_table_router *router, uint32_t max_endpoints,
		uint32_t max_services);
void fb_ids_fini(struct fb_ids *ids);

/*
 * Find or make. One that is new and was not held by the time of fb_ids_unhold() or
 * fb_ids_forget() is gone. @return 0, -ENOMEM, -ENOSPC
 */
int fb_ids_service(struct fb_ids *ids, const struct fb_service_spec *spec, uint32_t *ret_id);
int fb_ids_endpoint(struct fb_ids *ids, uint32_t service_id, const struct fb_endpoint_spec *ep,
		    uint32_t *ret_id);

/*
 * Of a service that takes another one's place only those endpoints need a look that the two do not have in
 * common: which are meant, is said.
 */

/** A service begins or ceases to have its identities (the staged state; commit does not matter). */
void fb_ids_hold(struct fb_ids *ids, const struct fb_service *svc, struct fb_places which);
void fb_ids_unhold(struct fb_ids *ids, const struct fb_service *svc, struct fb_places which);

/** Drop identities that were made for a service that could not be completed. */
void fb_ids_forget(struct fb_ids *ids, uint32_t service_id, const struct fb_endpoint *endpoints,
		   struct fb_places which);

/** A snapshot has it from now on. */
void fb_ids_publish(struct fb_ids *ids, const struct fb_service *svc, struct fb_places which);

/** A snapshot has it no longer: what nobody else holds is removed as of this generation. */
void fb_ids_retire(struct fb_ids *ids, const struct fb_service *svc, struct fb_places which,
		   uint64_t generation);

/** After a commit: reaped numbers can be given out, and nothing has changed since. */
void fb_ids_recycle(struct fb_ids *ids);

/** Back to what the given (committed) services hold. */
void fb_ids_restore(struct fb_ids *ids, const struct fb_service *const *services, uint32_t n);

/**
 * What a snapshot says of an identity, given what the last one said (NULL: nothing).
 *
 * Flows of an endpoint that terminates, or is gone, are over when its time is; once over they stay so
 * until it is an endpoint again.
 */
struct fb_endpoint_info fb_ids_info(const struct fb_ids *ids, uint32_t id,
				    const struct fb_endpoint_info *last, uint32_t now_s);

/** When that will be over, by its service's word as of now; FB_NEVER_S: not by itself, or it is. */
uint32_t fb_ids_due_s(const struct fb_ids *ids, const struct fb_endpoint_info *info);

/** Ask the router again about every identity in use. */
void fb_ids_reroute(struct fb_ids *ids);

/** Reap what was removed in a generation up to `oldest` and has no flows. */
void fb_ids_reap(struct fb_ids *ids, uint64_t oldest,
		 uint64_t (*live_flows)(void *arg, uint32_t ep_id), void *arg);

/*
 * An earlier run's identities, with their numbers: published, and held by nobody until a service has them
 * again. All of them before any other; then fb_ids_seeded().
 *
 * @return 0; -EINVAL: the number or the identity is in use, or out of bounds; -ENOMEM
 */
int fb_ids_seed_service(struct fb_ids *ids, uint32_t id, const struct fb_service_spec *spec);
int fb_ids_seed_endpoint(struct fb_ids *ids, uint32_t id, uint32_t service_id,
			 const struct fb_addr *addr, rte_be16_t port_be);
/** Numbers between those can be given out. */
void fb_ids_seeded(struct fb_ids *ids);

#endif
