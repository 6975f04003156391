/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Who has which frontend and which place, in the staged index.
 */

#include <errno.h>
#include <stdlib.h>

#include "table/state.h"

struct fb_frontend_entry *fb_claim_at(struct fb_table *t, const struct fb_service_part *svc,
				      const struct fb_frontend_spec *f)
{
	const struct fb_frontend_entry *e = fb_frontend_index_at(
		t->index, &t->ids.secret, &f->addr, f->port_be, svc->pub.proto);

	return &t->index->entries[e - t->index->entries];
}

void fb_claim_take(struct fb_table *t, struct fb_service_part *svc,
		   const struct fb_frontend_spec *from, uint32_t n)
{
	uint32_t n_held = 0;
	uint32_t n_refused = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct fb_frontend_entry *e = fb_claim_at(t, svc, &from[i]);
		uint8_t kinds = (uint8_t)(1 << from[i].kind);

		if (e->proto != 0 && t->places[e->place]->group != svc->group) {
			n_refused++;
			continue;
		}
		if (e->proto != 0 && e->place != svc->place) {
			e->kinds |= kinds;
			continue;
		}
		if (e->proto == 0) {
			*e = (struct fb_frontend_entry){.addr = from[i].addr,
							.port_be = from[i].port_be,
							.proto = svc->pub.proto,
							.place = svc->place};
			t->index->n++;
		}
		e->kinds |= kinds;
		if (!svc->published)
			svc->frontends[n_held++] = from[i];
	}
	if (!svc->published) {
		svc->pub.n_frontends = n_held;
		svc->n_refused = n_refused;
	}
}

void fb_claim_leave(struct fb_table *t, const struct fb_service_part *svc)
{
	for (uint32_t i = 0; i < svc->pub.n_frontends; i++) {
		struct fb_frontend_entry *e = fb_claim_at(t, svc, &svc->frontends[i]);

		if (e->proto != 0 && e->place == svc->place)
			fb_frontend_index_remove(t->index, &t->ids.secret, e);
	}
}

void fb_place_leave(struct fb_table *t, const struct fb_service_part *svc)
{
	struct fb_service_part *last = t->places[--t->n_places];

	if (last == svc)
		return;
	for (uint32_t i = 0; i < last->pub.n_frontends; i++) {
		struct fb_frontend_entry *e = fb_claim_at(t, last, &last->frontends[i]);

		if (e->proto != 0 && e->place == last->place)
			e->place = svc->place;
	}
	last->place = svc->place;
	t->places[svc->place] = last;
}

void fb_place_take(struct fb_table *t, struct fb_service_part *svc, uint32_t place)
{
	svc->place = place;
	t->places[place] = svc;
}

int fb_place_reserve(struct fb_table *t, uint32_t n)
{
	uint32_t cap = t->places_cap != 0 ? t->places_cap : 16;
	struct fb_service_part **places;

	if (n <= t->places_cap)
		return 0;
	while (cap < n)
		cap *= 2;
	places = realloc(t->places, cap * sizeof(*places));
	if (places == NULL)
		return -ENOMEM;
	t->places = places;
	t->places_cap = cap;
	return 0;
}
