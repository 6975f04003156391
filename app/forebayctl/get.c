/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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

/* From creationTimestamp; what came from a file has none. */
static char *age_text(const json_t *item)
{
	struct tm tm = {0};
	char buf[CTL_DURATION_LEN];

	if (strptime(ctl_string(item, "created"), "%Y-%m-%dT%H:%M:%S", &tm) == NULL)
		return strdup("<unknown>");
	return strdup(ctl_duration((long long)difftime(time(NULL), timegm(&tm)), buf));
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

static void print_services(const struct ctl *ctl, const json_t *items)
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
		ctl_table_cell(t, age_text(o));
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

/* ---- endpoints: a row per Service as kubectl has it, or, wide, a row per endpoint ---- */

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
		ctl_table_cell(t, age_text(o));
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

static void print_endpoints(const struct ctl *ctl, const json_t *items)
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

/* Rows of endpoints, and Services that may have none, into a list of one item a Service. */
static json_t *group_endpoints(const json_t *services, const json_t *rows)
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

static void print_pods(const struct ctl *ctl, const json_t *items)
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
		ctl_table_cell(t, age_text(o));
		ctl_table_cell(t, ctl_join(json_object_get(o, "addresses")));
		ctl_table_printf(t, "%s", ctl_string(o, "node"));
		if (wide)
			ctl_table_cell(t, labels_text(json_object_get(o, "labels")));
	}
	ctl_table_print(t);
	ctl_table_free(t);
}

static void print_nodes(const struct ctl *ctl, const json_t *items)
{
	static const char *const heads[] = {"NAME", "ZONE", "AGE", "LABELS"};
	bool wide = ctl->output == OUTPUT_WIDE;
	struct ctl_table *t = ctl_table_create(heads, wide ? 4 : 3);
	const json_t *o;
	size_t i;

	json_array_foreach(items, i, o) {
		ctl_table_printf(t, "%s", ctl_string(o, "name"));
		ctl_table_printf(t, "%s", ctl_string(o, "zone"));
		ctl_table_cell(t, age_text(o));
		if (wide)
			ctl_table_cell(t, labels_text(json_object_get(o, "labels")));
	}
	ctl_table_print(t);
	ctl_table_free(t);
}

static void print_flows(const struct ctl *ctl, const json_t *items)
{
	static const char *const heads[] = {"PROTO", "CLIENT", "SERVICE", "SNAT",   "ENDPOINT",
					    "STATE", "IDLE",   "WORKER",  "PACKETS", "FRONTEND"};
	bool wide = ctl->output == OUTPUT_WIDE;
	struct ctl_table *t = ctl_table_create(heads, wide ? COUNT(heads) : 8);
	const json_t *o;
	char buf[CTL_DURATION_LEN];
	size_t i;

	json_array_foreach(items, i, o) {
		ctl_table_printf(t, "%s", ctl_string(o, "protocol"));
		ctl_table_printf(t, "%s", ctl_string(o, "client"));
		if (ctl_string(o, "name")[0] != '\0')
			ctl_table_printf(t, "%s/%s", ctl_string(o, "namespace"),
					 ctl_string(o, "name"));
		else
			ctl_table_cell(t, NULL);
		ctl_table_printf(t, "%s", ctl_string(o, "snat"));
		ctl_table_printf(t, "%s", ctl_string(o, "endpoint"));
		ctl_table_printf(t, "%s", ctl_string(o, "state"));
		ctl_table_printf(t, "%s",
				 ctl_duration((long long)json_real_value(
						      json_object_get(o, "idle_seconds")),
					      buf));
		ctl_table_printf(t, "%lld", ctl_integer(o, "worker"));
		if (!wide)
			continue;
		ctl_table_printf(t, "%lld", ctl_integer(o, "packets"));
		ctl_table_printf(t, "%s", ctl_string(o, "frontend"));
	}
	ctl_table_print(t);
	ctl_table_free(t);
}

/* Tables whose columns are fields: head, field. */
struct column {
	const char *head;
	const char *key;
};

