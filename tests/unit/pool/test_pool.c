/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc_fail.h"
#include "manifest/manifest.h"
#include "pool/pool.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A config, a store, what is allotted, and what was said about it. */
struct bed {
	struct fb_config *config;
	struct fb_store *store;
	struct fb_pool *pool;
	char said[4096]; /* notices of the last round */
};

static struct fb_config *config_of(const char *services)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_config *config = NULL;
	char text[2048];

	(void)snprintf(
		text, sizeof(text),
		"ports: [{name: lan, device: d, addresses: [192.0.2.1/24]}]\nservices: {%s}\n",
		services);
	if (fb_config_parse("c", text, strlen(text), &config, &errs) != 0)
		fail_msg("%s", errs.v[0].text);
	fb_errs_fini(&errs);
	return config;
}

static void open_bed(struct bed *bed, const char *services)
{
	bed->config = config_of(services);
	bed->store = fb_store_create();
	bed->pool = fb_pool_create(bed->config);
	bed->said[0] = '\0';
}

static void close_bed(struct bed *bed)
{
	fb_store_free(bed->store);
	fb_pool_free(bed->pool);
	fb_config_free(bed->config);
}

static void allot(struct bed *bed)
{
	struct fb_errs errs = FB_ERRS_INIT;
	size_t len = 0;

	assert_int_equal(fb_pool_allot(bed->pool, bed->store, &errs), 0);
	fb_store_clear_dirty(bed->store);
	bed->said[0] = '\0';
	assert_int_equal(errs.n_errors, 0);
	for (size_t i = 0; i < errs.n; i++)
		len += (size_t)snprintf(bed->said + len, sizeof(bed->said) - len, "%s\n",
					errs.v[i].text);
	fb_errs_fini(&errs);
}

static void put(struct bed *bed, const char *origin, const char *text)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_store_change change = {.origin = origin, .objects = &objects};

	assert_int_equal(fb_manifest_parse("m", text, strlen(text), &objects, &errs), 0);
	assert_int_equal(fb_store_apply(bed->store, &change, &errs, NULL), 0);
	if (errs.n_errors > 0)
		fail_msg("%s", errs.v[0].text);
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
}

/* Put and allot. */
static void say(struct bed *bed, const char *origin, const char *text)
{
	put(bed, origin, text);
	allot(bed);
}

#define META(name, meta, spec) \
	"---\n{apiVersion: v1, kind: Service, metadata: {name: " name meta "}, spec: {" spec "}}\n"
#define PLAIN(name)    META(name, "", "ports: [{port: 80}]")
#define BALANCED(name) META(name, "", "type: LoadBalancer, ports: [{port: 80}]")
/* Without NodePorts, to see addresses alone. */
#define LB_META(name, meta, spec) \
	META(name, meta, "type: LoadBalancer, allocateLoadBalancerNodePorts: false, " spec)
#define LB(name, spec)   LB_META(name, "", spec)
#define PORT80           "ports: [{port: 80}]"
#define NOTE(key, value) ", annotations: {forebay.io/" key ": " value "}"

static const struct fb_model_service *service(const struct bed *bed, const char *namespace_,
					      const char *name)
{
	struct fb_store_view view;

	assert_true(fb_store_view(bed->store, namespace_, name, &view));
	assert_non_null(view.service);
	return &view.service->service;
}

/* "cluster 10.0.0.7 lb 192.0.2.8 ports 30001 30002 health 30003"; what is not there is left out. */
static const char *has_in(const struct bed *bed, const char *namespace_, const char *name)
{
	const struct fb_model_service *s = service(bed, namespace_, name);
	static char text[512];
	char addr[FB_ADDR_STRLEN];
	size_t len = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < s->n_cluster_ips; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "cluster %s ",
					fb_addr_format(&s->cluster_ips[i], addr));
	for (uint32_t i = 0; i < s->n_ingress; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "lb %s ",
					fb_addr_format(&s->ingress[i].addr, addr));
	for (uint32_t i = 0; i < s->n_ports; i++) {
		if (s->ports[i].node_port != 0)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "port %u ",
						s->ports[i].node_port);
	}
	if (s->health_check_node_port != 0)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "health %u ",
					s->health_check_node_port);
	if (s->has_load_balancer_ip && s->n_ingress == 0)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "asks ");
	if (len > 0)
		text[len - 1] = '\0';
	return text;
}

static const char *has(const struct bed *bed, const char *name)
{
	return has_in(bed, "default", name);
}

static struct fb_addr balancer(const struct bed *bed, const char *name)
{
	const struct fb_model_service *s = service(bed, "default", name);

	assert_int_equal(s->n_ingress, 1);
	return s->ingress[0].addr;
}

static void nothing_is_allotted_where_nothing_is_configured_or_wanted(void **state)
{
	struct bed bed;

	(void)state;
	open_bed(&bed, "");
	say(&bed, "a",
	    PLAIN("plain") LB("lb", PORT80) LB("asks", "loadBalancerIP: 203.0.113.9, " PORT80));
	assert_string_equal(has(&bed, "plain"), "");
	assert_string_equal(has(&bed, "lb"), "");
	/* Without pools it may be any. */
	assert_string_equal(has(&bed, "asks"), "lb 203.0.113.9");
	assert_string_equal(bed.said, "");
	assert_false(fb_pool_changed(bed.pool));
	close_bed(&bed);
	open_bed(&bed, "cluster-cidrs: [10.96.0.0/24], pools: [{name: p, addresses: "
		       "[203.0.113.0/24]}]");
	say(&bed, "a",
	    META("headless", "", "clusterIP: None, " PORT80)
		    META("name", "", "type: ExternalName, externalName: a.b")
			    META("others",
				 ", labels: {service.kubernetes.io/service-proxy-name: x}",
				 "type: LoadBalancer, " PORT80)
				    META("given", "",
					 "type: NodePort, clusterIP: 10.0.0.9, ports: [{port: 80, "
					 "nodePort: 3001}]"));
	assert_string_equal(has(&bed, "headless"), "");
	assert_string_equal(has(&bed, "name"), "");
	assert_string_equal(has(&bed, "others"), "");
	assert_string_equal(has(&bed, "given"), "cluster 10.0.0.9 port 3001");
	assert_false(fb_pool_changed(bed.pool));
	close_bed(&bed);
}

