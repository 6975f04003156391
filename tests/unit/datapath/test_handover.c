/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <stdlib.h>

#include <rte_ethdev.h>

#include "datapath/stages.h"

enum { RING = 64, PLACES = RING - 1 };

struct fixture {
	struct fb_datapath *dp;
	struct fb_worker *w;
	struct fb_worker *owner;
	struct rte_ring *ring;
	struct rte_mbuf mbufs[FB_BURST_MAX];
};

/* Buffers of no pool: what would be freed is only counted. */
static unsigned int n_freed;
void __wrap_rte_pktmbuf_free_bulk(struct rte_mbuf **mbufs, unsigned int n);

void __wrap_rte_pktmbuf_free_bulk(struct rte_mbuf **mbufs, unsigned int n)
{
	n_freed += n;
}

static struct fb_worker *worker(struct fb_datapath *dp, uint16_t idx)
{
	struct fb_worker *w = aligned_alloc(64, sizeof(*w));

	memset(w, 0, sizeof(*w));
	w->dp = dp;
	w->idx = idx;
	w->ring_size = PLACES;
	dp->workers[idx] = w;
	return w;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->dp = calloc(1, sizeof(*f->dp));
	f->dp->n_workers = 2;
	f->w = worker(f->dp, 0);
	f->owner = worker(f->dp, 1);
	/* A ring in plain memory: no EAL. */
	f->ring = aligned_alloc(64, (size_t)rte_ring_get_memsize(RING));
	assert_int_equal(rte_ring_init(f->ring, "handover", RING, RING_F_SC_DEQ), 0);
	f->owner->handover_ring = f->ring;
	n_freed = 0;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	free(f->ring);
	free(f->w);
	free(f->owner);
	free(f->dp);
	free(f);
	return 0;
}

/* A burst of n packets of TCP with these flags, all of them the other worker's. */
static void burst(struct fixture *f, uint16_t n, uint8_t tcp_flags)
{
	struct fb_burst *b = &f->w->burst;

	for (uint16_t i = 0; i < n; i++) {
		b->mbufs[i] = &f->mbufs[i];
		b->pkts[i] = (struct fb_packet){.proto = IPPROTO_TCP, .tcp_flags = tcp_flags};
		fb_end_handover(f->w, b, i, 1);
	}
	fb_stage_tx(f->w, b);
}

static void assert_counts(const struct fixture *f, uint64_t out, uint64_t drops)
{
	assert_int_equal(rte_ring_count(f->ring), out);
	assert_int_equal(f->w->counters.handover_out, out);
	assert_int_equal(f->w->counters.drops[FB_REASON_HANDOVER_FULL], drops);
	assert_int_equal(n_freed, drops);
}

static void new_connections_leave_a_quarter_to_open_ones(void **state)
{
	struct fixture *f = *state;

	burst(f, 40, RTE_TCP_SYN_FLAG);
	assert_counts(f, 40, 0);
	burst(f, 40, RTE_TCP_SYN_FLAG); /* 63 places, 15 of them for others */
	assert_counts(f, 48, 32);
	burst(f, 40, RTE_TCP_SYN_FLAG);
	assert_counts(f, 48, 72);
	burst(f, 10, RTE_TCP_ACK_FLAG);
	assert_counts(f, 58, 72);
	burst(f, 10, RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG); /* an answer opens nothing */
	assert_counts(f, 63, 77);
}

static void in_one_burst_open_connections_go_first(void **state)
{
	struct fixture *f = *state;
	struct fb_burst *b = &f->w->burst;
	void *m;

	burst(f, 45, RTE_TCP_ACK_FLAG);
	/* 18 places are left: all ten of the open ones fit, of the new ones none. */
	for (uint16_t i = 0; i < 20; i++) {
		b->mbufs[i] = &f->mbufs[i];
		b->pkts[i] = (struct fb_packet){.proto = IPPROTO_TCP,
						.tcp_flags = i % 2 ? RTE_TCP_ACK_FLAG
								   : RTE_TCP_SYN_FLAG};
		fb_end_handover(f->w, b, i, 1);
	}
	fb_stage_tx(f->w, b);
	assert_counts(f, 55, 10);
	for (int i = 0; i < 45; i++)
		assert_int_equal(rte_ring_sc_dequeue(f->ring, &m), 0);
	for (uint16_t i = 1; i < 20; i += 2) {
		assert_int_equal(rte_ring_sc_dequeue(f->ring, &m), 0);
		assert_ptr_equal(m, &f->mbufs[i]);
	}
}

