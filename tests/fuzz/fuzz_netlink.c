/* SPDX-License-Identifier: BSD-3-Clause */

/* rtnetlink datagrams: what is read from them is in range, whatever the bytes. */

#include "fuzz.h"

#include "neigh/changed.h"
#include "neigh/message.h"

static void check(void *arg, const struct fb_neigh_event *e)
{
	struct fb_changed *changed = arg;

	fuzz_require(e->kind != FB_NEIGH_EVENT_NONE);
	fuzz_require(!e->resolved || e->kind == FB_NEIGH_EVENT_NEIGHBOUR);
	if (e->kind != FB_NEIGH_EVENT_ROUTE)
		return;
	fuzz_require(e->prefix.len_bits <= fb_family_addr_len(fb_addr_family(&e->prefix.addr)) * 8);
	fb_changed_add(changed, &e->prefix);
	fuzz_require(fb_changed_has(changed, &e->prefix.addr));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fb_changed changed = {.n = 0};
	void *exact = malloc(size + 1); /* aligned, as the receive buffer is */

	fuzz_require(exact != NULL);
	memcpy(exact, data, size);
	fb_neigh_message_each(exact, size, check, &changed);
	free(exact);
	return 0;
}
