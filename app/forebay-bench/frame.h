/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BENCH_FRAME_H
#define FB_BENCH_FRAME_H

/* Frames as clients and endpoints send them: Ethernet, IP, TCP, all checksums right. */

#include <stdint.h>

#include "net/packet.h"

struct rte_mbuf;

#define BENCH_FRAME_MAX 128

/**
 * Write a frame.
 *
 * @param data       room for BENCH_FRAME_MAX bytes
 * @param tcp_flags  RTE_TCP_*_FLAG
 * @return its length: 60 bytes (the least that Ethernet carries, FCS apart), or 74 over IPv6
 */
uint16_t bench_frame_write(uint8_t *data, const struct fb_tuple *tuple, uint8_t tcp_flags);

/** The same into a fresh mbuf. */
void bench_frame_fill(struct rte_mbuf *m, const struct fb_tuple *tuple, uint8_t tcp_flags);

#endif
