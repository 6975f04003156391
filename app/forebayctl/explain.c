/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "box/offline.h"
#include "config/config.h"
#include "control/explain.h"

/* Queries of one request; the daemon takes 1000. */
#define BATCH 1000

/* Where decisions come from: the daemon, or this process. */
struct oracle {
	const struct ctl *ctl;
	struct fb_offline *offline; /* NULL: ask the daemon */
	struct fb_explain_env env;
	struct fb_nat_ports nat_ports;
	const char *port_names[FB_CONFIG_MAX_PORTS];
	struct ctl_table *table; /* many queries as a table; NULL: otherwise */
	bool failed;
	bool lines; /* one JSON object a line */
	json_t *all; /* for YAML: everything, printed at the end */
};

/* ---- offline ---- */

/* Without a device nobody knows about RSS: the client's hash decides, as it does without it. */
static uint16_t offline_owner(void *arg, const struct fb_service *svc, uint16_t port,
			      const struct fb_tuple *client, const char **ret_rule)
{
	const struct oracle *oracle = arg;
	struct fb_addr src = fb_tuple_src(client);

	*ret_rule = "client hash";
	return fb_nat_client_owner(&oracle->nat_ports, &src, fb_tuple_sport(client));
}

static int offline_gateway(void *arg, uint16_t nh_idx, struct fb_addr *ret)
{
	const struct oracle *oracle = arg;

	return fb_neigh_describe(oracle->offline->neigh, nh_idx, ret);
}

/* Standard input is where the queries come from, if not from the arguments. */
static bool is_stdin_free(const struct ctl *ctl)
{
	for (size_t i = 0; i < ctl->n_files && ctl->n_args != 3; i++) {
		if (strcmp(ctl->files[i], "-") == 0) {
			ctl_error("explain -f -: standard input is where the queries come from");
			return false;
		}
	}
	return true;
}

static int set_offline(struct oracle *oracle, const struct fb_config *config, struct fb_offline *o)
{
	struct fb_hash_secret secret;
	int ret;

	fb_hash_secret_init(&secret, config->secret);
	ret = fb_nat_ports_init(&oracle->nat_ports, config->snat_port_first, config->snat_port_last,
				(uint16_t)config->n_workers, &secret);
	if (ret != 0)
		return ret;
	for (uint32_t i = 0; i < config->n_ports && i < FB_CONFIG_MAX_PORTS; i++)
		oracle->port_names[i] = config->ports[i].name;
	oracle->offline = o;
	oracle->env = (struct fb_explain_env){
		.snap = o->snapshot,
		.nat_ports = &oracle->nat_ports,
		.port_names = oracle->port_names,
		.n_ports = config->n_ports,
		.owner = offline_owner,
		/* A config with a lab section says what the kernel would; no other one does. */
		.hops_unknown = config->n_neighbours == 0 && config->n_routes == 0,
		.gateway = offline_gateway,
		.arg = oracle,
	};
	return 0;
}

static json_t *explain_offline(const struct oracle *oracle, const json_t *queries)
{
	json_t *items = json_array();
	const json_t *text;
	size_t i;

	json_array_foreach(queries, i, text) {
		struct fb_explain_query query;
		struct fb_explanation explanation;
		const char *why;

		if (fb_explain_parse(json_string_value(text), &query, &why) != 0) {
			(void)json_array_append_new(
				items, json_pack("{s:s,s:s}", "query", json_string_value(text),
						 "error", why));
			continue;
		}
		fb_explain(&oracle->env, &query, NULL, &explanation);
		(void)json_array_append_new(
			items, fb_explain_json(&oracle->env, &query, NULL, &explanation));
	}
	return items;
}

/* ---- printing ---- */

static void print_next_hop(const json_t *hop)
{
	static const char *const keys[] = {"port", "address", "mac"};

	if (hop == NULL)
		return;
	(void)fputs("next hop    ", stdout);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (ctl_string(hop, keys[i])[0] != '\0')
			(void)printf("%s ", ctl_string(hop, keys[i]));
	}
	(void)printf("(%s)\n", ctl_string(hop, "state"));
}

