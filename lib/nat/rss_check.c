/* SPDX-License-Identifier: BSD-3-Clause */

#include "nat/rss_check.h"

#include <string.h>

#include <rte_ethdev.h>
#include <rte_thash.h>

#include "nat/first.h"

#define GROUP 64 /* ports that are looked at with the same endpoint and SNAT address */

/* What is looked at: the replies to one worker, of one protocol and family. */
struct part {
	const struct fb_nat_steer *steer;
	const struct fb_nat_rss *rss;
	const struct fb_nat_ports *ports;
	uint32_t
		key[FB_NAT_RSS_KEY_LEN / sizeof(uint32_t)]; /* aligned, as rte_softrss() reads it */
	uint64_t random;
	uint16_t worker;
	uint8_t proto;
	enum fb_family family;
	uint32_t
		n_words; /* of a tuple that the device hashes: its addresses, and with its ports one more */
	bool with_ports;
	struct fb_nat_rss_check *ret;
};

/* Knuth's MMIX constants; the upper half is random enough for addresses. */
static uint32_t next_random(struct part *p)
{
	p->random = p->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(p->random >> 32);
}

static struct fb_tuple random_client(struct part *p)
{
	struct fb_tuple t = {.proto = p->proto, .family = (uint8_t)p->family};
	const size_t len = p->family == FB_IPV4 ? sizeof(t.v4) : sizeof(t.v6);

	for (size_t i = 0; i < len; i += sizeof(uint32_t)) {
		const uint32_t word = next_random(p);

		memcpy((uint8_t *)&t + i, &word, sizeof(word));
	}
	return t;
}

static uint32_t hash_of(const struct part *p, const struct fb_tuple *t)
{
	uint32_t words[sizeof(struct fb_tuple6) / sizeof(uint32_t)];

	memcpy(words, t, p->n_words * sizeof(words[0]));
	for (uint32_t i = 0; i < p->n_words; i++)
		words[i] = rte_be_to_cpu_32(words[i]);
	return rte_softrss(words, p->n_words, (const uint8_t *)p->key);
}

/* What a destination port adds to the hash: it is the lower half of the last word, behind zeros. */
static uint32_t hash_of_port(const struct part *p, rte_be16_t port_be)
{
	uint32_t word = rte_be_to_cpu_16(port_be);

	return p->with_ports ? rte_softrss(&word, 1, (const uint8_t *)&p->key[p->n_words - 1]) : 0;
}

/* How much of a tuple the device hashes. */
static void set_n_words(struct part *p)
{
	static const uint64_t ports[FB_FAMILY_COUNT][2] = {
		[FB_IPV4] = {RTE_ETH_RSS_NONFRAG_IPV4_TCP, RTE_ETH_RSS_NONFRAG_IPV4_UDP},
		[FB_IPV6] = {RTE_ETH_RSS_NONFRAG_IPV6_TCP, RTE_ETH_RSS_NONFRAG_IPV6_UDP},
	};
	const uint64_t addresses = p->family == FB_IPV4 ? RTE_ETH_RSS_IPV4 : RTE_ETH_RSS_IPV6;
	const uint32_t n = p->family == FB_IPV4 ? 2 : 8;

	p->with_ports = (p->rss->hash_types & ports[p->family][p->proto == IPPROTO_UDP]) != 0;
	if (p->with_ports)
		p->n_words = n + 1;
	else
		p->n_words = p->rss->hash_types & addresses ? n : 0;
}

static void expect(const struct part *p, const struct fb_tuple *reply, uint32_t hash,
		   uint8_t worker)
{
	const uint16_t queue = p->n_words == 0 ? 0 : p->rss->reta[hash & (p->rss->reta_size - 1)];

	if (p->rss->queue_worker[queue] == worker)
		return;
	if (p->ret->n_wrong++ != 0)
		return;
	p->ret->wrong = *reply;
	p->ret->wrong_worker = p->worker;
}

/* As a client's packet would have it, and all of the reply hashed. */
static void check_first(struct part *p, const struct fb_addr *ep, rte_be16_t ep_port_be,
			const struct fb_addr *snat)
{
	const struct fb_tuple client = random_client(p);
	const rte_be16_t *at;
	struct fb_tuple reply;

	if (fb_nat_first(p->ports, p->worker, &client, ep, ep_port_be, snat, 1, p->steer, &reply,
			 &at) != 0)
		return;
	if (at != NULL)
		fb_tuple_set_ports(&reply, ep_port_be, *at);
	p->ret->n_chosen++;
	expect(p, &reply, hash_of(p, &reply), (uint8_t)p->worker);
}

/* Replies that differ in their port alone: what the rest of them adds to the hash is the same. */
static void check_group(struct part *p, uint32_t first, uint32_t n)
{
	const struct fb_tuple other = random_client(p);
	const struct fb_addr ep = fb_tuple_src(&other);
	const struct fb_addr snat = fb_tuple_dst(&other);
	const rte_be16_t ep_port_be = fb_tuple_sport(&other);
	struct fb_tuple reply = fb_tuple_make(p->proto, &ep, ep_port_be, &snat, 0);
	const struct fb_nat_steer_rest rest = fb_nat_steer_begin(p->steer, p->worker, &reply);
	const uint32_t hash = hash_of(p, &reply);

	check_first(p, &ep, ep_port_be, &snat);
	for (uint32_t i = first; i < first + n; i++) {
		const uint64_t draw = (uint64_t)next_random(p) << 32 | next_random(p);
		rte_be16_t port_be = fb_nat_port_at(p->ports, p->worker, i);

		fb_tuple_set_ports(&reply, ep_port_be, port_be);
		p->ret->n_ports++;
		expect(p, &reply, hash ^ hash_of_port(p, port_be),
		       fb_nat_rss_worker(p->steer, &reply));
		if (fb_nat_steer_port(p->steer, p->worker, p->family, rest, draw, &port_be) != 0)
			continue;
		fb_tuple_set_ports(&reply, ep_port_be, port_be);
		p->ret->n_chosen++;
		expect(p, &reply, hash ^ hash_of_port(p, port_be), (uint8_t)p->worker);
	}
}

bool fb_nat_rss_check(const struct fb_nat_steer *steer, const struct fb_nat_rss *rss,
		      const struct fb_nat_ports *ports, struct fb_nat_rss_check *ret)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP};
	struct part p = {.steer = steer, .rss = rss, .ports = ports, .ret = ret};

	*ret = (struct fb_nat_rss_check){0};
	memcpy(p.key, rss->key, sizeof(p.key));
	for (p.worker = 0; p.worker < ports->n_workers; p.worker++) {
		const uint32_t n = fb_nat_port_count(ports, p.worker);

		for (uint32_t k = 0; k < RTE_DIM(protos) * FB_FAMILY_COUNT; k++) {
			p.proto = protos[k / FB_FAMILY_COUNT];
			p.family = (enum fb_family)(k % FB_FAMILY_COUNT);
			set_n_words(&p);
			for (uint32_t first = 0; first < n; first += GROUP)
				check_group(&p, first, GROUP); /* blocks are a multiple of it */
		}
	}
	return ret->n_wrong == 0;
}
