/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * forebay-replay: captured frames through the packet path, without a NIC, root or hugepages.
 *
 * The workers, stages and tables are the daemon's; only the devices are missing. Time is the capture's,
 * so ageing happens as it would have. The packet tables of the tests run on it, and bug reports can.
 */

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include "box/offline.h"
#include "capture.h"
#include "datapath/worker.h"
#include "replay.h"

static const char usage[] =
	"usage: forebay-replay --config FILE [-f MANIFESTS]... --in PORT=PCAP... [--out PORT=PCAP]...\n"
	"                      [--then SECONDS=FILE]... [-o table|json] [--spread]\n"
	"\n"
	"Run captured frames through forebay's packet path and say what became of each.\n"
	"\n"
	"  -c, --config FILE     the daemon's config; next hops come from its lab section\n"
	"  -f, --filename PATH   manifests: a file or a directory; may be repeated\n"
	"      --then SECONDS=FILE  so long after the first frame FILE says what the first -f said before\n"
	"  -i, --in PORT=PCAP    frames received on that port; several files are merged by time\n"
	"  -w, --out PORT=PCAP   where to write the frames that leave by that port\n"
	"  -o, --output FORMAT   table (default), or json: one object per frame\n"
	"      --spread          give frame k to worker k modulo workers, as a device without RSS might\n"
	"  -h, --help            print this and exit\n"
	"\n"
	"Exit status: 0, also when frames are dropped; 1 for errors; 3 if the counters do not add up.\n";

struct binding {
	const char *port;
	const char *path;
};

struct options {
	const char *config_path;
	const char *manifests[64];
	uint32_t n_manifests;
	struct binding in[64];
	uint32_t n_in;
	struct binding out[FB_CONFIG_MAX_PORTS];
	uint32_t n_out;
	struct fb_replay_change changes[FB_REPLAY_MAX_CHANGES];
	uint32_t n_changes;
	bool json;
	bool spread;
};

static int __attribute__((format(printf, 1, 2))) wrong_usage(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)fputs("forebay-replay: ", stderr);
	(void)vfprintf(stderr, fmt, args);
	(void)fputs("\nforebay-replay --help says more\n", stderr);
	va_end(args);
	return 2;
}

/* "lan=file.pcap" */
static bool parse_binding(const char *option, char *text, struct binding *v, uint32_t *n,
			  uint32_t cap)
{
	char *equals = strchr(text, '=');

	if (equals == NULL || equals == text || equals[1] == '\0') {
		(void)wrong_usage("%s %s: expected PORT=PCAP, such as lan=%s.pcap", option, text,
				  option + 2);
		return false;
	}
	if (*n == cap) {
		(void)wrong_usage("more than %u times %s", cap, option);
		return false;
	}
	*equals = '\0';
	v[(*n)++] = (struct binding){.port = text, .path = equals + 1};
	return true;
}

static bool parse_change(const char *text, struct options *o)
{
	struct fb_replay_change *change = &o->changes[o->n_changes];
	unsigned long seconds;
	char *end;

	errno = 0;
	seconds = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || errno != 0 || seconds > 86400 || *end != '=' ||
	    end[1] == '\0') {
		(void)wrong_usage("--then %s: expected SECONDS=FILE, such as 10=later.yaml", text);
		return false;
	}
	if (o->n_changes == RTE_DIM(o->changes)) {
		(void)wrong_usage("more than %zu times --then", RTE_DIM(o->changes));
		return false;
	}
	*change = (struct fb_replay_change){(uint32_t)seconds, end + 1};
	if (o->n_changes > 0 && change->at_s < change[-1].at_s) {
		(void)wrong_usage("--then %s: comes before the one before it", text);
		return false;
	}
	o->n_changes++;
	return true;
}

