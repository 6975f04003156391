/* SPDX-License-Identifier: BSD-3-Clause */

#include "desired/recent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "desired/candidates.h"
#include "desired/desired.h"

/* Candidates of a list that is remembered: with fewer, to find them again takes some 50 us. */
#define LEAST 1024

/* Lists: a guess. A Service has one for each port and family; one of 20,000 endpoints is 640 KB. */
#define MOST 64

struct list {
	struct list *next;         /* the one that was of use before it */
	struct fb_object *service; /* as written; held */
	uint32_t port;             /* of it: which */
	enum fb_family family;
	char *zone;
	const struct fb_object **slices; /* by where they are in memory; held */
	uint32_t n_slices;
	struct desired_candidate *v; /* ordered */
	uint32_t n;
	bool distinct; /* no endpoint is listed twice */
};

struct fb_desired_recent {
	struct list *first;
};

/* Holds are counted; what slices say stays as it is. */
static void hold(const struct fb_object *slice)
{
	(void)fb_object_hold((struct fb_object *)(uintptr_t)slice);
}

static void release(const struct fb_object *slice)
{
	fb_object_release((struct fb_object *)(uintptr_t)slice);
}

static void free_list(struct list *list)
{
	for (uint32_t i = 0; i < list->n_slices; i++)
		release(list->slices[i]);
	fb_object_release(list->service);
	free(list->slices);
	free(list->v);
	free(list->zone);
	free(list);
}

struct fb_desired_recent *fb_desired_recent_create(void)
{
	return calloc(1, sizeof(struct fb_desired_recent));
}

/* From a link on. */
static void free_rest(struct list **link)
{
	while (*link != NULL) {
		struct list *list = *link;

		*link = list->next;
		free_list(list);
	}
}

void fb_desired_recent_free(struct fb_desired_recent *recent)
{
	if (recent == NULL)
		return;
	free_rest(&recent->first);
	free(recent);
}

void desired_recent_settle(struct fb_desired_recent *recent, const char *namespace_,
			   const char *name, const struct fb_store_view *view)
{
	struct list **link = recent != NULL ? &recent->first : NULL;

	while (link != NULL && *link != NULL) {
		struct list *list = *link;
		const struct fb_meta *meta = &list->service->meta;
		const bool stays = view != NULL && view->written == list->service &&
				   view->n_slices > 0;

		if (stays || strcmp(meta->namespace_, namespace_) != 0 ||
		    strcmp(meta->name, name) != 0) {
			link = &list->next;
			continue;
		}
		*link = list->next;
		free_list(list);
	}
}

static uint32_t port_of(const struct desired_query *query)
{
	return (uint32_t)(query->port - query->view->service->service.ports);
}

/* Out of its place; one of another zone is forgotten. NULL: there is none. */
static struct list *take(struct fb_desired_recent *recent, const struct desired_query *query)
{
	for (struct list **link = &recent->first; *link != NULL; link = &(*link)->next) {
		struct list *list = *link;

		if (list->service != query->view->written || list->port != port_of(query) ||
		    list->family != query->family)
			continue;
		*link = list->next;
		if (strcmp(list->zone, query->zone) == 0)
			return list;
		free_list(list);
		return NULL;
	}
	return NULL;
}

/* To the front; the last one goes where there are too many. */
static void put(struct fb_desired_recent *recent, struct list *list)
{
	struct list **link = &recent->first;

	list->next = recent->first;
	recent->first = list;
	for (uint32_t i = 0; i < MOST && *link != NULL; i++)
		link = &(*link)->next;
	free_rest(link);
}

static struct list *create(const struct desired_query *query)
{
	struct list *list = calloc(1, sizeof(*list));

	if (list == NULL)
		return NULL;
	list->service = fb_object_hold(query->view->written);
	list->port = port_of(query);
	list->family = query->family;
	list->zone = strdup(query->zone);
	if (list->zone == NULL) {
		free_list(list);
		return NULL;
	}
	return list;
}

static int compare_pointers(const void *a, const void *b)
{
	const uintptr_t x = (uintptr_t) * (const struct fb_object *const *)a;
	const uintptr_t y = (uintptr_t) * (const struct fb_object *const *)b;

	return (x > y) - (x < y);
}

/* What is only in the first of two sorted lists. @return how many */
static uint32_t only_in(const struct fb_object *const *v, uint32_t n,
			const struct fb_object *const *others, uint32_t n_others,
			const struct fb_object **ret)
{
	uint32_t n_ret = 0;
	uint32_t k = 0;

	for (uint32_t i = 0; i < n; i++) {
		while (k < n_others && compare_pointers(&others[k], &v[i]) < 0)
			k++;
		if (k == n_others || others[k] != v[i])
			ret[n_ret++] = v[i];
	}
	return n_ret;
}

/* A change of a list, before it is one. */
struct draft {
	const struct fb_object **slices; /* all there are now, for the list */
	const struct fb_object **gone;   /* and those that are not in both; in the arena */
	const struct fb_object **come;
	uint32_t n_gone;
	uint32_t n_come;
	struct desired_candidate *v;
	uint32_t n;
};

