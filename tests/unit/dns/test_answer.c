/* SPDX-License-Identifier: BSD-3-Clause */

/* What names have: the cluster-DNS specification, and CoreDNS where it says nothing. */

#include "fixture.h"

#include <stdio.h>

#define D    ".svc.cluster.local"
#define SOA  "cluster.local. 5 SOA ns.dns.cluster.local. hostmaster.cluster.local. 5"
#define NONE "NOERROR ! " SOA
#define GONE "NXDOMAIN ! " SOA

static struct fixture f;

static const struct fb_dns_port_spec web_ports[] = {
	{"http", 80, IPPROTO_TCP},
	{"dns", 53, IPPROTO_UDP},
};

static int open_zone(void **state)
{
	const struct fb_dns_settings settings = {.domain = "cluster.local", .ttl_s = 5};
	const struct fb_addr ips[] = {addr("10.96.0.1"), addr("fd00::1")};
	const struct fb_dns_host_spec pods[] = {
		{addr("10.1.0.1"), "web-0", web_ports, 1},
		{addr("10.1.0.2"), "web-1", web_ports, 1},
		{addr("fd00:1::"), "", web_ports, 1},
		{addr("10.1.0.2"), "web-1", web_ports, 1}, /* in two slices */
	};
	const char *const namespaces[] = {"default", "kube-system"};
	const struct fb_addr self = addr("10.96.0.10");

	fixture_open(&f, &settings);
	set(&f, "default", "one",
	    &(struct fb_dns_service_spec){.addrs = ips,
					  .n_addrs = 1,
					  .ports = web_ports,
					  .n_ports = 2,
					  .hosts = pods,
					  .n_hosts = 1});
	set(&f, "default", "both",
	    &(struct fb_dns_service_spec){.addrs = ips,
					  .n_addrs = 2,
					  .ports = web_ports,
					  .n_ports = 1});
	set(&f, "default", "heads",
	    &(struct fb_dns_service_spec){.headless = true, .hosts = pods, .n_hosts = 4});
	set(&f, "default", "out",
	    &(struct fb_dns_service_spec){.external_name = "www.Example.com"});
	set(&f, "default", "in",
	    &(struct fb_dns_service_spec){.external_name = "both.default.svc.cluster.local."});
	set(&f, "default", "lost",
	    &(struct fb_dns_service_spec){.external_name = "nobody.default.svc.cluster.local"});
	set(&f, "default", "loop",
	    &(struct fb_dns_service_spec){.external_name = "loop.default.svc.cluster.local"});
	assert_int_equal(fb_dns_set_namespaces(f.dns, namespaces, 2), 0);
	fb_dns_set_addresses(f.dns, &self, 1);
	commit(&f);
	return 0;
}

static int close_zone(void **state)
{
	fixture_close(&f);
	return 0;
}

static void a_cluster_ip_is_an_address(void **state)
{
	assert_string_equal(said(&f, "one.default" D, FB_DNS_A),
			    "NOERROR | one.default" D ". 5 A 10.96.0.1");
	assert_string_equal(said(&f, "one.default" D, FB_DNS_AAAA), NONE);
	assert_string_equal(said(&f, "both.default" D, FB_DNS_AAAA),
			    "NOERROR | both.default" D ". 5 AAAA fd00::1");
}

static void letters_do_not_matter_and_are_repeated(void **state)
{
	assert_string_equal(said(&f, "ONE.default" D, FB_DNS_A),
			    "NOERROR | ONE.default" D ". 5 A 10.96.0.1");
}

static void what_does_not_exist_says_so(void **state)
{
	assert_string_equal(said(&f, "none.default" D, FB_DNS_A), GONE);
	assert_string_equal(said(&f, "one.other" D, FB_DNS_A), GONE);
	assert_string_equal(said(&f, "other" D, FB_DNS_A), GONE);
	assert_string_equal(said(&f, "web-7.heads.default" D, FB_DNS_A), GONE);
	assert_string_equal(said(&f, "_http._udp.one.default" D, FB_DNS_SRV), GONE);
	assert_string_equal(said(&f, "a.b.c.one.default" D, FB_DNS_A), GONE);
	assert_string_equal(said(&f, "foo.cluster.local", FB_DNS_NS), GONE);
	assert_string_equal(said(&f, "x.out.default" D, FB_DNS_CNAME), GONE);
}

static void what_exists_without_records_says_so(void **state)
{
	assert_string_equal(said(&f, "cluster.local", FB_DNS_A), NONE);
	assert_string_equal(said(&f, "svc.cluster.local", FB_DNS_A), NONE);
	assert_string_equal(said(&f, "pod.cluster.local", FB_DNS_A), NONE);
	assert_string_equal(said(&f, "kube-system" D, FB_DNS_NS), NONE);
	assert_string_equal(said(&f, "one.default" D, FB_DNS_TXT), NONE);
	assert_string_equal(said(&f, "one.default" D, FB_DNS_SOA), NONE);
	assert_string_equal(said(&f, "out.default" D, FB_DNS_SRV), NONE);
}

