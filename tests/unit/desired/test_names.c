/* SPDX-License-Identifier: BSD-3-Clause */

/* From objects to names: manifests in, questions asked. */

#include "dns/fixture.h"

#include <errno.h>

#include "alloc_fail.h"
#include "desired/names.h"
#include "manifest/manifest.h"

#define W    "web.default.svc.cluster.local"
#define GONE "NXDOMAIN"
#define SERVICE(spec) \
	"---\n{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {" spec "}}\n"
#define SLICE(family, rest)                                                              \
	"---\n{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: s" \
	", labels: {kubernetes.io/service-name: web}}, addressType: " family ", " rest "}\n"
#define ENDPOINTS(subsets) \
	"---\n{apiVersion: v1, kind: Endpoints, metadata: {name: web}, subsets: [" subsets "]}\n"
#define POD(name, meta, spec, ips)                                                            \
	"---\n{apiVersion: v1, kind: Pod, metadata: {name: " name ", labels: {app: web}" meta \
	"}, spec: {" spec                                                                     \
	"}, status: {phase: Running, conditions: [{type: Ready, status: 'True'}],"            \
	" podIPs: [" ips "]}}\n"
#define HEADLESS "clusterIP: None, ports: [{name: http, port: 80}]"
#define SELECTS  "selector: {app: web}"
#define HTTP     "containers: [{ports: [{name: h, containerPort: 8080}]}]"

struct row {
	const char *what;
	const char *text;
	struct fb_names_settings settings;
	const char *name;
	uint16_t type;
	const char *want; /* the answer; of SRV, without addresses, and of none its beginning */
};

static char shop[] = "shop";
static char *const only_shop[] = {shop};

