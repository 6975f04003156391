/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BENCH_FRAME_H
#define FB_BENCH_FRAME_H

/* Frames as clients and endpoints send them: Ethernet, IP, TCP or UDP, all checksums right. */

#include <stdint.h>

#include "net/packet.h"

struct rte_mbuf;

#define BENCH_FRAME_MIN 60   /* the least that Ethernet carries, FCS apart */
#define BENCH_FRAME_MAX 1514 /* a packet of 1500 bytes */

/**
 * Write a frame.
 *
 * @param data       room for BENCH_FRAME_MAX bytes
 * @param tcp_flags  RTE_TCP_*_FLAG; UDP: not used
 * @param len        bytes without FCS, up to BENCH_FRAME_MAX; what the headers take at least
 * @return its length
 */
uint16_t bench_frame_write(uint8_t *data, const struct fb_tuple *tuple, uint8_t tcp_flags,
			   uint16_t len);

/** The TCP or UDP checksum anew, after something else was changed. @param len  the frame's */
void bench_frame_checksum(uint8_t *data, const struct fb_tuple *tuple, uint16_t len);

/** The same into a fresh mbuf. */
void bench_frame_fill(struct rte_mbuf *m, const struct fb_tuple *tuple, uint8_t tcp_flags,
		      uint16_t len);

#endif
