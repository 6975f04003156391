/* SPDX-License-Identifier: BSD-3-Clause */

/* What bad text is answered with: the exact sentence and place, in bounded time and memory. */

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "yaml/node.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static char *print_errs(const struct fb_errs *errs)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	for (size_t i = 0; i < errs->n; i++) {
		char line[512];

		fb_err_format(&errs->v[i], line, sizeof(line));
		fprintf(out, "%s%s", i > 0 ? "\n" : "", line);
	}
	fclose(out);
	return text;
}

/* Documents before the error are there; returns how many. */
static size_t expect_errs_of(const char *text, size_t len, const char *want)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_yaml *yaml = NULL;
	size_t n;
	char *got;

	if (fb_yaml_parse("t", text, len, &yaml, &errs) != -EINVAL)
		fail_msg("not refused: %.100s", text);
	got = print_errs(&errs);
	assert_string_equal(got, want);
	free(got);
	n = fb_yaml_n_documents(yaml);
	fb_yaml_free(yaml);
	fb_errs_fini(&errs);
	return n;
}

struct bad_case {
	const char *text;
	const char *want;
};

static void expect_all(const struct bad_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect_errs_of(cases[i].text, strlen(cases[i].text), cases[i].want);
}

static void yaml_syntax_errors_say_what_was_expected(void **state)
{
	static const struct bad_case cases[] = {
		{"a: 1\n b: 2\n",
		 "t:2:3: a ':' with a value cannot stand here; text with \": \" in it wants quotes, "
		 "and a key a line of its own"},
		{"a:\n\tb: 1\n",
		 "t:2:1: this character cannot begin a value: text that begins with it wants quotes, "
		 "and indentation wants spaces, not tabs"},
		{"a: [1, 2\nb: 3\n", "t:2:2: expected ',' or ']' (while parsing a flow sequence that "
				     "begins at line 1)"},
		{"a: \"x\n", "t:2:1: the text ends within quotes (while scanning a quoted scalar that "
			     "begins at line 1)"},
		{"- a\nb: 1\n", "t:2:1: expected \"- \" indented like the entries before it, or the "
				"end of the list (while parsing a block collection that begins at line "
				"1)"},
		{"a: 1\nb\nc: 1\n", "t:3:1: expected ':' after the key (while scanning a simple key "
				    "that begins at line 2)"},
		{"a: \"\\q\"\n", "t:1:5: unknown escape after '\\'; a backslash itself is \\\\, or "
				 "stands in single quotes"},
		{"a: \x01\n", "t:1:4: control characters are not allowed"},
		{"a: \"\\0\"\n", "t:1:4: text must not contain the NUL character"},
		{"a: @x\n",
		 "t:1:4: this character cannot begin a value: text that begins with it wants quotes, "
		 "and indentation wants spaces, not tabs"},
	};

	expect_all(cases, N_OF(cases));
}

static void json_syntax_errors_say_what_was_expected(void **state)
{
	static const struct bad_case cases[] = {
		{"{\"a\": 1", "t:1:8: the text ends too early: expected ',' or '}'"},
		{"{\"a\": [\"x\" 2]}", "t:1:12: expected ',' or ']'"},
		{"{\"a\": \"\\ud83d\"}", "t:1:8: half of a surrogate pair: \\ud800 to \\udbff must be "
					"followed by \\udc00 to \\udfff"},
		{"{\"a\": \"\\ude00\"}", "t:1:8: half of a surrogate pair: \\ud800 to \\udbff must be "
					"followed by \\udc00 to \\udfff"},
		{"{\"a\": \"\\u0000\"}", "t:1:7: text must not contain the NUL character"},
		{"{\"a\": 1}\n{\"b\": x", "t:2:7: x is not a value; text stands in double quotes"},
		{"{\"a\": 1}\n{\"b\": 1} 7\n", "t:2:10: expected '{' or the end of the text"},
	};

	expect_all(cases, N_OF(cases));
}

static void a_broken_document_leaves_those_before_it(void **state)
{
	static const char yaml[] = "a: 1\n---\nb: 2\n---\nc: [\n";
	static const char json[] = "{\"a\":1}\n{\"b\":2}\n{\"c\":\n";

	assert_int_equal(expect_errs_of(yaml, strlen(yaml), "t:6:1: expected a value"),
			 2);
	assert_int_equal(expect_errs_of(json, strlen(json),
					"t:4:1: the text ends too early: expected a value"),
			 2);
}

static void what_is_wrong_inside_a_document_refuses_that_document_only(void **state)
{
	static const struct bad_case cases[] = {
		{"a: 1\n---\nb: 1\nb: 2\n---\nc: 1\n",
		 "t:4:1: key \"b\" is given twice in this mapping, first at line 3 column 1"},
		{"{\"a\":1}{\"b\":1,\"b\":2}{\"c\":1}",
		 "t:1:15: key \"b\" is given twice in this mapping, first at line 1 column 9"},
		{"a: 1\n---\nport: {{ .Port }}\n---\nc: 1\n",
		 "t:3:8: a mapping cannot be a key; a template {{ }} must be rendered first, or stand "
		 "in quotes"},
		{"a: 1\n---\nb: !vault x\n---\nc: 1\n",
		 "t:3:4: tag !vault is not known here (!!str, !!int, !!float, !!bool, !!null, !!map "
		 "and !!seq are)"},
		{"a: 1\n---\nb: !!int x\n---\nc: 1\n", "t:3:4: \"x\" does not fit its tag !!int"},
		{"a: 1\n---\n<<: 1\n---\nc: 1\n",
		 "t:3:5: << wants a mapping or a list of mappings, and found: integer"},
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		struct fb_errs errs = FB_ERRS_INIT;
		struct fb_yaml *yaml = NULL;

		assert_int_equal(expect_errs_of(cases[i].text, strlen(cases[i].text), cases[i].want),
				 3);
		assert_int_equal(fb_yaml_parse("t", cases[i].text, strlen(cases[i].text), &yaml,
					       &errs),
				 -EINVAL);
		assert_false(fb_yaml_document_is_refused(yaml, 0));
		assert_true(fb_yaml_document_is_refused(yaml, 1));
		assert_false(fb_yaml_document_is_refused(yaml, 2));
		fb_yaml_free(yaml);
		fb_errs_fini(&errs);
	}
}

