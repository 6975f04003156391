/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NET_ANSWER_H
#define FB_NET_ANSWER_H

/*
 * Answers of our own: built from the packet they answer, into a buffer of the caller's.
 *
 * Every answer goes back to the MAC address it came from, untagged (the caller puts the port's VLAN
 * tag on; the device pads), with complete checksums, TTL or hop limit 64 (255 for NDP). None of
 * these functions answers what must not be answered (RFC 1122 3.2.2, RFC 4443 2.4(e)): ICMP errors,
 * multicast or broadcast, sources that are no host; they return 0 then. Errors are sent about whole
 * TCP, UDP and SCTP packets, their first fragments, and echo requests.
 *
 * Thread: any; pure. Each returns the frame's length in bytes, or 0 if no answer is due or out_size
 * (at least FB_ANSWER_MAX is always enough) is too small.
 */

#include <stdint.h>

#include "net/packet.h"

/* Ethernet and the least IPv6 MTU (RFC 4443 2.4(c)); IPv4 errors have 576 (RFC 1812 4.3.2.3). */
#define FB_ANSWER_MAX (14 + 1280)

/** TCP reset per RFC 9293 3.10.7.1; 0 if the packet is itself a reset. */
uint32_t fb_answer_tcp_reset(const uint8_t *data, const struct fb_packet *pkt,
			     const uint8_t smac[6], uint8_t *out, uint32_t out_size);

/**
 * What RFC 9260, 8.4, has for an SCTP packet out of the blue: an ABORT, or SHUTDOWN COMPLETE for a
 * SHUTDOWN ACK. Its verification tag is the one that an INIT proposes; else the packet's own,
 * reflected, with the T bit. 0 where none is due: ABORT, SHUTDOWN COMPLETE, COOKIE ACK, ERROR (of
 * which only a stale cookie has to be left alone; but no error is answered by another one here).
 */
uint32_t fb_answer_sctp(const uint8_t *data, const struct fb_packet *pkt, const uint8_t smac[6],
			uint8_t *out, uint32_t out_size);

/**
 * A reset for the other side of the connection that the packet belongs to, with the packet's own sequence
 * number: what that side expects next, unless something is still on the way.
 *
 * @param to    how the packet would leave: the reset's addresses and ports
 * @param dmac  of the next hop towards to's destination
 */
uint32_t fb_answer_tcp_reset_onward(const uint8_t *data, const struct fb_packet *pkt,
				    const struct fb_tuple *to, const uint8_t smac[6],
				    const uint8_t dmac[6], uint8_t *out, uint32_t out_size);

/**
 * A SYN in the name of the other side of an established connection: whoever gets it answers with an
 * acknowledgement that has the right numbers (RFC 5961, 4.2), and changes nothing.
 */
uint32_t fb_answer_tcp_probe(const struct fb_tuple *to, const uint8_t smac[6],
			     const uint8_t dmac[6], uint8_t *out, uint32_t out_size);

enum fb_icmp_error {
	FB_ICMP_PORT_UNREACHABLE, /* v4 type 3 code 3; v6 type 1 code 4 */
	FB_ICMP_TIME_EXCEEDED,    /* v4 type 11 code 0; v6 type 3 code 0 */
	FB_ICMP_TOO_BIG,          /* v4 type 3 code 4 with next-hop MTU (RFC 1191); v6 type 2 */
};

/**
 * ICMP error about the packet, quoting as much of it as the RFCs allow.
 *
 * @param data_len  bytes of the packet that are at data (first segment)
 * @param src       source of the error: the service's address for unreachable, else the box's
 * @param mtu       bytes, FB_ICMP_TOO_BIG only, else 0
 */
uint32_t fb_answer_icmp_error(const uint8_t *data, uint32_t data_len, const struct fb_packet *pkt,
			      enum fb_icmp_error error, const struct fb_addr *src, uint32_t mtu,
			      const uint8_t smac[6], uint8_t *out, uint32_t out_size);

/**
 * Turn a FB_PARSE_ICMP_ECHO frame into its reply, in place (payload of any length untouched). A
 * VLAN tag that stands in the frame stays. The caller has checked that the frame may be answered (no
 * FB_PKT_MULTICAST).
 */
void fb_answer_echo_in_place(uint8_t *data, const struct fb_packet *pkt, const uint8_t smac[6]);

/**
 * Turn a UDP packet into its answer, in place: addresses and ports change places, the payload of len
 * bytes is there already. The caller has checked that the headers are plain (no IPv4 options, no IPv6
 * extensions), that the frame may be answered, and that the buffer has room; it sets the frame's length to
 * what is returned. A VLAN tag that stands in the frame stays.
 *
 * @param sum  of the payload, not folded (net/checksum.h)
 */
uint32_t fb_answer_udp_in_place(uint8_t *data, const struct fb_packet *pkt, const uint8_t smac[6],
				uint32_t len, uint64_t sum);

/** The address that a FB_PARSE_ARP request or FB_PARSE_NDP_NS asks for; false if none. */
bool fb_answer_target(const uint8_t *data, const struct fb_packet *pkt, struct fb_addr *ret);

/** ARP reply or solicited neighbour advertisement that says: the target is at smac. */
uint32_t fb_answer_neighbour(const uint8_t *data, const struct fb_packet *pkt,
			     const uint8_t smac[6], uint8_t *out, uint32_t out_size);

/** ARP announcement (RFC 5227) or unsolicited neighbour advertisement to all, for addr. */
uint32_t fb_answer_announce(const struct fb_addr *addr, const uint8_t smac[6], uint8_t *out,
			    uint32_t out_size);

#endif
