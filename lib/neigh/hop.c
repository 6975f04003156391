/* SPDX-License-Identifier: BSD-3-Clause */

#include "neigh/hop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "neigh/map.h"

#define MAX_PLACES 65536 /* nh_idx has 16 bits */

/* A resolved neighbour in use: often enough that the kernel revalidates it whenever it turns stale. */
#define POKE_READY_MS 20000
/* An unresolved one: the kernel asks three times, a second apart, then gives up until poked again. */
#define POKE_FIRST_MS 1000
#define POKE_LAST_MS  5000

struct neighbour {
	struct fb_neigh_map_node node; /* first: map nodes are cast to this */
	struct fb_addr addr;
	uint8_t port;
	bool fixed;
	bool resolved;
	bool in_dump;
	uint8_t mac[6];
	uint16_t first_place; /* chained by place.next; 0: none */
	uint32_t poke_wait_ms;
	uint64_t poke_at_ms;
};

struct place {
	struct neighbour *neighbour; /* NULL: free */
	uint32_t n_holds;
	uint16_t next; /* of the same neighbour, or of the free places */
	bool idle_known;
	uint64_t idle_since_ms;
};

struct fb_hops {
	struct fb_hash_secret secret;
	struct fb_neigh_map neighbours;
	struct fb_next_hop *array; /* same places as below */
	struct place *places;
	uint32_t n_places; /* one past the highest ever used */
	uint32_t places_cap;
	uint16_t first_free;
	bool forgot; /* since fb_hops_forgot() */
	bool full;   /* somebody was refused a place since one was free */
};

struct fb_hops *fb_hops_create(const struct fb_hash_secret *secret)
{
	struct fb_hops *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->secret = *secret;
	h->places_cap = 64;
	h->n_places = 1;
	h->array = calloc(h->places_cap, sizeof(*h->array));
	h->places = calloc(h->places_cap, sizeof(*h->places));
	if (h->array == NULL || h->places == NULL || fb_neigh_map_init(&h->neighbours) != 0) {
		free(h->array);
		free(h->places);
		free(h);
		return NULL;
	}
	return h;
}

void fb_hops_free(struct fb_hops *h)
{
	struct fb_neigh_map_node *node;

	if (h == NULL)
		return;
	while ((node = fb_neigh_map_next(&h->neighbours, NULL)) != NULL) {
		fb_neigh_map_remove(&h->neighbours, node);
		free(node);
	}
	fb_neigh_map_fini(&h->neighbours);
	free(h->array);
	free(h->places);
	free(h);
}

const struct fb_next_hop *fb_hops_array(const struct fb_hops *h, uint32_t *ret_n)
{
	*ret_n = h->n_places;
	return h->array;
}

int fb_hops_describe(const struct fb_hops *h, uint16_t nh_idx, struct fb_addr *ret_addr)
{
	if (nh_idx >= h->n_places || h->places[nh_idx].neighbour == NULL)
		return -ENOENT;
	*ret_addr = h->places[nh_idx].neighbour->addr;
	return 0;
}

static uint64_t hash_of(const struct fb_hops *h, uint8_t port, const struct fb_addr *addr)
{
	return fb_hash_bytes(&h->secret, addr->bytes, sizeof(addr->bytes)) + port;
}

static struct neighbour *find(const struct fb_hops *h, uint8_t port, const struct fb_addr *addr)
{
	struct fb_neigh_map_node *node;

	for (node = fb_neigh_map_first(&h->neighbours, hash_of(h, port, addr)); node != NULL;
	     node = fb_neigh_map_same(node)) {
		struct neighbour *nb = (struct neighbour *)node;

		if (nb->port == port && fb_addr_equal(&nb->addr, addr))
			return nb;
	}
	return NULL;
}

static struct neighbour *find_or_add(struct fb_hops *h, uint8_t port, const struct fb_addr *addr)
{
	struct neighbour *nb = find(h, port, addr);

	if (nb != NULL)
		return nb;
	nb = calloc(1, sizeof(*nb));
	if (nb == NULL) {
		h->forgot = true;
		return NULL;
	}
	nb->port = port;
	nb->addr = *addr;
	nb->poke_wait_ms = POKE_FIRST_MS;
	fb_neigh_map_insert(&h->neighbours, &nb->node, hash_of(h, port, addr));
	return nb;
}

/* Remembered only while somebody can ask for it. */
static void drop_if_unused(struct fb_hops *h, struct neighbour *nb)
{
	if (nb->resolved || nb->fixed || nb->first_place != 0)
		return;
	fb_neigh_map_remove(&h->neighbours, &nb->node);
	free(nb);
}

static void show(struct fb_hops *h, const struct neighbour *nb, uint16_t place)
{
	struct fb_next_hop *hop = &h->array[place];

	hop->port = nb->port;
	hop->state = nb->resolved ? FB_HOP_READY : FB_HOP_UNRESOLVED;
	memcpy(hop->mac, nb->mac, sizeof(hop->mac));
}

/* @return whether any place shows it differently now */
static bool set_mac(struct fb_hops *h, struct neighbour *nb, const uint8_t *mac)
{
	static const uint8_t no_mac[6];

	if (nb->resolved == (mac != NULL) && (mac == NULL || memcmp(nb->mac, mac, 6) == 0))
		return false;
	if (nb->resolved != (mac != NULL)) {
		nb->poke_wait_ms = POKE_FIRST_MS;
		nb->poke_at_ms = 0;
	}
	nb->resolved = mac != NULL;
	memcpy(nb->mac, mac != NULL ? mac : no_mac, sizeof(nb->mac));
	for (uint16_t p = nb->first_place; p != 0; p = h->places[p].next)
		show(h, nb, p);
	return nb->first_place != 0;
}

