/* SPDX-License-Identifier: BSD-3-Clause */

#include "table/diff.h"

#include <errno.h>
#include <stdlib.h>

#define NOWHERE UINT32_MAX

static int compare(const struct fb_endpoint *a, const struct fb_endpoint *b)
{
	int order = memcmp(a->addr.bytes, b->addr.bytes, sizeof(a->addr.bytes));

	return order != 0 ? order : memcmp(&a->port_be, &b->port_be, sizeof(a->port_be));
}

static uint32_t count_active(const struct fb_service *svc)
{
	uint32_t n = 0;

	while (n < svc->n_endpoints && svc->endpoints[n].state == FB_EP_ACTIVE)
		n++;
	return n;
}

/* Where the active endpoints of old are in new; both are in order. */
static void match(const struct fb_service *old, uint32_t n_old, const struct fb_service *new,
		  uint32_t *places)
{
	uint32_t n_new = count_active(new);
	uint32_t k = 0;

	for (uint32_t i = 0; i < n_old; i++) {
		while (k < n_new && compare(&new->endpoints[k], &old->endpoints[i]) < 0)
			k++;
		places[i] = k < n_new && compare(&new->endpoints[k], &old->endpoints[i]) == 0
				    ? k
				    : NOWHERE;
	}
}

/* First hash beyond a slot: the inverse of fb_hash_reduce(). */
static uint64_t slot_end(uint32_t slot, uint32_t n_slots)
{
	return (((uint64_t)(slot + 1) << 32) + n_slots - 1) / n_slots;
}

int fb_table_diff_service(const struct fb_service *old, const struct fb_service *new,
			  struct fb_table_diff *ret)
{
	const double all = 4294967296.0; /* hashes there are */
	uint64_t stays = 0;
	uint64_t left = 0;
	uint64_t at = 0;
	uint32_t *places;
	uint32_t n_old;

	if (old == NULL || old->n_slots == 0) {
		*ret = (struct fb_table_diff){0};
		return 0;
	}
	if (new == NULL || new->n_slots == 0) {
		*ret = (struct fb_table_diff){.moved_left = 1.0};
		return 0;
	}
	n_old = count_active(old);
	places = malloc(n_old * sizeof(*places));
	if (places == NULL)
		return -ENOMEM;
	match(old, n_old, new, places);
	for (uint32_t i = 0, k = 0; i < old->n_slots;) {
		uint64_t end_i = slot_end(i, old->n_slots);
		uint64_t end_k = slot_end(k, new->n_slots);
		uint64_t end = end_i < end_k ? end_i : end_k;
		uint32_t place = places[old->slots[i]];

		if (place == NOWHERE)
			left += end - at;
		else if (place != new->slots[k])
			stays += end - at;
		at = end;
		i += end == end_i;
		k += end == end_k;
	}
	free(places);
	ret->moved_stays = (double)stays / all;
	ret->moved_left = (double)left / all;
	return 0;
}
