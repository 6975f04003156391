/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

/* Odd constants with 32 set bits; any would do, these are fixed so that boxes agree. */
static const struct fb_hash_secret start = {
	.k = {0x9e3779b97f4a7c15, 0xd6e8feb86659fd93, 0xa0761d6478bd642f, 0xe7037ed1a0b428db},
};

uint64_t fb_hash_bytes(const struct fb_hash_secret *s, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = s->k[2] ^ len;
	uint64_t w[2];

	for (; len >= 16; len -= 16, p += 16) {
		memcpy(w, p, 16);
		h = fb_hash_mix(w[0] ^ s->k[0] ^ h, w[1] ^ s->k[1]);
	}
	w[0] = 0;
	w[1] = 0;
	memcpy(w, p, len);
	return fb_hash_mix(fb_hash_mix(w[0] ^ s->k[0] ^ h, w[1] ^ s->k[1]) ^ s->k[2], s->k[3]);
}

void fb_hash_secret_init(struct fb_hash_secret *secret, const char *text)
{
	struct fb_hash_secret s = start;

	for (unsigned int i = 0; i < 4; i++) {
		s.k[i] = fb_hash_bytes(&start, text, strlen(text)) + i * start.k[3];
		s.k[i] = fb_hash_mix(s.k[i] ^ start.k[i], start.k[0]) | 1;
	}
	*secret = s;
}

int fb_hash_secret_draw(struct fb_hash_secret *ret)
{
	uint64_t bits[4] = {0};
	char text[4 * 16 + 1];
	int rc = 0;

	/* So few bytes come at once, or not at all. */
	if (getrandom(bits, sizeof(bits), 0) < 0)
		rc = -errno;
	(void)snprintf(text, sizeof(text), "%016" PRIx64 "%016" PRIx64 "%016" PRIx64 "%016" PRIx64,
		       bits[0], bits[1], bits[2], bits[3]);
	fb_hash_secret_init(ret, text);
	return rc;
}
