/* SPDX-License-Identifier: BSD-3-Clause */

#include "generate.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_tcp.h>

#include "frame.h"
#include "machine.h"
#include "net/packet.h"
#include "net/wire.h"

#define MEMORY_MB  128
#define N_MBUFS    8191
#define RING_SIZE  1024
#define SLOT_BYTES 128  /* of a frame in the list: 74 at most */
#define WINDOW     128  /* connections that are opened at a time */
#define MOST_AWAY  4096 /* of --in-flight */
#define SAMPLES    (1u << 22)
#define TOGETHER   1000 /* samples that are sorted for themselves: 1 ms at a million a second */
#define CONNECT_S  20
#define LOST_MS    200 /* a packet that has not come back by then does not; stalls are far shorter */

struct generator {
	uint16_t port;
	struct rte_mempool *pool;
	enum fb_family family;
	uint32_t n_frames;
	uint32_t at;
	uint16_t frame_bytes;
	uint8_t *frames; /* in the order in which they are sent, again and again */
	/* Those that are under way, in the order in which they were sent: the device and what sends back keep it. */
	struct {
		uint64_t at;
		uint32_t number;
	} sent[MOST_AWAY];
	uint32_t head;
	uint32_t away;
	uint64_t last_return;
	uint64_t n_returned;
	uint64_t n_lost;
	uint32_t *samples; /* TSC cycles */
	uint32_t n_samples;
};

static int say(struct fb_errs *errs, const char *what, int err)
{
	fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "%s: %s", what, strerror(-err));
	return err;
}

static uint64_t ms(uint64_t n)
{
	return n * rte_get_tsc_hz() / 1000;
}

static int open_device(struct generator *g, const char *vdev, struct fb_errs *errs)
{
	static const struct rte_eth_conf conf = {0};
	char name[64];
	uint64_t deadline = rte_rdtsc() + ms(CONNECT_S * 1000);
	struct rte_eth_link link = {0};
	int err;

	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(vdev, ","), vdev);
	err = rte_eth_dev_get_port_by_name(name, &g->port);
	if (err == 0)
		err = rte_eth_dev_configure(g->port, 1, 1, &conf);
	if (err == 0)
		err = rte_eth_rx_queue_setup(g->port, 0, RING_SIZE, SOCKET_ID_ANY, NULL, g->pool);
	if (err == 0)
		err = rte_eth_tx_queue_setup(g->port, 0, RING_SIZE, SOCKET_ID_ANY, NULL);
	if (err == 0)
		err = rte_eth_dev_start(g->port);
	if (err != 0)
		return say(errs, vdev, err);
	while (rte_eth_link_get_nowait(g->port, &link) == 0 && !link.link_status)
		if (rte_rdtsc() > deadline)
			return say(errs, "waiting for the other side", -ETIMEDOUT);
	return 0;
}

/*
 * Which connection a frame is of, while connections are opened, and then which frame it is: in the sequence
 * number, which nobody changes.
 */
static uint8_t *sequence_of(const struct generator *g, uint8_t *frame)
{
	const uint32_t l3_len = g->family == FB_IPV4 ? FB_IPV4_LEN : FB_IPV6_LEN;

	return frame + FB_ETHER_LEN + l3_len + 4;
}

static int send_one(struct generator *g, const struct fb_tuple *tuple, uint8_t flags,
		    uint32_t number)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(g->pool);
	uint8_t *data;

	if (m == NULL)
		return -ENOMEM;
	bench_frame_fill(m, tuple, flags, 0);
	data = rte_pktmbuf_mtod(m, uint8_t *);
	memcpy(sequence_of(g, data), &number, sizeof(number));
	bench_frame_checksum(data, tuple, m->data_len);
	while (rte_eth_tx_burst(g->port, 0, &m, 1) == 0)
		rte_pause();
	return 0;
}

