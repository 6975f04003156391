/* SPDX-License-Identifier: BSD-3-Clause */

/* What two settings say together: duplicates, names that refer, counts that must agree. */

#include <stdio.h>
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

/* A peer is nothing without an address of our own and a key, and the other way round. */
static void check_sync(struct reader *reader, const struct fb_node *sync,
		       const struct fb_config *config)
{
	const struct fb_node *node = fb_node_get(sync, "listen");
	bool listen = config->sync_listen[0] != '\0';
	bool all = listen && config->sync_peer[0] != '\0' && config->sync_key_file[0] != '\0';

	if (node == NULL)
		node = fb_node_get(sync, "peer");
	if (node == NULL)
		node = fb_node_get(sync, "key-file");
	if (node != NULL && !all && (listen || config->sync_peer[0] != '\0'))
		COMPLAIN(reader, node,
			 "sync: listen, peer and key-file go together: all three, or none of them");
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

/* A set of addresses that must not meet another: a range of a pool, or a service CIDR. */
struct claimed {
	struct fb_config_range range;
	const struct fb_node *node;
	char name[64];
};

static bool meet(const struct fb_config_range *a, const struct fb_config_range *b)
{
	return memcmp(&a->first, &b->last, sizeof(a->first)) <= 0 &&
	       memcmp(&b->first, &a->last, sizeof(b->first)) <= 0;
}

static int compare_claimed(const void *left, const void *right)
{
	const struct claimed *a = left;
	const struct claimed *b = right;

	return memcmp(&a->range.first, &b->range.first, sizeof(a->range.first));
}

/* In order of their first addresses, so that only neighbours can meet if none do: one is told each. */
static void check_apart(struct reader *reader, struct claimed *v, uint32_t n)
{
	char first[FB_ADDR_STRLEN];
	char last[FB_ADDR_STRLEN];

	if (n > 0)
		qsort(v, n, sizeof(*v), compare_claimed);
	for (uint32_t i = 1; i < n; i++) {
		/* The one that stands later in the file is to blame. */
		const struct claimed *later = v[i - 1].node->line > v[i].node->line ? &v[i - 1] : &v[i];
		const struct claimed *other = later == &v[i] ? &v[i - 1] : &v[i];

		if (!meet(&v[i - 1].range, &v[i].range))
			continue;
		COMPLAIN(reader, later->node, "%s: overlaps %s, which is %s to %s", later->name,
			 other->name, fb_addr_format(&other->range.first, first),
			 fb_addr_format(&other->range.last, last));
	}
}

static uint32_t claim_pool(const struct fb_node *list, uint32_t p,
			   const struct fb_config_pool *pool, struct claimed *to)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < pool->n_ranges; i++) {
		if (!is_given(&pool->ranges[i].first))
			continue;
		to[n] = (struct claimed){
			.range = pool->ranges[i],
			.node = entry(entry(list, p, "addresses"), i, NULL),
		};
		(void)snprintf(to[n].name, sizeof(to[n].name), "services.pools[%u].addresses[%u]",
			       p, i);
		n++;
	}
	return n;
}

static void check_ranges(struct reader *reader, const struct fb_node *services,
			 const struct fb_config *config)
{
	const struct fb_node *pools = fb_node_get(services, "pools");
	const struct fb_node *cidrs = fb_node_get(services, "cluster-cidrs");
	size_t most = config->n_cluster_cidrs;
	struct claimed *claimed;
	uint32_t n = 0;

	for (uint32_t p = 0; p < config->n_pools; p++)
		most += config->pools[p].n_ranges;
	claimed = calloc(most + 1, sizeof(*claimed));
	if (claimed == NULL) {
		reader->no_memory = true;
		return;
	}
	for (uint32_t i = 0; i < config->n_cluster_cidrs; i++) {
		if (!is_given(&config->cluster_cidrs[i].addr))
			continue;
		fb_config_range_of(&config->cluster_cidrs[i], &claimed[n].range);
		claimed[n].node = entry(cidrs, i, NULL);
		(void)snprintf(claimed[n].name, sizeof(claimed[n].name),
			       "services.cluster-cidrs[%u]", i);
		n++;
	}
	for (uint32_t p = 0; p < config->n_pools; p++)
		n += claim_pool(pools, p, &config->pools[p], claimed + n);
	check_apart(reader, claimed, n);
	free(claimed);
}

static void check_pools(struct reader *reader, const struct fb_node *list,
			const struct fb_config *config)
{
	for (uint32_t i = 0; i < config->n_pools; i++) {
		const struct fb_config_pool *pool = &config->pools[i];

		for (uint32_t j = 0; j < i; j++) {
			if (is_same(pool->name, config->pools[j].name))
				COMPLAIN(reader, entry(list, i, "name"),
					 "services.pools[%u].name: \"%s\" is the name of "
					 "services.pools[%u] already",
					 i, pool->name, j);
		}
	}
}

