/* SPDX-License-Identifier: BSD-3-Clause */

#include "flow/adopt.h"

#include <errno.h>
#include <netinet/in.h>

#include "flow/change.h"
#include "flow/layout.h"
#include "flow/lookup.h"
#include "flow/queue.h"

#define GROUP 16 /* two index lines each: more would only queue for the core's line fill buffers */
#define AHEAD 16 /* records; the rest is left to the hardware prefetcher */

/* Which protocol has a state; 0: none has. */
static const uint8_t proto_of[FB_FLOW_STATE_COUNT] = {
	[FB_FLOW_OPENING] = IPPROTO_TCP,      [FB_FLOW_ESTABLISHED] = IPPROTO_TCP,
	[FB_FLOW_CLOSING] = IPPROTO_TCP,      [FB_FLOW_RESET] = IPPROTO_TCP,
	[FB_FLOW_UDP_NEW] = IPPROTO_UDP,      [FB_FLOW_UDP] = IPPROTO_UDP,
	[FB_FLOW_COOKIE_WAIT] = IPPROTO_SCTP, [FB_FLOW_COOKIE_ECHOED] = IPPROTO_SCTP,
	[FB_FLOW_ASSOCIATED] = IPPROTO_SCTP,  [FB_FLOW_SHUTDOWN] = IPPROTO_SCTP,
	[FB_FLOW_CLOSED] = IPPROTO_SCTP,      [FB_FLOW_PROXY_OPENING] = IPPROTO_TCP,
	[FB_FLOW_PROXIED] = IPPROTO_TCP,      [FB_FLOW_PROXY_CLOSING] = IPPROTO_TCP,
};

struct group {
	struct fb_flow *flow[GROUP];
	struct fb_flow_hash hash[GROUP][2];
	uint32_t n;
};

uint64_t fb_flow_layout(void)
{
	const size_t numbers[] = {
		FB_FLOW_LAYOUT_VERSION,
		sizeof(struct fb_flow),
		offsetof(struct fb_flow, last_use_ms),
		offsetof(struct fb_flow, ep_id),
		offsetof(struct fb_flow, link),
		offsetof(struct fb_flow, l4_delta),
		offsetof(struct fb_flow, ip_delta),
		offsetof(struct fb_flow, client_mac),
		offsetof(struct fb_flow, client_port),
		offsetof(struct fb_flow, proto),
		offsetof(struct fb_flow, state),
		offsetof(struct fb_flow, flags),
		fb_flow_record_shift(FB_IPV4),
		fb_flow_record_shift(FB_IPV6),
		sizeof(struct fb_tuple4),
		sizeof(struct fb_tuple6),
		FB_FLOW_STATE_COUNT,
	};
	struct fb_hash_secret secret;
	uint64_t hash;

	fb_hash_secret_init(&secret, "flow layout");
	hash = fb_hash_bytes(&secret, numbers, sizeof(numbers));
	for (int s = 0; s < FB_FLOW_STATE_COUNT; s++)
		hash = fb_hash_2(&secret, hash,
				 fb_hash_bytes(&secret, fb_flow_state_names[s],
					       strlen(fb_flow_state_names[s])));
	return hash;
}

uint64_t fb_flow_records_bytes(enum fb_family family, uint32_t capacity)
{
	return (uint64_t)capacity << fb_flow_record_shift(family);
}

/* What a record can be asked without knowing anything else. */
static bool is_sound(enum fb_family family, const struct fb_flow *flow)
{
	return flow->state < FB_FLOW_STATE_COUNT && flow->proto != 0 &&
	       proto_of[flow->state] == flow->proto &&
	       memcmp(fb_flow_key(flow, family, FB_DIR_CLIENT),
		      fb_flow_key(flow, family, FB_DIR_ENDPOINT), fb_flow_key_len(family)) != 0;
}

static bool is_taken(const struct fb_flow_table *t, enum fb_family family,
		     const struct fb_flow *flow, enum fb_flow_dir side, struct fb_flow_hash hash)
{
	const struct fb_tuple tuple = fb_flow_tuple(flow, family, side);
	enum fb_flow_dir dir;

	return fb_flow_find_as(t, family, &tuple, hash, &dir) != NULL;
}

static bool link_flow(struct fb_flow_table *t, enum fb_family family, struct fb_flow *flow,
		      const struct fb_flow_hash hash[2])
{
	const uint32_t place =
		(uint32_t)(((uint8_t *)flow - t->records) >> fb_flow_record_shift(family));

	if (is_taken(t, family, flow, FB_DIR_CLIENT, hash[FB_DIR_CLIENT]) ||
	    is_taken(t, family, flow, FB_DIR_ENDPOINT, hash[FB_DIR_ENDPOINT]) ||
	    fb_flow_link_entry(t, hash[FB_DIR_CLIENT], place << 1 | FB_DIR_CLIENT) != 0)
		return false;
	if (fb_flow_link_entry(t, hash[FB_DIR_ENDPOINT], place << 1 | FB_DIR_ENDPOINT) == 0)
		return true;
	fb_flow_unlink_entry(t, hash[FB_DIR_CLIENT], place << 1 | FB_DIR_CLIENT);
	return false;
}

