/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/control.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "control/allotted.h"
#include "control/announce.h"
#include "control/applied.h"
#include "control/dns_server.h"
#include "control/loop.h"
#include "control/peer.h"
#include "control/origin.h"
#include "control/reconcile.h"
#include "control/server.h"
#include "control/shuttle.h"
#include "control/state.h"
#include "metrics/metrics.h"

/* The largest frame that a twin or a worker hands over. */
#define FRAME_BYTES 65536

void fb_control_release(void *table, void *retired)
{
	fb_snapshot_release(table, retired);
}

void fb_control_log(const struct fb_control *c, enum fb_config_log level, const char *fmt, ...)
{
	char line[1280];
	va_list args;

	if (level > c->p.config->log_level)
		return;
	va_start(args, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	c->p.log(c->p.arg, level, line);
}

const struct fb_snapshot *fb_control_snapshot(const struct fb_control *c)
{
	return fb_rcu_current(c->p.rcu);
}

const char *fb_control_port_name(const struct fb_control *c, uint32_t port)
{
	return port < c->p.config->n_ports ? c->p.config->ports[port].name : "";
}

/* ---- metrics ---- */

static void endpoint_sums(void *arg, uint32_t ep_id, struct fb_endpoint_counters *ret)
{
	struct fb_control *c = arg;

	fb_datapath_endpoint_counters(c->p.datapath, ep_id, ret);
}

static void service_sums(void *arg, uint32_t service_id, struct fb_service_counters *ret)
{
	struct fb_control *c = arg;

	fb_datapath_service_counters(c->p.datapath, service_id, ret);
}

static void fill_ports(struct fb_control *c, struct fb_metrics_port *ports, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct rte_eth_stats stats;

		ports[i].name = fb_control_port_name(c, i);
		ports[i].link_up = c->link_up[i];
		fb_datapath_port_counters(c->p.datapath, (uint16_t)i, &ports[i].counters);
		if (rte_eth_stats_get(fb_datapath_port(c->p.datapath, (uint16_t)i)->device, &stats))
			continue;
		ports[i].rx_missed = stats.imissed;
		ports[i].rx_nombuf = stats.rx_nombuf;
	}
}

/* Samples of a piece: a fraction of a millisecond. */
#define METRICS_PIECE 500

/* A scrape that is being answered; its snapshot stays until it ends. */
struct scrape {
	struct fb_metrics_view view;
	struct fb_metrics_progress progress;
	struct fb_worker_counters *workers;
	struct fb_metrics_port *ports;
	struct fb_metrics_origin *origins;
	struct fb_metrics_pool *pools;
};

static void count_trouble(void *arg, const char *namespace_, const char *name, const char *trouble)
{
	uint32_t *n = arg;

	(*n)++;
}

/* @return 0 or -ENOMEM */
static int fill_pools(const struct fb_control *c, struct scrape *s)
{
	size_t most = (size_t)c->p.config->n_pools * FB_FAMILY_COUNT + 1;
	struct fb_pool_fill *fills = calloc(most, sizeof(*fills));

	s->pools = calloc(most, sizeof(*s->pools));
	if (fills == NULL || s->pools == NULL) {
		free(fills);
		return -ENOMEM;
	}
	s->view.n_pools = fb_pool_fills(c->pool, fills);
	for (uint32_t i = 0; i < s->view.n_pools; i++)
		s->pools[i] = (struct fb_metrics_pool){
			.name = fills[i].name,
			.family = fills[i].family,
			.n_addresses = fills[i].n_addresses,
			.n_used = fills[i].n_used,
		};
	s->view.pools = s->pools;
	fb_pool_each_trouble(c->pool, count_trouble, &s->view.services_lacking);
	for (uint32_t i = 0; i < c->n_origins; i++)
		s->view.files_from_copy += c->origins[i].from_copy;
	free(fills);
	return 0;
}

static struct fb_metrics_view view_of(struct fb_control *c)
{
	return (struct fb_metrics_view){
		.version = c->p.version,
		.start_time_s = c->start_time_s,
		.snap = fb_control_snapshot(c),
		.n_workers = fb_datapath_n_workers(c->p.datapath),
		.tsc_hz = (double)rte_get_tsc_hz(),
		.n_ports = fb_datapath_n_ports(c->p.datapath),
		.n_origins = c->n_origins,
		.draining = c->draining,
		.reloads = c->reloads,
		.reloads_refused = c->reloads_refused,
		.twin_drops = c->twin_drops,
		.dns_forwarded = c->dns_forwarded,
		.dns_failed = c->dns_failed,
		.snapshots_waiting = c->snapshots_waiting,
		.sync = fb_peer_metrics(c->peer),
		.endpoint = endpoint_sums,
		.service = service_sums,
		.arg = c,
	};
}

static void free_scrape(struct scrape *s)
{
	free(s->workers);
	free(s->ports);
	free(s->origins);
	free(s->pools);
	free(s);
}

