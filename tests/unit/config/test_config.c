/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "model/selector.h"
#include "config/schema.h"
#include "nat/port.h"
#include "table/spec.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static char *print_errs(const struct fb_errs *errs)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	for (size_t i = 0; i < errs->n; i++) {
		char line[1024];

		fb_err_format(&errs->v[i], line, sizeof(line));
		fprintf(out, "%s\n", line);
	}
	fclose(out);
	return text;
}

static struct fb_config *parse(const char *text)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_config *config = NULL;

	if (fb_config_parse("c", text, strlen(text), &config, &errs) != 0)
		fail_msg("%s", print_errs(&errs));
	assert_int_equal(errs.n, 0);
	return config;
}

static void expect_errs(const char *text, const char *want)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_config *config = NULL;
	char *got;

	assert_int_equal(fb_config_parse("c", text, strlen(text), &config, &errs), -EINVAL);
	assert_null(config);
	got = print_errs(&errs);
	assert_string_equal(got, want);
	free(got);
	fb_errs_fini(&errs);
}

static void every_kind_of_setting_is_read(void **state)
{
	struct fb_config *config = parse(
		"ports:\n"
		"- {name: lan, device: '0000:3b:00.0', addresses: [192.0.2.1/24, 2001:db8::1/64],\n"
		"   mac: 02:00:5E:00:53:01, mtu: 9000, vlan: 7, tcp-mss: 1400, announce: false}\n"
		"- {name: wan, device: \"net_af_packet0,iface=eth1\"}\n"
		"workers: {cores: [2, 4], control-core: 1, burst: 64, idle: sleep, ring-size: 256}\n"
		"memory: {hugepages: off, size-mb: 512, mbufs: 8192}\n"
		"flows: {ipv4: 4096, timeouts: {tcp-opening: 5, tcp-established: 1h30m, udp: 2m}}\n"
		"nat: {mode: dnat, snat-addresses: [192.0.2.4], snat-ports: 1024-4095, secret: s}\n"
		"services: {announce: [ClusterIP, NodePort], node-addresses: [192.0.2.1]}\n"
		"limits: {reject-rate: 0}\n"
		"manifests:\n- path: /a\n  all-or-nothing: true\n"
		"state-dir: /s\n"
		"lab:\n"
		"  neighbours: [{address: 192.0.2.9, mac: 02:00:5e:00:53:09, port: lan}]\n"
		"  routes: [{prefix: 0.0.0.0/0, via: 192.0.2.9, port: lan}]\n"
		"control: {socket: /c, group: adm}\n"
		"metrics: {listen: '[::1]:9000'}\n"
		"log: {level: debug}\n");
	char text[FB_ADDR_STRLEN];

	assert_int_equal(config->n_ports, 2);
	assert_string_equal(config->ports[0].name, "lan");
	assert_int_equal(config->ports[0].n_addresses, 2);
	assert_string_equal(fb_addr_format(&config->ports[0].addresses[0].addr, text), "192.0.2.1");
	assert_int_equal(config->ports[0].addresses[1].len_bits, 64);
	assert_memory_equal(config->ports[0].mac, "\x02\x00\x5e\x00\x53\x01", 6);
	assert_int_equal(config->ports[0].mtu, 9000);
	assert_int_equal(config->ports[0].vlan, 7);
	assert_int_equal(config->ports[0].tcp_mss, 1400);
	assert_false(config->ports[0].announce);
	assert_string_equal(config->ports[1].device, "net_af_packet0,iface=eth1");
	assert_int_equal(config->ports[1].mtu, 1500);
	assert_true(config->ports[1].announce);
	assert_int_equal(config->n_workers, 2);
	assert_int_equal(config->worker_cores[1], 4);
	assert_int_equal(config->control_core, 1);
	assert_int_equal(config->burst, 64);
	assert_int_equal(config->idle, FB_IDLE_SLEEP);
	assert_int_equal(config->ring_size, 256);
	assert_int_equal(config->hugepages, FB_HUGEPAGES_OFF);
	assert_int_equal(config->memory_mb, 512);
	assert_int_equal(config->mbufs, 8192);
	assert_int_equal(config->flows_ipv4, 4096);
	assert_int_equal(config->tcp_opening_s, 5);
	assert_int_equal(config->tcp_established_s, 5400);
	assert_int_equal(config->udp_s, 120);
	assert_int_equal(config->n_snat_addresses, 1);
	assert_int_equal(config->snat_port_first, 1024);
	assert_int_equal(config->snat_port_last, 4095);
	assert_string_equal(config->secret, "s");
	assert_int_equal(config->n_node_addresses, 1);
	assert_int_equal(config->reject_rate, 0);
	assert_string_equal(config->manifests[0].path, "/a");
	assert_true(config->manifests[0].all_or_nothing);
	assert_string_equal(config->state_dir, "/s");
	assert_string_equal(config->neighbours[0].port, "lan");
	assert_int_equal(config->routes[0].prefix.len_bits, 0);
	assert_string_equal(fb_addr_format(&config->routes[0].via, text), "192.0.2.9");
	assert_string_equal(config->control_socket, "/c");
	assert_string_equal(config->control_group, "adm");
	assert_string_equal(config->metrics_listen, "[::1]:9000");
	assert_int_equal(config->log_level, FB_LOG_DEBUG);
	/* The names stand in a layer below the enums. */
	assert_int_equal(config->default_mode, FB_MODE_DNAT);
	assert_int_equal(config->announce_kinds,
			 1 << FB_FRONTEND_CLUSTER_IP | 1 << FB_FRONTEND_NODE_PORT);
	fb_config_free(config);
}

