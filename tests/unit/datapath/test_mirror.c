/* SPDX-License-Identifier: BSD-3-Clause */

/* Flows of another box: taken in where there is room, beside this box's own, and never in their place. */

#include "unit.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "datapath/stages.h"
#include "flow/lookup.h"
#include "net/checksum.h"

enum { CAPACITY = 64, NOW_MS = 1000000 };

struct fixture {
	struct fb_worker *w;
	struct fb_endpoint_info infos[4];
	const struct fb_endpoint_info *chunk;
	uint32_t epochs[1];
	struct fb_snapshot snap;
	struct fb_endpoint_counters endpoints[4];
};

static void keep(void *arg, void *retired)
{
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct fb_hash_secret secret;

	fb_hash_secret_init(&secret, "test");
	f->infos[1] = (struct fb_endpoint_info){.nh_idx = 5, .state = FB_EP_ACTIVE};
	f->infos[2] = (struct fb_endpoint_info){.state = FB_EP_DRAINING, .flags = FB_EP_OVER};
	f->chunk = f->infos;
	f->epochs[0] = 9;
	f->snap = (struct fb_snapshot){.ep_epoch = 12,
				       .ep_epochs = f->epochs,
				       .infos = &f->chunk,
				       .n_endpoints = 3};
	f->w = aligned_alloc(64, sizeof(*f->w));
	memset(f->w, 0, sizeof(*f->w));
	f->w->now_ms = NOW_MS;
	f->w->endpoint_counters = f->endpoints;
	f->w->rcu = fb_rcu_create(1, keep, NULL);
	assert_int_equal(fb_rcu_publish(f->w->rcu, &f->snap), 0);
	fb_rcu_online(f->w->rcu, 0);
	for (int family = 0; family < FB_FAMILY_COUNT; family++)
		f->w->flows[family] = fb_flow_table_create(family, CAPACITY, &secret, -1);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	for (int family = 0; family < FB_FAMILY_COUNT; family++)
		fb_flow_table_free(f->w->flows[family]);
	fb_rcu_offline(f->w->rcu, 0);
	fb_rcu_free(f->w->rcu);
	free(f->w);
	free(f);
	return 0;
}

static struct fb_addr addr(const char *text)
{
	struct fb_addr a;

	assert_int_equal(fb_addr_parse(text, &a), 0);
	return a;
}

/* Client i of a hidden flow, in either family. */
static struct fb_flow_row row_of(enum fb_family family, uint16_t i)
{
	const bool v4 = family == FB_IPV4;
	struct fb_addr client = addr(v4 ? "203.0.113.2" : "2001:db8::2");
	struct fb_addr service = addr(v4 ? "192.0.2.10" : "2001:db8:f::1");
	struct fb_addr endpoint = addr(v4 ? "10.1.0.11" : "fd00:1::11");
	struct fb_addr snat = addr(v4 ? "10.7.0.1" : "fd00:7::1");
	struct fb_flow_row row = {.ep_id = 1, .idle_ms = 3000, .flags = FB_FLOW_SNAT};

	row.client = fb_tuple_make(IPPROTO_TCP, &client, rte_cpu_to_be_16((uint16_t)(40000 + i)),
				   &service, rte_cpu_to_be_16(80));
	row.reply = fb_tuple_make(IPPROTO_TCP, &endpoint, rte_cpu_to_be_16(8080), &snat,
				  rte_cpu_to_be_16((uint16_t)(2000 + i)));
	row.client_port = 1;
	memcpy(row.client_mac, "\2\0\0\0\0\7", 6);
	return row;
}

static struct fb_mirrored mirror(struct fixture *f, struct fb_flow_row row)
{
	struct fb_request r = {.kind = FB_REQUEST_MIRROR, .rows = &row, .rows_cap = 1, .n_rows = 1};

	fb_mirror(f->w, &r);
	assert_int_equal(r.mirrored.n_new + r.mirrored.n_known + r.mirrored.n_taken +
				 r.mirrored.n_full + r.mirrored.n_lost,
			 1);
	return r.mirrored;
}

static struct fb_flow *find(struct fixture *f, const struct fb_tuple *tuple)
{
	const struct fb_flow_table *t = f->w->flows[tuple->family];
	enum fb_flow_dir dir;

	return fb_flow_find(t, tuple, fb_flow_hash_tuple(t, tuple), &dir);
}

static void a_mirrored_flow_is_established_and_has_no_packet(void **state)
{
	struct fixture *f = *state;

	for (int family = 0; family < FB_FAMILY_COUNT; family++) {
		struct fb_flow_row row = row_of(family, 0);
		struct fb_flow *flow;

		assert_int_equal(mirror(f, row).n_new, 1);
		flow = find(f, &row.client);
		assert_non_null(flow);
		assert_ptr_equal(find(f, &row.reply), flow);
		assert_int_equal(flow->state, FB_FLOW_ESTABLISHED);
		assert_int_equal(flow->packets, 0);
		assert_int_equal(flow->ep_id, 1);
		assert_int_equal(flow->nh_idx, 5);
		assert_int_equal(flow->ep_epoch, 9);
		assert_int_equal(flow->client_port, 1);
		assert_memory_equal(flow->client_mac, row.client_mac, 6);
		assert_int_equal(f->w->now_ms - flow->last_use_ms, 3000);
		assert_true(flow->flags & FB_FLOW_SNAT);
		/* What a packet is rewritten by: both tuples' difference. */
		assert_true(flow->l4_delta != 0 && (family == FB_IPV6 || flow->ip_delta != 0));
	}
	/* What goes out again is counted as it came in. */
	assert_int_equal(f->endpoints[1].live, 2);
	assert_int_equal(f->endpoints[1].open, 2);
	assert_int_equal(f->w->counters.flows_created, 2);
	for (int family = 0; family < FB_FAMILY_COUNT; family++) {
		struct fb_flow_row row = row_of(family, 0);

		fb_flow_forget(f->w, family, find(f, &row.client));
		assert_null(find(f, &row.client));
	}
	assert_int_equal(f->endpoints[1].live, 0);
	assert_int_equal(f->endpoints[1].open, 0);
}

