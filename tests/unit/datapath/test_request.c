/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "datapath/worker.h"
#include "flow/state.h"

enum { CAPACITY = 4096, FLOWS = 1000 };

struct fixture {
	struct fb_worker *w;
	struct fb_endpoint_counters endpoints[4];
	void *ring_memory;
};

static struct fb_tuple client_tuple(uint32_t i)
{
	struct fb_addr src = fb_addr_from_bytes(FB_IPV4, (const uint8_t[]){203, 0, 113, 2});
	struct fb_addr dst = fb_addr_from_bytes(FB_IPV4, (const uint8_t[]){192, 0, 2, 10});

	return fb_tuple_make(IPPROTO_UDP, &src, rte_cpu_to_be_16((uint16_t)(1024 + i)), &dst,
			     rte_cpu_to_be_16(53));
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct fb_hash_secret secret;

	fb_hash_secret_init(&secret, "test");
	f->w = aligned_alloc(64, sizeof(*f->w));
	memset(f->w, 0, sizeof(*f->w));
	f->w->idx = 3;
	f->w->endpoint_counters = f->endpoints;
	f->w->pressure = 85;
	f->w->ring_size = 63;
	for (int family = 0; family < FB_FAMILY_COUNT; family++)
		f->w->flows[family] = fb_flow_table_create(family, CAPACITY, &secret, -1);
	/* A ring in plain memory: no EAL. */
	f->ring_memory = aligned_alloc(64, (size_t)rte_ring_get_memsize(64));
	f->w->request_ring = f->ring_memory;
	assert_int_equal(rte_ring_init(f->w->request_ring, "requests", 64,
				       RING_F_SP_ENQ | RING_F_SC_DEQ), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	for (int family = 0; family < FB_FAMILY_COUNT; family++)
		fb_flow_table_free(f->w->flows[family]);
	free(f->ring_memory);
	free(f->w);
	free(f);
	return 0;
}

static void insert_flows(struct fixture *f)
{
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct fb_tuple client = client_tuple(i);
		struct fb_tuple reply = fb_tuple_reverse(&client);
		struct fb_flow *flow;

		reply.v4.src = rte_cpu_to_be_32(0x0a01000b);
		assert_int_equal(fb_flow_insert(f->w->flows[FB_IPV4], &client, &reply, 0, &flow), 0);
		flow->state = FB_FLOW_UDP_NEW;
		flow->ep_id = 1;
		f->endpoints[1].live++;
	}
}

/* Serve until done; each call of the worker is one loop of it. @return the number of loops */
static unsigned int serve(struct fixture *f, struct fb_request *r)
{
	unsigned int loops = 0;

	r->done = 0;
	assert_int_equal(rte_ring_sp_enqueue(f->w->request_ring, r), 0);
	while (!fb_request_done(r)) {
		fb_worker_serve_requests(f->w);
		assert_true(++loops < 1000);
	}
	return loops;
}

static void find_answers_for_both_keys_and_not_for_a_stranger(void **state)
{
	struct fixture *f = *state;
	struct fb_flow_row row;
	struct fb_request r = {.kind = FB_REQUEST_FIND, .rows = &row, .rows_cap = 1};

	insert_flows(f);
	r.tuple = client_tuple(5);
	serve(f, &r);
	assert_int_equal(r.n_rows, 1);
	assert_int_equal(row.worker, 3);
	assert_int_equal(row.ep_id, 1);
	r.tuple = row.reply;
	serve(f, &r);
	assert_int_equal(r.n_rows, 1);
	r.tuple = client_tuple(FLOWS + 1);
	serve(f, &r);
	assert_int_equal(r.n_rows, 0);
}

static void a_list_comes_in_pages_each_flow_once_and_never_much_per_loop(void **state)
{
	struct fixture *f = *state;
	struct fb_flow_row rows[300];
	struct fb_request r = {.kind = FB_REQUEST_LIST, .rows = rows, .rows_cap = 300};
	bool seen[FLOWS] = {false};
	uint32_t total = 0;
	unsigned int loops = 0;

	insert_flows(f);
	do {
		loops += serve(f, &r);
		for (uint32_t i = 0; i < r.n_rows; i++) {
			uint32_t n = rte_be_to_cpu_16(rows[i].client.v4.sport) - 1024;

			assert_false(seen[n]);
			seen[n] = true;
		}
		total += r.n_rows;
		r.cursor = r.next_cursor;
	} while (r.next_cursor != 0);
	assert_int_equal(total, FLOWS);
	/* 256 records a loop at the most. */
	assert_true(loops >= FLOWS / 256);
}

static void an_empty_table_is_listed_at_once(void **state)
{
	struct fixture *f = *state;
	struct fb_flow_row row;
	struct fb_request r = {.kind = FB_REQUEST_LIST, .rows = &row, .rows_cap = 1};

	assert_int_equal(serve(f, &r), 1);
	assert_int_equal(r.n_rows, 0);
	assert_int_equal(r.next_cursor, 0);
}

static void ageing_sees_every_flow_within_about_a_second_and_counts_it_out(void **state)
{
	struct fixture *f = *state;

	insert_flows(f);
	f->w->timeouts.ms[FB_FLOW_UDP_NEW] = 5000;
	for (f->w->now_ms = 1; f->w->now_ms <= 5000; f->w->now_ms++)
		fb_worker_expire(f->w);
	assert_int_equal(f->endpoints[1].live, FLOWS);
	for (; f->w->now_ms <= 6100; f->w->now_ms++)
		fb_worker_expire(f->w);
	assert_int_equal(f->endpoints[1].live, 0);
	assert_int_equal(f->w->counters.flows_expired, FLOWS);
	assert_int_equal(f->w->counters.flows_live[FB_IPV4], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(find_answers_for_both_keys_and_not_for_a_stranger,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_list_comes_in_pages_each_flow_once_and_never_much_per_loop, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(an_empty_table_is_listed_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			ageing_sees_every_flow_within_about_a_second_and_counts_it_out, set_up,
			tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
