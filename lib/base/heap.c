/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/heap.h"

#include <malloc.h>

#define KEEP_BYTES (256 << 20)
#define MOST_BYTES (32 << 20) /* the largest that mallopt() takes for it */
#define STEP_BYTES (8 << 20)

void fb_heap_keep(void)
{
	(void)mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
	/* Larger pieces come from the kernel, and go back to it. */
	(void)mallopt(M_MMAP_THRESHOLD, MOST_BYTES);
	(void)mallopt(M_TOP_PAD, STEP_BYTES);
}
