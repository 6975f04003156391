/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FOREBAYCTL_CTL_H
#define FOREBAYCTL_CTL_H

/*
 * forebayctl: what its files share. One file per family of verbs; output.c prints, client.c talks.
 *
 * Exit status: 0; 1 an error, or for diff a difference; 2 wrong usage. Errors go to stderr.
 */

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

enum ctl_output { OUTPUT_TABLE, OUTPUT_WIDE, OUTPUT_JSON, OUTPUT_YAML };

#define CTL_MAX_FILES 256

struct ctl {
	const char *socket;
	const char *config; /* --offline */
	const char *namespace_; /* NULL: not given */
	const char *files[CTL_MAX_FILES];
	size_t n_files;
	long limit; /* 0: not given */
	enum ctl_output output;
	bool all_namespaces;
	bool watch;
	bool offline;
	bool version; /* --version: no verb */
	bool no_links; /* --no-service-links */
	bool no_wait;  /* of drain, as the two below */
	bool cancel;
	const char *deadline; /* NULL: not given */
	const char *format; /* NULL: not given */
	const char *selector; /* -l; NULL: not given */
	const char *sort_by;
	/* Of expose, each as it was given; NULL: not given. */
	const char *port;
	const char *target_port;
	const char *protocol;
	const char *name;
	const char *type;
	const char *labels;
	const char *external_ip;
	const char *load_balancer_ip;
	const char *cluster_ip;
	const char *session_affinity;
	char **args; /* after the verb */
	int n_args;
};

struct ctl_verb {
	const char *name;
	int (*run)(const struct ctl *ctl);
	const char *help; /* usage and examples */
};

/* get.c, describe.c, apply.c, explain.c, drain.c, env.c, expose.c: each runs a verb, gives the exit status. */
int ctl_get(const struct ctl *ctl);
int ctl_describe(const struct ctl *ctl);
int ctl_apply(const struct ctl *ctl);
int ctl_delete(const struct ctl *ctl);
int ctl_diff(const struct ctl *ctl);
int ctl_explain(const struct ctl *ctl);
int ctl_env(const struct ctl *ctl);
int ctl_drain(const struct ctl *ctl);
int ctl_expose(const struct ctl *ctl);
int ctl_version(const struct ctl *ctl);

/* ---- client.c ---- */

/**
 * Send a request and wait for its answer. The request is taken over. Errors are printed.
 *
 * @return the answer (with "ok": true), or NULL
 */
json_t *ctl_request(const struct ctl *ctl, json_t *request);

/* ---- offline.c: the same without a daemon, over --config and -f ---- */

struct ctl_offline;

/** Do --offline, --config and -f fit together? false: said why. */
bool ctl_offline_usage(const struct ctl *ctl, const char *verb);
/** Errors and notices are printed. @return NULL: cannot be read */
struct ctl_offline *ctl_offline_open(const struct ctl *ctl);
void ctl_offline_close(struct ctl_offline *offline);
struct fb_offline *ctl_offline_state(struct ctl_offline *offline);
struct fb_config *ctl_offline_config(struct ctl_offline *offline);
/** Nothing was refused; else the exit status is 1, as that of apply, whatever the answer. */
bool ctl_offline_is_whole(const struct ctl_offline *offline);

/** The same, from the daemon or, with --offline, from what -f says. The request is taken over. */
json_t *ctl_ask(const struct ctl *ctl, json_t *request);

/** As ctl_offline_is_whole(), of what ctl_ask() read; true with a daemon. */
bool ctl_offline_was_whole(void);

/* ---- sort.c ---- */

/** Is it a path for --sort-by? Else it says why not. */
bool ctl_sort_is_path(const char *text);
/** Sort items in place by a path. @return false: none of them has it; that has been told */
bool ctl_sort(json_t *items, const char *text);
/** By namespace and name; what has the same stays in order. */
void ctl_sort_by_name(json_t *items);
/** As strcmp(), but "pod-2" before "pod-10". */
int ctl_natural_order(const char *a, const char *b);

/* ---- output.c ---- */

void ctl_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** Print a value as JSON or YAML, as -o says. */
int ctl_print_value(const struct ctl *ctl, const json_t *value);

/* A table is printed when all its rows are known: columns are as wide as their widest cell. */
struct ctl_table;
struct ctl_table *ctl_table_create(const char *const *heads, size_t n_heads);
/** Take over a row's next cell; NULL stands for "<none>". */
void ctl_table_cell(struct ctl_table *table, char *text);
void ctl_table_printf(struct ctl_table *table, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void ctl_table_print(const struct ctl_table *table);
void ctl_table_free(struct ctl_table *table);

/** A field of an object as text, "" if it is absent or null. */
const char *ctl_string(const json_t *object, const char *key);
long long ctl_integer(const json_t *object, const char *key);

/** The strings of a list with commas between them, or NULL for an empty one; to free(). */
char *ctl_join(const json_t *list);

#define CTL_DURATION_LEN 48

/** "5s", "3m20s", "2h", "4d", as kubectl has it, into buf of CTL_DURATION_LEN bytes. */
const char *ctl_duration(long long seconds, char *buf);

/** The age of an item, from creationTimestamp; what came from a file has none. To free(). */
char *ctl_age(const json_t *item);

#endif
