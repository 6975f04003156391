/* SPDX-License-Identifier: BSD-3-Clause */

#include "net/crc32c.h"

#ifdef __SSE4_2__
#include <nmmintrin.h>
#include <wmmintrin.h>
#endif

#define POLYNOMIAL 0x82f63b78 /* bits reversed, as everything here: bit 31 is x^0 */

/* Zeros behind a change: 2^k bytes of them multiply by x^(8 * 2^k), modulo the polynomial. */
static const struct {
	uint32_t power;
	/*
	 * x^(8 * 2^k - 33): the product of two reversed numbers of 32 bits has one bit too few below,
	 * and the CRC instruction, used to reduce it, multiplies by x^32.
	 */
	uint32_t power_33;
} zeros[16] = {
	{0x00800000, 0xbf818109}, {0x00008000, 0x780d5a4d}, {0x82f63b78, 0x05ec76f1},
	{0x6ea2d55c, 0x00000001}, {0x18b8ea18, 0x493c7d27}, {0x510ac59a, 0xba4fc28e},
	{0xb82be955, 0x9e4addf8}, {0xb8fdb1e7, 0x0d3b6092}, {0x88e56f72, 0xb9e02b86},
	{0x74c360a4, 0xdd7e3b0c}, {0xe4172b16, 0x170076fa}, {0x0d65762a, 0xa51b6135},
	{0x35d73a62, 0x82f89c77}, {0x28461564, 0x54a86326}, {0xbf455269, 0x1dc403cc},
	{0xe2ea32dc, 0x5ae703ab},
};

uint32_t fb_crc32c_add_plain(uint32_t crc, const void *data, size_t len)
{
	/* What four bits do. */
	static const uint32_t nibble[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
		0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		crc = crc >> 4 ^ nibble[crc & 15];
		crc = crc >> 4 ^ nibble[crc & 15];
	}
	return crc;
}

static uint32_t multiply_plain(uint32_t a, uint32_t b)
{
	uint32_t product = 0;

	for (; a != 0; a <<= 1) {
		product ^= b & -(a >> 31);
		b = b >> 1 ^ (POLYNOMIAL & -(b & 1));
	}
	return product;
}

uint32_t fb_crc32c_change_plain(uint32_t diff, uint32_t n_behind)
{
	/* Four bytes in the register are four of zeros away from having been read. */
	uint32_t crc = multiply_plain(diff, zeros[2].power);

	for (; n_behind != 0; n_behind &= n_behind - 1)
		crc = multiply_plain(crc, zeros[__builtin_ctz(n_behind)].power);
	return crc;
}

#ifdef __SSE4_2__

uint32_t fb_crc32c_add(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t wide = crc;

	for (; len >= 8; p += 8, len -= 8) {
		uint64_t word;

		memcpy(&word, p, sizeof(word));
		wide = _mm_crc32_u64(wide, word);
	}
	crc = (uint32_t)wide;
	for (; len > 0; p++, len--)
		crc = _mm_crc32_u8(crc, *p);
	return crc;
}

__attribute__((target("pclmul"))) static uint32_t change_clmul(uint32_t diff, uint32_t n_behind)
{
	uint64_t crc = _mm_crc32_u32(0, diff);

	for (; n_behind != 0; n_behind &= n_behind - 1) {
		const uint32_t by = zeros[__builtin_ctz(n_behind)].power_33;
		const __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)crc),
							     _mm_cvtsi32_si128((int)by), 0);

		crc = _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
	}
	return (uint32_t)crc;
}

uint32_t fb_crc32c_change(uint32_t diff, uint32_t n_behind)
{
	/* A load and a test: libgcc asks the processor once, before main(). */
	return __builtin_cpu_supports("pclmul") ? change_clmul(diff, n_behind)
						: fb_crc32c_change_plain(diff, n_behind);
}

#else

uint32_t fb_crc32c_add(uint32_t crc, const void *data, size_t len)
{
	return fb_crc32c_add_plain(crc, data, len);
}

uint32_t fb_crc32c_change(uint32_t diff, uint32_t n_behind)
{
	return fb_crc32c_change_plain(diff, n_behind);
}

#endif