/* @return -1: go on; else the exit status */
static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"filename", required_argument, NULL, 'f'},
		{"in", required_argument, NULL, 'i'},
		{"out", required_argument, NULL, 'w'},
		{"output", required_argument, NULL, 'o'},
		{"spread", no_argument, NULL, 's'},
		{"then", required_argument, NULL, 't'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:f:i:w:o:h", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config_path = optarg;
			break;
		case 'f':
			if (o->n_manifests == RTE_DIM(o->manifests))
				return wrong_usage("more than %zu times -f", RTE_DIM(o->manifests));
			o->manifests[o->n_manifests++] = optarg;
			break;
		case 'i':
			if (!parse_binding("--in", optarg, o->in, &o->n_in, RTE_DIM(o->in)))
				return 2;
			break;
		case 'w':
			if (!parse_binding("--out", optarg, o->out, &o->n_out, RTE_DIM(o->out)))
				return 2;
			break;
		case 'o':
			o->json = strcmp(optarg, "json") == 0;
			if (!o->json && strcmp(optarg, "table") != 0)
				return wrong_usage("-o %s: table or json", optarg);
			break;
		case 's':
			o->spread = true;
			break;
		case 't':
			if (!parse_change(optarg, o))
				return 2;
			break;
		case 'h':
			(void)fputs(usage, stdout);
			return EXIT_SUCCESS;
		default:
			(void)fputs("forebay-replay --help says more\n", stderr);
			return 2; /* getopt has said why */
		}
	}
	if (optind != argc)
		return wrong_usage("unexpected argument: %s", argv[optind]);
	if (o->config_path == NULL)
		return wrong_usage("--config FILE is missing");
	if (o->n_changes > 0 && o->n_manifests == 0)
		return wrong_usage("--then needs -f: there is nothing to change");
	if (o->n_in == 0)
		return wrong_usage("--in PORT=PCAP is missing: there are no frames to run");
	return -1;
}

static void print_errs(struct fb_errs *errs)
{
	for (size_t i = 0; i < errs->n; i++) {
		char line[1024];

		(void)fb_err_format(&errs->v[i], line, sizeof(line));
		(void)fprintf(stderr, "%s\n", line);
	}
	fb_errs_fini(errs);
}

/* No hugepages, no files, no devices: anybody may run it, several at a time. */
static int start_eal(void)
{
	/* EAL keeps pointers into argv for as long as it runs, and may write there. */
	static char words[][20] = {"forebay-replay", "--no-huge", "--no-shconf", "--no-pci",
				   "--no-telemetry", "-m", "64", "-l", "0", "--log-level=error"};
	static char *args[RTE_DIM(words) + 1];

	for (size_t i = 0; i < RTE_DIM(words); i++)
		args[i] = words[i];
	return rte_eal_init(RTE_DIM(words), args) < 0 ? -rte_errno : 0;
}

static int port_by_name(const struct fb_config *config, const char *name, struct fb_errs *errs)
{
	for (uint32_t i = 0; i < config->n_ports; i++)
		if (strcmp(config->ports[i].name, name) == 0)
			return (int)i;
	fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "the config has no port %s", name);
	return -1;
}

static int open_captures(const struct options *o, struct fb_replay *r, struct fb_errs *errs)
{
	for (uint32_t i = 0; i < o->n_in; i++) {
		int port = port_by_name(r->offline.config, o->in[i].port, errs);

		if (port < 0 || fb_capture_read(&r->in, o->in[i].path, (uint16_t)port, errs) != 0)
			return -EINVAL;
	}
	fb_capture_sort(&r->in);
	for (uint32_t i = 0; i < o->n_out; i++) {
		int port = port_by_name(r->offline.config, o->out[i].port, errs);

		if (port < 0)
			return -EINVAL;
		r->out[port] = fb_capture_out_open(o->out[i].path, errs);
		if (r->out[port] == NULL)
			return -EINVAL;
	}
	return 0;
}

static int run(const struct options *o, struct fb_errs *errs)
{
	struct fb_replay replay = {.json = o->json, .spread = o->spread};
	struct fb_config *config = NULL;
	int status = EXIT_FAILURE;
	int err;

	if (fb_config_read(o->config_path, &config, errs) != 0)
		return EXIT_FAILURE;
	if (start_eal() != 0) {
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "EAL does not start: %s",
			    strerror(rte_errno));
	} else if (fb_offline_open(config, o->manifests, o->n_manifests, &replay.offline, errs) == 0) {
		if (open_captures(o, &replay, errs) == 0 && fb_replay_open(&replay, errs) == 0) {
			print_errs(errs);
			memcpy(replay.changes, o->changes, sizeof(replay.changes));
			replay.n_changes = o->n_changes;
			replay.path = o->manifests[0];
			err = fb_replay_run(&replay, errs);
			status = fb_replay_close(&replay);
			if (err != 0)
				status = EXIT_FAILURE;
		}
		fb_capture_free(&replay.in);
		fb_offline_close(&replay.offline);
	}
	fb_config_free(config);
	return status;
}

int main(int argc, char **argv)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct options o = {0};
	int status = parse_options(argc, argv, &o);

	if (status >= 0)
		return status;
	status = run(&o, &errs);
	print_errs(&errs);
	return status;
}
