/* SPDX-License-Identifier: BSD-3-Clause */

#include "metrics/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void append(struct fb_text *text, const char *data, size_t len)
{
	size_t cap = text->cap != 0 ? text->cap : 16384;
	char *grown;

	if (text->failed)
		return;
	while (cap - text->len < len)
		cap *= 2;
	if (cap != text->cap) {
		grown = realloc(text->data, cap);
		if (grown == NULL) {
			text->failed = true;
			return;
		}
		text->data = grown;
		text->cap = cap;
	}
	memcpy(text->data + text->len, data, len);
	text->len += len;
}

static void append_string(struct fb_text *text, const char *s)
{
	append(text, s, strlen(s));
}

/* Help texts are constants without any of these; only label values come from users. */
static void append_escaped(struct fb_text *text, const char *s)
{
	for (; *s != '\0'; s++) {
		size_t plain = strcspn(s, "\\\"\n");

		append(text, s, plain);
		s += plain;
		if (*s == '\0')
			return;
		append_string(text, *s == '\n' ? "\\n" : *s == '"' ? "\\\"" : "\\\\");
	}
}

void fb_text_family(struct fb_text *text, const char *name, const char *type, const char *help)
{
	text->family = name;
	append_string(text, "# HELP ");
	append_string(text, name);
	append_string(text, " ");
	append_string(text, help);
	append_string(text, "\n# TYPE ");
	append_string(text, name);
	append_string(text, " ");
	append_string(text, type);
	append_string(text, "\n");
}

static void append_sample(struct fb_text *text, const struct fb_metrics_label *labels, size_t n_labels,
			  const char *value)
{
	append_string(text, text->family);
	for (size_t i = 0; i < n_labels; i++) {
		append_string(text, i == 0 ? "{" : ",");
		append_string(text, labels[i].name);
		append_string(text, "=\"");
		append_escaped(text, labels[i].value);
		append_string(text, "\"");
	}
	append_string(text, n_labels > 0 ? "} " : " ");
	append_string(text, value);
	append_string(text, "\n");
}

void fb_text_sample(struct fb_text *text, const struct fb_metrics_label *labels, size_t n_labels,
		    uint64_t value)
{
	char number[24];

	(void)snprintf(number, sizeof(number), "%" PRIu64, value);
	append_sample(text, labels, n_labels, number);
}

void fb_text_sample_double(struct fb_text *text, const struct fb_metrics_label *labels, size_t n_labels,
			   double value)
{
	char number[32];

	(void)snprintf(number, sizeof(number), "%.17g", value);
	append_sample(text, labels, n_labels, number);
}

char *fb_text_take(struct fb_text *text, size_t *ret_len)
{
	char *data;

	append(text, "", 1);
	if (text->failed) {
		free(text->data);
		*text = (struct fb_text){0};
		return NULL;
	}
	data = text->data;
	*ret_len = text->len - 1;
	*text = (struct fb_text){0};
	return data;
}
