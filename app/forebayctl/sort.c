/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * --sort-by: a path into objects as manifests have them, as kubectl's JSONPath, of which there are
 * fields, ['fields'] and [places]; with or without braces and the first dot. What is no field of the
 * object may be one of the row, so that `.flows` sorts too.
 */

#include "ctl.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_STEPS 32

struct step {
	char *key; /* NULL: a place in a list */
	long place; /* from the end, if below 0 */
};

struct path {
	struct step steps[MAX_STEPS];
	size_t n;
	char *text; /* what the keys are cut out of */
};

/* "['a.b']", "[\"a.b\"]", "[0]", "[-1]". @return behind it; NULL: it is none of these */
static char *parse_bracket(char *at, struct step *step)
{
	char *end;

	if (*at == '\'' || *at == '"') {
		end = strchr(at + 1, *at);
		if (end == NULL || end == at + 1 || end[1] != ']')
			return NULL;
		*end = '\0';
		step->key = at + 1;
		return end + 2;
	}
	step->key = NULL;
	step->place = strtol(at, &end, 10);
	return end != at && *end == ']' && !isspace((unsigned char)*at) ? end + 1 : NULL;
}

/* A name up to the next dot or bracket; "\." is a dot in it. It is shortened in place. */
static char *parse_name(char *at, struct step *step, char *ret_stopped)
{
	char *to = at;

	step->key = at;
	while (*at != '\0' && *at != '.' && *at != '[') {
		if (*at == '\\' && at[1] != '\0')
			at++;
		*to++ = *at++;
	}
	*ret_stopped = *at;
	if (to == step->key)
		return NULL;
	*to = '\0';
	return at;
}

static bool parse_steps(char *at, struct path *path)
{
	char stopped = *at == '[' ? '[' : '.'; /* the first dot may be left out */

	if (*at == '.' && at[1] != '\0')
		at++;
	if (*at == '[')
		stopped = '[';
	while (stopped != '\0') {
		struct step *step = &path->steps[path->n++];

		if (path->n == MAX_STEPS)
			return false;
		if (stopped == '[') {
			at = parse_bracket(at + 1, step);
			stopped = at != NULL ? *at : '\0';
			if (at != NULL && stopped != '\0' && stopped != '.' && stopped != '[')
				return false;
		} else {
			at = parse_name(at, step, &stopped);
		}
		if (at == NULL)
			return false;
		if (stopped == '.')
			at++;
	}
	return true;
}

static bool parse_path(const char *text, struct path *ret)
{
	size_t len = strlen(text);

	*ret = (struct path){0};
	if (len >= 2 && text[0] == '{' && text[len - 1] == '}') {
		text++;
		len -= 2;
	}
	ret->text = strndup(text, len);
	return ret->text != NULL && len > 0 && strpbrk(ret->text, "{}") == NULL &&
	       parse_steps(ret->text, ret);
}

static const json_t *follow(const json_t *value, const struct path *path)
{
	for (size_t i = 0; i < path->n && value != NULL; i++) {
		const struct step *step = &path->steps[i];
		long n = (long)json_array_size(value);
		long place = step->place < 0 ? n + step->place : step->place;

		if (step->key != NULL)
			value = json_object_get(value, step->key);
		else
			value = place >= 0 && place < n ? json_array_get(value, (size_t)place)
							: NULL;
	}
	return json_is_null(value) ? NULL : value;
}

/* ---- order ---- */

static size_t skip_zeros(const char *text)
{
	return strspn(text, "0");
}

/* Numbers in names count as numbers: pod-2 before pod-10. */
int ctl_natural_order(const char *a, const char *b)
{
	while (*a != '\0' && *b != '\0') {
		bool digits = isdigit((unsigned char)*a) != 0;
		size_t zeros_a = skip_zeros(a);
		size_t zeros_b = skip_zeros(b);
		size_t len_a;
		size_t len_b;
		int order;

		if (digits != (isdigit((unsigned char)*b) != 0))
			return digits ? -1 : 1;
		if (!digits) {
			if (*a != *b)
				return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
			a++;
			b++;
			continue;
		}
		len_a = strspn(a + zeros_a, "0123456789");
		len_b = strspn(b + zeros_b, "0123456789");
		if (len_a != len_b)
			return len_a < len_b ? -1 : 1;
		order = memcmp(a + zeros_a, b + zeros_b, len_a);
		if (order != 0)
			return order;
		if (zeros_a != zeros_b)
			return zeros_a < zeros_b ? -1 : 1;
		a += zeros_a + len_a;
		b += zeros_b + len_b;
	}
	return (*a != '\0') - (*b != '\0');
}

struct row {
	json_t *item;
	const json_t *value; /* NULL: it has none, and comes first */
	size_t place;
};

static int compare_values(const json_t *a, const json_t *b)
{
	if (a == NULL || b == NULL)
		return (a != NULL) - (b != NULL);
	if (json_is_string(a) && json_is_string(b))
		return ctl_natural_order(json_string_value(a), json_string_value(b));
	if (json_is_number(a) && json_is_number(b)) {
		double x = json_number_value(a);
		double y = json_number_value(b);

		return (x > y) - (x < y);
	}
	if (json_is_boolean(a) && json_is_boolean(b))
		return json_is_true(a) - json_is_true(b);
	return (int)json_typeof(a) - (int)json_typeof(b);
}

static int compare_by_value(const void *left, const void *right)
{
	const struct row *a = left;
	const struct row *b = right;
	int order = compare_values(a->value, b->value);

	return order != 0 ? order : a->place < b->place ? -1 : 1;
}

static int compare_by_name(const void *left, const void *right)
{
	const struct row *a = left;
	const struct row *b = right;
	int order = strcmp(ctl_string(a->item, "namespace"), ctl_string(b->item, "namespace"));

	if (order == 0)
		order = strcmp(ctl_string(a->item, "name"), ctl_string(b->item, "name"));
	return order != 0 ? order : a->place < b->place ? -1 : 1;
}

static void sort_rows(json_t *items, const struct path *path, bool *ret_found,
		      int (*compare)(const void *, const void *))
{
	size_t n = json_array_size(items);
	struct row *rows = calloc(n + 1, sizeof(*rows));

	if (rows == NULL) {
		ctl_error("out of memory");
		exit(1);
	}
	for (size_t i = 0; i < n; i++) {
		rows[i] = (struct row){.item = json_incref(json_array_get(items, i)), .place = i};
		if (path == NULL)
			continue;
		rows[i].value = follow(json_object_get(rows[i].item, "object"), path);
		if (rows[i].value == NULL)
			rows[i].value = follow(rows[i].item, path);
		*ret_found |= rows[i].value != NULL;
	}
	qsort(rows, n, sizeof(*rows), compare);
	for (size_t i = 0; i < n; i++)
		(void)json_array_set_new(items, i, rows[i].item);
	free(rows);
}

bool ctl_sort_is_path(const char *text)
{
	struct path path;
	bool ret = parse_path(text, &path);

	free(path.text);
	if (!ret)
		ctl_error("--sort-by %s: not a path like .metadata.name or '{.spec.ports[0].port}'",
			  text);
	return ret;
}

void ctl_sort_by_name(json_t *items)
{
	sort_rows(items, NULL, NULL, compare_by_name);
}

bool ctl_sort(json_t *items, const char *text)
{
	bool found = json_array_size(items) == 0;
	struct path path;

	if (parse_path(text, &path))
		sort_rows(items, &path, &found, compare_by_value);
	free(path.text);
	if (!found)
		ctl_error("--sort-by %s: nothing that is listed has such a field", text);
	return found;
}
