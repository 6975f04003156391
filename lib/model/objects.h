/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_MODEL_OBJECTS_H
#define FB_MODEL_OBJECTS_H

/*
 * Kubernetes objects as the user wrote them, with the API server's defaults applied.
 *
 * Not what they mean: which endpoints a Service has and which addresses it answers is decided in
 * lib/desired. Fields that decide nothing here are not kept. An object is immutable once it is made
 * (lib/manifest makes it and has validated it) and shared by counting holds; everything it points
 * to is in its own arena. Strings are never NULL: what is absent is "", unless a comment says
 * otherwise.
 *
 * A further kind is one value of enum fb_object_kind, one struct, one member of the union, one file
 * in lib/manifest and one row in its table of kinds.
 *
 * Thread: control, and whoever parses; one object belongs to one thread at a time (holds are not
 * atomic).
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "model/arena.h"

enum fb_object_kind {
	FB_KIND_SERVICE,
	FB_KIND_ENDPOINT_SLICE,
	FB_KIND_ENDPOINTS,
	FB_KIND_POD,
	FB_KIND_NODE,
	FB_KIND_NAMESPACE,
	FB_KIND_COUNT,
};

/* "Service", "EndpointSlice", "Endpoints", "Pod", "Node", "Namespace". */
extern const char *const fb_object_kind_names[FB_KIND_COUNT];

/* Labels, annotations, selectors: sorted by key, keys distinct. */
struct fb_label {
	const char *key;
	const char *value;
};

struct fb_labels {
	const struct fb_label *v;
	uint32_t n;
};

/** Value of a key, or NULL. Cost: log n. */
const char *fb_labels_get(const struct fb_labels *labels, const char *key);

/** Does kube-proxy look at a Service or slice with these labels? Some leave it to DNS or to another proxy. */
bool fb_labels_are_for_proxies(const struct fb_labels *labels);

/** Are all pairs of the selector among the labels? An empty selector selects nothing. */
bool fb_labels_select(const struct fb_labels *selector, const struct fb_labels *labels);

struct fb_meta {
	const char
		*namespace_; /* "default" where the file says nothing; "" of Node and Namespace */
	const char *name;
	struct fb_labels labels;
	struct fb_labels annotations;
	const char *creation; /* creationTimestamp: RFC 3339 in UTC, sorts as text */
};

/* ---- Service ---- */

enum fb_service_type {
	FB_SERVICE_CLUSTER_IP,
	FB_SERVICE_NODE_PORT,
	FB_SERVICE_LOAD_BALANCER,
	FB_SERVICE_EXTERNAL_NAME,
	FB_SERVICE_TYPE_COUNT,
};

/* "ClusterIP", "NodePort", "LoadBalancer", "ExternalName". */
extern const char *const fb_service_type_names[FB_SERVICE_TYPE_COUNT];

enum fb_ip_family_policy {
	FB_FAMILY_POLICY_NONE, /* not said */
	FB_FAMILY_POLICY_SINGLE,
	FB_FAMILY_POLICY_PREFER_DUAL,
	FB_FAMILY_POLICY_REQUIRE_DUAL,
	FB_FAMILY_POLICY_COUNT,
};

enum fb_traffic_policy {
	FB_TRAFFIC_NONE, /* external policy of a Service that nothing outside reaches */
	FB_TRAFFIC_CLUSTER,
	FB_TRAFFIC_LOCAL,
	FB_TRAFFIC_COUNT,
};

enum fb_traffic_distribution {
	FB_DISTRIBUTION_NONE,
	FB_DISTRIBUTION_PREFER_CLOSE, /* the older name of PreferSameZone */
	FB_DISTRIBUTION_PREFER_SAME_ZONE,
	FB_DISTRIBUTION_PREFER_SAME_NODE,
	FB_DISTRIBUTION_COUNT,
};

/* Annotation FB_ANNOTATION_TARGETS: where does traffic go? */
enum fb_targets_wish {
	FB_TARGETS_WISH_NONE,
	FB_TARGETS_WISH_PODS,
	FB_TARGETS_WISH_NODES,
	FB_TARGETS_WISH_COUNT,
};

/* Annotation FB_ANNOTATION_MODE: is the client's address hidden from endpoints? */
enum fb_mode_wish {
	FB_MODE_WISH_NONE,
	FB_MODE_WISH_SNAT,
	FB_MODE_WISH_DNAT,
	FB_MODE_WISH_COUNT,
};

