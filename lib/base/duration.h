/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BASE_DURATION_H
#define FB_BASE_DURATION_H

/* Durations as people write them, in the config and in annotations. Thread: any; pure. */

#include <stdint.h>

/**
 * Read "2h5m", "30s", "1d": numbers with the units d, h, m, s, each once, larger ones first.
 *
 * @return 0; -EINVAL, also for more than 2^32 - 1 seconds, with *ret_s untouched
 */
int fb_duration_parse(const char *text, uint32_t *ret_s);

#endif
