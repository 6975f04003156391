/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "nat/first.h"
#include "nat/port.h"

static struct fb_hash_secret secret;

static struct fb_addr addr(const char *text)
{
	struct fb_addr a;

	assert_int_equal(fb_addr_parse(text, &a), 0);
	return a;
}

/* Client i of a family, towards one service address. */
static struct fb_tuple client_tuple(enum fb_family family, uint32_t i)
{
	struct fb_addr src = addr(family == FB_IPV4 ? "203.0.113.0" : "2001:db8:1::");
	struct fb_addr dst = addr(family == FB_IPV4 ? "198.51.100.1" : "2001:db8:2::1");

	src.bytes[14] ^= (uint8_t)(i >> 20);
	src.bytes[15] ^= (uint8_t)(i >> 12);
	return fb_tuple_make(IPPROTO_TCP, &src, rte_cpu_to_be_16((uint16_t)(1024 + (i & 4095))),
			     &dst, RTE_BE16(80));
}

static struct fb_addr endpoint(enum fb_family family)
{
	return addr(family == FB_IPV4 ? "10.1.2.3" : "fd00::1:2:3");
}

static void fill_snat(enum fb_family family, struct fb_addr *snat, uint8_t n)
{
	for (uint8_t i = 0; i < n; i++) {
		snat[i] = addr(family == FB_IPV4 ? "192.0.2.0" : "2001:db8:9::");
		snat[i].bytes[15] = i;
	}
}

static void every_port_of_the_range_belongs_to_exactly_one_worker(void **state)
{
	static const uint16_t ranges[][2] = {
		{1024, 65535}, {0, 65535}, {32768, 60999}, {1000, 20001}};
	static const uint16_t workers[] = {1, 2, 3, 7, 64};

	(void)state;
	for (size_t r = 0; r < 4; r++) {
		for (size_t k = 0; k < 5; k++) {
			static uint8_t seen[65536];
			struct fb_nat_ports p;
			uint32_t total = 0;

			memset(seen, 0, sizeof(seen));
			assert_int_equal(fb_nat_ports_init(&p, ranges[r][0], ranges[r][1],
							   workers[k], &secret), 0);
			for (uint16_t w = 0; w < workers[k]; w++) {
				for (uint32_t i = 0; i < fb_nat_port_count(&p, w); i++) {
					rte_be16_t port_be = fb_nat_port_at(&p, w, i);
					uint16_t port = rte_be_to_cpu_16(port_be);

					assert_in_range(port, ranges[r][0], ranges[r][1]);
					assert_in_range(port, p.first, p.last);
					assert_int_equal(fb_nat_port_owner(&p, port_be), w);
					assert_int_equal(seen[port]++, 0);
					total++;
				}
			}
			assert_int_equal(total, p.last - p.first + 1);
			for (uint32_t port = 0; port < 65536; port++)
				if (!seen[port])
					assert_int_equal(
						fb_nat_port_owner(&p,
								  rte_cpu_to_be_16((uint16_t)port)),
						FB_NAT_NO_OWNER);
		}
	}
}

static void workers_get_equal_shares_to_a_block(void **state)
{
	struct fb_nat_ports p;

	(void)state;
	assert_int_equal(fb_nat_ports_init(&p, 1024, 65535, 5, &secret), 0);
	for (uint16_t w = 0; w < 5; w++)
		assert_in_range(fb_nat_port_count(&p, w), 50 * 256, 51 * 256);
}

static void a_range_with_fewer_blocks_than_workers_is_refused(void **state)
{
	struct fb_nat_ports p = {.n_workers = 99};

	(void)state;
	assert_int_equal(fb_nat_ports_init(&p, 1024, 2047, 5, &secret), -EINVAL);
	assert_int_equal(fb_nat_ports_init(&p, 1025, 2047, 4, &secret), -EINVAL);
	assert_int_equal(fb_nat_ports_init(&p, 1024, 65535, 0, &secret), -EINVAL);
	assert_int_equal(fb_nat_ports_init(&p, 1024, 65535, FB_NAT_MAX_WORKERS + 1, &secret),
			 -EINVAL);
	assert_int_equal(fb_nat_ports_init(&p, 2000, 1000, 1, &secret), -EINVAL);
	assert_int_equal(p.n_workers, 99);
	assert_int_equal(fb_nat_ports_init(&p, 1024, 2047, 4, &secret), 0);
}

