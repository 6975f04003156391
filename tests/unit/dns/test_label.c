/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "dns/label.h"

/* The slow twin: what inet_ntop() writes, with dashes, and a 0 where that would end in one. */
static void assert_dashed(const struct fb_addr *addr)
{
	uint8_t label[FB_DNS_LABEL_MAX + 1];
	char text[FB_ADDR_STRLEN + 1];
	size_t len;

	(void)fb_addr_format(addr, text);
	for (char *p = text; *p != '\0'; p++)
		*p = *p == '.' || *p == ':' ? '-' : *p;
	len = strlen(text);
	if (text[len - 1] == '-')
		memcpy(text + len, "0", 2);
	assert_int_equal(fb_dns_label_write_dashed(label, addr), strlen(text) + 1);
	assert_int_equal(label[0], strlen(text));
	assert_memory_equal(label + 1, text, label[0]);
}

static void an_address_with_dashes_is_written_as_everybody_writes_it(void **state)
{
	static const char *const texts[] = {
		"0.0.0.0",      "10.1.2.3",    "255.100.99.9",     "::",          "::1",
		"1::",          "fd00::",      "2001:db8::1",      "1:0:0:2::",   "1:0:0:2:0:0:0:3",
		"1:0:2:0:3:0:4:0", "::ffff:0:1.2.3.4", "::1.2.3.4", "0:1:2:3:4:5:6:7", "1:2:3:4:5:6:7:0",
		"1:2:3:4:5:6:0:0", "::5:6:7:8", "abcd:ef01:2345:6789:abcd:ef01:2345:6789",
	};
	uint64_t random = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct fb_addr addr;

		assert_int_equal(fb_addr_parse(texts[i], &addr), 0);
		assert_dashed(&addr);
	}
	/* Groups are 0, short or anything, so that runs of zeros are everywhere. */
	for (uint32_t i = 0; i < 20000; i++) {
		struct fb_addr addr;

		for (uint32_t g = 0; g < 8; g++) {
			uint16_t value;

			random = fb_hash_mix(random + 1, UINT64_C(0x9e3779b97f4a7c15));
			value = random >> 62 < 2 ? 0 : (uint16_t)(random >> (random >> 58 & 15));
			addr.bytes[2 * g] = (uint8_t)(value >> 8);
			addr.bytes[2 * g + 1] = (uint8_t)value;
		}
		assert_dashed(&addr);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_with_dashes_is_written_as_everybody_writes_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
