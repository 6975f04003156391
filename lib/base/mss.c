/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/mss.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int fb_mss_parse(const char *text, uint16_t *ret)
{
	uint32_t value = 0;

	if (strcmp(text, "off") == 0 || strcmp(text, "auto") == 0) {
		*ret = text[0] == 'o' ? FB_MSS_OFF : FB_MSS_AUTO;
		return 0;
	}
	for (const char *p = text; *p != '\0'; p++) {
		if (*p < '0' || *p > '9' || value > FB_MSS_MOST)
			return -EINVAL;
		value = value * 10 + (uint32_t)(*p - '0');
	}
	if (value < FB_MSS_LEAST || value > FB_MSS_MOST)
		return -EINVAL;
	*ret = (uint16_t)value;
	return 0;
}

const char *fb_mss_format(uint16_t mss, char *buf)
{
	if (mss == FB_MSS_OFF)
		return "off";
	if (mss == FB_MSS_AUTO)
		return "auto";
	(void)snprintf(buf, FB_MSS_STRLEN, "%u", mss);
	return buf;
}
