/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <stdlib.h>

#include "flow/change.h"
#include "flow/queue.h"
#include "tuples.h"

#define N 64

static struct fb_hash_secret secret;

/* Numbers are TCP where odd, UDP where even (tuples.h). */
static struct fb_flow *add(struct fb_flow_table *t, uint32_t number)
{
	const enum fb_family family = (enum fb_family)(number >= 1000);
	struct fb_tuple client = numbered_tuple(family, number, FB_DIR_CLIENT);
	struct fb_tuple reply = numbered_tuple(family, number, FB_DIR_ENDPOINT);
	struct fb_flow *flow;

	assert_int_equal(fb_flow_insert(t, &client, &reply, 0, &flow), 0);
	flow->state = number & 1 ? FB_FLOW_OPENING : FB_FLOW_UDP_NEW;
	flow->ep_id = number;
	fb_flow_enqueue(t, flow);
	return flow;
}

static void assert_order(const struct fb_flow_table *t, enum fb_flow_queue q,
			 const uint32_t *numbers, uint32_t n)
{
	struct fb_flow_table *mine = (struct fb_flow_table *)(uintptr_t)t;

	assert_int_equal(fb_flow_queued(t, q), n);
	for (uint32_t i = 0; i < n; i++) {
		struct fb_flow *flow = fb_flow_oldest(mine, q);

		assert_non_null(flow);
		assert_int_equal(flow->ep_id, numbers[i]);
		fb_flow_dequeue(mine, flow);
		assert_false(fb_flow_is_queued(flow));
	}
	assert_null(fb_flow_oldest(t, q));
	assert_int_equal(fb_flow_queued(t, q), 0);
}

static void each_kind_waits_oldest_first(void **state)
{
	(void)state;
	for (uint32_t base = 0; base <= 1000; base += 1000) {
		struct fb_flow_table *t =
			fb_flow_table_create((enum fb_family)(base != 0), N, &secret, -1);
		const uint32_t tcp[] = {base + 1, base + 3, base + 5, base + 7};
		const uint32_t udp[] = {base + 2, base + 4, base + 6};

		for (uint32_t i = 1; i <= 7; i++)
			assert_true(fb_flow_is_queued(add(t, base + i)));
		assert_order(t, FB_QUEUE_CONNECTIONS, tcp, 4);
		assert_order(t, FB_QUEUE_UDP, udp, 3);
		fb_flow_table_free(t);
	}
}

static void whoever_leaves_or_is_removed_closes_the_gap(void **state)
{
	struct fb_flow_table *t = fb_flow_table_create(FB_IPV4, N, &secret, -1);
	const uint32_t left[] = {5, 9};
	struct fb_flow *flow[6];

	(void)state;
	for (uint32_t i = 0; i < 6; i++)
		flow[i] = add(t, 2 * i + 1); /* 1, 3, 5, 7, 9, 11 */
	fb_flow_dequeue(t, flow[0]);         /* the oldest */
	fb_flow_dequeue(t, flow[0]);         /* again: it is in none */
	fb_flow_dequeue(t, flow[5]);         /* the youngest */
	fb_flow_remove(t, flow[1]);
	fb_flow_remove(t, flow[3]);
	assert_order(t, FB_QUEUE_CONNECTIONS, left, 2);
	fb_flow_table_free(t);
}

static void alone_it_is_both_ends(void **state)
{
	struct fb_flow_table *t = fb_flow_table_create(FB_IPV4, N, &secret, -1);
	struct fb_flow *flow = add(t, 1);
	const uint32_t again[] = {1};

	(void)state;
	assert_true(fb_flow_is_queued(flow));
	assert_ptr_equal(fb_flow_oldest(t, FB_QUEUE_CONNECTIONS), flow);
	fb_flow_dequeue(t, flow);
	assert_false(fb_flow_is_queued(flow));
	fb_flow_enqueue(t, flow);
	assert_order(t, FB_QUEUE_CONNECTIONS, again, 1);
	fb_flow_table_free(t);
}

/* Against a plain array, in random order of everything that can happen. */
static void a_long_life_keeps_the_order(void **state)
{
	struct fb_flow_table *t = fb_flow_table_create(FB_IPV4, N, &secret, -1);
	struct fb_flow *all[N] = {0};
	uint32_t order[N];
	uint32_t n = 0;
	uint64_t x = 7;

	(void)state;
	for (uint32_t round = 0; round < 20000; round++) {
		const uint32_t k = (uint32_t)(next_random(&x) % N);
		bool queued = all[k] != NULL && fb_flow_is_queued(all[k]);

		if (all[k] == NULL) {
			all[k] = add(t, 2 * k + 1);
		} else if (queued && next_random(&x) % 2 == 0) {
			fb_flow_dequeue(t, all[k]);
		} else if (!queued && next_random(&x) % 2 == 0) {
			fb_flow_enqueue(t, all[k]);
		} else {
			fb_flow_remove(t, all[k]);
			all[k] = NULL;
		}
		for (uint32_t i = 0; queued && i < n; i++) {
			if (order[i] != k)
				continue;
			memmove(order + i, order + i + 1, (n - i - 1) * sizeof(*order));
			n--;
			break;
		}
		if (all[k] != NULL && fb_flow_is_queued(all[k]))
			order[n++] = k;
		assert_int_equal(fb_flow_queued(t, FB_QUEUE_CONNECTIONS), n);
		if (n > 0)
			assert_ptr_equal(fb_flow_oldest(t, FB_QUEUE_CONNECTIONS), all[order[0]]);
		else
			assert_null(fb_flow_oldest(t, FB_QUEUE_CONNECTIONS));
	}
	fb_flow_table_free(t);
}

