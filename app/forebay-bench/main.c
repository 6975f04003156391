/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * forebay-bench: what a packet costs. The daemon's worker over generated traffic on one core,
 * beside the bare loop that does nothing but what has to be done, both in the same run.
 */

#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_mbuf.h>

#include "capture.h"
#include "devices.h"
#include "events.h"
#include "frame.h"
#include "generate.h"
#include "machine.h"
#include "suites.h"

#define FCS_BYTES           4
#define MAX_SERVICES        30000u
#define MBUFS_FOR_EACH_CORE 1024 /* a few batches */

/* The program that measures stages is linked differently, so it measures nothing else (stages.c). */
#ifdef BENCH_STAGES
#define SUITE_NAMES "stages"
#else
#define SUITE_NAMES "packet-path, new-flows, scaling, latency, dns, memory, maglev, manifests,\n" \
	"                         publish-load"
#endif

static const char usage[] =
	"usage: forebay-bench [--suite NAME]... [options]\n"
	"       forebay-bench --write-pcap FILE --flows N\n"
	"       forebay-bench --receive VDEV [--send VDEV] [--seconds N]\n"
	"       forebay-bench --generate VDEV --flows N [--rate N] [--seconds N]\n"
	"\n"
	"What a packet costs: the daemon's worker and the bare loop, in turns, on one core. No NIC.\n"
	"scripts/bench runs it with hugepages, and beside dpdk-testpmd.\n"
	"\n"
	"      --suite NAME       " SUITE_NAMES "; may be\n"
	"                         repeated (default: all)\n"
	"      --flows LIST       established connections, a case each (default: 1,10000,1000000)\n"
	"      --mode MODE        snat or dnat (default: both)\n"
	"      --family FAMILY    ipv4 or ipv6 (default: both)\n"
	"      --protocol PROTO   tcp or udp (default: tcp)\n"
	"      --size BYTES       of a frame, FCS included: 64 to 1518 (default: the least)\n"
	"      --order ORDER      random, or sequential: as the connections were opened\n"
	"      --popularity P     uniform, or zipf: the k-th flow has 1/k of the first one's packets\n"
	"      --new SHARE        packets of a thousand that open a flow (default: 0); the bare\n"
	"                         loop beside them has the others only\n"
	"      --services N       Services configured (default: 1000)\n"
	"      --endpoints N      endpoints of each (default: 10)\n"
	"      --dns on|off       answer DNS, so that changes reach the names too (default: on)\n"
	"      --changes N        of EndpointSlices a second, for publish-load (default: 1000)\n"
	"      --workers N        that run at once, for scaling (default: one on each core)\n"
	"      --runs N           runs of each case; one more warms up (default: 7)\n"
	"      --packets N        packets of each run (default: 262144)\n"
	"      --core N           CPU to run on (default: the last)\n"
	"      --json             a list of objects instead of a table\n"
	"      --write-pcap FILE  write one packet of each connection, for the devices below\n"
	"      --receive VDEV     run the worker's own loop on a device (or between it and the one to\n"
	"      --send VDEV        send by) for a while instead, and print the packets of a second\n"
	"      --generate VDEV    be the clients and endpoints of what runs at the device's other end:\n"
	"                         open connections, then send and count what comes back\n"
	"      --in-flight N      of it, packets under way at most (default: 768)\n"
	"      --rate N           of it, thousand packets a second (default: as many as come back)\n"
	"      --seconds N        for how long (default: 3)\n"
	"  -h, --help             print this and exit\n";

static const struct bench_suite suites[] = {
#ifdef BENCH_STAGES
	{"stages", .run = bench_stages},
#else
	{"packet-path", .run = bench_packet_path},
	{"new-flows", .run = bench_new_flows, .short_timeouts = true},
	{"scaling", .run = bench_scaling, .all_workers = true},
	{"latency", .run = bench_latency},
	{"dns", .run = bench_dns},
	{"memory", .run = bench_memory, .times_services = 10},
	{"maglev", .run = bench_maglev},
	{"manifests", .run = bench_manifests},
	{"publish-load", .run = bench_publish_load, .single_stack = true},
#endif
};

