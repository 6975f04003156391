/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	if (ctl_integer(port, "new_flow_rate") > 0)
		(void)printf("  %-14s %lld new flows a second\n", "limit",
			     ctl_integer(port, "new_flow_rate"));
	if (json_object_get(port, "syn_proxy") != NULL)
		(void)printf("  %-14s %s, window scale %lld\n", "SYN proxy", ctl_string(port, "syn_proxy"),
			     ctl_integer(port, "syn_proxy_window_scale"));
	if (json_object_get(port, "tcp_mss") != NULL)
		(void)printf("  %-14s TCP MSS at most %s\n", "limit", ctl_string(port, "tcp_mss"));
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
