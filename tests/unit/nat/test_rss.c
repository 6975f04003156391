/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include <rte_ethdev.h>
#include <rte_thash.h>

#include "nat/first.h"
#include "nat/rss.h"

#define ALL_TYPES                                                                                  \
	(RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_NONFRAG_IPV4_TCP |                      \
	 RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP)

/* The key of Microsoft's RSS verification suite, which most drivers have as their default. */
static const uint8_t ms_key[52] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43,
	0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb,
	0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01,
	0xfa, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc,
};

static struct fb_hash_secret secret;

static uint64_t next_random(void)
{
	static uint64_t x = 0x1234567890abcdef;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x * 0x2545f4914f6cdd1d;
}

/* The whole hash, by DPDK's own code, which wants host-order words. */
static uint32_t reference_hash(const uint8_t *key, const struct fb_tuple *t, bool with_ports)
{
	const uint32_t n = (t->family == FB_IPV4 ? 2 : 8) + (with_ports ? 1 : 0);
	uint32_t words[9];

	memcpy(words, t, n * sizeof(words[0]));
	for (uint32_t i = 0; i < n; i++)
		words[i] = rte_be_to_cpu_32(words[i]);
	return rte_softrss(words, n, key);
}

static struct fb_tuple random_tuple(enum fb_family family, uint8_t proto)
{
	struct fb_tuple t = {.proto = proto, .family = (uint8_t)family};
	uint8_t *bytes = (uint8_t *)&t;

	for (size_t i = 0; i < (family == FB_IPV4 ? sizeof(t.v4) : sizeof(t.v6)); i++)
		bytes[i] = (uint8_t)(next_random() >> 32);
	return t;
}

struct device {
	uint16_t reta[FB_NAT_RSS_RETA_MAX];
	uint8_t queue_worker[64];
	struct fb_nat_rss rss;
	struct fb_nat_ports ports;
	struct fb_nat_steer *steer;
};

/* Entries round robin over the queues, as drivers fill them; worker = queue % workers. */
static void device_init(struct device *d, uint32_t reta_size, uint32_t n_queues, uint16_t n_workers,
			uint16_t first, uint16_t last, uint64_t hash_types)
{
	for (uint32_t i = 0; i < reta_size; i++)
		d->reta[i] = (uint16_t)(i % n_queues);
	for (uint32_t q = 0; q < n_queues; q++)
		d->queue_worker[q] = (uint8_t)(q % n_workers);
	d->rss = (struct fb_nat_rss){
		.key = ms_key,
		.key_len = sizeof(ms_key),
		.reta = d->reta,
		.reta_size = reta_size,
		.queue_worker = d->queue_worker,
		.n_queues = n_queues,
		.hash_types = hash_types,
	};
	assert_int_equal(fb_nat_ports_init(&d->ports, first, last, n_workers, &secret), 0);
	d->steer = fb_nat_steer_create(&d->rss, &d->ports);
	assert_non_null(d->steer);
}

static void the_published_verification_vector_comes_out(void **state)
{
	/* 66.9.149.187:2794 to 161.142.100.80:1766: 0x51ccc178 with ports, 0x323e8fc2 without. */
	struct device d;
	struct fb_tuple t = {.proto = IPPROTO_TCP, .family = FB_IPV4};

	(void)state;
	t.v4.src = RTE_BE32(0x420995bb);
	t.v4.dst = RTE_BE32(0xa18e6450);
	t.v4.sport = RTE_BE16(2794);
	t.v4.dport = RTE_BE16(1766);
	device_init(&d, 512, 64, 1, 1024, 65535, ALL_TYPES);
	assert_int_equal(fb_nat_rss_queue(d.steer, &t), (0x51ccc178 & 511) % 64);
	fb_nat_steer_free(d.steer);
	device_init(&d, 512, 64, 1, 1024, 65535, RTE_ETH_RSS_IPV4);
	assert_int_equal(fb_nat_rss_queue(d.steer, &t), (0x323e8fc2 & 511) % 64);
	fb_nat_steer_free(d.steer);
}

static void queues_agree_with_the_reference_for_any_tuple(void **state)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP};

	(void)state;
	for (uint32_t reta_size = 1; reta_size <= 512; reta_size *= 2) {
		struct device d;

		device_init(&d, reta_size, 5, 5, 1024, 65535, ALL_TYPES);
		for (int i = 0; i < 1000; i++) {
			struct fb_tuple t =
				random_tuple(i % 2 ? FB_IPV6 : FB_IPV4, protos[i / 2 % 2]);
			uint32_t hash = reference_hash(ms_key, &t, true);
			uint16_t queue = d.reta[hash & (reta_size - 1)];

			assert_int_equal(fb_nat_rss_queue(d.steer, &t), queue);
			assert_int_equal(fb_nat_rss_worker(d.steer, &t), queue % 5);
		}
		fb_nat_steer_free(d.steer);
	}
}