/* Annotation FB_ANNOTATION_SELECTION: how a new flow's endpoint is chosen. */
enum fb_proxy_wish {
	FB_PROXY_WISH_NONE,
	FB_PROXY_WISH_OFF,
	FB_PROXY_WISH_AUTO,
	FB_PROXY_WISH_ALWAYS,
	FB_PROXY_WISH_COUNT,
};

enum fb_selection_wish {
	FB_SELECTION_WISH_NONE,
	FB_SELECTION_WISH_MAGLEV,
	FB_SELECTION_WISH_SOURCE_IP,
	FB_SELECTION_WISH_RANDOM,
	FB_SELECTION_WISH_ROUND_ROBIN,
	FB_SELECTION_WISH_LEAST_CONNECTIONS,
	FB_SELECTION_WISH_COUNT,
};

/* As the YAML says it; the entry of a _NONE value is "". */
extern const char *const fb_ip_family_names[FB_FAMILY_COUNT]; /* "IPv4", "IPv6" */
extern const char *const fb_ip_family_policy_names[FB_FAMILY_POLICY_COUNT];
extern const char *const fb_traffic_policy_names[FB_TRAFFIC_COUNT];
extern const char *const fb_traffic_distribution_names[FB_DISTRIBUTION_COUNT];
extern const char *const fb_targets_wish_names[FB_TARGETS_WISH_COUNT];
extern const char *const fb_mode_wish_names[FB_MODE_WISH_COUNT];
extern const char *const fb_selection_wish_names[FB_SELECTION_WISH_COUNT];
extern const char *const fb_proxy_wish_names[FB_PROXY_WISH_COUNT];

/** "TCP", "UDP" or "SCTP" of an IPPROTO_ number of a port. */
const char *fb_protocol_name(uint8_t proto);

#define FB_ANNOTATION_MODE    "forebay.io/mode"
#define FB_ANNOTATION_TARGETS "forebay.io/targets"
#define FB_ANNOTATION_WEIGHT  "forebay.io/weight"
#define FB_ANNOTATION_WEIGHTS "forebay.io/weights"
#define FB_ANNOTATION_SELECTION	     "forebay.io/selection"
#define FB_ANNOTATION_SLOW_START     "forebay.io/slow-start"
#define FB_ANNOTATION_DRAIN_DEADLINE "forebay.io/drain-deadline"
#define FB_ANNOTATION_REMOVED_TCP    "forebay.io/removed-tcp"
#define FB_ANNOTATION_PORT_RANGES    "forebay.io/port-ranges"
#define FB_ANNOTATION_NEW_FLOW_RATE  "forebay.io/new-flow-rate"
#define FB_ANNOTATION_TCP_MSS	     "forebay.io/tcp-mss"
#define FB_ANNOTATION_SYN_PROXY	     "forebay.io/syn-proxy"
#define FB_ANNOTATION_SYN_PROXY_SCALE "forebay.io/syn-proxy-window-scale"
/* Of what is allotted: lib/pool. */
#define FB_ANNOTATION_POOL    "forebay.io/pool"
#define FB_ANNOTATION_SHARING "forebay.io/sharing-key"
#define FB_ANNOTATION_ASKED   "forebay.io/load-balancer-ips"
#define FB_ANNOTATION_SOURCE_RANGES "service.beta.kubernetes.io/load-balancer-source-ranges"
#define FB_LABEL_SERVICE_NAME "kubernetes.io/service-name"
#define FB_LABEL_HEADLESS     "service.kubernetes.io/headless"
#define FB_LABEL_PROXY_NAME   "service.kubernetes.io/service-proxy-name"
/* An election of the older kind keeps its state in an Endpoints object. */
#define FB_ANNOTATION_LEADER  "control-plane.alpha.kubernetes.io/leader"
#define FB_LABEL_SKIP_MIRROR  "endpointslice.kubernetes.io/skip-mirror"
#define FB_LABEL_ZONE	      "topology.kubernetes.io/zone"
#define FB_LABEL_EXCLUDE_NODE "node.kubernetes.io/exclude-from-external-load-balancers"
#define FB_TAINT_LEAVING      "ToBeDeletedByClusterAutoscaler"

/* One of annotation FB_ANNOTATION_PORT_RANGES: ports first to last go to those from target on. */
struct fb_port_range {
	uint16_t first;
	uint16_t last;
	uint16_t target; /* = first: the port is kept */
	bool all;	 /* every port of the address, kept; first and last say so too */
};

struct fb_service_port {
	const char *name; /* "" if the only one */
	const char *app_protocol;
	const char *target_name; /* "" where target_port counts */
	uint16_t port;
	uint16_t target_port; /* = port where the file says nothing; 0 where target_name counts */
	uint16_t node_port;   /* 0: none */
	bool own_node_port;   /* it is not given, but allotted here: no node knows it */
	const struct fb_port_range *ranges; /* beside port; those of one protocol lie apart */
	uint32_t n_ranges;
	uint8_t proto;	      /* IPPROTO_TCP, _UDP or _SCTP */
};

