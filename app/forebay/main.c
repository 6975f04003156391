/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * forebay, the daemon: builds everything in the order that control/control.h gives, runs, and takes it
 * apart again in the reverse one.
 */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_mempool.h>
#include <rte_version.h>

#include "base/heap.h"
#include "config/config.h"
#include "control/control.h"
#include "eal.h"
#include "kept.h"
#include "log.h"
#include "ports.h"
#include "privileges.h"

static const char usage[] =
	"usage: forebay --config FILE [--check] [--foreground] [-- EAL-ARGUMENTS]\n"
	"\n"
	"Load balancer for Kubernetes Services on DPDK.\n"
	"\n"
	"  -c, --config FILE   settings (YAML); forebay --print-config shows every key and its default\n"
	"      --check         read the config, report every error in it, and exit (0: fine, 1: not)\n"
	"  -f, --foreground    log to stderr instead of syslog (errors go to both)\n"
	"      --print-config  print the commented sample config and exit\n"
	"  -V, --version       print the version and exit\n"
	"  -h, --help          print this and exit\n"
	"\n"
	"Arguments after -- go to DPDK's EAL as they are.\n";

struct options {
	const char *config_path;
	bool check;
	bool foreground;
	char **eal;
	int n_eal;
};

/* Everything that lives as long as the daemon; zero where not built. Too large for the stack. */
static struct daemon {
	const struct fb_config *config;
	struct kept kept;
	bool eal;
	struct rte_mempool *pool;
	struct fb_port ports[FB_CONFIG_MAX_PORTS];
	struct fb_port_rss rss[FB_CONFIG_MAX_PORTS];
	uint32_t n_ports;
	struct fb_twin *twins[FB_CONFIG_MAX_PORTS];
	struct fb_neigh *neigh;
	struct fb_table *table;
	struct fb_rcu *rcu;
	struct fb_datapath *datapath;
	struct fb_control *control;
} the_daemon;

enum { OPT_CHECK = 256, OPT_PRINT_CONFIG };

static int wrong_usage(const char *what, const char *which)
{
	if (what != NULL)
		(void)fprintf(stderr, "forebay: %s%s\n", what, which);
	(void)fputs("forebay --help says more\n", stderr);
	return 2;
}

/* @return -1: go on; else the exit status */
static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, OPT_CHECK},
		{"foreground", no_argument, NULL, 'f'},
		{"print-config", no_argument, NULL, OPT_PRINT_CONFIG},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	char *sample;
	int c;

	while ((c = getopt_long(argc, argv, "+c:fVh", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config_path = optarg;
			break;
		case OPT_CHECK:
			o->check = true;
			break;
		case 'f':
			o->foreground = true;
			break;
		case OPT_PRINT_CONFIG:
			sample = fb_config_sample();
			if (sample == NULL || fputs(sample, stdout) == EOF)
				return EXIT_FAILURE;
			free(sample);
			return EXIT_SUCCESS;
		case 'V':
			(void)printf("forebay %s (%s)\n", FB_VERSION, rte_version());
			return EXIT_SUCCESS;
		case 'h':
			(void)fputs(usage, stdout);
			return EXIT_SUCCESS;
		default:
			return wrong_usage(NULL, NULL); /* getopt has said why */
		}
	}
	if (optind < argc && strcmp(argv[optind - 1], "--") != 0)
		return wrong_usage("unexpected argument: ", argv[optind]);
	if (o->config_path == NULL)
		return wrong_usage("--config FILE is missing", "");
	o->eal = argv + optind;
	o->n_eal = argc - optind;
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

static void fail_errno(struct fb_errs *errs, const char *what)
{
	fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "%s: %s", what, strerror(errno));
}

