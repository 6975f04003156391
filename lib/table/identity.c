/* SPDX-License-Identifier: BSD-3-Clause */

#include "table/identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int pool_init(struct fb_id_pool *pool, uint32_t max)
{
	uint32_t n_buckets = 16;

	while (n_buckets < max && n_buckets < UINT32_C(1) << 30)
		n_buckets *= 2;
	pool->buckets = calloc(n_buckets, sizeof(*pool->buckets));
	pool->mask = n_buckets - 1;
	pool->max = max;
	return pool->buckets != NULL ? 0 : -ENOMEM;
}

int fb_ids_init(struct fb_ids *ids, const struct fb_hash_secret *secret,
		const struct fb_table_router *router, uint32_t max_endpoints, uint32_t max_services)
{
	ids->secret = *secret;
	ids->router = *router;
	ids->endpoints = calloc((size_t)max_endpoints + 1, sizeof(*ids->endpoints));
	ids->services = calloc((size_t)max_services + 1, sizeof(*ids->services));
	ids->infos = calloc((size_t)max_endpoints + 1, sizeof(*ids->infos));
	ids->changed = calloc((size_t)max_endpoints / FB_INFO_CHUNK + 1, sizeof(*ids->changed));
	if (fb_serving_init(&ids->serving, max_endpoints) != 0 ||
	    pool_init(&ids->endpoint_pool, max_endpoints) != 0 ||
	    pool_init(&ids->service_pool, max_services) != 0 || ids->endpoints == NULL ||
	    ids->services == NULL || ids->infos == NULL || ids->changed == NULL)
		return -ENOMEM;
	return 0;
}

static void release_address(struct fb_ids *ids, const struct fb_addr *addr)
{
	if (ids->router.release != NULL)
		ids->router.release(ids->router.arg, addr);
}

void fb_ids_fini(struct fb_ids *ids)
{
	for (uint32_t i = 0; i < ids->endpoint_pool.high; i++) {
		if (ids->endpoints[i].in_use)
			release_address(ids, &ids->endpoints[i].addr);
	}
	for (uint32_t i = 0; i < ids->service_pool.high; i++)
		free(ids->services[i].names);
	free(ids->endpoint_pool.buckets);
	free(ids->service_pool.buckets);
	free(ids->endpoints);
	free(ids->services);
	free(ids->infos);
	free(ids->changed);
	fb_serving_fini(&ids->serving);
	fb_source_sets_fini(&ids->source_sets);
}

static uint32_t *endpoint_bucket(struct fb_ids *ids, uint32_t service_id,
				 const struct fb_addr *addr, rte_be16_t port_be)
{
	uint64_t w[2];
	uint64_t h;

	memcpy(w, addr->bytes, sizeof(w));
	h = fb_hash_2(&ids->secret, w[0], w[1]);
	h = fb_hash_2(&ids->secret, h, (uint64_t)service_id << 16 | port_be);
	return &ids->endpoint_pool.buckets[(uint32_t)h & ids->endpoint_pool.mask];
}

static uint32_t *service_bucket(struct fb_ids *ids, const char *namespace_, const char *name)
{
	uint64_t h = fb_hash_2(&ids->secret,
			       fb_hash_bytes(&ids->secret, namespace_, strlen(namespace_)),
			       fb_hash_bytes(&ids->secret, name, strlen(name)));

	return &ids->service_pool.buckets[(uint32_t)h & ids->service_pool.mask];
}

static bool service_is(const struct fb_id_service *e, const struct fb_service_spec *spec)
{
	return e->proto == spec->proto && e->family == spec->family &&
	       strcmp(e->names, spec->namespace_) == 0 && strcmp(e->name, spec->name) == 0 &&
	       strcmp(e->port_name, spec->port_name) == 0;
}

/* The number that would be given out next; the caller makes it so. */
static int pool_peek(const struct fb_id_pool *pool, uint32_t *ret_id)
{
	if (pool->free != 0)
		*ret_id = pool->free - 1;
	else if (pool->high < pool->max)
		*ret_id = pool->high;
	else
		return -ENOSPC;
	return 0;
}

static void pool_take(struct fb_id_pool *pool, uint32_t id, uint32_t next)
{
	if (pool->free == id + 1)
		pool->free = next;
	else if (pool->high <= id)
		pool->high = id + 1;
}