/** Do both want one and the same port of an address, range or whole? One port is in nobody's range. */
bool fb_service_ports_meet(const struct fb_service_port *a, const struct fb_service_port *b);

/* One of status.loadBalancer.ingress[]. */
struct fb_ingress {
	const char *hostname;
	struct fb_addr addr;
	bool has_addr;
	bool proxy; /* ipMode: Proxy, this address is not for us to answer */
};

/*
 * One of annotation FB_ANNOTATION_WEIGHTS: new flows for an endpoint, in proportion to the others' weights.
 * 0: none.
 */
#define FB_WEIGHT_DEFAULT 1
#define FB_WEIGHT_MAX	  1000

struct fb_endpoint_weight {
	struct fb_addr addr;   /* of the endpoint, where node_name is "" */
	const char *node_name; /* all endpoints on this node */
	uint32_t weight;
};

#define FB_RATE_MAX 1000000
#define FB_UNSAID  UINT32_MAX
#define FB_FOREVER (UINT32_MAX - 1)

/* Not struct fb_service: that is the compiled one (table/read.h), and control reads both. */
struct fb_model_service {
	enum fb_service_type type;
	bool headless; /* clusterIP: None */
	bool publish_not_ready;
	bool allocate_node_ports;
	bool has_load_balancer_ip;
	uint8_t n_cluster_ips; /* 0 with !headless: none was given */
	uint8_t n_ip_families;
	uint8_t ip_families[2]; /* enum fb_family */
	enum fb_ip_family_policy ip_family_policy;
	enum fb_traffic_policy external_policy;
	enum fb_traffic_policy internal_policy;
	enum fb_traffic_distribution distribution;
	enum fb_targets_wish targets;
	enum fb_mode_wish mode;
	enum fb_selection_wish selection;
	enum fb_proxy_wish syn_proxy;
	uint32_t syn_proxy_wscale; /* FB_UNSAID where there is no such annotation */
	uint32_t affinity_timeout_s; /* 0: sessionAffinity None */
	/* Annotations; FB_UNSAID where there is none. */
	uint32_t slow_start_s;
	uint32_t drain_deadline_s; /* 0: none */
	uint32_t removed_tcp_s;	   /* FB_FOREVER: keep; 0: reset at once */
	uint32_t new_flow_rate;    /* a second, of each port; 0: as many as come */
	uint16_t tcp_mss;	   /* FB_MSS_* or bytes (base/mss.h); off where there is none */
	uint16_t health_check_node_port;
	struct fb_addr cluster_ips[2];
	const char *cluster_ip; /* cluster_ips[0] as the user spelled it; "": it was allotted */
	struct fb_addr load_balancer_ip;
	const char *load_balancer_class;
	const char *external_name;
	struct fb_labels selector;
	const struct fb_service_port *ports;
	const struct fb_addr *external_ips;
	const struct fb_prefix *source_ranges;
	const struct fb_ingress *ingress;
	const struct fb_endpoint_weight *weights; /* by node_name, then address */
	uint32_t n_weights;
	uint32_t n_ports;
	uint32_t n_external_ips;
	uint32_t n_source_ranges;
	uint32_t n_ingress;
};

/** The first ClusterIP as pods are told it, in buf of FB_ADDR_STRLEN if it has no text; "": none. */
const char *fb_service_cluster_ip(const struct fb_model_service *service, char *buf);

/* ---- EndpointSlice (discovery.k8s.io/v1, v1beta1) and Endpoints (v1) ---- */

struct fb_endpoint_port {
	const char *name;
	const char *app_protocol;
	uint16_t port; /* 0: not said, which matches nothing */
	uint8_t proto;
};

struct fb_slice_endpoint {
	const struct fb_addr *addrs; /* the first counts; the others are the same endpoint */
	uint32_t n_addrs;
	bool ready; /* nil is true */
	bool serving; /* nil is true */
	bool terminating;
	const char *hostname;
	const char *target_name; /* targetRef: the pod's name */
	const char *node_name;
	const char *zone;
	const char *const *hint_zones; /* hints.forZones[].name */
	const char *const *hint_nodes; /* hints.forNodes[].name */
	uint32_t n_hint_zones;
	uint32_t n_hint_nodes;
};

