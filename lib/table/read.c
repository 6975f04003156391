/* SPDX-License-Identifier: BSD-3-Clause */

#include "table/read.h"

#include <netinet/in.h>

#include "table/index.h"
#include "table/serving.h"
#include "table/sources.h"

static inline struct fb_addr address(enum fb_family family, const void *v4, const uint8_t *v6)
{
	struct fb_addr a;
	uint64_t words[2];
	uint32_t addr;

	if (family == FB_IPV4) {
		/* In registers: what is stored in parts is slow to be loaded as words. */
		memcpy(&addr, v4, sizeof(addr));
		words[0] = 0;
		words[1] = (uint64_t)addr << 32 | RTE_BE32(0xffff);
	} else {
		memcpy(words, v6, sizeof(words));
	}
	memcpy(a.bytes, words, sizeof(words));
	return a;
}

static inline struct fb_addr dst_of(const struct fb_tuple *tuple)
{
	return address(tuple->family, &tuple->v4.dst, tuple->v6.dst);
}

static inline uint64_t hash_of(const struct fb_snapshot *snap, const struct fb_tuple *tuple)
{
	struct fb_addr dst;

	if (likely(tuple->family == FB_IPV4))
		return fb_index_frontend_hash4(&snap->secret, tuple->v4.dst, tuple->v4.dport,
					       tuple->proto);
	dst = dst_of(tuple);
	return fb_index_frontend_hash(&snap->secret, &dst, tuple->v6.dport, tuple->proto);
}

static __rte_noinline const struct fb_frontend_entry *
find_in_ranges(const struct fb_snapshot *snap, const struct fb_tuple *tuple)
{
	const struct fb_addr dst = dst_of(tuple);
	const uint16_t port = rte_be_to_cpu_16(fb_tuple_dport(tuple));
	const struct fb_frontend_entry *e;

	if (likely((fb_table_address(snap, &dst) & FB_ADDR_RANGES) == 0))
		return NULL;
	e = fb_frontend_ranges_at(snap->ranges, &dst, tuple->proto, port, port);
	if (e != NULL)
		return e;
	e = fb_frontend_index_at(snap->frontends, &snap->secret, &dst, 0, tuple->proto);
	return e->proto != 0 ? e : NULL;
}

static inline const struct fb_frontend_entry *
find(const struct fb_snapshot *snap, const struct fb_tuple *tuple, uint64_t hash)
{
	const struct fb_addr dst = dst_of(tuple);
	const struct fb_frontend_entry *e = fb_frontend_index_at_hash(
		snap->frontends, hash, &dst, fb_tuple_dport(tuple), tuple->proto);

	return likely(e->proto != 0) ? e : find_in_ranges(snap, tuple);
}

void fb_table_lookup_bulk(const struct fb_snapshot *snap, const struct fb_tuple *const *tuples,
			  uint32_t n, const struct fb_service **ret)
{
	uint64_t hashes[FB_TABLE_BULK];

	for (uint32_t i = 0; i < n; i++) {
		hashes[i] = hash_of(snap, tuples[i]);
		rte_prefetch0(
			&snap->frontends->entries[(uint32_t)hashes[i] & snap->frontends->mask]);
		if (unlikely(fb_table_source_may_be_box(snap, tuples[i]))) {
			const struct fb_addr src = fb_tuple_src(tuples[i]);

			fb_address_index_prefetch(snap->addresses, &snap->secret, &src);
		}
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct fb_frontend_entry *e = find(snap, tuples[i], hashes[i]);

		ret[i] = likely(e != NULL) ? snap->services[e->place] : NULL;
		rte_prefetch0(ret[i]); /* NULL is no fault */
	}
}

const struct fb_service *fb_table_lookup(const struct fb_snapshot *snap,
					 const struct fb_tuple *tuple)
{
	const struct fb_frontend_entry *e = find(snap, tuple, hash_of(snap, tuple));

	return e != NULL ? snap->services[e->place] : NULL;
}

rte_be16_t fb_table_port_in_range(const struct fb_snapshot *snap, const struct fb_tuple *tuple,
				  const struct fb_endpoint *ep)
{
	const struct fb_frontend_entry *e;

	e = find(snap, tuple, hash_of(snap, tuple));
	if (e == NULL || e->last == 0)
		return ep->port_be;
	return rte_cpu_to_be_16((uint16_t)(rte_be_to_cpu_16(fb_tuple_dport(tuple)) + e->shift));
}

const struct fb_service *fb_table_frontend(const struct fb_snapshot *snap, uint8_t proto,
					   const struct fb_frontend_spec *f)
{
	uint16_t port = rte_be_to_cpu_16(f->port_be);
	const struct fb_frontend_entry *e;

	if (!fb_frontend_is_range(f)) {
		e = fb_frontend_index_at(snap->frontends, &snap->secret, &f->addr, f->port_be,
					 proto);
		return e->proto != 0 ? snap->services[e->place] : NULL;
	}
	e = fb_frontend_ranges_at(snap->ranges, &f->addr, proto, port, port);
	return e != NULL && e->port_be == f->port_be && e->last == f->last && e->shift == f->shift
		       ? snap->services[e->place]
		       : NULL;
}