static int set_names(struct fb_id_service *e, const struct fb_service_spec *spec)
{
	size_t ns_len = strlen(spec->namespace_) + 1;
	size_t name_len = strlen(spec->name) + 1;
	size_t port_len = strlen(spec->port_name) + 1;
	char *names = malloc(ns_len + name_len + port_len);

	if (names == NULL)
		return -ENOMEM;
	memcpy(names, spec->namespace_, ns_len);
	memcpy(names + ns_len, spec->name, name_len);
	memcpy(names + ns_len + name_len, spec->port_name, port_len);
	e->names = names;
	e->name = names + ns_len;
	e->port_name = names + ns_len + name_len;
	return 0;
}

static uint32_t find_service(const struct fb_ids *ids, const uint32_t *bucket,
			     const struct fb_service_spec *spec)
{
	uint32_t i = *bucket;

	while (i != 0 && !service_is(&ids->services[i - 1], spec))
		i = ids->services[i - 1].next;
	return i;
}

static int make_service(struct fb_ids *ids, uint32_t *bucket, uint32_t id,
			const struct fb_service_spec *spec)
{
	struct fb_id_service fresh = {
		.proto = spec->proto,
		.family = spec->family,
		.in_use = true,
		.removed_tcp_s = FB_NEVER_S,
	};
	int rc = set_names(&fresh, spec);

	if (rc != 0)
		return rc;
	pool_take(&ids->service_pool, id, ids->services[id].next);
	fresh.next = *bucket;
	ids->services[id] = fresh;
	*bucket = id + 1;
	fb_kept_write_service(&ids->kept, ids, id);
	return 0;
}

int fb_ids_service(struct fb_ids *ids, const struct fb_service_spec *spec, uint32_t *ret_id)
{
	uint32_t *bucket = service_bucket(ids, spec->namespace_, spec->name);
	uint32_t found = find_service(ids, bucket, spec);
	uint32_t id;
	int rc;

	if (found != 0) {
		*ret_id = found - 1;
		return 0;
	}
	rc = pool_peek(&ids->service_pool, &id);
	if (rc == 0)
		rc = make_service(ids, bucket, id, spec);
	if (rc == 0)
		*ret_id = id;
	return rc;
}

static uint32_t find_endpoint(const struct fb_ids *ids, const uint32_t *bucket, uint32_t service_id,
			      const struct fb_addr *addr, rte_be16_t port_be)
{
	uint32_t i = *bucket;

	for (; i != 0; i = ids->endpoints[i - 1].next) {
		const struct fb_id_endpoint *e = &ids->endpoints[i - 1];

		if (e->service_id == service_id && e->port_be == port_be &&
		    fb_addr_equal(&e->addr, addr))
			break;
	}
	return i;
}

static int make_endpoint(struct fb_ids *ids, uint32_t *bucket, uint32_t id, uint32_t service_id,
			 const struct fb_addr *addr, rte_be16_t port_be)
{
	const struct fb_table_router *router = &ids->router;

	if (router->hold != NULL && router->hold(router->arg, addr) != 0)
		return -ENOMEM;
	pool_take(&ids->endpoint_pool, id, ids->endpoints[id].next);
	ids->endpoints[id] = (struct fb_id_endpoint){
		.addr = *addr,
		.port_be = port_be,
		.service_id = service_id,
		.in_use = true,
		.next = *bucket,
	};
	ids->changed[id / FB_INFO_CHUNK] = true;
	ids->infos[id] = (struct fb_endpoint_info){
		.nh_idx = router->next_hop(router->arg, addr),
		.state = FB_EP_ABSENT,
		.service_id = service_id,
	};
	ids->services[service_id].n_endpoints++;
	*bucket = id + 1;
	fb_serving_add(ids, id);
	fb_kept_write_endpoint(&ids->kept, ids, id);
	return 0;
}

int fb_ids_endpoint(struct fb_ids *ids, uint32_t service_id, const struct fb_endpoint_spec *ep,
		    uint32_t *ret_id)
{
	uint32_t *bucket = endpoint_bucket(ids, service_id, &ep->addr, ep->port_be);
	uint32_t found = find_endpoint(ids, bucket, service_id, &ep->addr, ep->port_be);
	uint32_t id;
	int rc;

	if (found != 0) {
		*ret_id = found - 1;
		return 0;
	}
	rc = pool_peek(&ids->endpoint_pool, &id);
	if (rc == 0)
		rc = make_endpoint(ids, bucket, id, service_id, &ep->addr, ep->port_be);
	if (rc == 0)
		*ret_id = id;
	return rc;
}

