/* SPDX-License-Identifier: BSD-3-Clause */

/* Walks rows and nodes side by side: defaults, values, errors; all of them, never only the first. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/spelling.h"
#include "config/schema.h"

#define MOST_SLIPS 2 /* of the pen, in a key that is still recognised */

static void *at(void *base, size_t offset)
{
	return (char *)base + offset;
}

/* Appends to the path; returns the length to cut it back to. */
static size_t enter(struct reader *reader, const char *name)
{
	size_t len = strlen(reader->path);

	snprintf(reader->path + len, sizeof(reader->path) - len, "%s%s", len > 0 ? "." : "", name);
	return len;
}

static size_t enter_index(struct reader *reader, uint32_t i)
{
	size_t len = strlen(reader->path);

	snprintf(reader->path + len, sizeof(reader->path) - len, "[%u]", i);
	return len;
}

static void leave(struct reader *reader, size_t len)
{
	reader->path[len] = '\0';
}

/* "PATH: VALUE is not WHAT IS ALLOWED" */
static void refuse(struct reader *reader, const struct fb_node *node, const char *allowed)
{
	struct fb_place place = fb_node_place(reader->yaml, node);
	const char *path = reader->path;
	const char *colon = *path != '\0' ? ": " : "";

	if (node->text == NULL)
		fb_errs_add(reader->errs, place, FB_SEV_ERROR, "%s%sa %s is not %s", path, colon,
			    fb_node_kind_names[node->kind], allowed);
	else if (node->kind == FB_NODE_STRING)
		fb_errs_add(reader->errs, place, FB_SEV_ERROR, "%s%s\"%.60s\" is not %s", path,
			    colon, node->text, allowed);
	else
		fb_errs_add(reader->errs, place, FB_SEV_ERROR, "%s%s%s is not %s", path, colon,
			    *node->text != '\0' ? node->text : "an empty value", allowed);
}

static void refuse_key(struct reader *reader, const struct setting *rows,
		       const struct fb_node *key)
{
	const struct setting *nearest = NULL;
	unsigned int best = MOST_SLIPS + 1;
	char allowed[512];
	size_t len = 0;

	for (const struct setting *row = rows; row->name != NULL; row++) {
		unsigned int edits = fb_spelling_edits(key->text, row->name, MOST_SLIPS);

		if (edits < best) {
			best = edits;
			nearest = row;
		}
		if (len < sizeof(allowed))
			len += (size_t)snprintf(allowed + len, sizeof(allowed) - len, "%s%s",
						len > 0 ? ", " : "", row->name);
	}
	fb_errs_add(reader->errs, fb_node_place(reader->yaml, key), FB_SEV_ERROR,
		    "%s%sunknown key \"%.60s\"%s%s%s; allowed: %s", reader->path,
		    *reader->path != '\0' ? ": " : "", key->text,
		    nearest != NULL ? ", did you mean \"" : "",
		    nearest != NULL ? nearest->name : "", nearest != NULL ? "\"?" : "", allowed);
}

static void free_values(const struct setting *row, void *base)
{
	char *values = *(char **)at(base, row->offset);
	uint32_t *n = at(base, row->offset_2);

	for (uint32_t i = 0; i < *n && row->type == SETTING_RECORDS; i++)
		free_rows(row->rows, values + (size_t)i * row->size);
	for (uint32_t i = 0; i < *n && row->type == SETTING_TEXT; i++)
		free(((char **)values)[i]);
	free(values);
	*(char **)at(base, row->offset) = NULL;
	*n = 0;
}

void free_rows(const struct setting *rows, void *base)
{
	for (const struct setting *row = rows; row->name != NULL; row++) {
		if (row->type == SETTING_GROUP)
			free_rows(row->rows, base);
		else if (row->list || row->type == SETTING_RECORDS)
			free_values(row, base);
		else if (row->type == SETTING_TEXT || row->type == SETTING_LISTEN)
			free(*(char **)at(base, row->offset));
	}
}

static void read_value(struct reader *reader, const struct setting *row,
		       const struct fb_node *node, void *field)
{
	char allowed[256];

	if (setting_set(row, node, field, &reader->no_memory))
		return;
	setting_describe(row, allowed, sizeof(allowed));
	refuse(reader, node, allowed);
}

/* Room for as many values as the list has, one each, also for those that turn out to be wrong:
 * check.c finds a value's node by its index. */
