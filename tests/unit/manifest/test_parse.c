/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "alloc_fail.h"
#include "manifest/manifest.h"

static void parse(const char *text, struct fb_objects *objects, struct fb_errs *errs)
{
	assert_int_equal(fb_manifest_parse("m", text, strlen(text), objects, errs), 0);
}

/* All errors and notices of a text, a line each. */
static const char *said(const struct fb_errs *errs)
{
	static char text[8192];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < errs->n && len < sizeof(text) - 1024; i++) {
		len += fb_err_format(&errs->v[i], text + len, sizeof(text) - len);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "\n");
	}
	return text;
}

/* A Service whose spec is {spec}: on line 1, with the spec beginning in column 63. */
#define SERVICE(spec) "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {" spec "}}"
#define SLICE(rest)                                                                                \
	"{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: web-1, labels: "  \
	"{kubernetes.io/service-name: web}}, " rest "}"

static void defaults_are_those_of_the_api_server(void **state)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;
	const struct fb_model_service *s;

	(void)state;
	parse(SERVICE("ports: [{port: 80}, ], externalIPs: [192.0.2.1]"), &objects, &errs);
	assert_string_equal(said(&errs), "");
	assert_int_equal(objects.n, 1);
	assert_string_equal(objects.v[0]->meta.namespace_, "default");
	s = &objects.v[0]->service;
	assert_int_equal(s->type, FB_SERVICE_CLUSTER_IP);
	assert_int_equal(s->ports[0].proto, IPPROTO_TCP);
	assert_int_equal(s->ports[0].target_port, 80);
	assert_string_equal(s->ports[0].name, "");
	assert_int_equal(s->external_policy, FB_TRAFFIC_CLUSTER);
	assert_int_equal(s->internal_policy, FB_TRAFFIC_CLUSTER);
	assert_int_equal(s->affinity_timeout_s, 0);
	assert_true(s->allocate_node_ports);
	fb_objects_fini(&objects);
}

static void conditions_that_are_not_said_are_ready_and_serving(void **state)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;
	const struct fb_endpoint_slice *s;

	(void)state;
	parse(SLICE("addressType: IPv4, endpoints: [{addresses: [10.0.0.1]}, {addresses: "
		    "[010.0.0.2], conditions: {ready: false, serving: null, terminating: true}}], "
		    "ports: [{port: 8080}]"),
	      &objects, &errs);
	assert_string_equal(said(&errs), "");
	s = &objects.v[0]->slice;
	assert_string_equal(s->service, "web");
	assert_int_equal(s->n_endpoints, 2);
	assert_true(s->endpoints[0].ready && s->endpoints[0].serving);
	assert_false(s->endpoints[0].terminating);
	assert_false(s->endpoints[1].ready);
	assert_true(s->endpoints[1].serving && s->endpoints[1].terminating);
	assert_int_equal(s->endpoints[1].addrs[0].bytes[12], 10);
	assert_string_equal(s->ports[0].name, "");
	fb_objects_fini(&objects);
}

static void of_a_pod_is_kept_what_makes_an_endpoint(void **state)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;
	const struct fb_pod *pod;

	(void)state;
	parse("{apiVersion: v1, kind: PodList, items: [{metadata: {name: p, deletionTimestamp: "
	      "'2024-01-02T03:04:05Z'}, spec: {containers: [{ports: [{containerPort: 1}, {name: "
	      "http, containerPort: 80}]}], initContainers: [{ports: [{name: once, "
	      "containerPort: 2}]}, {restartPolicy: Always, ports: [{name: side, containerPort: "
	      "3, protocol: UDP}]}]}, status: {phase: Running, conditions: [{type: Ready, "
	      "status: 'True'}], podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: "
	      "'fd00:244:0::b'}]}}, {metadata: {name: q}, status: {phase: Failed, podIP: "
	      "10.0.0.2}}, {metadata: {name: pending}}]}\n---\n"
	      "{apiVersion: v1, kind: Node, metadata: {name: n, labels: {a: b}}}",
	      &objects, &errs);
	assert_string_equal(said(&errs), "");
	assert_int_equal(objects.n, 4);
	pod = &objects.v[0]->pod;
	assert_true(pod->terminating && pod->ready && !pod->finished);
	assert_int_equal(pod->n_addrs, 2);
	assert_string_equal(pod->phase, "Running");
	assert_int_equal(pod->n_ports, 3);
	assert_string_equal(pod->ports[0].name, "");
	assert_string_equal(pod->ports[1].name, "http");
	assert_true(!pod->ports[1].sidecar && pod->ports[2].sidecar);
	assert_string_equal(pod->ports[2].name, "side");
	assert_int_equal(pod->ports[2].port, 3);
	assert_int_equal(pod->ports[2].proto, IPPROTO_UDP);
	assert_true(objects.v[1]->pod.finished && !objects.v[1]->pod.ready);
	assert_int_equal(objects.v[1]->pod.n_addrs, 1);
	assert_int_equal(objects.v[2]->pod.n_addrs, 0);
	assert_string_equal(objects.v[3]->meta.namespace_, "");
	assert_string_equal(fb_labels_get(&objects.v[3]->meta.labels, "a"), "b");
	fb_objects_fini(&objects);
}