/* Queues of half-open flows begin anew, by place: their order was in what may be torn. */
static void enqueue(struct fb_flow_table *t, struct fb_flow *flow)
{
	/* These have something else there. */
	if (fb_flow_keeps_shift(flow))
		return;
	flow->link = 0;
	flow->older = 0;
	if (fb_flow_is_half_open(flow))
		fb_flow_enqueue(t, flow);
}

static void link_group(struct fb_flow_table *t, struct group *group, struct fb_flow_adopted *done,
		       void (*adopted)(void *arg, const struct fb_flow *flow), void *arg)
{
	for (uint32_t i = 0; i < group->n; i++) {
		if (link_flow(t, (enum fb_family)t->family, group->flow[i], group->hash[i])) {
			t->count++;
			done->adopted++;
			enqueue(t, group->flow[i]);
			if (adopted != NULL)
				adopted(arg, group->flow[i]);
		} else {
			group->flow[i]->state = FB_FLOW_FREE;
			done->no_place++;
		}
	}
	group->n = 0;
}

static void collect(const struct fb_flow_table *t, struct group *group, struct fb_flow *flow)
{
	const enum fb_family family = (enum fb_family)t->family;

	for (uint32_t dir = FB_DIR_CLIENT; dir <= FB_DIR_ENDPOINT; dir++) {
		const uint8_t *key = fb_flow_key(flow, family, (enum fb_flow_dir)dir);

		group->hash[group->n][dir] = fb_flow_hash_key_as(t, family, key, flow->proto);
		fb_flow_prefetch_index(t, group->hash[group->n][dir]);
	}
	group->flow[group->n++] = flow;
}

/* The lowest free place is used first. */
static void chain_free(struct fb_flow_table *t)
{
	const enum fb_family family = (enum fb_family)t->family;

	for (uint32_t place = t->high_water; place-- > 0;) {
		struct fb_flow *flow = fb_flow_record(t, family, place);

		if (flow->state != FB_FLOW_FREE)
			continue;
		flow->link = t->free_head;
		t->free_head = place;
	}
}

struct fb_flow_adopted fb_flow_adopt(struct fb_flow_table *t, fb_flow_check_fn *check,
				     void (*adopted)(void *arg, const struct fb_flow *flow),
				     void *arg)
{
	const enum fb_family family = (enum fb_family)t->family;
	struct fb_flow_adopted done = {0};
	struct group group = {.n = 0};

	for (uint32_t place = 0; place < t->capacity; place++) {
		struct fb_flow *flow = fb_flow_record(t, family, place);
		struct fb_tuple client;
		struct fb_tuple reply;

		rte_prefetch0((uint8_t *)flow + ((size_t)AHEAD << fb_flow_record_shift(family)));
		if (flow->state == FB_FLOW_FREE)
			continue;
		client = fb_flow_tuple(flow, family, FB_DIR_CLIENT);
		reply = fb_flow_tuple(flow, family, FB_DIR_ENDPOINT);
		if (!is_sound(family, flow) || !check(arg, family, flow, &client, &reply)) {
			flow->state = FB_FLOW_FREE;
			done.refused++;
			continue;
		}
		t->high_water = place + 1;
		collect(t, &group, flow);
		if (group.n == GROUP)
			link_group(t, &group, &done, adopted, arg);
	}
	link_group(t, &group, &done, adopted, arg);
	chain_free(t);
	return done;
}

void fb_flow_each_record(enum fb_family family, const void *records, uint64_t bytes,
			 void (*each)(void *arg, enum fb_family family, struct fb_flow *flow,
				      const struct fb_tuple *client, const struct fb_tuple *reply),
			 void *arg)
{
	const size_t size = (size_t)1 << fb_flow_record_shift(family);
	const uint8_t *end = (const uint8_t *)records + bytes / size * size;

	for (const uint8_t *at = records; at < end; at += size) {
		uint8_t copy[1 << 7] __attribute__((aligned(64)));
		struct fb_flow *flow = (struct fb_flow *)copy;
		struct fb_tuple client;
		struct fb_tuple reply;

		if (((const struct fb_flow *)at)->state == FB_FLOW_FREE)
			continue;
		memcpy(copy, at, size);
		if (!is_sound(family, flow))
			continue;
		client = fb_flow_tuple(flow, family, FB_DIR_CLIENT);
		reply = fb_flow_tuple(flow, family, FB_DIR_ENDPOINT);
		each(arg, family, flow, &client, &reply);
	}
}

int fb_flow_carry(struct fb_flow_table *t, const struct fb_flow *flow,
		  const struct fb_tuple *client, const struct fb_tuple *reply)
{
	struct fb_flow copy = *flow;
	struct fb_flow *made;
	int err;

	if (fb_flow_taken(t, client))
		return -EEXIST;
	err = fb_flow_insert(t, client, reply, flow->last_use_ms, &made);
	if (err != 0)
		return err;
	copy.state = FB_FLOW_FREE;
	*made = copy;
	fb_flow_begin(made, (enum fb_flow_state)flow->state);
	enqueue(t, made);
	return 0;
}
