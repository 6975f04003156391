/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DESIRED_KNOWN_H
#define FB_DESIRED_KNOWN_H

/*
 * All endpoints that are known of a Service name, whether anything is sent to them or not: for
 * people who ask. Slices if there are any, else Endpoints, else the Pods that the Service selects.
 * Which of them take traffic is decided in desired.h, which also leaves out ports that the Service
 * does not have.
 *
 * Pure. Thread: control. What it points to lives until the store changes.
 */

#include "model/store.h"

struct fb_known_endpoint {
	struct fb_addr addr;
	uint16_t port; /* 0: the slice has no port, or does not say it */
	uint8_t proto;
	bool ready;
	bool serving;
	bool terminating;
	bool proxied; /* traffic could go there; else it has a name, or only says that it is there */
	const char *port_name;
	const char *node_name;
};

struct fb_known_endpoints {
	struct fb_known_endpoint *v; /* by port name, protocol, address and port; distinct */
	size_t n;
};

/** @param ret  untouched on failure; v is for free(). @return 0 or -ENOMEM */
int fb_known_endpoints(const struct fb_store *store, const struct fb_store_view *view,
		       struct fb_known_endpoints *ret);

#endif
