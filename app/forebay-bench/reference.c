/* SPDX-License-Identifier: BSD-3-Clause */

#include "reference.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_hash_crc.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "flow/lookup.h"
#include "net/checksum.h"
#include "net/rewrite.h"
#include "net/wire.h"

/* A line of either family; the key and what it becomes have the layout of the packet. */
struct line4 {
	uint8_t key[12];
	uint8_t to[12];
	uint16_t ip_delta;
	uint16_t l4_delta;
	uint8_t proto; /* 0: free */
} __attribute__((aligned(64)));

struct line6 {
	uint8_t key[36];
	uint8_t to[36];
	uint16_t l4_delta;
	uint8_t proto;
} __attribute__((aligned(128)));

_Static_assert(sizeof(struct line4) == 64, "one line");
_Static_assert(sizeof(struct line6) == 128, "two lines, side by side");

/* Packets: as many lines as a core has in flight. A guess, other values were not tried. */
#define AHEAD 16

static __rte_always_inline uint32_t hash_of(enum fb_family family, const uint8_t *key,
					    uint8_t proto)
{
	uint32_t a = rte_hash_crc_8byte(fb_flow_load64(key), proto);
	uint32_t b;

	if (family == FB_IPV4)
		return rte_hash_crc_4byte(fb_flow_load32(key + 8), a);
	b = rte_hash_crc_8byte(fb_flow_load64(key + 16), 0);
	a = rte_hash_crc_8byte(fb_flow_load64(key + 8), a);
	b = rte_hash_crc_8byte(fb_flow_load64(key + 24), b);
	return rte_hash_crc_4byte(fb_flow_load32(key + 32), a) ^ rte_hash_crc_4byte(b, 0x5bd1e995);
}

static __rte_always_inline bool key_equal(enum fb_family family, const uint8_t *a, const uint8_t *b)
{
	uint64_t diff = fb_flow_load64(a) ^ fb_flow_load64(b);

	if (family == FB_IPV4)
		return (diff | (fb_flow_load32(a + 8) ^ fb_flow_load32(b + 8))) == 0;
	diff |= fb_flow_load64(a + 8) ^ fb_flow_load64(b + 8);
	diff |= fb_flow_load64(a + 16) ^ fb_flow_load64(b + 16);
	diff |= fb_flow_load64(a + 24) ^ fb_flow_load64(b + 24);
	return (diff | (fb_flow_load32(a + 32) ^ fb_flow_load32(b + 32))) == 0;
}

static __rte_always_inline struct line4 *line4_of(const struct bench_reference *ref, uint32_t i)
{
	return (struct line4 *)ref->lines + (i & ref->mask);
}

static __rte_always_inline struct line6 *line6_of(const struct bench_reference *ref, uint32_t i)
{
	return (struct line6 *)ref->lines + (i & ref->mask);
}

/* What is kept of a packet between its two steps. Over IPv4 the key lies in the packet as it is. */
struct parsed {
	const uint8_t *key;
	uint32_t hash;
};

static __rte_always_inline void parse(const struct bench_reference *ref, enum fb_family family,
				      struct rte_mbuf *m, struct parsed *p)
{
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
	uint8_t *l3 = data + FB_ETHER_LEN;
	bool good;

	if (family == FB_IPV4) {
		good = fb_load16(data + 12) == FB_ETHER_TYPE_IPV4 && l3[0] == 0x45 &&
		       fb_load16(l3 + 2) + FB_ETHER_LEN <= m->data_len &&
		       (l3[9] == IPPROTO_TCP || l3[9] == IPPROTO_UDP);
		p->key = l3 + 12;
	} else {
		good = fb_load16(data + 12) == FB_ETHER_TYPE_IPV6 && l3[0] >> 4 == 6 &&
		       fb_load16(l3 + 4) + FB_IPV6_LEN + FB_ETHER_LEN <= m->data_len &&
		       (l3[6] == IPPROTO_TCP || l3[6] == IPPROTO_UDP);
		p->key = l3 + 8;
	}
	if (unlikely(!good)) {
		p->key = NULL;
		return;
	}
	p->hash = hash_of(family, p->key, family == FB_IPV4 ? l3[9] : l3[6]);
	if (family == FB_IPV4) {
		rte_prefetch0(line4_of(ref, p->hash));
	} else {
		rte_prefetch0(line6_of(ref, p->hash));
		rte_prefetch0((uint8_t *)line6_of(ref, p->hash) + 64);
	}
}

static __rte_always_inline void update_l4(uint8_t *l4, uint8_t proto, uint16_t delta)
{
	if (likely(proto == IPPROTO_TCP)) {
		l4 += FB_TCP_CSUM_OFF;
		fb_store_csum(l4, fb_csum_apply(fb_load_csum(l4), delta));
	} else {
		l4 += FB_UDP_CSUM_OFF;
		fb_store_csum(l4, fb_csum_apply_udp(fb_load_csum(l4), delta));
	}
}

static __rte_always_inline uint32_t finish(const struct bench_reference *ref, enum fb_family family,
					   const struct parsed *p)
{
	uint8_t *key = (uint8_t *)(uintptr_t)p->key;

	if (unlikely(key == NULL))
		return 0;
	for (uint32_t i = p->hash;; i++) {
		if (family == FB_IPV4) {
			const struct line4 *line = line4_of(ref, i);

			if (likely(key_equal(family, line->key, key) && line->proto == key[-3])) {
				uint8_t *csum = key - 2;

				memcpy(key, line->to, 12);
				fb_store_csum(csum,
					      fb_csum_apply(fb_load_csum(csum), line->ip_delta));
				update_l4(key + 8, line->proto, line->l4_delta);
				return 1;
			}
			if (line->proto == 0)
				return 0;
		} else {
			const struct line6 *line = line6_of(ref, i);

			if (likely(key_equal(family, line->key, key) && line->proto == key[-2])) {
				memcpy(key, line->to, 36);
				update_l4(key + 32, line->proto, line->l4_delta);
				return 1;
			}
			if (line->proto == 0)
				return 0;
		}
	}
}

