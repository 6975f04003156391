/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <netinet/in.h>
#include <string.h>

#include "control/explain.h"
#include "table/write.h"

/*
 * One snapshot for all: lb 192.0.2.10:80/tcp with two endpoints (one routed, by 10.1.0.1; one without
 * a route, by 10.9.0.1), an empty service at port 81, a dnat one at 82, one with endpoints elsewhere at 85, the box 203.0.113.1, SNAT
 * 203.0.113.9.
 */
struct fixture {
	struct fb_table *table;
	struct fb_snapshot *snap;
	struct fb_nat_ports nat_ports;
	struct fb_explain_env env;
};

static struct fixture fix;
static const char *const port_names[] = {"lan"};

static struct fb_addr addr(const char *text)
{
	struct fb_addr a;

	assert_int_equal(fb_addr_parse(text, &a), 0);
	return a;
}

static uint16_t next_hop(void *arg, const struct fb_addr *a)
{
	return a->bytes[13] == 9 ? 0 : a->bytes[13] == 8 ? 2 : 1;
}

static const struct fb_next_hop *next_hops(void *arg, uint32_t *ret_n)
{
	static const struct fb_next_hop v[] = {
		{.state = FB_HOP_NONE},
		{.state = FB_HOP_READY, .mac = {2, 0, 0, 0, 0, 1}, .mtu = 1500},
		{.state = FB_HOP_UNRESOLVED},
	};

	*ret_n = 3;
	return v;
}

static uint16_t owner(void *arg, const struct fb_service *svc, uint16_t port,
		      const struct fb_tuple *client, const char **ret_rule)
{
	struct fb_addr src = fb_tuple_src(client);

	*ret_rule = "client hash";
	return fb_nat_client_owner(&fix.nat_ports, &src, fb_tuple_sport(client));
}

/* The Service "members" is for 203.0.113.0/24. */
static const struct fb_source_range members = {{0, 0xffffcb007100}, {0, 0xffffcb0071ff}};

static void add(const char *name, uint16_t port, enum fb_service_mode mode, const char *endpoint)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_frontend_spec fe = {
		.addr = addr("192.0.2.10"),
		.port_be = rte_cpu_to_be_16(port),
		.kind = FB_FRONTEND_LOAD_BALANCER,
	};
	struct fb_endpoint_spec ep = {
		.port_be = rte_cpu_to_be_16(8080),
		.state = FB_EP_ACTIVE,
		.weight = 1,
	};
	struct fb_service_spec spec = {
		.namespace_ = "default",
		.name = name,
		.port_name = "",
		.port = port,
		.proto = IPPROTO_TCP,
		.family = FB_IPV4,
		.mode = (uint8_t)mode,
		.frontends = &fe,
		.n_frontends = 1,
		.endpoints = &ep,
		.n_endpoints = endpoint != NULL,
		.sources = &members,
		.n_sources = strcmp(name, "members") == 0,
		.elsewhere = strcmp(name, "elsewhere") == 0,
		.selection = strcmp(name, "around") == 0 ? FB_SELECT_ROUND_ROBIN : FB_SELECT_MAGLEV,
		.affinity_s = strcmp(name, "around") == 0 ? 60 : 0,
		.removed_tcp_s = FB_NEVER_S,
	};

	if (endpoint != NULL)
		ep.addr = addr(endpoint);
	assert_int_equal(fb_table_set_service(fix.table, "default", name, &spec, 1,
					      (struct fb_place){0}, &errs),
			 0);
	assert_int_equal(errs.n, 0);
}

