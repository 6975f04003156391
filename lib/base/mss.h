/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BASE_MSS_H
#define FB_BASE_MSS_H

/* To what a TCP MSS option is lowered, as people write it in the config and in annotations. Thread: any; pure. */

#include <stdint.h>

#define FB_MSS_OFF  0	       /* it stays */
#define FB_MSS_AUTO UINT16_MAX /* what the links on the way through the box carry */

/*
 * Linux takes nothing less (TCP_MIN_MSS: both headers with all options they can have, and 8 bytes); more than
 * the most would not fit an IPv4 packet.
 */
#define FB_MSS_LEAST 88
#define FB_MSS_MOST  65495

/**
 * Read "off", "auto", or a number of bytes.
 *
 * @return 0; -EINVAL, with *ret untouched
 */
int fb_mss_parse(const char *text, uint16_t *ret);

/** The same the other way round, in buf of FB_MSS_STRLEN. */
#define FB_MSS_STRLEN 8
const char *fb_mss_format(uint16_t mss, char *buf);

#endif
