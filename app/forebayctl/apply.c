/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

#include "control/source.h"
#include "yaml/node.h"

/* A request carries 64 MB; quoting in JSON makes text longer. */
#define MAX_TEXT_BYTES (48u << 20)

static char *read_stream(FILE *f, const char *name, size_t *ret_len)
{
	size_t cap = 65536;
	size_t len = 0;
	char *text = malloc(cap);

	while (text != NULL) {
		size_t n = fread(text + len, 1, cap - len, f);

		len += n;
		if (n == 0 || len > MAX_TEXT_BYTES)
			break;
		if (len == cap) {
			char *grown = realloc(text, cap * 2);

			if (grown == NULL)
				free(text);
			text = grown;
			cap *= 2;
		}
	}
	if (text == NULL || ferror(f) != 0 || len > MAX_TEXT_BYTES) {
		ctl_error("%s: %s", name, text == NULL ? "out of memory"
					  : ferror(f)  ? strerror(errno)
						       : "more than 48 MB");
		free(text);
		return NULL;
	}
	*ret_len = len;
	return text;
}

/* Text that JSON cannot carry (NUL, wrong UTF-8) is refused here, with its place. */
static void explain_bad_text(const char *name, const char *text, size_t len)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_yaml *yaml = NULL;
	char line[512];

	(void)fb_yaml_parse(name, text, len, &yaml, &errs);
	for (size_t i = 0; i < errs.n; i++) {
		(void)fb_err_format(&errs.v[i], line, sizeof(line));
		ctl_error("%s", line);
	}
	if (errs.n == 0)
		ctl_error("%s: not UTF-8 text", name);
	fb_yaml_free(yaml);
	fb_errs_fini(&errs);
}

static bool add_text(json_t *documents, const char *name, const char *text, size_t len)
{
	/* The other end would take a NUL for the end of the text. */
	json_t *value = memchr(text, '\0', len) == NULL ? json_stringn(text, len) : NULL;

	if (value == NULL) {
		explain_bad_text(name, text, len);
		return false;
	}
	return json_array_append_new(documents,
				     json_pack("{s:s,s:o}", "name", name, "text", value)) == 0;
}

static bool add_file(json_t *documents, const char *path)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	const char *name = f == stdin ? "<stdin>" : path;
	char *text;
	size_t len;
	bool ok;

	if (f == NULL) {
		ctl_error("%s: %s", path, strerror(errno));
		return false;
	}
	text = read_stream(f, name, &len);
	ok = text != NULL && add_text(documents, name, text, len);
	free(text);
	if (f != stdin)
		(void)fclose(f);
	return ok;
}

static int is_manifest(const struct dirent *entry)
{
	return fb_sources_is_manifest(entry->d_name);
}

static bool add_dir(json_t *documents, const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_manifest, alphasort);
	bool ok = true;

	if (n < 0) {
		ctl_error("%s: %s", path, strerror(errno));
		return false;
	}
	if (n == 0) {
		ctl_error("%s: no file in it ends in .yaml, .yml or .json", path);
		ok = false;
	}
	for (int i = 0; i < n; i++) {
		char file[PATH_MAX];
		int len = snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);

		ok = len > 0 && (size_t)len < sizeof(file) && add_file(documents, file) && ok;
		free(entries[i]);
	}
	free(entries);
	return ok;
}

/* All of -f, in order. NULL: none, or something could not be read. */
static json_t *read_documents(const struct ctl *ctl, const char *verb)
{
	json_t *documents = json_array();
	bool ok = true;

	if (ctl->n_files == 0 || ctl->n_args > 0) {
		ctl_error("%s -f FILE|DIR|- [-f ...]", verb);
		json_decref(documents);
		return NULL;
	}
	for (size_t i = 0; i < ctl->n_files; i++) {
		struct stat st;

		if (ctl->files[i][0] == '\0') {
			ctl_error("%s -f '': the name is empty", verb);
			ok = false;
		} else if (stat(ctl->files[i], &st) == 0 && S_ISDIR(st.st_mode))
			ok = add_dir(documents, ctl->files[i]) && ok;
		else
			ok = add_file(documents, ctl->files[i]) && ok;
	}
	if (ok)
		return documents;
	json_decref(documents);
	return NULL;
}

static void print_messages(const json_t *answer)
{
	const json_t *o;
	size_t i;

	json_array_foreach(json_object_get(answer, "messages"), i, o)
		(void)fprintf(stderr, "%s: %s\n", ctl_string(o, "severity"), ctl_string(o, "text"));
}

/* "service/hello created", as kubectl has it; the namespace where it is not the default one. */
static void print_result(const json_t *o)
{
	const char *namespace_ = ctl_string(o, "namespace");
	char kind[32];
	size_t k = 0;

	for (const char *p = ctl_string(o, "kind"); *p != '\0' && k + 1 < sizeof(kind); p++)
		kind[k++] = (char)tolower((unsigned char)*p);
	kind[k] = '\0';
	(void)printf("%s/%s %s", kind, ctl_string(o, "name"), ctl_string(o, "result"));
	if (namespace_[0] != '\0' && strcmp(namespace_, "default") != 0)
		(void)printf(" in namespace %s", namespace_);
	(void)putchar('\n');
}

static void print_results(const json_t *answer)
{
	const json_t *o;
	size_t i;

	json_array_foreach(json_object_get(answer, "results"), i, o) {
		/* A message says that one, with its place. */
		if (strcmp(ctl_string(o, "result"), "not found") != 0)
			print_result(o);
	}
}