static void a_chosen_port_is_the_workers_and_the_rest_is_the_endpoints_packet(void **state)
{
	(void)state;
	for (enum fb_family f = FB_IPV4; f <= FB_IPV6; f++) {
		struct fb_nat_ports p;
		struct fb_addr ep = endpoint(f);
		struct fb_addr snat[1];

		fill_snat(f, snat, 1);
		assert_int_equal(fb_nat_ports_init(&p, 1024, 65535, 3, &secret), 0);
		for (uint32_t i = 0; i < 3000; i++) {
			struct fb_tuple client = client_tuple(f, i);
			struct fb_tuple reply;
			struct fb_addr src;
			struct fb_addr dst;

			assert_int_equal(fb_nat_choose(&p, (uint16_t)(i % 3), NULL, &client, &ep,
						       RTE_BE16(8080), snat, 1, NULL, &reply),
					 0);
			src = fb_tuple_src(&reply);
			dst = fb_tuple_dst(&reply);
			assert_true(fb_addr_equal(&src, &ep));
			assert_true(fb_addr_equal(&dst, &snat[0]));
			assert_int_equal(fb_tuple_sport(&reply), RTE_BE16(8080));
			assert_int_equal(reply.proto, IPPROTO_TCP);
			assert_int_equal(reply.family, f);
			assert_int_equal(fb_nat_port_owner(&p, fb_tuple_dport(&reply)), i % 3);
		}
	}
}

static void the_same_client_gets_the_same_port_when_it_is_free(void **state)
{
	struct fb_tuple client = client_tuple(FB_IPV4, 7);
	struct fb_addr ep = endpoint(FB_IPV4);
	struct fb_addr snat[4];
	const rte_be16_t *at;
	struct fb_nat_ports p;
	struct fb_tuple a;
	struct fb_tuple b;

	(void)state;
	fill_snat(FB_IPV4, snat, 4);
	assert_int_equal(fb_nat_ports_init(&p, 1024, 65535, 2, &secret), 0);
	assert_int_equal(fb_nat_choose(&p, 1, NULL, &client, &ep, 1, snat, 4, NULL, &a), 0);
	assert_int_equal(fb_nat_choose(&p, 1, NULL, &client, &ep, 1, snat, 4, NULL, &b), 0);
	assert_memory_equal(&a.v4, &b.v4, sizeof(a.v4));
	/* With every port free it is the first that is tried. */
	assert_int_equal(fb_nat_first(&p, 1, &client, &ep, 1, snat, 4, NULL, &b, &at), 0);
	assert_null(at);
	assert_memory_equal(&a.v4, &b.v4, sizeof(a.v4));
}

/* Flows of different clients to one endpoint until the search fails for the first time. */
static uint32_t fill_until_it_fails(enum fb_family f, const struct fb_nat_ports *p,
				    struct fb_flow_table *t, uint8_t n_snat, uint32_t max)
{
	struct fb_addr ep = endpoint(f);
	struct fb_addr snat[8];
	uint32_t i;

	fill_snat(f, snat, n_snat);
	for (i = 0; i < max; i++) {
		struct fb_tuple client = client_tuple(f, i);
		struct fb_tuple reply;
		struct fb_flow *flow;
		int err = fb_nat_choose(p, 0, t, &client, &ep, RTE_BE16(53), snat, n_snat, NULL,
					&reply);

		if (err != 0) {
			assert_int_equal(err, -EADDRNOTAVAIL);
			break;
		}
		assert_int_equal(fb_flow_insert(t, &client, &reply, 0, &flow), 0);
		flow->state = FB_FLOW_OPENING;
	}
	return i;
}

static void exhaustion_is_said_and_comes_late(void **state)
{
	(void)state;
	for (enum fb_family f = FB_IPV4; f <= FB_IPV6; f++) {
		struct fb_flow_table *t = fb_flow_table_create(f, 20000, &secret, -1);
		struct fb_nat_ports p;
		uint32_t n;

		assert_non_null(t);
		assert_int_equal(fb_nat_ports_init(&p, 1024, 1024 + 4095, 1, &secret), 0);
		n = fill_until_it_fails(f, &p, t, 1, 20000);
		assert_in_range(n, 4096 * 80 / 100, 4096);
		/* Another endpoint port has all of them again; another address, too. */
		n = fill_until_it_fails(f, &p, t, 2, 20000);
		assert_true(fb_flow_count(t) > 4096);
		fb_flow_table_free(t);
	}
}

