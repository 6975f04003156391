/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/applied.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/file.h"
#include "control/reconcile.h"
#include "manifest/manifest.h"

static bool applied_dir(const struct fb_control *c, char dir[PATH_MAX])
{
	int len = snprintf(dir, PATH_MAX, "%s/applied", c->p.config->state_dir);

	return len > 0 && len < PATH_MAX;
}

/* Names are DNS labels or subdomains, so neither part has an underscore or a slash. */
static bool file_name(char buf[NAME_MAX + 1], enum fb_object_kind kind, const char *namespace_,
		      const char *name)
{
	int len = snprintf(buf, NAME_MAX + 1, "%s_%s_%s.json", fb_object_kind_names[kind],
			   namespace_, name);

	return len > 0 && len <= NAME_MAX && strchr(buf, '/') == NULL;
}

static int write_file(struct fb_control *c, const struct fb_object *object)
{
	char dir[PATH_MAX];
	char name[NAME_MAX + 1];
	char *text;
	int ret;

	if (!applied_dir(c, dir) ||
	    !file_name(name, object->kind, object->meta.namespace_, object->meta.name))
		return -ENAMETOOLONG;
	ret = fb_file_make_dir(dir);
	if (ret != 0)
		return ret;
	text = fb_manifest_write(object);
	if (text == NULL)
		return -ENOMEM;
	ret = fb_file_replace(dir, name, text, strlen(text));
	free(text);
	return ret;
}

static int remove_file(struct fb_control *c, enum fb_object_kind kind, const char *namespace_,
		       const char *name)
{
	char dir[PATH_MAX];
	char file[NAME_MAX + 1];

	if (!applied_dir(c, dir) || !file_name(file, kind, namespace_, name))
		return -ENAMETOOLONG;
	return fb_file_remove(dir, file);
}

/* ---- what could not be kept ---- */

static void unkept_fini(struct fb_unkept *unkept)
{
	free(unkept->namespace_);
	free(unkept->name);
}

void fb_applied_fini(struct fb_control *c)
{
	for (uint32_t i = 0; i < c->n_unkept; i++)
		unkept_fini(&c->unkept[i]);
	free(c->unkept);
	c->unkept = NULL;
	c->n_unkept = 0;
}

static struct fb_unkept *find_unkept(struct fb_control *c, enum fb_object_kind kind,
				     const char *namespace_, const char *name)
{
	for (uint32_t i = 0; i < c->n_unkept; i++) {
		if (c->unkept[i].kind == kind && strcmp(c->unkept[i].name, name) == 0 &&
		    strcmp(c->unkept[i].namespace_, namespace_) == 0)
			return &c->unkept[i];
	}
	return NULL;
}

static void add_unkept(struct fb_control *c, enum fb_object_kind kind, const char *namespace_,
		       const char *name)
{
	struct fb_unkept unkept = {kind, strdup(namespace_), strdup(name)};
	struct fb_unkept *v = NULL;

	if (unkept.namespace_ != NULL && unkept.name != NULL)
		v = reallocarray(c->unkept, c->n_unkept + 1, sizeof(*v));
	if (v == NULL) {
		/* The answer has said that it is not kept. */
		unkept_fini(&unkept);
		return;
	}
	c->unkept = v;
	v[c->n_unkept++] = unkept;
}

static void drop_unkept(struct fb_control *c, struct fb_unkept *unkept)
{
	unkept_fini(unkept);
	*unkept = c->unkept[--c->n_unkept];
	if (c->n_unkept == 0)
		fb_control_log(c, FB_LOG_NOTICE, "%s/applied: is written again",
			       c->p.config->state_dir);
}

/* An error that time may mend is one to try again. */
static void note(struct fb_control *c, enum fb_object_kind kind, const char *namespace_,
		 const char *name, int ret)
{
	struct fb_unkept *unkept = find_unkept(c, kind, namespace_, name);

	if (ret == 0 && unkept != NULL)
		drop_unkept(c, unkept);
	else if (ret != 0 && ret != -ENAMETOOLONG && unkept == NULL)
		add_unkept(c, kind, namespace_, name);
}

