/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "control/client.h"

/* The control object with nothing in it but what the server uses. */
struct fixture {
	struct fb_control control;
	struct fb_config config;
	char logged[256]; /* the last line */
	char dir[32];
	char path[64];
};

static void keep_line(void *arg, enum fb_config_log level, const char *line)
{
	struct fixture *f = arg;

	(void)snprintf(f->logged, sizeof(f->logged), "%s", line);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct fb_errs errs = FB_ERRS_INIT;

	(void)strcpy(f->dir, "/tmp/fb-server-XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	(void)snprintf(f->path, sizeof(f->path), "%s/run/sock", f->dir);
	f->control.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	f->control.p.version = "1.2.3";
	f->control.p.config = &f->config;
	f->control.p.log = keep_line;
	f->control.p.arg = f;
	f->config.log_level = FB_LOG_INFO;
	f->control.server = fb_server_open(&f->control, f->path, "", &errs);
	*state = f;
	return f->control.server != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char run[64];
	int ret;

	fb_server_close(f->control.server);
	(void)close(f->control.epoll_fd);
	ret = access(f->path, F_OK) == 0; /* the socket's file goes with it */
	(void)snprintf(run, sizeof(run), "%s/run", f->dir);
	(void)rmdir(run);
	(void)rmdir(f->dir);
	free(f);
	return ret;
}

/* Passes of the loop, until nothing is ready. */
static void serve(struct fixture *f)
{
	struct epoll_event events[16];
	int n;

	while ((n = epoll_wait(f->control.epoll_fd, events, 16, 0)) > 0) {
		for (int i = 0; i < n; i++) {
			struct fb_watch *watch = events[i].data.ptr;

			watch->ready(watch->arg, events[i].events);
		}
		fb_server_sweep(&f->control);
	}
}

static int connect_to(struct fixture *f)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	(void)strcpy(addr.sun_path, f->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	serve(f);
	return fd;
}

static void say(struct fixture *f, int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	serve(f);
}

/* What has come by now; "" nothing, "closed" the end. */
static const char *hear(int fd)
{
	static char text[4096];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	if (n == 0)
		return "closed";
	text[n > 0 ? n : 0] = '\0';
	return text;
}

#define VERSION  "{\"ok\":true,\"version\":\"1.2.3\"}\n"
#define TOO_MANY "{\"ok\":false,\"error\":\"too many clients\"}\n"

static void a_line_is_a_request_and_gets_a_line(void **state)
{
	struct fixture *f = *state;
	int fd = connect_to(f);

	say(f, fd, "{\"verb\":\"version\"}\n");
	assert_string_equal(hear(fd), VERSION);
	(void)close(fd);
}

static void a_request_may_come_in_pieces_and_many_at_once(void **state)
{
	struct fixture *f = *state;
	int fd = connect_to(f);

	say(f, fd, "{\"verb\":");
	assert_string_equal(hear(fd), "");
	say(f, fd, "\"version\"}\n{\"verb\":\"version\"}\n{\"ver");
	assert_string_equal(hear(fd), VERSION VERSION);
	(void)close(fd);
}

static void garbage_gets_a_sentence_and_the_connection_stays(void **state)
{
	static const char *const lines[] = {
		"garbage\n",
		"\n",
		"[]\n",
		"{}\n",
		"{\"verb\":1}\n",
		"{\"verb\":\"no\"}\n",
		"{\"verb\":\"get\"}\n",
		"{\"verb\":\"\xff\"}\n",
		"{\"verb\":\"a\",\"verb\":\"b\"}\n",
		"{\"verb\":\"describe\"}\n",
		"{\"verb\":\"explain\",\"queries\":[]}\n",
		"{\"verb\":\"get\",\"what\":\"flows\",\"limit\":-1}\n",
	};
	struct fixture *f = *state;
	int fd = connect_to(f);

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *answer;

		print_message("# %s", lines[i]);
		say(f, fd, lines[i]);
		answer = hear(fd);
		assert_memory_equal(answer, "{\"ok\":false,\"error\":\"", 21);
		assert_int_equal(answer[strlen(answer) - 1], '\n');
	}
	say(f, fd, "{\"verb\":\"version\"}\n");
	assert_string_equal(hear(fd), VERSION);
	(void)close(fd);
}