static void of_a_node_is_kept_what_a_load_balancer_asks(void **state)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;
	const struct fb_model_node *node;

	(void)state;
	parse("{apiVersion: v1, kind: NodeList, items: [{metadata: {name: a}, status: {addresses: [{type: "
	      "Hostname, address: a}, {type: ExternalIP, address: 203.0.113.1}, {type: ExternalIP, "
	      "address: '2001:db8::1'}, {type: InternalIP, address: 10.9.0.1}, {type: InternalIP, "
	      "address: 10.9.0.2}], conditions: [{type: MemoryPressure, status: 'False'}, {type: "
	      "Ready, status: 'True'}]}}, {metadata: {name: b}, spec: {taints: [{key: "
	      "ToBeDeletedByClusterAutoscaler, effect: NoSchedule}]}, status: {conditions: [{type: "
	      "Ready, status: Unknown}]}}]}",
	      &objects, &errs);
	assert_string_equal(said(&errs), "");
	assert_int_equal(objects.n, 2);
	node = &objects.v[0]->node;
	assert_true(node->ready && !node->leaving);
	/* The InternalIP first; of the other family the ExternalIP is all there is. */
	assert_int_equal(node->n_addrs, 2);
	assert_int_equal(node->addrs[0].bytes[15], 1);
	assert_int_equal(node->addrs[0].bytes[12], 10);
	assert_int_equal(fb_addr_family(&node->addrs[1]), FB_IPV6);
	node = &objects.v[1]->node;
	assert_true(!node->ready && node->leaving);
	assert_int_equal(node->n_addrs, 0);
	fb_objects_fini(&objects);
}

static void a_node_that_is_refused_is_known_by_its_name_alone(void **state)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;

	(void)state;
	parse("{apiVersion: v1, kind: Node, metadata: {name: n, labels: {a: 'b c'}}}", &objects,
	      &errs);
	assert_int_equal(objects.n_refused, 1);
	assert_string_equal(objects.refused[0].namespace_, "");
	assert_string_equal(objects.refused[0].name, "n");
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
}

/* What is wrong with a text, exactly. */
struct wrong {
	const char *text;
	const char *said;
};