static void print_columns(const json_t *items, const struct column *columns, size_t n)
{
	const char *heads[20];
	struct ctl_table *t;
	const json_t *o;
	size_t i;

	for (i = 0; i < n; i++)
		heads[i] = columns[i].head;
	t = ctl_table_create(heads, n);
	json_array_foreach(items, i, o) {
		for (size_t k = 0; k < n; k++) {
			const json_t *value = json_object_get(o, columns[k].key);

			if (json_is_array(value))
				ctl_table_cell(t, ctl_join(value));
			else if (json_is_string(value))
				ctl_table_printf(t, "%s", json_string_value(value));
			else if (json_is_boolean(value))
				ctl_table_printf(t, "%s", json_is_true(value) ? "yes" : "no");
			else
				ctl_table_printf(t, "%lld", ctl_integer(o, columns[k].key));
		}
	}
	ctl_table_print(t);
	ctl_table_free(t);
}

static void print_workers(const struct ctl *ctl, const json_t *items)
{
	static const struct column columns[] = {
		{"WORKER", "worker"},	  {"CORE", "core"},	     {"GENERATION", "generation"},
		{"RX", "rx_packets"},	  {"TX", "tx_packets"},	     {"DROPS", "drops"},
		{"PUNTS", "punts"},	  {"ANSWERS", "answers"},    {"FLOWS-V4", "flows_ipv4"},
		{"FLOWS-V6", "flows_ipv6"}, {"CREATED", "flows_created"}, {"EXPIRED", "flows_expired"},
		{"HANDED-IN", "handover_in"}, {"HANDED-OUT", "handover_out"}, {"RX-BYTES", "rx_bytes"},
		{"TX-BYTES", "tx_bytes"},
	};

	print_columns(items, columns, ctl->output == OUTPUT_WIDE ? COUNT(columns) : 10);
}

static void print_ports(const struct ctl *ctl, const json_t *items)
{
	static const struct column columns[] = {
		{"NAME", "name"}, {"LINK", "link"},	    {"MAC", "mac"},
		{"MTU", "mtu"},	  {"ADDRESSES", "addresses"}, {"TWIN", "twin"},
		{"RX", "rx_packets"}, {"TX", "tx_packets"},	    {"TX-FULL", "tx_full"},
		{"DEVICE", "device"}, {"VLAN", "vlan"},	    {"QUEUES", "queues"},
		{"RSS", "rss"},	  {"ANNOUNCE", "announce"}, {"RX-BYTES", "rx_bytes"},
		{"TX-BYTES", "tx_bytes"},
	};

	print_columns(items, columns, ctl->output == OUTPUT_WIDE ? COUNT(columns) : 9);
}

static void print_drops(const struct ctl *ctl, const json_t *items)
{
	static const struct column columns[] = {
		{"REASON", "reason"},
		{"PACKETS", "packets"},
		{"HELP", "help"},
	};

	print_columns(items, columns, ctl->output == OUTPUT_WIDE ? 3 : 2);
}

static void print_status(const struct ctl *ctl, const json_t *items)
{
	static const struct column rows[] = {
		{"Version", "version"},	  {"Generation", "generation"}, {"Workers", "workers"},
		{"Ports", "ports"},	  {"Services", "services"},	{"Slices", "endpoint_slices"},
		{"Reloads", "reloads"},	  {"Refused", "reloads_refused"},
	};
	const json_t *o = json_array_get(items, 0);
	const json_t *file;
	const json_t *message;
	char buf[CTL_DURATION_LEN];
	size_t i;
	size_t j;

	for (i = 0; i < COUNT(rows); i++) {
		const json_t *value = json_object_get(o, rows[i].key);

		if (json_is_string(value))
			(void)printf("%-12s %s\n", rows[i].head, json_string_value(value));
		else
			(void)printf("%-12s %lld\n", rows[i].head, ctl_integer(o, rows[i].key));
	}
	(void)printf("%-12s %s\n", "Up", ctl_duration(ctl_integer(o, "uptime_seconds"), buf));
	json_array_foreach(json_object_get(o, "missing"), i, file)
		(void)printf("%-12s %s\n", "Missing", json_string_value(file));
	json_array_foreach(json_object_get(o, "conflicts"), i, file)
		(void)printf("%-12s %s\n", "Conflict", json_string_value(file));
	json_array_foreach(json_object_get(o, "lacking"), i, file)
		(void)printf("%-12s %s\n", "Lacking", json_string_value(file));
	json_array_foreach(json_object_get(o, "files"), i, file) {
		(void)printf("%-12s %s: %lld errors%s\n", "File", ctl_string(file, "file"),
			     ctl_integer(file, "errors"),
			     json_is_true(json_object_get(file, "gone")) ? ", gone" : "");
		json_array_foreach(json_object_get(file, "messages"), j, message)
			(void)printf("  %s: %s\n", ctl_string(message, "severity"),
				     ctl_string(message, "text"));
	}
}

