/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NET_SCTP_H
#define FB_NET_SCTP_H

/*
 * SCTP as far as somebody in the middle needs it (RFC 9260): which chunks a packet has, and its
 * checksum. Internal to lib/net, where net/packet.h, rewrite.h and answer.h are the contract.
 */

#include "net/crc32c.h"
#include "net/parse.h"

#define FB_SCTP_LEN       12 /* common header: ports, verification tag, checksum */
#define FB_SCTP_CHUNK_LEN 4
#define FB_SCTP_INIT_LEN  20 /* chunk header and what is fixed of INIT and INIT ACK */
#define FB_SCTP_TAG_OFF   4
#define FB_SCTP_CSUM_OFF  8

/* Types of chunks that are told apart here. */
#define FB_SCTP_CHUNK_DATA              0
#define FB_SCTP_CHUNK_INIT              1
#define FB_SCTP_CHUNK_INIT_ACK          2
#define FB_SCTP_CHUNK_ABORT             6
#define FB_SCTP_CHUNK_SHUTDOWN          7
#define FB_SCTP_CHUNK_SHUTDOWN_ACK      8
#define FB_SCTP_CHUNK_ERROR             9
#define FB_SCTP_CHUNK_COOKIE_ECHO       10
#define FB_SCTP_CHUNK_COOKIE_ACK        11
#define FB_SCTP_CHUNK_SHUTDOWN_COMPLETE 14
#define FB_SCTP_CHUNK_I_DATA            64 /* RFC 8260 */

/* Types of parameters. */
#define FB_SCTP_PARAM_IPV4    5
#define FB_SCTP_PARAM_IPV6    6
#define FB_SCTP_PARAM_PADDING 0x8005 /* RFC 4820; who does not know it skips it too */

/**
 * Read the common header and the chunks: ret->sctp_chunks and FB_PKT_SCTP_NOSUM.
 *
 * Control chunks come before data (RFC 9260, 6.10), so the walk ends at the first of data; and at
 * the end of the first segment, since nothing behind it is needed.
 *
 * @param l4_len  bytes of the packet from l4_off on, by the packet's own length
 * @return FB_REASON_NONE, or why the packet is dropped
 */
enum fb_reason fb_sctp_read(const struct fb_frame *f, uint32_t l4_off, uint32_t l4_len,
			    struct fb_packet *ret);

/**
 * Make what INIT or INIT ACK says of further addresses (3.3.2.1) say nothing: parameters of these types
 * become padding (RFC 4820), in place, and the checksum follows.
 *
 * @param l4  a packet that fb_sctp_read() found to have FB_SCTP_INIT or FB_SCTP_INIT_ACK
 */
void fb_sctp_hide_addresses(uint8_t *l4, uint32_t l4_len, bool summed);

/** The checksum of a whole packet, its own field taken as zero (RFC 9260, 6.8). */
uint32_t fb_sctp_checksum(const uint8_t *l4, uint32_t l4_len);

#endif