static const struct wrong wrongs[] = {
	{"{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{ports: [{name: a, "
	 "containerPort: 70000}, {name: b}]}, {ports: 1}]}}",
	 "m:1:133: spec.containers[1].ports: \"1\" is an integer; a list is wanted\n"},
	{"{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{ports: [{name: a, "
	 "containerPort: 70000}, {name: b}]}]}, status: {podIPs: [{ip: 10.0.0.1}, {ip: 10.0.0.2}]}}",
	 "m:1:144: status.podIPs: both are IPv4; two addresses must be of different families\n"
	 "m:1:104: spec.containers[0].ports[0].containerPort: 70000 is not a port (1 to 65535)\n"
	 "m:1:112: spec.containers[0].ports[1].containerPort: is missing (1 to 65535)\n"},
	{SERVICE("ports: [{port: 70000}]"),
	 "m:1:78: spec.ports[0].port: 70000 is not a port (1 to 65535)\n"},
	{SERVICE("ports: [{port: '80'}]"),
	 "m:1:78: spec.ports[0].port: \"80\" is a string; an integer is wanted\n"},
	{SERVICE("ports: [{port: 80, targetPort: '8080'}]"),
	 "m:1:94: spec.ports[0].targetPort: \"8080\" in quotes is a name, and a name has a letter; "
	 "a number is written without quotes\n"},
	{SERVICE("ports: [{port: 80, protocol: tcp}]"),
	 "m:1:92: spec.ports[0].protocol: \"tcp\" is none of TCP, UDP, SCTP\n"},
	{SERVICE("ports: [{port: 80}, {port: 81}]"),
	 "m:1:71: spec.ports[0].name: is missing; with two or more ports each needs a name\n"
	 "m:1:83: spec.ports[1].name: is missing; with two or more ports each needs a name\n"},
	{SERVICE("type: ExternalName, externalName: Foo_Bar"),
	 "m:1:97: spec.externalName: \"Foo_Bar\" is not a domain's name (at most 253 of a-z, 0-9, "
	 "\"-\" and \".\", with a letter or digit at both ends of each part)\n"},
	{SERVICE("ports: [{name: '', port: 80}, {name: a, port: 81}]"),
	 "m:1:78: spec.ports[0].name: is missing; with two or more ports each needs a name\n"},
	{SERVICE("ports: [{name: a, port: 80}, {name: a, port: 80}]"),
	 "m:1:99: spec.ports[1].name: \"a\" is also the name of ports[0]\n"
	 "m:1:108: spec.ports[1].port: 80/TCP is also ports[0]\n"},
	{SERVICE("ports: []"),
	 "m:1:70: spec.ports: is empty; a Service of type ClusterIP needs at least one port\n"},
	{SERVICE("ports: [{port: 80, nodePort: 30080}]"),
	 "m:1:92: spec.ports[0].nodePort: needs type NodePort or LoadBalancer; this one is "
	 "ClusterIP\n"},
	{SERVICE("type: Loadbalancer, ports: [{port: 80}]"),
	 "m:1:69: spec.type: \"Loadbalancer\" is none of ClusterIP, NodePort, LoadBalancer, "
	 "ExternalName\n"},
	{SERVICE("clusterIP: 10.0.0.256, ports: [{port: 80}]"),
	 "m:1:74: spec.clusterIP: \"10.0.0.256\" is not an IP address\n"},
	{SERVICE("clusterIP: 10.0.0.1, clusterIPs: [10.0.0.2], ports: [{port: 80}]"),
	 "m:1:97: spec.clusterIPs[0]: must be the same as clusterIP\n"},
	{SERVICE("clusterIPs: [None, 10.0.0.1], ports: [{port: 80}]"),
	 "m:1:75: spec.clusterIPs: None stands alone; there cannot be a second address\n"},
	{SERVICE("clusterIPs: ['', 10.0.0.1], ports: [{port: 80}]"),
	 "m:1:76: spec.clusterIPs[0]: is empty\n"},
	{SERVICE("clusterIPs: [10.0.0.1, ~], ports: [{port: 80}]"),
	 "m:1:75: spec.clusterIPs[1]: is empty\n"},
	{SERVICE("clusterIPs: [10.0.0.1, 10.0.0.2], ports: [{port: 80}]"),
	 "m:1:75: spec.clusterIPs: both are IPv4; two addresses must be of different families\n"},
	{SERVICE("clusterIPs: [10.0.0.1], ipFamilies: [IPv6], ports: [{port: 80}]"),
	 "m:1:100: spec.ipFamilies[0]: IPv6, but clusterIPs[0] is IPv4\n"},
	{SERVICE("externalIPs: [127.0.0.1], ports: [{port: 80}]"),
	 "m:1:77: spec.externalIPs[0]: 127.0.0.1 is a loopback address, which a Service cannot "
	 "use\n"},
	{SERVICE("type: ExternalName"),
	 "m:1:62: spec.externalName: is missing; type ExternalName needs it\n"},
	{SERVICE("sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: "
		 "0}}, ports: [{port: 80}]"),
	 "m:1:141: spec.sessionAffinityConfig.clientIP.timeoutSeconds: 0 is not a number of "
	 "seconds (1 to 86400)\n"},
	{SERVICE("loadBalancerSourceRanges: [10.0.0.0], ports: [{port: 80}]"),
	 "m:1:90: spec.loadBalancerSourceRanges[0]: \"10.0.0.0\" is not a range like "
	 "192.0.2.0/24\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: Web}, spec: {ports: [{port: 80}]}}",
	 "m:1:50: metadata.name: \"Web\" is not a name (1 to 63 of a-z, 0-9 and \"-\", with a "
	 "letter or digit at both ends)\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/mode: "
	 "nat}}, spec: {ports: [{port: 80}]}}",
	 "m:1:86: metadata.annotations.forebay.io/mode: \"nat\" is none of snat, dnat\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/port-ranges: "
	 "'80'}}, spec: {ports: [{name: a, port: 80}]}}",
	 "m:1:93: metadata.annotations.forebay.io/port-ranges: \"80\" is no range of ports like 30000-30099, 30000-30099:40000 or all, "
	 "after NAME= where it is for the port of that name\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/port-ranges: "
	 "'0-5'}}, spec: {ports: [{name: a, port: 80}]}}",
	 "m:1:93: metadata.annotations.forebay.io/port-ranges: \"0-5\" is no range of ports like 30000-30099, 30000-30099:40000 or all, "
	 "after NAME= where it is for the port of that name\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/port-ranges: "
	 "'5-4'}}, spec: {ports: [{name: a, port: 80}]}}",
	 "m:1:93: metadata.annotations.forebay.io/port-ranges: \"5-4\" is no range of ports like 30000-30099, 30000-30099:40000 or all, "
	 "after NAME= where it is for the port of that name\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/port-ranges: "
	 "'5-70000'}}, spec: {ports: [{name: a, port: 80}]}}",
	 "m:1:93: metadata.annotations.forebay.io/port-ranges: \"5-70000\" is no range of ports like 30000-30099, 30000-30099:40000 or all, "
	 "after NAME= where it is for the port of that name\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/port-ranges: "
	 "'1-2:0'}}, spec: {ports: [{name: a, port: 80}]}}",
	 "m:1:93: metadata.annotations.forebay.io/port-ranges: \"1-2:0\" is no range of ports like 30000-30099, 30000-30099:40000 or all, "
	 "after NAME= where it is for the port of that name\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/port-ranges: "
	 "'1-2:x'}}, spec: {ports: [{name: a, port: 80}]}}",
	 "m:1:93: metadata.annotations.forebay.io/port-ranges: \"1-2:x\" is no range of ports like 30000-30099, 30000-30099:40000 or all, "
	 "after NAME= where it is for the port of that name\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/port-ranges: "
	 "'all:5'}}, spec: {ports: [{name: a, port: 80}]}}",
	 "m:1:93: metadata.annotations.forebay.io/port-ranges: \"all:5\" is no range of ports like 30000-30099, 30000-30099:40000 or all, "
	 "after NAME= where it is for the port of that name\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/port-ranges: "
	 "'a=1-2-3'}}, spec: {ports: [{name: a, port: 80}]}}",
	 "m:1:93: metadata.annotations.forebay.io/port-ranges: \"1-2-3\" is no range of ports like 30000-30099, 30000-30099:40000 or all, "
	 "after NAME= where it is for the port of that name\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/port-ranges: "
	 "'1-'}}, spec: {ports: [{name: a, port: 80}]}}",
	 "m:1:93: metadata.annotations.forebay.io/port-ranges: \"1-\" is no range of ports like 30000-30099, 30000-30099:40000 or all, "
	 "after NAME= where it is for the port of that name\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/port-ranges: "
	 "'b=1-2'}}, spec: {ports: [{name: a, port: 80}]}}",
	 "m:1:93: metadata.annotations.forebay.io/port-ranges: \"b\" is the name of no port of this Service\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/port-ranges: "
	 "\"\\e[2J\\nb=1-2\"}}, spec: {ports: [{name: a, port: 80}]}}",
	 "m:1:93: metadata.annotations.forebay.io/port-ranges: \"?[2J?b\" is the name of no port of this Service\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/port-ranges: "
	 "'60000-65000:61000'}}, spec: {ports: [{name: a, port: 80}]}}",
	 "m:1:93: metadata.annotations.forebay.io/port-ranges: 60000-65000:61000 leads beyond port 65535\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/port-ranges: "
	 "'1-5, 5-9'}}, spec: {ports: [{name: a, port: 80}]}}",
	 "m:1:93: metadata.annotations.forebay.io/port-ranges: 5-9/TCP overlaps 1-5\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/port-ranges: "
	 "'a=all, b=all'}}, spec: {ports: [{name: a, port: 80}, {name: b, port: 81}]}}",
	 "m:1:93: metadata.annotations.forebay.io/port-ranges: all/TCP overlaps all\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/weights: "
	 "'10.1.0.1=3, 10.1.0.300=2'}}, spec: {ports: [{port: 80}]}}",
	 "m:1:89: metadata.annotations.forebay.io/weights: \"10.1.0.300=2\" is no weight like "
	 "10.1.0.11=3 or NODE=3 (0 to 1000, separated by commas)\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/weights: "
	 "'a=3,10.1.0.1=1,a=2'}}, spec: {ports: [{port: 80}]}}",
	 "m:1:89: metadata.annotations.forebay.io/weights: a has two weights\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/weights: "
	 "'a=1001'}}, spec: {ports: [{port: 80}]}}",
	 "m:1:89: metadata.annotations.forebay.io/weights: \"a=1001\" is no weight like "
	 "10.1.0.11=3 or NODE=3 (0 to 1000, separated by commas)\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/selection: "
	 "fastest, forebay.io/slow-start: 2d, forebay.io/drain-deadline: soon, forebay.io/removed-tcp: "
	 "drop}}, spec: {ports: [{port: 80}]}}",
	 "m:1:91: metadata.annotations.forebay.io/selection: \"fastest\" is none of maglev, "
	 "source-ip, random, round-robin, least-connections\n"
	 "m:1:123: metadata.annotations.forebay.io/slow-start: \"2d\" is not a duration like 30s or "
	 "1h30m (0s to 1d)\n"
	 "m:1:154: metadata.annotations.forebay.io/drain-deadline: \"soon\" is not a duration like "
	 "30s or 1h30m (0s, which is none, to 30d)\n"
	 "m:1:184: metadata.annotations.forebay.io/removed-tcp: \"drop\" is not a duration like 30s "
	 "or 1h30m (or keep, or reset; at most 30d)\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/new-flow-rate: "
	 "'5/s'}}, spec: {ports: [{port: 80}]}}",
	 "m:1:95: metadata.annotations.forebay.io/new-flow-rate: \"5/s\" is not a number of flows a "
	 "second (0, which is no limit, to 1000000)\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/syn-proxy: "
	 "often, forebay.io/syn-proxy-window-scale: '15'}}, spec: {ports: [{port: 80}]}}",
	 "m:1:91: metadata.annotations.forebay.io/syn-proxy: \"often\" is none of off, auto, always\n"
	 "m:1:133: metadata.annotations.forebay.io/syn-proxy-window-scale: \"15\" is not a window scale (0 "
	 "to 14)\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {forebay.io/tcp-mss: "
	 "'9k'}}, spec: {ports: [{port: 80}]}}",
	 "m:1:89: metadata.annotations.forebay.io/tcp-mss: \"9k\" is not a segment size (off, auto, or 88 "
	 "to 65495 bytes)\n"},
	{"{apiVersion: v1, kind: Pod, metadata: {name: web, annotations: {forebay.io/weight: '-1'}}}",
	 "m:1:84: metadata.annotations.forebay.io/weight: \"-1\" is not a weight (0 to 1000)\n"},
	{"{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {a: true}}, spec: "
	 "{ports: [{port: 80}]}}",
	 "m:1:72: metadata.annotations.a: \"true\" is a boolean; a string is wanted\n"},
	{SLICE("addressType: IPv6, endpoints: [{addresses: [10.0.0.1]}]"),
	 "m:1:168: endpoints[0].addresses[0]: 10.0.0.1 is not of the slice's addressType IPv6\n"},
	{SLICE("endpoints: [{addresses: []}]"),
	 "m:1:1: addressType: is missing (IPv4, IPv6, FQDN)\n"
	 "m:1:148: endpoints[0].addresses: has 0 addresses (1 to 100)\n"},
	{"{apiVersion: v1, kind: Endpoints, metadata: {name: web}, subsets: [{addresses: [{ip: "
	 "fe80::1}], ports: [{port: 0}]}]}",
	 "m:1:86: subsets[0].addresses[0].ip: fe80::1 is a link-local address, which a Service "
	 "cannot use\n"
	 "m:1:112: subsets[0].ports[0].port: 0 is not a port (1 to 65535)\n"},
	{"{kind: Service}", "m:1:1: apiVersion: is missing (for example v1)\n"},
	{"[1, 2]", "m:1:1: is no object (a mapping with apiVersion and kind)\n"},
};

