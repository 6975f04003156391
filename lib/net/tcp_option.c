/* SPDX-License-Identifier: BSD-3-Clause */

#include "net/tcp_option.h"

#include <rte_common.h>

#include "net/checksum.h"
#include "net/wire.h"

#define MSS_LEN 4

/* Put a word at any place of a segment; at an odd one its bytes lie in two of the words that are summed. */
static void replace_word(uint8_t *l4, uint32_t off, uint16_t word)
{
	uint16_t new_word = rte_cpu_to_be_16(word);
	uint16_t delta = fb_csum_delta(l4 + off, &new_word, sizeof(new_word));

	if (off & 1)
		delta = rte_bswap16(delta);
	memcpy(l4 + off, &new_word, sizeof(new_word));
	fb_store_csum(l4 + FB_TCP_CSUM_OFF,
		      fb_csum_apply(fb_load_csum(l4 + FB_TCP_CSUM_OFF), delta));
}

bool fb_tcp_lower_mss(uint8_t *l4, uint32_t have, uint16_t most)
{
	const uint32_t end = RTE_MIN((uint32_t)(l4[12] >> 4) * 4, have);
	bool changed = false;

	for (uint32_t off = fb_tcp_option_at(l4, FB_TCP_LEN, end); off < end;
	     off = fb_tcp_option_at(l4, off + l4[off + 1], end)) {
		if (l4[off] != FB_TCP_OPTION_MSS || l4[off + 1] != MSS_LEN ||
		    fb_load16(l4 + off + 2) <= most)
			continue;
		replace_word(l4, off + 2, most);
		changed = true;
	}
	return changed;
}