static void print_one(const json_t *o)
{
	const json_t *flow = json_object_get(o, "flow");
	const json_t *port = json_object_get(o, "service_port");
	char *candidates = ctl_join(json_object_get(o, "candidates"));

	(void)printf("query       %s\nverdict     %s\n", ctl_string(o, "query"),
		     ctl_string(o, "verdict"));
	if (ctl_string(o, "reason")[0] != '\0')
		(void)printf("reason      %s: %s\n", ctl_string(o, "reason"), ctl_string(o, "help"));
	if (json_is_true(json_object_get(o, "dns")))
		(void)printf("dns         %s\n",
			     strcmp(ctl_string(o, "verdict"), "answer") == 0
				     ? "answered by the worker; names of others by the kernel's side"
				     : "answered by forebay on the kernel's side");
	if (ctl_string(o, "service")[0] != '\0') {
		(void)printf("service     %s port ", ctl_string(o, "service"));
		if (json_is_string(port))
			(void)printf("%s", json_string_value(port));
		else
			(void)printf("%lld", (long long)json_integer_value(port));
		if (ctl_string(o, "frontend_ports")[0] != '\0')
			(void)printf(" ports %s", ctl_string(o, "frontend_ports"));
		/* A connection may outlive the address that it asked for. */
		(void)printf(" (%s, %s)\n",
			     ctl_string(o, "frontend")[0] != '\0' ? ctl_string(o, "frontend")
								  : "address no longer served",
			     ctl_string(o, "mode"));
	}
	if (ctl_string(o, "syn_proxy")[0] != '\0')
		(void)printf("SYN proxy   %s\n", ctl_string(o, "syn_proxy"));
	if (ctl_string(o, "endpoint")[0] != '\0')
		(void)printf("endpoint    %s\n", ctl_string(o, "endpoint"));
	if (candidates != NULL)
		(void)printf("candidates  %s\n", candidates);
	if (strcmp(ctl_string(o, "decided"), "at run time") == 0)
		(void)printf("selection   %s: the worker decides among the candidates at run time\n",
			     ctl_string(o, "selection"));
	else if (ctl_string(o, "decided")[0] != '\0')
		(void)printf("selection   %s: the endpoint that the client had last\n",
			     ctl_string(o, "decided"));
	if (json_object_get(o, "slot") != NULL)
		(void)printf("slot        %lld of %lld\n", ctl_integer(o, "slot"),
			     ctl_integer(o, "slots"));
	if (ctl_string(o, "snat")[0] != '\0')
		(void)printf("snat        %s\n", ctl_string(o, "snat"));
	if (json_object_get(o, "worker") != NULL)
		(void)printf("worker      %lld (%s)\n", ctl_integer(o, "worker"),
			     ctl_string(o, "worker_rule"));
	print_next_hop(json_object_get(o, "next_hop"));
	if (flow != NULL)
		(void)printf("flow        %s, packet from its %s, idle %.1f s, %lld packets\n",
			     ctl_string(flow, "state"), ctl_string(o, "packet_from"),
			     json_real_value(json_object_get(flow, "idle_s")),
			     ctl_integer(flow, "packets"));
	(void)printf("generation  %lld\n", ctl_integer(o, "generation"));
	free(candidates);
}

static void print_row(struct ctl_table *t, const json_t *o)
{
	ctl_table_printf(t, "%s", ctl_string(o, "query"));
	ctl_table_printf(t, "%s", ctl_string(o, "verdict"));
	ctl_table_printf(t, "%s", ctl_string(o, "reason"));
	ctl_table_printf(t, "%s", ctl_string(o, "service"));
	ctl_table_printf(t, "%s", ctl_string(o, "endpoint"));
	ctl_table_printf(t, "%s", ctl_string(o, "snat"));
	ctl_table_printf(t, "%lld", ctl_integer(o, "worker"));
}

static void take_item(struct oracle *oracle, json_t *o)
{
	if (json_object_get(o, "error") != NULL) {
		ctl_error("%s: %s", ctl_string(o, "query"), ctl_string(o, "error"));
		oracle->failed = true;
		if (!oracle->lines)
			return;
	}
	if (oracle->lines) {
		(void)json_dumpf(o, stdout, JSON_COMPACT);
		(void)putchar('\n');
	} else if (oracle->all != NULL) {
		(void)json_array_append(oracle->all, o);
	} else if (oracle->table != NULL) {
		print_row(oracle->table, o);
	} else if (oracle->ctl->output == OUTPUT_JSON || oracle->ctl->output == OUTPUT_YAML) {
		(void)ctl_print_value(oracle->ctl, o);
	} else {
		print_one(o);
	}
}