static int setup(void **state)
{
	struct fb_table_router router = {.next_hop = next_hop, .next_hops = next_hops};
	struct fb_addr snat = addr("203.0.113.9");
	struct fb_addr box = addr("203.0.113.1");
	struct fb_hash_secret secret;

	fb_hash_secret_init(&secret, "explain");
	fix.table = fb_table_create(&secret, &router, 100, 100);
	assert_non_null(fix.table);
	assert_int_equal(fb_nat_ports_init(&fix.nat_ports, 32768, 65535, 2, &secret), 0);
	add("web", 80, FB_MODE_SNAT, "10.1.0.1");
	add("empty", 81, FB_MODE_SNAT, NULL);
	add("members", 86, FB_MODE_SNAT, "10.1.0.1");
	add("elsewhere", 85, FB_MODE_SNAT, NULL);
	add("kept", 82, FB_MODE_DNAT, "10.1.0.1");
	add("lost", 83, FB_MODE_SNAT, "10.9.0.1");
	add("asking", 84, FB_MODE_SNAT, "10.8.0.1");
	add("around", 87, FB_MODE_SNAT, "10.1.0.1");
	assert_int_equal(fb_table_set_address(fix.table, &box, FB_ADDR_BOX), 0);
	assert_int_equal(fb_table_set_address(fix.table, &snat, FB_ADDR_SNAT), 0);
	assert_int_equal(fb_table_set_snat(fix.table, 0, FB_IPV4, &snat, 1), 0);
	fix.snap = fb_table_commit(fix.table);
	assert_non_null(fix.snap);
	fix.env = (struct fb_explain_env){
		.snap = fix.snap,
		.nat_ports = &fix.nat_ports,
		.port_names = port_names,
		.n_ports = 1,
		.owner = owner,
	};
	return 0;
}

static int teardown(void **state)
{
	fb_snapshot_release(fix.table, fix.snap);
	fb_table_free(fix.table);
	return 0;
}

static struct fb_explanation explain(const char *line, const struct fb_flow_row *flow)
{
	struct fb_explain_query query;
	struct fb_explanation e;
	const char *why;

	assert_int_equal(fb_explain_parse(line, &query, &why), 0);
	fb_explain(&fix.env, &query, flow, &e);
	return e;
}

static void a_new_flow_gets_an_endpoint_and_an_snat_port(void **state)
{
	struct fb_explanation e = explain("tcp 198.51.100.7:40000 192.0.2.10:80", NULL);
	struct fb_addr snat;

	assert_int_equal(e.verdict, FB_VERDICT_FORWARD);
	assert_string_equal(e.service->name, "web");
	assert_int_equal(e.frontend->kind, FB_FRONTEND_LOAD_BALANCER);
	assert_true(e.has_slot && e.has_reply && e.hides_client);
	snat = fb_tuple_dst(&e.reply);
	assert_true(fb_addr_equal(&snat, &(struct fb_addr){{[10] = 0xff, 0xff, 203, 0, 113, 9}}));
	assert_int_equal(fb_nat_port_owner(&fix.nat_ports, fb_tuple_dport(&e.reply)), e.worker);
}

static void dnat_keeps_the_client(void **state)
{
	struct fb_explanation e = explain("tcp 198.51.100.7:40000 192.0.2.10:82", NULL);
	struct fb_addr client = fb_tuple_dst(&e.reply);
	char text[FB_ADDR_STRLEN];

	assert_int_equal(e.verdict, FB_VERDICT_FORWARD);
	assert_false(e.hides_client);
	assert_string_equal(fb_addr_format(&client, text), "198.51.100.7");
}

static void an_endpoint_that_is_its_own_client_is_hidden(void **state)
{
	assert_true(explain("tcp 10.1.0.1:40000 192.0.2.10:82", NULL).hides_client);
}