static void a_device_that_hashes_less_is_followed(void **state)
{
	struct device d;

	(void)state;
	device_init(&d, 128, 4, 4, 1024, 65535, RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP);
	for (int i = 0; i < 200; i++) {
		struct fb_tuple udp = random_tuple(FB_IPV4, IPPROTO_UDP);
		struct fb_tuple tcp = random_tuple(FB_IPV4, IPPROTO_TCP);
		struct fb_tuple v6 = random_tuple(FB_IPV6, IPPROTO_TCP);

		assert_int_equal(fb_nat_rss_queue(d.steer, &udp),
				 d.reta[reference_hash(ms_key, &udp, false) & 127]);
		assert_int_equal(fb_nat_rss_queue(d.steer, &tcp),
				 d.reta[reference_hash(ms_key, &tcp, true) & 127]);
		assert_int_equal(fb_nat_rss_queue(d.steer, &v6), 0);
		assert_int_equal(fb_nat_rss_worker(d.steer, &v6), 0);
	}
	fb_nat_steer_free(d.steer);
}

/* Every reply that choose picks for a worker arrives there, by the reference's word. */
static void check_choices(const struct device *d, enum fb_family family, int n)
{
	const uint16_t n_workers = d->ports.n_workers;

	for (int i = 0; i < n; i++) {
		struct fb_tuple client = random_tuple(family, i % 2 ? IPPROTO_TCP : IPPROTO_UDP);
		struct fb_tuple other = random_tuple(family, IPPROTO_TCP);
		struct fb_addr ep = fb_tuple_src(&other);
		struct fb_addr snat = fb_tuple_dst(&other);
		uint16_t worker = (uint16_t)(i % n_workers);
		const rte_be16_t *at;
		struct fb_tuple reply;
		struct fb_tuple first;
		uint32_t hash;

		assert_int_equal(fb_nat_choose(&d->ports, worker, NULL, &client, &ep, RTE_BE16(443),
					       &snat, 1, d->steer, &reply), 0);
		hash = reference_hash(ms_key, &reply, true);
		assert_int_equal(d->queue_worker[d->reta[hash & (d->rss.reta_size - 1)]], worker);
		assert_int_equal(fb_nat_port_owner(&d->ports, fb_tuple_dport(&reply)), worker);
		/* With every port free it is the first that is tried. */
		assert_int_equal(fb_nat_first(&d->ports, worker, &client, &ep, RTE_BE16(443), &snat,
					      1, d->steer, &first, &at), 0);
		if (at != NULL)
			fb_tuple_set_ports(&first, RTE_BE16(443), *at);
		assert_memory_equal(&first, &reply,
				    family == FB_IPV4 ? sizeof(first.v4) : sizeof(first.v6));
	}
}

/* Not a sample: each port of the range, for either family and protocol, with the last table size there is. */
static void each_port_there_is_has_the_queue_that_the_reference_says(void **state)
{
	struct device d;

	(void)state;
	device_init(&d, 512, 7, 7, 1024, 65535, ALL_TYPES);
	for (int i = 0; i < 4; i++) {
		struct fb_tuple reply = random_tuple(i % 2 ? FB_IPV6 : FB_IPV4,
						     i / 2 ? IPPROTO_UDP : IPPROTO_TCP);
		struct fb_addr ep = fb_tuple_src(&reply);
		struct fb_addr snat = fb_tuple_dst(&reply);

		for (uint32_t port = 1024; port <= 65535; port++) {
			uint32_t hash;

			reply = fb_tuple_make(reply.proto, &ep, RTE_BE16(443), &snat,
					      rte_cpu_to_be_16((uint16_t)port));
			hash = reference_hash(ms_key, &reply, true);
			assert_int_equal(fb_nat_rss_queue(d.steer, &reply), d.reta[hash & 511]);
		}
	}
	fb_nat_steer_free(d.steer);
}

static void every_chosen_port_brings_the_reply_to_its_worker(void **state)
{
	static const uint32_t shapes[][3] = {
		/* RETA entries, queues, workers */
		{2, 2, 2},     {4, 4, 4},   {64, 3, 3},	   {128, 8, 4},
		{128, 16, 16}, {512, 7, 7}, {512, 64, 64},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct device d;

		device_init(&d, shapes[i][0], shapes[i][1], (uint16_t)shapes[i][2], 1024, 65535,
			    ALL_TYPES);
		check_choices(&d, FB_IPV4, 2000);
		check_choices(&d, FB_IPV6, 2000);
		fb_nat_steer_free(d.steer);
	}
}

