/* SPDX-License-Identifier: BSD-3-Clause */

#include "net/checksum.h"

#include <string.h>

#include <rte_byteorder.h>

#include "base/addr.h"

uint64_t fb_csum_add(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t carried = 0;
	uint16_t word = 0;

	/*
	 * 64 bits at a time; what runs over comes in again below. Compilers do not make vectors of that: those
	 * would have to wait for what was just stored in parts, as headers are.
	 */
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t qword;

		memcpy(&qword, p, 8);
		carried += qword;
		carried += carried < qword;
	}
	/* Room is left for what callers add: a packet has 2^14 of these. */
	sum += (carried & UINT32_MAX) + (carried >> 32);
	if (len >= 4) {
		uint32_t dword;

		memcpy(&dword, p, 4);
		sum += dword;
		p += 4;
		len -= 4;
	}
	if (len >= 2) {
		memcpy(&word, p, 2);
		sum += word;
		p += 2;
		len -= 2;
		word = 0;
	}
	if (len != 0) {
		memcpy(&word, p, 1);
		sum += word;
	}
	return sum;
}

uint64_t fb_csum_pseudo(const uint8_t *l3, int family, uint8_t proto, uint32_t l4_len)
{
	uint64_t sum = (uint64_t)rte_cpu_to_be_32(l4_len) + rte_cpu_to_be_16(proto);

	return family == FB_IPV4 ? fb_csum_add(sum, l3 + 12, 8) : fb_csum_add(sum, l3 + 8, 32);
}
