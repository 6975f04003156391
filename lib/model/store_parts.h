/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_MODEL_STORE_PARTS_H
#define FB_MODEL_STORE_PARTS_H

/*
 * What the store is made of; for its own files only.
 *
 *     origin --has many--> claim <--has many, oldest first-- entry (kind, namespace, name)
 *                            |
 *                            +--> service (namespace, name): what is in force about one Service
 *
 * A claim is one origin's definition of one object. The first claim of an entry is in force and is
 * attached to its service; the others wait. Services are made together with claims, also waiting
 * ones, and have room for all their slices: attaching and detaching never needs memory, so a change
 * that was prepared cannot fail any more.
 *
 * Pods and Services find each other by labels: a claim of a Pod has a bond to each of its pairs
 * (namespace, key, value), a claim of a Service one to the first pair of its selector. Bonds too are
 * made when a change is prepared, and linked while the claim is attached.
 */

#include "base/hash.h"
#include "model/index.h"
#include "model/store.h"

struct fb_store_service {
	struct fb_index_link link; /* first: the index gives back this address */
	struct fb_store_view view; /* view.slices is the same array as slices */
	struct fb_object *completed; /* held; NULL: view.service is as it is written */
	const struct fb_object **slices;
	uint32_t slices_cap; /* at least n_claims */
	uint32_t n_claims;
	bool dirty;
	struct fb_store_service *next_dirty;
	char names[]; /* namespace, NUL, name, NUL */
};

struct fb_store_entry {
	struct fb_index_link link; /* first */
	enum fb_object_kind kind;
	struct fb_store_claim *claims; /* by seq, oldest first */
	const char *name;
	char namespace_[]; /* and the name behind it */
};

struct fb_store_namespace {
	struct fb_index_link link; /* first */
	uint32_t n_entries;
	char name[];
};

struct fb_store_bond {
	struct fb_store_pair *pair;
	struct fb_store_claim *claim;
	struct fb_store_bond *prev; /* of the pair's pods or services */
	struct fb_store_bond *next;
};

struct fb_store_bonds {
	bool linked;
	uint32_t n;
	struct fb_store_bond v[];
};

struct fb_store_pair {
	struct fb_index_link link; /* first */
	struct fb_store_bond *pods;
	struct fb_store_bond *services;
	uint32_t n_pods;
	uint32_t n_bonds; /* linked or not */
	const char *key;
	const char *value;
	char namespace_[]; /* and the others behind it */
};

struct fb_store_claim {
	struct fb_store_entry *entry;
	struct fb_store_origin *origin;
	struct fb_store_service *service; /* NULL: a slice of no Service */
	struct fb_store_bonds *bonds;	  /* NULL: none */
	struct fb_object *object;	  /* held; NULL while its change is prepared */
	struct fb_store_claim *next;	  /* of the entry */
	struct fb_store_claim *prev_node; /* of the Nodes in force */
	struct fb_store_claim *next_node;
	struct fb_store_claim *prev_of;	  /* of the origin, in order of arrival */
	struct fb_store_claim *next_of;
	uint64_t seq;
	/* The change in progress: */
	uint64_t round; /* the last change that named this claim */
	struct fb_store_claim *next_named; /* that it gives a new object */
	struct fb_object *new_object; /* borrowed; NULL: named, but refused */
	struct fb_store_service *new_service;
	struct fb_store_bonds *new_bonds;
};

struct fb_store_origin {
	struct fb_index_link link; /* first */
	struct fb_store_origin *prev;
	struct fb_store_origin *next;
	struct fb_store_claim *first;
	struct fb_store_claim *last;
	uint32_t n_claims;
	char name[];
};

struct fb_store {
	struct fb_hash_secret secret; /* names are chosen by others */
	struct fb_index entries;
	struct fb_index services;
	struct fb_index origins;
	struct fb_index pairs;
	struct fb_index namespaces;
	struct fb_store_origin *first_origin;
	struct fb_store_origin *last_origin;
	struct fb_store_claim *nodes; /* in force */
	struct fb_store_service *first_dirty;
	struct fb_store_service *last_dirty;
	size_t n_dirty;
	size_t n_objects[FB_KIND_COUNT];
	bool nodes_changed; /* all Services are dirty; marked once at the end of a change */
	uint64_t namespaces_epoch;
	uint64_t pods_epoch;
	uint64_t next_seq;
	uint64_t round;
	struct fb_store_claim *first_named; /* of this round */
	struct fb_store_claim **last_named;
};

/* find: NULL if there is none. make: the one there is, or a new empty one; NULL: no memory. */
struct fb_store_entry *fb_store_entry_find(const struct fb_store *store, enum fb_object_kind kind,
					   const char *namespace_, const char *name);
struct fb_store_service *fb_store_service_find(const struct fb_store *store,
					       const char *namespace_, const char *name);
void fb_store_service_complete(struct fb_store_service *service, struct fb_object *completed);
struct fb_store_origin *fb_store_origin_find(const struct fb_store *store, const char *name);
struct fb_store_origin *fb_store_origin_make(struct fb_store *store, const char *name);
struct fb_store_claim *fb_store_claim_find(const struct fb_store_entry *entry,
					   const struct fb_store_origin *origin);
struct fb_store_claim *fb_store_claim_make(struct fb_store *store, struct fb_store_origin *origin,
					   const struct fb_object *object, uint64_t seq);

/** The service of an object, counting one claim more; *ret is NULL for "no Service". */
int fb_store_service_reserve(struct fb_store *store, const struct fb_object *object,
			     struct fb_store_service **ret);
/** Give a reserved place back; an empty service that is not dirty is freed. NULL is fine. */
void fb_store_service_unreserve(struct fb_store *store, struct fb_store_service *service);

/* Put the object in force, or take it out; the claim must be the first of its entry. */
void fb_store_attach(struct fb_store *store, struct fb_store_claim *claim);
void fb_store_detach(struct fb_store *store, struct fb_store_claim *claim);
void fb_store_mark_dirty(struct fb_store *store, struct fb_store_service *service);

/** Mark what a change of Nodes touches; ends every change. */
void fb_store_settle(struct fb_store *store);

/** Bonds of a claim with this object; *ret is NULL where it needs none. @return 0 or -ENOMEM */
int fb_store_bonds_make(struct fb_store *store, struct fb_store_claim *claim,
			const struct fb_object *object, struct fb_store_bonds **ret);
/** Unlinks too. NULL is fine. */
void fb_store_bonds_free(struct fb_store *store, struct fb_store_bonds *bonds);
void fb_store_bonds_link(struct fb_store_claim *claim);
void fb_store_bonds_unlink(struct fb_store_bonds *bonds);
/** Mark the Services that select a Pod. */
void fb_store_mark_selecting(struct fb_store *store, const struct fb_store_claim *pod);

/** The entry's namespace has one entry more. @return 0 or -ENOMEM */
int fb_store_namespace_count(struct fb_store *store, const struct fb_store_entry *entry);
void fb_store_namespace_uncount(struct fb_store *store, const struct fb_store_entry *entry);

/** Unlink and free a claim that is not attached, and its entry if that was the last. */
void fb_store_claim_free(struct fb_store *store, struct fb_store_claim *claim);
/** Free an origin without claims; one with claims stays. */
void fb_store_origin_drop(struct fb_store *store, struct fb_store_origin *origin);

#endif