/* Labels of letters, digits, - and _, joined by dots. */
static bool is_domain(const char *text)
{
	size_t label = 0;

	for (; *text != '\0'; text++) {
		if (*text == '.' ? label == 0 || text[1] == '\0'
				 : !is_port_name((char[]){*text, 0}))
			return false;
		label = *text == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return label > 0;
}

/* "namespace/name", or nothing. */
static bool is_service(const char *text)
{
	const char *slash = strchr(text, '/');

	return *text == '\0' || (slash != NULL && slash != text && slash[1] != '\0' &&
				 strchr(slash + 1, '/') == NULL);
}

static void check_dns(struct reader *reader, const struct fb_node *dns,
		      const struct fb_config *config)
{
	const struct fb_node *list = fb_node_get(dns, "reverse-zones");

	if (config->dns_domain != NULL && !is_domain(config->dns_domain))
		COMPLAIN(reader, fb_node_get(dns, "domain"),
			 "dns.domain: \"%s\" is not a domain: labels of letters, digits, - and _, "
			 "with a dot between them",
			 config->dns_domain);
	if (config->dns_service != NULL && !is_service(config->dns_service))
		COMPLAIN(reader, fb_node_get(dns, "service"),
			 "dns.service: \"%s\" is not NAMESPACE/NAME of a Service",
			 config->dns_service);
	for (uint32_t i = 0; i < config->n_dns_reverse_zones; i++) {
		const struct fb_prefix *p = &config->dns_reverse_zones[i];
		unsigned int unit = fb_addr_family(&p->addr) == FB_IPV4 ? 8 : 4;

		if (is_given(&p->addr) && (p->len_bits % unit != 0 || p->len_bits == 0))
			COMPLAIN(
				reader, entry(list, i, NULL),
				"dns.reverse-zones[%u]: a length of %u; reverse names have labels of "
				"%u bits, so it has to be a multiple of that, and not 0",
				i, p->len_bits, unit);
	}
	check_distinct(reader, fb_node_get(dns, "addresses"), "dns.addresses",
		       config->dns_addresses, config->n_dns_addresses);
	check_distinct(reader, fb_node_get(dns, "resolvers"), "dns.resolvers",
		       config->dns_resolvers, config->n_dns_resolvers);
	for (uint32_t i = 0; i < config->n_dns_resolvers; i++) {
		for (uint32_t j = 0; j < config->n_dns_addresses; j++) {
			if (is_given(&config->dns_resolvers[i]) &&
			    fb_addr_equal(&config->dns_resolvers[i], &config->dns_addresses[j]))
				COMPLAIN(
					reader, entry(fb_node_get(dns, "resolvers"), i, NULL),
					"dns.resolvers[%u]: stands in dns.addresses too; the box would "
					"ask itself",
					i);
		}
	}
}

static void check_services(struct reader *reader, const struct fb_node *root,
			   const struct fb_config *config)
{
	const struct fb_node *services = fb_node_get(root, "services");
	const struct fb_node *range = fb_node_get(services, "node-port-range");
	const struct fb_node *cidrs = fb_node_get(services, "cluster-cidrs");

	check_pools(reader, fb_node_get(services, "pools"), config);
	check_ranges(reader, services, config);
	if (config->n_cluster_cidrs == 2 && is_given(&config->cluster_cidrs[0].addr) &&
	    is_given(&config->cluster_cidrs[1].addr) &&
	    fb_addr_family(&config->cluster_cidrs[0].addr) ==
		    fb_addr_family(&config->cluster_cidrs[1].addr))
		COMPLAIN(reader, entry(cidrs, 1, NULL),
			 "services.cluster-cidrs: both are of one family; allowed is one of each");
	if (range == NULL)
		range = fb_node_get(fb_node_get(root, "nat"), "snat-ports");
	if (range != NULL && config->node_port_first >= config->snat_port_first &&
	    config->node_port_last <= config->snat_port_last)
		COMPLAIN(reader, range,
			 "services.node-port-range: all of %u-%u is in nat.snat-ports (%u-%u), which "
			 "NodePorts are not picked from",
			 config->node_port_first, config->node_port_last, config->snat_port_first,
			 config->snat_port_last);
}

void check_settings(struct reader *reader, const struct fb_node *root, struct settings *settings)
{
	const struct fb_config *config = &settings->config;
	const struct fb_node *ports = fb_node_get(root, "ports");

	read_selectors(reader, fb_node_get(fb_node_get(root, "services"), "pools"),
		       &settings->config);
	for (uint32_t i = 0; i < config->n_ports; i++)
		check_port(reader, ports, i, config);
	check_port_addresses(reader, ports, config);
	check_workers(reader, fb_node_get(root, "workers"), settings);
	check_snat_ports(reader, fb_node_get(root, "nat"), config);
	check_sync(reader, fb_node_get(root, "sync"), config);
	check_distinct(reader, fb_node_get(fb_node_get(root, "nat"), "snat-addresses"),
		       "nat.snat-addresses", config->snat_addresses, config->n_snat_addresses);
	check_distinct(reader, fb_node_get(fb_node_get(root, "services"), "node-addresses"),
		       "services.node-addresses", config->node_addresses,
		       config->n_node_addresses);
	check_services(reader, root, config);
	check_lab(reader, fb_node_get(root, "lab"), config);
	check_manifests(reader, fb_node_get(root, "manifests"), config);
	check_dns(reader, fb_node_get(root, "dns"), config);
}
