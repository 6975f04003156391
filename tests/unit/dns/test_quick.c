/* SPDX-License-Identifier: BSD-3-Clause */

/* The quick way says the same bytes as the one for any question, and takes the questions that it is for. */

#include "fixture.h"

#include "dns/quick.h"
#include "net/checksum.h"

#define D ".svc.cluster.local"

static struct fixture f;

static int open_zone(void **state)
{
	static struct fb_dns_host_spec hosts[70];
	const struct fb_addr ips[] = {addr("10.96.0.1"), addr("fd00::1"), addr("10.96.0.2")};

	for (unsigned int i = 0; i < 70; i++) {
		uint8_t bytes[4] = {10, 1, 0, (uint8_t)i};

		hosts[i] = (struct fb_dns_host_spec){.addr = fb_addr_from_bytes(FB_IPV4, bytes),
						     .hostname = ""};
	}
	fixture_open(&f, NULL);
	set(&f, "default", "one", &(struct fb_dns_service_spec){.addrs = ips, .n_addrs = 1});
	set(&f, "default", "both", &(struct fb_dns_service_spec){.addrs = ips, .n_addrs = 3});
	set(&f, "d", "s", &(struct fb_dns_service_spec){.addrs = ips, .n_addrs = 2});
	set(&f, "default", "a-service-of-a-long-name-0123456789",
	    &(struct fb_dns_service_spec){.addrs = ips, .n_addrs = 2});
	set(&f, "default", "a-service-of-a-name-that-is-so-long-that-there-is-no-place",
	    &(struct fb_dns_service_spec){.addrs = ips, .n_addrs = 2});
	set(&f, "default", "heads",
	    &(struct fb_dns_service_spec){.headless = true, .hosts = hosts, .n_hosts = 3});
	set(&f, "default", "many",
	    &(struct fb_dns_service_spec){.headless = true, .hosts = hosts, .n_hosts = 70});
	set(&f, "default", "orphan",
	    &(struct fb_dns_service_spec){.headless = true,
					  .unknown = true,
					  .hosts = hosts,
					  .n_hosts = 3});
	set(&f, "default", "none", &(struct fb_dns_service_spec){.headless = true});
	set(&f, "default", "out",
	    &(struct fb_dns_service_spec){.external_name = "one.default.svc.cluster.local"});
	commit(&f);
	return 0;
}

static int close_zone(void **state)
{
	fixture_close(&f);
	return 0;
}

/* Both ways, from the same bytes. @return whether the quick one took it */
static bool same(const uint8_t *query_bytes, uint32_t len, uint32_t most)
{
	static uint8_t quick_msg[FB_DNS_MESSAGE_MAX];
	static uint8_t msg[FB_DNS_MESSAGE_MAX];
	struct fb_dns_quick quick;
	struct fb_dns_query q;
	uint64_t sum;
	uint32_t quick_len;
	uint32_t msg_len;

	memcpy(quick_msg, query_bytes, len);
	memcpy(msg, query_bytes, len);
	if (!fb_dns_quick_parse(f.zone, quick_msg, len, &quick))
		return false;
	assert_int_equal(fb_csum_fold(quick.sum + quick.rest),
			 fb_csum_fold(fb_csum_add(0, query_bytes, len)));
	fb_dns_quick_entry(&quick);
	fb_dns_quick_service(&quick);
	assert_int_equal(fb_dns_query_parse(msg, len, &q), FB_DNS_QUERY_GOOD);
	assert_int_equal(q.udp_size, quick.udp_size);
	quick_len = fb_dns_quick_answer(f.zone, &quick, quick_msg, most, &sum);
	if (quick_len == 0) {
		assert_memory_equal(quick_msg, query_bytes, len);
		return false;
	}
	assert_int_equal(fb_dns_answer(f.zone, &q, msg, most, &msg_len, NULL), FB_DNS_ANSWER);
	assert_int_equal(quick_len, msg_len);
	assert_memory_equal(quick_msg, msg, msg_len);
	assert_int_equal(fb_csum_fold(sum), fb_csum_fold(fb_csum_add(0, msg, msg_len)));
	return true;
}

static bool asked(const char *name, uint16_t type, uint16_t edns)
{
	static uint8_t msg[FB_DNS_MESSAGE_MAX];

	return same(msg, query(msg, name, type, edns), FB_DNS_UDP_MAX);
}

