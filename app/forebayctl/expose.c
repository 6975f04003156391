/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * expose: the manifest of a Service for a Pod, for the Pods that a selector names, or for what another
 * Service has, as `kubectl expose --dry-run=client` prints it. Nothing is put in force.
 */

#include "ctl.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 63

/* A port to expose, and its protocols in the order in which they were found. */
struct port {
	long number;
	const char *protocols[3];
	size_t n_protocols;
};

struct expose {
	const struct ctl *ctl;
	const char *kind; /* "pods" or "services" */
	const char *name; /* of the object; NULL: those of the selector */
	json_t *objects;  /* as manifests have them */
	struct port *ports;
	size_t n_ports;
};

static bool parse_port(const char *text, const char *what, long *ret)
{
	char *end;

	errno = 0;
	*ret = strtol(text, &end, 10);
	if (errno == 0 && isdigit((unsigned char)text[0]) && *end == '\0' && *ret >= 1 &&
	    *ret <= 65535)
		return true;
	ctl_error("--%s %s: not a port (1 to 65535)", what, text);
	return false;
}

/* "a=b,c=d" as a mapping; labels may be without a value. NULL: it is not that. */
static json_t *parse_labels(const char *text, const char *what)
{
	json_t *labels = json_object();
	char *copy = strdup(text);
	char *rest = copy;
	char *pair;

	while ((pair = strsep(&rest, ",")) != NULL) {
		char *equals = strchr(pair, '=');

		if (equals == NULL || equals == pair || equals[1] == '=' ||
		    strpbrk(pair, " !()<>") != NULL) {
			ctl_error("--%s %s: labels are KEY=VALUE,...; a Service has no others", what,
				  text);
			json_decref(labels);
			labels = NULL;
			break;
		}
		*equals = '\0';
		(void)json_object_set_new(labels, pair, json_string(equals + 1));
	}
	free(copy);
	return labels;
}

/* ---- ports ---- */

static struct port *port_of(struct expose *e, long number)
{
	struct port *grown;

	for (size_t i = 0; i < e->n_ports; i++) {
		if (e->ports[i].number == number)
			return &e->ports[i];
	}
	grown = reallocarray(e->ports, e->n_ports + 1, sizeof(*grown));
	if (grown == NULL) {
		ctl_error("out of memory");
		exit(1);
	}
	e->ports = grown;
	e->ports[e->n_ports] = (struct port){.number = number};
	return &e->ports[e->n_ports++];
}

static void add_port(struct expose *e, const json_t *from, const char *key)
{
	struct port *port = port_of(e, (long)ctl_integer(from, key));
	const char *protocol = ctl_string(from, "protocol");

	for (size_t i = 0; i < port->n_protocols; i++) {
		if (strcmp(port->protocols[i], protocol) == 0)
			return;
	}
	if (port->n_protocols < 3)
		port->protocols[port->n_protocols++] = protocol;
}

static void find_ports(struct expose *e)
{
	const json_t *object;
	const json_t *container;
	const json_t *port;
	size_t i;
	size_t c;
	size_t p;

	json_array_foreach(e->objects, i, object) {
		const json_t *spec = json_object_get(object, "spec");

		json_array_foreach(json_object_get(spec, "ports"), p, port)
			add_port(e, port, "port");
		json_array_foreach(json_object_get(spec, "containers"), c, container) {
			json_array_foreach(json_object_get(container, "ports"), p, port)
				add_port(e, port, "containerPort");
		}
	}
}

/* Only the ports that were asked for, with the protocols that they have there. */
static bool choose_ports(struct expose *e)
{
	struct expose wanted = {.n_ports = 0};
	char *text;
	char *rest;
	char *one;
	long number;
	bool good = true;

	if (e->ctl->port == NULL)
		return true;
	text = strdup(e->ctl->port);
	rest = text;
	while (good && (one = strsep(&rest, ",")) != NULL) {
		good = parse_port(one, "port", &number);
		if (good)
			*port_of(&wanted, number) = *port_of(e, number);
	}
	free(text);
	free(e->ports);
	e->ports = wanted.ports;
	e->n_ports = wanted.n_ports;
	return good;
}

static json_t *target_port(const struct expose *e, long number)
{
	const char *text = e->ctl->target_port;
	char *end;

	if (text == NULL || text[0] == '\0')
		return json_integer(number);
	number = strtol(text, &end, 10);
	return *end == '\0' ? json_integer(number) : json_string(text);
}

