/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BASE_SIPHASH_H
#define FB_BASE_SIPHASH_H

/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012) of whole 64-bit words: a MAC for what others see and must not be
 * able to make, which base/hash.h is not. Some 60 cycles for three words. Thread: any; pure.
 */

#include <stdint.h>

struct fb_siphash_key {
	uint64_t k[2];
};

static inline uint64_t fb_siphash_rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static inline void fb_siphash_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = fb_siphash_rotl(v[1], 13) ^ v[0];
	v[0] = fb_siphash_rotl(v[0], 32);
	v[2] += v[3];
	v[3] = fb_siphash_rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = fb_siphash_rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = fb_siphash_rotl(v[1], 17) ^ v[2];
	v[2] = fb_siphash_rotl(v[2], 32);
}

static inline void fb_siphash_take(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	fb_siphash_round(v);
	fb_siphash_round(v);
	v[0] ^= word;
}

/** Of 8 * n bytes, as a little-endian machine has them in n words. */
static inline uint64_t fb_siphash(const struct fb_siphash_key *key, const uint64_t *words, uint32_t n)
{
	uint64_t v[4] = {key->k[0] ^ UINT64_C(0x736f6d6570736575), key->k[1] ^ UINT64_C(0x646f72616e646f6d),
			 key->k[0] ^ UINT64_C(0x6c7967656e657261), key->k[1] ^ UINT64_C(0x7465646279746573)};

	for (uint32_t i = 0; i < n; i++)
		fb_siphash_take(v, words[i]);
	fb_siphash_take(v, (uint64_t)n << 59);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		fb_siphash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
