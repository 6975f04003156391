/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "metrics/http.h"

/* A text of three pieces, and how many of them are being made. */
static int n_rendering;

static bool render(void *arg, void **state, struct fb_text *text)
{
	int *piece = *state;

	(void)arg;
	if (piece == NULL) {
		*state = calloc(1, sizeof(*piece));
		n_rendering++;
		fb_text_family(text, "up", "gauge", "help");
		return true;
	}
	fb_text_sample(text, NULL, 0, (uint64_t)++*piece);
	return *piece < 2;
}

static void end(void *arg, void *state)
{
	(void)arg;
	n_rendering -= state != NULL;
	free(state);
}

static const struct fb_http_source source = {render, end, NULL};

/* One request over a real socket; server and client take turns on this thread. */
static void ask(struct fb_http *http, const char *request, char *answer, size_t size)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(fb_http_port(http)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	size_t len = 0;

	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	for (int turns = 0; turns < 1000; turns++) {
		struct pollfd fds[2] = {
			{.fd = fb_http_fd(http), .events = POLLIN},
			{.fd = fd, .events = POLLIN},
		};
		ssize_t n;

		/* Nothing is waited for that nobody would tell of. */
		if (fb_http_timeout_ms(http) != 0)
			assert_true(poll(fds, 2, 2000) > 0);
		else
			(void)poll(fds, 2, 0);
		fb_http_process(http);
		if ((fds[1].revents & (POLLIN | POLLHUP)) == 0)
			continue;
		n = recv(fd, answer + len, size - 1 - len, 0);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	answer[len] = '\0';
	(void)close(fd);
}

static struct fb_http *open_http(void)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_http *http = fb_http_open("127.0.0.1:0", &source, &errs);

	assert_non_null(http);
	return http;
}

static void metrics_and_health_are_served_and_nothing_else(void **state)
{
	static const struct {
		const char *request;
		const char *status;
		const char *body;
	} rows[] = {
		{"GET /metrics", "HTTP/1.1 200 ", "\nup 1\nup 2\n"},
		{"GET /healthz", "HTTP/1.1 200 ", "\r\n\r\nok\n"},
		{"GET /", "HTTP/1.1 404 ", "not found"},
		{"GET /metrics/../etc", "HTTP/1.1 404 ", "not found"},
		{"DELETE /metrics", "HTTP/1.1 405 ", "only GET"},
	};
	struct fb_http *http = open_http();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char request[128];
		char answer[4096];

		(void)snprintf(request, sizeof(request),
			       "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
			       rows[i].request);
		ask(http, request, answer, sizeof(answer));
		assert_memory_equal(answer, rows[i].status, strlen(rows[i].status));
		assert_non_null(strstr(answer, rows[i].body));
		assert_int_equal(n_rendering, 0);
	}
	fb_http_close(http);
}

static int n_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n;
}

/* Connections that say nothing: sixteen at most are held, and whoever comes after them is served. */
static void a_silent_crowd_has_a_bound(void **state)
{
	enum { CROWD = 40, MOST = 16 };
	struct fb_http *http = open_http();
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(fb_http_port(http)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int before = n_descriptors();
	char answer[4096];
	int fds[CROWD];

	(void)state;
	for (int i = 0; i < CROWD; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&addr, sizeof(addr)), 0);
		fb_http_process(http);
	}
	for (int turns = 0; turns < 100; turns++)
		fb_http_process(http);
	assert_in_range(n_descriptors() - before, CROWD, CROWD + MOST);
	for (int i = 0; i < CROWD; i++)
		(void)close(fds[i]);
	ask(http, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", answer,
	    sizeof(answer));
	assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
	fb_http_close(http);
}

/* Who asks and goes away, or is still waiting when the daemon ends, leaves nothing behind. */
static void a_text_that_nobody_waits_for_is_ended(void **state)
{
	struct fb_http *http = open_http();
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(fb_http_port(http)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	static const char request[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

	(void)state;
	for (int gone = 0; gone < 2; gone++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
		assert_int_equal(send(fd, request, sizeof(request) - 1, 0), sizeof(request) - 1);
		for (int turns = 0; turns < 1000 && n_rendering == 0; turns++) {
			struct pollfd pfd = {.fd = fb_http_fd(http), .events = POLLIN};

			(void)poll(&pfd, 1, 10);
			fb_http_process(http);
		}
		assert_int_equal(n_rendering, 1);
		assert_int_equal(fb_http_timeout_ms(http), 0);
		(void)close(fd);
		for (int turns = 0; turns < 100 && gone == 0 && n_rendering > 0; turns++)
			fb_http_process(http);
		if (gone == 0)
			assert_int_equal(n_rendering, 0);
	}
	fb_http_close(http);
	assert_int_equal(n_rendering, 0);
}

static void an_address_that_cannot_be_read_or_bound_is_told(void **state)
{
	static const char *const listens[] = {
		"", "9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "[::1]",
		"localhost:1", "240.0.0.1:9464",
	};

	for (size_t i = 0; i < sizeof(listens) / sizeof(listens[0]); i++) {
		struct fb_errs errs = FB_ERRS_INIT;

		assert_null(fb_http_open(listens[i], &source, &errs));
		assert_int_equal(errs.n_errors, 1);
		fb_errs_fini(&errs);
	}
}

/* Two processes on one port would each answer some of the scrapes. */
static void a_port_in_use_is_told(void **state)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_http *http = open_http();
	char listen[32];

	(void)snprintf(listen, sizeof(listen), "127.0.0.1:%u", fb_http_port(http));
	assert_null(fb_http_open(listen, &source, &errs));
	assert_int_equal(errs.n_errors, 1);
	assert_non_null(strstr(errs.v[0].text, listen));
	fb_errs_fini(&errs);
	fb_http_close(http);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metrics_and_health_are_served_and_nothing_else),
		cmocka_unit_test(a_silent_crowd_has_a_bound),
		cmocka_unit_test(a_text_that_nobody_waits_for_is_ended),
		cmocka_unit_test(an_address_that_cannot_be_read_or_bound_is_told),
		cmocka_unit_test(a_port_in_use_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
