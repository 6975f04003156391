/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <yaml.h>

void ctl_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)fputs("forebayctl: ", stderr);
	(void)vfprintf(stderr, fmt, args);
	(void)fputc('\n', stderr);
	va_end(args);
}

static void *need(void *p)
{
	if (p == NULL) {
		ctl_error("out of memory");
		exit(1);
	}
	return p;
}

/* ---- JSON and YAML ---- */

/* Text that no reader of YAML 1.1 or 1.2 takes for anything but text. */
static bool is_plain(const char *text)
{
	static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
	size_t len = strlen(text);

	if (!isalpha((unsigned char)text[0]) ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") != len)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i]) == 0)
			return false;
	}
	return true;
}

static int emit_scalar(yaml_emitter_t *emitter, const char *text, bool is_string)
{
	yaml_char_t *value = (yaml_char_t *)(uintptr_t)text;
	yaml_event_t event;

	is_string = is_string && !is_plain(text);
	return yaml_scalar_event_initialize(&event, NULL, NULL, value, (int)strlen(text),
					    !is_string, is_string,
					    is_string ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
						      : YAML_PLAIN_SCALAR_STYLE) &&
	       yaml_emitter_emit(emitter, &event);
}

/* Ours are identifiers; labels have keys like 'example.com/name', or numbers. */
static int emit_key(yaml_emitter_t *emitter, const char *key)
{
	return emit_scalar(emitter, key, true);
}

static int emit_value(yaml_emitter_t *emitter, const json_t *value)
{
	yaml_event_t event;
	const char *key;
	json_t *child;
	char *text;
	size_t i;
	int ok;

	switch (json_typeof(value)) {
	case JSON_OBJECT:
		ok = yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
							 YAML_BLOCK_MAPPING_STYLE) &&
		     yaml_emitter_emit(emitter, &event);
		json_object_foreach((json_t *)(uintptr_t)value, key, child)
			ok = ok && emit_key(emitter, key) && emit_value(emitter, child);
		return ok && yaml_mapping_end_event_initialize(&event) &&
		       yaml_emitter_emit(emitter, &event);
	case JSON_ARRAY:
		ok = yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
							  YAML_BLOCK_SEQUENCE_STYLE) &&
		     yaml_emitter_emit(emitter, &event);
		json_array_foreach(value, i, child)
			ok = ok && emit_value(emitter, child);
		return ok && yaml_sequence_end_event_initialize(&event) &&
		       yaml_emitter_emit(emitter, &event);
	case JSON_STRING:
		return emit_scalar(emitter, json_string_value(value), true);
	default:
		text = json_dumps(value, JSON_ENCODE_ANY);
		ok = text != NULL && emit_scalar(emitter, text, false);
		free(text);
		return ok;
	}
}

static int print_yaml(const json_t *value)
{
	yaml_emitter_t emitter;
	yaml_event_t event;
	int ok;

	if (!yaml_emitter_initialize(&emitter))
		return 1;
	yaml_emitter_set_output_file(&emitter, stdout);
	yaml_emitter_set_unicode(&emitter, 1);
	yaml_emitter_set_width(&emitter, -1);
	ok = yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
	     yaml_emitter_emit(&emitter, &event) &&
	     yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
	     yaml_emitter_emit(&emitter, &event) && emit_value(&emitter, value) &&
	     yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(&emitter, &event) &&
	     yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(&emitter, &event);
	yaml_emitter_delete(&emitter);
	if (!ok)
		ctl_error("cannot write YAML");
	return ok ? 0 : 1;
}

int ctl_print_value(const struct ctl *ctl, const json_t *value)
{
	if (ctl->output == OUTPUT_YAML)
		return print_yaml(value);
	if (json_dumpf(value, stdout, JSON_INDENT(2)) != 0)
		return 1;
	(void)putchar('\n');
	return 0;
}

/* ---- tables ---- */

struct ctl_table {
	size_t n_heads;
	size_t n_cells; /* heads included */
	size_t cap;
	char **cells;
};

