/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool grow(struct fb_errs *errs, size_t want)
{
	size_t cap = errs->cap != 0 ? errs->cap : 8;
	struct fb_err *v;

	if (want <= errs->cap)
		return true;
	while (cap < want)
		cap *= 2;
	v = realloc(errs->v, cap * sizeof(*v));
	if (v == NULL)
		return false;
	errs->v = v;
	errs->cap = cap;
	return true;
}

/* Length of the character at text if a terminal shows it as one, else 0. */
static size_t shown_len(const char *text)
{
	unsigned char c = (unsigned char)text[0];
	size_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;

	if (n == 1)
		return c >= 0x20 && c != 0x7f;
	/* What vsnprintf() or a precision cut in two is none; nor are controls past ASCII. */
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 0;
	}
	return c == 0xc2 && (unsigned char)text[1] < 0xa0 ? 0 : n;
}

/* Sentences quote what somebody wrote: line breaks and escapes in it end here, whoever quoted it. */
static void make_one_line(char *text)
{
	while (*text != '\0') {
		size_t n = shown_len(text);

		if (n == 0)
			*text = '?';
		text += n == 0 ? 1 : n;
	}
}

void fb_errs_add(struct fb_errs *errs, struct fb_place place, enum fb_severity severity,
		 const char *fmt, ...)
{
	struct fb_err err = {
		.line = place.line,
		.column = place.column,
		.severity = severity,
	};
	va_list args;

	if (severity == FB_SEV_ERROR)
		errs->n_errors++;
	va_start(args, fmt);
	if (vasprintf(&err.text, fmt, args) < 0)
		err.text = NULL;
	va_end(args);
	if (place.file != NULL)
		err.file = strdup(place.file);
	if (err.text == NULL || (place.file != NULL && err.file == NULL) ||
	    !grow(errs, errs->n + 1)) {
		free(err.text);
		free(err.file);
		errs->lost = true;
		return;
	}
	make_one_line(err.text);
	if (err.file != NULL)
		make_one_line(err.file);
	errs->v[errs->n++] = err;
}

void fb_errs_move(struct fb_errs *dst, struct fb_errs *src)
{
	dst->n_errors += src->n_errors;
	dst->lost |= src->lost;
	if (src->n > 0 && grow(dst, dst->n + src->n)) {
		memcpy(dst->v + dst->n, src->v, src->n * sizeof(*src->v));
		dst->n += src->n;
		src->n = 0;
	} else if (src->n > 0) {
		dst->lost = true;
	}
	fb_errs_fini(src);
}

size_t fb_err_format(const struct fb_err *err, char *buf, size_t buf_size)
{
	int len;

	if (err->file == NULL)
		len = snprintf(buf, buf_size, "%s", err->text);
	else if (err->line == 0)
		len = snprintf(buf, buf_size, "%s: %s", err->file, err->text);
	else if (err->column == 0)
		len = snprintf(buf, buf_size, "%s:%u: %s", err->file, err->line, err->text);
	else
		len = snprintf(buf, buf_size, "%s:%u:%u: %s", err->file, err->line, err->column,
			       err->text);
	return len < 0 ? 0 : (size_t)len;
}

void fb_errs_fini(struct fb_errs *errs)
{
	for (size_t i = 0; i < errs->n; i++) {
		free(errs->v[i].file);
		free(errs->v[i].text);
	}
	free(errs->v);
	*errs = (struct fb_errs)FB_ERRS_INIT;
}