static void what_is_wrong_is_said_with_place_and_remedy(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		struct fb_objects objects = FB_OBJECTS_INIT;
		struct fb_errs errs = FB_ERRS_INIT;

		parse(wrongs[i].text, &objects, &errs);
		assert_string_equal(said(&errs), wrongs[i].said);
		assert_true(errs.n_errors > 0);
		assert_int_equal(objects.n, 0);
		assert_true(objects.n_refused == 1 || objects.incomplete);
		fb_objects_fini(&objects);
		fb_errs_fini(&errs);
	}
	assert_int_equal(alloc_fail_live(), 0);
}

static void a_refused_object_is_named_and_the_others_stay(void **state)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;

	(void)state;
	parse("apiVersion: v1\nkind: Service\nmetadata: {name: bad, namespace: shop}\n"
	      "spec: {ports: [{port: 0}]}\n---\n"
	      "apiVersion: v1\nkind: Service\nmetadata: {name: good}\nspec: {ports: [{port: 1}]}\n",
	      &objects, &errs);
	assert_int_equal(errs.n_errors, 1);
	assert_int_equal(objects.n, 1);
	assert_string_equal(objects.v[0]->meta.name, "good");
	assert_int_equal(objects.v[0]->place.line, 6);
	assert_int_equal(objects.n_refused, 1);
	assert_string_equal(objects.refused[0].namespace_, "shop");
	assert_string_equal(objects.refused[0].name, "bad");
	assert_false(objects.incomplete);
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
}

