/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "box/box.h"
#include "box/offline.h"

static const char ports[] =
	"ports:\n"
	"- {name: lan, device: net_null0, addresses: [203.0.113.1/24, '2001:db8:c::1/64']}\n"
	"- {name: svc, device: net_null1, addresses: [10.1.0.1/24, 'fd00:1::1/64']}\n"
	"lab:\n"
	"  neighbours:\n"
	"  - {address: 10.1.0.11, mac: '02:00:00:00:01:11', port: svc}\n";

static struct fb_config *read_config(const char *more)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_config *config = NULL;
	char *text;

	assert_true(asprintf(&text, "%s%s", ports, more) > 0);
	assert_int_equal(fb_config_parse("test", text, strlen(text), &config, &errs), 0);
	fb_errs_fini(&errs);
	free(text);
	return config;
}

static struct fb_addr addr(const char *text)
{
	struct fb_addr a;

	assert_int_equal(fb_addr_parse(text, &a), 0);
	return a;
}

static uint8_t bits_of(const struct fb_offline *o, const char *text)
{
	struct fb_addr a = addr(text);

	return fb_table_address(o->snapshot, &a);
}

static void open_with(const char *more, const char *path, struct fb_offline *ret)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_config *config = read_config(more);

	assert_int_equal(fb_offline_open(config, &path, path != NULL ? 1 : 0, ret, &errs), 0);
	assert_int_equal(errs.n_errors, 0);
	fb_errs_fini(&errs);
}

static void close_all(struct fb_offline *o)
{
	struct fb_config *config = o->config;

	fb_offline_close(o);
	fb_config_free(config);
}

static void without_snat_addresses_each_port_hides_clients_behind_its_own(void **state)
{
	struct fb_offline o;
	struct fb_addr own = addr("10.1.0.1");

	(void)state;
	open_with("", NULL, &o);
	assert_int_equal(bits_of(&o, "10.1.0.1"), FB_ADDR_BOX | FB_ADDR_SNAT);
	assert_int_equal(bits_of(&o, "2001:db8:c::1"), FB_ADDR_BOX | FB_ADDR_SNAT);
	assert_int_equal(bits_of(&o, "10.1.0.2"), 0);
	assert_int_equal(o.snapshot->snat[1][FB_IPV4].n, 1);
	assert_true(fb_addr_equal(&o.snapshot->snat[1][FB_IPV4].addrs[0], &own));
	assert_int_equal(o.snapshot->snat[0][FB_IPV6].n, 1);
	close_all(&o);
}

static void configured_snat_addresses_serve_every_port_and_are_announced(void **state)
{
	struct fb_offline o;

	(void)state;
	open_with("nat: {snat-addresses: [198.51.100.7, 198.51.100.8]}\n", NULL, &o);
	assert_int_equal(bits_of(&o, "198.51.100.7"), FB_ADDR_SNAT | FB_ADDR_ANNOUNCE);
	assert_int_equal(bits_of(&o, "10.1.0.1"), FB_ADDR_BOX);
	assert_int_equal(o.snapshot->snat[0][FB_IPV4].n, 2);
	assert_int_equal(o.snapshot->snat[1][FB_IPV4].n, 2);
	assert_int_equal(o.snapshot->snat[0][FB_IPV6].n, 0);
	close_all(&o);
}

static void node_ports_are_answered_on_the_ports_unless_the_config_names_addresses(void **state)
{
	struct fb_desired_settings settings;
	struct fb_config *config = read_config("");
	struct fb_addr node = addr("203.0.113.9");

	(void)state;
	assert_int_equal(fb_box_settings(config, &settings), 0);
	assert_int_equal(settings.n_node_addresses, 4);
	fb_box_settings_free(&settings);
	fb_config_free(config);
	config = read_config("services: {node-addresses: [203.0.113.9]}\n");
	assert_int_equal(fb_box_settings(config, &settings), 0);
	assert_int_equal(settings.n_node_addresses, 1);
	assert_true(fb_addr_equal(&settings.node_addresses[0], &node));
	fb_box_settings_free(&settings);
	fb_config_free(config);
}

static void a_manifest_ends_in_a_service_with_next_hops(void **state)
{
	struct fb_addr client = addr("203.0.113.2");
	struct fb_addr vip = addr("192.0.2.10");
	const struct fb_service *svc;
	struct fb_tuple tuple;
	struct fb_offline o;

	(void)state;
	open_with("", EXAMPLES "/hello.yaml", &o);
	tuple = fb_tuple_make(IPPROTO_TCP, &client, rte_cpu_to_be_16(40000), &vip,
			      rte_cpu_to_be_16(80));
	svc = fb_table_lookup(o.snapshot, &tuple);
	assert_non_null(svc);
	assert_string_equal(svc->name, "hello");
	assert_int_equal(svc->n_endpoints, 3);
	for (uint32_t i = 0; i < svc->n_endpoints; i++) {
		uint16_t hop = fb_table_info(o.snapshot, svc->endpoints[i].id)->nh_idx;
		struct fb_addr known = addr("10.1.0.11");

		assert_int_equal(o.snapshot->next_hops[hop].port, 1);
		assert_int_equal(o.snapshot->next_hops[hop].state,
				 fb_addr_equal(&svc->endpoints[i].addr, &known) ?
					 FB_HOP_READY :
					 FB_HOP_UNRESOLVED);
	}
	close_all(&o);
}

