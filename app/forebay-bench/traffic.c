/* SPDX-License-Identifier: BSD-3-Clause */

#include "traffic.h"

#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "flow/lookup.h"
#include "frame.h"

#define CLIENT_NET   0x64400000u /* 100.64.0.0/10 */
#define CLIENT_MASK  0x003fffffu
#define CLIENT_PORTS 64000u

uint64_t bench_random(uint64_t *state)
{
	*state += UINT64_C(0x9e3779b97f4a7c15);
	return fb_hash_mix(*state, *state ^ UINT64_C(0xe7037ed1a0b428db));
}

/*
 * Addresses first, then each again with another port: a client has few connections, there are many.
 */
struct fb_tuple bench_client(enum fb_family family, uint8_t proto, uint64_t i, uint32_t service)
{
	rte_be32_t v4 = rte_cpu_to_be_32(CLIENT_NET + (uint32_t)(i & CLIENT_MASK));
	uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0x0c};
	uint64_t state = i & CLIENT_MASK;
	uint64_t port = (bench_random(&state) >> 32) + (i >> 22) * 977;
	struct fb_addr src;
	struct fb_addr dst = bench_service_addr(family, service);

	memcpy(v6 + 12, &v4, sizeof(v4));
	src = fb_addr_from_bytes(family, family == FB_IPV4 ? (const uint8_t *)&v4 : v6);
	return fb_tuple_make(proto, &src, rte_cpu_to_be_16((uint16_t)(1024 + port % CLIENT_PORTS)),
			     &dst, RTE_BE16(BENCH_SERVICE_PORT));
}

struct fb_tuple bench_clients_next(struct bench_clients *clients)
{
	const struct bench_world *world = clients->world;

	for (;;) {
		uint64_t state = clients->next;
		uint32_t service = (uint32_t)(bench_random(&state) % world->setup.n_services);
		struct fb_tuple tuple =
			bench_client(clients->family, clients->proto, clients->next++, service);
		const struct fb_service *svc = fb_table_lookup(world->offline.snapshot, &tuple);
		const char *rule;
		uint16_t owner = fb_datapath_owner(world->dp, svc, 0, &tuple, &rule);

		if (owner == world->worker->idx)
			return tuple;
	}
}

int bench_batch(struct rte_mempool *pool, const struct fb_tuple *tuples, uint8_t tcp_flags,
		struct rte_mbuf **mbufs)
{
	if (rte_pktmbuf_alloc_bulk(pool, mbufs, BENCH_BATCH) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < BENCH_BATCH; i++)
		bench_frame_fill(mbufs[i], &tuples[i], tcp_flags, 0);
	return 0;
}

uint64_t bench_worker_batch(struct bench_world *world, struct rte_mbuf **mbufs,
			    const uint32_t *now_ms)
{
	struct fb_worker *w = world->worker;
	uint64_t begin = rte_rdtsc();

	for (uint32_t i = 0; i < BENCH_BATCH; i += BENCH_BURST) {
		w->now_ms = now_ms != NULL ? *now_ms : fb_datapath_ms(world->dp, rte_rdtsc());
		fb_worker_run(w, 0, mbufs + i, BENCH_BURST);
		(void)fb_worker_turn(w);
	}
	return rte_rdtsc() - begin;
}

int bench_replies(const struct bench_world *world, const struct fb_tuple *clients,
		  struct fb_tuple *ret_replies)
{
	const struct fb_flow_table *t = world->worker->flows[clients[0].family];

	for (uint32_t i = 0; i < BENCH_BATCH; i++) {
		enum fb_flow_dir dir;
		struct fb_flow *flow =
			fb_flow_find(t, &clients[i], fb_flow_hash_tuple(t, &clients[i]), &dir);

		if (flow == NULL)
			return -EPROTO;
		ret_replies[i] = fb_flow_reply_key(t, flow);
	}
	return 0;
}

/* One packet of each connection. All have to come out again. */
static int send_all(struct bench_world *world, const struct fb_tuple *tuples, uint8_t tcp_flags)
{
	struct rte_mbuf *mbufs[BENCH_BATCH];

	if (bench_batch(world->pool, tuples, tcp_flags, mbufs) != 0)
		return -ENOMEM;
	(void)bench_worker_batch(world, mbufs, NULL);
	return bench_world_recycle(world) == BENCH_BATCH ? 0 : -EPROTO;
}

static int handshake(struct bench_world *world, const struct fb_tuple *clients,
		     struct fb_tuple *ret_replies)
{
	int err = send_all(world, clients, RTE_TCP_SYN_FLAG);

	if (err == 0)
		err = bench_replies(world, clients, ret_replies);
	if (err == 0)
		err = send_all(world, ret_replies, RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG);
	if (err == 0 && clients[0].proto == IPPROTO_TCP)
		err = send_all(world, clients, RTE_TCP_ACK_FLAG);
	return err;
}

static uint8_t *packet_at(const struct bench_traffic *t, uint32_t i)
{
	return t->packets + (size_t)i * t->key_len;
}

