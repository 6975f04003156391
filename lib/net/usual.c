/* SPDX-License-Identifier: BSD-3-Clause */

#include "net/usual.h"

const struct fb_usual_rest fb_usual_rests[FB_FAMILY_COUNT] = {
	[FB_IPV4] =
		{
			.kind = FB_PARSE_SERVICE,
			.reason = FB_REASON_NONE,
			.family = FB_IPV4,
			.ether_type = FB_ETHER_TYPE_IPV4,
			.l3_off = FB_ETHER_LEN,
			.l4_off = FB_ETHER_LEN + FB_IPV4_LEN,
		},
	[FB_IPV6] =
		{
			.kind = FB_PARSE_SERVICE,
			.reason = FB_REASON_NONE,
			.family = FB_IPV6,
			.ether_type = FB_ETHER_TYPE_IPV6,
			.l3_off = FB_ETHER_LEN,
			.l4_off = FB_ETHER_LEN + FB_IPV6_LEN,
		},
};
