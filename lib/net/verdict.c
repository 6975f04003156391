/* SPDX-License-Identifier: BSD-3-Clause */

#include "net/verdict.h"

const char *const fb_verdict_names[FB_VERDICT_COUNT] = {
	[FB_VERDICT_FORWARD] = "forward", [FB_VERDICT_REJECT] = "reject",
	[FB_VERDICT_DROP] = "drop",       [FB_VERDICT_PUNT] = "punt",
	[FB_VERDICT_ANSWER] = "answer",   [FB_VERDICT_HOLD] = "hold",
};

#define X(suffix, name, help) [FB_REASON_##suffix] = name,
const char *const fb_reason_names[FB_REASON_COUNT] = {FB_REASONS(X)};
#undef X

#define X(suffix, name, help) [FB_REASON_##suffix] = help,
const char *const fb_reason_help[FB_REASON_COUNT] = {FB_REASONS(X)};
#undef X