static void append_port(const struct expose *e, size_t i, const char *protocol, bool many,
			json_t *list)
{
	const struct port *port = &e->ports[i];
	json_t *o = json_object();
	char name[40] = "";

	if (port->n_protocols > 1 && many)
		(void)snprintf(name, sizeof(name), "port-%zu-%s", i + 1, protocol);
	else if (e->n_ports > 1)
		(void)snprintf(name, sizeof(name), "port-%zu", i + 1);
	for (char *p = name; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	if (name[0] != '\0')
		(void)json_object_set_new(o, "name", json_string(name));
	(void)json_object_set_new(o, "port", json_integer(port->number));
	(void)json_object_set_new(o, "protocol", json_string(protocol));
	(void)json_object_set_new(o, "targetPort", target_port(e, port->number));
	(void)json_array_append_new(list, o);
}

static json_t *ports_json(const struct expose *e)
{
	json_t *list = json_array();

	for (size_t i = 0; i < e->n_ports; i++) {
		const struct port *port = &e->ports[i];

		if (e->ctl->protocol != NULL || port->n_protocols == 0) {
			append_port(e, i, e->ctl->protocol != NULL ? e->ctl->protocol : "TCP", false,
				    list);
			continue;
		}
		for (size_t p = 0; p < port->n_protocols; p++)
			append_port(e, i, port->protocols[p], true, list);
	}
	return list;
}

/* ---- the rest ---- */

static const char *service_name(const struct expose *e, char *buf)
{
	const char *name = e->ctl->name != NULL ? e->ctl->name : e->name;

	if (name == NULL)
		return NULL;
	(void)snprintf(buf, NAME_MAX_LEN + 1, "%s", name);
	return buf;
}

/* Of one object: what it has; of the Pods of a selector: the selector. */
static json_t *selector_json(const struct expose *e)
{
	const json_t *object = json_array_get(e->objects, 0);
	const json_t *found;

	if (e->ctl->selector != NULL)
		return parse_labels(e->ctl->selector, "selector");
	found = strcmp(e->kind, "pods") == 0
			? json_object_get(json_object_get(object, "metadata"), "labels")
			: json_object_get(json_object_get(object, "spec"), "selector");
	if (json_object_size(found) == 0) {
		ctl_error("expose %s: %s", e->name,
			  strcmp(e->kind, "pods") == 0 ? "the Pod has no labels to select it by"
						       : "the Service has no selector");
		return NULL;
	}
	return json_deep_copy(found);
}

static json_t *labels_json(const struct expose *e)
{
	const json_t *object = json_array_get(e->objects, 0);
	const json_t *found = json_object_get(json_object_get(object, "metadata"), "labels");

	if (e->ctl->labels != NULL)
		return parse_labels(e->ctl->labels, "labels");
	if (e->name == NULL)
		return parse_labels(e->ctl->selector, "selector");
	return found != NULL ? json_deep_copy(found) : json_object();
}

static bool set_one_of(json_t *spec, const char *key, const char *option, const char *text,
		       const char *const *names, size_t n)
{
	if (text == NULL)
		return true;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(names[i], text) == 0) {
			(void)json_object_set_new(spec, key, json_string(text));
			return true;
		}
	}
	ctl_error("--%s %s: not known; there are %s, %s%s%s", option, text, names[0], names[1],
		  n > 2 ? ", " : "", n > 2 ? names[2] : "");
	return false;
}

static bool set_spec(const struct expose *e, json_t *spec)
{
	static const char *const types[] = {"ClusterIP", "NodePort", "LoadBalancer"};
	static const char *const affinities[] = {"None", "ClientIP"};
	const struct ctl *ctl = e->ctl;

	if (ctl->external_ip != NULL)
		(void)json_object_set_new(spec, "externalIPs",
					  json_pack("[s]", ctl->external_ip));
	if (ctl->load_balancer_ip != NULL && ctl->type != NULL &&
	    strcmp(ctl->type, "LoadBalancer") == 0)
		(void)json_object_set_new(spec, "loadBalancerIP",
					  json_string(ctl->load_balancer_ip));
	if (ctl->cluster_ip != NULL)
		(void)json_object_set_new(spec, "clusterIP", json_string(ctl->cluster_ip));
	return set_one_of(spec, "type", "type", ctl->type, types, 3) &&
	       set_one_of(spec, "sessionAffinity", "session-affinity", ctl->session_affinity,
			  affinities, 2);
}

/* NULL: said why not. */
static json_t *manifest(const struct expose *e)
{
	json_t *selector = selector_json(e);
	json_t *labels = selector != NULL ? labels_json(e) : NULL;
	json_t *metadata = json_object();
	json_t *spec = json_object();
	char name[NAME_MAX_LEN + 1];

	if (labels == NULL || !set_spec(e, spec)) {
		json_decref(selector);
		json_decref(labels);
		json_decref(metadata);
		json_decref(spec);
		return NULL;
	}
	(void)json_object_set_new(metadata, "name", json_string(service_name(e, name)));
	if (json_object_size(labels) > 0)
		(void)json_object_set(metadata, "labels", labels);
	json_decref(labels);
	if (e->n_ports > 0)
		(void)json_object_set_new(spec, "ports", ports_json(e));
	(void)json_object_set_new(spec, "selector", selector);
	return json_pack("{s:s,s:s,s:o,s:o,s:{s:{}}}", "apiVersion", "v1", "kind", "Service",
			 "metadata", metadata, "spec", spec, "status", "loadBalancer");
}

