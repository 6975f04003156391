/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DATAPATH_LEVEL_H
#define FB_DATAPATH_LEVEL_H

/*
 * How near a worker is to each of its bounds.
 *
 * Levels rise at once and fall late: below lower marks than they rose at, and only when that has lasted
 * for FB_LEVEL_CALM_MS. So nobody sees one flicker, and who looks once a second misses none.
 *
 * Thread: the worker steps them once a millisecond (fb_worker_expire()); control reads copies.
 */

#include <stdbool.h>
#include <stdint.h>

enum fb_level {
	FB_LEVEL_NORMAL,
	FB_LEVEL_PRESSURE, /* spare what can be spared */
	FB_LEVEL_FULL,     /* somebody had to go, or was turned away */
	FB_LEVEL_COUNT,
};

/* By family where a family has a table of its own: IPv4, then IPv6. */
enum fb_bound {
	FB_BOUND_FLOWS,
	FB_BOUND_CONNECTIONS = FB_BOUND_FLOWS + 2, /* half open */
	FB_BOUND_UDP = FB_BOUND_CONNECTIONS + 2,   /* without an answer */
	FB_BOUND_SNAT_PORTS = FB_BOUND_UDP + 2,
	FB_BOUND_HANDOVER, /* towards the fullest ring of another worker */
	FB_BOUND_COUNT,
};

static inline const char *fb_level_name(uint64_t level)
{
	static const char *const names[FB_LEVEL_COUNT] = {"normal", "pressure", "full"};

	return level < FB_LEVEL_COUNT ? names[level] : "";
}

static inline const char *fb_bound_name(uint32_t bound)
{
	static const char *const names[FB_BOUND_COUNT] = {
		"flows-ipv4",   "flows-ipv6",   "half-open-ipv4", "half-open-ipv6",
		"udp-new-ipv4", "udp-new-ipv6", "snat-ports",     "handover-ring",
	};

	return bound < FB_BOUND_COUNT ? names[bound] : "";
}

#define FB_LEVEL_CALM_MS 2000
#define FB_LEVEL_SPAN    10 /* percent that a level falls later than it rose */

struct fb_level_state {
	uint32_t calm_ms; /* since then it could fall */
	uint8_t level;    /* enum fb_level */
};

/** One step for used of most; from pressure percent on there is pressure. @return whether it changed */
bool fb_level_step(struct fb_level_state *s, uint64_t used, uint64_t most, uint32_t pressure,
		   uint32_t now_ms);

#endif
