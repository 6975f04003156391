/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DESIRED_DESIRED_H
#define FB_DESIRED_DESIRED_H

/*
 * What Kubernetes means: the objects of one Service into flat service ports for lib/table.
 *
 * Frontends of a port, per family: the clusterIP, each externalIP, each load balancer ingress
 * address (not those with ipMode Proxy), and its nodePort on each node address. A Service that has
 * ClusterIPs is of their families only. No port of a headless Service, an ExternalName, or one that a label
 * gives to another proxy or calls headless. Where a
 * LoadBalancer's status has no ingress at all, spec.loadBalancerIP stands in: kube-proxy never
 * reads that field, but a box that is driven by files has nobody who fills in the status.
 *
 * The annotation forebay.io/port-ranges adds ranges of ports, or all, to a port: at the same addresses
 * but those of nodes, with the same endpoints, which get the packet's port, kept or shifted, in
 * place of their own. Where the nodes are the targets there are none.
 *
 * loadBalancerSourceRanges are for the load balancer's addresses only, each family by its own: with
 * ranges of the other family alone, or with one that holds everybody, everybody may come.
 *
 * sessionAffinity ClientIP: a client address keeps its endpoint of a port until timeoutSeconds after its
 * last new flow, or until the endpoint takes no new flows. It goes over any way of selection, which is
 * the Service's annotation forebay.io/selection, or else the settings'.
 *
 * Endpoints of a port: those of the Service's slices of that family whose port has the same name
 * and protocol, with the number that the slice says; without any slice, the older Endpoints. Ready
 * ones take traffic; if there is none, those that are terminating but still serve. Serving ones
 * that are not chosen drain. The result is sorted by address and port and does not depend on the
 * order of anything.
 *
 * Draining: an endpoint that terminates has the Service's deadline for its flows (annotation
 * forebay.io/drain-deadline), one that is gone has forebay.io/removed-tcp; or else the settings'.
 *
 * Weights: the Service's annotation forebay.io/weights by address or node, else the Pod's own
 * forebay.io/weight, else 1. With 0 an endpoint that would take new flows drains instead.
 *
 * With neither slices nor Endpoints, and a selector, it is the Pods: forebay does what the cluster's
 * endpoint controller would. A Pod of the Service's namespace whose labels have all of the selector,
 * with an address of the family, that has not finished; ready by its condition (or always, with
 * publishNotReadyAddresses), terminating once it has a deletionTimestamp; targetPort as a number, or
 * the container port of that name and protocol (containers first, then sidecars), without which
 * this Pod has no such port. Where Nodes are known, a Pod on an unknown one is none.
 *
 * Hints of endpoints count where settings name a node or a zone: if every ready endpoint has one and
 * some are for this node (or else this zone), only those take traffic. From Pods, hints follow
 * trafficDistribution; the annotation topology-mode, which weighs zones by their CPUs, makes none.
 *
 * Targets: the endpoints, or, by the annotation forebay.io/targets or the settings, the nodes' NodePorts:
 * for boxes that have no routes to pods. A node is what a cloud's load balancer would send to: ready, not
 * labelled as excluded. With policy Local only nodes with ready endpoints (or else with some that
 * terminate and still serve), each weighted by how many it has. A port without a NodePort in its manifest
 * is served by its endpoints.
 *
 * Traffic policies, with a node in the settings: exactly what kube-proxy does there. Local means the
 * ready endpoints on that node (or else those that terminate there and still serve), with the
 * client's address kept for what comes from outside; with none there the packet is dropped if there
 * are some elsewhere, and rejected if there are none at all. So ClusterIPs (internalTrafficPolicy)
 * and the other frontends (externalTrafficPolicy) may become two specs of one port, and source
 * ranges make a third. One thing is different: kube-proxy gives a pod of its own node the whole cluster's endpoints behind an external
 * address with Local; a box cannot tell whose the client is, and treats all alike.
 *
 * Traffic policies, without one: this box is no node, so Local means all ready endpoints, with the client's
 * address kept (dnat), as a load balancer in front of the nodes and the nodes' own Local policy do
 * together. Replies must then be routed back through the box. Where they are not, the annotation
 * forebay.io/mode: snat on the Service overrules it; the annotation always wins, the default mode
 * of the settings comes last.
 *
 * Pure: same store and settings, same result, whatever was built before. Thread: control.
 */

#include "model/store.h"
#include "table/spec.h"

struct fb_desired_settings {
	enum fb_service_mode default_mode;
	enum fb_selection selection; /* for Services that do not say it */
	uint32_t slow_start_s;	     /* likewise, and those below */
	uint32_t drain_deadline_s;   /* 0: none */
	uint32_t removed_tcp_s;	     /* FB_FOREVER: keep */
	uint32_t new_flow_rate;      /* 0: as many as come */
	bool to_nodes; /* Services that do not say it are served by the nodes' NodePorts */
	const struct fb_addr *node_addresses; /* NodePorts are answered here; both families */
	uint32_t n_node_addresses;
	const char *node_name; /* "" or NULL: as no node */
	const char *zone;      /* "" or NULL: that of the Node called node_name, if it is known */
	struct fb_desired_recent *recent; /* of large Services what was found last; NULL: begin anew each time */
};

/*
 * What the last builds found of Services with very many endpoints, so that the next one looks at those slices
 * alone that are other ones. It makes nothing come out differently: it holds the very slices it knows of. Of
 * use to one set of settings.
 */
struct fb_desired_recent *fb_desired_recent_create(void); /* NULL: no memory */
void fb_desired_recent_free(struct fb_desired_recent *recent); /* takes NULL */

/* The specs of one Service, one to three per port and family with a frontend; owns what they point to. */
struct fb_service_specs {
	struct fb_service_spec *v;
	uint32_t n;
	struct fb_place place; /* of the Service, for the table's errors; the store's */
	struct fb_arena arena;
};

/**
 * Build what one Service wants.
 *
 * @param errs  notices: what the Service says and cannot have (a protocol that is not carried)
 * @param ret   n is 0 where it is unknown, deleted or has no frontend: the table then drops it.
 *              Untouched on failure; else for fb_service_specs_free()
 * @return 0 or -ENOMEM
 */
int fb_desired_build(const struct fb_store *store, const struct fb_desired_settings *settings,
		     const char *namespace_, const char *name, struct fb_service_specs *ret,
		     struct fb_errs *errs);
/** Free what it holds, not the struct itself. */
void fb_service_specs_free(struct fb_service_specs *specs);

#endif
