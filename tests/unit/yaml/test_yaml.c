/* SPDX-License-Identifier: BSD-3-Clause */

/* What good text becomes. A tree is compared as one line: mappings {k: v}, lists [v], strings in
 * double quotes, integers and others bare; documents are separated by " | ". */

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yaml/node.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static void print_node(FILE *out, const struct fb_node *node)
{
	bool mapping = node->kind == FB_NODE_MAPPING;

	switch (node->kind) {
	case FB_NODE_NULL:
		fputs("null", out);
		return;
	case FB_NODE_BOOL:
		fputs(node->integer != 0 ? "true" : "false", out);
		return;
	case FB_NODE_INT:
		fprintf(out, "%jd", (intmax_t)node->integer);
		return;
	case FB_NODE_FLOAT:
		fprintf(out, "f%s", node->text);
		return;
	case FB_NODE_STRING:
		fprintf(out, "\"%s\"", node->text);
		return;
	default:
		break;
	}
	fputs(mapping ? "{" : "[", out);
	for (uint32_t i = 0; i < node->n; i++) {
		fputs(i > 0 ? ", " : "", out);
		if (mapping)
			fprintf(out, "%s: ", node->children[2 * i]->text);
		print_node(out, node->children[mapping ? 2 * i + 1 : i]);
	}
	fputs(mapping ? "}" : "]", out);
}

static char *print_stream(const struct fb_yaml *yaml)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	for (size_t i = 0; i < fb_yaml_n_documents(yaml); i++) {
		fputs(i > 0 ? " | " : "", out);
		print_node(out, fb_yaml_document(yaml, i));
	}
	fclose(out);
	return text;
}

static void expect_tree(const char *text, const char *want)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_yaml *yaml = NULL;
	char *got;

	if (fb_yaml_parse("t", text, strlen(text), &yaml, &errs) != 0)
		fail_msg("%s: %u:%u: %s", text, errs.v[0].line, errs.v[0].column, errs.v[0].text);
	got = print_stream(yaml);
	assert_string_equal(got, want);
	free(got);
	fb_yaml_free(yaml);
	fb_errs_fini(&errs);
}

struct tree_case {
	const char *text;
	const char *want;
};

static void expect_trees(const struct tree_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect_tree(cases[i].text, cases[i].want);
}

static void documents_are_separated_and_empty_ones_left_out(void **state)
{
	static const struct tree_case cases[] = {
		{"", ""},
		{"# only a comment\n", ""},
		{"a: 1\n---\nb: 2\n", "{a: 1} | {b: 2}"},
		{"---\n---\n# nothing\n---\na: 1\n...\n---\n", "{a: 1}"},
		{"\xef\xbb\xbf" "a: 1\n", "{a: 1}"},
		{"a: 1\r\nb:\r\n- x\r\n", "{a: 1, b: [\"x\"]}"},
	};

	expect_trees(cases, N_OF(cases));
}

static void plain_scalars_follow_the_core_schema_and_quoted_ones_are_strings(void **state)
{
	static const struct tree_case cases[] = {
		{"[~, null, Null, '', \"null\"]", "[null, null, null, \"\", \"null\"]"},
		{"a:\nb: ''", "{a: null, b: \"\"}"},
		{"[true, False, yes, on, 'true']", "[true, false, \"yes\", \"on\", \"true\"]"},
		{"[0, -1, +5, '80', 9223372036854775807, -9223372036854775808]",
		 "[0, -1, 5, \"80\", 9223372036854775807, -9223372036854775808]"},
		{"[9223372036854775808, 1.5, 1e3, .inf, 1.]",
		 "[f9223372036854775808, f1.5, f1e3, f.inf, f1.]"},
		{"[0777, 0x1f, 1_000, 10.0.0.1, '-', 1e, ., -x]",
		 "[\"0777\", \"0x1f\", \"1_000\", \"10.0.0.1\", \"-\", \"1e\", \".\", \"-x\"]"},
	};

	expect_trees(cases, N_OF(cases));
}

static void block_scalars_and_flow_style_are_read(void **state)
{
	static const struct tree_case cases[] = {
		{"a: |\n  x\n  y\nb: >-\n  x\n  y\n", "{a: \"x\ny\n\", b: \"x y\"}"},
		{"---\n{\n  kind: \"Service\",\n  ports: [\n    {port: 80,},\n  ],\n}\n",
		 "{kind: \"Service\", ports: [{port: 80}]}"},
		{"{\n  kind: \"Service\", # KYAML without ---\n}\n", "{kind: \"Service\"}"},
		{"a: b\t\n", "{a: \"b\"}"},
	};

	expect_trees(cases, N_OF(cases));
}

static void known_tags_are_honoured(void **state)
{
	static const struct tree_case cases[] = {
		{"[!!str 80, ! 80, !!int \"80\", !!float 1, !!bool 'true', !!null '']",
		 "[\"80\", \"80\", 80, f1, true, null]"},
		{"!!map {a: !!seq [b]}", "{a: [\"b\"]}"},
	};

	expect_trees(cases, N_OF(cases));
}

