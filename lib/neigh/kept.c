/* SPDX-License-Identifier: BSD-3-Clause */

#include "neigh/kept.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include "neigh/rtnl.h"

static uint64_t check_of(const struct fb_neigh_kept_one *one)
{
	struct fb_hash_secret secret;
	const size_t begin = offsetof(struct fb_neigh_kept_one, addr);

	fb_hash_secret_init(&secret, "forebay kept neighbour, 1");
	return fb_hash_bytes(&secret, (const uint8_t *)one + begin, sizeof(*one) - begin) | 1;
}

static void write_one(struct fb_neigh_kept_one *to, const struct fb_neigh_kept_one *one)
{
	__atomic_store_n(&to->check, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	to->addr = one->addr;
	memcpy(to->mac, one->mac, sizeof(to->mac));
	to->port = one->port;
	to->pad = 0;
	__atomic_store_n(&to->check, check_of(one), __ATOMIC_RELEASE);
}

static bool says(const struct fb_neigh_kept_one *a, const struct fb_neigh_kept_one *b)
{
	return a->check != 0 && a->port == b->port && memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 &&
	       fb_addr_equal(&a->addr, &b->addr);
}

void fb_neigh_kept_note(struct fb_neigh_kept *kept, const struct fb_hops *hops)
{
	uint32_t n;
	const struct fb_next_hop *array = fb_hops_array(hops, &n);

	for (uint32_t i = 0; i < FB_NEIGH_KEPT; i++) {
		struct fb_neigh_kept_one *to = &kept->v[i];
		struct fb_neigh_kept_one one = {0};
		const uint32_t place = i + 1;

		if (place >= n || array[place].state != FB_HOP_READY ||
		    fb_hops_describe(hops, (uint16_t)place, &one.addr) != 0) {
			__atomic_store_n(&to->check, 0, __ATOMIC_RELAXED);
			continue;
		}
		memcpy(one.mac, array[place].mac, sizeof(one.mac));
		one.port = array[place].port;
		if (!says(to, &one))
			write_one(to, &one);
	}
}

int fb_neigh_kept_tell(const struct fb_neigh_kept *kept, const int *ifindex, uint32_t n_ports)
{
	struct fb_rtnl *rtnl = fb_rtnl_open();
	int n = 0;

	if (rtnl == NULL)
		return -errno;
	for (uint32_t i = 0; i < FB_NEIGH_KEPT; i++) {
		const struct fb_neigh_kept_one *one = &kept->v[i];

		if (one->check == 0 || one->check != check_of(one) || one->port >= n_ports ||
		    ifindex[one->port] == 0)
			continue;
		fb_rtnl_doubt(rtnl, ifindex[one->port], &one->addr, one->mac);
		n++;
	}
	fb_rtnl_poke_flush(rtnl);
	fb_rtnl_close(rtnl);
	return n;
}
