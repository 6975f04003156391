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
#include "control/dns_server.h"
#include "control/file.h"
#include "control/last_good.h"
#include "desired/health.h"
#include "manifest/manifest.h"

int fb_reconcile_init(struct fb_control *c)
{
	int ret = fb_box_settings(c->p.config, &c->settings);

	if (ret != 0)
		return ret;
	c->store = fb_store_create();
	c->pool = fb_pool_create(c->p.config);
	c->source_missing = calloc(c->p.config->n_manifests + 1, sizeof(*c->source_missing));
	c->sources = fb_sources_open(c->p.config->manifests, c->p.config->n_manifests);
	if (c->store == NULL || c->pool == NULL || c->source_missing == NULL)
		return -ENOMEM;
	if (c->sources == NULL)
		return errno != 0 ? -errno : -ENOMEM;
	c->health = fb_health_open(c->settings.node_addresses, c->settings.n_node_addresses);
	if (c->health == NULL)
		return errno != 0 ? -errno : -ENOMEM;
	fb_allotted_load(c);
	ret = fb_names_open(c->p.config, c->p.table, &c->names);
	return ret != 0 ? ret : fb_box_stage(c->p.config, c->p.table);
}

static void conflict_fini(struct fb_conflict *conflict)
{
	free(conflict->namespace_);
	free(conflict->name);
	free(conflict->text);
}

void fb_reconcile_fini(struct fb_control *c)
{
	fb_last_good_flush(c);
	for (uint32_t i = 0; i < c->n_origins; i++) {
		free(c->origins[i].path);
		free(c->origins[i].good_text);
		fb_errs_fini(&c->origins[i].errs);
	}
	free(c->origins);
	for (uint32_t i = 0; i < c->n_conflicts; i++)
		conflict_fini(&c->conflicts[i]);
	free(c->conflicts);
	free(c->source_missing);
	fb_applied_fini(c);
	fb_names_close(c->names);
	fb_box_settings_free(&c->settings);
	fb_sources_close(c->sources);
	fb_store_free(c->store);
	fb_pool_free(c->pool);
	fb_health_close(c->health);
}

/* ---- publish ---- */

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

static struct fb_conflict *find_conflict(struct fb_control *c, const char *namespace_,
					 const char *name)
{
	for (uint32_t i = 0; i < c->n_conflicts; i++) {
		if (strcmp(c->conflicts[i].name, name) == 0 &&
		    strcmp(c->conflicts[i].namespace_, namespace_) == 0)
			return &c->conflicts[i];
	}
	return NULL;
}

static void add_conflict(struct fb_control *c, const char *namespace_, const char *name)
{
	struct fb_conflict conflict = {.namespace_ = strdup(namespace_), .name = strdup(name)};
	struct fb_conflict *v;

	v = reallocarray(c->conflicts, c->n_conflicts + 1, sizeof(*v));
	if (v != NULL)
		c->conflicts = v;
	if (v == NULL || conflict.namespace_ == NULL || conflict.name == NULL) {
		/* Not remembered: then everything is tried again. */
		conflict_fini(&conflict);
		c->retry = true;
		return;
	}
	v[c->n_conflicts++] = conflict;
}

/* A frontend of the Service that a younger one has; NULL: none. */
static const struct fb_service *younger_holder(const struct fb_control *c,
					       const struct fb_service_specs *specs,
					       const struct fb_object *object)
{
	for (uint32_t s = 0; s < specs->n; s++) {
		for (uint32_t f = 0; f < specs->v[s].n_frontends; f++) {
			const struct fb_frontend_spec *fe = &specs->v[s].frontends[f];
			const struct fb_service *holder = fb_table_holder(c->p.table, &fe->addr,
									  fe->port_be,
									  specs->v[s].proto);
			const struct fb_object *other =
				holder != NULL
					? fb_store_find(c->store, FB_KIND_SERVICE,
							holder->namespace_, holder->name, NULL)
					: NULL;

			/* One that does not say how old it is was here first, and stays. */
			if (other != NULL && other->meta.creation[0] != '\0' &&
			    fb_object_compare_age(object, other) < 0)
				return holder;
		}
	}
	return NULL;
}

