/* SPDX-License-Identifier: BSD-3-Clause */

/* How zones change, and what they say with other settings. */

#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define D ".svc.cluster.local"

static const struct fb_dns_port_spec http = {"http", 80, IPPROTO_TCP};

static void set_ip(struct fixture *f, const char *name, const char *ip)
{
	const struct fb_addr a = addr(ip);

	set(f, "ns", name,
	    &(struct fb_dns_service_spec){.addrs = &a, .n_addrs = 1, .ports = &http, .n_ports = 1});
}

static void a_change_is_seen_by_the_next_zone_only(void **state)
{
	struct fixture f;
	struct fixture before;

	fixture_open(&f, NULL);
	set_ip(&f, "a", "10.0.0.1");
	set_ip(&f, "b", "10.0.0.2");
	commit(&f);
	before = f;
	set_ip(&f, "a", "10.0.0.3");
	set(&f, "ns", "b", NULL);
	commit(&f);
	assert_string_equal(said(&before, "a.ns" D, FB_DNS_A), "NOERROR | a.ns" D ". 5 A 10.0.0.1");
	assert_string_equal(said(&before, "b.ns" D, FB_DNS_A), "NOERROR | b.ns" D ". 5 A 10.0.0.2");
	assert_string_equal(said(&before, "1.0.0.10.in-addr.arpa", FB_DNS_PTR),
			    "NOERROR | 1.0.0.10.in-addr.arpa. 5 PTR a.ns" D ".");
	assert_string_equal(said(&f, "a.ns" D, FB_DNS_A), "NOERROR | a.ns" D ". 5 A 10.0.0.3");
	assert_memory_equal(said(&f, "b.ns" D, FB_DNS_A), "NXDOMAIN", 8);
	assert_string_equal(said(&f, "1.0.0.10.in-addr.arpa", FB_DNS_PTR), "REFUSED");
	assert_string_equal(said(&f, "3.0.0.10.in-addr.arpa", FB_DNS_PTR),
			    "NOERROR | 3.0.0.10.in-addr.arpa. 5 PTR a.ns" D ".");
	fixture_close(&f);
}

static void the_same_again_changes_nothing(void **state)
{
	const struct fb_dns_service *service;
	struct fixture f;

	fixture_open(&f, NULL);
	set_ip(&f, "a", "10.0.0.1");
	commit(&f);
	service = fb_dns_find_service(f.zone, (const uint8_t *)"\1a\2ns", 5);
	assert_non_null(service);
	assert_false(fb_dns_is_staged(f.dns));
	set_ip(&f, "a", "10.0.0.1");
	commit(&f);
	assert_ptr_equal(fb_dns_find_service(f.zone, (const uint8_t *)"\1a\2ns", 5), service);
	fixture_close(&f);
}

static void what_is_staged_twice_counts_once(void **state)
{
	struct fixture f;

	fixture_open(&f, NULL);
	set_ip(&f, "a", "10.0.0.1");
	set_ip(&f, "a", "10.0.0.2");
	set_ip(&f, "b", "10.0.0.9");
	set(&f, "ns", "b", NULL);
	commit(&f);
	assert_string_equal(said(&f, "a.ns" D, FB_DNS_A), "NOERROR | a.ns" D ". 5 A 10.0.0.2");
	assert_string_equal(said(&f, "1.0.0.10.in-addr.arpa", FB_DNS_PTR), "REFUSED");
	assert_string_equal(said(&f, "9.0.0.10.in-addr.arpa", FB_DNS_PTR), "REFUSED");
	fixture_close(&f);
}

static void an_abort_forgets(void **state)
{
	struct fixture f;

	fixture_open(&f, NULL);
	commit(&f);
	set_ip(&f, "a", "10.0.0.1");
	fb_dns_set_synced(f.dns, false);
	fb_dns_abort(f.dns);
	assert_false(fb_dns_is_staged(f.dns));
	commit(&f);
	assert_memory_equal(said(&f, "a.ns" D, FB_DNS_A), "NXDOMAIN", 8);
	fixture_close(&f);
}