struct arguments {
	struct bench_options o;
	bool wanted[RTE_DIM(suites)];
	bool json;
	int core;
	const char *pcap;
	const char *devices[2];
	struct bench_generate generate;
	uint32_t seconds;
	bool dns[2]; /* on, off */
};

static bool parse_number(const char *text, uint32_t least, uint32_t most, uint32_t *ret)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || v < least || v > most || *text == '-')
		return false;
	*ret = (uint32_t)v;
	return true;
}

static bool parse_sizes(char *text, struct bench_options *o)
{
	char *rest = NULL;

	o->n_sizes = 0;
	for (char *t = strtok_r(text, ",", &rest); t != NULL; t = strtok_r(NULL, ",", &rest))
		if (o->n_sizes == BENCH_MAX_SIZES ||
		    !parse_number(t, 1, 1u << 24, &o->sizes[o->n_sizes++]))
			return false;
	return o->n_sizes != 0;
}

/* One of two names picks it and leaves the other out. */
static bool pick(const char *text, const char *first, const char *second, bool *both)
{
	if (strcmp(text, first) != 0 && strcmp(text, second) != 0)
		return false;
	both[0] = strcmp(text, first) == 0;
	both[1] = !both[0];
	return true;
}

static bool pick_suite(const char *text, bool *wanted)
{
	for (size_t i = 0; i < RTE_DIM(suites); i++) {
		if (strcmp(text, suites[i].name) == 0) {
			wanted[i] = true;
			return true;
		}
	}
	return false;
}

enum {
	SUITE = 256,
	FLOWS,
	MODE,
	FAMILY,
	PROTOCOL,
	SIZE,
	ORDER,
	POPULARITY,
	NEW,
	SERVICES,
	ENDPOINTS,
	DNS,
	CHANGES,
	WORKERS,
	RUNS,
	PACKETS,
	CORE,
	JSON,
	PCAP,
	RECEIVE,
	SEND,
	GENERATE,
	IN_FLIGHT,
	RATE,
	SECONDS
};

static const struct option longs[] = {
	{"suite", required_argument, NULL, SUITE},
	{"flows", required_argument, NULL, FLOWS},
	{"mode", required_argument, NULL, MODE},
	{"family", required_argument, NULL, FAMILY},
	{"protocol", required_argument, NULL, PROTOCOL},
	{"size", required_argument, NULL, SIZE},
	{"order", required_argument, NULL, ORDER},
	{"popularity", required_argument, NULL, POPULARITY},
	{"new", required_argument, NULL, NEW},
	{"services", required_argument, NULL, SERVICES},
	{"endpoints", required_argument, NULL, ENDPOINTS},
	{"dns", required_argument, NULL, DNS},
	{"changes", required_argument, NULL, CHANGES},
	{"workers", required_argument, NULL, WORKERS},
	{"runs", required_argument, NULL, RUNS},
	{"packets", required_argument, NULL, PACKETS},
	{"core", required_argument, NULL, CORE},
	{"json", no_argument, NULL, JSON},
	{"write-pcap", required_argument, NULL, PCAP},
	{"receive", required_argument, NULL, RECEIVE},
	{"send", required_argument, NULL, SEND},
	{"generate", required_argument, NULL, GENERATE},
	{"in-flight", required_argument, NULL, IN_FLIGHT},
	{"rate", required_argument, NULL, RATE},
	{"seconds", required_argument, NULL, SECONDS},
	{"help", no_argument, NULL, 'h'},
	{0},
};

/* What is measured with. */
static bool parse_shape(int c, const char *arg, struct bench_shape *shape)
{
	bool picked[2] = {true, false};
	uint32_t n;

	switch (c) {
	case PROTOCOL:
		if (!pick(arg, "tcp", "udp", picked))
			return false;
		shape->proto = picked[0] ? IPPROTO_TCP : IPPROTO_UDP;
		return true;
	case SIZE:
		if (!parse_number(arg, BENCH_FRAME_MIN + FCS_BYTES, BENCH_FRAME_MAX + FCS_BYTES,
				  &n))
			return false;
		shape->frame_bytes = (uint16_t)(n - FCS_BYTES);
		return true;
	case ORDER:
		if (!pick(arg, "random", "sequential", picked))
			return false;
		shape->sequential = picked[1];
		return true;
	case POPULARITY:
		if (!pick(arg, "uniform", "zipf", picked))
			return false;
		shape->zipf = picked[1];
		return true;
	default:
		if (!parse_number(arg, 0, 1000, &n))
			return false;
		shape->new_permille = (uint16_t)n;
		return true;
	}
}

