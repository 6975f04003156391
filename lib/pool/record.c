/* SPDX-License-Identifier: BSD-3-Clause */

/* Records, and who uses what: made, found, dropped. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pool/parts.h"

static uint64_t hash_names(const struct fb_pool *pool, const char *namespace_, const char *name)
{
	return fb_hash_2(&pool->secret,
			 fb_hash_bytes(&pool->secret, namespace_, strlen(namespace_)),
			 fb_hash_bytes(&pool->secret, name, strlen(name)));
}

static uint64_t hash_use(const struct fb_pool *pool, const struct fb_addr *addr, uint16_t node_port)
{
	return fb_hash_2(&pool->secret,
			 fb_hash_bytes(&pool->secret, addr->bytes, sizeof(addr->bytes)), node_port);
}

struct fb_pool_record *fb_pool_record_find(const struct fb_pool *pool, const char *namespace_,
					   const char *name)
{
	uint64_t hash = hash_names(pool, namespace_, name);
	struct fb_index_link *link;

	for (link = fb_index_first(&pool->records, hash); link != NULL;
	     link = fb_index_again(link)) {
		struct fb_pool_record *record = (struct fb_pool_record *)link;

		if (strcmp(record->name, name) == 0 && strcmp(record->namespace_, namespace_) == 0)
			return record;
	}
	return NULL;
}

static struct fb_pool_record *record_new(const char *namespace_, const char *name)
{
	size_t namespace_size = strlen(namespace_) + 1;
	size_t name_size = strlen(name) + 1;
	struct fb_pool_record *record = calloc(1, sizeof(*record) + namespace_size + name_size);

	if (record == NULL)
		return NULL;
	record->sharing_key = strdup("");
	if (record->sharing_key == NULL) {
		free(record);
		return NULL;
	}
	memcpy(record->namespace_, namespace_, namespace_size);
	memcpy(record->namespace_ + namespace_size, name, name_size);
	record->name = record->namespace_ + namespace_size;
	return record;
}

struct fb_pool_record *fb_pool_record_make(struct fb_pool *pool, const char *namespace_,
					   const char *name)
{
	struct fb_pool_record *record = fb_pool_record_find(pool, namespace_, name);

	if (record != NULL)
		return record;
	record = record_new(namespace_, name);
	if (record != NULL)
		fb_index_insert(&pool->records, &record->link, hash_names(pool, namespace_, name));
	return record;
}

static void use_free(struct fb_pool *pool, struct fb_pool_use **at)
{
	struct fb_pool_use *use = *at;

	*at = use->next;
	fb_index_remove(&pool->uses, &use->link);
	pool->n_freed++;
	pool->changed |= !use->written;
	free(use);
}

static void record_free(struct fb_pool *pool, struct fb_pool_record *record)
{
	while (record->uses != NULL)
		use_free(pool, &record->uses);
	pool->n_waiting -= record->waiting;
	fb_object_release(record->object);
	free(record->sharing_key);
	free(record->trouble);
	free(record->ports);
	free(record);
}

void fb_pool_record_drop(struct fb_pool *pool, struct fb_pool_record *record)
{
	fb_index_remove(&pool->records, &record->link);
	record_free(pool, record);
}

/* Stale ones too. */
static struct fb_pool_use *any_use_next(const struct fb_pool *pool, const struct fb_addr *addr,
					uint16_t node_port, const struct fb_pool_use *after)
{
	struct fb_index_link *link =
		after != NULL ? fb_index_again(&after->link)
			      : fb_index_first(&pool->uses, hash_use(pool, addr, node_port));

	for (; link != NULL; link = fb_index_again(link)) {
		struct fb_pool_use *use = (struct fb_pool_use *)link;

		if (use->node_port == node_port && fb_addr_equal(&use->addr, addr))
			return use;
	}
	return NULL;
}

static const struct fb_addr no_addr;

struct fb_pool_use *fb_pool_use_next(const struct fb_pool *pool, const struct fb_addr *addr,
				     uint16_t node_port, const struct fb_pool_use *after)
{
	struct fb_pool_use *use = (struct fb_pool_use *)(uintptr_t)after;

	do
		use = any_use_next(pool, addr != NULL ? addr : &no_addr, node_port, use);
	while (use != NULL && use->stale);
	return use;
}