static int compare_slices(struct fb_arena *arena, const struct list *list,
			  const struct fb_store_view *view, struct draft *d)
{
	d->slices = malloc(view->n_slices * sizeof(*d->slices));
	d->gone = fb_arena_alloc_unset(arena, list->n_slices, sizeof(*d->gone));
	d->come = fb_arena_alloc_unset(arena, view->n_slices, sizeof(*d->come));
	if (d->slices == NULL || d->gone == NULL || d->come == NULL)
		return -ENOMEM;
	memcpy(d->slices, view->slices, view->n_slices * sizeof(*d->slices));
	qsort(d->slices, view->n_slices, sizeof(*d->slices), compare_pointers);
	d->n_gone = only_in(list->slices, list->n_slices, d->slices, view->n_slices, d->gone);
	d->n_come = only_in(d->slices, view->n_slices, list->slices, list->n_slices, d->come);
	return 0;
}

static int compare_candidates(struct fb_arena *arena, const struct list *list,
			      const struct desired_query *query, const struct desired_said *said,
			      struct draft *d)
{
	const struct desired_candidates from = {list->v, list->n};
	struct desired_candidates gone;
	struct desired_candidates come;
	int rc = desired_of_slices(arena, query, said, d->gone, d->n_gone, &gone);

	if (rc == 0)
		rc = desired_of_slices(arena, query, said, d->come, d->n_come, &come);
	if (rc != 0)
		return rc;
	d->v = malloc((from.n - gone.n + come.n + 1) * sizeof(*d->v));
	if (d->v == NULL)
		return -ENOMEM;
	d->n = desired_replace(&from, &gone, &come, d->v);
	return 0;
}

static void apply(struct list *list, const struct draft *d, uint32_t n_slices)
{
	for (uint32_t i = 0; i < d->n_come; i++)
		hold(d->come[i]);
	for (uint32_t i = 0; i < d->n_gone; i++)
		release(d->gone[i]);
	free(list->slices);
	free(list->v);
	list->slices = d->slices;
	list->n_slices = n_slices;
	list->v = d->v;
	list->n = d->n;
	list->distinct = desired_are_distinct(d->v, d->n);
}

/* @return 0 or -ENOMEM: then the list is as it was */
static int update(struct fb_arena *arena, struct list *list, const struct desired_query *query,
		  const struct desired_said *said)
{
	struct draft d = {.slices = NULL};
	int rc = compare_slices(arena, list, query->view, &d);

	if (rc == 0 && d.n_gone + d.n_come == 0) {
		free(d.slices);
		return 0;
	}
	if (rc == 0)
		rc = compare_candidates(arena, list, query, said, &d);
	if (rc != 0) {
		free(d.slices);
		return rc;
	}
	apply(list, &d, query->view->n_slices);
	return 0;
}

/* Each endpoint once: of a list that is remembered, a copy where it has to be another. */
static int give(struct fb_arena *arena, const struct list *list, struct desired_candidates *ret)
{
	struct desired_candidate *v;

	*ret = (struct desired_candidates){list->v, list->n};
	if (list->distinct)
		return 0;
	v = fb_arena_alloc_unset(arena, list->n, sizeof(*v));
	if (v == NULL)
		return -ENOMEM;
	memcpy(v, list->v, list->n * sizeof(*v));
	*ret = (struct desired_candidates){v, desired_keep_best(v, list->n)};
	return 0;
}

/* And nothing is remembered. */
static int collect_all(struct fb_arena *arena, const struct desired_query *query,
		       const struct desired_said *said, struct desired_candidates *ret)
{
	struct desired_candidates all;
	int rc = desired_of_slices(arena, query, said, query->view->slices, query->view->n_slices,
				   &all);
	struct desired_candidate *v;

	if (rc != 0)
		return rc;
	v = (struct desired_candidate *)(uintptr_t)all.v; /* the arena's */
	*ret = (struct desired_candidates){v, desired_keep_best(v, all.n)};
	return 0;
}

static bool is_large(const struct fb_store_view *view)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < view->n_slices && n < LEAST; i++)
		n += view->slices[i]->slice.n_endpoints;
	return n >= LEAST;
}

int desired_recent_collect(struct fb_arena *arena, const struct desired_query *query,
			   const struct desired_said *said, struct desired_candidates *ret)
{
	struct fb_desired_recent *recent = query->recent;
	struct list *list;
	int rc;

	if (recent == NULL)
		return collect_all(arena, query, said, ret);
	list = take(recent, query);
	if (said->n > 0 || !is_large(query->view)) {
		if (list != NULL)
			free_list(list);
		return collect_all(arena, query, said, ret);
	}
	if (list == NULL)
		list = create(query);
	if (list == NULL)
		return -ENOMEM;
	rc = update(arena, list, query, said);
	put(recent, list);
	return rc == 0 ? give(arena, list, ret) : rc;
}
