/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_MANIFEST_JSON_H
#define FB_MANIFEST_JSON_H

/* What fb_manifest_write() writes, before it is text; apart from it, since only control wants JSON. */

#include <jansson.h>

#include "model/objects.h"

/** NULL: no memory. */
json_t *fb_manifest_json(const struct fb_object *object);

#endif