/*
 * The older Service keeps an address, also where the younger one was read first. That one is staged again
 * after the rest, with what is left for it.
 */
static int take_from_younger(struct fb_control *c, const char *namespace_, const char *name,
			     const struct fb_service_specs *specs, struct fb_errs *errs)
{
	const struct fb_object *object =
		fb_store_find(c->store, FB_KIND_SERVICE, namespace_, name, NULL);
	const struct fb_service *holder;
	int ret = 0;

	while (ret == 0 && errs->n_errors > 0 &&
	       (holder = younger_holder(c, specs, object)) != NULL) {
		if (find_conflict(c, holder->namespace_, holder->name) == NULL)
			add_conflict(c, holder->namespace_, holder->name);
		ret = fb_table_set_service(c->p.table, holder->namespace_, holder->name, NULL, 0,
					   specs->place, errs);
		fb_errs_fini(errs);
		/* What is staged as it was would not ask for the address again. */
		if (ret == 0)
			ret = fb_table_set_service(c->p.table, namespace_, name, NULL, 0,
						   specs->place, errs);
		if (ret == 0)
			ret = fb_table_set_service(c->p.table, namespace_, name, specs->v, specs->n,
						   specs->place, errs);
	}
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
		ret = take_from_younger(c, namespace_, name, &specs, &own);
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
			conflict_fini(conflict);
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
			if (find_conflict(c, view.namespace_, view.name) == NULL)
				add_conflict(c, view.namespace_, view.name);
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

/* ---- files ---- */

static struct fb_origin *find_origin(struct fb_control *c, const char *path)
{
	for (uint32_t i = 0; i < c->n_origins; i++) {
		if (strcmp(c->origins[i].path, path) == 0)
			return &c->origins[i];
	}
	return NULL;
}

static struct fb_origin *add_origin(struct fb_control *c, uint32_t source, const char *path)
{
	struct fb_origin *origin = find_origin(c, path);

	if (origin != NULL)
		return origin;
	if (c->n_origins == c->origins_cap) {
		uint32_t cap = c->origins_cap != 0 ? c->origins_cap * 2 : 16;
		struct fb_origin *v = reallocarray(c->origins, cap, sizeof(*v));

		if (v == NULL)
			return NULL;
		c->origins = v;
		c->origins_cap = cap;
	}
	origin = &c->origins[c->n_origins];
	*origin = (struct fb_origin){.path = strdup(path), .source = source, .unseen = true};
	if (origin->path == NULL)
		return NULL;
	c->n_origins++;
	return origin;
}

/* Take what the file said when it was last good. @return whether there was something */
static bool restore(struct fb_control *c, struct fb_origin *origin)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_store_change change = {
		.origin = origin->path,
		.objects = &objects,
		.how = FB_STORE_REPLACE,
	};
	size_t len = 0;
	char *text = fb_last_good_read(c, origin->path, &len);
	int ret = text != NULL ? fb_manifest_parse(origin->path, text, len, &objects, &errs) : -ENOENT;

	free(text);
	if (ret == 0)
		ret = fb_store_apply(c->store, &change, &errs, NULL);
	origin->from_copy = ret == 0;
	if (ret == 0)
		fb_control_log(c, FB_LOG_WARNING,
			       "%s: what it said when it was last good is in force (a copy in %s/sources)",
			       origin->path, c->p.config->state_dir);
	fb_errs_fini(&errs);
	fb_objects_fini(&objects);
	return ret == 0;
}

/* An error that is read again and again, as of a file that nobody may read, is told once. */
static bool is_told(const struct fb_origin *origin, const struct fb_errs *errs)
{
	const struct fb_errs *old = &origin->errs;

	return origin->unread && errs->n == 1 && old->n == 1 &&
	       strcmp(errs->v[0].text, old->v[0].text) == 0;
}