static void a_service_gets_what_its_type_wants(void **state)
{
	struct bed bed;

	(void)state;
	open_bed(&bed,
		 "cluster-cidrs: [10.96.0.0/30], node-port-range: 30000-30002, pools: [{name: p, "
		 "addresses: [203.0.113.9]}]");
	say(&bed, "a", META("lb", "", "type: LoadBalancer, externalTrafficPolicy: Local, " PORT80));
	assert_int_equal(strncmp(has(&bed, "lb"), "cluster 10.96.0.", 16), 0);
	assert_non_null(strstr(has(&bed, "lb"), " lb 203.0.113.9 port 3000"));
	assert_non_null(strstr(has(&bed, "lb"), " health 3000"));
	assert_true(service(&bed, "default", "lb")->ports[0].own_node_port);
	/* What it is no longer, it has no longer. */
	say(&bed, "a", PLAIN("lb"));
	assert_int_equal(strncmp(has(&bed, "lb"), "cluster 10.96.0.", 16), 0);
	assert_null(strstr(has(&bed, "lb"), "lb "));
	assert_null(strstr(has(&bed, "lb"), "port "));
	/* And others have room. */
	say(&bed, "b",
	    META("x", "", "clusterIP: None, ports: []")
		    META("y", "",
			 "type: NodePort, ports: [{name: a, port: 1}, {name: b, port: 2}, "
			 "{name: c, port: 3}]"));
	assert_string_equal(bed.said, "");
	close_bed(&bed);
}

/* The low end stays free for people; neither the network's nor the broadcast address is given away. */
static void the_low_end_is_the_last_to_go(void **state)
{
	char text[256];
	struct bed bed;
	unsigned int n_low = 0;

	(void)state;
	open_bed(&bed, "cluster-cidrs: [10.96.0.0/26]");
	for (int i = 0; i < 62; i++) {
		char origin[8];
		char name[8];

		(void)snprintf(origin, sizeof(origin), "o%d", i);
		(void)snprintf(name, sizeof(name), "s%d", i);
		(void)snprintf(
			text, sizeof(text),
			"{apiVersion: v1, kind: Service, metadata: {name: %s}, spec: {ports: "
			"[{port: 80}]}}",
			name);
		say(&bed, origin, text);
		assert_string_equal(bed.said, "");
		/* 62 hosts: the first 16 of them, 10.96.0.1 to .16, are the low end. */
		n_low += service(&bed, "default", name)->cluster_ips[0].bytes[15] <= 16;
		assert_true(i >= 46 || n_low == 0);
		assert_in_range(service(&bed, "default", name)->cluster_ips[0].bytes[15], 1, 62);
	}
	say(&bed, "more", PLAIN("more"));
	assert_string_equal(bed.said,
			    "Service default/more: no IPv4 address of services.cluster-cidrs "
			    "is left\n");
	assert_string_equal(fb_pool_trouble(bed.pool, "default", "more"),
			    "no IPv4 address of services.cluster-cidrs is left");
	/* Told once. */
	say(&bed, "other", META("z", "", "clusterIP: None, ports: []"));
	assert_string_equal(bed.said, "");
	close_bed(&bed);
}

static void one_that_waits_gets_what_becomes_free(void **state)
{
	struct bed bed;

	(void)state;
	open_bed(&bed, "pools: [{name: p, addresses: [203.0.113.9]}]");
	say(&bed, "a", LB("a", PORT80));
	assert_string_equal(has(&bed, "a"), "lb 203.0.113.9");
	say(&bed, "b", LB("b", PORT80));
	assert_string_equal(bed.said, "Service default/b: no IPv4 address of pool p is left\n");
	assert_string_equal(has(&bed, "b"), "");
	fb_store_remove_origin(bed.store, "a");
	assert_int_equal(fb_store_n_dirty(bed.store), 1);
	{
		struct fb_errs errs = FB_ERRS_INIT;

		assert_int_equal(fb_pool_allot(bed.pool, bed.store, &errs), 0);
		/* It has to be built anew. */
		assert_int_equal(fb_store_n_dirty(bed.store), 2);
		fb_errs_fini(&errs);
	}
	assert_string_equal(has(&bed, "b"), "lb 203.0.113.9");
	assert_null(fb_pool_trouble(bed.pool, "default", "b"));
	close_bed(&bed);
}

