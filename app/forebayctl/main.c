/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SOCKET "/run/forebay/control.sock"

static int run_help(const struct ctl *ctl);

static const struct ctl_verb verbs[] = {
	{"get", ctl_get,
	 "get WHAT [NAME]    WHAT: services, endpoints, pods, nodes, flows, workers, ports, drops, status\n"
	 "  -n NAMESPACE, -A       services, endpoints, pods: of one namespace (default), or of all\n"
	 "                         flows: of one namespace; without it of all\n"
	 "  -l SELECTOR            those with these labels: app=web,tier!=db,env in (a,b),!old\n"
	 "  --sort-by PATH         by a field of the object (.metadata.name) or of the row (.flows)\n"
	 "  -o wide|json|yaml      more columns, or everything; endpoints: each in a row\n"
	 "  -w, --watch            all of it again every second, an empty line between, until\n"
	 "                         interrupted or nothing of that name is left\n"
	 "  --limit N              flows: at most N (1000)\n"
	 "  --offline --config FILE -f MANIFESTS    objects without a daemon\n"
	 "\n"
	 "  forebayctl get services -A\n"
	 "  forebayctl get svc/hello -o yaml\n"
	 "  forebayctl get endpoints shop/cart\n"
	 "  forebayctl get pods -l 'app in (web, api)' --sort-by .status.podIP\n"
	 "  forebayctl get flows --limit 20 -o wide\n"
	 "  forebayctl get port lan -o wide\n"
	 "  forebayctl get drops -o wide --watch\n"},
	{"describe", ctl_describe,
	 "describe service [NAMESPACE/]NAME    a Service with its frontends, endpoints and counters\n"
	 "  -n NAMESPACE    instead of default, where the name has none\n"
	 "  --offline --config FILE -f MANIFESTS    without a daemon\n"
	 "\n"
	 "  forebayctl describe service default/hello\n"
	 "  forebayctl describe service -n shop cart -o yaml\n"},
	{"apply", ctl_apply,
	 "apply -f FILE|DIR|- [-f ...]    put objects in force, as one generation, and keep them\n"
	 "  What is refused is told with its place and the exit status is 1; the rest is applied.\n"
	 "  What a manifest file of the config defines can only be changed in that file.\n"
	 "\n"
	 "  forebayctl apply -f hello.yaml\n"
	 "  kubectl get svc,endpointslices -A -o yaml | forebayctl apply -f -\n"},
	{"delete", ctl_delete,
	 "delete -f FILE|DIR|-    take objects that were applied out of force\n"
	 "\n"
	 "  forebayctl delete -f hello.yaml\n"},
	{"diff", ctl_diff,
	 "diff -f FILE|DIR|-    what an apply would change, and how many flows it would touch\n"
	 "  Exit status 0: nothing, 1: something, 2: an error.\n"
	 "\n"
	 "  forebayctl diff -f hello.yaml\n"
	 "  forebayctl diff -f manifests/ -o json\n"},
	{"explain", ctl_explain,
	 "explain tcp|udp|sctp SRC:PORT DST:PORT | icmp SRC DST    what becomes of a packet, and why\n"
	 "  Without arguments, lines of the same form are read from standard input; -o json then\n"
	 "  answers with one object a line, in order.\n"
	 "  --offline --config FILE -f MANIFESTS    without a daemon; it draws the key of SNAT ports\n"
	 "                                          when it starts, so the port is an example then.\n"
	 "                                          Routes and neighbours are those of the config's\n"
	 "                                          lab section; without one, they are assumed\n"
	 "\n"
	 "  forebayctl explain tcp 198.51.100.7:40000 192.0.2.10:80\n"
	 "  forebayctl explain udp '[2001:db8::7]:5353' '[2001:db8::10]:53' -o json\n"
	 "  forebayctl explain -o json < tuples.txt\n"
	 "  forebayctl explain --offline --config forebay.yaml -f hello.yaml icmp 198.51.100.7 "
	 "192.0.2.10\n"},
	{"env", ctl_env,
	 "env [NAMESPACE] [--format env|docker|export]    what a pod started now is given for Services\n"
	 "  env: NAME=value lines; docker: arguments of docker run; export: lines for a shell\n"
	 "  --no-service-links    for a pod with enableServiceLinks: false\n"
	 "  --offline --config FILE -f MANIFESTS    without a daemon\n"
	 "\n"
	 "  forebayctl env shop\n"
	 "  docker run $(forebayctl env shop --format docker) debian env\n"
	 "  eval \"$(forebayctl env shop --format export)\"\n"},
	{"expose", ctl_expose,
	 "expose pod NAME | pods --selector LABELS --name NAME | service NAME    the manifest of a Service\n"
	 "  as kubectl expose would make it; nothing is put in force. Ports, labels and\n"
	 "  selector are those of the object where they are not given.\n"
	 "  -n NAMESPACE                         where the object is (default)\n"
	 "  --port N,..., --target-port N|NAME, --protocol TCP|UDP|SCTP\n"
	 "  --name NAME, --labels K=V,..., --selector K=V,...\n"
	 "  --type ClusterIP|NodePort|LoadBalancer, --cluster-ip IP|None, --external-ip IP\n"
	 "  --load-balancer-ip IP, --session-affinity None|ClientIP\n"
	 "  -o json                              instead of YAML\n"
	 "  --offline --config FILE -f MANIFESTS    without a daemon\n"
	 "\n"
	 "  forebayctl expose pod web-1 --port 80 --target-port http\n"
	 "  forebayctl expose pods --selector app=web --name web --type LoadBalancer >web.yaml\n"},
	{"drain", ctl_drain,
	 "drain [--deadline TIME]    no new flows; when the open ones have ended, forebay ends\n"
	 "  --deadline TIME    at the latest then (5m); what is open then is cut off\n"
	 "  --no-wait          do not wait for the end\n"
	 "  --cancel           take new flows again\n"
	 "  Packets that would begin a flow are dropped, so that the next try finds another\n"
	 "  box: withdraw the routes to this one first.\n"
	 "\n"
	 "  forebayctl drain --deadline 10m\n"
	 "  forebayctl drain --cancel\n"},
	{"version", ctl_version,
	 "version    of forebayctl and, if it answers, of the daemon\n"
	 "\n"
	 "  forebayctl version\n"
	 "  forebayctl version -o json\n"},
	{"help", run_help,
	 "help [VERB]    options and examples of a verb\n"
	 "\n"
	 "  forebayctl help get\n"},
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static const struct ctl_verb *find_verb(const char *name)
{
	for (size_t i = 0; i < N_VERBS; i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

static void print_help(FILE *f)
{
	(void)fputs("usage: forebayctl [--socket PATH] VERB ...\n\n", f);
	for (size_t i = 0; i < N_VERBS; i++) {
		(void)fputs("  ", f);
		(void)fwrite(verbs[i].help, 1, strcspn(verbs[i].help, "\n") + 1, f);
	}
	(void)fputs("\n"
		    "  --socket PATH    control socket (FOREBAY_SOCKET, " DEFAULT_SOCKET ")\n"
		    "  -V, --version    of forebayctl alone\n",
		    f);
}

static int help(const char *name)
{
	const struct ctl_verb *verb = name != NULL ? find_verb(name) : NULL;

	if (name == NULL) {
		print_help(stdout);
		return 0;
	}
	if (verb == NULL) {
		ctl_error("there is no verb '%s'; see forebayctl help", name);
		return 2;
	}
	(void)printf("usage: forebayctl %s", verb->help);
	return 0;
}

static int run_help(const struct ctl *ctl)
{
	return help(ctl->n_args > 0 ? ctl->args[0] : NULL);
}

int ctl_version(const struct ctl *ctl)
{
	json_t *both = json_pack("{s:s}", "client", FOREBAY_VERSION);
	json_t *answer = ctl_request(ctl, json_pack("{s:s}", "verb", "version"));
	int ret = answer != NULL ? 0 : 1;

	if (answer != NULL)
		(void)json_object_set(both, "server", json_object_get(answer, "version"));
	if (ctl->output == OUTPUT_JSON || ctl->output == OUTPUT_YAML) {
		(void)ctl_print_value(ctl, both);
	} else {
		(void)printf("forebayctl %s\n", FOREBAY_VERSION);
		if (answer != NULL)
			(void)printf("forebay    %s\n", ctl_string(answer, "version"));
	}
	json_decref(answer);
	json_decref(both);
	return ret;
}

static bool set_output(struct ctl *ctl, const char *text)
{
	static const char *const names[] = {"table", "wide", "json", "yaml"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], text) == 0) {
			ctl->output = (enum ctl_output)i;
			return true;
		}
	}
	ctl_error("-o %s: table, wide, json or yaml", text);
	return false;
}