static void pools_are_ranges_and_for_whom_they_are(void **state)
{
	struct fb_config *config = parse(
		"services:\n"
		"  targets: nodes\n"
		"  cluster-cidrs: [10.96.0.0/12, 'fd00::/112']\n"
		"  node-port-range: 30000-30010\n"
		"  load-balancer-classes: ['', example.com/a]\n"
		"  pools:\n"
		"  - {name: a, addresses: [192.0.2.10-192.0.2.20, 198.51.100.7, '2001:db8::/120'],\n"
		"     namespaces: [shop, bank], classes: [example.com/a], labels: ['tier in (a, b),!c', 'x='],\n"
		"     avoid-edges: true, automatic: false}\n"
		"  - {name: b, addresses: [198.51.100.8/30]}\n");
	const struct fb_config_pool *pool = &config->pools[0];
	char text[FB_ADDR_STRLEN];

	assert_int_equal(config->targets, FB_TARGETS_NODES);
	assert_int_equal(config->n_cluster_cidrs, 2);
	assert_int_equal(config->cluster_cidrs[1].len_bits, 112);
	assert_int_equal(config->node_port_first, 30000);
	assert_int_equal(config->node_port_last, 30010);
	assert_int_equal(config->n_load_balancer_classes, 2);
	assert_string_equal(config->load_balancer_classes[0], "");
	assert_int_equal(config->n_pools, 2);
	assert_int_equal(pool->n_ranges, 3);
	assert_string_equal(fb_addr_format(&pool->ranges[0].last, text), "192.0.2.20");
	assert_string_equal(fb_addr_format(&pool->ranges[1].first, text), "198.51.100.7");
	assert_true(fb_addr_equal(&pool->ranges[1].first, &pool->ranges[1].last));
	assert_string_equal(fb_addr_format(&pool->ranges[2].last, text), "2001:db8::ff");
	assert_string_equal(pool->namespaces[1], "bank");
	assert_string_equal(pool->labels[0], "tier in (a, b),!c");
	assert_int_equal(pool->n_selectors, 2);
	assert_int_equal(pool->selectors[0].n, 2);
	assert_int_equal(pool->selectors[1].n, 1);
	assert_true(pool->avoid_edges && !pool->automatic);
	pool = &config->pools[1];
	assert_string_equal(fb_addr_format(&pool->ranges[0].last, text), "198.51.100.11");
	assert_true(!pool->avoid_edges && pool->automatic);
	fb_config_free(config);
}

static void an_empty_file_has_the_defaults(void **state)
{
	struct fb_config *config = parse("# nothing\n");

	assert_int_equal(config->n_ports, 0);
	assert_int_equal(config->n_workers, 1);
	assert_int_equal(config->worker_cores[0], 1);
	assert_int_equal(config->flows_ipv4, 1048576);
	assert_int_equal(config->tcp_established_s, 2 * 3600 + 300);
	assert_int_equal(config->default_mode, FB_MODE_SNAT);
	assert_int_equal(config->announce_kinds,
			 1 << FB_FRONTEND_LOAD_BALANCER | 1 << FB_FRONTEND_EXTERNAL_IP);
	assert_string_equal(config->control_socket, "/run/forebay/control.sock");
	assert_string_equal(config->control_group, FB_CONFIG_GROUP);
	fb_config_free(config);
}