static json_t *send_documents(const struct ctl *ctl, const char *verb)
{
	json_t *documents = read_documents(ctl, verb);

	if (documents == NULL)
		return NULL;
	return ctl_request(ctl,
			   json_pack("{s:s,s:o}", "verb", verb, "documents", documents));
}

/* A pipe whose first half failed brings nothing; that is no success. */
static bool is_nothing(const struct ctl *ctl, const json_t *answer, const char *verb)
{
	if (json_array_size(json_object_get(answer, "results")) != 0 ||
	    ctl_integer(answer, "refused") != 0)
		return false;
	for (size_t i = 0; i < ctl->n_files; i++)
		ctl_error("%s -f %s: there is nothing in it that forebay reads", verb,
			  ctl->files[i]);
	return true;
}

static int change(const struct ctl *ctl, const char *verb)
{
	json_t *answer = send_documents(ctl, verb);
	int ret;

	if (answer == NULL)
		return ctl->n_files == 0 || ctl->n_args > 0 ? 2 : 1;
	ret = ctl_integer(answer, "refused") != 0;
	if (ctl->output == OUTPUT_JSON || ctl->output == OUTPUT_YAML) {
		(void)ctl_print_value(ctl, answer);
	} else {
		print_results(answer);
		(void)fflush(stdout);
		print_messages(answer);
	}
	if (is_nothing(ctl, answer, verb))
		ret = 1;
	json_decref(answer);
	return ret;
}

int ctl_apply(const struct ctl *ctl)
{
	return change(ctl, "apply");
}

int ctl_delete(const struct ctl *ctl)
{
	return change(ctl, "delete");
}

static void print_list(const json_t *port, const char *key, const char *sign, const char *what)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(port, key), i, item)
		(void)printf("  %s %s %s\n", sign, what, json_string_value(item));
}

static void print_affinity(long long seconds)
{
	char buf[CTL_DURATION_LEN];

	if (seconds > 0)
		(void)printf("  ~ a client's flows go to one endpoint, for %s after the last\n",
			     ctl_duration(seconds, buf));
	else
		(void)printf("  ~ a client's flows go to all endpoints\n");
}

static void print_port_diff(const json_t *service, const json_t *port)
{
	const json_t *moved = json_object_get(port, "slots_moved_of_staying");
	const json_t *item;
	size_t i;

	(void)printf("service %s/%s port %lld/%s %s: %s\n", ctl_string(service, "namespace"),
		     ctl_string(service, "name"), ctl_integer(port, "port"),
		     ctl_string(port, "protocol"), ctl_string(port, "family"),
		     ctl_string(port, "change"));
	print_list(port, "frontends_removed", "-", "frontend");
	print_list(port, "frontends_added", "+", "frontend");
	print_list(port, "endpoints_removed", "-", "endpoint");
	print_list(port, "endpoints_added", "+", "endpoint");
	json_array_foreach(json_object_get(port, "endpoints_changed"), i, item)
		(void)printf("  ~ endpoint %s becomes %s\n", ctl_string(item, "endpoint"),
			     ctl_string(item, "state"));
	if (json_object_get(port, "mode") != NULL)
		(void)printf("  ~ mode %s\n", ctl_string(port, "mode"));
	if (json_object_get(port, "source_ranges") != NULL)
		(void)printf("  ~ source ranges: %lld\n", ctl_integer(port, "source_ranges"));
	if (json_is_true(json_object_get(port, "weights")))
		(void)printf("  ~ weights of endpoints\n");
	if (json_is_true(json_object_get(port, "draining")))
		(void)printf("  ~ when flows of endpoints that go away end\n");
	if (json_object_get(port, "selection") != NULL)
		(void)printf("  ~ selection %s\n", ctl_string(port, "selection"));
	if (json_object_get(port, "new_flow_rate") != NULL)
		(void)printf("  ~ new flows a second: %lld\n", ctl_integer(port, "new_flow_rate"));
	if (json_object_get(port, "syn_proxy") != NULL)
		(void)printf("  ~ SYN proxy %s\n", ctl_string(port, "syn_proxy"));
	if (json_object_get(port, "tcp_mss") != NULL)
		(void)printf("  ~ TCP MSS at most %s\n", ctl_string(port, "tcp_mss"));
	if (json_object_get(port, "affinity_s") != NULL)
		print_affinity(ctl_integer(port, "affinity_s"));
	if (moved != NULL)
		(void)printf("  slots: %.2f %% of endpoints that stay move, %.2f %% of endpoints "
			     "that leave\n",
			     json_real_value(moved) * 100,
			     json_real_value(json_object_get(port, "slots_of_leaving")) * 100);
	(void)printf("  live flows of leaving endpoints: %lld\n", ctl_integer(port, "flows_leaving"));
}

int ctl_diff(const struct ctl *ctl)
{
	json_t *answer = send_documents(ctl, "diff");
	const json_t *services;
	const json_t *service;
	const json_t *port;
	bool refused;
	bool differs;
	size_t i;
	size_t j;

	if (answer == NULL)
		return 2; /* 1 says that there is a difference */
	services = json_object_get(answer, "services");
	refused = ctl_integer(answer, "refused") != 0;
	differs = json_array_size(services) > 0;
	if (ctl->output == OUTPUT_JSON || ctl->output == OUTPUT_YAML) {
		(void)ctl_print_value(ctl, answer);
	} else {
		json_array_foreach(services, i, service) {
			json_array_foreach(json_object_get(service, "ports"), j, port)
				print_port_diff(service, port);
		}
		(void)fflush(stdout);
		print_messages(answer);
	}
	json_decref(answer);
	return refused ? 2 : differs;
}
