/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_MODEL_SELECTOR_H
#define FB_MODEL_SELECTOR_H

/*
 * Label selectors as people type them (`-l`), with the API server's grammar:
 *
 *     app=web,tier!=db   env in (prod, test)   env notin ()   key   !key   cpus>4
 *
 * All requirements hold together; none at all holds for everything. A key that is absent fulfils
 * "!=" and "notin", and nothing else but "!key". A Service's own selector is no such text, see
 * fb_labels_select().
 *
 * Thread: any.
 */

#include "model/arena.h"
#include "model/objects.h"

enum fb_selector_op {
	FB_SELECTOR_IN,     /* "=", "==" too */
	FB_SELECTOR_NOT_IN, /* "!=" too */
	FB_SELECTOR_EXISTS,
	FB_SELECTOR_ABSENT,
	FB_SELECTOR_GREATER,
	FB_SELECTOR_LESS,
};

struct fb_requirement {
	const char *key;
	enum fb_selector_op op;
	const char **values;
	uint32_t n_values;
	int64_t number; /* of GREATER and LESS */
};

struct fb_selector {
	struct fb_requirement *v;
	uint32_t n;
	struct fb_arena arena;
};

#define FB_SELECTOR_WHY_LEN 160

/**
 * @param ret  untouched on failure; else for fb_selector_free()
 * @param why  FB_SELECTOR_WHY_LEN bytes: what is wrong and what is allowed, on -EINVAL
 * @return 0, -EINVAL or -ENOMEM
 */
int fb_selector_parse(const char *text, struct fb_selector *ret, char *why);
/** Free what it holds, not the struct itself. */
void fb_selector_free(struct fb_selector *selector);

bool fb_selector_matches(const struct fb_selector *selector, const struct fb_labels *labels);

/** Is text a label's key ("example.com/name") or value? */
bool fb_label_is_key(const char *text);
bool fb_label_is_value(const char *text);

#endif
