/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/reconcile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "box/box.h"
#include "control/allotted.h"
#include "control/announce.h"
#include "control/applied.h"
#include "control/conflict.h"
#include "control/dns_server.h"
#include "control/last_good.h"
#include "control/origin.h"
#include "desired/health.h"

int fb_reconcile_init(struct fb_control *c)
{
	int ret = fb_box_settings(c->p.config, &c->settings);

	if (ret != 0)
		return ret;
	c->store = fb_store_create();
	c->pool = fb_pool_create(c->p.config);
	if (c->store == NULL || c->pool == NULL)
		return -ENOMEM;
	ret = fb_origins_init(c);
	if (ret != 0)
		return ret;
	c->health = fb_health_open(c->settings.node_addresses, c->settings.n_node_addresses);
	if (c->health == NULL)
		return errno != 0 ? -errno : -ENOMEM;
	fb_allotted_load(c);
	ret = fb_names_open(c->p.config, c->p.table, &c->names);
	return ret != 0 ? ret : fb_box_stage(c->p.config, c->p.table);
}

void fb_reconcile_fini(struct fb_control *c)
{
	fb_last_good_flush(c);
	fb_origins_fini(c);
	for (uint32_t i = 0; i < c->n_conflicts; i++)
		fb_conflict_fini(&c->conflicts[i]);
	free(c->conflicts);
	fb_applied_fini(c);
	fb_names_close(c->names);
	fb_box_settings_free(&c->settings);
	fb_store_free(c->store);
	fb_pool_free(c->pool);
	fb_health_close(c->health);
}

void fb_reconcile_log(struct fb_control *c, const struct fb_errs *errs)
{
	const struct fb_snapshot *snap = fb_control_snapshot(c);
	uint64_t generation = snap != NULL ? snap->generation : 0;

	for (size_t i = 0; i < errs->n; i++) {
		char text[1024];

		(void)fb_err_format(&errs->v[i], text, sizeof(text));
		if (errs->v[i].severity == FB_SEV_NOTICE)
			fb_control_log(c, FB_LOG_NOTICE, "%s", text);
		else
			fb_control_log(c, FB_LOG_WARNING,
				       "%s; generation %" PRIu64 " stays in force for it", text,
				       generation);
	}
	if (errs->lost)
		fb_control_log(c, FB_LOG_WARNING, "some messages were lost for lack of memory");
}

static void drop_staged(struct fb_control *c)
{
	fb_table_abort(c->p.table);
	fb_names_abort(c->names);
}

/* @return 0: a new generation is in force; -EALREADY: it would say the same; -errno: tried again */
static int publish(struct fb_control *c)
{
	struct fb_snapshot *snap;
	int ret;

	fb_table_set_now(c->p.table, fb_datapath_now_s(c->p.datapath));
	snap = fb_table_commit(c->p.table);
	ret = snap == NULL ? -errno : 0;

	if (ret == -EALREADY)
		return ret;
	if (ret == 0) {
		ret = fb_rcu_publish(c->p.rcu, snap);
		if (ret != 0)
			fb_snapshot_release(c->p.table, snap);
	} else {
		drop_staged(c);
	}
	if (ret != 0) {
		fb_control_log(c, FB_LOG_ERROR, "cannot publish a generation: %s; trying again",
			       strerror(-ret));
		c->retry = true;
		return ret;
	}
	c->snapshots_waiting = fb_rcu_reclaim(c->p.rcu);
	fb_dns_server_sync(c->dns);
	return 0;
}

/* Addresses that come with this generation; the old snapshot is still in force. */
static void queue_announcements(struct fb_control *c, const struct fb_service_specs *specs)
{
	const struct fb_snapshot *old = fb_control_snapshot(c);

	if (!c->running || old == NULL)
		return; /* fb_control_run() announces everything */
	for (uint32_t s = 0; s < specs->n; s++) {
		for (uint32_t f = 0; f < specs->v[s].n_frontends; f++) {
			const struct fb_frontend_spec *fe = &specs->v[s].frontends[f];

			if ((c->p.config->announce_kinds & (1u << fe->kind)) != 0 &&
			    (fb_table_address(old, &fe->addr) & FB_ADDR_ANNOUNCE) == 0)
				fb_announce_add(c, &fe->addr);
		}
	}
}

