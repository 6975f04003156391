/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "manifest/manifest.h"
#include "model/store.h"

/* Users begin with these files: nothing about them may be wrong, or worth a notice. */
static void the_examples_are_read_without_a_word(void **state)
{
	DIR *dir = opendir(EXAMPLES);
	const struct dirent *entry;
	unsigned int n_files = 0;

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		struct fb_objects objects = FB_OBJECTS_INIT;
		struct fb_errs errs = FB_ERRS_INIT;
		struct fb_store *store = fb_store_create();
		struct fb_store_change change = {.origin = entry->d_name, .objects = &objects};
		char path[1024];

		if (entry->d_name[0] != '.') {
			(void)snprintf(path, sizeof(path), "%s/%s", EXAMPLES, entry->d_name);
			assert_int_equal(fb_manifest_read(path, &objects, &errs), 0);
			assert_int_equal(fb_store_apply(store, &change, &errs, NULL), 0);
			for (size_t i = 0; i < errs.n; i++)
				print_error("%s: %s\n", path, errs.v[i].text);
			assert_int_equal(errs.n, 0);
			assert_true(fb_store_n_objects(store, FB_KIND_SERVICE) > 0);
			n_files++;
		}
		fb_store_free(store);
		fb_objects_fini(&objects);
		fb_errs_fini(&errs);
	}
	(void)closedir(dir);
	assert_true(n_files > 0);
}

#ifdef OTHERS
/*
 * Manifests that public projects ship, where they lie beside the source (they are not ours to copy).
 * EXPECTED.json says how many Services each has; what YAML cannot read has an error.
 */
static void manifests_of_other_projects_are_read_or_refused_with_a_reason(void **state)
{
	json_t *expected = json_load_file(OTHERS "/EXPECTED.json", 0, NULL);
	const char *file;
	json_t *row;

	(void)state;
	assert_non_null(expected);
	json_object_foreach(expected, file, row)
	{
		struct fb_objects objects = FB_OBJECTS_INIT;
		struct fb_errs errs = FB_ERRS_INIT;
		size_t n_services = 0;
		char path[1024];

		(void)snprintf(path, sizeof(path), "%s/%s", OTHERS, file);
		assert_int_equal(fb_manifest_read(path, &objects, &errs), 0);
		for (size_t i = 0; i < objects.n; i++)
			n_services += objects.v[i]->kind == FB_KIND_SERVICE;
		for (size_t i = 0; i < objects.n_refused; i++)
			n_services += objects.refused[i].kind == FB_KIND_SERVICE;
		if (strcmp(json_string_value(json_object_get(row, "libyaml")), "ok") == 0)
			assert_int_equal(n_services,
					 json_array_size(json_object_get(row, "services")));
		assert_int_equal(objects.n_refused > 0 || objects.incomplete, errs.n_errors > 0);
		fb_objects_fini(&objects);
		fb_errs_fini(&errs);
	}
	json_decref(expected);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_are_read_without_a_word),
#ifdef OTHERS
		cmocka_unit_test(manifests_of_other_projects_are_read_or_refused_with_a_reason),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
