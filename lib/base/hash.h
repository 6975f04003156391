/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BASE_HASH_H
#define FB_BASE_HASH_H

/*
 * The keyed hash of the packet path, and the one behind consistent hashing.
 *
 * Folded 64 x 64 -> 128 bit multiplication over secret-masked words (the construction of wyhash
 * and of the Linux/BSD "mum" hashes; public domain idea, own code). CRC32c would cost 4 cycles less,
 * but is linear: for keys of one length its collisions do not depend on the seed, so whoever sees
 * one can make a million. Two instances with the same secret give the same values, on any machine.
 *
 * Not a MAC: it keeps chosen keys from piling up, no more is asked of it.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct fb_hash_secret {
	uint64_t k[4]; /* never zero; filled by fb_hash_secret_init() or _draw() */
};

/** Expand any string (the config's `secret`) into a key. Same text, same key, everywhere. */
void fb_hash_secret_init(struct fb_hash_secret *secret, const char *text);

/**
 * A key that nobody can know, and another one each time: for whatever need not be the same on two boxes or
 * in two runs. Waits, early in boot, until the kernel has random bits.
 *
 * @return 0; -errno: the kernel gives none, and the key is a fixed one
 */
int fb_hash_secret_draw(struct fb_hash_secret *ret);

static inline uint64_t fb_hash_mix(uint64_t a, uint64_t b)
{
	__uint128_t m = (__uint128_t)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t fb_hash_2(const struct fb_hash_secret *s, uint64_t a, uint64_t b)
{
	return fb_hash_mix(fb_hash_mix(a ^ s->k[0], b ^ s->k[1]) ^ s->k[2], s->k[3]);
}

/** Hash of any bytes; for control code and tests (the packet path has fixed sizes). */
uint64_t fb_hash_bytes(const struct fb_hash_secret *s, const void *data, size_t len);

/** A value in [0, n) from the high bits of a 32-bit hash, without dividing. n below 2^31. */
static inline uint32_t fb_hash_reduce(uint32_t hash, uint32_t n)
{
	return (uint32_t)(((uint64_t)hash * n) >> 32);
}

#endif