/*
 * @return whether that was all: false if it has to be tried again, because no memory or descriptor was
 *         left, or the file may not be read for now
 */
static bool read_file(struct fb_control *c, struct fb_origin *origin)
{
	const struct fb_config_source *source = &c->p.config->manifests[origin->source];
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_store_change change = {
		.origin = origin->path,
		.objects = &objects,
		.how = FB_STORE_REPLACE,
		.all_or_nothing = source->all_or_nothing,
	};
	char *text = NULL;
	size_t len = 0;
	bool unread;
	int ret;

	ret = fb_file_read(origin->path, &text, &len, &errs);
	if (ret == -ENOENT) {
		/* Gone between the event and now: the event of its going is on its way. */
		fb_errs_fini(&errs);
		return true;
	}
	unread = ret != 0;
	if (ret == 0)
		ret = fb_manifest_parse(origin->path, text, len, &objects, &errs);
	/* With errors it changes what was good, as it would have had forebay run all the time. */
	if (origin->unseen && !origin->from_copy && (ret != 0 || errs.n_errors > 0))
		(void)restore(c, origin);
	origin->unseen = false;
	if (ret == 0) {
		/* A file that will be refused as a whole takes nothing over. */
		if (!source->all_or_nothing || errs.n_errors == 0)
			fb_applied_yield(c, &objects, &errs);
		ret = fb_store_apply(c->store, &change, &errs, NULL);
	}
	if (ret != 0 && errs.n_errors == 0)
		fb_errs_add(&errs, (struct fb_place){.file = origin->path}, FB_SEV_ERROR, "%s",
			    strerror(-ret));
	origin->incomplete = objects.incomplete || ret != 0;
	origin->from_copy &= errs.n_errors > 0;
	if (errs.n_errors == 0)
		fb_last_good_note(origin, text, len);
	else
		free(text);
	origin->gone = false;
	origin->mended = errs.n_errors == 0 && (origin->n_errors > 0 || origin->mended);
	origin->n_errors = (uint32_t)errs.n_errors;
	if (!is_told(origin, &errs)) {
		c->reloads++;
		c->reloads_refused += errs.n_errors > 0;
		fb_reconcile_log(c, &errs);
	}
	fb_errs_fini(&origin->errs);
	origin->errs = errs;
	origin->unread = unread || ret == -ENOMEM;
	c->batch_starved |= ret == -ENOMEM;
	fb_objects_fini(&objects);
	return !origin->unread;
}

static bool file_changed(void *arg, uint32_t source, const char *path, bool present)
{
	struct fb_control *c = arg;
	struct fb_origin *origin;

	c->batch_touched = true;
	origin = present ? add_origin(c, source, path) : find_origin(c, path);
	if (origin == NULL) {
		if (present)
			fb_control_log(c, FB_LOG_ERROR, "%s: out of memory; trying again", path);
		return !present;
	}
	if (present)
		return read_file(c, origin);
	origin->gone = true;
	return true;
}

/* The source is the file itself, or the directory that it is in. */
static bool is_of_source(const struct fb_control *c, uint32_t source, const char *path)
{
	const char *dir = c->p.config->manifests[source].path;
	size_t len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	return strncmp(path, dir, len) == 0 &&
	       (path[len] == '\0' || (path[len] == '/' && strchr(path + len + 1, '/') == NULL));
}

static void restore_if_missing(struct fb_control *c, const char *path)
{
	for (uint32_t i = 0; i < c->p.config->n_manifests; i++) {
		struct fb_origin *origin;

		if (!c->source_missing[i] || !is_of_source(c, i, path) ||
		    find_origin(c, path) != NULL)
			continue;
		origin = add_origin(c, i, path);
		if (origin == NULL || restore(c, origin))
			continue;
		/* The copy was cut short: nothing is known of that file. */
		fb_last_good_forget(c, path);
		free(origin->path);
		c->n_origins--;
	}
}

