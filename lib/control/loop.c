/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "control/announce.h"
#include "control/bounds.h"
#include "control/dns_server.h"
#include "control/drain.h"
#include "control/last_good.h"
#include "control/loop.h"
#include "control/peer.h"
#include "control/origin.h"
#include "control/reconcile.h"
#include "control/server.h"
#include "control/shuttle.h"
#include "control/state.h"

#define TICK_MS 1000
#define EVENTS  64

/* How long the loop sleeps: punt rings have no descriptor, so they are looked at. */
#define IDLE_US      1000 /* nothing punted lately */
#define BUSY_US      100  /* a frame was punted within BUSY_SPAN_US, or a worker is being waited for */
#define BUSY_SPAN_US 10000

uint64_t fb_control_clock_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int fb_control_watch(struct fb_control *c, struct fb_watch *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	return epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) == 0 ? 0 : -errno;
}

int fb_control_rewatch(struct fb_control *c, struct fb_watch *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	return epoll_ctl(c->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) == 0 ? 0 : -errno;
}

void fb_control_unwatch(struct fb_control *c, struct fb_watch *watch)
{
	(void)epoll_ctl(c->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
}

void fb_control_add_job(struct fb_control *c, struct fb_job *job)
{
	job->next = c->jobs;
	c->jobs = job;
}

static void poll_jobs(struct fb_control *c)
{
	struct fb_job **link = &c->jobs;

	while (*link != NULL) {
		struct fb_job *job = *link;
		struct fb_job *next = job->next;

		if (job->poll(c, job))
			*link = next;
		else
			link = &job->next;
	}
}

void fb_loop_signal(void *arg, uint32_t events)
{
	struct fb_control *c = arg;
	struct signalfd_siginfo info;

	while (read(c->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			fb_control_log(c, FB_LOG_NOTICE, "SIGHUP: reading all sources again");
			fb_sources_rescan(c->sources, c->now_ms);
			continue;
		}
		fb_control_log(c, FB_LOG_NOTICE, "%s: stopping",
			       info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
		fb_control_stop(c);
	}
}

void fb_loop_neigh(void *arg, uint32_t events)
{
	struct fb_control *c = arg;

	fb_reconcile_hops(c, fb_neigh_process(c->p.neigh));
}

void fb_loop_sources(void *arg, uint32_t events)
{
	struct fb_control *c = arg;

	fb_sources_process(c->sources, c->now_ms);
}

void fb_loop_http(void *arg, uint32_t events)
{
	struct fb_control *c = arg;

	fb_http_process(c->http);
}

void fb_loop_health(void *arg, uint32_t events)
{
	struct fb_control *c = arg;

	fb_health_process(c->health);
}

static void tick(struct fb_control *c)
{
	c->tick_ms = c->now_ms + TICK_MS;
	fb_reconcile_hops(c, fb_neigh_tick(c->p.neigh, c->now_ms));
	fb_reconcile_tick(c);
	fb_health_process(c->health); /* connections that idle too long */
	fb_bounds_tick(c);
	fb_server_tick(c);
	fb_datapath_note_clock(c->p.datapath);
	fb_drain_tick(c);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Time until something is due that no descriptor reports. */
static uint64_t sleep_us(struct fb_control *c, uint64_t now_us)
{
	uint64_t us = now_us - c->punt_seen_us < BUSY_SPAN_US ? BUSY_US : IDLE_US;
	uint64_t due_ms = least(c->tick_ms, fb_sources_due_ms(c->sources));
	int64_t http_ms = c->http != NULL ? fb_http_timeout_ms(c->http) : -1;

	if (c->jobs != NULL)
		us = BUSY_US;
	if (due_ms <= c->now_ms || http_ms == 0 || fb_health_timeout_ms(c->health) == 0)
		return 0;
	return least(us, (due_ms - c->now_ms) * 1000);
}

/* Finer than a millisecond needs Linux 5.11; before that, a millisecond. */
static int wait(int epoll_fd, struct epoll_event *events, uint64_t us)
{
	struct timespec timeout = {.tv_nsec = (long)us * 1000};
	int n = epoll_pwait2(epoll_fd, events, EVENTS, &timeout, NULL);

	if (n < 0 && errno == ENOSYS)
		n = epoll_wait(epoll_fd, events, EVENTS, us == 0 ? 0 : 1);
	return n;
}

static int pass(struct fb_control *c)
{
	struct epoll_event events[EVENTS];
	uint64_t now_us = fb_control_clock_us();
	int n;

	c->now_ms = now_us / 1000;
	n = wait(c->epoll_fd, events, sleep_us(c, now_us));
	if (n < 0 && errno != EINTR)
		return -errno;
	now_us = fb_control_clock_us();
	c->now_ms = now_us / 1000;
	for (int i = 0; i < n; i++) {
		struct fb_watch *watch = events[i].data.ptr;

		watch->ready(watch->arg, events[i].events);
	}
	if (fb_shuttle_punts(c) > 0)
		c->punt_seen_us = now_us;
	fb_origins_read(c);
	poll_jobs(c);
	fb_last_good_work(c);
	fb_announce_send(c);
	fb_dns_server_poll(c->dns);
	fb_peer_poll(c->peer);
	if (c->snapshots_waiting > 0)
		c->snapshots_waiting = fb_rcu_reclaim(c->p.rcu);
	if (c->http != NULL && fb_http_timeout_ms(c->http) == 0)
		fb_http_process(c->http);
	if (fb_health_timeout_ms(c->health) == 0)
		fb_health_process(c->health);
	fb_shuttle_carriers(c);
	if (c->now_ms >= c->tick_ms)
		tick(c);
	fb_server_sweep(c);
	return 0;
}

int fb_control_run(struct fb_control *c)
{
	int ret = 0;

	c->running = true;
	c->now_ms = fb_control_clock_us() / 1000;
	fb_announce_all(c);
	fb_shuttle_carriers(c);
	if (c->p.ready != NULL)
		c->p.ready(c->p.arg);
	while (ret == 0 && !__atomic_load_n(&c->stop, __ATOMIC_RELAXED))
		ret = pass(c);
	c->running = false;
	return ret;
}

void fb_control_stop(struct fb_control *c)
{
	/* The loop never sleeps for longer than IDLE_US, so nobody has to be woken. */
	__atomic_store_n(&c->stop, true, __ATOMIC_RELAXED);
}
