/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc_fail.h"
#include "desired/health.h"
#include "manifest/manifest.h"

#define SERVICE(spec) \
	"---\n{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {" spec "}}\n"
#define LOCAL                                                                                    \
	SERVICE("type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 31000, " \
		"ports: [{name: a, port: 80}, {name: b, port: 81}]")
#define SLICE(name, family, ends)                                                            \
	"---\n{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: " name \
	", labels: {kubernetes.io/service-name: web}}, addressType: " family                 \
	", ports: [{name: a, port: 8080}, {name: b, port: 8081}], endpoints: [" ends "]}\n"
#define ON(addr, node, conditions) \
	"{addresses: ['" addr "'], nodeName: " node ", conditions: {" conditions "}}, "

static const struct rule {
	const char *says;
	const char *node_name;
	const char *objects;
	uint32_t wants[3]; /* port, IPv4, IPv6 */
} rules[] = {
	{"no Service has no health check", "", "", {0, 0, 0}},
	{"nor has one with policy Cluster",
	 "",
	 SERVICE("type: LoadBalancer, healthCheckNodePort: 31000, ports: [{port: 80}]"),
	 {0, 0, 0}},
	{"nor a NodePort Service",
	 "",
	 SERVICE("type: NodePort, externalTrafficPolicy: Local, ports: [{port: 80}]"),
	 {0, 0, 0}},
	{"without endpoints nothing is served", "", LOCAL, {31000, 0, 0}},
	{"as no node all ready ones count, each address once, by family",
	 "",
	 LOCAL SLICE("s", "IPv4", ON("10.1.0.1", "n1", "") ON("10.1.0.2", "n2", "ready: true"))
		 SLICE("t", "IPv4", ON("10.1.0.1", "n1", "") ON("10.1.0.3", "n1", "ready: false"))
			 SLICE("u", "IPv6", ON("fd00::1", "n1", "")),
	 {31000, 2, 1}},
	{"those that terminate do not, although they may be served",
	 "",
	 LOCAL SLICE("s", "IPv4",
		     ON("10.1.0.1", "n1", "ready: false, serving: true, terminating: true")),
	 {31000, 0, 0}},
	{"as a node those on it",
	 "n2",
	 LOCAL SLICE("s", "IPv4", ON("10.1.0.1", "n1", "") ON("10.1.0.2", "n2", "")),
	 {31000, 1, 0}},
	{"Pods count where there are no slices",
	 "",
	 SERVICE("type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 31000, "
		 "selector: {app: web}, ports: [{port: 80}]") "---\n{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {app: web}}, status: "
							      "{podIP: 10.1.0.1, conditions: [{type: Ready, status: 'True'}]}}\n",
	 {31000, 1, 0}},
	{"but not those of a Node that is gone",
	 "",
	 SERVICE("type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 31000, "
		 "selector: {app: web}, ports: [{port: 80}]") "---\n{apiVersion: v1, kind: Node, metadata: {name: n1}}\n"
		 "---\n{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {app: web}}, spec: {nodeName: n2}, "
		 "status: {podIP: 10.1.0.1, conditions: [{type: Ready, status: 'True'}]}}\n",
	 {31000, 0, 0}},
	{"slices that no proxy looks at do not count, nor what only they say of an address",
	 "",
	 LOCAL "---\n{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: h, labels: "
	       "{kubernetes.io/service-name: web, service.kubernetes.io/headless: ''}}, addressType: IPv4, "
	       "ports: [{name: a, port: 8080}], endpoints: [{addresses: [10.1.0.1]}, {addresses: [10.1.0.2]}]}\n"
		 SLICE("s", "IPv4", ON("10.1.0.1", "n1", "ready: false") ON("10.1.0.3", "n1", "")),
	 {31000, 1, 0}},
	{"nor ports without a number, nor second addresses of one endpoint",
	 "",
	 LOCAL "---\n{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: z, labels: "
	       "{kubernetes.io/service-name: web}}, addressType: IPv4, ports: [{name: a, port: 0}], "
	       "endpoints: [{addresses: [10.1.0.9]}]}\n"
		 SLICE("s", "IPv4", "{addresses: [10.1.0.1, 10.1.0.2]}"),
	 {31000, 1, 0}},
};

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

static void a_health_check_is_told_what_is_ready_here(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct fb_store *store = store_of(rules[i].objects);
		struct fb_desired_health got;

		assert_int_equal(fb_desired_health(store, rules[i].node_name, "default", "web",
						   &got),
				 0);
		if (got.port != rules[i].wants[0] ||
		    got.n_endpoints[FB_IPV4] != rules[i].wants[1] ||
		    got.n_endpoints[FB_IPV6] != rules[i].wants[2])
			fail_msg("%s: port %u, %u, %u", rules[i].says, got.port,
				 got.n_endpoints[FB_IPV4], got.n_endpoints[FB_IPV6]);
		fb_store_free(store);
	}
}

static void without_memory_it_says_so(void **state)
{
	struct fb_store *store = store_of(LOCAL SLICE("s", "IPv4", ON("10.1.0.1", "n1", "")));

	(void)state;
	for (unsigned int n = 1;; n++) {
		struct fb_desired_health got = {.port = 9};
		size_t before = alloc_fail_live();
		bool failed;
		int rc;

		alloc_fail_at(n);
		rc = fb_desired_health(store, NULL, "default", "web", &got);
		failed = alloc_fail_stop();
		assert_int_equal(rc == 0, !failed);
		assert_int_equal(got.port, failed ? 9 : 31000);
		assert_int_equal(alloc_fail_live(), before);
		if (!failed)
			break;
	}
	fb_store_free(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_health_check_is_told_what_is_ready_here),
		cmocka_unit_test(without_memory_it_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