void ctl_table_cell(struct ctl_table *table, char *text)
{
	if (table->n_cells == table->cap) {
		table->cap = table->cap != 0 ? table->cap * 2 : 64;
		table->cells = need(reallocarray(table->cells, table->cap, sizeof(char *)));
	}
	table->cells[table->n_cells++] = text != NULL ? text : need(strdup("<none>"));
}

void ctl_table_printf(struct ctl_table *table, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = need(NULL);
	va_end(args);
	if (text[0] == '\0') {
		free(text);
		text = NULL;
	}
	ctl_table_cell(table, text);
}

struct ctl_table *ctl_table_create(const char *const *heads, size_t n_heads)
{
	struct ctl_table *table = need(calloc(1, sizeof(*table)));

	table->n_heads = n_heads;
	for (size_t i = 0; i < n_heads; i++)
		ctl_table_printf(table, "%s", heads[i]);
	return table;
}

void ctl_table_print(const struct ctl_table *table)
{
	size_t *widths = need(calloc(table->n_heads, sizeof(*widths)));

	for (size_t i = 0; i < table->n_cells; i++) {
		size_t len = strlen(table->cells[i]);

		if (len > widths[i % table->n_heads])
			widths[i % table->n_heads] = len;
	}
	for (size_t i = 0; i < table->n_cells; i++) {
		size_t column = i % table->n_heads;

		if (column == table->n_heads - 1)
			(void)printf("%s\n", table->cells[i]);
		else
			(void)printf("%-*s   ", (int)widths[column], table->cells[i]);
	}
	free(widths);
}

void ctl_table_free(struct ctl_table *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table);
}

/* ---- fields ---- */

const char *ctl_string(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

long long ctl_integer(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

char *ctl_join(const json_t *list)
{
	const json_t *item;
	char *text = NULL;
	size_t i;

	json_array_foreach(list, i, item) {
		char *longer = NULL;

		if (asprintf(&longer, "%s%s%s", text != NULL ? text : "", text != NULL ? "," : "",
			     json_string_value(item)) < 0)
			longer = need(NULL);
		free(text);
		text = longer;
	}
	return text;
}

/* Two units as long as the smaller one says something. */
static const char *duration_of_two(char *buf, long long s, long long unit, const char *name,
				   long long smaller, const char *smaller_name)
{
	if (s % unit / smaller == 0)
		(void)snprintf(buf, CTL_DURATION_LEN, "%lld%s", s / unit, name);
	else
		(void)snprintf(buf, CTL_DURATION_LEN, "%lld%s%lld%s", s / unit, name,
			       s % unit / smaller, smaller_name);
	return buf;
}

const char *ctl_duration(long long s, char *buf)
{
	const long long minute = 60;
	const long long hour = 60 * minute;
	const long long day = 24 * hour;
	const long long year = 365 * day;

	if (s < 2 * minute)
		(void)snprintf(buf, CTL_DURATION_LEN, "%llds", s);
	else if (s < 10 * minute)
		return duration_of_two(buf, s, minute, "m", 1, "s");
	else if (s < 3 * hour)
		(void)snprintf(buf, CTL_DURATION_LEN, "%lldm", s / minute);
	else if (s < 8 * hour)
		return duration_of_two(buf, s, hour, "h", minute, "m");
	else if (s < 2 * day)
		(void)snprintf(buf, CTL_DURATION_LEN, "%lldh", s / hour);
	else if (s < 8 * day)
		return duration_of_two(buf, s, day, "d", hour, "h");
	else if (s < 2 * year)
		(void)snprintf(buf, CTL_DURATION_LEN, "%lldd", s / day);
	else if (s < 8 * year)
		return duration_of_two(buf, s, year, "y", day, "d");
	else
		(void)snprintf(buf, CTL_DURATION_LEN, "%lldy", s / year);
	return buf;
}

char *ctl_age(const json_t *item)
{
	struct tm tm = {0};
	char buf[CTL_DURATION_LEN];

	if (strptime(ctl_string(item, "created"), "%Y-%m-%dT%H:%M:%S", &tm) == NULL)
		return strdup("<unknown>");
	return strdup(ctl_duration((long long)difftime(time(NULL), timegm(&tm)), buf));
}
