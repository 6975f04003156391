/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include "base/siphash.h"

/* The reference implementation's vectors: key 00 01 .. 0f, messages 00 01 .. of 0, 8, 16 and 24 bytes. */
static void it_is_siphash_2_4(void **state)
{
	static const struct fb_siphash_key key = {
		{UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};
	static const uint64_t words[] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908),
					 UINT64_C(0x1716151413121110)};
	static const uint64_t wanted[] = {UINT64_C(0x726fdb47dd0e0e31), UINT64_C(0x93f5f5799a932462),
					  UINT64_C(0x3f2acc7f57c29bdb), UINT64_C(0xb8ad50c6f649af94)};

	(void)state;
	for (uint32_t n = 0; n < 4; n++)
		assert_true(fb_siphash(&key, words, n) == wanted[n]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_siphash_2_4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