static void a_line_without_end_is_refused(void **state)
{
	struct fixture *f = *state;
	int fd = connect_to(f);
	char *chunk = malloc(65536);
	const char *answer = "";

	memset(chunk, ' ', 65536);
	for (size_t sent = 0; sent < 2 * (size_t)FB_SERVER_LINE_BYTES;) {
		ssize_t n = send(fd, chunk, 65536, MSG_NOSIGNAL);

		serve(f);
		if (n < 0)
			break;
		sent += (size_t)n;
		answer = hear(fd);
		if (answer[0] != '\0')
			break;
	}
	assert_non_null(strstr(answer, "too long"));
	free(chunk);
	(void)close(fd);
}

static void only_the_verbs_that_carry_manifests_may_be_long(void **state)
{
	static const char apply[] = "{\"verb\":\"apply\",\"documents\":[";
	static const char get[] = "{\"verb\":\"get\",\"what\":\"services\"";
	static const char late[] = "{\"documents\":[],\"verb\":\"apply\"";

	assert_true(fb_server_may_be_long(apply, strlen(apply)));
	assert_false(fb_server_may_be_long(apply, 10));
	assert_false(fb_server_may_be_long(get, strlen(get)));
	assert_false(fb_server_may_be_long(late, strlen(late)));
}

static void half_a_request_times_out_and_silence_does_not(void **state)
{
	struct fixture *f = *state;
	int half = connect_to(f);
	int silent = connect_to(f);

	say(f, half, "{\"verb\"");
	f->control.now_ms += FB_SERVER_HALF_TIMEOUT_MS;
	fb_server_tick(&f->control);
	assert_string_equal(hear(half), "");
	f->control.now_ms += 1;
	fb_server_tick(&f->control);
	fb_server_sweep(&f->control);
	assert_string_equal(hear(half), "closed");
	say(f, silent, "{\"verb\":\"version\"}\n");
	assert_string_equal(hear(silent), VERSION);
	(void)close(half);
	(void)close(silent);
}

static void who_is_idle_for_longest_gives_way_to_one_client_too_many(void **state)
{
	struct fixture *f = *state;
	int fds[FB_SERVER_MAX_CLIENTS];
	int more;

	for (int i = 0; i < FB_SERVER_MAX_CLIENTS; i++) {
		f->control.now_ms++;
		fds[i] = connect_to(f);
	}
	/* The second one is the idlest once the first has asked something. */
	f->control.now_ms++;
	say(f, fds[0], "{\"verb\":\"version\"}\n");
	assert_string_equal(hear(fds[0]), VERSION);
	more = connect_to(f);
	say(f, more, "{\"verb\":\"version\"}\n");
	assert_string_equal(hear(more), VERSION);
	assert_string_equal(hear(fds[1]), TOO_MANY);
	assert_string_equal(hear(fds[1]), "closed");
	say(f, fds[0], "{\"verb\":\"version\"}\n");
	assert_string_equal(hear(fds[0]), VERSION);
	for (int i = 0; i < FB_SERVER_MAX_CLIENTS; i++)
		(void)close(fds[i]);
	(void)close(more);
}

/* Who has asked something stays, however many come that only hold connections. */
static void a_thousand_connections_do_not_turn_out_who_has_asked(void **state)
{
	struct fixture *f = *state;
	int asker = connect_to(f);
	int *fds = calloc(1000, sizeof(*fds));
	uint32_t told = 0;
	int late;

	say(f, asker, "{\"verb\":\"version\"}\n");
	assert_string_equal(hear(asker), VERSION);
	for (int i = 0; i < 1000; i++) {
		f->control.now_ms++;
		fds[i] = connect_to(f);
	}
	say(f, asker, "{\"verb\":\"version\"}\n");
	assert_string_equal(hear(asker), VERSION);
	late = connect_to(f);
	say(f, late, "{\"verb\":\"version\"}\n");
	assert_string_equal(hear(late), VERSION);
	for (int i = 0; i < 1000; i++) {
		told += strcmp(hear(fds[i]), TOO_MANY) == 0;
		(void)close(fds[i]);
	}
	/* All but those that still have a place beside the two. */
	assert_int_equal(told, 1000 - (FB_SERVER_MAX_CLIENTS - 2));
	free(fds);
	(void)close(asker);
	(void)close(late);
}