static void a_path_that_is_not_there_is_an_error_that_names_it(void **state)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_config *config = read_config("");
	const char *path = "/nowhere/at/all.yaml";
	struct fb_offline o;

	(void)state;
	assert_int_equal(fb_offline_open(config, &path, 1, &o, &errs), -ENOENT);
	assert_int_equal(errs.n_errors, 1);
	assert_string_equal(errs.v[0].file, path);
	fb_errs_fini(&errs);
	fb_config_free(config);
}

static const char dns_objects[] =
	"---\n{apiVersion: v1, kind: Service, metadata: {name: dns, namespace: sys}, spec: {clusterIP: "
	"10.96.0.53, clusterIPs: [10.96.0.53, 'fd00:96::53'], externalIPs: [198.51.100.53], ports: "
	"[{name: d, port: 53, protocol: UDP}, {name: m, port: 9153}]}}\n"
	"---\n{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: shop}, status: {phase: Running, "
	"podIPs: [{ip: 10.1.0.9}]}}\n"
	"---\n{apiVersion: v1, kind: Namespace, metadata: {name: empty}}\n";

static void dns_is_answered_where_the_service_is_and_where_the_config_says(void **state)
{
	char path[] = "/tmp/forebay-test-XXXXXX";
	static const char *const want[] = {"203.0.113.1", "192.0.2.53", "10.96.0.53", "fd00:96::53",
					   "198.51.100.53"};
	const struct fb_dns_zone *zone;
	const struct fb_addr pod = addr("10.1.0.9");
	struct fb_offline o;
	int fd = mkstemp(path);

	assert_int_equal(write(fd, dns_objects, sizeof(dns_objects) - 1), sizeof(dns_objects) - 1);
	close(fd);
	open_with("dns: {enabled: true, service: sys/dns, addresses: [203.0.113.1, 192.0.2.53], pods: "
		  "verified}\n",
		  path, &o);
	zone = o.snapshot->dns;
	assert_non_null(zone);
	assert_int_equal(zone->n_addresses, 5);
	for (size_t i = 0; i < 5; i++) {
		struct fb_addr a = addr(want[i]);

		assert_true(fb_dns_zone_serves(zone, &a));
	}
	assert_int_equal(bits_of(&o, "203.0.113.1"), FB_ADDR_BOX | FB_ADDR_SNAT);
	assert_int_equal(bits_of(&o, "192.0.2.53"), FB_ADDR_SERVICE | FB_ADDR_ANNOUNCE);
	assert_true(zone->synced);
	assert_non_null(fb_dns_find_namespace(zone, (const uint8_t *)"\5empty", 6));
	assert_non_null(fb_dns_find_namespace(zone, (const uint8_t *)"\4shop", 5));
	assert_null(fb_dns_find_namespace(zone, (const uint8_t *)"\5other", 6));
	assert_non_null(fb_dns_find_pod(zone, &pod, (const uint8_t *)"\4shop", 5));
	assert_null(fb_dns_find_pod(zone, &pod, (const uint8_t *)"\3sys", 4));
	/* What was dropped before it was published is staged again, all of it. */
	assert_int_equal(fb_names_settle(o.names, o.store, true, 1), 0);
	assert_null(fb_table_commit(o.table));
	fb_table_abort(o.table);
	fb_names_abort(o.names);
	assert_int_equal(fb_names_settle(o.names, o.store, true, 1), 0);
	fb_snapshot_release(o.table, o.snapshot);
	o.snapshot = fb_table_commit(o.table);
	assert_non_null(o.snapshot);
	assert_non_null(fb_dns_find_namespace(o.snapshot->dns, (const uint8_t *)"\5empty", 6));
	assert_int_equal(o.snapshot->dns->n_addresses, 5);
	close_all(&o);
	(void)unlink(path);
}

static void without_dns_there_is_no_zone(void **state)
{
	struct fb_offline o;

	open_with("dns: {addresses: [192.0.2.53]}\n", NULL, &o);
	assert_null(o.snapshot->dns);
	assert_int_equal(bits_of(&o, "192.0.2.53"), 0);
	close_all(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_snat_addresses_each_port_hides_clients_behind_its_own),
		cmocka_unit_test(configured_snat_addresses_serve_every_port_and_are_announced),
		cmocka_unit_test(node_ports_are_answered_on_the_ports_unless_the_config_names_addresses),
		cmocka_unit_test(a_manifest_ends_in_a_service_with_next_hops),
		cmocka_unit_test(a_path_that_is_not_there_is_an_error_that_names_it),
		cmocka_unit_test(dns_is_answered_where_the_service_is_and_where_the_config_says),
		cmocka_unit_test(without_dns_there_is_no_zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