static void free_endpoint(struct fb_ids *ids, uint32_t id, uint32_t *list)
{
	struct fb_id_endpoint *e = &ids->endpoints[id];
	uint32_t *link = endpoint_bucket(ids, e->service_id, &e->addr, e->port_be);

	while (*link != id + 1)
		link = &ids->endpoints[*link - 1].next;
	*link = e->next;
	fb_serving_remove(ids, id);
	release_address(ids, &e->addr);
	ids->services[e->service_id].n_endpoints--;
	ids->changed[id / FB_INFO_CHUNK] = true;
	ids->infos[id] = (struct fb_endpoint_info){.state = FB_EP_ABSENT};
	*e = (struct fb_id_endpoint){.next = *list};
	*list = id + 1;
	fb_kept_clear_endpoint(&ids->kept, id);
}

static void free_service(struct fb_ids *ids, uint32_t id, uint32_t *list)
{
	struct fb_id_service *e = &ids->services[id];
	uint32_t *link = service_bucket(ids, e->names, e->name);

	while (*link != id + 1)
		link = &ids->services[*link - 1].next;
	*link = e->next;
	free(e->names);
	*e = (struct fb_id_service){.next = *list};
	*list = id + 1;
	fb_kept_clear_service(&ids->kept, id);
}

static void update_state(struct fb_ids *ids, uint32_t id)
{
	const struct fb_id_endpoint *e = &ids->endpoints[id];
	struct fb_endpoint_info *info = &ids->infos[id];
	uint8_t state = FB_EP_ABSENT;
	uint8_t flags;

	if (e->n_active > 0)
		state = FB_EP_ACTIVE;
	else if (e->n_draining > 0)
		state = FB_EP_DRAINING;
	else if (e->published)
		state = FB_EP_REMOVED;
	flags = state == FB_EP_DRAINING && e->n_terminating > 0 ? FB_EP_TERMINATING : 0;
	if (info->state == state && info->flags == flags)
		return;
	info->state = state;
	info->flags = flags;
	ids->changed[id / FB_INFO_CHUNK] = true;
}

/* How long flows have from since_s on; FB_NEVER_S: to their own end. */
static uint32_t time_left_s(const struct fb_id_service *service, const struct fb_endpoint_info *info)
{
	if (info->state == FB_EP_REMOVED)
		return service->removed_tcp_s;
	return (info->flags & FB_EP_TERMINATING) && service->drain_deadline_s > 0
		       ? service->drain_deadline_s
		       : FB_NEVER_S;
}

static bool is_over(const struct fb_id_service *service, const struct fb_endpoint_info *info,
		    uint32_t now_s)
{
	uint32_t left_s = time_left_s(service, info);

	return left_s != FB_NEVER_S && now_s - info->since_s >= left_s;
}

uint32_t fb_ids_due_s(const struct fb_ids *ids, const struct fb_endpoint_info *info)
{
	uint32_t left_s = time_left_s(&ids->services[info->service_id], info);

	if ((info->flags & FB_EP_OVER) || left_s >= FB_NEVER_S - info->since_s)
		return FB_NEVER_S;
	return info->since_s + left_s;
}

struct fb_endpoint_info fb_ids_info(const struct fb_ids *ids, uint32_t id,
				    const struct fb_endpoint_info *last, uint32_t now_s)
{
	struct fb_endpoint_info info = ids->infos[id];
	bool goes = info.state == FB_EP_REMOVED || (info.flags & FB_EP_TERMINATING);

	info.since_s = now_s;
	if (last != NULL && last->state == info.state &&
	    ((last->flags ^ info.flags) & FB_EP_TERMINATING) == 0)
		info.since_s = last->since_s;
	if (goes && ((last != NULL && (last->flags & FB_EP_OVER)) ||
		     is_over(&ids->services[info.service_id], &info, now_s)))
		info.flags |= FB_EP_OVER;
	return info;
}

static void drop_fresh_endpoint(struct fb_ids *ids, uint32_t id)
{
	const struct fb_id_endpoint *e = &ids->endpoints[id];

	if (e->in_use && !e->published && e->n_active + e->n_draining == 0)
		free_endpoint(ids, id, &ids->endpoint_pool.free);
}

static void drop_fresh_service(struct fb_ids *ids, uint32_t id)
{
	const struct fb_id_service *e = &ids->services[id];

	if (e->in_use && !e->published && e->n_services + e->n_endpoints == 0)
		free_service(ids, id, &ids->service_pool.free);
}

