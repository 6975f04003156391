/* SPDX-License-Identifier: BSD-3-Clause */

#include "kept.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

_Static_assert(FB_KEEP_MAX_PORTS == FB_CONFIG_MAX_PORTS, "a name for each port");

static struct fb_keep_shape shape_of(const struct fb_config *config)
{
	struct fb_keep_shape shape;

	memset(&shape, 0, sizeof(shape));
	shape.n_workers = config->n_workers;
	shape.flows_ipv4 = config->flows_ipv4;
	shape.flows_ipv6 = config->flows_ipv6;
	shape.affinity = config->affinity_clients;
	shape.max_services = config->max_services;
	shape.max_endpoints = config->max_endpoints;
	shape.snat_port_first = config->snat_port_first;
	shape.snat_port_last = config->snat_port_last;
	shape.n_ports = config->n_ports;
	for (uint32_t i = 0; i < config->n_ports; i++)
		(void)snprintf(shape.ports[i], sizeof(shape.ports[i]), "%s", config->ports[i].name);
	return shape;
}

/* All that lies in the files, as one number. */
static uint64_t layout(void)
{
	struct fb_hash_secret secret;

	fb_hash_secret_init(&secret, "forebay layout");
	return fb_hash_2(&secret, fb_datapath_layout(),
			 (uint64_t)FB_TABLE_KEPT_VERSION << 32 | sizeof(struct fb_keep_shape));
}

/* "/dev/shm/forebay" has its huge pages in "/dev/hugepages/dev-shm-forebay". */
static const char *huge_dir(const struct fb_config *config, char buf[PATH_MAX])
{
	static const char mount[] = "/dev/hugepages/";
	const char *from = config->flows_directory + strspn(config->flows_directory, "/");
	int len = snprintf(buf, PATH_MAX, "%s%s", mount, from);

	if (config->hugepages == FB_HUGEPAGES_OFF || len < 0 || len >= PATH_MAX)
		return NULL;
	for (char *at = buf + sizeof(mount) - 1; *at != '\0'; at++)
		*at = *at == '/' ? '-' : *at;
	return buf;
}

void kept_open(struct kept *k, const struct fb_config *config, struct fb_errs *errs)
{
	char buf[PATH_MAX];

	memset(k, 0, sizeof(*k));
	k->shape = shape_of(config);
	if (config->flows_directory[0] != '\0')
		k->keep = fb_keep_open(config->flows_directory, huge_dir(config, buf), layout(),
				       &k->shape, errs);
}

const char *kept_secret(const struct kept *k)
{
	return k->keep != NULL ? fb_keep_secret(k->keep) : NULL;
}

static void restore_reshaped(const struct kept *k, struct fb_table *table)
{
	const struct fb_keep_shape *old = fb_keep_old_shape(k->keep);
	struct fb_region region;

	if (fb_keep_map_old(k->keep, "identities", &region) != 0)
		return;
	if (region.bytes >= fb_table_kept_bytes(old->max_services, old->max_endpoints))
		(void)fb_table_restore(table, region.base, old->max_services, old->max_endpoints);
	fb_region_unmap(&region);
}

void kept_identities(struct kept *k, struct fb_table *table, struct fb_errs *errs)
{
	bool found;
	int err;

	if (k->keep == NULL)
		return;
	if (fb_keep_found(k->keep) == FB_KEEP_RESHAPED)
		restore_reshaped(k, table);
	err = fb_keep_map(k->keep, "identities",
			  fb_table_kept_bytes(k->shape.max_services, k->shape.max_endpoints), -1,
			  &k->identities, &found);
	if (err != 0) {
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_NOTICE,
			    "flows will not outlive this run: flows.directory has no room for "
			    "identities: %s",
			    strerror(-err));
		fb_keep_close(k->keep);
		k->keep = NULL;
		return;
	}
	if (found)
		(void)fb_table_restore(table, k->identities.base, k->shape.max_services,
				       k->shape.max_endpoints);
	fb_table_keep(table, k->identities.base);
}

/* Longer ago, and others may have their addresses; those who ask for an hour's old ones gain nothing. */
#define NEIGHBOURS_MOST_MS 60000

/* The twins by the ports' numbers in an earlier run, whose names they had. */
static void twins_then(const struct fb_keep_shape *old, const struct fb_config *config,
		       const struct fb_neigh_link *links, int ret[FB_KEEP_MAX_PORTS])
{
	for (uint32_t then = 0; then < FB_KEEP_MAX_PORTS; then++)
		ret[then] = 0;
	for (uint32_t then = 0; then < old->n_ports && then < FB_KEEP_MAX_PORTS; then++)
		for (uint32_t now = 0; now < config->n_ports; now++)
			if (strncmp(old->ports[then], config->ports[now].name,
				    sizeof(old->ports[then])) == 0)
				ret[then] = links[now].ifindex;
}

void kept_neighbours(struct kept *k, const struct fb_config *config,
		     const struct fb_neigh_link *links)
{
	int ifindex[FB_KEEP_MAX_PORTS];
	struct fb_region old = {0};
	uint64_t unused_ms;
	bool found;

	if (k->keep == NULL || fb_keep_map(k->keep, "neighbours", sizeof(struct fb_neigh_kept), -1,
					   &k->neighbours, &found) != 0)
		return;
	if (fb_keep_found(k->keep) == FB_KEEP_NOTHING ||
	    fb_keep_clock(k->keep, &unused_ms) > NEIGHBOURS_MOST_MS)
		return;
	twins_then(fb_keep_old_shape(k->keep), config, links, ifindex);
	if (found)
		(void)fb_neigh_kept_tell(k->neighbours.base, ifindex, FB_KEEP_MAX_PORTS);
	else if (fb_keep_map_old(k->keep, "neighbours", &old) == 0 &&
		 old.bytes >= sizeof(struct fb_neigh_kept))
		(void)fb_neigh_kept_tell(old.base, ifindex, FB_KEEP_MAX_PORTS);
	fb_region_unmap(&old);
}

struct fb_neigh_kept *kept_neighbours_now(const struct kept *k)
{
	return k->neighbours.base;
}

static bool endpoint(void *arg, uint32_t ep_id, struct fb_addr *ret_addr, uint8_t *ret_proto)
{
	struct fb_endpoint_name name;

	if (fb_table_endpoint_name(arg, ep_id, &name) != 0)
		return false;
	*ret_addr = name.addr;
	*ret_proto = name.proto;
	return true;
}

struct fb_datapath_kept kept_for_datapath(const struct kept *k, struct fb_table *table)
{
	return (struct fb_datapath_kept){
		.keep = k->keep,
		.shape = &k->shape,
		.endpoint = endpoint,
		.arg = table,
	};
}

void kept_close(struct kept *k)
{
	fb_region_unmap(&k->identities);
	fb_region_unmap(&k->neighbours);
	fb_keep_close(k->keep);
	k->keep = NULL;
}