/* Many Services come, change and go, in an order of their own: each is found, and no other. */
static void thousands_of_services_are_all_found(void **state)
{
	enum { N = 5000 };
	struct fixture f;
	char name[64];
	char ip[32];
	char want[128];

	fixture_open(&f, NULL);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < N; i++) {
			int k = (i * 7919) % N;

			(void)sprintf(name, "s%d", k);
			(void)sprintf(ip, "10.%d.%d.%d", round + 1, k / 250, k % 250);
			if (round == 1 && k % 3 == 0)
				set(&f, "ns", name, NULL);
			else
				set_ip(&f, name, ip);
			if (i % 500 == 499)
				commit(&f);
		}
		for (int k = 0; k < N; k++) {
			(void)sprintf(name, "s%d.ns" D, k);
			(void)sprintf(want, "NOERROR | %s. 5 A 10.%d.%d.%d", name, round + 1,
				      k / 250, k % 250);
			if (round == 1 && k % 3 == 0)
				assert_memory_equal(said(&f, name, FB_DNS_A), "NXDOMAIN", 8);
			else
				assert_string_equal(said(&f, name, FB_DNS_A), want);
			(void)sprintf(name, "%d.%d.%d.10.in-addr.arpa", k % 250, k / 250, round);
			assert_string_equal(said(&f, name, FB_DNS_PTR), "REFUSED");
		}
	}
	assert_int_equal(f.zone->services.n, N);
	assert_int_equal(f.zone->owners.n, N);
	fixture_close(&f);
}

static void a_headless_service_of_300_is_truncated_over_udp_and_whole_over_tcp(void **state)
{
	static struct fb_dns_host_spec hosts[300];
	static struct answer a;
	struct fixture f;

	fixture_open(&f, NULL);
	for (int i = 0; i < 300; i++) {
		char ip[32];

		(void)sprintf(ip, "10.1.%d.%d", i / 250, i % 250);
		hosts[i] = (struct fb_dns_host_spec){addr(ip), "", &http, 1};
	}
	set(&f, "ns", "many",
	    &(struct fb_dns_service_spec){.headless = true, .hosts = hosts, .n_hosts = 300});
	commit(&f);
	for (uint16_t edns = 0; edns <= 1232; edns = (uint16_t)(edns + 1232)) {
		assert_int_equal(ask(&f, "many.ns" D, FB_DNS_A, edns, 0, &a), FB_DNS_ANSWER);
		assert_true(a.flags & FB_DNS_FLAG_TC);
		assert_true(a.n[0] > 20);
		assert_true(a.len + 16 > (edns != 0 ? 1232 : 512));
	}
	assert_int_equal(ask(&f, "many.ns" D, FB_DNS_A, 0, 65535, &a), FB_DNS_ANSWER);
	assert_false(a.flags & FB_DNS_FLAG_TC);
	assert_int_equal(a.n[0], 300);
	assert_int_equal(ask(&f, "_http._tcp.many.ns" D, FB_DNS_SRV, 1232, 65535, &a),
			 FB_DNS_ANSWER);
	assert_int_equal(a.n[0], 300);
	assert_true(a.n[2] > 200); /* as far as pointers reach */
	assert_non_null(strstr(a.sections[0], " SRV 0 1 80 10-1-1-49.many.ns" D));
	fixture_close(&f);
}

