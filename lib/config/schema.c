/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * One row per setting: name, type, least, most, default, unit, help. The parser, the defaults, the
 * errors and the commented sample come from here; a setting is added by a row and a field.
 *
 * Help is for whoever edits the file: what it does, and why the default is what it is.
 */

#include "config/schema.h"

#define AT(field) .offset = offsetof(struct settings, config.field)
#define NUMBER(field)                                                                              \
	.type = SETTING_NUMBER, AT(field), .size = sizeof(((struct fb_config *)NULL)->field)
#define DURATION(field) .type = SETTING_DURATION, AT(field), .size = sizeof(uint32_t)
#define TEXT(field)	.type = SETTING_TEXT, AT(field), .size = sizeof(char *)
#define CHOICE(field)                                                                              \
	.type = SETTING_CHOICE, AT(field), .size = sizeof(((struct fb_config *)NULL)->field)
#define ADDRS(field, n_field)                                                                      \
	.type = SETTING_ADDR, .list = true, .size = sizeof(struct fb_addr), AT(field),             \
	.offset_2 = offsetof(struct settings, config.n_field)
#define TEXTS(field, n_field)                                                                      \
	.type = SETTING_TEXT, .list = true, .size = sizeof(char *), AT(field),                     \
	.offset_2 = offsetof(struct settings, config.n_field)
#define RECORDS(field, n_field, record)                                                            \
	.type = SETTING_RECORDS, .size = sizeof(struct record), AT(field),                         \
	.offset_2 = offsetof(struct settings, config.n_field)

/* A path fits PATH_MAX, a socket's sun_path (108 with its terminator). */
#define PATH_LEN   4095
#define SOCKET_LEN 107
#define DAY_S	   86400

static const char *const hugepages_names[] = {"auto", "on", "off", NULL};
static const char *const idle_names[] = {"poll", "sleep", NULL};
/* In the order of enum fb_config_targets. */
static const char *const target_names[] = {"pods", "nodes", NULL};
/* In the order of enum fb_dns_pods, which stands in a layer above; tests/unit/config holds them together. */
static const char *const pods_names[] = {"disabled", "insecure", "verified", NULL};
static const char *const log_names[] = {"error", "warning", "notice", "info", "debug", NULL};
/* In the order of enum fb_service_mode, fb_selection and fb_frontend_kind, which stand in a layer above;
 * tests/unit/config holds them together. */
static const char *const mode_names[] = {"snat", "dnat", NULL};
static const char *const selection_names[] = {"maglev", "source-ip", "random", "round-robin",
					      "least-connections", NULL};
static const char *const removed_names[] = {"keep", "reset", "timeout", NULL};
static const char *const kind_names[] = {"ClusterIP", "NodePort", "LoadBalancer", "ExternalIP",
					 NULL};

static const struct setting port_rows[] = {
	{"name", .type = SETTING_TEXT, .size = sizeof(char *), .least = 1, .most = 12,
	 .offset = offsetof(struct fb_config_port, name), .example = "lan",
	 .help = "What the port is called here; its twin in the kernel is fb-NAME, and the kernel "
		 "allows 15 characters. Letters, digits, - and _."},
	{"device", .type = SETTING_TEXT, .size = sizeof(char *), .least = 1, .most = 255,
	 .offset = offsetof(struct fb_config_port, device), .example = "0000:3b:00.0",
	 .help = "Any DPDK device: a PCI address, or a vdev such as net_af_packet0,iface=eth1."},
	{"addresses", .type = SETTING_IF_ADDR, .list = true, .size = sizeof(struct fb_config_addr),
	 .offset = offsetof(struct fb_config_port, addresses), .most_n = 64,
	 .offset_2 = offsetof(struct fb_config_port, n_addresses), .standard = "[]",
	 .example = "[192.0.2.1/24, 2001:db8::1/64]",
	 .help = "The box's own addresses on this link, each with its prefix length. They are given "
		 "to the twin. None: whoever manages the twin's addresses does."},
	{"mac", .type = SETTING_MAC, .size = 6, .offset = offsetof(struct fb_config_port, mac),
	 .standard = "\"\"",
	 .help = "The port's own MAC address. Empty: the one that the device has."},
	{"mtu", .type = SETTING_NUMBER, .size = 2, .least = 1280, .most = 9216,
	 .offset = offsetof(struct fb_config_port, mtu), .standard = "1500", .unit = "bytes",
	 .help = "The largest IP packet. At least what every IPv6 link must carry (RFC 8200, "
		 "section 5); Ethernet's usual size is the default."},
	{"vlan", .type = SETTING_NUMBER, .size = 2, .most = 4094,
	 .offset = offsetof(struct fb_config_port, vlan), .standard = "0",
	 .help = "Frames carry this VLAN tag on the wire, and none on the twin. 0: untagged."},
	{"tcp-mss", .type = SETTING_MSS, .size = sizeof(uint16_t),
	 .offset = offsetof(struct fb_config_port, tcp_mss), .standard = "off",
	 .help = "TCP connections through this port agree on segments of no more: the MSS option of their "
		 "SYNs, both ways, is lowered to it and never raised. auto: what the next hops' and "
		 "both ports' MTU leaves after the headers, 40 bytes of IPv4 and 60 of IPv6. For paths "
		 "that lose ICMP."},
	{"announce", .type = SETTING_BOOL, .size = sizeof(bool),
	 .offset = offsetof(struct fb_config_port, announce), .standard = "true",
	 .help = "Answer ARP and neighbour discovery for service addresses here. Turn it off where "
		 "routers send service addresses to the box by routes (BGP, static)."},
	{0},
};

