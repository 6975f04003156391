/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * DNS messages, as a query and as a resolver's answer. Whatever the bytes: nothing is read or written past
 * them, what is said is a whole message of at most the length allowed, with the query's id and question, and
 * every record of it can be read.
 */

#include "fuzz.h"

#include <netinet/in.h>

#include "dns/answer.h"
#include "dns/quick.h"
#include "dns/write.h"
#include "net/checksum.h"

static struct fb_dns *dns; /* until the end */
static const struct fb_dns_zone *zone;

static void add(const struct fb_hash_secret *secret, struct fb_dns_service_spec spec)
{
	struct fb_dns_service *svc = fb_dns_service_build(secret, &spec);

	fuzz_require(svc != NULL);
	fuzz_require(fb_dns_set_service(dns, spec.namespace_, spec.name, svc) == 0);
}

/* Services a (ClusterIP), h (headless, 100 hosts), e (to the outside), i (to a), l (a loop), in namespace n. */
static void make_zone(void)
{
	static const struct fb_dns_port_spec ports[] = {{"p", 80, IPPROTO_TCP},
							{"q", 53, IPPROTO_UDP}};
	static struct fb_dns_host_spec hosts[100];
	const struct fb_dns_settings settings = {.domain = "c",
						 .ttl_s = 5,
						 .pods = FB_DNS_PODS_INSECURE,
						 .forwards = true};
	struct fb_hash_secret secret;
	struct fb_addr addrs[2];
	const char *const ns = "n";

	fb_hash_secret_init(&secret, "fuzz");
	dns = fb_dns_create(&secret, &settings);
	fuzz_require(dns != NULL && fb_addr_parse("10.0.0.1", &addrs[0]) == 0 &&
		     fb_addr_parse("fd00::1", &addrs[1]) == 0);
	for (int i = 0; i < 100; i++) {
		uint8_t bytes[4] = {10, 1, 0, (uint8_t)i};

		hosts[i] = (struct fb_dns_host_spec){fb_addr_from_bytes(FB_IPV4, bytes),
						     i == 0 ? "x" : "", ports, 2};
	}
	add(&secret, (struct fb_dns_service_spec){.namespace_ = "n",
						  .name = "a",
						  .external_name = "",
						  .addrs = addrs,
						  .n_addrs = 2,
						  .ports = ports,
						  .n_ports = 2});
	add(&secret, (struct fb_dns_service_spec){.namespace_ = "n",
						  .name = "h",
						  .external_name = "",
						  .headless = true,
						  .hosts = hosts,
						  .n_hosts = 100});
	add(&secret,
	    (struct fb_dns_service_spec){.namespace_ = "n", .name = "e", .external_name = "x.y"});
	add(&secret, (struct fb_dns_service_spec){.namespace_ = "n",
						  .name = "i",
						  .external_name = "a.n.svc.c"});
	add(&secret, (struct fb_dns_service_spec){.namespace_ = "n",
						  .name = "l",
						  .external_name = "l.n.svc.c"});
	fuzz_require(fb_dns_set_namespaces(dns, &ns, 1) == 0);
	fb_dns_set_addresses(dns, addrs, 2);
	fb_dns_set_synced(dns, true);
	fuzz_require(fb_dns_commit(dns, 1, &zone) == 0);
}

static uint32_t load16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/* A name is there, by a walk of its own. @return offset behind it */
static uint32_t skip_name(const uint8_t *msg, uint32_t len, uint32_t at)
{
	uint32_t end = 0;
	uint32_t total = 0;

	for (;;) {
		fuzz_require(at < len);
		if (msg[at] >= 0xc0) {
			uint32_t to = load16(msg + at) & 0x3fff;

			fuzz_require(at + 2 <= len && to < at);
			end = end != 0 ? end : at + 2;
			at = to;
			continue;
		}
		fuzz_require(msg[at] < 64);
		total += 1u + msg[at];
		fuzz_require(total <= 255);
		if (msg[at] == 0)
			return end != 0 ? end : at + 1;
		at += 1u + msg[at];
	}
}

static void check(const uint8_t *msg, uint32_t len, const struct fb_dns_query *q,
		  const uint8_t *asked)
{
	uint32_t at = FB_DNS_HEADER_LEN;
	uint32_t records = 0;

	fuzz_require(len >= FB_DNS_HEADER_LEN && (msg[2] & 0x80) != 0);
	fuzz_require(memcmp(msg, asked, 2) == 0);
	if (load16(msg + 4) == 1) {
		fuzz_require(memcmp(msg + 12, asked + 12, q->question_end - 12u) == 0);
		at = q->question_end;
	}
	for (int s = 0; s < 3; s++)
		records += load16(msg + 6 + 2 * s);
	for (; records > 0; records--) {
		at = skip_name(msg, len, at);
		fuzz_require(at + 10 <= len);
		at += 10 + load16(msg + at + 8);
		fuzz_require(at <= len);
	}
	fuzz_require(at == len);
}