static const struct what {
	const char *name;
	const char *aliases[4];
	void (*print)(const struct ctl *ctl, const json_t *items);
	const char *key; /* the field that NAME selects by here; NULL: the daemon does, or nothing */
	bool namespaced; /* "default" unless -n or -A says otherwise */
	bool objects;	 /* of the cluster: they have labels, and can be asked for without a daemon */
} whats[] = {
	{"services", {"service", "svc"}, print_services, NULL, true, true},
	{"endpoints", {"ep", "eps", "endpointslice", "endpointslices"}, print_endpoints, NULL, true, true},
	{"pods", {"pod", "po"}, print_pods, NULL, true, true},
	{"nodes", {"node", "no"}, print_nodes, NULL, false, true},
	{"flows", {"flow"}, print_flows, NULL, false, false},
	{"workers", {"worker"}, print_workers, "worker", false, false},
	{"ports", {"port"}, print_ports, "name", false, false},
	{"drops", {"drop"}, print_drops, "reason", false, false},
	{"status", {NULL}, print_status, NULL, false, false},
};

static const struct what *find_what(const char *name)
{
	for (size_t i = 0; i < COUNT(whats); i++) {
		if (strcmp(whats[i].name, name) == 0)
			return &whats[i];
		for (size_t k = 0; k < COUNT(whats[i].aliases) && whats[i].aliases[k] != NULL; k++) {
			if (strcmp(whats[i].aliases[k], name) == 0)
				return &whats[i];
		}
	}
	return NULL;
}

/* NAME, NS/NAME and -n, -A into the request. */
static void set_filter(const struct ctl *ctl, const struct what *what, const char *name, json_t *o)
{
	const char *slash = name != NULL ? strchr(name, '/') : NULL;
	const char *namespace_ = ctl->namespace_;

	if (namespace_ == NULL && what->namespaced)
		namespace_ = "default";
	if (slash != NULL)
		(void)json_object_set_new(o, "namespace",
					  json_stringn(name, (size_t)(slash - name)));
	else if (namespace_ != NULL && !ctl->all_namespaces)
		(void)json_object_set_new(o, "namespace", json_string(namespace_));
	if (name != NULL && what->key == NULL)
		(void)json_object_set_new(o, "name", json_string(slash != NULL ? slash + 1 : name));
}

/* Leave only the item whose key is name: a string, or a number as text. */
static void select_item(json_t *items, const char *key, const char *name)
{
	size_t i = 0;

	while (i < json_array_size(items)) {
		const json_t *value = json_object_get(json_array_get(items, i), key);
		char number[24];

		(void)snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
		if (strcmp(json_is_string(value) ? json_string_value(value) : number, name) == 0)
			i++;
		else
			(void)json_array_remove(items, i);
	}
}

static int print_not_found(const struct ctl *ctl, const struct what *what, const char *name)
{
	const char *namespace_ = ctl->namespace_ != NULL ? ctl->namespace_ : "default";
	bool bare = !what->namespaced || ctl->all_namespaces || strchr(name, '/') != NULL;

	if (what->print == print_endpoints)
		ctl_error("%s%s%s: no such Service, or it has no endpoints",
			  bare ? "" : namespace_, bare ? "" : "/", name);
	else
		ctl_error("%s %s%s%s not found", what->name, bare ? "" : namespace_, bare ? "" : "/",
			  name);
	return 1;
}