static void a_small_range_leaves_classes_empty_and_still_works(void **state)
{
	struct device d;

	(void)state;
	device_init(&d, 512, 2, 2, 1024, 1024 + 511, ALL_TYPES); /* 256 ports for 512 classes */
	check_choices(&d, FB_IPV4, 2000);
	check_choices(&d, FB_IPV6, 2000);
	/* Where the drawn class is empty the next one is looked at: no draw is lost. */
	for (int i = 0; i < 2000; i++) {
		struct fb_tuple reply = random_tuple(FB_IPV4, IPPROTO_TCP);
		struct fb_nat_steer_rest rest = fb_nat_steer_begin(d.steer, 0, &reply);

		assert_int_equal(fb_nat_steer_port(d.steer, 0, FB_IPV4, rest,
						   next_random(), &reply.v4.dport),
				 0);
		assert_int_equal(fb_nat_rss_worker(d.steer, &reply), 0);
	}
	fb_nat_steer_free(d.steer);
}

static void nearly_all_fitting_ports_are_found_before_it_is_exhausted(void **state)
{
	(void)state;
	for (enum fb_family f = FB_IPV4; f <= FB_IPV6; f++) {
		struct fb_flow_table *t = fb_flow_table_create(f, 65536, &secret, -1);
		struct fb_tuple other = random_tuple(f, IPPROTO_TCP);
		struct fb_addr ep = fb_tuple_src(&other);
		struct fb_addr snat = fb_tuple_dst(&other);
		uint32_t fitting = 0;
		uint32_t found = 0;
		struct device d;
		int err = 0;

		device_init(&d, 128, 4, 4, 1024, 65535, ALL_TYPES);
		for (uint32_t i = 0; i < fb_nat_port_count(&d.ports, 2); i++) {
			struct fb_tuple reply =
				fb_tuple_make(IPPROTO_TCP, &ep, RTE_BE16(443), &snat,
					      fb_nat_port_at(&d.ports, 2, i));

			fitting += d.reta[reference_hash(ms_key, &reply, true) & 127] == 2;
		}
		while (err == 0) {
			struct fb_tuple client = random_tuple(f, IPPROTO_TCP);
			struct fb_tuple reply;
			struct fb_flow *flow;

			err = fb_nat_choose(&d.ports, 2, t, &client, &ep, RTE_BE16(443), &snat, 1,
					    d.steer, &reply);
			if (err == 0) {
				assert_int_equal(fb_flow_insert(t, &client, &reply, 0, &flow), 0);
				flow->state = FB_FLOW_OPENING;
				found++;
			}
		}
		assert_int_equal(err, -EADDRNOTAVAIL);
		/* A quarter of a quarter of the range: some 4000. */
		assert_in_range(fitting, 3000, 5000);
		assert_in_range(found, fitting * 80 / 100, fitting);
		fb_nat_steer_free(d.steer);
		fb_flow_table_free(t);
	}
}

/* What the packet path asks for in advance is what the search would come to, with a device and without. */
static void each_other_candidate_is_the_one_that_a_search_tries_next(void **state)
{
	(void)state;
	for (int round = 0; round < 40; round++) {
		const enum fb_family f = (enum fb_family)(round % FB_FAMILY_COUNT);
		struct fb_flow_table *t = fb_flow_table_create(f, 100, &secret, -1);
		const struct fb_tuple client = random_tuple(f, IPPROTO_TCP);
		const struct fb_tuple other = random_tuple(f, IPPROTO_TCP);
		const struct fb_addr ep = fb_tuple_src(&other);
		const struct fb_addr snat = fb_tuple_dst(&other);
		const struct fb_nat_steer *steer;
		struct fb_tuple reply;
		struct fb_tuple found;
		struct device d;

		device_init(&d, 128, 4, 4, 1024, 65535, ALL_TYPES);
		steer = round % 3 == 0 ? NULL : d.steer;
		assert_int_equal(fb_nat_choose(&d.ports, 2, t, &client, &ep, RTE_BE16(443), &snat,
					       1, steer, &reply), 0);
		for (uint64_t i = 1; i < 8; i++) {
			const struct fb_tuple somebody = random_tuple(f, IPPROTO_TCP);
			struct fb_flow *flow;

			if (fb_flow_insert(t, &somebody, &reply, 0, &flow) != 0)
				continue; /* drawn twice */
			fb_nat_another(&d.ports, 2, fb_nat_first_draw(&d.ports, &client), i, steer,
				       &reply);
			if (fb_flow_taken(t, &reply))
				continue;
			assert_int_equal(fb_nat_choose(&d.ports, 2, t, &client, &ep, RTE_BE16(443),
						       &snat, 1, steer, &found), 0);
			assert_memory_equal(&found, &reply,
					    f == FB_IPV4 ? sizeof(found.v4) : sizeof(found.v6));
		}
		fb_nat_steer_free(d.steer);
		fb_flow_table_free(t);
	}
}

