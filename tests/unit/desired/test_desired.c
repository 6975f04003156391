/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "alloc_fail.h"
#include "base/mss.h"
#include "desired/desired.h"
#include "manifest/manifest.h"

/* Objects are written as manifests: short, and what users write. */
#define SERVICE_META(meta, spec)                                                                   \
	"---\n{apiVersion: v1, kind: Service, metadata: {name: web" meta "}, spec: {" spec "}}\n"
#define SERVICE(spec) SERVICE_META("", spec)
#define SLICE(name, family, rest)                                                                  \
	"---\n{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: " name       \
	", labels: {kubernetes.io/service-name: web}}, addressType: " family ", " rest "}\n"
#define ENDPOINTS(subsets)                                                                         \
	"---\n{apiVersion: v1, kind: Endpoints, metadata: {name: web}, subsets: [" subsets "]}\n"
#define PLAIN	 "clusterIP: 10.0.0.1, ports: [{port: 80}]"
#define PORT8080 "ports: [{port: 8080}]"
/* A Pod that is ready: metadata after the name, spec, status after the conditions. */
#define POD(name, meta, spec, status)                                                              \
	"---\n{apiVersion: v1, kind: Pod, metadata: {name: " name meta "}, spec: {" spec            \
	"}, status: {conditions: [{type: Ready, status: 'True'}], " status "}}\n"
#define APP	 ", labels: {app: web}"
#define SELECTS	 "clusterIP: 10.0.0.1, selector: {app: web}, ports: [{port: 80, targetPort: http}]"
#define HTTP	 "containers: [{ports: [{name: http, containerPort: 8080}]}]"
#define NODE(name, labels)                                                                         \
	"---\n{apiVersion: v1, kind: Node, metadata: {name: " name ", labels: {" labels "}}}\n"

static struct fb_store *store_of(const char *text)
{
	struct fb_store *store = fb_store_create();
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_store_change change = {.origin = "m", .objects = &objects};

	assert_int_equal(fb_manifest_parse("m", text, strlen(text), &objects, &errs), 0);
	assert_int_equal(fb_store_apply(store, &change, &errs, NULL), 0);
	assert_int_equal(errs.n_errors, 0);
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
	return store;
}

static size_t describe_sources(const struct fb_service_spec *s, char *text, size_t size)
{
	size_t len = s->n_sources > 0 ? (size_t)snprintf(text, size, " for") : 0;

	for (uint32_t i = 0; i < s->n_sources; i++) {
		char first[FB_ADDR_STRLEN];
		char last[FB_ADDR_STRLEN];
		struct fb_addr ends[2];

		for (int half = 0; half < 2; half++) {
			rte_be64_t be[2] = {rte_cpu_to_be_64(s->sources[i].first[half]),
					    rte_cpu_to_be_64(s->sources[i].last[half])};

			memcpy(ends[0].bytes + 8 * half, &be[0], 8);
			memcpy(ends[1].bytes + 8 * half, &be[1], 8);
		}
		len += (size_t)snprintf(text + len, size - len, " %s-%s",
					fb_addr_format(&ends[0], first),
					fb_addr_format(&ends[1], last));
	}
	return len;
}

/*
 * What was built, one line a spec: "http 80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 -> 10.1.0.1:8080
 * 10.1.0.2:8080!" where "!" is a draining endpoint, "*3" a weight other than 1; "(elsewhere)" ends a spec that drops because only
 * other nodes have endpoints. Parts of a port come in their order.
 */
static void describe(const struct fb_service_specs *specs, char *text, size_t size)
{
	static const char *const kinds[] = {"ClusterIP", "NodePort", "LoadBalancer", "ExternalIP"};
	char ports[FB_FRONTEND_PORTS_STRLEN];
	char addr[FB_ADDR_STRLEN];
	size_t len = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < specs->n; i++) {
		const struct fb_service_spec *s = &specs->v[i];

		len += (size_t)snprintf(text + len, size - len, "%s%s%u/%s %s %s:", s->port_name,
					s->port_name[0] ? " " : "", s->port,
					fb_protocol_name(s->proto),
					s->family == FB_IPV4 ? "IPv4" : "IPv6",
					s->mode == FB_MODE_SNAT ? "snat" : "dnat");
		for (uint32_t j = 0; j < s->n_frontends; j++)
			len += (size_t)snprintf(text + len, size - len, " %s %s:%s",
						kinds[s->frontends[j].kind],
						fb_addr_format(&s->frontends[j].addr, addr),
						fb_frontend_ports(&s->frontends[j], ports));
		if (s->selection != FB_SELECT_MAGLEV)
			len += (size_t)snprintf(text + len, size - len, " by %s",
						fb_selection_names[s->selection]);
		if (s->affinity_s > 0)
			len += (size_t)snprintf(text + len, size - len, " a client for %us",
						s->affinity_s);
		len += describe_sources(s, text + len, size - len);
		len += (size_t)snprintf(text + len, size - len, " ->");
		for (uint32_t j = 0; j < s->n_endpoints; j++) {
			len += (size_t)snprintf(text + len, size - len, " %s:%u%s",
						fb_addr_format(&s->endpoints[j].addr, addr),
						rte_be_to_cpu_16(s->endpoints[j].port_be),
						s->endpoints[j].state == FB_EP_DRAINING ? "!" : "");
			if (s->endpoints[j].weight != 1)
				len += (size_t)snprintf(text + len, size - len, "*%u",
							s->endpoints[j].weight);
		}
		len += (size_t)snprintf(text + len, size - len, "%s\n",
					s->elsewhere ? " (elsewhere)" : "");
		assert_int_equal(s->part, i > 0 && strcmp(s->port_name, s[-1].port_name) == 0 &&
						  s->family == s[-1].family);
	}
}

struct rule {
	const char *says;
	const char *objects;
	const char *wants;
};

