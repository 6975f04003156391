/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table/part.h"
#include "table/state.h"

struct fb_table *fb_table_create(const struct fb_hash_secret *secret,
				 const struct fb_table_router *router, uint32_t max_endpoints,
				 uint32_t max_services)
{
	struct fb_table *t = calloc(1, sizeof(*t));
	uint32_t n_buckets = 16;

	if (t == NULL)
		return NULL;
	while (n_buckets < max_services && n_buckets < UINT32_C(1) << 30)
		n_buckets *= 2;
	t->bucket_mask = n_buckets - 1;
	t->buckets = calloc(n_buckets, sizeof(struct fb_group *));
	t->index = fb_frontend_index_create(0);
	t->ranges = fb_frontend_ranges_create(0);
	if (fb_ids_init(&t->ids, secret, router, max_endpoints, max_services) != 0 ||
	    t->buckets == NULL || t->index == NULL || t->ranges == NULL) {
		fb_table_free(t);
		return NULL;
	}
	return t;
}

void fb_table_free(struct fb_table *t)
{
	const struct fb_endpoint_info **infos;

	if (t == NULL)
		return;
	/* After this, staged is what is in force, and every service is in some group once. */
	fb_table_abort(t);
	while (t->oldest != NULL) {
		struct fb_group *g = t->oldest;

		for (uint32_t i = 0; i < g->n_committed; i++)
			fb_service_free(g->committed[i]);
		free(g->committed);
		t->oldest = g->newer;
		free(g);
	}
	while (t->retired_services != NULL) {
		struct fb_part *part = t->retired_services;

		t->retired_services = part->next;
		fb_service_free(fb_part_data(part));
	}
	while (t->retired_parts != NULL) {
		struct fb_part *part = t->retired_parts;

		t->retired_parts = part->next;
		fb_part_free(fb_part_data(part));
	}
	infos = t->parts[FB_PART_INFOS];
	for (uint32_t c = 0; c * FB_INFO_CHUNK < t->n_endpoints; c++)
		fb_part_free(fb_info_chunk_of(infos[c]));
	fb_serving_free_chunks(t->parts[FB_PART_SERVING], NULL);
	for (int i = 0; i < FB_PART_COUNT; i++)
		fb_part_free(t->parts[i]);
	for (int port = 0; port < FB_MAX_PORTS; port++) {
		for (int family = 0; family < FB_FAMILY_COUNT; family++)
			fb_part_free((void *)(uintptr_t)t->committed_snat[port][family].addrs);
	}
	fb_dns_free(t->dns);
	fb_ids_fini(&t->ids);
	fb_part_free(t->index);
	fb_part_free(t->ranges);
	free(t->places);
	free(t->place_ids);
	free(t->extras.v);
	free(t->committed_extras.v);
	free(t->buckets);
	free(t);
}

int fb_table_set_address(struct fb_table *t, const struct fb_addr *addr, uint8_t bits)
{
	struct fb_extras *x = &t->extras;
	uint32_t i = 0;

	while (i < x->n && !fb_addr_equal(&x->v[i].addr, addr))
		i++;
	if (i == x->n && bits == 0)
		return 0;
	if (i == x->n && x->n == x->cap) {
		uint32_t cap = x->cap != 0 ? x->cap * 2 : 8;
		struct fb_extra_address *v = realloc(x->v, cap * sizeof(*v));

		if (v == NULL)
			return -ENOMEM;
		x->v = v;
		x->cap = cap;
	}
	if (i < x->n && x->v[i].bits == bits)
		return 0;
	t->addresses_changed = true;
	if (bits == 0) {
		x->v[i] = x->v[--x->n];
		return 0;
	}
	x->v[i] = (struct fb_extra_address){.addr = *addr, .bits = bits};
	if (i == x->n)
		x->n++;
	return 0;
}

