/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DESIRED_ENDPOINTS_H
#define FB_DESIRED_ENDPOINTS_H

/* Which endpoints one port of a Service has in one family. Private to lib/desired. */

#include "model/store.h"
#include "table/spec.h"

struct desired_query {
	const struct fb_store *store;
	const struct fb_store_view *view;
	const struct fb_service_port *port;
	enum fb_family family;
	const char *node_name; /* "": no node */
	const char *zone;      /* "": unknown */
	struct fb_desired_recent *recent; /* NULL: none */
};

/*
 * What is known of one (address, port). Where it is listed twice the first of these wins: an
 * address whose pod is going away may already belong to a new pod, so terminating ones come last.
 */
enum desired_standing {
	READY,
	NOT_READY_SERVING,
	NOT_READY,
	TERMINATING_READY, /* with publishNotReadyAddresses */
	TERMINATING_SERVING,
	TERMINATING,
};

static inline bool desired_is_ready(enum desired_standing standing)
{
	return standing == READY || standing == TERMINATING_READY;
}

/* Bits of what is known of its place. */
#define LOCAL	      0x01 /* on the node */
#define HAS_NODE_HINT 0x02
#define FOR_NODE      0x04 /* it is hinted for the node */
#define HAS_ZONE_HINT 0x08
#define FOR_ZONE      0x10

struct desired_candidate {
	struct fb_addr addr;
	uint16_t port;
	uint8_t standing; /* enum desired_standing */
	uint8_t place;
	uint32_t weight;
	const char *node_name; /* "": unknown */
};

/* All endpoints that are known, by address and port, each once. */
struct desired_candidates {
	const struct desired_candidate *v;
	uint32_t n;
};

enum desired_set {
	DESIRED_CLUSTER, /* anywhere; hints are followed */
	DESIRED_LOCAL,   /* on the node */
	DESIRED_ALL,     /* anywhere, as of a Local policy seen from no node: hints are for Cluster */
};

/** Is the Service of that family? */
bool desired_has_family(const struct fb_model_service *service, enum fb_family family);

/** The number of a targetPort on a Pod; 0: it has no such port. */
uint16_t desired_port_on(const struct fb_pod *pod, const struct fb_service_port *port);

/** Does the cluster know the pod's node? Files often have no Nodes at all: then it does not matter. */
bool desired_has_node(const struct fb_store *store, const struct fb_pod *pod);

/** The zone of a Node, by its label; "": unknown. */
const char *desired_zone_of(const struct fb_store *store, const char *node_name);

struct desired_said;

/**
 * What slices list, in order (desired/candidates.h) and in the arena; node names are the slices'.
 *
 * @return 0 or -ENOMEM
 */
int desired_of_slices(struct fb_arena *arena, const struct desired_query *query,
		      const struct desired_said *said, const struct fb_object *const *slices,
		      uint32_t n_slices, struct desired_candidates *ret);

/** All candidates, each endpoint once. They live as long as the arena and until the next build. @return 0 or -ENOMEM */
int desired_collect(struct fb_arena *arena, const struct desired_query *query,
		    struct desired_candidates *ret);

/**
 * Who of the candidates takes new flows and who drains: spec's endpoints, their number, elsewhere.
 *
 * @return 0 or -ENOMEM; endpoints are sorted by address and port
 */
int desired_choose(struct fb_arena *arena, const struct desired_candidates *from,
		   enum desired_set set, struct fb_service_spec *spec);

#endif