/* Its endpoint's numbers are others here, too; a later connection of the same tuples has later ones. */
static void a_mirrored_flow_has_the_numbers_that_it_was_told_with(void **state)
{
	static const struct fb_tcp_shift shifts[] = {{5, 64, 2}, {UINT32_MAX, 0xffffffe0, -14}};
	struct fixture *f = *state;

	for (int family = 0; family < FB_FAMILY_COUNT; family++) {
		struct fb_flow_row row = row_of(family, 0);
		struct fb_flow *flow;

		row.state = FB_FLOW_PROXIED;
		for (int i = 0; i < 2; i++) {
			struct fb_tcp_shift shift;
			struct fb_mirrored did;

			row.shift = shifts[i];
			did = mirror(f, row);
			assert_int_equal(i == 0 ? did.n_new : did.n_known, 1);
			flow = find(f, &row.client);
			assert_int_equal(flow->state, FB_FLOW_PROXIED);
			assert_int_equal(flow->packets, 0);
			shift = fb_flow_shift(flow);
			assert_int_equal(shift.seq, shifts[i].seq);
			assert_int_equal(shift.ts, shifts[i].ts);
			assert_int_equal(shift.window, shifts[i].window);
		}
		/* What has been seen here is this box's to know. */
		flow->packets = 1;
		row.shift = shifts[0];
		assert_int_equal(mirror(f, row).n_known, 1);
		assert_int_equal(fb_flow_seq_shift(flow), shifts[1].seq);
		/* The next one had no cookie. */
		flow->packets = 0;
		row.state = FB_FLOW_FREE;
		assert_int_equal(mirror(f, row).n_known, 1);
		assert_int_equal(flow->state, FB_FLOW_ESTABLISHED);
		assert_int_equal(flow->link | flow->older, 0);
	}
}

static void a_known_flow_is_never_older_than_both_boxes_say(void **state)
{
	struct fixture *f = *state;
	struct fb_flow_row row = row_of(FB_IPV4, 0);

	assert_int_equal(mirror(f, row).n_new, 1);
	row.idle_ms = 1000;
	assert_int_equal(mirror(f, row).n_known, 1);
	assert_int_equal(NOW_MS - find(f, &row.client)->last_use_ms, 1000);
	row.idle_ms = 60000;
	assert_int_equal(mirror(f, row).n_known, 1);
	assert_int_equal(NOW_MS - find(f, &row.client)->last_use_ms, 1000);
	assert_int_equal(fb_flow_count(f->w->flows[FB_IPV4]), 1);
}

static void a_flow_of_this_box_keeps_its_tuples(void **state)
{
	struct fixture *f = *state;
	struct fb_flow_row own = row_of(FB_IPV4, 0);
	struct fb_flow_row row = own;

	assert_int_equal(mirror(f, own).n_new, 1);
	row.reply.v4.dport = rte_cpu_to_be_16(2001); /* the same client, another port of ours */
	assert_int_equal(mirror(f, row).n_taken, 1);
	row = row_of(FB_IPV4, 1);
	row.reply = own.reply; /* another client, the same port */
	assert_int_equal(mirror(f, row).n_taken, 1);
	row = own;
	row.client = own.reply;
	row.reply = own.client; /* the wrong way round */
	assert_int_equal(mirror(f, row).n_taken, 1);
	assert_int_equal(fb_flow_count(f->w->flows[FB_IPV4]), 1);
}

static void an_endpoint_that_is_gone_gets_none(void **state)
{
	struct fixture *f = *state;
	struct fb_flow_row row = row_of(FB_IPV4, 0);

	row.ep_id = 2; /* its time is over */
	assert_int_equal(mirror(f, row).n_lost, 1);
	row.ep_id = 3; /* of a later snapshot */
	assert_int_equal(mirror(f, row).n_lost, 1);
	assert_int_equal(fb_flow_count(f->w->flows[FB_IPV4]), 0);
}

static void a_quarter_of_the_table_is_left(void **state)
{
	struct fixture *f = *state;

	for (uint16_t i = 0; i < CAPACITY; i++)
		assert_int_equal(mirror(f, row_of(FB_IPV4, i)).n_new, i < CAPACITY * 3 / 4);
	assert_int_equal(mirror(f, row_of(FB_IPV4, CAPACITY)).n_full, 1);
	assert_int_equal(fb_flow_count(f->w->flows[FB_IPV4]), CAPACITY * 3 / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_mirrored_flow_is_established_and_has_no_packet,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_mirrored_flow_has_the_numbers_that_it_was_told_with, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_known_flow_is_never_older_than_both_boxes_say,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_flow_of_this_box_keeps_its_tuples, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(an_endpoint_that_is_gone_gets_none, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_quarter_of_the_table_is_left, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("datapath/mirror", tests, NULL, NULL);
}
