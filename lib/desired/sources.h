/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DESIRED_SOURCES_H
#define FB_DESIRED_SOURCES_H

/* loadBalancerSourceRanges as the table wants them. Private to lib/desired. */

#include "model/objects.h"
#include "table/spec.h"

/**
 * The ranges of one family, ascending, united where they touch. None, where all of them are of the
 * other family or one holds everybody.
 *
 * @return 0 or -ENOMEM
 */
int desired_sources(struct fb_arena *arena, const struct fb_model_service *service,
		    enum fb_family family, const struct fb_source_range **ret, uint32_t *ret_n);

#endif
