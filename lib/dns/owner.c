/* SPDX-License-Identifier: BSD-3-Clause */

#include "dns/owner.h"

#include <errno.h>
#include <string.h>

/* One name of one address. */
struct claim {
	const struct fb_addr *addr;
	uint32_t len;
	bool cluster;
	uint8_t name[FB_DNS_NAME_MAX]; /* labels up to "svc", without a root */
};

/* Where the claim's name is, or would be, among the owners: first those of clusterIPs, each kind in
 * order. @return whether it is there */
static bool owners_at(const struct fb_dns_owners *owners, const struct claim *claim,
		      uint32_t *ret_place, uint32_t *ret_offset)
{
	uint32_t from = claim->cluster ? 0 : owners->n_cluster;
	uint32_t to = claim->cluster ? owners->n_cluster : owners->n;
	uint32_t at = 0;
	uint32_t i = 0;

	for (; i < from; i++)
		at += 1u + owners->names[at];
	for (; i < to; i++) {
		const uint8_t *name = &owners->names[at];
		uint32_t len = name[0] < claim->len ? name[0] : claim->len;
		int order = memcmp(name + 1, claim->name, len);

		if (order == 0)
			order = (name[0] > claim->len) - (name[0] < claim->len);
		if (order >= 0) {
			*ret_place = i;
			*ret_offset = at;
			return order == 0;
		}
		at += 1u + name[0];
	}
	*ret_place = i;
	*ret_offset = at;
	return false;
}

static bool is_owners(const void *piece, const void *key)
{
	const struct fb_dns_owners *owners = piece;

	return fb_addr_equal(&owners->addr, key);
}

/* A copy of the owners with a name more or less; *ret is NULL where none is left. */
static int change_owners(struct fb_dns_draft *draft, const struct fb_dns_owners *old,
			 const struct claim *claim, bool add, const struct fb_dns_owners **ret)
{
	static const struct fb_dns_owners none = {.size_bytes = sizeof(none)};
	const struct fb_dns_owners *from = old != NULL ? old : &none;
	uint32_t entry = 1 + claim->len;
	uint32_t names_len = from->size_bytes - (uint32_t)sizeof(*from);
	struct fb_dns_owners *new;
	uint32_t place;
	uint32_t at;

	*ret = old;
	if (owners_at(from, claim, &place, &at) == add)
		return 0;
	*ret = NULL;
	if (!add && from->n == 1)
		return 0;
	new = fb_dns_draft_alloc(draft, from->size_bytes + (add ? entry : 0));
	if (new == NULL)
		return -ENOMEM;
	*new = *from;
	new->addr = *claim->addr;
	memcpy(new->names, from->names, at);
	if (add) {
		new->names[at] = (uint8_t)claim->len;
		memcpy(&new->names[at + 1], claim->name, claim->len);
		memcpy(&new->names[at + entry], &from->names[at], names_len - at);
		new->size_bytes += entry;
		new->n++;
		new->n_cluster += claim->cluster;
	} else {
		memcpy(&new->names[at], &from->names[at + entry], names_len - at - entry);
		new->size_bytes -= entry;
		new->n--;
		new->n_cluster -= claim->cluster;
	}
	*ret = new;
	return 0;
}

static int put_claim(struct fb_dns_draft *draft, struct fb_dns_zone *zone,
		     const struct claim *claim, bool add)
{
	uint64_t hash = fb_dns_hash_addr(&zone->secret, claim->addr);
	const struct fb_dns_owners *old =
		fb_dns_map_find(&zone->owners, hash, is_owners, claim->addr);
	const struct fb_dns_owners *new;

	if (change_owners(draft, old, claim, add, &new) != 0)
		return -ENOMEM;
	if (new == old)
		return 0;
	if (fb_dns_map_put(draft, &zone->owners, hash, old, new) != 0)
		return -ENOMEM;
	fb_dns_draft_replace(draft, old);
	return 0;
}

/* The names of a Service that addresses lead to, one after the other. */
struct walk {
	const struct fb_dns_service *svc; /* NULL: none */
	uint32_t node;
	uint32_t family;
	uint32_t i;
	struct fb_addr addr;
	struct claim claim; /* made by walk_look() */
};