/* {"items": [...]}, as kubectl has it; flows say whether there are more. */
static int print_list(const struct ctl *ctl, const json_t *answer)
{
	json_t *list = json_copy((json_t *)(uintptr_t)answer);
	int ret;

	(void)json_object_del(list, "ok");
	ret = ctl_print_value(ctl, list);
	json_decref(list);
	return ret;
}

static int print_items(const struct ctl *ctl, const struct what *what, const json_t *answer,
		       const char *name)
{
	json_t *items = json_object_get(answer, "items");

	if (name != NULL && what->key != NULL)
		select_item(items, what->key, name);
	if (json_array_size(items) == 0 && name != NULL && (what->objects || what->key != NULL))
		return print_not_found(ctl, what, name);
	if (ctl->output == OUTPUT_JSON || ctl->output == OUTPUT_YAML)
		return print_list(ctl, answer);
	if (json_array_size(items) == 0) {
		bool all = !what->namespaced || ctl->all_namespaces;

		(void)fflush(stdout);
		(void)fprintf(stderr, "No %s found%s%s.\n", what->name, all ? "" : " in namespace ",
			      all			   ? ""
			      : ctl->namespace_ != NULL ? ctl->namespace_
							   : "default");
		return 0;
	}
	what->print(ctl, items);
	if (json_is_true(json_object_get(answer, "truncated")))
		(void)fprintf(stderr, "there are more; --limit N shows up to N\n");
	return 0;
}

/* Are endpoints to be shown as kubectl does, in a row per Service? */
static bool by_service(const struct ctl *ctl, const struct what *what)
{
	return what->print == print_endpoints && ctl->output == OUTPUT_TABLE;
}

static json_t *request_of(const struct ctl *ctl, const struct what *what, const char *name)
{
	json_t *request = json_pack("{s:s,s:s}", "verb", "get", "what", what->name);

	set_filter(ctl, what, name, request);
	if (ctl->limit > 0)
		(void)json_object_set_new(request, "limit", json_integer(ctl->limit));
	if (ctl->selector != NULL)
		(void)json_object_set_new(request, "selector", json_string(ctl->selector));
	if (ctl->sort_by != NULL)
		(void)json_object_set_new(request, "object", json_true());
	return request;
}

/* Services too, for those without endpoints and for their ages; into the answer's items. */
static bool add_services(const struct ctl *ctl, const char *name, json_t *answer)
{
	json_t *services = ctl_ask(ctl, request_of(ctl, find_what("services"), name));

	if (services == NULL)
		return false;
	(void)json_object_set_new(answer, "items",
				  group_endpoints(json_object_get(services, "items"),
						  json_object_get(answer, "items")));
	json_decref(services);
	return true;
}

/* Objects come in no order. The whole object was only wanted for sorting. */
static bool sort_items(const struct ctl *ctl, const struct what *what, json_t *items)
{
	json_t *o;
	size_t i;
	bool ok;

	if (what->objects)
		ctl_sort_by_name(items);
	ok = ctl->sort_by == NULL || ctl_sort(items, ctl->sort_by);
	json_array_foreach(items, i, o)
		(void)json_object_del(o, "object");
	return ok;
}

static int get_once(const struct ctl *ctl, const struct what *what, const char *name)
{
	json_t *answer = ctl_ask(ctl, request_of(ctl, what, name));
	int ret = 1;

	if (answer == NULL)
		return 1;
	if ((!by_service(ctl, what) || add_services(ctl, name, answer)) &&
	    sort_items(ctl, what, json_object_get(answer, "items")))
		ret = print_items(ctl, what, answer, name);
	json_decref(answer);
	return ret;
}

