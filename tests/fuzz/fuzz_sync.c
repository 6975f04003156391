/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a peer says, signed, so that it is looked at: nothing is read past the end, each flow that comes out of it
 * is written as it stood there, and without its signature it is nothing.
 */

#include "fuzz.h"

#include "sync/message.h"

static const struct fb_sync_key key = {.len = 16, .bytes = "0123456789abcdef"};

/* A writer signs what it is given. */
static uint32_t sign(const uint8_t *data, size_t size, uint8_t *out)
{
	static struct fb_sync_writer w;
	uint32_t len;

	memcpy(w.bytes, data, size);
	w.len = (uint32_t)size;
	w.n = (uint16_t)(data[6] << 8 | data[7]);
	len = fb_sync_end(&w, &key);
	memcpy(out, w.bytes, len);
	return len;
}

static void same_again(const struct fb_sync_flow *flow, const uint8_t *at, size_t len)
{
	static struct fb_sync_writer w;
	const struct fb_sync_head head = {.kind = FB_SYNC_FLOWS, .from = 1};
	const size_t shift_len = flow->shifted ? FB_SYNC_SHIFT_LEN : 0;
	uint8_t was[FB_SYNC_FLOW6_LEN + FB_SYNC_SHIFT_LEN];

	fuzz_require(len == FB_SYNC_FLOW4_LEN + shift_len || len == FB_SYNC_FLOW6_LEN + shift_len);
	memcpy(was, at, len);
	if (!flow->shifted)
		was[5] = 0; /* spare */
	fb_sync_begin(&w, &head);
	fuzz_require(fb_sync_put(&w, flow));
	fuzz_require(w.len == FB_SYNC_HEAD_LEN + len);
	fuzz_require(memcmp(w.bytes + FB_SYNC_HEAD_LEN, was, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *exact;
	struct fb_sync_reader reader;
	struct fb_sync_head head;
	struct fb_sync_flow flow;
	uint32_t len;
	uint16_t n = 0;

	if (size < FB_SYNC_HEAD_LEN || size > FB_SYNC_MESSAGE_MAX - FB_SYNC_MAC_LEN)
		return 0;
	exact = malloc(size + FB_SYNC_MAC_LEN);
	fuzz_require(exact != NULL);
	len = sign(data, size, exact);
	if (fb_sync_open(&key, exact, len, &head, &reader) == 0) {
		const uint8_t *at = reader.at;

		fuzz_require(head.from != 0);
		while (fb_sync_next(&reader, &flow) == 1) {
			same_again(&flow, at, (size_t)(reader.at - at));
			at = reader.at;
			n++;
		}
		fuzz_require(n <= FB_SYNC_FLOWS_MAX);
	}
	exact[len - 1] ^= 1;
	fuzz_require(fb_sync_open(&key, exact, len, &head, &reader) != 0);
	free(exact);
	return 0;
}