static bool set_limit(struct ctl *ctl, const char *text)
{
	char *end;

	ctl->limit = strtol(text, &end, 10);
	if (*text != '\0' && *end == '\0' && ctl->limit > 0)
		return true;
	ctl_error("--limit %s: not a number above 0", text);
	return false;
}

enum { OPT_SOCKET = 256, OPT_LIMIT, OPT_OFFLINE, OPT_NO_LINKS, OPT_NO_WAIT, OPT_CANCEL, OPT_TEXT };

/* Options that are kept as they are given. */
static const struct text_option {
	const char *name;
	size_t offset;
} text_options[] = {
	{"sort-by", offsetof(struct ctl, sort_by)},
	{"format", offsetof(struct ctl, format)},
	{"config", offsetof(struct ctl, config)},
	{"port", offsetof(struct ctl, port)},
	{"target-port", offsetof(struct ctl, target_port)},
	{"protocol", offsetof(struct ctl, protocol)},
	{"name", offsetof(struct ctl, name)},
	{"type", offsetof(struct ctl, type)},
	{"labels", offsetof(struct ctl, labels)},
	{"external-ip", offsetof(struct ctl, external_ip)},
	{"load-balancer-ip", offsetof(struct ctl, load_balancer_ip)},
	{"cluster-ip", offsetof(struct ctl, cluster_ip)},
	{"session-affinity", offsetof(struct ctl, session_affinity)},
	{"deadline", offsetof(struct ctl, deadline)},
};

