/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Memory that runs out at each point between a file and a published generation, and between a command and
 * its answer: what was in force stays until then, and a second later the state is what the inputs say.
 */

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "alloc_fail.h"
#include "control/applied.h"
#include "control/client.h"
#include "control/command.h"
#include "control/origin.h"
#include "control/reconcile.h"

/* Instead of a datapath: there are no workers here. */
uint32_t __wrap_fb_datapath_now_s(const struct fb_datapath *datapath);
void __wrap_fb_datapath_endpoint_counters(const struct fb_datapath *datapath, uint32_t ep_id,
					  struct fb_endpoint_counters *ret);

void __wrap_fb_datapath_endpoint_counters(const struct fb_datapath *datapath, uint32_t ep_id,
					  struct fb_endpoint_counters *ret)
{
	*ret = (struct fb_endpoint_counters){0};
}

uint32_t __wrap_fb_datapath_now_s(const struct fb_datapath *datapath)
{
	return 1000;
}

struct fixture {
	struct fb_control control;
	struct fb_neigh *neigh;
	char dir[32];
	char manifests[64];
	int fd; /* the client's end of the control socket */
};

static const char settings[] =
	"ports:\n"
	"- {name: lan, device: net_null0, addresses: [203.0.113.1/24, '2001:db8:c::1/64']}\n"
	"- {name: svc, device: net_null1, addresses: [10.1.0.1/24, 'fd00:1::1/64']}\n"
	"services:\n"
	"  max-services: 64\n"
	"  max-endpoints: 2048\n"
	"  cluster-cidrs: [10.96.0.0/24]\n"
	"  pools:\n"
	"  - {name: wide, addresses: [192.0.2.128/25]}\n"
	"dns: {enabled: true, addresses: [192.0.2.53]}\n";

/* A Service with an affinity and two families of endpoints, written to `to`. */
static void write_service(FILE *to, const char *name, const char *more, const char *endpoints)
{
	(void)fprintf(to,
		      "apiVersion: v1\n"
		      "kind: Service\n"
		      "metadata: {name: %s}\n"
		      "spec:\n"
		      "  type: LoadBalancer\n"
		      "  ports: [{port: 80, targetPort: 8080}]\n"
		      "  sessionAffinity: ClientIP\n"
		      "  loadBalancerSourceRanges: [203.0.113.0/24]\n"
		      "  %s\n"
		      "---\n"
		      "apiVersion: discovery.k8s.io/v1\n"
		      "kind: EndpointSlice\n"
		      "metadata: {name: %s-4, labels: {kubernetes.io/service-name: %s}}\n"
		      "addressType: IPv4\n"
		      "ports: [{port: 8080}]\n"
		      "endpoints: [%s]\n",
		      name, more, name, name, endpoints);
}

#define ONE "{addresses: [10.1.0.11]}"
#define TWO "{addresses: [10.1.0.11]}, {addresses: [10.1.0.12], conditions: {ready: true}}"

static void put(struct fixture *f, const char *file, const char *name, const char *more,
		const char *endpoints)
{
	char new[128];
	char path[128];
	FILE *to;

	(void)snprintf(new, sizeof(new), "%s/new", f->manifests);
	(void)snprintf(path, sizeof(path), "%s/%s.yaml", f->manifests, file);
	to = fopen(new, "we");
	assert_non_null(to);
	write_service(to, name, more, endpoints);
	assert_int_equal(fclose(to), 0);
	assert_int_equal(rename(new, path), 0);
}

static void discard_line(void *arg, enum fb_config_log level, const char *line)
{
}

static struct fb_config *read_config(const struct fixture *f)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_config *config = NULL;
	char text[2048];

	(void)snprintf(text, sizeof(text), "%smanifests: [{path: %s}]\nstate-dir: %s/state\n",
		       settings, f->manifests, f->dir);
	assert_int_equal(fb_config_parse("test", text, strlen(text), &config, &errs), 0);
	fb_errs_fini(&errs);
	return config;
}

