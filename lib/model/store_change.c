/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Changes of the store in two steps: prepare takes all the memory and finds all the errors, commit
 * cannot fail. What was prepared and is not committed is undone.
 */

#include <errno.h>

#include "model/store_parts.h"

static void report(struct fb_errs *errs, const struct fb_object *object,
		   const struct fb_object *other, const char *what)
{
	struct fb_place at = other->place;

	fb_errs_add(errs, object->place, FB_SEV_ERROR, "%s %s/%s is already defined at %s:%u:%u%s",
		    fb_object_kind_names[object->kind], object->meta.namespace_, object->meta.name,
		    at.file != NULL ? at.file : "?", at.line, at.column, what);
}

/* The first claim of an entry that has an object, which is the one in force; or NULL. */
static struct fb_store_claim *in_force(const struct fb_store_entry *entry)
{
	return entry->claims != NULL && entry->claims->object != NULL ? entry->claims : NULL;
}

static int prepare_object(struct fb_store *store, struct fb_store_origin *origin,
			  struct fb_object *object, struct fb_errs *errs,
			  struct fb_store_outcome *outcome)
{
	struct fb_store_claim *claim;
	struct fb_store_claim *first;
	struct fb_store_service *service;

	claim = fb_store_claim_make(store, origin, object, store->next_seq);
	if (claim == NULL)
		return -ENOMEM;
	if (claim->seq == store->next_seq)
		store->next_seq++;
	if (claim->round == store->round) {
		report(errs, object, claim->new_object, "; the first one counts");
		return 0;
	}
	if (fb_store_bonds_make(store, claim, object, &claim->new_bonds) != 0)
		return -ENOMEM;
	if (fb_store_service_reserve(store, object, &service) != 0) {
		fb_store_bonds_free(store, claim->new_bonds);
		claim->new_bonds = NULL;
		return -ENOMEM;
	}
	claim->round = store->round;
	claim->next_named = NULL;
	*store->last_named = claim;
	store->last_named = &claim->next_named;
	claim->new_object = object;
	claim->new_service = service;
	first = in_force(claim->entry);
	if (first != NULL && first != claim) {
		report(errs, object, first->object,
		       ", which stays in force; this one takes over when that one goes");
		outcome->n_shadow++;
	}
	return 0;
}

static void prepare_refused(struct fb_store *store, const struct fb_store_origin *origin,
			    const struct fb_object_ref *ref)
{
	struct fb_store_entry *entry =
		fb_store_entry_find(store, ref->kind, ref->namespace_, ref->name);
	struct fb_store_claim *claim =
		entry != NULL ? fb_store_claim_find(entry, origin) : NULL;

	/* An object of the same name that is sound, in the same text, counts. */
	if (claim == NULL || claim->round == store->round)
		return;
	claim->round = store->round;
	claim->new_object = NULL;
	claim->new_service = NULL;
	claim->new_bonds = NULL;
}

static void undo(struct fb_store *store, struct fb_store_origin *origin)
{
	struct fb_store_claim *next;

	for (struct fb_store_claim *claim = origin->first; claim != NULL; claim = next) {
		next = claim->next_of;
		if (claim->round == store->round && claim->new_object != NULL) {
			fb_store_service_unreserve(store, claim->new_service);
			fb_store_bonds_free(store, claim->new_bonds);
			claim->new_bonds = NULL;
		}
		claim->round = 0;
		if (claim->object == NULL)
			fb_store_claim_free(store, claim);
	}
	fb_store_origin_drop(store, origin);
}

static void remove_claim(struct fb_store *store, struct fb_store_claim *claim)
{
	struct fb_store_claim *heir = NULL;

	if (claim->entry->claims == claim) {
		fb_store_detach(store, claim);
		heir = claim->next;
	}
	fb_store_claim_free(store, claim);
	if (heir != NULL)
		fb_store_attach(store, heir);
}

/* Detaching marks dirty, and so does attaching; an object that says the same does neither. */
static void exchange_quietly(struct fb_store_claim *claim)
{
	struct fb_store_view *view = &claim->service->view;
	const struct fb_object **slices = claim->service->slices;

	if (view->written == claim->object) {
		struct fb_object *completed = claim->service->completed;

		view->written = claim->new_object;
		if (completed == NULL) {
			view->service = claim->new_object;
		} else {
			completed->place.line = claim->new_object->place.line;
			completed->place.column = claim->new_object->place.column;
		}
	}
	if (view->endpoints == claim->object)
		view->endpoints = claim->new_object;
	for (uint32_t i = 0; i < view->n_slices; i++) {
		if (slices[i] == claim->object)
			slices[i] = claim->new_object;
	}
}