static void at_90_percent_a_port_is_found_in_all_but_a_few_of_a_thousand(void **state)
{
	struct fb_flow_table *t = fb_flow_table_create(FB_IPV4, 32768, &secret, -1);
	struct fb_addr ep = endpoint(FB_IPV4);
	struct fb_addr snat[1];
	struct fb_nat_ports p;
	struct fb_tuple reply;
	uint32_t failed = 0;

	(void)state;
	fill_snat(FB_IPV4, snat, 1);
	assert_int_equal(fb_nat_ports_init(&p, 32768, 65535, 1, &secret), 0);
	for (uint32_t i = 0; fb_flow_count(t) < 32768 * 9 / 10; i++) {
		struct fb_tuple client = client_tuple(FB_IPV4, i);
		struct fb_flow *flow;

		if (fb_nat_choose(&p, 0, t, &client, &ep, 1, snat, 1, NULL, &reply) == 0) {
			assert_int_equal(fb_flow_insert(t, &client, &reply, 0, &flow), 0);
			flow->state = FB_FLOW_OPENING;
		}
	}
	for (uint32_t i = 0; i < 20000; i++) {
		struct fb_tuple client = client_tuple(FB_IPV4, 1000000 + i);

		failed += fb_nat_choose(&p, 0, t, &client, &ep, 1, snat, 1, NULL, &reply) != 0;
	}
	/* Expected 20000 x 0.9^64 = 23.6, standard deviation 4.9. */
	assert_in_range(failed, 0, 60);
	fb_flow_table_free(t);
}