static const struct row rows[] = {
	{"a ClusterIP needs no endpoint",
	 SERVICE("clusterIP: 10.0.0.1, ports: [{port: 80}]"),
	 {0},
	 W,
	 FB_DNS_A,
	 "NOERROR | " W ". 5 A 10.0.0.1"},
	{"unless empty ones are to be ignored",
	 SERVICE("clusterIP: 10.0.0.1, ports: [{port: 80}]"),
	 {.ignore_empty = true},
	 W,
	 FB_DNS_A,
	 GONE},
	{"an endpoint makes it exist again",
	 SERVICE("clusterIP: 10.0.0.1, ports: [{port: 80}]")
		 SLICE("IPv4", "endpoints: [{addresses: [10.1.0.1]}]"),
	 {.ignore_empty = true},
	 W,
	 FB_DNS_A,
	 "NOERROR | " W ". 5 A 10.0.0.1"},
	{"both families",
	 SERVICE("clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1, 'fd00::1'], ports: [{port: 80}]"),
	 {0},
	 W,
	 FB_DNS_AAAA,
	 "NOERROR | " W ". 5 AAAA fd00::1"},
	{"an address that is not given yet",
	 SERVICE("ports: [{port: 80}]"),
	 {0},
	 W,
	 FB_DNS_A,
	 "NOERROR ! cluster.local"},
	{"a headless one without endpoints does not exist",
	 SERVICE(HEADLESS),
	 {0},
	 W,
	 FB_DNS_A,
	 GONE},
	{"nor with none that is ready",
	 SERVICE(HEADLESS)
		 SLICE("IPv4", "endpoints: [{addresses: [10.1.0.1], conditions: {ready: false,"
			       " serving: true, terminating: true}}]"),
	 {0},
	 W,
	 FB_DNS_A,
	 GONE},
	{"ready is what is not said",
	 SERVICE(HEADLESS) SLICE("IPv4", "endpoints: [{addresses: [10.1.0.1], conditions: {}}]"),
	 {0},
	 W,
	 FB_DNS_A,
	 "NOERROR | " W ". 5 A 10.1.0.1"},
	{"all addresses of an endpoint count",
	 SERVICE(HEADLESS)
		 SLICE("IPv4", "endpoints: [{addresses: [10.1.0.1, 10.1.0.2], hostname: h}]"),
	 {0},
	 "h." W,
	 FB_DNS_A,
	 "NOERROR | h." W ". 5 A 10.1.0.1 | h." W ". 5 A 10.1.0.2"},
	{"so does the other family's slice",
	 SERVICE(HEADLESS ", ipFamilies: [IPv4]")
		 SLICE("IPv6", "endpoints: [{addresses: ['fd00::1']}]"),
	 {0},
	 W,
	 FB_DNS_AAAA,
	 "NOERROR | " W ". 5 AAAA fd00::1"},
	{"slices go before Endpoints",
	 SERVICE(HEADLESS) ENDPOINTS("{addresses: [{ip: 10.1.0.9}]}")
		 SLICE("IPv4", "endpoints: [{addresses: [10.1.0.1]}]"),
	 {0},
	 W,
	 FB_DNS_A,
	 "NOERROR | " W ". 5 A 10.1.0.1"},
	{"Endpoints have host names and ports too",
	 SERVICE(HEADLESS)
		 ENDPOINTS("{addresses: [{ip: 10.1.0.9, hostname: h}], notReadyAddresses: "
			   "[{ip: 10.1.0.8}], ports: [{name: http, port: 8080}]}"),
	 {0},
	 "_http._tcp." W,
	 FB_DNS_SRV,
	 "NOERROR | _http._tcp." W ". 5 SRV 0 100 8080 h." W "."},
	{"a port's number is the slice's",
	 SERVICE(HEADLESS) SLICE("IPv4", "ports: [{name: http, port: 8081}], endpoints: "
					 "[{addresses: [10.1.0.1]}]"),
	 {0},
	 "_http._tcp." W,
	 FB_DNS_SRV,
	 "NOERROR | _http._tcp." W ". 5 SRV 0 100 8081 10-1-0-1." W "."},
	{"an endpoint may be called as its pod",
	 SERVICE(HEADLESS)
		 SLICE("IPv4", "endpoints: [{addresses: [10.1.0.1], targetRef: {kind: Pod, name: "
			       "web-abc}}]"),
	 {.pod_names = true},
	 "web-abc." W,
	 FB_DNS_A,
	 "NOERROR | web-abc." W ". 5 A 10.1.0.1"},
	{"but is not by default",
	 SERVICE(HEADLESS)
		 SLICE("IPv4", "endpoints: [{addresses: [10.1.0.1], targetRef: {kind: Pod, name: "
			       "web-abc}}]"),
	 {0},
	 "web-abc." W,
	 FB_DNS_A,
	 GONE},
	{"Pods that the selector matches",
	 SERVICE(HEADLESS ", " SELECTS) POD("a", "", HTTP, "{ip: 10.1.0.1}")
		 POD("b", ", deletionTimestamp: 2024", HTTP, "{ip: 10.1.0.2}"),
	 {0},
	 W,
	 FB_DNS_A,
	 "NOERROR | " W ". 5 A 10.1.0.1"},
	{"with publishNotReadyAddresses also those that are going away",
	 SERVICE(HEADLESS ", publishNotReadyAddresses: true, " SELECTS)
		 POD("b", ", deletionTimestamp: 2024", HTTP, "{ip: 10.1.0.2}"),
	 {0},
	 W,
	 FB_DNS_A,
	 "NOERROR | " W ". 5 A 10.1.0.2"},
	{"a Pod's host name below its subdomain",
	 SERVICE(HEADLESS ", " SELECTS)
		 POD("a", "", "hostname: web-0, subdomain: web", "{ip: 10.1.0.1}"),
	 {0},
	 "web-0." W,
	 FB_DNS_A,
	 "NOERROR | web-0." W ". 5 A 10.1.0.1"},
	{"but not below another's",
	 SERVICE(HEADLESS ", " SELECTS)
		 POD("a", "", "hostname: web-0, subdomain: x", "{ip: 10.1.0.1}"),
	 {0},
	 "web-0." W,
	 FB_DNS_A,
	 GONE},
	{"a Pod's port by name",
	 SERVICE("clusterIP: None, ports: [{name: http, port: 80, targetPort: h}], " SELECTS)
		 POD("a", "", HTTP, "{ip: 10.1.0.1}"),
	 {0},
	 "_http._tcp." W,
	 FB_DNS_SRV,
	 "NOERROR | _http._tcp." W ". 5 SRV 0 100 8080 10-1-0-1." W "."},
	{"Pods of the Service's families only",
	 SERVICE(HEADLESS ", ipFamilies: [IPv6], " SELECTS)
		 POD("a", "", HTTP, "{ip: 10.1.0.1}, {ip: 'fd00::1'}"),
	 {0},
	 W,
	 FB_DNS_A,
	 "NOERROR ! cluster.local"},
	{"an ExternalName",
	 SERVICE("type: ExternalName, externalName: a.example."),
	 {0},
	 W,
	 FB_DNS_A,
	 "NOERROR | " W ". 5 CNAME a.example."},
	{"an ExternalName that is an address is none",
	 SERVICE("type: ExternalName, externalName: 192.0.2.1"),
	 {0},
	 W,
	 FB_DNS_CNAME,
	 GONE},
	{"a Service for another proxy has its names all the same",
	 "---\n{apiVersion: v1, kind: Service, metadata: {name: web, labels: "
	 "{service.kubernetes.io/service-proxy-name: x}}, spec: {clusterIP: 10.0.0.1, ports: [{port: 80}]}}\n",
	 {0},
	 W,
	 FB_DNS_A,
	 "NOERROR | " W ". 5 A 10.0.0.1"},
	{"only names of some namespaces",
	 SERVICE("clusterIP: 10.0.0.1, ports: [{port: 80}]"),
	 {.namespaces = only_shop, .n_namespaces = 1},
	 W,
	 FB_DNS_A,
	 GONE},
};

