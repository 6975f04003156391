/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_ITEM_H
#define FB_CONTROL_ITEM_H

/*
 * What one item says: between items.c, which walks over the objects, describe.c, and item_*.c, which
 * say what is known of an object of their kind. Nobody else includes it; items.h is what others see.
 *
 * Thread: control. Objects and views are borrowed; a json_t that is returned is a new reference.
 */

#include "control/items.h"

struct fb_item_listing; /* of items.c */

struct fb_items {
	const struct fb_item_listing *listing;
	struct fb_object **objects; /* held: the Service, or what names one; the Pod; the Node */
	size_t n;
	size_t at;
	bool with_object;
	/* Of an object with many rows, how far it has been told. */
	uint32_t port;
	uint32_t endpoint;
	/* Endpoints that are gone and have flows come last: of whom, by the request. */
	bool removed_due;
	char *namespace_; /* NULL: any */
	char *name;
};

/* ---- item.c ---- */

void fb_item_append_addr(json_t *list, const struct fb_addr *addr);
json_t *fb_item_labels(const struct fb_labels *labels);
/** The whole object, where the request asks for it. @param items  NULL: it does not */
void fb_item_set_object(const struct fb_items *items, const struct fb_object *object, json_t *o);

/** Zero where nobody counts. */
struct fb_service_counters fb_item_service_counters(const struct fb_items_source *s, uint32_t id);
struct fb_endpoint_counters fb_item_endpoint_counters(const struct fb_items_source *s, uint32_t id);
/** Of all parts of the port: active where one gives it new flows. */
uint8_t fb_item_endpoint_state(const struct fb_items_source *s, const struct fb_endpoint *ep);

/* ---- item_service.c, item_endpoint.c: also for describe ---- */

/** @param items  as fb_item_set_object(); the view has a Service */
json_t *fb_item_service(const struct fb_items *items, const struct fb_items_source *s,
			const struct fb_store_view *view);
json_t *fb_item_endpoint(const struct fb_items_source *s, const struct fb_service *svc,
			 const struct fb_endpoint *ep, uint8_t state);

/* ---- item_service.c, item_endpoint.c, item_pod.c, item_node.c ---- */

/*
 * The items of an object, appended to the list; of one with many rows some, and where to go on is in
 * items. @return whether the object has more to tell
 */
bool fb_item_append_service(struct fb_items *items, const struct fb_items_source *s,
			    const struct fb_object *object, json_t *list);
bool fb_item_append_endpoints(struct fb_items *items, const struct fb_items_source *s,
			      const struct fb_object *object, json_t *list);
bool fb_item_append_pod(struct fb_items *items, const struct fb_items_source *s,
			const struct fb_object *object, json_t *list);
bool fb_item_append_node(struct fb_items *items, const struct fb_items_source *s,
			 const struct fb_object *object, json_t *list);
/** Endpoints that are gone and have flows, likewise. @return whether there is more */
bool fb_item_append_removed(struct fb_items *items, const struct fb_items_source *s, json_t *list);

#endif
