/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NET_CHECKSUM_H
#define FB_NET_CHECKSUM_H

/*
 * Internet checksums, incrementally (RFC 1624, equation 3) and in full (RFC 1071).
 *
 * A delta is a 16-bit one's complement sum of (~old + new) words. It is a property of a flow, so it
 * is computed once when the flow is made; applying it is three additions. The delta of the way back
 * is its complement. Values are kept as they stand in packets (one's complement sums do not care
 * about byte order, RFC 1071 section 2(B)).
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t fb_csum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/** The same for the sum of at most two words, of which one carry comes in at most. */
static inline uint16_t fb_csum_fold_two(uint32_t sum)
{
	return (uint16_t)(sum + (sum >> 16));
}

/** The same for the sum of at most three words: what the packet path has. */
static inline uint16_t fb_csum_fold_few(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

/** The delta for replacing len bytes (even) of old by new, not folded. Sums of these are deltas, folded. */
static inline uint64_t fb_csum_change(const void *old_bytes, const void *new_bytes, size_t len)
{
	const uint8_t *o = old_bytes;
	const uint8_t *n = new_bytes;
	uint64_t sum = 0;

	/* Two words at a time: 2^16 is 1 to a one's complement sum. */
	for (; len >= 4; o += 4, n += 4, len -= 4) {
		uint32_t was;
		uint32_t is;

		memcpy(&was, o, 4);
		memcpy(&is, n, 4);
		sum += (uint32_t)~was;
		sum += is;
	}
	if (len >= 2) {
		uint16_t was;
		uint16_t is;

		memcpy(&was, o, 2);
		memcpy(&is, n, 2);
		sum += (uint16_t)~was;
		sum += is;
	}
	return sum;
}

static inline uint16_t fb_csum_delta(const void *old_bytes, const void *new_bytes, size_t len)
{
	return fb_csum_fold(fb_csum_change(old_bytes, new_bytes, len));
}

/** The delta that undoes this one. */
static inline uint16_t fb_csum_delta_inverse(uint16_t delta)
{
	return (uint16_t)~delta;
}

/** HC' = ~(~HC + delta). */
static inline uint16_t fb_csum_apply(uint16_t csum, uint16_t delta)
{
	return (uint16_t)~fb_csum_fold_two((uint32_t)(uint16_t)~csum + delta);
}

/** UDP: zero stays zero, and a result of zero is sent as 0xffff (RFC 768). */
static inline uint16_t fb_csum_apply_udp(uint16_t csum, uint16_t delta)
{
	uint16_t new_csum;

	if (csum == 0)
		return 0;
	new_csum = fb_csum_apply(csum, delta);
	return new_csum == 0 ? 0xffff : new_csum;
}

/** Full one's complement sum of bytes, not complemented, to be folded; odd lengths are padded. */
uint64_t fb_csum_add(uint64_t sum, const void *data, size_t len);

/** Sum of the pseudo header (RFC 9293 3.1, RFC 8200 8.1) from an IPv4 or IPv6 header. */
uint64_t fb_csum_pseudo(const uint8_t *l3, int family, uint8_t proto, uint32_t l4_len);

#endif