static void a_device_that_looks_at_addresses_only_allows_all_ports_or_none(void **state)
{
	struct device d;
	int fits = 0;

	(void)state;
	device_init(&d, 128, 2, 2, 1024, 65535, RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6);
	for (int i = 0; i < 400; i++) {
		struct fb_tuple client = random_tuple(i % 2 ? FB_IPV4 : FB_IPV6, IPPROTO_TCP);
		struct fb_tuple other = random_tuple(client.family, IPPROTO_TCP);
		struct fb_addr ep = fb_tuple_src(&other);
		struct fb_addr snat = fb_tuple_dst(&other);
		struct fb_tuple reply;
		int err = fb_nat_choose(&d.ports, 1, NULL, &client, &ep, 1, &snat, 1, d.steer,
					&reply);
		bool here = d.reta[reference_hash(ms_key, &other, false) & 127] == 1;

		assert_int_equal(err, here ? 0 : -EADDRNOTAVAIL);
		fits += here;
		if (here)
			assert_int_equal(fb_nat_port_owner(&d.ports, fb_tuple_dport(&reply)), 1);
	}
	assert_in_range(fits, 140, 260);
	fb_nat_steer_free(d.steer);
}

/* Nobody can tell where its replies come in, so any port of the owner's will do, always. */
static void sctp_may_have_any_port_of_its_worker(void **state)
{
	struct device d;

	(void)state;
	device_init(&d, 128, 2, 2, 1024, 65535, ALL_TYPES);
	for (int i = 0; i < 200; i++) {
		struct fb_tuple client = random_tuple(i % 2 ? FB_IPV4 : FB_IPV6, IPPROTO_SCTP);
		struct fb_tuple other = random_tuple(client.family, IPPROTO_SCTP);
		struct fb_addr ep = fb_tuple_src(&other);
		struct fb_addr snat = fb_tuple_dst(&other);
		struct fb_tuple unsteered;
		struct fb_tuple reply;

		assert_int_equal(fb_nat_choose(&d.ports, 1, NULL, &client, &ep, 1, &snat, 1,
					       d.steer, &reply), 0);
		assert_int_equal(fb_nat_choose(&d.ports, 1, NULL, &client, &ep, 1, &snat, 1, NULL,
					       &unsteered), 0);
		assert_int_equal(fb_nat_port_owner(&d.ports, fb_tuple_dport(&reply)), 1);
		assert_int_equal(fb_tuple_dport(&reply), fb_tuple_dport(&unsteered));
	}
	fb_nat_steer_free(d.steer);
}

static void what_no_device_can_mean_is_refused(void **state)
{
	struct device d;
	struct fb_nat_rss bad;

	(void)state;
	device_init(&d, 128, 4, 2, 1024, 65535, ALL_TYPES);
	bad = d.rss;
	bad.key_len = 39;
	assert_null(fb_nat_steer_create(&bad, &d.ports));
	assert_int_equal(errno, EINVAL);
	bad = d.rss;
	bad.reta_size = 127;
	assert_null(fb_nat_steer_create(&bad, &d.ports));
	bad.reta_size = 1024;
	assert_null(fb_nat_steer_create(&bad, &d.ports));
	bad.reta_size = 0;
	assert_null(fb_nat_steer_create(&bad, &d.ports));
	bad = d.rss;
	bad.n_queues = 3;
	assert_null(fb_nat_steer_create(&bad, &d.ports));
	d.queue_worker[1] = 2;
	assert_null(fb_nat_steer_create(&d.rss, &d.ports));
	fb_nat_steer_free(d.steer);
	fb_nat_steer_free(NULL);
}

static int set_up(void **state)
{
	(void)state;
	fb_hash_secret_init(&secret, "steer");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_verification_vector_comes_out),
		cmocka_unit_test(queues_agree_with_the_reference_for_any_tuple),
		cmocka_unit_test(a_device_that_hashes_less_is_followed),
		cmocka_unit_test(each_port_there_is_has_the_queue_that_the_reference_says),
		cmocka_unit_test(every_chosen_port_brings_the_reply_to_its_worker),
		cmocka_unit_test(a_small_range_leaves_classes_empty_and_still_works),
		cmocka_unit_test(nearly_all_fitting_ports_are_found_before_it_is_exhausted),
		cmocka_unit_test(each_other_candidate_is_the_one_that_a_search_tries_next),
		cmocka_unit_test(a_device_that_looks_at_addresses_only_allows_all_ports_or_none),
		cmocka_unit_test(sctp_may_have_any_port_of_its_worker),
		cmocka_unit_test(what_no_device_can_mean_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
