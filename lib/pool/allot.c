/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A round: those that changed give back what they no longer want, then all that is written is claimed,
 * then what is missing is allotted, the older Services first. So the order of files does not matter.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pool/work.h"

struct round {
	struct fb_pool *pool;
	struct fb_pool_work *v;
	size_t n;
};

/* ---- a Service ---- */

/* Told once: again only when it is another. */
static int keep_trouble(struct fb_pool_work *w, struct fb_errs *errs)
{
	struct fb_pool_record *record = w->record;
	const char *before = record->trouble != NULL ? record->trouble : "";
	char *text = NULL;

	if (strcmp(before, w->trouble) == 0)
		return 0;
	if (w->trouble[0] != '\0') {
		text = strdup(w->trouble);
		if (text == NULL)
			return -ENOMEM;
		fb_errs_add(errs, w->object->place, FB_SEV_NOTICE, "Service %s/%s: %s",
			    record->namespace_, record->name, text);
	}
	free(record->trouble);
	record->trouble = text;
	return 0;
}

/* externalIPs and the status: somebody else has decided on them. */
static int claim_others(struct fb_pool_work *w)
{
	const struct fb_model_service *service = &w->object->service;
	int rc = 0;

	for (uint32_t i = 0; i < service->n_external_ips; i++)
		rc |= fb_pool_use_add(w->pool, w->record, &service->external_ips[i], 0, true);
	for (uint32_t i = 0; i < service->n_ingress; i++) {
		if (service->ingress[i].has_addr)
			rc |= fb_pool_use_add(w->pool, w->record, &service->ingress[i].addr, 0,
					      true);
	}
	return rc;
}

static int claim_written(struct fb_pool_work *w)
{
	int rc = claim_others(w);

	if (rc == 0)
		rc = fb_pool_claim_cluster(w);
	if (rc == 0)
		rc = fb_pool_claim_ports(w);
	if (rc == 0)
		rc = fb_pool_claim_asked(w);
	return rc;
}

static int begin(struct fb_pool_work *w)
{
	const char *said = fb_labels_get(&w->object->meta.annotations, FB_ANNOTATION_SHARING);
	struct fb_pool_record *record = w->record;
	char *key = strdup(said != NULL ? said : "");

	w->full = fb_object_completed(w->object, &w->ports);
	if (key == NULL || w->full == NULL) {
		free(key);
		return -ENOMEM;
	}
	w->pool->changed |= strcmp(record->sharing_key, key) != 0;
	free(record->sharing_key);
	record->sharing_key = key;
	(void)fb_object_hold(w->object);
	fb_object_release(record->object);
	record->object = w->object;
	record->done = false;
	fb_pool_uses_stale(record);
	for (int f = 0; f < FB_FAMILY_COUNT; f++) {
		if (!fb_pool_wants_cluster(w->pool->config, w->object))
			fb_pool_give_back(w, &record->cluster[f]);
		if (!fb_pool_wants_balancer(w->pool->config, w->object))
			fb_pool_give_back(w, &record->balancer[f]);
	}
	if (!fb_pool_wants_ports(w->object))
		fb_pool_replace_ports(w, NULL, 0);
	return 0;
}

static int finish(struct fb_pool_work *w, struct fb_store *store, struct fb_errs *errs)
{
	struct fb_pool_record *record = w->record;
	struct fb_pool_families families;
	int rc;

	fb_pool_families(w->pool->config, w->object, &families);
	rc = fb_pool_settle_cluster(w, &families);
	if (rc == 0)
		rc = fb_pool_settle_balancer(w, &families);
	if (rc == 0)
		rc = fb_pool_settle_ports(w);
	if (rc == 0)
		rc = fb_pool_settle_health(w);
	fb_pool_uses_sweep(w->pool, record);
	if (rc == 0)
		rc = keep_trouble(w, errs);
	if (rc != 0)
		return rc;
	fb_store_complete(store, record->namespace_, record->name, w->changed ? w->full : NULL);
	w->pool->n_waiting += (uint32_t)w->waits - (uint32_t)record->waiting;
	record->waiting = w->waits;
	record->waits_since = w->pool->n_freed;
	record->done = true;
	return 0;
}

/* ---- a round ---- */

static int compare_work(const void *left, const void *right)
{
	const struct fb_pool_work *a = left;
	const struct fb_pool_work *b = right;
	int order = fb_object_compare_age(a->object, b->object);

	if (order == 0)
		order = strcmp(a->record->namespace_, b->record->namespace_);
	return order != 0 ? order : strcmp(a->record->name, b->record->name);
}

static int run(struct round *round, struct fb_store *store, struct fb_errs *errs)
{
	int rc = 0;

	if (round->n > 1)
		qsort(round->v, round->n, sizeof(*round->v), compare_work);
	for (size_t i = 0; i < round->n && rc == 0; i++)
		rc = begin(&round->v[i]);
	for (size_t i = 0; i < round->n && rc == 0; i++)
		rc = claim_written(&round->v[i]);
	for (size_t i = 0; i < round->n && rc == 0; i++)
		rc = finish(&round->v[i], store, errs);
	for (size_t i = 0; i < round->n; i++)
		fb_object_release(round->v[i].full);
	free(round->v);
	return rc;
}

/* Those that changed; those that went give all back at once. */
static int collect(struct round *round, struct fb_store *store)
{
	struct fb_store_service *service = NULL;

	round->v = calloc(fb_store_n_dirty(store) + 1, sizeof(*round->v));
	if (round->v == NULL)
		return -ENOMEM;
	while ((service = fb_store_dirty_next(store, service)) != NULL) {
		struct fb_pool_record *record;
		struct fb_store_view view;

		fb_store_service_view(service, &view);
		record = fb_pool_record_find(round->pool, view.namespace_, view.name);
		if (view.written == NULL) {
			if (record != NULL && record->object != NULL)
				fb_pool_record_drop(round->pool, record);
			continue;
		}
		if (record != NULL && record->done && record->object == view.written)
			continue;
		if (record == NULL)
			record = fb_pool_record_make(round->pool, view.namespace_, view.name);
		if (record == NULL)
			return -ENOMEM;
		round->v[round->n++] = (struct fb_pool_work){.pool = round->pool,
							     .record = record,
							     .object = view.written};
	}
	return 0;
}

/* Those that waited for what has become free. */
static int collect_waiting(struct round *round, struct fb_store *store)
{
	struct fb_pool *pool = round->pool;
	struct fb_index_link *link = NULL;

	*round = (struct round){.pool = pool};
	round->v = calloc(pool->n_waiting + 1u, sizeof(*round->v));
	if (round->v == NULL)
		return -ENOMEM;
	while (pool->n_waiting > 0 && (link = fb_index_walk(&pool->records, link)) != NULL) {
		struct fb_pool_record *record = (struct fb_pool_record *)link;

		if (!record->waiting || record->waits_since == pool->n_freed)
			continue;
		fb_store_dirty(store, record->namespace_, record->name);
		round->v[round->n++] = (struct fb_pool_work){.pool = pool,
							     .record = record,
							     .object = record->object};
	}
	return 0;
}

int fb_pool_allot(struct fb_pool *pool, struct fb_store *store, struct fb_errs *errs)
{
	struct round round = {.pool = pool};
	int rc = collect(&round, store);

	if (rc != 0) {
		free(round.v);
		return rc;
	}
	rc = run(&round, store, errs);
	if (rc == 0)
		rc = collect_waiting(&round, store);
	if (rc == 0)
		rc = run(&round, store, errs);
	return rc;
}
