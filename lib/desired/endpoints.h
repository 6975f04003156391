/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DESIRED_ENDPOINTS_H
#define FB_DESIRED_ENDPOINTS_H

/* Which endpoints one port of a Service has in one family. Private to lib/desired. */

#include "model/store.h"
#include "table/spec.h"

/**
 * @param arena  what the result lies in
 * @return 0 or -ENOMEM; *ret is sorted by address and port, each once
 */
int desired_endpoints(struct fb_arena *arena, const struct fb_store *store,
		      const struct fb_store_view *view,
		      const struct fb_service_port *port, enum fb_family family,
		      const struct fb_endpoint_spec **ret, uint32_t *ret_n);

#endif
