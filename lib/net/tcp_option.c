/* SPDX-License-Identifier: BSD-3-Clause */

#include "net/tcp_option.h"

#include <rte_common.h>

#include "net/checksum.h"
#include "net/wire.h"

#define MSS_LEN	       4
#define WSCALE_LEN     3
#define PERMITTED_LEN  2
#define TIMESTAMPS_LEN 10

/* At an odd place bytes lie in the other half of the words that are summed. */
static void replace(uint8_t *l4, uint32_t off, const void *bytes, size_t len)
{
	uint16_t delta = fb_csum_delta(l4 + off, bytes, len);

	if (off & 1)
		delta = rte_bswap16(delta);
	memcpy(l4 + off, bytes, len);
	fb_store_csum(l4 + FB_TCP_CSUM_OFF,
		      fb_csum_apply(fb_load_csum(l4 + FB_TCP_CSUM_OFF), delta));
}

void fb_tcp_replace16(uint8_t *l4, uint32_t off, uint16_t value)
{
	value = rte_cpu_to_be_16(value);
	replace(l4, off, &value, sizeof(value));
}

void fb_tcp_replace32(uint8_t *l4, uint32_t off, uint32_t value)
{
	value = rte_cpu_to_be_32(value);
	replace(l4, off, &value, sizeof(value));
}

static uint32_t end_of(const uint8_t *l4, uint32_t have)
{
	return RTE_MIN((uint32_t)(l4[12] >> 4) * 4, have);
}

bool fb_tcp_lower_mss(uint8_t *l4, uint32_t have, uint16_t most)
{
	const uint32_t end = end_of(l4, have);
	bool changed = false;

	for (uint32_t off = fb_tcp_option_at(l4, FB_TCP_LEN, end); off < end;
	     off = fb_tcp_option_at(l4, off + l4[off + 1], end)) {
		if (l4[off] != FB_TCP_OPTION_MSS || l4[off + 1] != MSS_LEN ||
		    fb_load16(l4 + off + 2) <= most)
			continue;
		fb_tcp_replace16(l4, off + 2, most);
		changed = true;
	}
	return changed;
}

static void read_one(const uint8_t *o, struct fb_tcp_options *ret)
{
	if (o[0] == FB_TCP_OPTION_MSS && o[1] == MSS_LEN) {
		ret->mss = fb_load16(o + 2);
	} else if (o[0] == FB_TCP_OPTION_WSCALE && o[1] == WSCALE_LEN) {
		ret->wscale = RTE_MIN(o[2], (uint8_t)FB_TCP_WSCALE_MAX);
	} else if (o[0] == FB_TCP_OPTION_SACK_PERMITTED && o[1] == PERMITTED_LEN) {
		ret->sack = true;
	} else if (o[0] == FB_TCP_OPTION_TIMESTAMPS && o[1] == TIMESTAMPS_LEN) {
		ret->timestamps = true;
		ret->tsval = fb_load32(o + 2);
		ret->tsecr = fb_load32(o + 6);
	}
}

void fb_tcp_options_read(const uint8_t *l4, uint32_t have, struct fb_tcp_options *ret)
{
	const uint32_t end = end_of(l4, have);

	*ret = (struct fb_tcp_options){.wscale = FB_TCP_WSCALE_NONE};
	for (uint32_t off = fb_tcp_option_at(l4, FB_TCP_LEN, end); off < end;
	     off = fb_tcp_option_at(l4, off + l4[off + 1], end))
		read_one(l4 + off, ret);
}

uint32_t fb_tcp_options_write(const struct fb_tcp_options *options, uint8_t *out)
{
	uint8_t *o = out;

	if (options->mss != 0) {
		o[0] = FB_TCP_OPTION_MSS;
		o[1] = MSS_LEN;
		fb_store16(o + 2, options->mss);
		o += MSS_LEN;
	}
	/* Padding in front, so that numbers stand at whole words. */
	if (options->sack || options->timestamps) {
		o[0] = options->sack ? FB_TCP_OPTION_SACK_PERMITTED : FB_TCP_OPTION_NOP;
		o[1] = options->sack ? PERMITTED_LEN : FB_TCP_OPTION_NOP;
		o[2] = options->timestamps ? FB_TCP_OPTION_TIMESTAMPS : FB_TCP_OPTION_NOP;
		o[3] = options->timestamps ? TIMESTAMPS_LEN : FB_TCP_OPTION_NOP;
		o += 4;
	}
	if (options->timestamps) {
		fb_store32(o, options->tsval);
		fb_store32(o + 4, options->tsecr);
		o += 8;
	}
	if (options->wscale != FB_TCP_WSCALE_NONE) {
		o[0] = FB_TCP_OPTION_NOP;
		o[1] = FB_TCP_OPTION_WSCALE;
		o[2] = WSCALE_LEN;
		o[3] = options->wscale;
		o += 4;
	}
	return (uint32_t)(o - out);
}
