/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <errno.h>
#include <string.h>

#include <rte_ethdev.h>

#include "../../../app/forebay/ports.h"

#define PORT_TYPES                                                     \
	(RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP | \
	 RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP)

/* The device: what it says, and how often it was asked for its table. */
static struct {
	struct rte_eth_dev_info info;
	uint64_t hash_types;
	uint16_t reta[FB_NAT_RSS_RETA_MAX];
	bool refuses_table;
	int n_queries;
	int changes_at; /* before this query it deals all entries the other way round */
} device;

int __wrap_rte_eth_dev_info_get(uint16_t port, struct rte_eth_dev_info *ret);
int __wrap_rte_eth_dev_rss_hash_conf_get(uint16_t port, struct rte_eth_rss_conf *conf);
int __wrap_rte_eth_dev_rss_reta_update(uint16_t port, struct rte_eth_rss_reta_entry64 *reta,
				       uint16_t size);
int __wrap_rte_eth_dev_rss_reta_query(uint16_t port, struct rte_eth_rss_reta_entry64 *reta,
				      uint16_t size);

int __wrap_rte_eth_dev_info_get(uint16_t port, struct rte_eth_dev_info *ret)
{
	(void)port;
	*ret = device.info;
	return 0;
}

int __wrap_rte_eth_dev_rss_hash_conf_get(uint16_t port, struct rte_eth_rss_conf *conf)
{
	(void)port;
	for (uint8_t i = 0; i < conf->rss_key_len; i++)
		conf->rss_key[i] = (uint8_t)(i * 0x9d + 0x35);
	conf->rss_hf = device.hash_types;
	return 0;
}

int __wrap_rte_eth_dev_rss_reta_update(uint16_t port, struct rte_eth_rss_reta_entry64 *reta,
				       uint16_t size)
{
	(void)port;
	if (device.refuses_table)
		return -ENOTSUP;
	for (uint16_t i = 0; i < size; i++)
		device.reta[i] = reta[i / 64].reta[i % 64];
	return 0;
}

int __wrap_rte_eth_dev_rss_reta_query(uint16_t port, struct rte_eth_rss_reta_entry64 *reta,
				      uint16_t size)
{
	const bool turned = ++device.n_queries >= device.changes_at && device.changes_at != 0;

	(void)port;
	for (uint16_t i = 0; i < size; i++)
		reta[i / 64].reta[i % 64] = device.reta[turned ? size - 1 - i : i];
	return 0;
}

/* The usual device: nothing is wrong with it. */
static void device_init(void)
{
	memset(&device, 0, sizeof(device));
	device.info.flow_type_rss_offloads = PORT_TYPES;
	device.info.reta_size = 128;
	device.info.hash_key_size = 40;
	device.hash_types = PORT_TYPES;
}

/* @return whether it is steered, with the one notice that there is in ret_notice */
static bool probe(uint32_t n_workers, uint16_t n_queues, char *ret_notice, size_t size)
{
	char name[] = "lan";
	struct fb_config_port config_port = {.name = name};
	struct fb_config config = {
		.n_workers = n_workers,
		.n_ports = 1,
		.ports = &config_port,
		.snat_port_first = 32768,
		.snat_port_last = 65535,
	};
	struct fb_port port = {.n_queues = n_queues};
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_port_rss rss;

	fb_ports_probe_rss(&config, &port, &rss, &errs);
	assert_int_equal(errs.n, 1);
	assert_int_equal(errs.n_errors, 0);
	(void)snprintf(ret_notice, size, "%s", errs.v[0].text);
	fb_errs_fini(&errs);
	return port.rss != NULL;
}

static void assert_says(const char *notice, const char *part)
{
	if (strstr(notice, part) == NULL)
		fail_msg("%s", notice);
}

static void a_device_that_keeps_its_word_steers(void **state)
{
	static const uint8_t key_sizes[] = {0, 40, 52};
	char notice[512];

	(void)state;
	for (size_t i = 0; i < sizeof(key_sizes); i++) {
		device_init();
		device.info.hash_key_size = key_sizes[i];
		assert_true(probe(2, 2, notice, sizeof(notice)));
		assert_says(notice, "port lan: 2 queues; RSS steers snat replies to their worker "
				    "(131072 ports and 13");
		assert_says(notice, " choices checked against its key and table)");
		assert_int_equal(device.n_queries, 2);
	}
}

static void a_device_whose_table_is_another_one_afterwards_does_not(void **state)
{
	char notice[512];

	(void)state;
	device_init();
	device.changes_at = 2;
	assert_false(probe(2, 2, notice, sizeof(notice)));
	assert_says(notice,
		    "workers hand packets over by rings, since by the device's key and table ");
	assert_says(notice, " replies would come in at another worker; the first one is IPv4, tcp, "
			    "to port ");
}

static void what_is_missing_is_said(void **state)
{
	char notice[512];

	(void)state;
	device_init();
	assert_false(probe(3, 2, notice, sizeof(notice)));
	assert_says(notice, "since there are fewer queues than workers");
	device.info.flow_type_rss_offloads = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6;
	assert_false(probe(2, 2, notice, sizeof(notice)));
	assert_says(notice, "since the device does not hash TCP and UDP ports");
	device_init();
	device.info.reta_size = 0;
	assert_false(probe(2, 2, notice, sizeof(notice)));
	assert_says(notice, "since the device has no table of queues");
	device_init();
	device.info.reta_size = 100;
	assert_false(probe(2, 2, notice, sizeof(notice)));
	assert_says(notice, "size that is not supported");
	device_init();
	device.hash_types = 0;
	assert_false(probe(2, 2, notice, sizeof(notice)));
	assert_says(notice, "does not tell its hash key, or does not hash ports");
	device_init();
	device.refuses_table = true; /* all entries are the first queue's */
	assert_false(probe(2, 2, notice, sizeof(notice)));
	assert_says(notice, "the device's table does not spread packets over all queues");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_that_keeps_its_word_steers),
		cmocka_unit_test(a_device_whose_table_is_another_one_afterwards_does_not),
		cmocka_unit_test(what_is_missing_is_said),
	};

	return cmocka_run_group_tests_name("forebay/steering", tests, NULL, NULL);
}
