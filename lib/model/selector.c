/* SPDX-License-Identifier: BSD-3-Clause */

#include "model/selector.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN  63
#define SUBDOMAIN_MAX 253

enum token {
	TOKEN_END,
	TOKEN_WORD, /* "in" and "notin" too: what they are depends on where they stand */
	TOKEN_COMMA,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_NOT,
	TOKEN_EQUALS, /* "=" and "==" */
	TOKEN_NOT_EQUALS,
	TOKEN_GREATER,
	TOKEN_LESS,
	TOKEN_ODD,
};

struct parser {
	struct fb_selector selector;
	const char *at; /* behind the token */
	enum token token;
	const char *text; /* of the token */
	size_t len;
	char *why;
	int rc;
};

/* ---- names ---- */

static bool is_alnum(char c)
{
	return isalnum((unsigned char)c) && (unsigned char)c < 0x80;
}

/* Letters, digits, "-", "_", "."; the ends are letters or digits. */
static bool is_name(const char *text, size_t len)
{
	if (len == 0 || len > NAME_MAX_LEN || !is_alnum(text[0]) || !is_alnum(text[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_alnum(text[i]) && strchr("-_.", text[i]) == NULL)
			return false;
	}
	return true;
}

static bool is_subdomain(const char *text, size_t len)
{
	bool begins = true; /* a part of the name */

	if (len == 0 || len > SUBDOMAIN_MAX || text[len - 1] == '.' || text[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		bool inside = text[i] == '-' || text[i] == '.';

		if (begins ? inside : text[i] == '.' && text[i - 1] == '-')
			return false;
		if (!inside && (!is_alnum(text[i]) || isupper((unsigned char)text[i])))
			return false;
		begins = text[i] == '.';
	}
	return true;
}

bool fb_label_is_key(const char *text)
{
	const char *slash = strchr(text, '/');

	if (slash == NULL)
		return is_name(text, strlen(text));
	return is_subdomain(text, (size_t)(slash - text)) && is_name(slash + 1, strlen(slash + 1));
}

bool fb_label_is_value(const char *text)
{
	return text[0] == '\0' || is_name(text, strlen(text));
}

/* ---- tokens ---- */

static bool is_special(char c)
{
	return c != '\0' && strchr("=!(),><", c) != NULL;
}

static void next(struct parser *p)
{
	static const struct {
		const char *text;
		enum token token;
	} specials[] = {
		/* The longer ones first. */
		{"==", TOKEN_EQUALS}, {"!=", TOKEN_NOT_EQUALS}, {"=", TOKEN_EQUALS},
		{"!", TOKEN_NOT},     {"(", TOKEN_OPEN},        {")", TOKEN_CLOSE},
		{",", TOKEN_COMMA},   {">", TOKEN_GREATER},     {"<", TOKEN_LESS},
	};

	p->at += strspn(p->at, " \t\r\n");
	p->text = p->at;
	p->len = 0;
	p->token = TOKEN_END;
	if (*p->at == '\0')
		return;
	for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++) {
		size_t len = strlen(specials[i].text);

		if (strncmp(p->at, specials[i].text, len) == 0) {
			p->token = specials[i].token;
			p->len = len;
			p->at += len;
			return;
		}
	}
	while (*p->at != '\0' && !is_special(*p->at) && !isspace((unsigned char)*p->at))
		p->at++;
	p->len = (size_t)(p->at - p->text);
	p->token = p->len > 0 ? TOKEN_WORD : TOKEN_ODD;
	if (p->len == 0)
		p->at++; /* a vertical tab or form feed: no white space here */
}

static bool is_word(const struct parser *p, const char *word)
{
	return p->token == TOKEN_WORD && p->len == strlen(word) &&
	       memcmp(p->text, word, p->len) == 0;
}

static int fail(struct parser *p, const char *expected)
{
	if (p->rc != 0)
		return p->rc;
	if (p->token == TOKEN_END)
		(void)snprintf(p->why, FB_SELECTOR_WHY_LEN, "ends where %s should be", expected);
	else
		(void)snprintf(p->why, FB_SELECTOR_WHY_LEN, "\"%.*s\" where %s should be",
			       (int)(p->len < 40 ? p->len : 40), p->text, expected);
	p->rc = -EINVAL;
	return p->rc;
}

static int refuse(struct parser *p, const char *text, const char *what)
{
	(void)snprintf(p->why, FB_SELECTOR_WHY_LEN, "\"%.40s\" is not %s", text, what);
	p->rc = -EINVAL;
	return p->rc;
}

static const char *copy_word(struct parser *p)
{
	char *copy = fb_arena_alloc(&p->selector.arena, p->len + 1, 1);

	if (copy == NULL) {
		p->rc = -ENOMEM;
		return NULL;
	}
	memcpy(copy, p->text, p->len);
	return copy;
}

/* ---- requirements ---- */

static int check_value(struct parser *p, const char *value)
{
	if (p->rc == 0 && !fb_label_is_value(value))
		return refuse(p, value,
			      "a label value (at most 63 of letters, digits, \"-\", \"_\", \".\", "
			      "with a letter or digit at both ends)");
	return p->rc;
}

static int add_value(struct parser *p, struct fb_requirement *r, const char *value)
{
	if (value == NULL || check_value(p, value) != 0)
		return p->rc;
	r->values[r->n_values++] = value;
	return 0;
}

/* How many values a list can have at most: its commas and one more. */
static size_t room_for_list(const char *text)
{
	size_t n = 2;

	for (; *text != '\0' && *text != ')'; text++)
		n += *text == ',';
	return n;
}

/* "(a, b)"; nothing between two separators is the empty value, and so is "()". */
static int parse_list(struct parser *p, struct fb_requirement *r)
{
	bool need_value = true;

	if (p->token != TOKEN_OPEN)
		return fail(p, "\"(\"");
	r->values = fb_arena_alloc(&p->selector.arena, room_for_list(p->at), sizeof(*r->values));
	if (r->values == NULL)
		return p->rc = -ENOMEM;
	for (next(p); p->rc == 0; next(p)) {
		if (p->token == TOKEN_WORD && need_value) {
			(void)add_value(p, r, copy_word(p));
			need_value = false;
		} else if (p->token == TOKEN_COMMA || p->token == TOKEN_CLOSE) {
			if (need_value)
				(void)add_value(p, r, "");
			need_value = true;
			if (p->token == TOKEN_CLOSE)
				break;
		} else {
			return fail(p, need_value ? "a value, \",\" or \")\"" : "\",\" or \")\"");
		}
	}
	next(p);
	return p->rc;
}

static int parse_one_value(struct parser *p, struct fb_requirement *r)
{
	r->values = fb_arena_alloc(&p->selector.arena, 1, sizeof(*r->values));
	if (r->values == NULL)
		return p->rc = -ENOMEM;
	if (p->token == TOKEN_END || p->token == TOKEN_COMMA)
		return add_value(p, r, "");
	if (p->token != TOKEN_WORD)
		return fail(p, "a value");
	(void)add_value(p, r, copy_word(p));
	next(p);
	return p->rc;
}

static int parse_number(struct parser *p, struct fb_requirement *r)
{
	char *end;

	if (parse_one_value(p, r) != 0)
		return p->rc;
	errno = 0;
	r->number = strtoll(r->values[0], &end, 10);
	if (errno != 0 || end == r->values[0] || *end != '\0' ||
	    isspace((unsigned char)r->values[0][0]))
		return refuse(p, r->values[0], "a number; \">\" and \"<\" compare numbers");
	return 0;
}

static int parse_operator(struct parser *p, struct fb_requirement *r)
{
	enum token token = p->token;
	bool in = is_word(p, "in");

	if (in || is_word(p, "notin")) {
		r->op = in ? FB_SELECTOR_IN : FB_SELECTOR_NOT_IN;
		next(p);
		return parse_list(p, r);
	}
	if (token != TOKEN_EQUALS && token != TOKEN_NOT_EQUALS && token != TOKEN_GREATER &&
	    token != TOKEN_LESS)
		return fail(p, "\"=\", \"!=\", \"in\", \"notin\", \">\", \"<\" or \",\"");
	next(p);
	if (token == TOKEN_GREATER || token == TOKEN_LESS) {
		r->op = token == TOKEN_GREATER ? FB_SELECTOR_GREATER : FB_SELECTOR_LESS;
		return parse_number(p, r);
	}
	r->op = token == TOKEN_EQUALS ? FB_SELECTOR_IN : FB_SELECTOR_NOT_IN;
	return parse_one_value(p, r);
}

static int parse_requirement(struct parser *p, struct fb_requirement *r)
{
	bool absent = p->token == TOKEN_NOT;

	if (absent)
		next(p);
	if (p->token != TOKEN_WORD)
		return fail(p, "a label's key");
	r->key = copy_word(p);
	if (r->key == NULL)
		return p->rc;
	if (!fb_label_is_key(r->key))
		return refuse(p, r->key,
			      "a label's key (at most 63 of letters, digits, \"-\", \"_\", \".\", "
			      "perhaps behind a domain and \"/\")");
	next(p);
	r->op = absent ? FB_SELECTOR_ABSENT : FB_SELECTOR_EXISTS;
	if (absent || p->token == TOKEN_END || p->token == TOKEN_COMMA)
		return 0;
	return parse_operator(p, r);
}

static int parse_all(struct parser *p, const char *text)
{
	size_t room = 1;

	for (const char *c = text; *c != '\0'; c++)
		room += *c == ',';
	p->selector.v = fb_arena_alloc(&p->selector.arena, room, sizeof(*p->selector.v));
	if (p->selector.v == NULL)
		return -ENOMEM;
	p->at = text;
	next(p);
	if (p->token == TOKEN_END)
		return 0;
	for (;;) {
		if (parse_requirement(p, &p->selector.v[p->selector.n]) != 0)
			return p->rc;
		p->selector.n++;
		if (p->token == TOKEN_END)
			return 0;
		if (p->token != TOKEN_COMMA)
			return fail(p, "\",\" or the end");
		next(p);
	}
}

int fb_selector_parse(const char *text, struct fb_selector *ret, char *why)
{
	struct parser p = {.why = why};
	int rc = parse_all(&p, text);

	if (rc == 0)
		*ret = p.selector;
	else
		fb_selector_free(&p.selector);
	return rc;
}

void fb_selector_free(struct fb_selector *selector)
{
	fb_arena_fini(&selector->arena);
	*selector = (struct fb_selector){0};
}

/* ---- matching ---- */

static bool is_among(const struct fb_requirement *r, const char *value)
{
	for (uint32_t i = 0; i < r->n_values; i++) {
		if (strcmp(r->values[i], value) == 0)
			return true;
	}
	return false;
}

static bool compares(const struct fb_requirement *r, const char *value)
{
	long long number;
	char *end;

	errno = 0;
	number = strtoll(value, &end, 10);
	if (errno != 0 || end == value || *end != '\0')
		return false;
	return r->op == FB_SELECTOR_GREATER ? number > r->number : number < r->number;
}

static bool holds(const struct fb_requirement *r, const char *value)
{
	switch (r->op) {
	case FB_SELECTOR_IN:
		return value != NULL && is_among(r, value);
	case FB_SELECTOR_NOT_IN:
		return value == NULL || !is_among(r, value);
	case FB_SELECTOR_EXISTS:
		return value != NULL;
	case FB_SELECTOR_ABSENT:
		return value == NULL;
	case FB_SELECTOR_GREATER:
	case FB_SELECTOR_LESS:
		return value != NULL && compares(r, value);
	}
	return false;
}

bool fb_selector_matches(const struct fb_selector *selector, const struct fb_labels *labels)
{
	for (uint32_t i = 0; i < selector->n; i++) {
		if (!holds(&selector->v[i], fb_labels_get(labels, selector->v[i].key)))
			return false;
	}
	return true;
}
