/* SPDX-License-Identifier: BSD-3-Clause */

#include "table/kept.h"

#include <string.h>

#include "base/hash.h"
#include "table/identity.h"
#include "table/state.h"

static uint64_t hash(const void *data, size_t len)
{
	struct fb_hash_secret secret;
	uint64_t h;

	fb_hash_secret_init(&secret, "forebay identities");
	h = fb_hash_bytes(&secret, data, len);
	return h != 0 ? h : 1;
}

static uint64_t check_service(const struct fb_kept_service *slot)
{
	return hash((const uint8_t *)slot + sizeof(slot->check),
		    sizeof(*slot) - sizeof(slot->check));
}

static uint64_t check_endpoint(const struct fb_kept_endpoint *slot)
{
	return hash((const uint8_t *)slot + sizeof(slot->check),
		    sizeof(*slot) - sizeof(slot->check));
}

size_t fb_table_kept_bytes(uint32_t max_services, uint32_t max_endpoints)
{
	return sizeof(struct fb_kept_head) + (size_t)max_services * sizeof(struct fb_kept_service) +
	       (size_t)max_endpoints * sizeof(struct fb_kept_endpoint);
}

struct fb_kept fb_kept_over(void *memory, uint32_t max_services, uint32_t max_endpoints)
{
	struct fb_kept_service *services =
		(struct fb_kept_service *)((struct fb_kept_head *)memory + 1);

	return (struct fb_kept){
		.head = memory,
		.services = services,
		.endpoints = (struct fb_kept_endpoint *)(services + max_services),
		.max_services = max_services,
		.max_endpoints = max_endpoints,
	};
}

static void reach(uint32_t *n, uint32_t id)
{
	if (id >= *n)
		__atomic_store_n(n, id + 1, __ATOMIC_RELAXED);
}

/* The check says nothing, the rest is written, the check says it: a process dies between two stores. */
#define WRITE_SLOT(at, from)                                                     \
	do {                                                                     \
		__atomic_store_n(&(at)->check, 0, __ATOMIC_RELAXED);             \
		__atomic_signal_fence(__ATOMIC_SEQ_CST);                         \
		memcpy((uint8_t *)(at) + sizeof((at)->check),                    \
		       (const uint8_t *)(from) + sizeof((from)->check),          \
		       sizeof(*(at)) - sizeof((at)->check));                     \
		__atomic_signal_fence(__ATOMIC_SEQ_CST);                         \
		__atomic_store_n(&(at)->check, (from)->check, __ATOMIC_RELAXED); \
	} while (0)

void fb_kept_write_service(struct fb_kept *kept, const struct fb_ids *ids, uint32_t id)
{
	const struct fb_id_service *e = &ids->services[id];
	struct fb_kept_service slot = {
		.drain_deadline_s = e->drain_deadline_s,
		.removed_tcp_s = e->removed_tcp_s,
		.proto = e->proto,
		.family = e->family,
	};
	size_t len;

	if (id >= kept->max_services)
		return;
	len = (size_t)(e->port_name - e->names) + strlen(e->port_name) + 1;
	if (len > sizeof(slot.names)) {
		fb_kept_clear_service(kept, id);
		return;
	}
	memcpy(slot.names, e->names, len);
	slot.names_len = (uint16_t)len;
	slot.identity = hash(&slot.proto, sizeof(slot) - offsetof(struct fb_kept_service, proto));
	slot.check = check_service(&slot);
	reach(&kept->head->n_services, id);
	if (memcmp(&kept->services[id], &slot, sizeof(slot)) != 0)
		WRITE_SLOT(&kept->services[id], &slot);
}

void fb_kept_write_endpoint(struct fb_kept *kept, const struct fb_ids *ids, uint32_t id)
{
	const struct fb_id_endpoint *e = &ids->endpoints[id];
	struct fb_kept_endpoint slot = {
		.addr = e->addr,
		.service_id = e->service_id,
		.port_be = e->port_be,
	};

	if (id >= kept->max_endpoints || e->service_id >= kept->max_services)
		return;
	slot.identity = kept->services[e->service_id].identity;
	slot.check = check_endpoint(&slot);
	reach(&kept->head->n_endpoints, id);
	if (memcmp(&kept->endpoints[id], &slot, sizeof(slot)) != 0)
		WRITE_SLOT(&kept->endpoints[id], &slot);
}

