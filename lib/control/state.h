/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_STATE_H
#define FB_CONTROL_STATE_H

/*
 * What the files of lib/control share: the control object, and who owns which part of it.
 * Not for anybody outside this folder.
 */

#include <stdarg.h>

#include "box/names.h"
#include "control/control.h"
#include "control/source.h"
#include "desired/desired.h"
#include "health/health.h"
#include "metrics/http.h"
#include "model/store.h"
#include "pool/pool.h"

struct fb_dns_server;
struct fb_peer;

/* One descriptor of the loop. */
struct fb_watch {
	int fd;
	void (*ready)(void *arg, uint32_t events);
	void *arg;
};

struct fb_twin_watch {
	struct fb_watch watch;
	struct fb_control *control;
	uint16_t port;
};

/* Workers answer within a burst. One that has not for so long is held up, and is not waited for. A guess. */
#define FB_WORKER_PATIENCE_MS 2000

/* Work that waits for workers; polled by the loop. */
struct fb_job {
	struct fb_job *next;
	/* @return true when it is over: the job is freed by then and must not be touched */
	bool (*poll)(struct fb_control *c, struct fb_job *job);
	/* The loop ends first: give everything back. Workers have stopped. */
	void (*cancel)(struct fb_job *job);
};

/* What is known about one manifest file. Owned by origin.c. */
struct fb_origin {
	char *path;
	uint32_t source;
	uint32_t n_errors;
	bool unread;     /* could not be read at all, or for lack of memory: tried again */
	bool incomplete; /* could not be read to its end: nothing may be taken as removed */
	bool gone;       /* the file is gone; what it said stays until its source is whole */
	bool mended;     /* its last reading had no errors and the one before had; not yet told */
	bool from_copy;  /* what is in force comes from its last good copy, for want of the file */
	bool unseen;     /* so far only known from its copy */
	char *good_text; /* to be copied: last_good.c */
	size_t good_len;
	struct fb_errs errs; /* of its last reading */
};

/* A Service that the table refused in part, to be tried again when others have changed. */
struct fb_conflict {
	char *namespace_;
	char *name;
	char *text; /* what was logged, so that it is not logged again */
};

/* An object that was applied or deleted, of which its file does not tell; tried again each second. */
struct fb_unkept {
	enum fb_object_kind kind;
	char *namespace_;
	char *name;
};

struct fb_announcement {
	struct fb_addr addr;
	uint64_t due_ms;
	uint32_t left; /* times */
};

struct fb_control {
	struct fb_control_params p;
	int epoll_fd;
	bool stop; /* atomic: set from a signal handler or another thread */
	bool running; /* workers run: frames can be sent */
	bool draining;	 /* drain.c: no new flows */
	bool drain_over; /* nothing is left to wait for */
	uint64_t drain_until_ms;
	uint64_t now_ms; /* monotonic, read once a pass */
	uint64_t tick_ms; /* next second */
	double start_time_s;
	uint64_t start_ms;

	int signal_fd;
	struct fb_watch signal_watch;
	struct fb_watch neigh_watch;
	struct fb_watch source_watch;
	struct fb_watch http_watch;
	struct fb_watch health_watch;
	struct fb_twin_watch twin_watch[FB_CONFIG_MAX_PORTS];

	/* reconcile.c */
	struct fb_store *store;
	struct fb_pool *pool; /* what Services were allotted; allotted.c moves it to a file and back */
	bool allotted_failed; /* the file could not be written; told once */
	bool allotted_settled; /* all sources were read since the start */
	struct fb_unkept *unkept; /* applied.c: objects whose files could not be written or removed */
	uint32_t n_unkept;
	struct fb_desired_settings settings;
	struct fb_names *names; /* NULL: DNS is off */
	bool synced;		/* all sources have been read whole, once */
	struct fb_sources *sources;
	struct fb_origin *origins;
	uint32_t n_origins;
	uint32_t origins_cap;
	struct fb_conflict *conflicts;
	uint32_t n_conflicts;
	bool *source_missing; /* by source */
	bool last_good_failed; /* a copy could not be written; told once */
	bool batch_touched;   /* the batch being read has read something */
	bool batch_starved;   /* of it something could not be read for lack of memory */
	bool retry;           /* a commit failed for lack of memory: try again */
	/* While Services are staged: the one whose names follow in a generation of their own; NULL: none. */
	const char *late_namespace;
	const char *late_name;
	uint64_t reloads;
	uint64_t reloads_refused;
	uint32_t snapshots_waiting;

	/* announce.c */
	struct fb_announcement *announcements;
	uint32_t n_announcements;
	uint32_t announcements_cap;

	/* shuttle.c */
	uint64_t punt_seen_us;
	uint64_t twin_drops;
	uint8_t *frame; /* one frame, linear */
	bool link_up[FB_CONFIG_MAX_PORTS];
	bool link_missing;   /* some port's is down */
	uint64_t carrier_ms; /* when links are looked at again */

	/* bounds.c: what was said last of each worker */
	uint8_t levels[FB_CONFIG_MAX_WORKERS][FB_BOUND_COUNT];
	struct fb_level_state buffers; /* of the pool */

	/* server.c */
	struct fb_server *server;
	struct fb_job *jobs;

	struct fb_http *http;

	struct fb_peer *peer; /* NULL: there is none */

	/* dns_server.c, dns_pending.c */
	struct fb_dns_server *dns; /* NULL: DNS is off, or there is no twin */
	uint64_t dns_forwarded;
	uint64_t dns_failed;
	struct fb_health *health; /* reconcile.c says what it answers */
};

/** One line to the log. */
void fb_control_log(const struct fb_control *c, enum fb_config_log level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** Follow a descriptor. watch must live until fb_control_unwatch(). @return 0 or -errno */
int fb_control_watch(struct fb_control *c, struct fb_watch *watch, uint32_t events);
int fb_control_rewatch(struct fb_control *c, struct fb_watch *watch, uint32_t events);
void fb_control_unwatch(struct fb_control *c, struct fb_watch *watch);

/** Monotonic; now_ms is this clock as of the beginning of the pass. */
uint64_t fb_control_clock_us(void);

/** Put a job on the list. */
void fb_control_add_job(struct fb_control *c, struct fb_job *job);

/** The snapshot in force; NULL before the first. */
const struct fb_snapshot *fb_control_snapshot(const struct fb_control *c);

/** Name of a port index; "" if there is none. */
const char *fb_control_port_name(const struct fb_control *c, uint32_t port);

#endif