/* WHAT [NAME], or WHAT/NAME. @return NULL: said why */
static const struct what *parse_what(const struct ctl *ctl, const char **ret_name)
{
	const char *text = ctl->n_args > 0 ? ctl->args[0] : "";
	size_t len = strcspn(text, "/");
	const struct what *what = NULL;
	char buf[32];

	*ret_name = ctl->n_args > 1 ? ctl->args[1] : NULL;
	if (ctl->n_args >= 1 && ctl->n_args <= (text[len] == '\0' ? 2 : 1) &&
	    len < sizeof(buf)) {
		(void)snprintf(buf, sizeof(buf), "%.*s", (int)len, text);
		if (text[len] == '/')
			*ret_name = text + len + 1;
		what = find_what(buf);
	}
	if (what == NULL)
		ctl_error("get %s: expected WHAT [NAME]: services, endpoints, pods, nodes, flows, "
			  "workers, ports, drops or status",
			  text);
	else if (*ret_name != NULL && what->print == print_status)
		ctl_error("get status takes no name");
	else if (ctl->namespace_ != NULL && !what->namespaced && what->print != print_flows)
		ctl_error("get %s: -n is for services, endpoints, pods and flows", what->name);
	else if (ctl->limit != 0 && what->print != print_flows)
		ctl_error("get %s: --limit is for flows", what->name);
	else if (ctl->selector != NULL && !what->objects)
		ctl_error("get %s -l: services, endpoints, pods and nodes have labels", what->name);
	else if (ctl->offline && !what->objects)
		ctl_error("get %s --offline: a daemon has these", what->name);
	else if (ctl_offline_usage(ctl, "get") &&
		 (ctl->sort_by == NULL || ctl_sort_is_path(ctl->sort_by)))
		return what;
	return NULL;
}

int ctl_get(const struct ctl *ctl)
{
	const struct timespec second = {.tv_sec = 1};
	const struct what *what;
	const char *name;
	int ret;

	what = parse_what(ctl, &name);
	if (what == NULL)
		return 2;
	for (;;) {
		ret = get_once(ctl, what, name);
		if (!ctl->watch || ret != 0)
			return ret != 0 || ctl_offline_was_whole() ? ret : 1;
		(void)putchar('\n');
		if (fflush(stdout) != 0)
			return 1;
		(void)nanosleep(&second, NULL);
	}
}

static void describe_selection(const json_t *port)
{
	char buf[CTL_DURATION_LEN];

	(void)printf("  %-14s %s", "selection", ctl_string(port, "selection"));
	if (ctl_integer(port, "slow_start_s") > 0)
		(void)printf(", slow start %s", ctl_duration(ctl_integer(port, "slow_start_s"), buf));
	if (ctl_integer(port, "affinity_s") > 0)
		(void)printf(", a client keeps its endpoint for %s",
			     ctl_duration(ctl_integer(port, "affinity_s"), buf));
	(void)printf("\n");
	if (ctl_integer(port, "drain_deadline_s") > 0)
		(void)printf("  %-14s flows of a terminating endpoint end after %s\n", "draining",
			     ctl_duration(ctl_integer(port, "drain_deadline_s"), buf));
	if (json_object_get(port, "removed_tcp_s") == NULL)
		return;
	if (ctl_integer(port, "removed_tcp_s") == 0)
		(void)printf("  %-14s TCP flows of a removed endpoint are reset at once\n", "draining");
	else
		(void)printf("  %-14s TCP flows of a removed endpoint are reset after %s\n", "draining",
			     ctl_duration(ctl_integer(port, "removed_tcp_s"), buf));
}

static void describe_port(const json_t *port)
{
	const json_t *o;
	size_t i;

	(void)printf("Port %s %lld/%s %s (%s, %lld slots)\n", ctl_string(port, "name"),
		     ctl_integer(port, "port"), ctl_string(port, "protocol"),
		     ctl_string(port, "family"), ctl_string(port, "mode"),
		     ctl_integer(port, "slots"));
	describe_selection(port);
	json_array_foreach(json_object_get(port, "frontends"), i, o)
		(void)printf("  %-14s %s\n", ctl_string(o, "kind"), ctl_string(o, "address"));
	json_array_foreach(json_object_get(port, "endpoints"), i, o) {
		const json_t *hop = json_object_get(o, "next_hop");

		char weight[32] = "";

		if (json_object_get(o, "weight") != NULL)
			(void)snprintf(weight, sizeof(weight), "weight %lld, ",
				       ctl_integer(o, "weight"));
		(void)printf("  %-14s %s: %s%lld flows, %lld packets, %lld bytes, next hop %s %s\n",
			     ctl_string(o, "state"), ctl_string(o, "endpoint"), weight,
			     ctl_integer(o, "flows"), ctl_integer(o, "packets"),
			     ctl_integer(o, "bytes"), ctl_string(hop, "address"),
			     ctl_string(hop, "state"));
	}
	(void)printf("  rejected %lld, dropped %lld\n", ctl_integer(port, "rejected"),
		     ctl_integer(port, "dropped"));
}

