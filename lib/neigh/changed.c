/* SPDX-License-Identifier: BSD-3-Clause */

#include "neigh/changed.h"

#include <string.h>

static void add(struct fb_changed *c, const uint64_t net[2], const uint64_t mask[2])
{
	const size_t bytes = sizeof(c->prefixes[0].net);

	for (uint32_t i = 0; i < c->n; i++) {
		if (memcmp(c->prefixes[i].net, net, bytes) == 0 &&
		    memcmp(c->prefixes[i].mask, mask, bytes) == 0)
			return;
	}
	if (c->n == FB_CHANGED_MAX) {
		c->all = true;
		return;
	}
	memcpy(c->prefixes[c->n].net, net, bytes);
	memcpy(c->prefixes[c->n].mask, mask, bytes);
	c->n++;
}

void fb_changed_add(struct fb_changed *c, const struct fb_prefix *prefix)
{
	unsigned int bits = fb_addr_family(&prefix->addr) == FB_IPV4 ? 96 : 0;
	uint8_t mask[16] = {0};
	uint64_t net[2];
	uint64_t m[2];

	/* ::/0 is within the IPv4-mapped view of everything: IPv4 is asked for too, which is harmless. */
	bits += prefix->len_bits;
	for (unsigned int i = 0; i < bits && i < 128; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
	memcpy(net, prefix->addr.bytes, sizeof(net));
	memcpy(m, mask, sizeof(m));
	net[0] &= m[0];
	net[1] &= m[1];
	add(c, net, m);
}

void fb_changed_merge(struct fb_changed *to, const struct fb_changed *from)
{
	to->all |= from->all;
	for (uint32_t i = 0; i < from->n; i++)
		add(to, from->prefixes[i].net, from->prefixes[i].mask);
}

bool fb_changed_has(const struct fb_changed *c, const struct fb_addr *addr)
{
	uint64_t a[2];

	if (c->all)
		return true;
	memcpy(a, addr->bytes, sizeof(a));
	for (uint32_t i = 0; i < c->n; i++) {
		if (((a[0] & c->prefixes[i].mask[0]) ^ c->prefixes[i].net[0]) == 0 &&
		    ((a[1] & c->prefixes[i].mask[1]) ^ c->prefixes[i].net[1]) == 0)
			return true;
	}
	return false;
}
