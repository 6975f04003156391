/* SPDX-License-Identifier: BSD-3-Clause */

/* Text of an address: what is read is written so that it reads back the same. */

#include "fuzz.h"

#include "base/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[256], again[FB_ADDR_STRLEN];
	struct fb_prefix prefix;
	struct fb_addr a, b;

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (fb_addr_parse(text, &a) == 0) {
		fb_addr_format(&a, again);
		fuzz_require(fb_addr_parse(again, &b) == 0);
		fuzz_require(fb_addr_equal(&a, &b));
	}
	if (fb_prefix_parse(text, &prefix, NULL) == 0)
		fuzz_require(fb_prefix_contains(&prefix, &prefix.addr));
	return 0;
}