/* A device with two queues that says it spreads by the first bit of its hash. */
static void replies_on_another_queue_than_the_device_says_are_counted(void **state)
{
	static const uint8_t key[FB_NAT_RSS_KEY_LEN] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e,
							0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
							0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb};
	static const uint16_t reta[] = {0, 1};
	static const uint8_t queue_worker[] = {0, 1};
	const struct fb_nat_rss rss = {.key = key,
				       .key_len = sizeof(key),
				       .reta = reta,
				       .reta_size = 2,
				       .queue_worker = queue_worker,
				       .n_queues = 2,
				       .hash_types = RTE_ETH_RSS_NONFRAG_IPV4_TCP};
	struct fixture *f = *state;
	struct fb_tuple reply = {.family = FB_IPV4, .proto = IPPROTO_TCP};
	uint64_t astray = 0;
	uint64_t there = 0;

	fb_hash_secret_init(&f->dp->nat.secret, "astray");
	assert_int_equal(fb_nat_ports_init(&f->dp->nat, 32768, 65535, 2, &f->dp->nat.secret), 0);
	f->dp->steer[1] = fb_nat_steer_create(&rss, &f->dp->nat);
	assert_non_null(f->dp->steer[1]);
	for (uint16_t port = 1; port <= 100; port++) {
		reply.v4.sport = rte_cpu_to_be_16(port);
		astray += fb_nat_rss_worker(f->dp->steer[1], &reply) != f->w->idx;
		there += fb_nat_rss_worker(f->dp->steer[1], &reply) == f->w->idx;
		fb_count_astray(f->w, 1, &reply);
		fb_count_astray(f->w, 0, &reply); /* of this device nobody knows */
	}
	assert_true(astray > 0 && there > 0);
	assert_int_equal(f->w->counters.rss_astray, astray);
	reply.proto = IPPROTO_SCTP;
	fb_count_astray(f->w, 1, &reply);
	assert_int_equal(f->w->counters.rss_astray, astray);
	fb_nat_steer_free(f->dp->steer[1]);
}

static void a_full_ring_shows_as_a_level(void **state)
{
	struct fixture *f = *state;

	burst(f, 20, RTE_TCP_ACK_FLAG);
	assert_int_equal(f->w->handover_used, 20);
	burst(f, 20, RTE_TCP_SYN_FLAG);
	assert_int_equal(f->w->handover_used, 40);
	burst(f, 20, RTE_TCP_SYN_FLAG);
	assert_int_equal(f->w->handover_used, PLACES);
}

/* A device that takes so many frames of a call. */
static uint16_t take_some(void *arg, struct fb_worker *w, uint16_t port, struct rte_mbuf **mbufs,
			  uint16_t n)
{
	return RTE_MIN(n, *(const uint16_t *)arg);
}

static void what_a_device_does_not_take_is_counted_and_freed(void **state)
{
	struct fixture *f = *state;
	uint16_t room = 6;

	f->dp->transmit = take_some;
	f->dp->transmit_arg = &room;
	f->dp->ports[0].n_queues = 2;
	for (uint16_t i = 0; i < 10; i++)
		fb_tx_add(f->w, 0, &f->mbufs[i], FB_TX_FORWARD);
	fb_stage_tx(f->w, &f->w->burst);
	assert_int_equal(f->w->counters.tx_packets, 6);
	assert_int_equal(f->w->counters.drops[FB_REASON_TX_FULL], 4);
	assert_int_equal(f->w->port_counters[0].tx_full, 4);
	assert_int_equal(n_freed, 4);
}

/* More for the kernel than control has taken: nobody waits for it. */
static void what_the_ring_to_the_kernel_does_not_take_is_counted_and_freed(void **state)
{
	struct fixture *f = *state;

	f->dp->punt_ring = f->ring;
	for (int turn = 0; turn < 2; turn++) {
		for (uint16_t i = 0; i < 40; i++) {
			f->w->burst.mbufs[i] = &f->mbufs[i];
			fb_end_punt(f->w, &f->w->burst, i);
		}
		fb_stage_tx(f->w, &f->w->burst);
	}
	assert_int_equal(f->w->counters.punts, PLACES);
	assert_int_equal(f->w->counters.drops[FB_REASON_PUNT_FULL], 80 - PLACES);
	assert_int_equal(n_freed, 80 - PLACES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(new_connections_leave_a_quarter_to_open_ones,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(in_one_burst_open_connections_go_first, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			replies_on_another_queue_than_the_device_says_are_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_ring_shows_as_a_level, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_a_device_does_not_take_is_counted_and_freed,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_the_ring_to_the_kernel_does_not_take_is_counted_and_freed, set_up,
			tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