static const struct setting worker_rows[] = {
	{"count", NUMBER(n_workers), .least = 1, .most = FB_CONFIG_MAX_WORKERS, .standard = "1",
	 .help = "Workers, each on a core of its own. One forwards several million packets per "
		 "second; whoever needs more says so."},
	{"cores", .type = SETTING_NUMBER, .list = true, .size = 4, AT(worker_cores),
	 .offset_2 = offsetof(struct settings, n_cores), .most = 1023,
	 .most_n = FB_CONFIG_MAX_WORKERS, .standard = "[]", .example = "[2, 4]",
	 .help = "The CPU of each worker; as many as count says. A CPU may stand here twice, for "
		 "labs. Empty: from 1 upwards, the control core left out."},
	{"control-core", NUMBER(control_core), .most = 1023, .standard = "0",
	 .help = "The CPU of everything but forwarding. Core 0 has the kernel's interrupts anyway, so "
		 "workers stay clear of it."},
	{"burst", NUMBER(burst), .least = 1, .most = 64, .standard = "32", .unit = "packets",
	 .help = "At most so many packets are taken at once. Vector drivers work in 32s."},
	{"idle", CHOICE(idle), .choices = idle_names, .standard = "poll",
	 .help = "What a worker does when nothing arrives: poll (a full core, least latency) or "
		 "sleep (for labs and laptops: adds about 0.1 ms)."},
	{"ring-size", .type = SETTING_POWER_OF_2, AT(ring_size), .size = 4, .least = 64,
	 .most = 65536, .standard = "1024", .unit = "packets",
	 .help = "Room between two workers, and from a worker to the kernel: 32 full bursts, which "
		 "outlasts a stall of some hundred microseconds at a million packets per second."},
	{0},
};

static const struct setting memory_rows[] = {
	{"hugepages", CHOICE(hugepages), .choices = hugepages_names, .standard = "auto",
	 .help = "on wants them, off does without, auto takes them where they are reserved. Without "
		 "them large flow tables are slower."},
	{"size-mb", NUMBER(memory_mb), .most = 1048576, .standard = "0", .unit = "MiB",
	 .help = "Memory for packets and tables. 0: computed from this file."},
	{"mbufs", NUMBER(mbufs), .most = 16777216, .standard = "0", .unit = "packets",
	 .help = "Packet buffers of each port. 0: computed from queues and bursts."},
	{0},
};

static const struct setting timeout_rows[] = {
	{"tcp-opening", DURATION(tcp_opening_s), .least = 1, .most = DAY_S, .standard = "30s",
	 .help = "A TCP connection before both sides have spoken. A real handshake takes seconds even "
		 "with lost packets; a SYN flood's entries should not stay longer. (RFC 5382, REQ-5, "
		 "wants 4 minutes of address translators, which wait for hosts behind them.)"},
	{"tcp-established", DURATION(tcp_established_s), .least = 1, .most = 30 * DAY_S,
	 .standard = "2h5m",
	 .help = "An idle open TCP connection: at least 2 hours 4 minutes (RFC 5382, REQ-5), so that "
		 "the usual keepalive of 2 hours comes before it."},
	{"tcp-closing", DURATION(tcp_closing_s), .least = 1, .most = DAY_S, .standard = "4m",
	 .help = "After FIN from both sides or a reset: 4 minutes, twice the longest life of a "
		 "segment (RFC 9293, 3.4.2), so that late segments still reach their endpoint."},
	{"udp-new", DURATION(udp_new_s), .least = 1, .most = DAY_S, .standard = "30s",
	 .help = "A UDP flow that was not answered yet; most are one question, as in DNS."},
	{"udp", DURATION(udp_s), .least = 1, .most = DAY_S, .standard = "5m",
	 .help = "A UDP flow that was answered: 5 minutes is recommended, 2 are the least (RFC 4787, "
		 "REQ-5)."},
	{"sctp-opening", DURATION(sctp_opening_s), .least = 1, .most = DAY_S, .standard = "30s",
	 .help = "An SCTP association before the endpoint has acknowledged the cookie."},
	{"sctp-established", DURATION(sctp_established_s), .least = 1, .most = 30 * DAY_S,
	 .standard = "3m30s",
	 .help = "An idle SCTP association. Heartbeats come every 30 s and a little (RFC 9260, 8.3), so "
		 "an association that is alive never is idle for so long; give more where an "
		 "application turns them off."},
	{"sctp-closing", DURATION(sctp_closing_s), .least = 1, .most = DAY_S, .standard = "2m",
	 .help = "After SHUTDOWN or ABORT: twice the longest time after which either side sends again "
		 "(RTO.Max, RFC 9260, 16)."},
	{0},
};