/* Load balancers that ask are told what is about to be in force. */
static int check_health(struct fb_control *c, const char *namespace_, const char *name,
			struct fb_errs *errs)
{
	struct fb_desired_health health;
	int ret = fb_desired_health(c->store, c->settings.node_name, namespace_, name, &health);

	if (ret == 0)
		fb_health_set(c->health, namespace_, name, health.port, health.n_endpoints, errs);
	return ret;
}

static int stage(struct fb_control *c, const char *namespace_, const char *name,
		 struct fb_errs *errs)
{
	struct fb_errs own = FB_ERRS_INIT;
	struct fb_service_specs specs;
	int ret;

	ret = fb_desired_build(c->store, &c->settings, namespace_, name, &specs, errs);
	if (ret != 0)
		return ret;
	ret = fb_table_set_service(c->p.table, namespace_, name, specs.v, specs.n, specs.place,
				   &own);
	if (ret == 0 && own.n_errors > 0)
		ret = fb_conflict_take_from_younger(c, namespace_, name, &specs, &own);
	fb_errs_move(errs, &own);
	if (ret == 0)
		queue_announcements(c, &specs);
	/* What does not fit into the table has its name all the same. */
	if (ret == 0 || ret == -ENOSPC) {
		int names = 0;

		if (name != c->late_name)
			names = fb_names_stage(c->names, c->store, namespace_, name, &specs, errs);
		if (names == 0)
			names = check_health(c, namespace_, name, errs);
		ret = names != 0 ? names : ret;
	}
	fb_service_specs_free(&specs);
	return ret;
}

/*
 * A Service that the table refused in part may have been refused because of one that left in this
 * very generation, or leaves in a later one: so all of them are staged again, after the rest.
 */
static int stage_conflicts(struct fb_control *c, struct fb_errs *errs)
{
	uint32_t i = 0;

	while (i < c->n_conflicts) {
		struct fb_conflict *conflict = &c->conflicts[i];
		struct fb_errs again = FB_ERRS_INIT;
		const char *text = NULL;
		int ret = stage(c, conflict->namespace_, conflict->name, &again);

		if (ret != 0 && ret != -ENOSPC) {
			fb_errs_fini(&again);
			return ret;
		}
		for (size_t e = 0; e < again.n && text == NULL; e++) {
			if (again.v[e].severity == FB_SEV_ERROR)
				text = again.v[e].text;
		}
		if (again.n_errors == 0) {
			fb_errs_fini(&again);
			fb_conflict_fini(conflict);
			*conflict = c->conflicts[--c->n_conflicts];
			continue;
		}
		if (text != NULL && (conflict->text == NULL || strcmp(conflict->text, text) != 0)) {
			free(conflict->text);
			conflict->text = strdup(text);
			fb_errs_move(errs, &again);
		}
		fb_errs_fini(&again);
		i++;
	}
	return 0;
}

/*
 * A slice of a Service with very many endpoints: packets need not wait until all their names are written
 * again. At the start, and where more has changed at a time, names come along.
 */
static void choose_late(struct fb_control *c)
{
	struct fb_store_view view;

	c->late_namespace = NULL;
	c->late_name = NULL;
	if (!c->running || fb_store_n_dirty(c->store) != 1)
		return;
	fb_store_service_view(fb_store_dirty_next(c->store, NULL), &view);
	if (!fb_names_may_wait(c->names, c->store, view.namespace_, view.name))
		return;
	c->late_namespace = view.namespace_;
	c->late_name = view.name;
}

/* @return as publish() */
static int publish_late(struct fb_control *c, struct fb_errs *errs)
{
	int ret = fb_names_stage(c->names, c->store, c->late_namespace, c->late_name, NULL, errs);

	if (ret == 0)
		return publish(c);
	drop_staged(c);
	c->retry = true;
	fb_control_log(c, FB_LOG_ERROR, "names of %s/%s: %s; trying again", c->late_namespace,
		       c->late_name, strerror(-ret));
	return ret;
}

static int stage_dirty(struct fb_control *c, struct fb_errs *errs)
{
	struct fb_store_service *service = NULL;

	fb_store_sort_dirty(c->store);
	choose_late(c);
	while ((service = fb_store_dirty_next(c->store, service)) != NULL) {
		struct fb_errs own = FB_ERRS_INIT;
		struct fb_store_view view;
		int ret;

		fb_store_service_view(service, &view);
		ret = stage(c, view.namespace_, view.name, &own);
		if (own.n_errors > 0) {
			/* Errors are told by the second try, if it fails too. */
			if (fb_conflict_find(c, view.namespace_, view.name) == NULL)
				fb_conflict_add(c, view.namespace_, view.name);
			fb_errs_fini(&own);
		} else {
			fb_errs_move(errs, &own);
		}
		if (ret != 0 && ret != -ENOSPC)
			return ret;
	}
	return stage_conflicts(c, errs);
}

