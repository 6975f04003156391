/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/duration.h"

#include <errno.h>

static uint64_t seconds_of(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	default:
		return 0;
	}
}

int fb_duration_parse(const char *text, uint32_t *ret_s)
{
	uint64_t last_unit_s = UINT64_MAX;
	uint64_t total_s = 0;

	if (*text == '\0')
		return -EINVAL;
	while (*text != '\0') {
		const char *digits = text;
		uint64_t unit_s;
		uint64_t n = 0;

		for (; *text >= '0' && *text <= '9'; text++) {
			n = n * 10 + (uint64_t)(*text - '0');
			if (n > UINT32_MAX)
				return -EINVAL;
		}
		unit_s = seconds_of(*text);
		if (text == digits || unit_s == 0 || unit_s >= last_unit_s)
			return -EINVAL;
		total_s += n * unit_s;
		if (total_s > UINT32_MAX)
			return -EINVAL;
		last_unit_s = unit_s;
		text++;
	}
	*ret_s = (uint32_t)total_s;
	return 0;
}