static const struct setting flow_rows[] = {
	{"ipv4", NUMBER(flows_ipv4), .least = 64, .most = 268435456, .standard = "1048576",
	 .unit = "flows",
	 .help = "Room for IPv4 flows in each worker. A million takes some 100 MB. When it is full, "
		 "a new flow takes the place of the oldest half-open one; if there is none it is "
		 "dropped and counted."},
	{"ipv6", NUMBER(flows_ipv6), .least = 64, .most = 268435456, .standard = "262144",
	 .unit = "flows",
	 .help = "Room for IPv6 flows in each worker; an entry is twice as large."},
	{"affinity", NUMBER(affinity_clients), .least = 1024, .most = 268435456,
	 .standard = "262144", .unit = "clients",
	 .help = "Room for clients of Services with sessionAffinity: ClientIP, shared by all workers; 32 "
		 "bytes each. Clients that find no room go by a hash of their address instead."},
	{"pressure", NUMBER(pressure), .least = 20, .most = 99, .standard = "85", .unit = "percent",
	 .help = "From this use of a worker's tables on it spares room: new dnat flows are forwarded by "
		 "the hash alone where that is enough, what has ended, and UDP that nobody has answered, "
		 "is forgotten after 10 s. Until it is 10 percent less."},
	{"half-open-share", NUMBER(half_open_share), .least = 1, .most = 50, .standard = "25",
	 .unit = "percent",
	 .help = "How much of a worker's room TCP and SCTP connections may take that are not "
		 "established yet, and as much for UDP flows that nobody has answered. At the bound "
		 "the oldest of them makes room for a new one, so a flood of forged sources pushes "
		 "out its own."},
	{"directory", TEXT(flows_directory), .most = 200, .standard = "/dev/shm/forebay",
	 .help = "Flows are kept here, in memory, so that a restart, a crash or an upgrade goes on with "
		 "them: a directory on a tmpfs or hugetlbfs, made with mode 0700, one for each forebay. "
		 "What is there stays allotted while forebay does not run. Empty: flows end with it."},
	{"timeouts", .type = SETTING_GROUP, .rows = timeout_rows,
	 .help = "A flow without packets is forgotten after this time."},
	{0},
};

static const struct setting fragment_rows[] = {
	{"datagrams", NUMBER(fragment_datagrams), .least = 16, .most = 1048576,
	 .standard = "4096", .unit = "datagrams",
	 .help = "Room for datagrams in pieces of which not all have come, in each worker; 0.3 kB each. "
		 "When it is full, the oldest makes room: under a flood of forged fragments at a "
		 "million packets per second a true datagram still has 4 ms."},
	{"held", NUMBER(fragment_held), .least = 16, .most = 1048576, .standard = "1024",
	 .unit = "packets",
	 .help = "Fragments that each worker keeps until the first one of their datagram says the "
		 "ports: those that came out of order. At most an eighth of all packet buffers."},
	{"per-source", NUMBER(fragment_percent), .least = 1, .most = 100, .standard = "25",
	 .unit = "percent", .help = "What one source address may have of either."},
	{"timeout", DURATION(fragment_timeout_s), .least = 2, .most = 60, .standard = "2s",
	 .help = "How long a datagram may take from its first piece that comes to its last. At least 2 "
		 "seconds (RFC 6146, 3.5, FRAGMENT_MIN); who puts it together waits for 15 to 120 "
		 "(RFC 791, RFC 1122, 3.3.2, RFC 8200, 4.5), but pieces of one datagram are "
		 "milliseconds apart, and an identification is used again sooner than that."},
	{0},
};

