/* SPDX-License-Identifier: BSD-3-Clause */

/* argv[1]: config/forebay.yaml of the tree. */

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/schema.h"

static const char *sample_path;

static void the_file_in_the_tree_is_the_sample(void **state)
{
	char *sample = fb_config_sample();
	size_t len = strlen(sample);
	char *file = calloc(1, len + 2);
	FILE *in = fopen(sample_path, "r");

	assert_non_null(in);
	assert_int_equal(fread(file, 1, len + 1, in), len);
	assert_string_equal(file, sample);
	fclose(in);
	free(file);
	free(sample);
}

/* The same values, row by row. Lists are empty by default, so their pointers are both NULL. */
static void expect_same(const struct setting *rows, const char *a, const char *b)
{
	for (const struct setting *row = rows; row->name != NULL; row++) {
		if (row->type == SETTING_GROUP) {
			expect_same(row->rows, a, b);
		} else if (row->list || row->type == SETTING_RECORDS) {
			assert_int_equal(*(const uint32_t *)(a + row->offset_2),
					 *(const uint32_t *)(b + row->offset_2));
		} else if (row->type == SETTING_TEXT || row->type == SETTING_LISTEN) {
			assert_string_equal(*(char *const *)(a + row->offset),
					    *(char *const *)(b + row->offset));
		} else {
			assert_memory_equal(a + row->offset, b + row->offset, row->size);
		}
	}
}

static void the_sample_is_valid_and_has_the_built_in_defaults(void **state)
{
	struct fb_errs errs = FB_ERRS_INIT;
	char *sample = fb_config_sample();
	struct fb_config *from_sample = NULL;
	struct fb_config *built_in = NULL;

	assert_int_equal(fb_config_parse("s", sample, strlen(sample), &from_sample, &errs), 0);
	assert_int_equal(fb_config_parse("e", "", 0, &built_in, &errs), 0);
	expect_same(fb_config_rows, (const char *)from_sample, (const char *)built_in);
	assert_int_equal(from_sample->snat_port_last, built_in->snat_port_last);
	fb_config_free(from_sample);
	fb_config_free(built_in);
	free(sample);
}

/* Take out the "# " before entries of the examples, and the empty lists and defaults they replace:
 * what is left must be a valid file in which every row's key stands. */
static char *uncomment(const char *sample)
{
	char *text = calloc(1, strlen(sample) + 1);
	size_t len = 0;
	bool example = false;

	for (const char *line = sample; *line != '\0';) {
		size_t n = strcspn(line, "\n") + 1;

		if (n > 5 && memcmp(line + n - 5, ": []\n", 5) == 0 && strstr(line, "Instead of []") &&
		    strstr(line, "Instead of []") < line + n + 40) {
			example = false;
		} else if (strstr(line, "Instead of []") != NULL &&
			   strstr(line, "Instead of []") < line + n) {
			example = true;
		} else if (example && *line == '#') {
			memcpy(text + len, line + 2, n - 2);
			len += n - 2;
		} else {
			example = false;
			memcpy(text + len, line, n);
			len += n;
		}
		line += n;
	}
	return text;
}

static void expect_keys(const struct setting *rows, const struct fb_node *node)
{
	for (const struct setting *row = rows; row->name != NULL; row++) {
		const struct fb_node *value = fb_node_get(node, row->name);

		if (value == NULL)
			fail_msg("%s does not stand in the sample", row->name);
		if (row->type == SETTING_GROUP)
			expect_keys(row->rows, value);
		else if (row->type == SETTING_RECORDS)
			expect_keys(row->rows, value->n > 0 ? value->children[0] : NULL);
	}
}

static void every_key_stands_in_the_sample_and_its_examples_are_valid(void **state)
{
	struct fb_errs errs = FB_ERRS_INIT;
	char *sample = fb_config_sample();
	char *text = uncomment(sample);
	struct fb_config *config = NULL;
	struct fb_yaml *yaml = NULL;

	if (fb_config_parse("s", text, strlen(text), &config, &errs) != 0)
		fail_msg("%u:%u: %s", errs.v[0].line, errs.v[0].column, errs.v[0].text);
	assert_int_equal(config->n_ports, 1);
	assert_int_equal(config->n_routes, 1);
	assert_int_equal(fb_yaml_parse("s", text, strlen(text), &yaml, &errs), 0);
	expect_keys(fb_config_rows, fb_yaml_document(yaml, 0));
	fb_yaml_free(yaml);
	fb_config_free(config);
	free(text);
	free(sample);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_in_the_tree_is_the_sample),
		cmocka_unit_test(the_sample_is_valid_and_has_the_built_in_defaults),
		cmocka_unit_test(every_key_stands_in_the_sample_and_its_examples_are_valid),
	};

	if (argc != 2)
		return 2;
	sample_path = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
