/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_TABLE_SPEC_H
#define FB_TABLE_SPEC_H

/*
 * What lib/desired wants and lib/table builds: one service port of one family, flat.
 *
 * Kubernetes is gone at this point: policies, slices, names of ports have been decided. One Service
 * becomes one spec per (port, family), or more where its frontends want different endpoint sets.
 *
 * Specs are values on the control thread; the table copies what it keeps.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_byteorder.h>

#include "base/addr.h"

enum fb_service_mode {
	FB_MODE_SNAT, /* client's address hidden; replies come back by themselves */
	FB_MODE_DNAT, /* client's address kept; replies must be routed through the box */
};

/*
 * How a new flow's endpoint is chosen. The first two are a hash over the Maglev table: every box and every
 * run choose alike. The others are the worker's decision at that moment. Weights count with all.
 */
enum fb_selection {
	FB_SELECT_MAGLEV,	     /* by client's address and port, service address and port */
	FB_SELECT_SOURCE_IP,	     /* by the client's address alone */
	FB_SELECT_RANDOM,
	FB_SELECT_ROUND_ROBIN,	     /* each worker its own round, from a random start */
	FB_SELECT_LEAST_CONNECTIONS, /* the least of its worker's flows: all or the better of two */
	FB_SELECT_COUNT,
};

/* "maglev", "source-ip", "random", "round-robin", "least-connections". */
extern const char *const fb_selection_names[FB_SELECT_COUNT];

static inline bool fb_selection_by_hash(enum fb_selection selection)
{
	return selection == FB_SELECT_MAGLEV || selection == FB_SELECT_SOURCE_IP;
}

/* Whether connections are accepted here, by cookies, before their endpoint is asked (datapath/proxy.c). */
enum fb_syn_proxy {
	FB_SYN_PROXY_OFF,
	FB_SYN_PROXY_AUTO, /* while half-open connections press */
	FB_SYN_PROXY_ALWAYS,
	FB_SYN_PROXY_COUNT,
};

/* "off", "auto", "always". */
extern const char *const fb_syn_proxy_names[FB_SYN_PROXY_COUNT];

/* What Linux endpoints have with 6 MB of buffer at most, its default. */
#define FB_SYN_PROXY_WSCALE 7

enum fb_frontend_kind {
	FB_FRONTEND_CLUSTER_IP,
	FB_FRONTEND_NODE_PORT,
	FB_FRONTEND_LOAD_BALANCER,
	FB_FRONTEND_EXTERNAL_IP,
	FB_FRONTEND_KIND_COUNT,
};

/* "ClusterIP", "NodePort", "LoadBalancer", "ExternalIP". */
extern const char *const fb_frontend_kind_names[FB_FRONTEND_KIND_COUNT];
/* "snat", "dnat". */
extern const char *const fb_service_mode_names[2];

/*
 * An address and a port of it; or a range of ports, or all of them. One port comes before a range that
 * holds it, and a range before the whole address.
 */
struct fb_frontend_spec {
	struct fb_addr addr;
	rte_be16_t port_be; /* the first port of a range; 0: every port of the address */
	uint8_t kind;       /* enum fb_frontend_kind */
	uint16_t last;      /* host order: a range up to here; 0: one port */
	uint16_t shift;     /* a range: endpoints get the packet's port plus this, modulo 2^16 */
};

/** Is it a range, and not one port or all? */
static inline bool fb_frontend_is_range(const struct fb_frontend_spec *f)
{
	return f->last != 0 && f->port_be != 0;
}

/** "80", "5000-5999", "5000-5999:40000" where endpoints get others, or "*" for all. */
#define FB_FRONTEND_PORTS_STRLEN 18
const char *fb_frontend_ports(const struct fb_frontend_spec *f, char *buf);

enum fb_endpoint_state {
	FB_EP_ABSENT,   /* the identity is not in use */
	FB_EP_ACTIVE,   /* gets new flows */
	FB_EP_DRAINING, /* keeps its flows, gets no new ones */
	FB_EP_REMOVED,  /* gone from the cluster: UDP flows are re-balanced, others are kept */
};

#define FB_NEVER_S UINT32_MAX

struct fb_endpoint_spec {
	struct fb_addr addr;
	rte_be16_t port_be;
	uint8_t state;   /* FB_EP_ACTIVE or FB_EP_DRAINING */
	bool terminating; /* with FB_EP_DRAINING: its flows may have a deadline */
	uint32_t weight; /* of an active one: at least 1; only ratios matter */
};

/* Client addresses from first to last: the 16 bytes of struct fb_addr as two numbers, higher first. */
struct fb_source_range {
	uint64_t first[2];
	uint64_t last[2];
};

struct fb_service_spec {
	const char *namespace_;
	const char *name;
	const char *port_name; /* "" if the port has none */
	uint16_t port;         /* the Service's own port, host order: for display */
	uint8_t proto;         /* IPPROTO_TCP, _UDP or _SCTP */
	uint8_t family;
	uint8_t mode;          /* enum fb_service_mode */
	uint8_t part;          /* 0, 1 ...: which of the specs of this port and family */
	uint8_t selection;     /* enum fb_selection */
	uint32_t affinity_s;   /* a client keeps its endpoint for so long after its last new flow; 0: not */
	uint32_t drain_deadline_s; /* flows of a terminating endpoint end after that time; 0: never */
	uint32_t removed_tcp_s;    /* flows but UDP of a removed one end after that time; FB_NEVER_S */
	uint32_t slow_start_s; /* least connections: a new endpoint's weight grows over this time; 0: not */
	uint32_t new_flow_rate; /* a second, on the box; 0: as many as come */
	uint16_t tcp_mss;      /* MSS options of its SYNs are lowered to it: base/mss.h */
	uint8_t syn_proxy;     /* enum fb_syn_proxy */
	uint8_t syn_proxy_wscale; /* what clients are told of the endpoints' windows */
	bool elsewhere;        /* none active here, but on other nodes: drop, do not reject */
	const struct fb_frontend_spec *frontends;
	uint32_t n_frontends;
	const struct fb_endpoint_spec *endpoints; /* distinct (addr, port) */
	uint32_t n_endpoints;
	const struct fb_source_range *sources; /* who may be a client: ascending, apart from each other */
	uint32_t n_sources;                    /* 0: everybody */
};

#endif
