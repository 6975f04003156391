/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_EXPLAIN_H
#define FB_CONTROL_EXPLAIN_H

/*
 * What would become of a packet, and why: the packet path's own functions over a snapshot, for people.
 *
 * The daemon's `explain` and `forebayctl explain --offline` both end here; they differ only in what
 * is in the environment. A TCP packet without a flow is taken to be a SYN,
 * one of SCTP to be an INIT.
 *
 * Thread: any that may read the snapshot; pure.
 */

#include <jansson.h>

#include "affinity/table.h"
#include "base/addr.h"
#include "datapath/request.h"
#include "nat/port.h"
#include "net/verdict.h"
#include "table/read.h"

struct fb_explain_env {
	const struct fb_snapshot *snap;
	const struct fb_nat_ports *nat_ports;
	const char *const *port_names; /* by port index */
	uint32_t n_ports;
	/* As fb_datapath_owner(). */
	uint16_t (*owner)(void *arg, const struct fb_service *svc, uint16_t port,
			  const struct fb_tuple *client, const char **ret_rule);
	/* Which SNAT ports bring replies back to their worker's queue on a port; may be NULL: any do. */
	const struct fb_nat_steer *(*steer)(void *arg, uint16_t port);
	/*
	 * Nobody has told of routes and neighbours: next hops are taken to be there. A route that is
	 * missing then leaves the SNAT address open, which depends on the port.
	 */
	bool hops_unknown;
	bool draining; /* no new flows */
	/* As fb_datapath_affinity(); may be NULL: no client is known. */
	bool (*affinity)(void *arg, const struct fb_service *svc, const struct fb_addr *client,
			 struct fb_affinity_entry *ret);
	/* As fb_neigh_describe(); may be NULL. */
	int (*gateway)(void *arg, uint16_t nh_idx, struct fb_addr *ret);
	void *arg;
};

struct fb_explain_query {
	struct fb_addr src;
	struct fb_addr dst;
	uint16_t sport; /* host order */
	uint16_t dport;
	uint8_t proto; /* IPPROTO_TCP, _UDP, _SCTP; IPPROTO_ICMP for an echo request of either family */
};

struct fb_explanation {
	enum fb_verdict verdict;
	enum fb_reason reason; /* FB_REASON_NONE: forwarded */
	const struct fb_service *service;   /* NULL: none */
	const struct fb_frontend_spec *frontend; /* which of its frontends; NULL */
	const struct fb_endpoint *endpoint; /* NULL: none was chosen */
	rte_be16_t endpoint_port_be; /* where it goes: within a range of ports not the endpoint's own */
	uint32_t slot;        /* of the selection, where has_slot */
	uint16_t nh_idx;      /* where endpoint is set */
	uint16_t worker;
	const char *worker_rule; /* NULL: no worker decides */
	struct fb_tuple reply;   /* the endpoint's packets, where has_reply */
	bool at_run_time; /* no hash: which of the candidates it is, the worker decides then */
	bool by_affinity; /* the endpoint that the client had last */
	bool has_slot;
	bool has_reply;
	bool hides_client; /* SNAT: reply goes to an address of ours */
	bool dns;	/* it is for DNS, which this box answers */
	bool in_flow;   /* of an existing flow: nothing is chosen any more */
	bool to_client; /* then: the packet is from the endpoint */
};

/** "tcp 198.51.100.7:40000 192.0.2.10:80", "udp [2001:db8::1]:53 [2001:db8::2]:53", "icmp A B".
 *  @return 0; -EINVAL with *ret_why a sentence */
int fb_explain_parse(const char *line, struct fb_explain_query *ret, const char **ret_why);

/** The tuple of a TCP, UDP or SCTP query, as the packet path keys it. */
struct fb_tuple fb_explain_tuple(const struct fb_explain_query *query);

/** @param flow  the live flow that owns the tuple, or NULL */
void fb_explain(const struct fb_explain_env *env, const struct fb_explain_query *query,
		const struct fb_flow_row *flow, struct fb_explanation *ret);

/** The whole of it as an object; NULL: no memory. */
json_t *fb_explain_json(const struct fb_explain_env *env, const struct fb_explain_query *query,
			const struct fb_flow_row *flow, const struct fb_explanation *explanation);

/** "192.0.2.1:80", "[2001:db8::1]:80" */
#define FB_ADDR_PORT_STRLEN (FB_ADDR_STRLEN + 8)
const char *fb_addr_port_format(const struct fb_addr *addr, uint16_t port, char *buf);

/** The same of a frontend: "192.0.2.1:80", "192.0.2.1:5000-5999", "[2001:db8::1]:*" */
json_t *fb_frontend_json(const struct fb_frontend_spec *f);

#endif
