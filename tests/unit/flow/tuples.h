/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_UNIT_FLOW_TUPLES_H
#define FB_UNIT_FLOW_TUPLES_H

/* Tuples by number, for both families. The two sides of a number differ by two bits. */

#include <netinet/in.h>
#include <string.h>

#include "flow/table.h"

static inline struct fb_tuple numbered_tuple(enum fb_family family, uint32_t number,
					     enum fb_flow_dir side)
{
	struct fb_tuple t = {
		.proto = number & 1 ? IPPROTO_TCP : IPPROTO_UDP,
		.family = (uint8_t)family,
	};

	if (family == FB_IPV4) {
		t.v4.src = rte_cpu_to_be_32(0x0a000000 | number >> 12 | (uint32_t)side * 0xc00000);
		t.v4.dst = RTE_BE32(0xc0a80101);
		t.v4.sport = rte_cpu_to_be_16((uint16_t)(number & 0xfff));
		t.v4.dport = RTE_BE16(443);
	} else {
		const uint32_t number_be = rte_cpu_to_be_32(number >> 12);

		memcpy(t.v6.src + 12, &number_be, sizeof(number_be));
		t.v6.dst[0] = (uint8_t)(0x20 + 3 * side);
		t.v6.sport = rte_cpu_to_be_16((uint16_t)(number & 0xfff));
		t.v6.dport = RTE_BE16(443);
	}
	return t;
}

static inline uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x * 0x2545f4914f6cdd1d;
}

#endif
