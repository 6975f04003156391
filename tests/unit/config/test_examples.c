/* SPDX-License-Identifier: BSD-3-Clause */

/* argv[1]: config/examples of the tree. */

#include "unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manifest/manifest.h"

static const char *examples_path;

static void every_example_manifest_is_read_without_a_complaint(void **state)
{
	DIR *dir = opendir(examples_path);
	unsigned int n = 0;

	assert_non_null(dir);
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		struct fb_objects objects = {0};
		struct fb_errs errs = FB_ERRS_INIT;
		char path[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", examples_path, entry->d_name);
		if (fb_manifest_read(path, &objects, &errs) != 0 || errs.n != 0)
			fail_msg("%s:%u:%u: %s", path, errs.v[0].line, errs.v[0].column,
				 errs.v[0].text);
		assert_true(objects.n >= 2);
		n++;
		fb_objects_fini(&objects);
	}
	closedir(dir);
	assert_int_equal(n, 8);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_example_manifest_is_read_without_a_complaint),
	};

	if (argc != 2)
		return 2;
	examples_path = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