/* Takes queries over. @return false when there is nobody to answer */
static bool run_batch(struct oracle *oracle, json_t *queries)
{
	json_t *answer = NULL;
	json_t *items;
	json_t *o;
	size_t i;

	if (json_array_size(queries) == 0) {
		json_decref(queries);
		return true;
	}
	if (oracle->offline != NULL) {
		items = explain_offline(oracle, queries);
		json_decref(queries);
	} else {
		answer = ctl_request(oracle->ctl, json_pack("{s:s,s:o}", "verb", "explain",
							    "queries", queries));
		if (answer == NULL)
			return false;
		items = json_incref(json_object_get(answer, "items"));
	}
	json_array_foreach(items, i, o)
		take_item(oracle, o);
	json_decref(items);
	json_decref(answer);
	return true;
}

/* ---- what to ask ---- */

static int run_line(struct oracle *oracle)
{
	const struct ctl *ctl = oracle->ctl;
	json_t *query = json_sprintf("%s %s %s", ctl->args[0], ctl->args[1], ctl->args[2]);

	if (query == NULL) {
		ctl_error("the arguments are not UTF-8 text");
		return 2;
	}
	return run_batch(oracle, json_pack("[o]", query)) && !oracle->failed ? 0 : 1;
}

static int run_stdin(struct oracle *oracle)
{
	static const char *const heads[] = {"QUERY",	"VERDICT", "REASON", "SERVICE",
					    "ENDPOINT", "SNAT",	   "WORKER"};
	json_t *queries = json_array();
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	bool ok = true;

	oracle->lines = oracle->ctl->output == OUTPUT_JSON;
	if (oracle->ctl->output == OUTPUT_YAML)
		oracle->all = json_array();
	else if (!oracle->lines)
		oracle->table = ctl_table_create(heads, sizeof(heads) / sizeof(heads[0]));
	while (ok && (len = getline(&line, &cap, stdin)) >= 0) {
		json_t *text;

		line[strcspn(line, "\r\n")] = '\0';
		if (line[strspn(line, " \t")] == '\0')
			continue;
		text = json_string(line);
		(void)json_array_append_new(queries, text != NULL ? text
								  : json_string("not UTF-8 text"));
		if (json_array_size(queries) == BATCH) {
			ok = run_batch(oracle, queries);
			queries = json_array();
		}
	}
	if (ok)
		ok = run_batch(oracle, queries);
	else
		json_decref(queries);
	free(line);
	if (oracle->table != NULL) {
		ctl_table_print(oracle->table);
		ctl_table_free(oracle->table);
	}
	if (oracle->all != NULL)
		(void)ctl_print_value(oracle->ctl, oracle->all);
	json_decref(oracle->all);
	return ok && !oracle->failed ? 0 : 1;
}

static int run(struct oracle *oracle)
{
	return oracle->ctl->n_args == 3 ? run_line(oracle) : run_stdin(oracle);
}

static int run_offline(struct oracle *oracle)
{
	struct ctl_offline *offline = ctl_offline_open(oracle->ctl);
	int ret;

	if (offline == NULL)
		return 1;
	ret = set_offline(oracle, ctl_offline_config(offline), ctl_offline_state(offline));
	if (ret != 0)
		ctl_error("%s", strerror(-ret));
	ret = ret == 0 ? run(oracle) : 1;
	if (ret == 0 && !ctl_offline_is_whole(offline))
		ret = 1;
	ctl_offline_close(offline);
	return ret;
}

int ctl_explain(const struct ctl *ctl)
{
	struct oracle oracle = {.ctl = ctl};

	if (ctl->n_args != 3 && ctl->n_args != 0 &&
	    !(ctl->n_args == 1 && strcmp(ctl->args[0], "-") == 0)) {
		ctl_error("explain tcp|udp|sctp SRC:PORT DST:PORT, explain icmp SRC DST, or lines of these "
			  "on standard input");
		return 2;
	}
	if (!ctl_offline_usage(ctl, "explain"))
		return 2;
	if (!ctl->offline)
		return run(&oracle);
	if (!is_stdin_free(ctl))
		return 2;
	return run_offline(&oracle);
}