static void ports_are_srv_records_with_their_addresses(void **state)
{
	assert_string_equal(said(&f, "_http._tcp.one.default" D, FB_DNS_SRV),
			    "NOERROR | _http._tcp.one.default" D ". 5 SRV 0 100 80 one.default" D
			    ". + one.default" D ". 5 A 10.96.0.1");
	assert_string_equal(said(&f, "_http._tcp.one.default" D, FB_DNS_A),
			    "NOERROR | _http._tcp.one.default" D ". 5 A 10.96.0.1");
	assert_string_equal(said(&f, "both.default" D, FB_DNS_SRV),
			    "NOERROR | both.default" D ". 5 SRV 0 50 80 both.default" D
			    ". + both.default" D ". 5 A 10.96.0.1 + both.default" D
			    ". 5 AAAA fd00::1");
	assert_string_equal(said(&f, "one.default" D, FB_DNS_SRV),
			    "NOERROR | one.default" D ". 5 SRV 0 50 80 one.default" D
			    ". | one.default" D ". 5 SRV 0 50 53 one.default" D ". + one.default" D
			    ". 5 A 10.96.0.1");
}

static void a_headless_service_has_its_hosts(void **state)
{
	static struct answer a;

	assert_int_equal(ask(&f, "heads.default" D, FB_DNS_A, 0, 0, &a), FB_DNS_ANSWER);
	assert_int_equal(a.n[0], 2);
	assert_non_null(strstr(a.sections[0], "heads.default" D ". 5 A 10.1.0.1\n"));
	assert_non_null(strstr(a.sections[0], "heads.default" D ". 5 A 10.1.0.2\n"));
	assert_string_equal(said(&f, "web-0.heads.default" D, FB_DNS_A),
			    "NOERROR | web-0.heads.default" D ". 5 A 10.1.0.1");
	assert_string_equal(said(&f, "fd00-1--0.heads.default" D, FB_DNS_AAAA),
			    "NOERROR | fd00-1--0.heads.default" D ". 5 AAAA fd00:1::");
	assert_string_equal(said(&f, "_http._tcp.heads.default" D, FB_DNS_SRV),
			    "NOERROR"
			    " | _http._tcp.heads.default" D ". 5 SRV 0 25 80 web-0.heads.default" D
			    ". | _http._tcp.heads.default" D ". 5 SRV 0 25 80 web-1.heads.default" D
			    ". | _http._tcp.heads.default" D
			    ". 5 SRV 0 25 80 fd00-1--0.heads.default" D ". + web-0.heads.default" D
			    ". 5 A 10.1.0.1"
			    " + web-1.heads.default" D ". 5 A 10.1.0.2"
			    " + fd00-1--0.heads.default" D ". 5 AAAA fd00:1::");
}

static void hosts_of_a_cluster_ip_service_have_names_too(void **state)
{
	assert_string_equal(said(&f, "web-0.one.default" D, FB_DNS_A),
			    "NOERROR | web-0.one.default" D ". 5 A 10.1.0.1");
}

static void an_external_name_is_an_alias(void **state)
{
	assert_string_equal(said(&f, "out.default" D, FB_DNS_CNAME),
			    "NOERROR | out.default" D ". 5 CNAME www.Example.com.");
	assert_string_equal(said(&f, "out.default" D, FB_DNS_A),
			    "NOERROR | out.default" D ". 5 CNAME www.Example.com.");
	assert_string_equal(said(&f, "in.default" D, FB_DNS_A),
			    "NOERROR | in.default" D ". 5 CNAME both.default" D ". | both.default" D
			    ". 5 A 10.96.0.1");
	assert_string_equal(said(&f, "in.default" D, FB_DNS_CNAME),
			    "NOERROR | in.default" D ". 5 CNAME both.default" D ".");
	assert_string_equal(said(&f, "lost.default" D, FB_DNS_A), NONE);
	assert_string_equal(said(&f, "loop.default" D, FB_DNS_A), NONE);
}

static void reverse_names_lead_back(void **state)
{
	/* Two Services have the clusterIP, which the API server allows nobody: one of them is said. */
	assert_string_equal(said(&f, "1.0.96.10.in-addr.arpa", FB_DNS_PTR),
			    "NOERROR | 1.0.96.10.in-addr.arpa. 5 PTR one.default" D ".");
	assert_string_equal(said(&f, "2.0.1.10.in-addr.arpa", FB_DNS_PTR),
			    "NOERROR | 2.0.1.10.in-addr.arpa. 5 PTR web-1.heads.default" D ".");
	/* An endpoint of two Services has two names. */
	assert_string_equal(said(&f, "1.0.1.10.in-addr.arpa", FB_DNS_PTR),
			    "NOERROR | 1.0.1.10.in-addr.arpa. 5 PTR web-0.one.default" D
			    ". | 1.0.1.10.in-addr.arpa. 5 PTR web-0.heads.default" D ".");
	assert_string_equal(
		said(&f, "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa",
		     FB_DNS_PTR),
		"NOERROR | 0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa."
		" 5 PTR fd00-1--0.heads.default" D ".");
	assert_string_equal(said(&f, "9.9.9.9.in-addr.arpa", FB_DNS_PTR), "REFUSED");
	assert_string_equal(said(&f, "256.0.96.10.in-addr.arpa", FB_DNS_PTR), "REFUSED");
	assert_string_equal(said(&f, "01.0.96.10.in-addr.arpa", FB_DNS_PTR), "REFUSED");
}