static void answers_begin_where_the_query_id_says(void **state)
{
	const struct fb_dns_host_spec hosts[] = {{addr("10.0.0.0"), "", &http, 1},
						 {addr("10.0.0.1"), "", &http, 1},
						 {addr("10.0.0.2"), "", &http, 1},
						 {addr("10.0.0.3"), "", &http, 1}};
	static struct answer a;
	struct fixture f;
	uint32_t firsts[4] = {0};

	fixture_open(&f, NULL);
	set(&f, "ns", "four",
	    &(struct fb_dns_service_spec){.headless = true, .hosts = hosts, .n_hosts = 4});
	commit(&f);
	for (uint32_t id = 0; id < 65536; id += 64) {
		uint8_t msg[512];
		uint32_t len = query(msg, "four.ns" D, FB_DNS_A, 0);
		struct fb_dns_query q;

		msg[0] = (uint8_t)(id >> 8);
		msg[1] = (uint8_t)id;
		assert_int_equal(fb_dns_query_parse(msg, len, &q), FB_DNS_QUERY_GOOD);
		assert_int_equal(fb_dns_answer(f.zone, &q, msg, 512, &len, NULL), FB_DNS_ANSWER);
		decode(msg, len, &a);
		assert_int_equal(a.n[0], 4);
		firsts[strstr(a.sections[0], " A 10.0.0.")[10] - '0']++;
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(firsts[i], 256);
	fixture_close(&f);
}

static void before_all_is_read_nothing_is_said_not_to_exist(void **state)
{
	struct fixture f;

	fixture_open(&f, NULL);
	fb_dns_set_synced(f.dns, false);
	set_ip(&f, "a", "10.0.0.1");
	commit(&f);
	assert_memory_equal(said(&f, "b.ns" D, FB_DNS_A), "SERVFAIL", 8);
	assert_memory_equal(said(&f, "a.ns" D, FB_DNS_A), "NOERROR", 7);
	fixture_close(&f);
}

static void pods_have_names_where_that_is_set(void **state)
{
	const struct fb_dns_pod_spec pod = {"ns", addr("10.1.0.1")};
	const char *const ns = "ns";
	struct fixture f;

	for (int mode = 0; mode < FB_DNS_PODS_COUNT; mode++) {
		const struct fb_dns_settings settings = {.domain = "cluster.local",
							 .ttl_s = 5,
							 .pods = (enum fb_dns_pods)mode};

		fixture_open(&f, &settings);
		assert_int_equal(fb_dns_set_namespaces(f.dns, &ns, 1), 0);
		assert_int_equal(fb_dns_set_pods(f.dns, &pod, 1), 0);
		commit(&f);
		assert_memory_equal(said(&f, "10-1-0-1.ns.pod.cluster.local", FB_DNS_A),
				    mode == FB_DNS_PODS_DISABLED ? "NXDOMAIN" : "NOERROR | 10-1",
				    8);
		assert_memory_equal(said(&f, "10-9-9-9.ns.pod.cluster.local", FB_DNS_A),
				    mode == FB_DNS_PODS_INSECURE ? "NOERROR | 10-9" : "NXDOMAIN",
				    8);
		assert_memory_equal(said(&f, "10-1-0-1.other.pod.cluster.local", FB_DNS_A),
				    "NXDOMAIN", 8);
		assert_memory_equal(said(&f, "blah.ns.pod.cluster.local", FB_DNS_A), "NXDOMAIN", 8);
		assert_memory_equal(said(&f, "ns.pod.cluster.local", FB_DNS_A),
				    mode == FB_DNS_PODS_DISABLED ? "NXDOMAIN" : "NOERROR ", 8);
		assert_int_equal(fb_dns_set_pods(f.dns, NULL, 0), 0);
		commit(&f);
		if (mode == FB_DNS_PODS_VERIFIED)
			assert_memory_equal(said(&f, "10-1-0-1.ns.pod.cluster.local", FB_DNS_A),
					    "NXDOMAIN", 8);
		fixture_close(&f);
	}
	{
		const struct fb_dns_settings settings = {.domain = "cluster.local",
							 .ttl_s = 5,
							 .pods = FB_DNS_PODS_INSECURE};

		fixture_open(&f, &settings);
		assert_int_equal(fb_dns_set_namespaces(f.dns, &ns, 1), 0);
		commit(&f);
		assert_string_equal(
			said(&f, "2001-db8--1.ns.pod.cluster.local", FB_DNS_AAAA),
			"NOERROR | 2001-db8--1.ns.pod.cluster.local. 5 AAAA 2001:db8::1");
		/* As CoreDNS: what may stand before a Service says nothing here, and Go takes no leading zeros. */
		assert_string_equal(said(&f, "x.10-1-0-1.ns.pod.cluster.local", FB_DNS_A),
				    "NOERROR | x.10-1-0-1.ns.pod.cluster.local. 5 A 10.1.0.1");
		assert_string_equal(said(&f, "_p._tcp.10-1-0-1.ns.pod.cluster.local", FB_DNS_A),
				    "NOERROR | _p._tcp.10-1-0-1.ns.pod.cluster.local. 5 A 10.1.0.1");
		assert_memory_equal(said(&f, "x.y.z.10-1-0-1.ns.pod.cluster.local", FB_DNS_A),
				    "NXDOMAIN", 8);
		assert_memory_equal(said(&f, "x.blah.ns.pod.cluster.local", FB_DNS_A), "NXDOMAIN",
				    8);
		assert_memory_equal(said(&f, "01-2-3-4.ns.pod.cluster.local", FB_DNS_A), "NXDOMAIN",
				    8);
		assert_memory_equal(said(&f, "10-1-0.ns.pod.cluster.local", FB_DNS_A), "NXDOMAIN",
				    8);
		fixture_close(&f);
	}
}

static void own_reverse_zones_say_what_does_not_exist(void **state)
{
	struct fb_prefix prefixes[2];
	struct fixture f;

	assert_int_equal(fb_prefix_parse("10.0.0.0/16", &prefixes[0], NULL), 0);
	assert_int_equal(fb_prefix_parse("fd00::/16", &prefixes[1], NULL), 0);
	fixture_open(&f, &(struct fb_dns_settings){.domain = "cluster.local",
						   .ttl_s = 5,
						   .reverse = prefixes,
						   .n_reverse = 2});
	set_ip(&f, "a", "10.0.0.1");
	commit(&f);
	assert_string_equal(said(&f, "1.0.0.10.in-addr.arpa", FB_DNS_PTR),
			    "NOERROR | 1.0.0.10.in-addr.arpa. 5 PTR a.ns" D ".");
	assert_string_equal(said(&f, "2.0.0.10.in-addr.arpa", FB_DNS_PTR),
			    "NXDOMAIN ! 0.10.in-addr.arpa. 5 SOA ns.dns.0.10.in-addr.arpa. "
			    "hostmaster.0.10.in-addr.arpa. 5");
	assert_memory_equal(said(&f, "0.10.in-addr.arpa", FB_DNS_SOA), "NOERROR | 0.10.in", 17);
	assert_string_equal(said(&f, "2.0.1.10.in-addr.arpa", FB_DNS_PTR), "REFUSED");
	assert_memory_equal(
		said(&f, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa",
		     FB_DNS_PTR),
		"NXDOMAIN ! 0.0.d.f.ip6.arpa. 5 SOA", 34);
	fixture_close(&f);
}

static void with_resolvers_the_rest_is_forwarded(void **state)
{
	struct fixture f;

	fixture_open(&f, &(struct fb_dns_settings){.domain = "cluster.local",
						   .ttl_s = 5,
						   .forwards = true});
	set(&f, "ns", "out", &(struct fb_dns_service_spec){.external_name = "www.example.com"});
	set(&f, "ns", "in", &(struct fb_dns_service_spec){.external_name = "out.ns" D});
	commit(&f);
	assert_string_equal(said(&f, "www.example.com", FB_DNS_A), "FORWARD");
	assert_string_equal(said(&f, "9.9.9.9.in-addr.arpa", FB_DNS_PTR), "FORWARD");
	assert_string_equal(said(&f, "out.ns" D, FB_DNS_A), "FORWARD");
	assert_string_equal(said(&f, "in.ns" D, FB_DNS_A), "FORWARD");
	assert_string_equal(said(&f, "out.ns" D, FB_DNS_CNAME),
			    "NOERROR | out.ns" D ". 5 CNAME www.example.com.");
	fixture_close(&f);
}

static void a_resolvers_answer_is_put_behind_the_alias(void **state)
{
	/* www.example.com CNAME e.net (compressed), e.net A 192.0.2.7, and an SOA nobody asked for */
	static const uint8_t upstream[] = "\x12\x34\x81\x80\0\1\0\2\0\1\0\0"
					  "\3www\7example\3com\0\0\1\0\1"
					  "\xc0\x0c\0\5\0\1\0\0\1\0\0\7\1e\3net\0"
					  "\xc0\x2d\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\7"
					  "\0\0\6\0\1\0\0\0\0\0";
	const uint32_t n = sizeof(upstream);
	uint8_t up[128];
	static struct answer a;
	struct fb_dns_query q;
	uint8_t msg[512];
	struct fixture f;
	uint32_t len;

	memcpy(up, upstream, n);
	fixture_open(&f, &(struct fb_dns_settings){.domain = "cluster.local",
						   .ttl_s = 5,
						   .forwards = true});
	set(&f, "ns", "out", &(struct fb_dns_service_spec){.external_name = "www.example.com"});
	commit(&f);
	len = query(msg, "out.ns" D, FB_DNS_A, 1232);
	assert_int_equal(fb_dns_query_parse(msg, len, &q), FB_DNS_QUERY_GOOD);
	len = fb_dns_answer_chased(f.zone, &q, msg, 512, up, n);
	assert_true(len > 0);
	decode(msg, len, &a);
	assert_string_equal(a.sections[0], "out.ns" D ". 5 CNAME www.example.com.\n"
					   "www.example.com. 256 CNAME e.net.\n"
					   "e.net. 60 A 192.0.2.7\n");
	/* Whatever is cut off is no answer, and is not read past. */
	for (uint32_t cut = 0; cut < n - 11; cut++) {
		uint8_t *exact = malloc(cut + 1);

		assert_non_null(exact);
		memcpy(exact, up, cut);
		len = query(msg, "out.ns" D, FB_DNS_A, 1232);
		assert_int_equal(fb_dns_answer_chased(f.zone, &q, msg, 512, exact, cut), 0);
		free(exact);
	}
	up[3] |= FB_DNS_SERVFAIL;
	len = query(msg, "out.ns" D, FB_DNS_A, 1232);
	decode(msg, fb_dns_answer_chased(f.zone, &q, msg, 512, up, n), &a);
	assert_int_equal(a.rcode, FB_DNS_SERVFAIL);
	assert_int_equal(a.n[0], 0);
	fixture_close(&f);
}

/* Whatever the clock does: on, nowhere, back. */
static void the_serial_never_goes_back(void **state)
{
	static const struct fb_dns_service_spec empty = {0};
	static const uint32_t clock_s[] = {1000, 1000, 2000, 500, 501, 2001, 2003};
	static const uint32_t serials[] = {1000, 1001, 2000, 2001, 2002, 2003, 2004};
	struct fixture f;

	fixture_open(&f, NULL);
	for (size_t i = 0; i < sizeof(clock_s) / sizeof(clock_s[0]); i++) {
		fb_dns_set_serial(f.dns, clock_s[i]);
		set(&f, "ns", "svc", i % 2 == 0 ? &empty : NULL);
		commit(&f);
		assert_int_equal(f.zone->serial, serials[i]);
	}
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_is_seen_by_the_next_zone_only),
		cmocka_unit_test(the_same_again_changes_nothing),
		cmocka_unit_test(what_is_staged_twice_counts_once),
		cmocka_unit_test(an_abort_forgets),
		cmocka_unit_test(thousands_of_services_are_all_found),
		cmocka_unit_test(
			a_headless_service_of_300_is_truncated_over_udp_and_whole_over_tcp),
		cmocka_unit_test(answers_begin_where_the_query_id_says),
		cmocka_unit_test(before_all_is_read_nothing_is_said_not_to_exist),
		cmocka_unit_test(pods_have_names_where_that_is_set),
		cmocka_unit_test(own_reverse_zones_say_what_does_not_exist),
		cmocka_unit_test(with_resolvers_the_rest_is_forwarded),
		cmocka_unit_test(a_resolvers_answer_is_put_behind_the_alias),
		cmocka_unit_test(the_serial_never_goes_back),
	};

	return cmocka_run_group_tests_name("dns/zone", tests, NULL, NULL);
}