/* Many Services in one text or each in its own file, in two orders: the same addresses. */
static void the_order_of_files_does_not_matter(void **state)
{
	static char all[2][64 * 1024];
	struct bed bed[3];
	size_t len[2] = {0, 0};

	(void)state;
	for (int i = 0; i < 3; i++)
		open_bed(&bed[i], "cluster-cidrs: [10.96.0.0/24, 'fd00::/120'], pools: [{name: p, "
				  "addresses: [203.0.113.0/24]}]");
	for (int i = 0; i < 100; i++) {
		for (int o = 0; o < 2; o++)
			len[o] += (size_t)snprintf(
				all[o] + len[o], sizeof(all[o]) - len[o],
				"---\n{apiVersion: v1, kind: Service, metadata: {name: s%d}, spec: {type: "
				"LoadBalancer, ipFamilyPolicy: PreferDualStack, ports: [{port: 80}]}}\n",
				o == 0 ? i : 99 - i);
	}
	say(&bed[0], "a", all[0]);
	say(&bed[1], "a", all[1]);
	for (int i = 99; i >= 0; i--) {
		char text[256];
		char origin[8];

		(void)snprintf(origin, sizeof(origin), "o%d", (i * 37) % 100);
		(void)snprintf(
			text, sizeof(text),
			"{apiVersion: v1, kind: Service, metadata: {name: s%d}, spec: {type: "
			"LoadBalancer, ipFamilyPolicy: PreferDualStack, ports: [{port: 80}]}}",
			(i * 37) % 100);
		put(&bed[2], origin, text);
	}
	allot(&bed[2]);
	for (int i = 0; i < 100; i++) {
		char name[8];
		char text[512];

		(void)snprintf(name, sizeof(name), "s%d", i);
		(void)snprintf(text, sizeof(text), "%s", has(&bed[0], name));
		assert_non_null(strstr(text, "lb 203.0.113."));
		assert_non_null(strstr(text, "cluster fd00::"));
		assert_string_equal(text, has(&bed[1], name));
		assert_string_equal(text, has(&bed[2], name));
	}
	for (int i = 0; i < 3; i++)
		close_bed(&bed[i]);
}

static void load(struct bed *bed, const char *text)
{
	struct fb_errs errs = FB_ERRS_INIT;

	assert_int_equal(fb_pool_load(bed->pool, "f", text, strlen(text), &errs), 0);
	assert_int_equal(errs.n_errors, 0);
	fb_errs_fini(&errs);
}

/* The one that came first keeps the address that both would be given, whatever comes first after. */
static void a_restart_changes_nothing(void **state)
{
	static const char config[] = "cluster-cidrs: [10.96.0.0/28], node-port-range: 30000-30019, "
				     "pools: [{name: p, addresses: [203.0.113.0/29]}]";
	char before[8][512];
	struct bed bed;
	char *text;
	char *again;

	(void)state;
	open_bed(&bed, config);
	for (int i = 7; i >= 0; i--) {
		char one[256];
		char name[8];

		(void)snprintf(name, sizeof(name), "s%d", i);
		(void)snprintf(
			one, sizeof(one),
			"{apiVersion: v1, kind: Service, metadata: {name: s%d}, spec: {type: "
			"LoadBalancer, externalTrafficPolicy: Local, ports: [{port: 80}]}}",
			i);
		say(&bed, name, one);
		(void)snprintf(before[i], sizeof(before[i]), "%s", has(&bed, name));
	}
	assert_true(fb_pool_changed(bed.pool));
	text = fb_pool_save(bed.pool);
	assert_false(fb_pool_changed(bed.pool));
	close_bed(&bed);

	open_bed(&bed, config);
	load(&bed, text);
	/* Its places are kept for who was here: nobody else gets one meanwhile. */
	say(&bed, "new", BALANCED("a"));
	assert_null(strstr(has(&bed, "a"), "lb"));
	for (int i = 0; i < 8; i++) {
		char one[256];
		char name[8];

		(void)snprintf(name, sizeof(name), "s%d", i);
		(void)snprintf(
			one, sizeof(one),
			"{apiVersion: v1, kind: Service, metadata: {name: s%d}, spec: {type: "
			"LoadBalancer, externalTrafficPolicy: Local, ports: [{port: 80}]}}",
			i);
		say(&bed, name, one);
		assert_string_equal(has(&bed, name), before[i]);
	}
	fb_store_remove_origin(bed.store, "new");
	allot(&bed);
	again = fb_pool_save(bed.pool);
	assert_string_equal(text, again);
	free(again);
	close_bed(&bed);

	/* What never comes gives way when there is no room, and it is known that it did not come. */
	open_bed(&bed, config);
	load(&bed, text);
	say(&bed, "new", BALANCED("a"));
	assert_null(strstr(has(&bed, "a"), "lb 203.0.113."));
	fb_pool_may_forget(bed.pool, bed.store);
	assert_int_equal(fb_store_n_dirty(bed.store), 1);
	allot(&bed);
	assert_non_null(strstr(has(&bed, "a"), "lb 203.0.113."));
	assert_string_equal(bed.said, "");
	free(text);
	close_bed(&bed);
}

/* There is room: what was loaded stays for who comes late. */
static void who_comes_late_finds_what_it_had(void **state)
{
	static const char config[] = "pools: [{name: p, addresses: [203.0.113.8/31]}]";
	char before[64];
	struct bed bed;
	char *text;

	(void)state;
	open_bed(&bed, config);
	say(&bed, "a", LB("a", "loadBalancerIP: 203.0.113.8, " PORT80));
	say(&bed, "b", LB("b", PORT80));
	(void)snprintf(before, sizeof(before), "%s", has(&bed, "b"));
	text = fb_pool_save(bed.pool);
	close_bed(&bed);
	open_bed(&bed, config);
	load(&bed, text);
	fb_pool_may_forget(bed.pool, bed.store);
	say(&bed, "c", LB("c", PORT80));
	assert_string_equal(has(&bed, "c"), "lb 203.0.113.8");
	say(&bed, "b", LB("b", PORT80));
	assert_string_equal(has(&bed, "b"), before);
	free(text);
	close_bed(&bed);
}

