/* SPDX-License-Identifier: BSD-3-Clause */

/* Services that want what others have: the older one keeps it, whoever was read first. */

#include "control/conflict.h"

#include <stdlib.h>
#include <string.h>

void fb_conflict_fini(struct fb_conflict *conflict)
{
	free(conflict->namespace_);
	free(conflict->name);
	free(conflict->text);
}

struct fb_conflict *fb_conflict_find(struct fb_control *c, const char *namespace_,
					 const char *name)
{
	for (uint32_t i = 0; i < c->n_conflicts; i++) {
		if (strcmp(c->conflicts[i].name, name) == 0 &&
		    strcmp(c->conflicts[i].namespace_, namespace_) == 0)
			return &c->conflicts[i];
	}
	return NULL;
}

void fb_conflict_add(struct fb_control *c, const char *namespace_, const char *name)
{
	struct fb_conflict conflict = {.namespace_ = strdup(namespace_), .name = strdup(name)};
	struct fb_conflict *v;

	v = reallocarray(c->conflicts, c->n_conflicts + 1, sizeof(*v));
	if (v != NULL)
		c->conflicts = v;
	if (v == NULL || conflict.namespace_ == NULL || conflict.name == NULL) {
		/* Not remembered: then everything is tried again. */
		fb_conflict_fini(&conflict);
		c->retry = true;
		return;
	}
	v[c->n_conflicts++] = conflict;
}

/* A frontend of the Service that a younger one has; NULL: none. */
static const struct fb_service *younger_holder(const struct fb_control *c,
					       const struct fb_service_specs *specs,
					       const struct fb_object *object)
{
	for (uint32_t s = 0; s < specs->n; s++) {
		for (uint32_t f = 0; f < specs->v[s].n_frontends; f++) {
			const struct fb_frontend_spec *fe = &specs->v[s].frontends[f];
			const struct fb_service *holder = fb_table_holder(c->p.table, &fe->addr,
									  fe->port_be,
									  specs->v[s].proto);
			const struct fb_object *other =
				holder != NULL
					? fb_store_find(c->store, FB_KIND_SERVICE,
							holder->namespace_, holder->name, NULL)
					: NULL;

			/* One that does not say how old it is was here first, and stays. */
			if (other != NULL && other->meta.creation[0] != '\0' &&
			    fb_object_compare_age(object, other) < 0)
				return holder;
		}
	}
	return NULL;
}

/*
 * The older Service keeps an address, also where the younger one was read first. That one is staged again
 * after the rest, with what is left for it.
 */
int fb_conflict_take_from_younger(struct fb_control *c, const char *namespace_, const char *name,
			     const struct fb_service_specs *specs, struct fb_errs *errs)
{
	const struct fb_object *object =
		fb_store_find(c->store, FB_KIND_SERVICE, namespace_, name, NULL);
	const struct fb_service *holder;
	int ret = 0;

	while (ret == 0 && errs->n_errors > 0 &&
	       (holder = younger_holder(c, specs, object)) != NULL) {
		if (fb_conflict_find(c, holder->namespace_, holder->name) == NULL)
			fb_conflict_add(c, holder->namespace_, holder->name);
		ret = fb_table_set_service(c->p.table, holder->namespace_, holder->name, NULL, 0,
					   specs->place, errs);
		fb_errs_fini(errs);
		/* What is staged as it was would not ask for the address again. */
		if (ret == 0)
			ret = fb_table_set_service(c->p.table, namespace_, name, NULL, 0,
						   specs->place, errs);
		if (ret == 0)
			ret = fb_table_set_service(c->p.table, namespace_, name, specs->v, specs->n,
						   specs->place, errs);
	}
	return ret;
}
