/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a scalar is to kubectl, whose reader goes by YAML 1.1: 017, 0o17, 0x1F, 0b11 and 8_080 are
 * numbers, yes and off are booleans. So they have that value where one is wanted, and are no text
 * where text is, until they stand in quotes. And a number that is whole is an integer however it is
 * written (80.0, 8e1): between YAML and the API server it becomes JSON, which writes it as 80.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "manifest/field.h"

/* More digits than any number that anybody means. */
#define NUMBER_MAX 64

#define DIGITS "0123456789"

static bool is_old_bool(const char *text, int64_t *ret)
{
	static const char *const words[] = {"no", "off", "n", "yes", "on", "y"};

	if (strchr("nNoOyY", text[0]) == NULL)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strlen(words[i]);

		/* As a whole in lower or upper case, or capitalized. */
		if (strcasecmp(text, words[i]) != 0 ||
		    (strcmp(text + 1, words[i] + 1) != 0 &&
		     strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != len))
			continue;
		*ret = i >= 3;
		return true;
	}
	return false;
}

/* Digits of a base and nothing else; what is beyond 64 bits is none. */
static bool is_integer(const char *text, int64_t *ret)
{
	bool negative = text[0] == '-';
	const char *at = text + (text[0] == '-' || text[0] == '+');
	unsigned long long value;
	int base = 10;
	char *end;

	if (at[0] == '0' && at[1] != '\0') {
		const char *letter = strchr("xXoObB", at[1]);

		base = letter == NULL                       ? 8
		       : (*letter == 'x' || *letter == 'X') ? 16
		       : (*letter == 'o' || *letter == 'O') ? 8
							    : 2;
		at += letter != NULL ? 2 : 1;
	}
	/* Neither blanks nor a second sign or prefix. */
	if (strspn(at, base == 16 ? DIGITS "abcdefABCDEF" : DIGITS) != strlen(at) || *at == '\0')
		return false;
	errno = 0;
	value = strtoull(at, &end, base);
	if (errno != 0 || *end != '\0' || value > (uint64_t)INT64_MAX + negative)
		return false;
	*ret = (int64_t)(negative ? 0 - value : value);
	return true;
}

/* 8.5, .5, 8., 1e3: in decimal. 08 is one too, as it is no octal number. */
static bool is_float(const char *text)
{
	const char *at = text + (text[0] == '-' || text[0] == '+');
	size_t whole = strspn(at, DIGITS);
	size_t fraction = 0;

	at += whole;
	if (*at == '.') {
		fraction = strspn(++at, DIGITS);
		at += fraction;
	}
	if (whole + fraction == 0)
		return false;
	if (*at == 'e' || *at == 'E') {
		at++;
		at += *at == '-' || *at == '+';
		whole = strspn(at, DIGITS);
		at += whole;
		if (whole == 0)
			return false;
	}
	return *at == '\0';
}

static enum fb_node_kind kind_of_float(const char *text, int64_t *ret)
{
	double value = strtod(text, NULL);

	if (!(value > -0x1p63 && value < 0x1p63) || (double)(int64_t)value != value)
		return FB_NODE_FLOAT;
	*ret = (int64_t)value;
	return FB_NODE_INT;
}

static enum fb_node_kind kind_of_number(const char *text, int64_t *ret)
{
	char digits[NUMBER_MAX];
	size_t n = 0;

	if (strchr("+-." DIGITS, text[0]) == NULL)
		return FB_NODE_STRING;
	if (text[0] == '.')
		return is_float(text) ? kind_of_float(text, ret) : FB_NODE_STRING;
	for (; *text != '\0' && n < sizeof(digits) - 1; text++) {
		if (*text != '_')
			digits[n++] = *text;
	}
	digits[n] = '\0';
	if (*text != '\0')
		return FB_NODE_STRING;
	if (is_integer(digits, ret))
		return FB_NODE_INT;
	return is_float(digits) ? kind_of_float(digits, ret) : FB_NODE_STRING;
}

enum fb_node_kind scalar_kind_of(const struct fb_node *node, enum fb_node_kind wanted,
				 int64_t *ret_integer)
{
	enum fb_node_kind kind = node->kind;

	*ret_integer = node->integer;
	if (kind == FB_NODE_FLOAT)
		return kind_of_float(node->text, ret_integer);
	if (kind != FB_NODE_STRING || !node->plain)
		return kind;
	/* y and n alone are names where one is wanted: readers are not of one mind about them. */
	if (is_old_bool(node->text, ret_integer))
		return wanted != FB_NODE_BOOL && node->text[1] == '\0' ? FB_NODE_STRING
								       : FB_NODE_BOOL;
	return kind_of_number(node->text, ret_integer);
}