/* To the next address at or after where it is. @return false: there is none */
static bool walk_settle(struct walk *w)
{
	const struct fb_dns_service *svc = w->svc;

	for (; svc != NULL && w->node <= svc->n_hosts; w->node++, w->family = 0, w->i = 0) {
		const struct fb_dns_node *node = fb_dns_service_node(svc, w->node);

		if (w->node == 0 && !svc->has_cluster_ip)
			continue;
		for (; w->family < FB_FAMILY_COUNT; w->family++, w->i = 0) {
			if (w->i < node->n_addrs[w->family])
				return true;
		}
	}
	return false;
}

static void walk_look(struct walk *w)
{
	const struct fb_dns_service *svc = w->svc;
	const struct fb_dns_node *node = fb_dns_service_node(svc, w->node);
	size_t size = fb_family_addr_len((enum fb_family)w->family);
	const uint8_t *addrs = fb_dns_piece_at(svc, node->addrs[w->family]);

	w->addr = fb_addr_from_bytes((enum fb_family)w->family, addrs + w->i * size);
	w->claim.addr = &w->addr;
	w->claim.cluster = w->node == 0;
	w->claim.len = (uint32_t)node->name_len + svc->key_len;
	memcpy(w->claim.name, fb_dns_piece_at(svc, node->name), node->name_len);
	memcpy(w->claim.name + node->name_len, fb_dns_piece_at(svc, svc->key), svc->key_len);
}

/* Both stand at the same place of the same name with the same addresses: nothing of it will differ. */
static bool are_alike(const struct walk *a, const struct walk *b)
{
	const struct fb_dns_node *x = fb_dns_service_node(a->svc, a->node);
	const struct fb_dns_node *y = fb_dns_service_node(b->svc, b->node);

	if ((a->node == 0) != (b->node == 0) || a->family != b->family || a->i != b->i ||
	    x->name_len != y->name_len ||
	    memcmp(fb_dns_piece_at(a->svc, x->name), fb_dns_piece_at(b->svc, y->name),
		   x->name_len) != 0)
		return false;
	for (int f = 0; f < FB_FAMILY_COUNT; f++) {
		if (x->n_addrs[f] != y->n_addrs[f] ||
		    memcmp(fb_dns_piece_at(a->svc, x->addrs[f]), fb_dns_piece_at(b->svc, y->addrs[f]),
			   x->n_addrs[f] * fb_family_addr_len((enum fb_family)f)) != 0)
			return false;
	}
	return true;
}

/* To the next one, or the next name. @return as walk_settle() */
static bool walk_next(struct walk *w)
{
	w->i++;
	return walk_settle(w);
}

static bool walk_next_name(struct walk *w)
{
	w->node++;
	w->family = 0;
	w->i = 0;
	return walk_settle(w);
}

/* In the order of walks: by node (the Service first, then hosts by name), family and address. */
static int compare_claims(const struct claim *a, const struct claim *b)
{
	uint32_t len = a->len < b->len ? a->len : b->len;
	int order;

	if (a->cluster != b->cluster)
		return a->cluster ? -1 : 1;
	order = memcmp(a->name, b->name, len);
	if (order != 0)
		return order;
	if (fb_addr_family(a->addr) != fb_addr_family(b->addr))
		return fb_addr_family(a->addr) == FB_IPV4 ? -1 : 1;
	return memcmp(a->addr, b->addr, sizeof(*a->addr));
}

/* What one has and the other has not. A Service with many endpoints of which one changed costs a look at
 * all of them, and a piece for one. */
int fb_dns_owners_exchange(struct fb_dns_draft *draft, struct fb_dns_zone *zone,
			   const struct fb_dns_service *from, const struct fb_dns_service *to)
{
	struct walk old = {.svc = from};
	struct walk new = {.svc = to};
	bool has_old = walk_settle(&old);
	bool has_new = walk_settle(&new);
	int rc = 0;

	while (rc == 0 && (has_old || has_new)) {
		int order;

		if (has_old && has_new && are_alike(&old, &new)) {
			has_old = walk_next_name(&old);
			has_new = walk_next_name(&new);
			continue;
		}
		if (has_old)
			walk_look(&old);
		if (has_new)
			walk_look(&new);
		order = !has_old ? 1 : !has_new ? -1 : compare_claims(&old.claim, &new.claim);
		if (order < 0)
			rc = put_claim(draft, zone, &old.claim, false);
		else if (order > 0)
			rc = put_claim(draft, zone, &new.claim, true);
		if (order <= 0)
			has_old = walk_next(&old);
		if (order >= 0)
			has_new = walk_next(&new);
	}
	return rc;
}
