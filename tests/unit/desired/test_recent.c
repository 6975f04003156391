/* SPDX-License-Identifier: BSD-3-Clause */

/* What is remembered of a large Service changes nothing: each build beside one that begins anew. */

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc_fail.h"
#include "base/hash.h"
#include "desired/desired.h"
#include "manifest/manifest.h"

enum { SLICES = 84, SLICES_IPV4 = 44, EACH = 60, POOL = 2000, CHANGES = 400 };

#define TEXT_SIZE 65536

/* Slices go from one to the other now and then. */
static const char *const names[] = {"web", "other"};

static uint64_t random_state = 5;

static uint32_t any(uint32_t n)
{
	random_state = fb_hash_mix(random_state + 1, UINT64_C(0x9e3779b97f4a7c15));
	return (uint32_t)(random_state >> 32) % n;
}

static bool rarely(void)
{
	return any(20) == 0;
}

/* ---- objects ---- */

static void apply(struct fb_store *store, const char *text)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;
	const struct fb_store_change change = {.origin = "m",
					       .objects = &objects,
					       .how = FB_STORE_MERGE};

	assert_int_equal(fb_manifest_parse("m", text, strlen(text), &objects, &errs), 0);
	assert_int_equal(fb_store_apply(store, &change, &errs, NULL), 0);
	assert_int_equal(errs.n_errors, 0);
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
}

static void put_service(struct fb_store *store, const char *name)
{
	static const char *const weights[] = {"", "n1=5", "n2=0, 10.1.0.7=3", "n1=2, n2=2"};
	char text[1024];

	(void)snprintf(
		text, sizeof(text),
		"{apiVersion: v1, kind: Service, metadata: {name: %s, annotations: "
		"{forebay.io/weights: '%s'}}, spec: {clusterIPs: [10.96.0.%u, 'fd00::%u'], "
		"selector: {app: web}, internalTrafficPolicy: %s, externalTrafficPolicy: %s, "
		"externalIPs: [192.0.2.1], sessionAffinity: %s, ports: [{name: http, port: 80}, "
		"{name: extra, port: %u}]}}\n",
		name, weights[any(4)], (unsigned int)name[0], (unsigned int)name[0],
		rarely() ? "Local" : "Cluster", any(2) ? "Local" : "Cluster",
		any(4) ? "None" : "ClientIP", 81 + any(2));
	apply(store, text);
}

/* Of a pool that all slices share, so that some are listed twice. */
static size_t write_endpoint(char *text, bool is_ipv4)
{
	static const char *const conditions[] = {
		"ready: true",
		"ready: false, serving: true, terminating: true",
		"ready: false, serving: true",
		"ready: false, serving: false",
		"ready: false, serving: false, terminating: true",
	};
	const uint32_t k = any(POOL);
	const char *said = conditions[any(3) ? 0 : any(5)];
	size_t len = is_ipv4 ? (size_t)sprintf(text, "- {addresses: [10.1.%u.%u], conditions: {%s}",
					       k >> 8, k & 255, said)
			     : (size_t)sprintf(text, "- {addresses: ['fd01::%x'], conditions: {%s}",
					       k, said);

	if (any(2))
		len += (size_t)sprintf(text + len, ", nodeName: n%u", 1 + any(3));
	if (any(10) != 0)
		len += (size_t)sprintf(text + len, ", hints: {forZones: [{name: %c}]}",
				       'a' + (char)any(2));
	return len + (size_t)sprintf(text + len, "}\n");
}

static void put_slice(struct fb_store *store, uint32_t slice)
{
	static char text[TEXT_SIZE];
	const bool is_ipv4 = slice < SLICES_IPV4;
	size_t len = (size_t)snprintf(
		text, sizeof(text),
		"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
		"metadata: {name: web-%u, labels: {kubernetes.io/service-name: %s%s}}\n"
		"addressType: %s\nports: [{name: http, port: %u}, {name: %s, port: 9000}]\n"
		"endpoints:\n",
		slice, names[any(8) ? slice % 2 : any(2)],
		rarely() ? ", service.kubernetes.io/service-proxy-name: other" : "",
		is_ipv4 ? "IPv4" : "IPv6", any(6) ? 8080 : 8081, any(4) ? "extra" : "http");

	for (uint32_t i = 0; i < EACH; i++)
		len += write_endpoint(text + len, is_ipv4);
	apply(store, text);
}

static void remove_slice(struct fb_store *store, uint32_t slice)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "web-%u", slice);
	(void)fb_store_delete(store, "m", FB_KIND_ENDPOINT_SLICE, "default", name);
}

static void put_node(struct fb_store *store)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
		       "{apiVersion: v1, kind: Node, metadata: {name: n1, labels: "
		       "{topology.kubernetes.io/zone: %c}}}\n",
		       'a' + (char)any(2));
	apply(store, text);
}

static void put_pod(struct fb_store *store)
{
	char text[512];

	(void)snprintf(
		text, sizeof(text),
		"{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {app: web}, annotations: "
		"{forebay.io/weight: '%u'}}, spec: {}, status: {podIP: 10.1.0.%u}}\n",
		any(4), any(20));
	apply(store, text);
}

static struct fb_store *open_store(void)
{
	struct fb_store *store = fb_store_create();

	assert_non_null(store);
	put_service(store, "web");
	put_service(store, "other");
	put_node(store);
	for (uint32_t i = 0; i < SLICES; i++)
		put_slice(store, i);
	return store;
}

