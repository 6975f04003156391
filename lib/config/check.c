/* SPDX-License-Identifier: BSD-3-Clause */

/* What two settings say together: duplicates, names that refer, counts that must agree. */

#include <stdlib.h>
#include <string.h>

#include "config/schema.h"

/* The node of list[i].key, or of list[i]; never NULL once the list was read. */
static const struct fb_node *entry(const struct fb_node *list, uint32_t i, const char *key)
{
	const struct fb_node *node = list->children[i];

	return key != NULL && fb_node_get(node, key) != NULL ? fb_node_get(node, key) : node;
}

#define COMPLAIN(reader, node, ...)                                                                \
	fb_errs_add((reader)->errs, fb_node_place((reader)->yaml, node), FB_SEV_ERROR, __VA_ARGS__)

static bool is_port_name(const char *name)
{
	for (; *name != '\0'; name++) {
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_",
			   *name) == NULL)
			return false;
	}
	return true;
}

/* Same text, both given. */
static bool is_same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static void check_port(struct reader *reader, const struct fb_node *list, uint32_t i,
		       const struct fb_config *config)
{
	const struct fb_config_port *port = &config->ports[i];

	if (port->name != NULL && !is_port_name(port->name))
		COMPLAIN(reader, entry(list, i, "name"),
			 "ports[%u].name: \"%s\" has other characters than letters, digits, - and _",
			 i, port->name);
	if (port->device != NULL && strpbrk(port->device, " ") != NULL)
		COMPLAIN(reader, entry(list, i, "device"),
			 "ports[%u].device: \"%s\" has a space; allowed: a PCI address or a vdev such "
			 "as net_af_packet0,iface=eth1",
			 i, port->device);
	for (uint32_t j = 0; j < i; j++) {
		if (is_same(port->name, config->ports[j].name))
			COMPLAIN(reader, entry(list, i, "name"),
				 "ports[%u].name: \"%s\" is the name of ports[%u] already", i,
				 port->name, j);
		if (is_same(port->device, config->ports[j].device))
			COMPLAIN(reader, entry(list, i, "device"),
				 "ports[%u].device: \"%s\" is the device of ports[%u] already", i,
				 port->device, j);
	}
}

static bool has_addr_before(const struct fb_config *config, uint32_t i, uint32_t a,
			    const struct fb_addr *addr, uint32_t *ret_port)
{
	for (uint32_t j = 0; j <= i; j++) {
		const struct fb_config_port *port = &config->ports[j];
		uint32_t n = j == i ? a : port->n_addresses;

		for (uint32_t b = 0; b < n; b++) {
			if (fb_addr_equal(&port->addresses[b].addr, addr)) {
				*ret_port = j;
				return true;
			}
		}
	}
	return false;
}

/* Whether the value was read; a wrong one was left zero, and reported. */
static bool is_given(const struct fb_addr *addr)
{
	static const struct fb_addr zero;

	return !fb_addr_equal(addr, &zero);
}

static void check_port_addresses(struct reader *reader, const struct fb_node *list,
				 const struct fb_config *config)
{
	char text[FB_ADDR_STRLEN];

	for (uint32_t i = 0; i < config->n_ports; i++) {
		const struct fb_config_port *port = &config->ports[i];

		for (uint32_t a = 0; a < port->n_addresses; a++) {
			const struct fb_addr *addr = &port->addresses[a].addr;
			uint32_t other;

			if (!is_given(addr) || !has_addr_before(config, i, a, addr, &other))
				continue;
			COMPLAIN(reader, entry(entry(list, i, "addresses"), a, NULL),
				 "ports[%u].addresses[%u]: %s stands in ports[%u] already", i, a,
				 fb_addr_format(addr, text), other);
		}
	}
}

static void check_distinct(struct reader *reader, const struct fb_node *list, const char *path,
			   const struct fb_addr *addrs, uint32_t n)
{
	char text[FB_ADDR_STRLEN];

	for (uint32_t i = 1; i < n; i++) {
		for (uint32_t j = 0; j < i; j++) {
			if (!is_given(&addrs[i]) || !fb_addr_equal(&addrs[i], &addrs[j]))
				continue;
			COMPLAIN(reader, entry(list, i, NULL), "%s[%u]: %s stands here twice", path,
				 i, fb_addr_format(&addrs[i], text));
			break;
		}
	}
}

static void check_workers(struct reader *reader, const struct fb_node *workers,
			  struct settings *settings)
{
	struct fb_config *config = &settings->config;
	const struct fb_node *count = fb_node_get(workers, "count");
	uint32_t core = 1;