static __rte_always_inline uint32_t run_burst(const struct bench_reference *ref,
					      enum fb_family family, struct rte_mbuf **mbufs)
{
	struct parsed p[BENCH_BURST];
	uint32_t hits = 0;

	for (uint32_t b = 0; b < BENCH_BATCH; b += BENCH_BURST) {
		for (uint32_t i = 0; i < BENCH_BURST; i++)
			rte_prefetch0(rte_pktmbuf_mtod(mbufs[b + i], void *));
		for (uint32_t i = 0; i < BENCH_BURST; i++)
			parse(ref, family, mbufs[b + i], &p[i]);
		for (uint32_t i = 0; i < BENCH_BURST; i++)
			hits += finish(ref, family, &p[i]);
	}
	return hits;
}

static __rte_always_inline uint32_t run_ahead(const struct bench_reference *ref,
					      enum fb_family family, struct rte_mbuf **mbufs)
{
	struct parsed p[AHEAD];
	uint32_t hits = 0;
	uint32_t i;

	for (i = 0; i < 2 * AHEAD; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void *));
	for (i = 0; i < AHEAD; i++)
		parse(ref, family, mbufs[i], &p[i]);
	for (i = 0; i < BENCH_BATCH - 2 * AHEAD; i++) {
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i + 2 * AHEAD], void *));
		hits += finish(ref, family, &p[i % AHEAD]);
		parse(ref, family, mbufs[i + AHEAD], &p[i % AHEAD]);
	}
	for (; i < BENCH_BATCH - AHEAD; i++) {
		hits += finish(ref, family, &p[i % AHEAD]);
		parse(ref, family, mbufs[i + AHEAD], &p[i % AHEAD]);
	}
	for (; i < BENCH_BATCH; i++)
		hits += finish(ref, family, &p[i % AHEAD]);
	return hits;
}

uint64_t bench_reference_batch(const struct bench_reference *ref, enum bench_reference_form form,
			       struct rte_mbuf **mbufs, uint32_t *ret_hits)
{
	uint64_t begin = rte_rdtsc();

	if (form == BENCH_REFERENCE_BURST)
		*ret_hits = ref->family == FB_IPV4 ? run_burst(ref, FB_IPV4, mbufs)
						   : run_burst(ref, FB_IPV6, mbufs);
	else
		*ret_hits = ref->family == FB_IPV4 ? run_ahead(ref, FB_IPV4, mbufs)
						   : run_ahead(ref, FB_IPV6, mbufs);
	return rte_rdtsc() - begin;
}

static void insert(struct bench_reference *ref, const struct fb_tuple *from,
		   const struct fb_tuple *to)
{
	uint32_t i = hash_of(ref->family, (const uint8_t *)from, from->proto);
	struct fb_rewrite rw;

	fb_rewrite_prepare(from, to, &rw);
	if (ref->family == FB_IPV4) {
		while (line4_of(ref, i)->proto != 0)
			i++;
		*line4_of(ref, i) = (struct line4){
			.proto = from->proto, .ip_delta = rw.ip_delta, .l4_delta = rw.l4_delta};
		memcpy(line4_of(ref, i)->key, from, 12);
		memcpy(line4_of(ref, i)->to, to, 12);
	} else {
		while (line6_of(ref, i)->proto != 0)
			i++;
		*line6_of(ref, i) = (struct line6){.proto = from->proto, .l4_delta = rw.l4_delta};
		memcpy(line6_of(ref, i)->key, from, 36);
		memcpy(line6_of(ref, i)->to, to, 36);
	}
}

int bench_reference_open(const struct bench_world *world, enum fb_family family,
			 struct bench_reference *ret)
{
	const struct fb_flow_table *t = world->worker->flows[family];
	/* At most half full. */
	uint32_t n_lines = rte_align32pow2(4 * RTE_MAX(fb_flow_count(t), 16u));
	size_t line_bytes = family == FB_IPV4 ? sizeof(struct line4) : sizeof(struct line6);

	*ret = (struct bench_reference){.family = family, .mask = n_lines - 1};
	if (fb_region_map(n_lines * line_bytes, -1, &ret->region) != 0)
		return -ENOMEM;
	ret->lines = ret->region.base;
	for (uint32_t place = 0; place < fb_flow_high_water(t); place++) {
		const struct fb_flow *flow = fb_flow_at(t, place);
		struct fb_tuple client;
		struct fb_tuple reply;
		struct fb_tuple to_endpoint;
		struct fb_tuple to_client;

		if (flow == NULL)
			continue;
		client = fb_flow_client_key(t, flow);
		reply = fb_flow_reply_key(t, flow);
		to_endpoint = fb_tuple_reverse(&reply);
		to_client = fb_tuple_reverse(&client);
		insert(ret, &client, &to_endpoint);
		insert(ret, &reply, &to_client);
	}
	return 0;
}

void bench_reference_close(struct bench_reference *ref)
{
	fb_region_unmap(&ref->region);
}