static int compare_numbers(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* How often the most frequent number is there. */
static uint32_t most_frequent(uint16_t *v, uint32_t n)
{
	uint32_t most = 0;
	uint32_t run = 0;

	qsort(v, n, sizeof(*v), compare_numbers);
	for (uint32_t i = 0; i < n; i++) {
		run = i > 0 && v[i] == v[i - 1] ? run + 1 : 1;
		most = run > most ? run : most;
	}
	return most;
}

/*
 * Who sees ports that clients got cannot tell those of others: neither the step from one client to the next
 * nor the distance to what another secret gives is any number more often than chance has it (of 8192 draws
 * among 64512 the most frequent one comes up 3 to 5 times).
 */
static void ports_cannot_be_told_from_other_ports(void **state)
{
	enum { N = 8192 };
	static uint16_t steps[N];
	static uint16_t distances[N];
	uint16_t last = 0;

	(void)state;
	for (enum fb_family f = FB_IPV4; f <= FB_IPV6; f++) {
		struct fb_addr ep = endpoint(f);
		struct fb_hash_secret other;
		struct fb_nat_ports p[2];
		struct fb_addr snat[1];

		fb_hash_secret_init(&other, "other");
		fill_snat(f, snat, 1);
		assert_int_equal(fb_nat_ports_init(&p[0], 1024, 65535, 1, &secret), 0);
		assert_int_equal(fb_nat_ports_init(&p[1], 1024, 65535, 1, &other), 0);
		for (uint32_t i = 0; i < N; i++) {
			struct fb_tuple client = client_tuple(f, i);
			uint16_t port[2];

			for (int s = 0; s < 2; s++) {
				struct fb_tuple reply;

				assert_int_equal(fb_nat_choose(&p[s], 0, NULL, &client, &ep, 1, snat,
							       1, NULL, &reply),
						 0);
				port[s] = rte_be_to_cpu_16(fb_tuple_dport(&reply));
			}
			steps[i] = (uint16_t)(port[0] - last);
			distances[i] = (uint16_t)(port[0] - port[1]);
			last = port[0];
		}
		assert_in_range(most_frequent(steps, N), 1, 8);
		assert_in_range(most_frequent(distances, N), 1, 8);
	}
}

static void clients_spread_over_ports_and_addresses_but_keep_their_address(void **state)
{
	enum { N = 40000 };
	static uint32_t by_block[256];
	uint32_t by_snat[4] = {0};
	struct fb_addr ep = endpoint(FB_IPV4);
	struct fb_addr snat[4];
	struct fb_nat_ports p;
	int last_host = -1;
	int last_snat = -1;

	(void)state;
	fill_snat(FB_IPV4, snat, 4);
	assert_int_equal(fb_nat_ports_init(&p, 0, 65535, 1, &secret), 0);
	for (uint32_t i = 0; i < N; i++) {
		/* 4 connections of each of 10000 clients */
		struct fb_tuple client = client_tuple(FB_IPV4, (i / 4) << 12 | i % 4);
		struct fb_tuple reply;
		int host = (int)(i / 4);
		int at;

		assert_int_equal(fb_nat_choose(&p, 0, NULL, &client, &ep, 1, snat, 4, NULL, &reply),
				 0);
		at = fb_tuple_dst(&reply).bytes[15];
		by_snat[at]++;
		by_block[rte_be_to_cpu_16(fb_tuple_dport(&reply)) >> 8]++;
		if (host == last_host)
			assert_int_equal(at, last_snat);
		last_host = host;
		last_snat = at;
	}
	for (int i = 0; i < 4; i++)
		assert_in_range(by_snat[i], N / 4 * 9 / 10, N / 4 * 11 / 10);
	/* 156 expected, standard deviation 12.5: six of them either way. */
	for (int i = 0; i < 256; i++)
		assert_in_range(by_block[i], 81, 232);
}

/* 256 ports towards one endpoint, all taken by flows of that state, number i last used at i ms. */
static struct fb_flow_table *all_ports_taken(struct fb_nat_ports *p, struct fb_addr *snat,
					     uint8_t state, uint8_t flags, struct fb_flow **flows)
{
	struct fb_flow_table *t = fb_flow_table_create(FB_IPV4, 1024, &secret, -1);
	struct fb_addr ep = endpoint(FB_IPV4);

	fill_snat(FB_IPV4, snat, 1);
	assert_int_equal(fb_nat_ports_init(p, 1024, 1279, 1, &secret), 0);
	for (uint32_t i = 0; i < 256; i++) {
		struct fb_tuple client = client_tuple(FB_IPV4, 1000 + i);
		struct fb_tuple reply = fb_tuple_make(IPPROTO_TCP, &ep, RTE_BE16(80), snat,
						      fb_nat_port_at(p, 0, i));

		assert_int_equal(fb_flow_insert(t, &client, &reply, i, &flows[i]), 0);
		flows[i]->state = state;
		flows[i]->flags = flags;
	}
	return t;
}

static int choose_taken(const struct fb_nat_ports *p, const struct fb_flow_table *t, uint32_t i,
			const struct fb_addr *snat, struct fb_tuple *reply, struct fb_flow **victim)
{
	struct fb_tuple client = client_tuple(FB_IPV4, i);
	struct fb_addr ep = endpoint(FB_IPV4);
	int err = fb_nat_choose(p, 0, t, &client, &ep, RTE_BE16(80), snat, 1, NULL, reply);

	if (err == 0)
		return 1; /* one was free */
	assert_int_equal(err, -EADDRNOTAVAIL);
	return fb_nat_choose_taken(p, 0, t, &client, &ep, RTE_BE16(80), snat, 1, NULL, reply,
				   victim);
}

static void with_all_ports_taken_an_old_half_open_flow_gives_its_own(void **state)
{
	struct fb_flow *flows[256];
	struct fb_addr snat[1];
	struct fb_nat_ports p;
	struct fb_flow_table *t = all_ports_taken(&p, snat, FB_FLOW_OPENING, 0, flows);
	uint32_t sum = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		struct fb_tuple key;
		struct fb_tuple reply;
		struct fb_flow *victim = NULL;

		assert_int_equal(choose_taken(&p, t, i, snat, &reply, &victim), 0);
		key = fb_flow_reply_key(t, victim);
		assert_memory_equal(&key.v4, &reply.v4, sizeof(key.v4));
		assert_true(victim->last_use_ms < 200); /* (56 / 256)^16 = 3e-11 otherwise */
		sum += victim->last_use_ms;
	}
	/* The least of 16 out of 256 is 256 / 17 = 15 in the mean, the mean of 1000 within 2. */
	assert_in_range(sum / 1000, 12, 18);
	fb_flow_table_free(t);
}