static void a_key_whose_content_is_commented_out_has_its_default(void **state)
{
	struct fb_config *config = parse("lab:\n#  routes: []\nworkers:\n  count:\n");

	assert_int_equal(config->n_workers, 1);
	fb_config_free(config);
}

static void workers_stay_clear_of_the_control_core(void **state)
{
	struct fb_config *config = parse("workers: {count: 3, control-core: 2}");

	assert_int_equal(config->worker_cores[0], 1);
	assert_int_equal(config->worker_cores[1], 3);
	assert_int_equal(config->worker_cores[2], 4);
	fb_config_free(config);
}

static void what_is_wrong_with_one_value_says_what_is_allowed(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
		{"[1]", "c:1:1: a list is not a mapping\n"},
		{"workers: 3", "c:1:10: workers: 3 is not a mapping\n"},
		{"workers: {count: 65}",
		 "c:1:18: workers.count: 65 is not a whole number from 1 to 64\n"},
		{"workers: {count: '2'}",
		 "c:1:18: workers.count: \"2\" is not a whole number from 1 to 64\n"},
		{"workers: {count: -1}",
		 "c:1:18: workers.count: -1 is not a whole number from 1 to 64\n"},
		{"workers: {cores: 3}", "c:1:18: workers.cores: 3 is not a list\n"},
		{"workers: {cores: [1, x]}",
		 "c:1:22: workers.cores[1]: \"x\" is not a whole number from 0 to 1023\n"},
		{"workers: {ring-size: 1000}",
		 "c:1:22: workers.ring-size: 1000 is not a power of two from 64 to 65536\n"},
		{"workers: {idle: nap}", "c:1:17: workers.idle: \"nap\" is not one of poll, sleep\n"},
		{"workers: {conut: 1}",
		 "c:1:11: workers: unknown key \"conut\", did you mean \"count\"?; allowed: count, "
		 "cores, control-core, burst, idle, ring-size\n"},
		{"log: {colour: red}", "c:1:7: log: unknown key \"colour\"; allowed: level\n"},
		{"flows: {timeouts: {udp: 5x}}",
		 "c:1:25: flows.timeouts.udp: \"5x\" is not a duration such as 30s, 5m, 2h5m or "
		 "plain seconds, 1s to 1d\n"},
		{"flows: {timeouts: {udp: 5s5m}}",
		 "c:1:25: flows.timeouts.udp: \"5s5m\" is not a duration such as 30s, 5m, 2h5m or "
		 "plain seconds, 1s to 1d\n"},
		{"services: {pools: [{name: p, addresses: [192.0.2.9-192.0.2.1]}]}",
		 "c:1:42: services.pools[0].addresses[0]: \"192.0.2.9-192.0.2.1\" is not a range such as "
		 "192.0.2.10-192.0.2.50, or a prefix such as 198.51.100.0/24, of hosts' addresses\n"},
		{"services: {pools: [{name: p}]}", "c:1:20: services.pools[0]: \"addresses\" is missing\n"},
		{"services: {targets: node}",
		 "c:1:21: services.targets: \"node\" is not one of pods, nodes\n"},
		{"nat: {snat-ports: 2000-1024}",
		 "c:1:19: nat.snat-ports: \"2000-1024\" is not a range FIRST-LAST of ports within "
		 "1024 to 65535\n"},
		{"nat: {snat-ports: 1024-1278}",
		 "c:1:19: nat.snat-ports: 1024-1278 has 0 whole blocks of 256 ports (each begins at "
		 "a multiple of 256); 1 workers need one each\n"},
		{"sync: {listen: '10.9.0.1:7401', peer: '10.9.0.2:7401'}",
		 "c:1:16: sync: listen, peer and key-file go together: all three, or none of them\n"},
		{"sync: {peer: '10.9.0.2:7401', key-file: /k}",
		 "c:1:14: sync: listen, peer and key-file go together: all three, or none of them\n"},
		{"nat: {snat-addresses: [127.0.0.1]}",
		 "c:1:24: nat.snat-addresses[0]: \"127.0.0.1\" is not an address of one host such as "
		 "192.0.2.1 or 2001:db8::1\n"},
		{"services: {announce: [ClusterIP, All]}",
		 "c:1:34: services.announce[1]: \"All\" is not one of ClusterIP, NodePort, "
		 "LoadBalancer, ExternalIP\n"},
		{"metrics: {listen: '::1:9464'}",
		 "c:1:19: metrics.listen: \"::1:9464\" is not ADDRESS:PORT such as 127.0.0.1:9464 or "
		 "[::1]:9464, or \"\"\n"},
		{"state-dir: ''", "c:1:12: state-dir: \"\" is not text of 1 to 4095 characters\n"},
		{"manifests: [{path: /a, all-or-nothing: yes}]",
		 "c:1:40: manifests[0].all-or-nothing: \"yes\" is not true or false\n"},
		{"ports: [{device: d}]", "c:1:9: ports[0]: \"name\" is missing\n"},
		{"ports: [{name: a, device: d, addresses: [192.0.2.1]}]",
		 "c:1:42: ports[0].addresses[0]: \"192.0.2.1\" is not an address with its prefix "
		 "length such as 192.0.2.1/24 or 2001:db8::1/64\n"},
		{"ports: [{name: a, device: d, mac: 01:00:5e:00:00:01}]",
		 "c:1:35: ports[0].mac: \"01:00:5e:00:00:01\" is not a MAC address of one station "
		 "such as 02:00:5e:00:53:01\n"},
		{"ports: [{name: a b, device: d}]",
		 "c:1:16: ports[0].name: \"a b\" has other characters than letters, digits, - and "
		 "_\n"},
		{"lab: {routes: [{prefix: 192.0.2.1/24, port: a}]}",
		 "c:1:25: lab.routes[0].prefix: \"192.0.2.1/24\" is not a prefix such as "
		 "192.0.2.0/24 or 2001:db8::/64, host bits zero\n"
		 "c:1:45: lab.routes[0].port: no port is called \"a\"\n"},
		{"log: {level: info}\n---\na: 1\n",
		 "c:3:1: a config has one document, but a second begins here\n"},
		{"log: {level: info\n", "c:2:1: expected ',' or '}' (while parsing a flow mapping "
					"that begins at line 1)\n"},
	};

	for (size_t i = 0; i < N_OF(cases); i++)
		expect_errs(cases[i].text, cases[i].want);
}