/* One client's heap of requests is not worked off in one go, and none of it is lost. */
static void many_requests_at_once_leave_turns_to_others(void **state)
{
	enum { N = 2000 };
	struct fixture *f = *state;
	int other = connect_to(f);
	int greedy = connect_to(f);
	struct epoll_event events[16];
	uint32_t answers = 0;
	char *lines = malloc(N + 1);
	int n;

	memset(lines, '\n', N);
	lines[N] = '\0';
	assert_int_equal(send(greedy, lines, N, MSG_NOSIGNAL), N);
	assert_int_equal(send(other, "{\"verb\":\"version\"}\n", 19, MSG_NOSIGNAL), 19);
	n = epoll_wait(f->control.epoll_fd, events, 16, 0);
	for (int i = 0; i < n; i++) {
		struct fb_watch *watch = events[i].data.ptr;

		watch->ready(watch->arg, events[i].events);
	}
	fb_server_sweep(&f->control);
	assert_string_equal(hear(other), VERSION);
	for (int pass = 0; answers < N && pass < N; pass++) {
		uint32_t before = answers;

		for (const char *text = hear(greedy); text[0] != '\0'; text = hear(greedy)) {
			for (const char *c = text; *c != '\0'; c++)
				answers += *c == '\n';
		}
		assert_true(answers - before <= 4 * 64);
		serve(f);
		fb_server_sweep(&f->control);
	}
	assert_int_equal(answers, N);
	say(f, greedy, "{\"verb\":\"version\"}\n");
	assert_string_equal(hear(greedy), VERSION);
	free(lines);
	(void)close(greedy);
	(void)close(other);
}

