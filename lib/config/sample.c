/* SPDX-License-Identifier: BSD-3-Clause */

/* The commented sample, from the rows. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/schema.h"

#define WIDTH 98

/* Where a line of the sample begins: "" or "# " (an example that does not take effect), then
 * the indentation of the mapping. */
struct margin {
	const char *comment;
	unsigned int indent;
};

static void begin_line(FILE *out, struct margin margin, const char *text)
{
	fprintf(out, "%s%*s%s", margin.comment, (int)margin.indent, "", text);
}

/* Words in lines of at most WIDTH, each behind "# ". */
static void wrap(FILE *out, struct margin margin, const char *text)
{
	size_t room = WIDTH - margin.indent - strlen(margin.comment) - 2;

	while (*text != '\0') {
		size_t len = strlen(text);

		if (len > room) {
			for (len = room; len > 0 && text[len] != ' ';)
				len--;
			if (len == 0)
				len = strcspn(text, " ");
		}
		begin_line(out, margin, "# ");
		fprintf(out, "%.*s\n", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
}

static void print_rows(FILE *out, const struct setting *rows, struct margin margin);

/* What the help does not say already: the bounds, the unit, whether it must be given. */
static void print_help(FILE *out, const struct setting *row, struct margin margin)
{
	char allowed[256];
	char text[1024];

	setting_describe(row, allowed, sizeof(allowed));
	if (row->type == SETTING_GROUP)
		snprintf(text, sizeof(text), "%s", row->help);
	else if (row->type == SETTING_RECORDS)
		snprintf(text, sizeof(text), "%s (A list of mappings, at most %u.)", row->help,
			 row->most_n);
	else
		snprintf(text, sizeof(text), "%s (%s%s%s%s%s)", row->help,
			 row->list || row->type == SETTING_CHOICES ? "A list; each: " : "",
			 allowed, row->unit != NULL ? "; " : "", row->unit != NULL ? row->unit : "",
			 row->standard == NULL ? "; must be given" : "");
	wrap(out, margin, text);
}

/* "key: []", and below it in comments one entry with all its keys. */
static void print_records(FILE *out, const struct setting *row, struct margin margin)
{
	struct margin example = {"# ", margin.indent};

	begin_line(out, margin, row->name);
	fputs(": []\n", out);
	wrap(out, margin, "Instead of [], one entry with all that it can say:");
	begin_line(out, example, row->name);
	fputs(":\n", out);
	begin_line(out, example, "-\n");
	example.indent += 2;
	print_rows(out, row->rows, example);
}

static void print_row(FILE *out, const struct setting *row, struct margin margin)
{
	const char *value = row->standard;

	print_help(out, row, margin);
	if (row->type == SETTING_RECORDS) {
		print_records(out, row, margin);
		return;
	}
	begin_line(out, margin, row->name);
	if (row->type == SETTING_GROUP) {
		fputs(":\n", out);
		margin.indent += 2;
		print_rows(out, row->rows, margin);
		return;
	}
	if (*margin.comment != '\0' && row->example != NULL)
		value = row->example;
	fprintf(out, ": %s\n", value);
	if (*margin.comment == '\0' && row->example != NULL) {
		begin_line(out, margin, "# ");
		fprintf(out, "such as: %s\n", row->example);
	}
}

static void print_rows(FILE *out, const struct setting *rows, struct margin margin)
{
	for (const struct setting *row = rows; row->name != NULL; row++) {
		if (margin.indent == 0 && *margin.comment == '\0')
			fputc('\n', out);
		print_row(out, row, margin);
	}
}

char *fb_config_sample(void)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	bool failed;

	if (out == NULL)
		return NULL;
	fputs("# forebay's settings: every key, at its default. Nothing needs to be set but ports.\n"
	      "# `forebay --check --config FILE` tells all that is wrong with a file.\n",
	      out);
	print_rows(out, fb_config_rows, (struct margin){"", 0});
	failed = ferror(out) != 0;
	if (fclose(out) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}
