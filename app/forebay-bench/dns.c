/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Suite: DNS answers. Queries for A (AAAA over IPv6) of all Services in random order, and for names that do not
 * exist, as search lists make them. The reference is the bare loop over 10,000 established connections: it
 * tells machines and days apart.
 */

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dns/message.h"
#include "net/build.h"
#include "reference.h"
#include "suites.h"
#include "traffic.h"

#define FLOWS 10000

struct kind {
	const char *name;
	const char *before; /* the Service's number in the name, and behind it */
	const char *behind;
};

static const struct kind kinds[] = {
	{"dns-address", "s", ""},
	{"dns-nxdomain", "www.example", ".com"},
};

struct state {
	struct bench_world *world;
	const struct kind *kind;
	enum fb_family family;
	uint64_t random;
};

static int say(struct fb_errs *errs, const char *what, int err)
{
	fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "%s: %s", what, strerror(-err));
	return err;
}

static uint32_t write_query(const struct state *s, uint64_t random, uint8_t *msg)
{
	char name[64];
	uint32_t len;

	(void)snprintf(name, sizeof(name), "%s%u%s.bench.svc.cluster.local", s->kind->before,
		       fb_hash_reduce((uint32_t)random, s->world->setup.n_services),
		       s->kind->behind);
	memset(msg, 0, FB_DNS_HEADER_LEN);
	fb_store16(msg, (uint16_t)(random >> 32));
	fb_store16(msg + 2, FB_DNS_FLAG_RD);
	fb_store16(msg + 4, 1);
	len = FB_DNS_HEADER_LEN + fb_dns_name_from_text(name, msg + FB_DNS_HEADER_LEN);
	fb_store16(msg + len, s->family == FB_IPV4 ? FB_DNS_A : FB_DNS_AAAA);
	fb_store16(msg + len + 2, FB_DNS_CLASS_IN);
	return len + 4;
}

static void fill(struct state *s, struct rte_mbuf *m)
{
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
	uint8_t msg[128];
	uint64_t random = bench_random(&s->random);
	uint32_t len = write_query(s, random, msg);
	uint32_t l4_len = FB_UDP_LEN + len;
	uint8_t src[16] = {0xfd, 0, 0xcc};
	struct fb_addr dst = bench_dns_addr(s->family);
	uint8_t *udp;

	src[0] = s->family == FB_IPV4 ? 198 : src[0];
	memcpy(src + 2, &random, 2);
	udp = fb_build_ip(data, bench_port_mac, bench_neighbour_mac, s->family, src,
			  fb_addr_wire(&dst), IPPROTO_UDP, l4_len);
	fb_store16(udp, (uint16_t)(1024 + (random >> 48) % 60000));
	fb_store16(udp + 2, FB_DNS_PORT);
	fb_store16(udp + 4, (uint16_t)l4_len);
	memcpy(udp + FB_UDP_LEN, msg, len);
	fb_build_checksum(data, s->family, IPPROTO_UDP, l4_len, FB_UDP_CSUM_OFF);
	/* Zero would say that there is none. */
	if (fb_load_csum(udp + FB_UDP_CSUM_OFF) == 0)
		fb_store_csum(udp + FB_UDP_CSUM_OFF, 0xffff);
	m->data_len = (uint16_t)(udp + l4_len - data);
	m->pkt_len = m->data_len;
}

/* Did the answers say what was asked for? */
static bool good(const struct state *s)
{
	const uint8_t *msg =
		rte_pktmbuf_mtod_offset(s->world->sent[0], const uint8_t *,
					FB_ETHER_LEN + fb_build_l3_len(s->family) + FB_UDP_LEN);
	bool exists = s->kind == &kinds[0];

	return s->world->n_sent == BENCH_BATCH &&
	       (fb_load16(msg + 2) & FB_DNS_RCODE_MASK) ==
		       (exists ? FB_DNS_NOERROR : FB_DNS_NXDOMAIN) &&
	       fb_load16(msg + 6) == (exists ? 1 : 0);
}

static int answers_run(const struct bench_options *o, struct state *s, struct bench_run *run,
		       double *ret_cycles, struct fb_errs *errs)
{
	for (uint32_t i = 0; i < RTE_MAX(o->packets / BENCH_BATCH, 1u); i++) {
		struct rte_mbuf *mbufs[BENCH_BATCH];
		bool fine;

		if (rte_pktmbuf_alloc_bulk(s->world->pool, mbufs, BENCH_BATCH) != 0)
			return say(errs, "packet buffers", -ENOMEM);
		for (uint32_t k = 0; k < BENCH_BATCH; k++)
			fill(s, mbufs[k]);
		bench_run_add(run, bench_worker_batch(s->world, mbufs, NULL));
		fine = good(s);
		(void)bench_world_recycle(s->world);
		if (!fine)
			return say(errs, "the worker did not answer all queries", -EPROTO);
	}
	*ret_cycles = bench_run_mean(run) / BENCH_BATCH;
	return 0;
}

static int measure(const struct bench_options *o, struct state *s, struct bench_traffic *traffic,
		   const struct bench_reference *ref, struct bench_result *result,
		   struct fb_errs *errs)
{
	struct bench_run run;
	double reference = 0;
	double worker = 0;
	int err = bench_run_init(&run, RTE_MAX(o->packets / BENCH_BATCH, 1u));

	/* The first one warms up caches and branches, and is not counted. */
	for (uint32_t i = 0; err == 0 && i <= o->runs; i++) {
		err = bench_reference_run(o, s->world, ref, traffic, &run, &reference, errs);
		if (err == 0)
			err = answers_run(o, s, &run, &worker, errs);
		if (err != 0 || i == 0)
			continue;
		bench_series_add(&result->reference, reference);
		bench_series_add(&result->worker, worker);
		bench_series_add(&result->ratio, worker / reference);
	}
	result->n_stalled = run.n_stalled;
	bench_run_fini(&run);
	return err;
}

static int one_family(const struct bench_options *o, struct bench_world *world,
		      enum fb_family family, struct bench_report *report, struct fb_errs *errs)
{
	struct bench_traffic traffic = {0};
	struct bench_reference ref = {0};
	int err = bench_world_start(world, family, 1u << 20, errs);

	if (err == 0 && (bench_traffic_open(world, family, FLOWS, &o->shape, &traffic) != 0 ||
			 bench_reference_open(world, family, &ref) != 0))
		err = say(errs, "the bare loop's connections", -EPROTO);
	for (uint32_t i = 0; i < RTE_DIM(kinds) && err == 0; i++) {
		struct state s = {.world = world, .kind = &kinds[i], .family = family};
		struct bench_result result = {
			.suite = "dns",
			.name = kinds[i].name,
			.family = family,
			.mode = "-",
			.unit = "answer",
			.flows = FLOWS,
		};

		err = measure(o, &s, &traffic, &ref, &result, errs);
		if (err == 0)
			bench_report_add(report, &result);
	}
	bench_reference_close(&ref);
	bench_traffic_close(&traffic);
	bench_world_stop(world);
	return err;
}

int bench_dns(const struct bench_options *o, struct bench_world *world, struct bench_report *report,
	      struct fb_errs *errs)
{
	int err = 0;

	/* What DNS says has nothing to do with the mode: the first one will do. */
	if (world->setup.mode != (o->modes[0] ? 0 : 1))
		return 0;
	for (int family = 0; family < FB_FAMILY_COUNT; family++)
		if (o->families[family] && err == 0)
			err = one_family(o, world, (enum fb_family)family, report, errs);
	return err;
}