static const struct setting nat_rows[] = {
	{"mode", CHOICE(default_mode), .choices = mode_names, .standard = "snat",
	 .help = "For Services that do not say it themselves. snat: endpoints see an address of this "
		 "box, and replies come back by themselves. dnat: they see the client's address, and "
		 "their replies must be routed through this box."},
	{"snat-addresses", ADDRS(snat_addresses, n_snat_addresses), .most_n = 256,
	 .standard = "[]", .example = "[192.0.2.4]",
	 .help = "What endpoints see as the source under snat. Empty: the addresses of the port "
		 "towards the endpoint."},
	{"snat-ports", .type = SETTING_PORT_RANGE, AT(snat_port_first), .size = 2,
	 .offset_2 = offsetof(struct settings, config.snat_port_last), .least = 1024, .most = 65535,
	 .standard = "32768-65535",
	 .help = "Source ports under snat, divided among the workers. The default leaves the lower "
		 "half to the box itself; where its kernel makes connections from the same address, "
		 "keep net.ipv4.ip_local_port_range apart."},
	{"secret", TEXT(secret), .most = 255, .standard = "\"\"",
	 .help = "Key of the hash that chooses endpoints. Boxes with the same key choose alike, so "
		 "those behind one router need the same; all boxes without a key share the empty one. "
		 "With one, nobody outside can aim at an endpoint. Flow tables and SNAT ports have "
		 "another key, drawn at random."},
	{0},
};

#define IN_POOL(field) .offset = offsetof(struct fb_config_pool, field)
#define TEXTS_IN_POOL(field, n_field)                                                              \
	.type = SETTING_TEXT, .list = true, .size = sizeof(char *), IN_POOL(field),                \
	.offset_2 = offsetof(struct fb_config_pool, n_field)

static const struct setting pool_rows[] = {
	{"name", .type = SETTING_TEXT, .size = sizeof(char *), .least = 1, .most = 63, IN_POOL(name),
	 .example = "public",
	 .help = "What messages and the annotation forebay.io/pool call it."},
	{"addresses", .type = SETTING_RANGE, .list = true, .size = sizeof(struct fb_config_range),
	 IN_POOL(ranges), .offset_2 = offsetof(struct fb_config_pool, n_ranges), .most_n = 256,
	 .example = "[192.0.2.16-192.0.2.31, 198.51.100.0/24, \"2001:db8:1::/112\"]",
	 .help = "Ranges and prefixes, of both families; every address of them can be allotted but "
		 "the box's own."},
	{"namespaces", TEXTS_IN_POOL(namespaces, n_namespaces), .least = 1, .most = 63,
	 .most_n = 1024, .standard = "[]", .example = "[shop]",
	 .help = "Only for Services of these namespaces. Empty: of any."},
	{"classes", TEXTS_IN_POOL(classes, n_classes), .most = 316, .most_n = 64,
	 .standard = "[]", .example = "[example.com/internal]",
	 .help = "Only for Services with one of these as loadBalancerClass; \"\" stands for none. "
		 "Empty: for any that load-balancer-classes lets in."},
	{"labels", TEXTS_IN_POOL(labels, n_labels), .least = 1, .most = 4095, .most_n = 64,
	 .standard = "[]", .example = "[tier=front, \"env notin (test, dev)\"]",
	 .help = "Only for Services that all of these label selectors pick, each as for kubectl -l: "
		 "KEY=VALUE, KEY!=VALUE, KEY in (A, B), KEY notin (A, B), KEY or !KEY. Empty: for any."},
	{"avoid-edges", .type = SETTING_BOOL, .size = sizeof(bool), IN_POOL(avoid_edges),
	 .standard = "false",
	 .help = "Allot no IPv4 address that ends in .0 or .255: some old devices refuse to talk to "
		 "them."},
	{"automatic", .type = SETTING_BOOL, .size = sizeof(bool), IN_POOL(automatic),
	 .standard = "true",
	 .help = "false: only for Services that ask for one of its addresses, or for it by the "
		 "annotation forebay.io/pool."},
	{0},
};

