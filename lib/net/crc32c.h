/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NET_CRC32C_H
#define FB_NET_CRC32C_H

/*
 * CRC32c (RFC 9260, Appendix A), in full and by difference.
 *
 * A CRC without its start and end value is linear over XOR: changing some bits of a message changes
 * its CRC by the CRC of these bits alone, in a message of zeros of the same length. And zeros behind
 * them are a multiplication by a power of x. So what a translator does to a packet of any length
 * costs some five multiplications, needs the bytes that change and no other, and leaves a wrong
 * checksum as wrong as it was.
 *
 * Each function has a plain twin for processors that lack the instructions; the choice is made at
 * run time where the build does not settle it.
 *
 * Thread: any; pure. Values are in the order in which SCTP puts them into packets: little-endian
 * loads and stores of what is here (fb_crc32c_load(), fb_crc32c_store()).
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>

#define FB_CRC32C_BEGIN UINT32_MAX

static inline uint32_t fb_crc32c_load(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return rte_le_to_cpu_32(v);
}

static inline void fb_crc32c_store(uint8_t *p, uint32_t v)
{
	v = rte_cpu_to_le_32(v);
	memcpy(p, &v, sizeof(v));
}

/**
 * Go on with more bytes.
 *
 * @param crc  FB_CRC32C_BEGIN, or what came before; the complement of the last value is the CRC
 */
uint32_t fb_crc32c_add(uint32_t crc, const void *data, size_t len);

/**
 * What a change of four bytes does to the CRC of a message.
 *
 * @param diff      XOR of the bytes before and after, as fb_crc32c_load() reads them
 * @param n_behind  bytes of the message behind these four, less than 65536
 * @return to be XORed into the CRC
 */
uint32_t fb_crc32c_change(uint32_t diff, uint32_t n_behind);

/* The twins: every processor has them. For this library and its tests. */
uint32_t fb_crc32c_add_plain(uint32_t crc, const void *data, size_t len);
uint32_t fb_crc32c_change_plain(uint32_t diff, uint32_t n_behind);

#endif