static void aliases_without_or_inside_their_anchor_are_refused(void **state)
{
	static const struct bad_case cases[] = {
		{"a: *x\n", "t:1:4: alias *x: no anchor &x before it in this document"},
		{"a: &x 1\n---\nb: *x\n", "t:3:4: alias *x: no anchor &x before it in this document"},
		{"a: &x [*x]\n", "t:1:8: alias *x stands inside the value that &x names"},
	};

	expect_all(cases, N_OF(cases));
}

static void bytes_that_are_no_text_are_refused_with_their_place(void **state)
{
	expect_errs_of("a: 1\nb\0: 2\n", 11, "t:2:2: NUL byte: this is not a text file");
	expect_errs_of("a: \xc3\xa9\xff\n", 7, "t:1:5: byte 0xff is not UTF-8 text");
	expect_errs_of("a: \xc0\x80\n", 6, "t:1:4: byte 0xc0 is not UTF-8 text");
	expect_errs_of("a: \xed\xa0\x80\n", 7, "t:1:4: byte 0xed is not UTF-8 text");
	expect_errs_of("a: \xf0\x9f\x98", 6, "t:1:4: byte 0xf0 is not UTF-8 text");
	/* UTF-16 */
	expect_errs_of("\xff\xfe" "a\0:\0", 6, "t:1:1: byte 0xff is not UTF-8 text");
}

/* Ten values a level, nine levels: a thousand million nodes from 400 bytes. */
static void a_billion_laughs_is_a_placed_error(void **state)
{
	char text[1024];
	size_t len = (size_t)sprintf(text, "a0: &a0 x\n");

	for (int i = 1; i < 10; i++) {
		len += (size_t)sprintf(text + len, "a%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			len += (size_t)sprintf(text + len, "%s*a%d", j > 0 ? "," : "", i - 1);
		len += (size_t)sprintf(text + len, "]\n");
	}
	expect_errs_of(text, len,
		       "t:8:34: too many values: 8000000 are allowed in one stream, and an alias "
		       "counts as all that it stands for");
}

static void nesting_of_ten_megabytes_ends_at_the_65th_level(void **state)
{
	enum { N = 10 * 1024 * 1024 };
	static const char *const units[] = {"[", "{\"a\":", "- ", "[\n"};
	static const char *const wants[] = {
		"t:1:65: nested too deep: 64 levels are allowed",
		"t:1:321: nested too deep: 64 levels are allowed",
		"t:1:129: nested too deep: 64 levels are allowed",
		"t:65:1: nested too deep: 64 levels are allowed",
	};
	char *text = malloc(N);
	clock_t begin = clock();

	for (size_t i = 0; i < N_OF(units); i++) {
		size_t unit_len = strlen(units[i]);

		for (size_t at = 0; at + unit_len <= N; at += unit_len)
			memcpy(text + at, units[i], unit_len);
		expect_errs_of(text, N / unit_len * unit_len, wants[i]);
	}
	/* Measured 0.1 s, with sanitizers 1 s; processor time, so other load does not count. */
	assert_true(clock() - begin < 10 * CLOCKS_PER_SEC);
	free(text);
}

static void aliases_do_not_nest_deeper_than_brackets(void **state)
{
	char text[4096];
	size_t len = (size_t)sprintf(text, "- &a0 x\n");

	for (int i = 1; i < 70; i++)
		len += (size_t)sprintf(text + len, "- &a%d [*a%d]\n", i, i - 1);
	expect_errs_of(text, len, "t:65:9: alias *a63: nested too deep: 64 levels are allowed");
}

static void duplicate_keys_without_end_are_told_a_hundred_times(void **state)
{
	enum { N = 100000 };
	char *text = malloc(N * 3 + 1);
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_yaml *yaml = NULL;

	for (size_t i = 0; i < N; i++)
		memcpy(text + 3 * i, "a:\n", 4);
	assert_int_equal(fb_yaml_parse("t", text, 3 * N, &yaml, &errs), -EINVAL);
	assert_int_equal(errs.n, 101);
	assert_string_equal(errs.v[100].text, "too many errors; not read any further");
	fb_yaml_free(yaml);
	fb_errs_fini(&errs);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yaml_syntax_errors_say_what_was_expected),
		cmocka_unit_test(json_syntax_errors_say_what_was_expected),
		cmocka_unit_test(a_broken_document_leaves_those_before_it),
		cmocka_unit_test(what_is_wrong_inside_a_document_refuses_that_document_only),
		cmocka_unit_test(aliases_without_or_inside_their_anchor_are_refused),
		cmocka_unit_test(bytes_that_are_no_text_are_refused_with_their_place),
		cmocka_unit_test(a_billion_laughs_is_a_placed_error),
		cmocka_unit_test(nesting_of_ten_megabytes_ends_at_the_65th_level),
		cmocka_unit_test(aliases_do_not_nest_deeper_than_brackets),
		cmocka_unit_test(duplicate_keys_without_end_are_told_a_hundred_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