static const struct setting service_rows[] = {
	{"announce", .type = SETTING_CHOICES, AT(announce_kinds), .size = 4, .choices = kind_names,
	 .standard = "[LoadBalancer, ExternalIP]",
	 .help = "Kinds of service addresses that ARP and neighbour discovery are answered for. "
		 "ClusterIPs are usually reached by a route, NodePorts on the box's own addresses."},
	{"node-addresses", ADDRS(node_addresses, n_node_addresses), .most_n = 256,
	 .standard = "[]", .example = "[192.0.2.1]",
	 .help = "NodePorts are answered on these. Empty: on the ports' addresses."},
	{"node-name", TEXT(node_name), .most = 253, .standard = "\"\"", .example = "node-a",
	 .help = "Act as kube-proxy does on this node: where a Service's traffic policy is Local, "
		 "only endpoints on it take part, and with none there packets are dropped. Empty: "
		 "the box is no node, and Local means all ready endpoints with the client's address "
		 "kept."},
	{"zone", TEXT(zone), .most = 63, .standard = "\"\"", .example = "zone-a",
	 .help = "Endpoints that are hinted for this zone are preferred, as trafficDistribution and "
		 "topology hints want. Empty: the zone of the Node called node-name, if there is "
		 "one; else hints are not used."},
	{"selection", CHOICE(selection), .choices = selection_names, .standard = "maglev",
	 .help = "How a new flow's endpoint is chosen, for Services without the annotation "
		 "forebay.io/selection. maglev (consistent hash of the 5-tuple) and source-ip (of the "
		 "client's address) choose alike on every box and after a restart; random, round-robin "
		 "and least-connections do not. Weights count with all of them."},
	{"slow-start", DURATION(slow_start_s), .most = DAY_S, .standard = "30s",
	 .help = "Under least-connections a new endpoint has none, and would get every new flow. Its "
		 "weight grows from near nothing to its own over this time. 0: at once."},
	{"drain-deadline", DURATION(drain_deadline_s), .most = 30 * DAY_S, .standard = "0s",
	 .help = "How long an endpoint that terminates keeps its flows; then TCP is reset and UDP gets "
		 "another endpoint. 0: as long as they last, as kube-proxy does."},
	{"removed-tcp", CHOICE(removed_tcp), .choices = removed_names, .standard = "keep",
	 .help = "TCP flows of an endpoint that is gone from the cluster: keep them until they end by "
		 "themselves (the pod may still be there), reset them at once, or after "
		 "removed-tcp-timeout. UDP flows get another endpoint at once."},
	{"removed-tcp-timeout", DURATION(removed_tcp_timeout_s), .least = 1, .most = 30 * DAY_S,
	 .standard = "1m", .help = "For removed-tcp: timeout."},
	{"targets", CHOICE(targets), .choices = target_names, .standard = "pods",
	 .help = "Where traffic goes, for Services without the annotation forebay.io/targets. pods: "
		 "straight to the endpoints, which need routes to them. nodes: to the NodePorts that "
		 "the manifests give, on the nodes' addresses; what has none goes to the pods."},
	{"cluster-cidrs", .type = SETTING_PREFIX, .list = true, .size = sizeof(struct fb_prefix),
	 AT(cluster_cidrs), .offset_2 = offsetof(struct settings, config.n_cluster_cidrs),
	 .most_n = 2, .standard = "[]", .example = "[10.96.0.0/12, \"fd00:10:96::/112\"]",
	 .help = "Services without a clusterIP get one from here; one prefix of a family, the first "
		 "is the family of those that ask for none. As the API server does, the low end (16 "
		 "to 256 addresses) is left to addresses that manifests give. What is sent to an address "
		 "of it that no Service has is dropped. Empty: they have none."},
	{"node-port-range", .type = SETTING_PORT_RANGE, AT(node_port_first), .size = 2,
	 .offset_2 = offsetof(struct settings, config.node_port_last), .least = 1, .most = 65535,
	 .standard = "30000-32767",
	 .help = "NodePorts and healthCheckNodePorts that manifests do not give are picked from here, "
		 "but never from nat.snat-ports."},
	{"load-balancer-classes", TEXTS(load_balancer_classes, n_load_balancer_classes),
	 .most = 316, .most_n = 64, .standard = "[]", .example = "[\"\", example.com/internal]",
	 .help = "Services with one of these as loadBalancerClass are this box's; \"\" stands for "
		 "none. Empty: those without a class, and no others."},
	{"pools", RECORDS(pools, n_pools, fb_config_pool), .most_n = 256, .rows = pool_rows,
	 .standard = "[]",
	 .help = "LoadBalancer Services without an address get one from the first pool that is for "
		 "them and has one left; loadBalancerIP has to be in a pool. Without any pool nothing "
		 "is allotted, and loadBalancerIP may be anything."},
	{"max-services", NUMBER(max_services), .least = 1, .most = 1048576, .standard = "65536",
	 .unit = "service ports", .help = "Room for (address family, Service, port) together."},
	{"max-endpoints", NUMBER(max_endpoints), .least = 1, .most = 16777216,
	 .standard = "262144", .unit = "endpoints",
	 .help = "Room for endpoints of all service ports together: four for each by default."},
	{0},
};