static void addresses_of_services_are_answered_quickly(void **state)
{
	static const char *const names[] = {
		"one.default" D,
		"both.default" D,
		"s.d" D,
		"BoTh.dEfAuLt.SvC.ClUsTeR.LoCaL",
		"heads.default" D,
		"many.default" D,
		"a-service-of-a-long-name-0123456789.default" D,
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_true(asked(names[i], FB_DNS_A, 0));
		assert_true(asked(names[i], FB_DNS_A, 1232));
	}
	assert_true(asked("both.default" D, FB_DNS_AAAA, 0));
	assert_true(asked("both.default" D, FB_DNS_AAAA, 4096));
}

static void whatever_else_is_asked_is_left_alone(void **state)
{
	static const struct {
		const char *name;
		uint16_t type;
	} rows[] = {
		{"one.default" D, FB_DNS_AAAA}, /* no such address: SOA */
		{"one.default" D, FB_DNS_SRV},
		{"none.default" D, FB_DNS_A},
		{"nobody.default" D, FB_DNS_A},
		{"orphan.default" D, FB_DNS_A}, /* slices without a Service */
		{"out.default" D, FB_DNS_A},    /* a CNAME */
		{"default" D, FB_DNS_A},
		{"x.one.default" D, FB_DNS_A},
		{"one.default.svc.cluster.locax", FB_DNS_A},
		{"one.default.svx.cluster.local", FB_DNS_A},
		{"example.com", FB_DNS_A},
		{"a-service-of-a-name-that-is-so-long-that-there-is-no-place.default" D, FB_DNS_A},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_false(asked(rows[i].name, rows[i].type, 0));
}

static void an_answer_that_does_not_fit_is_left_alone(void **state)
{
	uint8_t msg[128];
	uint32_t len = query(msg, "both.default" D, FB_DNS_A, 0);

	assert_true(same(msg, len, len + 2 * 16));
	assert_false(same(msg, len, len + 2 * 16 - 1));
	len = query(msg, "many.default" D, FB_DNS_A, 0);
	assert_false(same(msg, len, FB_DNS_UDP_MIN));
}

/* Each bit of the header, of the question and of OPT; each id. */
static void whichever_bits_are_set_both_ways_agree(void **state)
{
	static const uint16_t edns[] = {0, 1232, 100};
	uint8_t good[128];
	uint8_t msg[128];
	uint32_t taken = 0;

	for (size_t e = 0; e < sizeof(edns) / sizeof(edns[0]); e++) {
		uint32_t len = query(good, "both.default" D, FB_DNS_A, edns[e]);

		for (uint32_t bit = 0; bit < 8 * len; bit++) {
			memcpy(msg, good, len);
			msg[bit / 8] ^= (uint8_t)(1 << bit % 8);
			taken += same(msg, len, FB_DNS_UDP_MAX);
		}
		for (uint32_t cut = 0; cut < len; cut++)
			taken += same(good, cut, FB_DNS_UDP_MAX);
	}
	/* Ids, flags, case, and what OPT says. */
	assert_true(taken > 100 && taken < 500);
}

static void whatever_the_id_both_begin_with_the_same_address(void **state)
{
	uint8_t msg[128];
	uint32_t len = query(msg, "heads.default" D, FB_DNS_A, 0);

	for (unsigned int id = 0; id < 65536; id += 97) {
		msg[0] = (uint8_t)(id >> 8);
		msg[1] = (uint8_t)id;
		assert_true(same(msg, len, FB_DNS_UDP_MAX));
	}
}

static void options_behind_opt_are_no_hindrance(void **state)
{
	uint8_t msg[128];
	uint32_t len = query(msg, "one.default" D, FB_DNS_A, 1232);

	/* A cookie of a client (RFC 7873). */
	memcpy(msg + len, "\0\12\0\10abcdefgh", 12);
	msg[len - 1] = 12;
	assert_true(same(msg, len + 12, FB_DNS_UDP_MAX));
	assert_false(same(msg, len + 11, FB_DNS_UDP_MAX)); /* cut short */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_of_services_are_answered_quickly),
		cmocka_unit_test(whatever_else_is_asked_is_left_alone),
		cmocka_unit_test(an_answer_that_does_not_fit_is_left_alone),
		cmocka_unit_test(whichever_bits_are_set_both_ways_agree),
		cmocka_unit_test(whatever_the_id_both_begin_with_the_same_address),
		cmocka_unit_test(options_behind_opt_are_no_hindrance),
	};

	return cmocka_run_group_tests_name("dns/quick", tests, open_zone, close_zone);
}