/* The kernel's side: twins of all ports, and what it knows of routes and neighbours. */
static int open_kernel_side(struct daemon *d, struct fb_errs *errs)
{
	struct fb_neigh_link links[FB_CONFIG_MAX_PORTS];

	for (uint32_t i = 0; i < d->n_ports; i++) {
		d->twins[i] = fb_twin_open(&d->config->ports[i], d->ports[i].mac, errs);
		if (d->twins[i] == NULL)
			return -1;
		links[i] = (struct fb_neigh_link){
			.ifindex = fb_twin_ifindex(d->twins[i]),
			.port = (uint8_t)i,
			.mtu = d->ports[i].mtu,
		};
	}
	kept_neighbours(&d->kept, d->config, links);
	d->neigh = fb_neigh_open(d->config, links, d->n_ports, true);
	if (d->neigh == NULL) {
		fail_errno(errs, "routes and neighbours cannot be read from the kernel (rtnetlink)");
		return -1;
	}
	fb_neigh_keep(d->neigh, kept_neighbours_now(&d->kept));
	return 0;
}

static int build_table(struct daemon *d, struct fb_errs *errs)
{
	struct fb_table_router router = fb_neigh_router(d->neigh);
	struct fb_hash_secret secret;

	fb_hash_secret_init(&secret, d->config->secret);
	d->table = fb_table_create(&secret, &router, d->config->max_endpoints,
				   d->config->max_services);
	if (d->table == NULL) {
		fail_errno(errs, "service table");
		return -1;
	}
	kept_identities(&d->kept, d->table, errs);
	d->rcu = fb_rcu_create((uint16_t)d->config->n_workers, fb_control_release, d->table);
	if (d->rcu == NULL) {
		fail_errno(errs, "publisher");
		return -1;
	}
	return 0;
}

static void log_control(void *arg, enum fb_config_log level, const char *line)
{
	(void)arg;
	fb_log_line(level, line);
}

static void ready(void *arg)
{
	const struct daemon *d = arg;
	char line[160];

	(void)snprintf(line, sizeof(line), "forebay %s is ready: %u ports, %u workers, control socket %s",
		       FB_VERSION, d->n_ports, d->config->n_workers, d->config->control_socket);
	fb_log_line(FB_LOG_NOTICE, line);
	fb_log_notify("READY=1\nSTATUS=forwarding");
}

/*
 * Flow tables and SNAT ports are hashed under a key that nobody outside can know: of this run, or of the
 * first one whose flows are kept. Consistent hashing is not: boxes have to agree there, so that key comes
 * from nat.secret.
 */
static int draw_secret(const struct kept *kept, struct fb_hash_secret *ret, struct fb_errs *errs)
{
	if (kept_secret(kept) != NULL) {
		fb_hash_secret_init(ret, kept_secret(kept));
		return 0;
	}
	if (fb_hash_secret_draw(ret) == 0)
		return 0;
	fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "no random bits to be had");
	return -1;
}

static int build(struct daemon *d, const struct options *o, char *program, struct fb_errs *errs)
{
	struct fb_datapath_kept kept;
	struct fb_hash_secret secret;
	uint32_t n_queues;

	/* Before the devices are touched: they may be another forebay's. */
	for (uint32_t i = 0; i < d->config->n_ports; i++)
		if (fb_twin_check(&d->config->ports[i], errs) != 0)
			return -1;
	kept_open(&d->kept, d->config, errs);
	if (fb_eal_init(d->config, program, o->eal, o->n_eal, errs) != 0)
		return -1;
	d->eal = true;
	n_queues = fb_ports_n_queues(d->config, errs);
	if (errs->n_errors != 0)
		return -1;
	d->pool = fb_eal_pool(d->config, n_queues, errs);
	if (d->pool == NULL || fb_ports_open(d->config, d->pool, d->ports, errs) != 0)
		return -1;
	d->n_ports = d->config->n_ports;
	fb_ports_probe_rss(d->config, d->ports, d->rss, errs);
	if (open_kernel_side(d, errs) != 0 || build_table(d, errs) != 0)
		return -1;
	if (draw_secret(&d->kept, &secret, errs) != 0)
		return -1;
	kept = kept_for_datapath(&d->kept, d->table);
	d->datapath = fb_datapath_create_over(&kept, d->config, &secret, d->ports, d->n_ports,
					      d->pool, d->rcu, errs);
	if (d->datapath == NULL)
		return -1;
	d->control = fb_control_create(
		&(struct fb_control_params){
			.config = d->config,
			.version = FB_VERSION,
			.table = d->table,
			.rcu = d->rcu,
			.datapath = d->datapath,
			.neigh = d->neigh,
			.twins = d->twins,
			.n_twins = d->n_ports,
			.log = log_control,
			.ready = ready,
			.arg = d,
		},
		errs);
	return d->control == NULL ? -1 : 0;
}

