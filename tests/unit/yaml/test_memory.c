/* SPDX-License-Identifier: BSD-3-Clause */

/* Memory that runs out at every single allocation: -ENOMEM or a shorter list of errors, no leak. */

#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alloc_fail.h"
#include "yaml/node.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static void expect_no_leak(const char *text, int want)
{
	for (unsigned int n = 1;; n++) {
		struct fb_errs errs = FB_ERRS_INIT;
		struct fb_yaml *untouched = (struct fb_yaml *)&errs;
		struct fb_yaml *yaml = untouched;
		size_t live = alloc_fail_live();
		bool failed;
		int rc;

		alloc_fail_at(n);
		rc = fb_yaml_parse("t", text, strlen(text), &yaml, &errs);
		failed = alloc_fail_stop();
		if (rc == -ENOMEM)
			assert_ptr_equal(yaml, untouched);
		else
			fb_yaml_free(yaml);
		/* An error that did not fit into the list is remembered by it. */
		if (rc == -EINVAL)
			assert_true(errs.n_errors > 0);
		fb_errs_fini(&errs);
		assert_int_equal(alloc_fail_live(), live);
		if (!failed) {
			assert_int_equal(rc, want);
			assert_true(n > 5);
			return;
		}
		assert_true(rc == -ENOMEM || rc == want);
	}
}

static void good_text_is_read_or_reported_as_out_of_memory(void **state)
{
	char keys[40 * 8 + 3] = "{";

	for (int i = 0; i < 40; i++)
		memcpy(keys + 1 + 8 * (size_t)i, (char[]){'k', (char)('0' + i / 10),
							  (char)('0' + i % 10), ':', ' ', '1', ',',
							  ' ', '\0'}, 9);
	strcat(keys, "}");
	expect_no_leak("a: &x {p: 1}\nb: {<<: *x, q: [*x]}\n---\nc: |\n  text\n", 0);
	expect_no_leak("{\"a\": [1, \"\\u00e9\"]}{\"b\": 2}", 0);
	expect_no_leak(keys, 0);
}

static void bad_text_is_refused_or_reported_as_out_of_memory(void **state)
{
	static const char *const texts[] = {"a: 1\na: 2\n", "a: [1\n", "{\"a\": 1,\n\"a\": 2}",
					    "{\"a\": 1", "a: \xff", "{a: [}"};

	for (size_t i = 0; i < N_OF(texts); i++)
		expect_no_leak(texts[i], -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_text_is_read_or_reported_as_out_of_memory),
		cmocka_unit_test(bad_text_is_refused_or_reported_as_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