#define SELECTORS                                                                                  \
	"; allowed is a label selector such as tier=front, tier!=test, \"tier in (front, edge)\", "  \
	"tier or \"!tier\"\n"

static void settings_that_contradict_each_other_are_refused(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
		{"workers: {count: 2, cores: [1]}",
		 "c:1:18: workers.count: 2, but workers.cores lists 1; leave one out, or let them "
		 "agree\n"},
		{"ports:\n- {name: a, device: d, addresses: [192.0.2.1/24]}\n"
		 "- {name: a, device: d, addresses: [192.0.2.1/25]}\n",
		 "c:3:10: ports[1].name: \"a\" is the name of ports[0] already\n"
		 "c:3:21: ports[1].device: \"d\" is the device of ports[0] already\n"
		 "c:3:36: ports[1].addresses[0]: 192.0.2.1 stands in ports[0] already\n"},
		{"nat: {snat-addresses: [192.0.2.1, 192.0.2.1]}",
		 "c:1:35: nat.snat-addresses[1]: 192.0.2.1 stands here twice\n"},
		{"manifests: [{path: /a}, {path: /a}]",
		 "c:1:32: manifests[1].path: \"/a\" is the path of manifests[0] already\n"},
		{"ports: [{name: a, device: d}]\n"
		 "lab: {routes: [{prefix: '2001:db8::/32', via: 192.0.2.1, port: a}]}",
		 "c:2:47: lab.routes[0].via: is of the other family than the prefix\n"},
		{"services:\n  cluster-cidrs: [10.96.0.0/16, 10.97.0.0/16]",
		 "c:2:33: services.cluster-cidrs: both are of one family; allowed is one of each\n"},
		{"services: {node-port-range: 40000-40010}",
		 "c:1:29: services.node-port-range: all of 40000-40010 is in nat.snat-ports "
		 "(32768-65535), which NodePorts are not picked from\n"},
		{"services:\n"
		 "  cluster-cidrs: [10.96.0.0/16]\n"
		 "  pools:\n"
		 "  - {name: a, addresses: [192.0.2.0-192.0.2.20, 192.0.2.20]}\n"
		 "  - {name: a, addresses: [10.96.7.0/24], labels: ['a==b', tier is front, '=x']}\n",
		 "c:5:59: services.pools[1].labels[1]: \"is\" where \"=\", \"!=\", \"in\", \"notin\", "
		 "\">\", \"<\" or \",\" should be" SELECTORS
		 "c:5:74: services.pools[1].labels[2]: \"=\" where a label's key should be" SELECTORS
		 "c:5:12: services.pools[1].name: \"a\" is the name of services.pools[0] already\n"
		 "c:5:27: services.pools[1].addresses[0]: overlaps services.cluster-cidrs[0], which is "
		 "10.96.0.0 to 10.96.255.255\n"
		 "c:4:49: services.pools[0].addresses[1]: overlaps services.pools[0].addresses[0], which "
		 "is 192.0.2.0 to 192.0.2.20\n"},
	};

	for (size_t i = 0; i < N_OF(cases); i++)
		expect_errs(cases[i].text, cases[i].want);
}

