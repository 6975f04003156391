/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How devices spread packets over their queues, and whether the SNAT ports that workers choose bring replies
 * back to them: looked at once, before there are workers (nat/rss_check.h).
 */

#include "ports.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>

#include "nat/rss_check.h"

#define RSS_WANTED                                                     \
	(RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP | \
	 RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP)

/* Deal the table's entries to the queues in turn. A device that refuses may have dealt by itself, as most do. */
static void deal_reta(const struct fb_port *p, uint16_t reta_size)
{
	struct rte_eth_rss_reta_entry64 reta[FB_NAT_RSS_RETA_MAX / RTE_ETH_RETA_GROUP_SIZE];

	memset(reta, 0, sizeof(reta));
	for (uint32_t i = 0; i < reta_size; i++) {
		reta[i / RTE_ETH_RETA_GROUP_SIZE].mask |= 1ull << (i % RTE_ETH_RETA_GROUP_SIZE);
		reta[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] =
			(uint16_t)(i % p->n_queues);
	}
	(void)rte_eth_dev_rss_reta_update(p->device, reta, reta_size);
}

/* @return whether every queue has entries and none is somebody else's */
static bool read_reta(const struct fb_port *p, uint16_t reta_size, uint16_t *ret)
{
	struct rte_eth_rss_reta_entry64 reta[FB_NAT_RSS_RETA_MAX / RTE_ETH_RETA_GROUP_SIZE];
	uint32_t entries[FB_CONFIG_MAX_WORKERS] = {0};

	memset(reta, 0, sizeof(reta));
	for (uint32_t i = 0; i < reta_size; i += RTE_ETH_RETA_GROUP_SIZE)
		reta[i / RTE_ETH_RETA_GROUP_SIZE].mask = UINT64_MAX;
	if (rte_eth_dev_rss_reta_query(p->device, reta, reta_size) != 0)
		return false;
	for (uint32_t i = 0; i < reta_size; i++) {
		ret[i] = reta[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
		if (ret[i] >= p->n_queues)
			return false;
		entries[ret[i]]++;
	}
	for (uint16_t q = 0; q < p->n_queues; q++)
		if (entries[q] == 0)
			return false;
	return true;
}

/* @return why RSS is not usable on this port, or NULL with *ret filled */
static const char *read_rss(const struct fb_port *p, struct fb_port_rss *ret)
{
	struct rte_eth_rss_conf conf = {.rss_key = ret->key, .rss_key_len = sizeof(ret->key)};
	struct rte_eth_dev_info info;

	if (rte_eth_dev_info_get(p->device, &info) != 0 ||
	    (info.flow_type_rss_offloads & RSS_WANTED) != RSS_WANTED)
		return "the device does not hash TCP and UDP ports";
	if (info.reta_size == 0)
		return "the device has no table of queues";
	if (info.hash_key_size ==
	    0) /* some do not say; DPDK's keys had 40 bytes before there was this field */
		info.hash_key_size = FB_NAT_RSS_KEY_LEN;
	if (info.reta_size > FB_NAT_RSS_RETA_MAX || (info.reta_size & (info.reta_size - 1)) != 0 ||
	    (info.hash_key_size != FB_NAT_RSS_KEY_LEN && info.hash_key_size != 52))
		return "the device's table or key has a size that is not supported";
	conf.rss_key_len = info.hash_key_size;
	if (rte_eth_dev_rss_hash_conf_get(p->device, &conf) != 0 ||
	    (conf.rss_hf & RSS_WANTED) != RSS_WANTED)
		return "the device does not tell its hash key, or does not hash ports";
	if (!read_reta(p, info.reta_size, ret->reta))
		return "the device's table does not spread packets over all queues";
	for (uint16_t q = 0; q < p->n_queues; q++)
		ret->queue_worker[q] = (uint8_t)q;
	ret->rss = (struct fb_nat_rss){
		.key = ret->key,
		.key_len = info.hash_key_size,
		.reta = ret->reta,
		.reta_size = info.reta_size,
		.queue_worker = ret->queue_worker,
		.n_queues = p->n_queues,
		.hash_types = conf.rss_hf,
	};
	return NULL;
}

/*
 * Choose as workers will, and hold that against what the device says when it is asked again.
 * @param ret_text  what was found, either way
 * @return whether replies come back to their worker
 */
static bool check_steering(const struct fb_config *config, const struct fb_port *p,
			   const struct fb_nat_rss *rss, char *ret_text, size_t size)
{
	struct fb_hash_secret any;
	struct fb_port_rss again;
	struct fb_nat_rss_check found;
	struct fb_nat_ports nat;
	struct fb_nat_steer *steer = NULL;
	const char *why = read_rss(p, &again);
	bool ok;

	if (why != NULL) {
		(void)snprintf(ret_text, size, "%s", why);
		return false;
	}
	fb_hash_secret_init(&any, "");
	if (fb_nat_ports_init(&nat, config->snat_port_first, config->snat_port_last,
			      (uint16_t)config->n_workers, &any) == 0)
		steer = fb_nat_steer_create(rss, &nat);
	if (steer == NULL) {
		(void)snprintf(ret_text, size, "SNAT ports cannot be sorted by queue");
		return false;
	}
	ok = fb_nat_rss_check(steer, &again.rss, &nat, &found);
	fb_nat_steer_free(steer);
	if (ok)
		(void)snprintf(ret_text, size,
			       "%u ports and %u choices checked against its key and table",
			       found.n_ports, found.n_chosen);
	else
		(void)snprintf(ret_text, size,
			       "by the device's key and table %u of %u replies would come in at "
			       "another worker; the first one is %s, %s, to port %u of worker %u",
			       found.n_wrong, found.n_ports + found.n_chosen,
			       found.wrong.family == FB_IPV4 ? "IPv4" : "IPv6",
			       fb_proto_name(found.wrong.proto),
			       rte_be_to_cpu_16(fb_tuple_dport(&found.wrong)), found.wrong_worker);
	return ok;
}

/* @param ret_text  why not, or what was checked */
static bool probe_rss(const struct fb_config *config, const struct fb_port *p,
		      struct fb_port_rss *ret, char *ret_text, size_t size)
{
	struct rte_eth_dev_info info;
	const char *why = "there are fewer queues than workers";

	if (p->n_queues == config->n_workers) {
		if (rte_eth_dev_info_get(p->device, &info) == 0 && info.reta_size != 0 &&
		    info.reta_size <= FB_NAT_RSS_RETA_MAX)
			deal_reta(p, info.reta_size);
		why = read_rss(p, ret);
	}
	if (why == NULL)
		return check_steering(config, p, &ret->rss, ret_text, size);
	(void)snprintf(ret_text, size, "%s", why);
	return false;
}

void fb_ports_probe_rss(const struct fb_config *config, struct fb_port *ports,
			struct fb_port_rss *ret, struct fb_errs *errs)
{
	for (uint32_t i = 0; i < config->n_ports && config->n_workers > 1; i++) {
		char text[256];
		const bool steers = probe_rss(config, &ports[i], &ret[i], text, sizeof(text));

		if (steers)
			ports[i].rss = &ret[i].rss;
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_NOTICE, "port %s: %u queues; %s%s%s",
			    config->ports[i].name, ports[i].n_queues,
			    steers ? "RSS steers snat replies to their worker ("
				   : "workers hand packets over by rings, since ",
			    text, steers ? ")" : "");
	}
}