bool fb_hops_learn(struct fb_hops *h, uint8_t port, const struct fb_addr *addr, const uint8_t *mac)
{
	struct neighbour *nb = mac != NULL ? find_or_add(h, port, addr) : find(h, port, addr);
	bool changed;

	if (nb == NULL || nb->fixed)
		return false;
	nb->in_dump = true;
	changed = set_mac(h, nb, mac);
	drop_if_unused(h, nb);
	return changed;
}

int fb_hops_fix(struct fb_hops *h, uint8_t port, const struct fb_addr *addr, const uint8_t mac[6])
{
	struct neighbour *nb = find_or_add(h, port, addr);

	if (nb == NULL)
		return -ENOMEM;
	nb->fixed = true;
	(void)set_mac(h, nb, mac);
	return 0;
}

bool fb_hops_forgot(struct fb_hops *h)
{
	bool forgot = h->forgot;

	h->forgot = false;
	return forgot;
}

void fb_hops_dump_begin(struct fb_hops *h)
{
	struct fb_neigh_map_node *node = NULL;

	while ((node = fb_neigh_map_next(&h->neighbours, node)) != NULL)
		((struct neighbour *)node)->in_dump = false;
}

bool fb_hops_dump_end(struct fb_hops *h)
{
	struct fb_neigh_map_node *next;
	bool changed = false;

	for (struct fb_neigh_map_node *node = fb_neigh_map_next(&h->neighbours, NULL); node != NULL;
	     node = next) {
		struct neighbour *nb = (struct neighbour *)node;

		next = fb_neigh_map_next(&h->neighbours, node);
		if (nb->in_dump || nb->fixed)
			continue;
		changed |= set_mac(h, nb, NULL);
		drop_if_unused(h, nb);
	}
	return changed;
}

static bool widen(struct fb_hops *h)
{
	uint32_t cap = h->places_cap * 2;
	struct fb_next_hop *array;
	struct place *places = NULL;

	h->full = cap > MAX_PLACES;
	if (h->full)
		return false;
	array = realloc(h->array, cap * sizeof(*array));
	if (array != NULL) {
		h->array = array;
		places = realloc(h->places, cap * sizeof(*places));
	}
	if (places == NULL) {
		h->forgot = true;
		return false;
	}
	h->places = places;
	h->places_cap = cap;
	return true;
}

static uint16_t take_place(struct fb_hops *h)
{
	uint16_t p = h->first_free;

	if (p != 0) {
		h->first_free = h->places[p].next;
		return p;
	}
	if (h->n_places == h->places_cap && !widen(h))
		return 0;
	return (uint16_t)h->n_places++;
}

uint16_t fb_hops_hold(struct fb_hops *h, uint8_t port, const struct fb_addr *addr, uint16_t mtu)
{
	struct neighbour *nb = find_or_add(h, port, addr);
	uint16_t p;

	if (nb == NULL)
		return 0;
	for (p = nb->first_place; p != 0 && h->array[p].mtu != mtu; p = h->places[p].next)
		;
	if (p == 0) {
		p = take_place(h);
		if (p == 0) {
			drop_if_unused(h, nb);
			return 0;
		}
		h->places[p] = (struct place){.neighbour = nb, .next = nb->first_place};
		nb->first_place = p;
		h->array[p] = (struct fb_next_hop){.mtu = mtu};
		show(h, nb, p);
	}
	h->places[p].n_holds++;
	return p;
}

void fb_hops_release(struct fb_hops *h, uint16_t nh_idx)
{
	struct place *place = &h->places[nh_idx];

	if (nh_idx == 0)
		return;
	place->n_holds--;
	place->idle_known = false; /* the next fb_hops_expire() knows the time */
}

bool fb_hops_poke(struct fb_hops *h, uint16_t nh_idx, uint64_t now_ms, uint8_t *ret_port,
		  struct fb_addr *ret_addr)
{
	struct neighbour *nb = nh_idx < h->n_places ? h->places[nh_idx].neighbour : NULL;

	if (nb == NULL || nb->fixed || h->places[nh_idx].n_holds == 0 || now_ms < nb->poke_at_ms)
		return false;
	if (nb->resolved) {
		nb->poke_at_ms = now_ms + POKE_READY_MS;
	} else {
		nb->poke_at_ms = now_ms + nb->poke_wait_ms;
		nb->poke_wait_ms *= 2;
		if (nb->poke_wait_ms > POKE_LAST_MS)
			nb->poke_wait_ms = POKE_LAST_MS;
	}
	*ret_port = nb->port;
	*ret_addr = nb->addr;
	return true;
}

static void free_place(struct fb_hops *h, uint16_t p)
{
	struct neighbour *nb = h->places[p].neighbour;
	uint16_t *at = &nb->first_place;

	while (*at != p)
		at = &h->places[*at].next;
	*at = h->places[p].next;
	h->places[p] = (struct place){.next = h->first_free};
	h->array[p] = (struct fb_next_hop){.state = FB_HOP_NONE};
	h->first_free = p;
	h->forgot |= h->full;
	h->full = false;
	drop_if_unused(h, nb);
}

void fb_hops_expire(struct fb_hops *h, uint64_t now_ms)
{
	for (uint32_t p = 1; p < h->n_places; p++) {
		struct place *place = &h->places[p];

		if (place->neighbour == NULL || place->n_holds > 0)
			continue;
		if (!place->idle_known) {
			place->idle_known = true;
			place->idle_since_ms = now_ms;
		} else if (now_ms - place->idle_since_ms >= FB_HOP_GRACE_MS) {
			free_place(h, (uint16_t)p);
		}
	}
}
