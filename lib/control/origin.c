/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Where objects come from: files of the sources, each with what it said when it was last good.
 */

#include "control/origin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "control/allotted.h"
#include "control/applied.h"
#include "control/file.h"
#include "control/last_good.h"
#include "control/reconcile.h"
#include "manifest/manifest.h"

int fb_origins_init(struct fb_control *c)
{
	c->source_missing = calloc(c->p.config->n_manifests + 1, sizeof(*c->source_missing));
	if (c->source_missing == NULL)
		return -ENOMEM;
	c->sources = fb_sources_open(c->p.config->manifests, c->p.config->n_manifests);
	if (c->sources == NULL)
		return errno != 0 ? -errno : -ENOMEM;
	return 0;
}

void fb_origins_fini(struct fb_control *c)
{
	for (uint32_t i = 0; i < c->n_origins; i++) {
		free(c->origins[i].path);
		free(c->origins[i].good_text);
		fb_errs_fini(&c->origins[i].errs);
	}
	free(c->origins);
	free(c->source_missing);
	fb_sources_close(c->sources);
}

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

void fb_origins_restore(struct fb_control *c)
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

void fb_origins_read(struct fb_control *c)
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
