/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_TABLE_SERVICE_H
#define FB_TABLE_SERVICE_H

/*
 * One service port as snapshots hold it, with what only the write side knows about it.
 *
 * One part (table/part.h): this struct, endpoints, weights, places, frontends, names. The Maglev table is
 * apart, since it outlives a service whose active endpoints did not change; that is why active
 * endpoints come first: what drains behind them does not move their places.
 *
 * Thread: control. What workers read (pub) is final once published.
 */

#include <string.h>

#include "table/change.h"
#include "table/identity.h"
#include "table/slots.h"

struct fb_service_part {
	struct fb_service pub;
	/* Control only, from here on: on lines that workers do not read. */
	uint32_t place __attribute__((aligned(64))); /* in the staged services */
	uint32_t n_wanted; /* frontends asked for; pub.frontends are those it got */
	uint32_t n_refused;
	bool published;
	/*
	 * The version that it was built of, and in what it differs: the identities of its other endpoints are
	 * that one's. Until it is published; NULL: none, or that one never was.
	 */
	const struct fb_service_part *base;
	struct fb_change change;
	struct fb_group *group;
	struct fb_slots *slots;             /* NULL: no active endpoint */
	struct fb_source_set *sources;      /* pub.sources */
	struct fb_endpoint *endpoints;      /* pub.endpoints */
	uint32_t *weights;                  /* pub.weights */
	struct fb_endpoint_place *places;   /* pub.places */
	struct fb_frontend_spec *frontends; /* pub.frontends; room for n_wanted */
	struct fb_frontend_spec *wanted;
	char *names;
	size_t size_bytes;
};

/** Its endpoints, every one. */
static inline struct fb_places fb_service_all(const struct fb_service_part *svc)
{
	return (struct fb_places){NULL, svc->pub.n_endpoints};
}

static inline struct fb_service_part *fb_service_part_of(const struct fb_service *svc)
{
	return (struct fb_service_part *)(uintptr_t)svc;
}

/* By address and port, as memcmp() would. */
static inline int fb_service_compare_keys(const struct fb_addr *a, rte_be16_t a_port_be,
					  const struct fb_addr *b, rte_be16_t b_port_be)
{
	uint64_t x[2];
	uint64_t y[2];

	memcpy(x, a->bytes, sizeof(x));
	memcpy(y, b->bytes, sizeof(y));
	for (int i = 0; i < 2; i++) {
		if (x[i] != y[i])
			return rte_be_to_cpu_64(x[i]) < rte_be_to_cpu_64(y[i]) ? -1 : 1;
	}
	return (int)rte_be_to_cpu_16(a_port_be) - (int)rte_be_to_cpu_16(b_port_be);
}

/** Active first, then by (addr, port): the order of fb_service.endpoints. */
void fb_service_sort(struct fb_endpoint_spec *endpoints, uint32_t n);
bool fb_service_is_sorted(const struct fb_endpoint_spec *endpoints, uint32_t n);

/** Whether svc is what spec asks for, but for its endpoints. */
bool fb_service_equals(const struct fb_service_part *svc, const struct fb_service_spec *spec);

/** Same part of the same service port: namespace and name are the group's. */
bool fb_service_same_port(const struct fb_service_part *svc, const struct fb_service_spec *spec);

bool fb_service_same_wanted(const struct fb_service_part *a, const struct fb_service_part *b);

/**
 * Build; it has no frontends yet. It holds the identities of its endpoints (fb_ids_hold()), but for those that
 * old holds as well: these it takes over with fb_service_replace().
 *
 * @param spec    endpoints in the order above
 * @param old     the version before: what did not change of its Maglev table is used again, and so are
 *                identities; may be NULL
 * @param change  from old to spec; it is the service's from now on, or still the caller's on failure
 * @return 0; -ENOMEM; -ENOSPC; -E2BIG for more active endpoints than a slot can name
 */
int fb_service_build(struct fb_ids *ids, const struct fb_service_spec *spec,
		     const struct fb_service_part *old, const struct fb_change *change,
		     struct fb_service_part **ret);

/** A service that was built and is not wanted: its identities, and it. */
void fb_service_discard(struct fb_ids *ids, struct fb_service_part *svc);

/** A service leaves the staged state: its identities, or what a successor (NULL: none) has no more. */
void fb_service_replace(struct fb_ids *ids, struct fb_service_part *svc,
			struct fb_service_part *successor);

/** It has no version before, from now on. */
void fb_service_forget_base(struct fb_service_part *svc);

/** The same service, unpublished and without frontends; does not hold identities. NULL: no memory. */
struct fb_service_part *fb_service_copy(const struct fb_service_part *from);

/** Frees; identities are the caller's affair. NULL is fine. */
void fb_service_free(struct fb_service_part *svc);

#endif