struct fb_tuple bench_traffic_at(const struct bench_traffic *traffic, uint32_t i)
{
	struct fb_tuple tuple = {.proto = traffic->shape.proto, .family = (uint8_t)traffic->family};

	memcpy(&tuple, packet_at(traffic, i), traffic->key_len);
	return tuple;
}

static void shuffle(struct bench_traffic *t)
{
	uint64_t state = t->n;

	for (uint32_t i = t->n - 1; i > 0; i--) {
		uint32_t k = fb_hash_reduce((uint32_t)(bench_random(&state) >> 32), i + 1);
		uint8_t swap[sizeof(struct fb_tuple6)];

		memcpy(swap, packet_at(t, i), t->key_len);
		memmove(packet_at(t, i), packet_at(t, k), t->key_len);
		memcpy(packet_at(t, k), swap, t->key_len);
	}
}

int bench_traffic_open(struct bench_world *world, enum fb_family family, uint32_t n_flows,
		       const struct bench_shape *shape, struct bench_traffic *ret)
{
	struct bench_traffic t = {
		.family = family,
		.shape = *shape,
		.key_len = fb_flow_key_len(family),
		.n = 2 * n_flows,
		.fresh = {.world = world, .family = family, .proto = shape->proto, .next = 1},
	};
	struct fb_tuple clients[BENCH_BATCH];
	struct fb_tuple replies[BENCH_BATCH];
	uint32_t n = 0;

	t.packets = malloc((size_t)t.n * t.key_len);
	if (t.packets == NULL)
		return -ENOMEM;
	for (uint32_t done = 0; done < n_flows; done += n) {
		int err;

		/* The last batch of few is filled up with connections that it has already. */
		n = RTE_MIN(n_flows - done, (uint32_t)BENCH_BATCH);
		for (uint32_t i = 0; i < BENCH_BATCH; i++)
			clients[i] = i < n ? bench_clients_next(&t.fresh) : clients[i % n];
		err = handshake(world, clients, replies);
		if (err != 0) {
			free(t.packets);
			return err;
		}
		for (uint32_t i = 0; i < n; i++) {
			memcpy(packet_at(&t, 2 * (done + i)), &clients[i], t.key_len);
			memcpy(packet_at(&t, 2 * (done + i) + 1), &replies[i], t.key_len);
		}
	}
	if (!shape->sequential && !shape->zipf)
		shuffle(&t);
	*ret = t;
	return 0;
}

void bench_traffic_close(struct bench_traffic *traffic)
{
	free(traffic->packets);
	*traffic = (struct bench_traffic){0};
}

/*
 * A rank, 1 to n, of which k comes 1/k times as often as 1: rejection-inversion (W. Hoermann and G.
 * Derflinger, 1996), for exponent 1, of which the integral is the logarithm.
 */
static uint32_t zipf_rank(uint64_t *random, uint32_t n)
{
	const double most = log(n + 0.5);
	const double least = log(1.5) - 1;
	const double squeeze = 2 - exp(log(2.5) - 0.5);

	for (;;) {
		double uniform = (double)(bench_random(random) >> 11) * 0x1p-53;
		double u = most + uniform * (least - most);
		double x = exp(u);
		double k = RTE_MIN(RTE_MAX(floor(x + 0.5), 1.0), (double)n);

		if (k - x <= squeeze || u >= log(k + 0.5) - 1 / k)
			return (uint32_t)k;
	}
}

static uint32_t next_packet(struct bench_traffic *t)
{
	const uint32_t n_flows = t->n / 2;
	uint32_t at = t->at;

	if (t->shape.zipf) {
		/* Ranks lie anywhere in the table: 2654435761 is a prime, so no two meet. */
		uint64_t rank = zipf_rank(&t->random, n_flows) - 1;

		return 2 * (uint32_t)(rank * 2654435761u % n_flows) +
		       (uint32_t)(bench_random(&t->random) >> 63);
	}
	t->at = at + 1 == t->n ? 0 : at + 1;
	return at;
}

int bench_traffic_batch(struct bench_traffic *traffic, struct rte_mempool *pool,
			bool established_only, struct rte_mbuf **mbufs)
{
	if (rte_pktmbuf_alloc_bulk(pool, mbufs, BENCH_BATCH) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < BENCH_BATCH; i++) {
		struct fb_tuple tuple;
		uint8_t flags = RTE_TCP_ACK_FLAG;

		traffic->new_credit += established_only ? 0 : traffic->shape.new_permille;
		if (traffic->new_credit >= 1000) {
			traffic->new_credit -= 1000;
			tuple = bench_clients_next(&traffic->fresh);
			flags = RTE_TCP_SYN_FLAG;
		} else {
			tuple = bench_traffic_at(traffic, next_packet(traffic));
		}
		bench_frame_fill(mbufs[i], &tuple, flags, traffic->shape.frame_bytes);
	}
	return 0;
}