static struct fb_store *store_of(const char *text)
{
	struct fb_store *store = fb_store_create();
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_store_change change = {.origin = "m", .objects = &objects};

	assert_int_equal(fb_manifest_parse("m", text, strlen(text), &objects, &errs), 0);
	if (errs.n_errors > 0)
		fail_msg("%s", errs.v[0].text);
	assert_int_equal(fb_store_apply(store, &change, &errs, NULL), 0);
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
	return store;
}

static void objects_become_names(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct fb_store *store = store_of(row->text);
		struct fb_errs errs = FB_ERRS_INIT;
		struct fb_dns_service *svc;
		struct fixture f;
		const char *text;

		fixture_open(&f, NULL);
		assert_int_equal(fb_names_build(store, &row->settings, &f.secret, "default", "web",
						&svc, &errs),
				 0);
		assert_int_equal(errs.n, 0);
		assert_int_equal(fb_dns_set_service(f.dns, "default", "web", svc), 0);
		commit(&f);
		text = said(&f, row->name, row->type);
		if (strncmp(text, row->want, strlen(row->want)) != 0 ||
		    (row->type != FB_DNS_SRV && strstr(row->want, " | ") != NULL &&
		     strlen(text) != strlen(row->want)))
			fail_msg("%s: %s, not %s", row->what, text, row->want);
		fixture_close(&f);
		fb_store_free(store);
	}
}

static void a_service_that_nobody_knows_has_no_names(void **state)
{
	struct fb_store *store = store_of(SERVICE("type: ExternalName, externalName: a"));
	struct fb_names_settings settings = {0};
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_dns_service *svc = NULL;
	struct fb_hash_secret secret;

	fb_hash_secret_init(&secret, "");
	assert_int_equal(fb_names_build(store, &settings, &secret, "default", "other", &svc, &errs),
			 0);
	assert_null(svc);
	fb_store_free(store);
}

static void memory_may_run_out_anywhere(void **state)
{
	struct fb_store *store = store_of(SERVICE(
		HEADLESS ", " SELECTS) POD("a", "", HTTP, "{ip: 10.1.0.1}, {ip: 'fd00::1'}"));
	struct fb_names_settings settings = {0};
	struct fb_dns_service *svc = NULL;
	struct fb_hash_secret secret;
	size_t live = alloc_fail_live();

	fb_hash_secret_init(&secret, "");
	for (unsigned int n = 1;; n++) {
		struct fb_errs errs = FB_ERRS_INIT;
		int rc;

		alloc_fail_at(n);
		rc = fb_names_build(store, &settings, &secret, "default", "web", &svc, &errs);
		fb_errs_fini(&errs);
		if (!alloc_fail_stop()) {
			assert_int_equal(rc, 0);
			break;
		}
		assert_int_equal(rc, -ENOMEM);
		assert_null(svc);
		assert_int_equal(alloc_fail_live(), live);
	}
	assert_non_null(svc);
	fb_dns_service_free(svc);
	fb_store_free(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_become_names),
		cmocka_unit_test(a_service_that_nobody_knows_has_no_names),
		cmocka_unit_test(memory_may_run_out_anywhere),
	};

	return cmocka_run_group_tests_name("desired/names", tests, NULL, NULL);
}
