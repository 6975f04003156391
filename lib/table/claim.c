/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Who has which frontend and which place, in the staged index.
 */

#include <errno.h>
#include <stdlib.h>

#include "table/state.h"

static struct fb_frontend_entry *port_at(struct fb_table *t, const struct fb_service_part *svc,
					 const struct fb_frontend_spec *f)
{
	const struct fb_frontend_entry *e = fb_frontend_index_at(
		t->index, &t->ids.secret, &f->addr, f->port_be, svc->pub.proto);

	return &t->index->entries[e - t->index->entries];
}

/* A range that has a port of this one; of another group, if there is such a one. */
static struct fb_frontend_entry *range_at(struct fb_table *t, const struct fb_service_part *svc,
					  const struct fb_frontend_spec *f)
{
	struct fb_frontend_ranges *r = t->ranges;
	const struct fb_frontend_entry *found = fb_frontend_ranges_at(
		r, &f->addr, svc->pub.proto, rte_be_to_cpu_16(f->port_be), f->last);

	if (found == NULL)
		return NULL;
	for (const struct fb_frontend_entry *e = found;
	     e < &r->entries[r->n] && e->proto == svc->pub.proto &&
	     rte_be_to_cpu_16(e->port_be) <= f->last && fb_addr_equal(&e->addr, &f->addr);
	     e++) {
		if (t->places[e->place]->group != svc->group) {
			found = e;
			break;
		}
	}
	return &r->entries[found - r->entries];
}

struct fb_frontend_entry *fb_claim_at(struct fb_table *t, const struct fb_service_part *svc,
				      const struct fb_frontend_spec *f)
{
	struct fb_frontend_entry *e;

	if (fb_frontend_is_range(f))
		return range_at(t, svc, f);
	e = port_at(t, svc, f);
	return e->proto != 0 ? e : NULL;
}

static struct fb_frontend_entry *enter(struct fb_table *t, const struct fb_service_part *svc,
				       const struct fb_frontend_spec *f)
{
	const struct fb_frontend_entry entry = {
		.addr = f->addr,
		.port_be = f->port_be,
		.proto = svc->pub.proto,
		.place = svc->place,
		.last = f->last,
		.shift = f->shift,
	};
	struct fb_frontend_entry *e;

	if (fb_frontend_is_range(f))
		return fb_frontend_ranges_insert(t->ranges, &entry);
	e = port_at(t, svc, f);
	*e = entry;
	t->index->n++;
	return e;
}

void fb_claim_take(struct fb_table *t, struct fb_service_part *svc,
		   const struct fb_frontend_spec *from, uint32_t n)
{
	uint32_t n_held = 0;
	uint32_t n_refused = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct fb_frontend_entry *e = fb_claim_at(t, svc, &from[i]);
		uint8_t kinds = (uint8_t)(1 << from[i].kind);

		if (e != NULL && t->places[e->place]->group != svc->group) {
			n_refused++;
			continue;
		}
		if (e != NULL && e->place != svc->place) {
			e->kinds |= kinds;
			continue;
		}
		if (e == NULL)
			e = enter(t, svc, &from[i]);
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

		if (e == NULL || e->place != svc->place)
			continue;
		if (fb_frontend_is_range(&svc->frontends[i]))
			fb_frontend_ranges_remove(t->ranges, e);
		else
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

		if (e != NULL && e->place == last->place)
			e->place = svc->place;
	}
	last->place = svc->place;
	t->places[svc->place] = last;
	t->place_ids[svc->place] = last->pub.id;
}

void fb_place_take(struct fb_table *t, struct fb_service_part *svc, uint32_t place)
{
	svc->place = place;
	t->places[place] = svc;
	t->place_ids[place] = svc->pub.id;
}

int fb_place_reserve(struct fb_table *t, uint32_t n)
{
	uint32_t cap = t->places_cap != 0 ? t->places_cap : 16;
	struct fb_service_part **places;
	uint32_t *ids;

	if (n <= t->places_cap)
		return 0;
	while (cap < n)
		cap *= 2;
	places = realloc(t->places, cap * sizeof(*places));
	if (places == NULL)
		return -ENOMEM;
	t->places = places;
	ids = realloc(t->place_ids, cap * sizeof(*ids));
	if (ids == NULL)
		return -ENOMEM;
	t->place_ids = ids;
	t->places_cap = cap;
	return 0;
}
