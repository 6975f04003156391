/* SPDX-License-Identifier: BSD-3-Clause */

#include "tables.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct what {
	const char *name;
	const char *aliases[4];
	void (*print)(const struct ctl *ctl, const json_t *items);
	const char *key; /* the field that NAME selects by here; NULL: the daemon does, or nothing */
	bool namespaced; /* "default" unless -n or -A says otherwise */
	bool objects;	 /* of the cluster: they have labels, and can be asked for without a daemon */
} whats[] = {
	{"services", {"service", "svc"}, ctl_print_services, NULL, true, true},
	{"endpoints", {"ep", "eps", "endpointslice", "endpointslices"}, ctl_print_endpoints, NULL, true,
	 true},
	{"pods", {"pod", "po"}, ctl_print_pods, NULL, true, true},
	{"nodes", {"node", "no"}, ctl_print_nodes, NULL, false, true},
	{"flows", {"flow"}, ctl_print_flows, NULL, false, false},
	{"workers", {"worker"}, ctl_print_workers, "worker", false, false},
	{"ports", {"port"}, ctl_print_ports, "name", false, false},
	{"drops", {"drop"}, ctl_print_drops, "reason", false, false},
	{"status", {NULL}, ctl_print_status, NULL, false, false},
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

	if (what->print == ctl_print_endpoints)
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
	return what->print == ctl_print_endpoints && ctl->output == OUTPUT_TABLE;
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
				  ctl_group_endpoints(json_object_get(services, "items"),
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
	else if (*ret_name != NULL && what->print == ctl_print_status)
		ctl_error("get status takes no name");
	else if (ctl->namespace_ != NULL && !what->namespaced && what->print != ctl_print_flows)
		ctl_error("get %s: -n is for services, endpoints, pods and flows", what->name);
	else if (ctl->limit != 0 && what->print != ctl_print_flows)
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
