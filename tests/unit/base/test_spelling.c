/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <string.h>

#include "base/spelling.h"

static void letters_added_left_out_and_replaced_are_edits(void **state)
{
	(void)state;
	assert_int_equal(fb_spelling_edits("protocol", "protocol", 2), 0);
	assert_int_equal(fb_spelling_edits("protocl", "protocol", 2), 1);
	assert_int_equal(fb_spelling_edits("protoocol", "protocol", 2), 1);
	assert_int_equal(fb_spelling_edits("protocal", "protocol", 2), 1);
	assert_int_equal(fb_spelling_edits("protcool", "protocol", 2), 2);
	assert_int_equal(fb_spelling_edits("", "ab", 2), 2);
	assert_int_equal(fb_spelling_edits("kitten", "sitting", 9), 3);
}

static void case_does_not_count(void **state)
{
	(void)state;
	assert_int_equal(fb_spelling_edits("targetport", "targetPort", 2), 0);
	assert_int_equal(fb_spelling_edits("CLUSTERIPS", "clusterIP", 2), 1);
}

static void what_is_further_away_is_one_more_than_the_most(void **state)
{
	(void)state;
	assert_int_equal(fb_spelling_edits("kitten", "sitting", 2), 3);
	assert_int_equal(fb_spelling_edits("a", "abcdef", 2), 3);
	assert_int_equal(fb_spelling_edits("abcdef", "a", 0), 1);
	assert_int_equal(fb_spelling_edits("abc", "abd", 0), 1);
}

static void a_word_of_any_length_may_be_asked_about(void **state)
{
	char longest[FB_SPELLING_MAX + 1];
	char longer[FB_SPELLING_MAX + 2];

	(void)state;
	memset(longest, 'x', FB_SPELLING_MAX);
	longest[FB_SPELLING_MAX] = '\0';
	memset(longer, 'x', FB_SPELLING_MAX + 1);
	longer[FB_SPELLING_MAX + 1] = '\0';
	assert_int_equal(fb_spelling_edits(longest, longest, 2), 0);
	assert_int_equal(fb_spelling_edits(longest, longest + 1, 2), 1);
	assert_int_equal(fb_spelling_edits(longest, longer, 2), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_added_left_out_and_replaced_are_edits),
		cmocka_unit_test(case_does_not_count),
		cmocka_unit_test(what_is_further_away_is_one_more_than_the_most),
		cmocka_unit_test(a_word_of_any_length_may_be_asked_about),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
