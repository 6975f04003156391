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

/*
 * An entry for each direction of a flow. The IPv4 key is the 16 bytes of the packet from the TTL to
 * the ports, TTL and checksum zero: it is read, masked and compared as it lies there. No protocol:
 * the entry is free.
 */
struct entry4 {
	uint8_t key[16];
	uint8_t to[12];
	uint16_t ip_delta;
	uint16_t l4_delta;
} __attribute__((aligned(32)));

struct entry6 {
	uint8_t key[36];
	uint8_t to[36];
	uint16_t l4_delta;
	uint8_t proto;
} __attribute__((aligned(16)));

/* Places of an IPv4 key are lines, and either half will do. */
struct line4 {
	struct entry4 half[2];
};

_Static_assert(sizeof(struct line4) == 64, "two directions, so a whole flow, in a line");
_Static_assert(sizeof(struct entry6) == 80, "never more than two lines, side by side");

#define KEY4_OFF      8                            /* in the IPv4 header */
#define KEY4_LOW_MASK UINT64_C(0xffffffff0000ff00) /* little endian: protocol, source address */

/* Packets whose entries are on their way. 16, 24 and 48 were slower, in either family. */
#define AHEAD 32

/*
 * A search that goes past its first place costs another miss, so tables are kept quite empty. IPv4: 2
 * lines for each entry (3 % of the searches go on), one where memory matters (10 %). IPv6: 3 entries
 * for each (20 %), or 2.
 */
#define ROOMY_FLOWS (1u << 21)
#define MARGIN      4096 /* places behind the last home; far above the longest run */

const char *const bench_reference_form_names[BENCH_REFERENCE_FORM_COUNT] = {
	[BENCH_REFERENCE_PLAIN] = "plain",
	[BENCH_REFERENCE_BURST] = "burst",
	[BENCH_REFERENCE_AHEAD] = "ahead",
};

static __rte_always_inline uint32_t crc(uint64_t v, uint32_t seed)
{
#ifdef __SSE4_2__
	return (uint32_t)__builtin_ia32_crc32di(seed, v);
#else
	return rte_hash_crc_8byte(v, seed);
#endif
}

/* The two halves of an IPv4 packet's key. */
struct key4 {
	uint64_t low;
	uint64_t high;
};

static __rte_always_inline struct key4 key4_of(const uint8_t *l3)
{
	return (struct key4){
		.low = fb_flow_load64(l3 + KEY4_OFF) & KEY4_LOW_MASK,
		.high = fb_flow_load64(l3 + KEY4_OFF + 8),
	};
}

static __rte_always_inline uint32_t hash4(struct key4 key)
{
	return crc(key.high, crc(key.low, 0));
}

static __rte_always_inline uint32_t hash6(const uint8_t *key, uint8_t proto)
{
	uint32_t a = crc(fb_flow_load64(key + 8), crc(fb_flow_load64(key), proto));
	uint32_t b = crc(fb_flow_load64(key + 24), crc(fb_flow_load64(key + 16), 0));

	return crc((uint64_t)fb_flow_load32(key + 32) << 32 | b, a);
}

static __rte_always_inline bool is4(const struct entry4 *e, struct key4 key)
{
	return ((fb_flow_load64(e->key) ^ key.low) | (fb_flow_load64(e->key + 8) ^ key.high)) == 0;
}

static __rte_always_inline bool is6(const struct entry6 *e, const uint8_t *key, uint8_t proto)
{
	uint64_t diff = fb_flow_load64(e->key) ^ fb_flow_load64(key);

	diff |= fb_flow_load64(e->key + 8) ^ fb_flow_load64(key + 8);
	diff |= fb_flow_load64(e->key + 16) ^ fb_flow_load64(key + 16);
	diff |= fb_flow_load64(e->key + 24) ^ fb_flow_load64(key + 24);
	diff |= fb_flow_load32(e->key + 32) ^ fb_flow_load32(key + 32);
	return (diff | (uint64_t)(e->proto ^ proto)) == 0;
}

/* What is kept of a packet between its steps. */
struct parsed {
	uint8_t *l3; /* NULL: not for us */
	void *place; /* struct line4 or struct entry6 */
};

static __rte_always_inline void fetch(enum fb_family family, const void *place)
{
	rte_prefetch0(place);
	if (family == FB_IPV6)
		rte_prefetch0((const uint8_t *)place + sizeof(struct entry6) - 1);
}

static __rte_always_inline void parse(const struct bench_reference *ref, enum fb_family family,
				      struct rte_mbuf *m, struct parsed *p, bool prefetch)
{
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
	uint8_t *l3 = data + FB_ETHER_LEN;
	const uint8_t proto = family == FB_IPV4 ? l3[9] : l3[6];
	bool good = proto == IPPROTO_TCP || proto == IPPROTO_UDP;

