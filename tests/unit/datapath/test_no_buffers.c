/* SPDX-License-Identifier: BSD-3-Clause */

/* What is left to do with no packet buffer: forward what is there, answer nothing, count it. */

#include "unit.h"

#include <stdlib.h>

#include <rte_mempool.h>

#include "datapath/stages.h"

enum { FRAME_ROOM = 4096, IPV4_OFF = 14, UDP_OFF = 34 };

/* A frame in a buffer of no pool. */
struct buffer {
	struct rte_mbuf m;
	uint8_t bytes[RTE_PKTMBUF_HEADROOM + FRAME_ROOM];
};

struct fixture {
	struct fb_datapath *dp;
	struct fb_worker *w;
	struct rte_mempool *pool;
	struct buffer in;
};

static unsigned int n_freed;
void __wrap_rte_pktmbuf_free_bulk(struct rte_mbuf **mbufs, unsigned int n);

void __wrap_rte_pktmbuf_free_bulk(struct rte_mbuf **mbufs, unsigned int n)
{
	(void)mbufs;
	n_freed += n;
}

/* A pool that has come to its end, without EAL. */
static int nothing_is_left(struct rte_mempool *mp, void **objs, unsigned int n)
{
	(void)mp;
	(void)objs;
	(void)n;
	return -ENOENT;
}

static int nothing_to_do(struct rte_mempool *mp)
{
	(void)mp;
	return 0;
}

static void nothing_to_free(struct rte_mempool *mp)
{
	(void)mp;
}

static int nothing_comes_back(struct rte_mempool *mp, void *const *objs, unsigned int n)
{
	(void)mp;
	(void)objs;
	(void)n;
	return -ENOBUFS;
}

static unsigned int none(const struct rte_mempool *mp)
{
	(void)mp;
	return 0;
}

static const struct rte_mempool_ops empty_ops = {
	.name = "empty",
	.alloc = nothing_to_do,
	.free = nothing_to_free,
	.enqueue = nothing_comes_back,
	.dequeue = nothing_is_left,
	.get_count = none,
};

static uint16_t take_all(void *arg, struct fb_worker *w, uint16_t port, struct rte_mbuf **mbufs,
			 uint16_t n)
{
	(void)arg;
	(void)w;
	(void)port;
	(void)mbufs;
	return n;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const int ops = rte_mempool_register_ops(&empty_ops);

	assert_true(ops >= 0 || ops == -EEXIST);
	f->dp = calloc(1, sizeof(*f->dp));
	f->dp->n_workers = 1;
	f->dp->transmit = take_all;
	f->dp->ports[0].n_queues = 1;
	f->dp->ports[0].mtu = 1500;
	f->w = aligned_alloc(64, sizeof(*f->w));
	memset(f->w, 0, sizeof(*f->w));
	f->w->dp = f->dp;
	f->w->tx[0].mtu = 1500;
	f->w->reject_limit = (struct fb_rate_limit){.credit = 1000, .rate = 1};
	f->pool = aligned_alloc(64, sizeof(*f->pool));
	memset(f->pool, 0, sizeof(*f->pool));
	for (uint32_t i = 0; i < rte_mempool_ops_table.num_ops; i++) {
		if (strcmp(rte_mempool_ops_table.ops[i].name, empty_ops.name) == 0)
			f->pool->ops_index = (int32_t)i;
	}
	f->w->pool = f->pool;
	f->dp->workers[0] = f->w;
	n_freed = 0;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	free(f->pool);
	free(f->w);
	free(f->dp);
	free(f);
	return 0;
}

/* UDP over IPv4 without DF, that many bytes of IP; parsed, and alone in its burst. */
static void receive(struct fixture *f, uint16_t l3_len)
{
	struct fb_burst *b = &f->w->burst;
	uint8_t *data = f->in.bytes + RTE_PKTMBUF_HEADROOM;

	f->in.m = (struct rte_mbuf){
		.buf_addr = f->in.bytes,
		.data_off = RTE_PKTMBUF_HEADROOM,
		.buf_len = sizeof(f->in.bytes),
		.data_len = (uint16_t)(IPV4_OFF + l3_len),
		.pkt_len = (uint32_t)IPV4_OFF + l3_len,
		.nb_segs = 1,
	};
	memset(data, 0, IPV4_OFF + l3_len);
	data[IPV4_OFF] = 0x45;
	b->mbufs[0] = &f->in.m;
	b->pkts[0] = (struct fb_packet){
		.proto = IPPROTO_UDP,
		.family = FB_IPV4,
		.ttl = 64,
		.kind = FB_PARSE_SERVICE,
		.l3_off = IPV4_OFF,
		.l4_off = UDP_OFF,
		.l3_len_bytes = l3_len,
	};
}

static void assert_dropped(const struct fixture *f)
{
	assert_int_equal(f->w->burst.verdicts[0], FB_VERDICT_DROP);
	assert_int_equal(f->w->burst.reasons[0], FB_REASON_NO_MBUF);
	assert_int_equal(f->w->counters.drops[FB_REASON_NO_MBUF], 1);
	assert_int_equal(n_freed, 1);
	assert_int_equal(f->w->counters.tx_packets, 0);
}

static void what_would_be_answered_is_dropped(void **state)
{
	struct fixture *f = *state;

	receive(f, 100);
	fb_end_reject(f->w, &f->w->burst, 0, FB_REASON_NO_SERVICE);
	fb_stage_tx(f->w, &f->w->burst);
	assert_dropped(f);
}

static void what_would_leave_in_pieces_is_dropped_whole(void **state)
{
	struct fixture *f = *state;
	const struct fb_way_out out = {.port = 0, .mtu = 1500, .mac = (const uint8_t[6]){2}};

	receive(f, 3000);
	fb_end_split(f->w, &f->w->burst, 0, &out);
	fb_stage_tx(f->w, &f->w->burst);
	assert_dropped(f);
}

static void what_fits_goes_on(void **state)
{
	struct fixture *f = *state;

	receive(f, 1500);
	fb_end_forward(f->w, &f->w->burst, 0, 0, (const uint8_t[6]){2});
	fb_stage_tx(f->w, &f->w->burst);
	assert_int_equal(f->w->counters.tx_packets, 1);
	assert_int_equal(f->w->counters.drops[FB_REASON_NO_MBUF], 0);
	assert_int_equal(n_freed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_would_be_answered_is_dropped, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_would_leave_in_pieces_is_dropped_whole, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_fits_goes_on, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