struct fb_endpoint_slice {
	const char *service; /* label FB_LABEL_SERVICE_NAME, or "": belongs to nobody */
	bool fqdn;	     /* addressType: FQDN; its endpoints are not kept */
	enum fb_family family;
	const struct fb_endpoint_port *ports;
	const struct fb_slice_endpoint *endpoints;
	uint32_t n_ports;
	uint32_t n_endpoints;
};

struct fb_endpoints_address {
	struct fb_addr addr;
	const char *hostname;
	const char *target_name; /* targetRef: the pod's name */
	const char *node_name;
};

struct fb_endpoints_subset {
	const struct fb_endpoints_address *ready;
	const struct fb_endpoints_address *not_ready;
	const struct fb_endpoint_port *ports;
	uint32_t n_ready;
	uint32_t n_not_ready;
	uint32_t n_ports;
};

struct fb_endpoints {
	const struct fb_endpoints_subset *subsets;
	uint32_t n_subsets;
};

/* ---- Pod (v1) ---- */

struct fb_pod_port {
	const char *name; /* "": who asks for it does by its number */
	uint16_t port;
	uint8_t proto;
	bool sidecar; /* of an init container that keeps running */
};

struct fb_pod {
	bool ready;	  /* condition Ready is True */
	bool terminating; /* it has a deletionTimestamp */
	bool finished;	  /* phase Succeeded or Failed: its address may be another pod's by now */
	bool has_weight;  /* by annotation FB_ANNOTATION_WEIGHT */
	uint8_t n_addrs;
	uint32_t weight;
	struct fb_addr addrs[2]; /* status.podIPs, one of a family; with hostNetwork the node's */
	const char *node_name;
	const char *hostname; /* spec.hostname: in DNS, below the Service called subdomain */
	const char *subdomain;
	const char *phase; /* status.phase as it is, for people */
	const struct fb_pod_port *ports; /* of containers first, then of sidecars */
	uint32_t n_ports;
};

/* ---- Node (v1): what a load balancer in front of the nodes asks about one. Its labels are in meta ---- */

struct fb_model_node {
	bool ready;   /* condition Ready is True; without one it is not */
	bool leaving; /* FB_TAINT_LEAVING: about to be deleted */
	uint8_t n_addrs;
	struct fb_addr addrs[2]; /* the first InternalIP, else ExternalIP, of each family */
};

/* ---- any object ---- */

struct fb_object {
	enum fb_object_kind kind;
	uint32_t holds;
	struct fb_place place; /* where its text begins; the file name is in the arena */
	struct fb_meta meta;
	struct fb_object *base; /* held: what a completed one was made from, and points into; NULL */
	union {
		struct fb_model_service service;
		struct fb_endpoint_slice slice;
		struct fb_endpoints endpoints;
		struct fb_pod pod;
		struct fb_model_node node;
	};
	struct fb_arena arena;
};

/** A zeroed object with one hold and its strings in meta set to ""; NULL: no memory. */
struct fb_object *fb_object_create(enum fb_object_kind kind, struct fb_place place);
struct fb_object *fb_object_hold(struct fb_object *object);
/** Give a hold back; the last one frees. NULL is fine. */
void fb_object_release(struct fb_object *object);

/**
 * A Service that says what another does, and can be added to: strings and lists are still the other's,
 * which is held, but for its ports, which are a copy. With one hold; NULL: no memory.
 */
struct fb_object *fb_object_completed(struct fb_object *service, struct fb_service_port **ret_ports);

/** Do both say the same? Place and creation do not count, nor does the order of labels. */
bool fb_object_equal(const struct fb_object *a, const struct fb_object *b);

/** Name of the Service that the object is about (its own, or the slice's label); "": of none. */
const char *fb_object_service_name(const struct fb_object *object);

/* What one text said. Owned by whoever has it. */
struct fb_object_ref {
	enum fb_object_kind kind;
	char *namespace_;
	char *name;
};

struct fb_objects {
	struct fb_object **v; /* one hold each */
	size_t n;
	size_t cap;
	struct fb_object_ref *refused; /* objects with errors, as far as they could be named */
	size_t n_refused;
	size_t refused_cap;
	bool incomplete; /* not read to the end, or a refused object has no name */
};

#define FB_OBJECTS_INIT {0}

/** Takes over the caller's hold, also on failure. @return 0 or -ENOMEM */
int fb_objects_add(struct fb_objects *objects, struct fb_object *object);
/** Remember that an object of this name was there and was refused. @return 0 or -ENOMEM */
int fb_objects_refuse(struct fb_objects *objects, enum fb_object_kind kind, const char *namespace_,
		      const char *name);
void fb_objects_fini(struct fb_objects *objects);

#endif