static const struct rule rules[] = {
	{"a Service without endpoints is there, to be rejected", SERVICE(PLAIN),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 ->\n"},
	{"the older annotation stands in for loadBalancerSourceRanges",
	 SERVICE_META(", annotations: {service.beta.kubernetes.io/load-balancer-source-ranges: "
		      "'198.51.100.0/24 , 10.0.0.0/8'}",
		      "loadBalancerIP: 192.0.2.1, type: LoadBalancer, allocateLoadBalancerNodePorts: false, "
		      "ports: [{port: 80}]"),
	 "80/TCP IPv4 snat: LoadBalancer 192.0.2.1:80 for 10.0.0.0-10.255.255.255 "
	 "198.51.100.0-198.51.100.255 ->\n"},
	{"and gives way to it",
	 SERVICE_META(", annotations: {service.beta.kubernetes.io/load-balancer-source-ranges: nothing}",
		      "loadBalancerIP: 192.0.2.1, type: LoadBalancer, allocateLoadBalancerNodePorts: false, "
		      "loadBalancerSourceRanges: [10.0.0.0/8], ports: [{port: 80}]"),
	 "80/TCP IPv4 snat: LoadBalancer 192.0.2.1:80 for 10.0.0.0-10.255.255.255 ->\n"},
	{"without ClusterIPs, ipFamilies says of which families it is",
	 SERVICE("externalIPs: [192.0.2.1, '2001:db8::1'], ipFamilies: [IPv6], ports: [{port: 80}]"),
	 "80/TCP IPv6 snat: ExternalIP 2001:db8::1:80 ->\n"},
	{"endpoints without a Service are nothing",
	 SLICE("a", "IPv4", PORT8080 ", endpoints: [{addresses: [10.1.0.1]}]"), ""},
	{"a headless Service has no entry point, whatever else it says",
	 SERVICE("clusterIP: None, externalIPs: [192.0.2.1], ports: [{port: 80}]"), ""},
	{"ExternalName is a matter of DNS", SERVICE("type: ExternalName, externalName: a.b"), ""},
	{"a label gives the Service to another proxy",
	 SERVICE_META(", labels: {service.kubernetes.io/service-proxy-name: ''}", PLAIN), ""},
	{"the Service gives weights by address, by node, and the nearer one counts",
	 SERVICE_META(", annotations: {forebay.io/weights: '10.1.0.2=3, node-a=5 ,10.1.0.4=0'}", PLAIN)
		 SLICE("a", "IPv4",
		       PORT8080 ", endpoints: [{addresses: [10.1.0.1], nodeName: node-a}, {addresses: "
				"[10.1.0.2], nodeName: node-a}, {addresses: [10.1.0.3], nodeName: b}, "
				"{addresses: [10.1.0.4]}]"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 -> 10.1.0.1:8080*5 10.1.0.2:8080*3 10.1.0.3:8080 "
	 "10.1.0.4:8080!*0\n"},
	{"a Pod gives its own weight, also where slices say who the endpoints are",
	 SERVICE(SELECTS) SLICE("a", "IPv4", PORT8080 ", endpoints: [{addresses: [10.1.0.1]}, "
						      "{addresses: [10.1.0.2]}]")
		 POD("a", APP ", annotations: {forebay.io/weight: '7'}", HTTP, "podIP: 10.1.0.1")
			 POD("b", ", annotations: {forebay.io/weight: '9'}", HTTP, "podIP: 10.1.0.2"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 -> 10.1.0.1:8080*7 10.1.0.2:8080\n"},
	{"the Service's word on an endpoint goes before the Pod's, and no weight at all is nobody",
	 SERVICE_META(", annotations: {forebay.io/weights: '10.1.0.1=0'}", SELECTS)
		 POD("a", APP ", annotations: {forebay.io/weight: '7'}", HTTP, "podIP: 10.1.0.1"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 -> 10.1.0.1:8080!*0\n"},
	{"the number comes from the slice, not from targetPort",
	 SERVICE("clusterIP: 10.0.0.1, ports: [{port: 80, targetPort: 9}]")
		 SLICE("a", "IPv4", PORT8080 ", endpoints: [{addresses: [10.1.0.1]}]"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 -> 10.1.0.1:8080\n"},
	{"ports match by name and protocol; each slice has its own numbers",
	 SERVICE("clusterIP: 10.0.0.1, ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, "
		 "port: 53}]")
		 SLICE("a", "IPv4",
		       "ports: [{name: dns, port: 5300, protocol: UDP}, {name: dns-tcp, port: 5301}], "
		       "endpoints: [{addresses: [10.1.0.1]}]")
		 SLICE("b", "IPv4",
		       "ports: [{name: dns, port: 6300, protocol: UDP}, {name: dns, port: 1}, {name: "
		       "metrics, port: 2}], endpoints: [{addresses: [10.1.0.2]}]"),
	 "dns 53/UDP IPv4 snat: ClusterIP 10.0.0.1:53 -> 10.1.0.1:5300 10.1.0.2:6300\n"
	 "dns-tcp 53/TCP IPv4 snat: ClusterIP 10.0.0.1:53 -> 10.1.0.1:5301\n"},
	{"a port without a number matches nothing",
	 SERVICE(PLAIN) SLICE("a", "IPv4", "ports: [{}], endpoints: [{addresses: [10.1.0.1]}]"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 ->\n"},
	{"families never mix",
	 SERVICE("clusterIPs: ['2001:db8::1', 10.0.0.1], ports: [{port: 80}]")
		 SLICE("a", "IPv4", PORT8080 ", endpoints: [{addresses: [10.1.0.1]}]")
		 SLICE("b", "IPv6", PORT8080 ", endpoints: [{addresses: ['2001:db8::2']}]"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 -> 10.1.0.1:8080\n"
	 "80/TCP IPv6 snat: ClusterIP 2001:db8::1:80 -> 2001:db8::2:8080\n"},
	{"every kind of frontend; ipMode Proxy and host names are none",
	 "---\n{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: LoadBalancer, "
	 "clusterIP: 10.0.0.1, externalIPs: [192.0.2.1], loadBalancerIP: 192.0.2.9, ports: [{port: "
	 "80, nodePort: 30080}]}, status: {loadBalancer: {ingress: [{ip: 192.0.2.2}, {ip: "
	 "192.0.2.3, ipMode: Proxy}, {hostname: a.b}]}}}",
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 LoadBalancer 192.0.2.2:80 ExternalIP 192.0.2.1:80 "
	 "NodePort 198.51.100.1:30080 ->\n"},
	{"a Service with ClusterIPs is of their families, one without any of both",
	 SERVICE("clusterIP: 10.0.0.1, externalIPs: ['2001:db8::7'], ports: [{port: 80}]"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 ->\n"},
	{"without one its other addresses count",
	 SERVICE("type: NodePort, externalIPs: ['2001:db8::7'], ports: [{port: 80, nodePort: "
		 "30080}]"),
	 "80/TCP IPv4 snat: NodePort 198.51.100.1:30080 ->\n"
	 "80/TCP IPv6 snat: ExternalIP 2001:db8::7:80 NodePort 2001:db8:1::1:30080 ->\n"},
	{"an ingress address in the status is one whatever the type",
	 "---\n{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {clusterIP: 10.0.0.1, "
	 "ports: [{port: 80}]}, status: {loadBalancer: {ingress: [{ip: 192.0.2.2}]}}}",
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 LoadBalancer 192.0.2.2:80 ->\n"},
	{"without a status loadBalancerIP stands in",
	 SERVICE("type: LoadBalancer, loadBalancerIP: 192.0.2.9, ports: [{port: 80}]"),
	 "80/TCP IPv4 snat: LoadBalancer 192.0.2.9:80 ->\n"},
	{"loadBalancerIP means nothing for other types",
	 SERVICE("type: NodePort, loadBalancerIP: 192.0.2.9, ports: [{port: 80}]"), ""},
	{"an address in two fields is one frontend",
	 SERVICE("type: LoadBalancer, loadBalancerIP: 192.0.2.9, externalIPs: [192.0.2.9], ports: "
		 "[{port: 80}]"),
	 "80/TCP IPv4 snat: LoadBalancer 192.0.2.9:80 ->\n"},
	{"source ranges are for the load balancer's addresses, and unite where they touch",
	 SERVICE("type: LoadBalancer, loadBalancerIP: 192.0.2.9, clusterIP: 10.0.0.1, externalIPs: "
		 "[192.0.2.1], loadBalancerSourceRanges: [' 203.0.113.128/25', 198.51.100.7/32, "
		 "203.0.113.0/25, 203.0.113.5/32, '2001:db8::/32'], ports: [{port: 80}]"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 ExternalIP 192.0.2.1:80 ->\n"
	 "80/TCP IPv4 snat: LoadBalancer 192.0.2.9:80 for 198.51.100.7-198.51.100.7 "
	 "203.0.113.0-203.0.113.255 ->\n"},
	{"a prefix of IPv6 may end on either side of its middle",
	 SERVICE("type: LoadBalancer, loadBalancerIP: '2001:db8::9', loadBalancerSourceRanges: "
		 "['2001:db8:1::/48', '2001:db8:2::100/120', '2001:db8:3::/64', ffff::/16], ports: "
		 "[{port: 80}]"),
	 "80/TCP IPv6 snat: LoadBalancer 2001:db8::9:80 for "
	 "2001:db8:1::-2001:db8:1:ffff:ffff:ffff:ffff:ffff 2001:db8:2::100-2001:db8:2::1ff "
	 "2001:db8:3::-2001:db8:3:0:ffff:ffff:ffff:ffff "
	 "ffff::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ->\n"},
	{"source ranges of the other family, or all sources, close nothing",
	 SERVICE("type: LoadBalancer, loadBalancerIP: 192.0.2.9, loadBalancerSourceRanges: "
		 "['2001:db8::/32', 192.0.2.0/24, 0.0.0.0/0], ports: [{port: 80}]"),
	 "80/TCP IPv4 snat: LoadBalancer 192.0.2.9:80 ->\n"},
	{"a range of ports beside the port, at every address but those of nodes",
	 SERVICE_META(", annotations: {forebay.io/port-ranges: '30000-30099'}",
		      "type: LoadBalancer, clusterIP: 10.0.0.1, loadBalancerIP: 192.0.2.9, ports: "
		      "[{port: 21, nodePort: 30021}]"),
	 "21/TCP IPv4 snat: ClusterIP 10.0.0.1:21 ClusterIP 10.0.0.1:30000-30099 LoadBalancer "
	 "192.0.2.9:21 LoadBalancer 192.0.2.9:30000-30099 NodePort 198.51.100.1:30021 ->\n"},
	{"ranges by the port's name, shifted, and all of a protocol",
	 SERVICE_META(", annotations: {forebay.io/port-ranges: 'rtp=10000-10099:20000, sip=all ,"
		      "rtp=300-300'}",
		      "clusterIP: 10.0.0.1, ports: [{name: sip, port: 5060}, {name: rtp, port: 10000, "
		      "protocol: UDP}]"),
	 "sip 5060/TCP IPv4 snat: ClusterIP 10.0.0.1:5060 ClusterIP 10.0.0.1:* ->\n"
	 "rtp 10000/UDP IPv4 snat: ClusterIP 10.0.0.1:10000 ClusterIP 10.0.0.1:10000-10099:20000 "
	 "ClusterIP 10.0.0.1:300-300 ->\n"},
	{"without a name a range is for the first port of each protocol",
	 SERVICE_META(", annotations: {forebay.io/port-ranges: all}",
		      "clusterIP: 10.0.0.1, ports: [{name: a, port: 1}, {name: b, port: 2}, {name: c, "
		      "port: 1, protocol: UDP}]"),
	 "a 1/TCP IPv4 snat: ClusterIP 10.0.0.1:1 ClusterIP 10.0.0.1:* ->\n"
	 "b 2/TCP IPv4 snat: ClusterIP 10.0.0.1:2 ->\n"
	 "c 1/UDP IPv4 snat: ClusterIP 10.0.0.1:1 ClusterIP 10.0.0.1:* ->\n"},
	{"SCTP is a protocol as the others",
	 SERVICE("clusterIP: 10.0.0.1, ports: [{name: a, port: 80, protocol: SCTP}, {name: b, port: "
		 "80}]"),
	 "a 80/SCTP IPv4 snat: ClusterIP 10.0.0.1:80 ->\n"
	 "b 80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 ->\n"},
	{"the same endpoint in two slices is one; order does not matter",
	 SERVICE(PLAIN)
		 SLICE("a", "IPv4", PORT8080 ", endpoints: [{addresses: [10.1.0.2]}, {addresses: "
					     "[10.1.0.1]}]")
		 SLICE("b", "IPv4", PORT8080 ", endpoints: [{addresses: [10.1.0.2]}]"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 -> 10.1.0.1:8080 10.1.0.2:8080\n"},
	{"only the first address of an endpoint counts",
	 SERVICE(PLAIN) SLICE("a", "IPv4", PORT8080 ", endpoints: [{addresses: [10.1.0.1, "
						    "10.1.0.2]}]"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 -> 10.1.0.1:8080\n"},
	{"terminating ones that serve drain while a ready one is left; who does not serve is gone",
	 SERVICE(PLAIN) SLICE("a", "IPv4",
			      PORT8080
			      ", endpoints: [{addresses: [10.1.0.1]}, {addresses: [10.1.0.2], "
			      "conditions: {ready: false, serving: true, terminating: true}}, "
			      "{addresses: [10.1.0.3], conditions: {ready: false, serving: false, "
			      "terminating: true}}, {addresses: [10.1.0.4], conditions: {ready: "
			      "false, serving: false}}]"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 -> 10.1.0.1:8080 10.1.0.2:8080!\n"},
	{"terminating ones that serve take traffic when no ready one is left",
	 SERVICE(PLAIN) SLICE("a", "IPv4",
			      PORT8080
			      ", endpoints: [{addresses: [10.1.0.1], conditions: {ready: false, "
			      "serving: false}}, {addresses: [10.1.0.2], conditions: {ready: false, "
			      "serving: true, terminating: true}}, {addresses: [10.1.0.3], "
			      "conditions: {ready: false}}]"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 -> 10.1.0.2:8080 10.1.0.3:8080!\n"},
	{"an address that was given to a new pod belongs to the one that is not terminating",
	 SERVICE(PLAIN)
		 SLICE("a", "IPv4",
		       PORT8080 ", endpoints: [{addresses: [10.1.0.1], conditions: {ready: false, "
				"serving: true, terminating: true}}]")
		 SLICE("b", "IPv4", PORT8080 ", endpoints: [{addresses: [10.1.0.1], conditions: "
					     "{ready: false, serving: false}}]"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 ->\n"},
	{"ready and terminating at once is ready (publishNotReadyAddresses)",
	 SERVICE(PLAIN) SLICE("a", "IPv4",
			      PORT8080 ", endpoints: [{addresses: [10.1.0.1], conditions: {ready: "
				       "true, terminating: true}}]"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 -> 10.1.0.1:8080\n"},
	{"FQDN slices are no endpoints, and still slices",
	 SERVICE(PLAIN) SLICE("a", "FQDN", PORT8080 ", endpoints: [{addresses: [a.b]}]")
		 ENDPOINTS("{addresses: [{ip: 10.1.0.1}], ports: [{port: 8080}]}"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 ->\n"},
	{"the older Endpoints: both families in one, not-ready ones left out",
	 SERVICE("clusterIPs: [10.0.0.1, '2001:db8::1'], ports: [{port: 80}]")
		 ENDPOINTS("{addresses: [{ip: 10.1.0.1}, {ip: '2001:db8::2'}], notReadyAddresses: "
			   "[{ip: 10.1.0.2}], ports: [{port: 8080}]}, {addresses: [{ip: 10.1.0.3}], "
			   "ports: [{port: 9090}]}"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 -> 10.1.0.1:8080 10.1.0.3:9090\n"
	 "80/TCP IPv6 snat: ClusterIP 2001:db8::1:80 -> 2001:db8::2:8080\n"},
	{"slices win over Endpoints",
	 SERVICE(PLAIN) ENDPOINTS("{addresses: [{ip: 10.1.0.1}], ports: [{port: 8080}]}")
		 SLICE("a", "IPv4", PORT8080 ", endpoints: [{addresses: [10.1.0.2]}]"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 -> 10.1.0.2:8080\n"},
	{"without slices and Endpoints it is the Pods with the selector's labels",
	 SERVICE("clusterIP: 10.0.0.1, selector: {app: web}, ports: [{port: 80, targetPort: 9}]")
		 POD("a", APP, "", "podIP: 10.1.0.1") POD("b", ", labels: {app: db}", "",
							  "podIP: 10.1.0.2")
			 POD("c", ", namespace: other" APP, "", "podIP: 10.1.0.3"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 -> 10.1.0.1:9\n"},
	{"a Service without a selector waits for endpoints that somebody writes",
	 SERVICE(PLAIN) POD("a", APP, "", "podIP: 10.1.0.1"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 ->\n"},
	{"slices win over Pods, Endpoints too",
	 SERVICE(SELECTS) POD("a", APP, HTTP, "podIP: 10.1.0.1") ENDPOINTS(""),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 ->\n"},
	{"a named port is each Pod's own, of a container or a sidecar, of the same protocol",
	 SERVICE(SELECTS) POD("a", APP, HTTP, "podIP: 10.1.0.1")
		 POD("b", APP,
		     "containers: [{ports: [{name: http, containerPort: 1, protocol: UDP}]}], "
		     "initContainers: [{ports: [{name: http, containerPort: 2}]}, {restartPolicy: "
		     "Always, ports: [{name: http, containerPort: 3}]}]",
		     "podIP: 10.1.0.2") POD("c", APP, "", "podIP: 10.1.0.3"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 -> 10.1.0.1:8080 10.1.0.2:3\n"},
	{"a Pod's own state: deleted ones drain, not-ready ones and finished ones are none",
	 SERVICE(SELECTS) POD("a", APP, HTTP, "podIP: 10.1.0.1")
		 POD("b", APP ", deletionTimestamp: x", HTTP, "podIP: 10.1.0.2")
			 POD("c", APP, HTTP, "phase: Succeeded, podIP: 10.1.0.3")
				 POD("d", APP, HTTP, "phase: Pending")
		 "---\n{apiVersion: v1, kind: Pod, metadata: {name: e" APP "}, spec: {" HTTP
		 "}, status: {podIP: 10.1.0.5}}\n",
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 -> 10.1.0.1:8080 10.1.0.2:8080!\n"},
	{"publishNotReadyAddresses makes them all ready, also those that go",
	 SERVICE("publishNotReadyAddresses: true, " SELECTS)
		 POD("b", APP ", deletionTimestamp: x", HTTP, "podIP: 10.1.0.2")
		 "---\n{apiVersion: v1, kind: Pod, metadata: {name: e" APP "}, spec: {" HTTP
		 "}, status: {podIP: 10.1.0.5}}\n",
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 -> 10.1.0.2:8080 10.1.0.5:8080\n"},
	{"a Pod has an address of each family",
	 SERVICE("clusterIPs: [10.0.0.1, '2001:db8::1'], selector: {app: web}, ports: [{port: 80}]")
		 POD("a", APP, "hostNetwork: true", "podIPs: [{ip: 192.0.2.7}, {ip: '2001:db8::7'}]"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 -> 192.0.2.7:80\n"
	 "80/TCP IPv6 snat: ClusterIP 2001:db8::1:80 -> 2001:db8::7:80\n"},
	{"where Nodes are known, a Pod on another one is none",
	 SERVICE(SELECTS) POD("a", APP, "nodeName: n1, " HTTP, "podIP: 10.1.0.1")
		 POD("b", APP, "nodeName: n2, " HTTP, "podIP: 10.1.0.2") NODE("n1", ""),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 -> 10.1.0.1:8080\n"},
	{"where none is known, that does not matter",
	 SERVICE(SELECTS) POD("a", APP, "nodeName: n1, " HTTP, "podIP: 10.1.0.1"),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 -> 10.1.0.1:8080\n"},
	{"sessionAffinity ClientIP has the API server's timeout",
	 SERVICE("sessionAffinity: ClientIP, " PLAIN),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 a client for 10800s ->\n"},
	{"a Service says how its endpoints are chosen",
	 SERVICE_META(", annotations: {forebay.io/selection: least-connections}", PLAIN),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 by least-connections ->\n"},
	{"the annotation says how",
	 SERVICE_META(", annotations: {forebay.io/mode: dnat}", PLAIN),
	 "80/TCP IPv4 dnat: ClusterIP 10.0.0.1:80 ->\n"},
	{"externalTrafficPolicy Local keeps the client's address",
	 SERVICE("externalTrafficPolicy: Local, externalIPs: [192.0.2.1], ports: [{port: 80}]"),
	 "80/TCP IPv4 dnat: ExternalIP 192.0.2.1:80 ->\n"},
	{"the annotation wins over the policy",
	 SERVICE_META(", annotations: {forebay.io/mode: snat}",
		      "externalTrafficPolicy: Local, externalIPs: [192.0.2.1], ports: [{port: 80}]"),
	 "80/TCP IPv4 snat: ExternalIP 192.0.2.1:80 ->\n"},
	{"Local without an entry from outside says nothing",
	 SERVICE("externalTrafficPolicy: Local, " PLAIN),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 ->\n"},
};

/* The box acts as node n1 in zone a. */
#define BOTH(policies)                                                                             \
	SERVICE("clusterIP: 10.0.0.1, externalIPs: [192.0.2.1], " policies ", ports: [{port: 80}]")
#define ON(addr, node, rest) "{addresses: [" addr "], nodeName: " node ", " rest "}, "
#define GOING		     "conditions: {ready: false, serving: true, terminating: true}"
#define GONE		     "conditions: {ready: false, serving: false, terminating: true}"
#define EPS(all)	     SLICE("a", "IPv4", PORT8080 ", endpoints: [" all "]")
#define ZONE(name)	     "hints: {forZones: [{name: " name "}]}"
#define NODE_ZONE(node, zone) "hints: {forNodes: [{name: " node "}], forZones: [{name: " zone "}]}"
#define CLUSTER(ends) "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 ->" ends "\n"
#define OUTSIDE(ends) "80/TCP IPv4 dnat: ExternalIP 192.0.2.1:80 ->" ends "\n"

static const struct rule node_rules[] = {
	{"policies Cluster: all ready endpoints for both sides, in one spec",
	 BOTH("type: ClusterIP") EPS(ON("10.1.0.1", "n1", "") ON("10.1.0.2", "n2", "")),
	 "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 ExternalIP 192.0.2.1:80 -> 10.1.0.1:8080 "
	 "10.1.0.2:8080\n"},
	{"externalTrafficPolicy Local: the node's own for the outside, all for the ClusterIP",
	 BOTH("externalTrafficPolicy: Local")
		 EPS(ON("10.1.0.1", "n1", "") ON("10.1.0.2", "n2", "")),
	 CLUSTER(" 10.1.0.1:8080 10.1.0.2:8080") OUTSIDE(" 10.1.0.1:8080 10.1.0.2:8080!")},
	{"internalTrafficPolicy Local: the other way round",
	 BOTH("internalTrafficPolicy: Local")
		 EPS(ON("10.1.0.1", "n1", "") ON("10.1.0.2", "n2", "")),
	 CLUSTER(" 10.1.0.1:8080 10.1.0.2:8080!")
	 "80/TCP IPv4 snat: ExternalIP 192.0.2.1:80 -> 10.1.0.1:8080 10.1.0.2:8080\n"},
	{"an endpoint without a node is not local",
	 SERVICE("clusterIP: 10.0.0.1, internalTrafficPolicy: Local, ports: [{port: 80}]")
		 EPS("{addresses: [10.1.0.1]}"),
	 CLUSTER(" 10.1.0.1:8080! (elsewhere)")},
	{"Local with endpoints on other nodes only is dropped; with none at all it is rejected",
	 BOTH("externalTrafficPolicy: Local, internalTrafficPolicy: Local")
		 EPS(ON("10.1.0.2", "n2", "")),
	 CLUSTER(" 10.1.0.2:8080! (elsewhere)") OUTSIDE(" 10.1.0.2:8080! (elsewhere)")},
	{"and so is Local where all endpoints are gone",
	 BOTH("externalTrafficPolicy: Local")
		 EPS(ON("10.1.0.1", "n1", GONE) ON("10.1.0.2", "n2", GONE)),
	 CLUSTER("") OUTSIDE("")},
	{"terminating ones take over in each set by itself",
	 BOTH("externalTrafficPolicy: Local")
		 EPS(ON("10.1.0.1", "n1", GOING) ON("10.1.0.2", "n2", "")),
	 CLUSTER(" 10.1.0.1:8080! 10.1.0.2:8080") OUTSIDE(" 10.1.0.1:8080 10.1.0.2:8080!")},
	{"what terminates on other nodes is still somewhere else",
	 BOTH("externalTrafficPolicy: Local") EPS(ON("10.1.0.2", "n2", GOING)),
	 CLUSTER(" 10.1.0.2:8080") OUTSIDE(" 10.1.0.2:8080! (elsewhere)")},
	{"the annotation overrules the mode of both sides",
	 SERVICE_META(", annotations: {forebay.io/mode: snat}",
		      "clusterIP: 10.0.0.1, externalIPs: [192.0.2.1], externalTrafficPolicy: Local, "
		      "ports: [{port: 80}]") EPS(ON("10.1.0.1", "n1", "")),
	 CLUSTER(" 10.1.0.1:8080")
	 "80/TCP IPv4 snat: ExternalIP 192.0.2.1:80 -> 10.1.0.1:8080\n"},
	{"zone hints that every ready endpoint has are followed",
	 SERVICE(PLAIN) EPS(ON("10.1.0.1", "n2", ZONE("a")) ON("10.1.0.2", "n2", ZONE("b"))
			    ON("10.1.0.3", "n2", GOING)),
	 CLUSTER(" 10.1.0.1:8080 10.1.0.2:8080! 10.1.0.3:8080!")},
	{"one ready endpoint without a hint makes them void",
	 SERVICE(PLAIN) EPS(ON("10.1.0.1", "n2", ZONE("a")) ON("10.1.0.2", "n2", "")),
	 CLUSTER(" 10.1.0.1:8080 10.1.0.2:8080")},
	{"and so does none for this zone",
	 SERVICE(PLAIN) EPS(ON("10.1.0.1", "n2", ZONE("b")) ON("10.1.0.2", "n2", ZONE("c"))),
	 CLUSTER(" 10.1.0.1:8080 10.1.0.2:8080")},
	{"hints of nodes come before those of zones",
	 SERVICE(PLAIN) EPS(ON("10.1.0.1", "n1", NODE_ZONE("n1", "a"))
			    ON("10.1.0.2", "n2", NODE_ZONE("n2", "a"))),
	 CLUSTER(" 10.1.0.1:8080 10.1.0.2:8080!")},
	{"with none for this node, zones count",
	 SERVICE(PLAIN) EPS(ON("10.1.0.1", "n3", NODE_ZONE("n3", "b"))
			    ON("10.1.0.2", "n2", NODE_ZONE("n2", "a"))),
	 CLUSTER(" 10.1.0.1:8080! 10.1.0.2:8080")},
	{"what serves while it terminates needs no hint",
	 SERVICE(PLAIN) EPS(ON("10.1.0.1", "n2", GOING ", " ZONE("b"))
			    ON("10.1.0.2", "n2", GOING ", " ZONE("a"))),
	 CLUSTER(" 10.1.0.1:8080 10.1.0.2:8080")},
	{"Local does not ask for hints",
	 SERVICE("clusterIP: 10.0.0.1, internalTrafficPolicy: Local, ports: [{port: 80}]")
		 EPS(ON("10.1.0.1", "n1", ZONE("b")) ON("10.1.0.2", "n2", ZONE("a"))),
	 CLUSTER(" 10.1.0.1:8080 10.1.0.2:8080!")},
	{"Pods are local by their node",
	 SERVICE("internalTrafficPolicy: Local, " SELECTS)
		 POD("a", APP, "nodeName: n1, " HTTP, "podIP: 10.1.0.1")
			 POD("b", APP, "nodeName: n2, " HTTP, "podIP: 10.1.0.2"),
	 CLUSTER(" 10.1.0.1:8080 10.1.0.2:8080!")},
	{"PreferClose hints Pods for the zone of their node",
	 SERVICE("trafficDistribution: PreferClose, " SELECTS)
		 POD("a", APP, "nodeName: n3, " HTTP, "podIP: 10.1.0.1")
			 POD("b", APP, "nodeName: n2, " HTTP, "podIP: 10.1.0.2")
				 NODE("n2", "topology.kubernetes.io/zone: b")
					 NODE("n3", "topology.kubernetes.io/zone: a"),
	 CLUSTER(" 10.1.0.1:8080 10.1.0.2:8080!")},
	{"PreferSameNode hints them for their node",
	 SERVICE("trafficDistribution: PreferSameNode, " SELECTS)
		 POD("a", APP, "nodeName: n1, " HTTP, "podIP: 10.1.0.1")
			 POD("b", APP, "nodeName: n2, " HTTP, "podIP: 10.1.0.2"),
	 CLUSTER(" 10.1.0.1:8080 10.1.0.2:8080!")},
	{"Endpoints are local by their nodeName",
	 SERVICE("clusterIP: 10.0.0.1, internalTrafficPolicy: Local, ports: [{port: 80}]")
		 ENDPOINTS("{addresses: [{ip: 10.1.0.1, nodeName: n1}, {ip: 10.1.0.2, nodeName: "
			   "n2}], ports: [{port: 8080}]}"),
	 CLUSTER(" 10.1.0.1:8080 10.1.0.2:8080!")},
};

static struct fb_addr nodes[2];

static const struct fb_desired_settings settings = {.drain_deadline_s = 7,
						    .new_flow_rate = 9,
						    .removed_tcp_s = FB_FOREVER,
						    .default_mode = FB_MODE_SNAT,
						    .node_addresses = nodes,
						    .n_node_addresses = 2};

static int set_up(void **state)
{
	(void)state;
	return fb_addr_parse("198.51.100.1", &nodes[0]) | fb_addr_parse("2001:db8:1::1", &nodes[1]);
}

static void assert_rules(const struct rule *v, size_t n, const struct fb_desired_settings *as)
{
	for (size_t i = 0; i < n; i++) {
		struct fb_store *store = store_of(v[i].objects);
		struct fb_service_specs specs;
		struct fb_errs errs = FB_ERRS_INIT;
		char text[1024];

		assert_int_equal(
			fb_desired_build(store, as, "default", "web", &specs, &errs), 0);
		describe(&specs, text, sizeof(text));
		if (strcmp(text, v[i].wants) != 0)
			print_error("%s\n", v[i].says);
		assert_string_equal(text, v[i].wants);
		fb_service_specs_free(&specs);
		fb_errs_fini(&errs);
		fb_store_free(store);
	}
	assert_int_equal(alloc_fail_live(), 0);
}

static void objects_mean_what_kubernetes_means_by_them(void **state)
{
	(void)state;
	assert_rules(rules, sizeof(rules) / sizeof(rules[0]), &settings);
}

static void as_a_node_policies_and_hints_mean_what_they_mean_there(void **state)
{
	struct fb_desired_settings as_node = {
		.default_mode = FB_MODE_SNAT, .node_name = "n1", .zone = "a"};

	(void)state;
	assert_rules(node_rules, sizeof(node_rules) / sizeof(node_rules[0]), &as_node);
}

static void the_zone_is_that_of_the_node_where_none_is_set(void **state)
{
	static const struct rule rule = {
		"the Node's label",
		SERVICE(PLAIN) EPS(ON("10.1.0.1", "n2", ZONE("a")) ON("10.1.0.2", "n2", ZONE("b")))
			NODE("n1", "topology.kubernetes.io/zone: b"),
		CLUSTER(" 10.1.0.1:8080! 10.1.0.2:8080")};
	struct fb_desired_settings as_node = {.default_mode = FB_MODE_SNAT, .node_name = "n1"};

	(void)state;
	assert_rules(&rule, 1, &as_node);
}

/* Three nodes as the cluster has them; the third is not ready. */
#define A_NODE(name, addr, ready, rest)                                                            \
	"---\n{apiVersion: v1, kind: Node, metadata: {name: " name "}, spec: {" rest "}, status: "   \
	"{addresses: [{type: InternalIP, address: " addr "}, {type: InternalIP, address: "          \
	"'fd00:9::1'}], conditions: [{type: Ready, status: '" ready "'}]}}\n"
#define LABELLED(name, addr, value)                                                                \
	"---\n{apiVersion: v1, kind: Node, metadata: {name: " name                                  \
	", labels: {node.kubernetes.io/exclude-from-external-load-balancers: " value                 \
	"}}, status: {addresses: [{type: InternalIP, address: " addr                                 \
	"}], conditions: [{type: Ready, status: 'True'}]}}\n"
#define NODES                                                                                      \
	A_NODE("n1", "10.9.0.1", "True", "")                                                       \
	A_NODE("n2", "10.9.0.2", "True", "") A_NODE("n3", "10.9.0.3", "False", "")
#define BY_NODES(rest)                                                                             \
	SERVICE("type: NodePort, clusterIP: 10.0.0.1, ports: [{port: 80, nodePort: 30080}]" rest)
#define LOCAL_BY_NODES BY_NODES(", externalTrafficPolicy: Local")
#define TO(ends) "80/TCP IPv4 snat: ClusterIP 10.0.0.1:80 ->" ends "\n"
#define LOCAL_TO(ends) "80/TCP IPv4 dnat: ClusterIP 10.0.0.1:80 ->" ends "\n"

static const struct rule target_rules[] = {
	{"ready nodes take traffic at their NodePort, whoever has endpoints",
	 BY_NODES("") EPS(ON("10.1.0.1", "n1", "")) NODES, TO(" 10.9.0.1:30080 10.9.0.2:30080")},
	{"an annotation says otherwise",
	 SERVICE_META(", annotations: {forebay.io/targets: pods}",
		      "type: NodePort, clusterIP: 10.0.0.1, ports: [{port: 80, nodePort: 30080}]")
		 EPS(ON("10.1.0.1", "n1", "")) NODES,
	 TO(" 10.1.0.1:8080")},
	{"without a NodePort it is the pods",
	 SERVICE(PLAIN) EPS(ON("10.1.0.1", "n1", "")) NODES, TO(" 10.1.0.1:8080")},
	{"where no endpoint is of use, no node is", BY_NODES("") EPS(ON("10.1.0.1", "n1", GONE)) NODES,
	 TO("")},
	{"where nothing is known of endpoints, all nodes are asked", BY_NODES("") NODES,
	 TO(" 10.9.0.1:30080 10.9.0.2:30080")},
	{"with Local, where nothing is known of endpoints, too", LOCAL_BY_NODES NODES,
	 LOCAL_TO(" 10.9.0.1:30080 10.9.0.2:30080")},
	{"Pods that are known and not selected say that there is none",
	 SERVICE("type: NodePort, clusterIP: 10.0.0.1, selector: {app: web}, ports: [{port: 80, "
		 "nodePort: 30080}]") NODES POD("p", ", labels: {app: x}", HTTP, "podIP: 10.1.0.1"),
	 TO("")},
	{"with Local nodes are worth their ready endpoints; others are left out",
	 LOCAL_BY_NODES EPS(ON("10.1.0.1", "n2", "") ON("10.1.0.2", "n2", "") ON("10.1.0.3", "n2", "")
				    ON("10.1.0.4", "n2", GOING) ON("10.1.0.5", "n3", "")) NODES,
	 LOCAL_TO(" 10.9.0.2:30080*3")},
	{"with Local those that terminate and serve count where none is ready",
	 LOCAL_BY_NODES EPS(ON("10.1.0.1", "n1", GOING) ON("10.1.0.2", "n1", GOING)
				    ON("10.1.0.3", "n2", GONE)) NODES,
	 LOCAL_TO(" 10.9.0.1:30080*2")},
	{"with Local a node whose endpoints terminate drains while others are ready",
	 LOCAL_BY_NODES EPS(ON("10.1.0.1", "n1", GOING) ON("10.1.0.3", "n2", "")) NODES,
	 LOCAL_TO(" 10.9.0.1:30080! 10.9.0.2:30080")},
	{"nodes that are excluded, or leave, keep what they have",
	 BY_NODES("") EPS(ON("10.1.0.1", "n1", "")) LABELLED("n1", "10.9.0.1", "''")
		 LABELLED("n2", "10.9.0.2", "'false'") LABELLED("n4", "10.9.0.4", "'no'")
			 A_NODE("n5", "10.9.0.5", "True",
				"taints: [{key: ToBeDeletedByClusterAutoscaler, effect: NoSchedule}]"),
	 TO(" 10.9.0.1:30080! 10.9.0.2:30080 10.9.0.4:30080! 10.9.0.5:30080!")},
	{"weights may be said of nodes",
	 SERVICE_META(", annotations: {forebay.io/weights: 'n1=5'}",
		      "type: NodePort, clusterIP: 10.0.0.1, ports: [{port: 80, nodePort: 30080}]")
		 EPS(ON("10.1.0.1", "n1", "")) NODES,
	 TO(" 10.9.0.1:30080*5 10.9.0.2:30080")},
};

/* Only what goes away has a deadline: not who is not ready, nor who stays for want of others. */
static void who_terminates_is_told_from_who_drains_else(void **state)
{
	static const char text[] = SERVICE_META(
		", annotations: {forebay.io/drain-deadline: 1m30s, forebay.io/removed-tcp: "
		"reset, forebay.io/slow-start: 0s, forebay.io/new-flow-rate: '1200', forebay.io/tcp-mss: auto, "
		"forebay.io/syn-proxy: auto, forebay.io/syn-proxy-window-scale: '9'}",
		PLAIN)
		SLICE("a", "IPv4",
		      PORT8080 ", endpoints: [{addresses: [10.1.0.1], conditions: {ready: false, "
			       "serving: true, terminating: true}}, {addresses: [10.1.0.2]}, "
			       "{addresses: [10.1.0.3], conditions: {ready: false, serving: "
			       "true}}]");
	struct fb_store *store = store_of(text);
	struct fb_service_specs specs;
	struct fb_errs errs = FB_ERRS_INIT;

	(void)state;
	assert_int_equal(fb_desired_build(store, &settings, "default", "web", &specs, &errs), 0);
	assert_int_equal(specs.n, 1);
	assert_int_equal(specs.v[0].n_endpoints, 3);
	assert_true(specs.v[0].endpoints[0].terminating);
	assert_false(specs.v[0].endpoints[1].terminating);
	assert_false(specs.v[0].endpoints[2].terminating);
	assert_int_equal(specs.v[0].endpoints[2].state, FB_EP_DRAINING);
	assert_int_equal(specs.v[0].drain_deadline_s, 90);
	assert_int_equal(specs.v[0].removed_tcp_s, 0);
	assert_int_equal(specs.v[0].slow_start_s, 0);
	assert_int_equal(specs.v[0].new_flow_rate, 1200);
	assert_int_equal(specs.v[0].tcp_mss, FB_MSS_AUTO);
	assert_int_equal(specs.v[0].syn_proxy, FB_SYN_PROXY_AUTO);
	assert_int_equal(specs.v[0].syn_proxy_wscale, 9);
	fb_service_specs_free(&specs);
	fb_store_free(store);
	store = store_of(SERVICE(PLAIN)
				 SLICE("a", "IPv4",
				       PORT8080 ", endpoints: [{addresses: [10.1.0.1], conditions: {ready: "
						"false, serving: true, terminating: true}}]"));
	assert_int_equal(fb_desired_build(store, &settings, "default", "web", &specs, &errs), 0);
	assert_int_equal(specs.v[0].endpoints[0].state, FB_EP_ACTIVE);
	assert_false(specs.v[0].endpoints[0].terminating);
	assert_int_equal(specs.v[0].drain_deadline_s, settings.drain_deadline_s);
	assert_int_equal(specs.v[0].new_flow_rate, settings.new_flow_rate);
	assert_int_equal(specs.v[0].tcp_mss, FB_MSS_OFF);
	assert_int_equal(specs.v[0].syn_proxy, FB_SYN_PROXY_OFF);
	assert_int_equal(specs.v[0].syn_proxy_wscale, FB_SYN_PROXY_WSCALE);
	assert_int_equal(specs.v[0].removed_tcp_s, FB_NEVER_S);
	fb_service_specs_free(&specs);
	fb_store_free(store);
	fb_errs_fini(&errs);
}

static void targets_may_be_the_nodes(void **state)
{
	struct fb_desired_settings to_nodes = {.default_mode = FB_MODE_SNAT, .to_nodes = true};

	(void)state;
	assert_rules(target_rules, sizeof(target_rules) / sizeof(target_rules[0]), &to_nodes);
}

static void targets_that_are_asked_for_and_cannot_be_are_told(void **state)
{
	struct fb_store *store = store_of(SERVICE_META(", annotations: {forebay.io/targets: nodes}",
						       PLAIN) NODES);
	struct fb_service_specs specs;
	struct fb_errs errs = FB_ERRS_INIT;

	(void)state;
	assert_int_equal(fb_desired_build(store, &settings, "default", "web", &specs, &errs), 0);
	assert_int_equal(errs.n, 1);
	assert_string_equal(errs.v[0].text,
			    "Service default/web: its targets should be nodes, but not every port has "
			    "a nodePort in the manifest; those without go to the pods");
	fb_service_specs_free(&specs);
	fb_errs_fini(&errs);
	fb_store_free(store);
}

static void the_default_mode_comes_last(void **state)
{
	struct fb_desired_settings dnat = {.default_mode = FB_MODE_DNAT};
	struct fb_store *store = store_of(SERVICE(PLAIN));
	struct fb_service_specs specs;
	struct fb_errs errs = FB_ERRS_INIT;

	(void)state;
	assert_int_equal(fb_desired_build(store, &dnat, "default", "web", &specs, &errs), 0);
	assert_int_equal(specs.v[0].mode, FB_MODE_DNAT);
	fb_service_specs_free(&specs);
	fb_store_free(store);
}

static void an_entry_that_cannot_be_is_a_notice(void **state)
{
	struct fb_desired_settings none = {.default_mode = FB_MODE_SNAT};
	struct fb_store *store = store_of(SERVICE(
		"type: NodePort, clusterIP: 10.0.0.1, ports: [{port: 80, nodePort: 30080}]"));
	struct fb_service_specs specs;
	struct fb_errs errs = FB_ERRS_INIT;

	(void)state;
	assert_int_equal(fb_desired_build(store, &none, "default", "web", &specs, &errs), 0);
	assert_int_equal(errs.n, 1);
	assert_string_equal(errs.v[0].text, "Service default/web: its nodePorts are not answered, "
					    "there is no node address");
	fb_service_specs_free(&specs);
	fb_errs_fini(&errs);
	fb_store_free(store);
	store = store_of(SERVICE("ports: [{port: 80}]"));
	assert_int_equal(fb_desired_build(store, &none, "default", "web", &specs, &errs), 0);
	assert_int_equal(specs.n, 0);
	assert_int_equal(errs.n, 1);
	fb_service_specs_free(&specs);
	fb_errs_fini(&errs);
	fb_store_free(store);
}

static void without_memory_nothing_is_built_and_nothing_leaks(void **state)
{
	struct fb_store *store = store_of(SERVICE(PLAIN)
		SLICE("a", "IPv4", PORT8080 ", endpoints: [{addresses: [10.1.0.1]}, {addresses: "
					    "[10.1.0.2]}, {addresses: [10.1.0.3]}, {addresses: "
					    "[10.1.0.4]}, {addresses: [10.1.0.5]}]"));
	size_t before = alloc_fail_live();
	bool failed = true;

	(void)state;
	for (unsigned int n = 1; failed; n++) {
		struct fb_service_specs specs;
		struct fb_errs errs = FB_ERRS_INIT;
		int rc;

		alloc_fail_at(n);
		rc = fb_desired_build(store, &settings, "default", "web", &specs, &errs);
		failed = alloc_fail_stop();
		assert_int_equal(rc, failed ? -ENOMEM : 0);
		if (rc == 0)
			fb_service_specs_free(&specs);
		fb_errs_fini(&errs);
		assert_int_equal(alloc_fail_live(), before);
	}
	fb_store_free(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_mean_what_kubernetes_means_by_them),
		cmocka_unit_test(as_a_node_policies_and_hints_mean_what_they_mean_there),
		cmocka_unit_test(the_zone_is_that_of_the_node_where_none_is_set),
		cmocka_unit_test(who_terminates_is_told_from_who_drains_else),
		cmocka_unit_test(targets_may_be_the_nodes),
		cmocka_unit_test(targets_that_are_asked_for_and_cannot_be_are_told),
		cmocka_unit_test(the_default_mode_comes_last),
		cmocka_unit_test(an_entry_that_cannot_be_is_a_notice),
		cmocka_unit_test(without_memory_nothing_is_built_and_nothing_leaks),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