int fb_pool_use_add(struct fb_pool *pool, struct fb_pool_record *record, const struct fb_addr *addr,
		    uint16_t node_port, bool written)
{
	struct fb_pool_use *use = NULL;

	if (addr == NULL)
		addr = &no_addr;
	while ((use = any_use_next(pool, addr, node_port, use)) != NULL) {
		if (use->record == record && use->written == written) {
			use->stale = false;
			return 0;
		}
	}
	use = calloc(1, sizeof(*use));
	if (use == NULL)
		return -ENOMEM;
	use->addr = *addr;
	use->node_port = node_port;
	use->written = written;
	use->record = record;
	use->next = record->uses;
	record->uses = use;
	fb_index_insert(&pool->uses, &use->link, hash_use(pool, &use->addr, node_port));
	pool->changed |= !written;
	return 0;
}

void fb_pool_use_drop(struct fb_pool *pool, struct fb_pool_record *record,
		      const struct fb_addr *addr, uint16_t node_port)
{
	if (node_port == 0 && (addr == NULL || fb_pool_is_none(addr)))
		return;
	for (struct fb_pool_use **at = &record->uses; *at != NULL; at = &(*at)->next) {
		if (!(*at)->written && (*at)->node_port == node_port &&
		    (addr == NULL || fb_addr_equal(&(*at)->addr, addr))) {
			use_free(pool, at);
			return;
		}
	}
}

void fb_pool_uses_stale(struct fb_pool_record *record)
{
	for (struct fb_pool_use *use = record->uses; use != NULL; use = use->next)
		use->stale = use->written;
}

void fb_pool_uses_sweep(struct fb_pool *pool, struct fb_pool_record *record)
{
	struct fb_pool_use **at = &record->uses;

	while (*at != NULL) {
		if ((*at)->stale)
			use_free(pool, at);
		else
			at = &(*at)->next;
	}
}

/* Nobody is given an address of the box: clients' packets to it are the kernel's. */
static int add_box(struct fb_pool *pool)
{
	const struct fb_config *config = pool->config;
	int rc = 0;

	pool->box = record_new("", "");
	if (pool->box == NULL)
		return -ENOMEM;
	for (uint32_t p = 0; p < config->n_ports; p++) {
		for (uint32_t i = 0; i < config->ports[p].n_addresses; i++)
			rc |= fb_pool_use_add(pool, pool->box, &config->ports[p].addresses[i].addr,
					      0, true);
	}
	for (uint32_t i = 0; i < config->n_snat_addresses; i++)
		rc |= fb_pool_use_add(pool, pool->box, &config->snat_addresses[i], 0, true);
	for (uint32_t i = 0; i < config->n_node_addresses; i++)
		rc |= fb_pool_use_add(pool, pool->box, &config->node_addresses[i], 0, true);
	return rc;
}

struct fb_pool *fb_pool_create(const struct fb_config *config)
{
	struct fb_pool *pool = calloc(1, sizeof(*pool));

	if (pool == NULL)
		return NULL;
	pool->config = config;
	fb_hash_secret_init(&pool->secret, "pool");
	pool->pool_full = calloc(config->n_pools + 1, sizeof(*pool->pool_full));
	if (fb_index_init(&pool->records) != 0 || fb_index_init(&pool->uses) != 0 ||
	    pool->pool_full == NULL || add_box(pool) != 0) {
		fb_pool_free(pool);
		return NULL;
	}
	return pool;
}

void fb_pool_free(struct fb_pool *pool)
{
	struct fb_index_link *link;
	struct fb_index_link *next;

	if (pool == NULL)
		return;
	for (link = fb_index_walk(&pool->records, NULL); link != NULL; link = next) {
		next = fb_index_walk(&pool->records, link);
		fb_pool_record_drop(pool, (struct fb_pool_record *)link);
	}
	if (pool->box != NULL)
		record_free(pool, pool->box);
	fb_index_fini(&pool->records);
	fb_index_fini(&pool->uses);
	free(pool->pool_full);
	free(pool);
}

