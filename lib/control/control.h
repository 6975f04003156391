/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_CONTROL_H
#define FB_CONTROL_CONTROL_H

/*
 * The control thread: one event loop, and the only writer of the table.
 *
 * Manifests (watched with inotify), `forebayctl apply`, the kernel's routes and neighbours all end
 * here: objects -> desired -> table -> publish. It also moves frames between workers and kernel
 * twins, answers the control socket (control/protocol.md) and serves metrics.
 *
 * It never touches a flow table (it asks the owner, datapath/request.h), never blocks on a client, and
 * with nothing to do it sleeps.
 *
 * The order in which the daemon builds and takes apart:
 *
 *     neigh -> table -> rcu(fb_control_release, table) -> datapath -> control -> start the workers
 *     -> fb_control_run() -> stop the workers -> free control -> datapath -> rcu -> table -> neigh
 *
 * Thread: everything takes the control thread unless it says otherwise.
 */

#include <stdint.h>

#include "base/err.h"
#include "config/config.h"
#include "datapath/datapath.h"
#include "neigh/neigh.h"
#include "rcu/publish.h"
#include "table/write.h"
#include "twin/twin.h"

struct fb_control;

/* Everything is borrowed and must outlive the control object. */
struct fb_control_params {
	const struct fb_config *config;
	const char *version; /* "0.1.0" */
	struct fb_table *table; /* empty; control fills it */
	struct fb_rcu *rcu;     /* made with fb_control_release() and that table */
	struct fb_datapath *datapath;
	struct fb_neigh *neigh;
	struct fb_twin *const *twins; /* by port; entries may be NULL */
	uint32_t n_twins;
	/* One line, without newline; called on the control thread. */
	void (*log)(void *arg, enum fb_config_log level, const char *line);
	/* Called once from fb_control_run(), when the socket answers. May be NULL. */
	void (*ready)(void *arg);
	void *arg;
};

/** The fb_rcu_free_fn of the publisher: table is the struct fb_table, retired a snapshot of it. */
void fb_control_release(void *table, void *retired);

/**
 * Open the control socket, the metrics port and the watches, read all sources once, and publish the
 * first generation: workers that start afterwards find a snapshot. A source that is missing or wrong
 * is a warning; a socket or address that cannot be opened is an error.
 *
 * SIGTERM, SIGINT and SIGHUP must be blocked in every thread of the process (block them before
 * rte_eal_init()): control takes them from a signalfd. SIGHUP reads all sources again.
 *
 * @return NULL with errs filled
 */
struct fb_control *fb_control_create(const struct fb_control_params *params, struct fb_errs *errs);

/**
 * Run until SIGTERM, SIGINT or fb_control_stop(). Workers must be running.
 *
 * @return 0, or -errno when the loop itself failed
 */
int fb_control_run(struct fb_control *control);

/** Make fb_control_run() return. Thread: any; may be called from a signal handler. */
void fb_control_stop(struct fb_control *control);

/** Close the socket (its file is removed), the watches and the metrics port. NULL is fine. */
void fb_control_free(struct fb_control *control);

#endif
