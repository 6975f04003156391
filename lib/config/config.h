/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONFIG_CONFIG_H
#define FB_CONFIG_CONFIG_H

/*
 * The daemon's settings as the user wrote them, defaults filled in. Immutable after reading.
 *
 * One row per setting in config/schema.c: name, type, least, most, default, unit, help. The parser,
 * the defaults, the error messages and `forebay --print-config` (which config/forebay.yaml in the tree
 * equals) all come from those rows.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

#define FB_CONFIG_MAX_PORTS   32
#define FB_CONFIG_MAX_WORKERS 64
/* Who may use the control socket where the config does not say: the installed sysusers file makes it. */
#define FB_CONFIG_GROUP "forebay"


/* An interface address: the host part is kept. */
struct fb_config_addr {
	struct fb_addr addr;
	uint8_t len_bits;
};

struct fb_config_port {
	char *name;   /* "lan": the kernel twin is called fb-lan; at most 12 characters */
	char *device; /* PCI address "0000:3b:00.0" or vdev "net_af_packet0,iface=eth1" */
	struct fb_config_addr *addresses;
	uint32_t n_addresses;
	uint8_t mac[6]; /* all zero: the device's own */
	uint16_t mtu;   /* L3 bytes */
	uint16_t vlan;  /* 0: untagged; else frames carry this tag on the wire, not on the twin */
	uint16_t tcp_mss; /* to which MSS options are lowered that pass through: base/mss.h */
	bool announce;  /* answer ARP and NDP for service addresses on this port */
};

enum fb_config_hugepages { FB_HUGEPAGES_AUTO, FB_HUGEPAGES_ON, FB_HUGEPAGES_OFF };
enum fb_config_idle { FB_IDLE_POLL, FB_IDLE_SLEEP };
enum fb_config_removed { FB_REMOVED_KEEP, FB_REMOVED_RESET, FB_REMOVED_TIMEOUT };
enum fb_config_log { FB_LOG_ERROR, FB_LOG_WARNING, FB_LOG_NOTICE, FB_LOG_INFO, FB_LOG_DEBUG };

struct fb_config_source {
	char *path;          /* file or directory of manifests */
	bool all_or_nothing; /* one refused object refuses its whole file */
};

struct fb_config_neighbour { /* lab: instead of ARP and NDP */
	struct fb_addr addr;
	uint8_t mac[6];
	char *port;
};

struct fb_config_route { /* lab: instead of the kernel's routes */
	struct fb_prefix prefix;
	struct fb_addr via; /* all zero: on-link */
	char *port;
};

/* Addresses from first to last, of one family. */
struct fb_config_range {
	struct fb_addr first;
	struct fb_addr last;
};

struct fb_selector; /* model/selector.h */

/* Where LoadBalancer Services get their addresses; an empty list of whom it is for means anybody. */
struct fb_config_pool {
	char *name;
	struct fb_config_range *ranges; /* apart from each other and from those of other pools */
	uint32_t n_ranges;
	char **namespaces;
	uint32_t n_namespaces;
	char **classes; /* loadBalancerClass */
	uint32_t n_classes;
	char **labels; /* as written */
	uint32_t n_labels;
	struct fb_selector *selectors; /* of the labels; all of them have to pick a Service */
	uint32_t n_selectors;
	bool avoid_edges; /* leave IPv4 addresses that end in .0 or .255 out */
	bool automatic;   /* also for Services that do not ask for it */
};

enum fb_config_targets { FB_TARGETS_PODS, FB_TARGETS_NODES };

struct fb_config {
	struct fb_config_port *ports;
	uint32_t n_ports;

	/* workers: */
	uint32_t n_workers;       /* count; the number of cores where that list is given */
	uint32_t *worker_cores;   /* n_workers CPU numbers; a CPU may be listed twice (labs, tests) */
	uint32_t control_core;
	uint32_t burst;           /* packets per receive call, 1 to 64 */
	enum fb_config_idle idle; /* what a worker does when nothing arrives */
	uint32_t ring_size;       /* hand-over and punt rings, a power of two */

	/* memory: */
	enum fb_config_hugepages hugepages;
	uint32_t memory_mb;    /* for EAL; 0: computed from what is configured */
	uint32_t mbufs;        /* per port; 0: computed from queues and bursts */

	/* flows: (per worker) */
	uint32_t flows_ipv4;
	uint32_t flows_ipv6;
	char *flows_directory; /* on a tmpfs or hugetlbfs; "": flows end with the process */
	uint32_t affinity_clients; /* of all workers together */
	uint32_t pressure;         /* percent of a bound */
	uint32_t half_open_share;  /* percent of a table, for each kind (enum fb_flow_queue) */
	uint32_t tcp_opening_s;
	uint32_t tcp_established_s;
	uint32_t tcp_closing_s;
	uint32_t udp_new_s;
	uint32_t udp_s;
	uint32_t sctp_opening_s;
	uint32_t sctp_established_s;
	uint32_t sctp_closing_s;

