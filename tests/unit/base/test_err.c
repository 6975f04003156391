/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include "base/err.h"

static void an_error_says_file_line_column_and_text(void **state)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_place place = {.file = "a.yaml", .line = 3, .column = 7};
	char buf[64];

	(void)state;
	fb_errs_add(&errs, place, FB_SEV_ERROR, "%d is not a port (1 to 65535)", 70000);
	fb_errs_add(&errs, (struct fb_place){.file = "b.yaml"}, FB_SEV_NOTICE, "ignored");
	fb_errs_add(&errs, (struct fb_place){0}, FB_SEV_ERROR, "no place");
	assert_int_equal(errs.n, 3);
	assert_int_equal(errs.n_errors, 2);
	fb_err_format(&errs.v[0], buf, sizeof(buf));
	assert_string_equal(buf, "a.yaml:3:7: 70000 is not a port (1 to 65535)");
	fb_err_format(&errs.v[1], buf, sizeof(buf));
	assert_string_equal(buf, "b.yaml: ignored");
	fb_err_format(&errs.v[2], buf, sizeof(buf));
	assert_string_equal(buf, "no place");
	fb_errs_fini(&errs);
	assert_int_equal(errs.n, 0);
}

static void moving_keeps_the_order_and_empties_the_source(void **state)
{
	struct fb_errs a = FB_ERRS_INIT;
	struct fb_errs b = FB_ERRS_INIT;

	(void)state;
	fb_errs_add(&a, (struct fb_place){0}, FB_SEV_ERROR, "one");
	for (int i = 0; i < 20; i++)
		fb_errs_add(&b, (struct fb_place){0}, FB_SEV_NOTICE, "more");
	fb_errs_move(&a, &b);
	assert_int_equal(a.n, 21);
	assert_int_equal(a.n_errors, 1);
	assert_int_equal(b.n, 0);
	assert_string_equal(a.v[0].text, "one");
	fb_errs_fini(&a);
}

static void what_is_quoted_cannot_break_the_line(void **state)
{
	struct fb_errs errs = FB_ERRS_INIT;

	(void)state;
	fb_errs_add(&errs, (struct fb_place){.file = "a\nb.yaml"}, FB_SEV_ERROR, "\"%s\" is no name",
		    "a\nb\r\t\x1b[2J\x7f");
	assert_string_equal(errs.v[0].file, "a?b.yaml");
	assert_string_equal(errs.v[0].text, "\"a?b???[2J?\" is no name");
	/* NEL and CSI of eight bits, a cut of a character of three, and bytes that begin none. */
	fb_errs_add(&errs, (struct fb_place){0}, FB_SEV_ERROR, "\xc2\x85 \xc2\x9b %.2s \xff\x80\xe2",
		    "\xe2\x82\xac");
	assert_string_equal(errs.v[1].text, "?? ?? ?? ???");
	fb_errs_add(&errs, (struct fb_place){0}, FB_SEV_ERROR, "\xc2\xa0\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80");
	assert_string_equal(errs.v[2].text, "\xc2\xa0\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80");
	fb_errs_fini(&errs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_says_file_line_column_and_text),
		cmocka_unit_test(moving_keeps_the_order_and_empties_the_source),
		cmocka_unit_test(what_is_quoted_cannot_break_the_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
