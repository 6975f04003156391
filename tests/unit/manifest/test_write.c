/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "alloc_fail.h"
#include "manifest/manifest.h"

/* Each sets every field that is kept; no two of one kind may be equal. */
static const char *const texts[] = {
	"apiVersion: v1\nkind: Service\n"
	"metadata: {name: web, namespace: shop, labels: {b: c, a: ''}, annotations: {forebay.io/mode: "
	"dnat, note: \"a \\\" b\\n\\u00e9\"}, creationTimestamp: '2024-01-02T03:04:05Z'}\n"
	"spec:\n"
	"  type: LoadBalancer\n"
	"  clusterIP: 10.0.0.1\n"
	"  clusterIPs: [10.0.0.1, '2001:db8::1']\n"
	"  ipFamilies: [IPv4, IPv6]\n"
	"  ipFamilyPolicy: RequireDualStack\n"
	"  ports:\n"
	"  - {name: http, port: 80, targetPort: 8080, nodePort: 30080, appProtocol: kubernetes.io/h2c}\n"
	"  - {name: dns, port: 53, protocol: UDP, targetPort: dns-udp}\n"
	"  - {name: s, port: 1, protocol: SCTP}\n"
	"  selector: {app: web}\n"
	"  externalIPs: [192.0.2.1, '2001:db8::2']\n"
	"  loadBalancerIP: 192.0.2.9\n"
	"  loadBalancerClass: x/y\n"
	"  loadBalancerSourceRanges: [10.0.0.0/8, '::/0']\n"
	"  allocateLoadBalancerNodePorts: false\n"
	"  externalTrafficPolicy: Local\n"
	"  internalTrafficPolicy: Local\n"
	"  healthCheckNodePort: 31000\n"
	"  publishNotReadyAddresses: true\n"
	"  sessionAffinity: ClientIP\n"
	"  sessionAffinityConfig: {clientIP: {timeoutSeconds: 30}}\n"
	"  trafficDistribution: PreferSameZone\n"
	"status: {loadBalancer: {ingress: [{ip: 192.0.2.2}, {ip: 192.0.2.3, ipMode: Proxy}, "
	"{hostname: lb.example}]}}\n",
	"{apiVersion: v1, kind: Service, metadata: {name: h}, spec: {clusterIP: None}}",
	"{apiVersion: v1, kind: Service, metadata: {name: e}, spec: {type: ExternalName, externalName: "
	"a.example}}",
	"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
	"metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}\n"
	"addressType: IPv6\n"
	"ports: [{name: http, port: 8080, appProtocol: x}, {name: dns, protocol: UDP}]\n"
	"endpoints:\n"
	"- {addresses: ['2001:db8::1', '2001:db8::2'], conditions: {ready: false, serving: true, "
	"terminating: true}, hostname: h, targetRef: {name: tr}, nodeName: n, zone: z, hints: {forZones: [{name: a}, {name: "
	"b}], forNodes: [{name: c}]}}\n"
	"- {addresses: ['2001:db8::3']}\n",
	"{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: f}, addressType: FQDN}",
	"apiVersion: v1\nkind: Endpoints\nmetadata: {name: web}\n"
	"subsets:\n"
	"- addresses: [{ip: 10.0.0.1, hostname: a, targetRef: {name: ta}, nodeName: b}]\n"
	"  notReadyAddresses: [{ip: 10.0.0.2}]\n"
	"  ports: [{name: http, port: 80}]\n"
	"- {}\n",
	"apiVersion: v1\nkind: Pod\nmetadata: {name: p, deletionTimestamp: 2024}\n"
	"spec: {nodeName: node-a, hostname: ph, subdomain: ps, containers: [{ports: [{name: web, containerPort: 8081}]}]}\n"
	"status: {phase: Failed, conditions: [{type: Ready, status: 'True'}], podIPs: [{ip: "
	"10.2.0.1}, {ip: '2001:db8::4'}]}\n",
	"{apiVersion: v1, kind: Pod, metadata: {name: bare}}",
	/* Nulls of annotations, which are written as empty texts. */
	"{apiVersion: v1, kind: Pod, metadata: {name: nulls, annotations: {forebay.io/weight: ~}}}",
	"{apiVersion: v1, kind: Service, metadata: {name: nulls, annotations: {forebay.io/weights: ~, "
	"forebay.io/drain-deadline: ~, forebay.io/removed-tcp: ~, forebay.io/slow-start: ~, "
	"forebay.io/selection: ~, forebay.io/mode: ~, forebay.io/port-ranges: ~}}, spec: {clusterIP: None}}",
	"apiVersion: v1\nkind: Node\nmetadata: {name: n, labels: {zone: zone-1}}\n"
	"spec: {taints: [{key: a, effect: NoSchedule}, {key: ToBeDeletedByClusterAutoscaler, effect: "
	"NoSchedule}]}\n"
	"status: {addresses: [{type: Hostname, address: n}, {type: ExternalIP, address: '2001:db8::7'}, "
	"{type: InternalIP, address: 10.9.0.1}, {type: InternalIP, address: 10.9.0.2}], conditions: "
	"[{type: Ready, status: 'True'}]}\n",
	"{apiVersion: v1, kind: Namespace, metadata: {name: ns}}",
};