	if (settings->n_cores > 0) {
		if (count != NULL && count->kind == FB_NODE_INT &&
		    config->n_workers != settings->n_cores)
			COMPLAIN(reader, count,
				 "workers.count: %u, but workers.cores lists %u; leave one out, or "
				 "let them agree",
				 config->n_workers, settings->n_cores);
		config->n_workers = settings->n_cores;
		return;
	}
	config->worker_cores = calloc(config->n_workers, sizeof(*config->worker_cores));
	if (config->worker_cores == NULL) {
		reader->no_memory = true;
		return;
	}
	settings->n_cores = config->n_workers;
	for (uint32_t i = 0; i < config->n_workers; i++, core++) {
		if (core == config->control_core)
			core++;
		config->worker_cores[i] = core;
	}
}

/* Ports are dealt to workers in whole blocks (nat/port.h, a layer above; its size is held to this
 * one by tests/unit/config). */
#define SNAT_BLOCK 256

static void check_snat_ports(struct reader *reader, const struct fb_node *nat,
			     const struct fb_config *config)
{
	const struct fb_node *node = fb_node_get(nat, "snat-ports");
	uint32_t first_block = (config->snat_port_first + SNAT_BLOCK - 1u) / SNAT_BLOCK;
	uint32_t end_block = (config->snat_port_last + 1u) / SNAT_BLOCK;
	uint32_t n_blocks = end_block > first_block ? end_block - first_block : 0;

	if (node != NULL && n_blocks < config->n_workers)
		COMPLAIN(reader, node,
			 "nat.snat-ports: %s has %u whole blocks of %u ports (each begins at a "
			 "multiple of %u); %u workers need one each",
			 node->text != NULL ? node->text : "", n_blocks, SNAT_BLOCK, SNAT_BLOCK,
			 config->n_workers);
}

static void check_lab_port(struct reader *reader, const struct fb_node *list, uint32_t i,
			   const char *path, const char *name, const struct fb_config *config)
{
	if (name == NULL)
		return;
	for (uint32_t j = 0; j < config->n_ports; j++) {
		if (is_same(config->ports[j].name, name))
			return;
	}
	COMPLAIN(reader, entry(list, i, "port"), "%s[%u].port: no port is called \"%s\"", path, i,
		 name);
}

static void check_lab(struct reader *reader, const struct fb_node *lab,
		      const struct fb_config *config)
{
	const struct fb_node *list = fb_node_get(lab, "neighbours");

	for (uint32_t i = 0; i < config->n_neighbours; i++) {
		const struct fb_config_neighbour *a = &config->neighbours[i];

		check_lab_port(reader, list, i, "lab.neighbours", a->port, config);
		for (uint32_t j = 0; j < i; j++) {
			const struct fb_config_neighbour *b = &config->neighbours[j];

			if (is_given(&a->addr) && fb_addr_equal(&a->addr, &b->addr) &&
			    is_same(a->port, b->port))
				COMPLAIN(reader, entry(list, i, "address"),
					 "lab.neighbours[%u].address: stands in lab.neighbours[%u] "
					 "already",
					 i, j);
		}
	}
	list = fb_node_get(lab, "routes");
	for (uint32_t i = 0; i < config->n_routes; i++) {
		const struct fb_config_route *route = &config->routes[i];

		check_lab_port(reader, list, i, "lab.routes", route->port, config);
		if (is_given(&route->via) && is_given(&route->prefix.addr) &&
		    fb_addr_family(&route->via) != fb_addr_family(&route->prefix.addr))
			COMPLAIN(reader, entry(list, i, "via"),
				 "lab.routes[%u].via: is of the other family than the prefix", i);
	}
}

static void check_manifests(struct reader *reader, const struct fb_node *list,
			    const struct fb_config *config)
{
	for (uint32_t i = 1; i < config->n_manifests; i++) {
		for (uint32_t j = 0; j < i; j++) {
			if (is_same(config->manifests[i].path, config->manifests[j].path))
				COMPLAIN(reader, entry(list, i, "path"),
					 "manifests[%u].path: \"%s\" is the path of manifests[%u] "
					 "already",
					 i, config->manifests[i].path, j);
		}
	}
}

void check_settings(struct reader *reader, const struct fb_node *root, struct settings *settings)
{
	const struct fb_config *config = &settings->config;
	const struct fb_node *ports = fb_node_get(root, "ports");

	for (uint32_t i = 0; i < config->n_ports; i++)
		check_port(reader, ports, i, config);
	check_port_addresses(reader, ports, config);
	check_workers(reader, fb_node_get(root, "workers"), settings);
	check_snat_ports(reader, fb_node_get(root, "nat"), config);
	check_distinct(reader, fb_node_get(fb_node_get(root, "nat"), "snat-addresses"),
		       "nat.snat-addresses", config->snat_addresses, config->n_snat_addresses);
	check_distinct(reader, fb_node_get(fb_node_get(root, "services"), "node-addresses"),
		       "services.node-addresses", config->node_addresses,
		       config->n_node_addresses);
	check_lab(reader, fb_node_get(root, "lab"), config);
	check_manifests(reader, fb_node_get(root, "manifests"), config);
}