/* The source is there, and the file is not: it was taken away while nobody looked. */
static void forget_if_gone(struct fb_control *c, const char *path)
{
	bool missing = false;

	for (uint32_t i = 0; i < c->p.config->n_manifests; i++)
		missing |= c->source_missing[i] && is_of_source(c, i, path);
	if (!missing && find_origin(c, path) == NULL)
		fb_last_good_forget(c, path);
}

void fb_reconcile_last_good(struct fb_control *c)
{
	fb_last_good_each(c, restore_if_missing);
	fb_last_good_each(c, forget_if_gone);
}

/* Known from a copy alone, and the source is there again without it. */
static void mark_unseen_gone(struct fb_control *c)
{
	for (uint32_t i = 0; i < c->n_origins; i++)
		c->origins[i].gone |= c->origins[i].unseen && !c->source_missing[c->origins[i].source];
}

static void source_missing(void *arg, uint32_t source, int error)
{
	struct fb_control *c = arg;
	const struct fb_snapshot *snap = fb_control_snapshot(c);
	const char *path = c->p.config->manifests[source].path;

	c->source_missing[source] = error != 0;
	if (error == 0)
		fb_control_log(c, FB_LOG_NOTICE, "%s: is there again", path);
	else
		fb_control_log(c, FB_LOG_WARNING,
			       "%s: %s; generation %" PRIu64 " stays in force, waiting for it",
			       path, strerror(error), snap != NULL ? snap->generation : 0);
}

/*
 * Files that are gone take their objects along, except while a file of the same source cannot be
 * read to its end: what vanished may be what that file would say. So a directory that is replaced by a
 * broken one changes nothing.
 */
static void drop_gone(struct fb_control *c)
{
	for (uint32_t i = 0; i < c->n_origins; i++) {
		struct fb_origin *origin = &c->origins[i];
		bool broken = false;

		if (!origin->gone)
			continue;
		for (uint32_t j = 0; j < c->n_origins; j++)
			broken |= c->origins[j].source == origin->source && !c->origins[j].gone &&
				  c->origins[j].incomplete;
		if (broken) {
			fb_control_log(
				c, FB_LOG_WARNING,
				"%s: is gone, but stays in force while another file beside it "
				"cannot be read",
				origin->path);
			continue;
		}
		fb_store_remove_origin(c->store, origin->path);
		fb_last_good_forget(c, origin->path);
		free(origin->good_text);
		free(origin->path);
		fb_errs_fini(&origin->errs);
		*origin = c->origins[--c->n_origins];
		i--;
	}
}

/* Who read of an error in the log finds its end there too, and with which generation. */
static void tell_mended(struct fb_control *c)
{
	const struct fb_snapshot *snap = fb_control_snapshot(c);

	for (uint32_t i = 0; i < c->n_origins && snap != NULL; i++) {
		if (c->origins[i].mended)
			fb_control_log(c, FB_LOG_NOTICE, "%s: is good again, generation %" PRIu64,
				       c->origins[i].path, snap->generation);
		c->origins[i].mended = false;
	}
}

void fb_reconcile_sources(struct fb_control *c)
{
	const struct fb_sources_handler handler = {
		.file = file_changed,
		.missing = source_missing,
		.arg = c,
	};
	struct fb_errs errs = FB_ERRS_INIT;

	c->batch_touched = false;
	c->batch_starved = false;
	if (!fb_sources_report(c->sources, c->now_ms, &handler) || !c->batch_touched)
		return;
	/* What a file takes over from apply is out of the store, and not in again: nobody may see that. */
	if (c->batch_starved && c->running)
		return;
	mark_unseen_gone(c);
	drop_gone(c);
	if (c->running)
		fb_allotted_settle(c);
	fb_reconcile_services(c, "the manifests", &errs);
	fb_reconcile_log(c, &errs);
	tell_mended(c);
	fb_errs_fini(&errs);
}