static const struct setting dns_rows[] = {
	{"enabled", .type = SETTING_BOOL, .size = sizeof(bool), AT(dns_enabled),
	 .standard = "false",
	 .help = "Answer DNS for the cluster's names. Off by default: a box that does not know all of "
		 "the cluster's objects would tell clients that names do not exist, in place of the "
		 "cluster's own DNS, which queries go to otherwise."},
	{"domain", TEXT(dns_domain), .least = 1, .most = 57, .standard = "cluster.local",
	 .help = "What the cluster's names end in. With the longest Service name a longer one would not "
		 "fit into 255 bytes."},
	{"ttl", DURATION(dns_ttl_s), .most = 3600, .standard = "5s",
	 .help = "How long clients may remember an answer, also that there is none. CoreDNS' default: "
		 "pods of a headless Service come and go."},
	{"service", TEXT(dns_service), .most = 127, .standard = "kube-system/kube-dns",
	 .help = "NAMESPACE/NAME of the Service on whose addresses DNS is answered, instead of being "
		 "sent to its endpoints: those that have a UDP port 53. Empty: on none."},
	{"addresses", ADDRS(dns_addresses, n_dns_addresses), .most_n = 16, .standard = "[]",
	 .example = "[192.0.2.53, 2001:db8::53]",
	 .help = "Further addresses that DNS is answered on, port 53: the box's own or others. For "
		 "others ARP and neighbour discovery are answered too."},
	{"resolvers", ADDRS(dns_resolvers, n_dns_resolvers), .most_n = 8, .standard = "[]",
	 .example = "[192.0.2.1]",
	 .help = "Who is asked for names outside of the domain, and for what an ExternalName leads "
		 "to. Empty: such names are refused, and an ExternalName is answered as it is."},
	{"reverse-zones", .type = SETTING_PREFIX, .list = true, .size = sizeof(struct fb_prefix),
	 AT(dns_reverse_zones), .offset_2 = offsetof(struct settings, config.n_dns_reverse_zones),
	 .most_n = 16, .standard = "[]", .example = "[10.96.0.0/16]",
	 .help = "Prefixes of which an address that nothing is known of has no name (NXDOMAIN). Of "
		 "others such a query is forwarded or refused; what is known is answered for all."},
	{"namespaces", .type = SETTING_TEXT, .list = true, .size = sizeof(char *), .least = 1,
	 .most = 63, AT(dns_namespaces),
	 .offset_2 = offsetof(struct settings, config.n_dns_namespaces), .most_n = 4096,
	 .standard = "[]", .example = "[default, kube-system]",
	 .help = "Only names in these exist. Empty: in all."},
	{"pods", CHOICE(dns_pods), .choices = pods_names, .standard = "disabled",
	 .help = "10-1-2-3.NAMESPACE.pod.DOMAIN: disabled does not know such names, insecure answers "
		 "10.1.2.3 whatever is there, verified if such a Pod is in that namespace."},
	{"pod-names", .type = SETTING_BOOL, .size = sizeof(bool), AT(dns_pod_names),
	 .standard = "false",
	 .help = "An endpoint without a hostname is called as its pod (targetRef), not by its address: "
		 "endpoint_pod_names of CoreDNS."},
	{"ignore-empty-services", .type = SETTING_BOOL, .size = sizeof(bool), AT(dns_ignore_empty),
	 .standard = "false",
	 .help = "A Service with a clusterIP and without ready endpoints does not exist: so clients "
		 "with several clusters go on to the next one."},
	{0},
};

static const struct setting limit_rows[] = {
	{"reject-rate", NUMBER(reject_rate), .most = 1000000, .standard = "1000",
	 .unit = "packets per second and worker",
	 .help = "TCP resets and ICMP unreachables for ports without service and services without "
		 "endpoints. Enough for people to see it at once, too few to serve a reflection. "
		 "Copies of an endpoint's packet for a client that may have asked several addresses "
		 "have the same rate. 0: none."},
	{"icmp-rate", NUMBER(icmp_rate), .most = 1000000, .standard = "1000",
	 .unit = "packets per second and worker",
	 .help = "Other ICMP errors and answers to ping (RFC 4443, 2.4 f, wants a limit). 0: none."},
	{"icmp-error-rate", NUMBER(icmp_error_rate), .most = 1000000, .standard = "1000",
	 .unit = "packets per second and worker",
	 .help = "ICMP errors of others about packets of flows, which are translated and passed on to "
		 "the client or endpoint. Apart from the rate above, so that a flood of pings does "
		 "not stop path MTU discovery. 0: none."},
	{"source-rate", NUMBER(source_rate), .most = 1000000, .standard = "0",
	 .unit = "new flows per second",
	 .help = "How many new flows one source may open, and at once; others are dropped. Established "
		 "ones are not asked. Each worker gives its part of it. 0: as many as it likes."},
	{"source-prefix-ipv4", NUMBER(source_bits[FB_IPV4]), .least = 8, .most = 32,
	 .standard = "32", .unit = "bits",
	 .help = "Addresses that agree in so many bits are one source."},
	{"source-prefix-ipv6", NUMBER(source_bits[FB_IPV6]), .least = 16, .most = 128,
	 .standard = "64", .unit = "bits",
	 .help = "The same for IPv6, where a host has a whole /64 to choose from."},
	{"service-rate", NUMBER(service_rate), .most = 1000000, .standard = "0",
	 .unit = "new flows per second",
	 .help = "How many new flows each port of a Service takes in each family, of those without the "
		 "annotation forebay.io/new-flow-rate. 0: as many as come."},
	{0},
};

