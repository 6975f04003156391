/* SPDX-License-Identifier: BSD-3-Clause */

#include "datapath/level.h"

static uint8_t level_of(uint64_t used, uint64_t most, uint32_t pressure, uint32_t span)
{
	if (used * 100 >= most * (100 - span))
		return FB_LEVEL_FULL;
	return used * 100 >= most * (pressure > span ? pressure - span : 0) ? FB_LEVEL_PRESSURE
									    : FB_LEVEL_NORMAL;
}

bool fb_level_step(struct fb_level_state *s, uint64_t used, uint64_t most, uint32_t pressure,
		   uint32_t now_ms)
{
	const uint8_t up = level_of(used, most, pressure, 0);
	const uint8_t down = level_of(used, most, pressure, FB_LEVEL_SPAN);

	if (up > s->level) {
		s->level = up;
		s->calm_ms = now_ms;
		return true;
	}
	if (down >= s->level) {
		s->calm_ms = now_ms;
		return false;
	}
	if (now_ms - s->calm_ms < FB_LEVEL_CALM_MS)
		return false;
	s->level = down;
	s->calm_ms = now_ms;
	return true;
}