static struct fb_object *read_one(const char *text)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_object *object;

	assert_int_equal(fb_manifest_parse("m", text, strlen(text), &objects, &errs), 0);
	assert_int_equal(errs.n_errors, 0);
	assert_int_equal(objects.n, 1);
	object = fb_object_hold(objects.v[0]);
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
	return object;
}

static void what_is_written_reads_back_equal(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct fb_object *object = read_one(texts[i]);
		char *written = fb_manifest_write(object);
		struct fb_object *again;

		assert_non_null(written);
		again = read_one(written);
		assert_true(fb_object_equal(object, again));
		assert_string_equal(object->meta.creation, again->meta.creation);
		fb_object_release(object);
		fb_object_release(again);
		free(written);
	}
}

/* Every single character of a value that is replaced makes another object, or none. */
static void one_character_makes_a_difference(void **state)
{
	static const char *const words[] = {
		"dnat", "LoadBalancer", "10.0.0.1", "RequireDual", "80,", "8080", "30080", "h2c",
		"UDP", "dns-udp", "SCTP", "app: web", "192.0.2.1", "192.0.2.9", "x/y", "10.0.0.0/8",
		"false", "externalTrafficPolicy: Local", "internalTrafficPolicy: Local", "31000",
		"true", "30}", "PreferSameZone", "192.0.2.2", "Proxy", "lb.example", "b: c", "note",
		"shop", "hostname: h", "nodeName: n", "zone: z", "a}, {name", "forNodes: [{name: c",
		"2024-01-02", "2001:db8::2", "hostname: a", "nodeName: b", "10.0.0.2", "http", "service-name: web",
		"node-a", "name: web", "8081", "Failed", "'True", "10.2.0.1", "2001:db8::4",
		"zone-1", "10.9.0.1", "2001:db8::7", "InternalIP", "ToBeDeletedByClusterAutoscaler",
		"name: tr", "name: ta", "hostname: ph", "subdomain: ps", "name: ns",
	};
	/* What to put in place of the last character. */
	static const char others[] = "1x7";
	size_t n_tried = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct fb_object *object = read_one(texts[i]);

		for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
			const char *at = strstr(texts[i], words[w]);
			char *text = strdup(texts[i]);
			size_t last;

			for (size_t o = 0; at != NULL && o < sizeof(others) - 1; o++) {
				struct fb_objects objects = FB_OBJECTS_INIT;
				struct fb_errs errs = FB_ERRS_INIT;

				last = (size_t)(at - texts[i]) + strlen(words[w]) - 1;
				if (strchr(",}", texts[i][last]) != NULL)
					last--;
				text[last] = others[o];
				if (text[last] == texts[i][last])
					continue;
				assert_int_equal(fb_manifest_parse("m", text, strlen(text),
								   &objects, &errs),
						 0);
				if (objects.n == 1) {
					n_tried++;
					assert_false(fb_object_equal(object, objects.v[0]));
				}
				fb_objects_fini(&objects);
				fb_errs_fini(&errs);
			}
			free(text);
		}
		fb_object_release(object);
	}
	assert_true(n_tried > 30);
}

static void without_memory_for_the_parse_nothing_is_leaked(void **state)
{
	bool failed = true;

	(void)state;
	for (unsigned int n = 1; failed; n++) {
		struct fb_objects objects = FB_OBJECTS_INIT;
		struct fb_errs errs = FB_ERRS_INIT;

		alloc_fail_at(n);
		(void)fb_manifest_parse("m", texts[0], strlen(texts[0]), &objects, &errs);
		failed = alloc_fail_stop();
		fb_objects_fini(&objects);
		fb_errs_fini(&errs);
		assert_int_equal(alloc_fail_live(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_reads_back_equal),
		cmocka_unit_test(one_character_makes_a_difference),
		cmocka_unit_test(without_memory_for_the_parse_nothing_is_leaked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
