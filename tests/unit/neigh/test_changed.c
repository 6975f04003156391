/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include "neigh/changed.h"

static struct fb_prefix prefix(const char *text)
{
	struct fb_prefix p;

	assert_int_equal(fb_prefix_parse(text, &p, NULL), 0);
	return p;
}

static bool has(const struct fb_changed *c, const char *text)
{
	struct fb_addr a;

	assert_int_equal(fb_addr_parse(text, &a), 0);
	return fb_changed_has(c, &a);
}

static void what_is_asked_again_is_what_was_asked(void **state)
{
	struct fb_prefix v4 = prefix("10.2.0.0/24");
	struct fb_prefix v6 = prefix("fd00:2::/64");
	struct fb_changed now = {0};
	struct fb_changed again = {0};

	(void)state;
	fb_changed_add(&now, &v4);
	fb_changed_add(&now, &v6);
	fb_changed_merge(&again, &now);
	fb_changed_merge(&again, &now);
	assert_int_equal(again.n, 2);
	assert_true(has(&again, "10.2.0.11"));
	assert_true(has(&again, "fd00:2::11"));
	assert_false(has(&again, "10.3.0.11"));
	assert_false(has(&again, "fd00:3::11"));
}

static void more_than_fit_are_all(void **state)
{
	struct fb_changed now = {0};
	struct fb_changed again = {0};

	(void)state;
	for (uint32_t i = 0; i < FB_CHANGED_MAX; i++) {
		struct fb_prefix p = {.len_bits = 24};

		p.addr = fb_addr_from_bytes(FB_IPV4, (const uint8_t[]){10, 0, (uint8_t)i, 0});
		fb_changed_add(&now, &p);
		p.addr = fb_addr_from_bytes(FB_IPV4, (const uint8_t[]){10, 1, (uint8_t)i, 0});
		fb_changed_add(&again, &p);
	}
	assert_false(again.all);
	fb_changed_merge(&again, &now);
	assert_true(again.all);
	fb_changed_clear(&now);
	fb_changed_merge(&now, &again);
	assert_true(has(&now, "192.0.2.1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_asked_again_is_what_was_asked),
		cmocka_unit_test(more_than_fit_are_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
