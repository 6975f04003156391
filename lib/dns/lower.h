/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DNS_LOWER_H
#define FB_DNS_LOWER_H

/* Names in lower case, 8 bytes at a time (RFC 4343: letters of ASCII alone). Private to lib/dns. */

#include <stdint.h>
#include <string.h>

/** Bytes from 'A' to 'Z' get bit 5; those above 127, and the lengths of labels, stay. */
static inline uint64_t fb_dns_lower(uint64_t w)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t low7 = w & (ones * 0x7f);
	uint64_t from_a = low7 + ones * (0x80 - 'A');
	uint64_t past_z = low7 + ones * (0x80 - 'Z' - 1);

	return w | ((((from_a & ~past_z) & ~w) & (ones * 0x80)) >> 2);
}

static inline uint64_t fb_dns_load_lower(const uint8_t *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return fb_dns_lower(w);
}

#endif