static char *make_values(struct reader *reader, const struct setting *row,
			 const struct fb_node *node, void *base)
{
	char *values;

	free_values(row, base);
	if (node->kind != FB_NODE_SEQUENCE) {
		refuse(reader, node, "a list");
		return NULL;
	}
	if (node->n > row->most_n) {
		fb_errs_add(reader->errs, fb_node_place(reader->yaml, node), FB_SEV_ERROR,
			    "%s: %u entries are too many (0 to %u)", reader->path, node->n,
			    row->most_n);
		return NULL;
	}
	if (node->n == 0)
		return NULL;
	values = calloc(node->n, row->size);
	if (values == NULL) {
		reader->no_memory = true;
		return NULL;
	}
	*(char **)at(base, row->offset) = values;
	*(uint32_t *)at(base, row->offset_2) = node->n;
	return values;
}

static void read_list(struct reader *reader, const struct setting *row, const struct fb_node *node,
		      void *base)
{
	char *values = make_values(reader, row, node, base);

	for (uint32_t i = 0; values != NULL && i < node->n; i++) {
		size_t outer = enter_index(reader, i);
		void *value = values + (size_t)i * row->size;

		if (row->type == SETTING_RECORDS) {
			read_standards(reader, row->rows, value);
			read_rows(reader, row->rows, node->children[i], value);
		} else {
			read_value(reader, row, node->children[i], value);
		}
		leave(reader, outer);
	}
}

static void read_choices(struct reader *reader, const struct setting *row,
			 const struct fb_node *node, void *field)
{
	*(uint32_t *)field = 0;
	if (node->kind != FB_NODE_SEQUENCE) {
		refuse(reader, node, "a list");
		return;
	}
	for (uint32_t i = 0; i < node->n; i++) {
		size_t outer = enter_index(reader, i);

		read_value(reader, row, node->children[i], field);
		leave(reader, outer);
	}
}

static void read_row(struct reader *reader, const struct setting *row, const struct fb_node *node,
		     void *base)
{
	if (row->type == SETTING_GROUP)
		read_rows(reader, row->rows, node, base);
	else if (row->list || row->type == SETTING_RECORDS)
		read_list(reader, row, node, base);
	else if (row->type == SETTING_CHOICES)
		read_choices(reader, row, node, at(base, row->offset));
	else
		read_value(reader, row, node, at(base, row->offset));
}

/* The default goes the way of every value, so it is held to the same bounds. */
static void read_standard(struct reader *reader, const struct setting *row, void *base)
{
	const struct fb_yaml *outer = reader->yaml;
	struct fb_yaml *yaml;

	if (fb_yaml_parse("default", row->standard, strlen(row->standard), &yaml, reader->errs) !=
	    0) {
		reader->no_memory = true;
		return;
	}
	reader->yaml = yaml;
	read_row(reader, row, fb_yaml_document(yaml, 0), base);
	reader->yaml = outer;
	fb_yaml_free(yaml);
}

void read_standards(struct reader *reader, const struct setting *rows, void *base)
{
	for (const struct setting *row = rows; row->name != NULL && !reader->no_memory; row++) {
		size_t outer = enter(reader, row->name);

		if (row->type == SETTING_GROUP)
			read_standards(reader, row->rows, base);
		else if (row->standard != NULL)
			read_standard(reader, row, base);
		leave(reader, outer);
	}
}

static const struct setting *find_row(const struct setting *rows, const char *name)
{
	for (const struct setting *row = rows; row->name != NULL; row++) {
		if (strcmp(row->name, name) == 0)
			return row;
	}
	return NULL;
}

void read_rows(struct reader *reader, const struct setting *rows, const struct fb_node *node,
	       void *base)
{
	if (node->kind != FB_NODE_MAPPING) {
		refuse(reader, node, "a mapping");
		return;
	}
	for (uint32_t i = 0; i < node->n && !reader->no_memory; i++) {
		const struct fb_node *key = node->children[2 * i];
		const struct fb_node *value = node->children[2 * i + 1];
		const struct setting *row = find_row(rows, key->text);
		size_t outer;

		if (row == NULL) {
			refuse_key(reader, rows, key);
			continue;
		}
		/* A key with nothing behind it (all of it commented out) is a key not given. */
		if (value->kind == FB_NODE_NULL)
			continue;
		outer = enter(reader, row->name);
		read_row(reader, row, value, base);
		leave(reader, outer);
	}
	for (const struct setting *row = rows; row->name != NULL; row++) {
		const struct fb_node *value = fb_node_get(node, row->name);

		if (row->type != SETTING_GROUP && row->standard == NULL &&
		    (value == NULL || value->kind == FB_NODE_NULL))
			fb_errs_add(reader->errs, fb_node_place(reader->yaml, node), FB_SEV_ERROR,
				    "%s: \"%s\" is missing", reader->path, row->name);
	}
}