static void a_syntax_error_keeps_the_documents_before_it(void **state)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;

	(void)state;
	parse("apiVersion: v1\nkind: Service\nmetadata: {name: good}\nspec: {ports: [{port: 1}]}\n"
	      "---\na: [\n",
	      &objects, &errs);
	assert_true(errs.n_errors > 0);
	assert_int_equal(objects.n, 1);
	assert_true(objects.incomplete);
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
}

static void lists_may_be_typed_untyped_and_nested(void **state)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;

	(void)state;
	parse("{\"apiVersion\":\"v1\",\"kind\":\"ServiceList\",\"items\":[{\"metadata\":{\"name\":"
	      "\"a\"},\"spec\":{\"ports\":[{\"port\":80}]}}]}\n"
	      "---\n{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: List, items: ["
	      SERVICE("ports: [{port: 80}]") "]}]}",
	      &objects, &errs);
	assert_string_equal(said(&errs), "");
	assert_int_equal(objects.n, 2);
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
}

static void other_kinds_get_one_notice_each(void **state)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;

	(void)state;
	parse("{apiVersion: apps/v1, kind: Deployment}\n---\n{apiVersion: v1, kind: SecretList, items: "
	      "[]}\n---\n{apiVersion: apps/v1, kind: Deployment}\n---\n"
	      "{apiVersion: serving.knative.dev/v1, kind: Service}\n",
	      &objects, &errs);
	assert_string_equal(
		said(&errs),
		"m:1:1: kind Deployment (apps/v1): 2 ignored; forebay reads Service, "
		"EndpointSlice, Endpoints, Pod, Node and Namespace\n"
		"m:3:1: kind SecretList (v1): 1 ignored; forebay reads Service, EndpointSlice, "
		"Endpoints, Pod, Node and Namespace\n"
		"m:7:1: kind Service (serving.knative.dev/v1): 1 ignored; forebay reads Service, "
		"EndpointSlice, Endpoints, Pod, Node and Namespace\n");
	assert_int_equal(errs.n_errors, 0);
	assert_false(objects.incomplete);
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
}

