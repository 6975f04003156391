/* SPDX-License-Identifier: BSD-3-Clause */

#include "table/part.h"

#include <stdlib.h>
#include <string.h>

void *fb_part_alloc(size_t size_bytes)
{
	const size_t line = FB_PART_ALIGN;
	size_t total = sizeof(struct fb_part) + (size_bytes + line - 1) / line * line;
	struct fb_part *part = aligned_alloc(line, total);

	if (part == NULL)
		return NULL;
	memset(part, 0, total);
	return fb_part_data(part);
}

void fb_part_free(void *data)
{
	if (data != NULL)
		free(fb_part_of(data));
}
