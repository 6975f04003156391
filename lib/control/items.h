/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_ITEMS_H
#define FB_CONTROL_ITEMS_H

/*
 * What `get services|endpoints|pods|nodes` lists, piece by piece: a cluster has 10,000 Services, and
 * the control loop has other things to do. Which objects there are is decided at the beginning; what is
 * said about each is as of when its turn comes, and one that is gone by then is left out.
 *
 * Objects come in no order. With a daemon there are counters; without one they are zero.
 *
 * Thread: control.
 */

#include <jansson.h>

#include "datapath/counters.h"
#include "model/store.h"
#include "pool/pool.h"
#include "table/write.h"

/* Where it comes from; asked anew for each piece. */
struct fb_items_source {
	const struct fb_store *store;
	const struct fb_table *table;
	const struct fb_pool *pool; /* who lacks what */
	const char *node_name; /* of the settings */
	const struct fb_snapshot *snap; /* NULL: nothing is in force yet */
	uint32_t now_s; /* by the clock of the snapshot's since_s */
	/* NULL: nobody counts. */
	void (*service_counters)(void *arg, uint32_t id, struct fb_service_counters *ret);
	void (*endpoint_counters)(void *arg, uint32_t id, struct fb_endpoint_counters *ret);
	const char *(*port_name)(void *arg, uint32_t port);
	/* As fb_neigh_describe(). */
	int (*gateway)(void *arg, uint16_t nh_idx, struct fb_addr *ret);
	void *arg;
};

struct fb_items;

/**
 * Begin. The request says `what`, and as filters `namespace`, `name` and `selector`; with `object`
 * each item also has the whole object as its manifest says it.
 *
 * Cost: one walk over the store.
 *
 * @param ret_error  where NULL is returned: the answer that says why; NULL there: no memory
 */
struct fb_items *fb_items_begin(const struct fb_store *store, const json_t *request,
				json_t **ret_error);
/** Append the items of the next object to a list, or some of them. @return false: that was all */
bool fb_items_next(struct fb_items *items, const struct fb_items_source *source, json_t *list);
/** NULL is fine. */
void fb_items_end(struct fb_items *items);

/** Can it be listed so? */
bool fb_items_can(const char *what);

/** `get` as a whole, for who has nothing else to do. */
json_t *fb_items_answer(const struct fb_items_source *source, const json_t *request);

/**
 * `describe`: one Service with its compiled ports (describe.c). The request has `namespace` and
 * `name`.
 */
json_t *fb_items_describe(const struct fb_items_source *source, const json_t *request);

#endif