static void what_is_allowed_and_not_carried_is_a_notice(void **state)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;

	(void)state;
	parse(SERVICE("type: LoadBalancer, loadBalancerIP: YOUR-IP, loadBalancerSourceRanges: "
		      "[' 10.0.0.0/8 '], ports: [{port: 80, protocol: SCTP}]"),
	      &objects, &errs);
	assert_int_equal(errs.n_errors, 0);
	assert_int_equal(errs.n, 1);
	assert_int_equal(objects.n, 1);
	assert_int_equal(objects.v[0]->service.n_source_ranges, 1);
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
}

static void an_error_is_one_line_whatever_the_value(void **state)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;

	(void)state;
	parse("{apiVersion: v1, kind: Service, metadata: {name: \"a\\nb\\e[2J\", labels: {\"k\\ny\": "
	      "[1]}}, spec: {type: \"" "0123456789012345678901234567890123456789"
	      "01234567890123456789012345678901234\xc3\xa9\xc3\xa9\xc3\xa9\", ports: [{port: 1}]}}",
	      &objects, &errs);
	assert_int_equal(errs.n, 3);
	for (size_t i = 0; i < errs.n; i++) {
		assert_null(strchr(errs.v[i].text, '\n'));
		assert_null(strchr(errs.v[i].text, '\x1b'));
	}
	assert_non_null(strstr(errs.v[2].text, "01234\xc3\xa9...\" is none of") != NULL
				? errs.v[2].text
				: strstr(errs.v[2].text, "01234...\" is none of"));
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
}

static void without_memory_the_parse_says_so_and_leaks_nothing(void **state)
{
	const char *text = SERVICE("clusterIPs: [10.0.0.1], selector: {a: b}, ports: [{port: 80}]") "\n"
			   "---\n" SLICE("addressType: IPv4, endpoints: [{addresses: [10.0.0.1]}]") "\n"
			   "---\n" SERVICE("ports: []") "\n";
	bool failed = true;

	(void)state;
	for (unsigned int n = 1; failed; n++) {
		struct fb_objects objects = FB_OBJECTS_INIT;
		struct fb_errs errs = FB_ERRS_INIT;
		int rc;

		alloc_fail_at(n);
		rc = fb_manifest_parse("m", text, strlen(text), &objects, &errs);
		failed = alloc_fail_stop();
		/* Who can do without a piece of memory may, if nothing is missing in the end. */
		if (rc == 0) {
			assert_int_equal(objects.n, 2);
			assert_int_equal(objects.n_refused, 1);
			assert_int_equal(errs.n_errors, 1);
		} else {
			assert_true(failed);
			assert_int_equal(rc, -ENOMEM);
		}
		fb_objects_fini(&objects);
		fb_errs_fini(&errs);
		assert_int_equal(alloc_fail_live(), 0);
	}
}

static void a_file_that_cannot_be_read_is_an_error_with_its_name(void **state)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;

	(void)state;
	assert_int_equal(fb_manifest_read("/nonexistent/m.yaml", &objects, &errs), 0);
	assert_int_equal(fb_manifest_read("/", &objects, &errs), 0);
	assert_string_equal(said(&errs),
			    "/nonexistent/m.yaml: cannot be read: No such file or directory\n"
			    "/: cannot be read: Is a directory\n");
	assert_true(objects.incomplete);
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
}

