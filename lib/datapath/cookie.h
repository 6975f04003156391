/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DATAPATH_COOKIE_H
#define FB_DATAPATH_COOKIE_H

/*
 * SYN cookies (RFC 4987, 3.6): the initial sequence number of an answer to a SYN says that we sent it, so nothing
 * is kept until the client has shown that it gets what is sent to its address.
 *
 *     28 bits  MAC over the client's packets' tuple, its own initial number, the tick and what follows
 *      1 bit   the tick's lowest: a cookie is good for the tick that it was made in and the next one
 *      3 bits  which of eight sizes the client's MSS is at least
 *
 * Who guesses has one chance in 2^28 a packet. Window scale and SACK-permitted are in the lowest bits of the
 * timestamp, where there is one (as Linux has it); nobody but the client itself is hurt by another value there.
 *
 * Thread: any worker; pure.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/siphash.h"
#include "net/packet.h"
#include "net/tcp_option.h"

/* Longer than any handshake takes that is worth waiting for, and half of what a cookie lives at least. */
#define FB_COOKIE_TICK_S 64

/** @param isn  the client's; mss: 0 for what holds without the option (RFC 9293, 3.7.1) */
uint32_t fb_cookie_make(const struct fb_siphash_key *key, const struct fb_tuple *client, uint32_t isn,
			uint16_t mss, uint32_t now_s);

/** Whether it is one of ours, and not too old. */
bool fb_cookie_check(const struct fb_siphash_key *key, const struct fb_tuple *client, uint32_t isn,
		     uint32_t cookie, uint32_t now_s);

/** What segments to the client may be, at most, as one of ours says. */
uint16_t fb_cookie_mss(uint32_t cookie);

/** A timestamp that is at most clock, and at most 63 less, with what the client's options say. */
uint32_t fb_cookie_timestamp(uint32_t clock, const struct fb_tcp_options *said);

/** The other way round: wscale and sack, out of what the client echoes. */
void fb_cookie_timestamp_read(uint32_t tsecr, struct fb_tcp_options *ret_said);

#endif