/* The tuple of what answers this frame. @return false: not one of ours */
static bool read_back(const struct generator *g, struct rte_mbuf *m, struct fb_tuple *ret_answer,
		      uint32_t *ret_number)
{
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
	struct fb_packet pkt;

	if (fb_packet_parse(data, m->data_len, m->pkt_len, &pkt) != FB_PARSE_SERVICE)
		return false;
	*ret_answer = fb_tuple_reverse(&pkt.tuple);
	memcpy(ret_number, sequence_of(g, data), sizeof(*ret_number));
	return true;
}

/*
 * Send a packet of each, and wait until all are back; those that are not after a while are sent again: whoever
 * is on the other side may not be there yet.
 */
static int round_trip(struct generator *g, const struct fb_tuple *tuples, uint32_t n, uint8_t flags,
		      struct fb_tuple *ret_answers)
{
	uint64_t deadline = rte_rdtsc() + ms(CONNECT_S * 1000);
	bool back[WINDOW] = {false};
	uint32_t n_back = 0;

	while (n_back < n && rte_rdtsc() < deadline) {
		uint64_t again = rte_rdtsc() + ms(LOST_MS);

		for (uint32_t i = 0; i < n; i++)
			if (!back[i] && send_one(g, &tuples[i], flags, i) != 0)
				return -ENOMEM;
		while (n_back < n && rte_rdtsc() < again) {
			struct rte_mbuf *mbufs[BENCH_BURST];
			uint16_t got = rte_eth_rx_burst(g->port, 0, mbufs, BENCH_BURST);

			for (uint16_t k = 0; k < got; k++) {
				struct fb_tuple answer;
				uint32_t i;

				if (!read_back(g, mbufs[k], &answer, &i) || i >= n || back[i])
					continue;
				back[i] = true;
				ret_answers[i] = answer;
				n_back++;
			}
			rte_pktmbuf_free_bulk(mbufs, got);
		}
	}
	return n_back == n ? 0 : -ETIMEDOUT;
}

static void keep_frame(struct generator *g, uint32_t i, const struct fb_tuple *tuple)
{
	uint8_t *frame = g->frames + (size_t)i * SLOT_BYTES;

	g->frame_bytes = bench_frame_write(frame, tuple, RTE_TCP_ACK_FLAG, 0);
	memcpy(sequence_of(g, frame), &i, sizeof(i));
	bench_frame_checksum(frame, tuple, g->frame_bytes);
}

/* The handshake of some connections; what they send from now on goes into the list. */
static int open_some(struct generator *g, const struct bench_options *o, uint32_t first, uint32_t n)
{
	struct fb_tuple clients[WINDOW];
	struct fb_tuple replies[WINDOW];
	struct fb_tuple ignored[WINDOW];
	int err;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t state = first + i + 1;
		uint32_t service = (uint32_t)(bench_random(&state) % o->n_services);

		clients[i] = bench_client(g->family, IPPROTO_TCP, first + i + 1, service);
	}
	err = round_trip(g, clients, n, RTE_TCP_SYN_FLAG, replies);
	if (err == 0)
		err = round_trip(g, replies, n, RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG, ignored);
	if (err == 0)
		err = round_trip(g, clients, n, RTE_TCP_ACK_FLAG, ignored);
	for (uint32_t i = 0; i < n && err == 0; i++) {
		keep_frame(g, 2 * (first + i), &clients[i]);
		keep_frame(g, 2 * (first + i) + 1, &replies[i]);
	}
	return err;
}

static void shuffle(struct generator *g)
{
	uint64_t state = g->n_frames;

	for (uint32_t i = g->n_frames - 1; i > 0; i--) {
		uint32_t k = (uint32_t)(bench_random(&state) % (i + 1));
		uint8_t *a = g->frames + (size_t)i * SLOT_BYTES;
		uint8_t *b = g->frames + (size_t)k * SLOT_BYTES;
		uint8_t swap[SLOT_BYTES];

		memcpy(swap, a, SLOT_BYTES);
		memmove(a, b, SLOT_BYTES);
		memcpy(b, swap, SLOT_BYTES);
	}
}