static void a_slip_of_the_pen_in_a_key_is_a_notice_once(void **state)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;

	(void)state;
	parse(SERVICE("ports: [{name: a, port: 80, protocl: TCP}, {name: b, port: 81, protocl: TCP}], "
		      "externalips: [192.0.2.1]") "\n---\n"
	      "{apiVersion: v1, kind: Service, metadata: {name: b, annotations: {forebay.io/mod: snat, "
	      "forebay.io/port-range: all}}, "
	      "specs: {}, spec: {ports: [{port: 80, protocl: UDP}]}}\n---\n"
	      SLICE("addressType: IPv4, endpoint: []") "\n---\n"
	      "{apiVersion: v1, kind: Pod, metadata: {name: p, lables: {}}, status: {podIp: 10.0.0.1}}",
	      &objects, &errs);
	assert_int_equal(objects.n, 4);
	assert_string_equal(
		said(&errs),
		"m:1:91: spec.ports[0].protocl: unknown field, ignored; did you mean \"protocol\"?\n"
		"m:1:142: spec.externalips: unknown field, ignored; did you mean \"externalIPs\"?\n"
		"m:3:67: metadata.annotations.forebay.io/mod: unknown field, ignored; did you mean "
		"\"forebay.io/mode\"?\n"
		"m:3:89: metadata.annotations.forebay.io/port-range: unknown field, ignored; did you mean "
		"\"forebay.io/port-ranges\"?\n"
		"m:3:119: specs: unknown field, ignored; did you mean \"spec\"?\n"
		"m:5:143: endpoint: unknown field, ignored; did you mean \"endpoints\"?\n"
		"m:7:49: metadata.lables: unknown field, ignored; did you mean \"labels\"?\n"
		"m:7:71: status.podIp: unknown field, ignored; did you mean \"podIP\"?\n");
	assert_int_equal(errs.n_errors, 0);
	fb_errs_fini(&errs);
	fb_objects_fini(&objects);
}

