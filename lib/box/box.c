/* SPDX-License-Identifier: BSD-3-Clause */

#include "box/box.h"

#include <errno.h>
#include <stdlib.h>

static bool is_own(const struct fb_config *config, const struct fb_addr *addr)
{
	for (uint32_t p = 0; p < config->n_ports; p++)
		for (uint32_t i = 0; i < config->ports[p].n_addresses; i++)
			if (fb_addr_equal(&config->ports[p].addresses[i].addr, addr))
				return true;
	return false;
}

static bool is_snat(const struct fb_config *config, const struct fb_addr *addr)
{
	if (config->n_snat_addresses == 0)
		return is_own(config, addr);
	for (uint32_t i = 0; i < config->n_snat_addresses; i++)
		if (fb_addr_equal(&config->snat_addresses[i], addr))
			return true;
	return false;
}

static int stage_address(const struct fb_config *config, struct fb_table *table,
			 const struct fb_addr *addr)
{
	bool own = is_own(config, addr);
	bool snat = is_snat(config, addr);
	uint8_t bits = 0;

	if (own)
		bits |= FB_ADDR_BOX;
	if (snat)
		bits |= FB_ADDR_SNAT;
	if (snat && !own)
		bits |= FB_ADDR_ANNOUNCE; /* nobody else answers for it, and replies have to find the box */
	return fb_table_set_address(table, addr, bits);
}

static int stage_pool(const struct fb_config *config, struct fb_table *table, uint8_t port,
		      enum fb_family family)
{
	const struct fb_config_port *p = &config->ports[port];
	uint32_t n_from = config->n_snat_addresses != 0 ? config->n_snat_addresses : p->n_addresses;
	struct fb_addr *pool = calloc(n_from + 1, sizeof(*pool));
	uint32_t n = 0;
	int err;

	if (pool == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n_from; i++) {
		const struct fb_addr *addr = config->n_snat_addresses != 0 ?
						     &config->snat_addresses[i] :
						     &p->addresses[i].addr;

		if (fb_addr_family(addr) == family)
			pool[n++] = *addr;
	}
	err = fb_table_set_snat(table, port, family, pool, n);
	free(pool);
	return err;
}

/* Where DNS is answered and nobody else lives, the address behaves like a Service's. */
static int stage_dns_address(const struct fb_config *config, struct fb_table *table,
			     const struct fb_addr *addr)
{
	if (is_own(config, addr) || is_snat(config, addr))
		return 0;
	return fb_table_set_address(table, addr, FB_ADDR_SERVICE | FB_ADDR_ANNOUNCE);
}

int fb_box_stage(const struct fb_config *config, struct fb_table *table)
{
	int err = 0;

	for (uint32_t p = 0; p < config->n_ports; p++) {
		for (uint32_t i = 0; i < config->ports[p].n_addresses && err == 0; i++)
			err = stage_address(config, table, &config->ports[p].addresses[i].addr);
		for (int family = 0; family < FB_FAMILY_COUNT && err == 0; family++)
			err = stage_pool(config, table, (uint8_t)p, family);
	}
	for (uint32_t i = 0; i < config->n_snat_addresses && err == 0; i++)
		err = stage_address(config, table, &config->snat_addresses[i]);
	for (uint32_t i = 0; i < config->n_dns_addresses && config->dns_enabled && err == 0; i++)
		err = stage_dns_address(config, table, &config->dns_addresses[i]);
	fb_table_set_cluster(table, config->cluster_cidrs, config->n_cluster_cidrs);
	if (err == 0)
		fb_table_set_announce(table, config->announce_kinds);
	return err;
}

int fb_box_settings(const struct fb_config *config, struct fb_desired_settings *ret)
{
	struct fb_desired_recent *recent = fb_desired_recent_create();
	struct fb_addr *nodes;
	uint32_t n_max = config->n_node_addresses;
	uint32_t n = 0;

	for (uint32_t p = 0; p < config->n_ports; p++)
		n_max += config->ports[p].n_addresses;
	nodes = calloc(n_max + 1, sizeof(*nodes));
	if (nodes == NULL || recent == NULL) {
		free(nodes);
		fb_desired_recent_free(recent);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < config->n_node_addresses; i++)
		nodes[n++] = config->node_addresses[i];
	for (uint32_t p = 0; p < config->n_ports && config->n_node_addresses == 0; p++)
		for (uint32_t i = 0; i < config->ports[p].n_addresses; i++)
			nodes[n++] = config->ports[p].addresses[i].addr;
	*ret = (struct fb_desired_settings){
		.default_mode = config->default_mode,
		.selection = config->selection,
		.slow_start_s = config->slow_start_s,
		.drain_deadline_s = config->drain_deadline_s,
		.new_flow_rate = config->service_rate,
		.removed_tcp_s = config->removed_tcp == FB_REMOVED_KEEP ? FB_FOREVER
				 : config->removed_tcp == FB_REMOVED_RESET
					 ? 0
					 : config->removed_tcp_timeout_s,
		.to_nodes = config->targets == FB_TARGETS_NODES,
		.node_addresses = nodes,
		.n_node_addresses = n,
		.node_name = config->node_name,
		.zone = config->zone,
		.recent = recent,
	};
	return 0;
}

void fb_box_settings_free(struct fb_desired_settings *settings)
{
	free((void *)(uintptr_t)settings->node_addresses);
	fb_desired_recent_free(settings->recent);
	*settings = (struct fb_desired_settings){0};
}