static const struct setting manifest_rows[] = {
	{"path", .type = SETTING_TEXT, .size = sizeof(char *), .least = 1, .most = PATH_LEN,
	 .offset = offsetof(struct fb_config_source, path), .example = "/etc/forebay/manifests",
	 .help = "A file, or a directory whose .yaml, .yml and .json files are read and watched."},
	{"all-or-nothing", .type = SETTING_BOOL, .size = sizeof(bool),
	 .offset = offsetof(struct fb_config_source, all_or_nothing), .standard = "false",
	 .help = "true: one object with an error refuses its whole file. false: only itself."},
	{0},
};

static const struct setting neighbour_rows[] = {
	{"address", .type = SETTING_ADDR, .size = sizeof(struct fb_addr),
	 .offset = offsetof(struct fb_config_neighbour, addr), .example = "192.0.2.9",
	 .help = "IPv4 or IPv6."},
	{"mac", .type = SETTING_MAC, .size = 6, .least = 1,
	 .offset = offsetof(struct fb_config_neighbour, mac), .example = "02:00:5e:00:53:09",
	 .help = "Its MAC address."},
	{"port", .type = SETTING_TEXT, .size = sizeof(char *), .least = 1, .most = 12,
	 .offset = offsetof(struct fb_config_neighbour, port), .example = "lan",
	 .help = "The name of the port behind which it is."},
	{0},
};

static const struct setting route_rows[] = {
	{"prefix", .type = SETTING_PREFIX, .size = sizeof(struct fb_prefix),
	 .offset = offsetof(struct fb_config_route, prefix), .example = "198.51.100.0/24",
	 .help = "Where to; 0.0.0.0/0 and ::/0 are the default routes."},
	{"via", .type = SETTING_ADDR, .size = sizeof(struct fb_addr),
	 .offset = offsetof(struct fb_config_route, via), .standard = "\"\"",
	 .example = "192.0.2.9", .help = "The next router. Empty: the addresses are on the link."},
	{"port", .type = SETTING_TEXT, .size = sizeof(char *), .least = 1, .most = 12,
	 .offset = offsetof(struct fb_config_route, port), .example = "lan",
	 .help = "The name of the port to send on."},
	{0},
};

static const struct setting lab_rows[] = {
	{"neighbours", RECORDS(neighbours, n_neighbours, fb_config_neighbour), .most_n = 4096,
	 .rows = neighbour_rows, .standard = "[]", .help = "Instead of ARP and neighbour discovery."},
	{"routes", RECORDS(routes, n_routes, fb_config_route), .most_n = 4096, .rows = route_rows,
	 .standard = "[]", .help = "Instead of the kernel's routes."},
	{0},
};