static void what_is_not_forwarded_has_its_reason(void **state)
{
	static const struct {
		const char *line;
		enum fb_verdict verdict;
		enum fb_reason reason;
	} rows[] = {
		{"tcp 198.51.100.7:1 192.0.2.10:81", FB_VERDICT_REJECT, FB_REASON_NO_ENDPOINTS},
		{"tcp 198.51.100.7:1 192.0.2.10:85", FB_VERDICT_DROP, FB_REASON_NO_LOCAL_ENDPOINT},
		{"tcp 198.51.100.7:1 192.0.2.10:86", FB_VERDICT_DROP, FB_REASON_SOURCE_RANGE},
		{"tcp 203.0.113.7:1 192.0.2.10:86", FB_VERDICT_FORWARD, FB_REASON_NONE},
		{"tcp 198.51.100.7:1 192.0.2.10:99", FB_VERDICT_REJECT, FB_REASON_NO_SERVICE},
		{"udp 198.51.100.7:1 192.0.2.10:80", FB_VERDICT_REJECT, FB_REASON_NO_SERVICE},
		{"tcp 198.51.100.7:1 192.0.2.10:83", FB_VERDICT_DROP, FB_REASON_NO_ROUTE},
		{"tcp 198.51.100.7:1 192.0.2.10:84", FB_VERDICT_DROP, FB_REASON_NEXT_HOP},
		{"tcp 10.1.0.1:8080 203.0.113.9:40000", FB_VERDICT_DROP, FB_REASON_NO_FLOW},
		{"tcp 198.51.100.7:1 203.0.113.1:22", FB_VERDICT_PUNT, FB_REASON_NONE},
		{"tcp 198.51.100.7:1 8.8.8.8:53", FB_VERDICT_PUNT, FB_REASON_NONE},
		{"icmp 198.51.100.7 192.0.2.10", FB_VERDICT_ANSWER, FB_REASON_NONE},
		{"icmp 198.51.100.7 203.0.113.1", FB_VERDICT_PUNT, FB_REASON_NONE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fb_explanation e = explain(rows[i].line, NULL);

		print_message("# %s\n", rows[i].line);
		assert_int_equal(e.verdict, rows[i].verdict);
		assert_int_equal(e.reason, rows[i].reason);
	}
}

/* Offline there is no kernel to ask: that says nothing about the packet. */
static void next_hops_that_nobody_tells_of_are_assumed(void **state)
{
	struct fb_explanation e;

	fix.env.hops_unknown = true;
	e = explain("tcp 198.51.100.7:40000 192.0.2.10:84", NULL);
	assert_int_equal(e.verdict, FB_VERDICT_FORWARD);
	assert_int_equal(e.reason, FB_REASON_NONE);
	assert_non_null(e.endpoint);
	assert_true(e.has_reply);
	/* Without a route the port is open, and with it the SNAT address. */
	e = explain("tcp 198.51.100.7:40000 192.0.2.10:83", NULL);
	assert_int_equal(e.verdict, FB_VERDICT_FORWARD);
	assert_non_null(e.endpoint);
	assert_false(e.has_reply);
	fix.env.hops_unknown = false;
	e = explain("tcp 198.51.100.7:40000 192.0.2.10:84", NULL);
	assert_int_equal(e.reason, FB_REASON_NEXT_HOP);
	e = explain("tcp 198.51.100.7:40000 192.0.2.10:83", NULL);
	assert_int_equal(e.reason, FB_REASON_NO_ROUTE);
}

static uint32_t known_ep_id;

static bool is_known(void *arg, const struct fb_service *svc, const struct fb_addr *client,
		     struct fb_affinity_entry *ret)
{
	*ret = (struct fb_affinity_entry){.ep_id = known_ep_id};
	return true;
}

/* What the worker will only know then is not told; what the client had last is. */
static void without_a_hash_the_worker_decides_or_affinity_does(void **state)
{
	const char *line = "tcp 198.51.100.7:40000 192.0.2.10:87";
	struct fb_explanation e = explain(line, NULL);

	assert_int_equal(e.verdict, FB_VERDICT_FORWARD);
	assert_true(e.at_run_time);
	assert_false(e.has_slot || e.has_reply || e.by_affinity);
	assert_null(e.endpoint);
	known_ep_id = e.service->endpoints[0].id;
	fix.env.affinity = is_known;
	e = explain(line, NULL);
	assert_true(e.by_affinity && e.has_reply);
	assert_false(e.has_slot || e.at_run_time);
	assert_int_equal(e.endpoint->id, known_ep_id);
	/* An endpoint that takes no new flows of this Service is none. */
	known_ep_id += 1000;
	e = explain(line, NULL);
	assert_true(e.at_run_time);
	assert_false(e.by_affinity);
	fix.env.affinity = NULL;
}

static void a_flow_that_is_over_is_reset(void **state)
{
	struct fb_explanation e = explain("tcp 198.51.100.7:40000 192.0.2.10:80", NULL);
	struct fb_flow_row row = {
		.client = {.proto = IPPROTO_TCP},
		.reply = e.reply,
		.ep_id = e.endpoint->id,
		.state = FB_FLOW_RESET,
	};

	e = explain("tcp 198.51.100.7:40000 192.0.2.10:80", &row);
	assert_int_equal(e.verdict, FB_VERDICT_REJECT);
	assert_int_equal(e.reason, FB_REASON_DRAINED);
}

static void a_live_flow_decides_both_ways(void **state)
{
	struct fb_explanation e = explain("tcp 198.51.100.7:40000 192.0.2.10:80", NULL);
	struct fb_flow_row row = {
		.reply = e.reply,
		.ep_id = e.endpoint->id,
		.worker = 1,
		.state = FB_FLOW_ESTABLISHED,
		.flags = FB_FLOW_SNAT,
	};
	struct fb_explanation back;
	char line[128];
	char snat[FB_ADDR_PORT_STRLEN];
	struct fb_addr dst = fb_tuple_dst(&e.reply);

	e = explain("tcp 198.51.100.7:40000 192.0.2.10:80", &row);
	assert_int_equal(e.verdict, FB_VERDICT_FORWARD);
	assert_false(e.has_slot);
	assert_int_equal(e.worker, 1);
	(void)snprintf(line, sizeof(line), "tcp 10.1.0.1:8080 %s",
		       fb_addr_port_format(&dst, rte_be_to_cpu_16(fb_tuple_dport(&e.reply)), snat));
	back = explain(line, &row);
	assert_int_equal(back.verdict, FB_VERDICT_FORWARD);
	assert_true(back.to_client);
	assert_string_equal(back.service->name, "web");
}

static void the_object_has_the_keys_that_scripts_use(void **state)
{
	const char *line = "tcp 198.51.100.7:40000 192.0.2.10:80";
	struct fb_explanation e = explain(line, NULL);
	struct fb_explain_query query;
	const char *why;
	json_t *o;

	assert_int_equal(fb_explain_parse(line, &query, &why), 0);
	o = fb_explain_json(&fix.env, &query, NULL, &e);
	assert_string_equal(json_string_value(json_object_get(o, "query")), line);
	assert_string_equal(json_string_value(json_object_get(o, "verdict")), "forward");
	assert_true(json_is_null(json_object_get(o, "reason")));
	assert_string_equal(json_string_value(json_object_get(o, "service")), "default/web");
	assert_string_equal(json_string_value(json_object_get(o, "endpoint")), "10.1.0.1:8080");
	assert_int_equal(json_array_size(json_object_get(o, "candidates")), 1);
	assert_non_null(strstr(json_string_value(json_object_get(o, "snat")), "203.0.113.9:"));
	assert_int_equal(json_integer_value(json_object_get(o, "generation")), 1);
	assert_string_equal(json_string_value(json_object_get(json_object_get(o, "next_hop"),
							      "port")),
			    "lan");
	json_decref(o);
}

static void queries_that_cannot_be_read_say_why(void **state)
{
	static const char *const lines[] = {
		"",
		"tcp",
		"tcp 1.2.3.4:1",
		"dccp 1.2.3.4:1 1.2.3.5:2",
		"tcp 1.2.3.4 1.2.3.5:2",
		"tcp 1.2.3.4:70000 1.2.3.5:2",
		"tcp 1.2.3.4:-1 1.2.3.5:2",
		"tcp 1.2.3.4:1 [::1]:2",
		"tcp ::1:1 ::2:2",
		"tcp [1.2.3.4]:1 [1.2.3.5]:2",
		"tcp 1.2.3.4:1 1.2.3.5:2 more",
		"icmp 1.2.3.4:1 1.2.3.5",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct fb_explain_query query;
		const char *why = NULL;

		print_message("# %s\n", lines[i]);
		assert_int_not_equal(fb_explain_parse(lines[i], &query, &why), 0);
		assert_non_null(why);
	}
}

static void both_families_are_read(void **state)
{
	struct fb_explain_query query;
	const char *why;
	char text[FB_ADDR_PORT_STRLEN];

	assert_int_equal(fb_explain_parse("UDP [2001:db8::1]:53 [2001:db8::2]:5353", &query, &why), 0);
	assert_int_equal(query.proto, IPPROTO_UDP);
	assert_string_equal(fb_addr_port_format(&query.dst, query.dport, text),
			    "[2001:db8::2]:5353");
	assert_int_equal(fb_explain_parse("icmp 2001:db8::1 [2001:db8::2]", &query, &why), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_flow_gets_an_endpoint_and_an_snat_port),
		cmocka_unit_test(dnat_keeps_the_client),
		cmocka_unit_test(an_endpoint_that_is_its_own_client_is_hidden),
		cmocka_unit_test(what_is_not_forwarded_has_its_reason),
		cmocka_unit_test(next_hops_that_nobody_tells_of_are_assumed),
		cmocka_unit_test(without_a_hash_the_worker_decides_or_affinity_does),
		cmocka_unit_test(a_flow_that_is_over_is_reset),
		cmocka_unit_test(a_live_flow_decides_both_ways),
		cmocka_unit_test(the_object_has_the_keys_that_scripts_use),
		cmocka_unit_test(queries_that_cannot_be_read_say_why),
		cmocka_unit_test(both_families_are_read),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
