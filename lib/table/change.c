/* SPDX-License-Identifier: BSD-3-Clause */

#include "table/change.h"

#include <errno.h>
#include <stdlib.h>

#include "table/service.h"

/* In the order of services. */
static int compare(const struct fb_endpoint *a, const struct fb_endpoint_spec *b)
{
	if (a->state != b->state)
		return (int)a->state - (int)b->state;
	return fb_service_compare_keys(&a->addr, a->port_be, &b->addr, b->port_be);
}

static inline bool is_same(const struct fb_service_part *old, uint32_t was,
			   const struct fb_endpoint_spec *now)
{
	const struct fb_endpoint *e = &old->endpoints[was];

	/* Those that drain have none. */
	if (was < old->pub.n_active && old->weights[was] != now->weight)
		return false;
	return fb_addr_equal(&e->addr, &now->addr) && e->port_be == now->port_be &&
	       e->state == now->state && e->terminating == now->terminating;
}

int fb_change_find(const struct fb_service_part *old, const struct fb_service_spec *spec,
		   struct fb_change *ret)
{
	const uint32_t n_new = spec->n_endpoints;
	const uint32_t n_old = old != NULL ? old->pub.n_endpoints : 0;
	uint32_t *come;
	uint32_t *gone;
	uint32_t n_come = 0;
	uint32_t n_gone = 0;

	if (n_old == 0) {
		*ret = (struct fb_change){.come = {NULL, n_new}};
		return 0;
	}
	come = malloc(((size_t)n_new + n_old) * sizeof(*come));
	if (come == NULL)
		return -ENOMEM;
	gone = come + n_new;
	for (uint32_t i = 0, k = 0; i < n_new || k < n_old;) {
		int order;

		if (i < n_new && k < n_old && is_same(old, k, &spec->endpoints[i])) {
			i++;
			k++;
			continue;
		}
		order = i == n_new   ? -1
			: k == n_old ? 1
				     : compare(&old->endpoints[k], &spec->endpoints[i]);
		if (order >= 0)
			come[n_come++] = i++;
		if (order <= 0)
			gone[n_gone++] = k++;
	}
	*ret = (struct fb_change){come, {come, n_come}, {gone, n_gone}};
	return 0;
}

void fb_change_fini(struct fb_change *change)
{
	free(change->memory);
	*change = (struct fb_change){0};
}

bool fb_change_keeps(const struct fb_change *change, uint32_t n_old, uint32_t n_active)
{
	return (change->come.n == 0 || fb_places_at(&change->come, 0) >= n_active) &&
	       (change->gone.n == 0 || fb_places_at(&change->gone, 0) >= n_old);
}

bool fb_change_next_run(const struct fb_change *change, uint32_t n_new, struct fb_run *run)
{
	const struct fb_places *come = &change->come;
	const struct fb_places *gone = &change->gone;

	run->at += run->n;
	run->was += run->n;
	for (; run->n_come < come->n && fb_places_at(come, run->n_come) == run->at; run->n_come++)
		run->at++;
	for (; run->n_gone < gone->n && fb_places_at(gone, run->n_gone) == run->was; run->n_gone++)
		run->was++;
	if (run->n_come < come->n && fb_places_at(come, run->n_come) < n_new)
		n_new = fb_places_at(come, run->n_come);
	run->n = n_new > run->at ? n_new - run->at : 0;
	if (run->n_gone < gone->n && fb_places_at(gone, run->n_gone) - run->was < run->n)
		run->n = fb_places_at(gone, run->n_gone) - run->was;
	return run->n > 0;
}