void fb_table_set_cluster(struct fb_table *t, const struct fb_prefix *prefixes, uint32_t n)
{
	t->n_cluster = n < FB_FAMILY_COUNT ? n : FB_FAMILY_COUNT;
	for (uint32_t i = 0; i < t->n_cluster; i++)
		t->cluster[i] = prefixes[i];
}

void fb_table_set_announce(struct fb_table *t, uint32_t kinds)
{
	t->addresses_changed |= kinds != t->announce;
	t->announce = kinds;
}

int fb_table_set_snat(struct fb_table *t, uint8_t port, enum fb_family family,
		      const struct fb_addr *addrs, uint32_t n)
{
	struct fb_snat_pool *pool = &t->snat[port][family];
	struct fb_addr *copy = NULL;

	if (n == pool->n && (n == 0 || memcmp(addrs, pool->addrs, n * sizeof(*addrs)) == 0))
		return 0;
	if (n > 0) {
		copy = fb_part_alloc(n * sizeof(*addrs));
		if (copy == NULL)
			return -ENOMEM;
		memcpy(copy, addrs, n * sizeof(*addrs));
	}
	if (pool->addrs != t->committed_snat[port][family].addrs)
		fb_part_free((void *)(uintptr_t)pool->addrs);
	*pool = (struct fb_snat_pool){.addrs = copy, .n = n};
	t->snat_changed = true;
	return 0;
}

void fb_table_set_now(struct fb_table *t, uint32_t now_s)
{
	t->now_s = now_s;
}

void fb_table_set_dns(struct fb_table *t, struct fb_dns *dns)
{
	t->dns = dns;
}

void fb_table_pass_time(struct fb_table *t)
{
	const struct fb_endpoint_info **infos = t->parts[FB_PART_INFOS];

	for (uint32_t i = 0; i < t->n_endpoints && !t->time_is_up; i++) {
		const struct fb_info_chunk *chunk = fb_info_chunk_of(infos[i / FB_INFO_CHUNK]);
		const struct fb_endpoint_info *last = &chunk->v[i % FB_INFO_CHUNK];
		struct fb_endpoint_info info;

		if (!chunk->is_going) {
			i |= FB_INFO_CHUNK - 1;
			continue;
		}
		if (last->state == FB_EP_ACTIVE || last->state == FB_EP_ABSENT)
			continue;
		info = fb_ids_info(&t->ids, i, last, t->now_s);
		t->time_is_up = (info.flags & ~last->flags & FB_EP_OVER) != 0;
	}
}

void fb_table_reroute(struct fb_table *t)
{
	t->reroute = true;
}

void fb_table_rehop(struct fb_table *t)
{
	t->rehop = true;
}

const struct fb_service *fb_table_holder(const struct fb_table *t, const struct fb_addr *addr,
					 rte_be16_t port_be, uint8_t proto)
{
	const struct fb_frontend_entry *e =
		fb_frontend_index_at(t->index, &t->ids.secret, addr, port_be, proto);

	return e->proto != 0 ? &t->places[e->place]->pub : NULL;
}

const struct fb_service *fb_table_service_port(const struct fb_table *t, const char *namespace_,
					       const char *name, uint32_t i)
{
	const struct fb_group *g = fb_group_find(t, namespace_, name);

	return g != NULL && i < g->n_committed ? &g->committed[i]->pub : NULL;
}

int fb_table_endpoint_name(const struct fb_table *t, uint32_t ep_id, struct fb_endpoint_name *ret)
{
	const struct fb_id_endpoint *e;
	const struct fb_id_service *svc;

	if (ep_id >= t->ids.endpoint_pool.high || !t->ids.endpoints[ep_id].in_use)
		return -ENOENT;
	e = &t->ids.endpoints[ep_id];
	svc = &t->ids.services[e->service_id];
	*ret = (struct fb_endpoint_name){
		.addr = e->addr,
		.port_be = e->port_be,
		.state = t->ids.infos[ep_id].state,
		.proto = svc->proto,
		.service_id = e->service_id,
		.namespace_ = svc->names,
		.name = svc->name,
		.port_name = svc->port_name,
	};
	return 0;
}