/* A service has the endpoint, in its state, or has it no more. */
static void count(struct fb_ids *ids, const struct fb_endpoint *ep, int by)
{
	struct fb_id_endpoint *e = &ids->endpoints[ep->id];

	if (ep->state == FB_EP_ACTIVE)
		e->n_active += (uint32_t)by;
	else
		e->n_draining += (uint32_t)by;
	if (ep->terminating)
		e->n_terminating += (uint32_t)by;
}

void fb_ids_hold(struct fb_ids *ids, const struct fb_service *svc, struct fb_places which)
{
	ids->services[svc->id].n_services++;
	for (uint32_t i = 0; i < which.n; i++) {
		const struct fb_endpoint *ep = &svc->endpoints[fb_places_at(&which, i)];

		count(ids, ep, 1);
		update_state(ids, ep->id);
	}
}

void fb_ids_unhold(struct fb_ids *ids, const struct fb_service *svc, struct fb_places which)
{
	for (uint32_t i = 0; i < which.n; i++) {
		const struct fb_endpoint *ep = &svc->endpoints[fb_places_at(&which, i)];

		count(ids, ep, -1);
		update_state(ids, ep->id);
	}
	ids->services[svc->id].n_services--;
	fb_ids_forget(ids, svc->id, svc->endpoints, which);
}

void fb_ids_forget(struct fb_ids *ids, uint32_t service_id, const struct fb_endpoint *endpoints,
		   struct fb_places which)
{
	for (uint32_t i = 0; i < which.n; i++)
		drop_fresh_endpoint(ids, endpoints[fb_places_at(&which, i)].id);
	drop_fresh_service(ids, service_id);
}

void fb_ids_publish(struct fb_ids *ids, const struct fb_service *svc, struct fb_places which)
{
	ids->services[svc->id].published = true;
	ids->services[svc->id].removed = 0;
	ids->times_changed |= ids->services[svc->id].drain_deadline_s != svc->drain_deadline_s ||
			      ids->services[svc->id].removed_tcp_s != svc->removed_tcp_s;
	ids->services[svc->id].drain_deadline_s = svc->drain_deadline_s;
	ids->services[svc->id].removed_tcp_s = svc->removed_tcp_s;
	fb_kept_write_service(&ids->kept, ids, svc->id);
	for (uint32_t i = 0; i < which.n; i++) {
		struct fb_id_endpoint *e =
			&ids->endpoints[svc->endpoints[fb_places_at(&which, i)].id];

		e->published = true;
		e->removed = 0;
	}
}

void fb_ids_retire(struct fb_ids *ids, const struct fb_service *svc, struct fb_places which,
		   uint64_t generation)
{
	for (uint32_t i = 0; i < which.n; i++) {
		struct fb_id_endpoint *e =
			&ids->endpoints[svc->endpoints[fb_places_at(&which, i)].id];

		if (e->n_active + e->n_draining == 0)
			e->removed = generation;
	}
	if (ids->services[svc->id].n_services == 0)
		ids->services[svc->id].removed = generation;
}

void fb_ids_recycle(struct fb_ids *ids)
{
	while (ids->endpoint_pool.reaped != 0) {
		uint32_t id = ids->endpoint_pool.reaped - 1;

		ids->endpoint_pool.reaped = ids->endpoints[id].next;
		ids->endpoints[id].next = ids->endpoint_pool.free;
		ids->endpoint_pool.free = id + 1;
	}
	memset(ids->changed, 0,
	       (ids->endpoint_pool.high / FB_INFO_CHUNK + 1) * sizeof(*ids->changed));
	fb_serving_settle(&ids->serving);
	while (ids->service_pool.reaped != 0) {
		uint32_t id = ids->service_pool.reaped - 1;

		ids->service_pool.reaped = ids->services[id].next;
		ids->services[id].next = ids->service_pool.free;
		ids->service_pool.free = id + 1;
	}
}