static int open_all(struct generator *g, const struct bench_options *o, struct fb_errs *errs)
{
	const uint32_t flows = o->sizes[0];
	int err = 0;

	g->n_frames = 2 * flows;
	g->frames = calloc(g->n_frames, SLOT_BYTES);
	if (g->frames == NULL)
		return say(errs, "frames", -ENOMEM);
	for (uint32_t first = 0; first < flows && err == 0; first += WINDOW)
		err = open_some(g, o, first, RTE_MIN(flows - first, (uint32_t)WINDOW));
	if (err != 0)
		return say(errs, "opening connections", err);
	shuffle(g);
	return 0;
}

/* What was sent before it and has not come back does not: it would have come first. */
static void note_return(struct generator *g, struct rte_mbuf *m, uint64_t now)
{
	uint32_t number;
	uint32_t skip = 0;
	uint64_t took;

	memcpy(&number, sequence_of(g, rte_pktmbuf_mtod(m, uint8_t *)), sizeof(number));
	while (skip < g->away && g->sent[(g->head + skip) % MOST_AWAY].number != number)
		skip++;
	if (skip == g->away) /* it had been given up */
		return;
	took = now - g->sent[(g->head + skip) % MOST_AWAY].at;
	g->n_lost += skip;
	g->head = (g->head + skip + 1) % MOST_AWAY;
	g->away -= skip + 1;
	if (g->n_samples < SAMPLES)
		g->samples[g->n_samples++] = (uint32_t)RTE_MIN(took, (uint64_t)UINT32_MAX);
}

static void receive(struct generator *g)
{
	struct rte_mbuf *mbufs[BENCH_BURST];
	uint16_t n = rte_eth_rx_burst(g->port, 0, mbufs, BENCH_BURST);
	uint64_t now;

	if (n == 0)
		return;
	now = rte_rdtsc();
	for (uint16_t i = 0; i < n; i++)
		note_return(g, mbufs[i], now);
	rte_pktmbuf_free_bulk(mbufs, n);
	g->last_return = now;
	g->n_returned += n;
}

static void give_up_lost(struct generator *g, uint64_t now)
{
	if (g->away == 0 || now - g->last_return < ms(LOST_MS))
		return;
	g->n_lost += g->away;
	g->away = 0;
	g->last_return = now;
}

static void send_some(struct generator *g, uint32_t n)
{
	struct rte_mbuf *mbufs[BENCH_BURST];
	uint64_t now;
	uint16_t sent;

	if (rte_pktmbuf_alloc_bulk(g->pool, mbufs, n) != 0)
		return;
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *data = rte_pktmbuf_mtod(mbufs[i], uint8_t *);

		memcpy(data, g->frames + (size_t)g->at * SLOT_BYTES, SLOT_BYTES);
		memcpy(&g->sent[(g->head + g->away + i) % MOST_AWAY].number, sequence_of(g, data),
		       sizeof(uint32_t));
		mbufs[i]->data_len = g->frame_bytes;
		mbufs[i]->pkt_len = g->frame_bytes;
		g->at = g->at + 1 == g->n_frames ? 0 : g->at + 1;
	}
	now = rte_rdtsc();
	sent = rte_eth_tx_burst(g->port, 0, mbufs, (uint16_t)n);
	if (sent < n)
		rte_pktmbuf_free_bulk(mbufs + sent, n - sent);
	if (g->away == 0)
		g->last_return = now;
	for (uint16_t i = 0; i < sent; i++)
		g->sent[(g->head + g->away++) % MOST_AWAY].at = now;
}