/* What is in force of it by apply: its file says so; else there is none. */
static int settle(struct fb_control *c, const struct fb_unkept *unkept)
{
	const char *origin = NULL;
	const struct fb_object *object =
		fb_store_find(c->store, unkept->kind, unkept->namespace_, unkept->name, &origin);

	if (object != NULL && strcmp(origin, FB_APPLIED_ORIGIN) == 0)
		return write_file(c, object);
	return remove_file(c, unkept->kind, unkept->namespace_, unkept->name);
}

void fb_applied_retry(struct fb_control *c)
{
	/* Each is a write to the disk: what fails again ends it, and a hundred are enough for once. */
	for (uint32_t n = 0; n < 100 && c->n_unkept > 0; n++) {
		struct fb_unkept *unkept = &c->unkept[c->n_unkept - 1];

		if (settle(c, unkept) != 0)
			return;
		drop_unkept(c, unkept);
	}
}

/* ---- */

int fb_applied_keep(struct fb_control *c, const struct fb_object *object)
{
	int ret = write_file(c, object);

	note(c, object->kind, object->meta.namespace_, object->meta.name, ret);
	return ret;
}

int fb_applied_forget(struct fb_control *c, enum fb_object_kind kind, const char *namespace_,
		      const char *name)
{
	int ret = remove_file(c, kind, namespace_, name);

	note(c, kind, namespace_, name, ret);
	return ret;
}

/* Leave out what a file defines already. */
static void merge(struct fb_control *c, const struct fb_objects *objects, struct fb_errs *errs)
{
	struct fb_objects mine = FB_OBJECTS_INIT;
	struct fb_store_change change = {
		.origin = FB_APPLIED_ORIGIN,
		.objects = &mine,
		.how = FB_STORE_MERGE,
	};

	for (size_t i = 0; i < objects->n; i++) {
		struct fb_object *o = objects->v[i];
		const char *origin;

		if (fb_store_find(c->store, o->kind, o->meta.namespace_, o->meta.name, &origin) !=
		    NULL) {
			fb_errs_add(errs, o->place, FB_SEV_NOTICE,
				    "%s %s/%s was applied, but %s defines it and wins",
				    fb_object_kind_names[o->kind], o->meta.namespace_, o->meta.name,
				    origin);
			(void)fb_applied_forget(c, o->kind, o->meta.namespace_, o->meta.name);
			continue;
		}
		if (fb_objects_add(&mine, fb_object_hold(o)) != 0)
			break;
	}
	if (fb_store_apply(c->store, &change, errs, NULL) == -ENOMEM)
		fb_errs_add(errs, (struct fb_place){.file = FB_APPLIED_ORIGIN}, FB_SEV_ERROR,
			    "out of memory");
	fb_objects_fini(&mine);
}

void fb_applied_load(struct fb_control *c)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;
	struct dirent *entry;
	char dir[PATH_MAX];
	DIR *d;

	if (!applied_dir(c, dir))
		return;
	d = opendir(dir);
	if (d == NULL) {
		if (errno != ENOENT)
			fb_control_log(c, FB_LOG_WARNING, "%s: %s", dir, strerror(errno));
		return;
	}
	while ((entry = readdir(d)) != NULL) {
		char path[PATH_MAX + NAME_MAX + 2];

		if (!fb_sources_is_manifest(entry->d_name))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		(void)fb_manifest_read(path, &objects, &errs);
	}
	(void)closedir(d);
	merge(c, &objects, &errs);
	fb_reconcile_log(c, &errs);
	fb_errs_fini(&errs);
	fb_objects_fini(&objects);
}

void fb_applied_yield(struct fb_control *c, const struct fb_objects *objects, struct fb_errs *errs)
{
	for (size_t i = 0; i < objects->n; i++) {
		const struct fb_object *o = objects->v[i];
		const char *origin;

		if (fb_store_find(c->store, o->kind, o->meta.namespace_, o->meta.name, &origin) ==
			    NULL ||
		    strcmp(origin, FB_APPLIED_ORIGIN) != 0)
			continue;
		fb_errs_add(errs, o->place, FB_SEV_NOTICE,
			    "takes %s %s/%s over from what was applied",
			    fb_object_kind_names[o->kind], o->meta.namespace_, o->meta.name);
		(void)fb_store_delete(c->store, FB_APPLIED_ORIGIN, o->kind, o->meta.namespace_,
				      o->meta.name);
		(void)fb_applied_forget(c, o->kind, o->meta.namespace_, o->meta.name);
	}
}
