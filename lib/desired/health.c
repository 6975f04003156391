/* SPDX-License-Identifier: BSD-3-Clause */

#include "desired/health.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "desired/known.h"

static bool is_checked(const struct fb_object *object)
{
	return object != NULL && object->service.type == FB_SERVICE_LOAD_BALANCER &&
	       object->service.external_policy == FB_TRAFFIC_LOCAL && !object->service.headless &&
	       object->service.health_check_node_port != 0 &&
	       fb_labels_are_for_proxies(&object->meta.labels);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct fb_addr));
}

static void count(const struct fb_known_endpoints *known, const char *node_name,
		  struct fb_addr *room, uint32_t ret[FB_FAMILY_COUNT])
{
	size_t n = 0;

	for (size_t i = 0; i < known->n; i++) {
		const struct fb_known_endpoint *e = &known->v[i];
		bool here = node_name[0] == '\0' || strcmp(node_name, e->node_name) == 0;

		if (e->proxied && e->ready && here)
			room[n++] = e->addr;
	}
	if (n > 0)
		qsort(room, n, sizeof(*room), compare);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || !fb_addr_equal(&room[i], &room[i - 1]))
			ret[fb_addr_family(&room[i])]++;
	}
}

int fb_desired_health(const struct fb_store *store, const char *node_name, const char *namespace_,
		      const char *name, struct fb_desired_health *ret)
{
	struct fb_desired_health health = {.port = 0};
	struct fb_known_endpoints known;
	struct fb_store_view view;
	struct fb_addr *room;

	if (!fb_store_view(store, namespace_, name, &view) || !is_checked(view.service)) {
		*ret = health;
		return 0;
	}
	if (fb_known_endpoints(store, &view, &known) != 0)
		return -ENOMEM;
	room = calloc(known.n + 1, sizeof(*room));
	if (room != NULL) {
		health.port = view.service->service.health_check_node_port;
		count(&known, node_name != NULL ? node_name : "", room, health.n_endpoints);
		*ret = health;
	}
	free(room);
	free(known.v);
	return room != NULL ? 0 : -ENOMEM;
}