static void half_open_is_who_has_not_heard_the_other_side(void **state)
{
	(void)state;
	for (uint8_t s = FB_FLOW_FREE; s < FB_FLOW_STATE_COUNT; s++) {
		const struct fb_flow flow = {.state = s};

		assert_int_equal(fb_flow_is_half_open(&flow),
				 s == FB_FLOW_OPENING || s == FB_FLOW_UDP_NEW ||
					 s == FB_FLOW_COOKIE_WAIT || s == FB_FLOW_COOKIE_ECHOED ||
					 s == FB_FLOW_PROXY_OPENING);
	}
}

/* Its numbers lie where the queue's neighbours are, whatever they look like. */
static void a_shifted_flow_is_in_no_queue(void **state)
{
	static const struct fb_tcp_shift shifts[] = {
		{0, 0, 0}, {1, 2 * FB_FLOW_SHIFT_TS_STEP, -14}, {UINT32_MAX, 0x80000000, 14},
		{UINT32_MAX, UINT32_MAX - FB_FLOW_SHIFT_TS_STEP + 1, 14}, {3, 0, 3 - 14}};
	const uint32_t others[] = {3, 5};

	(void)state;
	for (size_t i = 0; i < sizeof(shifts) / sizeof(shifts[0]); i++) {
		struct fb_flow_table *t = fb_flow_table_create(FB_IPV4, N, &secret, -1);
		struct fb_flow *flow = add(t, 1);
		struct fb_tcp_shift shift;

		add(t, 3);
		add(t, 5);
		fb_flow_dequeue(t, flow);
		fb_flow_shift_set(flow, &shifts[i]);
		fb_flow_begin(flow, FB_FLOW_PROXIED);
		assert_false(fb_flow_is_queued(flow));
		fb_flow_dequeue(t, flow);
		shift = fb_flow_shift(flow);
		assert_int_equal(shift.seq, shifts[i].seq);
		assert_int_equal(shift.ts, shifts[i].ts);
		assert_int_equal(shift.window, shifts[i].window);
		fb_flow_remove(t, flow);
		assert_order(t, FB_QUEUE_CONNECTIONS, others, 2);
		fb_flow_table_free(t);
	}
}

static void what_a_syn_said_is_kept_while_it_opens(void **state)
{
	(void)state;
	for (uint8_t said = 0; said < 64; said++) {
		const struct fb_flow_opening begun = {
			.isn = 0x89abcdef,
			.told = 0xfedcba98,
			.said = {.tsval = UINT32_MAX - said, .wscale = said & 0xf,
				 .sack = (said & 0x10) != 0, .timestamps = (said & 0x20) != 0},
		};
		struct fb_flow flow = {.state = FB_FLOW_PROXY_OPENING,
				       .flags = FB_FLOW_SNAT | FB_FLOW_COUNTED | FB_FLOW_AFFINE};

		fb_flow_opening_begin(&flow, &begun);
		for (uint32_t n = 0; n < 7; n++) {
			const struct fb_flow_opening o = fb_flow_opening(&flow);

			assert_int_equal(o.isn, begun.isn);
			assert_int_equal(o.told, begun.told);
			assert_int_equal(o.said.wscale, begun.said.wscale);
			assert_int_equal(o.said.sack, begun.said.sack);
			assert_int_equal(o.said.timestamps, begun.said.timestamps);
			assert_int_equal(o.said.tsval, begun.said.tsval / FB_FLOW_SHIFT_TS_STEP *
							       FB_FLOW_SHIFT_TS_STEP);
			assert_int_equal(flow.flags & ~FB_FLOW_OPENING_SAID,
					 FB_FLOW_SNAT | FB_FLOW_COUNTED | FB_FLOW_AFFINE);
			fb_flow_asked_again(&flow);
		}
		/* A later SYN of its client's. */
		fb_flow_opening_begin(&flow, &(struct fb_flow_opening){.isn = 5});
		assert_int_equal(fb_flow_opening(&flow).isn, 5);
		assert_int_equal(fb_flow_opening(&flow).said.wscale, 0);
		assert_int_equal(flow.flags, FB_FLOW_SNAT | FB_FLOW_COUNTED | FB_FLOW_AFFINE);
	}
}

static void it_is_asked_again_at_longer_and_longer_times(void **state)
{
	static const uint32_t after_s[] = {1, 3, 7, 15, 31, 63, 127};
	struct fb_flow flow = {.state = FB_FLOW_PROXY_OPENING};
	const struct fb_flow_opening o = {.isn = 1, .said = {.tsval = 64, .sack = true}};

	(void)state;
	fb_flow_opening_begin(&flow, &o);
	for (size_t i = 0; i < sizeof(after_s) / sizeof(after_s[0]); i++) {
		assert_int_equal(fb_flow_ask_again_ms(&flow), after_s[i] * 1000);
		fb_flow_asked_again(&flow);
		assert_int_equal(fb_flow_opening(&flow).said.tsval, 64);
		assert_true(fb_flow_opening(&flow).said.sack);
	}
	assert_int_equal(fb_flow_ask_again_ms(&flow), UINT32_MAX);
	fb_flow_opening_begin(&flow, &o);
	assert_int_equal(fb_flow_ask_again_ms(&flow), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_waits_oldest_first),
		cmocka_unit_test(whoever_leaves_or_is_removed_closes_the_gap),
		cmocka_unit_test(alone_it_is_both_ends),
		cmocka_unit_test(a_long_life_keeps_the_order),
		cmocka_unit_test(half_open_is_who_has_not_heard_the_other_side),
		cmocka_unit_test(a_shifted_flow_is_in_no_queue),
		cmocka_unit_test(what_a_syn_said_is_kept_while_it_opens),
		cmocka_unit_test(it_is_asked_again_at_longer_and_longer_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
