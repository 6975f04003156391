/* SPDX-License-Identifier: BSD-3-Clause */

#include "net/sctp.h"

#include "net/wire.h"

/*
 * A guess, generous: control chunks of one packet. Stacks bundle one or two; an ABORT behind more
 * than these passes as any packet does.
 */
#define MAX_CHUNKS 16

uint32_t fb_sctp_checksum(const uint8_t *l4, uint32_t l4_len)
{
	static const uint8_t zero[4];
	uint32_t crc = fb_crc32c_add(FB_CRC32C_BEGIN, l4, FB_SCTP_CSUM_OFF);

	crc = fb_crc32c_add(crc, zero, sizeof(zero));
	return ~fb_crc32c_add(crc, l4 + FB_SCTP_LEN, l4_len - FB_SCTP_LEN);
}

static uint8_t chunk_bit(uint8_t type)
{
	static const uint8_t bits[16] = {
		[FB_SCTP_CHUNK_INIT] = FB_SCTP_INIT,
		[FB_SCTP_CHUNK_INIT_ACK] = FB_SCTP_INIT_ACK,
		[FB_SCTP_CHUNK_ABORT] = FB_SCTP_ABORT,
		[FB_SCTP_CHUNK_SHUTDOWN] = FB_SCTP_SHUTDOWN,
		[FB_SCTP_CHUNK_SHUTDOWN_ACK] = FB_SCTP_SHUTDOWN,
		[FB_SCTP_CHUNK_ERROR] = FB_SCTP_ERROR,
		[FB_SCTP_CHUNK_COOKIE_ECHO] = FB_SCTP_COOKIE_ECHO,
		[FB_SCTP_CHUNK_COOKIE_ACK] = FB_SCTP_COOKIE_ACK,
		[FB_SCTP_CHUNK_SHUTDOWN_COMPLETE] = FB_SCTP_SHUTDOWN_COMPLETE,
	};

	return type < sizeof(bits) ? bits[type] : 0;
}

/* Chunks that have a packet to themselves (6.10), and what else INIT and INIT ACK have to be. */
static enum fb_reason check_lone(const struct fb_frame *f, uint32_t l4_off, uint32_t l4_len,
				 uint8_t chunks)
{
	const uint8_t *l4 = f->data + l4_off;
	const uint32_t len = fb_load16(l4 + FB_SCTP_LEN + 2);

	if (FB_SCTP_LEN + ((len + 3) & ~UINT32_C(3)) < l4_len)
		return FB_REASON_BAD_SCTP;
	if ((chunks & (FB_SCTP_INIT | FB_SCTP_INIT_ACK)) == 0)
		return FB_REASON_NONE;
	if (len < FB_SCTP_INIT_LEN)
		return FB_REASON_BAD_SCTP;
	/* All of it: what its parameters say of addresses is not for the other side (net/rewrite.h). */
	if (l4_off + l4_len > f->data_len)
		return FB_REASON_HEADER_SPLIT;
	/* The first packet of an association has no tag yet, and proposes one (8.5.1). */
	if (fb_load32(l4 + FB_SCTP_LEN + FB_SCTP_CHUNK_LEN) == 0 ||
	    ((chunks & FB_SCTP_INIT) && fb_load32(l4 + FB_SCTP_TAG_OFF) != 0))
		return FB_REASON_BAD_SCTP;
	return FB_REASON_NONE;
}

/*
 * A checksum of zero that is none: the two ends have agreed to do without (RFC 9653). One packet in
 * four billion has a true one of zero, and would be lost each time it is sent again; hence the look.
 */
static bool has_no_sum(const struct fb_frame *f, uint32_t l4_off, uint32_t l4_len)
{
	const uint8_t *l4 = f->data + l4_off;

	return fb_load32(l4 + FB_SCTP_CSUM_OFF) == 0 &&
	       (l4_off + l4_len > f->data_len || fb_sctp_checksum(l4, l4_len) != 0);
}

enum fb_reason fb_sctp_read(const struct fb_frame *f, uint32_t l4_off, uint32_t l4_len,
			    struct fb_packet *ret)
{
	const uint8_t *l4 = f->data + l4_off;
	uint32_t off = FB_SCTP_LEN;
	uint8_t chunks = 0;

	if (l4_len < FB_SCTP_LEN + FB_SCTP_CHUNK_LEN)
		return FB_REASON_TOO_SHORT;
	if (l4_off + FB_SCTP_LEN + FB_SCTP_CHUNK_LEN > f->data_len)
		return FB_REASON_HEADER_SPLIT;
	for (uint32_t n = 0; n < MAX_CHUNKS && off < l4_len; n++) {
		const uint8_t *chunk = l4 + off;
		uint32_t len;

		if (off + FB_SCTP_CHUNK_LEN > l4_len)
			return FB_REASON_BAD_SCTP;
		if (l4_off + off + FB_SCTP_CHUNK_LEN > f->data_len)
			break;
		len = fb_load16(chunk + 2);
		if (len < FB_SCTP_CHUNK_LEN || len > l4_len - off)
			return FB_REASON_BAD_SCTP;
		if (chunk[0] == FB_SCTP_CHUNK_DATA || chunk[0] == FB_SCTP_CHUNK_I_DATA)
			break;
		chunks |= chunk_bit(chunk[0]);
		off += (len + 3) & ~UINT32_C(3);
	}
	if (chunks & (FB_SCTP_INIT | FB_SCTP_INIT_ACK | FB_SCTP_SHUTDOWN_COMPLETE)) {
		enum fb_reason reason = check_lone(f, l4_off, l4_len, chunks);

		if (reason != FB_REASON_NONE)
			return reason;
	}
	if (has_no_sum(f, l4_off, l4_len))
		ret->flags |= FB_PKT_SCTP_NOSUM;
	ret->sctp_chunks = chunks;
	return FB_REASON_NONE;
}

/* Padding for addresses. @return whether there were any */
static bool replace_addresses(uint8_t *l4, uint32_t end)
{
	bool found = false;
	uint32_t len;

	for (uint32_t off = FB_SCTP_LEN + FB_SCTP_INIT_LEN; off + 4 <= end;
	     off += (len + 3) & ~UINT32_C(3)) {
		const uint16_t type = fb_load16(l4 + off);

		len = fb_load16(l4 + off + 2);
		if (len < 4 || len > end - off)
			break;
		if (type == FB_SCTP_PARAM_IPV4 || type == FB_SCTP_PARAM_IPV6) {
			fb_store16(l4 + off, FB_SCTP_PARAM_PADDING);
			found = true;
		}
	}
	return found;
}

void fb_sctp_hide_addresses(uint8_t *l4, uint32_t l4_len, bool summed)
{
	const uint32_t before = summed ? fb_sctp_checksum(l4, l4_len) : 0;

	/* By difference as well: what was wrong stays wrong. */
	if (replace_addresses(l4, FB_SCTP_LEN + (uint32_t)fb_load16(l4 + FB_SCTP_LEN + 2)) && summed)
		fb_crc32c_store(l4 + FB_SCTP_CSUM_OFF,
				fb_crc32c_load(l4 + FB_SCTP_CSUM_OFF) ^ before ^
					fb_sctp_checksum(l4, l4_len));
}