/* What a start does, with the files that are there. */
static void open_control(struct fixture *f)
{
	struct fb_control *c = &f->control;
	struct fb_config *config = read_config(f);
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_table_router router;
	struct fb_hash_secret secret;
	char path[64];

	memset(c, 0, sizeof(*c));
	fb_hash_secret_init(&secret, "");
	f->neigh = fb_neigh_open(config, NULL, 0, false);
	assert_non_null(f->neigh);
	router = fb_neigh_router(f->neigh);
	c->p.config = config;
	c->p.version = "1.2.3";
	c->p.log = discard_line;
	c->p.table = fb_table_create(&secret, &router, config->max_endpoints, config->max_services);
	assert_non_null(c->p.table);
	c->p.rcu = fb_rcu_create(1, fb_control_release, c->p.table);
	assert_non_null(c->p.rcu);
	c->now_ms = 1000;
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(fb_reconcile_init(c), 0);
	(void)snprintf(path, sizeof(path), "%s/sock", f->dir);
	c->server = fb_server_open(c, path, "", &errs);
	assert_non_null(c->server);
	fb_origins_read(c);
	fb_applied_load(c);
	fb_reconcile_services(c, "the start", &errs);
	fb_errs_fini(&errs);
	c->running = true;
	assert_non_null(fb_control_snapshot(c));
}