static void who_is_open_keeps_its_port_who_is_closed_by_both_does_not(void **state)
{
	static const struct {
		uint8_t state;
		uint8_t flags;
		int ret;
	} cases[] = {
		{FB_FLOW_ESTABLISHED, 0, -EADDRNOTAVAIL},
		{FB_FLOW_ESTABLISHED, FB_FLOW_FIN_CLIENT, -EADDRNOTAVAIL},
		{FB_FLOW_UDP, 0, -EADDRNOTAVAIL},
		{FB_FLOW_CLOSING, 0, -EADDRNOTAVAIL}, /* a reset, which may be a forged one */
		{FB_FLOW_CLOSING, FB_FLOW_FIN_CLIENT | FB_FLOW_FIN_ENDPOINT, 0},
		{FB_FLOW_UDP_NEW, 0, 0},
		{FB_FLOW_COOKIE_WAIT, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fb_flow *flows[256];
		struct fb_addr snat[1];
		struct fb_nat_ports p;
		struct fb_flow_table *t =
			all_ports_taken(&p, snat, cases[i].state, cases[i].flags, flows);
		struct fb_flow *victim;
		struct fb_tuple reply;

		assert_int_equal(choose_taken(&p, t, 1, snat, &reply, &victim), cases[i].ret);
		fb_flow_table_free(t);
	}
}

static void half_open_goes_before_closed_and_a_free_port_before_both(void **state)
{
	const uint8_t fins = FB_FLOW_FIN_CLIENT | FB_FLOW_FIN_ENDPOINT;
	struct fb_flow *flows[256];
	struct fb_addr snat[1];
	struct fb_nat_ports p;
	struct fb_flow_table *t = all_ports_taken(&p, snat, FB_FLOW_CLOSING, fins, flows);
	struct fb_addr ep = endpoint(FB_IPV4);
	uint32_t n_half_open = 0;
	uint32_t n_free = 0;

	(void)state;
	/* The later half is half open: younger, and goes nevertheless. */
	for (uint32_t i = 128; i < 256; i++)
		flows[i]->state = FB_FLOW_OPENING;
	for (uint32_t i = 0; i < 200; i++) {
		struct fb_tuple reply;
		struct fb_flow *victim;

		assert_int_equal(choose_taken(&p, t, i, snat, &reply, &victim), 0);
		n_half_open += victim->state == FB_FLOW_OPENING;
	}
	assert_int_equal(n_half_open, 200);
	for (uint32_t i = 0; i < 256; i += 4)
		fb_flow_remove(t, flows[i]);
	for (uint32_t i = 0; i < 200; i++) {
		struct fb_tuple client = client_tuple(FB_IPV4, i);
		struct fb_tuple reply;
		struct fb_flow *victim;

		assert_int_equal(fb_nat_choose_taken(&p, 0, t, &client, &ep, RTE_BE16(80), snat, 1,
						     NULL, &reply, &victim),
				 0);
		n_free += victim == NULL;
	}
	/* 1 - (3 / 4)^17 of 200 */
	assert_in_range(n_free, 190, 200);
	fb_flow_table_free(t);
}

/* An endpoint that connects to the service on the SNAT address, from the port that it serves on. */
static void a_reply_that_looks_like_the_clients_packet_is_never_chosen(void **state)
{
	struct fb_addr ep = endpoint(FB_IPV4);
	struct fb_nat_ports p;
	struct fb_addr vip;

	(void)state;
	fill_snat(FB_IPV4, &vip, 1);
	assert_int_equal(fb_nat_ports_init(&p, 1024, 1279, 1, &secret), 0);
	/* 4096 clients, each with one port in 256 to avoid. */
	for (uint16_t i = 0; i < 4096; i++) {
		struct fb_tuple client =
			fb_tuple_make(IPPROTO_TCP, &ep, rte_cpu_to_be_16(i), &vip,
				      rte_cpu_to_be_16((uint16_t)(1024 + i % 256)));
		struct fb_tuple reply;

		assert_int_equal(fb_nat_choose(&p, 0, NULL, &client, &ep, rte_cpu_to_be_16(i), &vip,
					       1, NULL, &reply),
				 0);
		assert_memory_not_equal(&client.v4, &reply.v4, sizeof(reply.v4));
	}
}

static void without_an_address_there_is_nothing_to_choose(void **state)
{
	struct fb_tuple client = client_tuple(FB_IPV4, 1);
	struct fb_addr ep = endpoint(FB_IPV4);
	const rte_be16_t *at;
	struct fb_nat_ports p;
	struct fb_tuple reply;

	(void)state;
	assert_int_equal(fb_nat_ports_init(&p, 1024, 65535, 1, &secret), 0);
	assert_int_equal(fb_nat_first(&p, 0, &client, &ep, 1, NULL, 0, NULL, &reply, &at), -ENOENT);
	assert_int_equal(fb_nat_choose(&p, 0, NULL, &client, &ep, 1, NULL, 0, NULL, &reply),
			 -ENOENT);
}

static void owners_of_clients_share_evenly_and_depend_on_address_and_port(void **state)
{
	uint32_t share[3] = {0};
	struct fb_nat_ports p;
	bool port_matters = false;

	(void)state;
	assert_int_equal(fb_nat_ports_init(&p, 1024, 65535, 3, &secret), 0);
	for (uint32_t i = 0; i < 30000; i++) {
		struct fb_tuple t = client_tuple(i % 2 ? FB_IPV6 : FB_IPV4, i);
		struct fb_addr a = fb_tuple_src(&t);
		uint16_t owner = fb_nat_client_owner(&p, &a, fb_tuple_sport(&t));

		assert_in_range(owner, 0, 2);
		share[owner]++;
		if (fb_nat_client_owner(&p, &a, 0) != owner)
			port_matters = true;
		/* The endpoint's packet carries the same pair as its destination. */
		t = fb_tuple_reverse(&t);
		a = fb_tuple_dst(&t);
		assert_int_equal(fb_nat_client_owner(&p, &a, fb_tuple_dport(&t)), owner);
	}
	for (int i = 0; i < 3; i++)
		assert_in_range(share[i], 9500, 10500);
	assert_true(port_matters);
}

static int set_up(void **state)
{
	(void)state;
	fb_hash_secret_init(&secret, "ports");
	return 0;
}

static void ports_of_another_box_have_owners_and_are_never_chosen(void **state)
{
	struct fb_nat_ports p;

	assert_int_equal(fb_nat_ports_init(&p, 32768, 49151, 3, &secret), 0);
	fb_nat_ports_mirror(&p);
	for (uint32_t port = 0; port < 65536; port++) {
		uint8_t owner = fb_nat_port_owner(&p, rte_cpu_to_be_16((uint16_t)port));

		if (port < 1024)
			assert_int_equal(owner, FB_NAT_NO_OWNER);
		else
			assert_true(owner < 3);
	}
	for (uint16_t w = 0; w < 3; w++) {
		for (uint32_t i = 0; i < fb_nat_port_count(&p, w); i++) {
			rte_be16_t port_be = fb_nat_port_at(&p, w, i);

			assert_in_range(rte_be_to_cpu_16(port_be), 32768, 49151);
			assert_int_equal(fb_nat_port_owner(&p, port_be), w);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_of_another_box_have_owners_and_are_never_chosen),
		cmocka_unit_test(every_port_of_the_range_belongs_to_exactly_one_worker),
		cmocka_unit_test(workers_get_equal_shares_to_a_block),
		cmocka_unit_test(a_range_with_fewer_blocks_than_workers_is_refused),
		cmocka_unit_test(a_chosen_port_is_the_workers_and_the_rest_is_the_endpoints_packet),
		cmocka_unit_test(the_same_client_gets_the_same_port_when_it_is_free),
		cmocka_unit_test(exhaustion_is_said_and_comes_late),
		cmocka_unit_test(at_90_percent_a_port_is_found_in_all_but_a_few_of_a_thousand),
		cmocka_unit_test(ports_cannot_be_told_from_other_ports),
		cmocka_unit_test(clients_spread_over_ports_and_addresses_but_keep_their_address),
		cmocka_unit_test(with_all_ports_taken_an_old_half_open_flow_gives_its_own),
		cmocka_unit_test(who_is_open_keeps_its_port_who_is_closed_by_both_does_not),
		cmocka_unit_test(half_open_goes_before_closed_and_a_free_port_before_both),
		cmocka_unit_test(a_reply_that_looks_like_the_clients_packet_is_never_chosen),
		cmocka_unit_test(without_an_address_there_is_nothing_to_choose),
		cmocka_unit_test(owners_of_clients_share_evenly_and_depend_on_address_and_port),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
