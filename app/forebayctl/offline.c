/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "box/offline.h"
#include "config/config.h"
#include "control/answer.h"
#include "control/items.h"

struct ctl_offline {
	bool whole;
	struct fb_config *config;
	struct fb_offline state;
};

static void print_errs(struct fb_errs *errs)
{
	for (size_t i = 0; i < errs->n; i++) {
		char text[1024];

		(void)fb_err_format(&errs->v[i], text, sizeof(text));
		(void)fprintf(stderr, "%s: %s\n",
			      errs->v[i].severity == FB_SEV_ERROR ? "error" : "notice", text);
	}
	fb_errs_fini(errs);
}

static int open_state(const struct ctl *ctl, struct ctl_offline *offline, struct fb_errs *errs)
{
	const char *paths[CTL_MAX_FILES];
	int ret;

	for (size_t i = 0; i < ctl->n_files; i++)
		paths[i] = strcmp(ctl->files[i], "-") == 0 ? "/dev/stdin" : ctl->files[i];
	if (fb_config_read(ctl->config, &offline->config, errs) != 0)
		return -EINVAL;
	ret = fb_offline_open(offline->config, paths, (uint32_t)ctl->n_files, &offline->state,
			      errs);
	if (ret != 0 && errs->n == 0)
		ctl_error("%s", strerror(-ret));
	if (ret != 0)
		fb_config_free(offline->config);
	return ret;
}

bool ctl_offline_usage(const struct ctl *ctl, const char *verb)
{
	bool is_given = ctl->config != NULL || ctl->n_files != 0;

	if (ctl->offline && (ctl->config == NULL || ctl->n_files == 0))
		ctl_error("%s --offline needs --config FILE and -f MANIFESTS", verb);
	else if (!ctl->offline && is_given)
		ctl_error("%s: --config and -f are for --offline; without it the daemon answers",
			  verb);
	else
		return true;
	return false;
}

struct ctl_offline *ctl_offline_open(const struct ctl *ctl)
{
	struct ctl_offline *offline = calloc(1, sizeof(*offline));
	struct fb_errs errs = FB_ERRS_INIT;
	int ret = offline != NULL ? open_state(ctl, offline, &errs) : -ENOMEM;

	if (ret == 0)
		offline->whole = errs.n_errors == 0;
	print_errs(&errs);
	if (ret == 0)
		return offline;
	free(offline);
	return NULL;
}

void ctl_offline_close(struct ctl_offline *offline)
{
	fb_offline_close(&offline->state);
	fb_config_free(offline->config);
	free(offline);
}

struct fb_offline *ctl_offline_state(struct ctl_offline *offline)
{
	return &offline->state;
}

struct fb_config *ctl_offline_config(struct ctl_offline *offline)
{
	return offline->config;
}

bool ctl_offline_is_whole(const struct ctl_offline *offline)
{
	return offline->whole;
}

static const char *port_name(void *arg, uint32_t port)
{
	const struct ctl_offline *offline = arg;

	return port < offline->config->n_ports ? offline->config->ports[port].name : "";
}

static int gateway(void *arg, uint16_t nh_idx, struct fb_addr *ret)
{
	const struct ctl_offline *offline = arg;

	return fb_neigh_describe(offline->state.neigh, nh_idx, ret);
}

static json_t *answer(struct ctl_offline *offline, const json_t *request)
{
	struct fb_items_source source = {
		.store = offline->state.store,
		.pool = offline->state.pool,
		.node_name = offline->config->node_name,
		.table = offline->state.table,
		.snap = offline->state.snapshot,
		.port_name = port_name,
		.gateway = gateway,
		.arg = offline,
	};

	if (strcmp(fb_request_string(request, "verb"), "env") == 0)
		return fb_answer_env(offline->state.store, request);
	if (strcmp(fb_request_string(request, "verb"), "describe") == 0)
		return fb_items_describe(&source, request);
	return fb_items_answer(&source, request);
}

/* What stays open over the requests of one run. */
static struct ctl_offline *asked;

bool ctl_offline_was_whole(void)
{
	return asked == NULL || asked->whole;
}

json_t *ctl_ask(const struct ctl *ctl, json_t *request)
{
	json_t *ret;

	if (!ctl->offline)
		return ctl_request(ctl, request);
	if (asked == NULL)
		asked = ctl_offline_open(ctl);
	ret = asked != NULL ? answer(asked, request) : NULL;
	json_decref(request);
	if (ret == NULL || json_is_true(json_object_get(ret, "ok")))
		return ret;
	ctl_error("%s", ctl_string(ret, "error"));
	json_decref(ret);
	return NULL;
}