void fb_ids_restore(struct fb_ids *ids, const struct fb_service *const *services, uint32_t n)
{
	for (uint32_t i = 0; i < ids->endpoint_pool.high; i++) {
		ids->endpoints[i].n_active = 0;
		ids->endpoints[i].n_draining = 0;
		ids->endpoints[i].n_terminating = 0;
	}
	for (uint32_t i = 0; i < ids->service_pool.high; i++)
		ids->services[i].n_services = 0;
	for (uint32_t i = 0; i < n; i++) {
		ids->services[services[i]->id].n_services++;
		for (uint32_t k = 0; k < services[i]->n_endpoints; k++)
			count(ids, &services[i]->endpoints[k], 1);
	}
	for (uint32_t i = 0; i < ids->endpoint_pool.high; i++) {
		update_state(ids, i);
		drop_fresh_endpoint(ids, i);
	}
	for (uint32_t i = 0; i < ids->service_pool.high; i++)
		drop_fresh_service(ids, i);
}

void fb_ids_reroute(struct fb_ids *ids)
{
	for (uint32_t i = 0; i < ids->endpoint_pool.high; i++) {
		uint16_t nh_idx;

		if (!ids->endpoints[i].in_use)
			continue;
		nh_idx = ids->router.next_hop(ids->router.arg, &ids->endpoints[i].addr);
		ids->changed[i / FB_INFO_CHUNK] |= nh_idx != ids->infos[i].nh_idx;
		ids->infos[i].nh_idx = nh_idx;
	}
}

void fb_ids_reap(struct fb_ids *ids, uint64_t oldest,
		 uint64_t (*live_flows)(void *arg, uint32_t ep_id), void *arg)
{
	for (uint32_t i = 0; i < ids->endpoint_pool.high; i++) {
		const struct fb_id_endpoint *e = &ids->endpoints[i];

		/* removed is 0 while the removal is only staged. */
		if (e->in_use && e->published && e->n_active + e->n_draining == 0 &&
		    e->removed != 0 && e->removed <= oldest && live_flows(arg, i) == 0)
			free_endpoint(ids, i, &ids->endpoint_pool.reaped);
	}
	for (uint32_t i = 0; i < ids->service_pool.high; i++) {
		const struct fb_id_service *e = &ids->services[i];

		if (e->in_use && e->published && e->n_services + e->n_endpoints == 0 &&
		    e->removed != 0 && e->removed <= oldest)
			free_service(ids, i, &ids->service_pool.reaped);
	}
}

/* The first generation is the one that knows whether anybody has them still. */
#define SEED_REMOVED 1

int fb_ids_seed_service(struct fb_ids *ids, uint32_t id, const struct fb_service_spec *spec)
{
	uint32_t *bucket = service_bucket(ids, spec->namespace_, spec->name);
	int rc;

	if (id >= ids->service_pool.max || ids->services[id].in_use ||
	    find_service(ids, bucket, spec) != 0)
		return -EINVAL;
	rc = make_service(ids, bucket, id, spec);
	if (rc != 0)
		return rc;
	ids->services[id].published = true;
	ids->services[id].removed = SEED_REMOVED;
	ids->services[id].drain_deadline_s = spec->drain_deadline_s;
	ids->services[id].removed_tcp_s = spec->removed_tcp_s;
	return 0;
}

int fb_ids_seed_endpoint(struct fb_ids *ids, uint32_t id, uint32_t service_id,
			 const struct fb_addr *addr, rte_be16_t port_be)
{
	uint32_t *bucket;
	int rc;

	if (id >= ids->endpoint_pool.max || ids->endpoints[id].in_use ||
	    service_id >= ids->service_pool.max || !ids->services[service_id].in_use)
		return -EINVAL;
	bucket = endpoint_bucket(ids, service_id, addr, port_be);
	if (find_endpoint(ids, bucket, service_id, addr, port_be) != 0)
		return -EINVAL;
	rc = make_endpoint(ids, bucket, id, service_id, addr, port_be);
	if (rc != 0)
		return rc;
	ids->endpoints[id].published = true;
	ids->endpoints[id].removed = SEED_REMOVED;
	update_state(ids, id);
	return 0;
}

void fb_ids_seeded(struct fb_ids *ids)
{
	ids->endpoint_pool.free = 0;
	for (uint32_t i = ids->endpoint_pool.high; i-- > 0;) {
		if (ids->endpoints[i].in_use)
			continue;
		ids->endpoints[i].next = ids->endpoint_pool.free;
		ids->endpoint_pool.free = i + 1;
	}
	ids->service_pool.free = 0;
	for (uint32_t i = ids->service_pool.high; i-- > 0;) {
		if (ids->services[i].in_use)
			continue;
		ids->services[i].next = ids->service_pool.free;
		ids->service_pool.free = i + 1;
	}
}
