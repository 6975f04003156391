/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The JSON reader (RFC 8259). libyaml reads most JSON, but not surrogate pairs, and not values one
 * after the other as `kubectl get --watch -o json` and concatenated files have them; and JSON
 * libraries do not tell where a value stood.
 *
 * Between values anything that separates is fine: nothing, white space, or a line of ---.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "yaml/tree.h"

struct json {
	struct tree *tree;
	const char *at;
	const char *end;
	/* Places are asked for in rising order: each byte is counted once. */
	const char *counted;
	struct mark mark;
	/* The string being unescaped. */
	char *buf;
	size_t buf_cap;
};

static struct mark mark_at(struct json *json, const char *at)
{
	for (; json->counted < at; json->counted++) {
		if (*json->counted == '\n') {
			json->mark.line++;
			json->mark.column = 1;
		} else if (((uint8_t)*json->counted & 0xc0) != 0x80) {
			json->mark.column++;
		}
	}
	return json->mark;
}

static int expected(struct json *json, const char *at, const char *what)
{
	if (at >= json->end) {
		json->tree->is_json = true;
		return tree_error(json->tree, mark_at(json, json->end),
				  "the text ends too early: expected %s", what);
	}
	return tree_error(json->tree, mark_at(json, at), "expected %s", what);
}

static void skip_space(struct json *json)
{
	while (json->at < json->end && (*json->at == ' ' || *json->at == '\t' ||
					*json->at == '\n' || *json->at == '\r'))
		json->at++;
}

static bool starts_with(const struct json *json, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(json->end - json->at) >= len && memcmp(json->at, word, len) == 0;
}

static int read_hex4(struct json *json, const char *escape, uint32_t *ret)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++, json->at++) {
		char c = json->at < json->end ? *json->at : '\0';

		if (c >= '0' && c <= '9')
			value = value * 16 + (uint32_t)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value * 16 + (uint32_t)((c | 0x20) - 'a') + 10;
		else
			return expected(json, escape, "four hexadecimal digits after \\u");
	}
	*ret = value;
	return 0;
}

static size_t put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

static int half_a_pair(struct json *json, const char *escape)
{
	json->tree->is_json = true;
	return tree_error(json->tree, mark_at(json, escape),
			  "half of a surrogate pair: \\ud800 to \\udbff must be followed by \\udc00 to "
			  "\\udfff");
}

/* After "\u": one code point, from two escapes where the first is half a pair. */
static int read_unicode(struct json *json, const char *escape, uint32_t *ret)
{
	uint32_t low = 0;
	int rc = read_hex4(json, escape, ret);

	if (rc != 0 || *ret < 0xd800 || *ret > 0xdfff)
		return rc;
	if (*ret > 0xdbff || !starts_with(json, "\\u"))
		return half_a_pair(json, escape);
	json->at += 2;
	rc = read_hex4(json, escape, &low);
	if (rc != 0)
		return rc;
	if (low < 0xdc00 || low > 0xdfff)
		return half_a_pair(json, escape);
	*ret = 0x10000 + ((*ret - 0xd800) << 10) + (low - 0xdc00);
	return 0;
}

/* After the backslash. */
static int read_escape(struct json *json, size_t *len)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	const char *escape = json->at - 1;
	const char *known;
	uint32_t c = 0;
	int rc;

	if (json->at == json->end)
		return expected(json, json->at, "the closing '\"' of the text");
	if (*json->at == 'u') {
		json->at++;
		rc = read_unicode(json, escape, &c);
		if (rc != 0)
			return rc;
		*len += put_utf8(json->buf + *len, c);
		return 0;
	}
	known = memchr(from, *json->at, sizeof(from) - 1);
	if (known == NULL)
		return tree_error(json->tree, mark_at(json, escape),
				  "unknown escape after '\\'; a backslash itself is \\\\");
	json->buf[(*len)++] = to[known - from];
	json->at++;
	return 0;
}

/* The buffer must hold the longest outcome: no escape becomes longer than it was. */
static int reserve(struct json *json, const char *from)
{
	const char *quote = from;
	size_t want;
	char *buf;

	while (quote < json->end && *quote != '"')
		quote += *quote == '\\' && json->end - quote > 1 ? 2 : 1;
	want = (size_t)(quote - from) + 1;
	if (want <= json->buf_cap)
		return 0;
	want += want / 2;
	buf = realloc(json->buf, want);
	if (buf == NULL)
		return -ENOMEM;
	json->buf = buf;
	json->buf_cap = want;
	return 0;
}

static int read_string(struct json *json)
{
	struct scalar scalar = {.mark = mark_at(json, json->at), .kind = FB_NODE_STRING};
	const char *begin = ++json->at;
	size_t len = 0;
	int rc;

	/* Nearly all strings have no escape and are taken as they stand. */
	while (json->at < json->end && *json->at != '"' && *json->at != '\\' &&
	       (uint8_t)*json->at >= 0x20)
		json->at++;
	if (json->at < json->end && *json->at == '"') {
		scalar.text = begin;
		scalar.len = (size_t)(json->at++ - begin);
		return tree_scalar(json->tree, &scalar, NULL);
	}
	json->at = begin;
	rc = reserve(json, begin);
	while (rc == 0 && json->at < json->end && *json->at != '"') {
		if ((uint8_t)*json->at < 0x20)
			return tree_error(json->tree, mark_at(json, json->at),
					  "line breaks, tabs and control characters in text must be "
					  "escaped (\\n, \\t, \\u001f); is a closing '\"' missing?");
		if (*json->at++ == '\\')
			rc = read_escape(json, &len);
		else
			json->buf[len++] = json->at[-1];
	}
	if (rc != 0)
		return rc;
	if (json->at == json->end)
		return expected(json, json->at, "the closing '\"' of the text");
	json->at++;
	scalar.text = json->buf;
	scalar.len = len;
	return tree_scalar(json->tree, &scalar, NULL);
}