void fb_kept_clear_service(struct fb_kept *kept, uint32_t id)
{
	if (id < kept->max_services)
		__atomic_store_n(&kept->services[id].check, 0, __ATOMIC_RELAXED);
}

void fb_kept_clear_endpoint(struct fb_kept *kept, uint32_t id)
{
	if (id < kept->max_endpoints)
		__atomic_store_n(&kept->endpoints[id].check, 0, __ATOMIC_RELAXED);
}

static bool has_three_strings(const struct fb_kept_service *slot)
{
	uint32_t ends = 0;

	if (slot->names_len > sizeof(slot->names))
		return false;
	for (uint32_t i = 0; i < slot->names_len; i++)
		ends += slot->names[i] == '\0';
	return ends == 3 && slot->names[slot->names_len - 1] == '\0';
}

bool fb_kept_service_is_good(const struct fb_kept_service *slot)
{
	return slot->check != 0 && slot->check == check_service(slot) && has_three_strings(slot) &&
	       slot->family < FB_FAMILY_COUNT;
}

bool fb_kept_endpoint_is_good(const struct fb_kept *kept, const struct fb_kept_endpoint *slot)
{
	return slot->check != 0 && slot->check == check_endpoint(slot) &&
	       slot->service_id < kept->max_services &&
	       kept->services[slot->service_id].identity == slot->identity;
}

static void seed_service(struct fb_ids *ids, const struct fb_kept_service *slot, uint32_t id)
{
	const char *name = slot->names + strlen(slot->names) + 1;
	const struct fb_service_spec spec = {
		.namespace_ = slot->names,
		.name = name,
		.port_name = name + strlen(name) + 1,
		.proto = slot->proto,
		.family = slot->family,
		.drain_deadline_s = slot->drain_deadline_s,
		.removed_tcp_s = slot->removed_tcp_s,
	};

	(void)fb_ids_seed_service(ids, id, &spec);
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

uint32_t fb_table_restore(struct fb_table *t, const void *memory, uint32_t max_services,
			  uint32_t max_endpoints)
{
	const struct fb_kept kept =
		fb_kept_over((void *)(uintptr_t)memory, max_services, max_endpoints);
	const uint32_t n_services = least(kept.head->n_services, max_services);
	const uint32_t n_endpoints = least(kept.head->n_endpoints, max_endpoints);
	uint32_t n = 0;

	for (uint32_t i = 0; i < n_services; i++) {
		if (fb_kept_service_is_good(&kept.services[i]))
			seed_service(&t->ids, &kept.services[i], i);
	}
	for (uint32_t i = 0; i < n_endpoints; i++) {
		const struct fb_kept_endpoint *slot = &kept.endpoints[i];

		if (fb_kept_endpoint_is_good(&kept, slot) &&
		    fb_ids_seed_endpoint(&t->ids, i, slot->service_id, &slot->addr,
					 slot->port_be) == 0)
			n++;
	}
	fb_ids_seeded(&t->ids);
	return n;
}

void fb_table_keep(struct fb_table *t, void *memory)
{
	struct fb_ids *ids = &t->ids;
	struct fb_kept *kept = &ids->kept;
	uint32_t n_services;
	uint32_t n_endpoints;

	*kept = fb_kept_over(memory, ids->service_pool.max, ids->endpoint_pool.max);
	n_services = least(kept->head->n_services, kept->max_services);
	n_endpoints = least(kept->head->n_endpoints, kept->max_endpoints);
	/* What an earlier run left and this one does not have means nothing any more. */
	for (uint32_t i = 0; i < n_services; i++) {
		if (i >= ids->service_pool.high || !ids->services[i].in_use)
			kept->services[i].check = 0;
	}
	for (uint32_t i = 0; i < n_endpoints; i++) {
		if (i >= ids->endpoint_pool.high || !ids->endpoints[i].in_use)
			kept->endpoints[i].check = 0;
	}
	for (uint32_t i = 0; i < ids->service_pool.high; i++) {
		if (ids->services[i].in_use)
			fb_kept_write_service(kept, ids, i);
	}
	for (uint32_t i = 0; i < ids->endpoint_pool.high; i++) {
		if (ids->endpoints[i].in_use)
			fb_kept_write_endpoint(kept, ids, i);
	}
}
