/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DESIRED_HEALTH_H
#define FB_DESIRED_HEALTH_H

/*
 * What a health check of a Service is to be told: how many of its endpoints are ready and served from
 * here. As on a node, those on it; as no node, all of them. Distinct addresses count, whatever their
 * ports; one that terminates is not ready, although it may still be served. What no traffic could go to
 * does not count, as the Pods of a Node that is gone.
 *
 * Pure. Thread: control.
 */

#include "model/store.h"

struct fb_desired_health {
	uint16_t port; /* the healthCheckNodePort; 0: the Service has no health check */
	uint32_t n_endpoints[FB_FAMILY_COUNT];
};

/**
 * @param node_name  as settings have it; "" or NULL: as no node
 * @param ret        untouched on failure
 * @return 0 or -ENOMEM
 */
int fb_desired_health(const struct fb_store *store, const char *node_name, const char *namespace_,
		      const char *name, struct fb_desired_health *ret);

#endif