static void commit_claim(struct fb_store *store, struct fb_store_claim *claim,
			 struct fb_store_outcome *outcome)
{
	bool first = claim->entry->claims == claim;
	struct fb_object *old_object = claim->object;
	struct fb_store_service *old_service = claim->service;
	struct fb_store_bonds *spare = claim->new_bonds;
	bool same = old_object != NULL && fb_object_equal(old_object, claim->new_object);

	if (old_object == NULL)
		outcome->n_added += first;
	else if (same)
		outcome->n_unchanged++;
	else
		outcome->n_changed++;
	if (first && same && claim->service != NULL)
		exchange_quietly(claim);
	else if (first && !same && old_object != NULL)
		fb_store_detach(store, claim);
	if (!same) {
		spare = claim->bonds;
		claim->bonds = claim->new_bonds;
	}
	claim->new_bonds = NULL;
	claim->object = fb_object_hold(claim->new_object);
	claim->service = claim->new_service;
	if (first && !same)
		fb_store_attach(store, claim);
	fb_store_bonds_free(store, spare);
	fb_store_service_unreserve(store, old_service);
	fb_object_release(old_object);
}

/* What is not named stays: only what is named costs. */
static void commit_merge(struct fb_store *store, struct fb_store_origin *origin,
			 struct fb_store_outcome *outcome)
{
	outcome->n_kept = origin->n_claims;
	for (struct fb_store_claim *claim = store->first_named; claim != NULL;
	     claim = claim->next_named) {
		commit_claim(store, claim, outcome);
		outcome->n_kept--;
	}
	fb_store_origin_drop(store, origin);
}

static void commit_replace(struct fb_store *store, struct fb_store_origin *origin,
			   struct fb_store_outcome *outcome)
{
	struct fb_store_claim *next;

	for (struct fb_store_claim *claim = origin->first; claim != NULL; claim = next) {
		next = claim->next_of;
		if (claim->round != store->round) {
			outcome->n_removed++;
			remove_claim(store, claim);
		} else if (claim->new_object != NULL) {
			commit_claim(store, claim, outcome);
		} else {
			outcome->n_kept++;
		}
	}
	fb_store_origin_drop(store, origin);
}

int fb_store_apply(struct fb_store *store, const struct fb_store_change *change,
		   struct fb_errs *errs, struct fb_store_outcome *ret_outcome)
{
	const struct fb_objects *objects = change->objects;
	struct fb_store_origin *origin = fb_store_origin_make(store, change->origin);
	size_t n_errors = errs->n_errors;
	struct fb_store_outcome outcome = {0};
	int rc = 0;

	if (origin == NULL)
		return -ENOMEM;
	store->round++;
	store->first_named = NULL;
	store->last_named = &store->first_named;
	for (size_t i = 0; rc == 0 && i < objects->n; i++)
		rc = prepare_object(store, origin, objects->v[i], errs, &outcome);
	if (rc == 0 && change->all_or_nothing &&
	    (errs->n_errors > n_errors || objects->n_refused > 0 || objects->incomplete))
		rc = -EINVAL;
	if (rc != 0) {
		undo(store, origin);
		return rc;
	}
	for (size_t i = 0; i < objects->n_refused; i++)
		prepare_refused(store, origin, &objects->refused[i]);
	if (change->how == FB_STORE_MERGE || objects->incomplete)
		commit_merge(store, origin, &outcome);
	else
		commit_replace(store, origin, &outcome);
	fb_store_settle(store);
	if (ret_outcome != NULL)
		*ret_outcome = outcome;
	return 0;
}

void fb_store_remove_origin(struct fb_store *store, const char *origin_name)
{
	struct fb_store_origin *origin = fb_store_origin_find(store, origin_name);

	if (origin == NULL)
		return;
	while (origin->first != NULL)
		remove_claim(store, origin->first);
	fb_store_settle(store);
	fb_store_origin_drop(store, origin);
}

int fb_store_delete(struct fb_store *store, const char *origin_name, enum fb_object_kind kind,
		    const char *namespace_, const char *name)
{
	struct fb_store_origin *origin = fb_store_origin_find(store, origin_name);
	struct fb_store_entry *entry = fb_store_entry_find(store, kind, namespace_, name);
	struct fb_store_claim *claim =
		origin != NULL && entry != NULL ? fb_store_claim_find(entry, origin) : NULL;

	if (claim == NULL)
		return -ENOENT;
	remove_claim(store, claim);
	fb_store_settle(store);
	fb_store_origin_drop(store, origin);
	return 0;
}