	if (family == FB_IPV4)
		good = good && fb_load16(data + 12) == FB_ETHER_TYPE_IPV4 && l3[0] == 0x45 &&
		       fb_load16(l3 + 2) + FB_ETHER_LEN <= m->data_len;
	else
		good = good && fb_load16(data + 12) == FB_ETHER_TYPE_IPV6 && l3[0] >> 4 == 6 &&
		       fb_load16(l3 + 4) + FB_IPV6_LEN + FB_ETHER_LEN <= m->data_len;
	p->l3 = likely(good) ? l3 : NULL;
	if (family == FB_IPV4) {
		struct line4 *lines = (struct line4 *)ref->table;

		p->place = &lines[fb_hash_reduce(hash4(key4_of(l3)), ref->n_homes)];
	} else {
		struct entry6 *entries = (struct entry6 *)ref->table;

		p->place = &entries[fb_hash_reduce(hash6(l3 + 8, proto), ref->n_homes)];
	}
	if (prefetch)
		fetch(family, p->place);
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

static __rte_always_inline void rewrite4(uint8_t *l3, const struct entry4 *e)
{
	memcpy(l3 + 12, e->to, sizeof(e->to));
	fb_store_csum(l3 + 10, fb_csum_apply(fb_load_csum(l3 + 10), e->ip_delta));
	update_l4(l3 + FB_IPV4_LEN, l3[9], e->l4_delta);
}

static __rte_always_inline void rewrite6(uint8_t *l3, const struct entry6 *e)
{
	memcpy(l3 + 8, e->to, sizeof(e->to));
	update_l4(l3 + FB_IPV6_LEN, e->proto, e->l4_delta);
}

/* At the packet's place: done, or on to the next place. @return whether the packet is at its end */
static __rte_always_inline bool look(enum fb_family family, struct parsed *p, uint32_t *hits)
{
	if (family == FB_IPV4) {
		struct line4 *line = p->place;
		const struct key4 key = key4_of(p->l3);
		const bool second = is4(&line->half[1], key);

		if (likely(is4(&line->half[0], key) | second)) {
			rewrite4(p->l3, &line->half[second]);
			(*hits)++;
			return true;
		}
		p->place = line + 1;
		return line->half[0].key[1] == 0 || line->half[1].key[1] == 0;
	} else {
		struct entry6 *e = p->place;

		if (likely(is6(e, p->l3 + 8, p->l3[6]))) {
			rewrite6(p->l3, e);
			(*hits)++;
			return true;
		}
		p->place = e + 1;
		return e->proto == 0;
	}
}

static __rte_always_inline uint32_t finish(enum fb_family family, struct parsed *p)
{
	uint32_t hits = 0;

	if (likely(p->l3 != NULL))
		while (unlikely(!look(family, p, &hits)))
			;
	return hits;
}

static __rte_always_inline uint32_t run_plain(const struct bench_reference *ref,
					      enum fb_family family, struct rte_mbuf **mbufs)
{
	uint32_t hits = 0;

	for (uint32_t i = 0; i < BENCH_BATCH; i++) {
		struct parsed p;

		parse(ref, family, mbufs[i], &p, false);
		hits += finish(family, &p);
	}
	return hits;
}

/*
 * A search that goes past its first place waits until that has been fetched, too.
 */
struct late {
	struct parsed p[BENCH_BATCH];
	uint32_t n;
};

static __rte_always_inline void first_look(enum fb_family family, struct parsed *p,
					   struct late *late, uint32_t *hits)
{
	if (unlikely(p->l3 == NULL) || likely(look(family, p, hits)))
		return;
	fetch(family, p->place);
	late->p[late->n++] = *p;
}

static __rte_always_inline void finish_late(enum fb_family family, struct late *late,
					    uint32_t *hits)
{
	for (uint32_t k = 0; k < late->n; k++)
		*hits += finish(family, &late->p[k]);
	late->n = 0;
}

static __rte_always_inline uint32_t run_burst(const struct bench_reference *ref,
					      enum fb_family family, struct rte_mbuf **mbufs)
{
	struct parsed p[BENCH_BURST];
	struct late late;
	uint32_t hits = 0;

	late.n = 0;
	for (uint32_t b = 0; b < BENCH_BATCH; b += BENCH_BURST) {
		for (uint32_t i = 0; i < BENCH_BURST; i++)
			rte_prefetch0(rte_pktmbuf_mtod(mbufs[b + i], void *));
		for (uint32_t i = 0; i < BENCH_BURST; i++)
			parse(ref, family, mbufs[b + i], &p[i], true);
		for (uint32_t i = 0; i < BENCH_BURST; i++)
			first_look(family, &p[i], &late, &hits);
		finish_late(family, &late, &hits);
	}
	return hits;
}

static __rte_always_inline uint32_t run_ahead(const struct bench_reference *ref,
					      enum fb_family family, struct rte_mbuf **mbufs)
{
	struct parsed p[AHEAD];
	struct late late;
	uint32_t hits = 0;
	uint32_t i;