static bool parse_one(int c, char *arg, struct arguments *a)
{
	uint32_t core;

	switch (c) {
	case PROTOCOL:
	case SIZE:
	case ORDER:
	case POPULARITY:
	case NEW:
		return parse_shape(c, arg, &a->o.shape);
	case SUITE:
		return pick_suite(arg, a->wanted);
	case FLOWS:
		return parse_sizes(arg, &a->o);
	case MODE:
		return pick(arg, fb_service_mode_names[0], fb_service_mode_names[1], a->o.modes);
	case FAMILY:
		return pick(arg, "ipv4", "ipv6", a->o.families);
	case SERVICES:
		return parse_number(arg, 1, MAX_SERVICES, &a->o.n_services);
	case ENDPOINTS:
		return parse_number(arg, 1, 60000, &a->o.n_endpoints);
	case DNS:
		return pick(arg, "on", "off", a->dns);
	case CHANGES:
		return parse_number(arg, 1, 100000, &a->o.changes_hz);
	case WORKERS:
		return parse_number(arg, 2, BENCH_MAX_CORES, &a->o.n_workers);
	case RUNS:
		return parse_number(arg, 1, BENCH_MAX_RUNS, &a->o.runs);
	case PACKETS:
		return parse_number(arg, BENCH_BATCH, 1u << 30, &a->o.packets);
	case CORE:
		if (!parse_number(arg, 0, 1023, &core))
			return false;
		a->core = (int)core;
		return true;
	case JSON:
		a->json = true;
		return true;
	case PCAP:
		a->pcap = arg;
		return true;
	case RECEIVE:
		a->devices[0] = arg;
		return true;
	case SEND:
		a->devices[1] = arg;
		return true;
	case GENERATE:
		a->generate.device = arg;
		return true;
	case IN_FLIGHT:
		return parse_number(arg, BENCH_BURST, 4000, &a->generate.in_flight);
	case RATE:
		return parse_number(arg, 1, 1000000, &a->generate.rate_kpps);
	case SECONDS:
		return parse_number(arg, 1, 3600, &a->seconds);
	default:
		return false;
	}
}

/* @return -1: go on; else the exit status */
static int parse_arguments(int argc, char **argv, struct arguments *a)
{
	bool any = false;
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (c == 'h') {
			(void)fputs(usage, stdout);
			return EXIT_SUCCESS;
		}
		if (!parse_one(c, optarg, a)) {
			if (c != '?')
				(void)fprintf(stderr, "forebay-bench: %s is no %s\n\n", optarg,
					      longs[c - SUITE].name);
			(void)fputs(usage, stderr);
			return 2;
		}
	}
	if (optind != argc || (a->devices[0] == NULL && a->devices[1] != NULL)) {
		(void)fputs(usage, stderr);
		return 2;
	}
	a->o.without_dns = !a->dns[0];
	for (size_t i = 0; i < RTE_DIM(suites); i++)
		any |= a->wanted[i];
	for (size_t i = 0; i < RTE_DIM(suites); i++)
		a->wanted[i] |= !any;
	return -1;
}

static void print_errs(struct fb_errs *errs)
{
	for (size_t i = 0; i < errs->n; i++) {
		char line[1024];

		(void)fb_err_format(&errs->v[i], line, sizeof(line));
		(void)fprintf(stderr, "forebay-bench: %s\n", line);
	}
	fb_errs_fini(errs);
}

static uint16_t workers_of(const struct bench_options *o)
{
	return (uint16_t)(o->n_workers != 0 ? o->n_workers : RTE_MAX(bench_machine_n_cores(), 2u));
}