static void all_errors_of_a_file_are_told_at_once(void **state)
{
	expect_errs("workers: {count: 0, burst: 99}\n"
		    "workers: {count: 1}\n"
		    "nat: {mode: both}\n"
		    "wrokers: {}\n",
		    "c:2:1: key \"workers\" is given twice in this mapping, first at line 1 column 1\n"
		    "c:1:18: workers.count: 0 is not a whole number from 1 to 64\n"
		    "c:1:28: workers.burst: 99 is not a whole number from 1 to 64\n"
		    "c:3:13: nat.mode: \"both\" is not one of snat, dnat\n"
		    "c:4:1: unknown key \"wrokers\", did you mean \"workers\"?; allowed: ports, "
		    "workers, memory, flows, fragments, nat, services, dns, limits, manifests, state-dir, lab, "
		    "sync, control, metrics, log\n");
}

static void dns_settings_are_checked(void **state)
{
	expect_errs("dns: {domain: a..b, service: kube-dns, reverse-zones: [10.0.0.0/12, fc00::/6],\n"
		    "  namespaces: [default, \"\"], addresses: [192.0.2.1], resolvers: [192.0.2.1]}\n",
		    "c:2:25: dns.namespaces[1]: \"\" is not text of 1 to 63 characters\n"
		    "c:1:15: dns.domain: \"a..b\" is not a domain: labels of letters, digits, - and _, "
		    "with a dot between them\n"
		    "c:1:30: dns.service: \"kube-dns\" is not NAMESPACE/NAME of a Service\n"
		    "c:1:56: dns.reverse-zones[0]: a length of 12; reverse names have labels of 8 bits, "
		    "so it has to be a multiple of that, and not 0\n"
		    "c:1:69: dns.reverse-zones[1]: a length of 6; reverse names have labels of 4 bits, "
		    "so it has to be a multiple of that, and not 0\n"
		    "c:2:66: dns.resolvers[0]: stands in dns.addresses too; the box would ask itself\n");
}

static void a_file_that_cannot_be_read_is_an_error_with_its_name(void **state)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_config *config = NULL;
	char *got;

	assert_int_equal(fb_config_read("/nonexistent/forebay.yaml", &config, &errs), -ENOENT);
	got = print_errs(&errs);
	assert_string_equal(got,
			    "/nonexistent/forebay.yaml: cannot be read: No such file or directory\n");
	free(got);
	fb_errs_fini(&errs);
}

static void the_workers_share_of_snat_ports_is_what_nat_deals_out(void **state)
{
	/* check.c counts whole blocks of this size. */
	assert_int_equal(FB_NAT_BLOCK, 256);
	assert_int_equal(FB_NAT_MAX_WORKERS, FB_CONFIG_MAX_WORKERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_setting_is_read),
		cmocka_unit_test(pools_are_ranges_and_for_whom_they_are),
		cmocka_unit_test(an_empty_file_has_the_defaults),
		cmocka_unit_test(a_key_whose_content_is_commented_out_has_its_default),
		cmocka_unit_test(workers_stay_clear_of_the_control_core),
		cmocka_unit_test(what_is_wrong_with_one_value_says_what_is_allowed),
		cmocka_unit_test(settings_that_contradict_each_other_are_refused),
		cmocka_unit_test(all_errors_of_a_file_are_told_at_once),
		cmocka_unit_test(a_file_that_cannot_be_read_is_an_error_with_its_name),
		cmocka_unit_test(dns_settings_are_checked),
		cmocka_unit_test(the_workers_share_of_snat_ports_is_what_nat_deals_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