static int run(struct daemon *d, struct fb_errs *errs)
{
	unsigned int lcores[FB_CONFIG_MAX_WORKERS];
	int err;

	/* A page fault in a worker is a burst lost; without the privilege it is only likelier. */
	if (mlockall(MCL_CURRENT) != 0)
		fb_log_line(FB_LOG_NOTICE, "memory cannot be locked (CAP_IPC_LOCK, RLIMIT_MEMLOCK); "
					   "pages of the tables may be swapped out");
	if (!fb_privileges_drop(d->config, errs))
		return -1;
	for (uint32_t i = 0; i < d->config->n_workers; i++)
		lcores[i] = fb_eal_worker_lcore((uint16_t)i);
	err = fb_datapath_start(d->datapath, lcores);
	if (err != 0) {
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "workers do not start: %s",
			    strerror(-err));
		return -1;
	}
	err = fb_control_run(d->control);
	if (err != 0)
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "event loop: %s",
			    strerror(-err));
	fb_log_line(FB_LOG_NOTICE, "stopping");
	fb_log_notify("STOPPING=1");
	return err == 0 ? 0 : -1;
}

static void take_apart(struct daemon *d)
{
	if (d->datapath != NULL)
		fb_datapath_stop(d->datapath);
	fb_control_free(d->control);
	fb_datapath_free(d->datapath);
	if (d->rcu != NULL)
		fb_rcu_free(d->rcu);
	if (d->table != NULL)
		fb_table_free(d->table);
	if (d->neigh != NULL)
		fb_neigh_close(d->neigh);
	kept_close(&d->kept);
	for (uint32_t i = 0; i < d->config->n_ports; i++)
		fb_twin_close(d->twins[i]);
	fb_ports_close(d->ports, d->n_ports);
	rte_mempool_free(d->pool);
	if (d->eal)
		fb_eal_fini();
}

/* Control takes these from a signalfd; threads that EAL makes inherit the mask. */
static void block_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

/* What the daemon needs and the tools that read the same file (explain, replay) do not. */
static int read_config(const char *path, struct fb_config **ret, struct fb_errs *errs)
{
	int err = fb_config_read(path, ret, errs);

	if (err != 0 || (*ret)->n_ports != 0)
		return err;
	fb_errs_add(errs, (struct fb_place){.file = path}, FB_SEV_ERROR,
		    "ports: none is configured; at least one is needed");
	return -EINVAL;
}

int main(int argc, char **argv)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_config *config = NULL;
	struct options options = {0};
	int status = parse_options(argc, argv, &options);

	if (status >= 0)
		return status;
	fb_heap_keep();
	if (read_config(options.config_path, &config, &errs) != 0) {
		print_errs(&errs);
		fb_config_free(config);
		return EXIT_FAILURE;
	}
	if (options.check) {
		print_errs(&errs);
		(void)printf("%s: ok\n", options.config_path);
		fb_config_free(config);
		return EXIT_SUCCESS;
	}
	fb_log_open(options.foreground, config->log_level);
	fb_log_errs(&errs);
	block_signals();
	fb_privileges_fix();
	the_daemon.config = config;
	status = EXIT_FAILURE;
	if (build(&the_daemon, &options, argv[0], &errs) == 0) {
		fb_log_errs(&errs);
		if (run(&the_daemon, &errs) == 0)
			status = EXIT_SUCCESS;
	}
	fb_log_errs(&errs);
	take_apart(&the_daemon);
	fb_config_free(config);
	return status;
}
