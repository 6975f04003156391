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

#include "table/identity.h"
#include "table/slots.h"

struct fb_service_part {
	struct fb_service pub;
	/* Control only, from here on: on lines that workers do not read. */
	uint32_t place __attribute__((aligned(64))); /* in the staged services */
	uint32_t n_wanted; /* frontends asked for; pub.frontends are those it got */
	uint32_t n_refused;
	bool published;
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

static inline struct fb_service_part *fb_service_part_of(const struct fb_service *svc)
{
	return (struct fb_service_part *)(uintptr_t)svc;
}

/** Active first, then by (addr, port): the order of fb_service.endpoints. */
void fb_service_sort(struct fb_endpoint_spec *endpoints, uint32_t n);
bool fb_service_is_sorted(const struct fb_endpoint_spec *endpoints, uint32_t n);

/** Whether svc is what spec asks for; spec->endpoints in the order above. */
bool fb_service_equals(const struct fb_service_part *svc, const struct fb_service_spec *spec);

/** Same part of the same service port: namespace and name are the group's. */
bool fb_service_same_port(const struct fb_service_part *svc, const struct fb_service_spec *spec);

bool fb_service_same_wanted(const struct fb_service_part *a, const struct fb_service_part *b);

/**
 * Build and hold identities (fb_ids_hold()); it has no frontends yet.
 *
 * @param spec  endpoints in the order above
 * @param old   the version before: what did not change of its Maglev table is used again, and so are
 *              identities; may be NULL
 * @return 0; -ENOMEM; -ENOSPC; -E2BIG for more active endpoints than a slot can name
 */
int fb_service_build(struct fb_ids *ids, const struct fb_service_spec *spec,
		     const struct fb_service_part *old, struct fb_service_part **ret);

/** The same service, unpublished and without frontends; does not hold identities. NULL: no memory. */
struct fb_service_part *fb_service_copy(const struct fb_service_part *from);

/** Frees; identities are the caller's affair. NULL is fine. */
void fb_service_free(struct fb_service_part *svc);

#endif