static void the_zone_describes_itself(void **state)
{
	assert_string_equal(said(&f, "dns-version.cluster.local", FB_DNS_TXT),
			    "NOERROR | dns-version.cluster.local. 28800 TXT 1.1.0");
	assert_string_equal(said(&f, "cluster.local", FB_DNS_SOA), "NOERROR | " SOA);
	assert_string_equal(said(&f, "cluster.local", FB_DNS_NS),
			    "NOERROR | cluster.local. 5 NS ns.dns.cluster.local."
			    " + ns.dns.cluster.local. 5 A 10.96.0.10");
	assert_string_equal(said(&f, "ns.dns.cluster.local", FB_DNS_A),
			    "NOERROR | ns.dns.cluster.local. 5 A 10.96.0.10");
}

static void what_is_not_ours_is_refused(void **state)
{
	assert_string_equal(said(&f, "www.example.com", FB_DNS_A), "REFUSED");
	assert_string_equal(said(&f, "xcluster.local", FB_DNS_A), "REFUSED");
	assert_string_equal(said(&f, ".", FB_DNS_NS), "REFUSED");
	assert_string_equal(said(&f, "cluster.local", FB_DNS_AXFR), "REFUSED");
}

static void edns_is_answered_with_edns(void **state)
{
	static struct answer a;

	(void)ask(&f, "one.default" D, FB_DNS_A, 4096, 0, &a);
	assert_true(a.opt);
	assert_int_equal(a.opt_size, FB_DNS_UDP_MAX);
	assert_int_equal(a.flags, FB_DNS_FLAG_QR | FB_DNS_FLAG_AA | FB_DNS_FLAG_RD);
	(void)ask(&f, "one.default" D, FB_DNS_A, 0, 0, &a);
	assert_false(a.opt);
}

static void bad_queries_get_their_error(void **state)
{
	static struct answer a;
	uint8_t msg[512];
	struct fb_dns_query q;
	uint32_t len = query(msg, "one.default" D, FB_DNS_A, 1232);

	msg[len - 5] = 1;
	assert_int_equal(fb_dns_query_parse(msg, len, &q), FB_DNS_QUERY_BAD);
	assert_int_equal(fb_dns_answer(f.zone, &q, msg, 512, &len, NULL), FB_DNS_ANSWER);
	decode(msg, len, &a);
	assert_int_equal(a.rcode, FB_DNS_BADVERS);
	assert_int_equal(fb_dns_query_parse(msg, 12, &q), FB_DNS_NO_QUERY);
	msg[2] = 0x28; /* UPDATE */
	assert_int_equal(fb_dns_query_parse(msg, 12, &q), FB_DNS_QUERY_BAD);
	assert_int_equal(fb_dns_answer(f.zone, &q, msg, 512, &len, NULL), FB_DNS_ANSWER);
	decode(msg, len, &a);
	assert_int_equal(a.rcode, FB_DNS_NOTIMP);
	assert_int_equal(a.flags & FB_DNS_OPCODE_MASK, 0x2800);
	len = query(msg, "version.bind", FB_DNS_TXT, 0);
	msg[len - 1] = 3; /* CHAOS */
	assert_int_equal(fb_dns_query_parse(msg, len, &q), FB_DNS_QUERY_GOOD);
	assert_int_equal(fb_dns_answer(f.zone, &q, msg, 512, &len, NULL), FB_DNS_ANSWER);
	decode(msg, len, &a);
	assert_int_equal(a.rcode, FB_DNS_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cluster_ip_is_an_address),
		cmocka_unit_test(letters_do_not_matter_and_are_repeated),
		cmocka_unit_test(what_does_not_exist_says_so),
		cmocka_unit_test(what_exists_without_records_says_so),
		cmocka_unit_test(ports_are_srv_records_with_their_addresses),
		cmocka_unit_test(a_headless_service_has_its_hosts),
		cmocka_unit_test(hosts_of_a_cluster_ip_service_have_names_too),
		cmocka_unit_test(an_external_name_is_an_alias),
		cmocka_unit_test(reverse_names_lead_back),
		cmocka_unit_test(the_zone_describes_itself),
		cmocka_unit_test(what_is_not_ours_is_refused),
		cmocka_unit_test(edns_is_answered_with_edns),
		cmocka_unit_test(bad_queries_get_their_error),
	};

	return cmocka_run_group_tests_name("dns/answer", tests, open_zone, close_zone);
}
