/* SPDX-License-Identifier: BSD-3-Clause */

#include "datapath/cookie.h"

#include <string.h>

#define MSS_BITS 3
#define MAC_SHIFT (MSS_BITS + 1)
#define TICK_BIT (1u << MSS_BITS)

#define SAID_STEP 32 /* four bits of window scale, one of SACK-permitted */
#define SAID_SACK 0x10

/*
 * What is common: both defaults (RFC 9293, 3.7.1), Ethernet's with both families, tunnels' and PPPoE's less, and a
 * jumbo frame's.
 */
static const uint16_t sizes[1 << MSS_BITS] = {216, 536, 1220, 1360, 1400, 1440, 1460, 8940};

static uint32_t size_of(const struct fb_tuple *client, uint16_t mss)
{
	uint32_t i = (1 << MSS_BITS) - 1;

	if (mss == 0)
		mss = client->family == FB_IPV4 ? 536 : 1220;
	while (i > 0 && sizes[i] > mss)
		i--;
	return i;
}

static uint32_t mac(const struct fb_siphash_key *key, const struct fb_tuple *client, uint32_t isn,
		    uint32_t tick, uint32_t size)
{
	uint64_t words[7] = {(uint64_t)isn << 32 | tick, size};
	uint32_t n = 2;

	if (client->family == FB_IPV4) {
		memcpy(&words[n], &client->v4, sizeof(client->v4));
		n += 2;
	} else {
		memcpy(&words[n], &client->v6, sizeof(client->v6));
		n += 5;
	}
	return (uint32_t)fb_siphash(key, words, n) << MAC_SHIFT;
}

uint32_t fb_cookie_make(const struct fb_siphash_key *key, const struct fb_tuple *client, uint32_t isn,
			uint16_t mss, uint32_t now_s)
{
	const uint32_t tick = now_s / FB_COOKIE_TICK_S;
	const uint32_t size = size_of(client, mss);

	return mac(key, client, isn, tick, size) | (tick & 1) << MSS_BITS | size;
}

bool fb_cookie_check(const struct fb_siphash_key *key, const struct fb_tuple *client, uint32_t isn,
		     uint32_t cookie, uint32_t now_s)
{
	const uint32_t size = cookie & ((1 << MSS_BITS) - 1);
	uint32_t tick = now_s / FB_COOKIE_TICK_S;

	if ((tick & 1) != ((cookie & TICK_BIT) != 0))
		tick--;
	return cookie >> MAC_SHIFT == mac(key, client, isn, tick, size) >> MAC_SHIFT;
}

uint16_t fb_cookie_mss(uint32_t cookie)
{
	return sizes[cookie & ((1 << MSS_BITS) - 1)];
}

uint32_t fb_cookie_timestamp(uint32_t clock, const struct fb_tcp_options *said)
{
	uint32_t ts = clock & ~(uint32_t)(SAID_STEP - 1);

	ts |= said->wscale | (said->sack ? SAID_SACK : 0);
	return (int32_t)(ts - clock) > 0 ? ts - SAID_STEP : ts;
}

void fb_cookie_timestamp_read(uint32_t tsecr, struct fb_tcp_options *ret_said)
{
	ret_said->wscale = tsecr & 0xf;
	ret_said->sack = (tsecr & SAID_SACK) != 0;
}
