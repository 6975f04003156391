/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NET_TCP_SEGMENT_H
#define FB_NET_TCP_SEGMENT_H

/* Segments of our own making, without data. Thread: any; pure. */

#include <stdint.h>

#include "net/packet.h"
#include "net/tcp_option.h"

struct fb_tcp_segment {
	uint32_t seq;
	uint32_t ack;
	uint16_t window;
	uint8_t flags; /* RTE_TCP_*_FLAG */
	struct fb_tcp_options options;
};

/**
 * Build the frame, whole and summed, untagged.
 *
 * @param to  from whom to whom
 * @return its length; 0: it does not fit
 */
uint32_t fb_tcp_segment_build(const struct fb_tuple *to, const uint8_t smac[6],
			      const uint8_t dmac[6], const struct fb_tcp_segment *segment,
			      uint8_t *out, uint32_t out_size);

/** Is the checksum of a whole TCP segment right? Of what is not in the first buffer nothing is known: no. */
bool fb_tcp_is_summed(const uint8_t *data, uint32_t data_len, const struct fb_packet *pkt);

#endif