/* What is few is copied here; names of files are only used by the first piece. */
static struct scrape *begin_scrape(struct fb_control *c)
{
	struct scrape *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->view = view_of(c);
	s->workers = calloc(s->view.n_workers + 1, sizeof(*s->workers));
	s->ports = calloc(s->view.n_ports + 1, sizeof(*s->ports));
	s->origins = calloc(s->view.n_origins + 1, sizeof(*s->origins));
	if (s->workers == NULL || s->ports == NULL || s->origins == NULL ||
	    fill_pools(c, s) != 0) {
		free_scrape(s);
		return NULL;
	}
	for (uint32_t w = 0; w < s->view.n_workers; w++)
		fb_datapath_worker_counters(c->p.datapath, (uint16_t)w, &s->workers[w]);
	fill_ports(c, s->ports, s->view.n_ports);
	for (uint32_t i = 0; i < s->view.n_origins; i++)
		s->origins[i] = (struct fb_metrics_origin){
			.name = c->origins[i].path,
			.errors = c->origins[i].n_errors,
		};
	s->view.workers = s->workers;
	s->view.ports = s->ports;
	s->view.origins = s->origins;
	fb_rcu_hold(c->p.rcu);
	return s;
}

static bool render_metrics(void *arg, void **state, struct fb_text *text)
{
	struct scrape *s = *state;

	if (s == NULL)
		s = begin_scrape(arg);
	*state = s;
	if (s != NULL)
		return fb_metrics_render(&s->view, &s->progress, METRICS_PIECE, text);
	text->failed = true;
	return false;
}

static void end_metrics(void *arg, void *state)
{
	struct fb_control *c = arg;

	if (state == NULL)
		return;
	fb_rcu_let_go(c->p.rcu);
	free_scrape(state);
}

/* ---- create, free ---- */

static int open_signals(struct fb_control *c)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	c->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return c->signal_fd >= 0 ? 0 : -errno;
}

static int watch(struct fb_control *c, struct fb_watch *w, int fd,
		 void (*ready)(void *arg, uint32_t events))
{
	*w = (struct fb_watch){.fd = fd, .ready = ready, .arg = c};
	return fd >= 0 ? fb_control_watch(c, w, EPOLLIN) : 0;
}

static int open_watches(struct fb_control *c)
{
	int ret = open_signals(c);

	if (ret == 0)
		ret = watch(c, &c->signal_watch, c->signal_fd, fb_loop_signal);
	if (ret == 0)
		ret = watch(c, &c->neigh_watch, fb_neigh_fd(c->p.neigh), fb_loop_neigh);
	if (ret == 0)
		ret = watch(c, &c->source_watch, fb_sources_fd(c->sources), fb_loop_sources);
	if (ret == 0)
		ret = watch(c, &c->health_watch, fb_health_fd(c->health), fb_loop_health);
	if (ret == 0)
		ret = fb_shuttle_watch_twins(c);
	return ret;
}

/* All sources, then what was applied; published even if all of it is wrong, so that workers run. */
static void first_generation(struct fb_control *c)
{
	struct fb_errs errs = FB_ERRS_INIT;

	fb_origins_read(c);
	fb_origins_restore(c);
	fb_applied_load(c);
	fb_allotted_settle(c);
	fb_reconcile_services(c, "the start", &errs);
	fb_reconcile_log(c, &errs);
	fb_errs_fini(&errs);
}

static uint64_t monotonic_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

struct fb_control *fb_control_create(const struct fb_control_params *params, struct fb_errs *errs)
{
	struct fb_control *c = calloc(1, sizeof(*c));
	struct timespec now;
	int ret;

	if (c == NULL) {
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "control: out of memory");
		return NULL;
	}
	c->p = *params;
	c->signal_fd = -1;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	c->start_time_s = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
	c->now_ms = monotonic_ms();
	c->start_ms = c->now_ms;
	c->frame = malloc(FRAME_BYTES);
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	ret = c->epoll_fd < 0 ? -errno : c->frame == NULL ? -ENOMEM : fb_reconcile_init(c);
	if (ret == 0)
		ret = open_watches(c);
	if (ret != 0) {
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "control: %s",
			    strerror(-ret));
		goto fail;
	}
	c->server = fb_server_open(c, c->p.config->control_socket, c->p.config->control_group, errs);
	if (c->server == NULL)
		goto fail;
	if (c->p.config->metrics_listen[0] != '\0') {
		c->http = fb_http_open(c->p.config->metrics_listen,
				       &(struct fb_http_source){render_metrics, end_metrics, c},
				       errs);
		if (c->http == NULL)
			goto fail;
		ret = watch(c, &c->http_watch, fb_http_fd(c->http), fb_loop_http);
		if (ret != 0)
			goto fail;
	}
	ret = fb_dns_server_open(c, &c->dns);
	if (ret != 0) {
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "dns: %s", strerror(-ret));
		goto fail;
	}
	if (fb_peer_open(c, &c->peer, errs) != 0)
		goto fail;
	first_generation(c);
	return c;
fail:
	fb_control_free(c);
	return NULL;
}

void fb_control_free(struct fb_control *c)
{
	if (c == NULL)
		return;
	while (c->jobs != NULL) {
		struct fb_job *job = c->jobs;

		c->jobs = job->next;
		job->cancel(job);
	}
	fb_peer_close(c->peer);
	fb_dns_server_close(c->dns);
	fb_http_close(c->http);
	fb_server_close(c->server);
	fb_reconcile_fini(c);
	free(c->announcements);
	free(c->frame);
	if (c->signal_fd >= 0)
		(void)close(c->signal_fd);
	if (c->epoll_fd >= 0)
		(void)close(c->epoll_fd);
	free(c);
}
