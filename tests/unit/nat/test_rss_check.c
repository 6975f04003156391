/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <rte_ethdev.h>

#include "nat/rss_check.h"

#define PORT_TYPES                                                     \
	(RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP | \
	 RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP)
#define ADDRESS_TYPES (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6)

/* What a device says, and what is made of it. */
struct device {
	uint8_t key[FB_NAT_RSS_KEY_LEN];
	uint16_t reta[FB_NAT_RSS_RETA_MAX];
	uint8_t queue_worker[FB_NAT_MAX_WORKERS];
	struct fb_nat_rss rss;
	struct fb_nat_ports ports;
	struct fb_nat_steer *steer;
	struct fb_nat_rss_check found;
};

static void device_init(struct device *d, uint32_t reta_size, uint16_t n_workers,
			uint64_t hash_types)
{
	struct fb_hash_secret secret;

	for (uint32_t i = 0; i < sizeof(d->key); i++)
		d->key[i] = (uint8_t)(i * 0x9d + 0x35);
	for (uint32_t i = 0; i < reta_size; i++)
		d->reta[i] = (uint16_t)(i % n_workers);
	for (uint16_t q = 0; q < n_workers; q++)
		d->queue_worker[q] = (uint8_t)q;
	d->rss = (struct fb_nat_rss){
		.key = d->key,
		.key_len = sizeof(d->key),
		.reta = d->reta,
		.reta_size = reta_size,
		.queue_worker = d->queue_worker,
		.n_queues = n_workers,
		.hash_types = hash_types,
	};
	fb_hash_secret_init(&secret, "check");
	assert_int_equal(fb_nat_ports_init(&d->ports, 32768, 65535, n_workers, &secret), 0);
	d->steer = fb_nat_steer_create(&d->rss, &d->ports);
	assert_non_null(d->steer);
}

static bool is_right(struct device *d)
{
	return fb_nat_rss_check(d->steer, &d->rss, &d->ports, &d->found);
}

static void each_port_of_each_worker_is_looked_at_and_as_many_are_chosen(void **state)
{
	static const uint32_t shapes[][2] = {{2, 2}, {64, 3}, {128, 4}, {512, 7}, {512, 64}};

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct device d;

		device_init(&d, shapes[i][0], (uint16_t)shapes[i][1], PORT_TYPES | ADDRESS_TYPES);
		assert_true(is_right(&d));
		assert_int_equal(d.found.n_wrong, 0);
		/* TCP and UDP of both families. */
		assert_int_equal(d.found.n_ports, 4 * 32768);
		assert_in_range(d.found.n_chosen, 4 * 32768, 4 * 32768 * 65 / 64);
		fb_nat_steer_free(d.steer);
	}
}

static void one_entry_of_a_table_that_changed_is_found(void **state)
{
	struct device d;

	(void)state;
	device_init(&d, 512, 2, PORT_TYPES);
	d.reta[77] = (uint16_t)!d.reta[77];
	assert_false(is_right(&d));
	/* About a 512th of the ports, and a 256th of what one worker chooses. */
	assert_in_range(d.found.n_wrong, 4 * 32768 / 512, 4 * 32768 / 64);
	assert_int_equal(fb_nat_port_owner(&d.ports, fb_tuple_dport(&d.found.wrong)),
			 d.found.wrong_worker);
	fb_nat_steer_free(d.steer);
}

static void each_byte_of_the_key_that_is_used_counts(void **state)
{
	struct device d;

	(void)state;
	device_init(&d, 128, 2, PORT_TYPES);
	for (uint32_t byte = 0; byte < sizeof(d.key); byte++) {
		/* The table sees the last bits of the hash alone, which the first 24 of the key do not reach. */
		const bool used = byte >= 3;

		d.key[byte] ^= 0xff;
		if (is_right(&d) == used)
			fail_msg("byte %u", byte);
		d.key[byte] ^= 0xff;
	}
	assert_true(is_right(&d));
	fb_nat_steer_free(d.steer);
}

static void a_device_that_hashes_other_packets_than_it_said_is_found(void **state)
{
	static const uint64_t then[] = {
		PORT_TYPES & ~RTE_ETH_RSS_NONFRAG_IPV4_TCP,
		PORT_TYPES & ~RTE_ETH_RSS_NONFRAG_IPV4_UDP,
		PORT_TYPES & ~RTE_ETH_RSS_NONFRAG_IPV6_TCP,
		PORT_TYPES & ~RTE_ETH_RSS_NONFRAG_IPV6_UDP,
		ADDRESS_TYPES,
		0,
	};
	struct device d;

	(void)state;
	for (size_t i = 0; i < sizeof(then) / sizeof(then[0]); i++) {
		device_init(&d, 128, 4, PORT_TYPES);
		d.rss.hash_types = then[i];
		assert_false(is_right(&d));
		fb_nat_steer_free(d.steer);
	}
}

/* All ports of an address or none, and where it is none, none is chosen. */
static void a_device_that_looks_at_addresses_only_is_right_too(void **state)
{
	struct device d;

	(void)state;
	device_init(&d, 128, 2, ADDRESS_TYPES);
	assert_true(is_right(&d));
	assert_int_equal(d.found.n_ports, 4 * 32768);
	assert_in_range(d.found.n_chosen, 4 * 32768 * 4 / 10, 4 * 32768 * 6 / 10);
	fb_nat_steer_free(d.steer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_port_of_each_worker_is_looked_at_and_as_many_are_chosen),
		cmocka_unit_test(one_entry_of_a_table_that_changed_is_found),
		cmocka_unit_test(each_byte_of_the_key_that_is_used_counts),
		cmocka_unit_test(a_device_that_hashes_other_packets_than_it_said_is_found),
		cmocka_unit_test(a_device_that_looks_at_addresses_only_is_right_too),
	};

	return cmocka_run_group_tests_name("nat/rss_check", tests, NULL, NULL);
}