static void aliases_and_merge_keys_are_resolved(void **state)
{
	static const struct tree_case cases[] = {
		{"a: &x {p: 1}\nb: *x\nc: [*x, *x]\n", "{a: {p: 1}, b: {p: 1}, c: [{p: 1}, {p: 1}]}"},
		{"a: &x 1\nb: &x 2\nc: *x\n", "{a: 1, b: 2, c: 2}"},
		{"a: &x {p: 1, q: 2}\nb:\n  q: 3\n  <<: *x\n", "{a: {p: 1, q: 2}, b: {q: 3, p: 1}}"},
		{"- &x {p: 1}\n- &y {p: 2, q: 2}\n- {<<: [*x, *y]}\n",
		 "[{p: 1}, {p: 2, q: 2}, {p: 1, q: 2}]"},
		{"{'<<': 1}", "{<<: 1}"},
	};

	expect_trees(cases, N_OF(cases));
}

static void a_merge_into_a_long_mapping_keeps_what_stands_there(void **state)
{
	char text[1024] = "- &x {k3: 1, z: 2}\n- {";
	char want[1024] = "[{k3: 1, z: 2}, {";
	size_t text_len = strlen(text);
	size_t want_len = strlen(want);

	for (int i = 0; i < 30; i++) {
		text_len += (size_t)sprintf(text + text_len, "k%d: 0, ", i);
		want_len += (size_t)sprintf(want + want_len, "k%d: 0, ", i);
	}
	strcpy(text + text_len, "<<: *x}\n");
	strcpy(want + want_len, "z: 2}]");
	expect_tree(text, want);
}

static void json_is_read_as_json(void **state)
{
	static const struct tree_case cases[] = {
		{"{\"a\":\t[1, -2.5e3, true,\tnull, \"x\"]}", "{a: [1, f-2.5e3, true, null, \"x\"]}"},
		{"[\"\\/ \\\" \\\\ \\n\\t\\u00e9\\u20ac\"]", "[\"/ \" \\ \n\t\xc3\xa9\xe2\x82\xac\"]"},
		{"{\"smile\": \"\\ud83d\\ude00!\"}", "{smile: \"\xf0\x9f\x98\x80!\"}"},
		{"{}", "{}"},
		{"[[],{}]", "[[], {}]"},
		{"{\"a\":1}{\"b\":2}\n{\"c\":3}\n", "{a: 1} | {b: 2} | {c: 3}"},
		{"{\"a\":1}\n---\n{\"b\":2}\n", "{a: 1} | {b: 2}"},
		{"\n  {\"a\": {\"b\": {}}}  \n", "{a: {b: {}}}"},
	};

	expect_trees(cases, N_OF(cases));
}

static void expect_place(const struct fb_node *node, uint32_t line, uint32_t column)
{
	assert_non_null(node);
	assert_int_equal(node->line, line);
	assert_int_equal(node->column, column);
}

static void places_count_lines_and_characters_from_one(void **state)
{
	static const char *const texts[] = {
		"\xef\xbb\xbf# x\r\na:\r\n  \"\xc3\xa9\": [1, 22, x]\r\n",
		"\xef\xbb\xbf\n{\"a\":\n {\"\xc3\xa9\": [1, 22, \"x\"]}}\n",
	};

	for (size_t i = 0; i < N_OF(texts); i++) {
		struct fb_errs errs = FB_ERRS_INIT;
		struct fb_yaml *yaml = NULL;
		struct fb_node *list;
		struct fb_place place;

		assert_int_equal(fb_yaml_parse("f", texts[i], strlen(texts[i]), &yaml, &errs), 0);
		list = fb_node_get(fb_node_get(fb_yaml_document(yaml, 0), "a"), "\xc3\xa9");
		expect_place(list, 3, 8);
		expect_place(list->children[1], 3, 12);
		expect_place(list->children[2], 3, 16);
		place = fb_node_place(yaml, list);
		assert_string_equal(place.file, "f");
		assert_int_equal(place.line, 3);
		fb_yaml_free(yaml);
	}
}

static void looking_up_in_what_is_no_mapping_finds_nothing(void **state)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_yaml *yaml = NULL;

	assert_int_equal(fb_yaml_parse("f", "[1]", 3, &yaml, &errs), 0);
	assert_null(fb_node_get(fb_yaml_document(yaml, 0), "a"));
	assert_null(fb_node_get(NULL, "a"));
	fb_yaml_free(yaml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_are_separated_and_empty_ones_left_out),
		cmocka_unit_test(plain_scalars_follow_the_core_schema_and_quoted_ones_are_strings),
		cmocka_unit_test(block_scalars_and_flow_style_are_read),
		cmocka_unit_test(known_tags_are_honoured),
		cmocka_unit_test(aliases_and_merge_keys_are_resolved),
		cmocka_unit_test(a_merge_into_a_long_mapping_keeps_what_stands_there),
		cmocka_unit_test(json_is_read_as_json),
		cmocka_unit_test(places_count_lines_and_characters_from_one),
		cmocka_unit_test(looking_up_in_what_is_no_mapping_finds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
