/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Endpoints: a row per Service as kubectl has it, or, wide, a row per endpoint.
 */

#include "tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As many as kubectl shows in a row. */
#define SHOWN 3

static char *endpoints_text(const json_t *list)
{
	size_t n = json_array_size(list);
	json_t *first = json_array();
	char *text;
	char *longer = NULL;

	for (size_t i = 0; i < n && i < SHOWN; i++)
		(void)json_array_append(first, json_array_get(list, i));
	text = ctl_join(first);
	json_decref(first);
	if (n <= SHOWN || asprintf(&longer, "%s + %zu more...", text, n - SHOWN) < 0)
		return text;
	free(text);
	return longer;
}

static void print_services_endpoints(const struct ctl *ctl, const json_t *items)
{
	static const char *const heads[] = {"NAMESPACE", "NAME",  "ENDPOINTS",
					    "AGE",	 "FLOWS", "DRAINING"};
	size_t first = ctl->all_namespaces ? 0 : 1;
	struct ctl_table *t = ctl_table_create(heads + first, COUNT(heads) - first);
	const json_t *o;
	size_t i;

	json_array_foreach(items, i, o) {
		if (ctl->all_namespaces)
			ctl_table_printf(t, "%s", ctl_string(o, "namespace"));
		ctl_table_printf(t, "%s", ctl_string(o, "name"));
		ctl_table_cell(t, endpoints_text(json_object_get(o, "endpoints")));
		ctl_table_cell(t, ctl_age(o));
		ctl_table_printf(t, "%lld", ctl_integer(o, "flows"));
		ctl_table_cell(t, ctl_join(json_object_get(o, "draining")));
	}
	ctl_table_print(t);
	ctl_table_free(t);
}

static void next_hop_cell(struct ctl_table *t, const json_t *hop)
{
	const char *address = ctl_string(hop, "address");
	const char *state = ctl_string(hop, "state");

	if (ctl_string(hop, "port")[0] == '\0')
		ctl_table_printf(t, "%s", state);
	else
		ctl_table_printf(t, "%s%s%s (%s)", ctl_string(hop, "port"),
				 address[0] != '\0' ? " " : "", address, state);
}

/* For how long the endpoint has been so, and what is left until its flows end. */
static void since_cell(struct ctl_table *t, const json_t *o)
{
	char since[CTL_DURATION_LEN];
	char left[CTL_DURATION_LEN];

	if (json_object_get(o, "since_s") == NULL)
		ctl_table_printf(t, "-");
	else if (json_object_get(o, "deadline_s") != NULL)
		ctl_table_printf(t, "%s (%s left)", ctl_duration(ctl_integer(o, "since_s"), since),
				 ctl_duration(ctl_integer(o, "deadline_s"), left));
	else
		ctl_table_printf(t, "%s", ctl_duration(ctl_integer(o, "since_s"), since));
}

void ctl_print_endpoints(const struct ctl *ctl, const json_t *items)
{
	static const char *const heads[] = {"NAMESPACE", "NAME",  "PORT",    "ENDPOINT", "STATE",
					    "SINCE",	 "FLOWS", "PACKETS", "BYTES",	 "NEXT-HOP"};
	size_t first = ctl->all_namespaces ? 0 : 1;
	struct ctl_table *t;
	const json_t *o;
	size_t i;

	if (ctl->output != OUTPUT_WIDE) {
		print_services_endpoints(ctl, items);
		return;
	}
	t = ctl_table_create(heads + first, COUNT(heads) - first);
	json_array_foreach(items, i, o) {
		if (ctl->all_namespaces)
			ctl_table_printf(t, "%s", ctl_string(o, "namespace"));
		ctl_table_printf(t, "%s", ctl_string(o, "name"));
		ctl_table_printf(t, "%lld/%s", ctl_integer(o, "port"), ctl_string(o, "protocol"));
		ctl_table_printf(t, "%s", ctl_string(o, "endpoint"));
		ctl_table_printf(t, "%s", ctl_string(o, "state"));
		since_cell(t, o);
		ctl_table_printf(t, "%lld", ctl_integer(o, "flows"));
		ctl_table_printf(t, "%lld", ctl_integer(o, "packets"));
		ctl_table_printf(t, "%lld", ctl_integer(o, "bytes"));
		next_hop_cell(t, json_object_get(o, "next_hop"));
	}
	ctl_table_print(t);
	ctl_table_free(t);
}

/* The group of an item, by namespace and name. */
static json_t *group_of(json_t *groups, const json_t *o)
{
	char *key = NULL;
	json_t *group;

	if (asprintf(&key, "%s/%s", ctl_string(o, "namespace"), ctl_string(o, "name")) < 0)
		return NULL;
	group = json_object_get(groups, key);
	if (group == NULL) {
		group = json_pack("{s:s,s:s,s:s,s:[],s:[]}", "namespace",
				  ctl_string(o, "namespace"), "name", ctl_string(o, "name"),
				  "created", "", "endpoints", "draining");
		(void)json_object_set_new(groups, key, group);
	}
	free(key);
	return group;
}

/* "10.1.0.11:8080 (2m, 5 flows)", "(removed, 2m, 5 flows)"; offline nobody knows since when. */
static json_t *draining_text(const json_t *o, const char *endpoint, const char *state,
			     long long flows)
{
	const char *removed = strcmp(state, "removed") == 0 ? "removed, " : "";
	char since[CTL_DURATION_LEN];

	if (json_object_get(o, "since_s") == NULL)
		return json_sprintf("%s (%lld flows)", endpoint, flows);
	return json_sprintf("%s (%s%s, %lld flows)", endpoint, removed,
			    ctl_duration(ctl_integer(o, "since_s"), since), flows);
}

static void add_to_group(json_t *group, const json_t *o)
{
	const char *state = ctl_string(o, "state");
	const char *endpoint = ctl_string(o, "endpoint");
	long long flows = ctl_integer(o, "flows");

	(void)json_object_set_new(group, "flows",
				  json_integer(ctl_integer(group, "flows") + flows));
	if (strcmp(state, "active") == 0 || strcmp(state, "unserved") == 0)
		(void)json_array_append_new(json_object_get(group, "endpoints"),
					    json_string(endpoint));
	else if (strcmp(state, "draining") == 0 || strcmp(state, "removed") == 0)
		(void)json_array_append_new(json_object_get(group, "draining"),
					    draining_text(o, endpoint, state, flows));
}

json_t *ctl_group_endpoints(const json_t *services, const json_t *rows)
{
	json_t *groups = json_object();
	json_t *list = json_array();
	const char *key;
	json_t *group;
	json_t *o;
	size_t i;

	json_array_foreach(services, i, o) {
		group = group_of(groups, o);
		(void)json_object_set(group, "created", json_object_get(o, "created"));
		(void)json_object_set(group, "object", json_object_get(o, "object"));
	}
	json_array_foreach(rows, i, o)
		add_to_group(group_of(groups, o), o);
	json_object_foreach(groups, key, group)
		(void)json_array_append(list, group);
	json_decref(groups);
	return list;
}
