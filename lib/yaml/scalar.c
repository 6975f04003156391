/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include "yaml/tree.h"

const char *const fb_node_kind_names[] = {
	[FB_NODE_NULL] = "null",	 [FB_NODE_BOOL] = "boolean",
	[FB_NODE_INT] = "integer",	 [FB_NODE_FLOAT] = "number with a fraction",
	[FB_NODE_STRING] = "string",	 [FB_NODE_SEQUENCE] = "list",
	[FB_NODE_MAPPING] = "mapping",
};

bool is_one_of(const char *text, size_t len, const char *const *words, size_t n_words)
{
	for (size_t i = 0; i < n_words; i++) {
		if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0)
			return true;
	}
	return false;
}

static size_t skip_digits(const char *text, size_t len, size_t i)
{
	while (i < len && text[i] >= '0' && text[i] <= '9')
		i++;
	return i;
}

static bool to_integer(const char *digits, size_t n, bool negative, int64_t *ret)
{
	uint64_t most = (uint64_t)INT64_MAX + (negative ? 1 : 0);
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t digit = (uint64_t)(digits[i] - '0');

		if (value > (most - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret = (int64_t)(negative ? 0 - value : value);
	return true;
}

static enum fb_node_kind number_kind(const char *text, size_t len, int64_t *ret_integer)
{
	size_t first = text[0] == '-' || text[0] == '+';
	size_t i = skip_digits(text, len, first);
	size_t n_whole = i - first;
	size_t n_fraction = 0;

	if (i == len && n_whole > 0) {
		if (n_whole > 1 && text[first] == '0')
			return FB_NODE_STRING;
		return to_integer(text + first, n_whole, text[0] == '-', ret_integer) ?
			       FB_NODE_INT :
			       FB_NODE_FLOAT;
	}
	if (i < len && text[i] == '.') {
		size_t dot = i++;

		i = skip_digits(text, len, i);
		n_fraction = i - dot - 1;
	}
	if (n_whole + n_fraction == 0)
		return FB_NODE_STRING;
	if (i < len && (text[i] == 'e' || text[i] == 'E')) {
		size_t exponent;

		i++;
		if (i < len && (text[i] == '-' || text[i] == '+'))
			i++;
		exponent = i;
		i = skip_digits(text, len, i);
		if (i == exponent)
			return FB_NODE_STRING;
	}
	return i == len ? FB_NODE_FLOAT : FB_NODE_STRING;
}

enum fb_node_kind scalar_kind(const char *text, size_t len, int64_t *ret_integer)
{
	*ret_integer = 0;
	if (len == 0)
		return FB_NODE_NULL;
	/* Nearly all scalars are names; only these bytes begin anything else. */
	if (strchr("~nNtTfF.-+0123456789", text[0]) == NULL)
		return FB_NODE_STRING;
	if (IS_ONE_OF(text, len, "~", "null", "Null", "NULL"))
		return FB_NODE_NULL;
	if (IS_ONE_OF(text, len, "true", "True", "TRUE")) {
		*ret_integer = 1;
		return FB_NODE_BOOL;
	}
	if (IS_ONE_OF(text, len, "false", "False", "FALSE"))
		return FB_NODE_BOOL;
	if (IS_ONE_OF(text, len, ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf",
		      "+.INF", "-.inf", "-.Inf", "-.INF"))
		return FB_NODE_FLOAT;
	return number_kind(text, len, ret_integer);
}