static void another_config_moves_only_what_it_must(void **state)
{
	struct bed bed;
	char *text;

	(void)state;
	open_bed(&bed,
		 "node-port-range: 30000-30019, pools: [{name: p, addresses: [203.0.113.7]}]");
	say(&bed, "a", BALANCED("a"));
	assert_non_null(strstr(has(&bed, "a"), "lb 203.0.113.7 port 300"));
	text = fb_pool_save(bed.pool);
	close_bed(&bed);
	open_bed(&bed,
		 "node-port-range: 31000-31019, pools: [{name: q, addresses: [203.0.113.0/24]}]");
	load(&bed, text);
	say(&bed, "a", BALANCED("a"));
	assert_non_null(strstr(has(&bed, "a"), "lb 203.0.113.7 port 310"));
	free(text);
	close_bed(&bed);
}

struct rule {
	const char *says;
	const char *services; /* of the config */
	const char *objects;
	const char *name;
	const char *namespace_; /* NULL: "default" */
	const char *has;
	const char *told;
};

#define POOL_P "pools: [{name: p, addresses: [203.0.113.8/31, '2001:db8::8/127']}]"

static const struct rule rules[] = {
	{"an address that is asked for is given", POOL_P,
	 LB("a", "loadBalancerIP: 203.0.113.9, " PORT80), "a", NULL, "lb 203.0.113.9", ""},
	{"one outside of the pools is refused", POOL_P,
	 LB("a", "loadBalancerIP: 203.0.113.10, " PORT80), "a", NULL, "",
	 "Service default/a: 203.0.113.10 is in no pool\n"},
	{"both families can be asked for", POOL_P,
	 LB_META("a", NOTE("load-balancer-ips", "'2001:db8::9, 203.0.113.8'"), PORT80), "a", NULL,
	 "lb 2001:db8::9 lb 203.0.113.8", ""},
	{"two of one family cannot", POOL_P,
	 LB_META("a", NOTE("load-balancer-ips", "'203.0.113.9,203.0.113.8'"), PORT80), "a", NULL,
	 "",
	 "Service default/a: forebay.io/load-balancer-ips \"203.0.113.9,203.0.113.8\" is not one "
	 "address of each family\n"},
	{"families are those of the ClusterIPs", POOL_P,
	 LB("a", "clusterIP: 10.0.0.1, loadBalancerIP: '2001:db8::9', " PORT80), "a", NULL,
	 "cluster 10.0.0.1",
	 "Service default/a: 2001:db8::9 is of a family that the Service is not\n"},
	{"the status of a cluster counts, wherever it is", POOL_P,
	 "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: LoadBalancer, "
	 "allocateLoadBalancerNodePorts: false, ports: [{port: 80}]}, status: {loadBalancer: "
	 "{ingress: [{ip: 198.51.100.1}]}}}",
	 "a", NULL, "lb 198.51.100.1", ""},
	{"RequireDualStack has both", POOL_P,
	 LB("a", "ipFamilyPolicy: RequireDualStack, loadBalancerIP: 203.0.113.9, " PORT80)
		 LB("b", "ipFamilies: [IPv6], loadBalancerIP: '2001:db8::9', " PORT80),
	 "a", NULL, "lb 203.0.113.9 lb 2001:db8::8", ""},
	{"families are those of the addresses that are written, where it does not say them",
	 "cluster-cidrs: [10.96.0.0/30, 'fd00::/126']",
	 META("a", "", "clusterIP: '', externalIPs: ['2001:db8::1'], " PORT80)
		 META("b", "", "externalIPs: ['2001:db8::1', 192.0.2.9], clusterIPs: [10.0.0.1], " PORT80),
	 "b", NULL, "cluster 10.0.0.1", ""},
	{"so that they are answered",
	 "cluster-cidrs: [10.96.0.0/31, 'fd00::/127']",
	 META("a", "", "externalIPs: ['2001:db8::1'], " PORT80), "a", NULL, "cluster fd00::1", ""},
	{"PreferDualStack takes what there is", "pools: [{name: p, addresses: ['2001:db8::1']}]",
	 LB("a", "ipFamilyPolicy: PreferDualStack, " PORT80), "a", NULL, "lb 2001:db8::1", ""},
	{"RequireDualStack says what is missing",
	 "cluster-cidrs: [10.96.0.0/30], pools: [{name: p, addresses: [203.0.113.8]}]",
	 LB("a", "ipFamilyPolicy: RequireDualStack, clusterIP: 10.0.0.1, " PORT80), "a", NULL,
	 "cluster 10.0.0.1 lb 203.0.113.8",
	 "Service default/a: services.cluster-cidrs has no IPv6 prefix\n"},
	{"a pool may be for namespaces",
	 "pools: [{name: p, addresses: [203.0.113.1], namespaces: [shop]}, {name: q, addresses: "
	 "[203.0.113.2]}]",
	 LB("a", PORT80) LB_META("b", ", namespace: shop", PORT80), "b", "shop", "lb 203.0.113.1",
	 ""},
	{"and is not for others",
	 "pools: [{name: p, addresses: [203.0.113.1], namespaces: [shop]}]", LB("a", PORT80), "a",
	 NULL, "", "Service default/a: pool p is for other namespaces\n"},
	{"nor can others ask for its addresses",
	 "pools: [{name: p, addresses: [203.0.113.1], namespaces: [shop]}]",
	 LB("a", "loadBalancerIP: 203.0.113.1, " PORT80), "a", NULL, "",
	 "Service default/a: 203.0.113.1 is in pool p, which is for other namespaces\n"},
	{"a pool may be for labels",
	 "pools: [{name: p, addresses: [203.0.113.1], labels: [tier=front, a=]}, {name: q, addresses: "
	 "[203.0.113.2]}]",
	 LB_META("a", ", labels: {tier: front, a: ''}", PORT80)
		 LB_META("b", ", labels: {tier: front}", PORT80),
	 "a", NULL, "lb 203.0.113.1", ""},
	{"all of them have to be there",
	 "pools: [{name: p, addresses: [203.0.113.1], labels: [tier=front, a=]}, {name: q, addresses: "
	 "[203.0.113.2]}]",
	 LB_META("b", ", labels: {tier: front}", PORT80), "b", NULL, "lb 203.0.113.2", ""},
	{"a pool may be for whatever a selector picks",
	 "pools: [{name: p, addresses: [203.0.113.1], labels: ['tier in (front, edge)', 'env!=test,!old']}, "
	 "{name: q, addresses: [203.0.113.2]}]",
	 LB_META("a", ", labels: {tier: edge}", PORT80), "a", NULL, "lb 203.0.113.1", ""},
	{"and not what another does",
	 "pools: [{name: p, addresses: [203.0.113.1], labels: ['tier in (front, edge)', 'env!=test,!old']}, "
	 "{name: q, addresses: [203.0.113.2]}]",
	 LB_META("a", ", labels: {tier: edge, old: ''}", PORT80), "a", NULL, "lb 203.0.113.2", ""},
	{"a pool may be for classes",
	 "load-balancer-classes: ['', x/y], pools: [{name: p, addresses: [203.0.113.1], classes: "
	 "[x/y]}, {name: q, addresses: [203.0.113.2], classes: ['']}]",
	 LB("a", PORT80) LB("b", "loadBalancerClass: x/y, " PORT80), "b", NULL, "lb 203.0.113.1",
	 ""},
	{"classes that are not ours are left alone", POOL_P,
	 LB("a", "loadBalancerClass: x/y, loadBalancerIP: 203.0.113.9, " PORT80), "a", NULL, "",
	 "Service default/a: its loadBalancerClass \"x/y\" is none of "
	 "services.load-balancer-classes\n"},
	{"as kube-proxy on a node, their status counts all the same", "node-name: n",
	 "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: LoadBalancer, "
	 "loadBalancerClass: x/y, allocateLoadBalancerNodePorts: false, ports: [{port: 80}]}, status: "
	 "{loadBalancer: {ingress: [{ip: 198.51.100.1}]}}}",
	 "a", NULL, "lb 198.51.100.1", ""},
	{"a pool that is not automatic is given to who asks for it",
	 "pools: [{name: p, addresses: [203.0.113.1], automatic: false}, {name: q, addresses: "
	 "[203.0.113.2]}]",
	 LB("a", PORT80) LB_META("b", NOTE("pool", "p"), PORT80), "b", NULL, "lb 203.0.113.1", ""},
	{"and not to others", "pools: [{name: p, addresses: [203.0.113.1], automatic: false}]",
	 LB("a", PORT80), "a", NULL, "", "Service default/a: pool p is not automatic\n"},
	{"who asks for a pool gets no other",
	 "pools: [{name: p, addresses: [203.0.113.1]}, {name: q, addresses: ['2001:db8::1']}]",
	 LB_META("a", NOTE("pool", "q"), PORT80), "a", NULL, "",
	 "Service default/a: no pool with IPv4 addresses is for it\n"},
	{"edges are avoided where they should be",
	 "pools: [{name: p, addresses: [203.0.113.255-203.0.114.1], avoid-edges: true}]",
	 LB("a", PORT80), "a", NULL, "lb 203.0.114.1", ""},
	{"the box's own address is nobody's",
	 "pools: [{name: p, addresses: [192.0.2.0/30], avoid-edges: true}]",
	 LB("b", PORT80) LB("c", PORT80) LB("a", PORT80), "c", NULL, "",
	 "Service default/c: no IPv4 address of pool p is left\n"},
	{"a second Service gets the next pool when the first is full",
	 "pools: [{name: p, addresses: [203.0.113.1]}, {name: q, addresses: [203.0.113.2]}]",
	 LB("a", PORT80) LB("b", PORT80), "b", NULL, "lb 203.0.113.2", ""},
	{"the older one is first", "pools: [{name: p, addresses: [203.0.113.1]}]",
	 LB_META("a", ", creationTimestamp: '2024-02-01T00:00:00Z'", PORT80)
		 LB_META("b", ", creationTimestamp: '2024-01-01T00:00:00Z'", PORT80),
	 "b", NULL, "lb 203.0.113.1", "Service default/a: no IPv4 address of pool p is left\n"},
	{"what is written is first of all", "pools: [{name: p, addresses: [203.0.113.1]}]",
	 LB("a", PORT80) LB("b", "externalIPs: [203.0.113.1], loadBalancerClass: x/y, " PORT80),
	 "a", NULL, "",
	 "Service default/a: no IPv4 address of pool p is left\n"
	 "Service default/b: its loadBalancerClass \"x/y\" is none of "
	 "services.load-balancer-classes\n"},
	{"two may write the same address", POOL_P,
	 LB("a", "loadBalancerIP: 203.0.113.9, " PORT80)
		 LB("b", "loadBalancerIP: 203.0.113.9, ports: [{port: 443}]"),
	 "b", NULL, "lb 203.0.113.9", ""},
	{"but not with a key that the other has not", POOL_P,
	 LB("a", "loadBalancerIP: 203.0.113.9, " PORT80)
		 LB_META("b", NOTE("sharing-key", "k"),
			 "loadBalancerIP: 203.0.113.9, ports: [{port: 443}]"),
	 "b", NULL, "",
	 "Service default/b: 203.0.113.9 is of default/a, which has another forebay.io/sharing-key\n"},
	{"one key and different ports are one address",
	 "pools: [{name: p, addresses: [203.0.113.0/24]}]",
	 LB_META("a", NOTE("sharing-key", "k"), "ports: [{port: 53, protocol: UDP}]")
		 LB_META("b", NOTE("sharing-key", "k"), "ports: [{port: 53}]")
			 LB_META("c", NOTE("sharing-key", "k"),
				 "loadBalancerIP: 203.0.113.9, ports: [{port: 54}]"),
	 "c", NULL, "lb 203.0.113.9", ""},
	{"the low end of NodePorts is the last to go", "node-port-range: 30000-30017",
	 META("a", "",
	      "type: NodePort, ports: [{name: a, port: 1}, {name: b, port: 1, protocol: UDP}]"),
	 "a", NULL, NULL, ""},
	{"NodePorts that are written are not picked", "node-port-range: 30000-30001",
	 META("a", "", "type: NodePort, " PORT80)
		 META("b", "", "type: NodePort, ports: [{port: 80, nodePort: 30001}]"),
	 "a", NULL, "port 30000", ""},
	{"a range without room says so", "node-port-range: 30000-30000",
	 META("a", "",
	      "type: LoadBalancer, externalTrafficPolicy: Local, ports: [{name: a, port: 1}, {name: b, "
	      "port: 2}]"),
	 "a", NULL, "port 30000",
	 "Service default/a: no port of services.node-port-range is left for 2/TCP; no port of "
	 "services.node-port-range is left for its healthCheckNodePort\n"},
	{"one number for two protocols of a port", "node-port-range: 30000-30000",
	 META("a", "",
	      "type: NodePort, ports: [{name: a, port: 53}, {name: b, port: 53, protocol: UDP}]"),
	 "a", NULL, "port 30000 port 30000", ""},
	{"NodePorts are not where SNAT or the metrics are", "node-port-range: 32767-32768",
	 META("a", "", "type: NodePort, " PORT80), "a", NULL, "port 32767", ""},
};

