/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_METRICS_TEXT_H
#define FB_METRICS_TEXT_H

/*
 * Prometheus' text format 0.0.4, into memory.
 *
 * A family is opened once (HELP and TYPE) and its samples follow directly. Names are the caller's
 * constants; label values are escaped here (backslash, quote, newline). Lack of memory is remembered and
 * reported once, by fb_text_take().
 *
 * Thread: any; a text belongs to one thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fb_text {
	char *data;
	size_t len;
	size_t cap;
	bool failed;
	const char *family; /* of the samples that follow */
};

struct fb_metrics_label {
	const char *name;
	const char *value;
};

/** Open a family. type is "counter" or "gauge". */
void fb_text_family(struct fb_text *text, const char *name, const char *type, const char *help);

/** One sample of the open family. */
void fb_text_sample(struct fb_text *text, const struct fb_metrics_label *labels, size_t n_labels,
		    uint64_t value);

/** The same with a fraction. */
void fb_text_sample_double(struct fb_text *text, const struct fb_metrics_label *labels, size_t n_labels,
			   double value);

/** The text, to free(); NULL if memory ran out on the way. The object is empty afterwards. */
char *fb_text_take(struct fb_text *text, size_t *ret_len);

#endif