static void close_control(struct fixture *f)
{
	struct fb_control *c = &f->control;
	struct fb_config *config = (struct fb_config *)(uintptr_t)c->p.config;

	free(c->announcements);
	fb_server_close(c->server);
	fb_reconcile_fini(c);
	fb_rcu_free(c->p.rcu);
	fb_table_free(c->p.table);
	fb_neigh_close(f->neigh);
	fb_config_free(config);
	(void)close(c->epoll_fd);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static void remove_all(struct fixture *f)
{
	assert_int_equal(nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* Hundreds of times, with files that are synced to disk: in memory, where there is such a place. */
static void make_dirs(struct fixture *f)
{
	bool fast = access("/dev/shm", W_OK) == 0;

	(void)strcpy(f->dir, fast ? "/dev/shm/fb-faults-XXXXXX" : "/tmp/fb-faults-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->manifests, sizeof(f->manifests), "%s/manifests", f->dir);
	assert_int_equal(mkdir(f->manifests, 0755), 0);
}

/* As the loop does, a second later: files that could not be read, then the tick. */
static void a_second_passes(struct fixture *f)
{
	struct fb_control *c = &f->control;

	c->now_ms += 1000;
	fb_sources_process(c->sources, c->now_ms);
	fb_origins_read(c);
	fb_reconcile_tick(c);
	fb_server_sweep(c);
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What is in force, as text: a line per service port, with addresses and endpoints. */
static void show(const struct fixture *f, char *ret, size_t size)
{
	const struct fb_snapshot *snap = fb_control_snapshot(&f->control);
	char *lines[64];
	uint32_t n = 0;

	for (uint32_t s = 0; s < snap->n_services; s++) {
		const struct fb_service *svc = snap->services[s];
		char text[FB_ADDR_STRLEN];
		char line[1024];
		int len;

		if (svc == NULL)
			continue;
		len = snprintf(line, sizeof(line), "%s/%s:", svc->namespace_, svc->name);
		for (uint32_t i = 0; i < svc->n_frontends; i++)
			len += snprintf(line + len, sizeof(line) - (size_t)len, " %s",
					fb_addr_format(&svc->frontends[i].addr, text));
		for (uint32_t i = 0; i < svc->n_active; i++)
			len += snprintf(line + len, sizeof(line) - (size_t)len, " > %s",
					fb_addr_format(&svc->endpoints[i].addr, text));
		lines[n++] = strdup(line);
	}
	qsort(lines, n, sizeof(lines[0]), compare_lines);
	ret[0] = '\0';
	for (uint32_t i = 0; i < n; i++) {
		size_t len = strlen(ret);

		(void)snprintf(ret + len, size - len, "%s\n", lines[i]);
		free(lines[i]);
	}
}

struct scenario {
	const char *what;
	void (*before)(struct fixture *f);
	void (*change)(struct fixture *f); /* the files; not under test */
	void (*act)(struct fixture *f);    /* under test */
};

static void files_before(struct fixture *f)
{
	put(f, "a", "stays", "externalTrafficPolicy: Local", TWO);
	put(f, "b", "changes", "sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}", ONE);
	put(f, "c", "goes", "ipFamilies: [IPv4]", ONE);
}

static void files_change(struct fixture *f)
{
	char path[128];

	put(f, "b", "changes", "sessionAffinityConfig: {clientIP: {timeoutSeconds: 90}}", TWO);
	put(f, "d", "comes", "ipFamilies: [IPv4]", TWO);
	(void)snprintf(path, sizeof(path), "%s/c.yaml", f->manifests);
	assert_int_equal(unlink(path), 0);
}

static void files_are_read(struct fixture *f)
{
	struct fb_control *c = &f->control;

	c->now_ms += 100;
	fb_sources_process(c->sources, c->now_ms);
	c->now_ms += 100;
	fb_origins_read(c);
}

/* A request that is answered at once; the answer is read and thrown away. */
static void ask(struct fixture *f, const char *verb, const char *name, const char *endpoints)
{
	struct fb_control *c = &f->control;
	char text[2048] = "";
	FILE *to = fmemopen(text, sizeof(text), "w");
	struct epoll_event events[4];
	struct fb_reply *reply;
	json_t *request;

	write_service(to, name, "ipFamilies: [IPv4]", endpoints);
	assert_int_equal(fclose(to), 0);
	request = json_pack("{s:s,s:[{s:s,s:s}]}", "verb", verb, "documents", "name", "stdin",
			    "text", text);
	reply = fb_reply_new(c->server->clients);
	if (reply == NULL) {
		json_decref(request);
		return;
	}
	if (strcmp(verb, "apply") == 0)
		fb_command_apply(c, request, reply);
	else
		fb_command_delete(c, request, reply);
	json_decref(request);
	(void)epoll_wait(c->epoll_fd, events, 4, 0);
}

static void apply(struct fixture *f)
{
	ask(f, "apply", "applied", TWO);
}

static void apply_another(struct fixture *f)
{
	ask(f, "apply", "applied", ONE);
}

static void delete_it(struct fixture *f)
{
	ask(f, "delete", "applied", ONE);
}

static void applied_before(struct fixture *f)
{
	files_before(f);
}

/* A file that defines what was applied takes it over. */
static void file_takes_over(struct fixture *f)
{
	put(f, "e", "applied", "ipFamilies: [IPv4]", TWO);
}

static int connect_client(struct fixture *f)
{
	struct fb_server *server = f->control.server;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/sock", f->dir);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	server->watch.ready(server->watch.arg, EPOLLIN);
	assert_non_null(server->clients);
	return fd;
}

static void begin(struct fixture *f, const struct scenario *s, bool with_applied)
{
	make_dirs(f);
	s->before(f);
	open_control(f);
	f->fd = connect_client(f);
	if (with_applied)
		apply(f);
	if (s->change != NULL)
		s->change(f);
}

static void end(struct fixture *f)
{
	(void)close(f->fd);
	close_control(f);
	remove_all(f);
}

/* "default/stays: ..." of a text of show(). */
static void line_of(const char *all, const char *start, char *ret, size_t size)
{
	const char *at = strstr(all, start);

	assert_non_null(at);
	(void)snprintf(ret, size, "%.*s", (int)strcspn(at, "\n"), at);
}

static void each_allocation_fails(const struct scenario *s, bool with_applied, bool may_refuse)
{
	struct fixture f = {0};
	char before[4096];
	char after[4096];
	char stays[1024];
	size_t live;
	unsigned int n;

	begin(&f, s, with_applied);
	show(&f, before, sizeof(before));
	line_of(before, "default/stays:", stays, sizeof(stays));
	s->act(&f);
	a_second_passes(&f);
	show(&f, after, sizeof(after));
	assert_string_not_equal(before, after);
	end(&f);
	live = alloc_fail_live();
	for (n = 1;; n++) {
		char now[4096];
		bool failed;

		begin(&f, s, with_applied);
		alloc_fail_at(n);
		s->act(&f);
		failed = alloc_fail_stop();
		show(&f, now, sizeof(now));
		if (strstr(now, stays) == NULL)
			fail_msg("%s, allocation %u: in force is\n%s", s->what, n, now);
		a_second_passes(&f);
		show(&f, now, sizeof(now));
		/* A command may say no; then nothing is changed. */
		if (strcmp(now, after) != 0 && !(may_refuse && strcmp(now, before) == 0))
			fail_msg("%s, allocation %u: a second later there is\n%sinstead of\n%s",
				 s->what, n, now, after);
		end(&f);
		if (alloc_fail_live() != live)
			fail_msg("%s, allocation %u: %zu pieces are left", s->what, n,
				 alloc_fail_live() - live);
		if (!failed)
			break;
	}
	print_message("# %s: %u allocations\n", s->what, n - 1);
	assert_true(n > 10);
}

static void files_that_change_are_in_force_a_second_later(void **state)
{
	each_allocation_fails(&(struct scenario){"files", files_before, files_change,
						 files_are_read},
			      false, false);
}

static void apply_is_in_force_or_refused(void **state)
{
	each_allocation_fails(&(struct scenario){"apply", applied_before, NULL, apply}, false,
			      true);
}

static void apply_over_what_was_applied_is_in_force_or_refused(void **state)
{
	each_allocation_fails(&(struct scenario){"apply again", applied_before, NULL,
						 apply_another},
			      true, true);
}

static void delete_is_in_force_or_refused(void **state)
{
	each_allocation_fails(&(struct scenario){"delete", applied_before, NULL, delete_it}, true,
			      true);
}

static void a_file_that_takes_over_what_was_applied_loses_nothing(void **state)
{
	struct scenario s = {"takes over", applied_before, file_takes_over, files_are_read};
	struct fixture f = {0};
	char stays[1024];
	char now[4096];
	unsigned int n;

	for (n = 1;; n++) {
		bool failed;

		begin(&f, &s, true);
		show(&f, now, sizeof(now));
		line_of(now, "default/applied:", stays, sizeof(stays));
		alloc_fail_at(n);
		s.act(&f);
		failed = alloc_fail_stop();
		show(&f, now, sizeof(now));
		if (strstr(now, stays) == NULL)
			fail_msg("allocation %u: in force is\n%sinstead of\n%s", n, now, stays);
		a_second_passes(&f);
		show(&f, now, sizeof(now));
		assert_non_null(strstr(now, stays));
		end(&f);
		if (!failed)
			break;
	}
}

/* So many endpoints that their names follow in a generation of their own; the last one is 10.2.LAST. */
static void put_many(struct fixture *f, const char *last)
{
	static char endpoints[65536];
	size_t len = 0;

	for (uint32_t i = 0; i < 1000; i++)
		len += (size_t)snprintf(endpoints + len, sizeof(endpoints) - len,
					"{addresses: [10.1.%u.%u]}, ", 1 + i / 200, 1 + i % 200);
	(void)snprintf(endpoints + len, sizeof(endpoints) - len, "{addresses: [10.2.%s]}", last);
	put(f, "many", "many", "ipFamilies: [IPv4]", endpoints);
}

static void many_before(struct fixture *f)
{
	files_before(f);
	put_many(f, "0.1");
}

static void many_change(struct fixture *f)
{
	put_many(f, "0.2");
}

/* Who is in force: the endpoint before or after, in the table and in DNS. */
static void assert_many(const struct fixture *f, bool new, bool named)
{
	const struct fb_snapshot *snap = fb_control_snapshot(&f->control);
	struct fb_addr addrs[2];

	assert_int_equal(fb_addr_parse("10.2.0.1", &addrs[0]), 0);
	assert_int_equal(fb_addr_parse("10.2.0.2", &addrs[1]), 0);
	for (uint32_t i = 0; i < 2; i++) {
		bool is_there = false;

		for (uint32_t s = 0; s < snap->n_services; s++)
			is_there |= fb_table_has_endpoint(snap->services[s], &addrs[i], htons(8080));
		assert_int_equal(is_there, new == (i == 1));
		assert_int_equal(fb_dns_find_owners(snap->dns, &addrs[i]) != NULL, named == (i == 1));
	}
}

/* @return whether the n-th allocation was there to fail */
static bool many_with_failure(unsigned int n)
{
	const struct scenario s = {"many", many_before, many_change, files_are_read};
	struct fixture f = {0};
	uint64_t generation;
	bool failed;

	begin(&f, &s, false);
	assert_many(&f, false, false);
	generation = fb_control_snapshot(&f.control)->generation;
	alloc_fail_at(n);
	s.act(&f);
	failed = alloc_fail_stop();
	if (!failed) {
		/* First the endpoints, and then, at once, their names. */
		assert_int_equal(fb_control_snapshot(&f.control)->generation, generation + 2);
		assert_many(&f, true, true);
	} else if (fb_control_snapshot(&f.control)->generation == generation + 1) {
		assert_many(&f, true, false);
	}
	a_second_passes(&f);
	assert_many(&f, true, true);
	end(&f);
	return failed;
}

static void names_of_many_endpoints_follow_them(void **state)
{
	unsigned int n = 1;

	while (many_with_failure(n))
		n++;
	print_message("# many: %u allocations\n", n - 1);
	assert_true(n > 10);
}

/* The directory of what was applied cannot be written: told, and mended by itself. */
static void what_could_not_be_kept_is_kept_when_it_can(void **state)
{
	struct scenario s = {"", applied_before, NULL, apply};
	struct fixture f = {0};
	char in_the_way[64];
	char file[128];
	char answer[1024];
	ssize_t len;
	int fd;

	begin(&f, &s, false);
	(void)snprintf(in_the_way, sizeof(in_the_way), "%s/state/applied", f.dir);
	(void)snprintf(file, sizeof(file), "%s/Service_default_applied.json", in_the_way);
	fd = open(in_the_way, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	(void)close(fd);
	apply(&f);
	len = recv(f.fd, answer, sizeof(answer) - 1, 0);
	assert_true(len > 0);
	answer[len] = '\0';
	assert_non_null(strstr(answer, "is in force, but does not outlive a restart"));
	a_second_passes(&f);
	assert_int_equal(access(file, F_OK), -1);
	assert_int_equal(unlink(in_the_way), 0);
	a_second_passes(&f);
	assert_int_equal(access(file, F_OK), 0);
	assert_int_equal(f.control.n_unkept, 0);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_that_change_are_in_force_a_second_later),
		cmocka_unit_test(apply_is_in_force_or_refused),
		cmocka_unit_test(apply_over_what_was_applied_is_in_force_or_refused),
		cmocka_unit_test(delete_is_in_force_or_refused),
		cmocka_unit_test(a_file_that_takes_over_what_was_applied_loses_nothing),
		cmocka_unit_test(names_of_many_endpoints_follow_them),
		cmocka_unit_test(what_could_not_be_kept_is_kept_when_it_can),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
