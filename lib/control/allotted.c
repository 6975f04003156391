/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/allotted.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/file.h"

#define NAME "allotted.json"

static bool path_of(const struct fb_control *c, const char *suffix, char path[PATH_MAX])
{
	int len = snprintf(path, PATH_MAX, "%s/" NAME "%s", c->p.config->state_dir, suffix);

	return len > 0 && len < PATH_MAX;
}

static void log_errors(struct fb_control *c, const struct fb_errs *errs)
{
	char text[1024];

	for (size_t i = 0; i < errs->n; i++) {
		(void)fb_err_format(&errs->v[i], text, sizeof(text));
		fb_control_log(c, FB_LOG_WARNING, "%s", text);
	}
}

static void put_aside(struct fb_control *c, const char *path)
{
	char aside[PATH_MAX];

	if (!path_of(c, ".broken", aside))
		return;
	if (rename(path, aside) == 0)
		fb_control_log(c, FB_LOG_WARNING,
			       "%s: not all of it could be read; it is now %s, and Services whose "
			       "addresses or NodePorts it does not tell may be allotted others",
			       path, aside);
	else
		fb_control_log(c, FB_LOG_WARNING, "%s: cannot be put aside: %s", path,
			       strerror(errno));
}

void fb_allotted_load(struct fb_control *c)
{
	struct fb_errs errs = FB_ERRS_INIT;
	char path[PATH_MAX];
	char *text = NULL;
	size_t len = 0;
	int ret;

	if (!path_of(c, "", path))
		return;
	ret = fb_file_read(path, &text, &len, &errs);
	if (ret == 0) {
		ret = fb_pool_load(c->pool, path, text, len, &errs);
		log_errors(c, &errs);
		if (ret != 0)
			put_aside(c, path);
	} else if (ret != -ENOENT) {
		log_errors(c, &errs);
	}
	free(text);
	fb_errs_fini(&errs);
}

static int write_file(struct fb_control *c)
{
	char *text = fb_pool_save(c->pool);
	int ret = text != NULL ? fb_file_make_dir(c->p.config->state_dir) : -ENOMEM;

	if (ret == 0)
		ret = fb_file_replace(c->p.config->state_dir, NAME, text, strlen(text));
	free(text);
	return ret;
}

void fb_allotted_keep(struct fb_control *c)
{
	int ret;

	if (!fb_pool_changed(c->pool) && !c->allotted_failed)
		return;
	ret = write_file(c);
	if (ret != 0 && !c->allotted_failed)
		fb_control_log(c, FB_LOG_WARNING,
			       "%s/" NAME
			       ": cannot be written: %s; what was allotted is in force, but "
			       "not kept over a restart until it can",
			       c->p.config->state_dir, strerror(-ret));
	else if (ret == 0 && c->allotted_failed)
		fb_control_log(c, FB_LOG_NOTICE, "%s/" NAME ": is written again",
			       c->p.config->state_dir);
	c->allotted_failed = ret != 0;
}

static bool is_whole(const struct fb_control *c)
{
	bool whole = true;

	for (uint32_t i = 0; i < c->p.config->n_manifests; i++)
		whole &= !c->source_missing[i];
	for (uint32_t i = 0; i < c->n_origins; i++)
		whole &= c->origins[i].n_errors == 0 && !c->origins[i].incomplete;
	return whole;
}

void fb_allotted_settle(struct fb_control *c)
{
	if (c->allotted_settled || !is_whole(c))
		return;
	c->allotted_settled = true;
	fb_pool_may_forget(c->pool, c->store);
}