	/* fragments: (per worker) */
	uint32_t fragment_datagrams;
	uint32_t fragment_held;
	uint32_t fragment_percent; /* of both, for one source */
	uint32_t fragment_timeout_s;

	/* nat: */
	uint8_t default_mode; /* enum fb_service_mode */
	struct fb_addr *snat_addresses; /* empty: the addresses of the egress port */
	uint32_t n_snat_addresses;
	uint16_t snat_port_first;
	uint16_t snat_port_last;
	char *secret; /* boxes that share it choose alike */

	/* services: */
	uint32_t announce_kinds; /* bits (1 << enum fb_frontend_kind) */
	struct fb_addr *node_addresses; /* NodePorts are answered here; empty: on the ports' addresses */
	uint32_t n_node_addresses;
	char *node_name; /* act as this node; "": as no node */
	char *zone;      /* for topology hints; "": the zone of that node, if it is known */
	uint8_t selection;       /* enum fb_selection */
	uint8_t removed_tcp;     /* enum fb_config_removed */
	uint32_t slow_start_s;
	uint32_t drain_deadline_s; /* 0: none */
	uint32_t removed_tcp_timeout_s;
	enum fb_config_targets targets;
	struct fb_prefix *cluster_cidrs; /* ClusterIPs come from these; at most one of a family */
	uint32_t n_cluster_cidrs;
	struct fb_config_pool *pools;
	uint32_t n_pools;
	char **load_balancer_classes; /* that are ours; none: Services without a class */
	uint32_t n_load_balancer_classes;
	uint16_t node_port_first;
	uint16_t node_port_last;
	uint32_t max_services;   /* service ports */
	uint32_t max_endpoints;

	/* dns: */
	bool dns_enabled;
	char *dns_domain;
	uint32_t dns_ttl_s;
	char *dns_service; /* "NAMESPACE/NAME"; "": none */
	struct fb_addr *dns_addresses; /* answered on, beside the Service's */
	uint32_t n_dns_addresses;
	struct fb_addr *dns_resolvers; /* for names that are not ours; empty: refused */
	uint32_t n_dns_resolvers;
	struct fb_prefix *dns_reverse_zones; /* whole octets or nibbles */
	uint32_t n_dns_reverse_zones;
	char **dns_namespaces; /* only these have names; empty: all */
	uint32_t n_dns_namespaces;
	uint32_t dns_pods; /* enum fb_dns_pods */
	bool dns_pod_names;
	bool dns_ignore_empty;

	/* limits: (packets per second and worker) */
	uint32_t reject_rate;
	uint32_t icmp_rate;
	uint32_t icmp_error_rate;
	/* new flows per second and box; 0: as many as come */
	uint32_t source_rate;                 /* of each source */
	uint32_t service_rate;                /* to each port of a Service that does not say it */
	uint8_t source_bits[FB_FAMILY_COUNT]; /* a source is a prefix of so many */

	struct fb_config_source *manifests;
	uint32_t n_manifests;
	char *state_dir; /* kept over restarts: what `forebayctl apply` brought, what was allotted */

	/* lab: */
	struct fb_config_neighbour *neighbours;
	uint32_t n_neighbours;
	struct fb_config_route *routes;
	uint32_t n_routes;

	char *sync_listen; /* "": no peer */
	char *sync_peer;
	char *sync_interface; /* "": any */
	char *sync_key_file;
	uint32_t sync_age_s;
	bool sync_dnat;
	uint32_t sync_interval_s;
	uint32_t sync_bandwidth; /* bytes per second */
	char *control_socket;
	char *control_group;   /* group that may use the socket; "": root only */
	char *metrics_listen;  /* "127.0.0.1:9464"; "" : off */
	enum fb_config_log log_level;
};

/** First and last address of a prefix. */
void fb_config_range_of(const struct fb_prefix *prefix, struct fb_config_range *ret);

/**
 * Read a config file.
 *
 * Thread: start-up.
 * @param errs  every error of the file, with line and column
 * @return 0; -EINVAL with errs filled; -errno of opening the file (in errs too). *ret only on success.
 */
int fb_config_read(const char *path, struct fb_config **ret, struct fb_errs *errs);

/** The same from memory; name is what errors call it. For tests and fuzzers. */
int fb_config_parse(const char *name, const char *text, size_t len, struct fb_config **ret,
		    struct fb_errs *errs);

/** Free it; NULL is fine. */
void fb_config_free(struct fb_config *config);

/** The commented sample with every key at its default, as one string to free(); NULL: no memory. */
char *fb_config_sample(void);

#endif