static void describe_health(const json_t *check)
{
	const char *family;
	json_t *answer;

	if (check == NULL)
		return;
	(void)printf("Health check: port %lld", ctl_integer(check, "node_port"));
	json_object_foreach(json_object_get(check, "answers"), family, answer)
		(void)printf(", %s %lld (%lld endpoints)", family, ctl_integer(answer, "http"),
			     ctl_integer(answer, "endpoints"));
	(void)printf("\n");
}

static void describe_service(const json_t *o)
{
	char *cluster = ctl_join(json_object_get(o, "cluster_ips"));
	char *external = ctl_join(json_object_get(o, "external_ips"));
	const json_t *port;
	size_t i;

	(void)printf("Name:         %s\nNamespace:    %s\nType:         %s\n",
		     ctl_string(o, "name"), ctl_string(o, "namespace"), ctl_string(o, "type"));
	(void)printf("Cluster IPs:  %s\nExternal IPs: %s\n", cluster != NULL ? cluster : "<none>",
		     external != NULL ? external : "<none>");
	if (ctl_string(o, "lacks")[0] != '\0')
		(void)printf("Lacks:        %s\n", ctl_string(o, "lacks"));
	describe_health(json_object_get(o, "health_check"));
	(void)printf("From:         %s, line %lld, %lld slices\n", ctl_string(o, "file"),
		     ctl_integer(o, "line"), ctl_integer(o, "slices"));
	(void)printf("Flows:        %lld over %lld endpoints, %lld draining\n",
		     ctl_integer(o, "flows"), ctl_integer(o, "endpoints"),
		     ctl_integer(o, "draining"));
	json_array_foreach(json_object_get(o, "compiled"), i, port)
		describe_port(port);
	free(cluster);
	free(external);
}

int ctl_describe(const struct ctl *ctl)
{
	json_t *request = json_pack("{s:s}", "verb", "describe");
	const char *name = ctl->n_args == 2 ? ctl->args[1] : NULL;
	const char *slash = name != NULL ? strchr(name, '/') : NULL;
	json_t *answer;
	json_t *o;
	int ret = 0;

	if (ctl->n_args > 0 && strcmp(ctl->args[0], "service") != 0 &&
	    strcmp(ctl->args[0], "services") != 0 && strcmp(ctl->args[0], "svc") != 0) {
		json_decref(request);
		ctl_error("describe %s: only a service can be described: "
			  "describe service [NAMESPACE/]NAME",
			  ctl->args[0]);
		return 2;
	}
	if (name == NULL) {
		json_decref(request);
		ctl_error("describe service takes one name: describe service [NAMESPACE/]NAME");
		return 2;
	}
	if (!ctl_offline_usage(ctl, "describe")) {
		json_decref(request);
		return 2;
	}
	if (slash != NULL)
		(void)json_object_set_new(request, "namespace",
					  json_stringn(name, (size_t)(slash - name)));
	else
		(void)json_object_set_new(
			request, "namespace",
			json_string(ctl->namespace_ != NULL ? ctl->namespace_ : "default"));
	(void)json_object_set_new(request, "name", json_string(slash != NULL ? slash + 1 : name));
	answer = ctl_ask(ctl, request);
	if (answer == NULL)
		return 1;
	o = json_object_get(answer, "service");
	if (ctl->output == OUTPUT_JSON || ctl->output == OUTPUT_YAML)
		ret = ctl_print_value(ctl, o);
	else
		describe_service(o);
	json_decref(answer);
	return ret != 0 || ctl_offline_was_whole() ? ret : 1;
}
