/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_MODEL_STORE_H
#define FB_MODEL_STORE_H

/*
 * The desired objects by (kind, namespace, name), each with its origin: the file (or "applied")
 * that brought it. What is here is what should be in force; nothing here knows of packets.
 *
 * One object, one origin: where two origins define the same object, the one that came first keeps
 * it. The newcomer is an error that names both places, waits in the shadow, and takes over when the
 * first one goes.
 *
 * Every change marks the Services whose compiled form it touches as dirty (a slice: the Service in
 * its label; a Pod: those whose selector matches it, before or now; a Node: all); control takes the
 * list, has lib/desired build them, and clears it. An object that says the same as before touches
 * nothing.
 *
 * A change that fails (no memory, or errors under all-or-nothing) leaves the store as it was. To
 * ask "what would happen", change a clone.
 *
 * Thread: control. Names passed in are borrowed during the call.
 */

#include "model/objects.h"

struct fb_store;
struct fb_store_service;

struct fb_store *fb_store_create(void); /* NULL: no memory */

/** Below 0: a is older, by its creationTimestamp; none, or no object, is younger than any. */
int fb_object_compare_age(const struct fb_object *a, const struct fb_object *b);

void fb_store_free(struct fb_store *store);

/**
 * A copy that shares the objects; its dirty list is empty. NULL: no memory.
 * Cost: one small allocation per object (30,000 objects: some milliseconds).
 */
struct fb_store *fb_store_clone(const struct fb_store *store);

enum fb_store_how {
	FB_STORE_REPLACE, /* what the origin had and the objects do not name is removed */
	FB_STORE_MERGE,	  /* it stays (apply; the file could not be read to its end) */
};

struct fb_store_change {
	const char *origin;
	const struct fb_objects *objects; /* held; incomplete ones are merged */
	enum fb_store_how how;
	bool all_or_nothing; /* any error, here or in the parse: nothing changes */
};

struct fb_store_outcome {
	uint32_t n_added;
	uint32_t n_changed;
	uint32_t n_unchanged;
	uint32_t n_removed;
	uint32_t n_kept;   /* refused, or not reached: what was in force stays */
	uint32_t n_shadow; /* defined elsewhere; waiting */
};

/**
 * Change what one origin says.
 *
 * Cost: linear in what the origin has and gets; a file with one slice costs one slice.
 *
 * @param errs        objects defined elsewhere or twice in the text; both places are named
 * @param ret_outcome may be NULL
 * @return 0; -EINVAL: all-or-nothing, and something was wrong; -ENOMEM. Then nothing changed.
 */
int fb_store_apply(struct fb_store *store, const struct fb_store_change *change,
		   struct fb_errs *errs, struct fb_store_outcome *ret_outcome);

/** Remove all that an origin has: its file is gone. Cannot fail. */
void fb_store_remove_origin(struct fb_store *store, const char *origin);

/** Remove one object of an origin. @return 0, or -ENOENT: the origin does not have it */
int fb_store_delete(struct fb_store *store, const char *origin, enum fb_object_kind kind,
		    const char *namespace_, const char *name);

/** The object in force, or NULL; ret_origin (may be NULL) lives as long. Cost: one hash. */
const struct fb_object *fb_store_find(const struct fb_store *store, enum fb_object_kind kind,
				      const char *namespace_, const char *name,
				      const char **ret_origin);

/* What is said about one Service name. Borrowed: valid until the store changes. */
struct fb_store_view {
	const char *namespace_;
	const char *name;
	const struct fb_object *service;       /* NULL: endpoints without a Service */
	struct fb_object *written; /* as its origin has it; service, unless that was completed */
	const struct fb_object *endpoints;     /* NULL: none */
	const struct fb_object *const *slices; /* in no order */
	uint32_t n_slices;
};

/** @return false: nothing is known of that name (*ret_view is untouched) */
bool fb_store_view(const struct fb_store *store, const char *namespace_, const char *name,
		   struct fb_store_view *ret_view);

/**
 * Have views show a Service as completed by what was allotted to it, until its origin says something
 * else. The store takes a hold of its own.
 *
 * @param completed  from fb_object_completed() of view.written; NULL: as it is written
 */
void fb_store_complete(struct fb_store *store, const char *namespace_, const char *name,
		       struct fb_object *completed);

/* Place in a walk over Nodes; zero begins. */
struct fb_store_nodes {
	const struct fb_store_claim *at;
	bool begun;
};

/** The Nodes in force, in no order; NULL ends. The store must not change meanwhile. */
const struct fb_object *fb_store_node_next(const struct fb_store *store,
					   struct fb_store_nodes *walk);

/* Place in a walk over Pods; zero begins. */
struct fb_store_pods {
	const struct fb_store_bond *at;
	bool begun;
};

/**
 * The Pods in force that a Service's selector matches, in no order; NULL ends. The store must not
 * change meanwhile. A Service without a selector selects none.
 *
 * Cost: linear in the Pods that have the rarest label of the selector.
 */
const struct fb_object *fb_store_pod_next(const struct fb_store *store,
					  const struct fb_object *service,
					  struct fb_store_pods *walk);

/* Walks begin and end with NULL, in no order; the store must not change meanwhile. */
struct fb_store_service *fb_store_service_next(const struct fb_store *store,
					       const struct fb_store_service *after);
void fb_store_service_view(const struct fb_store_service *service, struct fb_store_view *ret_view);

/* Place in a walk over objects; zero begins. */
struct fb_store_objects {
	const struct fb_index_link *at;
};

/** The objects of a kind in force, in no order; NULL ends. The store must not change meanwhile. */
const struct fb_object *fb_store_object_next(const struct fb_store *store, enum fb_object_kind kind,
					     struct fb_store_objects *walk);

/** Call fn for the objects of an origin in the order they came, those in the shadow too. */
void fb_store_each_of(const struct fb_store *store, const char *origin,
		      void (*fn)(void *arg, const struct fb_object *object), void *arg);

/** Names of the origins that have objects; start with NULL. */
const char *fb_store_origin_next(const struct fb_store *store, const char *after);

/* Services that changed since the list was cleared, each once. */
struct fb_store_service *fb_store_dirty_next(const struct fb_store *store,
					     const struct fb_store_service *after);
/** The list in order of age: creationTimestamp (none comes last), namespace, name. */
void fb_store_sort_dirty(struct fb_store *store);
size_t fb_store_n_dirty(const struct fb_store *store);
void fb_store_clear_dirty(struct fb_store *store);
/** Mark one; one that nothing is known of is none. */
void fb_store_dirty(struct fb_store *store, const char *namespace_, const char *name);
/** Mark all, after a setting that every Service depends on has changed. */
void fb_store_dirty_all(struct fb_store *store);

/* Namespaces: those that an object is in, or that are an object. */
size_t fb_store_n_namespaces(const struct fb_store *store);
/** Moves on when one appears or is gone. */
uint64_t fb_store_namespaces_epoch(const struct fb_store *store);
void fb_store_each_namespace(const struct fb_store *store, void (*fn)(void *arg, const char *name),
			     void *arg);

/** Moves on when a Pod in force appears, changes or is gone. */
uint64_t fb_store_pods_epoch(const struct fb_store *store);
void fb_store_each_pod(const struct fb_store *store,
		       void (*fn)(void *arg, const struct fb_object *pod), void *arg);

size_t fb_store_n_objects(const struct fb_store *store, enum fb_object_kind kind); /* in force */

#endif
