/* SPDX-License-Identifier: BSD-3-Clause */

#include "net/tcp_shift.h"

#include <rte_common.h>
#include <rte_tcp.h>

#include "net/tcp_option.h"
#include "net/wire.h"

#define SEQ_OFF	   4
#define ACK_OFF	   8
#define WINDOW_OFF 14
#define TIMESTAMPS_LEN 10

static uint32_t options_end(const uint8_t *l4, uint32_t have)
{
	return RTE_MIN((uint32_t)(l4[12] >> 4) * 4, have);
}

static void add32(uint8_t *l4, uint32_t off, uint32_t what)
{
	fb_tcp_replace32(l4, off, fb_load32(l4 + off) + what);
}

void fb_tcp_shift_to_client(uint8_t *l4, uint32_t have, uint8_t flags,
			    const struct fb_tcp_shift *shift)
{
	const uint32_t end = options_end(l4, have);

	add32(l4, SEQ_OFF, shift->seq);
	/* The window of a SYN is never scaled, and a reset has none. */
	if (shift->window != 0 && (flags & (RTE_TCP_SYN_FLAG | RTE_TCP_RST_FLAG)) == 0)
		fb_tcp_replace16(l4, WINDOW_OFF,
				 fb_tcp_shift_window(fb_load16(l4 + WINDOW_OFF), shift->window));
	for (uint32_t off = fb_tcp_option_at(l4, FB_TCP_LEN, end); off < end;
	     off = fb_tcp_option_at(l4, off + l4[off + 1], end)) {
		if (l4[off] == FB_TCP_OPTION_TIMESTAMPS && l4[off + 1] == TIMESTAMPS_LEN)
			add32(l4, off + 2, shift->ts);
	}
}

/* Both edges of each whole block (RFC 2018, 3). */
static void shift_blocks(uint8_t *l4, uint32_t off, uint32_t seq)
{
	const uint32_t end = off + l4[off + 1];

	for (uint32_t at = off + 2; at + 8 <= end; at += 8) {
		add32(l4, at, -seq);
		add32(l4, at + 4, -seq);
	}
}

void fb_tcp_shift_to_endpoint(uint8_t *l4, uint32_t have, uint8_t flags,
			      const struct fb_tcp_shift *shift)
{
	const uint32_t end = options_end(l4, have);

	if (flags & RTE_TCP_ACK_FLAG)
		add32(l4, ACK_OFF, -shift->seq);
	for (uint32_t off = fb_tcp_option_at(l4, FB_TCP_LEN, end); off < end;
	     off = fb_tcp_option_at(l4, off + l4[off + 1], end)) {
		if (l4[off] == FB_TCP_OPTION_SACK)
			shift_blocks(l4, off, shift->seq);
		/* The echo means something beside an acknowledgement only (RFC 7323, 3.2). */
		else if (l4[off] == FB_TCP_OPTION_TIMESTAMPS && l4[off + 1] == TIMESTAMPS_LEN &&
			 (flags & RTE_TCP_ACK_FLAG))
			add32(l4, off + 6, -shift->ts);
	}
}
