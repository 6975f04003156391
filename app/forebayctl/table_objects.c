/* SPDX-License-Identifier: BSD-3-Clause */

#include "tables.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The ranges behind their port: ",30000-30099/TCP". */
static char *with_ranges(char *text, const json_t *port)
{
	const json_t *range;
	size_t i;

	json_array_foreach(json_object_get(port, "ranges"), i, range) {
		char *longer = NULL;

		if (asprintf(&longer, "%s,%s/%s", text, json_string_value(range),
			     ctl_string(port, "protocol")) < 0)
			return text;
		free(text);
		text = longer;
	}
	return text;
}

static char *ports_text(const json_t *ports)
{
	const json_t *port;
	char *text = NULL;
	size_t i;

	json_array_foreach(ports, i, port) {
		char node[16] = "";
		char *longer = NULL;

		if (ctl_integer(port, "node_port") != 0)
			(void)snprintf(node, sizeof(node), ":%lld", ctl_integer(port, "node_port"));
		if (asprintf(&longer, "%s%s%lld%s/%s", text != NULL ? text : "",
			     text != NULL ? "," : "", ctl_integer(port, "port"), node,
			     ctl_string(port, "protocol")) < 0)
			return text;
		free(text);
		text = longer;
		text = with_ranges(text, port);
	}
	return text;
}

/* "app=web,tier=db" */
static char *labels_text(const json_t *labels)
{
	json_t *pairs = json_array();
	const char *key;
	json_t *value;
	char *text;

	json_object_foreach((json_t *)(uintptr_t)labels, key, value)
		(void)json_array_append_new(pairs,
					    json_sprintf("%s=%s", key, json_string_value(value)));
	text = ctl_join(pairs);
	json_decref(pairs);
	return text;
}

static char *external_text(const json_t *o)
{
	const char *external_name = ctl_string(o, "external_name");
	char *text = external_name[0] != '\0' ? strdup(external_name)
					      : ctl_join(json_object_get(o, "external_ips"));

	if (text == NULL && strcmp(ctl_string(o, "type"), "LoadBalancer") == 0)
		text = strdup("<pending>");
	return text;
}

void ctl_print_services(const struct ctl *ctl, const json_t *items)
{
	static const char *const heads[] = {"NAMESPACE",   "NAME",    "TYPE", "CLUSTER-IP",
					    "EXTERNAL-IP", "PORT(S)", "AGE",  "SELECTOR",
					    "ENDPOINTS",   "MODE",    "FLOWS", "REJECTED"};
	size_t first = ctl->all_namespaces ? 0 : 1;
	bool wide = ctl->output == OUTPUT_WIDE;
	struct ctl_table *t = ctl_table_create(heads + first, (wide ? COUNT(heads) : 7) - first);
	const json_t *o;
	size_t i;

	json_array_foreach(items, i, o) {
		bool headless = json_is_true(json_object_get(o, "headless"));

		if (ctl->all_namespaces)
			ctl_table_printf(t, "%s", ctl_string(o, "namespace"));
		ctl_table_printf(t, "%s", ctl_string(o, "name"));
		ctl_table_printf(t, "%s", ctl_string(o, "type"));
		ctl_table_cell(t, headless ? strdup("None")
					   : ctl_join(json_object_get(o, "cluster_ips")));
		ctl_table_cell(t, external_text(o));
		ctl_table_cell(t, ports_text(json_object_get(o, "ports")));
		ctl_table_cell(t, ctl_age(o));
		if (!wide)
			continue;
		ctl_table_cell(t, labels_text(json_object_get(o, "selector")));
		ctl_table_printf(t, "%lld", ctl_integer(o, "endpoints"));
		ctl_table_printf(t, "%s", ctl_string(o, "mode"));
		ctl_table_printf(t, "%lld", ctl_integer(o, "flows"));
		ctl_table_printf(t, "%lld", ctl_integer(o, "rejected"));
	}
	ctl_table_print(t);
	ctl_table_free(t);
}

void ctl_print_pods(const struct ctl *ctl, const json_t *items)
{
	static const char *const heads[] = {"NAMESPACE", "NAME", "READY", "STATUS",
					    "AGE",	 "IP",	 "NODE",  "LABELS"};
	size_t first = ctl->all_namespaces ? 0 : 1;
	bool wide = ctl->output == OUTPUT_WIDE;
	struct ctl_table *t = ctl_table_create(heads + first, (wide ? COUNT(heads) : 7) - first);
	const json_t *o;
	size_t i;

	json_array_foreach(items, i, o) {
		bool terminating = json_is_true(json_object_get(o, "terminating"));

		if (ctl->all_namespaces)
			ctl_table_printf(t, "%s", ctl_string(o, "namespace"));
		ctl_table_printf(t, "%s", ctl_string(o, "name"));
		ctl_table_printf(t, json_is_true(json_object_get(o, "ready")) ? "yes" : "no");
		ctl_table_printf(t, "%s", terminating ? "Terminating" : ctl_string(o, "phase"));
		ctl_table_cell(t, ctl_age(o));
		ctl_table_cell(t, ctl_join(json_object_get(o, "addresses")));
		ctl_table_printf(t, "%s", ctl_string(o, "node"));
		if (wide)
			ctl_table_cell(t, labels_text(json_object_get(o, "labels")));
	}
	ctl_table_print(t);
	ctl_table_free(t);
}

void ctl_print_nodes(const struct ctl *ctl, const json_t *items)
{
	static const char *const heads[] = {"NAME", "ZONE", "AGE", "LABELS"};
	bool wide = ctl->output == OUTPUT_WIDE;
	struct ctl_table *t = ctl_table_create(heads, wide ? 4 : 3);
	const json_t *o;
	size_t i;

	json_array_foreach(items, i, o) {
		ctl_table_printf(t, "%s", ctl_string(o, "name"));
		ctl_table_printf(t, "%s", ctl_string(o, "zone"));
		ctl_table_cell(t, ctl_age(o));
		if (wide)
			ctl_table_cell(t, labels_text(json_object_get(o, "labels")));
	}
	ctl_table_print(t);
	ctl_table_free(t);
}
