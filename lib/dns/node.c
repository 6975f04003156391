/* SPDX-License-Identifier: BSD-3-Clause */

/* What a name has: addresses, each once, and SRV records. */

#include <stdlib.h>
#include <string.h>

#include "dns/build.h"

/* CoreDNS: all targets together weigh 100, and none less than 1. */
#define WEIGHT_ALL 100

void fb_dns_build_reserve(struct fb_dns_build *b, uint32_t size)
{
	uint32_t cap = (b->n + size) * 2;
	uint8_t *bytes;

	if (b->n + size <= b->cap || b->failed)
		return;
	/* The first who asks knows best. */
	if (b->bytes == NULL)
		cap = size;
	bytes = fb_dns_piece_alloc(cap);
	if (bytes == NULL) {
		b->failed = true;
		return;
	}
	if (b->n > 0)
		memcpy(bytes, b->bytes, b->n);
	fb_dns_piece_free(b->bytes);
	b->bytes = bytes;
	b->cap = cap;
}

static int compare_addrs(const void *left, const void *right)
{
	const struct fb_dns_item *const *a = left;
	const struct fb_dns_item *const *b = right;

	return memcmp(&(*a)->addr, &(*b)->addr, sizeof((*a)->addr));
}

/* The set's addresses, each once, by family. */
static void write_addrs(struct fb_dns_build *b, uint32_t node, const struct fb_dns_set *set)
{
	const struct fb_dns_item **sorted = b->scratch + b->n_items;

	if (set->n > 0)
		memcpy(sorted, set->v, set->n * sizeof(*sorted));
	if (set->n > 1)
		qsort(sorted, set->n, sizeof(*sorted), compare_addrs);
	for (int family = 0; family < FB_FAMILY_COUNT; family++) {
		uint32_t begin = fb_dns_build_room(b, 0, 4);
		uint32_t n = 0;

		for (uint32_t i = 0; i < set->n; i++) {
			const struct fb_addr *addr = &sorted[i]->addr;

			if (fb_addr_family(addr) != (enum fb_family)family ||
			    (i > 0 && fb_addr_equal(&sorted[i - 1]->addr, addr)))
				continue;
			(void)fb_dns_build_append(b, fb_addr_wire(addr),
						  (uint32_t)fb_family_addr_len(
							  (enum fb_family)family),
						  1);
			n++;
		}
		if (b->failed)
			return;
		fb_dns_build_node(b, node)->addrs[family] = begin;
		fb_dns_build_node(b, node)->n_addrs[family] = n;
	}
}

uint16_t fb_dns_build_weight(uint32_t n)
{
	return (uint16_t)(n < WEIGHT_ALL ? WEIGHT_ALL / n : 1);
}

/* Items of one host are neighbours, by address and port: so look among those of the host. */
static bool has_srv(const struct fb_dns_srv *srvs, uint32_t n, uint32_t node, uint16_t port)
{
	while (n > 0 && srvs[n - 1].node == node) {
		if (srvs[n - 1].port == port)
			return true;
		n--;
	}
	return false;
}

void fb_dns_build_srv(struct fb_dns_build *b, uint32_t node, uint32_t target, uint16_t port,
		      uint16_t weight)
{
	const struct fb_dns_srv *srvs;
	struct fb_dns_srv srv = {.node = target, .port = port, .weight = weight};
	uint32_t n;

	if (b->failed || port == 0)
		return;
	srvs = (const void *)(b->bytes + fb_dns_build_node(b, node)->srvs);
	n = fb_dns_build_node(b, node)->n_srvs;
	if (has_srv(srvs, n, target, port))
		return;
	srv.first = n == 0 || srvs[n - 1].node != target;
	(void)fb_dns_build_append(b, &srv, sizeof(srv), 4);
	if (!b->failed)
		fb_dns_build_node(b, node)->n_srvs++;
}

/* Addresses and SRV records of a name below which hosts are. */
void fb_dns_build_set(struct fb_dns_build *b, uint32_t node, const struct fb_dns_set *set)
{
	uint32_t begin;

	write_addrs(b, node, set);
	begin = fb_dns_build_room(b, 0, 4);
	if (b->failed)
		return;
	fb_dns_build_node(b, node)->srvs = begin;
	for (uint32_t i = 0; i < set->n; i++) {
		if (set->v[i]->port != NULL)
			fb_dns_build_srv(b, node, set->v[i]->node, set->v[i]->port->port,
					 fb_dns_build_weight(set->n));
	}
}

void fb_dns_build_name(struct fb_dns_build *b, uint32_t node, const uint8_t *labels, uint32_t len)
{
	uint32_t at = fb_dns_build_append(b, labels, len, 1);

	if (b->failed)
		return;
	fb_dns_build_node(b, node)->name = at;
	fb_dns_build_node(b, node)->name_len = (uint8_t)len;
}
