/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BASE_HEAP_H
#define FB_BASE_HEAP_H

/**
 * Memory that is freed stays with the process, up to 256 MB of it, for the next time. A change of a Service with
 * 20,000 endpoints takes and frees some megabytes, and to get them from the kernel again, zeroed page by page, takes
 * as long as a third of the rest.
 *
 * Thread: start-up, before others are there. With another malloc() than glibc's nothing happens.
 */
void fb_heap_keep(void);

#endif