static int copy_record(struct fb_pool *copy, const struct fb_pool_record *from)
{
	struct fb_pool_record *record = fb_pool_record_make(copy, from->namespace_, from->name);
	char *key = strdup(from->sharing_key);
	int rc = 0;

	if (record == NULL || key == NULL) {
		free(key);
		return -ENOMEM;
	}
	free(record->sharing_key);
	record->sharing_key = key;
	record->object = from->object != NULL ? fb_object_hold(from->object) : NULL;
	memcpy(record->cluster, from->cluster, sizeof(record->cluster));
	memcpy(record->balancer, from->balancer, sizeof(record->balancer));
	record->health_port = from->health_port;
	if (from->trouble != NULL && (record->trouble = strdup(from->trouble)) == NULL)
		return -ENOMEM;
	if (from->n_ports > 0) {
		record->ports = calloc(from->n_ports, sizeof(*record->ports));
		if (record->ports == NULL)
			return -ENOMEM;
		memcpy(record->ports, from->ports, from->n_ports * sizeof(*record->ports));
		record->n_ports = from->n_ports;
	}
	record->waiting = from->waiting;
	record->waits_since = from->waits_since;
	copy->n_waiting += record->waiting;
	for (const struct fb_pool_use *use = from->uses; use != NULL && rc == 0; use = use->next)
		rc = fb_pool_use_add(copy, record, &use->addr, use->node_port, use->written);
	return rc;
}

struct fb_pool *fb_pool_clone(const struct fb_pool *pool)
{
	struct fb_pool *copy = fb_pool_create(pool->config);
	struct fb_index_link *link = NULL;

	while (copy != NULL && (link = fb_index_walk(&pool->records, link)) != NULL) {
		if (copy_record(copy, (const struct fb_pool_record *)link) != 0) {
			fb_pool_free(copy);
			return NULL;
		}
	}
	if (copy != NULL) {
		copy->n_freed = pool->n_freed;
		copy->changed = pool->changed;
		copy->may_forget = pool->may_forget;
	}
	return copy;
}

bool fb_pool_make_room(struct fb_pool *pool)
{
	struct fb_index_link *link = fb_index_walk(&pool->records, NULL);
	struct fb_index_link *next;
	size_t before = pool->records.n;

	/* Nothing is loaded later: there is nobody to forget after that. */
	for (; link != NULL && pool->may_forget; link = next) {
		struct fb_pool_record *record = (struct fb_pool_record *)link;

		next = fb_index_walk(&pool->records, link);
		if (record->object == NULL)
			fb_pool_record_drop(pool, record);
	}
	pool->may_forget = false;
	return pool->records.n < before;
}

void fb_pool_may_forget(struct fb_pool *pool, struct fb_store *store)
{
	struct fb_index_link *link = NULL;

	pool->may_forget = true;
	while (pool->n_waiting > 0 && (link = fb_index_walk(&pool->records, link)) != NULL) {
		struct fb_pool_record *record = (struct fb_pool_record *)link;

		if (!record->waiting)
			continue;
		record->done = false;
		fb_store_dirty(store, record->namespace_, record->name);
	}
	/* What was found full is asked again. */
	pool->n_freed++;
}

const char *fb_pool_trouble(const struct fb_pool *pool, const char *namespace_, const char *name)
{
	const struct fb_pool_record *record = fb_pool_record_find(pool, namespace_, name);

	return record != NULL ? record->trouble : NULL;
}

void fb_pool_each_trouble(const struct fb_pool *pool,
			  void (*fn)(void *arg, const char *namespace_, const char *name,
				     const char *trouble),
			  void *arg)
{
	struct fb_index_link *link = NULL;

	while ((link = fb_index_walk(&pool->records, link)) != NULL) {
		const struct fb_pool_record *record = (const struct fb_pool_record *)link;

		if (record->trouble != NULL)
			fn(arg, record->namespace_, record->name, record->trouble);
	}
}

bool fb_pool_changed(const struct fb_pool *pool)
{
	return pool->changed;
}