uint8_t fb_table_address(const struct fb_snapshot *snap, const struct fb_addr *addr)
{
	uint8_t bits = fb_address_index_at(snap->addresses, &snap->secret, addr)->bits;

	for (uint32_t i = 0; bits == 0 && i < snap->n_cluster; i++) {
		if (fb_prefix_contains(&snap->cluster[i], addr))
			bits = FB_ADDR_UNUSED;
	}
	return bits;
}

bool fb_table_same_sources(const struct fb_service *a, const struct fb_service *b)
{
	if (a->n_sources == 0)
		return b->n_sources == 0;
	return fb_source_set_equal(b->sources, a->sources->ranges, a->n_sources);
}

bool fb_table_admits(const struct fb_service *svc, const struct fb_addr *client)
{
	return svc->n_sources == 0 || fb_source_set_contains(svc->sources, client);
}

bool fb_table_source_is_box(const struct fb_snapshot *snap, const struct fb_tuple *tuple)
{
	const struct fb_addr src = fb_tuple_src(tuple);

	return (fb_address_index_at(snap->addresses, &snap->secret, &src)->bits & FB_ADDR_BOX) != 0;
}

bool fb_table_keeps_flow(const struct fb_snapshot *snap, const struct fb_tuple *client,
			 uint32_t ep_id)
{
	const struct fb_endpoint_info *info;
	const struct fb_service *svc;

	if (ep_id >= snap->n_endpoints)
		return false;
	info = fb_table_info(snap, ep_id);
	if (info->flags & FB_EP_OVER)
		return false;
	if (client->proto != IPPROTO_UDP)
		return true;
	if (info->state == FB_EP_REMOVED || info->state == FB_EP_ABSENT)
		return false;
	svc = fb_table_lookup(snap, client);
	return svc != NULL && svc->id == info->service_id;
}

/* The services of a service port, behind the n that are there. @return how many these are then */
static uint32_t add_services(const struct fb_snapshot *snap, uint32_t id, enum fb_family family,
			     uint8_t proto, const struct fb_service **ret, uint32_t n, uint32_t most)
{
	const struct fb_service_places *places = snap->places;
	uint32_t place = id < places->n_ids ? places->v[id] : 0;

	for (; place != 0 && n < most; place = places->v[places->n_ids + place - 1]) {
		const struct fb_service *svc = snap->services[place - 1];

		if (svc->proto != proto || svc->family != family)
			break;
		ret[n++] = svc;
	}
	return n;
}

uint32_t fb_table_serves(const struct fb_snapshot *snap, const struct fb_addr *addr,
			 rte_be16_t port_be, uint8_t proto, const struct fb_service **ret,
			 uint32_t most)
{
	const struct fb_serving_index *index = snap->serving;
	const uint64_t hash = fb_serving_hash(&snap->secret, addr, port_be);
	const struct fb_serving_chunk *chunk = index->chunks[(uint32_t)(hash >> 32) & index->mask];
	const enum fb_family family = fb_addr_family(addr);
	const uint32_t tag = (uint32_t)hash;
	uint32_t n = 0;

	if (chunk == NULL)
		return 0;
	for (uint32_t i = tag & chunk->mask; chunk->entries[i].service != 0;
	     i = (i + 1) & chunk->mask) {
		if (chunk->entries[i].tag == tag)
			n = add_services(snap, chunk->entries[i].service - 1, family, proto, ret, n,
					 most);
	}
	return n;
}

const struct fb_endpoint *fb_table_endpoint(const struct fb_service *svc, uint32_t ep_id)
{
	uint32_t from = 0;
	uint32_t to = svc->places != NULL ? svc->n_active : 0;

	while (from < to) {
		uint32_t mid = from + (to - from) / 2;

		if (svc->places[mid].id == ep_id)
			return &svc->endpoints[svc->places[mid].place];
		if (svc->places[mid].id < ep_id)
			from = mid + 1;
		else
			to = mid;
	}
	return NULL;
}

const struct fb_endpoint *fb_table_select(const struct fb_service *svc, uint64_t hash,
					  uint32_t *ret_slot)
{
	if (svc->n_slots == 0)
		return NULL;
	if (ret_slot != NULL) {
		uint32_t slot = fb_hash_reduce((uint32_t)(hash >> 32), svc->n_slots);

		*ret_slot = svc->groups == NULL
				    ? slot
				    : slot * FB_MAGLEV_GROUP_SLOTS +
					      fb_hash_reduce((uint32_t)hash, FB_MAGLEV_GROUP_SLOTS);
	}
	return &svc->endpoints[fb_table_place(svc, hash)];
}
