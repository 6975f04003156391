/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include "base/addr.h"

static void text_of_both_families_comes_back_as_written(void **state)
{
	static const char *const texts[] = {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::",
					    "2001:db8::1", "fe80::1:2:3:4"};
	char buf[FB_ADDR_STRLEN];
	struct fb_addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(fb_addr_parse(texts[i], &a), 0);
		assert_string_equal(fb_addr_format(&a, buf), texts[i]);
	}
}

static void leading_zeros_are_decimal(void **state)
{
	char buf[FB_ADDR_STRLEN];
	struct fb_addr a;

	(void)state;
	assert_int_equal(fb_addr_parse("010.001.000.012", &a), 0);
	assert_string_equal(fb_addr_format(&a, buf), "10.1.0.12");
}

static void a_mapped_address_is_the_ipv4_address(void **state)
{
	struct fb_addr mapped;
	struct fb_addr plain;

	(void)state;
	assert_int_equal(fb_addr_parse("::ffff:192.0.2.7", &mapped), 0);
	assert_int_equal(fb_addr_parse("192.0.2.7", &plain), 0);
	assert_true(fb_addr_equal(&mapped, &plain));
	assert_int_equal(fb_addr_family(&mapped), FB_IPV4);
}

static void nonsense_is_refused_and_leaves_the_output_alone(void **state)
{
	static const char *const texts[] = {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4 ", "a",
					    ":::", "1::2::3", "fe80::1%eth0", "1.2.3.-4"};
	struct fb_addr a = {.bytes = {1, 2, 3}};
	struct fb_addr before = a;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_true(fb_addr_parse(texts[i], &a) < 0);
		assert_memory_equal(&a, &before, sizeof(a));
	}
}

static void a_prefix_clears_host_bits_and_keeps_the_host_apart(void **state)
{
	char buf[FB_PREFIX_STRLEN];
	struct fb_prefix p;
	struct fb_addr host;

	(void)state;
	assert_int_equal(fb_prefix_parse("10.1.2.3/20", &p, &host), 0);
	assert_string_equal(fb_prefix_format(&p, buf), "10.1.0.0/20");
	assert_string_equal(fb_addr_format(&host, buf), "10.1.2.3");
	assert_int_equal(fb_prefix_parse("2001:db8:ffff::1/33", &p, NULL), 0);
	assert_string_equal(fb_prefix_format(&p, buf), "2001:db8:8000::/33");
	assert_int_equal(fb_prefix_parse("192.0.2.1", &p, NULL), 0);
	assert_int_equal(p.len_bits, 32);
	assert_true(fb_prefix_parse("10.0.0.0/33", &p, NULL) < 0);
	assert_true(fb_prefix_parse("10.0.0.0/", &p, NULL) < 0);
	assert_true(fb_prefix_parse("10.0.0.0/8x", &p, NULL) < 0);
	assert_true(fb_prefix_parse("::/129", &p, NULL) < 0);
}

static void a_prefix_contains_its_own_family_only(void **state)
{
	struct fb_prefix all4;
	struct fb_prefix p;
	struct fb_addr a;

	(void)state;
	assert_int_equal(fb_prefix_parse("0.0.0.0/0", &all4, NULL), 0);
	assert_int_equal(fb_prefix_parse("10.128.0.0/9", &p, NULL), 0);
	assert_int_equal(fb_addr_parse("10.200.1.1", &a), 0);
	assert_true(fb_prefix_contains(&p, &a));
	assert_true(fb_prefix_contains(&all4, &a));
	assert_int_equal(fb_addr_parse("10.1.1.1", &a), 0);
	assert_false(fb_prefix_contains(&p, &a));
	assert_int_equal(fb_addr_parse("2001:db8::1", &a), 0);
	assert_false(fb_prefix_contains(&all4, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_of_both_families_comes_back_as_written),
		cmocka_unit_test(leading_zeros_are_decimal),
		cmocka_unit_test(a_mapped_address_is_the_ipv4_address),
		cmocka_unit_test(nonsense_is_refused_and_leaves_the_output_alone),
		cmocka_unit_test(a_prefix_clears_host_bits_and_keeps_the_host_apart),
		cmocka_unit_test(a_prefix_contains_its_own_family_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