static void rules_of_allotting(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(rules); i++) {
		const struct rule *rule = &rules[i];
		struct bed bed;
		const char *got;

		open_bed(&bed, rule->services);
		say(&bed, "a", rule->objects);
		got = has_in(&bed, rule->namespace_ != NULL ? rule->namespace_ : "default",
			     rule->name);
		if ((rule->has != NULL && strcmp(got, rule->has) != 0) ||
		    strcmp(bed.said, rule->told) != 0)
			fail_msg("%s: has \"%s\", told \"%s\"", rule->says, got, bed.said);
		close_bed(&bed);
	}
}

static void keys_share_an_address_as_long_as_ports_differ(void **state)
{
	struct fb_addr addr;
	struct fb_addr other;
	struct bed bed;
	char *text;

	(void)state;
	open_bed(&bed, "pools: [{name: p, addresses: [203.0.113.0/24]}]");
	say(&bed, "a",
	    LB_META("a", NOTE("sharing-key", "k"), "ports: [{port: 53, protocol: UDP}]"));
	addr = balancer(&bed, "a");
	say(&bed, "b", LB_META("b", NOTE("sharing-key", "k"), "ports: [{port: 53}]"));
	other = balancer(&bed, "b");
	assert_true(fb_addr_equal(&addr, &other));
	say(&bed, "c", LB_META("c", NOTE("sharing-key", "k"), "ports: [{port: 53}]"));
	other = balancer(&bed, "c");
	assert_false(fb_addr_equal(&addr, &other));
	say(&bed, "d", LB("d", PORT80));
	other = balancer(&bed, "d");
	assert_false(fb_addr_equal(&addr, &other));
	/* One that asks for a shared address needs the key. */
	{
		char asks[512];
		char shown[FB_ADDR_STRLEN];

		(void)snprintf(asks, sizeof(asks),
			       "{apiVersion: v1, kind: Service, metadata: {name: e}, spec: {type: "
			       "LoadBalancer, loadBalancerIP: %s, ports: [{port: 99}]}}",
			       fb_addr_format(&addr, shown));
		say(&bed, "e", asks);
		assert_non_null(strstr(bed.said, ", which has another forebay.io/sharing-key\n"));
	}
	/* It holds over a restart. */
	text = fb_pool_save(bed.pool);
	close_bed(&bed);
	open_bed(&bed, "pools: [{name: p, addresses: [203.0.113.0/24]}]");
	load(&bed, text);
	say(&bed, "b", LB_META("b", NOTE("sharing-key", "k"), "ports: [{port: 53}]"));
	other = balancer(&bed, "b");
	assert_true(fb_addr_equal(&addr, &other));
	free(text);
	close_bed(&bed);
}