static bool is_json_number(const char *text, size_t len)
{
	size_t i = text[0] == '-';

	/* scalar_kind() has checked the rest; JSON wants a digit before and after the dot. */
	if (i >= len || text[i] < '0' || text[i] > '9')
		return false;
	while (i < len && text[i] >= '0' && text[i] <= '9')
		i++;
	if (text[text[0] == '-'] == '0' && i > (size_t)(text[0] == '-') + 1)
		return false;
	return i == len || text[i] != '.' ||
	       (i + 1 < len && text[i + 1] >= '0' && text[i + 1] <= '9');
}

/* true, false, null or a number */
static int read_word(struct json *json)
{
	struct scalar scalar = {.mark = mark_at(json, json->at), .text = json->at};
	const char *begin = json->at;
	bool fits;

	while (json->at < json->end && *json->at != '\0' &&
	       (strchr("+-._", *json->at) != NULL || (uint8_t)(*json->at - '0') < 10 ||
		(uint8_t)((*json->at | 0x20) - 'a') < 26))
		json->at++;
	scalar.len = (size_t)(json->at - begin);
	if (scalar.len == 0)
		return expected(json, begin, "a value");
	scalar.kind = scalar_kind(begin, scalar.len, &scalar.integer);
	if (scalar.kind == FB_NODE_INT || scalar.kind == FB_NODE_FLOAT)
		fits = is_json_number(begin, scalar.len);
	else
		fits = IS_ONE_OF(begin, scalar.len, "true", "false", "null");
	if (!fits)
		return tree_error(json->tree, scalar.mark,
				  "%.*s is not a value; text stands in double quotes",
				  scalar.len > 40 ? 40 : (int)scalar.len, begin);
	return tree_scalar(json->tree, &scalar, NULL);
}

static int read_key(struct json *json)
{
	int rc;

	if (json->at == json->end || *json->at != '"')
		return expected(json, json->at, "a key in double quotes, or '}'");
	rc = read_string(json);
	if (rc != 0)
		return rc;
	skip_space(json);
	if (json->at == json->end || *json->at != ':')
		return expected(json, json->at, "':' after the key");
	json->at++;
	skip_space(json);
	return 0;
}

static bool in_mapping(const struct tree *tree)
{
	return tree->frames[tree->depth - 1].node->kind == FB_NODE_MAPPING;
}

/* After a value: closing brackets, and the comma before the next value. */
static int finish_value(struct json *json)
{
	struct tree *tree = json->tree;

	while (tree->depth > 0) {
		bool mapping = in_mapping(tree);
		int rc;

		skip_space(json);
		if (json->at < json->end && *json->at == ',') {
			json->at++;
			skip_space(json);
			return mapping ? read_key(json) : 0;
		}
		if (json->at == json->end || *json->at != (mapping ? '}' : ']'))
			return expected(json, json->at, mapping ? "',' or '}'" : "',' or ']'");
		json->at++;
		rc = tree_close(tree);
		if (rc != 0)
			return rc;
	}
	return tree_end_document(tree);
}

/* One value, or the opening of one: then the first value in it is next. */
static int read_value(struct json *json)
{
	bool mapping = json->at < json->end && *json->at == '{';
	int rc;

	if (json->at == json->end || (!mapping && *json->at != '[')) {
		rc = json->at < json->end && *json->at == '"' ? read_string(json) : read_word(json);
		return rc == 0 ? finish_value(json) : rc;
	}
	rc = tree_open(json->tree, mapping ? FB_NODE_MAPPING : FB_NODE_SEQUENCE,
		       mark_at(json, json->at), NULL);
	if (rc != 0)
		return rc;
	json->at++;
	skip_space(json);
	if (json->at < json->end && *json->at == (mapping ? '}' : ']')) {
		json->at++;
		rc = tree_close(json->tree);
		return rc == 0 ? finish_value(json) : rc;
	}
	return mapping ? read_key(json) : 0;
}

int json_read(struct tree *tree, const char *text, size_t len)
{
	struct json json = {
		.tree = tree,
		.at = text,
		.end = text + len,
		.counted = text,
		.mark = {.line = 1, .column = 1},
	};
	int rc = 0;

	while (rc == 0) {
		skip_space(&json);
		if (tree->depth == 0) {
			if (json.at == json.end)
				break;
			if (starts_with(&json, "---")) {
				json.at += 3;
				continue;
			}
			/* Manifests are objects or lists; a bare word here is some other format. */
			if (*json.at != '{' && *json.at != '[') {
				rc = expected(&json, json.at, "'{' or the end of the text");
				break;
			}
		}
		rc = read_value(&json);
	}
	free(json.buf);
	return rc;
}