static int run_suite(const struct bench_options *o, const struct bench_suite *suite,
		     struct rte_mempool *pool, struct bench_report *report, struct fb_errs *errs)
{
	int err = 0;

	for (int mode = 0; mode < 2 && err == 0; mode++) {
		struct bench_setup setup = {
			.n_services = RTE_MIN(o->n_services * RTE_MAX(suite->times_services, 1u),
					      MAX_SERVICES),
			.n_endpoints = o->n_endpoints,
			.without_dns = o->without_dns,
			.only_ipv4 = suite->single_stack && !o->families[FB_IPV6],
			.mode = (uint8_t)mode,
			.n_workers = suite->all_workers ? workers_of(o) : 0,
			.proto = o->shape.proto,
			.short_timeouts = suite->short_timeouts || o->shape.new_permille != 0,
			.core = o->core,
		};
		struct bench_world world;

		if (!o->modes[mode])
			continue;
		err = bench_world_open(&setup, pool, &world, errs);
		if (err == 0) {
			err = suite->run(o, &world, report, errs);
			bench_world_close(&world);
		}
	}
	return err;
}

static double now_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Somebody else's work on the core does not make figures wrong, but wide. */
static void say_if_busy(double begin_s, uint64_t waited_ns)
{
	double waited_s = (double)(bench_machine_waited_ns() - waited_ns) / 1e9;
	double took_s = now_s() - begin_s;

	(void)fprintf(stderr, "took %.1f s, in %.1f %% of which another process had the core%s\n",
		      took_s, 100 * waited_s / took_s,
		      waited_s > 0.01 * took_s ? ": the machine is busy, expect a wide range" : "");
}

static int run_suites(const struct arguments *a, const char *program, struct fb_errs *errs)
{
	struct bench_report report;
	struct rte_mempool *pool;
	double begin_s = now_s();
	uint64_t waited_ns;
	int err = bench_machine_start(program, a->core, NULL, 64, errs);
	struct bench_options o = a->o;

	if (err != 0)
		return err;
	o.core = bench_machine_core();
	waited_ns = bench_machine_waited_ns();
	pool = rte_pktmbuf_pool_create("bench",
				       rte_align32pow2(MBUFS_FOR_EACH_CORE *
						       RTE_MAX(bench_machine_n_cores(), 2u)) -
					       1,
				       256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, -1);
	if (pool == NULL || bench_report_open(&report, a->json) != 0) {
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "out of memory");
		return -ENOMEM;
	}
	bench_machine_describe();
	(void)bench_events_open();
	for (size_t i = 0; i < RTE_DIM(suites) && err == 0; i++)
		if (a->wanted[i])
			err = run_suite(&o, &suites[i], pool, &report, errs);
	if (bench_report_close(&report) != 0 && err == 0)
		err = -EIO;
	say_if_busy(begin_s, waited_ns);
	return err;
}

int main(int argc, char **argv)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct arguments a = {
		.o =
			{
				.runs = 7,
				.packets = 1u << 18,
				.sizes = {1, 10000, 1000000},
				.n_sizes = 3,
				.n_services = 1000,
				.n_endpoints = 10,
				.changes_hz = 1000,
				.modes = {true, true},
				.families = {true, true},
				.shape = {.proto = IPPROTO_TCP},
			},
		.core = -1,
		.generate = {.in_flight = 768},
		.seconds = 3,
		.dns = {true, false},
	};
	int status = parse_arguments(argc, argv, &a);
	int err;

	if (status >= 0)
		return status;
	a.generate.seconds = a.seconds;
	if (a.generate.device != NULL)
		err = bench_generate_run(argv[0], a.core, &a.generate, &a.o, &errs);
	else if (a.pcap != NULL)
		err = bench_capture_write(argv[0], a.pcap, &a.o, &errs);
	else if (a.devices[0] != NULL)
		err = bench_devices_run(argv[0], a.core, a.devices, a.seconds, &a.o, &errs);
	else
		err = run_suites(&a, argv[0], &errs);
	print_errs(&errs);
	return err == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