static bool is_protocol(const char *text)
{
	if (text == NULL || strcmp(text, "TCP") == 0 || strcmp(text, "UDP") == 0 ||
	    strcmp(text, "SCTP") == 0)
		return true;
	ctl_error("--protocol %s: not TCP, UDP or SCTP", text);
	return false;
}

static bool find_objects(struct expose *e)
{
	const struct ctl *ctl = e->ctl;
	json_t *request = json_pack("{s:s,s:s,s:s,s:b}", "verb", "get", "what", e->kind, "namespace",
				    ctl->namespace_ != NULL ? ctl->namespace_ : "default", "object",
				    1);
	json_t *answer;
	const json_t *o;
	size_t i;

	if (e->name != NULL)
		(void)json_object_set_new(request, "name", json_string(e->name));
	else
		(void)json_object_set_new(request, "selector", json_string(ctl->selector));
	answer = ctl_ask(ctl, request);
	if (answer == NULL)
		return false;
	ctl_sort_by_name(json_object_get(answer, "items"));
	e->objects = json_array();
	json_array_foreach(json_object_get(answer, "items"), i, o)
		(void)json_array_append(e->objects, json_object_get(o, "object"));
	json_decref(answer);
	if (json_array_size(e->objects) > 0)
		return true;
	if (e->name != NULL)
		ctl_error("%s \"%s\" not found", e->kind, e->name);
	else
		ctl_error("no Pod has the labels %s", ctl->selector);
	return false;
}

/* A word of len characters. @return NULL: none that can be exposed */
static const char *kind_of(const char *word, size_t len)
{
	static const char *const pods[] = {"pod", "pods", "po"};
	static const char *const services[] = {"service", "services", "svc"};

	for (size_t i = 0; i < 3; i++) {
		if (strlen(pods[i]) == len && memcmp(word, pods[i], len) == 0)
			return "pods";
		if (strlen(services[i]) == len && memcmp(word, services[i], len) == 0)
			return "services";
	}
	return NULL;
}

/* "pod NAME" or "pod/NAME", "service NAME" or "service/NAME", "pods" with --selector. */
static bool parse_args(struct expose *e)
{
	const struct ctl *ctl = e->ctl;
	size_t len = ctl->n_args > 0 ? strcspn(ctl->args[0], "/") : 0;
	bool slash = ctl->n_args == 1 && ctl->args[0][len] == '/';

	if (slash)
		e->name = ctl->args[0] + len + 1;
	else if (ctl->n_args == 2)
		e->name = ctl->args[1];
	if (slash || (ctl->n_args > 0 && ctl->args[0][len] == '\0'))
		e->kind = kind_of(ctl->args[0], len);
	if (e->kind == NULL || ctl->n_args > 2 || (e->name != NULL && e->name[0] == '\0') ||
	    (e->name == NULL && (ctl->selector == NULL || strcmp(e->kind, "pods") != 0))) {
		ctl_error("expose pod NAME, expose pods --selector LABELS --name NAME, or expose "
			  "service NAME");
		return false;
	}
	if (e->name == NULL && ctl->name == NULL) {
		ctl_error("expose pods: --name is missing; there is no object to call the Service "
			  "after");
		return false;
	}
	return is_protocol(ctl->protocol) && ctl_offline_usage(ctl, "expose");
}

static int run(struct expose *e)
{
	struct ctl ctl = *e->ctl;
	json_t *service;
	int ret;

	if (!find_objects(e))
		return 1;
	find_ports(e);
	if (!choose_ports(e))
		return 2;
	if (e->n_ports == 0 && (ctl.cluster_ip == NULL || strcmp(ctl.cluster_ip, "None") != 0)) {
		ctl_error("no port is known of it; say which with --port");
		return 1;
	}
	service = manifest(e);
	if (service == NULL)
		return 1;
	if (ctl.output != OUTPUT_JSON)
		ctl.output = OUTPUT_YAML;
	ret = ctl_print_value(&ctl, service);
	json_decref(service);
	return ret != 0 || ctl_offline_was_whole() ? ret : 1;
}

int ctl_expose(const struct ctl *ctl)
{
	struct expose e = {.ctl = ctl};
	int ret;

	if (!parse_args(&e))
		return 2;
	ret = run(&e);
	json_decref(e.objects);
	free(e.ports);
	return ret;
}