static void it_is_known_how_full_a_pool_is(void **state)
{
	struct fb_pool_fill fills[4];
	struct bed bed;

	(void)state;
	open_bed(&bed, "pools: [{name: p, addresses: [192.0.2.0/30, '2001:db8::/64']}, {name: q, "
		       "addresses: [203.0.113.9]}]");
	say(&bed, "a",
	    LB_META("a", NOTE("sharing-key", "k"), "ports: [{port: 53, protocol: UDP}]")
		    LB_META("b", NOTE("sharing-key", "k"), "ports: [{port: 53}]"));
	assert_int_equal(fb_pool_fills(bed.pool, fills), 3);
	assert_string_equal(fills[0].name, "p");
	assert_int_equal(fills[0].family, FB_IPV4);
	assert_true(fills[0].n_addresses > 3.5 && fills[0].n_addresses < 4.5);
	/* The one that both share, and the box's own. */
	assert_int_equal(fills[0].n_used, 2);
	assert_int_equal(fills[1].family, FB_IPV6);
	assert_true(fills[1].n_addresses > 1.8e19 && fills[1].n_addresses < 1.9e19);
	assert_int_equal(fills[1].n_used, 0);
	assert_string_equal(fills[2].name, "q");
	assert_int_equal(fills[2].n_used, 0);
	close_bed(&bed);
}

