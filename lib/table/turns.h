/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_TABLE_TURNS_H
#define FB_TABLE_TURNS_H

/*
 * A round of a weighted round robin: who is next, as evenly spread as weights allow.
 *
 * An endpoint of weight w has w turns (in lowest terms) at the times (k + 1/2) / w of the round, k = 0 .. w - 1.
 * So at any moment of a round each has had its part to within one turn.
 *
 * Thread: control; allocates.
 */

#include "table/spec.h"

/* Longer rounds are cut to about this; shares are then exact to one turn in it. */
#define FB_TURNS_MAX 65536

/** Turns of a round; at least one for each endpoint. */
uint32_t fb_turns_count(const struct fb_endpoint_spec *endpoints, uint32_t n);

/** Fill turns with places of endpoints; n_turns as counted. @return 0 or -ENOMEM */
int fb_turns_fill(const struct fb_endpoint_spec *endpoints, uint32_t n, uint16_t *turns,
		  uint32_t n_turns);

#endif
