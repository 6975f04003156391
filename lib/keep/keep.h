/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_KEEP_KEEP_H
#define FB_KEEP_KEEP_H

/*
 * Memory that outlives the process: a directory of files on tmpfs or hugetlbfs, whoever has its lock, and
 * a head that says what the files were laid out for.
 *
 * What stands in the files is for their users to believe or not: a process may end between any two of its
 * stores. The head vouches for the layout alone. Another layout (an upgrade) or a broken head: all of it is
 * thrown away with a notice. The same layout in another shape (worker count, capacities, ports): the files
 * of the earlier run are there to be read, and go when the new ones are settled.
 *
 * Whatever makes forebay crash may lie in the files: after FB_KEEP_MOST_SHORT runs in a row that broke off
 * within FB_KEEP_SHORT_MS the next one begins without them.
 *
 * A directory that cannot be used is no obstacle: nothing is kept then, and a line says why.
 *
 * Thread: start-up; fb_keep_note_clock() and close: control.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "flow/region.h"

#define FB_KEEP_MAX_PORTS 32

/* Guesses: a packet of each flow that matters has come by then, and an operator's restarts are fewer. */
#define FB_KEEP_MOST_SHORT 5
#define FB_KEEP_SHORT_MS   5000

/* What sizes and owners follow from. Compared as bytes: no padding, and zero it first. */
struct fb_keep_shape {
	uint32_t n_workers;
	uint32_t flows_ipv4;
	uint32_t flows_ipv6;
	uint32_t affinity;
	uint32_t max_services;
	uint32_t max_endpoints;
	uint16_t snat_port_first;
	uint16_t snat_port_last;
	uint32_t n_ports;
	char ports[FB_KEEP_MAX_PORTS][16]; /* names by index */
};

enum fb_keep_found {
	FB_KEEP_NOTHING,  /* first start, or what there was is thrown away */
	FB_KEEP_SAME,     /* files can be used where they lie */
	FB_KEEP_RESHAPED, /* only read, by fb_keep_map_old() */
};

struct fb_keep;

/**
 * Lock and look. A process that is being killed gives its lock back last: it is waited for, up to 2 s.
 *
 * @param dir       made, with mode 0700, if its parent is there
 * @param huge_dir  where huge pages come from: a directory on hugetlbfs, made likewise; NULL or none
 *                  there: transparent ones
 * @param layout    a number that is another one when any file's layout is
 * @return NULL: nothing is kept; errs says why
 */
struct fb_keep *fb_keep_open(const char *dir, const char *huge_dir, uint64_t layout,
			     const struct fb_keep_shape *shape, struct fb_errs *errs);

enum fb_keep_found fb_keep_found(const struct fb_keep *keep);
/** The shape that fb_keep_map_old() has; valid unless FB_KEEP_NOTHING. */
const struct fb_keep_shape *fb_keep_old_shape(const struct fb_keep *keep);
/** Random, drawn by the first run and kept with the files: 32 hexadecimal digits. */
const char *fb_keep_secret(const struct fb_keep *keep);
/** Whether the earlier run stopped as it should. */
bool fb_keep_was_stopped(const struct fb_keep *keep);

/**
 * Map a file, zero where it is new.
 *
 * @param ret_found  whether an earlier run left it (FB_KEEP_SAME only)
 * @return 0 or -errno, -ENOSPC above all
 */
int fb_keep_map(struct fb_keep *keep, const char *name, uint64_t bytes, int numa_node,
		struct fb_region *ret, bool *ret_found);

/**
 * Map a file of another shape, FB_KEEP_RESHAPED only, for reading.
 * @return 0; -ENOENT; -errno
 */
int fb_keep_map_old(struct fb_keep *keep, const char *name, struct fb_region *ret);

/** What was mapped is good from now on; what it replaces goes. @return 0 or -errno: nothing is kept */
int fb_keep_settle(struct fb_keep *keep);

/**
 * The datapath's clock, so that idle times go on where they were.
 *
 * @param ret_ms  what it says now, had it not stood still; 0 with FB_KEEP_NOTHING
 * @return milliseconds since it was last noted
 */
uint64_t fb_keep_clock(const struct fb_keep *keep, uint64_t *ret_ms);
/** Thread: control, once a second or so. */
void fb_keep_note_clock(struct fb_keep *keep, uint64_t ms);

/** Give the directory back. Files stay, as those of a run that was stopped, if they were settled. */
void fb_keep_close(struct fb_keep *keep);

#endif