static const struct setting sync_rows[] = {
	{"listen", .type = SETTING_LISTEN, AT(sync_listen), .size = sizeof(char *),
	 .standard = "\"\"",
	 .help = "ADDRESS:PORT or [ADDRESS]:PORT of this machine, over UDP, where the peer's flows "
		 "come in. Empty: there is no peer."},
	{"peer", .type = SETTING_LISTEN, AT(sync_peer), .size = sizeof(char *),
	 .standard = "\"\"",
	 .help = "The same of the other box. Both list the same ports in the same order, and have the "
		 "same Services, the same nat.secret, the same nat.snat-addresses, which go to "
		 "whoever is left, and nat.snat-ports apart from each other."},
	{"interface", TEXT(sync_interface), .most = 15, .standard = "\"\"",
	 .help = "The interface of this machine over which alone it goes. Empty: any."},
	{"key-file", TEXT(sync_key_file), .most = PATH_LEN, .standard = "\"\"",
	 .help = "What both boxes share and nobody else: 16 to 1024 bytes, best of /dev/urandom. It "
		 "signs what is sent; the flows are not encrypted."},
	{"age", DURATION(sync_age_s), .most = 3600, .standard = "10s",
	 .help = "Flows that have lasted for so long are told of, and those at once whose endpoint is "
		 "not the one that the other box would choose."},
	{"dnat", .type = SETTING_BOOL, .size = sizeof(bool), AT(sync_dnat), .standard = "true",
	 .help = "Whether those of dnat are told of, too. Without, they are found again by the hash as "
		 "soon as their client speaks: a download whose client has nothing to say stands "
		 "still."},
	{"interval", DURATION(sync_interval_s), .least = 1, .most = 3600, .standard = "5s",
	 .help = "All of them are told of again so often, if the bandwidth allows it."},
	{"bandwidth", NUMBER(sync_bandwidth), .least = 10000, .most = 1000000000,
	 .standard = "1000000", .unit = "bytes per second",
	 .help = "What is sent to the peer at most. An IPv4 flow takes 40."},
	{0},
};

static const struct setting control_rows[] = {
	{"socket", TEXT(control_socket), .least = 1, .most = SOCKET_LEN,
	 .standard = "/run/forebay/control.sock", .help = "Where forebayctl finds the daemon."},
	{"group", TEXT(control_group), .most = 255, .standard = FB_CONFIG_GROUP,
	 .help = "The group that may use the socket (mode 0660). Empty: root only; so it is too while the "
		 "system has no group " FB_CONFIG_GROUP ". Any other has to exist."},
	{0},
};

static const struct setting metrics_rows[] = {
	{"listen", .type = SETTING_LISTEN, AT(metrics_listen), .size = sizeof(char *),
	 .standard = "127.0.0.1:9464",
	 .help = "ADDRESS:PORT or [ADDRESS]:PORT of the Prometheus text. Only this machine by "
		 "default: it tells what runs here. Empty: off."},
	{0},
};

static const struct setting log_rows[] = {
	{"level", CHOICE(log_level), .choices = log_names, .standard = "notice",
	 .help = "What is written to the log: this and what is more urgent."},
	{0},
};

const struct setting fb_config_rows[] = {
	{"ports", RECORDS(ports, n_ports, fb_config_port), .most_n = FB_CONFIG_MAX_PORTS,
	 .rows = port_rows, .standard = "[]",
	 .help = "The links that packets arrive and leave on. The daemon wants at least one; "
		 "everything else in this file may stay as it is."},
	{"workers", .type = SETTING_GROUP, .rows = worker_rows, .help = "Who forwards."},
	{"memory", .type = SETTING_GROUP, .rows = memory_rows, .help = "What DPDK is given."},
	{"flows", .type = SETTING_GROUP, .rows = flow_rows,
	 .help = "Connections that are remembered, per worker, and the endpoints of clients."},
	{"fragments", .type = SETTING_GROUP, .rows = fragment_rows,
	 .help = "IP datagrams in pieces, which follow the flow that their first piece names."},
	{"nat", .type = SETTING_GROUP, .rows = nat_rows, .help = "How addresses are rewritten."},
	{"services", .type = SETTING_GROUP, .rows = service_rows, .help = "What is forwarded."},
	{"dns", .type = SETTING_GROUP, .rows = dns_rows,
	 .help = "The cluster's names, answered by the workers."},
	{"limits", .type = SETTING_GROUP, .rows = limit_rows,
	 .help = "What the box says of its own accord, at most."},
	{"manifests", RECORDS(manifests, n_manifests, fb_config_source), .most_n = 64,
	 .rows = manifest_rows, .standard = "[]",
	 .help = "Where Services and endpoints come from, beside forebayctl apply."},
	{"state-dir", TEXT(state_dir), .least = 1, .most = PATH_LEN,
	 .standard = "/var/lib/forebay",
	 .help = "Kept here over restarts: what forebayctl apply brought, which addresses and NodePorts "
		 "were allotted, and what manifests said when they were last good."},
	{"lab", .type = SETTING_GROUP, .rows = lab_rows,
	 .help = "Fixed neighbours and routes, for labs and tests without a kernel that knows them."},
	{"sync", .type = SETTING_GROUP, .rows = sync_rows,
	 .help = "A second box that goes on with established connections when this one is lost."},
	{"control", .type = SETTING_GROUP, .rows = control_rows, .help = "The operator's way in."},
	{"metrics", .type = SETTING_GROUP, .rows = metrics_rows, .help = "Counters over HTTP."},
	{"log", .type = SETTING_GROUP, .rows = log_rows, .help = "What the daemon tells."},
	{0},
};