/* One go: what is back, and as many out again as the bound or the clock allows. */
static void go_on(struct generator *g, const struct bench_generate *p, uint64_t gap, uint64_t *next)
{
	uint32_t n = 0;
	uint64_t now;

	receive(g);
	now = rte_rdtsc();
	give_up_lost(g, now);
	if (gap == 0) {
		n = BENCH_BURST;
	} else {
		/* After a stall it does not catch up: that would be a burst, not a rate. */
		if (now > *next + BENCH_BURST * gap)
			*next = now;
		for (; n < BENCH_BURST && *next <= now; n++)
			*next += gap;
	}
	if (n != 0 && g->away + n <= p->in_flight)
		send_some(g, n);
}

static int by_value(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a;
	const uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double percentile_us(const uint32_t *sorted, uint32_t n, double share)
{
	return n == 0 ? 0 : sorted[(uint32_t)(share * (n - 1))] * 1e6 / (double)rte_get_tsc_hz();
}

/* Of the percentiles of some samples each, the median: when a core is taken away, few of them know. */
static double usual_us(const struct generator *g, double share)
{
	static uint32_t found[SAMPLES / TOGETHER];
	uint32_t n = 0;

	for (uint32_t i = 0; i + TOGETHER <= g->n_samples; i += TOGETHER) {
		qsort(g->samples + i, TOGETHER, sizeof(*g->samples), by_value);
		found[n++] = g->samples[i + (uint32_t)(share * (TOGETHER - 1))];
	}
	qsort(found, n, sizeof(*found), by_value);
	return percentile_us(found, n, 0.5);
}

static void measure(struct generator *g, const struct bench_generate *p)
{
	const uint64_t gap = p->rate_kpps == 0 ? 0 : rte_get_tsc_hz() / (p->rate_kpps * 1000ull);
	uint64_t next = rte_rdtsc();
	uint64_t begin = next;
	double took_s;
	double p50_us;
	double p99_us;

	while (rte_rdtsc() - begin < ms(1000))
		go_on(g, p, gap, &next);
	g->n_returned = 0;
	g->n_samples = 0;
	g->n_lost = 0;
	begin = rte_rdtsc();
	while (rte_rdtsc() - begin < ms(p->seconds * 1000))
		go_on(g, p, gap, &next);
	took_s = (double)(rte_rdtsc() - begin) / (double)rte_get_tsc_hz();
	p50_us = usual_us(g, 0.5);
	p99_us = usual_us(g, 0.99);
	qsort(g->samples, g->n_samples, sizeof(*g->samples), by_value);
	(void)printf("{\"pps\": %.0f, \"lost\": %" PRIu64 ", \"p50_us\": %.3f, \"p99_us\": %.3f, "
		     "\"all_p50_us\": %.3f, \"all_p99_us\": %.3f, \"flows\": %u}\n",
		     (double)g->n_returned / took_s, g->n_lost, p50_us, p99_us,
		     percentile_us(g->samples, g->n_samples, 0.5),
		     percentile_us(g->samples, g->n_samples, 0.99), g->n_frames / 2);
}

int bench_generate_run(const char *program, int core, const struct bench_generate *p,
		       const struct bench_options *o, struct fb_errs *errs)
{
	const char *const devices[2] = {p->device, NULL};
	struct generator *g = calloc(1, sizeof(*g));
	int err = bench_machine_start(program, core, devices, MEMORY_MB, errs);

	if (err != 0 || g == NULL) {
		free(g);
		return err != 0 ? err : -ENOMEM;
	}
	g->family = o->families[FB_IPV4] ? FB_IPV4 : FB_IPV6;
	g->samples = malloc(SAMPLES * sizeof(*g->samples));
	g->pool =
		rte_pktmbuf_pool_create("generate", N_MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, -1);
	err = g->samples != NULL && g->pool != NULL ? 0 : say(errs, "buffers", -ENOMEM);
	if (err == 0)
		err = open_device(g, p->device, errs);
	if (err == 0)
		err = open_all(g, o, errs);
	if (err == 0)
		measure(g, p);
	free(g->samples);
	free(g->frames);
	free(g);
	return err;
}
