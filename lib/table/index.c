/* SPDX-License-Identifier: BSD-3-Clause */

#include "table/index.h"

#include <errno.h>

#include "table/part.h"
#include "table/read.h"

/* Places for n entries: a power of two, at least twice as many. */
static uint32_t capacity_for(uint32_t n)
{
	uint32_t cap = 8;

	while (cap / 2 < n)
		cap *= 2;
	return cap;
}

static size_t frontend_index_size(uint32_t cap)
{
	return sizeof(struct fb_frontend_index) + (size_t)cap * sizeof(struct fb_frontend_entry);
}

struct fb_frontend_index *fb_frontend_index_create(uint32_t n)
{
	uint32_t cap = capacity_for(n);
	struct fb_frontend_index *index = fb_part_alloc(frontend_index_size(cap));

	if (index != NULL)
		index->mask = cap - 1;
	return index;
}

struct fb_frontend_index *fb_frontend_index_copy(const struct fb_frontend_index *from)
{
	size_t size = frontend_index_size(from->mask + 1);
	struct fb_frontend_index *index = fb_part_alloc(size);

	if (index != NULL)
		memcpy(index, from, size);
	return index;
}

static struct fb_frontend_entry *entry_at(struct fb_frontend_index *index,
					  const struct fb_hash_secret *s,
					  const struct fb_frontend_entry *key)
{
	const struct fb_frontend_entry *e =
		fb_frontend_index_at(index, s, &key->addr, key->port_be, key->proto);

	return &index->entries[e - index->entries];
}

int fb_frontend_index_reserve(struct fb_frontend_index **index, const struct fb_hash_secret *s,
			      uint32_t n)
{
	struct fb_frontend_index *old = *index;
	struct fb_frontend_index *new;

	if (n <= (old->mask + 1) / 2)
		return 0;
	new = fb_frontend_index_create(n);
	if (new == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i <= old->mask; i++) {
		const struct fb_frontend_entry *e = &old->entries[i];

		if (e->proto != 0)
			*entry_at(new, s, e) = *e;
	}
	new->n = old->n;
	fb_part_free(old);
	*index = new;
	return 0;
}

void fb_frontend_index_remove(struct fb_frontend_index *index, const struct fb_hash_secret *s,
			      struct fb_frontend_entry *e)
{
	uint32_t hole = (uint32_t)(e - index->entries);

	for (uint32_t i = (hole + 1) & index->mask; index->entries[i].proto != 0;
	     i = (i + 1) & index->mask) {
		const struct fb_frontend_entry *next = &index->entries[i];
		uint32_t home = (uint32_t)fb_index_frontend_hash(s, &next->addr, next->port_be,
								 next->proto) &
				index->mask;

		/* It may move back to the hole unless its home lies behind the hole. */
		if (((i - home) & index->mask) >= ((i - hole) & index->mask)) {
			index->entries[hole] = *next;
			hole = i;
		}
	}
	memset(&index->entries[hole], 0, sizeof(index->entries[hole]));
	index->n--;
}

static size_t ranges_size(uint32_t cap)
{
	return sizeof(struct fb_frontend_ranges) + (size_t)cap * sizeof(struct fb_frontend_entry);
}

struct fb_frontend_ranges *fb_frontend_ranges_create(uint32_t n)
{
	struct fb_frontend_ranges *ranges = fb_part_alloc(ranges_size(n));

	if (ranges != NULL)
		ranges->cap = n;
	return ranges;
}

struct fb_frontend_ranges *fb_frontend_ranges_copy(const struct fb_frontend_ranges *from)
{
	struct fb_frontend_ranges *ranges = fb_frontend_ranges_create(from->n);

	if (ranges == NULL)
		return NULL;
	memcpy(ranges->entries, from->entries, from->n * sizeof(from->entries[0]));
	ranges->n = from->n;
	return ranges;
}

int fb_frontend_ranges_reserve(struct fb_frontend_ranges **ranges, uint32_t n)
{
	struct fb_frontend_ranges *old = *ranges;
	uint32_t cap = old->cap < 8 ? 8 : old->cap;
	struct fb_frontend_ranges *new;

	if (n <= old->cap)
		return 0;
	while (cap < n)
		cap *= 2;
	new = fb_frontend_ranges_create(cap);
	if (new == NULL)
		return -ENOMEM;
	memcpy(new->entries, old->entries, old->n * sizeof(old->entries[0]));
	new->n = old->n;
	fb_part_free(old);
	*ranges = new;
	return 0;
}

struct fb_frontend_entry *fb_frontend_ranges_insert(struct fb_frontend_ranges *ranges,
						    const struct fb_frontend_entry *e)
{
	struct fb_frontend_entry *at = &ranges->entries[ranges->n];

	while (at > ranges->entries &&
	       !fb_frontend_range_before(at - 1, &e->addr, e->proto, rte_be_to_cpu_16(e->port_be))) {
		*at = at[-1];
		at--;
	}
	*at = *e;
	ranges->n++;
	return at;
}

void fb_frontend_ranges_remove(struct fb_frontend_ranges *ranges, struct fb_frontend_entry *e)
{
	ranges->n--;
	memmove(e, e + 1, (size_t)(&ranges->entries[ranges->n] - e) * sizeof(*e));
}

struct fb_address_index *fb_address_index_create(uint32_t n)
{
	uint32_t cap = capacity_for(n);
	struct fb_address_index *index = fb_part_alloc(
		sizeof(*index) + (size_t)cap * sizeof(struct fb_address_entry));

	if (index != NULL)
		index->mask = cap - 1;
	return index;
}

void fb_address_index_add(struct fb_address_index *index, const struct fb_hash_secret *s,
			  const struct fb_addr *addr, uint8_t bits)
{
	const struct fb_address_entry *found = fb_address_index_at(index, s, addr);
	struct fb_address_entry *e = &index->entries[found - index->entries];

	if (e->bits == 0)
		index->n++;
	e->addr = *addr;
	e->bits |= bits;
	index->box_ends |= bits & FB_ADDR_BOX ? fb_address_end_bit(addr->bytes[15]) : 0;
}