static void change(struct fb_store *store)
{
	for (uint32_t n = 1 + (rarely() ? any(SLICES) : any(3)); n > 0; n--) {
		if (any(4))
			put_slice(store, any(SLICES));
		else
			remove_slice(store, any(SLICES));
	}
	for (uint32_t i = 0; i < SLICES && any(40) == 0; i++)
		remove_slice(store, i);
	for (uint32_t i = 0; i < SLICES && any(10) == 0; i++)
		put_slice(store, i);
	if (rarely())
		put_service(store, names[any(2)]);
	if (rarely())
		put_node(store);
	if (rarely())
		put_pod(store);
	else if (rarely())
		(void)fb_store_delete(store, "m", FB_KIND_POD, "default", "p");
	if (rarely())
		(void)fb_store_delete(store, "m", FB_KIND_SERVICE, "default", "web");
	else if (any(4) == 0 &&
		 fb_store_find(store, FB_KIND_SERVICE, "default", "web", NULL) == NULL)
		put_service(store, "web");
}

/* ---- builds ---- */

static int build(const struct fb_store *store, const struct fb_desired_settings *settings,
		 const char *name, struct fb_service_specs *ret)
{
	struct fb_errs errs = FB_ERRS_INIT;
	int rc = fb_desired_build(store, settings, "default", name, ret, &errs);

	fb_errs_fini(&errs);
	return rc;
}

static void assert_same_spec(const struct fb_service_spec *a, const struct fb_service_spec *b)
{
	assert_string_equal(a->port_name, b->port_name);
	assert_int_equal(a->port, b->port);
	assert_int_equal(a->family, b->family);
	assert_int_equal(a->part, b->part);
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->affinity_s, b->affinity_s);
	assert_int_equal(a->elsewhere, b->elsewhere);
	assert_int_equal(a->n_frontends, b->n_frontends);
	assert_int_equal(a->n_endpoints, b->n_endpoints);
	for (uint32_t i = 0; i < a->n_endpoints; i++) {
		const struct fb_endpoint_spec *x = &a->endpoints[i];
		const struct fb_endpoint_spec *y = &b->endpoints[i];

		assert_true(fb_addr_equal(&x->addr, &y->addr));
		assert_int_equal(x->port_be, y->port_be);
		assert_int_equal(x->state, y->state);
		assert_int_equal(x->terminating, y->terminating);
		assert_int_equal(x->weight, y->weight);
	}
}

static void assert_as_anew(const struct fb_store *store, const struct fb_desired_settings *settings)
{
	struct fb_desired_settings anew = *settings;

	anew.recent = NULL;
	for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
		struct fb_service_specs a;
		struct fb_service_specs b;

		assert_int_equal(build(store, settings, names[k], &a), 0);
		assert_int_equal(build(store, &anew, names[k], &b), 0);
		assert_int_equal(a.n, b.n);
		for (uint32_t i = 0; i < a.n; i++)
			assert_same_spec(&a.v[i], &b.v[i]);
		fb_service_specs_free(&a);
		fb_service_specs_free(&b);
	}
}

static void any_history_gives_what_a_build_from_nothing_gives(void **state)
{
	struct fb_desired_settings settings[] = {
		{.default_mode = FB_MODE_SNAT},
		{.default_mode = FB_MODE_SNAT, .node_name = "n1"},
		{.default_mode = FB_MODE_SNAT, .node_name = "n2", .zone = "b", .to_nodes = true},
	};
	const size_t n = sizeof(settings) / sizeof(settings[0]);
	struct fb_store *store = open_store();

	(void)state;
	for (size_t i = 0; i < n; i++)
		settings[i].recent = fb_desired_recent_create();
	for (uint32_t c = 0; c < CHANGES; c++) {
		for (size_t i = 0; i < n; i++) {
			/* Some are left out: more has changed by the next build. */
			if (i == 0 || any(3) > 0)
				assert_as_anew(store, &settings[i]);
		}
		change(store);
	}
	/* The store may go first: what is remembered is held. */
	fb_store_free(store);
	for (size_t i = 0; i < n; i++)
		fb_desired_recent_free(settings[i].recent);
	assert_int_equal(alloc_fail_live(), 0);
}

static void without_memory_what_was_remembered_stays(void **state)
{
	struct fb_desired_settings settings = {.recent = fb_desired_recent_create()};
	struct fb_store *store = open_store();
	bool failed = true;

	(void)state;
	for (unsigned int k = 1; failed; k++) {
		struct fb_service_specs specs;
		int rc;

		/* Of a few attempts one is the first. */
		if (k % 8 == 0)
			put_service(store, "web");
		put_slice(store, any(SLICES));
		put_slice(store, any(SLICES));
		alloc_fail_at(k);
		rc = build(store, &settings, "web", &specs);
		failed = alloc_fail_stop();
		/* Sorting goes on without, only slower. */
		assert_true(rc == 0 || (failed && rc == -ENOMEM));
		if (rc == 0)
			fb_service_specs_free(&specs);
		if (any(2))
			assert_as_anew(store, &settings);
	}
	fb_desired_recent_free(settings.recent);
	fb_store_free(store);
	assert_int_equal(alloc_fail_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_history_gives_what_a_build_from_nothing_gives),
		cmocka_unit_test(without_memory_what_was_remembered_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