static void who_has_something_keeps_it_from_who_writes_it_later(void **state)
{
	char text[1024];
	struct bed bed;
	char addr[FB_ADDR_STRLEN];
	struct fb_addr cluster;

	(void)state;
	open_bed(&bed, "cluster-cidrs: [10.96.0.0/24], node-port-range: 30000-30000");
	say(&bed, "a", META("a", "", "type: NodePort, " PORT80));
	cluster = service(&bed, "default", "a")->cluster_ips[0];
	(void)snprintf(
		text, sizeof(text),
		"{apiVersion: v1, kind: Service, metadata: {name: b}, spec: {type: NodePort, "
		"clusterIP: %s, ports: [{port: 80, nodePort: 30000}]}}",
		fb_addr_format(&cluster, addr));
	say(&bed, "b", text);
	assert_string_equal(has(&bed, "b"), "");
	(void)snprintf(
		text, sizeof(text),
		"Service default/b: clusterIP %s was allotted to default/a; nodePort 30000 was "
		"allotted to default/a\n",
		addr);
	assert_string_equal(bed.said, text);
	close_bed(&bed);
}

static void new_endpoints_leave_an_allotment_alone(void **state)
{
	const struct fb_model_service *before;
	struct bed bed;

	(void)state;
	open_bed(&bed, "cluster-cidrs: [10.96.0.0/24]");
	say(&bed, "a", PLAIN("a"));
	before = service(&bed, "default", "a");
	say(&bed, "b",
	    "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: s, labels: "
	    "{kubernetes.io/service-name: a}}, addressType: IPv4, endpoints: [{addresses: "
	    "[10.1.0.1]}], ports: [{port: 80}]}");
	assert_ptr_equal(before, service(&bed, "default", "a"));
	/* Nor does the same file read again. */
	say(&bed, "a", PLAIN("a"));
	assert_ptr_equal(before, service(&bed, "default", "a"));
	close_bed(&bed);
}

/* Services that come, change and go at random: nobody has what another has, all of it is in the pool,
 * and who stays keeps it. */
static void a_random_life_keeps_the_laws(void **state)
{
	enum { N = 40 };
	struct fb_addr held[N];
	bool lives[N] = {false};
	uint32_t seed = 12345;
	struct bed bed;

	(void)state;
	open_bed(&bed,
		 "node-port-range: 30000-30049, pools: [{name: p, addresses: [203.0.113.32/27]}]");
	for (int step = 0; step < 600; step++) {
		char origin[8];
		char text[300];
		unsigned int i;

		seed = seed * 1664525u + 1013904223u;
		i = (seed >> 16) % N;
		(void)snprintf(origin, sizeof(origin), "s%u", i);
		if (lives[i] && seed >> 31) {
			fb_store_remove_origin(bed.store, origin);
			lives[i] = false;
		} else {
			(void)snprintf(
				text, sizeof(text),
				"{apiVersion: v1, kind: Service, metadata: {name: s%u, labels: "
				"{a: b%d}}, spec: {type: LoadBalancer, ports: [{port: 80}]}}",
				i, step);
			put(&bed, origin, text);
			if (!lives[i])
				held[i] = (struct fb_addr){{0}};
			lives[i] = true;
		}
		allot(&bed);
		for (unsigned int a = 0; a < N; a++) {
			const struct fb_model_service *s;

			if (!lives[a])
				continue;
			(void)snprintf(origin, sizeof(origin), "s%u", a);
			s = service(&bed, "default", origin);
			assert_true(s->n_ingress == 1 ||
				    fb_pool_trouble(bed.pool, "default", origin) != NULL);
			if (s->n_ingress == 0)
				continue;
			if (held[a].bytes[15] != 0)
				assert_memory_equal(&held[a], &s->ingress[0].addr, sizeof(held[a]));
			held[a] = s->ingress[0].addr;
			assert_in_range(held[a].bytes[15], 32, 63);
			for (unsigned int b = 0; b < a; b++)
				assert_false(lives[b] && fb_addr_equal(&held[a], &held[b]));
		}
	}
	close_bed(&bed);
}

static void what_a_clone_is_asked_changes_nothing(void **state)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_store *store;
	struct fb_pool *pool;
	struct bed bed;
	char *before;
	char *after;

	(void)state;
	open_bed(&bed, "pools: [{name: p, addresses: [203.0.113.8/31]}]");
	say(&bed, "a", LB("a", PORT80));
	before = fb_pool_save(bed.pool);
	put(&bed, "b", LB("b", PORT80));
	store = fb_store_clone(bed.store);
	pool = fb_pool_clone(bed.pool);
	fb_store_dirty(store, "default", "b");
	assert_int_equal(fb_pool_allot(pool, store, &errs), 0);
	{
		struct fb_store_view view;

		assert_true(fb_store_view(store, "default", "b", &view));
		assert_int_equal(view.service->service.n_ingress, 1);
		assert_true(fb_store_view(store, "default", "a", &view));
		assert_int_equal(view.service->service.n_ingress, 1);
		assert_true(fb_store_view(bed.store, "default", "b", &view));
		assert_int_equal(view.service->service.n_ingress, 0);
	}
	after = fb_pool_save(bed.pool);
	assert_string_equal(before, after);
	free(before);
	free(after);
	fb_store_free(store);
	fb_pool_free(pool);
	fb_errs_fini(&errs);
	close_bed(&bed);
}