	late.n = 0;
	for (i = 0; i < 2 * AHEAD; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void *));
	for (i = 0; i < AHEAD; i++)
		parse(ref, family, mbufs[i], &p[i], true);
	for (i = 0; i < BENCH_BATCH - 2 * AHEAD; i++) {
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i + 2 * AHEAD], void *));
		first_look(family, &p[i % AHEAD], &late, &hits);
		parse(ref, family, mbufs[i + AHEAD], &p[i % AHEAD], true);
	}
	for (; i < BENCH_BATCH - AHEAD; i++) {
		first_look(family, &p[i % AHEAD], &late, &hits);
		parse(ref, family, mbufs[i + AHEAD], &p[i % AHEAD], true);
	}
	for (; i < BENCH_BATCH; i++)
		first_look(family, &p[i % AHEAD], &late, &hits);
	finish_late(family, &late, &hits);
	return hits;
}

static __rte_always_inline uint32_t run_form(const struct bench_reference *ref,
					     enum bench_reference_form form, enum fb_family family,
					     struct rte_mbuf **mbufs)
{
	switch (form) {
	case BENCH_REFERENCE_PLAIN:
		return run_plain(ref, family, mbufs);
	case BENCH_REFERENCE_BURST:
		return run_burst(ref, family, mbufs);
	default:
		return run_ahead(ref, family, mbufs);
	}
}

uint64_t bench_reference_batch(const struct bench_reference *ref, enum bench_reference_form form,
			       struct rte_mbuf **mbufs, uint32_t *ret_hits)
{
	uint64_t begin = rte_rdtsc();

	*ret_hits = ref->family == FB_IPV4 ? run_form(ref, form, FB_IPV4, mbufs)
					   : run_form(ref, form, FB_IPV6, mbufs);
	return rte_rdtsc() - begin;
}

static void insert4(struct bench_reference *ref, const struct fb_tuple *from,
		    const struct fb_tuple *to)
{
	struct entry4 e = {.key[1] = from->proto};
	struct line4 *line = (struct line4 *)ref->table;
	struct fb_rewrite rw;
	int half;

	fb_rewrite_prepare(from, to, &rw);
	memcpy(e.key + 4, from, sizeof(from->v4));
	memcpy(e.to, to, sizeof(e.to));
	e.ip_delta = rw.ip_delta;
	e.l4_delta = rw.l4_delta;
	line += fb_hash_reduce(hash4((struct key4){.low = fb_flow_load64(e.key),
						   .high = fb_flow_load64(e.key + 8)}),
			       ref->n_homes);
	while (line->half[0].key[1] != 0 && line->half[1].key[1] != 0)
		line++;
	half = line->half[0].key[1] != 0;
	line->half[half] = e;
}

static void insert6(struct bench_reference *ref, const struct fb_tuple *from,
		    const struct fb_tuple *to)
{
	struct entry6 *e = (struct entry6 *)ref->table;
	struct fb_rewrite rw;

	fb_rewrite_prepare(from, to, &rw);
	e += fb_hash_reduce(hash6((const uint8_t *)from, from->proto), ref->n_homes);
	while (e->proto != 0)
		e++;
	*e = (struct entry6){.proto = from->proto, .l4_delta = rw.l4_delta};
	memcpy(e->key, from, sizeof(e->key));
	memcpy(e->to, to, sizeof(e->to));
}

static void insert(struct bench_reference *ref, const struct fb_tuple *from,
		   const struct fb_tuple *to)
{
	if (ref->family == FB_IPV4)
		insert4(ref, from, to);
	else
		insert6(ref, from, to);
}

int bench_reference_open(const struct bench_world *world, enum fb_family family,
			 struct bench_reference *ret)
{
	const struct fb_flow_table *t = world->worker->flows[family];
	const uint32_t n_flows = RTE_MAX(fb_flow_count(t), 16u);
	const bool roomy = n_flows < ROOMY_FLOWS;
	const uint32_t for_each_flow = family == FB_IPV4 ? (roomy ? 4 : 2) : (roomy ? 6 : 4);
	const uint32_t n_homes = n_flows * for_each_flow;
	const size_t home_bytes = family == FB_IPV4 ? sizeof(struct line4) : sizeof(struct entry6);

	*ret = (struct bench_reference){.family = family, .n_homes = n_homes};
	if (fb_region_map(((size_t)n_homes + MARGIN) * home_bytes, -1, &ret->region) != 0)
		return -ENOMEM;
	ret->table = ret->region.base;
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