static bool has_copies(const struct fb_control *c, uint32_t source)
{
	for (uint32_t i = 0; i < c->n_origins; i++) {
		if (c->origins[i].source == source && c->origins[i].from_copy)
			return true;
	}
	return false;
}

/* Once all sources were there and whole (or are known from copies), a later fault leaves what was read in force. */
static bool is_synced(struct fb_control *c)
{
	bool good = fb_store_n_objects(c->store, FB_KIND_SERVICE) > 0;

	for (uint32_t i = 0; i < c->p.config->n_manifests; i++)
		good &= !c->source_missing[i] || has_copies(c, i);
	for (uint32_t i = 0; i < c->n_origins; i++)
		good &= !c->origins[i].incomplete;
	c->synced |= good;
	return c->synced;
}

void fb_reconcile_services(struct fb_control *c, const char *why, struct fb_errs *errs)
{
	size_t n_dirty = fb_store_n_dirty(c->store);
	const struct fb_snapshot *snap;
	int ret;

	/* Names are also of namespaces and pods, which need not touch a Service. */
	if (n_dirty == 0 && fb_control_snapshot(c) != NULL && c->names == NULL)
		return;
	ret = fb_pool_allot(c->pool, c->store, errs);
	/* Before anybody can have seen it. */
	if (ret == 0)
		fb_allotted_keep(c);
	if (ret == 0)
		ret = stage_dirty(c, errs);
	if (ret == 0)
		ret = fb_names_settle(c->names, c->store, is_synced(c), (uint32_t)time(NULL));
	if (ret != 0) {
		drop_staged(c);
		c->retry = true;
		fb_control_log(c, FB_LOG_ERROR, "%s: %s; trying again", why, strerror(-ret));
		return;
	}
	ret = publish(c);
	if (ret == 0) {
		snap = fb_control_snapshot(c);
		fb_control_log(c, FB_LOG_INFO, "generation %" PRIu64 ": %zu Services changed by %s",
			       snap->generation, n_dirty, why);
	}
	if (c->late_name != NULL && (ret == 0 || ret == -EALREADY))
		ret = publish_late(c, errs);
	/*
	 * After a failed publish everything is built again, see fb_reconcile_tick(); and what has left the
	 * store is only known of by being dirty.
	 */
	if (ret == 0 || ret == -EALREADY)
		fb_store_clear_dirty(c->store);
}

void fb_reconcile_hops(struct fb_control *c, uint32_t changes)
{
	if ((changes & FB_NEIGH_ROUTES) != 0)
		fb_table_reroute(c->p.table);
	if ((changes & FB_NEIGH_HOPS) != 0)
		fb_table_rehop(c->p.table);
	if (changes != 0)
		(void)publish(c);
}

static uint64_t live_flows(void *arg, uint32_t ep_id)
{
	struct fb_control *c = arg;
	struct fb_endpoint_counters counters;

	fb_datapath_endpoint_counters(c->p.datapath, ep_id, &counters);
	return counters.live;
}

void fb_reconcile_tick(struct fb_control *c)
{
	struct fb_errs errs = FB_ERRS_INIT;

	fb_table_reap(c->p.table, live_flows, c);
	c->snapshots_waiting = fb_rcu_reclaim(c->p.rcu);
	if (c->allotted_failed)
		fb_allotted_keep(c);
	fb_applied_retry(c);
	fb_table_set_now(c->p.table, fb_datapath_now_s(c->p.datapath));
	fb_table_pass_time(c->p.table);
	if (!c->retry) {
		/* If anybody's time is up; else there is nothing to publish. */
		(void)publish(c);
		return;
	}
	c->retry = false;
	if (fb_box_stage(c->p.config, c->p.table) != 0) {
		c->retry = true;
		return;
	}
	fb_store_dirty_all(c->store);
	fb_reconcile_services(c, "a second try", &errs);
	fb_reconcile_log(c, &errs);
	fb_errs_fini(&errs);
}
