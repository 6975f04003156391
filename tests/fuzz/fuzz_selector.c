/* SPDX-License-Identifier: BSD-3-Clause */

/* Any text is a selector or has a reason; what is one says the same however it is spaced. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#include "model/selector.h"

static const struct fb_label pairs[] = {{"a", "b"}, {"in", ""}, {"n", "7"}};
static const struct fb_labels labels = {pairs, 3};

/* Spaces on both sides of what is no letter, digit or part of a longer sign. */
static char *spaced(const char *text)
{
	char *copy = calloc(3 * strlen(text) + 1, 1);
	char *to = copy;

	for (; copy != NULL && *text != '\0'; text++) {
		bool special = strchr("(),", *text) != NULL;

		if (special)
			*to++ = ' ';
		*to++ = *text;
		if (special)
			*to++ = ' ';
	}
	return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	char *wide = text != NULL ? spaced(text) : NULL;
	char why[FB_SELECTOR_WHY_LEN] = "";
	struct fb_selector selector;
	struct fb_selector again;
	int rc = text != NULL ? fb_selector_parse(text, &selector, why) : -ENOMEM;

	fuzz_require(rc == 0 || rc == -EINVAL);
	fuzz_require((rc != 0) == (why[0] != '\0'));
	if (rc == 0 && wide != NULL) {
		fuzz_require(fb_selector_parse(wide, &again, why) == 0);
		fuzz_require(again.n == selector.n);
		fuzz_require(fb_selector_matches(&selector, &labels) ==
			     fb_selector_matches(&again, &labels));
		for (uint32_t i = 0; i < selector.n; i++)
			fuzz_require(fb_label_is_key(selector.v[i].key));
		fb_selector_free(&again);
	}
	if (rc == 0)
		fb_selector_free(&selector);
	free(wide);
	free(text);
	return 0;
}
