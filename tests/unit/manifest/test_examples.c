/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <dirent.h>
#include <stdio.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_are_read_without_a_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