/* The descriptors have run out: said once, not spun over, and over when there are some again. */
static void without_descriptors_it_waits_for_the_next_second(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct rlimit before;
	struct rlimit none;
	struct epoll_event event;

	(void)strcpy(addr.sun_path, f->path);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){.rlim_cur = (rlim_t)fd + 1, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	serve(f);
	assert_non_null(strstr(f->logged, "nobody can be let in"));
	assert_int_equal(epoll_wait(f->control.epoll_fd, &event, 1, 0), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	fb_server_tick(&f->control);
	serve(f);
	say(f, fd, "{\"verb\":\"version\"}\n");
	assert_string_equal(hear(fd), VERSION);
	(void)close(fd);
}

static void answers_together_have_a_bound(void **state)
{
	struct fixture *f = *state;
	struct fb_reply *replies[9];
	int fds[9];
	size_t piece = FB_SERVER_OUT_BYTES / 16;
	char *text = malloc(piece + 1);
	json_t *item;
	uint32_t refused = 0;

	memset(text, 'x', piece);
	text[piece] = '\0';
	item = json_pack("[s]", text);
	free(text);
	for (int i = 0; i < 9; i++) {
		fds[i] = connect_to(f);
		replies[i] = fb_reply_new(f->control.server->clients);
		fb_reply_add_item(replies[i], item);
	}
	/* Nobody reads; each takes twice its text, so that eight fill it up. */
	for (int i = 0; i < 9; i++) {
		fb_reply_send_items(replies[i]);
		serve(f);
	}
	for (int i = 0; i < 9; i++)
		refused += strstr(hear(fds[i]), "no room left for answers") != NULL;
	assert_true(refused >= 1 && refused <= 2);
	for (int i = 0; i < 9; i++)
		(void)close(fds[i]);
	serve(f);
	assert_int_equal(f->control.server->out_bytes, 0);
	json_decref(item);
}

static void a_group_that_is_not_there_is_refused(void **state)
{
	struct fixture *f = *state;
	struct fb_errs errs = FB_ERRS_INIT;
	char path[80];

	(void)snprintf(path, sizeof(path), "%s.2", f->path);
	assert_null(fb_server_open(&f->control, path, "no such group", &errs));
	assert_int_equal(errs.n_errors, 1);
	assert_non_null(strstr(errs.v[0].text, "no such group"));
	assert_int_equal(access(path, F_OK), -1);
	fb_errs_fini(&errs);
}

/* Which groups there are is the machine's; each has something to say. */
static void the_socket_is_the_groups(void **state)
{
	struct fixture *f = *state;
	const struct group *usual = getgrnam(FB_CONFIG_GROUP);
	gid_t usual_gid = usual != NULL ? usual->gr_gid : getgid();
	bool missing = usual == NULL;
	const struct group *other = getgrgid(geteuid() == 0 ? 1 : getgid());
	struct fb_errs errs = FB_ERRS_INIT;
	struct stat st;

	assert_non_null(other);
	fb_server_close(f->control.server);
	f->control.server = fb_server_open(&f->control, f->path, other->gr_name, &errs);
	assert_non_null(f->control.server);
	assert_int_equal(errs.n, 0);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(st.st_gid, other->gr_gid);
	fb_server_close(f->control.server);
	if (!missing && geteuid() != 0)
		skip();
	f->control.server = fb_server_open(&f->control, f->path, FB_CONFIG_GROUP, &errs);
	assert_non_null(f->control.server);
	assert_int_equal(errs.n_errors, 0);
	assert_int_equal(errs.n, missing);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(st.st_gid, usual_gid);
	fb_errs_fini(&errs);
}

static void a_socket_in_use_is_not_taken_over(void **state)
{
	struct fixture *f = *state;
	struct fb_errs errs = FB_ERRS_INIT;

	assert_null(fb_server_open(&f->control, f->path, "", &errs));
	assert_non_null(strstr(errs.v[0].text, "another forebay"));
	fb_errs_fini(&errs);
}

static void a_file_left_by_a_crash_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct fb_errs errs = FB_ERRS_INIT;
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	fb_server_close(f->control.server);
	(void)strcpy(addr.sun_path, f->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	(void)close(fd);
	f->control.server = fb_server_open(&f->control, f->path, "", &errs);
	assert_non_null(f->control.server);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
}

static void only_the_sockets_own_directory_is_made(void **state)
{
	struct fixture *f = *state;
	struct fb_errs errs = FB_ERRS_INIT;
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/a/b/sock", f->dir);
	assert_null(fb_server_open(&f->control, path, "", &errs));
	assert_int_equal(errs.n, 1);
	assert_string_equal(errs.v[0].file, path);
	assert_non_null(strstr(errs.v[0].text, "the directory above the socket's is missing"));
	(void)snprintf(path, sizeof(path), "%s/a", f->dir);
	assert_int_equal(access(path, F_OK), -1);
	fb_errs_fini(&errs);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_line_is_a_request_and_gets_a_line),
		T(a_request_may_come_in_pieces_and_many_at_once),
		T(garbage_gets_a_sentence_and_the_connection_stays),
		T(a_line_without_end_is_refused),
		T(only_the_verbs_that_carry_manifests_may_be_long),
		T(half_a_request_times_out_and_silence_does_not),
		T(who_is_idle_for_longest_gives_way_to_one_client_too_many),
		T(a_thousand_connections_do_not_turn_out_who_has_asked),
		T(many_requests_at_once_leave_turns_to_others),
		T(without_descriptors_it_waits_for_the_next_second),
		T(answers_together_have_a_bound),
		T(a_group_that_is_not_there_is_refused),
		T(the_socket_is_the_groups),
		T(a_socket_in_use_is_not_taken_over),
		T(a_file_left_by_a_crash_is_replaced),
		T(only_the_sockets_own_directory_is_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