/* What is answered quickly is what would have been said at leisure. */
static void check_quick(const uint8_t *data, uint32_t len, uint32_t most)
{
	uint8_t *msg = malloc(most > len ? most : len);
	uint8_t *slow = malloc(most > len ? most : len);
	struct fb_dns_quick quick;
	struct fb_dns_query q;
	uint64_t sum;
	uint32_t n;
	uint32_t slow_len;

	fuzz_require(msg != NULL && slow != NULL);
	memcpy(msg, data, len);
	if (fb_dns_quick_parse(zone, msg, len, &quick)) {
		fuzz_require(fb_csum_fold(quick.sum + quick.rest) ==
			     fb_csum_fold(fb_csum_add(0, data, len)));
		fb_dns_quick_entry(&quick);
		fb_dns_quick_service(&quick);
		n = fb_dns_quick_answer(zone, &quick, msg, most, &sum);
		memcpy(slow, data, len);
		fuzz_require(fb_dns_query_parse(slow, len, &q) == FB_DNS_QUERY_GOOD);
		fuzz_require(q.udp_size == quick.udp_size);
		if (n != 0) {
			fuzz_require(fb_dns_answer(zone, &q, slow, most, &slow_len, NULL) ==
				     FB_DNS_ANSWER);
			fuzz_require(slow_len == n && memcmp(slow, msg, n) == 0);
			fuzz_require(fb_csum_fold(sum) == fb_csum_fold(fb_csum_add(0, msg, n)));
		} else {
			fuzz_require(memcmp(msg, data, len) == 0);
		}
	}
	free(slow);
	free(msg);
}

/* With room for `most` bytes and not one more. */
static void ask(const uint8_t *data, uint32_t len, uint32_t most)
{
	uint8_t *msg = malloc(most > len ? most : len);
	struct fb_dns_chase chase;
	struct fb_dns_query q;

	fuzz_require(msg != NULL);
	memcpy(msg, data, len);
	if (fb_dns_query_parse(msg, len, &q) != FB_DNS_NO_QUERY) {
		if (most == 0)
			most = fb_dns_udp_most(&q);
		if (fb_dns_answer(zone, &q, msg, most, &len, &chase) == FB_DNS_ANSWER) {
			fuzz_require(len <= most);
			check(msg, len, &q, data);
		} else {
			fuzz_require(memcmp(msg, data, len) == 0);
			fuzz_require(chase.target == NULL || chase.target_len == 5);
		}
	}
	free(msg);
}

/* As what a resolver says of e.n.svc.c. */
static void chase(const uint8_t *data, uint32_t len)
{
	static const uint8_t query[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\1e\1n\3svc\1c\0\0\1\0\1";
	uint8_t *exact = malloc(len + 1);
	uint8_t msg[FB_DNS_UDP_MIN];
	struct fb_dns_query q;
	uint32_t n;

	fuzz_require(exact != NULL);
	memcpy(exact, data, len);
	memcpy(msg, query, sizeof(query) - 1);
	fuzz_require(fb_dns_query_parse(msg, sizeof(query) - 1, &q) == FB_DNS_QUERY_GOOD);
	n = fb_dns_answer_chased(zone, &q, msg, sizeof(msg), exact, len);
	fuzz_require(n <= sizeof(msg));
	if (n != 0)
		check(msg, n, &q, query);
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *exact;

	if (zone == NULL)
		make_zone();
	if (size > FB_DNS_MESSAGE_MAX)
		return 0;
	/* On the heap alone, so that a read past the end is seen. */
	exact = malloc(size + 1);
	fuzz_require(exact != NULL);
	memcpy(exact, data, size);
	ask(exact, (uint32_t)size, FB_DNS_UDP_MIN > size ? FB_DNS_UDP_MIN : (uint32_t)size);
	ask(exact, (uint32_t)size, FB_DNS_MESSAGE_MAX);
	check_quick(exact, (uint32_t)size, FB_DNS_UDP_MIN > size ? FB_DNS_UDP_MIN : (uint32_t)size);
	check_quick(exact, (uint32_t)size, FB_DNS_UDP_MAX > size ? FB_DNS_UDP_MAX : (uint32_t)size);
	chase(exact, (uint32_t)size);
	free(exact);
	return 0;
}