/* Every field of Kubernetes' API reference (1.34, and what older ones had) at the levels that are read. */
static const char every_field[] =
	"{apiVersion: v1, kind: Service, metadata: {name: s, generateName: s, namespace: n, selfLink: s, "
	"uid: u, resourceVersion: '1', generation: 1, creationTimestamp: '', deletionTimestamp: null, "
	"deletionGracePeriodSeconds: 1, labels: {}, annotations: {forebay.example/mode: a, nod: b}, "
	"ownerReferences: [], finalizers: [], managedFields: [], clusterName: c}, "
	"spec: {allocateLoadBalancerNodePorts: true, clusterIP: None, clusterIPs: [None], externalIPs: [], "
	"externalName: '', externalTrafficPolicy: '', healthCheckNodePort: 0, internalTrafficPolicy: "
	"Cluster, ipFamilies: [], ipFamily: IPv4, ipFamilyPolicy: SingleStack, loadBalancerClass: '', "
	"loadBalancerIP: '', loadBalancerSourceRanges: [], publishNotReadyAddresses: false, selector: {}, "
	"sessionAffinity: None, sessionAffinityConfig: null, topologyKeys: [], trafficDistribution: '', "
	"type: ClusterIP, ports: [{name: a, port: 80, protocol: TCP, targetPort: 80, nodePort: 0, "
	"appProtocol: http}]}, status: {conditions: [], loadBalancer: {ingress: [{ip: 192.0.2.1, ipMode: "
	"VIP, hostname: h, ports: [{port: 80, protocol: TCP, error: e}]}]}}}\n---\n"
	"{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: s, labels: "
	"{kubernetes.io/service-name: s}}, addressType: IPv4, "
	"endpoints: [{addresses: [10.0.0.1], conditions: {ready: true, serving: true, terminating: false}, "
	"deprecatedTopology: {}, topology: {}, hostname: h, nodeName: n, zone: z, targetRef: {}, hints: "
	"{forZones: [{name: z}], forNodes: [{name: n}]}}], ports: [{name: a, port: 80, protocol: TCP, "
	"appProtocol: http}]}\n---\n"
	"{apiVersion: v1, kind: Endpoints, metadata: {name: s}, subsets: [{addresses: [{ip: 10.0.0.1, "
	"hostname: h, nodeName: n, targetRef: {}}], notReadyAddresses: [], ports: [{name: a, port: 80, "
	"protocol: TCP, appProtocol: http}]}]}\n---\n"
	"{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {activeDeadlineSeconds: 1, affinity: {}, "
	"automountServiceAccountToken: true, containers: [{args: [], command: [], env: [], envFrom: [], "
	"image: i, imagePullPolicy: Always, lifecycle: {}, livenessProbe: {}, name: c, ports: "
	"[{containerPort: 80, hostIP: 10.0.0.9, hostPort: 80, name: a, protocol: TCP}], readinessProbe: {}, "
	"resizePolicy: [], resources: {}, restartPolicy: Always, restartPolicyRules: [], securityContext: {}, "
	"startupProbe: {}, stdin: false, stdinOnce: false, terminationMessagePath: p, "
	"terminationMessagePolicy: File, tty: false, volumeDevices: [], volumeMounts: [], workingDir: w}], "
	"dnsConfig: {}, dnsPolicy: Default, enableServiceLinks: true, ephemeralContainers: [], hostAliases: "
	"[], hostIPC: false, hostNetwork: false, hostPID: false, hostUsers: true, hostname: h, "
	"hostnameOverride: h, imagePullSecrets: [], initContainers: [], nodeName: n, nodeSelector: {}, os: "
	"{}, overhead: {}, preemptionPolicy: Never, priority: 0, priorityClassName: c, readinessGates: [], "
	"resourceClaims: [], resources: {}, restartPolicy: Always, runtimeClassName: c, schedulerName: s, "
	"schedulingGates: [], securityContext: {}, serviceAccount: a, serviceAccountName: a, "
	"setHostnameAsFQDN: false, shareProcessNamespace: false, subdomain: s, "
	"terminationGracePeriodSeconds: 1, tolerations: [], topologySpreadConstraints: [], volumes: [], "
	"workloadRef: {}}, status: {allocatedResources: {}, conditions: [{lastProbeTime: null, "
	"lastTransitionTime: t, message: m, observedGeneration: 1, reason: r, status: 'True', type: Ready}], "
	"containerStatuses: [], ephemeralContainerStatuses: [], extendedResourceClaimStatus: {}, hostIP: "
	"10.0.0.9, hostIPs: [{ip: 10.0.0.9}], initContainerStatuses: [], message: m, nominatedNodeName: n, "
	"observedGeneration: 1, phase: Running, podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}], qosClass: "
	"Burstable, reason: r, resize: '', resourceClaimStatuses: [], resources: {}, startTime: t}}\n---\n"
	"{apiVersion: v1, kind: Node, metadata: {name: n}, spec: {configSource: {}, externalID: e, podCIDR: "
	"10.0.0.0/24, podCIDRs: [10.0.0.0/24], providerID: p, taints: [{effect: NoSchedule, key: k, "
	"timeAdded: t, value: v}], unschedulable: false}, status: {addresses: [{address: 10.0.0.9, type: "
	"InternalIP}], allocatable: {}, capacity: {}, conditions: [{lastHeartbeatTime: t, "
	"lastTransitionTime: t, message: m, reason: r, status: 'True', type: Ready}], config: {}, "
	"daemonEndpoints: {}, declaredFeatures: [], features: {}, images: [], nodeInfo: {}, phase: Running, "
	"runtimeHandlers: [], volumesAttached: [], volumesInUse: []}}\n";

static void no_field_of_kubernetes_is_taken_for_a_slip(void **state)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;

	(void)state;
	parse(every_field, &objects, &errs);
	assert_string_equal(said(&errs), "");
	assert_int_equal(objects.n, 5);
	fb_objects_fini(&objects);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_api_server),
		cmocka_unit_test(conditions_that_are_not_said_are_ready_and_serving),
		cmocka_unit_test(of_a_pod_is_kept_what_makes_an_endpoint),
		cmocka_unit_test(of_a_node_is_kept_what_a_load_balancer_asks),
		cmocka_unit_test(a_node_that_is_refused_is_known_by_its_name_alone),
		cmocka_unit_test(what_is_wrong_is_said_with_place_and_remedy),
		cmocka_unit_test(a_refused_object_is_named_and_the_others_stay),
		cmocka_unit_test(a_syntax_error_keeps_the_documents_before_it),
		cmocka_unit_test(lists_may_be_typed_untyped_and_nested),
		cmocka_unit_test(other_kinds_get_one_notice_each),
		cmocka_unit_test(what_is_allowed_and_not_carried_is_a_notice),
		cmocka_unit_test(a_slip_of_the_pen_in_a_key_is_a_notice_once),
		cmocka_unit_test(no_field_of_kubernetes_is_taken_for_a_slip),
		cmocka_unit_test(an_error_is_one_line_whatever_the_value),
		cmocka_unit_test(without_memory_the_parse_says_so_and_leaks_nothing),
		cmocka_unit_test(a_file_that_cannot_be_read_is_an_error_with_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