static void set_text(struct ctl *ctl, const struct text_option *option)
{
	const char *text = optarg;

	memcpy((char *)ctl + option->offset, &text, sizeof(text));
}

static bool take_option(struct ctl *ctl, int option, bool *help_wanted)
{
	switch (option) {
	case 'n':
		ctl->namespace_ = optarg;
		return true;
	case 'A':
		ctl->all_namespaces = true;
		return true;
	case 'o':
		return set_output(ctl, optarg);
	case 'w':
		ctl->watch = true;
		return true;
	case 'f':
		if (ctl->n_files == CTL_MAX_FILES) {
			ctl_error("more than %d times -f", CTL_MAX_FILES);
			return false;
		}
		ctl->files[ctl->n_files++] = optarg;
		return true;
	case 'h':
		*help_wanted = true;
		return true;
	case 'V':
		ctl->version = true;
		return true;
	case OPT_SOCKET:
		ctl->socket = optarg;
		return true;
	case OPT_LIMIT:
		return set_limit(ctl, optarg);
	case OPT_OFFLINE:
		ctl->offline = true;
		return true;
	case 'l':
		ctl->selector = optarg;
		return true;
	case OPT_NO_LINKS:
		ctl->no_links = true;
		return true;
	case OPT_NO_WAIT:
		ctl->no_wait = true;
		return true;
	case OPT_CANCEL:
		ctl->cancel = true;
		return true;
	default:
		if (option < OPT_TEXT)
			return false; /* getopt has said why */
		set_text(ctl, &text_options[option - OPT_TEXT]);
		return true;
	}
}

/* Output that could not be written is no success. */
static int finish(int status)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return status;
	ctl_error("standard output: %s", strerror(errno));
	return status != 0 ? status : 1;
}

int main(int argc, char **argv)
{
	static struct option options[64] = {
		{"namespace", required_argument, NULL, 'n'},
		{"all-namespaces", no_argument, NULL, 'A'},
		{"output", required_argument, NULL, 'o'},
		{"watch", no_argument, NULL, 'w'},
		{"filename", required_argument, NULL, 'f'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{"socket", required_argument, NULL, OPT_SOCKET},
		{"limit", required_argument, NULL, OPT_LIMIT},
		{"offline", no_argument, NULL, OPT_OFFLINE},
		{"selector", required_argument, NULL, 'l'},
		{"no-service-links", no_argument, NULL, OPT_NO_LINKS},
		{"no-wait", no_argument, NULL, OPT_NO_WAIT},
		{"cancel", no_argument, NULL, OPT_CANCEL},
		{0},
	};
	const char *from_env = getenv("FOREBAY_SOCKET");
	size_t n_options = 0;
	struct ctl ctl = {.socket = from_env != NULL ? from_env : DEFAULT_SOCKET};
	const struct ctl_verb *verb;
	bool help_wanted = false;
	int option;

	while (options[n_options].name != NULL)
		n_options++;
	for (size_t i = 0; i < sizeof(text_options) / sizeof(text_options[0]); i++)
		options[n_options++] = (struct option){text_options[i].name, required_argument, NULL,
						       OPT_TEXT + (int)i};
	while ((option = getopt_long(argc, argv, "n:Ao:wf:l:hV", options, NULL)) != -1) {
		if (!take_option(&ctl, option, &help_wanted))
			return 2;
	}
	if (ctl.version) {
		(void)printf("forebayctl %s\n", FOREBAY_VERSION);
		return finish(0);
	}
	if (optind == argc) {
		print_help(help_wanted ? stdout : stderr);
		return help_wanted ? 0 : 2;
	}
	if (help_wanted)
		return finish(help(argv[optind]));
	verb = find_verb(argv[optind]);
	if (verb == NULL) {
		ctl_error("there is no verb '%s'; see forebayctl help", argv[optind]);
		return 2;
	}
	ctl.args = argv + optind + 1;
	ctl.n_args = argc - optind - 1;
	return finish(verb->run(&ctl));
}
