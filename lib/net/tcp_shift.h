/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NET_TCP_SHIFT_H
#define FB_NET_TCP_SHIFT_H

/*
 * A connection that somebody in the middle accepted before the endpoint did: the endpoint's numbers are others
 * than those that the client was told, all along. The client's own numbers are the same on both sides.
 *
 * Checksums are put right incrementally. Thread: any; pure.
 */

#include <stdint.h>

/* Client's less endpoint's, modulo 2^32. */
struct fb_tcp_shift {
	uint32_t seq;
	uint32_t ts;
	int8_t window; /* the endpoint's windows are to be read as shifted left by this */
};

/**
 * A segment of the endpoint's, as the client is to see it: sequence number, window, timestamp value.
 *
 * @param flags  the segment's, RTE_TCP_*_FLAG
 * @param have   bytes at l4 that are the packet's, at least a TCP header without options
 */
void fb_tcp_shift_to_client(uint8_t *l4, uint32_t have, uint8_t flags,
			    const struct fb_tcp_shift *shift);

/** A segment of the client's, as the endpoint is to see it: acknowledgement, SACK blocks, timestamp echo. */
void fb_tcp_shift_to_endpoint(uint8_t *l4, uint32_t have, uint8_t flags,
			      const struct fb_tcp_shift *shift);

/** A window field in the other's scale, at most what fits; what is open stays open. */
static inline uint16_t fb_tcp_shift_window(uint16_t window, int shift)
{
	const uint32_t shifted = shift >= 0 ? (uint32_t)window << shift : (uint32_t)window >> -shift;

	if (shifted > UINT16_MAX)
		return UINT16_MAX;
	return (uint16_t)(shifted != 0 ? shifted : window != 0);
}

#endif