static void a_broken_file_says_where_and_the_rest_counts(void **state)
{
	static const char text[] =
		"{\"version\": 1, \"services\": [\n"
		"{\"namespace\": \"default\", \"name\": \"a\", \"load_balancer_ips\": "
		"[\"203.0.113.9\", \"x\"]},\n"
		"{\"namespace\": \"default\", \"name\": \"b\", \"load_balancer_ips\": "
		"[\"203.0.113.9\"],\n"
		"\"node_ports\": [{\"port\": 80, \"protocol\": \"TCP\", \"node_port\": 70000}]},\n"
		"7]}";
	static const char *const broken[] = {
		"",
		"[]",
		"{",
		"{\"version\": 2, \"services\": []}",
		"{\"version\": 1}",
		"{\"version\": 1, \"services\": {}}",
		"a\n---\nb",
	};
	struct fb_errs errs = FB_ERRS_INIT;
	struct bed bed;
	char line[256];

	(void)state;
	open_bed(&bed, "pools: [{name: p, addresses: [203.0.113.0/24]}]");
	assert_int_equal(fb_pool_load(bed.pool, "f", text, strlen(text), &errs), -EINVAL);
	assert_int_equal(errs.n_errors, 5);
	(void)fb_err_format(&errs.v[0], line, sizeof(line));
	assert_string_equal(line, "f:2:76: is not an address");
	(void)fb_err_format(&errs.v[1], line, sizeof(line));
	assert_string_equal(line, "f:3:61: is a second of its family, or another's too");
	(void)fb_err_format(&errs.v[2], line, sizeof(line));
	assert_string_equal(line, "f:4:61: is not a port (1 to 65535)");
	fb_errs_fini(&errs);
	say(&bed, "a", LB("a", PORT80));
	assert_string_equal(has(&bed, "a"), "lb 203.0.113.9");
	close_bed(&bed);
	for (size_t i = 0; i < N_OF(broken); i++) {
		open_bed(&bed, "");
		assert_int_equal(fb_pool_load(bed.pool, "f", broken[i], strlen(broken[i]), &errs),
				 -EINVAL);
		assert_true(errs.n_errors > 0);
		fb_errs_fini(&errs);
		close_bed(&bed);
	}
}

/* Memory runs out at each place in turn; asked again, it comes out as if nothing had been. */
static void without_memory_it_can_be_asked_again(void **state)
{
	static const char objects[] =
		META("a", "", "type: LoadBalancer, externalTrafficPolicy: Local, " PORT80)
			LB("b", "loadBalancerIP: 203.0.113.9, " PORT80) LB("c", PORT80)
				LB("d", PORT80);
	static const char services[] =
		"cluster-cidrs: [10.96.0.0/24], pools: [{name: p, addresses: [203.0.113.8/31]}]";
	char *want;
	struct bed bed;

	(void)state;
	open_bed(&bed, services);
	say(&bed, "a", objects);
	want = fb_pool_save(bed.pool);
	close_bed(&bed);
	for (unsigned int n = 1;; n++) {
		struct fb_errs errs = FB_ERRS_INIT;
		size_t before;
		bool failed;
		char *got;
		int rc;

		before = alloc_fail_live();
		open_bed(&bed, services);
		put(&bed, "a", objects);
		alloc_fail_at(n);
		rc = fb_pool_allot(bed.pool, bed.store, &errs);
		failed = alloc_fail_stop();
		assert_true(rc == 0 || (failed && rc == -ENOMEM));
		allot(&bed);
		got = fb_pool_save(bed.pool);
		assert_string_equal(want, got);
		free(got);
		fb_errs_fini(&errs);
		close_bed(&bed);
		assert_int_equal(alloc_fail_live(), before);
		if (!failed)
			break;
	}
	free(want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_allotted_where_nothing_is_configured_or_wanted),
		cmocka_unit_test(a_service_gets_what_its_type_wants),
		cmocka_unit_test(the_low_end_is_the_last_to_go),
		cmocka_unit_test(one_that_waits_gets_what_becomes_free),
		cmocka_unit_test(the_order_of_files_does_not_matter),
		cmocka_unit_test(a_restart_changes_nothing),
		cmocka_unit_test(who_comes_late_finds_what_it_had),
		cmocka_unit_test(another_config_moves_only_what_it_must),
		cmocka_unit_test(rules_of_allotting),
		cmocka_unit_test(keys_share_an_address_as_long_as_ports_differ),
		cmocka_unit_test(it_is_known_how_full_a_pool_is),
		cmocka_unit_test(who_has_something_keeps_it_from_who_writes_it_later),
		cmocka_unit_test(new_endpoints_leave_an_allotment_alone),
		cmocka_unit_test(a_random_life_keeps_the_laws),
		cmocka_unit_test(what_a_clone_is_asked_changes_nothing),
		cmocka_unit_test(a_broken_file_says_where_and_the_rest_counts),
		cmocka_unit_test(without_memory_it_can_be_asked_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
